//! `evermux diff`: what changed between two snapshots, or since one.

use std::collections::HashMap;

use evermux_core::capture::{Blocks, Captured, capture};
use evermux_core::diff::{Change, Class, compare_text};
use evermux_core::history::Which;
use evermux_core::model::{BlockId, BlockRef, Snapshot};
use evermux_core::problem::Problem;
use evermux_core::store::{Access, Store};
use evermux_core::tmux::Server;
use serde::Serialize;

use super::describe::count;
use super::{capture_options, which};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{FAINT, HEADING, Outcome, json_text, outside};

/// Show what changed between two snapshots, or between one and what is live
#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(value_name = "A", default_value = "latest", help = which::HELP)]
    before: Which,

    /// The later one; what is live if it is not given
    #[arg(value_name = "B")]
    after: Option<Which>,

    /// Also what is only kept as a fact, such as global options and attached terminals
    #[arg(long)]
    facts: bool,
}

#[derive(Serialize)]
struct DiffJson {
    before: i64,
    /// None: what is live.
    after: Option<i64>,
    changes: Vec<ChangeJson>,
}

#[derive(Serialize)]
struct ChangeJson {
    subject: String,
    field: &'static str,
    name: Option<String>,
    class: &'static str,
    before: Option<String>,
    after: Option<String>,
    owed: bool,
}

/// What is compared with A.
struct Other {
    id: Option<i64>,
    snapshot: Snapshot,
    problems: Vec<Problem>,
}

/// The server's blocks, those of a capture that is not saved included.
struct Reading<'s> {
    store: &'s Store,
    kept: HashMap<BlockId, Vec<u8>>,
}

impl Blocks for Reading<'_> {
    fn read(&mut self, id: BlockId) -> Option<Vec<u8>> {
        self.kept.get(&id).cloned().or_else(|| self.store.block(&id).ok())
    }

    fn write(&mut self, block: BlockRef, bytes: Vec<u8>) {
        self.kept.insert(block.id, bytes);
    }
}

/// Reads the snapshots, or captures the server without changing anything in it.
pub fn run(context: &Context, args: &Args) -> Result<Outcome, CliError> {
    let store = Store::open(&context.place(), Access::Read)?;
    let before = which::find(context, &store, &args.before)?.entry.id;
    let report = store.snapshot(before)?;
    let mut reading = Reading { store: &store, kept: HashMap::new() };
    let other = match &args.after {
        Some(which) => saved(context, &store, which)?,
        None => live(context, &mut reading)?,
    };
    let mut changes = compare_text(&report.value, &other.snapshot, &mut |id| reading.read(id));
    changes.retain(|change| args.facts || change.class != Class::Fact);
    let text = lines(before.0, other.id, &changes);
    let changes = changes.iter().map(json).collect();
    Ok(Outcome::new(text, &DiffJson { before: before.0, after: other.id, changes })
        .with_problems(report.problems)
        .with_problems(other.problems))
}

fn saved(context: &Context, store: &Store, which: &Which) -> Result<Other, CliError> {
    let id = which::find(context, store, which)?.entry.id;
    let report = store.snapshot(id)?;
    Ok(Other { id: Some(id.0), snapshot: report.value, problems: report.problems })
}

fn live(context: &Context, reading: &mut Reading<'_>) -> Result<Other, CliError> {
    let store = reading.store;
    let server = Server::connect(&context.socket, context.uid, &context.binaries)?;
    // Only text that is new is read, as in a save.
    let latest = store.latest(&context.server())?;
    let previous = latest.and_then(|id| store.snapshot(id).ok()).map(|report| report.value);
    let mut options = capture_options(context);
    options.mark = false;
    let Captured { live, problems, .. } =
        capture(&server, previous.as_ref(), &options, context.now(), &mut || context.random(), reading)?;
    Ok(Other { id: None, snapshot: live.snapshot, problems })
}

fn lines(before: i64, after: Option<i64>, changes: &[Change]) -> String {
    let after = after.map_or_else(|| "what is live".to_owned(), |id| format!("snapshot {id}"));
    if changes.is_empty() {
        return format!("Nothing differs between snapshot {before} and {after}.\n");
    }
    let mut text = format!("{HEADING}From snapshot {before} to {after}:{HEADING:#}\n");
    for change in changes {
        let style = if change.class == Class::Fact { FAINT } else { anstyle::Style::new() };
        text.push_str(&format!("{style}{}{style:#}\n", outside(change.to_string())));
    }
    text.push_str(&format!("{}\n", count(changes.len(), "change")));
    text
}

fn json(change: &Change) -> ChangeJson {
    ChangeJson {
        subject: change.subject.to_string(),
        field: change.field.as_str(),
        name: change.field.name().map(json_text),
        class: change.class.as_str(),
        before: change.before.clone(),
        after: change.after.clone(),
        owed: change.owed,
    }
}
