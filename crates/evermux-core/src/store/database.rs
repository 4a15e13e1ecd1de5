//! The connection to the database: how it is opened, checked and brought to the present format.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};

use super::error::StoreError;
use super::folder::Folder;
use super::lock::Lock;

/// How long a statement waits for another process's transaction.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// Says that a SQLite database is evermux's: "evmx".
const APPLICATION: i32 = 0x6576_6d78;

/// One step of the format. Never changed once released; a newer format is a further step.
struct Migration {
    /// What it brings.
    name: &'static str,
    /// What it does, in one transaction.
    sql: &'static str,
}

/// All steps in order; `PRAGMA user_version` counts those a database has seen.
const MIGRATIONS: &[Migration] = &[
    Migration { name: "snapshots, parts and the journal", sql: include_str!("schema_v1.sql") },
    Migration { name: "what the keeper looks after", sql: include_str!("schema_v2.sql") },
    Migration { name: "packs of old snapshots", sql: include_str!("schema_v3.sql") },
];

/// The format written here, and the newest one certainly understood.
pub(super) const FORMAT: u32 = MIGRATIONS.len() as u32;

/// Whether a store is only looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing is made or changed; there must be a store.
    Read,
    /// The store is made if none is there, and brought to the present format.
    Write,
}

/// Opens the database of a checked folder, and says which format it has.
pub(super) fn open(folder: &Folder, access: Access) -> Result<(Connection, u32), StoreError> {
    let path = folder.database();
    if !folder.check(&path)? {
        if access == Access::Read {
            return Err(StoreError::Absent(folder.path.clone()));
        }
        let _making = schema_lock(folder)?;
        folder.create_database()?;
    }
    let connection = connect(&path).map_err(|error| StoreError::database(&path, error, None))?;
    let failed = |error| failure(&connection, &path, error);
    let version = version(&connection, &path)?;
    if access == Access::Write && version < FORMAT {
        // One process at a time: SQLite cannot wait for another one while the journal mode changes.
        let _making = schema_lock(folder)?;
        if version == 0 {
            // Must be there before the first page is written, which changing to WAL does.
            connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(failed)?;
            set_journal_mode(&connection, folder).map_err(failed)?;
        }
        migrate(&connection, &path)?;
    }
    let version = self::version(&connection, &path)?;
    if version == 0 {
        return Err(StoreError::Absent(folder.path.clone()));
    }
    if version > FORMAT {
        let readable = minimum_reader(&connection).map_err(failed)?.is_some_and(|reader| reader <= FORMAT);
        if access == Access::Write || !readable {
            return Err(StoreError::Newer { path, found: version, known: FORMAT, readable });
        }
    }
    if access == Access::Write && journal_mode(&connection).map_err(failed)? != wanted_mode(folder) {
        let _making = schema_lock(folder)?;
        set_journal_mode(&connection, folder).map_err(failed)?;
    }
    settle(&connection, access).map_err(failed)?;
    Ok((connection, version))
}

/// Makes a new database of the present format elsewhere, 0600 from its first byte. Its journal mode is set when it is
/// opened in its place.
pub(super) fn create_at(path: &Path) -> Result<Connection, StoreError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.map_err(StoreError::io("making", path))?;
    let connection = connect(path).map_err(|error| StoreError::database(path, error, None))?;
    let failed = |error| failure(&connection, path, error);
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(failed)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    migrate(&connection, path)?;
    Ok(connection)
}

fn schema_lock(folder: &Folder) -> Result<Lock, StoreError> {
    Lock::acquire(folder, "schema", "the store's format", BUSY)
}

pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    // Also for reading only: SQLite must be able to bring back what a crashed writer left in the log.
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    // The file may be foreign or damaged on purpose: nothing in its schema is trusted.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// An error of SQLite as one of the store.
pub(super) fn failure(connection: &Connection, path: &Path, error: rusqlite::Error) -> StoreError {
    // SAFETY: the handle is that of a connection that lives, in the thread that uses it; nothing but a number is read.
    let number = unsafe { rusqlite::ffi::sqlite3_system_errno(connection.handle()) };
    let system = (number != 0).then(|| std::io::Error::from_raw_os_error(number));
    StoreError::database(path, error, system)
}

/// The format of the database; 0 if it is empty.
fn version(connection: &Connection, path: &Path) -> Result<u32, StoreError> {
    let failed = |error| failure(connection, path, error);
    // One statement sees one state: another process may be making the database at this moment.
    let all = "SELECT (SELECT user_version FROM pragma_user_version),
                      (SELECT application_id FROM pragma_application_id),
                      (SELECT count(*) FROM sqlite_schema)";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let (version, application, tables): (i32, i32, i64) =
        connection.query_row(all, [], read).map_err(failed)?;
    match (application, tables) {
        (APPLICATION, _) => u32::try_from(version).map_err(|_| StoreError::Foreign(path.to_owned())),
        (0, 0) if version == 0 => Ok(0),
        _ => Err(StoreError::Foreign(path.to_owned())),
    }
}

/// WAL needs memory shared between all processes that use the database; on a network file system there is none.
fn wanted_mode(folder: &Folder) -> &'static str {
    if folder.network { "truncate" } else { "wal" }
}

fn journal_mode(connection: &Connection) -> rusqlite::Result<String> {
    connection.pragma_query_value(None, "journal_mode", |row| row.get(0))
}

/// WAL is kept in the file, the other modes are of the connection: a folder may have moved from one kind of file
/// system to another.
fn set_journal_mode(connection: &Connection, folder: &Folder) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", wanted_mode(folder), |_| Ok(()))
}

fn migrate(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |error| failure(connection, path, error);
    for (migration, step) in MIGRATIONS.iter().zip(1_u32..) {
        let transaction =
            Transaction::new_unchecked(connection, TransactionBehavior::Immediate).map_err(failed)?;
        if version(&transaction, path)? >= step {
            continue;
        }
        tracing::info!(step, name = migration.name, "the store's format changes");
        transaction.execute_batch(migration.sql).map_err(failed)?;
        transaction.pragma_update(None, "application_id", APPLICATION).map_err(failed)?;
        transaction.pragma_update(None, "user_version", step).map_err(failed)?;
        transaction.commit().map_err(failed)?;
    }
    Ok(())
}

fn minimum_reader(connection: &Connection) -> rusqlite::Result<Option<u32>> {
    let text: Option<String> = connection
        .query_row("SELECT value FROM store WHERE name = 'minimum_reader'", [], |row| row.get(0))
        .optional()?;
    Ok(text.and_then(|text| text.parse().ok()))
}

/// Settings of the connection, not of the file.
fn settle(connection: &Connection, access: Access) -> rusqlite::Result<()> {
    // A commit is on the disk before it returns: an acknowledged save survives a power cut.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What `forget` removes is overwritten with zeros, and nothing is spilled into other files.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cell_size_check", true)?;
    if access == Access::Read {
        connection.pragma_update(None, "query_only", true)?;
    }
    Ok(())
}
