//! Names of snapshots, and removal on a real store.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;
use crate::choose::{Coverage, Entry};
use crate::model::{Generation, Kind, ServerName, SnapshotId};
use crate::store::Listed;

const NOW: &str = "2026-11-20T15:30:00Z";

fn zone() -> TimeZone {
    TimeZone::fixed(jiff::tz::offset(1))
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn shown(moment: Timestamp) -> String {
    moment.to_zoned(zone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[test]
fn moments() {
    let cases = [
        ("10m", "2026-11-20 16:20:00"),
        ("1h 30m", "2026-11-20 15:00:00"),
        ("2 days ago", "2026-11-18 16:30:00"),
        ("14:00", "2026-11-20 14:00:59"),
        ("14:00:10", "2026-11-20 14:00:10"),
        ("18:00", "2026-11-19 18:00:59"),
        ("yesterday", "2026-11-19 23:59:59"),
        ("today", "2026-11-20 16:30:00"),
        ("now", "2026-11-20 16:30:00"),
        ("2026-11-18", "2026-11-18 23:59:59"),
        ("2026-11-18 14:00", "2026-11-18 14:00:59"),
        ("2026-11-18T14:00:05", "2026-11-18 14:00:05"),
        ("2026-11-18T14:00:00Z", "2026-11-18 15:00:00"),
    ];
    for (text, wanted) in cases {
        let read = moment(text, at(NOW), &zone()).map(shown);
        assert_eq!(read.as_deref(), Some(wanted), "{text}");
    }
    for text in ["", "before-upgrade", "latest", "-10m", "10", "25:00", "2026-13-01", "soon", "2026-11-18 "] {
        assert_eq!(moment(text, at(NOW), &zone()), None, "{text}");
    }
}

#[test]
fn a_day_ends_when_the_next_begins_whatever_the_clocks_do() {
    // Summer time begins: this day has 23 hours.
    let rule = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    let end = moment("2026-03-29", at(NOW), &rule).unwrap();
    assert_eq!(end.to_string(), "2026-03-29T21:59:59.999999999Z");
}

fn server(socket: &str) -> ServerName {
    ServerName { machine: "m".to_owned(), socket: socket.into() }
}

fn listed(id: i64, taken_at: &str, socket: &str, name: Option<&str>, coverage: Coverage) -> Listed {
    let taken_at = at(taken_at);
    Listed {
        entry: Entry {
            id: SnapshotId(id),
            taken_at,
            still_at: taken_at,
            generation: Generation { boot: "b".to_owned(), pid: 1, started: 0 },
            kind: Kind::Manual,
            coverage,
            sessions: vec![],
        },
        server: server(socket),
        name: name.map(str::to_owned),
        note: None,
        pinned: false,
        windows: 0,
        panes: 0,
        thinned: false,
    }
}

#[test]
fn snapshots_are_found() {
    let list = [
        listed(7, "2026-11-20T15:20:00Z", "/ours", None, Coverage::Part),
        listed(6, "2026-11-20T15:10:00Z", "/other", Some("good"), Coverage::Whole),
        listed(5, "2026-11-20T13:00:30Z", "/ours", Some("good"), Coverage::Whole),
        listed(4, "2026-11-20T12:00:00Z", "/ours", Some("14:00"), Coverage::Whole),
        listed(3, "2026-11-19T12:00:00Z", "/ours", Some("good"), Coverage::Whole),
        listed(2, "2026-11-18T12:00:00Z", "/other", Some("theirs"), Coverage::Whole),
    ];
    let find = |text: &str, socket: &str| {
        let which: Which = text.parse().unwrap();
        let found = which.find(&list, &server(socket), at(NOW), &zone());
        found.map(|listed| listed.entry.id.0).map_err(|error| error.to_string())
    };
    let ours = |text: &str| find(text, "/ours");
    assert_eq!(ours("latest"), Ok(5));
    assert_eq!(ours("6"), Ok(6));
    assert_eq!(ours("7"), Ok(7));
    assert_eq!(ours("good"), Ok(5));
    assert_eq!(ours("theirs"), Ok(2));
    assert_eq!(ours("14:00"), Ok(4), "a name counts before a time");
    assert_eq!(ours("2026-11-20 14:00"), Ok(5));
    assert_eq!(ours("2026-11-20 13:59"), Ok(4));
    assert_eq!(ours("yesterday"), Ok(3));
    assert_eq!(ours("10m"), Ok(5));
    let errors = [
        ("8", "/ours", "there is no snapshot 8"),
        ("99999999999999999999", "/ours", "there is no snapshot 9223372036854775807"),
        ("no such\x1b", "/ours", "there is no snapshot 'no such\\u{1b}'"),
        ("latest", "/third", "there is no snapshot of the server at /third"),
        ("2026-11-01", "/ours", "there is no snapshot of the server at /ours from '2026-11-01' or before"),
        ("./x", "/ours", "./x: is a file, not a snapshot in the store"),
    ];
    for (text, socket, error) in errors {
        assert_eq!(find(text, socket), Err(error.to_owned()), "{text}");
    }
    // Where there are only parts, a part is better than nothing.
    let part: Which = "latest".parse().unwrap();
    assert_eq!(part.find(&list[..1], &server("/ours"), at(NOW), &zone()).unwrap().entry.id, SnapshotId(7));
}

#[test]
fn a_name_must_be_found_again() {
    let check = |name| check_name(name, at(NOW), &zone()).map_err(|error| error.to_string());
    assert_eq!(check("before upgrade"), Ok(()));
    for (name, why) in [
        ("", "is empty"),
        (" ", "is empty"),
        ("a\nb", "has control characters"),
        ("latest", "means the newest snapshot"),
        ("12", "looks like a snapshot's number"),
        ("a/b", "looks like a file"),
        ("10m", "looks like a time"),
        ("2026-11-20", "looks like a time"),
    ] {
        let error = check(name).unwrap_err();
        assert!(error.ends_with(&format!("cannot be a snapshot's name: it {why}")), "{error}");
    }
}

mod prune;
mod removal;
