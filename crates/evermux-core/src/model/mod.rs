//! What evermux knows of a tmux server at one moment: plain values in tmux's own words.
//!
//! Names, titles, paths, arguments and values are byte strings ([`BString`]): tmux and Unix do not promise UTF-8.
//! Names and titles are kept in the form tmux itself reports (`#{session_name}`, `#{window_name}`,
//! `#{pane_title}`), because that form is what law 1 compares; how to make tmux report the same again is the
//! business of [`crate::text`].
//!
//! Live ids (`$1`, `@2`, `%3`) exist only in [`Live`], never in a [`Snapshot`].

#[cfg(any(test, feature = "arbitrary"))]
pub mod arbitrary;
mod conversation;
mod debt;
mod editor;
mod ids;
mod live;
mod look;
mod pane;
mod saved;
mod scrollback;
mod server;
mod session;
mod shell;
mod snapshot;
mod version;
mod window;

pub use bstr::{BStr, BString};
pub use conversation::{Confidence, Conversation, Found};
pub use debt::{Debt, Owed};
pub use editor::{Editor, EditorFacts, LeftOut, Unsaved};
pub use ids::{BadId, PaneId, PaneIdentity, SessionId, WindowId};
pub use live::{Live, LivePane};
pub use look::{Fingerprint, Look};
pub use pane::{Command, Death, Pane, PaneFacts, Process, Program, StartCommand};
pub use saved::{BadKind, Kind, SnapshotId};
pub use scrollback::{BlockId, BlockRef, Scrollback, TextMark};
pub use server::{Buffer, Client, Generation, Server, ServerName};
pub use session::{EnvironmentEntry, Link, OptionEntry, Session, SessionFacts, Size};
pub use shell::ShellState;
pub use snapshot::{Invalid, Snapshot};
pub use version::TmuxVersion;
pub use window::{Window, WindowFacts};
