//! Whether the line editor of a shell waits for input.
//!
//! Measured with bash 5.2, zsh 5.9, fish 3.6, 4.0 and 4.9, dash and nu on Linux; the table is in the tests below. A
//! bash rc file that reads with `read -e` cannot be told from a prompt by anything outside: only the shell
//! integration is sure. A caller looks twice, 30 ms apart, before it types.

use bstr::{BString, ByteSlice};

use super::{Job, Process, TerminalState, file_name, os};
use crate::relaunch::Shell;

/// What tells whether the line editor of a shell waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Which shell.
    pub shell: Shell,
    /// It is in the foreground of its terminal.
    pub foreground: bool,
    /// It is the only process of its group: it has not started anything that shares the terminal with it.
    pub alone: bool,
    /// The state of its terminal.
    pub terminal: TerminalState,
    /// It has one of its rc files open, as zsh, fish and dash (but not bash) have while they read it.
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
    /// Looks at the shell that leads the foreground job of a pane; none if that is not a shell that takes its
    /// commands from the terminal (a script is not).
    pub fn read(job: &Job<'_>, terminal: TerminalState) -> Option<Self> {
        let process = job.leader?;
        let shell = shell_at_terminal(process)?;
        Some(Self {
            shell,
            foreground: true,
            alone: job.all.len() == 1,
            terminal,
            reads_rc: rc_descriptor(shell)
                .is_some_and(|lowest| reads_rc(shell, &os::open_files(process.pid, lowest))),
            // Costs a file of its own for every shell: only where it decides.
            reading: match shell {
                Shell::Plain if terminal.canonical => os::reading(process.pid),
                _ => Reading::Unknown,
            },
        })
    }
}

/// Which shell a process is, if it takes its commands from the terminal.
///
/// The executable decides before the names: `sh` is dash here and bash there.
pub fn shell_at_terminal(process: &Process) -> Option<Shell> {
    if !Shell::takes_commands_from_terminal(process.argv()) {
        return None;
    }
    let named = || Shell::of(&process.name).or_else(|| Shell::of(process.argv().first()?));
    let shell = match process.executable() {
        // One executable for all names; its shell has a line editor.
        Some(path) if file_name(path) == b"busybox" => named().map(|_| Shell::Korn),
        Some(path) => Shell::of(path).or_else(named),
        None => named(),
    }?;
    let no_editor = shell == Shell::Bash && process.argv().iter().any(|word| word == "--noediting");
    Some(if no_editor { Shell::Plain } else { shell })
}

/// From which number on the open files of a shell tell that it reads an rc file; none if they do not tell.
fn rc_descriptor(shell: Shell) -> Option<u32> {
    match shell {
        Shell::Plain => Some(10),
        Shell::Zsh | Shell::Fish => Some(3),
        Shell::Bash | Shell::Nu | Shell::Korn | Shell::Csh | Shell::Other => None,
    }
}

/// Whether one of the open files says that the shell still reads an rc file.
fn reads_rc(shell: Shell, open: &[OpenFile]) -> bool {
    open.iter().any(|file| {
        let name = file_name(&file.path);
        match shell {
            // Both with and without the dot: ~/.zshrc, /etc/zsh/zshrc.
            Shell::Zsh => matches!(
                name.strip_prefix(b".").unwrap_or(name),
                b"zshenv" | b"zprofile" | b"zshrc" | b"zlogin"
            ),
            Shell::Fish => name == b"config.fish" || file.path.contains_str("conf.d/"),
            // It opens what it sources at 10 or higher; the name is the user's ($ENV).
            Shell::Plain => {
                file.descriptor >= 10 && file.path.starts_with(b"/") && !file.path.starts_with(b"/dev/")
            }
            Shell::Bash | Shell::Nu | Shell::Korn | Shell::Csh | Shell::Other => false,
        }
    })
}

/// A file that a process has open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OpenFile {
    /// Its number.
    pub(super) descriptor: u32,
    /// Its path, or what the system says instead (`pipe:[4242]`).
    pub(super) path: BString,
}

/// Whether the shell's line editor waits for input, so that a line sent to it is edited and run by it.
pub fn line_editor_waits(evidence: Evidence) -> bool {
    let Evidence { shell, foreground, alone, terminal, reads_rc, reading } = evidence;
    if !foreground || reads_rc {
        return false;
    }
    match shell {
        // No editor: at its prompt the terminal is as for any program that reads lines.
        Shell::Plain if terminal.canonical => match reading {
            Reading::Yes => true,
            Reading::No => false,
            Reading::Unknown => alone,
        },
        _ => !terminal.canonical,
    }
}

/// Whether a program other than the pane's own shell waits for a password (ECHO off, ICANON on). Prompts behind a
/// remote shell cannot be seen: there the terminal here is raw.
pub fn is_password_prompt(terminal: TerminalState, own_shell: bool) -> bool {
    !terminal.echo && terminal.canonical && !own_shell
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOKED: TerminalState = TerminalState { echo: true, canonical: true, signals: true };
    const EDITOR: TerminalState = TerminalState { echo: false, canonical: false, signals: true };
    const RAW: TerminalState = TerminalState { echo: false, canonical: false, signals: false };

    /// Shell, terminal, foreground, reading, rc file open; the answer.
    type Row = (&'static str, Shell, TerminalState, bool, Reading, bool, bool);

    #[test]
    fn the_table_of_measured_states() {
        use Reading::{No, Yes};
        use Shell::{Bash, Fish, Nu, Plain, Zsh};
        #[rustfmt::skip]
        let table: &[Row] = &[
            ("bash prompt",                 Bash,  EDITOR, true,  No,  false, true),
            ("bash rc: sleep or busy",      Bash,  COOKED, true,  No,  false, false),
            ("bash rc: read -p",            Bash,  COOKED, true,  Yes, false, false),
            // Known and not to be told apart: see the head of this file.
            ("bash rc: read -e",            Bash,  EDITOR, true,  No,  false, true),
            ("bash runs a command",         Bash,  COOKED, false, No,  false, false),
            ("bash runs an editor",         Bash,  RAW,    false, No,  false, false),
            ("zsh prompt",                  Zsh,   EDITOR, true,  Yes, false, true),
            ("zsh rc: sleep",               Zsh,   COOKED, false, No,  true,  false),
            ("zsh rc: read",                Zsh,   COOKED, true,  Yes, true,  false),
            ("zsh rc: vared",               Zsh,   EDITOR, true,  Yes, true,  false),
            ("fish prompt",                 Fish,  EDITOR, true,  No,  false, true),
            ("fish config: sleep",          Fish,  COOKED, true,  No,  true,  false),
            ("fish config: read",           Fish,  EDITOR, true,  No,  true,  false),
            ("dash prompt",                 Plain, COOKED, true,  Yes, false, true),
            ("dash ENV: read",              Plain, COOKED, true,  Yes, true,  false),
            ("dash busy",                   Plain, COOKED, true,  No,  false, false),
            ("dash runs a command",         Plain, COOKED, false, No,  false, false),
            ("nu prompt",                   Nu,    RAW,    true,  No,  false, true),
        ];
        for &(state, shell, terminal, foreground, reading, reads_rc, waits) in table {
            let evidence = Evidence { shell, foreground, alone: true, terminal, reads_rc, reading };
            assert_eq!(line_editor_waits(evidence), waits, "{state}");
        }
    }

    #[test]
    fn where_the_system_does_not_tell_a_plain_shell_must_be_alone() {
        let mut evidence = Evidence {
            shell: Shell::Plain,
            foreground: true,
            alone: true,
            terminal: COOKED,
            reads_rc: false,
            reading: Reading::Unknown,
        };
        assert!(line_editor_waits(evidence));
        evidence.alone = false;
        assert!(!line_editor_waits(evidence));
    }

    #[test]
    fn rc_files_are_known_by_their_names() {
        let reads =
            |shell, descriptor, path: &str| reads_rc(shell, &[OpenFile { descriptor, path: path.into() }]);
        assert!(reads(Shell::Zsh, 11, "/home/u/.zshrc"));
        assert!(reads(Shell::Zsh, 11, "/etc/zsh/zshenv"));
        assert!(!reads(Shell::Zsh, 12, "/home/u/.zsh_history"));
        assert!(reads(Shell::Fish, 4, "/home/u/.config/fish/config.fish"));
        assert!(reads(Shell::Fish, 4, "/usr/share/fish/vendor_conf.d/x.fish"));
        assert!(!reads(Shell::Fish, 4, "/home/u/.config/fish/fish_variables"));
        assert!(reads(Shell::Plain, 11, "/home/u/env"));
        assert!(!reads(Shell::Plain, 10, "/dev/pts/3"));
        assert!(!reads(Shell::Plain, 3, "/home/u/log"));
        assert!(!reads(Shell::Plain, 11, "pipe:[5]"));
        assert!(!reads(Shell::Bash, 11, "/home/u/.bashrc"));
    }

    #[test]
    fn password_prompts() {
        let asks = TerminalState { echo: false, canonical: true, signals: true };
        assert!(is_password_prompt(asks, false));
        assert!(!is_password_prompt(asks, true));
        assert!(!is_password_prompt(EDITOR, false));
        assert!(!is_password_prompt(COOKED, false));
    }
}
