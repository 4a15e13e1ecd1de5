//! `evermux resume`: becomes the program that a restore has left a ticket for.
//!
//! A restore types it at the prompt of a pane where the program cannot be told to the shell in a line. It is a child of that
//! shell and is replaced by the program, so jobs, signals and the way back are those of the shell.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use bstr::{BString, ByteSlice};
use evermux_core::restore::{Here, claim};
use evermux_core::store::{Ticket, TicketId, Tickets};
use evermux_core::text::quote::printable;
use evermux_core::tmux::Server;

use crate::context::{Context, Global, STATE};
use crate::error::{CliError, Exit};
use crate::output;
use crate::setup;

/// How long the server may take to say which pane this is.
const LIMIT: Duration = Duration::from_secs(5);

/// Start a program again in the pane it ran in; a restore types this there
///
/// Where a program's arguments cannot be typed (newlines, bytes that are no text, too many), or it needs a directory or
/// variables of its own, a restore types this line with the name of a ticket, which is valid in that pane only, and once.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The ticket
    id: TicketId,

    /// The state folder it is in, if that is not the usual one
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
}

/// Becomes the program; what is wrong with the settings matters nothing here.
pub fn main(global: &Global, args: &Args) -> Exit {
    let error = Context::or_defaults(global).and_then(|(mut context, _)| {
        if let Some(state) = &args.state {
            context.state.clone_from(state);
        }
        run(&context, args.id)
    });
    match error {
        Ok(never) => match never {},
        Err(error) => output::show(Err(error), global.json),
    }
}

/// The words that start a ticket's program, without its id.
///
/// # Errors
/// If it is not known where this program is.
pub fn words(context: &Context) -> Result<Vec<BString>, CliError> {
    let program = setup::program(context.binaries.path.as_deref())?;
    let mut words: Vec<BString> = vec![program.into_os_string().into_vec().into(), "resume".into()];
    // The pane's shell need not have been told where that is.
    if context.variable(STATE).is_some() {
        let state = context.state.as_os_str().as_bytes();
        words.extend(["--state".into(), state.into()]);
    }
    Ok(words)
}

/// Returns only if it does not run.
fn run(context: &Context, id: TicketId) -> Result<std::convert::Infallible, CliError> {
    let outside = || {
        CliError::usage("this is not a pane of tmux")
            .hint("A restore types it at the prompt of the pane it is for; it means nothing elsewhere.")
    };
    let pane =
        context.variable("TMUX_PANE").and_then(|pane| pane.to_str()?.parse().ok()).ok_or_else(outside)?;
    let input = std::io::stdin().as_fd().try_clone_to_owned().and_then(|input| File::from(input).metadata());
    let terminal = input.ok().filter(|input| input.file_type().is_char_device());
    let terminal = terminal.ok_or_else(outside)?.rdev();
    let tickets = Tickets::existing(&context.place())?;
    let server = Server::connect(&context.socket, context.uid, &context.binaries)?;
    let (name, boot) = (context.server(), context.boot.as_str());
    let here = Here { server: &server, name: &name, boot, pane, terminal, limit: LIMIT };
    let ticket = claim(&tickets, id, &here)?;
    let error = become_program(&ticket);
    if let Err(error) = tickets.give_back(id) {
        tracing::debug!(%error, "it cannot be tried again");
    }
    Err(error)
}

/// Returns only if that fails, and why.
fn become_program(ticket: &Ticket) -> CliError {
    let word = |bytes: &BString| OsString::from_vec(bytes.to_vec());
    let Some((program, arguments)) = ticket.argv.split_first() else {
        return CliError::failed("there is no program");
    };
    if let Some(directory) = &ticket.directory
        && let Err(error) = env::set_current_dir(OsStr::from_bytes(directory))
    {
        return CliError::failed(format!("cannot enter {}", printable(directory))).because(&error);
    }
    let mut command = Command::new(word(program));
    command.args(arguments.iter().map(word));
    command.envs(ticket.environment.iter().map(|(name, value)| (word(name), word(value))));
    let error = command.exec();
    CliError::failed(format!("cannot run {}", printable(program.as_bytes()))).because(&error)
}
