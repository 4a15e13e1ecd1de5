//! What the user closed last, as the snapshots of the server tell it: what `undo` reopens.

use std::collections::HashSet;

use bstr::BString;
use jiff::Timestamp;

use super::{Coverage, Entry, LiveServer, Options, Timeline, WhyNot, choose};
use crate::model::{PaneIdentity, SnapshotId};

/// Panes that vanished together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// The last snapshot that holds them.
    pub snapshot: SnapshotId,
    /// When they were last seen.
    pub seen: Timestamp,
    /// When they were first seen to be missing.
    pub noticed: Timestamp,
    /// Per session of the snapshot, by its position, those of its panes that vanished.
    pub sessions: Vec<(usize, Vec<PaneIdentity>)>,
}

/// Panes that evermux itself has closed, and until when that took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excused {
    /// The panes.
    pub panes: Vec<PaneIdentity>,
    /// What was seen of them up to then does not count as closed by the user.
    pub until: Timestamp,
}

/// What was closed last in this life of the server and has not come back: the panes of the newest snapshot that holds
/// any that are neither alive nor in a later one.
///
/// Sessions that nobody used are not worth reopening, what the user asked to forget is not to come back, and what is
/// left out of later snapshots on request may well be alive.
pub fn last_closing(
    timeline: &Timeline,
    live: &LiveServer,
    excused: &[Excused],
    now: Timestamp,
) -> Option<Closing> {
    let mut entries: Vec<&Entry> =
        timeline.entries.iter().filter(|entry| entry.generation == live.generation).collect();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.id));
    let mut later: HashSet<PaneIdentity> = live.panes.clone();
    let mut left_out: HashSet<&BString> = HashSet::new();
    let mut noticed = now;
    for entry in entries {
        let gone = |pane: &PaneIdentity| {
            let closed_by_us =
                |excused: &Excused| excused.until >= entry.taken_at && excused.panes.contains(pane);
            let settled = timeline.settled.iter().any(|it| it.pane == *pane && it.until >= entry.taken_at);
            !later.contains(pane) && !settled && !excused.iter().any(closed_by_us)
        };
        let used =
            entry.sessions.iter().enumerate().filter(|(_, it)| !it.untouched && !left_out.contains(&it.name));
        let sessions: Vec<(usize, Vec<PaneIdentity>)> = used
            .map(|(position, session)| (position, session.panes.iter().copied().filter(gone).collect()))
            .filter(|(_, panes): &(usize, Vec<PaneIdentity>)| !panes.is_empty())
            .collect();
        if !sessions.is_empty() {
            return Some(Closing { snapshot: entry.id, seen: entry.still_at, noticed, sessions });
        }
        later.extend(entry.sessions.iter().flat_map(|session| session.panes.iter().copied()));
        if let Coverage::Without(names) = &entry.coverage {
            left_out.extend(names);
        }
        if entry.coverage != Coverage::Part {
            noticed = entry.taken_at;
        }
    }
    None
}

/// The session that was closed last in an earlier life of the server, also where the server ended with it, and that has
/// not come back since: for who notices after the last shell, when no server is left or a new one has been started.
pub fn last_closing_before(
    timeline: &Timeline,
    live: Option<&LiveServer>,
    now: Timestamp,
) -> Option<Closing> {
    let set = choose(timeline, live, now, &Options::default());
    let of_this_life = |snapshot: SnapshotId| {
        let entry = timeline.entries.iter().find(|entry| entry.id == snapshot);
        entry.is_none_or(|entry| live.is_some_and(|live| live.generation == entry.generation))
    };
    let closed = set.left.into_iter().filter_map(|left| match left.why {
        WhyNot::Closed { noticed } | WhyNot::ClosedLast { at: noticed } => Some((noticed, left)),
        _ => None,
    });
    let (noticed, left) =
        closed.filter(|(_, left)| !of_this_life(left.snapshot)).max_by_key(|(at, _)| *at)?;
    Some(Closing {
        snapshot: left.snapshot,
        seen: left.seen,
        noticed,
        sessions: vec![(left.session, left.panes)],
    })
}
