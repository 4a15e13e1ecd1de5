//! What the keeper says of each server, in a small file: cheap enough to be read every second for a status line.
//!
//! The file is renamed into its place but not brought to the disk: after a power cut nobody wants to know how the
//! keeper of that time was. One that is old says that there is no keeper, or that it hangs.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Place;
use super::error::StoreError;
use super::folder::Folder;
use crate::model::ServerName;

/// A longer file is none of ours.
const LIMIT: u64 = 64 * 1024;

/// A link at the status's path leads somewhere else.
const NOFOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;

/// How a server is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// When the keeper wrote this.
    pub at: Timestamp,
    /// The keeper's process.
    pub keeper: u32,
    /// How it stands.
    pub state: State,
    /// When the server was last known to be as it is saved.
    pub saved_at: Option<Timestamp>,
    /// The snapshot that holds it.
    pub snapshot: Option<i64>,
    /// What goes wrong.
    pub trouble: Option<String>,
    /// Since when.
    pub trouble_since: Option<Timestamp>,
    /// How many panes there are.
    pub panes: Option<usize>,
    /// How many of them wait to be shown before their shells start.
    #[serde(default)]
    pub waiting: usize,
    /// How long the last save took, in milliseconds.
    pub took: Option<u64>,
    /// When nothing was looked at or saved the last time, though it was to be.
    #[serde(default)]
    pub missed: Option<Missed>,
    /// Nothing comes back when the server starts, because the last starts died of it.
    #[serde(default)]
    pub restore_disabled: bool,
}

/// A time in which nothing was saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// Its beginning.
    pub since: Timestamp,
    /// Its end.
    pub until: Timestamp,
    /// What kept the keeper from it.
    pub why: String,
}

/// What the last restore of a server has brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoredNote {
    /// When it had ended.
    pub at: Timestamp,
    /// What came back and what is owed, in a line.
    pub what: String,
}

/// How the keeping of a server stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Everything that was seen is saved.
    Saved,
    /// Something was seen that will be saved in a moment.
    Behind,
    /// Nothing is to be saved for a while.
    Paused,
    /// The server is not there.
    Away,
    /// Saving goes wrong.
    Trouble,
}

/// Writes what is to be read of a server. The folder must be there.
///
/// # Errors
/// [`StoreError::Io`], [`StoreError::Refused`], [`StoreError::Absent`].
pub fn write_status(place: &Place, server: &ServerName, status: &Status) -> Result<(), StoreError> {
    let folder = Folder::open(place, false)?;
    write(&folder, &folder.status(server), status)
}

/// Writes what is to be read of the last restore of a server. The folder must be there.
///
/// # Errors
/// [`StoreError::Io`], [`StoreError::Refused`], [`StoreError::Absent`].
pub fn write_restored(place: &Place, server: &ServerName, restored: &RestoredNote) -> Result<(), StoreError> {
    let folder = Folder::open(place, false)?;
    write(&folder, &folder.restored(server), restored)
}

fn write(folder: &Folder, path: &Path, value: &impl Serialize) -> Result<(), StoreError> {
    let text = serde_json::to_string(value).expect("it has string keys and no failing parts");
    match replace(folder, path, &text).map_err(StoreError::io("writing", path)) {
        // Just now somebody wants to know. In the old file's own place there is room.
        Err(StoreError::Full(_)) => overwrite(path, &text).map_err(StoreError::io("writing", path)),
        other => other,
    }
}

pub(super) fn replace(folder: &Folder, path: &Path, text: &str) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(".status").tempfile_in(&folder.path)?;
    file.write_all(text.as_bytes())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Writes over what is there. Who reads at the same moment may read nothing.
fn overwrite(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).custom_flags(NOFOLLOW).open(path)?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)
}

/// Reads what the keeper last said of a server; none: nothing, or nothing that can be trusted or understood.
pub fn status(place: &Place, server: &ServerName) -> Option<Status> {
    let folder = Folder::open(place, false).ok()?;
    read(&folder, &folder.status(server))
}

/// Reads what the last restore of a server has brought; none: nothing, or nothing that can be trusted or understood.
pub fn restored(place: &Place, server: &ServerName) -> Option<RestoredNote> {
    let folder = Folder::open(place, false).ok()?;
    read(&folder, &folder.restored(server))
}

fn read<T: DeserializeOwned>(folder: &Folder, path: &Path) -> Option<T> {
    if !folder.check(path).ok()? {
        return None;
    }
    let mut text = String::new();
    fs::File::open(path).ok()?.take(LIMIT).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}
