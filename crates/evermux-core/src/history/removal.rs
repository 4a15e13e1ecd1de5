//! Removing snapshots, and letting go of what is owed.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use bstr::BStr;
use jiff::Timestamp;
use thiserror::Error;

use crate::choose::{LiveServer, Options, Presence, RestoreSet, Settled, WhySettled, settle_removal};
use crate::model::{PaneIdentity, ServerName, SnapshotId};
use crate::problem::Report;
use crate::store::{Saving, Store, StoreError, Wanted};

/// Why snapshots were not removed.
#[derive(Debug, Error)]
pub enum RemovalError {
    /// It is pinned.
    #[error("snapshot {0} is pinned")]
    Pinned(SnapshotId),
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// The snapshots that were there, in the order of their numbers.
    pub snapshots: Vec<SnapshotId>,
    /// How many parts no other snapshot needed.
    pub parts: usize,
}

/// Removes snapshots for good, of whatever servers. What a restore without arguments would bring back may go back to
/// an earlier state by that, but nothing comes back that had been closed. `live` are the servers known to run.
///
/// Waits up to `patience` for a save of each server.
///
/// # Errors
/// [`RemovalError::Pinned`], [`StoreError::NoSnapshot`]: nothing was removed. Others: the snapshots of some servers may
/// be gone already.
pub fn forget(
    store: &Store,
    ids: &[SnapshotId],
    live: &[(ServerName, LiveServer)],
    now: Timestamp,
    options: &Options,
    patience: Duration,
) -> Result<Report<Removed>, RemovalError> {
    let listed = store.list(&Wanted::default())?;
    let mut servers: HashMap<&ServerName, HashSet<SnapshotId>> = HashMap::new();
    for id in ids {
        let listed =
            listed.iter().find(|listed| listed.entry.id == *id).ok_or(StoreError::NoSnapshot(*id))?;
        if listed.pinned {
            return Err(RemovalError::Pinned(*id));
        }
        servers.entry(&listed.server).or_default().insert(*id);
    }
    let mut report = Report::clean(Removed::default());
    for (server, ids) in servers {
        let saving = store.saving(server, patience)?;
        let live = live.iter().find(|(name, _)| name == server).map(|(_, live)| live);
        // Noted first: if the removal then fails, it says nothing new.
        saving.settle(&settle_removal(&store.timeline(server)?, &ids, live, now, options))?;
        let ids: Vec<SnapshotId> = ids.into_iter().collect();
        let Report { value, problems } = saving.forget(&ids)?;
        report.value.parts += value.parts;
        report.value.snapshots.extend(ids);
        report.problems.extend(problems);
    }
    report.value.snapshots.sort_unstable();
    Ok(report)
}

/// Lets go of what is owed: the sessions of this name that would come back, now or on request, and are not there, stay
/// away until they are asked for. Their snapshots stay. How many panes that are.
///
/// # Errors
/// Nothing was written.
pub fn dismiss(
    saving: &Saving<'_>,
    set: &RestoreSet,
    name: &BStr,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let chosen = set.chosen.iter().filter(|chosen| chosen.name == name && chosen.presence == Presence::None);
    let listed = set.listed.iter().filter(|left| left.name == name);
    let sessions =
        chosen.map(|chosen| (&chosen.panes, chosen.seen)).chain(listed.map(|left| (&left.panes, left.seen)));
    let settle = |(panes, seen): (&Vec<PaneIdentity>, Timestamp)| -> Vec<Settled> {
        let until = now.max(seen);
        panes.iter().map(|pane| Settled { pane: *pane, until, why: WhySettled::Forgotten }).collect()
    };
    let settled: Vec<Settled> = sessions.flat_map(settle).collect();
    saving.settle(&settled)?;
    Ok(settled.len())
}
