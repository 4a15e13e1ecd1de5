//! What happened to the rows of a pane between two instants.

use crate::tmux::{FrameHead, History};

/// How the rows of a pane moved between two instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    Not,
    /// So many rows more are in the history; none was thrown away.
    By(u32),
    Resized,
    /// Rows were thrown away, or it cannot be told.
    Unknown,
}

impl Moved {
    /// Compares two looks.
    pub fn between(before: &FrameHead, after: &FrameHead) -> Self {
        if before.size != after.size {
            return Self::Resized;
        }
        let same_top = match (exact(before), exact(after)) {
            (Some(before), Some(after)) => before.0 == after.0 && before.1 == after.1,
            // As many rows but other ones: thrown away and filled up again.
            _ => before.history.size != after.history.size || before.history.bytes == after.history.bytes,
        };
        match after.history.size.checked_sub(before.history.size) {
            Some(0) if same_top => Self::Not,
            Some(rows) if same_top => Self::By(rows),
            _ => Self::Unknown,
        }
    }
}

/// Collected rows, generation and output: what tmux 3.8 counts exactly.
pub(super) fn exact(head: &FrameHead) -> Option<(u64, u64, u64)> {
    head.history.exact.map(|exact| (exact.collected, exact.generation, exact.output))
}

/// How many rows tmux has thrown away at the top if it has thrown away no more than it must have: when the history is
/// full, it drops a tenth of the limit at once. None if the history is smaller for another reason.
pub(super) fn trimmed(sealed: u32, head: &FrameHead) -> Option<u32> {
    let History { size, limit, .. } = head.history;
    let tenth = (limit / 10).max(1);
    match sealed.checked_sub(size) {
        None | Some(0) => Some(0),
        Some(missing) if size.saturating_add(tenth) >= limit => {
            missing.div_ceil(tenth).checked_mul(tenth).filter(|dropped| *dropped < sealed)
        }
        Some(_) => None,
    }
}
