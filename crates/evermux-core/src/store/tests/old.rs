//! Stores of every released format are readable for ever: one of each lies in `testdata/stores`.

use super::*;
use crate::choose::{Coverage, Source};
use crate::layout::{Cell, Content, Layout, Leaf};
use crate::model::{
    Buffer, Client, Command, Death, Debt, EnvironmentEntry, Kind, OptionEntry, Owed, Process, Program,
    StartCommand,
};

/// The formats that are there, each with the test of its own below.
const FORMATS: [&str; 3] = ["v1", "v2", "v3"];

fn stores() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/stores")
}

/// A copy of an old store in a place of the test's own.
fn copy(format: &str) -> Ground {
    let ground = Ground::new();
    drop(ground.store());
    let folder = ground.place.folder();
    fs::remove_file(folder.join("evermux.db")).unwrap();
    for entry in fs::read_dir(stores().join(format)).unwrap() {
        let path = entry.unwrap().path();
        let to = folder.join(path.file_name().unwrap());
        fs::copy(&path, &to).unwrap();
        // What a checkout gave it depends on the umask.
        fs::set_permissions(&to, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    ground
}

#[test]
fn every_format_is_tested() {
    let mut found: Vec<String> = fs::read_dir(stores())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, FORMATS);
}

#[test]
fn v1_is_readable() {
    is_readable(&copy("v1"));
}

#[test]
fn v2_is_readable() {
    let ground = copy("v2");
    is_readable(&ground);
    let store = ground.store();
    let watched = store.watched().unwrap();
    assert_eq!(watched, [everything().snapshot.server().name.clone()]);
    assert_eq!(store.paused_until().unwrap(), Some(second(1_700_000_400)));
    let starts: Vec<StartOutcome> =
        store.starts(&watched[0]).unwrap().iter().map(|start| start.outcome).collect();
    assert_eq!(starts, [StartOutcome::Restored]);
}

#[test]
fn v3_is_readable() {
    let ground = copy("v3");
    let packed = |store: &Store| -> i64 {
        store.connection.query_row("SELECT snapshot FROM packed", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(packed(&ground.store()), 1);
    is_readable(&ground);
}

/// What is in every old store.
fn is_readable(ground: &Ground) {
    let (everything, simple) = (everything(), sample(1_700_000_100, 1, &["later"]));
    for access in [Access::Read, Access::Write] {
        let store = Store::open(&ground.place, access).unwrap();
        assert_eq!(store.verify().unwrap().problems, []);
        let listed = store.list(&Wanted::default()).unwrap();
        let ids: Vec<i64> = listed.iter().map(|listed| listed.entry.id.0).collect();
        assert_eq!(ids, [2, 1]);
        assert_eq!(load(&store, SnapshotId(1)), everything.snapshot);
        assert_eq!(load(&store, SnapshotId(2)), simple.snapshot);
        let first = &listed[1];
        assert_eq!((first.name.as_deref(), first.note.as_deref()), (Some("a name"), Some("a note")));
        assert_eq!((first.pinned, first.entry.kind), (true, Kind::Manual));
        assert_eq!(first.entry.coverage, Coverage::Without(vec!["left out".into(), b"\xff"[..].into()]));
        assert_eq!(first.entry.still_at, second(1_700_000_060));
        let restore = store.last_restore(&first.server).unwrap().unwrap();
        assert_eq!((restore.id, restore.began_at), (RestoreId([7; 16]), second(1_700_000_070)));
        assert_eq!(restore.sources, [sources(&everything.snapshot)]);
        assert_eq!(restore.steps.len(), 1);
        let file = Store::emergencies(&ground.place).unwrap().value.remove(0);
        assert_eq!(file.snapshot, simple.snapshot);
    }
    // It goes on.
    assert!(save(&ground.store(), &sample(1_700_000_200, 1, &["new"])).new);
}

fn sources(snapshot: &Snapshot) -> Source {
    let panes = snapshot.windows()[0].panes.iter().map(|pane| pane.identity).collect();
    Source { snapshot: SnapshotId(1), session: 0, panes }
}

/// Writes the store of the present format. Run by hand once, before a release of that format:
/// `cargo test -p evermux-core write_present -- --ignored`. What is there is never written again.
#[test]
#[ignore = "writes testdata"]
fn write_present() {
    let target = stores().join(format!("v{}", database::FORMAT));
    assert!(!target.exists(), "{} is there; old stores are never changed", target.display());
    let ground = Ground::new();
    let store = ground.store();
    let everything = everything();
    let server = everything.snapshot.server().clone();
    {
        let saving = store.saving(&server.name, Duration::ZERO).unwrap();
        let blocks = prepare(&everything);
        let first = Save {
            kind: Kind::Manual,
            coverage: Coverage::Without(vec!["left out".into(), b"\xff"[..].into()]),
            name: Some("a name".to_owned()),
            note: Some("a note".to_owned()),
            ..Save::automatic(&everything.snapshot, &blocks)
        };
        let id = saving.save(&first).unwrap().value.id;
        saving.pin(id, true).unwrap();
        let (_, server, sessions, windows) = everything.snapshot.clone().into_parts();
        let again = Snapshot::new(second(1_700_000_060), server, sessions, windows).unwrap();
        assert!(!saving.save(&Save { snapshot: &again, ..first }).unwrap().value.new);
    }
    {
        let restoring = store.restoring(&server.name, Duration::ZERO).unwrap();
        let began = Began {
            id: RestoreId([7; 16]),
            at: second(1_700_000_070),
            sources: vec![sources(&everything.snapshot)],
            replaced: vec![],
            before: Some(SnapshotId(1)),
            plan: "{}".to_owned(),
        };
        let journal = restoring.begin(&began).unwrap();
        journal.into_generation(&server).unwrap();
        let step = Step { at: second(1_700_000_071), what: "session".to_owned(), detail: "{}".to_owned() };
        journal.note(&[step]).unwrap();
        journal.finish(RestoreState::Done, second(1_700_000_072)).unwrap();
    }
    store.watch(&server.name, second(1_700_000_080)).unwrap();
    store.pause(Some(second(1_700_000_400))).unwrap();
    for outcome in [StartOutcome::Restoring, StartOutcome::Restored] {
        let note = StartNote { generation: server.generation.clone(), at: second(1_700_000_090), outcome };
        store.note_start(&server.name, &note).unwrap();
    }
    let later = sample(1_700_000_100, 1, &["later"]);
    let saving = store.saving(&server.name, Duration::ZERO).unwrap();
    let blocks = prepare(&later);
    saving.save(&Save::automatic(&later.snapshot, &blocks)).unwrap();
    assert!(saving.pack(&[SnapshotId(1)]).unwrap());
    drop(saving);
    drop(store);
    fs::create_dir_all(&target).unwrap();
    for entry in fs::read_dir(ground.place.folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        if name == "evermux.db" || path.extension().is_some_and(|extension| extension == "emergency") {
            fs::copy(&path, target.join(name)).unwrap();
        }
    }
}

fn option(name: &str, value: Option<&[u8]>) -> OptionEntry {
    OptionEntry { name: name.into(), value: value.map(Into::into) }
}

/// A snapshot in which everything that can be said is said once.
fn everything() -> Sample {
    let command = |masked| Command { argv: vec!["vi".into(), b"\xfffile".into()], masked };
    let (directory, started) = ("/src".into(), 1_699_999_000_123);
    let program = Program {
        command: command(false),
        directory,
        started,
        conversation: None,
        editor: None,
        line: None,
        redirected: false,
    };
    let start = StartCommand { shown: "\"top\"".into(), argv: vec!["top".into()], masked: true };
    let debt = |owed, reason: &str| Debt { owed, since: second(1_699_000_000), reason: reason.to_owned() };
    let blocks = [&b"one\ntwo\n"[..], b"three\n", b"$ ls\n\x1b[31mred\x1b[39m\n", b"$ echo second\nsecond\n"];
    let mut first = window("first", 1, blocks[2]);
    let mut pane = first.panes.remove(0);
    pane.title = b"\xff\x00title"[..].into();
    pane.options = vec![option("@a", Some(b"b")), option("empty", None)];
    (pane.input_off, pane.marked) = (true, true);
    (pane.start, pane.program) = (Some(start.clone()), Some(program.clone()));
    pane.debts = vec![
        debt(Owed::Program(program), "not in the program table"),
        debt(Owed::Start(start), "masked"),
        debt(Owed::Directory("/mnt".into()), "gone"),
        debt(Owed::Text, "left out"),
    ];
    let process = Process { pid: 11, parent: 10, command: command(true), started: 1, foreground: true };
    pane.facts = PaneFacts {
        pid: Some(10),
        processes: vec![process],
        aside: Vec::new(),
        alternate_screen: true,
        cursor: (3, 4),
        modes: vec!["keypad".to_owned()],
        at_prompt: true,
        prompt_rows: 2,
        waiting: false,
        last_status: None,
        text_left_out: Some("a password prompt".to_owned()),
    };
    let text = pane.text.as_mut().unwrap();
    text.head = Some(b"rest".to_vec());
    text.skip = 1;
    text.history = vec![reference(blocks[0]), reference(blocks[1])];
    text.mark = TextMark {
        history_size: 3,
        history_bytes: 99,
        activity: 5,
        captured: 6,
        cursor: (1, 2),
        alternate_screen: true,
        exact: Some((7, 8, 9)),
        sealed_rows: Some(3),
        anchor: vec![u64::MAX, 0],
        anchor_rows: 0,
        top: vec![1],
    };
    let mut dead = window("dead", 2, b"").panes.remove(0);
    dead.dead = Some(Death { status: Some(1), signal: Some(9) });
    dead.text = None;
    let mut floating = window("floating", 3, b"").panes.remove(0);
    floating.text = None;
    first.panes = vec![pane, dead, floating];
    first.layout = layout();
    (first.zoomed, first.active, first.last) = (true, 1, vec![0]);
    first.options = vec![option("automatic-rename", Some(b"off"))];
    first.facts = WindowFacts { automatic_rename: true, alerts: "!#~".into() };
    let windows = vec![first, window("second", 4, blocks[3])];
    let snapshot = Snapshot::new(second(1_700_000_000), owner(), two_sessions(), windows).unwrap();
    Sample { snapshot, blocks: blocks.map(<[u8]>::to_vec).to_vec() }
}

fn layout() -> Layout {
    let cell = |width, x, content| Cell { width, height: 24, x, y: 0, content };
    let leaf = |pane, floating| Content::Pane(Leaf { pane, floating });
    let floating = Cell { width: 20, height: 5, x: -2, y: 3, content: leaf(2, Some(0)) };
    let cells = vec![cell(40, 0, leaf(1, None)), cell(39, 41, leaf(0, None)), floating];
    Layout::new(cell(80, 0, Content::LeftRight(cells))).unwrap()
}

fn owner() -> Server {
    Server {
        server_options: vec![option("buffer-limit", Some(b"50"))],
        session_options: vec![option("status", Some(b"on"))],
        window_options: vec![option("mode-keys", Some(b"vi"))],
        environment_names: vec!["PATH".into()],
        clients: vec![Client {
            tty: "/dev/pts/1".into(),
            term: "xterm".into(),
            session: 1,
            last_session: Some(0),
        }],
        buffers: vec![Buffer { name: "buffer0".into(), content: b"\xfe"[..].into() }],
        ..server(1, 0)
    }
}

/// A group of two sessions with the same two windows.
fn two_sessions() -> Vec<Session> {
    let links = vec![Link { index: 0, window: 0 }, Link { index: 7, window: 1 }];
    let mut first =
        Session { group: Some("group".into()), links, active: 7, last: vec![0], ..session("a: b", 0) };
    first.options = vec![option("status-format[1]", Some(b"#(date)"))];
    first.environment = vec![
        EnvironmentEntry { name: "SET".into(), value: Some("1".into()) },
        EnvironmentEntry { name: "REMOVED".into(), value: None },
    ];
    let mut second = Session { name: "c".into(), ..first.clone() };
    second.facts = SessionFacts {
        created: 1,
        attached: 2,
        updated_environment: vec!["DISPLAY".into()],
        untouched: true,
    };
    vec![first, second]
}
