//! Locks between processes: `flock` on files that are never removed by us.
//!
//! Somebody else may remove them (`rm -r` of the folder, a cleaner of `/tmp`), and then two processes could each hold
//! "the" lock. So a lock counts only while its path still leads to the file that is locked.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::error::StoreError;
use super::folder::Folder;
use crate::text::quote::printable;

/// A held lock; dropping it, or the end of the process in whatever way, releases it.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock called `name`, waiting up to `patience` for another holder.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when it is still held then; errors of the folder.
    pub(super) fn acquire(
        folder: &Folder,
        name: &str,
        what: &str,
        patience: Duration,
    ) -> Result<Self, StoreError> {
        let begun = Instant::now();
        let path = folder.lock(name);
        let mut pause = Duration::from_millis(1);
        loop {
            let lock = Self { file: folder.open_file(&path, false)?, path: path.clone() };
            match lock.file.try_lock() {
                Ok(()) if lock.counts() => {
                    lock.sign();
                    return Ok(lock);
                }
                // Its file was removed before it was locked: the next round makes a new one.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) if begun.elapsed() >= patience => {
                    let waited = begun.elapsed();
                    return Err(StoreError::Busy { what: what.to_owned(), holder: lock.holder(), waited });
                }
                Err(TryLockError::WouldBlock) => {
                    std::thread::sleep(pause.min(patience.saturating_sub(begun.elapsed())));
                    pause = (pause * 2).min(Duration::from_millis(50));
                }
                Err(TryLockError::Error(error)) => return Err(StoreError::io("locking", &path)(error)),
            }
        }
    }

    /// Takes the lock of a name on a server, for scripts that do several things there. It needs no store.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when it is still held after `patience`; errors of the folder.
    pub fn of_name(uid: u32, socket: &Path, name: &[u8], patience: Duration) -> Result<Self, StoreError> {
        let folder = Folder::of_locks(uid)?;
        let whole = [socket.as_os_str().as_encoded_bytes(), b"\0", name].concat();
        let hash = blake3::hash(&whole).to_hex();
        let what = format!("the lock '{}'", printable(name));
        Self::acquire(&folder, &format!("session-{}", &hash[..16]), &what, patience)
    }

    /// Lets programs that are started from now on hold it, too, so that it outlives this process; dropping it frees it
    /// all the same.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn inherit(&self) -> Result<(), StoreError> {
        rustix::io::fcntl_setfd(&self.file, rustix::io::FdFlags::empty())
            .map_err(|error| StoreError::io("passing on", &self.path)(error.into()))
    }

    /// Whether the path of the lock still leads to the file that is locked.
    pub fn counts(&self) -> bool {
        let same = || {
            let (held, there) = (self.file.metadata().ok()?, fs::symlink_metadata(&self.path).ok()?);
            Some((held.dev(), held.ino()) == (there.dev(), there.ino()))
        };
        same().unwrap_or(false)
    }

    /// Errors unless [`Self::counts`].
    pub(super) fn require(&self) -> Result<(), StoreError> {
        if self.counts() { Ok(()) } else { Err(StoreError::Replaced(self.path.clone())) }
    }

    /// Leaves this process's id for those who wait; only a hint for messages, so failures do not matter.
    fn sign(&self) {
        let mut file = &self.file;
        let _ = file.set_len(0).and_then(|()| file.rewind());
        let _ = writeln!(file, "{}", std::process::id());
    }

    fn holder(&self) -> Option<u32> {
        let mut text = String::new();
        (&self.file).take(16).read_to_string(&mut text).ok()?;
        text.trim().parse().ok()
    }
}

impl Drop for Lock {
    /// Closing the file would not do: another thread may have forked just now, and until its child has become another
    /// program, that one holds the file, too.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::super::Place;
    use super::*;

    #[test]
    fn a_released_lock_is_free_even_if_a_child_still_holds_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let uid = folder.path().metadata().unwrap().uid();
        let place = Place::new(folder.path().join("state"), "machine", uid);
        let folder = Folder::open(&place, true).unwrap();
        let acquire = || Lock::acquire(&folder, "test", "testing", Duration::ZERO);
        let lock = acquire().unwrap();
        // As a fork leaves it.
        let inherited = lock.file.try_clone().unwrap();
        assert!(matches!(acquire(), Err(StoreError::Busy { .. })));
        drop(lock);
        acquire().unwrap();
        drop(inherited);
    }
}
