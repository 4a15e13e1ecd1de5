//! What the keeper is told, and says.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn servers_are_watched_until_they_are_not() {
    let ground = Ground::new();
    let store = ground.store();
    let (one, two) = (server(1, 0).name, ServerName { machine: "m".into(), socket: b"/x/\xff"[..].into() });
    let before = ground.store();
    let changes = before.changes().unwrap();
    assert!(store.watch(&one, second(2)).unwrap());
    assert_ne!(before.changes().unwrap(), changes, "another process sees that something has changed");
    assert!(!store.watch(&one, second(3)).unwrap());
    assert!(store.watch(&two, second(1)).unwrap());
    assert_eq!(store.watched().unwrap(), [two.clone(), one.clone()]);
    assert!(store.unwatch(&one, second(4)).unwrap());
    assert!(!store.unwatch(&one, second(4)).unwrap());
    assert_eq!(ground.store().watched().unwrap(), std::slice::from_ref(&two));
    assert!(!store.watch_by_default(&one, second(5)).unwrap(), "the user has said so");
    assert_eq!(store.watched().unwrap(), [two]);
    assert!(store.watch(&one, second(6)).unwrap());
    assert_eq!(store.watched().unwrap().len(), 2);
    assert_eq!(store.servers().unwrap(), [], "none of them was ever saved");
}

#[test]
fn what_several_wait_for_is_taken_on_once() {
    let ground = Ground::new();
    let store = ground.store();
    let (one, two) = (server(1, 0).name, ServerName { machine: "m".into(), socket: "/x".into() });
    for (name, at) in [("old", 1), ("b", 8), ("a", 9), ("b", 9)] {
        store.want(&one, &name.into(), second(at)).unwrap();
    }
    store.want(&two, &"c".into(), second(9)).unwrap();
    let mut taken = ground.store().take_wanted(&one, second(5)).unwrap();
    taken.sort();
    assert_eq!(taken, ["a", "b"]);
    assert_eq!(store.take_wanted(&one, second(0)).unwrap(), Vec::<bstr::BString>::new());
    assert_eq!(store.take_wanted(&two, second(5)).unwrap(), ["c"]);
}

#[test]
fn a_pause_is_kept() {
    let ground = Ground::new();
    let store = ground.store();
    assert_eq!(store.paused_until().unwrap(), None);
    store.pause(Some(second(7))).unwrap();
    assert_eq!(ground.store().paused_until().unwrap(), Some(second(7)));
    store.pause(None).unwrap();
    assert_eq!(store.paused_until().unwrap(), None);
}

#[test]
fn there_is_one_keeper() {
    let ground = Ground::new();
    let (first, second) = (ground.store(), ground.store());
    let lock = first.keeping(Duration::ZERO).unwrap();
    let busy = second.keeping(Duration::ZERO);
    assert!(
        matches!(&busy, Err(StoreError::Busy { holder: Some(pid), .. }) if *pid == std::process::id()),
        "{busy:?}"
    );
    assert_eq!(second.keeper().unwrap(), Some(std::process::id()));
    drop(lock);
    assert_eq!(second.keeper().unwrap(), None);
    second.keeping(Duration::ZERO).unwrap();
}

#[test]
fn each_life_of_a_server_starts_once() {
    let ground = Ground::new();
    let store = ground.store();
    let name = server(1, 0).name;
    let life = |pid| Generation { boot: "b".into(), pid, started: 5 };
    let note = |pid, outcome| {
        store.note_start(&name, &StartNote { generation: life(pid), at: second(9), outcome }).unwrap()
    };
    assert!(note(1, StartOutcome::Restoring));
    assert!(!note(1, StartOutcome::Nothing), "it has started already");
    assert!(note(2, StartOutcome::Restoring));
    assert!(note(2, StartOutcome::Restored));
    let outcomes = || {
        store.starts(&name).unwrap().into_iter().map(|s| (s.generation.pid, s.outcome)).collect::<Vec<_>>()
    };
    assert_eq!(outcomes(), [(2, StartOutcome::Restored), (1, StartOutcome::Restoring)]);
    for pid in 10..100 {
        assert!(note(pid, StartOutcome::Nothing));
    }
    assert_eq!(outcomes().len(), 32);
    assert_eq!(outcomes()[0].0, 99);
}

#[test]
fn a_status_is_read_as_it_was_written() {
    let ground = Ground::new();
    let store = ground.store();
    let name = server(1, 0).name;
    assert_eq!(status(&ground.place, &name), None);
    let written = Status {
        waiting: 3,
        at: second(5),
        keeper: 77,
        state: State::Trouble,
        saved_at: Some(second(4)),
        snapshot: Some(3),
        trouble: Some("the disk is full".into()),
        trouble_since: None,
        panes: Some(2),
        took: Some(15),
        missed: None,
        restore_disabled: false,
    };
    drop(store);
    write_status(&ground.place, &name, &written).unwrap();
    assert_eq!(status(&ground.place, &name), Some(written));
    let path = fs::read_dir(ground.place.folder()).unwrap().map(|e| e.unwrap().path());
    let path = path.into_iter().find(|path| path.extension().is_some_and(|e| e == "status")).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    fs::write(&path, "{\"at\":").unwrap();
    assert_eq!(status(&ground.place, &name), None);
}
