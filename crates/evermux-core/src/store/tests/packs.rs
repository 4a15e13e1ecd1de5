//! Snapshots in packs are what they were, and whatever happens to a pack costs only what is in it.

use super::*;
use crate::problem::Problem;

/// Twenty states of sessions `a` and `b`, the text of one changing; their numbers, and what they are.
fn states(store: &Store) -> Vec<(SnapshotId, Snapshot)> {
    let state = |number: i64| {
        let mut sample = sample(10 + number, 1, &["a", "b"]);
        let (at, server, sessions, mut windows) = sample.snapshot.into_parts();
        let text = windows[0].panes[0].text.as_mut().unwrap();
        let lines = [format!("old {number}\n").into_bytes(), format!("secret-{number}\n").into_bytes()];
        text.history = vec![reference(&lines[0])];
        text.screen = reference(&lines[1]);
        sample.blocks.extend(lines);
        sample.snapshot = Snapshot::new(at, server, sessions, windows).unwrap();
        (save(store, &sample).id, sample.snapshot)
    };
    (0..20).map(state).collect()
}

fn pack(store: &Store, ids: &[SnapshotId]) -> bool {
    store.saving(&server(1, 0).name, Duration::ZERO).unwrap().pack(ids).unwrap()
}

/// All but the newest in one pack.
fn packed(store: &Store) -> Vec<(SnapshotId, Snapshot)> {
    let states = states(store);
    let ids: Vec<SnapshotId> = states.iter().map(|(id, _)| *id).collect();
    let packable = store.packable(&server(1, 0).name, &ids).unwrap();
    assert_eq!(packable, ids[..19], "the newest stays as it is");
    assert!(pack(store, &packable));
    assert_eq!(store.packable(&server(1, 0).name, &ids).unwrap(), []);
    states
}

fn count(store: &Store, table: &str) -> i64 {
    store.connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[track_caller]
fn assert_whole(store: &Store, states: &[(SnapshotId, Snapshot)]) {
    assert_eq!(store.verify().unwrap().problems, []);
    for (id, snapshot) in states {
        assert_eq!(load(store, *id), *snapshot, "{id}");
    }
}

#[test]
fn what_is_packed_reads_as_before() {
    let ground = Ground::new();
    let other = Ground::new();
    let (store, plain) = (ground.store(), other.store());
    let states = packed(&store);
    assert_eq!(self::states(&plain), states);
    assert_whole(&store, &states);
    assert_whole(&ground.store(), &states);
    assert_eq!(store.list(&Wanted::default()).unwrap(), plain.list(&Wanted::default()).unwrap());
    let name = server(1, 0).name;
    assert_eq!(store.timeline(&name).unwrap(), plain.timeline(&name).unwrap());
    assert!(count(&store, "parts") < 20 && count(&plain, "parts") > 80);
    // A state that is in a pack is saved anew, whole.
    let again = sample(100, 1, &["a", "b"]);
    let saved = save(&store, &again);
    assert!(saved.new);
    assert_eq!(load(&store, saved.id), again.snapshot);
}

#[test]
fn what_is_read_may_be_packed_meanwhile() {
    let ground = Ground::new();
    let (store, other) = (ground.store(), ground.store());
    let states = states(&store);
    let text = |snapshot: &Snapshot| snapshot.windows()[0].panes[0].text.clone().unwrap();
    let read = store.snapshot(states[3].0).unwrap().value;
    let ids: Vec<SnapshotId> = states[..19].iter().map(|(id, _)| *id).collect();
    assert!(pack(&other, &ids));
    assert_eq!(store.block(&text(&read).screen.id).unwrap(), b"secret-3\n");
    let read = store.snapshot(states[4].0).unwrap().value;
    other.saving(&server(1, 0).name, Duration::ZERO).unwrap().forget(&[ids[0]]).unwrap();
    assert_eq!(count(&other, "packs"), 0);
    assert_eq!(store.block(&text(&read).screen.id).unwrap(), b"secret-4\n");
}

#[test]
fn what_is_forgotten_is_gone_and_the_rest_stays() {
    let ground = Ground::new();
    let store = ground.store();
    let mut states = packed(&store);
    let (forgotten, _) = states.remove(7);
    let report = store.saving(&server(1, 0).name, Duration::ZERO).unwrap().forget(&[forgotten]).unwrap();
    assert_eq!((report.value.snapshots, report.problems), (1, vec![]));
    assert_whole(&store, &states);
    let hash = reference(b"secret-7\n").id;
    assert!(store.block(&hash).is_err() && ground.store().block(&hash).is_err());
    let bytes = fs::read(ground.place.folder().join("evermux.db")).unwrap();
    let found = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(found(b"secret-8") && !found(b"secret-7"));
    // All go, and nothing is left behind.
    let ids: Vec<SnapshotId> = states.iter().map(|(id, _)| *id).collect();
    assert!(pack(&store, &store.packable(&server(1, 0).name, &ids).unwrap()));
    store.saving(&server(1, 0).name, Duration::ZERO).unwrap().forget(&ids).unwrap();
    for table in ["parts", "refs", "packs", "packed", "pack_refs", "snapshot_sessions", "sessions"] {
        assert_eq!(count(&store, table), 0, "{table}");
    }
}

#[test]
fn the_newest_is_in_no_pack() {
    let ground = Ground::new();
    let store = ground.store();
    let mut states = packed(&store);
    let (newest, _) = states.pop().unwrap();
    store.saving(&server(1, 0).name, Duration::ZERO).unwrap().forget(&[newest]).unwrap();
    assert_eq!(count(&store, "packs"), 0, "what it was packed with comes with it");
    assert_whole(&store, &states);
    let (id, snapshot) = states.last().unwrap();
    let sample = Sample { snapshot: snapshot.clone(), blocks: vec![] };
    assert_eq!(save(&store, &sample), Saved { id: *id, new: false });
}

#[test]
fn what_is_pinned_comes_out_of_its_pack() {
    let ground = Ground::new();
    let store = ground.store();
    let states = packed(&store);
    let ids: Vec<SnapshotId> = states.iter().map(|(id, _)| *id).collect();
    let saving = store.saving(&server(1, 0).name, Duration::ZERO).unwrap();
    saving.pin(ids[3], true).unwrap();
    assert_eq!(count(&store, "packs"), 0);
    assert!(saving.pack(&ids[4..10]).unwrap() && saving.pack(&ids[10..19]).unwrap());
    assert!(saving.unpack(&[ids[12]], 0).unwrap());
    assert_eq!((count(&store, "packs"), count(&store, "packed")), (1, 6));
    assert!(!saving.unpack(&[ids[12]], 6).unwrap(), "six are not fewer than six");
    assert!(saving.unpack(&[], 7).unwrap());
    assert_eq!(count(&store, "packs"), 0);
    assert_whole(&store, &states);
}

#[test]
fn text_that_has_to_go_goes() {
    let ground = Ground::new();
    let store = ground.store();
    let states = packed(&store);
    let saving = store.saving(&server(1, 0).name, Duration::ZERO).unwrap();
    let steps = [PruneStep::Thin(states[2].0), PruneStep::Remove(states[3].0)];
    let done = saving.prune(&steps, &[], store.changes().unwrap(), second(50)).unwrap().unwrap();
    assert_eq!((done.removed, done.thinned), (vec![states[3].0], vec![states[2].0]));
    assert!(store.snapshot(states[2].0).unwrap().value.panes().all(|pane| pane.text.is_none()));
    assert_whole(&store, &states[4..]);
    assert_whole(&store, &states[..2]);
    let ids: Vec<SnapshotId> = states.iter().map(|(id, _)| *id).collect();
    assert!(!store.packable(&server(1, 0).name, &ids).unwrap().contains(&states[2].0));
}

#[test]
fn a_damaged_pack_costs_only_what_is_in_it() {
    let damages = [
        "DELETE FROM packs",
        "UPDATE packs SET data = x''",
        "UPDATE packs SET data = CAST(substr(data, 1, length(data) / 2) AS BLOB)",
        "UPDATE packs SET data = randomblob(length(data))",
        "UPDATE packs SET size = 1 << 60",
        "UPDATE packs SET size = -1",
        "UPDATE packed SET root = randomblob(32)",
        "UPDATE packed SET pack = 77",
        "UPDATE packed SET entries = 7777",
        "DELETE FROM packed",
        "DELETE FROM pack_refs",
    ];
    for damage in damages {
        let ground = Ground::new();
        let states = packed(&ground.store());
        let connection = Connection::open(ground.place.folder().join("evermux.db")).unwrap();
        connection.pragma_update(None, "foreign_keys", false).unwrap();
        assert!(connection.execute(damage, []).unwrap() > 0, "{damage}");
        drop(connection);
        let store = ground.store();
        assert_eq!(load(&store, states[19].0), states[19].1, "{damage}");
        let problems = store.verify().unwrap().problems;
        assert_eq!(problems.is_empty(), damage == "DELETE FROM pack_refs", "{damage}");
        assert_eq!(store.list(&Wanted::default()).unwrap().len(), 20, "{damage}");
        for (id, snapshot) in &states[..19] {
            // Whole, with its losses named, or lost; never something else.
            match store.snapshot(*id) {
                Ok(report) if report.problems.is_empty() => assert_eq!(report.value, *snapshot, "{damage}"),
                Ok(_) | Err(StoreError::Lost { .. }) => {}
                Err(error) => panic!("{damage}: {error}"),
            }
        }
        // It goes on: saving, packing, forgetting.
        assert!(save(&store, &sample(200, 1, &["a", "new"])).new, "{damage}");
        let all: Vec<SnapshotId> = states.iter().map(|(id, _)| *id).collect();
        let packable = store.packable(&server(1, 0).name, &all).unwrap();
        pack(&store, &packable);
        store.saving(&server(1, 0).name, Duration::ZERO).unwrap().forget(&all[..19]).unwrap();
        assert_eq!(load(&store, states[19].0), states[19].1, "{damage}");
        assert_eq!(store.list(&Wanted::default()).unwrap().len(), 2, "{damage}");
    }
}

#[test]
fn what_is_damaged_is_not_packed() {
    let ground = Ground::new();
    let store = ground.store();
    let states = states(&store);
    let ids: Vec<SnapshotId> = states[..19].iter().map(|(id, _)| *id).collect();
    let hash = reference(b"secret-5\n").id;
    store.connection.execute("UPDATE parts SET data = x'00' WHERE hash = ?1", [&hash.0[..]]).unwrap();
    assert!(!pack(&store, &ids));
    assert_eq!(count(&store, "packs"), 0);
    assert!(pack(&store, &ids[6..]) && pack(&store, &ids[..5]));
    for (id, snapshot) in states.iter().filter(|(id, _)| *id != ids[5]) {
        assert_eq!(load(&store, *id), *snapshot);
    }
    let named: Vec<Problem> = store.verify().unwrap().problems;
    assert!(
        named.iter().any(|problem| problem.to_string().contains(&reference(b"secret-5\n").id.to_string()))
    );
}

#[test]
fn what_can_be_read_of_a_damaged_database_has_its_packs() {
    let ground = Ground::new();
    let states = packed(&ground.store());
    let path = ground.place.folder().join("evermux.db");
    let connection = Connection::open(&path).unwrap();
    // The page of an index.
    let page: i64 = connection
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'snapshots_generation'", [], |row| {
            row.get(0)
        })
        .unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(connection);
    let mut bytes = fs::read(&path).unwrap();
    let from = (page as usize - 1) * 4096;
    bytes[from..from + 4096].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let aside = Store::set_aside(&ground.place, second(300)).unwrap().unwrap();
    assert_eq!(aside.snapshots, 20);
    assert_whole(&ground.store(), &states);
}
