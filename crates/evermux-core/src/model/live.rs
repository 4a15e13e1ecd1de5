//! A running server: a snapshot of it together with the ids that are valid while it lives.

use bstr::BString;

use super::{PaneId, PaneIdentity, SessionId, Snapshot, WindowId};

/// A running server, with live ids.
///
/// `sessions`, `windows` and `panes` run parallel to [`Snapshot::sessions`], [`Snapshot::windows`] and each
/// window's panes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// The same in lasting words.
    pub snapshot: Snapshot,
    /// Id of each session.
    pub sessions: Vec<SessionId>,
    /// Id of each window.
    pub windows: Vec<WindowId>,
    /// Of each window, its panes.
    pub panes: Vec<Vec<LivePane>>,
}

/// What identifies a pane in a running server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LivePane {
    /// Its id.
    pub id: PaneId,
    /// Its terminal device; none for an empty or dead pane.
    pub tty: Option<BString>,
    /// Whether its identity is already set on the server; otherwise it is freshly minted and still to be set.
    pub marked: bool,
}

impl Live {
    /// Position of a live pane with this identity: window and pane.
    pub fn find(&self, identity: PaneIdentity) -> Option<(usize, usize)> {
        self.snapshot.windows().iter().enumerate().find_map(|(w, window)| {
            let p = window.panes.iter().position(|pane| pane.identity == identity)?;
            self.panes[w][p].marked.then_some((w, p))
        })
    }
}
