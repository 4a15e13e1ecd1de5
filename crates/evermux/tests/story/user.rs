//! A user whose tmux.conf has evermux's line.

use std::fs::File;
use std::time::{Duration, Instant};

use evermux_testkit::{Client, Server, Tmux, wait_until};

use super::Story;

/// Longer than anything may take, also on a machine that has much else to do.
const LIMIT: Duration = Duration::from_secs(30);

/// A user who had two sessions, looked at `main`, and whose machine has ended since. Their tmux.conf has the line.
pub struct User(pub Story);

impl User {
    #[track_caller]
    pub fn new(tmux: &Tmux) -> Self {
        Self::with(tmux, |_| {})
    }

    /// The same, who has done something before the machine ended.
    #[track_caller]
    pub fn with(tmux: &Tmux, work: impl FnOnce(&Server)) -> Self {
        let user = Self(Story::begin(tmux, ""));
        let server = user.server();
        server.run(&["split-window", "-d", "-t", "=main:"]);
        server.run(&["new-session", "-d", "-s", "other", "-x", "80", "-y", "24"]);
        server.settle();
        server.type_line("=main:", "echo so-it-is");
        server.wait_until("it is printed", |server| server.screen("=main:").contains("\nso-it-is"));
        let _client = server.attach("main", 80, 24);
        server.settle();
        work(server);
        user.0.run(&["save"]);
        user.0.end();
        user.configure("");
        user
    }

    pub fn server(&self) -> &Server {
        &self.0.server
    }

    /// Writes tmux.conf: these lines, and evermux's last.
    pub fn configure(&self, lines: &str) {
        self.configure_with(lines, &self.0.env.ok(&["tmux-conf"]));
    }

    pub fn configure_with(&self, lines: &str, last: &str) {
        let sandbox = self.server().sandbox();
        let folders = format!(
            "set-environment -g EVERMUX_DIR {}\nset-environment -g EVERMUX_CONFIG {}\n",
            self.0.env.state().display(),
            sandbox.path("config.toml").display()
        );
        sandbox.write("home/.tmux.conf", format!("{folders}{lines}\n{last}"));
    }

    /// Somebody types `tmux COMMAND` in a terminal.
    #[track_caller]
    pub fn tmux(&self, command: &[&str]) -> Client {
        Client::run(self.server(), command, 80, 24)
    }

    #[track_caller]
    pub fn wait(&self, what: &str, condition: impl Fn(&Server) -> bool) {
        let version = &self.server().binary().version;
        wait_until(&format!("tmux {version}: {what}"), LIMIT, || condition(self.server()));
    }

    pub fn sessions(&self) -> Vec<String> {
        sessions(self.server())
    }

    /// Waits until these sessions are there and no others.
    #[track_caller]
    pub fn expect_sessions(&self, names: &[&str]) {
        let end = Instant::now() + LIMIT;
        while self.sessions() != names {
            let version = &self.server().binary().version;
            assert!(
                Instant::now() < end,
                "tmux {version}: {:?} and not {names:?}\n{}",
                self.sessions(),
                self.0.env.run(&["log"])
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The sessions that clients show.
    pub fn shown(&self) -> Vec<String> {
        let output = self.server().tmux(&["list-clients", "-F", "#{client_session}"]);
        let mut names: Vec<String> = output.text().lines().map(str::to_owned).collect();
        names.sort();
        names
    }

    /// Waits until evermux has decided about this life of the server: it keeps it.
    #[track_caller]
    pub fn wait_until_kept(&self) {
        self.wait("the server is kept", |_| {
            self.0.env.run(&["--json", "status"]).text().contains("\"state\": \"saved\"")
        });
    }

    /// Takes the lock that a restore needs: whoever restores waits for it as for a disk that hangs.
    pub fn hang(&self) -> Vec<File> {
        self.0.run(&["list"]);
        let machine = std::fs::read_dir(self.0.env.state())
            .expect("the state folder can be read")
            .next()
            .expect("the state folder can be read")
            .expect("the state folder can be read")
            .path();
        let locks = std::fs::read_dir(&machine)
            .expect("the state folder can be read")
            .map(|entry| entry.expect("the state folder can be read").path());
        let locks = locks.filter(|path| path.to_string_lossy().contains("restore"));
        let held: Vec<File> =
            locks.map(|path| File::open(path).expect("the state folder can be read")).collect();
        held.iter().for_each(|file| file.lock().expect("the state folder can be read"));
        assert!(!held.is_empty());
        held
    }
}

pub fn sessions(server: &Server) -> Vec<String> {
    let output = server.tmux(&["list-sessions", "-F", "#{session_name}"]);
    let mut names: Vec<String> = output.text().lines().map(str::to_owned).collect();
    names.sort();
    names
}
