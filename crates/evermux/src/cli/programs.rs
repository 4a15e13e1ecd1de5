//! What a restore does about the programs of panes: for `restore --dry-run`, `show` and `doctor`.

use evermux_core::capture::{self, NoBlocks, capture};
use evermux_core::model::Snapshot;
use evermux_core::plan::{Plan, PlannedProgram};
use evermux_core::relaunch::resurrect::Resurrect;
use evermux_core::restore::{self, Manner};
use evermux_core::store::Store;
use evermux_core::tmux::Server;
use serde::Serialize;

use super::restore::{manner, with_world};
use super::sources::Sources;
use crate::context::Context;
use crate::error::CliError;
use crate::output::json_text;

/// A program of a pane, and what is done about it.
#[derive(Debug, Serialize)]
pub struct PlannedJson {
    pane: String,
    /// `start`, `type` or `owe`.
    action: &'static str,
    argv: Vec<String>,
    line: Option<String>,
    directory: Option<String>,
    variables: Vec<String>,
    dropped: Vec<String>,
    why: String,
    conversation: Option<HeldJson>,
    /// It starts without what was in it.
    empty: bool,
}

/// The conversation that it goes on with, and how that is known.
#[derive(Debug, Serialize)]
struct HeldJson {
    id: Option<String>,
    confidence: &'static str,
    evidence: String,
}

/// The programs of a plan, for programs.
pub fn json(plan: &Plan) -> Vec<PlannedJson> {
    plan.programs().iter().map(PlannedJson::from).collect()
}

impl From<&PlannedProgram<'_>> for PlannedJson {
    fn from(program: &PlannedProgram<'_>) -> Self {
        let held = program.conversation.map(|conversation| HeldJson {
            id: conversation.id.clone(),
            confidence: conversation.found.confidence.as_str(),
            evidence: conversation.found.evidence.clone(),
        });
        Self {
            pane: program.pane.to_string(),
            action: program.action,
            argv: program.argv.iter().map(json_text).collect(),
            line: program.line.map(json_text),
            directory: program.directory.map(json_text),
            variables: program.variables.iter().copied().map(json_text).collect(),
            dropped: program.dropped.iter().copied().map(json_text).collect(),
            why: program.why.clone(),
            conversation: held,
            empty: program.empty,
        }
    }
}

/// What a restore of all of a snapshot of this machine would do where nothing of it lives. `now`: it is of this boot, so that its
/// processes may still be there, and will have ended by then.
///
/// # Errors
/// If evermux itself cannot be found.
pub fn again(context: &Context, store: &Store, snapshot: Snapshot, now: bool) -> Result<Plan, CliError> {
    let panes = snapshot.windows().iter().flat_map(|window| &window.panes);
    let processes = panes.flat_map(|pane| pane.facts.processes.iter().map(|process| process.pid));
    let ended = if now { processes.collect() } else { Vec::new() };
    let sources = Sources::of(snapshot);
    let manner = Manner { ended, ..manner(context, &sources) };
    with_world(context, store, &sources, |world| restore::plan(world, None, &sources.chosen, &manner))
}

/// The running server as it is, without text; nothing is changed in it. None if it does not answer.
pub fn look(context: &Context) -> Option<Snapshot> {
    let server = Server::connect(&context.socket, context.uid, &context.binaries).ok()?;
    let options =
        capture::Options { text: false, mark: false, buffers: false, ..super::capture_options(context) };
    let captured =
        capture(&server, None, &options, context.now(), &mut || context.random(), &mut NoBlocks).ok()?;
    Some(captured.live.snapshot)
}

/// What the options of tmux-resurrect say in a server, as it is in this snapshot; none if they say nothing.
pub fn resurrect(snapshot: &Snapshot) -> Option<Resurrect> {
    Resurrect::of(&snapshot.server().session_options)
}
