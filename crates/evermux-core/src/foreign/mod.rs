//! Files of other programs: what assistants write down about their conversations. The only room that opens files outside
//! of evermux's own folders; it only reads.
//!
//! Everything here is hostile and may be slow: only plain files of the user's own are read, up to a limit, and nothing
//! after a deadline. What cannot be read is absent. Answers are remembered as long as a file keeps its time and size.

mod cache;
mod database;
mod fields;
mod find;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

use rustix::fs::OFlags;

pub use cache::Cache;
use cache::Stamp;
pub use database::Row;
pub use find::FoundFile;

/// Most that is read of a file (bytes).
const MOST_BYTES: u64 = 64 << 10;

/// Reads files of other programs, until a deadline.
#[derive(Debug)]
pub struct Foreign<'a> {
    uid: u32,
    deadline: Instant,
    cache: &'a Cache,
    /// The folders that were read: many assistants keep their files in the same ones.
    folders: RefCell<HashMap<PathBuf, Names>>,
}

/// The names in a folder, and whether they are folders themselves.
type Names = Rc<Vec<(Vec<u8>, bool)>>;

impl<'a> Foreign<'a> {
    /// Only files of this user, and nothing after the deadline. What is in a folder is read once.
    pub fn new(uid: u32, deadline: Instant, cache: &'a Cache) -> Self {
        Self { uid, deadline, cache, folders: RefCell::default() }
    }

    /// Whether the time is over.
    pub fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// The head of a file and what tells whether it has changed.
    fn head(&self, path: &Path) -> Option<(Vec<u8>, Stamp)> {
        let (file, metadata) = self.open(path)?;
        let mut bytes = Vec::new();
        file.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
        Some((bytes, Stamp::of(&metadata)))
    }

    /// A plain file of ours. Never blocks on a pipe, takes no terminal.
    fn open(&self, path: &Path) -> Option<(File, Metadata)> {
        if self.is_late() {
            return None;
        }
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32;
        // Looked at before it is opened, too: opening some devices does something.
        std::fs::metadata(path).ok().filter(Metadata::is_file)?;
        let file = File::options().read(true).custom_flags(flags).open(path).ok()?;
        let metadata = file.metadata().ok()?;
        (metadata.is_file() && metadata.uid() == self.uid).then_some((file, metadata))
    }

    /// What tells whether a file of ours has changed.
    fn stamp(&self, path: &Path) -> Option<Stamp> {
        let metadata = if self.is_late() { return None } else { std::fs::metadata(path).ok()? };
        (metadata.is_file() && metadata.uid() == self.uid).then(|| Stamp::of(&metadata))
    }
}
