//! Folders, files, locks and formats that may not be used are refused.

use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};

use super::faults::child;
use super::*;

fn refusal(result: Result<Store, StoreError>) -> Refusal {
    match result {
        Err(StoreError::Refused { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o777
}

#[test]
fn nothing_is_made_for_reading() {
    let ground = Ground::new();
    assert!(matches!(Store::open(&ground.place, Access::Read), Err(StoreError::Absent(_))));
    assert!(!ground.place.root.exists());
    assert_eq!(ground.place.machines().unwrap(), Vec::<String>::new());
    drop(ground.store());
    assert_eq!(ground.place.machines().unwrap(), ["machine"]);
    let store = Store::open(&ground.place, Access::Read).unwrap();
    let server = sample(1, 1, &["a"]).snapshot.server().name.clone();
    assert!(matches!(store.saving(&server, Duration::ZERO), Err(StoreError::ReadOnly(_))));
}

#[test]
fn other_machines_cannot_be_elsewhere() {
    let ground = Ground::new();
    for machine in ["", "..", "a/b", "a b", ".", "x\n"] {
        let place = Place { machine: machine.to_owned(), ..ground.place.clone() };
        assert!(matches!(Store::open(&place, Access::Write), Err(StoreError::BadMachine(_))), "{machine}");
    }
}

#[test]
fn only_our_own_closed_folders_are_used() {
    let ground = Ground::new();
    drop(ground.store());
    let folder = ground.place.folder();
    let database = folder.join("evermux.db");
    for path in [&ground.place.root, &folder, &database] {
        let before = mode(path);
        chmod(path, before | 0o020);
        assert_eq!(refusal(Store::open(&ground.place, Access::Write)), Refusal::WritableByOthers);
        assert_eq!(refusal(Store::open(&ground.place, Access::Read)), Refusal::WritableByOthers);
        chmod(path, before);
    }
    // Open for looking only: closed again.
    chmod(&folder, 0o755);
    chmod(&database, 0o644);
    drop(ground.store());
    assert_eq!((mode(&folder), mode(&database)), (0o700, 0o600));
    let stranger = Place { uid: ground.place.uid + 1, ..ground.place.clone() };
    assert_eq!(refusal(Store::open(&stranger, Access::Write)), Refusal::NotOurs);
}

#[test]
fn links_are_not_followed() {
    let ground = Ground::new();
    drop(ground.store());
    let folder = ground.place.folder();
    let elsewhere = ground.place.root.join("elsewhere");
    for name in ["evermux.db", "evermux.db-wal", "evermux.db-shm"] {
        let path = folder.join(name);
        let _ = fs::rename(&path, &elsewhere);
        fs::write(&elsewhere, fs::read(&elsewhere).unwrap_or_default()).unwrap();
        symlink(&elsewhere, &path).unwrap();
        assert_eq!(refusal(Store::open(&ground.place, Access::Write)), Refusal::NotAFile, "{name}");
        fs::remove_file(&path).unwrap();
        if name == "evermux.db" {
            fs::rename(&elsewhere, &path).unwrap();
        }
    }
    let server = sample(1, 1, &["a"]).snapshot.server().name.clone();
    let store = ground.store();
    let lock = store.folder.lock(&format!("{}.save", server_key(&server)));
    symlink(&elsewhere, &lock).unwrap();
    match store.saving(&server, Duration::ZERO) {
        Err(StoreError::Refused { why, .. }) => assert_eq!(why, Refusal::NotAFile),
        other => panic!("{other:?}"),
    }
    drop(store);
    // The machine's folder itself.
    let moved = ground.place.root.join("moved");
    fs::rename(&folder, &moved).unwrap();
    symlink(&moved, &folder).unwrap();
    assert_eq!(refusal(Store::open(&ground.place, Access::Write)), Refusal::NotAFolder);
}

#[test]
fn files_are_closed_whatever_the_umask() {
    let ground = Ground::new();
    for umask in ["000", "077", "777"] {
        let place = Place { machine: format!("umask{umask}"), ..ground.place.clone() };
        fs::create_dir_all(place.root.parent().unwrap()).unwrap();
        // With 777 the folders above must be there already.
        let _ = DirBuilder::new().mode(0o700).create(&place.root);
        let output = child("umask_child", &place, &[("UMASK", umask)]).output().unwrap();
        assert!(output.status.success(), "{umask}: {}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(mode(&place.folder()), 0o700);
        let mut seen = 0;
        for entry in fs::read_dir(place.folder()).unwrap() {
            let path = entry.unwrap().path();
            let wanted = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode(&path), wanted, "{}", path.display());
            seen += 1;
        }
        // The database, its log and shared memory, locks for format and saving, the emergency file, `log`.
        assert_eq!(seen, 7);
        assert_eq!(mode(&place.folder().join("log/evermux.log")), 0o600);
    }
}

#[test]
fn umask_child() {
    let Some(place) = faults::child_place() else { return };
    let umask = u32::from_str_radix(&std::env::var("UMASK").unwrap(), 8).unwrap();
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(umask));
    let store = Store::open(&place, Access::Write).unwrap();
    let sample = sample(10, 1, &["a"]);
    let blocks = prepare(&sample);
    let saving = store.saving(&sample.snapshot.server().name, Duration::ZERO).unwrap();
    assert_eq!(saving.save(&Save::automatic(&sample.snapshot, &blocks)).unwrap().problems, []);
    let logs = Logs::open(&place).unwrap();
    std::io::Write::write_all(&mut logs.writer(), b"a line\n").unwrap();
    // While the connection is open, SQLite's own files are there to be looked at. They stay after a hard exit.
    std::process::exit(0);
}

#[test]
fn a_removed_lock_does_not_count() {
    let ground = Ground::new();
    let store = ground.store();
    let sample = sample(1, 1, &["a"]);
    let server = &sample.snapshot.server().name;
    let saving = store.saving(server, Duration::ZERO).unwrap();
    match store.saving(server, Duration::from_millis(3)) {
        Err(StoreError::Busy { holder, .. }) => assert_eq!(holder, Some(std::process::id())),
        other => panic!("{other:?}"),
    }
    fs::remove_file(store.folder.lock(&format!("{}.save", server_key(server)))).unwrap();
    let blocks = prepare(&sample);
    let save = Save::automatic(&sample.snapshot, &blocks);
    assert!(matches!(saving.save(&save), Err(StoreError::Replaced(_))));
    assert!(store.list(&Wanted::default()).unwrap().is_empty());
    let second = store.saving(server, Duration::ZERO).unwrap();
    assert!(second.save(&save).unwrap().value.new);
}

#[test]
fn a_removed_database_is_noticed() {
    let ground = Ground::new();
    let store = ground.store();
    let first = sample(1, 1, &["a"]);
    save(&store, &first);
    fs::remove_file(ground.place.folder().join("evermux.db")).unwrap();
    assert!(matches!(try_save(&store, &sample(2, 1, &["b"])), Err(StoreError::Replaced(_))));
}

#[test]
fn locks_of_a_network_file_system_are_local() {
    let ground = Ground::new();
    let place = Place { network: Some(true), ..ground.place.clone() };
    let open = || Store::open(&place, Access::Write);
    DirBuilder::new().mode(0o700).create(&place.runtime).unwrap();
    let store = open().unwrap();
    assert_eq!(store.folder.locks, place.runtime.join("evermux"));
    let mode = |store: Store| -> String {
        store.connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap()
    };
    let sample = sample(1, 1, &["a"]);
    let id = save(&store, &sample).id;
    assert_eq!(load(&store, id), sample.snapshot);
    assert_eq!(mode(store), "truncate");
    // The folder moves: to a local file system and back.
    assert_eq!(mode(open().unwrap()), "truncate");
    assert_eq!(mode(ground.store()), "wal");
    assert_eq!(mode(open().unwrap()), "truncate");
    assert_eq!(load(&open().unwrap(), id), sample.snapshot);
    fs::remove_dir_all(&place.runtime).unwrap();
    assert_eq!(open().unwrap().folder.locks, place.fallback);
    chmod(&place.fallback, 0o711);
    assert_eq!(refusal(open()), Refusal::OpenToOthers);
    chmod(&place.fallback, 0o770);
    assert_eq!(refusal(open()), Refusal::WritableByOthers);
    fs::remove_dir_all(&place.fallback).unwrap();
    symlink(&place.root, &place.fallback).unwrap();
    assert_eq!(refusal(open()), Refusal::NotAFolder);
}

#[test]
fn newer_formats_are_read_at_most() {
    let ground = Ground::new();
    let store = ground.store();
    let id = save(&store, &sample(1, 1, &["a"])).id;
    store.connection.pragma_update(None, "user_version", database::FORMAT + 1).unwrap();
    match Store::open(&ground.place, Access::Write) {
        Err(StoreError::Newer { found, known, readable: true, .. }) => {
            assert_eq!((found, known), (database::FORMAT + 1, database::FORMAT));
        }
        other => panic!("{other:?}"),
    }
    load(&Store::open(&ground.place, Access::Read).unwrap(), id);
    store.connection.execute("UPDATE store SET value = ?1", [(database::FORMAT + 1).to_string()]).unwrap();
    for access in [Access::Read, Access::Write] {
        let error = Store::open(&ground.place, access).unwrap_err();
        assert!(matches!(error, StoreError::Newer { readable: false, .. }), "{error}");
    }
}

#[test]
fn reading_writes_nothing() {
    let ground = Ground::new();
    save(&ground.store(), &sample(1, 1, &["a"]));
    let store = Store::open(&ground.place, Access::Read).unwrap();
    let error = store.connection.execute("DELETE FROM snapshots", []).unwrap_err();
    assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::ReadOnly));
}

#[test]
fn foreign_databases_are_left_alone() {
    let ground = Ground::new();
    drop(ground.store());
    let path = ground.place.folder().join("evermux.db");
    fs::remove_file(&path).unwrap();
    let foreign = Connection::open(&path).unwrap();
    foreign.execute_batch("CREATE TABLE photos (id INTEGER)").unwrap();
    for access in [Access::Read, Access::Write] {
        assert!(matches!(Store::open(&ground.place, access), Err(StoreError::Foreign(_))));
    }
}

#[test]
fn the_database_is_what_it_should_be() {
    let ground = Ground::new();
    let store = ground.store();
    let pragma = |name: &str| -> String {
        let value: rusqlite::types::Value =
            store.connection.pragma_query_value(None, name, |row| row.get(0)).unwrap();
        match value {
            rusqlite::types::Value::Integer(number) => number.to_string(),
            rusqlite::types::Value::Text(text) => text,
            other => panic!("{name}: {other:?}"),
        }
    };
    let wanted = [
        ("journal_mode", "wal"),
        ("synchronous", "2"),
        ("auto_vacuum", "2"),
        ("secure_delete", "1"),
        ("foreign_keys", "1"),
        ("temp_store", "2"),
        ("trusted_schema", "0"),
        ("application_id", "1702260088"),
    ];
    for (name, value) in wanted {
        assert_eq!(pragma(name), value, "{name}");
    }
}
