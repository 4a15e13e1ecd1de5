//! `evermux forget`: what was saved is gone, or stays away.

use bstr::{BStr, ByteSlice};
use evermux_core::history::{self, Which};
use serde_json::json;

use super::describe::count;
use super::{LOCK_PATIENCE, choosing, which};
use crate::context::Context;
use crate::error::CliError;
use crate::logging;
use crate::output::{Outcome, json_text, outside};

/// Remove snapshots for good, or let go of a session that a restore would bring back
///
/// What no other snapshot holds is overwritten in the database and gone from its log and from the emergency files. What
/// had been closed does not come back by that. A pinned snapshot has to be unpinned first.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(value_name = "SNAPSHOT", required_unless_present = "owed", help = which::HELP)]
    snapshots: Vec<Which>,

    /// Let go of a session of this name that would come back and is not there; snapshots stay
    #[arg(long, value_name = "SESSION", conflicts_with = "snapshots")]
    owed: Option<String>,
}

/// Finds all snapshots first: if one is not there, none is removed.
pub fn run(context: &Context, args: &Args) -> Result<Outcome, CliError> {
    match &args.owed {
        Some(session) => dismiss(context, session),
        None => remove(context, &args.snapshots),
    }
}

fn remove(context: &Context, snapshots: &[Which]) -> Result<Outcome, CliError> {
    let store = super::open_to_change(context)?;
    logging::to_file(&context.place());
    let ids = snapshots
        .iter()
        .map(|which| Ok(which::find(context, &store, which)?.entry.id))
        .collect::<Result<Vec<_>, CliError>>()?;
    let live: Vec<_> = choosing::glance(context).map(|live| (context.server(), live)).into_iter().collect();
    let options = choosing::options(context);
    let report = history::forget(&store, &ids, &live, context.now(), &options, LOCK_PATIENCE)?;
    let removed: Vec<i64> = report.value.snapshots.iter().map(|id| id.0).collect();
    let text = format!("Removed {}.\n", count(removed.len(), "snapshot"));
    tracing::info!(?removed, "{}", text.trim_end());
    Ok(Outcome::new(text, &json!({ "removed": removed })).with_problems(report.problems))
}

fn dismiss(context: &Context, session: &str) -> Result<Outcome, CliError> {
    let store = super::open_to_change(context)?;
    let server = context.server();
    let saving = store.saving(&server, LOCK_PATIENCE)?;
    let set = choosing::restore_set(context, &store, &server)?;
    let name: &BStr = session.as_bytes().as_bstr();
    let panes = history::dismiss(&saving, &set, name, context.now())?;
    if panes == 0 {
        return Err(CliError::nothing_there(format!("no session {session} would come back"))
            .hint("evermux list --why tells which would."));
    }
    let text = format!("Session {} stays away ({}).\n", outside(session), count(panes, "pane"));
    Ok(Outcome::new(text, &json!({ "session": json_text(session), "panes": panes })))
}
