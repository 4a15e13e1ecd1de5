//! What a cheap look at a server shows: enough to know whether it has changed.

use bstr::BString;

/// A hash of what was seen: equal ones mean that nothing has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 16]);

/// What a look at a server has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Process and start time of the server (`#{pid}`, `#{start_time}`); none if it has no session that could tell.
    pub server: Option<(u32, i64)>,
    /// Its sessions, windows, panes, layouts, names, directories, programs, and which of them are shown.
    pub structure: Fingerprint,
    /// What its screens show, and the titles, which some programs draw on like on a screen.
    pub text: Fingerprint,
    /// How many sessions there are.
    pub sessions: usize,
    /// How many panes there are; those of windows in several sessions count several times.
    pub panes: usize,
    /// How many terminals are attached.
    pub clients: usize,
    /// Their devices.
    pub terminals: Vec<BString>,
    /// When somebody last typed in one of them: seconds since the epoch, 0 for never.
    pub activity: i64,
    /// Whether all of evermux's hooks are in their places.
    pub armed: bool,
}
