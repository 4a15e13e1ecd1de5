//! From lives to the restore set: which life of a server has the say over a pane.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::lives::{End, Fate, Life, Line, State};
use super::{
    Because, Chosen, Entry, Left, Outcome, Presence, RestoreRecord, RestoreSet, SessionEntry, Settled,
    Timeline, WhyNot, WhySettled,
};
use crate::model::{Generation, Live, PaneIdentity};

/// How to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// What is owed for longer is listed and comes back only on request. Never applies to the latest life of a server.
    pub owed_max_age: SignedDuration,
}

impl Default for Options {
    fn default() -> Self {
        Self { owed_max_age: SignedDuration::from_hours(30 * 24) }
    }
}

/// What choosing must know of a running server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveServer {
    /// Which life of it this is.
    pub generation: Generation,
    /// The panes that are alive and carry their identity.
    pub panes: HashSet<PaneIdentity>,
}

impl From<&Live> for LiveServer {
    fn from(live: &Live) -> Self {
        let windows = live.snapshot.windows().iter().zip(&live.panes);
        let panes = windows.flat_map(|(window, live)| window.panes.iter().zip(live));
        Self {
            generation: live.snapshot.server().generation.clone(),
            // A freshly minted identity belongs to no saved pane.
            panes: panes.filter(|(_, live)| live.marked).map(|(pane, _)| pane.identity).collect(),
        }
    }
}

impl LiveServer {
    /// A server of this generation with these sessions.
    pub fn new(generation: Generation, sessions: &[SessionEntry]) -> Self {
        Self {
            generation,
            panes: sessions.iter().flat_map(|session| session.panes.iter().copied()).collect(),
        }
    }
}

/// Chooses what a restore without arguments brings back, with a reason for every session ever saved.
pub fn choose(
    timeline: &Timeline,
    live: Option<&LiveServer>,
    now: Timestamp,
    options: &Options,
) -> RestoreSet {
    let lives = Life::all(timeline, live.map(|live| &live.generation), now);
    let mut set = RestoreSet::default();
    let mut choosing = Choosing {
        timeline,
        live,
        oldest: now.checked_sub(options.owed_max_age).unwrap_or(Timestamp::MIN),
        later: HashSet::new(),
        claimed: HashMap::new(),
    };
    // Where nobody ever used anything, the last life is better than nothing, unless another one is there already.
    let alone = |life: &&Life| live.is_none_or(|live| life.entries[0].generation == live.generation);
    let latest =
        lives.iter().rposition(Life::touched).or_else(|| lives.last().filter(alone).map(|_| lives.len() - 1));
    choosing.claim(&lives, &mut set);
    for (position, life) in lives.iter().enumerate().rev() {
        let fates: Vec<Fate> = life.lines.iter().map(|line| life.fate(line)).collect();
        let mut order: Vec<usize> = (0..fates.len()).collect();
        order.sort_by_key(|&line| life.lines[line].states[fates[line].state].session);
        for line in order {
            choosing.decide(life, &life.lines[line], &fates[line], latest == Some(position), &mut set);
        }
        // From here on older lives have no say over its panes.
        choosing.later.extend(panes_of(life));
    }
    set.listed.sort_by_key(|left| Reverse(left.seen));
    set.left.sort_by_key(|left| Reverse(left.seen));
    set
}

/// What is known while lives are gone through, the latest first.
struct Choosing<'a> {
    timeline: &'a Timeline,
    live: Option<&'a LiveServer>,
    /// What was last seen before is too old.
    oldest: Timestamp,
    /// Panes seen in a later life of the server.
    later: HashSet<PaneIdentity>,
    /// Panes that an interrupted restore is to complete, with its number in [`Timeline::restores`].
    claimed: HashMap<PaneIdentity, usize>,
}

impl Choosing<'_> {
    /// Gives interrupted restores what they were to bring back, unless a later life of the server has it.
    fn claim(&mut self, lives: &[Life], set: &mut RestoreSet) {
        let mut records: Vec<usize> = (0..self.timeline.restores.len()).collect();
        records.sort_by_key(|&record| Reverse(self.timeline.restores[record].began));
        for record in records {
            let restore = &self.timeline.restores[record];
            if restore.outcome != Outcome::Interrupted {
                continue;
            }
            let later = later_than(lives, restore);
            for source in &restore.unfinished {
                let entry = self.timeline.entries.iter().find(|entry| entry.id == source.snapshot);
                let Some((entry, session)) = entry.and_then(|e| Some((e, e.sessions.get(source.session)?)))
                else {
                    continue; // Its snapshot is gone: nothing is left to bring back.
                };
                let open = |pane: &PaneIdentity| {
                    !later.contains(pane)
                        && !self.claimed.contains_key(pane)
                        && self.settled(*pane, restore.began).is_none()
                };
                let panes: Vec<PaneIdentity> = source.panes.iter().copied().filter(open).collect();
                if panes.is_empty() {
                    continue;
                }
                self.claimed.extend(panes.iter().map(|pane| (*pane, record)));
                let chosen = Chosen {
                    snapshot: entry.id,
                    session: source.session,
                    name: session.name.clone(),
                    seen: entry.still_at,
                    whole: panes.len() == session.panes.len(),
                    presence: self.presence(&panes),
                    panes,
                    because: Because::Interrupted { began: restore.began },
                };
                if restore.began < self.oldest && chosen.presence == Presence::None {
                    set.listed.push(chosen.left(WhyNot::TooOld));
                } else {
                    set.chosen.push(chosen);
                }
            }
        }
    }

    /// Decides about one session of one life.
    fn decide(&self, life: &Life, line: &Line, fate: &Fate, latest: bool, set: &mut RestoreSet) {
        let state = &line.states[fate.state];
        let because = match fate.end {
            End::Collapsed => Because::Collapsed,
            End::Lived | End::Closed(_) | End::ClosedLast(_) | End::Replaced(_) => Because::Lived,
        };
        let chosen = self.candidate(life, state, &state.panes, because);
        let closed = match fate.end {
            End::Closed(noticed) => Some(WhyNot::Closed { noticed }),
            End::ClosedLast(at) => Some(WhyNot::ClosedLast { at }),
            End::Replaced(noticed) => Some(WhyNot::Replaced { noticed }),
            End::Lived | End::Collapsed => None,
        };
        if let Some(why) = closed {
            let back = |pane| self.later.contains(pane) || self.claimed.contains_key(pane);
            let why = match chosen.presence {
                _ if chosen.panes.iter().any(back) => WhyNot::Continued,
                Presence::None => why,
                Presence::Part | Presence::Whole => WhyNot::Lives,
            };
            set.left.push(chosen.left(why));
            return;
        }
        self.offer(chosen, life, state, latest, set);
        if fate.end == End::Collapsed {
            for (newer, panes) in line.opened_after(fate.state) {
                let chosen = self.candidate(life, newer, &panes, Because::OpenedLast);
                self.offer(chosen, life, newer, latest, set);
            }
        }
    }

    fn candidate(&self, life: &Life, state: &State, panes: &[PaneIdentity], because: Because) -> Chosen {
        let entry = life.entry(state);
        Chosen {
            snapshot: entry.id,
            session: state.session,
            name: state.name.into(),
            seen: entry.still_at,
            panes: panes.to_vec(),
            whole: panes.len() == state.panes.len(),
            because,
            presence: self.presence(panes),
        }
    }

    /// Takes what was not closed into the set, as far as nothing later has the say over it.
    fn offer(&self, mut chosen: Chosen, life: &Life, state: &State, latest: bool, set: &mut RestoreSet) {
        let of = chosen.panes.len();
        let (open, gone): (Vec<_>, Vec<_>) = chosen
            .panes
            .iter()
            .map(|pane| (*pane, self.elsewhere(*pane, life.entry(state))))
            .partition(|(_, why)| why.is_none());
        let gone: Vec<WhyNot> = gone.into_iter().filter_map(|(_, why)| why).collect();
        if open.is_empty() {
            // That it came back is the better news; otherwise whatever happened to the first pane.
            let continued = gone.contains(&WhyNot::Continued).then_some(WhyNot::Continued);
            set.left.extend(continued.or(gone.first().copied()).map(|why| chosen.left(why)));
            return;
        }
        chosen.panes = open.into_iter().map(|(pane, _)| pane).collect();
        chosen.whole &= gone.is_empty();
        chosen.presence = self.presence(&chosen.panes);
        let came_back = gone.iter().filter(|why| **why == WhyNot::Continued).count();
        if came_back > 0 {
            chosen.because = Because::RestoredInPart { came_back, of };
        } else if !latest {
            chosen.because = Because::NeverRestored;
        }
        if state.untouched && !latest {
            set.left.push(chosen.left(WhyNot::Untouched));
        } else if chosen.seen < self.oldest && !latest && chosen.presence == Presence::None {
            set.listed.push(chosen.left(WhyNot::TooOld));
        } else {
            set.chosen.push(chosen);
        }
    }

    /// Why a pane is no more this state's to bring back.
    fn elsewhere(&self, pane: PaneIdentity, entry: &Entry) -> Option<WhyNot> {
        if self.later.contains(&pane) || self.claimed.contains_key(&pane) {
            return Some(WhyNot::Continued);
        }
        let replaced = self.timeline.restores.iter().find(|restore| {
            restore.outcome == Outcome::Interrupted
                && restore.generation == entry.generation
                && restore.replaced.contains(&pane)
        });
        if let Some(restore) = replaced {
            return Some(WhyNot::Replaced { noticed: restore.began });
        }
        self.settled(pane, entry.still_at)
    }

    /// Why what was seen of a pane until `seen` is settled, if it is.
    fn settled(&self, pane: PaneIdentity, seen: Timestamp) -> Option<WhyNot> {
        let covers = |settled: &&Settled| settled.pane == pane && settled.until >= seen;
        let settled = self.timeline.settled.iter().find(covers)?;
        Some(match settled.why {
            WhySettled::Closed => WhyNot::Closed { noticed: settled.until },
            WhySettled::Forgotten => WhyNot::Forgotten,
            WhySettled::LeftOut => WhyNot::LeftOut,
        })
    }

    fn presence(&self, panes: &[PaneIdentity]) -> Presence {
        let alive = |pane: &&PaneIdentity| self.live.is_some_and(|live| live.panes.contains(pane));
        match panes.iter().filter(alive).count() {
            0 => Presence::None,
            all if all == panes.len() => Presence::Whole,
            _ => Presence::Part,
        }
    }
}

/// The panes that a life of the server had. Not those of sessions nobody used: an owed one that came back without its
/// text may look so.
fn panes_of<'a>(life: &'a Life) -> impl Iterator<Item = PaneIdentity> + 'a {
    let states = life.lines.iter().flat_map(|line| &line.states);
    states.filter(|state| !state.untouched).flat_map(|state| state.panes.iter().copied())
}

/// All panes seen in lives of the server after the one that this restore worked on.
fn later_than(lives: &[Life], restore: &RestoreRecord) -> HashSet<PaneIdentity> {
    let it = lives.iter().position(|life| life.entries.iter().any(|e| e.generation == restore.generation));
    // If it was interrupted before the first snapshot of its life, time tells.
    let began = || lives.partition_point(|life| life.entries.iter().all(|e| e.taken_at < restore.began));
    let after = it.map_or_else(began, |position| position + 1);
    lives[after..].iter().flat_map(panes_of).collect()
}

impl Chosen {
    fn left(self, why: WhyNot) -> Left {
        let Self { snapshot, session, name, seen, panes, .. } = self;
        Left { snapshot, session, name, seen, panes, why }
    }
}
