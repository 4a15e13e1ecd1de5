//! A server's life as its user sees it: it runs, is saved, dies with its machine, and comes back.

#![allow(dead_code, reason = "each test uses a part of it")]

pub mod kept;
pub mod user;

use evermux_testkit::{Env, Server, Tmux, describe, differences, tmux_binaries};

/// A server and the evermux of its user.
pub struct Story {
    pub server: Server,
    pub env: Env,
}

/// Tells a story on every tmux there is.
pub fn on_every_tmux(story: impl Fn(&Tmux)) {
    for tmux in tmux_binaries() {
        story(&tmux);
    }
}

impl Story {
    /// A running server with one session `main` under this configuration.
    #[track_caller]
    pub fn begin(tmux: &Tmux, config: &str) -> Story {
        Story::of(Server::builder(tmux).config(config).start())
    }

    /// The story of a server that may not live yet.
    pub fn of(server: Server) -> Story {
        let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
        Story { server, env }
    }

    /// Runs evermux, which must do it (0), or do it and list problems or debts (3); all it says.
    #[track_caller]
    pub fn run(&self, command: &[&str]) -> String {
        let output = self.env.run(command);
        let version = &self.server.binary().version;
        assert!(matches!(output.status, Some(0 | 3)), "tmux {version}: evermux {command:?}:\n{output}");
        output.to_string()
    }

    /// The end of the machine.
    pub fn end(&self) {
        self.server.kill_all();
    }

    /// The machine is there again: everything comes back, and every shell stands at its prompt.
    #[track_caller]
    pub fn restore(&self) -> String {
        let report = self.run(&["restore"]);
        self.server.wait_for_prompts();
        report
    }

    /// Saves, ends, restores, and expects everything to be as it was.
    #[track_caller]
    pub fn round(&self) -> String {
        let before = describe(&self.server);
        self.run(&["save"]);
        self.end();
        let report = self.restore();
        self.expect(&before, &report);
        report
    }

    /// Expects the server to be as described.
    #[track_caller]
    pub fn expect(&self, before: &str, report: &str) {
        let found = differences(before, &describe(&self.server));
        let version = &self.server.binary().version;
        assert!(found.is_empty(), "tmux {version}: differs after the restore:\n{found}\n{report}");
    }
}
