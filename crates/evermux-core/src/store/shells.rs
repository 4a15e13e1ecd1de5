//! The files that the shells of panes and evermux exchange, in `shell/` (0700): see [`crate::shell`].
//!
//! `SERVER.PANE` (process id of the tmux server, number of the pane) is written by the shell itself and only read here.
//! `SERVER.PANE.first` waits for the first prompt of a restored shell, which takes it by renaming it; `SERVER.PANE.history` is
//! then what it reads as its history. `history/IDENTITY` holds the commands of a pane as long as it is known.
//!
//! No database is opened for any of it: a shell waits for that at its start.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::body::ShellBody;
use super::folder::{Folder, files, make_checked_folder};
use super::pane_place::{PanePlace, PanePlaceBody};
use super::{Place, Store, StoreError};
use crate::model::{PaneId, PaneIdentity, ShellState};
use crate::shell::HISTORY_BYTES;

/// The layout of what waits for a first prompt; another one is not understood.
const FORMAT: u32 = 1;

/// How much is read of what a shell has written, from its end. The scripts begin their file anew long before.
const NEWEST: u64 = 256 << 10;

/// How long the first item of such a file may be.
const HEAD: u64 = 128;

/// The largest of our own files that is believed.
const LARGEST: u64 = 1 << 20;

/// What a restored pane's shell takes back at its first prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Which pane.
    pub place: PanePlace,
    /// The directories and variables.
    pub state: ShellState,
}

#[derive(Serialize, Deserialize)]
struct WaitingFile {
    evermux_first: u32,
    #[serde(flatten)]
    place: PanePlaceBody,
    state: ShellBody,
}

/// The files of the panes' shells.
#[derive(Clone, Debug)]
pub struct Shells {
    folder: Folder,
}

impl Shells {
    /// Opens the folder, and makes it where it is not there.
    ///
    /// # Errors
    /// Those of the folder.
    pub fn open(place: &Place) -> Result<Self, StoreError> {
        let folder = Folder::open(place, true)?;
        make_checked_folder(&folder.shells(), folder.uid())?;
        Ok(Self { folder })
    }

    /// The same for who only looks: makes nothing, and the folder may come later.
    ///
    /// # Errors
    /// [`StoreError::Absent`], and those of the folder.
    pub fn existing(place: &Place) -> Result<Self, StoreError> {
        Ok(Self { folder: Folder::open(place, false)? })
    }

    /// Where the files are: what the scripts are told.
    pub fn path(&self) -> PathBuf {
        self.folder.shells()
    }

    /// What the shell of a pane has written: how it begins, and the newest of the rest. None if it has not, or if that is not
    /// a plain file of ours.
    pub fn report(&self, server: u32, pane: PaneId) -> Option<Vec<u8>> {
        let path = self.file(server, pane, "");
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file = rustix::fs::open(&path, OFlags::RDONLY | flags, rustix::fs::Mode::empty())
            .map(File::from)
            .ok()?;
        let metadata = file.metadata().ok()?;
        super::folder::check_file(&path, &metadata, self.folder.uid()).ok()?;
        let mut bytes = Vec::new();
        if metadata.len() <= NEWEST {
            file.take(NEWEST).read_to_end(&mut bytes).ok()?;
            return Some(bytes);
        }
        (&mut file).take(HEAD).read_to_end(&mut bytes).ok()?;
        bytes.truncate(bytes.iter().position(|byte| *byte == 0)? + 1);
        file.seek(SeekFrom::Start(metadata.len() - NEWEST)).ok()?;
        let mut rest = Vec::new();
        file.take(NEWEST).read_to_end(&mut rest).ok()?;
        // It begins within some item.
        let whole = rest.iter().position(|byte| *byte == 0)? + 1;
        bytes.extend_from_slice(&rest[whole..]);
        Some(bytes)
    }

    /// Leaves something for the first prompt of a pane's shell.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::Full`].
    pub fn leave(&self, pane: PaneId, waiting: &Waiting) -> Result<(), StoreError> {
        let path = self.file(waiting.place.generation.pid, pane, ".first");
        let failed = |error: std::io::Error| StoreError::io("writing", &path)(error);
        let bytes = serde_json::to_vec(&WaitingFile::from(waiting)).map_err(|error| failed(error.into()))?;
        make_checked_folder(&self.path(), self.folder.uid())?;
        // Lost with the power, like the pane that it is for: not worth waiting for the disk.
        self.write(&path, &bytes).map_err(failed)
    }

    /// What waits for the first prompt of a pane's shell; none if nothing does, or nothing that is understood.
    pub fn waiting(&self, server: u32, pane: PaneId) -> Option<Waiting> {
        let bytes = self.read(&self.file(server, pane, ".first"))?;
        let file: WaitingFile = serde_json::from_slice(&bytes).ok()?;
        (file.evermux_first == FORMAT).then(|| file.into())
    }

    /// Whether something waits for the first prompt of a pane's shell.
    pub fn waits(&self, server: u32, pane: PaneId) -> bool {
        self.file(server, pane, ".first").exists()
    }

    /// Takes it away, so that nobody else does; whether it was there.
    pub fn take(&self, server: u32, pane: PaneId) -> bool {
        fs::remove_file(self.file(server, pane, ".first")).is_ok()
    }

    /// Writes what a pane's shell reads as its history; where.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn write_history_file(&self, server: u32, pane: PaneId, bytes: &[u8]) -> Result<PathBuf, StoreError> {
        let path = self.file(server, pane, ".history");
        self.write(&path, bytes).map_err(StoreError::io("writing", &path))?;
        Ok(path)
    }

    /// The commands of a pane, as [`Shells::remember`] got them; nothing if there are none.
    pub fn history(&self, pane: PaneIdentity) -> Vec<u8> {
        let bytes = self.read(&self.histories().join(pane.to_string())).unwrap_or_default();
        if bytes.len() > 2 * HISTORY_BYTES { Vec::new() } else { bytes }
    }

    /// Keeps the commands of a pane.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::Refused`].
    pub fn remember(&self, pane: PaneIdentity, bytes: &[u8]) -> Result<(), StoreError> {
        make_checked_folder(&self.path(), self.folder.uid())?;
        make_checked_folder(&self.histories(), self.folder.uid())?;
        let path = self.histories().join(pane.to_string());
        self.write(&path, bytes).map_err(StoreError::io("writing", &path))
    }

    /// Removes the commands of panes that are not known any more.
    pub fn forget(&self, is_known: impl Fn(PaneIdentity) -> bool) {
        for path in files(&self.histories()) {
            let pane = path.file_name().and_then(|name| name.to_str()?.parse().ok());
            if !pane.is_some_and(&is_known) {
                // It goes the next time.
                let _ = fs::remove_file(path);
            }
        }
    }

    /// Removes the files of servers that have ended, and of panes of this one that are gone.
    pub fn sweep(&self, server: u32, panes: &[PaneId], lives: impl Fn(u32) -> bool) {
        for path in files(&self.path()) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let mut parts = name.splitn(3, '.');
            let number = parts.next().and_then(|part| part.parse().ok());
            let pane = parts.next().and_then(|part| part.parse().ok()).map(PaneId);
            let (Some(number), Some(pane)) = (number, pane) else { continue };
            let is_gone = if number == server { !panes.contains(&pane) } else { !lives(number) };
            if is_gone {
                let _ = fs::remove_file(path);
            }
        }
    }

    fn file(&self, server: u32, pane: PaneId, suffix: &str) -> PathBuf {
        self.path().join(format!("{server}.{}{suffix}", pane.0))
    }

    fn histories(&self) -> PathBuf {
        self.path().join("history")
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let file = super::folder::temporary(path)?;
        fs::write(file.path(), bytes)?;
        file.persist(path).map(drop).map_err(|error| error.error)
    }

    fn read(&self, path: &Path) -> Option<Vec<u8>> {
        if !self.folder.check(path).ok()? || fs::metadata(path).ok()?.len() > LARGEST {
            return None;
        }
        fs::read(path).ok()
    }
}

impl Store {
    /// Removes the commands of panes that are in no snapshot any more, but for old ones that are packed.
    pub(super) fn forget_commands(&self) -> Result<(), StoreError> {
        let shells = Shells { folder: self.folder.clone() };
        if !shells.histories().exists() {
            return Ok(());
        }
        let read = || -> rusqlite::Result<Vec<Vec<u8>>> {
            let mut statement = self.connection.prepare("SELECT panes FROM sessions")?;
            statement.query_map([], |row| row.get(0))?.collect()
        };
        let panes = read().map_err(|error| self.failed(error))?;
        let known: HashSet<[u8; 16]> =
            panes.iter().flat_map(|panes| panes.as_chunks::<16>().0.iter().copied()).collect();
        shells.forget(|pane| known.contains(pane.as_bytes()));
        Ok(())
    }
}

impl From<&Waiting> for WaitingFile {
    fn from(waiting: &Waiting) -> Self {
        Self { evermux_first: FORMAT, place: (&waiting.place).into(), state: (&waiting.state).into() }
    }
}

impl From<WaitingFile> for Waiting {
    fn from(file: WaitingFile) -> Self {
        Self { place: file.place.into(), state: file.state.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EnvironmentEntry;

    fn shells() -> (tempfile::TempDir, Shells) {
        let folder = tempfile::tempdir().unwrap();
        let uid = rustix::process::geteuid().as_raw();
        let place = Place { network: Some(false), ..Place::new(folder.path().join("state"), "machine", uid) };
        assert!(Shells::existing(&place).is_err());
        let shells = Shells::open(&place).unwrap();
        assert!(Shells::existing(&place).is_ok());
        (folder, shells)
    }

    fn waiting() -> Waiting {
        Waiting {
            place: PanePlace::made_up(1),
            state: ShellState {
                previous: Some(b"/x\xff".into()),
                directories: vec!["/a".into()],
                variables: vec![EnvironmentEntry { name: "AWS_PROFILE".into(), value: Some("a".into()) }],
            },
        }
    }

    #[test]
    fn what_waits_is_taken_once() {
        let (_folder, shells) = shells();
        assert!(!shells.waits(7, PaneId(3)) && shells.waiting(7, PaneId(3)).is_none());
        shells.leave(PaneId(3), &waiting()).unwrap();
        assert_eq!(shells.waiting(7, PaneId(3)), Some(waiting()));
        assert!(shells.take(7, PaneId(3)) && !shells.take(7, PaneId(3)));
        for text in ["", "{}", r#"{"evermux_first":2}"#] {
            fs::write(shells.file(7, PaneId(3), ".first"), text).unwrap();
            assert!(shells.waiting(7, PaneId(3)).is_none(), "{text}");
        }
    }

    #[test]
    fn only_so_much_is_read_of_a_report() {
        let (_folder, shells) = shells();
        let path = shells.file(7, PaneId(3), "");
        assert_eq!(shells.report(7, PaneId(3)), None);
        fs::write(&path, "s1 bash 0\0e0 0\0").unwrap();
        assert_eq!(shells.report(7, PaneId(3)).unwrap(), b"s1 bash 0\0e0 0\0");
        fs::write(&path, format!("s1 bash 0\0{}", "c1 x\0".repeat(100_000))).unwrap();
        let read = shells.report(7, PaneId(3)).unwrap();
        assert!(read.len() <= (NEWEST + HEAD) as usize && read.starts_with(b"s1 bash 0\0c1 x\0"));
        // Nothing but a plain file: not even a FIFO that nobody writes into.
        for make in [
            |path: &Path| std::os::unix::fs::symlink("/etc/passwd", path).is_ok(),
            |path: &Path| rustix::fs::mkfifoat(rustix::fs::CWD, path, 0o600.into()).is_ok(),
        ] {
            fs::remove_file(&path).unwrap();
            assert!(make(&path));
            assert_eq!(shells.report(7, PaneId(3)), None);
        }
    }

    #[test]
    fn files_of_what_is_gone_go() {
        let (_folder, shells) = shells();
        for name in ["7.1", "7.2", "7.2.first", "8.1", "9.1.history", "notes"] {
            fs::write(shells.path().join(name), "").unwrap();
        }
        let (known, other) = (PaneIdentity::from_random([1; 16]), PaneIdentity::from_random([2; 16]));
        shells.remember(known, b"1 a\0").unwrap();
        shells.remember(other, b"1 b\0").unwrap();
        shells.sweep(7, &[PaneId(1)], |pid| pid == 8);
        shells.forget(|pane| pane == known);
        let mut left: Vec<String> = files(&shells.path())
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        left.sort();
        assert_eq!(left, ["7.1", "8.1", "notes"]);
        assert_eq!((shells.history(known), shells.history(other)), (b"1 a\0".to_vec(), Vec::new()));
    }
}
