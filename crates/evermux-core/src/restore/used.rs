//! Which panes of a restore somebody has used since.

use std::collections::{HashMap, HashSet};

use super::undo::UndoError;
use super::work::{RestoreError, World};
use crate::capture::{self, Blocks, capture};
use crate::choose::Timeline;
use crate::diff;
use crate::model::{BlockId, BlockRef, Kind, Pane, PaneIdentity, SnapshotId};
use crate::store::{Store, StoredRestore};
use crate::tmux::Server;

/// A program that was started again may draw for so long (seconds) before that counts as somebody's doing.
const BEGINNING: i64 = 5;

/// The panes of a server that somebody has used since a restore made them.
///
/// A shell's pane is unused if it waits at its prompt where it was, with nothing typed and nothing printed. A program
/// is unused as long as it has printed nothing since it began: nobody can tell what was typed into it. Where it is not
/// known how a restore left its panes, because it was interrupted, none counts as used.
pub(super) fn since(
    world: &mut World<'_>,
    server: &Server,
    restore: &StoredRestore,
    timeline: &Timeline,
) -> Result<HashSet<PaneIdentity>, UndoError> {
    let Some(left) = left_by(restore, timeline) else { return Ok(HashSet::new()) };
    let before = world.store.snapshot(left)?.value;
    let options = capture::Options { mark: false, text: true, unfinished: true, ..world.capture.clone() };
    let mut blocks = Kept { store: world.store, new: HashMap::new() };
    let captured = capture(server, Some(&before), &options, (world.now)(), world.random, &mut blocks)
        .map_err(RestoreError::from)?;
    // Programs that it has started began after everything stood.
    let ended = before.taken_at().max(restore.ended_at.unwrap_or(restore.began_at)).as_second();
    let mut used = HashSet::new();
    for pane in captured.live.snapshot.windows().iter().flat_map(|window| &window.panes) {
        let Some(old) = before.pane(pane.identity) else { continue };
        if !is_as_left(old, pane, ended, &mut |id| blocks.read(id)) {
            used.insert(pane.identity);
        }
    }
    Ok(used)
}

/// The snapshot that a restore has made of its result.
fn left_by(restore: &StoredRestore, timeline: &Timeline) -> Option<SnapshotId> {
    restore.ended_at?;
    let of_it = timeline.entries.iter().filter(|entry| {
        Some(&entry.generation) == restore.generation.as_ref()
            && entry.kind == Kind::AfterRestore
            && entry.still_at >= restore.began_at
    });
    of_it.map(|entry| entry.id).min()
}

fn is_as_left(before: &Pane, now: &Pane, ended: i64, read: diff::ReadBlock<'_>) -> bool {
    let same_text = match (&before.text, &now.text) {
        (Some(before), Some(now)) => diff::same_text(before, now, read),
        (None, None) => true,
        _ => false,
    };
    if !same_text || before.directory != now.directory {
        return false;
    }
    let (old, new) = (&before.facts, &now.facts);
    if new.at_prompt {
        return !old.at_prompt || old.cursor.0 == new.cursor.0;
    }
    let printed = now.text.as_ref().map_or(0, |text| text.mark.activity);
    now.dead.is_some() || printed <= ended + BEGINNING
}

/// Blocks that are only looked at.
struct Kept<'a> {
    store: &'a Store,
    new: HashMap<BlockId, Vec<u8>>,
}

impl Blocks for Kept<'_> {
    fn read(&mut self, id: BlockId) -> Option<Vec<u8>> {
        self.new.get(&id).cloned().or_else(|| self.store.block(&id).ok())
    }

    fn write(&mut self, block: BlockRef, bytes: Vec<u8>) {
        self.new.insert(block.id, bytes);
    }
}
