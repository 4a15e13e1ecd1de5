//! The gate: how a restored pane gets its text before its shell starts, without leaving a trace.
//!
//! While panes are made, tmux's `default-shell` is a link `JOB/bin/bash` to evermux itself. tmux stores no command,
//! so `#{pane_start_command}` stays what it was; the pane's process is called `bash` (or `-bash`) and stays the same
//! process throughout. It quietens the terminal, connects to `JOB/gate.sock`, says which pane it is, and waits. The
//! restorer writes the text to the pane's terminal and lets it go; then it puts the terminal back and *becomes* the
//! real shell (`exec`), or ends as the pane's program once ended. If the restorer dies, the socket closes and every
//! waiting pane becomes a shell at once: no pane is ever left without one.
//!
//! A shell that is not wanted before somebody looks at its pane is put off instead ([`Held::put_off`]): its text is
//! there, and the process waits on, at no cost, until it is let go or a key comes, which stays in the terminal for the
//! shell. Who holds it may hand it over to another process ([`Held::bequeath`]).
//!
//! Afterwards the link leads to the real shell, because tmux keeps `JOB/bin/bash` as the shell of these panes for a
//! later `respawn-pane`; so the folder stays as long as that server lives.
//!
//! Rejected, all measured: `cat FILE; exec bash` as the pane's command (stays in `pane_start_command`), writing to
//! the terminal of a shell that already runs (the prompt always comes first), filling an empty pane and respawning
//! it (the fork of a server that holds all text takes 9 ms a pane, and the screen is cleared).

mod hold;
mod wait;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

pub use hold::{Gate, GateError, Heir, Held};
pub use wait::Waiter;

/// What a waiting pane becomes when it is let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The shell, or the command it was made with.
    Shell,
    /// A process that ended with this status.
    Exit(i32),
    /// A process that a signal killed.
    Signal(i32),
}

/// What a process is told whose shell may start later: when it is let go, or when a key comes.
const LATER: &str = "later\n";

/// Whether a process that is called `name` (its `argv[0]`) stands at a gate: it executes `helper` still, or one of the same
/// name from before an upgrade.
pub fn stands_at_gate(executable: &Path, name: &OsStr, helper: &Path) -> bool {
    let called = Path::new(name).file_name();
    executable.file_name().is_some()
        && executable.file_name() == helper.file_name()
        && called != helper.file_name()
}

impl Ending {
    fn write(self) -> String {
        match self {
            Self::Shell => "shell\n".to_owned(),
            Self::Exit(status) => format!("exit {status}\n"),
            Self::Signal(signal) => format!("signal {signal}\n"),
        }
    }

    /// Reads what [`Ending::write`] wrote; anything else, a closed socket above all, means a shell.
    fn read(text: &str) -> Self {
        let number = |text: &str| text.trim_end().parse().ok();
        if let Some(status) = text.strip_prefix("exit ").and_then(number) {
            return Self::Exit(status);
        }
        text.strip_prefix("signal ").and_then(number).map_or(Self::Shell, Self::Signal)
    }
}

/// The files of one job.
#[derive(Clone, Debug)]
struct Job {
    folder: PathBuf,
}

impl Job {
    const SOCKET: &'static str = "gate.sock";

    fn bin(&self) -> PathBuf {
        self.folder.join("bin")
    }

    /// Holds the path of the real shell.
    fn shell_file(&self) -> PathBuf {
        self.folder.join("shell")
    }

    /// A path of the socket that fits into the 108 bytes of a socket address, however deep the folder lies; valid
    /// while `folder` is open. Only Linux has such a path; elsewhere a deep folder fails with an error.
    fn socket(&self, folder: &impl std::os::fd::AsRawFd) -> PathBuf {
        if cfg!(target_os = "linux") {
            Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(Self::SOCKET)
        } else {
            self.folder.join(Self::SOCKET)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_to_be_is_told_from_evermux_and_from_a_shell() {
        let stands = |executable: &str, name: &str| {
            stands_at_gate(Path::new(executable), OsStr::new(name), Path::new("/usr/bin/evermux"))
        };
        assert!(stands("/usr/bin/evermux", "-bash") && stands("/opt/old/evermux", "zsh"));
        assert!(!stands("/usr/bin/evermux", "evermux") && !stands("/usr/bin/evermux", "./evermux"));
        assert!(!stands("/bin/bash", "-bash") && !stands("", "-bash"));
    }

    #[test]
    fn endings_round_trip_and_default_to_a_shell() {
        for ending in [Ending::Shell, Ending::Exit(0), Ending::Exit(127), Ending::Signal(9)] {
            assert_eq!(Ending::read(&ending.write()), ending);
        }
        for text in ["", "exit", "exit x", "signal \n", "garbage\n"] {
            assert_eq!(Ending::read(text), Ending::Shell, "{text:?}");
        }
    }
}
