//! What of the past goes: purely from headers of snapshots, a policy and the time.
//!
//! Kept for ever: what is pinned or named, and what a restore or `undo` may need ([`needed`]). Of the rest the ladder
//! keeps every state of the last hour, one a minute for a day, one an hour for a week, one a day for a month and one a
//! week for a year ([`plan`]); and if all that is more than a limit, the oldest text goes first, then whole snapshots
//! ([`make_room`]).
//!
//! How old a state is counts from when the next one took its place. Two clocks can be wrong, that of then and that of
//! now, so times are only trusted from one snapshot to the next, in the order of their numbers: a clock that was set back
//! adds nothing, and a pause counts as half a day at most (on the lower rungs as two of theirs). So neither a jump of the clock nor a long holiday makes a whole
//! history old at once. What claims to be from the future stays until its time has come.

mod room;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};

pub use room::{Freed, Holdings, Part, Room, make_room};

use crate::choose::{Coverage, Entry, Options, Timeline, needed, tells_the_same};
use crate::model::{Generation, SnapshotId};

/// A pause between two snapshots makes what was before it so much older at most, where states stand closer than that.
const PAUSE: SignedDuration = SignedDuration::from_hours(12);

/// For so long, one state in each such time; states younger than the first rung's all stay.
const LADDER: [(SignedDuration, SignedDuration); 4] = [
    (SignedDuration::from_hours(24), SignedDuration::from_mins(1)),
    (SignedDuration::from_hours(7 * 24), SignedDuration::from_hours(1)),
    (SignedDuration::from_hours(30 * 24), SignedDuration::from_hours(24)),
    (SignedDuration::from_hours(365 * 24), SignedDuration::from_hours(7 * 24)),
];

/// States that stay all.
const RECENT: SignedDuration = SignedDuration::from_hours(1);

/// What became of the snapshots of one server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// They stay whatever happens.
    pub for_ever: HashSet<SnapshotId>,
    /// They stay as long as there is room, the oldest first.
    pub by_time: Vec<SnapshotId>,
    /// They go, the oldest first.
    pub expired: Vec<SnapshotId>,
}

/// Decides about all snapshots of one server. `marked` stay: pinned, named, and those that `undo` of a restore needs.
pub fn plan(timeline: &Timeline, marked: &HashSet<SnapshotId>, now: Timestamp, options: &Options) -> Plan {
    let mut for_ever = needed(timeline, now, options);
    for_ever.extend(marked);
    let mut entries: Vec<&Entry> = timeline.entries.iter().collect();
    entries.sort_by_key(|entry| entry.id);
    for_ever.retain(|id| entries.binary_search_by_key(id, |entry| entry.id).is_ok());
    let kept = ladder(&entries, now);
    let unkept = entries.iter().map(|it| it.id).filter(|id| !for_ever.contains(id) && !kept.contains(id));
    let expired = harmless(timeline, unkept.collect(), now, options);
    let going: HashSet<SnapshotId> = expired.iter().copied().collect();
    let by_time = entries.iter().map(|it| it.id).filter(|id| !for_ever.contains(id) && !going.contains(id));
    Plan { by_time: by_time.collect(), for_ever, expired }
}

/// What can go of these without changing what a restore brings back. [`needed`] sees to that already: this is the check
/// that it did. A life of the server that would tell something else stays as a whole.
pub fn harmless(
    timeline: &Timeline,
    mut going: Vec<SnapshotId>,
    now: Timestamp,
    options: &Options,
) -> Vec<SnapshotId> {
    let mut spared: HashSet<Generation> = HashSet::new();
    while !going.is_empty() {
        let Err(differ) = tells_the_same(timeline, &going.iter().copied().collect(), now, options) else {
            break;
        };
        let before = spared.len();
        spared.extend(differ);
        if spared.len() == before {
            // Whatever it is, nothing goes before it is understood.
            return Vec::new();
        }
        let stays = |entry: &Entry| spared.contains(&entry.generation);
        let stay: HashSet<SnapshotId> =
            timeline.entries.iter().filter(|entry| stays(entry)).map(|entry| entry.id).collect();
        going.retain(|id| !stay.contains(id));
    }
    going
}

/// What time alone keeps. `entries` in the order of their numbers.
fn ladder(entries: &[&Entry], now: Timestamp) -> HashSet<SnapshotId> {
    let mut kept = HashSet::new();
    let mut taken: HashSet<(usize, bool, i64)> = HashSet::new();
    // How long ago the next one took its place.
    let mut age = SignedDuration::ZERO;
    let mut next = now;
    // The newest first: of those that share a place on the ladder it stays.
    for entry in entries.iter().rev() {
        let replaced = age;
        age = age.saturating_add(next.duration_since(entry.taken_at).clamp(SignedDuration::ZERO, pause(age)));
        next = entry.taken_at;
        if replaced <= RECENT || entry.taken_at > now {
            kept.insert(entry.id);
        }
        for (rung, (span, every)) in LADDER.iter().enumerate() {
            let place = entry.taken_at.as_second().div_euclid(every.as_secs());
            // One that shows only a part of the server takes nobody's place.
            if replaced <= *span && taken.insert((rung, entry.coverage == Coverage::Part, place)) {
                kept.insert(entry.id);
            }
        }
    }
    kept
}

/// What a pause counts at most at this age: on the lower rungs the ladder itself has made gaps.
fn pause(age: SignedDuration) -> SignedDuration {
    let rung = LADDER.iter().find(|(span, _)| age <= *span).or(LADDER.last());
    rung.map_or(PAUSE, |(_, every)| PAUSE.max(*every * 2))
}
