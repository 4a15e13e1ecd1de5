//! What was read before and holds as long as its file does not change.

use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::Row;

/// Most answers that are remembered.
const MOST: usize = 4096;

/// What tells whether a file has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    file: u64,
    /// Seconds and nanoseconds since the epoch.
    modified: (i64, i64),
    size: u64,
}

impl Stamp {
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            file: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            size: metadata.size(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.size == 0
    }
}

/// A question: of which file, and what.
type Question = (PathBuf, String);

/// Answers, each with what its files were like.
type Known<S, A> = Mutex<HashMap<Question, (S, A)>>;

/// Answers to earlier questions.
#[derive(Debug, Default)]
pub struct Cache {
    rows: Known<Vec<Stamp>, Vec<Row>>,
    fields: Known<Stamp, Vec<Option<String>>>,
    /// Databases are read one after the other: no two of one path are ever open here.
    pub(super) database: Mutex<()>,
}

impl Cache {
    /// The rows that a query gave while the files had these stamps.
    pub(super) fn rows(&self, path: &Path, query: &str, stamps: &[Stamp]) -> Option<Vec<Row>> {
        let known = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let (then, rows) = known.get(&(path.to_owned(), query.to_owned()))?;
        (then == stamps).then(|| rows.clone())
    }

    pub(super) fn keep_rows(&self, path: &Path, query: String, stamps: Vec<Stamp>, rows: Vec<Row>) {
        let mut known = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut known);
        known.insert((path.to_owned(), query), (stamps, rows));
    }

    /// What a file of this stamp had in these fields.
    pub(super) fn fields(&self, path: &Path, names: &str, stamp: Stamp) -> Option<Vec<Option<String>>> {
        let known = self.fields.lock().unwrap_or_else(PoisonError::into_inner);
        let (then, fields) = known.get(&(path.to_owned(), names.to_owned()))?;
        (*then == stamp).then(|| fields.clone())
    }

    pub(super) fn keep_fields(&self, path: &Path, names: String, stamp: Stamp, fields: Vec<Option<String>>) {
        let mut known = self.fields.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut known);
        known.insert((path.to_owned(), names), (stamp, fields));
    }
}

/// A full table begins anew: what is asked again is soon known again.
fn make_room<V>(known: &mut HashMap<Question, V>) {
    if known.len() >= MOST {
        known.clear();
    }
}
