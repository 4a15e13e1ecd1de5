//! What comes back after what ending: the rows of the design's table that can be played on real servers with a keeper.
//! `choose` has all of them as a table.

mod story;

use std::time::Duration;

use evermux_testkit::{Process, describe};
use jiff::Timestamp;
use rustix::process::Signal;
use story::kept::{Kept, on_every_tmux_at_once};
use story::on_every_tmux;

/// The processes of all panes.
fn shells(kept: &Kept) -> Vec<Process> {
    let pids = kept.server().lines(&["list-panes", "-a", "-F", "#{pane_pid}"]);
    pids.iter().filter_map(|pid| Process::open(pid.parse().ok()?)).collect()
}

/// A server with three sessions of four panes, saved.
#[track_caller]
fn work(tmux: &evermux_testkit::Tmux) -> Kept {
    let kept = Kept::begin(tmux, "");
    kept.server().run(&["new-session", "-d", "-s", "b", "-x", "80", "-y", "24"]);
    kept.server().run(&["new-session", "-d", "-s", "c", "-x", "80", "-y", "24"]);
    kept.server().run(&["split-window", "-d", "-t", "=main:"]);
    kept.server().type_line("=main:", "echo so-it-is");
    kept.server().wait_until("it is printed", |server| server.screen("=main:").contains("\nso-it-is"));
    kept.server().settle();
    kept.wait_until_saved();
    kept
}

/// Kills the shells one after the other, each once the keeper has seen what the one before has left.
#[track_caller]
fn collapse(kept: &Kept) {
    let shells = shells(kept);
    let count = shells.len();
    for (number, shell) in shells.iter().enumerate().take(count - 1) {
        shell.kill();
        let left = count - 1 - number;
        kept.wait("the keeper sees it", |kept| kept.list()[0]["panes"] == left);
    }
}

#[test]
fn panes_that_vanish_shortly_before_the_machine_come_back() {
    on_every_tmux(|tmux| {
        let kept = work(tmux);
        let before = describe(kept.server());
        collapse(&kept);
        kept.crash();
        let report = kept.story.restore();
        kept.story.expect(&before, &report);
    });
}

#[test]
fn panes_that_vanish_after_the_keeper_was_asked_to_end_come_back() {
    on_every_tmux(|tmux| {
        let kept = work(tmux);
        let before = describe(kept.server());
        kept.story.run(&["keeper", "stop"]);
        shells(&kept).iter().for_each(Process::kill);
        kept.crash();
        let report = kept.story.restore();
        kept.story.expect(&before, &report);
    });
}

#[test]
fn a_keeper_that_dies_in_the_middle_of_a_collapse_closes_nothing() {
    on_every_tmux(|tmux| {
        let kept = work(tmux);
        let before = describe(kept.server());
        let shells = shells(&kept);
        shells[0].kill();
        kept.wait("the keeper sees it", |kept| kept.list()[0]["panes"] == 3);
        // As a service manager does, which then waits for what is saved last.
        let keeper = kept.keeper();
        shells[1].kill();
        keeper.signal(Signal::TERM);
        assert!(keeper.ended_within(Duration::from_secs(20)));
        kept.crash();
        let report = kept.story.restore();
        kept.story.expect(&before, &report);
    });
}

#[test]
fn what_was_closed_stays_closed_once_the_server_has_lived_on() {
    on_every_tmux_at_once(|tmux| {
        let kept = work(tmux);
        kept.server().run(&["kill-session", "-t", "=b"]);
        kept.wait("it is seen", |kept| kept.list()[0]["sessions"] == 2);
        // A keeper that dies now and comes again knows nothing of it, and still proves it.
        kept.keeper().kill();
        kept.story.run(&["keeper", "start"]);
        let moment = |value: &serde_json::Value| value.as_str().and_then(|at| at.parse::<Timestamp>().ok());
        kept.wait("a save proves that the server lived on", |kept| {
            let newest = &kept.list()[0];
            let times = moment(&newest["still_at"]).zip(moment(&newest["taken_at"]));
            times.is_some_and(|(still, taken)| still.duration_since(taken).as_secs() >= 10)
        });
        kept.server().run(&["kill-session", "-t", "=c"]);
        kept.wait("it is seen", |kept| kept.list()[0]["sessions"] == 1);
        kept.crash();
        assert!(kept.why("b").ends_with("and the server lived on"), "{}", kept.why("b"));
        assert!(kept.why("c").ends_with("may be the end of the server"), "{}", kept.why("c"));
        kept.story.restore();
        assert_eq!(kept.sessions(), ["c", "main"], "tmux {}", tmux.version);
    });
}

#[test]
fn exit_in_the_last_shell_closes_it_but_not_what_is_owed() {
    on_every_tmux(|tmux| {
        let kept = work(tmux);
        kept.crash();
        kept.boot(&["new-session", "-d", "-s", "x", "-x", "80", "-y", "24"]);
        let client = kept.server().attach("x", 80, 24);
        kept.wait_until_saved();
        client.type_text("exit\r");
        kept.wait("the server has ended", |kept| kept.state() == "away");
        let why = kept.why("x");
        assert!(why.contains("was closed at"), "tmux {}: {why}", tmux.version);
        assert!(why.ends_with("and the server ended with its last session"), "{why}");
        kept.story.restore();
        assert_eq!(kept.sessions(), ["b", "c", "main"], "tmux {}", tmux.version);
    });
}

#[test]
fn a_server_that_is_killed_comes_back_whole() {
    on_every_tmux(|tmux| {
        for how in ["kill-server", "TERM", "KILL"] {
            let kept = work(tmux);
            let _client = kept.server().attach("main", 80, 24);
            kept.wait_until_saved();
            match (how, kept.server().process()) {
                ("TERM", Some(process)) => process.signal(Signal::TERM),
                ("KILL", Some(process)) => process.kill(),
                _ => drop(kept.server().run(&["kill-server"])),
            }
            kept.wait("the server has ended", |kept| kept.state() == "away");
            for session in ["main", "b", "c"] {
                let why = kept.why(session);
                assert!(why.contains("was there when last seen"), "tmux {}: {how}: {why}", tmux.version);
            }
            let report = kept.story.restore();
            assert_eq!(kept.sessions(), ["b", "c", "main"], "tmux {}: {how}\n{report}", tmux.version);
        }
    });
}

#[test]
fn empty_servers_in_a_row_hide_nothing() {
    on_every_tmux(|tmux| {
        let kept = work(tmux);
        kept.crash();
        for _ in 0..3 {
            kept.boot(&["new-session", "-d", "-x", "80", "-y", "24"]);
            kept.crash();
        }
        // Of lives that nobody used nothing is said.
        assert!(kept.why("main").contains("was there when last seen"), "{}", kept.why("main"));
        assert!(kept.why("0").ends_with("was never used"), "{}", kept.why("0"));
        kept.story.restore();
        assert_eq!(kept.sessions(), ["b", "c", "main"], "tmux {}", tmux.version);
    });
}

#[test]
fn new_work_beside_what_was_declined_hides_nothing() {
    on_every_tmux(|tmux| {
        let kept = work(tmux);
        kept.crash();
        kept.boot(&["new-session", "-d", "-s", "x", "-x", "80", "-y", "24"]);
        kept.crash();
        assert!(kept.why("b").contains("was never brought back since"), "{}", kept.why("b"));
        kept.story.restore();
        assert_eq!(kept.sessions(), ["b", "c", "main", "x"], "tmux {}", tmux.version);
    });
}

#[test]
fn a_crash_in_the_middle_of_a_restore_loses_nothing() {
    on_every_tmux(|tmux| {
        let kept = work(tmux);
        let before = describe(kept.server());
        kept.crash();
        for panes in [1, 3] {
            // The keeper is there and saves what a half-done restore shows.
            kept.story.run(&["keeper", "start"]);
            let mut restore = kept.story.env.command(&["restore"]);
            restore.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
            let restore = std::cell::RefCell::new(restore.spawn().expect("evermux can be run"));
            let ended = || restore.borrow_mut().try_wait().is_ok_and(|status| status.is_some());
            kept.wait("it is half done", |kept| {
                let there = kept.server().tmux(&["list-panes", "-a", "-F", "#{@evermux-pane}"]).text();
                let made = there.lines().filter(|line| !line.is_empty()).count() >= panes;
                made || ended()
            });
            kept.crash();
            let _ = restore.borrow_mut().wait();
        }
        let report = kept.story.restore();
        kept.story.expect(&before, &report);
    });
}
