//! Our hooks: they ring when something has changed. They only make saving faster; looking finds everything.
//!
//! Each stands at an index of our own in the array of a hook, beside what the user has there. A config that is read
//! again can delete them (`set-hook -g NAME COMMAND` replaces the whole array), and a hook of a session shadows them.

use std::fmt::Write;

use bstr::ByteSlice;

use crate::model::TmuxVersion;

/// What `wait-for` waits for.
pub(super) const CHANNEL: &str = "evermux";

/// Our place in each array. From 3.8 on keys may be words, before they are numbers.
const INDEX: u32 = 83_720;

/// Hooks of every version from 3.0 on. Titles are not among them: there are programs that draw on them all the time. Nor
/// is `window-renamed`: it rings whenever a program begins or ends in a window with an automatic name, while
/// `after-rename-window` rings for a user's `rename-window` only (measured on 3.1c to 3.8); a look finds the others.
const ALL: &[&str] = &[
    "after-kill-pane",
    "after-rename-window",
    "after-resize-pane",
    "after-select-pane",
    "after-set-environment",
    "after-set-hook",
    "after-set-option",
    "client-attached",
    "client-detached",
    "client-session-changed",
    "pane-died",
    "pane-exited",
    "session-closed",
    "session-created",
    "session-renamed",
    "session-window-changed",
    "window-layout-changed",
    "window-linked",
    "window-pane-changed",
    "window-unlinked",
];

/// Hooks that came with 3.8: a pane that is respawned, a window that is filled by a pane.
const SINCE_3_8: &[&str] = &["marked-pane-changed", "pane-created", "window-unzoomed", "window-zoomed"];

/// The hooks that a version has of those we use.
#[derive(Clone, Copy, Debug)]
pub struct Hooks(TmuxVersion);

impl Hooks {
    /// Those of a version.
    pub fn of(version: TmuxVersion) -> Self {
        Self(version)
    }

    fn names(self) -> impl Iterator<Item = &'static str> {
        let newer = if self.0.at_least(3, 8) { SINCE_3_8 } else { &[] };
        ALL.iter().chain(newer).copied()
    }

    /// The script that sets them.
    pub fn arm(self) -> String {
        self.names().fold(String::new(), |mut script, name| {
            let _ = writeln!(script, "set-hook -g '{name}[{INDEX}]' 'wait-for -S {CHANNEL}'");
            script
        })
    }

    /// The script that removes them.
    pub fn disarm(self) -> String {
        self.names().fold(String::new(), |mut script, name| {
            let _ = writeln!(script, "set-hook -gu '{name}[{INDEX}]'");
            script
        })
    }

    /// Whether they are all in what `show-hooks` prints.
    pub(super) fn are_in(self, shown: &[u8]) -> bool {
        let ours = format!("[{INDEX}] wait-for -S {CHANNEL}");
        let found = |name: &str| {
            shown
                .lines()
                .any(|line| line.strip_prefix(name.as_bytes()).is_some_and(|rest| rest == ours.as_bytes()))
        };
        self.names().all(found)
    }
}
