//! Why sessions come back, or not: the restore set in words and in JSON.

use std::fmt::Write;

use anstyle::Style;
use bstr::BString;
use evermux_core::choose::{Chosen, Left, Presence, RestoreSet, WhyNot};
use evermux_core::model::{ServerName, SnapshotId};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::json::EntryJson;
use crate::output::{FAINT, GOOD, NOTICE, json_text, outside};

/// Every session ever saved, and why it comes back or not; a sentence each.
pub fn sentences(set: &RestoreSet, zone: &TimeZone) -> String {
    let mut text = String::new();
    let chosen = set.chosen.iter().map(|chosen| (&chosen.name, chosen.snapshot, chosen.sentence(zone)));
    paragraph(&mut text, "A restore brings back", GOOD, chosen);
    let listed = set.listed.iter().map(|left| (&left.name, left.snapshot, left.sentence(zone)));
    paragraph(&mut text, "It brings back only on request", NOTICE, listed);
    // What came back and lives on under the same roof is told above; after many restores it would be told many times.
    let left = set.left.iter().filter(|left| !matches!(left.why, WhyNot::Continued | WhyNot::Lives));
    let left = left.map(|left| (&left.name, left.snapshot, left.sentence(zone)));
    paragraph(&mut text, "It leaves out", FAINT, left);
    text
}

fn paragraph<'a>(
    text: &mut String,
    heading: &str,
    style: Style,
    sessions: impl Iterator<Item = (&'a BString, SnapshotId, String)>,
) {
    let mut sessions = sessions.peekable();
    if sessions.peek().is_none() {
        return;
    }
    text.push_str(&format!("\n{style}{heading}:{style:#}\n"));
    for (name, snapshot, sentence) in sessions {
        writeln!(text, "  {} (snapshot {snapshot}) {}", outside(name), outside(sentence)).unwrap_or_default();
    }
}

/// What `list --why --json` prints.
#[derive(Debug, Serialize)]
pub struct WhyJson {
    snapshots: Vec<EntryJson>,
    restored: Vec<SessionJson>,
    too_old: Vec<SessionJson>,
    left_out: Vec<SessionJson>,
}

/// A session and its fate.
#[derive(Debug, Serialize)]
struct SessionJson {
    socket: String,
    session: String,
    snapshot: i64,
    seen: Timestamp,
    panes: usize,
    /// How much of it the running server has: none, part, whole. Only of sessions that come back.
    there: Option<&'static str>,
    why: String,
}

impl WhyJson {
    /// For one or more servers.
    pub fn new(snapshots: Vec<EntryJson>, sets: &[(ServerName, RestoreSet)], zone: &TimeZone) -> Self {
        let mut why = Self { snapshots, restored: Vec::new(), too_old: Vec::new(), left_out: Vec::new() };
        for (server, set) in sets {
            let left = |left: &Left| SessionJson::left(server, left, zone);
            why.restored.extend(set.chosen.iter().map(|chosen| SessionJson::chosen(server, chosen, zone)));
            why.too_old.extend(set.listed.iter().map(left));
            why.left_out.extend(set.left.iter().map(left));
        }
        why
    }
}

impl SessionJson {
    fn chosen(server: &ServerName, chosen: &Chosen, zone: &TimeZone) -> Self {
        let there = match chosen.presence {
            Presence::None => "none",
            Presence::Part => "part",
            Presence::Whole => "whole",
        };
        Self {
            socket: json_text(&server.socket),
            session: json_text(&chosen.name),
            snapshot: chosen.snapshot.0,
            seen: chosen.seen,
            panes: chosen.panes.len(),
            there: Some(there),
            why: chosen.sentence(zone),
        }
    }

    fn left(server: &ServerName, left: &Left, zone: &TimeZone) -> Self {
        Self {
            socket: json_text(&server.socket),
            session: json_text(&left.name),
            snapshot: left.snapshot.0,
            seen: left.seen,
            panes: left.panes.len(),
            there: None,
            why: left.sentence(zone),
        }
    }
}
