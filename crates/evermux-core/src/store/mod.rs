//! What was saved: the only room that opens the database and the files of evermux.
//!
//! One folder per user and machine ([`Place`]) holds a SQLite database, locks, per server an emergency file, and
//! `log/`. A snapshot is a tree of parts named by their hashes: sessions, windows, texts, blocks of lines; equal parts
//! are kept once. `docs/format.md` describes all of it.
//!
//! Reading needs no lock: [`Store`]. Whatever changes the timeline of a server is a method of a value that holds that
//! server's lock: [`Saving`] for snapshots, [`Restoring`] for the journal of restores. A capture that continues an
//! earlier snapshot takes [`Saving`] first, so that what it continues cannot be forgotten in between.

mod body;
mod care;
mod database;
mod decode;
mod editor_states;
mod emergency;
mod encode;
mod errand;
mod error;
mod folder;
mod journal;
mod keeper;
mod load;
mod lock;
mod log;
mod pack;
mod pane_place;
mod part;
mod prune;
mod remove;
mod rescue;
mod salvage;
mod save;
mod shells;
mod status;
mod ticket;
#[cfg(test)]
mod tests;
mod timeline;
mod wanted;

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;

pub use care::{Forgotten, Verified};
pub use database::Access;
pub use editor_states::EditorStates;
pub use emergency::EmergencyFile;
#[cfg(feature = "fuzzing")]
pub use emergency::fuzz_document;
pub use errand::Errand;
pub use error::{Refusal, StoreError};
pub use folder::Place;
pub use journal::{Began, Journal, RestoreId, RestoreState, Restoring, Step, StoredRestore};
pub use keeper::{StartNote, StartOutcome};
pub use lock::Lock;
pub use log::{LogWriter, Logs, RestoreReport};
#[cfg(feature = "fuzzing")]
pub use pack::fuzz_pack;
pub use pane_place::PanePlace;
pub use part::PreparedBlock;
pub use prune::{Over, Past, Pruning, Size, Step as PruneStep, StepDone, over, write_over};
pub use salvage::Aside;
pub use save::{Emergency, Save, Saved, Saving};
pub use shells::{Shells, Waiting};
pub use status::{Missed, RestoredNote, State, Status, restored, status, write_restored, write_status};
pub use ticket::{Ticket, TicketId, Tickets};
pub use timeline::{Listed, Wanted};

use crate::model::{BlockId, Generation, ServerName, SnapshotId};
use folder::{Folder, server_key};

/// Which file a database is: another one can take its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseFile {
    device: u64,
    inode: u64,
}

/// An open store. Reads without a lock; one value serves one thread at a time.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    folder: Folder,
    access: Access,
    /// The format of the database as it is.
    format: u32,
    /// Which file the connection is on.
    file: DatabaseFile,
    /// Per generation (its row), the snapshot that was found whole.
    whole: RefCell<HashMap<i64, SnapshotId>>,
    /// What was read of packs.
    packs: RefCell<pack::Packs>,
    /// Snapshots that emergency files had to help with.
    rescued: RefCell<HashMap<SnapshotId, rescue::Rescued>>,
}

impl Store {
    /// Opens the store at `place`; with [`Access::Write`] it is made where there is none and brought to the present
    /// format.
    ///
    /// # Errors
    /// [`StoreError::Absent`] where there is nothing to read; [`StoreError::Refused`] where something may not be
    /// trusted; [`StoreError::Newer`] for a format of the future, which can be read at most;
    /// [`StoreError::Damaged`]: see [`Store::set_aside`] and [`Store::emergencies`].
    pub fn open(place: &Place, access: Access) -> Result<Self, StoreError> {
        let folder = Folder::open(place, access == Access::Write)?;
        let (connection, format) = database::open(&folder, access)?;
        let file = identity(&folder.database()).ok_or_else(|| StoreError::Replaced(folder.database()))?;
        Ok(Self {
            connection,
            folder,
            access,
            format,
            file,
            whole: RefCell::default(),
            packs: RefCell::default(),
            rescued: RefCell::default(),
        })
    }

    /// Opens the same database once more, for another thread of the process that has it open.
    ///
    /// Two databases of one path must not be open in one process: SQLite's locks are POSIX locks, which belong to a process and
    /// end with the first descriptor of their file that is closed; without them other processes cut the memory that the
    /// connections share (SIGBUS, seen).
    ///
    /// # Errors
    /// [`StoreError::Replaced`] if it is not at its place any more; those of [`Store::open`].
    pub fn open_again(place: &Place, file: DatabaseFile) -> Result<Self, StoreError> {
        let folder = Folder::open(place, false)?;
        let path = folder.database();
        if identity(&path) != Some(file) {
            return Err(StoreError::Replaced(path));
        }
        let store = Self::open(place, Access::Write)?;
        if store.file == file { Ok(store) } else { Err(StoreError::Replaced(path)) }
    }

    /// Which file the database is.
    pub fn file(&self) -> DatabaseFile {
        self.file
    }

    /// The tickets beside it.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if their folder is not ours alone.
    pub fn tickets(&self) -> Result<Tickets, StoreError> {
        Tickets::of(self.folder.clone())
    }

    /// Takes the lock for saving `server`, waiting up to `patience` for another process.
    ///
    /// # Errors
    /// [`StoreError::Busy`]; [`StoreError::ReadOnly`].
    pub fn saving(&self, server: &ServerName, patience: Duration) -> Result<Saving<'_>, StoreError> {
        let lock = self.lock(server, "save", "saving", patience)?;
        Ok(Saving::new(self, server.clone(), lock))
    }

    /// Takes the lock for restoring into `server`, waiting up to `patience` for another process. It is held during a
    /// whole restore; the restore takes [`Store::saving`] for moments.
    ///
    /// # Errors
    /// [`StoreError::Busy`]; [`StoreError::ReadOnly`].
    pub fn restoring(&self, server: &ServerName, patience: Duration) -> Result<Restoring<'_>, StoreError> {
        let lock = self.lock(server, "restore", "restoring", patience)?;
        Ok(Restoring::new(self, server.clone(), lock))
    }

    /// Takes the lock that a restore into `server` holds until everything stands; who has it knows that nothing is being
    /// built. A restore takes it after [`Store::restoring`].
    ///
    /// # Errors
    /// [`StoreError::Busy`]; [`StoreError::ReadOnly`].
    pub fn building(&self, server: &ServerName, patience: Duration) -> Result<Lock, StoreError> {
        self.lock(server, "build", "building", patience)
    }

    /// Takes the lock for bringing back what somebody wants to attach to, one after the other: of several terminals that
    /// want the same the first brings it back, and the others find it there.
    ///
    /// # Errors
    /// [`StoreError::Busy`]; [`StoreError::ReadOnly`].
    pub fn attaching(&self, server: &ServerName, patience: Duration) -> Result<Lock, StoreError> {
        self.lock(server, "attach", "attaching", patience)
    }

    fn lock(&self, server: &ServerName, kind: &str, what: &str, wait: Duration) -> Result<Lock, StoreError> {
        if self.access == Access::Read {
            return Err(StoreError::ReadOnly(self.folder.database()));
        }
        let what = format!("{what} {}", server.socket);
        Lock::acquire(&self.folder, &format!("{}.{kind}", server_key(server)), &what, wait)
    }

    /// The folder everything is in.
    pub fn folder(&self) -> &Path {
        &self.folder.path
    }

    /// The folder for the files of restores that are at work, or whose panes still live; made if it is not there.
    ///
    /// # Errors
    /// [`StoreError::Refused`], [`StoreError::Io`].
    pub fn jobs(&self) -> Result<PathBuf, StoreError> {
        self.folder.jobs()
    }

    /// Removes the files of restores into former lives of a server: nothing of theirs lives any more.
    ///
    /// # Errors
    /// Those of [`Store::jobs`] and [`Store::all_restores`].
    pub fn clear_jobs(&self, server: &ServerName, living: &Generation) -> Result<(), StoreError> {
        let jobs = self.jobs()?;
        for restore in self.all_restores(server)? {
            if restore.generation.as_ref().is_some_and(|generation| generation != living) {
                // One that is gone already, or cannot be removed now, harms nobody.
                let _ = fs::remove_dir_all(jobs.join(restore.id.to_string()));
            }
        }
        Ok(())
    }

    /// Whether the store is on a network file system: it then works in a slower mode, its locks lie elsewhere, and
    /// SQLite's promises are only as good as that file system.
    pub fn on_network(&self) -> bool {
        self.folder.network
    }

    /// The uncompressed bytes of a block of text, checked.
    ///
    /// # Errors
    /// [`StoreError::Lost`].
    pub fn block(&self, id: &BlockId) -> Result<Vec<u8>, StoreError> {
        if *id == BlockId::of(b"") {
            return Ok(Vec::new());
        }
        let hash = body::Hash(id.0);
        self.part(&hash)
            .or_else(|why| {
                self.rescued.borrow().values().find_map(|it| it.parts.get(&hash).cloned()).ok_or(why)
            })
            .map_err(|why| StoreError::Lost { what: format!("block {id}"), why })
    }

    /// Whether the database is still the file at its path: another process may have moved a damaged one away.
    pub fn is_in_place(&self) -> bool {
        self.require_file().is_ok()
    }

    /// Errors unless the database's path still leads to the file this connection writes to.
    fn require_file(&self) -> Result<(), StoreError> {
        let path = self.folder.database();
        if identity(&path) == Some(self.file) { Ok(()) } else { Err(StoreError::Replaced(path)) }
    }

    /// An error of SQLite as one of the store.
    fn failed(&self, error: rusqlite::Error) -> StoreError {
        database::failure(&self.connection, &self.folder.database(), error)
    }

    /// A transaction that writes.
    fn transaction(&self) -> Result<rusqlite::Transaction<'_>, StoreError> {
        rusqlite::Transaction::new_unchecked(&self.connection, rusqlite::TransactionBehavior::Immediate)
            .map_err(|error| self.failed(error))
    }
}

/// Where text is read from: the store, or an emergency file.
pub trait Text {
    /// The uncompressed bytes of a block.
    ///
    /// # Errors
    /// [`StoreError::Lost`].
    fn block(&self, id: &BlockId) -> Result<Vec<u8>, StoreError>;
}

impl Text for Store {
    fn block(&self, id: &BlockId) -> Result<Vec<u8>, StoreError> {
        Store::block(self, id)
    }
}

fn identity(path: &Path) -> Option<DatabaseFile> {
    let metadata = fs::symlink_metadata(path).ok()?;
    Some(DatabaseFile { device: metadata.dev(), inode: metadata.ino() })
}

/// A moment as it stands in the database; finer parts than a microsecond are dropped.
fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// A moment from the database; one that cannot be is the epoch.
fn moment(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
}
