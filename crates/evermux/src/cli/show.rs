//! `evermux show`: what a snapshot holds.

use evermux_core::history::Which;
use evermux_core::store::{Access, Listed, Store};
use serde::Serialize;

use super::choosing::restore_set;
use super::json::{EntryJson, SnapshotJson};
use super::programs::PlannedJson;
use super::which;
use super::{describe, programs, when};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{HEADING, Outcome, outside};

/// Show what a snapshot holds
#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(value_name = "SNAPSHOT", default_value = "latest", help = which::HELP)]
    snapshot: Which,
}

#[derive(Serialize)]
struct ShowJson {
    #[serde(flatten)]
    entry: EntryJson,
    content: SnapshotJson,
    /// What a restore would do about its programs.
    programs: Vec<PlannedJson>,
}

/// Reads the snapshot from the store.
pub fn run(context: &Context, args: &Args) -> Result<Outcome, CliError> {
    let store = Store::open(&context.place(), Access::Read)?;
    let listed = which::find(context, &store, &args.snapshot)?;
    let restore_point = restore_set(context, &store, &listed.server)?.uses(listed.entry.id);
    let report = store.snapshot(listed.entry.id)?;
    let mut text = head(context, &listed, restore_point);
    let is_now = listed.entry.generation.boot == context.boot;
    let plan = programs::again(context, &store, report.value.clone(), is_now)?;
    text.push_str(&describe::outline(&report.value, &plan.programs()));
    let json = ShowJson {
        entry: EntryJson::new(&listed, restore_point),
        content: (&report.value).into(),
        programs: programs::json(&plan),
    };
    Ok(Outcome::new(text, &json).with_problems(report.problems))
}

fn head(context: &Context, listed: &Listed, restore_point: bool) -> String {
    let entry = &listed.entry;
    let id = entry.id;
    let mut text = format!("{HEADING}Snapshot {id}{HEADING:#}");
    if let Some(name) = &listed.name {
        text.push_str(&format!(" {}", outside(name)));
    }
    if listed.pinned {
        text.push_str(", pinned");
    }
    text.push_str(&format!(": {}\n", describe::size(listed)));
    let taken = when::shown(entry.taken_at, context.zone());
    let ago = when::since(entry.taken_at, context.now());
    text.push_str(&format!("  taken    {taken}, {ago}, {}\n", entry.kind));
    if entry.still_at > entry.taken_at {
        text.push_str(&format!("  still so {}\n", when::shown(entry.still_at, context.zone())));
    }
    let generation = &entry.generation;
    text.push_str(&format!("  server   {}, process {}\n", outside(&listed.server.socket), generation.pid));
    if let Some(note) = &listed.note {
        text.push_str(&format!("  note     {}\n", outside(note)));
    }
    if listed.thinned {
        text.push_str("  its text was removed to keep within the limit\n");
    }
    if restore_point {
        text.push_str("  a restore without arguments uses it\n");
    }
    text
}
