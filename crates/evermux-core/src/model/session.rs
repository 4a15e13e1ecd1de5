//! Sessions: named lists of links to windows.

use bstr::BString;

/// A width and a height in character cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// One option as it is set on one object, the value decoded from tmux's quoting.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OptionEntry {
    /// Its name, with the index of an array element: `status-format[1]`, `@user-option`.
    pub name: BString,
    /// Its value; none for an array that is set but empty, which tmux prints as a bare name.
    pub value: Option<BString>,
}

/// One variable of a session's environment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EnvironmentEntry {
    /// Its name.
    pub name: BString,
    /// Its value; none when the session removes the variable (`set-environment -r`).
    pub value: Option<BString>,
}

/// A window as it stands in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    /// Its index in the session; indexes may have gaps.
    pub index: u32,
    /// Its position in [`super::Snapshot::windows`].
    pub window: usize,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// As tmux reports it; unique in its server.
    pub name: BString,
    /// The directory of new windows (`#{session_path}`; on tmux before 3.2, which cannot tell, that of its first
    /// pane). Exact bytes.
    pub directory: BString,
    /// The group it belongs to, if any. Sessions of a group have the same links.
    pub group: Option<BString>,
    /// Options set on the session itself, in tmux's order.
    pub options: Vec<OptionEntry>,
    /// Environment set on the session itself, without the names in `update-environment` and without secrets.
    pub environment: Vec<EnvironmentEntry>,
    /// Its windows, ordered by index; never empty.
    pub links: Vec<Link>,
    /// Index of the current window.
    pub active: u32,
    /// Indexes of the windows visited before, the latest first (`#{session_stack}` without the current one).
    pub last: Vec<u32>,
    /// Facts, not restored.
    pub facts: SessionFacts,
}

/// Facts of a session: kept and shown, not restored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionFacts {
    /// `#{session_created}`, seconds since the epoch.
    pub created: i64,
    /// How many clients showed it.
    pub attached: u32,
    /// Names of variables in its environment whose values are not kept: those in `update-environment`, and secrets.
    pub updated_environment: Vec<BString>,
    /// Nobody has used it yet: automatic numeric name, one window with one pane, a shell without children, nothing
    /// on its screen but a prompt, no key since its creation (design, "what is already there").
    pub untouched: bool,
}

impl Session {
    /// The link at `index`.
    pub fn link(&self, index: u32) -> Option<Link> {
        self.links.iter().copied().find(|link| link.index == index)
    }
}
