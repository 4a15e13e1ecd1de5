//! `evermux at-start`: what tmux.conf's line runs when a server starts.
//!
//! tmux waits for this process, so it opens nothing that could hang, above all nothing in the state folder. A child does
//! everything; this one waits until the child says that everything stands, for a limited time, and never fails.

use std::io::Read;
use std::os::fd::AsFd;
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::context::Global;
use crate::error::Exit;
use crate::start::{self, Parent};

/// How long tmux waits at most.
const LIMIT: Duration = Duration::from_secs(3);

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
        // Fails only for the leader of a group, which a new child is not.
        let _ = rustix::process::setsid();
        start::run(global, args.agreed, &mut Parent::default());
    } else if let Some(said) = child() {
        wait(said);
    }
    Exit::Done
}

/// Starts the child; what it will say.
fn child() -> Option<ChildStdout> {
    let mut command = Command::new(std::env::current_exe().ok()?);
    command.args(std::env::args_os().skip(1)).arg("--detached").current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().ok()?.stdout
}

/// Waits until the child has said that it is done, or has ended; at most [`LIMIT`], and no longer than [`FOR_TEXT`] once
/// everything stands.
fn wait(mut said: ChildStdout) {
    let begun = Instant::now();
    let mut limit = LIMIT;
    loop {
        let left = limit.saturating_sub(begun.elapsed());
        let time = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::from_borrowed_fd(said.as_fd(), PollFlags::IN)], Some(&time)) {
            Err(rustix::io::Errno::INTR) => continue,
            Ok(1) => {}
            Ok(_) | Err(_) => return,
        }
        let mut word = [0];
        match said.read(&mut word) {
            Ok(1) if word == [Parent::STANDS] => limit = limit.min(FOR_TEXT.max(begun.elapsed())),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => return,
        }
    }
}
