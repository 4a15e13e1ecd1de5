//! `evermux session run`: a command in the shell of a session.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use evermux_core::session::{self, Line, Work};
use serde_json::json;

use super::{arguments, with_pane};
use crate::context::ServerContext;
use crate::error::{CliError, Exit};
use crate::output::{self, Outcome, json_text};

/// Run a command in a session's own shell; print its output alone, and end with its status
///
/// It waits for the shell's prompt first (bash, zsh, fish, dash, ksh). `cd` and `export` last, since it is that very shell. Output
/// and errors come together, byte by byte, and are shown in the pane at the end; as in `$(…)` the command sees no terminal there. An
/// interrupted command, or one that ends its shell, has no known status: that is an error (1).
#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(value_name = "NAME[:W[.P]]", allow_hyphen_values = true, help = arguments::TARGET)]
    target: OsString,

    /// A line in the shell's own language, in the place of COMMAND
    #[arg(long, value_name = "CODE", conflicts_with = "command", allow_hyphen_values = true)]
    line: Option<OsString>,

    /// How long to wait for the prompt and the command; without it as long as it takes
    #[arg(long, value_name = "TIME", value_parser = arguments::time)]
    timeout: Option<Duration>,

    /// The command, each word as it is
    #[arg(last = true, value_name = "COMMAND", required_unless_present = "line")]
    command: Vec<OsString>,
}

/// Runs it.
pub fn run(context: &ServerContext, args: &Args) -> Result<Exit, (Exit, CliError)> {
    run_in_shell(context, args).map_err(|error| (error.kind.exit(), error))
}

fn run_in_shell(context: &ServerContext, args: &Args) -> Result<Exit, CliError> {
    let target = arguments::target(&args.target)?;
    let words = arguments::words(&args.command);
    let line = match &args.line {
        Some(code) => Line::Code(code.as_bytes()),
        None => Line::Words(&words),
    };
    let mut printed = Vec::new();
    let mut output = |bytes: &[u8]| match context.json {
        true => printed.extend_from_slice(bytes),
        // Whoever does not read on wants only the status.
        false => drop(output::stream(bytes)),
    };
    let work = Work { line, uid: context.uid, patience: args.timeout.unwrap_or(Duration::MAX) };
    let ran = with_pane(context, &target, |talk| Ok(session::run(talk, &work, &mut output)?))?;
    let exit = Exit::Status(u8::try_from(ran.status).unwrap_or(u8::MAX));
    if context.json {
        let mut outcome = Outcome::new("", &json!({ "output": json_text(&printed), "status": ran.status }));
        outcome.exit = exit;
        return Ok(output::show(Ok(outcome), true));
    }
    Ok(exit)
}
