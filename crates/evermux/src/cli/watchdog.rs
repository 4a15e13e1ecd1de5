//! The deadline of a whole command: whatever hangs (a server, a disk, a process table), evermux ends.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use crate::error::{CliError, Exit};
use crate::output;

/// Beyond the deadline of a single tmux client, which tells better what hangs.
const GRACE: Duration = Duration::from_secs(2);

/// Ends the process with an error unless it is dropped in time.
///
/// That is safe at any moment: what is stored is stored in transactions, and tmux is only asked.
pub struct Watchdog(#[expect(dead_code, reason = "dropping it is what tells the thread")] Sender<()>);

impl Watchdog {
    /// Gives `what` this long. `json`: how to tell the error.
    pub fn new(what: &'static str, limit: Duration, json: bool) -> Self {
        let (keep, wait) = channel();
        thread::spawn(move || {
            if wait.recv_timeout(limit + GRACE) == Err(RecvTimeoutError::Timeout) {
                let error = CliError::failed(format!("{what} did not end within {} s", limit.as_secs_f32()))
                    .hint("The server, the disk or the machine hangs, or has very much to do.");
                output::show(Err(error), json);
                std::process::exit(Exit::Failed.code().into());
            }
        });
        Self(keep)
    }
}
