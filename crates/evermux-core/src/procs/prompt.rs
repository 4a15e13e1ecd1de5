//! Whether the line editor of a shell waits for input.

use super::{Job, Process, TerminalState};
use crate::relaunch::Shell;

/// What tells whether the line editor of a shell waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Which shell.
    pub shell: Shell,
    /// It is in the foreground of its terminal.
    pub foreground: bool,
    /// The state of its terminal.
    pub terminal: TerminalState,
    /// It has one of its rc files open, as zsh, fish and dash have while they read it.
    pub reads_rc: bool,
    /// What it is doing.
    pub reading: Reading,
}

/// Whether a process is blocked reading its terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// The system does not tell.
    Unknown,
}

impl Evidence {
    /// Looks at the shell that leads the foreground job of a pane; none if that is not a shell.
    pub fn read(job: &Job<'_>, terminal: TerminalState) -> Option<Self> {
        let process = job.leader?;
        let shell = shell_of(process)?;
        Some(Self { shell, foreground: true, terminal, reads_rc: false, reading: Reading::Unknown })
    }
}

fn shell_of(process: &Process) -> Option<Shell> {
    Shell::of(&process.name)
}

/// Whether the shell's line editor waits for input, so that a line sent to it is edited and run by it.
pub fn line_editor_waits(evidence: Evidence) -> bool {
    evidence.foreground && !evidence.terminal.canonical && !evidence.reads_rc
}

/// Whether the terminal waits for a password.
pub fn is_password_prompt(terminal: TerminalState, own_shell: bool) -> bool {
    !terminal.echo && terminal.canonical && !own_shell
}
