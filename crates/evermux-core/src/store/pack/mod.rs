//! Packs: what only some neighbouring old snapshots need, compressed as one. They differ little, so that takes a tenth.
//!
//! A save never sees a pack: pruning puts old snapshots into them, and takes them out before anything of them changes, so
//! that all other changes are made on rows. The newest snapshot of each life of a server, those of parts of a server
//! and those without text are in no pack. A pack is written in the transaction in which the rows go that it replaces,
//! and read back before.

mod document;
mod read;

use std::collections::{HashMap, HashSet};
use std::io;

use rusqlite::{Connection, OptionalExtension, params};
use zstd::bulk::Compressor;
use zstd::zstd_safe::CParameter;

#[cfg(feature = "fuzzing")]
pub use document::fuzz_pack;
pub(super) use read::{Packs, root};

use super::body::{self, EntriesBody, Hash, RootBody, RootSessionBody, SessionBody};
use super::part::{self, PartId, Prepared, Present, Taken};
use super::{Saving, Store, StoreError};
use crate::choose::SessionEntry;
use crate::model::{ServerName, SnapshotId};
use document::{Document, Inside, ROOT};

/// A part of so many bytes stays outside: sealed text, which is compressed well by itself and needed by later snapshots.
const OUTSIDE: usize = 64 << 10;
/// The largest pack, in uncompressed bytes.
const LARGEST: usize = 16 << 20;
/// One of so many bytes is not small, however few snapshots it holds: states of a year differ so much that a group of them is too
/// large, and what it was cut into must not be put together again.
const LARGE: usize = LARGEST / 4;
/// Slower than for saves, a tenth smaller: nobody waits.
const LEVEL: i32 = 9;
/// How far back zstd looks for what is the same, as a power of two: over a whole pack.
const WINDOW: u32 = 24;

/// Why something was not packed or unpacked.
enum Unfit {
    Sqlite(rusqlite::Error),
    /// What is wrong with it, as a fragment.
    Content(String),
}

impl From<rusqlite::Error> for Unfit {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<String> for Unfit {
    fn from(what: String) -> Self {
        Self::Content(what)
    }
}

impl Store {
    /// Those of these snapshots of a server that may go into packs, the oldest first.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub fn packable(&self, server: &ServerName, among: &[SnapshotId]) -> Result<Vec<SnapshotId>, StoreError> {
        let among: HashSet<SnapshotId> = among.iter().copied().collect();
        let read = || -> rusqlite::Result<Vec<SnapshotId>> {
            let mut statement = self.connection.prepare_cached(
                "SELECT s.id FROM snapshots s JOIN generations g ON g.id = s.generation
                 JOIN servers v ON v.id = g.server WHERE v.machine = ?1 AND v.socket = ?2
                 AND s.coverage <> '\"part\"'
                 AND s.id NOT IN (SELECT snapshot FROM packed) AND s.id NOT IN (SELECT snapshot FROM thinned)
                 AND s.id NOT IN (SELECT max(id) FROM snapshots WHERE coverage <> '\"part\"' GROUP BY generation)
                 ORDER BY s.id",
            )?;
            let ids = statement
                .query_map(params![server.machine, &server.socket[..]], |row| Ok(SnapshotId(row.get(0)?)))?;
            ids.filter(|id| id.as_ref().map_or(true, |id| among.contains(id))).collect()
        };
        read().map_err(|error| self.failed(error))
    }

    /// The snapshots that lie in packs, those of one pack together.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub fn packed(&self) -> Result<Vec<Vec<SnapshotId>>, StoreError> {
        let read = || -> rusqlite::Result<Vec<Vec<SnapshotId>>> {
            let mut statement = self.connection.prepare_cached("SELECT pack, snapshot FROM packed")?;
            let mut rows = statement.query([])?;
            let mut packs: HashMap<i64, Vec<SnapshotId>> = HashMap::new();
            while let Some(row) = rows.next()? {
                packs.entry(row.get(0)?).or_default().push(SnapshotId(row.get(1)?));
            }
            Ok(packs.into_values().collect())
        };
        read().map_err(|error| self.failed(error))
    }
}

impl Saving<'_> {
    /// Takes snapshots out of their packs, and those that are in the same ones; packs of fewer than `small` snapshots of
    /// this server are taken apart, too, so that larger ones can be made. Whether there was anything to do.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn unpack(&self, ids: &[SnapshotId], small: usize) -> Result<bool, StoreError> {
        let find = || -> rusqlite::Result<Vec<SnapshotId>> {
            let mut statement = self.store.connection.prepare_cached(
                "SELECT p.snapshot, (SELECT count(*) FROM packed o WHERE o.pack = p.pack) < ?3
                 AND (SELECT size FROM packs WHERE id = p.pack) < ?4 FROM packed p
                 JOIN snapshots s ON s.id = p.snapshot JOIN generations g ON g.id = s.generation
                 JOIN servers v ON v.id = g.server WHERE v.machine = ?1 AND v.socket = ?2",
            )?;
            let key = params![self.server.machine, &self.server.socket[..], small as i64, LARGE as i64];
            let found =
                statement.query_map(key, |row| Ok((SnapshotId(row.get(0)?), row.get::<_, bool>(1)?)))?;
            let found: Vec<_> = found.collect::<Result<_, _>>()?;
            let wanted = |(id, is_small): (SnapshotId, bool)| (is_small || ids.contains(&id)).then_some(id);
            Ok(found.into_iter().filter_map(wanted).collect())
        };
        let found = find().map_err(|error| self.store.failed(error))?;
        if !found.is_empty() {
            self.change(|connection| unpack(connection, &found))?;
        }
        Ok(!found.is_empty())
    }

    /// Puts snapshots that [`Store::packable`] named into one pack, in one transaction; whether that was done: what is too
    /// large together, or damaged, or may not go into a pack any more, stays as it is.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn pack(&self, ids: &[SnapshotId]) -> Result<bool, StoreError> {
        let transaction = self.store.transaction()?;
        if self.store.packable(&self.server, ids)? != ids {
            // Others have changed something since.
            return Ok(false);
        }
        match pack(&transaction, ids) {
            Ok(()) => {}
            Err(Unfit::Sqlite(error)) => return Err(self.store.failed(error)),
            Err(Unfit::Content(why)) => {
                tracing::debug!(first = ?ids.first(), count = ids.len(), why, "not packed");
                return Ok(false);
            }
        }
        self.lock.require()?;
        transaction.commit().map_err(|error| self.store.failed(error))?;
        self.store.require_file()?;
        self.store.packs.borrow_mut().forget_search();
        Ok(true)
    }
}

/// Packs snapshots: their rows become a pack.
fn pack(connection: &Connection, ids: &[SnapshotId]) -> Result<(), Unfit> {
    let pack = connection.prepare_cached("INSERT INTO packs (size, data) VALUES (0, x'')")?.insert([])?;
    let mut roots = Vec::new();
    let mut parts: Vec<PartId> = Vec::new();
    for id in ids {
        let (root, entries, mentioned) = take_sessions(connection, *id)?;
        let entries =
            part::put(connection, "entries", &Prepared::new(&body::write(&entries)), Present::Trust)?;
        connection.prepare_cached("INSERT INTO packed VALUES (?1, ?2, ?3, ?4)")?.execute(params![
            id.0,
            pack,
            &root.hash.0[..],
            entries
        ])?;
        parts.extend(mentioned);
        roots.push(root);
    }
    let mut document = take_parts(connection, pack, parts)?;
    document.parts.extend(roots);
    let bytes = document::encode(&document)?;
    if bytes.len() > LARGEST {
        return Err(Unfit::Content("is too large".to_owned()));
    }
    let data = compress(&bytes).map_err(|error| error.to_string())?;
    // What was saved goes only if what takes its place can be read.
    if document::decode(&part::decompress(&data, bytes.len())?)? != document {
        return Err(Unfit::Content("is not what was put into it".to_owned()));
    }
    connection.prepare_cached("UPDATE packs SET size = ?2, data = ?3 WHERE id = ?1")?.execute(params![
        pack,
        bytes.len() as i64,
        data
    ])?;
    Ok(())
}

fn compress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressor = Compressor::new(LEVEL)?;
    compressor.set_parameter(CParameter::WindowLog(WINDOW))?;
    compressor.set_parameter(CParameter::EnableLongDistanceMatching(true))?;
    compressor.compress(bytes)
}

/// Takes the rows that say which sessions a snapshot has; the parts they mention come with them.
fn take_sessions(
    connection: &Connection,
    id: SnapshotId,
) -> Result<(Inside, EntriesBody, Vec<PartId>), Unfit> {
    let mut statement = connection.prepare_cached(
        "SELECT ss.session, ss.facts, p.hash, f.hash, ss.untouched, e.name, e.identities FROM snapshot_sessions ss
         JOIN parts p ON p.id = ss.session JOIN parts f ON f.id = ss.facts JOIN sessions e ON e.part = ss.session
         WHERE ss.snapshot = ?1 ORDER BY ss.position",
    )?;
    let mut rows = statement.query([id.0])?;
    let (mut sessions, mut entries, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        parts.extend([row.get::<_, PartId>(0)?, row.get(1)?]);
        sessions.push(RootSessionBody { body: Hash(row.get(2)?), facts: Hash(row.get(3)?) });
        let identities: Vec<u8> = row.get(6)?;
        entries.push(SessionEntry {
            name: row.get::<_, Vec<u8>>(5)?.into(),
            untouched: row.get(4)?,
            panes: identities.chunks_exact(16).filter_map(super::timeline::identity).collect(),
        });
    }
    let gone =
        connection.prepare_cached("DELETE FROM snapshot_sessions WHERE snapshot = ?1")?.execute([id.0])?;
    if gone == 0 || gone != sessions.len() {
        return Err(Unfit::Content(format!("snapshot {id} has lost a session")));
    }
    let mentions = sessions.iter().flat_map(|session| [session.body, session.facts]).collect();
    let bytes = body::write(&RootBody { sessions });
    let root = Inside { kind: ROOT.to_owned(), hash: Hash::of(&bytes), bytes, mentions };
    Ok((root, EntriesBody::of(&entries), parts))
}

/// Takes those of these parts, and of what they mention, that nothing else mentions; what stays the pack mentions.
fn take_parts(connection: &Connection, pack: i64, parts: Vec<PartId>) -> Result<Document, Unfit> {
    let mut taken: HashMap<PartId, Taken> = HashMap::new();
    let mut children: HashMap<PartId, Vec<PartId>> = HashMap::new();
    let mut order = Vec::new();
    let mut seen: Vec<PartId> = parts.clone();
    let mut left = parts;
    while let Some(id) = left.pop() {
        let mentioned = part::mentioned(connection, id)?;
        if let Some(part) = part::take_unused(connection, id, OUTSIDE)? {
            seen.extend(&mentioned);
            left.extend(&mentioned);
            taken.insert(id, part);
            children.insert(id, mentioned);
            order.push(id);
        }
    }
    let mut hashes: HashMap<PartId, Hash> = taken.iter().map(|(id, part)| (*id, part.hash)).collect();
    let mut document = Document::default();
    for id in seen {
        if let std::collections::hash_map::Entry::Vacant(vacant) = hashes.entry(id) {
            let mut hash = connection.prepare_cached("SELECT hash FROM parts WHERE id = ?1")?;
            let hash = Hash(hash.query_row([id], |row| row.get(0))?);
            connection.prepare_cached("INSERT INTO pack_refs VALUES (?1, ?2)")?.execute([pack, id])?;
            document.outside.push(*vacant.insert(hash));
        }
    }
    // What mentions a part was taken before it.
    for id in order.into_iter().rev() {
        let Some(Taken { hash, kind, bytes }) = taken.remove(&id) else { continue };
        let mentions = children.remove(&id).unwrap_or_default();
        let mentions = mentions.iter().filter_map(|child| hashes.get(child).copied()).collect();
        document.parts.push(Inside { kind, hash, bytes: bytes?, mentions });
    }
    document.parts.sort_by_key(|part| document::rank(&part.kind));
    Ok(document)
}

/// Makes rows again of the packs that these snapshots are in. One that cannot be read stays.
pub(super) fn unpack(connection: &Connection, ids: &[SnapshotId]) -> rusqlite::Result<()> {
    let mut packs = HashSet::new();
    for id in ids {
        packs.extend(pack_of(connection, *id)?);
    }
    for pack in packs {
        connection.execute_batch("SAVEPOINT unpack")?;
        match unpack_one(connection, pack) {
            Ok(()) => {}
            Err(Unfit::Sqlite(error)) => return Err(error),
            Err(Unfit::Content(why)) => {
                tracing::warn!(pack, why, "a pack of snapshots cannot be read");
                connection.execute_batch("ROLLBACK TO unpack")?;
            }
        }
        connection.execute_batch("RELEASE unpack")?;
    }
    Ok(())
}

fn pack_of(connection: &Connection, id: SnapshotId) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT pack FROM packed WHERE snapshot = ?1")?
        .query_row([id.0], |row| row.get(0))
        .optional()
}

fn unpack_one(connection: &Connection, pack: i64) -> Result<(), Unfit> {
    let document = read::document(connection, pack)?;
    let mut rows: HashMap<Hash, PartId> = HashMap::new();
    for hash in &document.outside {
        // One that was lost is missing where it is mentioned.
        rows.extend(part::find(connection, hash)?.map(|id| (*hash, id)));
    }
    for part in document.parts.iter().filter(|part| part.kind != ROOT) {
        let id = part::put(connection, &part.kind, &Prepared::new(&part.bytes), Present::Check)?;
        rows.insert(part.hash, id);
        for mentioned in part.mentions.iter().filter_map(|hash| rows.get(hash)) {
            connection
                .prepare_cached("INSERT OR IGNORE INTO refs VALUES (?1, ?2)")?
                .execute([id, *mentioned])?;
        }
    }
    let parts: HashMap<Hash, &Inside> = document.parts.iter().map(|part| (part.hash, part)).collect();
    let snapshots: Vec<(i64, [u8; 32], PartId)> = connection
        .prepare_cached("SELECT snapshot, root, entries FROM packed WHERE pack = ?1")?
        .query_map([pack], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (snapshot, root, entries) in &snapshots {
        let root = parts.get(&Hash(*root)).ok_or_else(|| "has lost a snapshot".to_owned())?;
        let root: RootBody = body::read(&root.bytes)?;
        let entries = read::entries(connection, *entries)?;
        if root.sessions.len() != entries.len() {
            return Err(Unfit::Content("has lost a session".to_owned()));
        }
        for (position, (session, entry)) in root.sessions.iter().zip(&entries).enumerate() {
            let row = |hash: &Hash| rows.get(hash).copied().ok_or_else(|| "has lost a session".to_owned());
            let (part, facts) = (row(&session.body)?, row(&session.facts)?);
            if let Some(inside) = parts.get(&session.body) {
                list_session(connection, part, inside, entry)?;
            }
            connection
                .prepare_cached("INSERT INTO snapshot_sessions VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![snapshot, position as i64, part, facts, entry.untouched])?;
        }
    }
    connection.prepare_cached("DELETE FROM packed WHERE pack = ?1")?.execute([pack])?;
    for (_, _, entries) in snapshots {
        part::drop_unused(connection, entries)?;
    }
    connection.prepare_cached("DELETE FROM packs WHERE id = ?1")?.execute([pack])?;
    Ok(())
}

/// Writes what lists need of a session part.
fn list_session(
    connection: &Connection,
    part: PartId,
    inside: &Inside,
    entry: &SessionEntry,
) -> Result<(), Unfit> {
    let body: SessionBody = body::read(&inside.bytes)?;
    let identities: Vec<u8> = entry.panes.iter().flat_map(|pane| *pane.as_bytes()).collect();
    connection.prepare_cached("INSERT OR IGNORE INTO sessions VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        part,
        &entry.name[..],
        body.links.len() as i64,
        identities
    ])?;
    Ok(())
}

/// After snapshots were removed: packs that could not be unpacked and hold nothing any more go, and the newest snapshot of
/// each life is in no pack.
pub(super) fn tidy(connection: &Connection) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached("SELECT id FROM packs WHERE id NOT IN (SELECT pack FROM packed)")?;
    let empty: Vec<i64> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for pack in empty {
        let mut statement = connection.prepare_cached("SELECT part FROM pack_refs WHERE pack = ?1")?;
        let parts: Vec<PartId> = statement.query_map([pack], |row| row.get(0))?.collect::<Result<_, _>>()?;
        connection.prepare_cached("DELETE FROM packs WHERE id = ?1")?.execute([pack])?;
        part::release(connection, parts)?;
    }
    let mut statement = connection.prepare_cached(
        "SELECT snapshot FROM packed WHERE snapshot IN
         (SELECT max(id) FROM snapshots WHERE coverage <> '\"part\"' GROUP BY generation)",
    )?;
    let newest: Vec<SnapshotId> =
        statement.query_map([], |row| Ok(SnapshotId(row.get(0)?)))?.collect::<Result<_, _>>()?;
    unpack(connection, &newest)
}

/// Empties the packs of these snapshots that cannot be read: nobody can say what in them is to be forgotten.
pub(super) fn empty_unreadable(connection: &Connection, ids: &[SnapshotId]) -> rusqlite::Result<()> {
    for id in ids {
        let Some(pack) = pack_of(connection, *id)? else { continue };
        connection.prepare_cached("UPDATE packs SET size = 0, data = x'' WHERE id = ?1")?.execute([pack])?;
    }
    Ok(())
}
