//! What one listing client tells about a running server: live ids and the bytes tmux reported.
//!
//! A field is `None` where the server's version does not know it, not where it is empty, unless said otherwise.

use bstr::BString;

use crate::model::{
    EnvironmentEntry, OptionEntry, PaneId, PaneIdentity, SessionId, Size, TmuxVersion, WindowId,
};

/// Everything of a server at one moment.
///
/// Invariants: there is at least one session; every session has at least one link and its links are ordered by
/// index; every link leads to a window of `windows`; every window is linked at least once and has a pane.
///
/// Sessions, windows, panes, clients and global options are of one instant. The options of single objects are read
/// just after it; if an object vanished meanwhile, it is kept without options and a problem says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The server itself.
    pub server: ListedServer,
    /// Its sessions, in tmux's order (by name).
    pub sessions: Vec<ListedSession>,
    /// Its windows, each once however many sessions link it, in the order they are first met.
    pub windows: Vec<ListedWindow>,
    /// Its clients, control clients included.
    pub clients: Vec<ListedClient>,
    /// Names of its paste buffers, the newest first.
    pub buffers: Vec<BString>,
}

/// Facts of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedServer {
    /// The version of the server, not of the client that asked.
    pub version: TmuxVersion,
    /// Its process.
    pub pid: u32,
    /// `#{start_time}`, seconds since the epoch.
    pub started: i64,
    /// `#{socket_path}`.
    pub socket: BString,
    /// The config files it has read (tmux 3.2+).
    pub config_files: Option<BString>,
    /// `show-options -s`: every server option with its value, set or default.
    pub server_options: Vec<OptionEntry>,
    /// `show-options -g`: every global session option.
    pub session_options: Vec<OptionEntry>,
    /// `show-options -gw`: every global window option.
    pub window_options: Vec<OptionEntry>,
    /// The global environment. Values are secrets until proven otherwise: do not keep or print them.
    pub environment: Vec<EnvironmentEntry>,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSession {
    /// Its id.
    pub id: SessionId,
    /// `#{session_name}`.
    pub name: BString,
    /// `#{session_path}` (tmux 3.2+).
    pub path: Option<BString>,
    /// `#{session_group}`; none without a group.
    pub group: Option<BString>,
    /// `#{session_created}`, seconds since the epoch.
    pub created: i64,
    /// `#{session_activity}`, seconds since the epoch.
    pub activity: i64,
    /// `#{session_last_attached}`, seconds since the epoch; none if it never was.
    pub last_attached: Option<i64>,
    /// How many clients show it.
    pub attached: u32,
    /// Indexes of its windows as last visited, the current one first (`#{session_stack}`).
    pub stack: Vec<u32>,
    /// Its windows, ordered by index.
    pub links: Vec<ListedLink>,
    /// Options set on the session itself.
    pub options: Vec<OptionEntry>,
    /// Environment set on the session itself; values may be secrets.
    pub environment: Vec<EnvironmentEntry>,
}

/// A window as it stands in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedLink {
    /// Its index in the session.
    pub index: u32,
    /// Which window.
    pub window: WindowId,
    /// `#{window_flags}` in this session: `*` current, `-` last, `!` bell, `#` activity, `~` silence, `Z`, `M`.
    pub flags: BString,
}

/// A window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedWindow {
    /// Its id.
    pub id: WindowId,
    /// `#{window_name}`.
    pub name: BString,
    /// `#{window_layout}`: unzoomed, in the old language or (tmux 3.8) JSON.
    pub layout: BString,
    /// Its size.
    pub size: Size,
    /// Whether the active pane fills it.
    pub zoomed: bool,
    /// `#{window_activity}`, seconds since the epoch.
    pub activity: i64,
    /// Whether `automatic-rename` is on for it, by its own setting or the global one.
    pub automatic_rename: bool,
    /// Options set on the window itself.
    pub options: Vec<OptionEntry>,
    /// Its panes in tmux's order.
    pub panes: Vec<ListedPane>,
}

/// A pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedPane {
    /// Its id.
    pub id: PaneId,
    /// The pane's own process; none for an empty pane. Of a dead pane the process that was.
    pub pid: Option<u32>,
    /// Its terminal device; none for an empty pane.
    pub tty: Option<BString>,
    /// `#{pane_title}`.
    pub title: BString,
    /// Its size; of a zoomed pane the size of the window.
    pub size: Size,
    /// Whether it is its window's active pane.
    pub active: bool,
    /// Whether it was the active pane before (`#{pane_last}`). 3.1c does not tell, 3.8 tells more in the layout.
    pub last: bool,
    /// Whether its program has ended (before 3.8 also an empty pane from 3.2 on: it has no pid).
    pub dead: bool,
    /// `#{pane_dead_status}`; none while it lives or if a signal killed it.
    pub dead_status: Option<i32>,
    /// `#{pane_dead_signal}` (tmux 3.3+): the number of the signal that killed it.
    pub dead_signal: Option<i32>,
    /// Whether keys are kept from it.
    pub input_off: bool,
    /// Whether it is the server's marked pane.
    pub marked: bool,
    /// How many modes (copy mode, …) lie over it.
    pub modes_open: u32,
    /// Cursor column and row on the screen shown.
    pub cursor: (u32, u32),
    /// Where the cursor of the primary screen is, while the alternate one is shown.
    pub alternate: Option<(u32, u32)>,
    /// Terminal modes that are on, in tmux's format names without `_flag`: `keypad`, `mouse_sgr`, …
    pub modes: Vec<&'static str>,
    /// The history counters.
    pub history: History,
    /// Unix time of the last output (tmux 3.8+).
    pub last_output: Option<i64>,
    /// `#{pane_start_command}`; empty for the default shell. Before 3.2 the arguments joined by blanks, later each of
    /// them in tmux's own quoting.
    pub start_command: BString,
    /// `#{pane_start_command_list}` (tmux 3.8+): the exact arguments, each quoted as for a shell (`'it'\\''s'`).
    pub start_command_list: Option<BString>,
    /// `#{pane_start_path}` (tmux 3.3+).
    pub start_path: Option<BString>,
    /// `#{pane_current_path}`, if it was asked for; empty if tmux cannot tell. The process table knows better.
    pub current_path: Option<BString>,
    /// `#{pane_current_command}`, if it was asked for.
    pub current_command: Option<BString>,
    /// Whether it floats (tmux 3.7+).
    pub floating: bool,
    /// What `#{@evermux-pane}` says, whatever that is: see [`ListedPane::identity`].
    pub identity_option: Option<BString>,
    /// Options set on the pane itself, without [`PaneIdentity::OPTION`].
    pub options: Vec<OptionEntry>,
}

/// The counters of a pane's history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// `#{history_size}`: rows in history.
    pub size: u32,
    /// `#{history_limit}`.
    pub limit: u32,
    /// `#{history_bytes}`: changes with content, as a hint only.
    pub bytes: u64,
    /// The exact counters of tmux 3.8.
    pub exact: Option<ExactHistory>,
}

/// tmux 3.8's exact counters: while `generation` stays, the first row of the screen has the absolute number
/// `collected` + [`History::size`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExactHistory {
    /// `#{history_collected}`: rows thrown away at the limit.
    pub collected: u64,
    /// `#{history_generation}`: changes with every clear and every change of width.
    pub generation: u64,
    /// `#{pane_output_generation}`: changes with every piece of output.
    pub output: u64,
}

/// A client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedClient {
    /// `#{client_name}`, by which it is targeted.
    pub name: BString,
    /// Its terminal; empty for a control client.
    pub tty: BString,
    /// Its process.
    pub pid: u32,
    /// `#{client_termname}`: `$TERM` outside.
    pub term: BString,
    /// Whether it is a control client: no terminal that a person looks at.
    pub control: bool,
    /// `#{client_activity}`, seconds since the epoch: the last key.
    pub activity: i64,
    /// `#{client_created}`, seconds since the epoch.
    pub created: i64,
    /// Name of the session it shows.
    pub session: BString,
    /// Name of the session it showed before, if that still is.
    pub last_session: Option<BString>,
    /// Its size.
    pub size: Size,
}

impl Listing {
    /// The window with this id.
    pub fn window(&self, id: WindowId) -> Option<&ListedWindow> {
        self.windows.iter().find(|window| window.id == id)
    }

    /// The session with this id.
    pub fn session(&self, id: SessionId) -> Option<&ListedSession> {
        self.sessions.iter().find(|session| session.id == id)
    }

    /// All panes, window by window.
    pub fn panes(&self) -> impl Iterator<Item = &ListedPane> {
        self.windows.iter().flat_map(|window| &window.panes)
    }
}

impl ListedPane {
    /// The lasting identity that the pane carries; none if it has none, or something that is not one.
    ///
    /// Not checked to be unique: a pane may inherit a value that someone set on its window or globally.
    pub fn identity(&self) -> Option<PaneIdentity> {
        std::str::from_utf8(self.identity_option.as_ref()?).ok()?.parse().ok()
    }
}
