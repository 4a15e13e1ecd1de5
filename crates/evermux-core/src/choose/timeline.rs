//! What choosing must know of the past: the headers of a server's snapshots, and what became of its restores.
//!
//! All of it is small and is read without opening a single window body or block of text.

use std::collections::HashSet;

use bstr::BString;
use jiff::Timestamp;

use crate::model::{Generation, Kind, PaneIdentity, Snapshot, SnapshotId};

/// The past of one server, as the store delivers it. Only `entries` must be filled; the rest makes the choice better.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// The headers of all snapshots of this server, in any order.
    pub entries: Vec<Entry>,
    /// How generations ended, where a keeper saw it. None for a generation: nothing is known.
    pub endings: Vec<GenerationEnd>,
    /// Restores that did not come to their end, or were taken back. A restore that ended well is not listed; nor is
    /// an interrupted one that was completed later.
    pub restores: Vec<RestoreRecord>,
    /// Panes whose past is settled for another reason than their snapshots tell: forgotten by the user, or known
    /// only from snapshots that retention has removed.
    pub settled: Vec<Settled>,
}

impl Timeline {
    /// The same as it is once these snapshots are removed.
    pub fn without(&self, removed: &HashSet<SnapshotId>) -> Self {
        let mut rest = self.clone();
        rest.entries.retain(|entry| !removed.contains(&entry.id));
        for restore in &mut rest.restores {
            // The journal loses what it says about snapshots that are gone.
            restore.unfinished.retain(|source| !removed.contains(&source.snapshot));
        }
        rest
    }
}

/// The header of one snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number. Later snapshots have higher numbers, whatever the clock said.
    pub id: SnapshotId,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// When the server was last seen in just this state (equal states make no new snapshot); at least `taken_at`.
    pub still_at: Timestamp,
    /// The life of the server it shows.
    pub generation: Generation,
    /// On what occasion it was taken.
    pub kind: Kind,
    /// What it says about sessions that are not in it.
    pub coverage: Coverage,
    /// Its sessions, in the order of [`Snapshot::sessions`].
    pub sessions: Vec<SessionEntry>,
}

/// What a snapshot says about sessions that are not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Coverage {
    /// It shows the whole server: a session that is not in it was not there.
    #[default]
    Whole,
    /// It shows the server without these sessions, which were there: left out by `@evermux-policy` or a pattern, or
    /// they could not be read.
    Without(Vec<BString>),
    /// It shows only what was asked for (`save --session`): it says nothing about others.
    Part,
}

/// A session in a snapshot's header.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionEntry {
    /// Its name as tmux reports it.
    pub name: BString,
    /// Nobody has used it yet ([`crate::model::SessionFacts::untouched`]).
    pub untouched: bool,
    /// The panes of all its windows, linked ones included, in the order of its links; each once.
    pub panes: Vec<PaneIdentity>,
}

impl SessionEntry {
    /// The headers of all sessions of a snapshot, in its order: what the store writes beside its body.
    pub fn of(snapshot: &Snapshot) -> Vec<Self> {
        let header = |session: &crate::model::Session| {
            let mut panes: Vec<PaneIdentity> = Vec::new();
            let mut seen = std::collections::HashSet::new();
            for pane in session.links.iter().flat_map(|link| &snapshot.window(*link).panes) {
                if seen.insert(pane.identity) {
                    panes.push(pane.identity);
                }
            }
            Self { name: session.name.clone(), untouched: session.facts.untouched, panes }
        };
        snapshot.sessions().iter().map(header).collect()
    }
}

/// How a generation ended, as far as somebody saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationEnd {
    /// Which one.
    pub generation: Generation,
    /// How.
    pub ending: Ending,
}

/// How a server went away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It fell at once or piece by piece without anybody wanting a single session closed: the system was stopping,
    /// `kill-server`, or it died with panes left. What vanished from this moment on does not count.
    Collapse {
        /// When it began.
        since: Timestamp,
    },
    /// Its last session was closed by somebody who was there (a client was active in the last 5 s, and the system
    /// was not stopping), and with it the server ended.
    LastSessionClosed {
        /// When.
        at: Timestamp,
    },
}

/// A restore that did not come to its end, or was taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreRecord {
    /// The generation it restored into.
    pub generation: Generation,
    /// When it began: what snapshots of that generation from this moment on show of its unfinished sessions does not
    /// count. So an interrupted restore should be completed soon.
    pub began: Timestamp,
    /// How far it came.
    pub outcome: Outcome,
    /// The sessions it did **not** finish, each with all the panes of it that were to come back. A session is
    /// finished when it stands wholly: panes, text, names, options. With [`Outcome::TakenBack`]: all its sessions.
    pub unfinished: Vec<Source>,
    /// The panes it had closed, or was about to close, because it was asked to replace them.
    pub replaced: Vec<PaneIdentity>,
}

/// How far a restore came that did not end well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It stopped half-way: the next restore completes it.
    Interrupted,
    /// It was rolled back or undone: as if it had never been.
    TakenBack,
}

/// Panes of a session in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// The session's position in it.
    pub session: usize,
    /// The panes.
    pub panes: Vec<PaneIdentity>,
}

/// A pane whose past is settled: states of it seen until then are not brought back unless asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The pane.
    pub pane: PaneIdentity,
    /// Up to when; the pane counts again if it is seen alive later.
    pub until: Timestamp,
    /// Why.
    pub why: WhySettled,
}

/// Why a pane's past is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WhySettled {
    /// The user closed it; the snapshots that show so are no longer kept.
    Closed,
    /// The user asked to forget it.
    Forgotten,
    /// A later restore deliberately went back to a state of its session without it.
    LeftOut,
}
