//! Reading a snapshot back.

use rusqlite::OptionalExtension;

use super::body::{Hash, RootSessionBody};
use super::decode::{Parts, Root, RootSession, decode};
use super::{Store, StoreError, moment, pack, part};
use crate::choose::SessionEntry;
use crate::model::{BlockId, Generation, Server, ServerName, Snapshot, SnapshotId, TmuxVersion};
use crate::problem::Report;

impl Parts for Store {
    fn part(&self, hash: &Hash) -> Result<Vec<u8>, String> {
        Store::part(self, hash)
    }

    fn has_block(&self, id: &BlockId) -> bool {
        let hash = Hash(id.0);
        *id == BlockId::of(b"")
            || part::find(&self.connection, &hash).is_ok_and(|found| found.is_some())
            || self.in_pack(&hash).is_some()
    }

    fn keeps_history(&self) -> bool {
        true
    }
}

impl Store {
    /// A snapshot. What of it is lost costs only itself and is named in the report: a window whose body is damaged
    /// is left out together with its links, a pane whose text is damaged has none, missing blocks are left out of
    /// their text. Blocks are checked to be there; their bytes are checked by [`Store::block`]. Where an emergency file
    /// holds the snapshot, what is lost comes from there.
    ///
    /// Windows come in the order in which sessions link them.
    ///
    /// # Errors
    /// [`StoreError::NoSnapshot`]; [`StoreError::Lost`] when nothing of it is left.
    pub fn snapshot(&self, id: SnapshotId) -> Result<Report<Snapshot>, StoreError> {
        // One state of the database for all its parts; and without it, each of hundreds of statements would lock.
        let reading = match self.connection.is_autocommit() {
            true => Some(self.connection.unchecked_transaction().map_err(|error| self.failed(error))?),
            false => None,
        };
        let known = self.rescued.borrow().get(&id).map(|rescued| rescued.snapshot.clone());
        let snapshot = match known {
            Some(rescued) => Ok(rescued),
            None => match self.read_snapshot(id) {
                Ok(report) if report.problems.is_empty() => Ok(report),
                damaged => self.rescue(id).map_or(damaged, Ok),
            },
        };
        // Nothing was written: how it ends does not matter.
        drop(reading);
        snapshot
    }

    fn read_snapshot(&self, id: SnapshotId) -> Result<Report<Snapshot>, StoreError> {
        let root = root(self, id).map_err(|error| self.failed(error))?;
        let (generation, root) = root.ok_or(StoreError::NoSnapshot(id))?;
        // What was whole when it was read last may be damaged now.
        self.whole.borrow_mut().remove(&generation);
        let Report { value, problems } = decode(self, root);
        let value = value.ok_or_else(|| StoreError::Lost {
            what: format!("snapshot {id}"),
            why: problems.last().map_or_else(|| "is damaged".to_owned(), ToString::to_string),
        })?;
        if problems.is_empty() {
            self.whole.borrow_mut().insert(generation, id);
        }
        Ok(Report { value, problems })
    }
}

/// The row of a snapshot, and that of its generation.
pub(super) fn root(store: &Store, id: SnapshotId) -> rusqlite::Result<Option<(i64, Root)>> {
    let connection = &store.connection;
    let mut statement = connection.prepare_cached(
        "SELECT s.taken_at, g.id, g.boot, g.pid, g.started, g.version, g.uid, v.machine, v.socket, p.hash, c.hash
         FROM snapshots s JOIN generations g ON g.id = s.generation JOIN servers v ON v.id = g.server
         LEFT JOIN parts p ON p.id = s.server LEFT JOIN parts c ON c.id = s.clients WHERE s.id = ?1",
    )?;
    let found = statement
        .query_row([id.0], |row| {
            let server = Server {
                name: ServerName { machine: row.get(7)?, socket: row.get::<_, Vec<u8>>(8)?.into() },
                generation: Generation { boot: row.get(2)?, pid: row.get(3)?, started: row.get(4)? },
                version: row.get::<_, String>(5)?.parse().unwrap_or(TmuxVersion::OLDEST),
                uid: row.get(6)?,
                server_options: Vec::new(),
                session_options: Vec::new(),
                window_options: Vec::new(),
                environment_names: Vec::new(),
                clients: Vec::new(),
                buffers: Vec::new(),
            };
            let root = Root {
                taken_at: moment(row.get(0)?),
                server,
                server_part: hash(row.get(9)?),
                clients: hash(row.get(10)?),
                sessions: Vec::new(),
            };
            Ok((row.get(1)?, root))
        })
        .optional()?;
    let Some((generation, mut root)) = found else { return Ok(None) };
    if let Some(sessions) = pack::root(store, id)? {
        let session = |(entry, parts): (SessionEntry, Option<RootSessionBody>)| RootSession {
            name: Some(entry.name),
            body: parts.as_ref().map(|parts| parts.body),
            facts: parts.as_ref().map(|parts| parts.facts),
        };
        root.sessions = sessions.into_iter().map(session).collect();
        return Ok(Some((generation, root)));
    }
    let mut statement = connection.prepare_cached(
        "SELECT e.name, p.hash, f.hash FROM snapshot_sessions ss LEFT JOIN sessions e ON e.part = ss.session
         LEFT JOIN parts p ON p.id = ss.session LEFT JOIN parts f ON f.id = ss.facts
         WHERE ss.snapshot = ?1 ORDER BY ss.position",
    )?;
    let sessions = statement.query_map([id.0], |row| {
        Ok(RootSession {
            name: row.get::<_, Option<Vec<u8>>>(0)?.map(Into::into),
            body: hash(row.get(1)?),
            facts: hash(row.get(2)?),
        })
    })?;
    root.sessions = sessions.collect::<Result<_, _>>()?;
    Ok(Some((generation, root)))
}

fn hash(bytes: Option<Vec<u8>>) -> Option<Hash> {
    bytes?.try_into().ok().map(Hash)
}
