//! Lasting identities of panes: read from the server, minted where they are missing, set in one chain.

use std::collections::HashSet;

use crate::model::{Live, PaneId, PaneIdentity};
use crate::tmux::{Listing, Mark};

/// Whose identity is which, for every pane of a server.
pub(super) struct Identities<'a> {
    /// Panes whose identity is on the server and theirs alone.
    marked: HashSet<PaneId>,
    taken: HashSet<PaneIdentity>,
    random: &'a mut dyn FnMut() -> [u8; 16],
}

impl<'a> Identities<'a> {
    /// Of panes that carry the same identity (an option can be copied) the oldest keeps it.
    pub fn read(listing: &Listing, random: &'a mut dyn FnMut() -> [u8; 16]) -> Self {
        let mut panes: Vec<_> =
            listing.panes().filter_map(|pane| Some((pane.id, pane.identity()?))).collect();
        panes.sort_unstable();
        let mut taken = HashSet::new();
        let marked =
            panes.into_iter().filter(|(_, identity)| taken.insert(*identity)).map(|(id, _)| id).collect();
        Self { marked, taken, random }
    }

    /// The identity of a pane that carries `carried`, and whether it is already set on the server.
    pub fn of(&mut self, pane: PaneId, carried: Option<PaneIdentity>) -> (PaneIdentity, bool) {
        if let Some(identity) = carried.filter(|_| self.marked.contains(&pane)) {
            return (identity, true);
        }
        loop {
            let identity = PaneIdentity::from_random((self.random)());
            if self.taken.insert(identity) {
                return (identity, false);
            }
        }
    }
}

/// The identities that are not on the server yet.
pub(super) fn missing_marks(live: &Live) -> Vec<Mark> {
    let panes = live.panes.iter().zip(live.snapshot.windows());
    panes
        .flat_map(|(ids, window)| ids.iter().zip(&window.panes))
        .filter(|(id, _)| !id.marked)
        // What such a pane carries is nothing, no identity, or another pane's.
        .map(|(id, pane)| Mark { pane: id.id, identity: pane.identity, replace: true })
        .collect()
}
