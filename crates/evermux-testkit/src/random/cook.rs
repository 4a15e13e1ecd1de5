//! Recipes made into servers.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::step::{Edge, Pick, Recipe, Scope, Step};
use crate::binaries::Tmux;
use crate::server::Server;

/// No server of a recipe has more panes, so that the time of a test is bounded.
const MOST_PANES: usize = 24;

/// A server made by a recipe.
#[derive(Debug)]
pub struct Cooked {
    /// It, with every shell behind its prompt.
    pub server: Server,
    /// The tmux commands that were run, and whether they succeeded.
    pub commands: Vec<(Vec<OsString>, bool)>,
}

/// The commands, in a form for a report.
impl fmt::Display for Cooked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (command, ok) in &self.commands {
            writeln!(f, "{} {command:?}", if *ok { "     " } else { "fails" })?;
        }
        Ok(())
    }
}

impl Recipe {
    /// Makes the server.
    #[track_caller]
    pub fn cook(&self, tmux: &Tmux) -> Cooked {
        let server = Server::builder(tmux).config(&self.config.text()).start();
        self.cook_in(server)
    }

    /// Does its steps in a server that lives already.
    #[track_caller]
    pub fn cook_in(&self, server: Server) -> Cooked {
        let mut cooked = Cooked { server, commands: Vec::new() };
        for (number, step) in self.steps.iter().enumerate() {
            cooked.step(step, number);
        }
        cooked.server.settle();
        cooked
    }
}

/// Words of a command, from text and bytes.
macro_rules! words {
    ($($word:expr),* $(,)?) => { vec![$(OsString::from($word)),*] };
}

impl Cooked {
    fn tmux(&mut self, mut command: Vec<OsString>) -> bool {
        // A `;` at the end of a word ends the command, on all versions.
        for word in &mut command {
            if word.as_bytes().ends_with(b";") {
                let mut bytes = std::mem::take(word).into_vec();
                bytes.pop();
                bytes.extend_from_slice(b"\\;");
                *word = OsString::from_vec(bytes);
            }
        }
        let ok = self.server.tmux(&command).ok();
        self.commands.push((command, ok));
        ok
    }

    fn step(&mut self, step: &Step, number: usize) {
        if let Some(command) = self.structure(step).or_else(|| self.setting(step)) {
            self.tmux(command);
        } else {
            self.content(step, number);
        }
    }

    /// The command of a step that makes, moves or ends something.
    fn structure(&self, step: &Step) -> Option<Vec<OsString>> {
        let edges = |edge: Edge| match edge {
            Edge::Left => ["-h", "-b"],
            Edge::Right => ["-h", "-d"],
            Edge::Up => ["-v", "-b"],
            Edge::Down => ["-v", "-d"],
        };
        let full = self.panes().len() >= MOST_PANES;
        Some(match step {
            Step::NewSession { .. } | Step::NewWindow { .. } | Step::Split { .. } | Step::Float { .. }
                if full =>
            {
                words!["display-message", "-p", "full"]
            }
            Step::NewSession { name, folder, size } => {
                let (width, height) = (size.0.to_string(), size.1.to_string());
                words!["new-session", "-d", "-s", name, "-c", self.folder(folder), "-x", width, "-y", height]
            }
            Step::JoinGroup { session, name } => {
                words!["new-session", "-d", "-s", name, "-t", self.session(*session)]
            }
            Step::NewWindow { session, name, folder, index } => {
                let index = index.map(|index| index.to_string()).unwrap_or_default();
                let target = format!("{}:{index}", self.session(*session));
                let mut command = words!["new-window", "-t", target, "-c", self.folder(folder)];
                // 3.4 and 3.5 keep control characters here, and nothing there can give them again.
                let binary = self.server.binary();
                let unnameable = binary.at_least(3, 4) && !binary.at_least(3, 6);
                let name = name.iter().filter(|name| !(unnameable && name.chars().any(char::is_control)));
                command.extend(name.flat_map(|name| words!["-n", name]));
                command
            }
            Step::LinkWindow { window, session, index } => {
                let target = format!("{}:{index}", self.session(*session));
                words!["link-window", "-d", "-s", self.window(*window), "-t", target]
            }
            Step::Split { pane, edge, full, folder } => {
                let mut command = words!["split-window", "-t", self.pane(*pane), "-c", self.folder(folder)];
                command.extend(edges(*edge).map(OsString::from));
                command.extend(full.then(|| "-f".into()));
                command
            }
            // Floating panes are tmux 3.8's; older ones refuse the command.
            Step::Float { pane, at, size } => {
                // Wide enough for a prompt: one that wraps leaves its first row behind (see the known limits of text).
                let [x, y, width, height] =
                    [at.0, at.1, size.0.max(16), size.1].map(|number| number.to_string());
                words!["new-pane", "-t", self.pane(*pane), "-X", x, "-Y", y, "-x", width, "-y", height]
            }
            Step::SwapPanes { one, other } => {
                words!["swap-pane", "-s", self.pane(*one), "-t", self.pane(*other)]
            }
            Step::SwapWindows { one, other } => {
                words!["swap-window", "-s", self.window(*one), "-t", self.window(*other)]
            }
            Step::MovePane { pane, to, edge } => {
                let mut command = words!["join-pane", "-s", self.pane(*pane), "-t", self.pane(*to)];
                // Before 3.2 a pane that is moved before another one stands before it, but comes after it in their order:
                // no layout can say that again.
                let before = self.server.binary().at_least(3, 2);
                let edges = edges(*edge).into_iter().filter(|edge| before || *edge != "-b");
                command.extend(edges.map(OsString::from));
                command
            }
            Step::BreakPane { pane } => words!["break-pane", "-d", "-s", self.pane(*pane)],
            Step::ResizePane { pane, edge, by } => {
                let flag = match edge {
                    Edge::Left => "-L",
                    Edge::Right => "-R",
                    Edge::Up => "-U",
                    Edge::Down => "-D",
                };
                words!["resize-pane", "-t", self.pane(*pane), flag, by.to_string()]
            }
            Step::ResizeWindow { window, size } => {
                let (width, height) = (size.0.to_string(), size.1.to_string());
                words!["resize-window", "-t", self.window(*window), "-x", width, "-y", height]
            }
            Step::Rotate { window } => words!["rotate-window", "-t", self.window(*window)],
            Step::MoveWindow { window, index } => {
                let window = self.window(*window);
                let target = format!("{}:{index}", window.split(':').next().unwrap_or_default());
                words!["move-window", "-s", window, "-t", target]
            }
            Step::Arrange { window, layout } => words!["select-layout", "-t", self.window(*window), layout],
            Step::KillPane { pane } if self.panes().len() > 1 => words!["kill-pane", "-t", self.pane(*pane)],
            Step::KillWindow { window } if self.distinct_windows() > 1 => {
                words!["kill-window", "-t", self.window(*window)]
            }
            _ => return None,
        })
    }

    /// The command of a step that sets something.
    fn setting(&self, step: &Step) -> Option<Vec<OsString>> {
        Some(match step {
            Step::Zoom { pane } => words!["resize-pane", "-Z", "-t", self.pane(*pane)],
            Step::SelectPane { pane } => words!["select-pane", "-t", self.pane(*pane)],
            Step::SelectWindow { window } => words!["select-window", "-t", self.window(*window)],
            // Before 3.3 tmux looks at the window of the pane that was marked before, which may be gone: it can end.
            Step::Mark { .. }
                if !self.server.binary().at_least(3, 3)
                    && self.server.run(&["display-message", "-p", "#{pane_marked_set}"]) != "0" =>
            {
                words!["display-message", "-p", "marked"]
            }
            Step::Mark { pane } => words!["select-pane", "-m", "-t", self.pane(*pane)],
            Step::InputOff { pane } => words!["select-pane", "-d", "-t", self.pane(*pane)],
            Step::RenameSession { session, name } => {
                words!["rename-session", "-t", self.session(*session), "--", name]
            }
            Step::RenameWindow { window, name } => {
                words!["rename-window", "-t", self.window(*window), "--", name]
            }
            Step::Title { pane, title } => words!["select-pane", "-t", self.pane(*pane), "-T", title],
            Step::Option { scope, object, name, value } => self.set(*scope, *object, name, value),
            Step::UserOption { scope, object, value } => self.set(*scope, *object, "@mine", value),
            Step::Environment { session, name, value: Some(value) } => {
                words!["set-environment", "-t", self.session(*session), "--", name, value]
            }
            Step::Environment { session, name, value: None } => {
                words!["set-environment", "-r", "-t", self.session(*session), name]
            }
            Step::ClearHistory { pane } => words!["clear-history", "-t", self.pane(*pane)],
            _ => return None,
        })
    }

    fn set(&self, scope: Scope, object: Pick, name: &str, value: &str) -> Vec<OsString> {
        let (flag, object) = match scope {
            Scope::Session => ("-q", self.session(object)),
            Scope::Window => ("-w", self.window(object)),
            Scope::Pane => ("-p", self.pane(object)),
        };
        words!["set-option", flag, "-t", object, "--", name, value]
    }

    /// Steps that are done by the shell of a pane.
    fn content(&mut self, step: &Step, number: usize) {
        match step {
            Step::Print { pane, text } => {
                let file = self.server.sandbox().write(format!("home/text/{number}"), text);
                self.shell(*pane, number, &format!("cat '{}'", file.display()));
            }
            Step::ClearScreen { pane } => self.shell(*pane, number, "printf '\\033[H\\033[2J'"),
            Step::End { pane, status } => {
                let pane = self.pane(*pane);
                if self.takes_keys(&pane)
                    && self.tmux(words!["set-option", "-p", "-t", &pane, "remain-on-exit", "on"])
                {
                    self.server.wait_for_prompt(&pane);
                    let line = if *status == 0 { "kill -9 $$".to_owned() } else { format!("exit {status}") };
                    self.server.type_line(&pane, &line);
                    self.server.wait_until_dead(&pane);
                }
            }
            // What is left are ends of the last pane or window.
            _ => {}
        }
    }

    /// Has the shell of a pane run something, and waits until it has.
    fn shell(&mut self, pane: Pick, number: usize, command: &str) {
        let pane = self.pane(pane);
        if !self.takes_keys(&pane) {
            return;
        }
        self.server.wait_for_prompt(&pane);
        let script = format!("{command}\ntmux wait-for -S done{number}\n");
        self.server.sandbox().write(format!("home/do/{number}"), script);
        self.server.type_line(&pane, &format!(". ~/do/{number}"));
        self.tmux(words!["wait-for", format!("done{number}")]);
        self.server.wait_for_prompt(&pane);
    }

    /// Whether keys sent to a pane reach its shell, and no other.
    fn takes_keys(&self, pane: &str) -> bool {
        let format = "#{pane_dead}#{pane_input_off}#{pane_synchronized}#{pane_in_mode}";
        self.server.display(pane, format) == "0000"
    }

    /// The folder, made if it is not there, as `-c` takes it: that one expands formats.
    fn folder(&self, name: &OsStr) -> OsString {
        let path = self.server.folder(name);
        let mut doubled = Vec::new();
        for byte in path.into_os_string().into_vec() {
            doubled.extend(std::iter::repeat_n(byte, if byte == b'#' { 2 } else { 1 }));
        }
        OsString::from_vec(doubled)
    }

    fn panes(&self) -> Vec<String> {
        let mut panes = self.server.lines(&["list-panes", "-a", "-F", "#{pane_id}"]);
        // Those of a linked window are listed in each of its sessions.
        let mut seen = BTreeSet::new();
        panes.retain(|pane| seen.insert(pane.clone()));
        panes
    }

    fn windows(&self) -> Vec<String> {
        self.server.lines(&["list-windows", "-a", "-F", "#{session_id}:#{window_index}"])
    }

    /// How many windows there are, linked ones counted once.
    fn distinct_windows(&self) -> usize {
        let windows = self.server.lines(&["list-windows", "-a", "-F", "#{window_id}"]);
        windows.into_iter().collect::<BTreeSet<String>>().len()
    }

    fn session(&self, pick: Pick) -> String {
        nth(self.server.lines(&["list-sessions", "-F", "#{session_id}"]), pick)
    }

    fn window(&self, pick: Pick) -> String {
        nth(self.windows(), pick)
    }

    fn pane(&self, pick: Pick) -> String {
        nth(self.panes(), pick)
    }
}

fn nth(mut objects: Vec<String>, pick: Pick) -> String {
    objects.swap_remove(usize::from(pick.0) % objects.len())
}
