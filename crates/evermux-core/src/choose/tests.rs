//! The table of histories of the design, told in a small language, and laws of choosing.

use bstr::ByteSlice;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;
use crate::model::{Generation, Kind, PaneIdentity, SnapshotId};

mod laws;
mod table;

/// A history of one server. Sessions are written `name 1 2`, several joined by ` | `; the numbers are panes, and `~`
/// before the name means that nobody used it.
#[derive(Clone, Default)]
struct History {
    timeline: Timeline,
    lives: u32,
    clock: i64,
    live: bool,
}

impl History {
    /// A first server.
    fn new() -> Self {
        Self { clock: 1_800_000_000, ..Self::default() }.server()
    }

    /// The server ends at once; five minutes later there is a new one.
    fn server(mut self) -> Self {
        self.lives += 1;
        self.live = true;
        self.after(300)
    }

    /// The server ends at once.
    fn dies(mut self) -> Self {
        self.live = false;
        self
    }

    fn after(mut self, seconds: i64) -> Self {
        self.clock += seconds;
        self
    }

    fn days(self, days: i64) -> Self {
        self.after(days * 86_400)
    }

    /// The keeper saves.
    fn auto(self, sessions: &str) -> Self {
        self.entry(Kind::Automatic, Coverage::Whole, sessions)
    }

    /// The keeper finds nothing new for a minute.
    fn still(mut self) -> Self {
        self = self.after(60);
        let now = self.now();
        self.timeline.entries.last_mut().unwrap().still_at = now;
        self
    }

    /// The user saves.
    fn manual(self, sessions: &str) -> Self {
        self.entry(Kind::Manual, Coverage::Whole, sessions)
    }

    /// A save of one second later.
    fn entry(mut self, kind: Kind, coverage: Coverage, sessions: &str) -> Self {
        self = self.after(1);
        let id = SnapshotId(self.timeline.entries.len() as i64 + 1);
        let (taken_at, generation) = (self.now(), self.generation());
        let sessions = sessions.split(" | ").map(session).collect();
        let entry = Entry { id, taken_at, still_at: taken_at, generation, kind, coverage, sessions };
        self.timeline.entries.push(entry);
        self
    }

    fn ending(mut self, ending: Ending) -> Self {
        let generation = self.generation();
        self.timeline.endings.push(GenerationEnd { generation, ending });
        self.dies()
    }

    /// A restore begins now, and does not finish these sessions: `snapshot/session 1 2`.
    fn restore(mut self, outcome: Outcome, unfinished: &str, replaced: &[u8]) -> Self {
        let source = |text: &str| {
            let (place, panes) = text.split_once(' ').unwrap();
            let (snapshot, session) = place.split_once('/').unwrap();
            let panes = panes.split(' ').map(|n| pane(n.parse().unwrap())).collect();
            Source {
                snapshot: SnapshotId(snapshot.parse().unwrap()),
                session: session.parse().unwrap(),
                panes,
            }
        };
        self.timeline.restores.push(RestoreRecord {
            generation: self.generation(),
            began: self.now(),
            outcome,
            unfinished: unfinished.split(" | ").map(source).collect(),
            replaced: replaced.iter().copied().map(pane).collect(),
        });
        self
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.clock).unwrap()
    }

    fn generation(&self) -> Generation {
        Generation { boot: format!("boot-{}", self.lives), pid: 7, started: 0 }
    }

    /// With no server running.
    fn choose(&self) -> RestoreSet {
        choose(&self.timeline, None, self.now(), &Options::default())
    }

    /// With the server of the last generation running and holding these sessions.
    fn choose_live(&self, sessions: &str) -> RestoreSet {
        let sessions: Vec<SessionEntry> =
            sessions.split(" | ").filter(|text| !text.is_empty()).map(session).collect();
        let live = LiveServer::new(self.generation(), &sessions);
        choose(&self.timeline, Some(&live), self.now(), &Options::default())
    }

    /// What comes back: `name 1 2 @snapshot`, in order.
    fn back(&self) -> String {
        back(&if self.live { self.choose_live("") } else { self.choose() })
    }

    /// The reasons of everything, one sentence a line.
    fn why(&self) -> String {
        why(&self.choose())
    }
}

fn pane(number: u8) -> PaneIdentity {
    PaneIdentity::from_random([number; 16])
}

fn number(identity: PaneIdentity) -> u8 {
    (0..=255).find(|n| pane(*n) == identity).unwrap()
}

fn session(text: &str) -> SessionEntry {
    let mut words = text.split(' ');
    let name = words.next().unwrap();
    SessionEntry {
        name: name.trim_start_matches('~').into(),
        untouched: name.starts_with('~'),
        panes: words.map(|n| pane(n.parse().unwrap())).collect(),
    }
}

fn back(set: &RestoreSet) -> String {
    let line = |chosen: &Chosen| {
        let panes: Vec<String> = chosen.panes.iter().map(|p| number(*p).to_string()).collect();
        format!("{} {} @{}", chosen.name, panes.join(" "), chosen.snapshot)
    };
    set.missing().map(line).collect::<Vec<_>>().join(" | ")
}

fn why(set: &RestoreSet) -> String {
    let zone = TimeZone::UTC;
    let mut lines: Vec<String> =
        set.chosen.iter().map(|c| format!("+ {} {}", c.name.to_str_lossy(), c.sentence(&zone))).collect();
    lines.extend(set.listed.iter().map(|l| format!("? {} {}", l.name.to_str_lossy(), l.sentence(&zone))));
    lines.extend(set.left.iter().map(|l| format!("- {} {}", l.name.to_str_lossy(), l.sentence(&zone))));
    lines.join("\n")
}
