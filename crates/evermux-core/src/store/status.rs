//! What the keeper says of each server, in a small file: cheap enough to be read every second for a status line.
//!
//! The file is renamed into its place but not brought to the disk: after a power cut nobody wants to know how the
//! keeper of that time was. One that is old says that there is no keeper, or that it hangs.

use std::fs;
use std::io::Read;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Place;
use super::error::StoreError;
use super::folder::Folder;
use crate::model::ServerName;

/// A longer file is none of ours.
const LIMIT: u64 = 64 * 1024;

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
    /// How long the last save took, in milliseconds.
    pub took: Option<u64>,
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
    let path = folder.status(server);
    let io = |error| StoreError::io("writing", &path)(error);
    let text = serde_json::to_string(status).expect("a status has string keys and no failing parts");
    let file = tempfile::Builder::new().prefix(".status").tempfile_in(&folder.path).map_err(io)?;
    fs::write(file.path(), text).map_err(io)?;
    file.persist(&path).map_err(|error| io(error.error))?;
    Ok(())
}

/// Reads what the keeper last said of a server; none: nothing, or nothing that can be trusted or understood.
pub fn status(place: &Place, server: &ServerName) -> Option<Status> {
    let folder = Folder::open(place, false).ok()?;
    let path = folder.status(server);
    if !folder.check(&path).ok()? {
        return None;
    }
    let mut text = String::new();
    fs::File::open(&path).ok()?.take(LIMIT).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}
