//! The damage matrix: whatever happens to a file or a row of the store, the newest intact state comes back, the loss is
//! named, what is intact stays, and the next save works.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use evermux_core::store::{Access, Place, Store};
use evermux_testkit::{Env, Output, Server, tmux_binaries};
use rusqlite::Connection;
use serde_json::Value;

/// What happens to the bytes of a file.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Delete,
    Empty,
    Cut,
    /// One bit, at this part (in hundredths) of the file.
    Flip(usize),
    /// A page of 4096 bytes, at this part of the file.
    Zero(usize),
    Garbage,
}

impl Harm {
    fn to(self, path: &Path) {
        let mut bytes = fs::read(path).unwrap();
        let at = |part: usize| bytes.len().saturating_sub(1) * part / 100;
        match self {
            Self::Delete => return fs::remove_file(path).unwrap(),
            Self::Empty => bytes.clear(),
            Self::Cut => bytes.truncate(bytes.len() / 2),
            Self::Flip(part) if !bytes.is_empty() => {
                let at = at(part);
                bytes[at] ^= 0x10;
            }
            Self::Zero(part) if !bytes.is_empty() => {
                let from = at(part) / 4096 * 4096;
                let to = bytes.len().min(from + 4096);
                bytes[from..to].fill(0);
            }
            Self::Garbage => {
                let mut state = 7_u32;
                for byte in &mut bytes {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    *byte = (state >> 24) as u8;
                }
            }
            Self::Flip(_) | Self::Zero(_) => {}
        }
        fs::write(path, bytes).unwrap();
    }
}

/// Two snapshots of a server that is gone, the second only in the write-ahead log, and another server that lives.
struct Ground {
    server: Server,
    env: Env,
    other: Env,
    base: PathBuf,
}

impl Ground {
    fn new() -> Self {
        let tmux = tmux_binaries().pop().expect("there is a tmux");
        let first = ["new-session", "-d", "-s", "work", "-n", "one", "-x", "80", "-y", "24"];
        let server = Server::builder(&tmux).first(&first).start();
        server.run(&["new-session", "-d", "-s", "other", "-x", "80", "-y", "24"]);
        server.settle();
        let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
        env.ok(&["save"]);
        let ground = Self { other: env.for_server("u"), base: server.sandbox().path("base"), env, server };
        ground.server.run(&["new-window", "-d", "-t", "=work:5", "-n", "two"]);
        ground.server.run(&["rename-session", "-t", "=other", "another"]);
        ground.server.settle();
        // Whoever has it open keeps its log from being brought in.
        let folder = ground.folder();
        let machine = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let uid = rustix::process::getuid().as_raw();
        let open = Store::open(&Place::new(ground.env.state(), machine, uid), Access::Read).unwrap();
        ground.env.ok(&["save"]);
        copy(&ground.env.state(), &ground.base);
        drop(open);
        ground.server.kill();
        ground.server.run(&["-L", "u", "new-session", "-d", "-s", "living"]);
        ground
    }

    fn folder(&self) -> PathBuf {
        let entries = fs::read_dir(self.env.state()).unwrap().flatten();
        entries.map(|entry| entry.path()).find(|path| path.is_dir()).unwrap()
    }

    fn reset(&self) {
        let _ = fs::remove_dir_all(self.env.state());
        copy(&self.base, &self.env.state());
    }

    /// The windows that a restore would make.
    fn windows(output: &Output) -> BTreeSet<String> {
        let json: Value = serde_json::from_str(&output.text()).unwrap_or_default();
        let actions = json["actions"].as_array().cloned().unwrap_or_default();
        actions.iter().map(|it| it["object"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// What is wrong with how evermux behaves on the store as it is.
    fn judge(&self, intact: &BTreeSet<String>, least: &[&BTreeSet<String>]) -> Vec<String> {
        let mut wrong = Vec::new();
        let planned = self.env.run(&["--json", "restore", "--dry-run"]);
        let windows = Self::windows(&planned);
        if !least.iter().any(|least| least.is_subset(&windows)) {
            wrong.push(format!("it brings back {windows:?}: {planned}"));
        }
        if !matches!(planned.status, Some(0 | 3)) {
            wrong.push(format!("a restore fails: {planned}"));
        }
        if windows != *intact && planned.status == Some(0) {
            wrong.push(format!("the loss is not named: {planned}"));
        }
        let saved = self.other.run(&["save"]);
        if !matches!(saved.status, Some(0 | 3)) {
            wrong.push(format!("a save fails: {saved}"));
        }
        let again = self.env.run(&["--json", "restore", "--dry-run"]);
        let later = Self::windows(&again);
        if !windows.is_subset(&later) {
            wrong.push(format!("after a save it brings back only {later:?}: {again}"));
        }
        wrong
    }
}

/// Copies a folder, closed to others.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => {
                fs::copy(entry.path(), &to).unwrap();
            }
        }
    }
}

/// Plays cells on two grounds at once; everything that is wrong.
fn play<Cell: Sync>(
    cells: &[Cell],
    name: impl Fn(&Cell) -> String + Sync,
    attempt: impl Fn(&Ground, &Cell) -> Vec<String> + Sync,
) {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let ground = Ground::new();
                while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                    ground.reset();
                    let found = attempt(&ground, cell);
                    let found = found.into_iter().map(|what| format!("{}: {what}", name(cell)));
                    wrong.lock().unwrap().extend(found);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} cells:\n{}", wrong.len(), cells.len(), wrong.join("\n"));
}

/// What comes back of the first snapshot, and of the second.
fn states(ground: &Ground) -> [BTreeSet<String>; 2] {
    let of = |words: &[&str]| Ground::windows(&ground.env.run(words));
    [of(&["--json", "restore", "1", "--dry-run"]), of(&["--json", "restore", "--dry-run"])]
}

#[test]
fn files() {
    let harms = [Harm::Delete, Harm::Empty, Harm::Cut, Harm::Garbage];
    let flips = [0, 20, 50, 80, 100].map(Harm::Flip);
    let zeros = [0, 15, 30, 45, 60, 75, 90, 100].map(Harm::Zero);
    let all: Vec<Harm> = harms.into_iter().chain(flips).chain(zeros).collect();
    let names = [
        "evermux.db",
        "evermux.db-wal",
        "evermux.db-shm",
        ".emergency",
        ".save.lock",
        "schema.lock",
        "evermux.log",
    ];
    let cells: Vec<(&str, Harm)> =
        names.iter().flat_map(|name| all.iter().map(move |harm| (*name, *harm))).collect();
    play(
        &cells,
        |(name, harm)| format!("{name} {harm:?}"),
        |ground, (name, harm)| {
            let [first, second] = states(ground);
            ground.reset();
            let folder = ground.folder();
            let path = [folder.clone(), folder.join("log")].into_iter().find_map(|folder| {
                let mut paths = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
                paths.find(|path| path.to_str().unwrap().ends_with(name))
            });
            harm.to(&path.unwrap_or_else(|| panic!("no {name}")));
            let mut wrong = ground.judge(&second, &[&second, &first]);
            let aside = fs::read_dir(&folder)
                .unwrap()
                .flatten()
                .any(|entry| entry.file_name().to_str().unwrap().contains("damaged"));
            let listed: Value =
                serde_json::from_str(&ground.env.run(&["--json", "list"]).text()).unwrap_or_default();
            if *name != "evermux.db" && aside {
                wrong.push("the database was moved aside".to_owned());
            }
            if !name.starts_with("evermux.db") && listed.as_array().is_none_or(|all| all.len() != 2) {
                wrong.push(format!("of the snapshots is left: {listed}"));
            }
            wrong
        },
    );
}

#[test]
fn what_no_emergency_file_has_comes_from_the_snapshot_before() {
    let ground = Ground::new();
    ground.reset();
    for entry in fs::read_dir(ground.folder()).unwrap().flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "emergency") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    let connection = Connection::open(ground.folder().join("evermux.db")).unwrap();
    let spoil = "UPDATE parts SET data = randomblob(length(data)) WHERE id IN
                 (SELECT id FROM parts WHERE kind = 'session' ORDER BY id DESC LIMIT 2)";
    assert_eq!(connection.execute(spoil, []).unwrap(), 2, "both sessions of the second snapshot");
    drop(connection);
    let output = ground.env.run(&["restore"]);
    assert_eq!(output.status, Some(3), "{output}");
    assert!(output.to_string().contains("damaged in snapshot 2; as it was in snapshot 1"), "{output}");
    let windows = ground.server.lines(&["list-windows", "-a", "-F", "#{session_name}:#{window_index}"]);
    assert_eq!(windows, ["other:0", "work:0"]);
}

#[test]
fn rows() {
    let ground = Ground::new();
    ground.reset();
    let connection = Connection::open(ground.folder().join("evermux.db")).unwrap();
    let query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let tables: Vec<String> = {
        let mut statement = connection.prepare(query).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().flatten().collect()
    };
    let kinds = ["server", "clients", "session", "facts", "window", "text", "block"];
    let mut cells: Vec<(String, String)> = Vec::new();
    for table in tables {
        if table == "parts" {
            for kind in kinds {
                for change in [
                    "DELETE FROM parts",
                    "UPDATE parts SET data = x''",
                    "UPDATE parts SET data = randomblob(length(data))",
                    "UPDATE parts SET size = 1 << 60",
                    "UPDATE parts SET hash = randomblob(32)",
                ] {
                    let newest =
                        format!("{change} WHERE id = (SELECT max(id) FROM parts WHERE kind = '{kind}')");
                    cells.push((format!("newest {kind}: {change}"), newest));
                }
            }
        } else {
            cells.push((format!("{table}: all"), format!("DELETE FROM {table}")));
            let last =
                if ["snapshots", "generations", "servers"].contains(&&*table) { "max(id)" } else { "NULL" };
            if last != "NULL" {
                cells.push((
                    format!("{table}: last"),
                    format!("DELETE FROM {table} WHERE id = (SELECT {last} FROM {table})"),
                ));
            }
        }
    }
    for (table, column) in [
        ("snapshots", "state"),
        ("snapshots", "coverage"),
        ("snapshots", "kind"),
        ("snapshots", "taken_at"),
        ("snapshots", "still_at"),
        ("snapshots", "server"),
        ("snapshots", "clients"),
        ("snapshots", "generation"),
        ("sessions", "identities"),
        ("sessions", "name"),
        ("snapshot_sessions", "session"),
        ("snapshot_sessions", "facts"),
        ("generations", "boot"),
        ("generations", "version"),
        ("generations", "ending"),
    ] {
        for value in ["'nonsense'", "x'00ff'", "-1", "1 << 62"] {
            cells.push((
                format!("{table}.{column} = {value}"),
                format!("UPDATE OR IGNORE {table} SET {column} = {value}"),
            ));
        }
    }
    drop(connection);
    drop(ground);
    play(
        &cells,
        |(name, _)| name.clone(),
        |ground, (name, sql)| {
            let [first, second] = states(ground);
            ground.reset();
            let connection = Connection::open(ground.folder().join("evermux.db")).unwrap();
            connection.busy_timeout(Duration::from_secs(5)).unwrap();
            connection.pragma_update(None, "foreign_keys", false).unwrap();
            let changed = connection.execute(sql, []);
            drop(connection);
            match changed {
                // STRICT tables refuse many of them.
                Err(_) | Ok(0) => Vec::new(),
                Ok(_) => {
                    let _ = name;
                    ground.judge(&second, &[&second, &first])
                }
            }
        },
    );
}
