//! The keeper on real servers: what it saves by itself, and what it notices.

mod story;

use std::time::{Duration, Instant};

use serde_json::Value;
use story::kept::Kept;
use story::on_every_tmux;

#[test]
fn changes_are_saved_without_anybody_asking() {
    on_every_tmux(|tmux| {
        let kept = Kept::begin(tmux, "");
        kept.server().run(&["new-window", "-d", "-n", "second"]);
        kept.wait("a new window is saved", |kept| kept.newest().contains("\"second\""));
        kept.server().type_line("=main:", "cd /usr && echo so-it-is");
        kept.wait("a directory is saved", |kept| kept.newest().contains("\"/usr\""));
        kept.server().run(&["rename-session", "-t", "=main", "other"]);
        kept.wait("a new name is saved", |kept| kept.newest().contains("\"other\""));
        kept.server().run(&["set-option", "-t", "=other:", "@mine", "yes"]);
        kept.wait("an option is saved", |kept| kept.newest().contains("@mine"));
    });
}

#[test]
fn what_was_killed_comes_back_as_the_keeper_saved_it() {
    on_every_tmux(|tmux| {
        let kept = Kept::begin(tmux, "");
        kept.server().run(&["new-session", "-d", "-s", "more"]);
        kept.server().run(&["split-window", "-d", "-t", "=main:"]);
        kept.server().settle();
        kept.server().type_line("=main:", "echo so-it-is");
        kept.server().wait_until("it is printed", |server| server.screen("=main:").contains("\nso-it-is"));
        kept.server().settle();
        kept.wait("all panes are saved", |kept| kept.list()[0]["panes"] == 3);
        kept.wait_until_saved();
        let before = evermux_testkit::describe(kept.server());
        kept.server().kill();
        kept.wait("the end is noticed", |kept| kept.json(&["status"])["state"] == "away");
        let report = kept.story.restore();
        kept.story.expect(&before, &report);
    });
}

#[test]
fn there_is_one_keeper_and_it_ends_when_asked() {
    on_every_tmux(|tmux| {
        let kept = Kept::begin(tmux, "");
        let first = kept.json(&["keeper", "start"]);
        assert_eq!(first["new"], false, "{first}");
        let again = kept.story.env.run(&["keeper", "run"]);
        assert_eq!(again.status, Some(5), "{again}");
        let panes = kept.list()[0]["panes"].clone();
        // What is not yet saved is saved before the end.
        kept.server().run(&["split-window", "-d"]);
        let stopped = kept.json(&["keeper", "stop"]);
        assert_eq!(stopped["was"], first["keeper"], "{stopped}");
        assert_ne!(kept.list()[0]["panes"], panes);
        assert_eq!(kept.json(&["keeper", "stop"])["was"], Value::Null);
    });
}

#[test]
fn a_pause_saves_nothing_and_ends() {
    on_every_tmux(|tmux| {
        let kept = Kept::begin(tmux, "");
        kept.wait_until_saved();
        kept.story.run(&["keeper", "pause", "1h"]);
        kept.wait("the keeper has heard it", |kept| kept.json(&["status"])["state"] == "paused");
        let before = kept.list().len();
        kept.server().run(&["new-window", "-d"]);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(1500) {
            assert_eq!(kept.list().len(), before);
        }
        kept.story.run(&["keeper", "resume"]);
        kept.wait("it goes on", |kept| kept.list().len() > before);
    });
}

#[test]
fn two_servers_are_kept_by_one_keeper() {
    on_every_tmux(|tmux| {
        let kept = Kept::begin(tmux, "");
        let pid = kept.json(&["status"])["keeper"].clone();
        kept.server().run(&["-L", "second", "-f", "/dev/null", "new-session", "-d", "-s", "b"]);
        let second = kept.story.env.for_server("second");
        let output = second.run(&["keeper", "watch"]);
        assert_eq!(output.status, Some(0), "{output}");
        kept.wait("the second is saved", |_| second.run(&["status"]).text().contains("saved "));
        let status: Value = serde_json::from_str(&second.run(&["--json", "status"]).text()).unwrap();
        assert_eq!(status["keeper"], pid);
        kept.server().tmux(&["-L", "second", "kill-server"]);
    });
}

#[test]
fn somebody_who_closes_the_last_session_has_closed_it() {
    on_every_tmux(|tmux| {
        let kept = Kept::begin(tmux, "");
        let client = kept.server().attach("main", 80, 24);
        kept.wait_until_saved();
        client.type_text("exit\r");
        kept.wait("the server has ended", |kept| kept.json(&["status"])["state"] == "away");
        let why = kept.story.env.run(&["list", "--why"]).to_string();
        assert!(!why.contains("A restore brings back:"), "tmux {}: {why}", tmux.version);
    });
}

#[test]
fn kill_server_closes_nothing() {
    on_every_tmux(|tmux| {
        let kept = Kept::begin(tmux, "");
        let client = kept.server().attach("main", 80, 24);
        kept.wait_until_saved();
        client.type_text("tmux kill-server\r");
        kept.wait("the server has ended", |kept| kept.json(&["status"])["state"] == "away");
        let why = kept.story.env.run(&["list", "--why"]).to_string();
        assert!(why.contains("A restore brings back:"), "tmux {}: {why}", tmux.version);
    });
}
