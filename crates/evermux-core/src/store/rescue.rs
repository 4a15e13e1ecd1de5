//! Snapshots that the database has lost, wholly or in part, from the emergency files.
//!
//! Whoever reads a snapshot or a timeline need not know: a damaged snapshot is completed from the emergency file that
//! holds it, and one whose row is gone (a log that was lost, a new database) is in the timeline all the same. The
//! problems say so.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, params};

use super::Store;
use super::body::Hash;
use super::decode::{Parts, decode};
use super::emergency::{Collected, Opened, read_head};
use super::timeline::generation;
use crate::choose::{Coverage, Entry, SessionEntry};
use crate::model::{BlockId, Generation, Kind, ServerName, Snapshot, SnapshotId};
use crate::problem::{Problem, Report, Subject};

/// A snapshot from an emergency file.
#[derive(Debug)]
pub(super) struct Rescued {
    pub snapshot: Report<Snapshot>,
    pub parts: HashMap<Hash, Vec<u8>>,
}

/// Parts of the database, and of an emergency file where that has lost them.
struct Both<'a> {
    store: &'a Store,
    parts: &'a HashMap<Hash, Vec<u8>>,
}

impl Parts for Both<'_> {
    fn part(&self, hash: &Hash) -> Result<Vec<u8>, String> {
        self.store.part(hash).or_else(|why| Collected::part(self.parts, hash).map_err(|_| why))
    }

    fn has_block(&self, id: &BlockId) -> bool {
        self.store.has_block(id) || self.parts.contains_key(&Hash(id.0))
    }

    fn keeps_history(&self) -> bool {
        true
    }
}

impl Store {
    /// Whether a snapshot is not in the database: it came from an emergency file.
    pub fn is_rescued(&self, id: SnapshotId) -> bool {
        self.rescued.borrow().contains_key(&id) && matches!(self.row_of(id), Ok(None))
    }

    /// A damaged snapshot, completed from the emergency file that holds it, if one does.
    pub(super) fn rescue(&self, id: SnapshotId) -> Option<Report<Snapshot>> {
        let (server, life) = self.row_of(id).ok().flatten()?;
        for path in self.emergency_files(&server) {
            let Ok(Some(head)) = read_head(&self.folder, &path) else { continue };
            if head.snapshot == id.0 && head.generation == (&life).into() {
                let rescued = self.rescue_from(&path, &server, id, "is damaged in the database")?;
                let snapshot = rescued.snapshot.clone();
                self.rescued.borrow_mut().insert(id, rescued);
                return Some(snapshot);
            }
        }
        None
    }

    /// Adds the snapshots of the server's emergency files that the database does not have to its entries, the newest
    /// first.
    pub(super) fn add_lost(&self, server: &ServerName, entries: &mut Vec<Entry>) {
        for path in self.emergency_files(server) {
            let Ok(Some(head)) = read_head(&self.folder, &path) else { continue };
            let number = SnapshotId(head.snapshot);
            let is_there = |(owner, life): (ServerName, Generation)| {
                owner == *server && head.generation == (&life).into()
            };
            if self.row_of(number).is_ok_and(|row| row.is_some_and(is_there)) {
                self.complete_entry(&path, server, entries.iter_mut().find(|entry| entry.id == number));
                continue;
            }
            let Some(rescued) = self.rescue_from(&path, server, number, "is not in the database") else {
                continue;
            };
            let snapshot = &rescued.snapshot.value;
            let id = self.number_for(number, snapshot, entries);
            let entry = Entry {
                id,
                taken_at: snapshot.taken_at(),
                still_at: head.written_at.max(snapshot.taken_at()),
                generation: snapshot.server().generation.clone(),
                kind: Kind::Automatic,
                coverage: Coverage::Whole,
                sessions: SessionEntry::of(snapshot),
            };
            let at = entries.partition_point(|other| other.id > id);
            entries.insert(at, entry);
            self.rescued.borrow_mut().insert(id, rescued);
        }
    }

    /// Gives an entry the sessions of its emergency file, if its own are not all there.
    fn complete_entry(&self, path: &Path, server: &ServerName, entry: Option<&mut Entry>) {
        // Of a part of a server no emergency file is written: this one was whole.
        let Some(entry) = entry.filter(|entry| entry.coverage == Coverage::Part) else { return };
        if let Some(rescued) = self.rescue_from(path, server, entry.id, "is damaged in the database") {
            entry.sessions = SessionEntry::of(&rescued.snapshot.value);
            entry.coverage = Coverage::Whole;
            self.rescued.borrow_mut().insert(entry.id, rescued);
        }
    }

    /// A number for a snapshot without a row that puts it in its place: its own, if that is free and it is the newest; a
    /// database that has lost its end gives numbers a second time. What was taken before the first snapshot of a new
    /// database comes before all of them.
    fn number_for(&self, number: SnapshotId, snapshot: &Snapshot, entries: &[Entry]) -> SnapshotId {
        let is_newest = entries.first().is_none_or(|newest| newest.taken_at <= snapshot.taken_at());
        if !is_newest {
            return SnapshotId(entries.last().map_or(0, |oldest| oldest.id.0.min(0)) - 1);
        }
        let largest = "SELECT coalesce(max(id), 0) FROM snapshots";
        let largest: i64 = self.connection.query_row(largest, [], |row| row.get(0)).unwrap_or_default();
        let newest = entries.first().map_or(0, |newest| newest.id.0);
        SnapshotId(number.0.max(largest.max(newest) + 1))
    }

    /// Reads the emergency file of this server that holds a snapshot.
    fn rescue_from(&self, path: &Path, server: &ServerName, id: SnapshotId, why: &str) -> Option<Rescued> {
        let Opened { root, parts, .. } = Opened::read(path).ok()?;
        if root.server.name != *server {
            return None;
        }
        let decoded = decode(&Both { store: self, parts: &parts }, root);
        let mut problems = decoded.problems;
        let what = format!("this emergency file is used, because snapshot {id} {why}");
        problems.insert(0, Problem::new(Subject::Path(path.to_owned()), what));
        Some(Rescued { snapshot: Report { value: decoded.value?, problems }, parts })
    }

    /// The emergency files of a server that may be there, and may be used.
    fn emergency_files(&self, server: &ServerName) -> [PathBuf; 2] {
        [false, true].map(|previous| self.folder.emergency(server, previous))
    }

    /// The server and the generation of a snapshot's row; none if there is no such row.
    fn row_of(&self, id: SnapshotId) -> rusqlite::Result<Option<(ServerName, Generation)>> {
        self.connection
            .prepare_cached(
                "SELECT v.machine, v.socket, g.boot, g.pid, g.started FROM snapshots s
                 JOIN generations g ON g.id = s.generation JOIN servers v ON v.id = g.server WHERE s.id = ?1",
            )?
            .query_row(params![id.0], |row| {
                let server = ServerName { machine: row.get(0)?, socket: row.get::<_, Vec<u8>>(1)?.into() };
                Ok((server, generation(row, 2)?))
            })
            .optional()
    }
}
