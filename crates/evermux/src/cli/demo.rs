//! `evermux demo`: the whole story on a private server, checked, in a few seconds.
//!
//! It saves and restores with the same code as `evermux save` and `evermux restore`; only the server, the store and
//! the home folder are its own, in a temporary folder that goes at the end.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use evermux_core::capture;
use evermux_core::diff::{Change, exact};
use evermux_core::model::{Kind, Snapshot};
use evermux_core::restore::Manner;
use evermux_core::save::{self, Request};
use evermux_core::store::{Access, Emergency, Store};
use evermux_core::tmux::{Server, Start};
use serde_json::json;
use tempfile::TempDir;

use super::{restore, sources};
use crate::config;
use crate::context::Context;
use crate::error::CliError;
use crate::output::{GOOD, HEADING, NOTICE, Outcome};

/// Show on a private server how everything comes back
///
/// Starts a tmux server of its own, fills it, saves it, kills it (SIGKILL), restores it and compares. Your own
/// servers and what is saved of them are not touched, and nothing is left behind.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// How long a step may take.
const LIMIT: Duration = Duration::from_secs(20);

/// How many lines of coloured text a pane gets.
const LINES: usize = 500;

/// Plays the story.
pub fn run(context: &Context, _args: &Args) -> Result<Outcome, CliError> {
    let stage = Stage::new(context)?;
    let mut times = Vec::new();
    let mut step = |name: &'static str, begun: Instant| {
        times.push((name, begun.elapsed()));
        if stage.interrupted.load(Ordering::Relaxed) { Err(CliError::failed("interrupted")) } else { Ok(()) }
    };

    let begun = Instant::now();
    let server = stage.build()?;
    step("build a server", begun)?;

    let begun = Instant::now();
    let before = stage.save(&server)?;
    step("save it", begun)?;

    let begun = Instant::now();
    kill(&stage.context, &server);
    step("kill it (SIGKILL)", begun)?;

    let begun = Instant::now();
    let store = Store::open(&stage.context.place(), Access::Write)?;
    let asked = sources::Asked { snapshot: None, places: &[], machine: None };
    let sources = sources::find(&stage.context, &store, &asked)?;
    let server = restore::Onto::Starting(stage.start(&[])).started(&stage.context)?;
    let restored = restore::onto(&stage.context, &store, &sources, &Manner::default(), &server, &mut |_| {})?;
    step("restore it", begun)?;

    let begun = Instant::now();
    let server = Server::connect(&stage.context.socket, stage.context.uid, &stage.context.binaries)?;
    let after = stage.save(&server)?;
    let differences = exact(&before, &after, &mut |id| store.block(&id).ok());
    step("compare every field", begun)?;

    Ok(outcome(&before, &after, &differences, &times).with_problems(restored.problems))
}

/// The private world of the demo. When it is dropped the server is gone, and the folder.
struct Stage {
    context: Context,
    folder: TempDir,
    interrupted: Arc<AtomicBool>,
}

impl Stage {
    fn new(context: &Context) -> Result<Self, CliError> {
        let folder = tempfile::Builder::new()
            .prefix("evermux-demo-")
            .tempdir()
            .map_err(|error| CliError::failed("cannot make a temporary folder").because(&error))?;
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            // Without it an interrupted demo leaves its folder behind, nothing worse.
            let _ = signal_hook::flag::register(signal, Arc::clone(&interrupted));
        }
        let context = Context {
            // The defaults: what a user has set is about their own servers.
            config: config::load(Path::new("/dev/null"), context.uid)?.config,
            state: folder.path().join("state"),
            socket: folder.path().join("tmux"),
            ..context.clone()
        };
        Ok(Self { context, folder, interrupted })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&self, arguments: &[&str]) -> Start {
        let home = self.path("home");
        let mut environment = vec![
            ("HOME".into(), home.clone().into_os_string()),
            ("SHELL".into(), "/bin/sh".into()),
            ("LANG".into(), "C.UTF-8".into()),
            ("TERM".into(), "screen".into()),
            ("PS1".into(), "$ ".into()),
        ];
        if let Some(path) = &self.context.binaries.path {
            environment.push(("PATH".into(), path.clone()));
        }
        Start {
            binaries: self.context.binaries.clone(),
            socket: self.context.socket.clone(),
            config: Some("/dev/null".into()),
            arguments: arguments.iter().map(Into::into).collect(),
            directory: home,
            environment: Some(environment),
            uid: self.context.uid,
            launcher: Vec::new(),
        }
    }

    /// A server like somebody's: sessions, odd layouts, links, a group, a zoomed pane, strange names, coloured text.
    fn build(&self) -> Result<Server, CliError> {
        let io = |error: std::io::Error| {
            CliError::failed("cannot write into the temporary folder").because(&error)
        };
        for folder in ["home", "home/a folder", "home/naïve #{pid}"] {
            fs::create_dir(self.path(folder)).map_err(io)?;
        }
        let text = self.path("text");
        fs::write(&text, coloured_text()).map_err(io)?;
        let server = self.start(&["-s", "work", "-x", "120", "-y", "40"]).run(LIMIT)?;
        let output = server.run(&self.script(), LIMIT)?;
        if let Some(error) = output.errors.first() {
            return Err(CliError::failed(format!("the demo's server could not be built: {error}")));
        }
        self.wait_for_prompts(&server)?;
        let print = format!("send-keys -t work:4.0 'cat {}' Enter\n", text.display());
        server.run(print.as_bytes(), LIMIT)?;
        self.wait_until(|| {
            let look = server.run(b"display-message -p -t work:4.0 '#{history_size}'\n", LIMIT).ok()?;
            let rows: usize = String::from_utf8(look.stdout).ok()?.trim().parse().ok()?;
            (rows + 40 > LINES).then_some(())
        })?;
        self.wait_for_prompts(&server)?;
        Ok(server)
    }

    fn script(&self) -> Vec<u8> {
        let home = self.path("home");
        SCRIPT.replace("HOME", &home.display().to_string()).into_bytes()
    }

    fn capture(&self) -> capture::Options {
        super::capture_options(&self.context)
    }

    /// Waits until every shell stands at its prompt, as it does when somebody saves by hand.
    fn wait_for_prompts(&self, server: &Server) -> Result<(), CliError> {
        let options = capture::Options { text: false, ..self.capture() };
        self.wait_until(|| {
            let mut random = || self.context.random();
            let now = self.context.now();
            let captured =
                capture::capture(server, None, &options, now, &mut random, &mut capture::NoBlocks).ok()?;
            captured.live.snapshot.panes().all(|pane| pane.facts.at_prompt).then_some(())
        })
    }

    fn wait_until(&self, mut done: impl FnMut() -> Option<()>) -> Result<(), CliError> {
        let end = Instant::now() + LIMIT;
        while done().is_none() {
            if Instant::now() > end || self.interrupted.load(Ordering::Relaxed) {
                return Err(CliError::failed("the demo's shells did not come to their prompts"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn save(&self, server: &Server) -> Result<Snapshot, CliError> {
        let store = Store::open(&self.context.place(), Access::Write)?;
        let request = Request {
            server: &self.context.server(),
            capture: &self.capture(),
            kind: Kind::Manual,
            name: None,
            note: None,
            emergency: Emergency::WhenDue,
            patience: LIMIT,
        };
        let (now, mut random) = (|| self.context.now(), || self.context.random());
        let saved = save::save(&store, server, &request, &now, &mut random)?.saved;
        Ok(store.snapshot(saved.id)?.value)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let server = Server::connect(&self.context.socket, self.context.uid, &self.context.binaries);
        if let Ok(server) = server {
            kill(&self.context, &server);
        }
    }
}

/// Kills the demo's own server as a crash would, and waits until nothing answers at its socket.
fn kill(context: &Context, server: &Server) {
    let Some(pid) = server.peer().pid.and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed()))
    else {
        return;
    };
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    let end = Instant::now() + LIMIT;
    while evermux_core::tmux::peer(&context.socket, context.uid).is_ok() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What the demo's server holds; `HOME` is its home folder.
const SCRIPT: &str = r#"
rename-window -t work:0 editor
split-window -h -t work:0 -c "HOME/a folder"
split-window -v -t work:0
resize-pane -t work:0.1 -x 37 -y 11
split-window -h -l 9 -t work:0
select-pane -t work:0.1 -T "a title: 50 % → ✓"
new-window -d -t work:4 -n logs
split-window -v -l 7 -t work:4
new-window -d -t work:9 -n "odd \"name\" ##{pid} \$HOME 日本 ✓" -c "HOME/naïve ##{pid}"
new-session -d -s "play ground" -x 100 -y 30
link-window -d -s work:4 -t "play ground:7"
new-session -d -s pair-a -x 90 -y 28
new-session -d -s pair-b -t pair-a
new-window -d -t pair-a:3 -n shared
select-window -t pair-b:3
set-option -t work @project "it's a \"demo\""
set-option -w -t work:4 monitor-activity on
set-option -p -t work:4.1 @note "this pane"
set-environment -t work DEMO "two  words"
select-pane -t work:0.0
select-pane -t work:0.2
resize-pane -Z -t work:0.2
"#;

/// Lines in all colours, with attributes, line drawing, wide and combining characters.
fn coloured_text() -> String {
    let line = |n: usize| match n % 5 {
        0 => format!("\x1b[1;3{}mline {n}: bold\x1b[0m and \x1b[4munderlined\x1b[0m\n", n % 8),
        1 => format!("\x1b[48;5;{}m 256 colours \x1b[0m \x1b[7mreverse\x1b[0m {n}\n", n % 256),
        2 => format!("\x1b[38;2;{};120;200mtrue colour {n}\x1b[0m 日本語 e\u{301} ✓\n", n % 256),
        3 => format!("\x1b)0\x0elqqqk {n}\x0f line drawing\n"),
        _ => format!("{n} {}\n", "a line that is longer than the pane is wide and wraps ".repeat(4)),
    };
    (0..LINES).map(line).collect()
}

/// What is counted, in a snapshot.
fn counts(snapshot: &Snapshot) -> Vec<(&'static str, usize)> {
    let (sessions, windows) = (snapshot.sessions(), snapshot.windows());
    let links: usize = sessions.iter().map(|session| session.links.len()).sum();
    let settings = |session: &evermux_core::model::Session| session.options.len() + session.environment.len();
    let lines: u64 = snapshot.panes().filter_map(|pane| pane.text.as_ref()).map(|text| text.lines()).sum();
    vec![
        ("sessions", sessions.len()),
        ("of them in a group", sessions.iter().filter(|session| session.group.is_some()).count()),
        ("windows", windows.len()),
        ("links to them", links),
        ("zoomed", windows.iter().filter(|window| window.zoomed).count()),
        ("panes", snapshot.panes().count()),
        ("options and variables", sessions.iter().map(settings).sum::<usize>()),
        ("lines of text", usize::try_from(lines).unwrap_or(usize::MAX)),
    ]
}

fn outcome(
    before: &Snapshot,
    after: &Snapshot,
    differences: &[Change],
    times: &[(&'static str, Duration)],
) -> Outcome {
    let mut text = format!("{HEADING}{:<24}{:>8}{:>8}{HEADING:#}\n", "what", "saved", "back");
    let rows: Vec<_> = counts(before).into_iter().zip(counts(after)).collect();
    for ((name, saved), (_, back)) in &rows {
        text.push_str(&format!("{name:<24}{saved:>8}{back:>8}\n"));
    }
    text.push_str(&format!("\n{HEADING}{:<24}{:>8}{HEADING:#}\n", "step", "ms"));
    for (name, time) in times {
        text.push_str(&format!("{name:<24}{:>8}\n", time.as_millis()));
    }
    for change in differences {
        text.push_str(&format!("\n{NOTICE}not as it was:{NOTICE:#} {change}"));
    }
    let verdict = if differences.is_empty() {
        format!("\n{GOOD}Everything came back exactly as it was.{GOOD:#}\n")
    } else {
        format!("\n\n{} differences.\n", differences.len())
    };
    text.push_str(&verdict);
    let rows: Vec<_> = rows
        .iter()
        .map(|((name, saved), (_, back))| json!({ "what": name, "saved": saved, "back": back }))
        .collect();
    let steps: Vec<_> =
        times.iter().map(|(name, time)| json!({ "step": name, "milliseconds": time.as_millis() })).collect();
    let differ: Vec<String> = differences.iter().map(ToString::to_string).collect();
    let json =
        json!({ "exact": differences.is_empty(), "counts": rows, "steps": steps, "differences": differ });
    let exit = if differences.is_empty() { crate::error::Exit::Done } else { crate::error::Exit::Failed };
    Outcome { exit, ..Outcome::new(text, &json) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_shows_what_a_terminal_can() {
        let text = coloured_text();
        assert_eq!(text.lines().count(), LINES);
        assert!(["\x1b[48;5;", "\x1b[38;2;", "\x0e", "日本語"].iter().all(|part| text.contains(part)));
    }
}
