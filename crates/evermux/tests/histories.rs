//! What comes back after what history: the cases that need no keeper, on real servers of every version.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

use evermux_testkit::{Env, Server, tmux_binaries};

/// A server, the program, and what happens to both.
struct World {
    server: Server,
    env: Env,
}

impl World {
    /// A server with these sessions.
    fn with(&self, sessions: &[&str]) -> &Self {
        for session in sessions {
            self.server.run(&["new-session", "-d", "-s", session, "-x", "80", "-y", "24"]);
        }
        self.server.wait_for_prompts();
        self
    }

    /// A server as somebody finds it who has just started tmux.
    fn with_nothing(&self) -> &Self {
        self.server.run(&["new-session", "-d", "-x", "80", "-y", "24"]);
        self.server.wait_for_prompts();
        self
    }

    fn close(&self, session: &str) -> &Self {
        self.server.run(&["kill-session", "-t", &format!("={session}")]);
        self
    }

    fn rename(&self, session: &str, name: &str) -> &Self {
        self.server.run(&["rename-session", "-t", &format!("={session}"), name]);
        self
    }

    fn save(&self) -> &Self {
        self.evermux(&["save"])
    }

    fn restore(&self) -> &Self {
        self.evermux(&["restore"])
    }

    fn evermux(&self, command: &[&str]) -> &Self {
        let output = self.env.run(command);
        assert!(matches!(output.status, Some(0 | 3)), "evermux {command:?}:\n{output}");
        self
    }

    /// The machine is gone.
    fn crash(&self) -> &Self {
        self.server.kill_all();
        self
    }

    #[track_caller]
    fn has(&self, expected: &[&str]) -> &Self {
        let mut sessions = self.server.lines(&["list-sessions", "-F", "#{session_name}"]);
        sessions.sort();
        let why = self.env.run(&["list", "--why"]);
        assert_eq!(sessions, expected, "tmux {}\n{why}", self.server.binary().version);
        self
    }

    /// The reason for a session, as `list --why` tells it.
    fn why(&self, session: &str) -> String {
        let told = self.env.run(&["list", "--why"]).text();
        let line = told.lines().find(|line| line.trim_start().starts_with(&format!("{session} (snapshot")));
        line.unwrap_or_else(|| panic!("nothing about {session}:\n{told}")).to_owned()
    }
}

fn every_version(test: impl Fn(&World)) {
    for tmux in tmux_binaries() {
        eprintln!("tmux {}", tmux.version);
        let server = Server::builder(&tmux).absent();
        let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
        test(&World { server, env });
    }
}

#[test]
fn crash() {
    every_version(|world| {
        world.with(&["a", "b"]).save().crash().restore().has(&["a", "b"]);
        world.restore().has(&["a", "b"]);
        world.crash().restore().has(&["a", "b"]);
    });
}

#[test]
fn kill_server() {
    every_version(|world| {
        world.with(&["a", "b"]).save();
        world.server.run(&["kill-server"]);
        world.crash().restore().has(&["a", "b"]);
    });
}

#[test]
fn closed_stays_closed_until_asked_for() {
    every_version(|world| {
        world.with(&["a", "b", "c"]).save().close("b").save();
        assert!(world.why("b").contains("was closed"));
        world.restore().has(&["a", "c"]).crash().restore().has(&["a", "c"]);
        world.evermux(&["restore", "--session", "b"]).has(&["a", "b", "c"]);
        world.crash().restore().has(&["a", "b", "c"]);
    });
}

#[test]
fn a_slip_of_the_finger() {
    every_version(|world| {
        world.with(&["a", "b"]).save().close("b").restore().has(&["a", "b"]);
    });
}

#[test]
fn empty_servers_in_a_row_hide_nothing() {
    every_version(|world| {
        world.with(&["a", "b"]).save().crash();
        for _ in 0..3 {
            world.with_nothing().save().crash();
        }
        world.restore().has(&["a", "b"]);
    });
    every_version(|world| {
        world.with_nothing().save().crash().restore().has(&["0"]);
    });
}

#[test]
fn new_work_hides_nothing() {
    every_version(|world| {
        world.with(&["a", "b"]).save().crash();
        world.with(&["x"]).save().crash();
        assert!(world.why("a").contains("never brought back"));
        world.restore().has(&["a", "b", "x"]);
    });
}

#[test]
fn restored_renamed_and_closed() {
    every_version(|world| {
        world.with(&["a", "b"]).save().crash().restore().close("a").rename("b", "c").save();
        world.crash().restore().has(&["c"]);
    });
}

#[test]
fn forgetting_brings_nothing_back() {
    every_version(|world| {
        world.with(&["a", "b"]).save().close("b").save().with(&["c"]).save().crash();
        world.evermux(&["forget", "2", "3"]).restore().has(&["a"]);
    });
}

#[test]
fn what_is_owed_can_be_let_go() {
    every_version(|world| {
        world.with(&["a", "b"]).save().crash();
        world.evermux(&["forget", "--owed", "b"]).restore().has(&["a"]);
    });
}

#[test]
fn an_older_state_brought_back_settles_nothing() {
    every_version(|world| {
        world.with(&["a"]).save().with(&["b"]).save().crash();
        world.evermux(&["restore", "1"]).has(&["a"]).save().crash().restore().has(&["a", "b"]);
    });
    every_version(|world| {
        world.with(&["a", "b"]).save().crash();
        world.evermux(&["restore", "--session", "a"]).has(&["a"]).save().crash().restore().has(&["a", "b"]);
    });
}
