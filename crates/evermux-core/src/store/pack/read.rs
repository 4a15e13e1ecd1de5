//! Reading packs.

use super::*;

/// So many packs stay in memory after they were read.
const OPEN: usize = 4;
/// So many lists of sessions.
const ENTRIES: usize = 256;

/// The packs that were read last, and where parts were found. Parts are named by what they are, so what is remembered of a
/// pack that was taken apart meanwhile is right all the same.
#[derive(Debug, Default)]
pub(in crate::store) struct Packs {
    /// The pack read last is the last one.
    open: Vec<(i64, HashMap<Hash, Vec<u8>>)>,
    places: HashMap<Hash, i64>,
    /// The state of the database in which all packs were looked through in vain.
    searched: Option<i64>,
    /// What lists need of sessions, by the hashes of its parts.
    entries: HashMap<Hash, Vec<SessionEntry>>,
}

impl Packs {
    /// This connection has changed the packs.
    pub fn forget_search(&mut self) {
        self.searched = None;
    }

    fn get(&self, hash: &Hash) -> Option<&Vec<u8>> {
        self.open.iter().rev().find_map(|(_, parts)| parts.get(hash))
    }

    /// Reads a pack, if it can be read.
    fn open(&mut self, connection: &Connection, pack: i64) -> Result<(), String> {
        let document = document(connection, pack)?;
        let parts: HashMap<_, _> = document.parts.into_iter().map(|part| (part.hash, part.bytes)).collect();
        self.places.extend(parts.keys().map(|hash| (*hash, pack)));
        self.open.retain(|(open, _)| *open != pack);
        if self.open.len() == OPEN {
            self.open.remove(0);
        }
        self.open.push((pack, parts));
        Ok(())
    }

    /// The bytes of a part in a pack. All are looked through if need be: between a snapshot and its text it may have been
    /// packed.
    fn find(&mut self, connection: &Connection, hash: &Hash) -> rusqlite::Result<Option<Vec<u8>>> {
        if self.get(hash).is_none()
            && let Some(pack) = self.places.get(hash).copied()
        {
            // One that is not there any more is looked for below.
            let _ = self.open(connection, pack);
        }
        if let Some(bytes) = self.get(hash) {
            return Ok(Some(bytes.clone()));
        }
        let state = connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
        if self.searched == Some(state) {
            return Ok(None);
        }
        for pack in all(connection)? {
            if self.open(connection, pack).is_ok()
                && let Some(bytes) = self.get(hash)
            {
                return Ok(Some(bytes.clone()));
            }
        }
        self.searched = Some(state);
        Ok(None)
    }
}

/// How many parts and bytes are in a pack, or what is wrong with it.
type Sizes = Result<(usize, u64), String>;

impl Store {
    /// Whether the database knows packs; one of an earlier format, which is only looked at, does not.
    pub(in crate::store) fn has_packs(&self) -> bool {
        self.format >= PACKS
    }

    /// Every pack, read.
    pub(in crate::store) fn packs(&self) -> rusqlite::Result<Vec<(i64, Sizes)>> {
        if !self.has_packs() {
            return Ok(Vec::new());
        }
        let sizes = |document: Document| {
            let bytes = document.parts.iter().map(|part| part.bytes.len() as u64).sum();
            (document.parts.len(), bytes)
        };
        let read = |pack| (pack, document(&self.connection, pack).map(sizes));
        Ok(all(&self.connection)?.into_iter().map(read).collect())
    }

    /// The bytes of a part, wherever it is.
    ///
    /// # Errors
    /// What is wrong with it, as a fragment.
    pub(in crate::store) fn part(&self, hash: &Hash) -> Result<Vec<u8>, String> {
        part::read(&self.connection, hash).or_else(|why| match self.in_pack(hash) {
            Some(bytes) => Ok(bytes),
            None => Err(why),
        })
    }

    pub(in crate::store) fn in_pack(&self, hash: &Hash) -> Option<Vec<u8>> {
        if !self.has_packs() {
            return None;
        }
        self.packs.borrow_mut().find(&self.connection, hash).ok().flatten()
    }
}

/// The format since which there are packs.
const PACKS: u32 = 3;

fn all(connection: &Connection) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached("SELECT id FROM packs ORDER BY id DESC")?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// What is in a pack.
pub(super) fn document(connection: &Connection, pack: i64) -> Result<Document, String> {
    let (size, data): (i64, Vec<u8>) = connection
        .prepare_cached("SELECT size, data FROM packs WHERE id = ?1")
        .and_then(|mut statement| statement.query_row([pack], |row| Ok((row.get(0)?, row.get(1)?))))
        .map_err(|error| format!("is damaged: {error}"))?;
    let size = usize::try_from(size).ok().filter(|&size| size <= LARGEST);
    let size = size.ok_or_else(|| "is damaged: its size is wrong".to_owned())?;
    document::decode(&part::decompress(&data, size)?)
}

/// A session of a packed snapshot: what lists know of it, and its parts, if these are known.
type PackedSession = (SessionEntry, Option<RootSessionBody>);

/// The sessions of a packed snapshot; none if it is in no pack.
pub(in crate::store) fn root(store: &Store, id: SnapshotId) -> rusqlite::Result<Option<Vec<PackedSession>>> {
    if !store.has_packs() {
        return Ok(None);
    }
    let connection = &store.connection;
    let row = connection
        .prepare_cached("SELECT root, pack FROM packed WHERE snapshot = ?1")?
        .query_row([id.0], |row| Ok((Hash(row.get(0)?), row.get::<_, i64>(1)?)))
        .optional()?;
    let Some((root, pack)) = row else { return Ok(None) };
    store.packs.borrow_mut().places.insert(root, pack);
    let body = store.in_pack(&root).and_then(|bytes| body::read::<RootBody>(&bytes).ok());
    let mut sessions = body.into_iter().flat_map(|body| body.sessions);
    let entries = store.packed_entries(id)?.unwrap_or_default();
    let mut all: Vec<_> = entries.into_iter().map(|entry| (entry, sessions.next())).collect();
    // Where lists have lost them, their bodies say what they are called.
    let nameless = || SessionEntry { name: "?".into(), untouched: false, panes: Vec::new() };
    all.extend(sessions.map(|session| (nameless(), Some(session))));
    Ok(Some(all))
}

impl Store {
    /// What lists need of the sessions of a packed snapshot; none if it is in no pack, or that is lost.
    pub(in crate::store) fn packed_entries(
        &self,
        id: SnapshotId,
    ) -> rusqlite::Result<Option<Vec<SessionEntry>>> {
        if !self.has_packs() {
            return Ok(None);
        }
        let hash = self
            .connection
            .prepare_cached(
                "SELECT p.hash FROM packed JOIN parts p ON p.id = packed.entries WHERE snapshot = ?1",
            )?
            .query_row([id.0], |row| row.get(0).map(Hash))
            .optional()?;
        let Some(hash) = hash else { return Ok(None) };
        let known = &mut self.packs.borrow_mut().entries;
        if let Some(entries) = known.get(&hash) {
            return Ok(Some(entries.clone()));
        }
        let Ok(entries) = read_entries(&self.connection, &hash) else { return Ok(None) };
        if known.len() == ENTRIES {
            known.clear();
        }
        known.insert(hash, entries.clone());
        Ok(Some(entries))
    }
}

/// The entries in a part.
pub(super) fn entries(connection: &Connection, part: PartId) -> Result<Vec<SessionEntry>, String> {
    let hash = connection
        .prepare_cached("SELECT hash FROM parts WHERE id = ?1")
        .and_then(|mut statement| statement.query_row([part], |row| Ok(Hash(row.get(0)?))))
        .map_err(|error| format!("is damaged: {error}"))?;
    read_entries(connection, &hash)
}

fn read_entries(connection: &Connection, hash: &Hash) -> Result<Vec<SessionEntry>, String> {
    let body: EntriesBody = body::read(&part::read(connection, hash)?)?;
    Ok(body.into_entries())
}
