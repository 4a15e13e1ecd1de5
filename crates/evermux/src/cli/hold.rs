//! The process that holds restored panes whose shells start later: see [`evermux_core::restore::Later`].

use std::io::{Read, Write};
use std::process::Stdio;

use evermux_core::restore::Later;
use evermux_core::tmux::Server;
use serde_json::json;

use crate::context::Context;
use crate::detached;
use crate::error::CliError;
use crate::logging;
use crate::output::Outcome;

/// What this process may be told at most: some hundred bytes for each pane.
const LONGEST: u64 = 64 << 20;

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
    let helper = std::env::current_exe()
        .map_err(|error| failed("cannot tell where evermux itself is").because(&error))?;
    let server = Server::connect(&context.socket, context.uid, &context.binaries)?;
    let held = later.len();
    later.attend(&server, &helper, &mut || context.random());
    Ok(Outcome::new("", &json!({ "held": held })))
}
