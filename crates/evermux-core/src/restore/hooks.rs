//! Keeping the user's hooks from changing what is built.
//!
//! A hook like `after-new-window 'split-window'` or `session-created 'new-window'` would distort a restore. Measured
//! on 3.1c, 3.3a, 3.5a and 3.8: hooks of commands (`after-…`) run within the command list, and so do all of 3.8's;
//! hooks of notifications run, before 3.8, at the next turn of the server's loop, with the hooks of that moment.
//! Therefore each group of commands takes the global hooks away at its beginning and puts them back at its end
//! (nothing can come between: a group runs in one turn, even if we are killed), and everything that is made carries,
//! until the restore is done, an empty hook of its own, which shadows the global one.

use bstr::{BString, ByteSlice};

use crate::model::TmuxVersion;
use crate::tmux::{Command, Script, command};

/// The user's global hooks.
#[derive(Clone, Debug, Default)]
pub(super) struct Hooks {
    session: Vec<Hook>,
    window: Vec<Hook>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Hook {
    /// `session-created`, without an index.
    name: BString,
    /// `session-created[0]`.
    element: BString,
    command: BString,
}

impl Hooks {
    /// The commands that print the hooks, to be read by [`Hooks::read`] with `separator` between both parts.
    pub(super) fn list(version: TmuxVersion, separator: &str, script: &mut Script) {
        script.push(command("show-hooks").word("-g"));
        script.push(command("display-message").value("-p", separator));
        // Hooks of windows and panes are window options from 3.2 on.
        if version.at_least(3, 2) {
            script.push(command("show-hooks").word("-gw"));
        }
    }

    /// Reads the output of [`Hooks::list`].
    pub(super) fn read(output: &[u8], separator: &str) -> Self {
        let mut hooks = Self::default();
        let mut after = false;
        for line in output.lines() {
            if line == separator.as_bytes() {
                after = true;
            } else if let Some(hook) = Hook::read(line) {
                if after { hooks.window.push(hook) } else { hooks.session.push(hook) }
            }
        }
        let session = hooks.session.clone();
        hooks.window.retain(|hook| !session.contains(hook));
        hooks
    }

    /// Commands that take them all away.
    pub(super) fn take_away(&self) -> impl Iterator<Item = Command> + '_ {
        // First those that the taking away itself would run.
        let mut names: Vec<&BString> = self.all().map(|hook| &hook.name).collect();
        names.sort_by_key(|name| !name.starts_with(b"after-set-"));
        names.dedup();
        names.into_iter().map(|name| command("set-hook").word("-gu").word(name))
    }

    /// Commands that put them all back.
    pub(super) fn put_back(&self) -> impl Iterator<Item = Command> + '_ {
        let mut hooks: Vec<&Hook> = self.all().collect();
        hooks.sort_by_key(|hook| hook.name.starts_with(b"after-set-"));
        hooks.into_iter().map(|hook| command("set-hook").word("-g").word(&hook.element).word(&hook.command))
    }

    /// A block that does something while they are away.
    pub(super) fn without(&self, group: &Script) -> Script {
        let mut script = Script::default();
        script.begin_block();
        self.take_away().for_each(|command| script.push(command));
        script.append(group);
        self.put_back().for_each(|command| script.push(command));
        script.end_block();
        script
    }

    /// Commands that shadow them in a session; `undo` removes the shadows.
    pub(super) fn shadow_session<'a>(
        &'a self,
        target: &'a str,
        undo: bool,
    ) -> impl Iterator<Item = Command> + 'a {
        shadows(&self.session, target, None, undo)
    }

    /// Commands that shadow them in a window; `undo` removes the shadows.
    pub(super) fn shadow_window<'a>(
        &'a self,
        target: &'a str,
        undo: bool,
    ) -> impl Iterator<Item = Command> + 'a {
        shadows(&self.window, target, Some("-w"), undo)
    }

    fn all(&self) -> impl Iterator<Item = &Hook> {
        self.session.iter().chain(&self.window)
    }
}

fn shadows<'a>(
    hooks: &'a [Hook],
    target: &'a str,
    scope: Option<&'static str>,
    undo: bool,
) -> impl Iterator<Item = Command> + 'a {
    let mut names: Vec<&BString> = hooks.iter().map(|hook| &hook.name).collect();
    names.dedup();
    names.into_iter().filter(|name| !name.starts_with(b"after-")).map(move |name| {
        let mut command = command("set-hook");
        if let Some(scope) = scope {
            command = command.word(scope);
        }
        if undo {
            command.word("-u").value("-t", target).word(name)
        } else {
            command.value("-t", target).word(name).word("")
        }
    })
}

impl Hook {
    /// Reads `name[0] command`; a bare name is a hook without commands. 3.8 also takes words as keys. The whole
    /// rest of the line is the command, printed as it would stand in a config file, not one quoted word.
    fn read(line: &[u8]) -> Option<Self> {
        let (element, command) = line.split_once_str(" ")?;
        let (name, _) = element.split_once_str("[")?;
        Some(Self { name: name.into(), element: element.into(), command: command.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_tmux_prints() {
        let output = b"after-new-window[0] split-window -h\nalert-bell\nsession-created[3] run-shell \"a b\"\n--\nwindow-renamed[0] display-message x\n";
        let hooks = Hooks::read(output, "--");
        let mut script = Script::default();
        hooks.take_away().for_each(|command| script.push(command));
        hooks.put_back().for_each(|command| script.push(command));
        hooks.shadow_session("=x:", false).for_each(|command| script.push(command));
        let text = String::from_utf8(script.bytes().to_owned()).unwrap();
        assert!(text.contains("set-hook -gu after-new-window\n"), "{text}");
        assert!(text.contains("session-created[3]"), "{text}");
        assert!(!text.contains("alert-bell"), "{text}");
        assert_eq!(text.matches("session-created").count(), 3, "{text}");
    }
}
