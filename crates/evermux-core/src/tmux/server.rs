//! A running server, and talking to it.

use std::ffi::OsStr;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bstr::BString;

use super::client::{self, Output, RunError};
use super::socket::{self, ConnectError, Peer};
use super::{Binaries, CaptureScript, Frame, FrameError};
use crate::model::TmuxVersion;

/// A running server that is ours, with the client binary that fits it.
///
/// Everything goes through `source-file`: it never starts a server, takes scripts of any length, and an error of one
/// line skips only that line.
#[derive(Debug)]
pub struct Server {
    socket: PathBuf,
    client: PathBuf,
    peer: Peer,
    /// `source-file -` is not known (tmux 3.0): scripts go through a file.
    by_file: AtomicBool,
}

impl Server {
    /// Finds the server at `socket` and checks that it is ours. Runs nothing.
    ///
    /// # Errors
    /// [`ConnectError`]: no server, a dead or foreign socket, no tmux.
    pub fn connect(socket: &Path, uid: u32, binaries: &Binaries) -> Result<Self, ConnectError> {
        let peer = socket::peer(socket, uid)?;
        let client = binaries.for_server(peer.pid).ok_or(ConnectError::NoBinary)?;
        Ok(Self { socket: socket.to_owned(), client, peer, by_file: AtomicBool::new(false) })
    }

    /// Its socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The tmux binary used as its client.
    pub fn client(&self) -> &Path {
        &self.client
    }

    /// The process behind the socket. `#{pid}` in a listing is the authority on the server's own.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// Runs a script of tmux commands, one a line, in one client, and returns what it printed.
    ///
    /// # Errors
    /// [`RunError`]; errors of single commands are not among them but in [`Output::errors`].
    pub fn run(&self, script: &[u8], limit: Duration) -> Result<Output, RunError> {
        let mut stdout = Vec::new();
        let errors = self.stream(script, limit, &mut |bytes| {
            stdout.extend_from_slice(bytes);
            ControlFlow::Continue(())
        })?;
        Ok(Output { stdout, errors })
    }

    /// Runs one command of words of our own, as arguments of the client, which saves the client reading a script. No word may end
    /// with `;`, which ends a command there.
    ///
    /// # Errors
    /// As [`Server::run`].
    pub fn ask(&self, words: &[&str], limit: Duration) -> Result<Output, RunError> {
        let mut command = client::command(&self.client, &self.socket, &[]);
        command.args(words);
        let mut stdout = Vec::new();
        let ended = client::talk(&mut command, &self.socket, b"", limit, &mut |bytes| {
            stdout.extend_from_slice(bytes);
            ControlFlow::Continue(())
        })?;
        let errors = ended.sourced(&self.socket, OsStr::new("-"))?;
        Ok(Output { stdout, errors })
    }

    /// The same as [`Server::run`], handing what it prints to `sink` while tmux still works. Returns the errors of single commands. If
    /// `sink` breaks, the client is killed and [`RunError::Gone`] returned.
    ///
    /// # Errors
    /// [`RunError`]. What `sink` has got by then may be incomplete: only an end mark in the output proves the end.
    pub fn stream(
        &self,
        script: &[u8],
        limit: Duration,
        sink: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Vec<BString>, RunError> {
        if !self.by_file.load(Ordering::Relaxed) {
            let mut command = client::command(&self.client, &self.socket, &[]);
            command.args(["source-file", "-"]);
            let ended = client::talk(&mut command, &self.socket, script, limit, sink)?;
            if !ended.is_unknown_stdin() {
                return ended.sourced(&self.socket, OsStr::new("-"));
            }
            self.by_file.store(true, Ordering::Relaxed);
        }
        self.stream_by_file(script, limit, sink)
    }

    /// tmux 3.0 reads only named files: one of our own, readable by nobody else.
    fn stream_by_file(
        &self,
        script: &[u8],
        limit: Duration,
        sink: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Vec<BString>, RunError> {
        let pipe = |source| RunError::Pipe { binary: self.client.clone(), source };
        let mut file = tempfile::Builder::new().prefix("evermux-").tempfile_in("/tmp").map_err(pipe)?;
        file.write_all(script).map_err(pipe)?;
        let mut command = client::command(&self.client, &self.socket, &[]);
        command.arg("source-file").arg(file.path());
        let ended = client::talk(&mut command, &self.socket, b"", limit, sink)?;
        ended.sourced(&self.socket, file.path().as_os_str())
    }

    /// Captures the text of panes; `emit` gets each frame, in order, as soon as it is complete.
    ///
    /// # Errors
    /// [`CaptureError`]; the frames emitted until then are good.
    pub fn capture(
        &self,
        script: &CaptureScript,
        limit: Duration,
        emit: &mut dyn FnMut(usize, Frame),
    ) -> Result<(), CaptureError> {
        let mut reader = script.reader();
        let mut broken = None;
        let run = self.stream(&script.script, limit, &mut |bytes| match reader.push(bytes, emit) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                broken = Some(error);
                ControlFlow::Break(())
            }
        });
        if let Some(error) = broken {
            return Err(error.into());
        }
        run?;
        Ok(reader.finish(emit)?)
    }
}

/// Why a capture did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The client gave no answer.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The answer cannot be taken apart.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// The line of a script that lets tmux serve its other clients before it goes on: from 3.2 a timer of no length,
/// before that a short process.
pub fn yield_line(version: TmuxVersion) -> &'static str {
    if version.at_least(3, 2) { "run-shell -d 0\n" } else { "run-shell true\n" }
}

#[cfg(test)]
mod tests {
    use evermux_testkit::{Server as Private, tmux_binaries};

    use super::*;

    /// tmux 3.0 cannot read standard input; what is done there works on every version.
    #[test]
    fn scripts_can_go_through_a_file() {
        for tmux in tmux_binaries() {
            let private = Private::start(&tmux);
            let uid = rustix::process::getuid().as_raw();
            let server = Server::connect(&private.socket(), uid, &Binaries::default()).unwrap();
            server.by_file.store(true, Ordering::Relaxed);
            let limit = Duration::from_secs(20);
            let output = server.run(b"display-message -p a\nkill-pane -t %9\n", limit).unwrap();
            assert_eq!((output.stdout.as_slice(), output.errors.len()), (&b"a\n"[..], 1));
            let error = server.run(b"display-message -p a\nno-such-command\n", limit);
            assert!(matches!(error, Err(RunError::Syntax { .. })), "{error:?}");
        }
    }
}
