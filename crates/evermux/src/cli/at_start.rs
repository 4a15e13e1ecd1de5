//! `evermux at-start`: what tmux.conf's line runs when a server starts.
//!
//! tmux waits for this process, so it opens nothing that could hang, above all nothing in the state folder. A child does
//! everything; this one waits until the child says that everything stands, for a limited time, and never fails.

use std::process::{ChildStdout, Stdio};
use std::time::{Duration, Instant};

use crate::context::{Global, waits_for_restore};
use crate::detached;
use crate::error::Exit;
use crate::start::{self, Parent};

/// How long tmux waits at most.
const LIMIT: Duration = Duration::from_secs(3);

/// The same where a service starts it: what finds no session after that makes one. The unit allows 60 s.
const FOR_A_SERVICE: Duration = Duration::from_secs(45);

/// How long it waits for the text of sessions that stand already.
const FOR_TEXT: Duration = Duration::from_millis(800);

/// Bring back what was saved; tmux.conf's line runs it when a server starts
///
/// Once in the life of a server, while it starts. Nobody needs to type it: see `evermux tmux-conf`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The process that does it, left behind when tmux has waited long enough
    #[arg(long, hide = true)]
    detached: bool,

    /// Whoever was asked has agreed
    #[arg(long, hide = true)]
    agreed: bool,
}

/// Has a child do it, and waits for it. Prints nothing and never fails: tmux would show that in the first pane.
pub fn run(global: &Global, args: &Args) -> Exit {
    if args.detached {
        detached::leave();
        start::run(global, args.agreed, &mut Parent::default());
    } else if let Some(said) = child() {
        wait(said);
    }
    Exit::Done
}

/// Starts the child; what it will say.
fn child() -> Option<ChildStdout> {
    let mut command = detached::itself().ok()?;
    command.args(std::env::args_os().skip(1)).arg("--detached").stdout(Stdio::piped());
    detached::start(&mut command).ok()?.stdout
}

/// Waits until the child has said that it is done, or has ended; for a limited time, and no longer than [`FOR_TEXT`] once
/// everything stands.
fn wait(mut said: ChildStdout) {
    let begun = Instant::now();
    let mut end = begun + if waits_for_restore() { FOR_A_SERVICE } else { LIMIT };
    let mut word = [0];
    while let Some(Ok(1)) = detached::hear(&mut said, &mut word, end) {
        if word != [Parent::STANDS] {
            return;
        }
        end = end.min(Instant::now().max(begun + FOR_TEXT));
    }
}
