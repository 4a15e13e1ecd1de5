//! The server: what is known of it beside its sessions. All of it facts: kept and shown, restored on request only.

use bstr::BString;

use super::{OptionEntry, TmuxVersion};

/// The lasting name of a server: the machine it runs on and the path of its socket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerName {
    /// The machine's id, in the form the store's folder carries.
    pub machine: String,
    /// The absolute path of the socket.
    pub socket: BString,
}

/// One life of a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Generation {
    /// The boot of the machine it was born in (`/proc/sys/kernel/random/boot_id`, `kern.bootsessionuuid`).
    pub boot: String,
    /// The server's process.
    pub pid: u32,
    /// When it began, as `#{start_time}`: seconds since the epoch.
    pub started: i64,
}

/// Facts of a server at the moment of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Machine and socket.
    pub name: ServerName,
    /// Which of its lives.
    pub generation: Generation,
    /// The version of the server (not of the client).
    pub version: TmuxVersion,
    /// The user it belongs to.
    pub uid: u32,
    /// `show-options -s`: server options that differ from tmux's defaults.
    pub server_options: Vec<OptionEntry>,
    /// `show-options -g`.
    pub session_options: Vec<OptionEntry>,
    /// `show-options -gw`.
    pub window_options: Vec<OptionEntry>,
    /// Names in the global environment. Values are not kept: a server's environment holds every API key.
    pub environment_names: Vec<BString>,
    /// The attached terminals (control clients are left out).
    pub clients: Vec<Client>,
    /// Paste buffers, oldest first; empty unless the user asked for them (password managers use them).
    pub buffers: Vec<Buffer>,
}

/// An attached terminal, and what it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The terminal's device.
    pub tty: BString,
    /// `$TERM` outside.
    pub term: BString,
    /// Position in [`super::Snapshot::sessions`] of the session it shows.
    pub session: usize,
    /// Position of the session it showed before.
    pub last_session: Option<usize>,
}

/// A paste buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// Its name, `buffer0` or the user's.
    pub name: BString,
    /// Its bytes.
    pub content: BString,
}
