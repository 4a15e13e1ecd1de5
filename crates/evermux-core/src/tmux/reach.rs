//! Scripts for the server at a socket, whether it runs or not.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use super::client::{self, Output, RunError};
use super::socket::{self, ConnectError};
use super::start::{PAUSE, StartError, is_dying, make_folder};
use super::{Binaries, Server};

/// Where a server is, or will be.
#[derive(Clone, Copy, Debug)]
pub struct Reach<'a> {
    /// Its socket.
    pub socket: &'a Path,
    /// Where to find tmux.
    pub binaries: &'a Binaries,
    /// The user.
    pub uid: u32,
}

impl Reach<'_> {
    /// The server, which must run.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn server(&self) -> Result<Server, ConnectError> {
        Server::connect(self.socket, self.uid, self.binaries)
    }

    /// Runs a script on the server, which is started first if there is none: one client in both cases, `start-server` and
    /// then the script, so that many that ask at once are sorted out by tmux's own lock. A server without a session lives as long
    /// as that client (3.1c to 3.8), and its config has been read before the script begins.
    ///
    /// The script must be one that may run twice: a server that goes away meanwhile is started again.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn run(&self, script: &[u8], limit: Duration) -> Result<Output, StartError> {
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.attempt(script, left) {
                Err(StartError::Run(RunError::Gone { message, .. }))
                    if is_dying(&message) && Instant::now() < end =>
                {
                    std::thread::sleep(PAUSE);
                }
                other => return other,
            }
        }
    }

    fn attempt(&self, script: &[u8], limit: Duration) -> Result<Output, StartError> {
        let pid = match socket::peer(self.socket, self.uid) {
            Ok(peer) => peer.pid,
            Err(ConnectError::Missing(_) | ConnectError::Dead(_)) => {
                make_folder(self.socket)?;
                None
            }
            Err(error) => return Err(error.into()),
        };
        let binary = self.binaries.for_server(pid).ok_or(ConnectError::NoBinary)?;
        let mut command = client::command(&binary, self.socket, &[]);
        command.args(["start-server", ";", "source-file", "-"]);
        let mut stdout = Vec::new();
        let ended = client::talk(&mut command, self.socket, script, limit, &mut |bytes| {
            stdout.extend_from_slice(bytes);
            ControlFlow::Continue(())
        })?;
        let errors = ended.sourced(self.socket, "-".as_ref())?;
        Ok(Output { stdout, errors })
    }
}
