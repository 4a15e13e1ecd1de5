//! Real editors in real panes, for the tests of what they hold.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use evermux_testkit::{Env, Nvim, Server, ServerBuilder, nvim_binaries, tmux_binaries};
use serde_json::Value;

/// Says which Neovims there are; without any nothing is tested.
#[allow(clippy::print_stderr, reason = "a test that does not test says so")]
pub fn nvims() -> Vec<Nvim> {
    let found = nvim_binaries();
    if found.is_empty() {
        eprintln!("there is no nvim (cargo xtask editors): not tested");
    }
    found
}

/// A server with one pane, in which an editor runs.
pub struct Ground {
    pub server: Server,
    pub env: Env,
    /// Which editor, for messages.
    pub what: String,
}

/// The pane it runs in.
pub const PANE: &str = "work:0";

impl Ground {
    /// For an editor that is in `PATH`.
    pub fn of(what: &str) -> Self {
        Self::made(builder(), what.to_owned())
    }

    pub fn made(builder: ServerBuilder, what: String) -> Self {
        let server = builder.absent();
        Self { env: Env::new(env!("CARGO_BIN_EXE_evermux"), &server), server, what }
    }

    pub fn new(nvim: &Nvim) -> Self {
        let mut builder = builder();
        if let Some(runtime) = &nvim.runtime {
            builder = builder.variable("VIMRUNTIME", runtime.to_str().expect("it is text"));
        }
        let ground = Self::made(builder, format!("nvim {}", nvim.version));
        symlink(&nvim.path, ground.path("../bin/nvim")).expect("a new sandbox");
        ground.write(
            ".config/nvim/init.vim",
            b"set nomore foldmethod=manual laststatus=2 noshowcmd sessionoptions=buffers,globals\n",
        );
        ground
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.server.sandbox().home().join(name)
    }

    pub fn write(&self, name: &str, text: &[u8]) -> PathBuf {
        self.server.sandbox().write(Path::new("home").join(name), text)
    }

    pub fn shell(&self) {
        self.server.run(&["new-session", "-d", "-s", "work", "-x", "100", "-y", "30"]);
        self.server.wait_for_prompts();
    }

    pub fn start(&self, line: &str) {
        self.shell();
        self.server.type_line(PANE, line);
        self.draws();
    }

    /// Waits until the editor shows something of its own.
    pub fn draws(&self) {
        self.server.wait_until("the editor draws", |server| {
            server.display(PANE, "#{alternate_on}") == "1"
                && [".txt", "[No Name]"].iter().any(|name| server.screen(PANE).contains(name))
        });
    }

    /// Has the editor run a script of its own language; what that writes into `told`.
    pub fn script(&self, text: &str) -> String {
        let told = self.path("told");
        let _ = fs::remove_file(&told);
        self.write(
            "script.vim",
            format!(
                "{text}\ncall writefile(get(g:, 'told', []), 'told.new')\ncall rename('told.new', 'told')\n"
            )
            .as_bytes(),
        );
        self.server.run(&["send-keys", "-t", PANE, "Escape"]);
        self.server.type_line(
            PANE,
            &format!(
                ":silent source {}/script.vim",
                self.path("").display().to_string().trim_end_matches('/')
            ),
        );
        self.server
            .wait_until(&format!("{}: the editor obeys\n{}", self.what, self.server.screen(PANE)), |_| {
                told.exists()
            });
        // What was typed goes from the last line.
        self.server.type_text(PANE, ":");
        self.server.run(&["send-keys", "-t", PANE, "Escape"]);
        self.settled();
        fs::read_to_string(told).expect("it is text")
    }

    /// The screen once it does not change any more.
    pub fn settled(&self) -> String {
        let mut last = self.server.screen(PANE);
        let mut same = 0;
        while same < 5 {
            std::thread::sleep(std::time::Duration::from_millis(30));
            let now = self.server.screen(PANE);
            same = if now == last { same + 1 } else { 0 };
            last = now;
        }
        last
    }

    pub fn editor(&self) -> Value {
        let shown: Value = serde_json::from_str(&self.env.ok(&["show", "--json"])).expect("JSON");
        let pane = &shown["content"]["windows"][0]["panes"][0];
        pane["program"]["editor"].clone()
    }

    /// Saves, until the editor itself has told what it holds: it may be late on a busy machine.
    pub fn told(&self) -> Value {
        self.server.wait_until(&format!("{}: it tells", self.what), |_| {
            self.env.ok(&["save"]);
            let editor = self.editor();
            editor.is_object() && editor["late"].is_null()
        });
        self.editor()
    }

    pub fn restart(&self) -> Value {
        self.server.kill_all();
        let output = self.env.run(&["restore", "--json"]);
        assert!(matches!(output.status, Some(0 | 3)), "{}: {output}", self.what);
        let restored: Value = serde_json::from_str(&output.text()).expect("JSON");
        assert_eq!(restored["started"].as_array().map(Vec::len), Some(1), "{}: {restored:#}", self.what);
        assert_eq!(restored["exact"], true, "{}: {restored:#}", self.what);
        restored
    }
}

fn builder() -> ServerBuilder {
    let tmux = tmux_binaries().pop().expect("there is one");
    Server::builder(&tmux).config("set -g default-command ''\nset -sg escape-time 0\n")
}

/// The process in the foreground of the pane.
pub fn foreground(server: &Server) -> String {
    let pid = server.display(PANE, "#{pane_pid}");
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    stat.rsplit_once(") ").and_then(|(_, fields)| fields.split(' ').nth(5)).expect("fields").to_owned()
}
