//! What must be remembered of snapshots that are removed: that sessions were closed is told only by later snapshots
//! that lack them.

use std::collections::HashSet;

use jiff::Timestamp;

use super::{LiveServer, Options, RestoreSet, Settled, Timeline, WhyNot, WhySettled, choose};
use crate::model::{PaneIdentity, SnapshotId};

/// What has to be noted before snapshots are removed, so that their removal brings nothing back that had been closed.
///
/// What the restore set holds may well go back to an earlier state; but nothing enters the set, except sessions that
/// nobody used, which the snapshots that stay tell.
pub fn settle_removal(
    timeline: &Timeline,
    removed: &HashSet<SnapshotId>,
    live: Option<&LiveServer>,
    now: Timestamp,
    options: &Options,
) -> Vec<Settled> {
    let rest = timeline.without(removed);
    let before = choose(timeline, live, now, options);
    let mut known: HashSet<PaneIdentity> = wanted(&before).collect();
    let unused = before.left.iter().filter(|left| left.why == WhyNot::Untouched);
    known.extend(unused.flat_map(|left| left.panes.iter().copied()));
    known.extend(live.into_iter().flat_map(|live| live.panes.iter().copied()));
    // Whatever is left of them counts as seen before this moment, even if the clock was set back.
    let until = rest.entries.iter().map(|entry| entry.still_at).fold(now, Timestamp::max);
    let settle = |pane| Settled { pane, until, why: WhySettled::Closed };
    wanted(&choose(&rest, live, now, options)).filter(|pane| known.insert(*pane)).map(settle).collect()
}

/// The panes that would come back, now or on request.
fn wanted(set: &RestoreSet) -> impl Iterator<Item = PaneIdentity> {
    let chosen = set.chosen.iter().flat_map(|chosen| &chosen.panes);
    chosen.chain(set.listed.iter().flat_map(|left| &left.panes)).copied()
}
