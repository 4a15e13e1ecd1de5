//! What editors are started with when they come back: a folder of files for each, private, and gone once they have read it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};

use super::folder::{Folder, make_checked_folder};
use super::{Store, StoreError};

/// How long files stay that no editor has read.
const STAY: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long the folder of an editor that is being asked stays: nobody asks for so long.
const ASKED: SignedDuration = SignedDuration::from_hours(1);

/// The kept states of editors, as files.
#[derive(Debug)]
pub struct EditorStates {
    folder: Folder,
}

impl Store {
    /// The states of editors beside it, as files.
    pub fn editor_states(&self) -> EditorStates {
        EditorStates { folder: self.folder.clone() }
    }
}

impl EditorStates {
    /// Where they are; it need not be there.
    pub fn folder(&self) -> PathBuf {
        self.folder.path.join("editors")
    }

    /// Writes a state; an earlier one of this name goes.
    ///
    /// # Errors
    /// [`StoreError::Io`]; [`StoreError::Refused`] if the folder is not ours alone.
    pub fn write(&self, name: &str, files: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        make_checked_folder(&self.folder(), self.folder.uid())?;
        let folder = self.folder().join(name);
        if folder.symlink_metadata().is_ok() {
            fs::remove_dir_all(&folder).map_err(StoreError::io("removing", &folder))?;
        }
        make_checked_folder(&folder, self.folder.uid())?;
        for (file, bytes) in files {
            let path = folder.join(file);
            let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
            opened.and_then(|mut file| file.write_all(bytes)).map_err(StoreError::io("writing", &path))?;
        }
        Ok(())
    }

    /// Removes what nobody will read any more.
    pub fn sweep(&self, now: Timestamp) {
        let entries = fs::read_dir(self.folder()).into_iter().flatten().flatten();
        for entry in entries {
            let asked = entry.file_name().as_encoded_bytes().starts_with(b"asked-");
            let changed = entry.metadata().ok().and_then(|it| Timestamp::from_second(it.mtime()).ok());
            let stays = if asked { ASKED } else { STAY };
            if changed.is_some_and(|changed| now.duration_since(changed) > stays) {
                // The next one tries again.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}
