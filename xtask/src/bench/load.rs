//! The servers that are measured: many shells, ten panes a window, ten windows a session.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use evermux_testkit::{Server, Tmux};

use super::cost::spent;
use super::limits::Limit;

const PANES_PER_WINDOW: usize = 10;
const WINDOWS_PER_SESSION: usize = 10;

/// Far above what any step takes.
const LIMIT: Duration = Duration::from_secs(120);

/// A server environment in which every shell says in a file when it is ready.
pub struct Load {
    /// The server.
    pub server: Server,
    /// How many panes it has, or will have.
    pub panes: usize,
}

impl Load {
    /// The environment of a server that does not live yet.
    pub fn absent(tmux: &Tmux, panes: usize) -> Result<Load> {
        let server = Server::builder(tmux).config("set -g history-limit 3000\n").absent();
        let profile = server.sandbox().path("home/.profile");
        let ready = format!("{}\nprintf x >>~/ready\n", fs::read_to_string(&profile)?);
        fs::write(profile, ready)?;
        Ok(Load { server, panes })
    }

    /// The same, living.
    pub fn start(tmux: &Tmux, panes: usize) -> Result<Load> {
        let load = Load::absent(tmux, panes)?;
        load.create()?;
        Ok(load)
    }

    /// Starts the server with one client that creates everything from a file. What it takes until every shell is ready.
    pub fn create(&self) -> Result<Limit> {
        let file = self.server.sandbox().write("create.tmux", self.script());
        self.forget("ready");
        let start = Instant::now();
        let start_server = ["new-session", "-d", "-s", "s0", "-x", "200", "-y", "50", ";"];
        let source = ["source-file", file.to_str().unwrap_or_default()];
        let output = self.server.tmux(&[&start_server[..], &source[..]].concat());
        ensure!(output.ok(), "{output}");
        self.wait_for("ready", self.panes)?;
        Ok(Limit { took: start.elapsed(), tmux: self.process().map(spent).unwrap_or_default() })
    }

    /// The process of the server, if it lives.
    pub fn process(&self) -> Option<u32> {
        self.server.process().map(|process| process.id())
    }

    fn script(&self) -> String {
        let mut script = String::new();
        let windows = self.panes.div_ceil(PANES_PER_WINDOW);
        for window in 0..windows {
            let (session, index) = (window / WINDOWS_PER_SESSION, window % WINDOWS_PER_SESSION);
            if index > 0 {
                let _ = writeln!(script, "new-window -d -t s{session}:{index}");
            } else if session > 0 {
                let _ = writeln!(script, "new-session -d -s s{session} -x 200 -y 50");
            }
            for pane in 1..PANES_PER_WINDOW.min(self.panes - window * PANES_PER_WINDOW) {
                let _ = writeln!(script, "split-window -d -t s{session}:{index}");
                if pane % 3 == 0 {
                    let _ = writeln!(script, "select-layout -t s{session}:{index} tiled");
                }
            }
        }
        script
    }

    /// Has every pane print so many coloured lines. What it takes until tmux has read them all.
    pub fn print(&self, lines: usize) -> Result<Limit> {
        self.print_in(&self.ids(), lines)
    }

    /// The same in some panes.
    pub fn print_in(&self, panes: &[String], lines: usize) -> Result<Limit> {
        self.server.sandbox().write("home/text", coloured(lines));
        self.server.sandbox().write("home/p", "cat ~/text\nprintf x >>~/done\n");
        let script: String = panes.iter().map(|id| format!("send-keys -t {id} '. ~/p' Enter\n")).collect();
        self.forget("done");
        let process = self.process();
        let before = process.map(spent).unwrap_or_default();
        let start = Instant::now();
        let output = self.server.script(script);
        ensure!(output.ok(), "{output}");
        self.wait_for("done", panes.len())?;
        let took = start.elapsed();
        let tmux = process.map(spent).unwrap_or_default().saturating_sub(before);
        self.wait_for_prompts()?;
        Ok(Limit { took, tmux })
    }

    /// The ids of all panes.
    pub fn ids(&self) -> Vec<String> {
        self.server.lines(&["list-panes", "-a", "-F", "#{pane_id}"])
    }

    /// How many rows there are above the screen of each pane.
    pub fn history_rows(&self) -> Result<HashMap<String, u32>> {
        let lines = self.server.lines(&["list-panes", "-a", "-F", "#{pane_id} #{history_size}"]);
        let row = |line: &String| {
            let (pane, rows) = line.split_once(' ').context("two words")?;
            anyhow::Ok((pane.to_owned(), rows.parse()?))
        };
        lines.iter().map(row).collect()
    }

    /// Waits until the cursor of every pane stands behind a prompt.
    pub fn wait_for_prompts(&self) -> Result<()> {
        let end = Instant::now() + LIMIT;
        while self.server.lines(&["list-panes", "-a", "-F", "#{cursor_x}"]).iter().any(|column| column != "2")
        {
            ensure!(Instant::now() < end, "waited {LIMIT:?} for prompts");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Empties a file in which shells leave a byte each.
    pub fn forget(&self, name: &str) {
        let _absent = fs::remove_file(self.server.sandbox().home().join(name));
    }

    /// Waits until so many shells have left a byte in a file.
    pub fn wait_for(&self, name: &str, count: usize) -> Result<()> {
        let file = self.server.sandbox().home().join(name);
        let end = Instant::now() + LIMIT;
        while fs::metadata(&file).map_or(0, |file| file.len()) < count as u64 {
            ensure!(Instant::now() < end, "waited {LIMIT:?} for {count} bytes in {}", file.display());
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

/// Lines as a compiler prints them: about 80 columns, five changes of colour.
fn coloured(lines: usize) -> String {
    (0..lines).fold(String::new(), |mut text, number| {
        let _ = writeln!(
            text,
            "\x1b[1m{number:06}\x1b[0m \x1b[32mcompiling\x1b[0m some \x1b[38;5;{}mcrate-{}\x1b[0m with \x1b[4mfeatures\
             \x1b[0m and a few more words to fill the line",
            number % 256,
            number * 7919 % 1000,
        );
        text
    })
}
