//! `evermux undo`: takes back the last restore.

use evermux_core::restore::{self, Undo};
use evermux_core::store::{Access, Store};
use evermux_core::tmux::Server;
use serde_json::json;

use super::describe;
use super::restore::with_world;
use super::sources::Sources;
use crate::context::Context;
use crate::error::CliError;
use crate::logging;
use crate::output::{Outcome, outside};

/// Take back the last restore
///
/// The server is saved first. Then what the restore replaced comes back, and the panes that it made are closed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only say what would be taken back
    #[arg(long)]
    dry_run: bool,
}

/// Takes back the last restore of the running server.
pub fn run(context: &Context, args: &Args) -> Result<Outcome, CliError> {
    let server = Server::connect(&context.socket, context.uid, &context.binaries)?;
    let store = Store::open(&context.place(), Access::Write)?;
    logging::to_file(&context.place());
    let sources = Sources::nothing();
    let (undo, problems) = with_world(context, &store, &sources, &|| {}, |world| {
        if args.dry_run {
            return Ok((restore::plan_undo(world, &server)?, Vec::new()));
        }
        restore::undo(world, &server)
    })?;
    let json = json!({
        "dry_run": args.dry_run,
        "restore": undo.restore.id.to_string(),
        "closed": undo.panes.iter().map(|(_, subject)| subject.to_string()).collect::<Vec<_>>(),
        "brought_back": undo.sessions().map(crate::output::json_text).collect::<Vec<_>>(),
    });
    let text = text(&undo, args.dry_run);
    tracing::info!(socket = %context.socket.display(), "{}", text.lines().next().unwrap_or_default());
    Ok(Outcome::new(text, &json).with_problems(problems))
}

fn text(undo: &Undo, dry_run: bool) -> String {
    let head = if dry_run { "Would take back" } else { "Took back" };
    let panes = describe::count(undo.panes.len(), "pane");
    let mut text = format!("{head} restore {}: {panes} closed\n", restore::short(undo.restore.id));
    for (_, subject) in &undo.panes {
        text.push_str(&format!("  closed        {}\n", outside(subject.to_string())));
    }
    for session in undo.sessions() {
        text.push_str(&format!("  brought back  session {}\n", outside(session)));
    }
    text
}
