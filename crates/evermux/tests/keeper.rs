//! The keeper on real servers: what it saves by itself, and what it notices.

mod story;

use std::time::{Duration, Instant};

use evermux_testkit::{Server, Tmux, wait_until};
use jiff::Timestamp;
use serde_json::Value;
use story::{Story, on_every_tmux};

/// Longer than anything may take, also on a machine that has much else to do.
const LIMIT: Duration = Duration::from_secs(30);

/// A story with a keeper, which ends with it.
struct Kept(Story);

impl Kept {
    #[track_caller]
    fn begin(tmux: &Tmux, config: &str) -> Self {
        let kept = Self(Story::begin(tmux, config));
        kept.0.server.wait_for_prompts();
        kept.0.run(&["keeper", "watch"]);
        kept.wait("the first save", |kept| !kept.list().is_empty());
        kept
    }

    fn server(&self) -> &Server {
        &self.0.server
    }

    fn json(&self, command: &[&str]) -> Value {
        let output = self.0.env.run(&[&["--json"], command].concat());
        serde_json::from_str(&output.text()).unwrap_or_default()
    }

    fn list(&self) -> Vec<Value> {
        self.json(&["list"]).as_array().cloned().unwrap_or_default()
    }

    /// The newest snapshot as `show` prints it.
    fn newest(&self) -> String {
        self.json(&["show", "latest"]).to_string()
    }

    #[track_caller]
    fn wait(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let version = &self.0.server.binary().version;
        wait_until(&format!("tmux {version}: {what}"), LIMIT, || condition(self));
    }

    /// Waits until the keeper has looked at what is there now, and has saved it.
    #[track_caller]
    fn wait_until_saved(&self) {
        let now = Timestamp::now();
        self.wait("what is there now is saved", |kept| {
            let status = kept.json(&["status"]);
            let saved = status["saved_at"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
            status["state"] == "saved" && saved.is_some_and(|at| at > now)
        });
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.env.run(&["keeper", "stop"]);
    }
}

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
        let report = kept.0.restore();
        kept.0.expect(&before, &report);
    });
}

#[test]
fn there_is_one_keeper_and_it_ends_when_asked() {
    on_every_tmux(|tmux| {
        let kept = Kept::begin(tmux, "");
        let first = kept.json(&["keeper", "start"]);
        assert_eq!(first["new"], false, "{first}");
        let again = kept.0.env.run(&["keeper", "run"]);
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
        kept.0.run(&["keeper", "pause", "1h"]);
        kept.wait("the keeper has heard it", |kept| kept.json(&["status"])["state"] == "paused");
        let before = kept.list().len();
        kept.server().run(&["new-window", "-d"]);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(1500) {
            assert_eq!(kept.list().len(), before);
        }
        kept.0.run(&["keeper", "resume"]);
        kept.wait("it goes on", |kept| kept.list().len() > before);
    });
}

#[test]
fn two_servers_are_kept_by_one_keeper() {
    on_every_tmux(|tmux| {
        let kept = Kept::begin(tmux, "");
        let pid = kept.json(&["status"])["keeper"].clone();
        kept.server().run(&["-L", "second", "-f", "/dev/null", "new-session", "-d", "-s", "b"]);
        let second = kept.0.env.for_server("second");
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
        let why = kept.0.env.run(&["list", "--why"]).to_string();
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
        let why = kept.0.env.run(&["list", "--why"]).to_string();
        assert!(why.contains("A restore brings back:"), "tmux {}: {why}", tmux.version);
    });
}
