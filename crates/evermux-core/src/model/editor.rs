//! What an editor in a pane held: its windows, and text that was in no file.

use bstr::BString;
use jiff::Timestamp;

use super::{BlockId, BlockRef, PaneIdentity};

/// The state of an editor that can be asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Editor {
    /// Which one: `nvim`.
    pub tool: String,
    /// Its windows, tabs, cursors and folds, as it writes them down itself.
    pub session: BlockRef,
    /// What the session file does not tell (`editors/capture.lua`).
    pub state: BlockRef,
    /// Text that was changed and not written, in the order of `state`.
    pub unsaved: Vec<Unsaved>,
    /// Changed text that is not kept, and why.
    pub left_out: Vec<LeftOut>,
    /// Facts.
    pub facts: EditorFacts,
}

/// Text that was changed and not written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unsaved {
    /// Its file; empty if it has none. Exact bytes.
    pub name: BString,
    /// Its lines, between them newlines.
    pub text: BlockRef,
    /// What can be undone, in the editor's own format.
    pub undo: Option<BlockRef>,
}

/// Changed text that is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeftOut {
    /// Its file.
    pub name: BString,
    /// Why: a fragment.
    pub reason: String,
}

/// How the state of an editor is known. Not part of a snapshot's equality.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct EditorFacts {
    /// When it told: it may have been busy at the save.
    pub told: Timestamp,
    /// Why it is older than the snapshot, if it is: a fragment.
    pub late: Option<String>,
    /// The process that the user sees.
    pub pid: u32,
    /// When that began: milliseconds since the epoch.
    pub started: i64,
    /// Where it can be asked: a socket, the process that listens there, and the birth of that (`procs::Process::birth`).
    pub server: Option<(BString, u32, u64)>,
    /// Equal as long as nothing has changed.
    pub fingerprint: String,
}

impl Editor {
    /// All blocks it mentions.
    pub fn blocks(&self) -> impl Iterator<Item = &BlockRef> {
        let texts = self.unsaved.iter().flat_map(|unsaved| [Some(&unsaved.text), unsaved.undo.as_ref()]);
        [&self.session, &self.state].into_iter().chain(texts.flatten())
    }

    /// A name for this state in this pane: 16 hexadecimal digits.
    pub fn name(&self, pane: PaneIdentity) -> String {
        let mut bytes = pane.as_bytes().to_vec();
        self.blocks().for_each(|block| bytes.extend(block.id.0));
        BlockId::of(&bytes).to_string()[..16].to_owned()
    }
}
