//! The state of a terminal device.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::termios::{self, LocalModes};
use thiserror::Error;

/// How a terminal treats what is typed; set by the program that reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TerminalState {
    /// What is typed is shown (ECHO).
    pub echo: bool,
    /// Input is read line by line (ICANON). A line editor or a full-screen program turns it off.
    pub canonical: bool,
    /// Ctrl-C and its like become signals (ISIG).
    pub signals: bool,
}

/// Why the state of a terminal could not be read.
#[derive(Debug, Error)]
pub enum TerminalError {
    /// It could not be opened or asked.
    #[error("cannot read the state of terminal {}", path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The path is something else.
    #[error("{} is not a terminal", path.display())]
    NotTerminal {
        /// The path.
        path: PathBuf,
    },
    /// It belongs to somebody else.
    #[error("terminal {} belongs to user {owner}", path.display())]
    NotOurs {
        /// Its path.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
}

impl TerminalState {
    /// Reads the state of the terminal at `path`, without becoming its session leader or waiting for it.
    ///
    /// # Errors
    /// [`TerminalError`] if it is not a terminal, not ours, or gone.
    pub fn read(path: &Path) -> Result<Self, TerminalError> {
        let modes = termios::tcgetattr(open(path)?).map_err(failed(path))?.local_modes;
        Ok(Self {
            echo: modes.contains(LocalModes::ECHO),
            canonical: modes.contains(LocalModes::ICANON),
            signals: modes.contains(LocalModes::ISIG),
        })
    }
}

/// Whether something was typed at the terminal at `path` that nobody has read yet; of a terminal that is read line by line, a
/// whole line.
///
/// # Errors
/// Those of [`TerminalState::read`].
pub fn has_unread_input(path: &Path) -> Result<bool, TerminalError> {
    let bytes = rustix::io::ioctl_fionread(open(path)?).map_err(failed(path))?;
    Ok(bytes > 0)
}

fn failed(path: &Path) -> impl Fn(rustix::io::Errno) -> TerminalError {
    |error| TerminalError::Read { path: path.into(), source: error.into() }
}

/// Opens a terminal, without becoming its session leader or waiting for it.
fn open(path: &Path) -> Result<OwnedFd, TerminalError> {
    // Looked at before it is opened: opening some devices does something.
    let kind = FileType::from_raw_mode(rustix::fs::stat(path).map_err(failed(path))?.st_mode);
    if kind != FileType::CharacterDevice {
        return Err(TerminalError::NotTerminal { path: path.into() });
    }
    let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let tty = rustix::fs::open(path, flags, Mode::empty()).map_err(failed(path))?;
    let owner = rustix::fs::fstat(&tty).map_err(failed(path))?.st_uid;
    if owner != rustix::process::geteuid().as_raw() {
        return Err(TerminalError::NotOurs { path: path.into(), owner });
    }
    if !termios::isatty(&tty) {
        return Err(TerminalError::NotTerminal { path: path.into() });
    }
    Ok(tty)
}
