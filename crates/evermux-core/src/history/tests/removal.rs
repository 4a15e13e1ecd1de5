//! Removal on a real store.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use tempfile::TempDir;

use super::super::*;
use crate::choose::{LiveServer, Options, RestoreSet, SessionEntry, choose};
use crate::layout::Layout;
use crate::model::*;
use crate::store::{Access, Emergency, Place, Save, Store, StoreError};

const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Ground {
    pub(super) _folder: TempDir,
    pub(super) place: Place,
    pub(super) store: Store,
}

impl Ground {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let uid = folder.path().metadata().unwrap().uid();
        let mut place = Place::new(folder.path().join("state"), "machine", uid);
        place.runtime = folder.path().join("run");
        place.fallback = folder.path().join("tmp");
        place.network = Some(false);
        let store = Store::open(&place, Access::Write).unwrap();
        Self { _folder: folder, place, store }
    }

    /// A save by hand of sessions with one pane each.
    pub(super) fn save(&self, seconds: i64, sessions: &[(&str, u8)]) -> SnapshotId {
        let snapshot = snapshot(seconds, sessions);
        let saving = self.store.saving(&snapshot.server().name, PATIENCE).unwrap();
        let save =
            Save { kind: Kind::Manual, emergency: Emergency::Never, ..Save::automatic(&snapshot, &[]) };
        saving.save(&save).unwrap().value.id
    }

    fn set(&self) -> RestoreSet {
        choose(&self.store.timeline(&name()).unwrap(), None, second(1000), &Options::default())
    }

    fn back(&self) -> Vec<(String, i64)> {
        self.set().chosen.iter().map(|chosen| (chosen.name.to_string(), chosen.snapshot.0)).collect()
    }
}

pub(super) fn second(seconds: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(seconds).unwrap()
}

pub(super) fn name() -> ServerName {
    ServerName { machine: "machine".to_owned(), socket: "/tmp/tmux-0/default".into() }
}

pub(super) fn snapshot(seconds: i64, sessions: &[(&str, u8)]) -> Snapshot {
    let server = Server {
        name: name(),
        generation: Generation { boot: "b".into(), pid: 1, started: 0 },
        version: TmuxVersion::new(3, 8),
        uid: 0,
        server_options: vec![],
        session_options: vec![],
        window_options: vec![],
        environment_names: vec![],
        clients: vec![],
        buffers: vec![],
    };
    let windows = sessions.iter().map(|(name, pane)| window(name, *pane)).collect();
    let sessions = sessions.iter().enumerate().map(|(window, (name, _))| session(name, window)).collect();
    Snapshot::new(second(seconds), server, sessions, windows).unwrap()
}

fn session(name: &str, window: usize) -> Session {
    Session {
        name: name.into(),
        directory: "/".into(),
        group: None,
        options: vec![],
        environment: vec![],
        links: vec![Link { index: 0, window }],
        active: 0,
        last: vec![],
        facts: SessionFacts::default(),
    }
}

fn window(name: &str, number: u8) -> Window {
    let pane = Pane {
        identity: PaneIdentity::from_random([number; 16]),
        title: name.into(),
        directory: "/".into(),
        history_limit: 2000,
        options: vec![],
        input_off: false,
        marked: false,
        dead: None,
        start: None,
        program: None,
        shell: None,
        text: None,
        debts: vec![],
        facts: PaneFacts::default(),
    };
    Window {
        name: name.into(),
        layout: Layout::single(80, 24),
        size: Size { width: 80, height: 24 },
        zoomed: false,
        active: 0,
        last: vec![],
        options: vec![],
        panes: vec![pane],
        facts: WindowFacts::default(),
    }
}

#[test]
fn forgetting_goes_back_and_brings_nothing_back() {
    let ground = Ground::new();
    let first = ground.save(10, &[("closed", 1), ("work", 2)]);
    let second_ = ground.save(20, &[("work", 2)]);
    let third = ground.save(30, &[("labor", 2)]);
    assert_eq!(ground.back(), [("labor".to_owned(), third.0)]);
    let forget = |ids: &[SnapshotId], live: &[(ServerName, LiveServer)]| {
        forget(&ground.store, ids, live, second(1000), &Options::default(), PATIENCE)
    };
    let report = forget(&[third, second_], &[]).unwrap();
    assert_eq!(report.value.snapshots, [second_, third]);
    assert_eq!(report.problems, []);
    assert_eq!(ground.back(), [("work".to_owned(), first.0)]);
    assert!(matches!(forget(&[third], &[]), Err(RemovalError::Store(StoreError::NoSnapshot(_)))));
}

#[test]
fn what_is_pinned_is_not_forgotten() {
    let ground = Ground::new();
    let (first, other) = (ground.save(10, &[("a", 1)]), ground.save(20, &[("b", 2)]));
    ground.store.saving(&name(), PATIENCE).unwrap().pin(first, true).unwrap();
    let result = forget(&ground.store, &[other, first], &[], second(1000), &Options::default(), PATIENCE);
    assert!(matches!(result, Err(RemovalError::Pinned(id)) if id == first));
    assert_eq!(ground.store.list(&Default::default()).unwrap().len(), 2);
}

#[test]
fn what_lives_is_not_settled() {
    let ground = Ground::new();
    ground.save(10, &[("a", 1), ("b", 2)]);
    let closed = ground.save(20, &[("b", 2)]);
    let alive = snapshot(30, &[("a", 1), ("b", 2)]);
    let live = LiveServer::new(alive.server().generation.clone(), &SessionEntry::of(&alive));
    let live = [(name(), live)];
    forget(&ground.store, &[closed], &live, second(1000), &Options::default(), PATIENCE).unwrap();
    assert_eq!(ground.store.timeline(&name()).unwrap().settled, []);
}

#[test]
fn what_is_owed_can_be_let_go() {
    let ground = Ground::new();
    ground.save(10, &[("a", 1), ("b", 2)]);
    let saving = ground.store.saving(&name(), PATIENCE).unwrap();
    assert_eq!(dismiss(&saving, &ground.set(), "a".into(), second(900)).unwrap(), 1);
    drop(saving);
    assert_eq!(ground.back(), [("b".to_owned(), 1)]);
    // Brought back on request, it counts again.
    ground.save(950, &[("a", 1), ("b", 2)]);
    assert_eq!(ground.back().len(), 2);
}
