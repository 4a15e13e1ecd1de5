//! Processes that are killed, that work at once, and that meet a full disk.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use super::*;

/// This test program again, running only the test `name` of this or a sister module, which works on `place`.
pub fn child(name: &str, place: &Place, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    prepare_child(&mut command, name, place, variables);
    command
}

fn prepare_child(command: &mut Command, name: &str, place: &Place, variables: &[(&str, &str)]) {
    let module = if name.starts_with("umask") { "folders" } else { "faults" };
    command
        .args(["--exact", &format!("store::tests::{module}::{name}"), "--nocapture", "--test-threads=1"])
        .env("EVERMUX_TEST_ROOT", &place.root)
        .env("EVERMUX_TEST_MACHINE", &place.machine)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
}

/// In a child: where to work. None in the parent's own run of the same test.
pub fn child_place() -> Option<Place> {
    let root = PathBuf::from(std::env::var_os("EVERMUX_TEST_ROOT")?);
    let machine = std::env::var("EVERMUX_TEST_MACHINE").ok()?;
    let uid = root.metadata().unwrap().uid();
    Some(Place { network: Some(false), ..Place::new(root, machine, uid) })
}

/// A child that saves one state after the other and says so once each is saved.
#[test]
fn saving_child() {
    let Some(place) = child_place() else { return };
    let from: i64 = std::env::var("FROM").unwrap().parse().unwrap();
    let count: i64 = std::env::var("COUNT").unwrap().parse().unwrap();
    let store = Store::open(&place, Access::Write).unwrap();
    for number in from..from + count {
        let sample = state(number);
        let blocks = prepare(&sample);
        let name = &sample.snapshot.server().name;
        let saved = store.saving(name, Duration::from_secs(60)).and_then(|saving| {
            saving.save(&Save { emergency: Emergency::Now, ..Save::automatic(&sample.snapshot, &blocks) })
        });
        let line = match saved {
            Ok(report) => format!("saved {} {number}\n", report.value.id),
            Err(error) => format!("error {error:?}\n"),
        };
        // The test runner leaves a line of its own open before the first.
        std::io::stdout().write_all(format!("\n{line}").as_bytes()).unwrap();
    }
}

/// State number so-and-so: a session that never changes, one that always does, and some text.
fn state(number: i64) -> Sample {
    let mut state = sample(1_000 + number, 1, &["always", &format!("now-{number}")]);
    let (at, server, sessions, mut windows) = state.snapshot.into_parts();
    let block: Vec<u8> =
        (0..500).flat_map(|line| format!("{number} {}\n", line * 7919 % 1000).into_bytes()).collect();
    windows[1].panes[0].text.as_mut().unwrap().history = vec![reference(&block)];
    state.blocks.push(block);
    state.snapshot = Snapshot::new(at, server, sessions, windows).unwrap();
    state
}

/// The numbers in a child's line `saved ID NUMBER`.
fn parse(line: &str) -> Option<(SnapshotId, i64)> {
    let (id, number) = line.strip_prefix("saved ")?.split_once(' ')?;
    Some((SnapshotId(id.parse().ok()?), number.trim().parse().ok()?))
}

/// Everything that was acknowledged is there, and nothing is broken.
fn check(place: &Place, acknowledged: &[(SnapshotId, i64)]) {
    let store = Store::open(place, Access::Write).unwrap();
    for (id, number) in acknowledged {
        assert_eq!(load(&store, *id), state(*number).snapshot);
    }
    assert_eq!(store.verify().unwrap().problems, []);
    let leftover = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b".");
    let hidden =
        fs::read_dir(place.folder()).unwrap().filter(|entry| leftover(&entry.as_ref().unwrap().file_name()));
    assert!(hidden.count() <= 1, "temporary files of killed processes pile up");
}

#[test]
fn a_killed_process_loses_nothing_it_acknowledged() {
    let ground = Ground::new();
    drop(ground.store());
    let mut acknowledged = Vec::new();
    for round in 0..8_u64 {
        let from = round.to_string() + "000";
        let variables = [("FROM", &from[..]), ("COUNT", "900")];
        let mut process = child("saving_child", &ground.place, &variables).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut seen = 0;
        // The moment of the kill moves through the work of a save.
        while seen < 2 + round % 3 {
            let line = lines.next().expect("the child lives").unwrap();
            if let Some(saved) = parse(&line) {
                acknowledged.push(saved);
                seen += 1;
            }
        }
        std::thread::sleep(Duration::from_micros(round * 731));
        process.kill().unwrap();
        process.wait().unwrap();
        // What it said before it died counts, too.
        acknowledged.extend(lines.map_while(Result::ok).filter_map(|line| parse(&line)));
        check(&ground.place, &acknowledged);
    }
    assert!(acknowledged.len() >= 16);
}

#[test]
fn processes_save_at_once() {
    let ground = Ground::new();
    // Also making the store is a race.
    fs::create_dir_all(ground.place.root.parent().unwrap()).unwrap();
    make_root(&ground.place);
    let start = |from: &str| {
        child("saving_child", &ground.place, &[("FROM", from), ("COUNT", "25")]).spawn().unwrap()
    };
    let children = [start("1000"), start("2000"), start("3000")];
    let mut acknowledged = Vec::new();
    for mut process in children {
        let mut output = String::new();
        process.stdout.take().unwrap().read_to_string(&mut output).unwrap();
        assert!(process.wait().unwrap().success(), "{output}");
        assert!(!output.contains("error "), "{output}");
        acknowledged.extend(output.lines().filter_map(parse));
    }
    assert_eq!(acknowledged.len(), 75);
    check(&ground.place, &acknowledged);
}

fn make_root(place: &Place) {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(&place.root).unwrap();
}

#[test]
fn a_full_disk_costs_only_the_save_that_meets_it() {
    let ground = Ground::new();
    save(&ground.store(), &state(1));
    // A limit on the size of files, in blocks of 512 bytes, that the log soon reaches; the signal is ignored.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 300; exec \"$0\" \"$@\""]);
    command.arg(std::env::current_exe().unwrap());
    prepare_child(&mut command, "saving_child", &ground.place, &[("FROM", "100"), ("COUNT", "60")]);
    let output = command.output().unwrap();
    let output = String::from_utf8_lossy(&output.stdout);
    let errors = output.lines().filter(|line| line.starts_with("error ")).count();
    let acknowledged: Vec<_> = output.lines().filter_map(parse).collect();
    assert!(errors > 0 && !acknowledged.is_empty(), "{output}");
    check(&ground.place, &acknowledged);
    // With room again, saving goes on.
    assert!(save(&ground.store(), &state(1_000)).new);
}
