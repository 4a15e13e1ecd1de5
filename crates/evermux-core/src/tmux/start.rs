//! Starting a server.

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::client::{self, RunError};
use super::{Binaries, ConnectError, Server};
use crate::model::TmuxVersion;
use crate::text::quote::printable;

/// How a server is started.
#[derive(Clone, Debug)]
pub struct Start {
    /// Where to find tmux.
    pub binaries: Binaries,
    /// Where its socket will be. A folder that is missing is made, closed to others; what stands above it must exist.
    pub socket: PathBuf,
    /// `-f`; none for the user's own config files.
    pub config: Option<PathBuf>,
    /// What follows `new-session -d`. An argument that tmux takes as a format must be quoted as such.
    pub arguments: Vec<OsString>,
    /// The working directory of the server and, without `-c`, of its first session.
    pub directory: PathBuf,
    /// The environment, which becomes the server's global one; none for our own.
    pub environment: Option<Vec<(OsString, OsString)>>,
    /// The user.
    pub uid: u32,
    /// Words in front of tmux's own: a program that runs the rest of its line in another place, such as a control group.
    pub launcher: Vec<OsString>,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is one already.
    #[error("a tmux server is already running at {}", .0.display())]
    Running(PathBuf),
    /// What is at the socket's place is in the way or not to be trusted, or the new server is.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The client gave no answer. After [`RunError::Deadline`] the server may still be working on its config.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The folder of the socket cannot be made.
    #[error("cannot make the folder {}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// tmux refused.
    #[error("tmux did not start: {message}")]
    Refused {
        /// What it said, made printable.
        message: String,
    },
}

impl Binaries {
    /// The version of the tmux that a new server would be of; none if that cannot be told within `limit`.
    pub fn version(&self, limit: Duration) -> Option<TmuxVersion> {
        let mut command = Command::new(self.tmux()?);
        command
            .arg("-V")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .current_dir("/");
        let mut said = Vec::new();
        let ended = client::talk(&mut command, Path::new(""), b"", limit, &mut |bytes| {
            said.extend_from_slice(bytes);
            ControlFlow::Continue(())
        });
        let text = ended.ok().and_then(|_| String::from_utf8(said).ok())?;
        text.trim().strip_prefix("tmux ")?.parse().ok()
    }
}

/// How long to wait between looks at a socket whose server is going away.
pub(super) const PAUSE: Duration = Duration::from_millis(5);

impl Start {
    /// Starts the server with one session, and returns when it answers: its config has been read by then.
    ///
    /// Right after a `kill-server` a new one often fails (4 of 10 times on 3.3a): the old server still holds the
    /// socket while it ends. So a start that finds a dying server is tried again until `limit`.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn run(&self, limit: Duration) -> Result<Server, StartError> {
        let end = Instant::now() + limit;
        make_folder(&self.socket)?;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let said = match self.is_running(left)? {
                Some(dying) => dying,
                None => match self.attempt(left)? {
                    None => return Ok(Server::connect(&self.socket, self.uid, &self.binaries)?),
                    Some(said) => said,
                },
            };
            if Instant::now() >= end || !is_dying(&said) {
                return Err(StartError::Refused { message: said });
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Whether the place is free. If a server is there that does not answer any more, what its client said.
    fn is_running(&self, limit: Duration) -> Result<Option<String>, StartError> {
        let server = match Server::connect(&self.socket, self.uid, &self.binaries) {
            Ok(server) => server,
            Err(ConnectError::Missing(_) | ConnectError::Dead(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match server.run(b"display-message -p here\n", limit) {
            Err(RunError::Gone { message, .. }) => Ok(Some(message)),
            Err(error) => Err(error.into()),
            Ok(_) => Err(StartError::Running(self.socket.clone())),
        }
    }

    /// One client; returns what it said if it failed.
    fn attempt(&self, limit: Duration) -> Result<Option<String>, StartError> {
        let binary = self.binaries.tmux().ok_or(ConnectError::NoBinary)?;
        let mut command = client::command(&binary, &self.socket, &self.launcher);
        command.current_dir(&self.directory);
        if let Some(environment) = &self.environment {
            command.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
            command.env_remove("TMUX").env_remove("TMUX_PANE");
        }
        if let Some(config) = &self.config {
            command.arg("-f").arg(config);
        }
        command.args(["new-session", "-d"]).args(&self.arguments);
        let mut said = Vec::new();
        let ended = client::talk(&mut command, &self.socket, b"", limit, &mut |bytes| {
            said.extend_from_slice(bytes);
            ControlFlow::Continue(())
        })?;
        if ended.status.success() {
            return Ok(None);
        }
        let line = ended.errors.first().map_or(said.as_slice(), |line| line.as_slice());
        Ok(Some(if line.is_empty() { ended.status.to_string() } else { printable(line) }))
    }
}

/// Makes the folder of a socket, closed to others, if it is not there.
pub(super) fn make_folder(socket: &Path) -> Result<(), StartError> {
    use std::os::unix::fs::DirBuilderExt;

    let folder = socket.parent().unwrap_or(Path::new("/"));
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(source) if source.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(StartError::Folder { folder: folder.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// What a client says that met a server which is ending.
pub(super) fn is_dying(message: &str) -> bool {
    ["server exited", "lost server", "no server running", "error connecting", "connect failed"]
        .iter()
        .any(|text| message.contains(text))
}
