//! What can go wrong with the store as a whole. What is wrong with single snapshots is a [`crate::problem::Problem`].

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use super::SnapshotId;

/// Why the store could not do what was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no store yet: nothing has ever been saved here.
    #[error("{}: no store is there", .0.display())]
    Absent(PathBuf),
    /// A file or folder is not one that may be trusted.
    #[error("{}: {why}", path.display())]
    Refused {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        why: Refusal,
    },
    /// A machine's id that cannot be the name of a folder.
    #[error("'{0}' is not a machine id")]
    BadMachine(String),
    /// The operating system refused something.
    #[error("{doing} {}", path.display())]
    Io {
        /// What was tried: "writing".
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Its answer.
        source: io::Error,
    },
    /// Another process holds a lock, and kept it longer than the caller wanted to wait.
    #[error("{what} is busy{} (waited {} ms)", holder.map_or(String::new(), |pid| format!(" in process {pid}")), waited.as_millis())]
    Busy {
        /// What is locked.
        what: String,
        /// The process that wrote its id into the lock last.
        holder: Option<u32>,
        /// How long this one waited.
        waited: Duration,
    },
    /// A lock or the database was removed or replaced while it was in use; nothing was written.
    #[error("{}: was removed or replaced while it was in use", .0.display())]
    Replaced(PathBuf),
    /// The store was written by a newer evermux.
    #[error("{}: is of format {found}, this evermux knows {known}{}", path.display(), if *readable { " and only reads it" } else { "" })]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
        /// Whether it can be read all the same.
        readable: bool,
    },
    /// The file is a database of something else.
    #[error("{}: is not a database of evermux", .0.display())]
    Foreign(PathBuf),
    /// The database is damaged as a whole.
    #[error("{}: is damaged: {what}", path.display())]
    Damaged {
        /// The database, or an emergency file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// No space is left, or a limit on files was reached; nothing was written.
    #[error("{}: no space left", .0.display())]
    Full(PathBuf),
    /// The store was opened for reading only.
    #[error("{}: was opened for reading only", .0.display())]
    ReadOnly(PathBuf),
    /// There is no such snapshot (any more).
    #[error("snapshot {0}: no such snapshot")]
    NoSnapshot(SnapshotId),
    /// The snapshot belongs to another server than the one that is locked.
    #[error("snapshot {0}: belongs to another server")]
    OtherServer(SnapshotId),
    /// The snapshot to save is one of another server than the one that is locked.
    #[error("server {0}: is not the one that is locked")]
    WrongServer(String),
    /// A server without sessions is not worth a snapshot: it is dying, or nothing was done in it.
    #[error("the server has no session: nothing to save")]
    Empty,
    /// A block of text is larger than the store takes.
    #[error("a block of {0} bytes is larger than the store takes")]
    TooLarge(usize),
    /// A part of a snapshot, or a block of text, is not there any more or not what it was.
    #[error("{what}: {why}")]
    Lost {
        /// Which one.
        what: String,
        /// "is missing", "is damaged: …".
        why: String,
    },
    /// There is no such restore in the journal.
    #[error("restore {0}: no such restore")]
    NoRestore(super::RestoreId),
    /// SQLite failed otherwise.
    #[error("{}", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// Its answer.
        source: rusqlite::Error,
    },
}

/// Why a file or folder is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// A symbolic link, or something else that is not a folder, stands where a folder should be.
    #[error("is not a folder")]
    NotAFolder,
    /// A symbolic link, or something else that is not a plain file, stands where a file should be.
    #[error("is not a plain file")]
    NotAFile,
    /// It belongs to somebody else.
    #[error("belongs to another user")]
    NotOurs,
    /// Others could change it.
    #[error("others may write to it")]
    WritableByOthers,
    /// In a folder everybody may write to, ours must be closed to others.
    #[error("others may look into it")]
    OpenToOthers,
}

impl StoreError {
    /// The message and those of its causes, in one line.
    pub fn in_full(&self) -> String {
        let causes = std::iter::successors(std::error::Error::source(self), |cause| cause.source());
        let causes: String = causes.map(|cause| format!(": {cause}")).collect();
        format!("{self}{causes}")
    }

    /// The operating system refused something on `path`.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::Full(path)
            }
            _ => Self::Io { doing, path, source },
        }
    }

    /// SQLite's answer about the database at `path`, and with it what the system said (`system`), if it was about that.
    pub(super) fn database(path: &Path, source: rusqlite::Error, system: Option<io::Error>) -> Self {
        use rusqlite::ErrorCode as Code;
        let code = source.sqlite_error_code();
        // SQLite knows only one way of a disk to be full, and has one word for everything else. (Of files that it cannot
        // open it has tried other ways since, so the system's last word is about those.)
        if let (Some(Code::SystemIoFailure), Some(system)) = (code, system) {
            return Self::io("using", path)(system);
        }
        let path = path.to_owned();
        match code {
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => {
                Self::Busy { what: path.display().to_string(), holder: None, waited: super::database::BUSY }
            }
            Some(Code::DatabaseCorrupt | Code::NotADatabase) => {
                Self::Damaged { path, what: source.to_string() }
            }
            Some(Code::DiskFull) => Self::Full(path),
            _ => Self::Database { path, source },
        }
    }
}
