//! A server with some work in it, to restore onto.

use evermux_testkit::{Env, Output, Server, Tmux, describe, differences, tmux_binaries};

/// A server with some work in it, and evermux for it.
pub struct Bench {
    pub server: Server,
    pub env: Env,
}

impl Bench {
    /// Two sessions: `work` with windows 0 (two panes), 3 and 5, and `other` with windows 0 and 1.
    pub fn new(tmux: &Tmux) -> Bench {
        Bench::with(tmux, "")
    }

    pub fn with(tmux: &Tmux, config: &str) -> Bench {
        let first = ["new-session", "-d", "-s", "work", "-n", "edit", "-x", "80", "-y", "24"];
        let server = Server::builder(tmux).config(config).first(&first).start();
        let script = "split-window -h -t =work:edit\n\
                      select-pane -t =work:edit.0\n\
                      new-window -d -t =work:3 -n logs\n\
                      new-window -d -t =work:5 -n notes\n\
                      new-session -d -s other -n one -x 80 -y 24\n\
                      new-window -d -t =other: -n two\n";
        assert!(server.script(script).ok());
        let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
        let bench = Bench { server, env };
        bench.write_texts();
        bench
    }

    /// A line in every pane, told apart by where it is.
    pub fn write_texts(&self) {
        self.server.wait_for_prompts();
        let format = "#{pane_id} #{session_name}-#{window_name}-#{pane_index}";
        let panes = self.server.lines(&["list-panes", "-a", "-F", format]);
        for line in &panes {
            let (pane, name) = line.split_once(' ').expect("two words");
            self.server.type_line(pane, &format!("echo text-of-{name}"));
        }
        for line in &panes {
            let (pane, name) = line.split_once(' ').expect("two words");
            self.server.wait_until("the text is there", |server| {
                server.screen(pane).contains(&format!("\ntext-of-{name}"))
            });
        }
        self.server.wait_for_prompts();
    }

    pub fn save(&self) {
        self.env.ok(&["save"]);
    }

    /// Runs evermux and expects this exit status.
    #[track_caller]
    pub fn run(&self, arguments: &[&str], status: i32) -> Output {
        let output = self.env.run(arguments);
        assert_eq!(
            output.status,
            Some(status),
            "tmux {}: evermux {arguments:?}:\n{output}",
            self.server.binary().version
        );
        output
    }

    /// All of it, once the shells wait.
    pub fn describe(&self) -> String {
        self.server.wait_for_prompts();
        describe(&self.server)
    }

    #[track_caller]
    pub fn expect(&self, before: &str, context: &dyn std::fmt::Display) {
        let found = differences(before, &self.describe());
        assert!(found.is_empty(), "tmux {}:\n{found}\n{context}", self.server.binary().version);
    }

    pub fn sessions(&self) -> Vec<String> {
        self.server.lines(&["list-sessions", "-F", "#{session_name}"])
    }

    /// Ids, places and processes of everything alive, and what is shown.
    pub fn alive(&self) -> Vec<String> {
        let format = "#{session_id} #{window_id} #{window_index} #{window_active} #{pane_id} #{pane_pid} \
                      #{pane_active} #{window_zoomed_flag} #{pane_width}x#{pane_height} #{session_name}";
        self.server.lines(&["list-panes", "-a", "-F", format])
    }

    /// That everything of `before` is still there, the same.
    #[track_caller]
    pub fn expect_unmoved(&self, before: &[String]) {
        let after = self.alive();
        for line in before {
            assert!(after.contains(line), "tmux {}: {line}\nnot in {after:#?}", self.server.binary().version);
        }
    }

    /// Every option, hook and environment of the server as a whole: a restore leaves none of its own.
    pub fn globals(&self) -> String {
        let mut all = String::new();
        for command in [
            &["show-options", "-s"][..],
            &["show-options", "-g"],
            &["show-options", "-gw"],
            &["show-hooks", "-g"],
            &["show-environment", "-g"],
        ] {
            all.push_str(&self.server.run(command));
            all.push('\n');
        }
        all
    }

    /// That nothing is left of the building.
    #[track_caller]
    pub fn expect_clean(&self, report: &dyn std::fmt::Display) {
        let mut found = Vec::new();
        for session in self.server.lines(&["list-sessions", "-F", "#{session_id} #{session_name}"]) {
            let (id, name) = session.split_once(' ').expect("two words");
            if name.starts_with("evermux") {
                found.push(session.clone());
            }
            let options = self.server.run(&["show-options", "-t", id]);
            let hooks = self.server.run(&["show-hooks", "-t", id]);
            found.extend(leftovers(id, &options));
            found.extend(
                hooks.lines().filter(|line| line.contains('[')).map(|line| format!("{id}: hook {line}")),
            );
        }
        for window in self.server.lines(&["list-windows", "-a", "-F", "#{window_id}"]) {
            found.extend(leftovers(&window, &self.server.run(&["show-options", "-w", "-t", &window])));
        }
        for pane in self.server.lines(&["list-panes", "-a", "-F", "#{pane_id}"]) {
            found.extend(leftovers(&pane, &self.server.run(&["show-options", "-p", "-t", &pane])));
        }
        assert!(found.is_empty(), "tmux {}: {found:#?}\n{report}", self.server.binary().version);
    }
}

fn leftovers(of: &str, options: &str) -> Vec<String> {
    let ours = |line: &&str| line.contains("@evermux-restore") || line.contains("session-created");
    options.lines().filter(ours).map(|line| format!("{of}: {line}")).collect()
}

pub fn on_every_tmux(test: impl Fn(&Tmux)) {
    for tmux in tmux_binaries() {
        test(&tmux);
    }
}
