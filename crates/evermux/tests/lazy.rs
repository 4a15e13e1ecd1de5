//! `restore --lazy`: text at once, and a shell when somebody looks at its pane, or a key comes.

mod story;

use std::path::Path;

use evermux_testkit::{Process, Server, Tmux, describe, differences};
use story::{Story, on_every_tmux};

/// Two sessions with five windows, one of them in two panes; a line in every pane, and a program in one.
struct Lazy {
    story: Story,
    /// What it is like when every shell has started.
    before: String,
}

impl Lazy {
    #[track_caller]
    fn saved(tmux: &Tmux) -> Self {
        let story = Story::begin(tmux, "");
        let script = "split-window -h -t =main:\nnew-window -d -t =main:3\nnew-window -d -t =main:7\n\
                      new-session -d -s other\nnew-window -d -t =other:\n";
        assert!(story.server.script(script).ok());
        story.server.wait_for_prompts();
        for pane in panes(&story.server) {
            story.server.type_line(&pane, &format!("echo text-of-{}", place(&story.server, &pane)));
        }
        story.server.settle();
        let before = describe(&story.server);
        story.run(&["save"]);
        Self { story, before }
    }

    fn server(&self) -> &Server {
        &self.story.server
    }

    /// The machine is gone and there again, and everything restored but for the shells.
    #[track_caller]
    fn reboot(&self) -> String {
        self.story.end();
        let report = self.story.run(&["restore", "--lazy"]);
        assert!(report.contains("still to start"), "{report}");
        report
    }

    /// The places of the panes whose shells have not started.
    fn waiting(&self) -> Vec<String> {
        let server = self.server();
        panes(server).iter().filter(|pane| waits(server, pane)).map(|pane| place(server, pane)).collect()
    }

    #[track_caller]
    fn wait_for(&self, waiting: &[&str]) {
        let version = &self.server().binary().version;
        self.server().wait_until(&format!("tmux {version}: {waiting:?} wait, and no others"), |_| {
            self.waiting() == waiting
        });
    }

    /// Whoever holds the panes.
    fn holders(&self) -> Vec<Process> {
        let holds = |process: &Process| {
            let words = std::fs::read(format!("/proc/{}/cmdline", process.id())).unwrap_or_default();
            words.ends_with(b"\0hold\0")
        };
        self.server().sandbox().processes().into_iter().filter(holds).collect()
    }

    /// The only one: another can be a client of tmux that is just being made.
    #[track_caller]
    fn holder(&self) -> Process {
        self.server().wait_until("one process holds them", |_| self.holders().len() == 1);
        self.holders().remove(0)
    }

    #[track_caller]
    fn expect_as_before(&self) {
        self.server().settle();
        let found = differences(&self.before, &describe(self.server()));
        assert!(found.is_empty(), "tmux {}:\n{found}", self.server().binary().version);
    }
}

const ALL: [&str; 6] = ["main:0.0", "main:0.1", "main:3.0", "main:7.0", "other:0.0", "other:1.0"];

fn panes(server: &Server) -> Vec<String> {
    server.lines(&["list-panes", "-a", "-F", "#{pane_id}"])
}

fn place(server: &Server, pane: &str) -> String {
    server.display(pane, "#{session_name}:#{window_index}.#{pane_index}")
}

/// Whether evermux stands in the place of a pane's shell.
fn waits(server: &Server, pane: &str) -> bool {
    let program = std::fs::read_link(format!("/proc/{}/exe", server.display(pane, "#{pane_pid}")));
    program.is_ok_and(|program| program == Path::new(env!("CARGO_BIN_EXE_evermux")))
}

#[test]
fn a_shell_starts_when_its_pane_is_shown() {
    on_every_tmux(|tmux| {
        let lazy = Lazy::saved(tmux);
        let report = lazy.reboot();
        let server = lazy.server();
        assert_eq!(lazy.waiting(), ALL, "tmux {}: {report}", tmux.version);
        for pane in panes(server) {
            let text = format!("\ntext-of-{}", place(server, &pane));
            assert!(server.screen(&pane).ends_with(&text), "tmux {}: {}", tmux.version, server.screen(&pane));
            assert_eq!(server.display(&pane, "#{pane_current_command}"), "sh");
        }
        let client = server.attach("main", 80, 24);
        lazy.wait_for(&ALL[2..]);
        server.run(&["select-window", "-t", "=main:3"]);
        lazy.wait_for(&ALL[3..]);
        let terminal = server.run(&["list-clients", "-F", "#{client_tty}"]);
        server.run(&["switch-client", "-c", terminal.trim(), "-t", "=other:1"]);
        lazy.wait_for(&["main:7.0", "other:0.0"]);
        // A window that comes to be shown because another one is gone.
        server.run(&["kill-window", "-t", "=other:1"]);
        lazy.wait_for(&["main:7.0"]);
        drop(client);
        server.run(&["select-window", "-t", "=main:7"]);
        assert_eq!(lazy.waiting(), ["main:7.0"], "nobody sees it");
        let _client = server.attach("main", 80, 24);
        lazy.wait_for(&[]);
        server.wait_until("nobody holds anything", |_| lazy.holders().is_empty());
        assert!(!server.run(&["show-hooks", "-g"]).contains("evermux-door"), "nothing is left");
    });
}

#[test]
fn all_is_as_it_was_when_all_was_shown() {
    on_every_tmux(|tmux| {
        let lazy = Lazy::saved(tmux);
        // More than once: nothing piles up.
        for _ in 0..2 {
            lazy.reboot();
            lazy.story.run(&["save"]);
        }
        let server = lazy.server();
        for pane in panes(server) {
            server.run(&["send-keys", "-t", &pane, ""]);
            server.type_text(&pane, " \u{8}");
        }
        lazy.wait_for(&[]);
        lazy.expect_as_before();
    });
}

#[test]
fn no_key_is_lost() {
    on_every_tmux(|tmux| {
        let lazy = Lazy::saved(tmux);
        lazy.reboot();
        let server = lazy.server();
        server.type_line("=main:3.0", "echo $((40+2))");
        server.wait_until("the shell obeys", |server| server.screen("=main:3.0").contains("42"));
        let lines: String = (0..200).map(|number| format!("echo line-$(({number}+1000))\n")).collect();
        let file = server.sandbox().write("paste", lines);
        server.run(&["load-buffer", &file.display().to_string()]);
        server.run(&["paste-buffer", "-t", "=main:7.0"]);
        server.wait_until("all of it is there", |server| {
            let text = server.run(&["capture-pane", "-p", "-S", "-", "-t", "=main:7.0"]);
            (0..200).all(|number| text.contains(&format!("line-{}\n", number + 1000)))
        });
        lazy.wait_for(&["main:0.0", "main:0.1", "other:0.0", "other:1.0"]);
        // Also when the window gets another size meanwhile.
        server.run(&["resize-window", "-t", "=other:1", "-x", "100", "-y", "30"]);
        server.run(&["resize-window", "-t", "=other:1", "-x", "80", "-y", "24"]);
        assert_eq!(lazy.waiting().last().map(String::as_str), Some("other:1.0"));
        server.type_line("=other:1.0", "echo $((40+2))");
        server.wait_until("the shell obeys", |server| server.screen("=other:1.0").contains("42"));
    });
}

#[test]
fn what_waits_is_saved_as_it_was() {
    on_every_tmux(|tmux| {
        let lazy = Lazy::saved(tmux);
        lazy.story.env.write_config("[restore]\nunknown = \"skip\"\n");
        let server = lazy.server();
        server.type_line("=main:7.0", "sleep 1000");
        server.wait_until("the program runs", |server| {
            server.display("=main:7.0", "#{pane_current_command}") == "sleep"
        });
        lazy.story.run(&["save"]);
        for _ in 0..3 {
            let report = lazy.reboot();
            assert!(report.contains("owed  pane main:7.0: program sleep 1000"), "{report}");
            lazy.story.run(&["save"]);
            // Its size is nobody's doing.
            let client = server.attach("other", 100, 40);
            lazy.wait_for(&["main:0.0", "main:0.1", "main:3.0", "main:7.0", "other:1.0"]);
            lazy.story.run(&["save"]);
            drop(client);
            let shown = lazy.story.run(&["show"]);
            assert_eq!(shown.matches("waits to be shown").count(), 5, "tmux {}: {shown}", tmux.version);
            assert!(!shown.contains("evermux hold"), "{shown}");
        }
        lazy.story.end();
        let report = lazy.story.restore();
        assert!(report.contains("owed  pane main:7.0: program sleep 1000"), "{report}");
        for pane in panes(server) {
            let text = server.run(&["capture-pane", "-p", "-S", "-", "-t", &pane]);
            let line = format!("text-of-{}\n", place(server, &pane));
            assert_eq!(text.matches(&format!("\n{line}")).count(), 1, "tmux {}: {text}", tmux.version);
        }
    });
}

#[test]
fn no_pane_stays_without_a_shell() {
    on_every_tmux(|tmux| {
        let lazy = Lazy::saved(tmux);
        lazy.reboot();
        lazy.holder().kill();
        lazy.wait_for(&[]);
        lazy.expect_as_before();
    });
}

#[test]
fn who_holds_them_ends_with_the_server() {
    on_every_tmux(|tmux| {
        let lazy = Lazy::saved(tmux);
        lazy.reboot();
        lazy.holder();
        lazy.server().tmux(&["kill-server"]);
        lazy.server().wait_until("nobody holds anything", |_| lazy.holders().is_empty());
    });
}

#[test]
fn undo_takes_back_what_nobody_has_looked_at() {
    on_every_tmux(|tmux| {
        let lazy = Lazy::saved(tmux);
        lazy.story.end();
        lazy.server().run(&["new-session", "-d", "-s", "mine"]);
        lazy.server().wait_for_prompts();
        lazy.story.run(&["restore", "--lazy"]);
        let dry = lazy.story.run(&["restore", "--lazy", "--dry-run"]);
        assert!(dry.contains("Nothing to restore"), "{dry}");
        lazy.story.run(&["save"]);
        lazy.server().type_line("=other:1.0", "echo $((40+2))");
        lazy.server().wait_until("the shell obeys", |server| server.screen("=other:1.0").contains("42"));
        let undone = lazy.story.run(&["undo", "--yes"]);
        assert!(
            undone.contains("left          pane other:1.0: it was used since"),
            "tmux {}: {undone}",
            tmux.version
        );
        let left: Vec<String> = panes(lazy.server()).iter().map(|pane| place(lazy.server(), pane)).collect();
        assert_eq!(left, ["mine:0.0", "other:1.0"], "tmux {}: {undone}", tmux.version);
    });
}
