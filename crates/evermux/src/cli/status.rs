//! `evermux status`: whether the server is saved, in a moment's reading.

use evermux_core::store::{self, Missed, Over, RestoredNote, State, Status};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::describe;
use crate::context::Context;
use crate::error::Exit;
use crate::output::{FAINT, GOOD, NOTICE, Outcome, outside};
use crate::retention::too_much;

/// The keeper says at least so often how things stand; when it does not, it is not there or hangs.
const SILENCE: SignedDuration = SignedDuration::from_secs(30);

/// Tell whether this server is saved continuously, and how fresh that is
///
/// Exit status: 0 it is saved, 3 something is wrong, 4 it is not kept.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One short line, for a status line: `set -ga status-right ' #(evermux status --line)'`
    #[arg(long)]
    line: bool,
}

/// What was missed is shown for so long.
const RECENT: SignedDuration = SignedDuration::from_hours(24);

/// How a server is kept.
enum Standing {
    /// Nobody keeps it, or the keeper has said nothing for too long.
    Unkept(Option<Status>),
    /// A keeper does.
    Kept(Status),
}

/// Reads what the keeper last said. Opens no database and starts nothing.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let now = context.now();
    let found = store::status(&context.place(), &context.server());
    let standing = match found {
        // One from the future was written before the clock was set back.
        Some(status) if now.duration_since(status.at).abs() <= SILENCE => Standing::Kept(status),
        silent => Standing::Unkept(silent),
    };
    let over = store::over(&context.place());
    let line = line(&standing, now);
    let restored = store::restored(&context.place(), &context.server());
    let mut text =
        if args.line { format!("{line}\n") } else { full(context, &standing, &line, over.as_ref(), now) };
    if let Some(RestoredNote { at, what }) = restored.as_ref().filter(|_| !args.line) {
        let ago = short(now.duration_since(*at));
        text.push_str(&format!("  {FAINT}restored {FAINT:#} {ago} ago: {}\n", outside(what)));
    }
    let status = match &standing {
        Standing::Kept(status) | Standing::Unkept(Some(status)) => Some(status),
        Standing::Unkept(None) => None,
    };
    let json = json!({
        "over_limit": over.is_some(),
        "server": context.server().socket.to_string(),
        "kept": matches!(standing, Standing::Kept(_)),
        "state": status.map(|status| status.state),
        "saved_at": status.and_then(|status| status.saved_at),
        "snapshot": status.and_then(|status| status.snapshot),
        "panes": status.and_then(|status| status.panes),
        "waiting": status.map(|status| status.waiting),
        "milliseconds": status.and_then(|status| status.took),
        "restored": restored,
        "trouble": status.and_then(|status| status.trouble.clone()),
        "trouble_since": status.and_then(|status| status.trouble_since),
        "missed": status.and_then(|status| status.missed.as_ref()).map(|missed| json!({
            "since": missed.since,
            "until": missed.until,
            "why": missed.why,
        })),
        "restore_disabled": status.is_some_and(|status| status.restore_disabled),
        "keeper": status.map(|status| status.keeper),
        "at": status.map(|status| status.at),
        "line": line,
    });
    // A status line shows what is printed, whatever the exit status.
    let exit = match &standing {
        _ if args.line => Exit::Done,
        Standing::Unkept(_) => Exit::NothingThere,
        Standing::Kept(status) if status.state == State::Trouble || status.restore_disabled => Exit::Problems,
        Standing::Kept(_) => Exit::Done,
    };
    Outcome { exit, ..Outcome::new(text, &json) }
}

fn line(standing: &Standing, now: Timestamp) -> String {
    let mut line = saving(standing, now);
    if let Standing::Kept(Status { restore_disabled: true, .. }) = standing {
        line.push_str(", no restore at start");
    }
    line
}

fn saving(standing: &Standing, now: Timestamp) -> String {
    match standing {
        Standing::Unkept(None) => "not kept".to_owned(),
        Standing::Unkept(Some(status)) => {
            format!("keeper silent for {}", short(now.duration_since(status.at)))
        }
        Standing::Kept(status) => match (status.state, &status.trouble, status.saved_at) {
            (State::Trouble, Some(trouble), _) => format!("not saved: {}", outside(trouble)),
            (State::Trouble, None, _) => "not saved".to_owned(),
            (State::Paused, ..) => "saving paused".to_owned(),
            (State::Away, ..) => "no server".to_owned(),
            (State::Saved | State::Behind, _, Some(at)) => {
                format!("saved {} ago", short(now.duration_since(at)))
            }
            (State::Saved | State::Behind, _, None) => "not saved yet".to_owned(),
        },
    }
}

/// `3s`, `5m`, `2h`, `4d`: as short as a status line wants it.
fn short(time: SignedDuration) -> String {
    let seconds = time.as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

fn full(context: &Context, standing: &Standing, line: &str, over: Option<&Over>, now: Timestamp) -> String {
    let style = match standing {
        Standing::Kept(Status { state: State::Saved | State::Behind, restore_disabled: false, .. }) => GOOD,
        _ => NOTICE,
    };
    let mut text = format!("{style}{line}{style:#}\n");
    let mut row =
        |name: &str, value: String| text.push_str(&format!("  {FAINT}{name:<9}{FAINT:#} {value}\n"));
    row("server", outside(&context.server().socket));
    match standing {
        Standing::Unkept(_) => {
            row("keeper", "none; to save this server continuously: evermux keeper watch".to_owned());
        }
        Standing::Kept(status) => {
            row("keeper", format!("process {}", status.keeper));
            if let (Some(id), Some(panes)) = (status.snapshot, status.panes) {
                let took =
                    status.took.map(|took| format!(", the last save took {took} ms")).unwrap_or_default();
                row("snapshot", format!("{id}, {}{took}", describe::count(panes, "pane")));
            }
            if status.waiting > 0 {
                let shells = describe::count(status.waiting, "shell");
                row("waiting", format!("{shells} to start when their panes are shown"));
            }
            if let Some(since) = status.trouble_since {
                row("since", format!("{} ago; see evermux log", short(now.duration_since(since))));
            }
            if let Some(missed) = status.missed.as_ref().filter(|it| now.duration_since(it.until) < RECENT) {
                row("missed", missed_text(missed, now));
            }
            if status.restore_disabled {
                let what = "none at start: the server died in the last two; to try it: evermux restore";
                row("restore", what.to_owned());
            }
        }
    }
    if let Some(over) = over {
        row("limit", too_much(over));
    }
    text
}

/// How long nothing was saved, when, and why.
fn missed_text(missed: &Missed, now: Timestamp) -> String {
    let [long, ago] =
        [missed.until.duration_since(missed.since), now.duration_since(missed.until)].map(short);
    format!("{long} until {ago} ago: {}", outside(&missed.why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_matters() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let status = |state, ago: i64, trouble: Option<&str>| {
            Standing::Kept(Status {
                at: now,
                keeper: 1,
                state,
                saved_at: Some(now - SignedDuration::from_secs(ago)),
                snapshot: Some(1),
                trouble: trouble.map(str::to_owned),
                trouble_since: None,
                panes: Some(1),
                waiting: 0,
                took: None,
                missed: None,
                restore_disabled: state == State::Saved && ago == 4,
            })
        };
        let table = [
            (status(State::Saved, 3, None), "saved 3s ago"),
            (status(State::Saved, 4, None), "saved 4s ago, no restore at start"),
            (status(State::Behind, 90, None), "saved 1m ago"),
            (
                status(State::Trouble, 90, Some("the disk is full\x1b[2J")),
                "not saved: the disk is full\\u{1b}[2J",
            ),
            (status(State::Paused, 90, None), "saving paused"),
            (status(State::Away, 7200, None), "no server"),
            (Standing::Unkept(None), "not kept"),
        ];
        for (standing, expected) in table {
            assert_eq!(line(&standing, now), expected);
        }
    }

    #[test]
    fn what_was_missed_is_told_with_its_length() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let until = now - SignedDuration::from_mins(5);
        let since = until - SignedDuration::from_hours(9);
        let missed = Missed { since, until, why: "the machine slept".to_owned() };
        assert_eq!(missed_text(&missed, now), "9h until 5m ago: the machine slept");
    }
}
