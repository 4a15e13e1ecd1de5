//! One life of a server: which session of a snapshot is which session of the next, and what became of each.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use bstr::{BStr, ByteSlice};
use jiff::{SignedDuration, Timestamp};

use super::{Coverage, Ending, Entry, Timeline};
use crate::model::{Generation, Kind, PaneIdentity};

/// How long a server must have lived on after something vanished for that to be the user's doing and no collapse.
const COLLAPSE: SignedDuration = SignedDuration::from_secs(10);

/// One life of a server, as its snapshots tell it.
pub(super) struct Life<'a> {
    /// Its snapshots, oldest first.
    pub entries: Vec<&'a Entry>,
    /// Its sessions, each followed through the snapshots.
    pub lines: Vec<Line<'a>>,
    /// Of each snapshot, the panes that count.
    panes: Vec<HashSet<PaneIdentity>>,
    ending: Option<Ending>,
    /// Position of the last snapshot whose losses are proved to be the user's doing.
    solid: Option<usize>,
}

/// A session followed through one life of the server, under whatever name.
pub(super) struct Line<'a> {
    /// The snapshots that show it, oldest first; never empty.
    pub states: Vec<State<'a>>,
}

/// A session in one snapshot.
#[derive(Clone)]
pub(super) struct State<'a> {
    /// Position of the snapshot in [`Life::entries`].
    pub entry: usize,
    /// Position of the session in the snapshot.
    pub session: usize,
    pub name: &'a BStr,
    pub untouched: bool,
    /// Its panes that count, never empty.
    pub panes: Cow<'a, [PaneIdentity]>,
}

/// What became of a session in one life of its server.
pub(super) struct Fate {
    /// Position in [`Line::states`] of its last good state.
    pub state: usize,
    pub end: End,
}

/// How a session's line in one life ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It was there to the end, as far as is known.
    Lived,
    /// It lost panes or vanished at the end, which may have been the collapse of the server.
    Collapsed,
    /// The user closed it; not seen any more at this moment.
    Closed(Timestamp),
    /// The user closed it, and the server ended with it at this moment.
    ClosedLast(Timestamp),
    /// A restore replaced it.
    Replaced(Timestamp),
}

impl<'a> Life<'a> {
    /// All lives of a timeline, oldest first. `live` is the generation that lives at `now`.
    pub fn all(timeline: &'a Timeline, live: Option<&Generation>, now: Timestamp) -> Vec<Self> {
        let mut entries: Vec<&Entry> = timeline.entries.iter().collect();
        entries.sort_by_key(|entry| entry.id);
        let mut by_generation: HashMap<&Generation, Vec<&Entry>> = HashMap::new();
        for entry in entries {
            by_generation.entry(&entry.generation).or_default().push(entry);
        }
        let mut lives: Vec<Self> = by_generation
            .into_iter()
            .map(|(generation, entries)| {
                let lived_until = (live == Some(generation)).then_some(now);
                Self::new(timeline, generation, entries, lived_until)
            })
            .collect();
        lives.sort_by_key(|life| life.entries.last().map(|entry| entry.id));
        lives
    }

    fn new(
        timeline: &Timeline,
        generation: &Generation,
        entries: Vec<&'a Entry>,
        lived_until: Option<Timestamp>,
    ) -> Self {
        let states: Vec<Vec<State>> = (0..entries.len()).map(|e| states(timeline, &entries, e)).collect();
        let panes =
            states.iter().map(|of| of.iter().flat_map(|s| s.panes.iter().copied()).collect()).collect();
        let ending = match lived_until {
            Some(_) => None,
            None => timeline.endings.iter().find(|end| end.generation == *generation).map(|end| end.ending),
        };
        let solid = solid(&entries, ending, lived_until);
        Self { entries, lines: trace(states), panes, ending, solid }
    }

    /// Whether anybody ever used it.
    pub fn touched(&self) -> bool {
        self.lines.iter().flat_map(|line| &line.states).any(|state| !state.untouched)
    }

    /// The snapshots at its end, by which the fates of its sessions are judged.
    pub fn end(&self) -> &[&'a Entry] {
        let judged = &self.entries[..self.solid.map_or(0, |solid| solid + 1)];
        // One that shows only a part of the server tells nothing of what it does not show.
        let whole = judged.iter().rposition(|entry| entry.coverage == Coverage::Whole);
        &self.entries[whole.unwrap_or(0)..]
    }

    /// The snapshot of a state.
    pub fn entry(&self, state: &State) -> &'a Entry {
        self.entries[state.entry]
    }

    /// What became of a session. Before the last solid snapshot its newest state counts and its absence means that it
    /// was closed; after that it is followed until it first loses something.
    pub fn fate(&self, line: &Line) -> Fate {
        let is_solid = |entry: usize| self.solid.is_some_and(|solid| entry <= solid);
        let mut at = line.states.iter().rposition(|state| is_solid(state.entry)).unwrap_or(0);
        let mut end = End::Lived;
        for entry in line.states[at].entry + 1..self.entries.len() {
            let before = &line.states[at];
            let seen = line.states.get(at + 1).filter(|state| state.entry == entry);
            let step = match seen {
                Some(_) if !matches!(end, End::Lived) => End::Lived, // Closed, and brought back.
                Some(_) => self.loss(before, entry, is_solid(entry)),
                None if end == End::Lived && self.lacks(entry, before.name) => {
                    self.absence(before, entry, is_solid(entry))
                }
                None => continue,
            };
            if step == End::Collapsed {
                return Fate { state: at, end: End::Collapsed };
            }
            if seen.is_some() {
                at += 1;
            }
            end = step;
        }
        if let (End::Lived, Some(Ending::LastSessionClosed { at })) = (end, self.ending) {
            end = End::ClosedLast(at);
        }
        Fate { state: at, end }
    }

    /// Whether a step to `entry`, which shows the session, may be a step into the collapse.
    fn loss(&self, before: &State, entry: usize, solid: bool) -> End {
        let lost = !solid && !self.all_alive(before, entry);
        if lost { End::Collapsed } else { End::Lived }
    }

    /// What it means that `entry` does not show the session.
    fn absence(&self, before: &State, entry: usize, solid: bool) -> End {
        let noticed = self.entries[entry].taken_at;
        if self.replacing(before, entry) {
            End::Replaced(noticed)
        } else if solid || self.all_alive(before, entry) {
            // A dying server loses panes; a session that goes while its panes live on was closed by somebody.
            End::Closed(noticed)
        } else {
            End::Collapsed
        }
    }

    fn all_alive(&self, before: &State, entry: usize) -> bool {
        before.panes.iter().all(|pane| self.panes[entry].contains(pane))
    }

    fn replacing(&self, before: &State, entry: usize) -> bool {
        before.entry + 1 == entry && self.entries[before.entry].kind == Kind::BeforeReplace
    }

    /// Whether a snapshot says that a session of this name, which it does not show, was not there.
    fn lacks(&self, entry: usize, name: &BStr) -> bool {
        match &self.entries[entry].coverage {
            Coverage::Whole => true,
            Coverage::Without(names) => !names.iter().any(|other| other == name),
            Coverage::Part => false,
        }
    }
}

/// The last snapshot that is proved not to lie in a collapse: one that belongs to a command somebody ran, or that the
/// server outlived by 10 s.
fn solid(entries: &[&Entry], ending: Option<Ending>, lived_until: Option<Timestamp>) -> Option<usize> {
    let collapse = match ending {
        Some(Ending::LastSessionClosed { .. }) => return entries.len().checked_sub(1),
        Some(Ending::Collapse { since }) => Some(since),
        None => None,
    };
    // Only what came after a snapshot proves anything of it: the clock may have been set back between two of them.
    let mut alive = lived_until;
    for (position, entry) in entries.iter().enumerate().rev() {
        alive = alive.max(Some(entry.still_at.max(entry.taken_at)));
        let asked = entry.kind != Kind::Automatic && collapse.is_none_or(|since| entry.taken_at < since);
        let outlived = collapse.or(alive).is_some_and(|at| at.duration_since(entry.taken_at) >= COLLAPSE);
        if asked || outlived {
            return Some(position);
        }
    }
    None
}

/// The sessions of a snapshot as far as they count: without the panes of restores that did not come to their end.
fn states<'a>(timeline: &Timeline, entries: &[&'a Entry], position: usize) -> Vec<State<'a>> {
    let entry = entries[position];
    let void: HashSet<PaneIdentity> = timeline
        .restores
        .iter()
        .filter(|restore| restore.generation == entry.generation && entry.taken_at >= restore.began)
        .flat_map(|restore| restore.unfinished.iter().flat_map(|source| source.panes.iter().copied()))
        .collect();
    let counting = |panes: &'a [PaneIdentity]| -> Cow<'a, [PaneIdentity]> {
        if void.is_empty() {
            return Cow::Borrowed(panes);
        }
        panes.iter().copied().filter(|pane| !void.contains(pane)).collect()
    };
    let sessions = entry.sessions.iter().enumerate().map(|(session, header)| State {
        entry: position,
        session,
        name: header.name.as_bstr(),
        untouched: header.untouched,
        panes: counting(&header.panes),
    });
    sessions.filter(|state| !state.panes.is_empty()).collect()
}

/// Follows each session from snapshot to snapshot: it is the same if name and a pane agree, else if a pane agrees (it
/// was renamed). A name alone says nothing: another session may have taken it.
fn trace(snapshots: Vec<Vec<State>>) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for states in snapshots {
        let matched = continue_lines(&lines, &states);
        for (state, line) in states.into_iter().zip(matched) {
            match line {
                Some(line) => lines[line].states.push(state),
                None => lines.push(Line { states: vec![state] }),
            }
        }
    }
    lines
}

/// Of each session of the next snapshot, the line that it continues.
fn continue_lines(lines: &[Line], states: &[State]) -> Vec<Option<usize>> {
    let mut by_name: HashMap<&BStr, Vec<usize>> = HashMap::new();
    for (position, line) in lines.iter().enumerate() {
        by_name.entry(line.last().name).or_default().push(position);
    }
    let mut taken = vec![false; lines.len()];
    let mut matched = vec![None; states.len()];
    let mut pass = |pick: &dyn Fn(&State, &[bool]) -> Option<usize>| {
        for (state, slot) in states.iter().zip(&mut matched) {
            if slot.is_none() {
                *slot = pick(state, &taken);
                if let Some(line) = *slot {
                    taken[line] = true;
                }
            }
        }
    };
    // The latest line of a name first: an older one of the same name was closed.
    let named = |state: &State| by_name.get(state.name).into_iter().flatten().rev().copied();
    let overlap = |line: usize, state: &State| shared(&lines[line].last().panes, &state.panes);
    pass(&|state, taken| named(state).find(|&line| !taken[line] && overlap(line, state) > 0));
    pass(&|state, taken| {
        let free = (0..lines.len()).filter(|&line| !taken[line]);
        free.max_by_key(|&line| overlap(line, state)).filter(|&line| overlap(line, state) > 0)
    });
    matched
}

impl<'a> Line<'a> {
    /// The panes that first appear in states after this one, each with the newest state that shows it: what was opened
    /// in the session while something else in it vanished.
    pub fn opened_after(&self, state: usize) -> Vec<(&State<'a>, Vec<PaneIdentity>)> {
        let mut known: HashSet<PaneIdentity> = self.states[state].panes.iter().copied().collect();
        let later = self.states[state + 1..].iter().rev();
        let fresh = later.map(|state| {
            (state, state.panes.iter().copied().filter(|pane| known.insert(*pane)).collect::<Vec<_>>())
        });
        fresh.filter(|(_, panes)| !panes.is_empty()).collect()
    }

    fn last(&self) -> &State<'a> {
        &self.states[self.states.len() - 1]
    }
}

/// How many panes both hold.
fn shared(a: &[PaneIdentity], b: &[PaneIdentity]) -> usize {
    if a == b {
        return a.len();
    }
    let held: HashSet<&PaneIdentity> = a.iter().collect();
    b.iter().filter(|pane| held.contains(pane)).count()
}
