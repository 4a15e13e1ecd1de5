//! A damaged database: it is moved out of the way, never deleted, and what can be read of it goes into a new one.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::database::{self, BUSY};
use super::error::StoreError;
use super::folder::{self, Folder};
use super::{Access, Lock, Place, Store};

/// A database that was moved out of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aside {
    /// Where it is now.
    pub path: PathBuf,
    /// How many snapshots could be brought over into the new one; each may have lost parts.
    pub snapshots: u64,
}

/// The tables, each after those it mentions, and an order that can be followed from both ends.
const TABLES: [(&str, &[&str]); 19] = [
    ("servers", &["id"]),
    ("generations", &["id"]),
    ("parts", &["id"]),
    ("refs", &["parent", "child"]),
    ("sessions", &["part"]),
    ("snapshots", &["id"]),
    ("snapshot_sessions", &["snapshot", "position"]),
    ("settled", &["server", "pane"]),
    ("restores", &["id"]),
    ("restore_panes", &["restore", "snapshot", "session", "pane"]),
    ("restore_replaced", &["restore", "pane"]),
    ("restore_steps", &["restore", "position"]),
    ("watched", &["server"]),
    ("keeper", &["name"]),
    ("starts", &["id"]),
    ("wanted", &["server", "session"]),
    ("packs", &["id"]),
    ("packed", &["snapshot"]),
    ("pack_refs", &["pack", "part"]),
];

/// Makes what was brought over hang together again. A part that is lost keeps its number, or a new one would get it and
/// be taken for the old; its hash is wrong, so whoever reads it hears that it is damaged. Numbers of lost snapshots are
/// not given again.
const TIE: &str = "
    DELETE FROM generations WHERE server NOT IN (SELECT id FROM servers);
    DELETE FROM snapshots WHERE generation NOT IN (SELECT id FROM generations);
    UPDATE sqlite_sequence SET seq = max(seq, (SELECT coalesce(max(snapshot), 0) FROM snapshot_sessions),
        (SELECT coalesce(max(snapshot), 0) FROM packed), (SELECT coalesce(max(snapshot), 0) FROM restore_panes)) WHERE name = 'snapshots';
    DELETE FROM snapshot_sessions WHERE snapshot NOT IN (SELECT id FROM snapshots);
    DELETE FROM settled WHERE server NOT IN (SELECT id FROM servers);
    DELETE FROM restores WHERE server NOT IN (SELECT id FROM servers);
    UPDATE restores SET generation = NULL WHERE generation NOT IN (SELECT id FROM generations);
    UPDATE restores SET before = NULL WHERE before NOT IN (SELECT id FROM snapshots);
    DELETE FROM restore_panes WHERE restore NOT IN (SELECT id FROM restores)
        OR snapshot NOT IN (SELECT id FROM snapshots);
    DELETE FROM restore_replaced WHERE restore NOT IN (SELECT id FROM restores);
    DELETE FROM restore_steps WHERE restore NOT IN (SELECT id FROM restores);
    DELETE FROM watched WHERE server NOT IN (SELECT id FROM servers);
    DELETE FROM starts WHERE server NOT IN (SELECT id FROM servers);
    DELETE FROM wanted WHERE server NOT IN (SELECT id FROM servers);
    DELETE FROM packed WHERE snapshot NOT IN (SELECT id FROM snapshots);
    DELETE FROM pack_refs WHERE pack NOT IN (SELECT pack FROM packed);
    DELETE FROM packs WHERE id NOT IN (SELECT pack FROM packed);
    INSERT INTO packs (id, size, data)
        SELECT DISTINCT pack, 0, x'' FROM packed WHERE pack NOT IN (SELECT id FROM packs);
    INSERT INTO parts (id, hash, kind, encoding, size, data)
        SELECT id, randomblob(32), 'lost', 0, 0, x'' FROM (
            SELECT server AS id FROM snapshots UNION SELECT clients FROM snapshots
            UNION SELECT session FROM snapshot_sessions UNION SELECT facts FROM snapshot_sessions
            UNION SELECT entries FROM packed UNION SELECT part FROM pack_refs
            UNION SELECT part FROM sessions UNION SELECT parent FROM refs UNION SELECT child FROM refs)
        WHERE id NOT IN (SELECT id FROM parts);
";

impl Store {
    /// Moves a damaged database out of the way (`evermux.db.damaged-TIME`), so that saving can go on in a new one, into
    /// which everything goes that can be read. Nothing is deleted. None if it is not damaged (any more): another process
    /// has done it before.
    ///
    /// # Errors
    /// [`StoreError::Io`]; [`StoreError::Absent`].
    pub fn set_aside(place: &Place, now: Timestamp) -> Result<Option<Aside>, StoreError> {
        let folder = Folder::open(place, false)?;
        let _making = Lock::acquire(&folder, "schema", "the store's format", BUSY)?;
        // Looked at again under the lock, or the second of two processes would move away what the first has begun.
        if !is_damaged(&folder) {
            return Ok(None);
        }
        let path = folder.database();
        let fresh = beside(&path, ".new");
        let snapshots = salvage(&path, &fresh);
        if snapshots.is_none() {
            remove(&fresh);
        }
        // To the microsecond: two that are moved within a second must not meet.
        let aside = beside(&path, &format!(".damaged-{}", now.strftime("%Y%m%dT%H%M%S.%6fZ")));
        // The log belongs to the file: it goes first, so that a new database never meets the old log.
        for suffix in ["-wal", "-shm", "-journal", ""] {
            rename(&beside(&path, suffix), &beside(&aside, suffix))?;
        }
        if snapshots.is_some() {
            rename(&fresh, &path)?;
        }
        folder::sync_folder(&folder.path)?;
        Ok(Some(Aside { path: aside, snapshots: snapshots.unwrap_or_default() }))
    }
}

/// Whether the database cannot be used, or not everywhere. One that cannot be read at the moment is not damaged.
fn is_damaged(folder: &Folder) -> bool {
    let connection = match database::open(folder, Access::Read) {
        Ok((connection, _)) => connection,
        Err(error) => return matches!(error, StoreError::Damaged { .. }),
    };
    match connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)) {
        Ok(found) => found != "ok",
        Err(error) => {
            let error = database::failure(&connection, &folder.database(), error);
            matches!(error, StoreError::Damaged { .. })
        }
    }
}

/// Makes a new database of what can be read of a damaged one; how many snapshots that are. None: nothing was made.
fn salvage(damaged: &Path, fresh: &Path) -> Option<u64> {
    let old = database::connect(damaged).ok()?;
    // One that is no database at all has nothing to bring over.
    old.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).ok()?;
    remove(fresh);
    let new = database::create_at(fresh).ok()?;
    let bring = || -> rusqlite::Result<u64> {
        // What is mentioned may be what is lost.
        new.pragma_update(None, "foreign_keys", false)?;
        let transaction = new.unchecked_transaction()?;
        for (table, order) in TABLES {
            let whole = copy(&old, &new, table, order, "")? || copy(&old, &new, table, order, " DESC")?;
            if table == "snapshot_sessions" && !whole {
                // A session that is missing now was not closed.
                new.execute("UPDATE snapshots SET coverage = '\"part\"'", [])?;
            }
        }
        new.execute_batch(TIE)?;
        transaction.commit()?;
        let count: i64 = new.query_row("SELECT count(*) FROM snapshots", [], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    };
    let brought = bring();
    // Closed before it is moved.
    new.close().ok()?;
    brought.ok()
}

/// Copies the rows of a table as far as they can be read in this order; whether that was all of them.
fn copy(
    old: &Connection,
    new: &Connection,
    table: &str,
    order: &[&str],
    end: &str,
) -> rusqlite::Result<bool> {
    let order: Vec<String> = order.iter().map(|column| format!("{column}{end}")).collect();
    // A table of a later format is not there; there is nothing of it, then.
    let Ok(mut statement) =
        old.prepare(&format!("SELECT * FROM {table} NOT INDEXED ORDER BY {}", order.join(", ")))
    else {
        return Ok(true);
    };
    let columns = statement.column_names().collect::<Vec<_>>().join(", ");
    let places = vec!["?"; statement.column_count()].join(", ");
    let mut insert = new.prepare(&format!("INSERT OR IGNORE INTO {table} ({columns}) VALUES ({places})"))?;
    let count = statement.column_count();
    let Ok(mut rows) = statement.query([]) else { return Ok(false) };
    loop {
        let row = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(true),
            Err(_) => return Ok(false),
        };
        let values: rusqlite::Result<Vec<Value>> = (0..count).map(|column| row.get(column)).collect();
        match values.map(|values| insert.execute(params_from_iter(values))) {
            // A row that breaks what the table promises is as good as none.
            Ok(Ok(_)) | Err(_) => {}
            Ok(Err(error)) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
            }
            Ok(Err(error)) => return Err(error),
        }
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        renamed => renamed.map_err(StoreError::io("moving", from)),
    }
}

/// Removes what an earlier attempt has left; a failure shows when it is made anew.
fn remove(path: &Path) {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let _ = fs::remove_file(beside(path, suffix));
    }
}
