//! Databases of other programs, which may be writing them right now.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use super::Foreign;
use super::cache::Stamp;

/// The values of a row by the names of its columns, as text; without those that are NULL or bytes.
pub type Row = BTreeMap<String, String>;

/// Most rows, and the longest value (bytes).
const MOST_ROWS: usize = 50;
const LONGEST: i32 = 1 << 20;
const LONGEST_TEXT: usize = 4096;

/// How long to wait for a writer.
const PATIENCE: Duration = Duration::from_millis(50);

impl Foreign<'_> {
    /// The rows of a query. Parameters that it does not name are left out. None if the database cannot be read, or has no
    /// such table.
    pub fn rows(&self, path: &Path, query: &str, parameters: &[(&str, &str)]) -> Option<Vec<Row>> {
        let _turn = self.cache.database.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = self.stamps(path)?;
        // A log whose index is missing would have SQLite make one.
        if stamps.len() > 1 && self.stamp(&with_ending(path, "-shm")).is_none() {
            return None;
        }
        let question = format!("{query}\0{parameters:?}");
        if let Some(rows) = self.cache.rows(path, &question, &stamps) {
            return Some(rows);
        }
        let rows = ask(path, stamps.len() > 1, self.deadline, query, parameters);
        if let Err(error) = &rows {
            tracing::debug!(path = %path.display(), %error, "a foreign database gives no answer");
        }
        let rows = rows.ok()?;
        // A database that began to be written meanwhile may have been read half.
        if stamps.len() == 1 && self.stamps(path).as_deref() != Some(stamps.as_slice()) {
            return None;
        }
        self.cache.keep_rows(path, question, stamps, rows.clone());
        Some(rows)
    }

    /// Those of the database, and of its log if somebody has it open.
    fn stamps(&self, path: &Path) -> Option<Vec<Stamp>> {
        let log = self.stamp(&with_ending(path, "-wal")).filter(|log| !log.is_empty());
        Some([self.stamp(path)?].into_iter().chain(log).collect())
    }
}

/// Reads without writing a byte: with a log beside it a database is read as its other readers do, one without is whole by
/// itself. Then nothing is locked, and SQLite does not make the files that a log needs (`immutable`).
fn ask(
    path: &Path,
    log: bool,
    deadline: Instant,
    query: &str,
    parameters: &[(&str, &str)],
) -> rusqlite::Result<Vec<Row>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let path = path.canonicalize().map_err(|_| rusqlite::Error::InvalidPath(path.to_owned()))?;
    let mut database = Connection::open_with_flags(address(&path, !log), flags)?;
    database.busy_timeout(PATIENCE)?;
    // What stands in its schema is not ours: it calls no functions that do something.
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    database.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST)?;
    database.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    database.pragma_update(None, "query_only", true)?;
    database.progress_handler(1000, Some(move || Instant::now() >= deadline))?;
    let mut statement = database.prepare(query)?;
    if !statement.readonly() {
        return Err(rusqlite::Error::InvalidQuery);
    }
    for (name, value) in parameters {
        if let Some(position) = statement.parameter_index(name)? {
            statement.raw_bind_parameter(position, value)?;
        }
    }
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let mut values = Row::new();
        for (position, column) in columns.iter().enumerate() {
            let value = match row.get_ref(position)? {
                ValueRef::Integer(number) => Some(number.to_string()),
                ValueRef::Text(text) if text.len() <= LONGEST_TEXT => {
                    std::str::from_utf8(text).ok().map(str::to_owned)
                }
                _ => None,
            };
            values.extend(value.map(|value| (column.clone(), value)));
        }
        found.push(values);
        if found.len() == MOST_ROWS {
            break;
        }
    }
    Ok(found)
}

/// A path as a URI (sqlite.org/uri.html).
fn address(path: &Path, immutable: bool) -> String {
    let mut address = "file://".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' => address.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => address.push(char::from(*byte)),
            byte => address.push_str(&format!("%{byte:02X}")),
        }
    }
    address.push_str(if immutable { "?mode=ro&immutable=1" } else { "?mode=ro" });
    address
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}
