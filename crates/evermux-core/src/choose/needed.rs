//! Which snapshots a restore or `undo` may need at any time: what retention keeps for ever.

use std::collections::HashSet;

use jiff::Timestamp;

use super::lives::Life;
use super::{Coverage, LiveServer, Options, RestoreSet, Timeline, WhyNot, choose, settle_removal};
use crate::model::{Generation, Kind, PaneIdentity, SnapshotId};

/// The snapshots that must stay, whether or not the server runs:
///
/// - the last state of every session ever saved, unless it came back in a later life of the server (then its state there
///   counts), was never used, or the user let go of it; so everything owed, too;
/// - those by which the fates of these sessions are judged: the end of each life that holds one of them;
/// - in the newest life, which may go on: what a save continues, the last state of every pane (`undo` reopens what was
///   closed), and what restores noted before and after them (`undo` takes them back);
/// - what restores that did not end well were to bring back.
pub fn needed(timeline: &Timeline, now: Timestamp, options: &Options) -> HashSet<SnapshotId> {
    let set = choose(timeline, None, now, options);
    let mut needed: HashSet<SnapshotId> = last_states(&set).collect();
    needed.extend(timeline.restores.iter().flat_map(|it| it.unfinished.iter().map(|source| source.snapshot)));
    let lives = Life::all(timeline, None, now);
    for life in &lives {
        if life.entries.iter().any(|entry| needed.contains(&entry.id)) {
            needed.extend(life.end().iter().map(|entry| entry.id));
        }
    }
    if let Some(life) = lives.last() {
        needed.extend(life.end().iter().map(|entry| entry.id));
        let whole = life.entries.iter().rfind(|entry| entry.coverage != Coverage::Part);
        needed.extend(whole.map(|entry| entry.id));
        needed.extend(last_of_panes(life, timeline));
        let of_restores =
            life.entries.iter().filter(|it| matches!(it.kind, Kind::BeforeReplace | Kind::AfterRestore));
        needed.extend(of_restores.map(|entry| entry.id));
    }
    // A newer life may know only parts of the server: the next save continues what is whole, wherever that is.
    let whole = timeline.entries.iter().filter(|entry| entry.coverage != Coverage::Part);
    needed.extend(whole.map(|entry| entry.id).max());
    needed
}

/// Whether the rest of a timeline without these snapshots brings back the same, whether the server runs or not, once
/// [`settle_removal`] is noted. Where it does not: the lives of the server that tell something else.
///
/// # Errors
/// Those lives; never empty.
pub fn tells_the_same(
    timeline: &Timeline,
    removed: &HashSet<SnapshotId>,
    now: Timestamp,
    options: &Options,
) -> Result<(), HashSet<Generation>> {
    let mut rest = timeline.without(removed);
    rest.settled.extend(settle_removal(timeline, removed, None, now, options));
    let newest = timeline.entries.iter().max_by_key(|entry| entry.id);
    let live = newest.map(|entry| LiveServer::new(entry.generation.clone(), &entry.sessions));
    let mut differ = HashSet::new();
    for live in [None, live.as_ref()] {
        let (before, after) = (choose(timeline, live, now, options), choose(&rest, live, now, options));
        let (before, after) = (brought_back(&before), brought_back(&after));
        differ.extend(before.symmetric_difference(&after).map(|(snapshot, ..)| *snapshot));
    }
    let generations = timeline.entries.iter().filter(|entry| differ.contains(&entry.id));
    let generations: HashSet<Generation> = generations.map(|entry| entry.generation.clone()).collect();
    if generations.is_empty() { Ok(()) } else { Err(generations) }
}

/// The snapshots that hold the last states of sessions.
fn last_states(set: &RestoreSet) -> impl Iterator<Item = SnapshotId> {
    let let_go = |why| matches!(why, WhyNot::Continued | WhyNot::Untouched | WhyNot::Forgotten);
    let left = set.left.iter().filter(move |left| !let_go(left.why)).chain(&set.listed);
    set.chosen.iter().map(|chosen| chosen.snapshot).chain(left.map(|left| left.snapshot))
}

/// What comes back, now or on request.
fn brought_back(set: &RestoreSet) -> HashSet<(SnapshotId, usize, &[PaneIdentity])> {
    let chosen = set.chosen.iter().map(|it| (it.snapshot, it.session, &it.panes[..]));
    chosen.chain(set.listed.iter().map(|it| (it.snapshot, it.session, &it.panes[..]))).collect()
}

/// Of each pane of a life that somebody may want reopened, the last snapshot that holds it.
fn last_of_panes(life: &Life<'_>, timeline: &Timeline) -> HashSet<SnapshotId> {
    let mut seen: HashSet<PaneIdentity> = HashSet::new();
    let mut last = HashSet::new();
    for entry in life.entries.iter().rev() {
        for session in &entry.sessions {
            for pane in &session.panes {
                let settled =
                    || timeline.settled.iter().any(|it| it.pane == *pane && it.until >= entry.taken_at);
                if seen.insert(*pane) && !session.untouched && !settled() {
                    last.insert(entry.id);
                }
            }
        }
    }
    last
}
