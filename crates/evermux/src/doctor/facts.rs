//! What is looked at: plain values.

use std::path::PathBuf;

use evermux_core::model::TmuxVersion;
use evermux_core::store::{Over, StartOutcome, Status};
use jiff::Timestamp;

use crate::cli::keys::{Deed, Owner};
use crate::setup::block::{BadBlock, Place};
use crate::setup::services::Manager;

/// Everything; what did not answer in time is none.
#[derive(Clone, Debug)]
pub struct Facts {
    /// When.
    pub now: Timestamp,
    /// tmux and the server this is about.
    pub tmux: Option<Tmux>,
    /// The config file of tmux.
    pub config: Option<ConfigFile>,
    /// Service managers.
    pub services: Option<Services>,
    /// What was saved.
    pub store: Option<Stored>,
    /// The programs that run in the server, and what would come back of them; none: nothing runs, or it does not answer.
    pub programs: Option<Programs>,
    /// The disk it is on.
    pub disk: Option<Disk>,
    /// What keeps a restore at start from happening.
    pub restore: Restore,
}

/// tmux and the server this is about.
#[derive(Clone, Debug)]
pub struct Tmux {
    /// The program, and its version.
    pub program: Option<(PathBuf, Option<TmuxVersion>)>,
    /// The server.
    pub server: Server,
}

/// The server this is about.
#[derive(Clone, Debug)]
pub enum Server {
    /// None runs.
    None,
    /// It cannot be talked to.
    Silent(String),
    /// It answers.
    There(There),
}

/// A server that answers.
#[derive(Clone, Debug)]
pub struct There {
    /// Its version.
    pub version: TmuxVersion,
    /// Options that close sessions which nobody looks at.
    pub closing: Vec<String>,
    /// Other programs that save or restore, by their options.
    pub savers: Vec<String>,
    /// Our keys.
    pub keys: Vec<(Deed, String, Owner)>,
}

/// The config file of tmux.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    /// The one that tmux reads last.
    pub path: PathBuf,
    /// Where our lines are in it.
    pub place: Result<Place, BadBlock>,
    /// Other programs that save or restore, by its text.
    pub savers: Vec<String>,
}

/// Service managers.
#[derive(Clone, Debug)]
pub struct Services {
    /// Which one answers.
    pub manager: Manager,
    /// Our units that are there.
    pub units: Vec<Unit>,
    /// Whether a `tmux.service` of tmux-continuum is there.
    pub continuum: bool,
    /// Whether the manager also runs while nobody is logged in.
    pub lingers: bool,
    /// Whether everything that a login has started ends with it.
    pub ends_at_logout: bool,
}

/// A unit of ours.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Its name.
    pub name: String,
    /// Whether it is as `install` would write it now.
    pub current: bool,
    /// `is-enabled` and `is-active`; none: the manager does not say.
    pub state: Option<(String, String)>,
}

/// What was saved.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its folder.
    pub folder: PathBuf,
    /// Whether and why it cannot be read; `Ok(false)`: nothing was saved yet.
    pub readable: Result<bool, String>,
    /// The keeper's process.
    pub keeper: Option<u32>,
    /// Until when nothing is saved.
    pub paused: Option<Timestamp>,
    /// Whether it is on a network file system.
    pub network: bool,
    /// Snapshots.
    pub snapshots: usize,
    /// The size of all its files, in bytes.
    pub bytes: u64,
    /// What is kept for ever takes more than the limit.
    pub over: Option<Over>,
    /// Emergency files that cannot be used.
    pub damaged: Vec<String>,
    /// Servers that are kept.
    pub kept: Vec<Kept>,
}

/// A server that is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its socket.
    pub socket: String,
    /// Whether it runs, and then whether our hooks are in it.
    pub hooks: Option<bool>,
    /// What the keeper last said of it.
    pub status: Option<Status>,
    /// What is wrong with its newest snapshot.
    pub wrong: Option<String>,
    /// What was done at its last start.
    pub start: Option<(StartOutcome, Timestamp)>,
    /// Nothing comes back at its next start, because the last ones died of it.
    pub restore_disabled: bool,
}

/// The programs that run in a server.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    /// What would not come back by itself: kinds, and in how many panes each is.
    pub typed: Vec<(String, usize)>,
    /// What would only be shown, and why.
    pub owed: Vec<(String, String, usize)>,
    /// Options of tmux-resurrect that are read, with their values.
    pub read: Vec<(String, String)>,
    /// What of them is not understood.
    pub not_understood: Vec<String>,
}

/// A disk.
#[derive(Clone, Copy, Debug)]
pub struct Disk {
    /// Bytes that we may still write.
    pub free: u64,
    /// Files that may still be made; none: as many as one likes.
    pub files: Option<u64>,
}

/// What keeps a restore at start from happening.
#[derive(Clone, Debug, Default)]
pub struct Restore {
    /// The file that switches it off, if it is there.
    pub off_file: Option<PathBuf>,
    /// `EVERMUX_RESTORE=0` is in the environment.
    pub declined: bool,
    /// The settings switch it off.
    pub off: bool,
}
