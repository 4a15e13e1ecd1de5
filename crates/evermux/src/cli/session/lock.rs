//! `evermux session lock`: one at a time, over several steps.

use std::ffi::OsString;
use std::time::Duration;

use evermux_core::store::Lock;

use super::{arguments, child};
use crate::context::ServerContext;
use crate::error::{CliError, Exit};

/// Run COMMAND while nobody else holds this lock
///
/// The lock is that of NAME on this server; the session need not be there. It is held for the life of COMMAND, even if evermux
/// itself is killed, and given back when COMMAND ends, whatever that leaves running. The exit status is that of COMMAND (127
/// if it is not found, 126 if it cannot be run); 5 if the lock is still held by another after the timeout.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name, usually of a session
    #[arg(value_name = "NAME", allow_hyphen_values = true)]
    name: OsString,

    /// How long to wait for another holder; without it as long as it takes
    #[arg(long, value_name = "TIME", value_parser = arguments::time)]
    timeout: Option<Duration>,

    /// What to run
    #[arg(last = true, value_name = "COMMAND", required = true)]
    command: Vec<OsString>,
}

/// Runs it.
pub fn run(context: &ServerContext, args: &Args) -> Result<Exit, (Exit, CliError)> {
    let failed = |error: CliError| (error.kind.exit(), error);
    let name = arguments::name(&args.name).map_err(failed)?;
    let patience = args.timeout.unwrap_or(Duration::MAX);
    let take = || -> Result<Lock, CliError> {
        let lock = Lock::of_name(context.uid, &context.socket, name.as_bytes(), patience)?;
        lock.inherit()?;
        Ok(lock)
    };
    let lock = take().map_err(failed)?;
    let mut watched = child::Watched::new().map_err(failed)?;
    let ending = watched.run(&mut child::command(&args.command))?;
    drop(lock);
    Ok(ending.exit())
}
