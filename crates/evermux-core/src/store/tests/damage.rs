//! Rows, blocks and files that are deleted, cut or changed cost only themselves, and are named.

use super::*;
use crate::problem::Problem;

/// What happens to bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Damage {
    Delete,
    Cut,
    Flip,
}

const ALL: [Damage; 3] = [Damage::Delete, Damage::Cut, Damage::Flip];

impl Damage {
    fn of_bytes(self, bytes: &mut Vec<u8>) {
        match self {
            Self::Delete => bytes.clear(),
            Self::Cut => bytes.truncate(bytes.len() / 2),
            Self::Flip => {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 0x10;
            }
        }
    }

    fn of_file(self, path: &Path) {
        if self == Self::Delete {
            return fs::remove_file(path).unwrap();
        }
        let mut bytes = fs::read(path).unwrap();
        self.of_bytes(&mut bytes);
        fs::write(path, bytes).unwrap();
    }

    /// Damages the newest part of a kind, as a failing disk would: without asking.
    fn of_part(self, ground: &Ground, kind: &str) {
        let connection = Connection::open(ground.place.folder().join("evermux.db")).unwrap();
        connection.pragma_update(None, "foreign_keys", false).unwrap();
        let (id, mut data): (i64, Vec<u8>) = connection
            .query_row("SELECT id, data FROM parts WHERE kind = ?1 ORDER BY id DESC LIMIT 1", [kind], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        if self == Self::Delete {
            connection.execute("DELETE FROM parts WHERE id = ?1", [id]).unwrap();
        } else {
            self.of_bytes(&mut data);
            connection
                .execute("UPDATE parts SET data = ?2 WHERE id = ?1", rusqlite::params![id, data])
                .unwrap();
        }
    }
}

/// A store with two snapshots: sessions `a` and `b`, then `a`, another `b`, and `c`.
fn two_snapshots(ground: &Ground) -> (SnapshotId, SnapshotId, Sample) {
    let store = ground.store();
    let first = save(&store, &sample(10, 1, &["a", "b"])).id;
    let newest = sample(20, 1, &["a", "b", "c"]);
    (first, save(&store, &newest).id, newest)
}

fn texts(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

#[test]
fn a_damaged_part_costs_only_itself() {
    let sessions = |snapshot: &Snapshot| -> Vec<String> {
        snapshot.sessions().iter().map(|session| session.name.to_string()).collect()
    };
    for damage in ALL {
        for (kind, left, named) in [
            ("session", "a b", "session c: lost: its body"),
            ("window", "a b", "window c:0: lost: its body"),
            ("text", "a b c", "lost: its text"),
            ("facts", "a b c", "session a: lost: its facts"),
            ("server", "a b c", "server: lost: its options"),
            ("clients", "a b c", "server: lost: its clients"),
        ] {
            let ground = Ground::new();
            let (first, newest, sample) = two_snapshots(&ground);
            damage.of_part(&ground, kind);
            let store = ground.store();
            let report = store.snapshot(newest).unwrap();
            assert_eq!(sessions(&report.value).join(" "), left, "{damage:?} {kind}");
            assert!(texts(&report.problems).contains(named), "{}", texts(&report.problems));
            assert!(!store.verify().unwrap().problems.is_empty());
            assert_eq!(store.list(&Wanted::default()).unwrap().len(), 2);
            if !["facts", "server", "clients"].contains(&kind) {
                // Only these three are shared between the two snapshots.
                assert_eq!(sessions(&load(&store, first)), ["a", "b"]);
            }
            // The next save of the same state is whole again.
            let healed = save(&store, &sample);
            assert!(healed.new);
            assert_eq!(load(&store, healed.id).sessions(), sample.snapshot.sessions(), "{damage:?} {kind}");
            assert!(!save(&store, &sample).new);
        }
    }
}

#[test]
fn a_damaged_block_costs_its_lines() {
    for damage in ALL {
        let ground = Ground::new();
        let store = ground.store();
        let mut sample = sample(10, 1, &["a", "b"]);
        let (at, server, sessions, mut windows) = sample.snapshot.clone().into_parts();
        let lines = [b"one\n".repeat(3), b"two\n".repeat(3)];
        let text = windows[0].panes[0].text.as_mut().unwrap();
        text.history = lines.iter().map(|block| reference(block)).collect();
        text.skip = 1;
        sample.blocks.extend(lines.clone());
        sample.snapshot = Snapshot::new(at, server, sessions, windows).unwrap();
        let id = save(&store, &sample).id;
        let one = reference(&lines[0]);
        let connection = Connection::open(ground.place.folder().join("evermux.db")).unwrap();
        connection.pragma_update(None, "foreign_keys", false).unwrap();
        if damage == Damage::Delete {
            connection.execute("DELETE FROM parts WHERE hash = ?1", [&one.id.0[..]]).unwrap();
            let report = store.snapshot(id).unwrap();
            assert!(texts(&report.problems).contains("lost: 3 lines of its history"));
            let text = report.value.panes().next().unwrap().text.as_ref().unwrap();
            assert_eq!((text.history.len(), text.skip), (1, 0));
        } else {
            connection
                .execute(
                    "UPDATE parts SET data = CAST(x'00' || substr(data, 2) AS BLOB) WHERE hash = ?1",
                    [&one.id.0[..]],
                )
                .unwrap();
        }
        assert!(matches!(store.block(&one.id), Err(StoreError::Lost { .. })));
        assert_eq!(store.block(&reference(&lines[1]).id).unwrap(), lines[1]);
        assert!(!store.verify().unwrap().problems.is_empty());
        // A capture that sees the lines again brings them back.
        let saved = save(&ground.store(), &sample);
        if damage == Damage::Delete {
            assert!(saved.new);
            load(&store, saved.id);
        }
    }
}

#[test]
fn a_destroyed_database_leaves_the_emergency_file() {
    for damage in ALL {
        let ground = Ground::new();
        let sample = sample(10, 1, &["a", "b"]);
        {
            let store = ground.store();
            let saving = store.saving(&sample.snapshot.server().name, Duration::ZERO).unwrap();
            let blocks = prepare(&sample);
            assert_eq!(saving.save(&Save::automatic(&sample.snapshot, &blocks)).unwrap().problems, []);
        }
        let database = ground.place.folder().join("evermux.db");
        for beside in ["evermux.db-wal", "evermux.db-shm"] {
            let _ = fs::remove_file(ground.place.folder().join(beside));
        }
        if damage == Damage::Flip {
            fs::write(&database, b"no database at all, but long enough to look like one".repeat(400))
                .unwrap();
        } else {
            damage.of_file(&database);
        }
        match Store::open(&ground.place, Access::Read) {
            Err(StoreError::Absent(_)) => assert_eq!(damage, Damage::Delete),
            Err(StoreError::Damaged { .. }) => assert_ne!(damage, Damage::Delete),
            Ok(store) => assert!(!store.verify().unwrap().problems.is_empty(), "{damage:?}"),
            Err(other) => panic!("{damage:?}: {other}"),
        }
        let files = Store::emergencies(&ground.place).unwrap();
        let file = &files.value[0];
        assert_eq!(file.snapshot, sample.snapshot);
        for text in file.snapshot.panes().filter_map(|pane| pane.text.as_ref()) {
            assert_eq!(reference(&file.block(&text.screen.id).unwrap()), text.screen);
        }
        if damage != Damage::Delete {
            let now = second(1_800_000_000);
            let aside = Store::set_aside(&ground.place, now).unwrap().unwrap();
            assert!(aside.path.ends_with("evermux.db.damaged-20270115T080000.000000Z"), "{aside:?}");
            assert!(aside.path.exists());
        }
        let store = ground.store();
        let id = save(&store, &sample).id;
        assert_eq!(load(&store, id), sample.snapshot);
    }
}

#[test]
fn no_damage_of_the_file_makes_it_panic() {
    let ground = Ground::new();
    let (_, newest, sample) = two_snapshots(&ground);
    let database = ground.place.folder().join("evermux.db");
    ground.store().connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let whole = fs::read(&database).unwrap();
    // A prime step, so that every part of a page is met.
    for position in (0..whole.len()).step_by(1_499) {
        let mut bytes = whole.clone();
        bytes[position] ^= 0xff;
        fs::write(&database, &bytes).unwrap();
        if let Ok(store) = Store::open(&ground.place, Access::Write) {
            let _ = store.list(&Wanted::default());
            let _ = store.timeline(&sample.snapshot.server().name);
            let _ = store.verify();
            let loaded = store.snapshot(newest);
            // Either it is what was saved, or something is said.
            if let Ok(report) = loaded
                && report.problems.is_empty()
            {
                assert_eq!(report.value.sessions(), sample.snapshot.sessions(), "byte {position}");
            }
        }
        for beside in ["evermux.db-wal", "evermux.db-shm"] {
            let _ = fs::remove_file(ground.place.folder().join(beside));
        }
    }
}

#[test]
fn emergency_files_are_checked() {
    let ground = Ground::new();
    let store = ground.store();
    let write = |sample: &Sample| {
        let saving = store.saving(&sample.snapshot.server().name, Duration::ZERO).unwrap();
        let blocks = prepare(sample);
        assert_eq!(saving.save(&Save::automatic(&sample.snapshot, &blocks)).unwrap().problems, []);
    };
    write(&sample(10, 1, &["a"]));
    write(&sample(20, 2, &["b"]));
    let found = |ground: &Ground| {
        let report = Store::emergencies(&ground.place).unwrap();
        let names = report.value.iter().map(|file| file.snapshot.sessions()[0].name.to_string()).collect();
        (names, report.problems.iter().any(|problem| problem.what.contains("cannot be used")))
    };
    let both: (Vec<String>, bool) = found(&ground);
    assert_eq!(both, (vec!["b".to_owned(), "a".to_owned()], false));
    let path = store.folder.emergency(&sample(0, 1, &["a"]).snapshot.server().name, false);
    let whole = fs::read(&path).unwrap();
    for position in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[position] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert!(EmergencyFile::read(&path).is_err(), "byte {position}");
        fs::write(&path, &whole[..position]).unwrap();
        assert!(EmergencyFile::read(&path).is_err(), "cut at {position}");
    }
    // The one of the life before is still there.
    assert_eq!(found(&ground), (vec!["a".to_owned()], true));
}

#[test]
fn emergency_files_are_written_when_due() {
    let ground = Ground::new();
    let store = ground.store();
    let write = |sample: &Sample, emergency| {
        let saving = store.saving(&sample.snapshot.server().name, Duration::ZERO).unwrap();
        let blocks = prepare(sample);
        saving.save(&Save { emergency, ..Save::automatic(&sample.snapshot, &blocks) }).unwrap();
        let files = Store::emergencies(&ground.place).unwrap().value;
        let name = |file: &EmergencyFile| file.snapshot.sessions()[0].name.to_string();
        files.iter().map(name).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(write(&sample(100, 1, &["a"]), Emergency::WhenDue), "a");
    assert_eq!(write(&sample(129, 1, &["b"]), Emergency::WhenDue), "a");
    assert_eq!(write(&sample(129, 1, &["c"]), Emergency::Now), "c");
    assert_eq!(write(&sample(158, 1, &["d"]), Emergency::WhenDue), "c");
    assert_eq!(write(&sample(159, 1, &["d"]), Emergency::WhenDue), "d");
    // The clock was set back.
    assert_eq!(write(&sample(50, 1, &["e"]), Emergency::WhenDue), "e");
    // A new life keeps the file of the old one, until somebody has worked in it and it ends, too.
    let mut untouched = sample(60, 2, &["0"]);
    let (at, server, mut sessions, windows) = untouched.snapshot.into_parts();
    sessions[0].facts.untouched = true;
    untouched.snapshot = Snapshot::new(at, server, sessions, windows).unwrap();
    assert_eq!(write(&untouched, Emergency::WhenDue), "0 e");
    assert_eq!(write(&sample(70, 3, &["f"]), Emergency::WhenDue), "f e");
    assert_eq!(write(&sample(80, 4, &["g"]), Emergency::WhenDue), "g f");
}

#[test]
fn the_emergency_file_knows_its_snapshot_also_in_a_new_database() {
    let ground = Ground::new();
    let sample = sample(100, 1, &["a"]);
    let write = |sample: &Sample| {
        let store = ground.store();
        let saving = store.saving(&sample.snapshot.server().name, Duration::ZERO).unwrap();
        let blocks = prepare(sample);
        saving
            .save(&Save { emergency: Emergency::Now, ..Save::automatic(&sample.snapshot, &blocks) })
            .unwrap()
            .value
            .id
    };
    write(&super::sample(90, 1, &["b"]));
    write(&sample);
    fs::remove_file(ground.place.folder().join("evermux.db")).unwrap();
    let id = write(&sample);
    let found =
        || Store::emergencies(&ground.place).unwrap().value.iter().map(|file| file.id).collect::<Vec<_>>();
    assert_eq!(found(), [id]);
    // So what is forgotten is gone from it, too.
    let store = ground.store();
    let saving = store.saving(&sample.snapshot.server().name, Duration::ZERO).unwrap();
    saving.forget(&[id]).unwrap();
    assert_eq!(found(), []);
}

#[test]
fn what_can_be_read_of_a_damaged_database_goes_into_the_new_one() {
    let ground = Ground::new();
    let samples: Vec<Sample> =
        (1..=9).map(|number| sample(number * 10, 1, &["always", &format!("s{number}")])).collect();
    let ids: Vec<SnapshotId> = samples.iter().map(|sample| save(&ground.store(), sample).id).collect();
    let path = ground.place.folder().join("evermux.db");
    let whole = fs::read(&path).unwrap();
    let (mut set_aside, mut brought) = (0, 0);
    for page in 1..whole.len() / 4096 {
        for entry in fs::read_dir(ground.place.folder()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::remove_file(path).unwrap();
            }
        }
        let mut bytes = whole.clone();
        bytes[page * 4096..(page + 1) * 4096].fill(0);
        fs::write(&path, &bytes).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let Some(aside) = Store::set_aside(&ground.place, second(100)).unwrap() else { continue };
        assert_eq!(fs::read(&aside.path).unwrap(), bytes, "the damaged one is kept as it was");
        let store = ground.store();
        for (id, sample) in ids.iter().zip(&samples) {
            if let Ok(report) = store.snapshot(*id)
                && report.problems.is_empty()
            {
                assert_eq!(report.value, sample.snapshot, "page {page}");
                brought += 1;
            }
        }
        // And it is a database as any other.
        let saved = save(&store, &sample(200, 2, &["later"]));
        load(&store, saved.id);
        let check: String =
            store.connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok", "page {page}");
        let mut dangling = store.connection.prepare("PRAGMA foreign_key_check").unwrap();
        assert!(!dangling.exists([]).unwrap(), "page {page}");
        set_aside += 1;
    }
    assert!(set_aside > 10, "{set_aside}");
    // Of nine snapshots most are whole, whichever page is lost.
    assert!(brought > set_aside * 5, "{brought} in {set_aside}");
}
