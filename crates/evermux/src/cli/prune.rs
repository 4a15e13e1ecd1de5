//! `evermux prune`: old snapshots go, and what is too much.

use std::collections::HashMap;

use evermux_core::choose::Entry;
use evermux_core::history::{self, PrunePlan, Pruned};
use evermux_core::model::SnapshotId;
use evermux_core::problem::{Problem, Subject};
use evermux_core::store::{Access, Listed, PruneStep, Store, Wanted, write_over};
use serde_json::json;

use super::describe::{bytes, count};
use super::{LOCK_PATIENCE, when};
use crate::context::Context;
use crate::error::CliError;
use crate::logging;
use crate::output::{Cell, FAINT, Outcome, Table};
use crate::retention;

/// Remove old snapshots that nothing needs, and what is above the limit
///
/// What stays: every state of the last hour, one a minute for a day, one an hour for a week, one a day for a month, one a
/// week for a year; and for ever: pinned and named snapshots, the last state of every session, everything that a restore
/// would bring back and that undo may need. If that is more than the `limit` for `keep` in the config file, the oldest text goes first.
/// The keeper does this by itself.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only say what would go, and what that would free
    #[arg(long)]
    dry_run: bool,
}

/// Plans, and carries it out unless it is a dry run.
pub fn run(context: &Context, args: &Args) -> Result<Outcome, CliError> {
    let policy = retention::policy(context, LOCK_PATIENCE, true);
    if args.dry_run {
        let store = Store::open(&context.place(), Access::Read)?;
        let plan = history::plan_prune(&store, &policy, true, context.now())?;
        let listed = store.list(&Wanted::default())?;
        return Ok(planned(context, &plan, &listed));
    }
    let store = super::open_to_change(context)?;
    logging::to_file(&context.place());
    let pruned = history::prune(&store, &policy, context.now(), &mut || true)?;
    write_over(&context.place(), pruned.over.as_ref())?;
    let used = store.size()?.used;
    let text = format!(
        "Removed {}{}; {} are free again, {} in use.\n",
        count(pruned.removed.len(), "snapshot"),
        thinned(pruned.thinned.len()),
        bytes(pruned.freed),
        bytes(used)
    );
    tracing::info!(removed = pruned.removed.len(), thinned = pruned.thinned.len(), "{}", text.trim_end());
    let json = json!({
        "dry_run": false,
        "removed": numbers(&pruned.removed),
        "text_removed": numbers(&pruned.thinned),
        "freed": pruned.freed,
        "used": used,
        "limit": policy.limit,
        "complete": pruned.complete,
    });
    Ok(Outcome::new(text, &json).with_problems(problems(context, &pruned)))
}

fn numbers(ids: &[SnapshotId]) -> Vec<i64> {
    ids.iter().map(|id| id.0).collect()
}

fn thinned(number: usize) -> String {
    match number {
        0 => String::new(),
        number => format!(" and the text of {}", count(number, "snapshot")),
    }
}

fn problems(context: &Context, pruned: &Pruned) -> Vec<Problem> {
    let subject = || Subject::Path(context.place().folder());
    let busy = (!pruned.complete).then(|| {
        Problem::new(subject(), "others were at work: not everything was done; the next prune goes on")
    });
    let over = pruned.over.map(|over| Problem::new(subject(), retention::too_much(&over)));
    busy.into_iter().chain(over).collect()
}

fn planned(context: &Context, plan: &PrunePlan, listed: &[Listed]) -> Outcome {
    let entries: HashMap<SnapshotId, &Entry> = listed.iter().map(|it| (it.entry.id, &it.entry)).collect();
    let room = plan.room.clone().unwrap_or_default();
    let steps: Vec<PruneStep> = plan.servers.iter().flat_map(|server| server.steps.clone()).collect();
    let mut table = Table::new(&["id", "taken", "kind", "what", "why"]);
    let (mut removed, mut less) = (Vec::new(), Vec::new());
    for step in &steps {
        let (id, what, why) = match step {
            PruneStep::Remove(id) if room.removed.contains(id) => (*id, "all of it", "limit"),
            PruneStep::Remove(id) => (*id, "all of it", "time"),
            PruneStep::Thin(id) => (*id, "its text", "limit"),
        };
        let list = if step.removed().is_some() { &mut removed } else { &mut less };
        list.push(id);
        let taken = entries.get(&id).map(|entry| when::shown(entry.taken_at, context.zone()));
        let kind = entries.get(&id).map_or("", |entry| entry.kind.as_str());
        table.row(vec![
            Cell::number(id),
            Cell::text(taken.unwrap_or_default()),
            Cell::text(kind).style(FAINT),
            Cell::text(what),
            Cell::text(why),
        ]);
    }
    let for_ever: usize = plan.servers.iter().map(|server| server.plan.for_ever.len()).sum();
    let mut text = if steps.is_empty() { String::new() } else { table.to_string() };
    text.push_str(&format!(
        "Would remove {}{}; about {} of {} would be free. {} would stay, {} of them for ever.\n",
        count(removed.len(), "snapshot"),
        thinned(less.len()),
        bytes(room.freed),
        bytes(plan.size.used),
        listed.len() - removed.len(),
        for_ever,
    ));
    let json = json!({
        "dry_run": true,
        "removed": numbers(&removed),
        "text_removed": numbers(&less),
        "freed": room.freed,
        "used": plan.size.used,
        "limit": context.config.keep.limit,
        "stay": listed.len() - removed.len(),
        "for_ever": for_ever,
    });
    Outcome::new(text, &json)
}
