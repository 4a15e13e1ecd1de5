//! Laws of choosing, for any history.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

/// What may happen next.
#[derive(Clone, Debug)]
enum Event {
    /// The keeper or the user saves what is there.
    Save { manual: bool },
    /// Time passes in which the server is seen to live.
    Live(u8),
    /// A session with some new panes.
    Open { name: u8, panes: u8 },
    /// One of the sessions is closed.
    Close(u8),
    /// The first pane of the first session is closed.
    ClosePane,
    /// One of the sessions is renamed.
    Rename(u8, u8),
    /// The server is gone, after so many of its shells died one by one before the keeper's eyes; a new one is empty or
    /// gets back what it should.
    Crash { falling: u8, restore: bool },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => any::<bool>().prop_map(|manual| Event::Save { manual }),
        3 => (0..40u8).prop_map(Event::Live),
        3 => (0..5u8, 1..4u8).prop_map(|(name, panes)| Event::Open { name, panes }),
        1 => any::<u8>().prop_map(Event::Close),
        1 => Just(Event::ClosePane),
        1 => (any::<u8>(), 0..5u8).prop_map(|(which, name)| Event::Rename(which, name)),
        2 => (0..8u8, any::<bool>()).prop_map(|(falling, restore)| Event::Crash { falling, restore }),
    ]
}

/// A history with what is there at its end.
#[derive(Clone, Default)]
struct World {
    history: History,
    sessions: Vec<(String, Vec<u8>)>,
    next: u8,
    /// Panes that the user closed.
    closed: HashSet<u8>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for entry in &self.history.timeline.entries {
            let (start, end) = (entry.taken_at.as_second() % 100_000, entry.still_at.as_second() % 100_000);
            write!(f, "\n{} {} {} {start}-{end}", entry.id, entry.generation.boot, entry.kind)?;
            for session in &entry.sessions {
                let panes: Vec<u8> = session.panes.iter().map(|pane| number(*pane)).collect();
                write!(f, " {}{panes:?}", session.name)?;
            }
        }
        writeln!(f, "\nnow {} with {:?}", self.history.clock % 100_000, self.sessions)
    }
}

impl World {
    fn new() -> Self {
        Self { history: History::new(), ..Self::default() }
    }

    fn told(&self) -> String {
        let told = |(name, panes): &(String, Vec<u8>)| {
            let panes: Vec<String> = panes.iter().map(u8::to_string).collect();
            format!("{name} {}", panes.join(" "))
        };
        self.sessions.iter().map(told).collect::<Vec<_>>().join(" | ")
    }

    fn handle(&mut self, event: &Event) {
        let at = |which: u8, len: usize| usize::from(which) % len;
        match *event {
            Event::Save { manual } if !self.sessions.is_empty() => {
                let kind = if manual { Kind::Manual } else { Kind::Automatic };
                self.history = self.history.clone().entry(kind, Coverage::Whole, &self.told());
            }
            Event::Live(seconds) => {
                self.history.clock += i64::from(seconds);
                let (now, generation) = (self.history.now(), self.history.generation());
                let shown: Vec<SessionEntry> = match self.told() {
                    told if told.is_empty() => Vec::new(),
                    told => told.split(" | ").map(session).collect(),
                };
                let last = self.history.timeline.entries.last_mut();
                if let Some(last) = last.filter(|e| e.generation == generation && e.sessions == shown) {
                    last.still_at = now;
                }
            }
            Event::Open { name, panes } if self.next < 200 => {
                let name = format!("s{name}");
                if self.sessions.iter().all(|(other, _)| *other != name) {
                    self.sessions.push((name, (self.next..self.next + panes).collect()));
                    self.next += panes;
                }
            }
            Event::Close(which) if !self.sessions.is_empty() => {
                let (_, panes) = self.sessions.remove(at(which, self.sessions.len()));
                self.closed.extend(panes);
            }
            Event::ClosePane if !self.sessions.is_empty() => {
                let (_, panes) = &mut self.sessions[0];
                if panes.len() > 1 {
                    self.closed.insert(panes.remove(0));
                }
            }
            Event::Rename(which, name) if !self.sessions.is_empty() => {
                let name = format!("s{name}");
                if self.sessions.iter().all(|(other, _)| *other != name) {
                    let position = at(which, self.sessions.len());
                    self.sessions[position].0 = name;
                }
            }
            Event::Crash { falling, restore } => {
                if falling > 0 {
                    self.handle(&Event::Save { manual: false });
                }
                for _ in 0..falling {
                    self.fall();
                    self.handle(&Event::Save { manual: false });
                }
                self.history = self.history.clone().dies();
                let set = self.history.choose();
                self.history = self.history.clone().server();
                self.sessions.clear();
                if restore {
                    self.restore(&set);
                }
            }
            _ => {}
        }
    }

    /// One shell dies.
    fn fall(&mut self) {
        if let Some((_, panes)) = self.sessions.first_mut() {
            panes.remove(0);
        }
        self.sessions.retain(|(_, panes)| !panes.is_empty());
        let step = usize::from(self.sessions.len() > 1);
        self.sessions.rotate_left(step);
    }

    fn restore(&mut self, set: &RestoreSet) {
        for chosen in set.missing() {
            let panes: Vec<u8> = chosen.panes.iter().map(|pane| number(*pane)).collect();
            let name = chosen.name.to_string();
            match self.sessions.iter_mut().find(|(other, _)| *other == name) {
                Some((_, there)) => there.extend(panes),
                None => self.sessions.push((name, panes)),
            }
        }
        if !self.sessions.is_empty() {
            self.history = self.history.clone().entry(Kind::AfterRestore, Coverage::Whole, &self.told());
        }
    }
}

fn world() -> impl Strategy<Value = World> {
    prop::collection::vec(event(), 1..60).prop_map(|events| {
        let mut world = World::new();
        events.iter().for_each(|event| world.handle(event));
        world
    })
}

/// The panes of a set's chosen sessions.
fn panes(set: &RestoreSet) -> HashSet<u8> {
    set.chosen.iter().flat_map(|chosen| &chosen.panes).map(|pane| number(*pane)).collect()
}

proptest! {
    #[test]
    fn an_unused_server_changes_nothing(world in world(), manual: bool) {
        let before = world.history.clone().dies();
        prop_assume!(!before.timeline.entries.is_empty());
        let kind = if manual { Kind::Manual } else { Kind::Automatic };
        let after = before.clone().server().entry(kind, Coverage::Whole, "~0 250").dies();
        prop_assert_eq!(before.back(), after.back());
    }

    #[test]
    fn restoring_twice_changes_nothing(world in world()) {
        let mut world = world;
        world.handle(&Event::Crash { falling: 0, restore: true });
        let told = world.told();
        prop_assert_eq!(back(&world.history.choose_live(&told)), "");
        // Nor does it after a reboot: what comes back is what came back.
        let before: HashSet<u8> = world.sessions.iter().flat_map(|(_, panes)| panes).copied().collect();
        world.handle(&Event::Crash { falling: 0, restore: true });
        let after: HashSet<u8> = world.sessions.iter().flat_map(|(_, panes)| panes).copied().collect();
        prop_assert_eq!(before, after);
    }

    #[test]
    fn what_the_user_did_not_close_comes_back(world in world()) {
        let history = world.history.clone().dies();
        let set = panes(&history.choose());
        for pane in history.timeline.entries.iter().flat_map(|e| &e.sessions).flat_map(|s| &s.panes) {
            let pane = number(*pane);
            prop_assert!(world.closed.contains(&pane) || set.contains(&pane), "pane {} is lost", pane);
        }
    }

    #[test]
    fn every_session_is_accounted_for(world in world()) {
        let history = world.history.clone().dies();
        let set = history.choose();
        let of_left = set.listed.iter().chain(&set.left).map(|left| (&left.name, &left.panes));
        let accounted: Vec<_> = set.chosen.iter().map(|c| (&c.name, &c.panes)).chain(of_left).collect();
        for shown in history.timeline.entries.iter().flat_map(|entry| &entry.sessions) {
            let same = |(name, panes): &(&bstr::BString, &Vec<PaneIdentity>)| {
                **name == shown.name || panes.iter().any(|pane| shown.panes.contains(pane))
            };
            prop_assert!(accounted.iter().any(same), "{} is not accounted for", shown.name);
        }
        for left in &set.left {
            prop_assert!(!left.sentence(&TimeZone::UTC).is_empty());
        }
    }

    #[test]
    fn removing_snapshots_brings_nothing_back(world in world(), removed in prop::collection::vec(any::<bool>(), 60)) {
        let mut history = world.history.clone().dies();
        let before = panes(&history.choose());
        let entries = &history.timeline.entries;
        let removed: HashSet<SnapshotId> = entries.iter().zip(removed).filter(|(_, r)| *r).map(|(e, _)| e.id).collect();
        let settled = settle_removal(&history.timeline, &removed, None, history.now(), &Options::default());
        history.timeline.entries.retain(|entry| !removed.contains(&entry.id));
        history.timeline.settled = settled;
        prop_assert!(panes(&history.choose()).is_subset(&before));
    }

    #[test]
    fn what_is_needed_is_enough(world in world(), gone in prop::collection::vec(any::<bool>(), 200)) {
        let history = &world.history;
        let (timeline, now, options) = (&history.timeline, history.now(), Options::default());
        let needed = needed(timeline, now, &options);
        let all = timeline.entries.iter().map(|entry| entry.id);
        let unneeded: Vec<SnapshotId> = all.filter(|id| !needed.contains(id)).collect();
        // Whatever part of the rest goes; the time of some of it may not have come.
        let removed: HashSet<SnapshotId> =
            unneeded.iter().zip(gone.iter().chain(std::iter::repeat(&true))).filter(|(_, gone)| **gone).map(|(id, _)| *id).collect();
        prop_assert_eq!(tells_the_same(timeline, &removed, now, &options), Ok(()));
        // Nor does `undo` miss anything: each closing of the living server is found, one after the other.
        let rest = timeline.without(&removed);
        let told = world.told();
        let sessions: Vec<SessionEntry> = told.split(" | ").filter(|it| !it.is_empty()).map(session).collect();
        let live = LiveServer::new(history.generation(), &sessions);
        let earlier = |timeline: &Timeline| last_closing_before(timeline, Some(&live), now).map(|it| it.sessions);
        prop_assert_eq!(earlier(timeline), earlier(&rest));
        let mut excused: Vec<Excused> = Vec::new();
        loop {
            let closing = |timeline: &Timeline| last_closing(timeline, &live, &excused, now).map(|it| (it.snapshot, it.sessions));
            let before = closing(timeline);
            prop_assert_eq!(&before, &closing(&rest));
            let Some((_, sessions)) = before else { break };
            let panes = sessions.into_iter().flat_map(|(_, panes)| panes).collect();
            excused.push(Excused { panes, until: now });
        }
    }

    #[test]
    fn each_pane_is_brought_back_once(world in world()) {
        let set = world.history.clone().dies().choose();
        let mut seen = HashSet::new();
        for pane in set.chosen.iter().flat_map(|chosen| &chosen.panes) {
            prop_assert!(seen.insert(*pane), "pane {} comes back twice", number(*pane));
        }
    }
}
