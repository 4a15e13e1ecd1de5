//! Parts: bytes named by their hash, compressed, kept once, checked when they are read.

use std::cell::RefCell;

use rusqlite::{Connection, OptionalExtension, params};
use zstd::bulk::{Compressor, Decompressor};

use super::body::Hash;
use super::error::StoreError;
use crate::model::BlockId;

/// The largest part that is kept, or believed when it is read: uncompressed bytes.
pub(super) const LARGEST: usize = 64 << 20;

/// zstd's default: above it, time grows faster than what it saves.
const LEVEL: i32 = 3;

/// A block of text that is hashed and compressed already, so that the transaction of the save need not do it.
/// It can be made on any thread while the capture still runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedBlock(pub(super) Prepared);

impl PreparedBlock {
    /// Of the uncompressed bytes of a block.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] above 64 MiB; a capture seals its blocks long before.
    pub fn new(bytes: &[u8]) -> Result<Self, StoreError> {
        if bytes.len() > LARGEST {
            return Err(StoreError::TooLarge(bytes.len()));
        }
        Ok(Self(Prepared::new(bytes)))
    }

    /// Its name.
    pub fn id(&self) -> BlockId {
        BlockId(self.0.hash.0)
    }
}

/// A part ready to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prepared {
    pub hash: Hash,
    encoding: i64,
    size: usize,
    data: Vec<u8>,
}

thread_local! {
    /// Making one costs more than compressing a small part with it.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = RefCell::new(Compressor::new(LEVEL).ok());
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = RefCell::new(Decompressor::new().ok());
}

/// Decompresses `data`, which becomes `size` bytes at most.
pub(super) fn decompress(data: &[u8], size: usize) -> Result<Vec<u8>, String> {
    DECOMPRESSOR
        .with_borrow_mut(|decompressor| match decompressor {
            Some(decompressor) => decompressor.decompress(data, size),
            None => zstd::bulk::decompress(data, size),
        })
        .map_err(|error| format!("is damaged: {error}"))
}

impl Prepared {
    pub fn new(bytes: &[u8]) -> Self {
        let compressed = COMPRESSOR.with_borrow_mut(|compressor| compressor.as_mut()?.compress(bytes).ok());
        let (encoding, data) = match compressed {
            Some(data) if data.len() < bytes.len() => (1, data),
            _ => (0, bytes.to_vec()),
        };
        Self { hash: Hash::of(bytes), encoding, size: bytes.len(), data }
    }
}

/// The number of a row in `parts`.
pub(super) type PartId = i64;

/// The row of the part with this hash.
pub(super) fn find(connection: &Connection, hash: &Hash) -> rusqlite::Result<Option<PartId>> {
    connection
        .prepare_cached("SELECT id FROM parts WHERE hash = ?1")?
        .query_row([&hash.0[..]], |row| row.get(0))
        .optional()
}

/// What [`put`] does with a part that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Present {
    /// Trusts it.
    Trust,
    /// Reads it, and writes it again if it is damaged.
    Check,
}

/// Writes a part that is not there yet.
pub(super) fn put(
    connection: &Connection,
    kind: &str,
    part: &Prepared,
    present: Present,
) -> rusqlite::Result<PartId> {
    if let Some(id) = find(connection, &part.hash)? {
        if present == Present::Check && read(connection, &part.hash).is_err() {
            connection
                .prepare_cached("UPDATE parts SET encoding = ?2, size = ?3, data = ?4 WHERE id = ?1")?
                .execute(params![id, part.encoding, part.size as i64, part.data])?;
        }
        return Ok(id);
    }
    connection
        .prepare_cached("INSERT INTO parts (hash, kind, encoding, size, data) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .insert(params![&part.hash.0[..], kind, part.encoding, part.size as i64, part.data])
}

/// The bytes of the part with this hash.
///
/// # Errors
/// What is wrong with it, as a fragment: "is missing", "is damaged: …".
pub(super) fn read(connection: &Connection, hash: &Hash) -> Result<Vec<u8>, String> {
    let row: Option<(i64, i64, Vec<u8>)> = connection
        .prepare_cached("SELECT encoding, size, data FROM parts WHERE hash = ?1")
        .and_then(|mut statement| {
            let fields = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            statement.query_row([&hash.0[..]], fields).optional()
        })
        .map_err(|error| format!("is damaged: {error}"))?;
    let (encoding, size, data) = row.ok_or_else(|| "is missing".to_owned())?;
    bytes_of(hash, encoding, size, data)
}

/// The bytes of a part from the columns of its row, checked.
fn bytes_of(hash: &Hash, encoding: i64, size: i64, data: Vec<u8>) -> Result<Vec<u8>, String> {
    let size = usize::try_from(size).ok().filter(|&size| size <= LARGEST);
    let size = size.ok_or_else(|| "is damaged: its size is wrong".to_owned())?;
    let bytes = match encoding {
        0 => data,
        1 => decompress(&data, size)?,
        other => return Err(format!("has encoding {other}, which this evermux does not know")),
    };
    if Hash::of(&bytes) == *hash { Ok(bytes) } else { Err("is damaged: its hash is wrong".to_owned()) }
}

/// Deletes the part `?1` if nothing mentions it any more.
const DELETE_UNUSED: &str = "DELETE FROM parts WHERE id = ?1
     AND NOT EXISTS (SELECT 1 FROM refs WHERE child = ?1)
     AND NOT EXISTS (SELECT 1 FROM pack_refs WHERE part = ?1)
     AND NOT EXISTS (SELECT 1 FROM packed WHERE entries = ?1)
     AND NOT EXISTS (SELECT 1 FROM snapshots WHERE server = ?1)
     AND NOT EXISTS (SELECT 1 FROM snapshots WHERE clients = ?1)
     AND NOT EXISTS (SELECT 1 FROM snapshot_sessions WHERE session = ?1)
     AND NOT EXISTS (SELECT 1 FROM snapshot_sessions WHERE facts = ?1)";

/// Deletes a part if nothing mentions it any more; its bytes as they were kept.
pub(super) fn drop_unused(connection: &Connection, id: PartId) -> rusqlite::Result<Option<u64>> {
    connection
        .prepare_cached(&format!("{DELETE_UNUSED} RETURNING length(data)"))?
        .query_row([id], |row| Ok(row.get::<_, i64>(0)?.unsigned_abs()))
        .optional()
}

/// A part that was taken out of the table.
pub(super) struct Taken {
    pub hash: Hash,
    pub kind: String,
    /// Its bytes, or what is wrong with them.
    pub bytes: Result<Vec<u8>, String>,
}

/// Takes a part out of the table if nothing mentions it any more and it has fewer than `limit` bytes.
pub(super) fn take_unused(
    connection: &Connection,
    id: PartId,
    limit: usize,
) -> rusqlite::Result<Option<Taken>> {
    connection
        .prepare_cached(&format!("{DELETE_UNUSED} AND size < ?2 RETURNING hash, kind, encoding, size, data"))?
        .query_row(params![id, limit as i64], |row| {
            let hash = Hash(row.get(0)?);
            let bytes = bytes_of(&hash, row.get(2)?, row.get(3)?, row.get(4)?);
            Ok(Taken { hash, kind: row.get(1)?, bytes })
        })
        .optional()
}

/// The parts that a part mentions.
pub(super) fn mentioned(connection: &Connection, id: PartId) -> rusqlite::Result<Vec<PartId>> {
    connection
        .prepare_cached("SELECT child FROM refs WHERE parent = ?1")?
        .query_map([id], |row| row.get(0))?
        .collect()
}

/// Deletes those of these parts that nothing mentions any more, and what only they mentioned; how many, and how many
/// bytes. Who mentions a part is read from the rows that do, there is no count that could be wrong.
pub(super) fn release(connection: &Connection, parts: Vec<PartId>) -> rusqlite::Result<(usize, u64)> {
    let (mut released, mut bytes) = (0, 0);
    let mut left = parts;
    while let Some(id) = left.pop() {
        let mentioned = mentioned(connection, id)?;
        if let Some(size) = drop_unused(connection, id)? {
            (released, bytes) = (released + 1, bytes + size);
            left.extend(mentioned);
        }
    }
    Ok((released, bytes))
}
