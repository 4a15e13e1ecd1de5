//! The folder `log/` beside the database: `evermux.log`, bounded, and one readable report per restore.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use super::folder::{Folder, make_checked_folder};
use super::{Lock, Place, RestoreId, StoreError};

/// A log file that has reached this size is put aside.
const LARGEST: u64 = 1 << 20;
/// So many are kept aside: `evermux.log.1` is the latest.
const KEPT: usize = 4;
/// So many reports are kept.
const REPORTS: usize = 50;
/// How long a process waits for another one that puts the log file aside.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(1);

/// The logs of a store. Works without a database.
#[derive(Clone, Debug)]
pub struct Logs {
    folder: Arc<Folder>,
}

/// The report of one restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreReport {
    /// When the restore began, to the second.
    pub at: Timestamp,
    /// Which one.
    pub id: RestoreId,
    /// Its file.
    pub path: PathBuf,
}

impl Logs {
    /// Opens the logs of a store and makes their folder.
    ///
    /// # Errors
    /// Those of the folder.
    pub fn open(place: &Place) -> Result<Self, StoreError> {
        let folder = Folder::open(place, true)?;
        make_checked_folder(&folder.log(), folder.uid())?;
        Ok(Self { folder: Arc::new(folder) })
    }

    /// A writer of log lines for this process.
    pub fn writer(&self) -> LogWriter {
        LogWriter { shared: Arc::new(Mutex::new(Open { folder: Arc::clone(&self.folder), file: None })) }
    }

    /// The last lines of the log, oldest first, at most `count`.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::Refused`].
    pub fn lines(&self, count: usize) -> Result<Vec<bstr::BString>, StoreError> {
        let mut lines: Vec<bstr::BString> = Vec::new();
        for number in 0..=KEPT {
            let path = numbered(&self.folder, number);
            if lines.len() >= count || !self.folder.check(&path)? {
                break;
            }
            let content = fs::read(&path).map_err(StoreError::io("reading", &path))?;
            let content = content.strip_suffix(b"\n").unwrap_or(&content);
            let older = content.split(|&byte| byte == b'\n').map(bstr::BString::from);
            lines.splice(0..0, older);
        }
        Ok(lines.split_off(lines.len().saturating_sub(count)))
    }

    /// Writes the report of a restore, and removes the oldest ones beyond 50. Where it is.
    ///
    /// # Errors
    /// There is no report, or the old one.
    pub fn write_report(&self, id: RestoreId, began: Timestamp, text: &str) -> Result<PathBuf, StoreError> {
        let name = format!("restore-{}-{id}.txt", began.strftime(STAMP));
        let path = self.folder.log().join(name);
        self.folder.replace_file(&path, &[text.as_bytes()])?;
        for old in self.reports()?.into_iter().skip(REPORTS) {
            fs::remove_file(&old.path).map_err(StoreError::io("removing", &old.path))?;
        }
        Ok(path)
    }

    /// The reports that are there, the latest first.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn reports(&self) -> Result<Vec<RestoreReport>, StoreError> {
        let folder = self.folder.log();
        let entries = fs::read_dir(&folder).map_err(StoreError::io("reading", &folder))?;
        let mut reports: Vec<RestoreReport> =
            entries.filter_map(|entry| parse_report(&entry.ok()?.path())).collect();
        reports.sort_by_key(|report| std::cmp::Reverse((report.at, report.id)));
        Ok(reports)
    }

    /// The text of a report.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::Refused`].
    pub fn read_report(&self, report: &RestoreReport) -> Result<bstr::BString, StoreError> {
        self.folder.check(&report.path)?;
        fs::read(&report.path).map(Into::into).map_err(StoreError::io("reading", &report.path))
    }
}

/// The time in a report's file name.
const STAMP: &str = "%Y%m%dT%H%M%SZ";

fn parse_report(path: &Path) -> Option<RestoreReport> {
    let name = path.file_name()?.to_str()?.strip_prefix("restore-")?.strip_suffix(".txt")?;
    let (stamp, id) = name.split_once('-')?;
    let at = jiff::civil::DateTime::strptime(STAMP, stamp).ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(RestoreReport { at: at.timestamp(), id: id.parse().ok()?, path: path.to_owned() })
}

fn numbered(folder: &Folder, number: usize) -> PathBuf {
    match number {
        0 => folder.log().join("evermux.log"),
        _ => folder.log().join(format!("evermux.log.{number}")),
    }
}

/// Appends to the log; several processes may do so at once, and whole writes stay whole. One write should be one
/// line. When the file has reached 1 MiB it is put aside, and the oldest of four is removed.
#[derive(Clone, Debug)]
pub struct LogWriter {
    shared: Arc<Mutex<Open>>,
}

#[derive(Debug)]
struct Open {
    folder: Arc<Folder>,
    file: Option<File>,
}

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut open = self.shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        open.file()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Open {
    /// The log file, opened again where another process has put it aside, put aside where it is full.
    fn file(&mut self) -> io::Result<&mut File> {
        let path = numbered(&self.folder, 0);
        let size = fs::symlink_metadata(&path).ok().map(|there| (there.ino(), there.size()));
        if size.is_some_and(|(_, size)| size >= LARGEST) {
            self.file = None;
            put_aside(&self.folder);
        } else if let (Some((there, _)), Some(file)) = (size, &self.file)
            && file.metadata()?.ino() != there
        {
            self.file = None;
        } else if size.is_none() {
            self.file = None;
        }
        match &mut self.file {
            Some(file) => Ok(file),
            empty => Ok(empty.insert(self.folder.open_file(&path, true).map_err(io::Error::other)?)),
        }
    }
}

/// Moves every log file one number on. A failure leaves a file that is too large, which is better than no log.
fn put_aside(folder: &Folder) {
    let Ok(_lock) = Lock::acquire(folder, "log", "the log", PATIENCE) else { return };
    let full = |path: &Path| fs::symlink_metadata(path).is_ok_and(|there| there.size() >= LARGEST);
    // Another process may have done it in the meantime.
    if full(&numbered(folder, 0)) {
        for number in (0..KEPT).rev() {
            let _ = fs::rename(numbered(folder, number), numbered(folder, number + 1));
        }
    }
}
