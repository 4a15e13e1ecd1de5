//! Tests of the store: what is saved comes back, whatever happens to processes, files and rows.

mod damage;
mod faults;
mod folders;
mod keeper;
mod logs;
mod old;
mod packs;
mod samples;
mod saving;

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use jiff::Timestamp;
use tempfile::TempDir;

use super::*;
use crate::model::arbitrary::{Sample, reference};
use crate::model::{
    Generation, Link, Pane, PaneFacts, PaneIdentity, Scrollback, Server, Session, SessionFacts, Size,
    Snapshot, TextMark, Window, WindowFacts, arbitrary,
};

/// A place in a folder of the test's own.
struct Ground {
    _folder: TempDir,
    place: Place,
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let uid = folder.path().metadata().unwrap().uid();
        let mut place = Place::new(folder.path().join("state/evermux"), "machine", uid);
        place.runtime = folder.path().join("run");
        place.fallback = folder.path().join("tmp");
        place.network = Some(false);
        Self { _folder: folder, place }
    }

    fn store(&self) -> Store {
        Store::open(&self.place, Access::Write).unwrap()
    }
}

fn second(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// A server whose sessions are named; the text of a session's pane is a line with its name.
fn sample(seconds: i64, generation: u32, sessions: &[&str]) -> Sample {
    let mut blocks = Vec::new();
    let mut windows = Vec::new();
    let sessions: Vec<Session> = sessions
        .iter()
        .enumerate()
        .map(|(position, name)| {
            let screen = format!("$ echo {name}\n{name}\n").into_bytes();
            windows.push(window(name, position as u8, &screen));
            blocks.push(screen);
            session(name, position)
        })
        .collect();
    let server = server(generation, 0);
    Sample { snapshot: Snapshot::new(second(seconds), server, sessions, windows).unwrap(), blocks }
}

fn server(generation: u32, uid: u32) -> Server {
    Server {
        name: ServerName { machine: "machine".to_owned(), socket: "/tmp/tmux-0/default".into() },
        generation: Generation { boot: "boot".to_owned(), pid: generation, started: 1 },
        version: "3.5a".parse().unwrap(),
        uid,
        server_options: vec![],
        session_options: vec![],
        window_options: vec![],
        environment_names: vec![],
        clients: vec![],
        buffers: vec![],
    }
}

fn session(name: &str, window: usize) -> Session {
    Session {
        name: name.into(),
        directory: "/home".into(),
        group: None,
        options: vec![],
        environment: vec![],
        links: vec![Link { index: 0, window }],
        active: 0,
        last: vec![],
        facts: SessionFacts::default(),
    }
}

fn window(name: &str, number: u8, screen: &[u8]) -> Window {
    let size = Size { width: 80, height: 24 };
    let pane = Pane {
        identity: PaneIdentity::from_random([number; 16]),
        title: name.into(),
        directory: "/home".into(),
        history_limit: 2000,
        options: vec![],
        input_off: false,
        marked: false,
        dead: None,
        start: None,
        program: None,
        shell: None,
        text: Some(Scrollback {
            size,
            head: None,
            skip: 0,
            history: vec![],
            screen: reference(screen),
            end_row: 2,
            mark: TextMark::default(),
        }),
        debts: vec![],
        facts: PaneFacts::default(),
    };
    Window {
        name: name.into(),
        layout: arbitrary::layout(size, 1, 0),
        size,
        zoomed: false,
        active: 0,
        last: vec![],
        options: vec![],
        panes: vec![pane],
        facts: WindowFacts::default(),
    }
}

fn prepare(sample: &Sample) -> Vec<PreparedBlock> {
    sample.blocks.iter().map(|block| PreparedBlock::new(block).unwrap()).collect()
}

/// Saves as the keeper does, without an emergency file.
fn save(store: &Store, sample: &Sample) -> Saved {
    let report = try_save(store, sample).unwrap();
    assert_eq!(report.problems, []);
    report.value
}

fn try_save(store: &Store, sample: &Sample) -> Result<crate::problem::Report<Saved>, StoreError> {
    let saving = store.saving(&sample.snapshot.server().name, Duration::from_secs(20))?;
    let blocks = prepare(sample);
    saving.save(&Save { emergency: Emergency::Never, ..Save::automatic(&sample.snapshot, &blocks) })
}

/// The snapshot, which must be whole, and each block of it.
fn load(store: &Store, id: SnapshotId) -> Snapshot {
    let report = store.snapshot(id).unwrap();
    assert_eq!(report.problems, []);
    for text in report.value.panes().filter_map(|pane| pane.text.as_ref()) {
        for block in text.history.iter().chain([&text.screen]) {
            assert_eq!(reference(&store.block(&block.id).unwrap()), *block);
        }
    }
    report.value
}
