//! `evermux save`: everything a server holds, now.

use std::time::Instant;

use evermux_core::capture::{self, Pattern};
use evermux_core::history;
use evermux_core::model::Kind;
use evermux_core::save::{self, Request, SaveError};
use evermux_core::store::{Emergency, Listed, Store, StoreError, Wanted};
use evermux_core::tmux::Server;
use serde::Serialize;

use super::choosing::{restore_set, restore_set_beside};
use super::describe;
use super::json::EntryJson;
use super::watchdog::Watchdog;
use crate::context::Context;
use crate::error::CliError;
use crate::logging;
use crate::output::{Outcome, outside};
use crate::retention;

/// Save everything that a server holds, now
///
/// When it has ended with 0 or 3, what it saved survives a crash and a power cut. If nothing has changed since the
/// last snapshot, none is added.
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// A name to find the snapshot by
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// A note for yourself
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,

    /// Only this session (a pattern such as `web-*`); may be given more than once
    ///
    /// Such a snapshot is `partial`: it says nothing about other sessions, so none of them counts as closed.
    #[arg(long = "session", value_name = "SESSION")]
    sessions: Vec<String>,

    /// For timers, hooks and service managers: what is missing may be missing because the machine goes down
    ///
    /// A save that somebody asked for proves that the server was well, so a session that is not in it was closed. One by a
    /// timer may fall into the moment in which everything ends.
    #[arg(long)]
    automatic: bool,

    /// Without reading text; that of the last snapshot is kept for panes that are still there
    #[arg(long)]
    no_scrollback: bool,
}

#[derive(Serialize)]
struct SaveJson {
    #[serde(flatten)]
    entry: EntryJson,
    /// False: nothing had changed, or another evermux saved this state at the same moment.
    new: bool,
    milliseconds: u128,
}

/// Captures under the store's lock, and stores in one transaction.
pub fn run(context: &Context, args: &Args) -> Result<Outcome, CliError> {
    let begun = Instant::now();
    if let Some(name) = &args.name {
        history::check_name(name, context.now(), context.zone())?;
    }
    let _watchdog = Watchdog::new("the save", context.config.save.deadline, context.json);
    let server = Server::connect(&context.socket, context.uid, &context.binaries)?;
    tracing::debug!(socket = %context.socket.display(), client = %server.client().display(), "found the server");
    let (mut store, mut problems) = super::open_to_work(context)?;
    logging::to_file(&context.place());
    let request = Request {
        server: &context.server(),
        capture: &capture_options(context, args),
        kind: if args.automatic { Kind::Automatic } else { Kind::Manual },
        name: args.name.clone(),
        note: args.note.clone(),
        emergency: Emergency::Now,
        patience: context.config.save.deadline,
    };
    let save =
        |store: &Store| save::save(store, &server, &request, &|| context.now(), &mut || context.random());
    let mut saved = save(&store);
    if let Err(SaveError::Store(StoreError::Damaged { path, what })) = saved {
        (store, problems) = super::mend(context, path, &what)?;
        saved = save(&store);
    }
    let outcome = saved.map_err(|error| nothing_fits(args, error))?;
    // Who saves their everyday server wants it kept; a throw-away one has to be named: `evermux keeper watch`.
    if context.is_default_server() && !store.watched()?.contains(&context.server()) {
        store.watch_by_default(&context.server(), context.now())?;
    }
    let milliseconds = begun.elapsed().as_millis();
    let id = outcome.saved.id;
    let listed = store.list(&Wanted { id: Some(id), ..Wanted::default() })?.into_iter().next();
    let listed = listed.ok_or_else(|| CliError::failed(format!("snapshot {id} was removed at once")))?;
    let restore_point = context.json && is_restore_point(context, args, &store, &listed, &outcome)?;
    let text = sentence(&listed, args, &outcome, milliseconds);
    tracing::info!(socket = %context.socket.display(), "{}", text.trim_end());
    for problem in &outcome.problems {
        tracing::warn!("{problem}");
    }
    let json =
        SaveJson { entry: EntryJson::new(&listed, restore_point), new: outcome.saved.new, milliseconds };
    retention::after_save(context, &store);
    Ok(Outcome::new(text, &json).with_problems(problems).with_problems(outcome.problems))
}

/// Whether a restore without arguments uses the snapshot. What was captured tells which panes are alive; tmux is asked
/// again only if that was a part of the server, or none of it.
fn is_restore_point(
    context: &Context,
    args: &Args,
    store: &Store,
    listed: &Listed,
    outcome: &save::Outcome,
) -> Result<bool, CliError> {
    let set = match &outcome.live {
        Some(live) if args.sessions.is_empty() => {
            restore_set_beside(context, store, &listed.server, Some(&live.into()))?
        }
        _ => restore_set(context, store, &listed.server)?,
    };
    Ok(set.uses(listed.entry.id))
}

/// Sessions that were asked for and are not there are not "excluded".
fn nothing_fits(args: &Args, error: SaveError) -> CliError {
    match error {
        SaveError::Capture(capture::Error::NothingLeft) if !args.sessions.is_empty() => {
            CliError::nothing_there(format!("there is no session {}", args.sessions.join(", ")))
                .hint("Or it is excluded from saving: see [exclude] in the config file, and @evermux-policy.")
        }
        error => error.into(),
    }
}

/// What the settings and the command line ask of a capture.
fn capture_options(context: &Context, args: &Args) -> capture::Options {
    let patterns = |texts: &[String]| texts.iter().map(|text| Pattern::new(text.as_str())).collect();
    capture::Options {
        text: !args.no_scrollback,
        only_sessions: patterns(&args.sessions),
        ..super::capture_options(context)
    }
}

fn sentence(listed: &Listed, args: &Args, outcome: &save::Outcome, milliseconds: u128) -> String {
    let id = listed.entry.id;
    let size = describe::size(listed);
    let name = listed.name.as_deref().map(|name| format!(" {}", outside(name))).unwrap_or_default();
    match (outcome.saved.new, &outcome.live) {
        (true, _) => format!("Saved {id}{name}: {size} in {milliseconds} ms\n"),
        (false, Some(_)) if args.name.is_some() => {
            format!("Nothing has changed since {id}, now called{name}: {size}\n")
        }
        (false, Some(_)) => format!("Nothing has changed since {id}{name}: {size}\n"),
        (false, None) => format!("Saved {id}{name} by another evermux at the same moment: {size}\n"),
    }
}
