//! The text of a pane: references to blocks of lines, and what is needed to continue them.
//!
//! A *line* here is a logical line: what a program printed between two newlines, joined again where tmux wrapped it
//! (`capture-pane -J`), with its attributes as escape sequences, self-contained: it begins and ends in the default
//! state. A *row* is a line of the screen.

use std::fmt;

use super::Size;

/// The name of a block: the BLAKE3 hash of its uncompressed bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId(pub [u8; 32]);

impl BlockId {
    /// The name of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A block of lines, each ended by a newline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockRef {
    /// Its name.
    pub id: BlockId,
    /// How many lines it holds.
    pub lines: u32,
    /// How many bytes, uncompressed.
    pub bytes: u32,
}

/// The text of a pane: history and primary screen, up to the prompt.
///
/// In order: `head`, the lines of `history` after the first `skip`, the lines of `screen`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scrollback {
    /// The size of the pane it was captured at.
    pub size: Size,
    /// The rest of a wrapped line whose beginning tmux had thrown away; usually none.
    pub head: Option<Vec<u8>>,
    /// Leading lines of the first block that tmux no longer held.
    pub skip: u32,
    /// Lines that had wholly left the screen, oldest first. They do not change any more.
    pub history: Vec<BlockRef>,
    /// Lines that touched the screen, the prompt left out.
    pub screen: BlockRef,
    /// The screen row just below the last line: where a prompt goes. From 0; equal to the height if all is full.
    pub end_row: u32,
    /// Where the capture stood, so that the next one can continue.
    pub mark: TextMark,
}

impl Scrollback {
    /// How many lines it holds.
    pub fn lines(&self) -> u64 {
        let history: u64 = self.history.iter().map(|block| u64::from(block.lines)).sum();
        u64::from(self.head.is_some())
            + history.saturating_sub(u64::from(self.skip))
            + u64::from(self.screen.lines)
    }
}

/// Where a capture of a pane's text stood. Not part of a snapshot's equality.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextMark {
    /// `#{history_size}`: rows in history.
    pub history_size: u32,
    /// `#{history_bytes}`; changes with content, as a hint only.
    pub history_bytes: u64,
    /// `#{window_activity}`, seconds since the epoch.
    pub activity: i64,
    /// When it was captured, seconds since the epoch. Later than `activity` + 1 means nothing was missed.
    pub captured: i64,
    /// Cursor column and row.
    pub cursor: (u32, u32),
    /// Whether the alternate screen was on.
    pub alternate_screen: bool,
    /// Exact counters of tmux 3.8: collected lines, history generation, output generation.
    pub exact: Option<(u64, u64, u64)>,
    /// How many rows of history the head and the lines of `history` took: there the next capture continues. None if
    /// that cannot be told; then the next one captures everything.
    pub sealed_rows: Option<u32>,
    /// Hashes of the last lines of `history`, the latest last, to be found again before that row.
    pub anchor: Vec<u64>,
    /// About how many rows above that row must be looked at to see the last few of them.
    pub anchor_rows: u32,
    /// Hashes of what can be seen of the first lines of the history as tmux held it, to be found again at its top.
    pub top: Vec<u64>,
}
