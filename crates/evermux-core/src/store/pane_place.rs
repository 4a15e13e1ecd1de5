//! Which pane of which life of a server a file of its own is for.

use serde::{Deserialize, Serialize};

use super::body::Bytes;
use crate::model::{Generation, PaneIdentity, ServerName};

/// A pane in one life of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PanePlace {
    /// The server.
    pub server: ServerName,
    /// Its life.
    pub generation: Generation,
    /// The pane.
    pub pane: PaneIdentity,
}

/// The same in a file, among its other fields.
#[derive(Serialize, Deserialize)]
pub(super) struct PanePlaceBody {
    machine: String,
    socket: Bytes,
    boot: String,
    pid: u32,
    started: i64,
    pane: PaneIdentity,
}

impl From<&PanePlace> for PanePlaceBody {
    fn from(place: &PanePlace) -> Self {
        Self {
            machine: place.server.machine.clone(),
            socket: (&place.server.socket).into(),
            boot: place.generation.boot.clone(),
            pid: place.generation.pid,
            started: place.generation.started,
            pane: place.pane,
        }
    }
}

impl From<PanePlaceBody> for PanePlace {
    fn from(body: PanePlaceBody) -> Self {
        Self {
            server: ServerName { machine: body.machine, socket: body.socket.into() },
            generation: Generation { boot: body.boot, pid: body.pid, started: body.started },
            pane: body.pane,
        }
    }
}

#[cfg(test)]
impl PanePlace {
    /// One for tests, in a life of the server that began then.
    pub(super) fn made_up(started: i64) -> Self {
        Self {
            server: ServerName { machine: "machine".to_owned(), socket: "/tmp/s".into() },
            generation: Generation { boot: "boot".to_owned(), pid: 7, started },
            pane: PaneIdentity::from_random([3; 16]),
        }
    }
}
