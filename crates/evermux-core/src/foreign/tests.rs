//! Files of others: what is read of them, and what is not.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use super::*;
use crate::handlers::{Glob, Template};

fn uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn with<T>(work: impl FnOnce(&Foreign<'_>, &Path) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::default();
    let foreign = Foreign::new(uid(), Instant::now() + Duration::from_secs(20), &cache);
    work(&foreign, folder.path())
}

fn write(folder: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path
}

fn glob(folder: &Path, template: &str) -> Glob {
    let template: Template =
        toml::from_str::<std::collections::BTreeMap<String, Template>>(&format!("t = '{template}'"))
            .unwrap()
            .remove("t")
            .unwrap();
    Glob::new(&template, |place| (place == "home").then(|| folder.as_os_str().as_encoded_bytes().to_vec()))
        .unwrap()
}

fn names(foreign: &Foreign<'_>, folder: &Path, template: &str) -> Vec<String> {
    let found = foreign.find(&glob(folder, template), None);
    let mut names: Vec<String> =
        found.iter().map(|file| file.path.strip_prefix(folder).unwrap().display().to_string()).collect();
    names.sort();
    names
}

#[test]
fn patterns_find_plain_files_in_their_folder_only() {
    with(|foreign, folder| {
        write(folder, "in/a.json", "{}");
        write(folder, "in/2026/11/b.json", "{}");
        write(folder, "out/c.json", "{}");
        std::fs::create_dir(folder.join("in/d.json")).unwrap();
        symlink("../out", folder.join("in/link")).unwrap();
        symlink("../out/c.json", folder.join("in/e.json")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            folder.join("in/f.json"),
            rustix::fs::FileType::Fifo,
            0o600.into(),
            0,
        )
        .unwrap();
        assert_eq!(names(foreign, folder, "{home}/in/*.json"), ["in/a.json"]);
        assert_eq!(names(foreign, folder, "{home}/in/**/*.json"), ["in/2026/11/b.json", "in/a.json"]);
        assert_eq!(names(foreign, folder, "{home}/in/*/c.json"), [""; 0], "links lead out");
        assert_eq!(names(foreign, folder, "{home}/*/link/c.json"), [""; 0], "also where they are named");
        // Before the first place the user's own links count.
        assert_eq!(names(foreign, folder, "{home}/in/link/*.json"), ["in/link/c.json"]);
        assert_eq!(foreign.fields(&folder.join("in/f.json"), &["x"]), None, "a pipe holds nobody up");
    });
}

#[test]
fn fields_of_objects_and_of_lines() {
    with(|foreign, folder| {
        let whole = write(
            folder,
            "a",
            "{\n \"id\": \"x\", \"n\": 7, \"payload\": {\"cwd\": \"/y\"}, \"list\": []\n}",
        );
        let field = |path: &Path, names: &[&str]| foreign.fields(path, names).unwrap();
        assert_eq!(field(&whole, &["id", "n"]), [Some("x".to_owned()), Some("7".to_owned())]);
        assert_eq!(field(&whole, &["payload.cwd", "list", "no"]), [Some("/y".to_owned()), None, None]);
        let lines = write(
            folder,
            "b",
            "{\"type\":\"summary\"}\nnonsense\n{\"timestamp\":\"t\"}\n{\"timestamp\":\"later\"}",
        );
        assert_eq!(field(&lines, &["timestamp"]), [Some("t".to_owned())]);
        let hostile = write(folder, "c", &format!("{}{}", "[".repeat(100_000), "\u{1b}"));
        assert_eq!(field(&hostile, &["x"]), [None]);
        assert_eq!(foreign.fields(&folder.join("none"), &["x"]), None);
        let long =
            format!("{{\"mode\":\"a\"}}\n{}\n{{\"mode\":\"b\"}}\n{{\"x\":1}}\n{{\"mode", "z".repeat(100_000));
        assert_eq!(foreign.last_field(&write(folder, "d", &long), "mode").as_deref(), Some("b"));
        assert_eq!(foreign.last_field(&write(folder, "e", ""), "mode"), None);
    });
}

#[test]
fn what_was_read_holds_until_its_file_changes() {
    with(|foreign, folder| {
        let path = write(folder, "a", "{\"id\":\"one\"}");
        let id = || foreign.fields(&path, &["id"]).unwrap()[0].clone().unwrap();
        assert_eq!(id(), "one");
        write(folder, "a", "{\"id\":\"three\"}");
        assert_eq!(id(), "three");
    });
}

#[test]
fn nothing_is_read_after_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "a", "{\"id\":\"one\"}");
    let cache = Cache::default();
    let foreign = Foreign::new(uid(), Instant::now(), &cache);
    assert_eq!(foreign.fields(&path, &["id"]), None);
    assert!(foreign.find(&glob(folder.path(), "{home}/*"), None).is_empty());
}

#[test]
fn files_of_somebody_else_are_none() {
    with(|_, folder| {
        let path = write(folder, "a", "{\"id\":\"one\"}");
        let cache = Cache::default();
        let other = Foreign::new(uid() + 1, Instant::now() + Duration::from_secs(20), &cache);
        assert_eq!(other.fields(&path, &["id"]), None);
        assert!(other.find(&glob(folder, "{home}/*"), None).is_empty());
    });
}

#[test]
fn databases_are_read_while_they_are_written_and_left_as_they_are() {
    with(|foreign, folder| {
        let path = folder.join("x y%?#.db");
        let writer = rusqlite::Connection::open(&path).unwrap();
        writer.pragma_update(None, "journal_mode", "wal").unwrap();
        writer
            .execute_batch(
                "CREATE TABLE t (id TEXT, n INTEGER, b BLOB); INSERT INTO t VALUES ('a', 1, x'00')",
            )
            .unwrap();
        let ids = |query: &str| -> Option<Vec<String>> {
            let rows = foreign.rows(&path, query, &[(":n", "1"), (":not", "named")])?;
            Some(rows.into_iter().map(|row| format!("{row:?}")).collect())
        };
        assert_eq!(ids("SELECT * FROM t WHERE n = :n").unwrap(), [r#"{"id": "a", "n": "1"}"#]);
        writer.execute("INSERT INTO t VALUES ('b', 1, NULL)", ()).unwrap();
        assert_eq!(ids("SELECT id FROM t WHERE n = :n").unwrap().len(), 2, "its log counts");
        let listing = || {
            let mut names: Vec<_> =
                std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(listing().len(), 3);
        drop(writer);
        assert_eq!(listing().len(), 1);
        assert_eq!(ids("SELECT id FROM t WHERE n = :n").unwrap().len(), 2);
        assert_eq!(listing().len(), 1, "nothing is left beside it");
        for query in ["SELECT * FROM missing", "SELECT load_extension('x')", "SELECT * FROM t; DROP TABLE t"]
        {
            assert!(ids(query).is_none_or(|rows| rows.len() == 2), "{query}");
        }
        assert_eq!(ids("SELECT id FROM t").unwrap().len(), 2);
    });
}

#[test]
fn a_query_that_does_not_end_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (id)").unwrap();
    let cache = Cache::default();
    let begun = Instant::now();
    let foreign = Foreign::new(uid(), begun + Duration::from_millis(300), &cache);
    let endless = "SELECT count(*) FROM (WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c)";
    assert_eq!(foreign.rows(&path, endless, &[]), None);
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn what_is_no_database_is_none() {
    with(|foreign, folder| {
        let path = write(folder, "x.db", "SQLite format 3\0 and then nonsense");
        assert_eq!(foreign.rows(&path, "SELECT 1 AS id", &[]), None);
        assert_eq!(foreign.rows(&folder.join("none"), "SELECT 1", &[]), None);
    });
}
