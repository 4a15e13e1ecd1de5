//! A story with a keeper.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use evermux_testkit::{Process, Server, Tmux, tmux_binaries, wait_until};
use jiff::Timestamp;
use serde_json::Value;

use super::Story;

/// Longer than anything may take, also on a machine that has much else to do.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A story with a keeper, which ends with it.
pub struct Kept {
    pub story: Story,
}

impl Kept {
    #[track_caller]
    pub fn begin(tmux: &Tmux, config: &str) -> Self {
        Self::of(Story::begin(tmux, config))
    }

    /// Has the server of a story kept.
    #[track_caller]
    pub fn of(story: Story) -> Self {
        let kept = Self { story };
        kept.story.server.wait_for_prompts();
        kept.story.run(&["keeper", "watch"]);
        kept.wait("the first save", |kept| !kept.list().is_empty());
        kept
    }

    pub fn server(&self) -> &Server {
        &self.story.server
    }

    pub fn json(&self, command: &[&str]) -> Value {
        let output = self.story.env.run(&[&["--json"], command].concat());
        serde_json::from_str(&output.text()).unwrap_or_default()
    }

    pub fn list(&self) -> Vec<Value> {
        self.json(&["list"]).as_array().cloned().unwrap_or_default()
    }

    /// The newest snapshot as `show` prints it.
    pub fn newest(&self) -> String {
        self.json(&["show", "latest"]).to_string()
    }

    #[track_caller]
    pub fn wait(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let version = &self.story.server.binary().version;
        let waited = catch_unwind(AssertUnwindSafe(|| wait_until(what, LIMIT, || condition(self))));
        if waited.is_err() {
            let [status, log] = [&["status"][..], &["log"]].map(|command| self.story.env.run(command));
            panic!("tmux {version}: waited in vain: {what}\n{status}\n{log}");
        }
    }

    /// Waits until the keeper has looked at what is there now, and has saved it.
    #[track_caller]
    pub fn wait_until_saved(&self) {
        let now = Timestamp::now();
        self.wait("what is there now is saved", |kept| {
            let status = kept.json(&["status"]);
            let saved = status["saved_at"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
            status["state"] == "saved" && saved.is_some_and(|at| at > now)
        });
    }
}

impl Kept {
    /// The machine is gone, with everything that ran on it.
    pub fn crash(&self) {
        self.story.server.kill_all();
    }

    /// The machine is there again, and with it the keeper and a server that this command starts.
    #[track_caller]
    pub fn boot(&self, first: &[&str]) {
        self.server().run(first);
        self.server().wait_for_prompts();
        self.story.run(&["keeper", "start"]);
        self.wait_until_saved();
    }

    /// The reason for a session, as `list --why` tells it.
    #[track_caller]
    pub fn why(&self, session: &str) -> String {
        let told = self.story.env.run(&["list", "--why"]).text();
        let line = told.lines().find(|line| line.trim_start().starts_with(&format!("{session} (snapshot")));
        line.unwrap_or_else(|| panic!("nothing about {session}:\n{told}")).to_owned()
    }

    /// The sessions there are.
    #[track_caller]
    pub fn sessions(&self) -> Vec<String> {
        let mut sessions = self.server().lines(&["list-sessions", "-F", "#{session_name}"]);
        sessions.sort();
        sessions
    }

    /// The keeper's process.
    #[track_caller]
    pub fn keeper(&self) -> Process {
        let pid = self.json(&["keeper", "start"])["keeper"].as_u64().and_then(|pid| u32::try_from(pid).ok());
        pid.and_then(Process::open).expect("there is a keeper")
    }

    /// What `status` says of how it stands.
    pub fn state(&self) -> String {
        self.json(&["status"])["state"].as_str().unwrap_or_default().to_owned()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.story.env.run(&["keeper", "stop"]);
    }
}

/// Tells a story on every tmux there is, on all of them at the same time: where it takes its time.
pub fn on_every_tmux_at_once(story: impl Fn(&Tmux) + Sync) {
    std::thread::scope(|scope| {
        for tmux in tmux_binaries() {
            let story = &story;
            scope.spawn(move || story(&tmux));
        }
    });
}
