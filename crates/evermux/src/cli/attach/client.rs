//! What the terminal's process becomes: a client of tmux, or a shell.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use evermux_core::model::SessionId;
use evermux_core::text::quote::tmux_message;

use crate::context::terminal::Terminal;
use crate::error::CliError;
use crate::output;

/// How long a message is shown, in milliseconds; otherwise as long as `display-time` says.
const SHOWN: &str = "5000";

/// A client for somebody to look at.
pub struct Client<'a> {
    /// The program.
    pub program: &'a Path,
    /// The server's socket.
    pub socket: &'a Path,
    /// The terminal.
    pub terminal: &'a Terminal,
    /// What stands for `$TERM`, which tmux does not know.
    pub kind: Option<&'a OsStr>,
    /// What tmux shows once somebody looks.
    pub note: Option<&'a str>,
    /// Whether tmux can be told how long (3.2 and newer).
    pub times: bool,
}

impl Client<'_> {
    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        if !self.terminal.has_locale {
            // Nothing says otherwise, as in `ssh host command`: terminals are UTF-8.
            command.arg("-u");
        }
        command.arg("-S").arg(self.socket);
        if let Some(kind) = self.kind {
            command.env("TERM", kind);
        }
        command
    }

    /// Becomes a client that shows this session. `new`: it was made for this terminal.
    pub fn attach(&self, session: SessionId, new: bool) -> CliError {
        let target = session.to_string();
        let mut command = self.command();
        command.env_remove("TMUX").env_remove("TMUX_PANE").args(["attach-session", "-t", &target]);
        if new {
            // What `-x` and `-y` of `new-session` leave on it, and what kept it until now.
            for option in ["default-size", "destroy-unattached"] {
                command.args([";", "set-option", "-u", "-t", &target, option]);
            }
        }
        self.say(&mut command);
        self.exec(command)
    }

    /// Becomes a client that makes a session, or shows the one of that name.
    pub fn make(&self, arguments: Vec<OsString>, named: bool) -> CliError {
        let mut command = self.command();
        command.env_remove("TMUX").env_remove("TMUX_PANE").arg("new-session");
        if named {
            command.arg("-A");
        }
        command.args(arguments);
        self.exec(command)
    }

    /// Has the client around us show this session.
    pub fn switch(&self, session: SessionId) -> CliError {
        let target = session.to_string();
        let mut command = self.command();
        command.args(["switch-client", "-t", &target]);
        self.say(&mut command);
        self.exec(command)
    }

    fn say(&self, command: &mut Command) {
        let Some(note) = self.note else { return };
        command.args([";", "display-message"]);
        if self.times {
            command.args(["-d", SHOWN]);
        }
        command.arg(message(note));
    }

    fn exec(&self, mut command: Command) -> CliError {
        let error = command.exec();
        CliError::failed(format!("cannot run {}", self.program.display())).because(&error)
    }
}

/// A text for `display-message`, which must not end in a semicolon: that would end the command.
fn message(text: &str) -> String {
    tmux_message(format!("evermux: {text} ").as_bytes())
}

/// Says why there is no tmux, and becomes the user's shell.
pub fn shell(terminal: &Terminal, why: CliError, json: bool) -> CliError {
    output::show(Err(why.hint("This is a plain shell, without tmux: nothing in it is kept.")), json);
    let itself = std::env::current_exe().ok();
    let is_other = |shell: &&Path| itself.as_deref() != shell.canonicalize().ok().as_deref();
    let own = Some(terminal.shell.as_path()).filter(is_other);
    let mut failed = None;
    for shell in own.into_iter().chain([Path::new("/bin/sh")]) {
        let error = Command::new(shell).env_remove("TMUX").env_remove("TMUX_PANE").exec();
        failed = Some(CliError::failed(format!("cannot run {}", shell.display())).because(&error));
    }
    failed.unwrap_or_else(|| CliError::failed("there is no shell"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_no_format_and_ends_no_command() {
        assert_eq!(message("50% #{pid};"), "evermux: 50%% ##{pid}; ");
    }
}
