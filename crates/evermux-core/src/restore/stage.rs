//! How far a restore has come, for those who wait for a part of it.

use std::time::Duration;

use crate::model::SessionId;

/// How far a restore has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage<'a> {
    /// Every session, window and pane has its place and its name: who attaches now finds what they look for. The text is
    /// still to come. With the sessions that were made, the one that was used last first.
    Stands(&'a [SessionId]),
    /// The text is there, and the shells start, one after the other.
    Written,
    /// Programs that ask their terminal about itself wait a while for somebody to attach; all others start. At most for so
    /// long.
    AwaitsClient(Duration),
}
