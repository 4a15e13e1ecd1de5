//! Two snapshots compared: what changed, in words, and whether what came back equals what was there (law 1).
//!
//! The fields are those of the design's table of what a snapshot holds; each change carries the class of its field.
//! Facts that change from save to save without anybody's doing (process ids, cursor, times) are not compared at all.
//! Live ids play no part: sessions, windows and panes are matched by identity first, by name and place second
//! (`matching`).

mod fields;
mod matching;
#[cfg(test)]
mod tests;
mod text;

use std::fmt;

use bstr::BString;

use crate::model::{BlockId, Snapshot};
use crate::problem::Subject;
use crate::text::quote::printable;
pub use text::same_text;

/// Gives the uncompressed bytes of a block of text, or none if it cannot be read.
pub type ReadBlock<'a> = &'a mut dyn FnMut(BlockId) -> Option<Vec<u8>>;

/// One difference between two snapshots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What changed, named as it was before; a new thing as it is now.
    pub subject: Subject,
    /// Which of its fields.
    pub field: Field,
    /// What kind of field that is.
    pub class: Class,
    /// The value before in words, printable; none if it was not there or not set.
    pub before: Option<String>,
    /// The value after.
    pub after: Option<String>,
    /// Whether the pane carries a debt that says so (law 4): reported, though not equal.
    pub owed: bool,
}

/// What a restore owes to a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// It is restored: law 1 is equality of these.
    Restored,
    /// It comes back when its program does, and is owed until then.
    Program,
    /// It is kept and shown, not restored.
    Fact,
}

impl Class {
    /// Its word in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Restored => "restored",
            Self::Program => "program",
            Self::Fact => "fact",
        }
    }
}

/// A field of a server, session, window or pane.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// Whether it is there at all.
    Presence,
    /// Its name.
    Name,
    /// Its directory.
    Directory,
    /// The group of a session.
    Group,
    /// An option set on it.
    Option(BString),
    /// A variable set in a session's environment.
    Environment(BString),
    /// The index of a window in a session.
    Index,
    /// A link to a window that also stands elsewhere.
    Link,
    /// The current window of a session.
    CurrentWindow,
    /// The windows of a session visited before.
    LastWindows,
    /// How panes divide a window.
    Layout,
    /// The size of a window.
    Size,
    /// Whether the active pane fills its window.
    Zoom,
    /// The active pane of a window.
    ActivePane,
    /// The panes of a window visited before.
    LastPanes,
    /// The order of a window's panes.
    PaneOrder,
    /// The window a pane stands in.
    Window,
    /// The title of a pane.
    Title,
    /// How many lines of history a pane may hold; more than before is as good.
    HistoryLimit,
    /// Whether keys are kept from a pane.
    InputOff,
    /// Whether it is the marked pane.
    Marked,
    /// How the program of a dead pane ended.
    Dead,
    /// The lines of a pane.
    Text,
    /// The screen row in which the prompt of a pane stands.
    PromptRow,
    /// The command a pane was made with.
    StartCommand,
    /// The foreground program of a pane.
    Program,
    /// The directory stack of a pane's shell.
    DirectoryStack,
    /// The directory in which a pane's shell was before.
    PreviousDirectory,
    /// A variable of a pane's shell.
    ShellVariable(BString),
    /// What the editor of a pane holds that is in no file.
    Unsaved,
    /// What earlier restores owe a pane.
    Debt,
    /// A paste buffer.
    Buffer(BString),
    /// The version of the server.
    Version,
    /// Machine and socket of the server.
    Server,
    /// Which life of the server it is.
    Generation,
    /// A server option.
    ServerOption(BString),
    /// A global session option.
    GlobalOption(BString),
    /// A global window option.
    GlobalWindowOption(BString),
    /// The presence of a name in the global environment.
    GlobalEnvironment(BString),
    /// What an attached terminal shows.
    Client(BString),
    /// How many clients show a session.
    Attached,
    /// Alerts of a window.
    Alerts,
    /// Whether the name of a window follows its program.
    AutomaticRename,
    /// Whether the alternate screen of a pane is on.
    AlternateScreen,
    /// Why the text of a pane was left out.
    TextLeftOut,
}

impl Field {
    /// Its word in every output, without the name of an option, variable, buffer or client.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Presence => "presence",
            Self::Name => "name",
            Self::Directory => "directory",
            Self::Group => "group",
            Self::Option(_) => "option",
            Self::Environment(_) => "environment",
            Self::Index => "index",
            Self::Link => "link",
            Self::CurrentWindow => "current window",
            Self::LastWindows => "last windows",
            Self::Layout => "layout",
            Self::Size => "size",
            Self::Zoom => "zoom",
            Self::ActivePane => "active pane",
            Self::LastPanes => "last panes",
            Self::PaneOrder => "pane order",
            Self::Window => "window",
            Self::Title => "title",
            Self::HistoryLimit => "history limit",
            Self::InputOff => "input off",
            Self::Marked => "marked",
            Self::Dead => "dead",
            Self::Text => "text",
            Self::PromptRow => "prompt row",
            Self::StartCommand => "start command",
            Self::Program => "program",
            Self::DirectoryStack => "directory stack",
            Self::PreviousDirectory => "previous directory",
            Self::ShellVariable(_) => "variable",
            Self::Unsaved => "unsaved text",
            Self::Debt => "debt",
            Self::Buffer(_) => "buffer",
            Self::Version => "tmux version",
            Self::Server => "server",
            Self::Generation => "generation",
            Self::ServerOption(_) => "server option",
            Self::GlobalOption(_) => "global option",
            Self::GlobalWindowOption(_) => "global window option",
            Self::GlobalEnvironment(_) => "global environment",
            Self::Client(_) => "client",
            Self::Attached => "attached clients",
            Self::Alerts => "alerts",
            Self::AutomaticRename => "automatic rename",
            Self::AlternateScreen => "alternate screen",
            Self::TextLeftOut => "text left out",
        }
    }

    /// The name of the option, variable, buffer or client.
    pub fn name(&self) -> Option<&BString> {
        match self {
            Self::Option(name)
            | Self::Environment(name)
            | Self::ShellVariable(name)
            | Self::Buffer(name)
            | Self::ServerOption(name)
            | Self::GlobalOption(name)
            | Self::GlobalWindowOption(name)
            | Self::GlobalEnvironment(name)
            | Self::Client(name) => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        match self.name() {
            Some(name) => write!(f, " {}", printable(name)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Change {
    /// One line: `window work:2: size: 80x24 → 120x40`, `session play: gone`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.what())?;
        if self.owed { f.write_str(" (owed)") } else { Ok(()) }
    }
}

/// Everything that differs. Texts in different blocks count as different; see [`compare_text`].
pub fn compare(before: &Snapshot, after: &Snapshot) -> Vec<Change> {
    fields::Comparison::new(before, after, None).run()
}

/// As [`compare`], but where texts are in different blocks their lines are read and compared in sequence: the same
/// lines are the same text, however they are divided.
pub fn compare_text(before: &Snapshot, after: &Snapshot, read: ReadBlock) -> Vec<Change> {
    fields::Comparison::new(before, after, Some(read)).run()
}

/// Whether what came back equals what was there: the changes that break law 1 or law 4, none if all is well.
///
/// Those are differences in restored fields that no debt reports, and programs, start commands and debts that neither
/// came back nor are owed. What only `after` has (other sessions of a living server) is judged by the caller: those
/// changes are [`Change::is_addition`].
pub fn exact(before: &Snapshot, after: &Snapshot, read: ReadBlock) -> Vec<Change> {
    let mut changes = compare_text(before, after, read);
    changes.retain(Change::breaks_law);
    changes
}

impl Change {
    /// What changed, as a fragment that reads after the subject: `size: 80x24 → 120x40`, `gone`.
    pub fn what(&self) -> String {
        match (&self.field, &self.before, &self.after) {
            (Field::Presence, _, None) => "gone".to_owned(),
            (Field::Presence, _, Some(_)) => "new".to_owned(),
            (field, before, after) => {
                let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
                format!("{field}: {} → {}", value(before), value(after))
            }
        }
    }

    /// Whether a restore that makes this change breaks law 1 (exact) or law 4 (what is owed stays owed).
    pub fn breaks_law(&self) -> bool {
        let lost =
            matches!(self.field, Field::StartCommand | Field::Program | Field::Debt) && self.before.is_some();
        !self.owed && (self.class == Class::Restored || lost)
    }

    /// Whether this is a session, window or pane, or a link to one, that was not there before.
    pub fn is_addition(&self) -> bool {
        matches!(self.field, Field::Presence | Field::Link) && self.before.is_none()
    }
}
