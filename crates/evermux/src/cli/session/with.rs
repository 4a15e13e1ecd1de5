//! `evermux session with`: a session for the life of a program.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use bstr::ByteSlice;
use evermux_core::session::{self, Make, SessionName};

use super::{LIMIT, arguments, child, kill};
use crate::context::ServerContext;
use crate::detached;
use crate::error::{CliError, Exit};
use crate::output;

/// The variable that tells COMMAND the name of its session.
const NAME: &str = "EVERMUX_SESSION";

/// How long the programs in the session may take to end by themselves.
const GRACE: Duration = Duration::from_secs(2);

/// Run COMMAND with a session that lives as long as COMMAND does
///
/// COMMAND finds the session's name in EVERMUX_SESSION. When it ends, or evermux is told to (INT, TERM, HUP), or is killed, the
/// session and all that runs in it ends. The exit status is that of COMMAND (127 if it is not found, 126 if it cannot be run,
/// 128 and the number of the signal that ended it).
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The session's name, which must be free; without it one of our own
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    name: Option<OsString>,

    /// Keep the session if COMMAND fails, to look at it
    #[arg(long)]
    keep_on_failure: bool,

    /// What to run
    #[arg(last = true, value_name = "COMMAND", required = true)]
    command: Vec<OsString>,
}

/// End a session when the process that holds our standard input is gone
#[derive(Debug, clap::Args)]
pub struct GuardArgs {
    /// The word by which the session is known
    owner: String,
}

/// How long after the end of who makes a session that may still appear: tmux does it on its own by then.
const LATEST: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(50);

/// What a guard hears when it is not needed any more.
const NOT_NEEDED: &[u8] = b"done";

/// Runs it.
pub fn run(context: &ServerContext, args: &Args) -> Result<Exit, (Exit, CliError)> {
    let failed = |error: CliError| (error.kind.exit(), error);
    let mut watched = child::Watched::new().map_err(failed)?;
    let owner = context.nonce().to_string();
    // First, so that there is no moment in which the session is nobody's.
    let guard = Guard::begin(context, &owner).map_err(failed)?;
    let made = make(context, args, &owner);
    let name = match made {
        Ok(name) => name,
        Err(error) => {
            guard.dismiss();
            return Err(failed(error));
        }
    };
    let mut command = child::command(&args.command);
    command.env(NAME, std::ffi::OsStr::new(&name.to_string()));
    let ending = match watched.told_to_end() {
        Some(exit) => Err((exit, CliError::failed("told to end before it began"))),
        None => watched.run(&mut command),
    };
    let keep = match &ending {
        Ok(ending) => args.keep_on_failure && !ending.status.success() && !ending.told_to_end,
        Err(_) => false,
    };
    if keep {
        output::note(&format!("session {name} is kept: evermux session kill {name}"));
    } else {
        end(context, &owner).map_err(failed)?;
    }
    guard.dismiss();
    ending.map(child::Ending::exit)
}

/// Makes the session.
fn make(context: &ServerContext, args: &Args, owner: &str) -> Result<SessionName, CliError> {
    let own = || OsString::from(format!("with-{}", &context.nonce().to_string()[..8]));
    let name = arguments::name(&args.name.clone().unwrap_or_else(own))?;
    let directory = context.directory()?;
    let make = Make {
        name: &name,
        directory: &directory,
        environment: &[],
        size: None,
        command: &[],
        owner: Some(owner),
    };
    let ensured = session::ensure(&context.reach(), &make, context.nonce(), LIMIT)?;
    if !ensured.made {
        return Err(CliError::failed(format!("session {name} is there already"))
            .hint("Without --name it gets a name of its own."));
    }
    Ok(name)
}

/// Ends the owner's session; whether there was one.
fn end(context: &ServerContext, owner: &str) -> Result<bool, CliError> {
    let server = match context.reach().server() {
        Ok(server) => server,
        // It ended with its session, or somebody ended it.
        Err(_) => return Ok(false),
    };
    let ended = match session::owned_by(&server, owner, context.nonce(), LIMIT) {
        Ok(Some(id)) => session::kill_id(&server, id, context.nonce(), kill::ending(GRACE)).map(|_| true),
        Ok(None) => Ok(false),
        Err(error) => Err(error),
    };
    match ended {
        Err(error) if error.is_nothing_there() => Ok(false),
        other => Ok(other?),
    }
}

/// A process of ours that ends the session if we cannot.
struct Guard(Child);

impl Guard {
    fn begin(context: &ServerContext, owner: &str) -> Result<Self, CliError> {
        let mut command = detached::stranger()?;
        command.arg("-S").arg(&context.socket).args(["session", "guard"]);
        // Out of reach of what the terminal sends to us.
        command.arg(owner).stdin(Stdio::piped()).process_group(0);
        Ok(Self(detached::start(&mut command)?))
    }

    fn dismiss(mut self) {
        if let Some(mut input) = self.0.stdin.take() {
            let _ = input.write_all(NOT_NEEDED);
        }
        let _ = self.0.wait();
    }
}

/// Waits for the end of who started us, and ends the session unless it was said that this is not needed.
pub fn guard(context: &ServerContext, args: &GuardArgs) -> Exit {
    let mut said = Vec::new();
    let _ = std::io::stdin().take(64).read_to_end(&mut said);
    if said.contains_str(NOT_NEEDED) {
        return Exit::Done;
    }
    let begun = Instant::now();
    loop {
        match end(context, &args.owner) {
            Ok(true) => return Exit::Done,
            Ok(false) if begun.elapsed() > LATEST => return Exit::Done,
            Ok(false) => std::thread::sleep(PAUSE),
            Err(_) => return Exit::Failed,
        }
    }
}
