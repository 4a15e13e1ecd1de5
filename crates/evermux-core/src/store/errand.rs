//! The files of one command that runs in somebody's shell: its script, its output, its exit status.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use tempfile::TempDir;

use super::error::StoreError;
use super::folder::Folder;

/// A folder for one command, closed to others, in the folder of locks: on a local file system, gone with the machine's run. It is
/// removed when this is dropped.
#[derive(Debug)]
pub struct Errand {
    folder: TempDir,
    /// How much of the output was read.
    read: u64,
}

impl Errand {
    /// Makes the folder.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn new(uid: u32) -> Result<Self, StoreError> {
        let locks = Folder::of_locks(uid)?.locks;
        let folder = tempfile::Builder::new().prefix("run-").tempdir_in(&locks);
        Ok(Self { folder: folder.map_err(StoreError::io("making a folder in", &locks))?, read: 0 })
    }

    /// The path of one of its files.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes one of its files.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), StoreError> {
        let path = self.path(name);
        fs::write(&path, content).map_err(StoreError::io("writing", &path))
    }

    /// The exit status, once it is written.
    pub fn status(&self) -> Option<i32> {
        fs::read_to_string(self.path("status")).ok()?.strip_suffix('\n')?.parse().ok()
    }

    /// What is new in the output.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn new_output(&mut self) -> Result<Vec<u8>, StoreError> {
        let path = self.path("output");
        let mut bytes = Vec::new();
        // Before it begins there is none.
        if let Ok(mut file) = File::open(&path) {
            file.seek(SeekFrom::Start(self.read))
                .and_then(|_| file.read_to_end(&mut bytes))
                .map_err(StoreError::io("reading", &path))?;
        }
        self.read += bytes.len() as u64;
        Ok(bytes)
    }

    /// Leaves the folder for a command that goes on without us.
    pub fn leave(self) {
        let _: PathBuf = self.folder.keep();
    }
}
