//! Looking back, and the care of what was saved, where it takes more than a call of the store: which snapshot somebody
//! means, what differs between two, and how to remove one without bringing something else back.

mod removal;
#[cfg(test)]
mod tests;
mod when;
mod which;

use crate::diff::{self, Change};
use crate::model::{BlockId, Snapshot};
use crate::store::Text;

pub use removal::{RemovalError, Removed, dismiss, forget};
pub use when::moment;
pub use which::{BadName, NotFound, Which, check_name};

/// What differs between two snapshots, their texts compared line by line. `texts` is where their blocks are: the
/// store, an emergency file, a fresh capture.
pub fn differences(before: &Snapshot, after: &Snapshot, texts: &[&dyn Text]) -> Vec<Change> {
    diff::compare_text(before, after, &mut |id| read(texts, id))
}

/// The differences that break law 1 or law 4, if `after` is to be `before` brought back; see [`diff::exact`].
pub fn inexact(before: &Snapshot, after: &Snapshot, texts: &[&dyn Text]) -> Vec<Change> {
    diff::exact(before, after, &mut |id| read(texts, id))
}

fn read(texts: &[&dyn Text], id: BlockId) -> Option<Vec<u8>> {
    texts.iter().find_map(|text| text.block(&id).ok())
}
