//! The process that holds restored panes whose shells start later: see [`evermux_core::restore::Later`].

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bstr::ByteSlice;
use evermux_core::capture;
use evermux_core::model::{Generation, Kind, PaneIdentity};
use evermux_core::procs::executable;
use evermux_core::restore::{Later, Starter};
use evermux_core::save::{Request, save};
use evermux_core::store::{Emergency, Shells, Tickets};
use evermux_core::tmux::Server;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::resume;
use crate::context::Context;
use crate::detached;
use crate::error::CliError;
use crate::logging;
use crate::output::Outcome;

/// What this process may be told at most: some hundred bytes for each pane.
const LONGEST: u64 = 64 << 20;

/// How long a server may take to answer.
const LIMIT: Duration = Duration::from_secs(5);

/// Leaves panes to a process of their own. If that fails, their shells start now.
///
/// # Errors
/// If it cannot be run.
pub fn leave(context: &Context, later: Later) -> Result<(), CliError> {
    if later.is_empty() {
        return Ok(());
    }
    let mut command = detached::stranger()?;
    command.arg("-S").arg(&context.socket).arg("hold").stdin(Stdio::piped());
    let will = later.bequeath(&mut command);
    let child = detached::start(&mut command)?;
    let told = child.stdin.map(|mut stdin| stdin.write_all(&will));
    match told {
        Some(Err(error)) => Err(CliError::failed("evermux itself does not listen").because(&error)),
        _ => Ok(()),
    }
}

/// Ends every process of ours that waits at a server's door: shells that were to start later start.
///
/// # Errors
/// If the server does not answer.
pub fn end(server: &Server) -> Result<(), CliError> {
    let own = detached::program();
    let own = own.as_deref().and_then(Path::file_name);
    for number in server.remove_bells(LIMIT)? {
        // The process may be gone, and its number somebody else's.
        let program = executable(number).map(|path| PathBuf::from(path.to_os_str_lossy().into_owned()));
        let ours = own.is_some() && program.as_deref().and_then(Path::file_name) == own;
        let process = i32::try_from(number).ok().and_then(Pid::from_raw).filter(|_| ours);
        if let Some(Err(error)) = process.map(|process| kill_process(process, Signal::TERM)) {
            tracing::debug!(%error, "it has ended already");
        }
    }
    Ok(())
}

/// Has the debts of these panes say why their programs were not started.
fn note(context: &Context, server: &Server, not_started: HashMap<PaneIdentity, String>) {
    let capture = capture::Options { not_started, ..super::capture_options(context) };
    let saved = super::open_to_work(context).and_then(|(store, _)| {
        let request = Request {
            server: &context.server(),
            capture: &capture,
            kind: Kind::Automatic,
            name: None,
            note: None,
            emergency: Emergency::WhenDue,
            patience: context.config.save.deadline,
        };
        Ok(save(&store, server, &request, &|| context.now(), &mut || context.random())?)
    });
    if let Err(error) = saved {
        tracing::warn!("why programs were not started is not noted: {}", error.in_one_line());
    }
}

/// Is that process.
pub fn run(context: &Context) -> Result<Outcome, CliError> {
    detached::leave();
    logging::to_file(&context.place());
    let failed = |what: &str| CliError::failed(what.to_owned());
    let mut will = Vec::new();
    std::io::stdin()
        .take(LONGEST)
        .read_to_end(&mut will)
        .map_err(|error| failed("nobody says what to hold").because(&error))?;
    let later =
        Later::inherit(&will).ok_or_else(|| CliError::usage("nothing was bequeathed to this process"))?;
    drop(will);
    let helper = detached::program().ok_or_else(|| failed("cannot tell where evermux itself is"))?;
    let server = Server::connect(&context.socket, context.uid, &context.binaries)?;
    let held = later.len();
    let identity = server.identify(LIMIT)?.ok_or_else(|| failed("the server does not say who it is"))?;
    let generation = Generation { boot: context.boot.clone(), pid: identity.pid, started: identity.started };
    let tickets = Tickets::open(&context.place());
    let tickets = tickets.inspect_err(|error| tracing::warn!(%error, "there can be no tickets")).ok();
    let shells = Shells::existing(&context.place()).ok();
    let starter = Starter {
        name: &context.server(),
        generation: &generation,
        tickets: tickets.as_ref(),
        shells: shells.as_ref(),
        resume: &resume::words(context)?,
        not_started: &|owed| note(context, &server, owed),
        random: &|| context.random(),
    };
    later.attend(&server, &helper, starter);
    Ok(Outcome::new("", &json!({ "held": held })))
}
