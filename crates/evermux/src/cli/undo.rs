//! `evermux undo`: takes back what was done last.

use evermux_core::problem::Subject;
use evermux_core::restore::{self, Moved, Reopening, TakingBack, Undo, Undone};
use evermux_core::store::{Access, Store};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::consent::Consent;
use super::describe;
use super::restore::{debts_json, debts_text, ground, with_world};
use super::sources::Sources;
use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::logging;
use crate::output::{self, Outcome, outside};

/// Take back what was done last: a closing, or a restore
///
/// What was closed last (a pane, a window, a session) is reopened, with its text and in its place; again for what was closed
/// before. That goes for the last session of all, too, with which the tmux server ended: a server is started for it. If a restore is newer, it is taken back: what it replaced comes back, and the panes that it made are closed,
/// but for those that somebody has used since. The server is saved first. In a terminal you are asked before.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    consent: Consent,
}

/// Undoes what was done last; where no server runs any more, it is started again.
pub fn run(context: &Context, args: &Args) -> Result<Outcome, CliError> {
    let ground = ground(context)?;
    let store = Store::open(&context.place(), Access::Write)?;
    logging::to_file(&context.place());
    let sources = Sources::nothing();
    with_world(context, &store, &sources, |world| -> Result<Outcome, CliError> {
        let undo = restore::plan_undo(world, ground.running())?;
        let would = text(context, &undo, true);
        if args.consent.dry_run {
            return Ok(outcome(&undo, Undone::default(), would, true));
        }
        if !args.consent.yes && !output::agreed(&would) {
            return Ok(Outcome::new("Nothing was done\n", &json!({ "dry_run": true })));
        }
        let server = ground.started(context)?;
        let undone = restore::undo(world, &server, &undo)?;
        let text = text(context, &undo, false);
        tracing::info!(socket = %context.socket.display(), "{}", text.lines().next().unwrap_or_default());
        Ok(outcome(&undo, undone, text, false))
    })
}

fn outcome(undo: &Undo, undone: Undone, mut text: String, dry_run: bool) -> Outcome {
    let words = |subjects: &mut dyn Iterator<Item = &Subject>| -> Vec<String> {
        subjects.map(ToString::to_string).collect()
    };
    let owed = debts_json(&undone.debts);
    text.push_str(&debts_text(&undone.debts));
    let json = match undo {
        Undo::Closing(it) => json!({
            "dry_run": dry_run,
            "restore": null,
            "reopened": words(&mut it.subjects.iter()),
            "closed": [],
            "left": [],
            "moved": [],
            "brought_back": [],
            "owed": owed,
        }),
        Undo::Restore(it) => json!({
            "dry_run": dry_run,
            "restore": it.restore.id.to_string(),
            "reopened": [],
            "closed": words(&mut it.panes.iter().map(|(_, subject)| subject)),
            "left": words(&mut it.used.iter().map(|(_, subject)| subject)),
            "moved": it.moved.iter().map(moved_json).collect::<Vec<_>>(),
            "brought_back": it.sessions().map(output::json_text).collect::<Vec<_>>(),
            "owed": owed,
        }),
    };
    let exit = if undone.debts.is_empty() { Exit::Done } else { Exit::Problems };
    Outcome { exit, ..Outcome::new(text, &json) }.with_problems(undone.problems)
}

fn text(context: &Context, undo: &Undo, would: bool) -> String {
    match undo {
        Undo::Closing(reopening) => reopened(context, reopening, would),
        Undo::Restore(taking_back) => taken_back(taking_back, would),
    }
}

fn reopened(context: &Context, reopening: &Reopening, would: bool) -> String {
    let head = if would { "Would reopen" } else { "Reopened" };
    let what = match reopening.subjects.as_slice() {
        [one] => outside(one.to_string()),
        several => format!("{} things that went together", several.len()),
    };
    let panes: usize = reopening.closing.sessions.iter().map(|(_, panes)| panes.len()).sum();
    let (seen, noticed) = (reopening.closing.seen, reopening.closing.noticed);
    let zoned = |time: Timestamp| time.to_zoned(context.zone().clone());
    let today = zoned(seen).date() == zoned(context.now()).date();
    let at = |time| zoned(time).strftime(if today { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" }).to_string();
    let (seen, noticed) = (at(seen), at(noticed));
    let panes = describe::count(panes, "pane");
    let mut text = format!("{head} {what} ({panes}), closed between {seen} and {noticed}\n");
    if reopening.subjects.len() > 1 {
        for subject in &reopening.subjects {
            text.push_str(&format!("  reopened      {}\n", outside(subject.to_string())));
        }
    }
    text
}

fn taken_back(undo: &TakingBack, would: bool) -> String {
    let head = if would { "Would take back" } else { "Took back" };
    let panes = describe::count(undo.panes.len(), "pane");
    let mut text = format!("{head} restore {}: {panes} closed\n", restore::short(undo.restore.id));
    for (_, subject) in &undo.panes {
        text.push_str(&format!("  closed        {}\n", outside(subject.to_string())));
    }
    for (_, subject) in &undo.used {
        text.push_str(&format!("  left          {}: it was used since\n", outside(subject.to_string())));
    }
    for moved in &undo.moved {
        let (name, new) = (outside(&moved.name), outside(&moved.new));
        text.push_str(&format!("  renamed       session {name} to {new}: it holds what you used since\n"));
    }
    for session in undo.sessions() {
        text.push_str(&format!("  brought back  session {}\n", outside(session)));
    }
    text
}

fn moved_json(moved: &Moved) -> Value {
    json!({ "from": output::json_text(&moved.name), "to": output::json_text(&moved.new) })
}
