//! What the rows of a snapshot say of its sessions, as bodies: for snapshots in packs.

use serde::{Deserialize, Serialize};

use super::{Bytes, Hash};
use crate::choose::SessionEntry;
use crate::model::PaneIdentity;

/// The sessions of a snapshot by the hashes of their parts, in its order.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootBody {
    /// Each session.
    pub sessions: Vec<RootSessionBody>,
}

/// The parts of a session.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootSessionBody {
    /// Its body.
    pub body: Hash,
    /// Its facts.
    pub facts: Hash,
}

/// What lists need of the sessions of a snapshot, in its order.
#[derive(Debug, Serialize, Deserialize)]
pub struct EntriesBody {
    /// Each session.
    sessions: Vec<EntryBody>,
}

#[derive(Debug, Serialize, Deserialize)]
struct EntryBody {
    name: Bytes,
    untouched: bool,
    panes: Vec<PaneIdentity>,
}

impl EntriesBody {
    /// Of these sessions.
    pub fn of(entries: &[SessionEntry]) -> Self {
        let entry = |entry: &SessionEntry| EntryBody {
            name: (&entry.name).into(),
            untouched: entry.untouched,
            panes: entry.panes.clone(),
        };
        Self { sessions: entries.iter().map(entry).collect() }
    }

    /// As entries.
    pub fn into_entries(self) -> Vec<SessionEntry> {
        let entry = |body: EntryBody| SessionEntry {
            name: body.name.into(),
            untouched: body.untouched,
            panes: body.panes,
        };
        self.sessions.into_iter().map(entry).collect()
    }
}
