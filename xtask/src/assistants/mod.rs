//! `cargo xtask assistants`: the real AI assistants, saved, killed and brought back, without a network.
//!
//! Claude Code, OpenCode, Codex and the Gemini CLI are installed from npm into target/assistants. In a private home they find conversations
//! that were made up here ([`homes`]) and an account they do not ask about; nothing they would send reaches anybody. Each
//! case is a pane: what is typed there, which conversation evermux must know, what must run after a restore, and what the
//! program must show then. On a server of its own the programs fire the optional hooks ([`hooks`]).

mod cases;
mod homes;
mod hooks;

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use evermux_testkit::{Env, Server};
use serde_json::Value;

use self::cases::{CASES, Case, Id, NOT_TRIED};
use crate::machine::{self, cargo, find, read, say, target};
use crate::subject::Subject;

/// What is installed: the program, and its package.
const TOOLS: [(&str, &str); 4] = [
    ("claude", "@anthropic-ai/claude-code"),
    ("codex", "@openai/codex"),
    ("opencode", "opencode-ai"),
    ("gemini", "@google/gemini-cli"),
];

/// How long one of them may take to show something, all together being started at once.
const PATIENCE: Duration = Duration::from_secs(120);

/// Saves, kills and restores the real Claude Code, Codex, OpenCode and Gemini (npm; needs a network to install them, none to
/// run)
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    subject: Subject,
    /// Install the newest versions over those that are there
    #[arg(long)]
    again: bool,
}

/// Does it; an error if something did not come back as it should.
pub fn run(arguments: &Arguments) -> Result<()> {
    let programs = install(arguments.again)?;
    let mut build = cargo();
    machine::run(build.args(["build", "--quiet", "--package", "evermux"]))?;
    let evermux = target().join("debug/evermux").display().to_string();
    let server = absent(arguments, &programs)?;
    let home = homes::furnish(&server)?;
    let versions = versions(&server)?;
    let env = Env::new(&evermux, &server);
    let begun = begin(&server, &env, &home)?;
    env.ok(&["save"]);
    server.kill_all();
    say("killed; restoring");
    let restored = env.run(&["restore", "--json"]);
    let report: Value = serde_json::from_str(&restored.text()).with_context(|| format!("{restored}"))?;
    let results: Vec<Row> = CASES.iter().map(|case| judge(case, &server, &env, &begun, &report)).collect();
    let hooks = hooks::run(&absent(arguments, &programs)?, &evermux)?;
    print(&versions, server.binary(), &results, &hooks);
    let wrong = results.iter().filter(|row| !row.wrong.is_empty()).count();
    ensure!(wrong == 0, "{wrong} of {} did not come back as they should", results.len());
    ensure!(hooks.iter().all(|row| row.wrong.is_empty()), "hooks do not what they should");
    Ok(())
}

/// A home with the programs, and a server in it that does not live yet.
fn absent(arguments: &Arguments, programs: &[(&str, PathBuf)]) -> Result<Server> {
    let server = Server::builder(&arguments.subject.tmux()?).absent();
    for (name, path) in programs {
        symlink(path, server.sandbox().path("bin").join(name))?;
    }
    Ok(server)
}

/// The programs, installed where they are not.
fn install(again: bool) -> Result<Vec<(&'static str, PathBuf)>> {
    let folder = target().join("assistants");
    let bin = folder.join("node_modules/.bin");
    let missing = |(name, _): &(&str, &str)| !bin.join(name).exists();
    if again || TOOLS.iter().any(missing) {
        ensure!(find("npm").is_some(), "npm is needed to install the assistants");
        fs::create_dir_all(&folder)?;
        let packages = TOOLS.iter().map(|(_, package)| format!("{package}@latest"));
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"]).arg(&folder);
        // Some name a newer node than they need: what is run is native.
        machine::run(npm.args(packages).stdout(std::io::stderr()))?;
    }
    Ok(TOOLS.iter().map(|(name, _)| (*name, bin.join(name))).collect())
}

fn versions(server: &Server) -> Result<Vec<String>> {
    let version = |(name, _): &(&str, &str)| {
        let text = read(server.sandbox().command(server.sandbox().path("bin").join(name)).arg("--version"))?;
        Ok(format!("{name} {}", text.lines().last().unwrap_or_default().trim()))
    };
    TOOLS.iter().map(version).collect()
}

/// A conversation by the window of its case.
type Begun = HashMap<&'static str, String>;

/// Starts every case in a window of its own, until evermux knows of each what it must know.
fn begin(server: &Server, env: &Env, home: &homes::Home) -> Result<Begun> {
    server.run(&["new-session", "-d", "-s", "main", "-n", "shell", "-x", "120", "-y", "40"]);
    for case in CASES {
        let directory = home.directory(case.directory);
        server.run(&["new-window", "-d", "-t", "main:", "-n", case.name, "-c", &directory]);
    }
    server.wait_for_prompts();
    for case in CASES {
        say(&format!("{}: {}", case.name, case.line));
        let pane = format!("main:{}", case.name);
        server.type_line(&pane, case.line);
        shows(server, &pane, case.shows_first)?;
        for line in case.then {
            enter(server, &pane, line);
        }
    }
    let mut begun = Begun::new();
    let until = Instant::now() + PATIENCE;
    for case in CASES {
        let known = loop {
            let known = known(env)?.remove(case.name);
            let id = known.as_ref().and_then(|known| known["id"].as_str()).map(str::to_owned);
            let good = match (case.id, &id) {
                (Id::Is(wanted), Some(id)) => wanted == id,
                // Another than the one it was begun with.
                (Id::New(old), Some(id)) => old != id,
                (Id::None, id) => id.is_none() && known.is_some(),
                _ => false,
            };
            if good {
                break id;
            }
            if Instant::now() > until {
                let screen = server.screen(&format!("main:{}", case.name));
                bail!("{}: evermux says {known:#?}\n{screen}", case.name);
            }
            sleep(Duration::from_millis(500));
        };
        begun.extend(known.map(|id| (case.name, id)));
    }
    Ok(begun)
}

/// Types a line into a program; the menus of their line editors take a moment to follow what is typed.
fn enter(server: &Server, pane: &str, line: &str) {
    sleep(Duration::from_secs(2));
    server.type_text(pane, line);
    sleep(Duration::from_secs(2));
    server.run(&["send-keys", "-t", pane, "Enter"]);
}

/// Waits until a pane shows something.
fn shows(server: &Server, pane: &str, text: &str) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    while !server.screen(pane).contains(text) {
        if Instant::now() > until {
            bail!("{pane} does not show '{text}':\n{}", server.screen(pane));
        }
        sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// What evermux knows, by the names of windows.
fn known(env: &Env) -> Result<HashMap<String, Value>> {
    let list: Vec<Value> = serde_json::from_str(&env.ok(&["assistants", "--json"]))?;
    let by_name = |one: Value| {
        let pane = one["pane"].as_str()?.strip_prefix("main:")?.split('.').next()?.parse().ok();
        let position: usize = pane?;
        let case = CASES.get(position.checked_sub(1)?)?;
        Some((case.name.to_owned(), one))
    };
    Ok(list.into_iter().filter_map(by_name).collect())
}

/// What came of a case.
struct Row {
    case: &'static Case,
    /// How it was known.
    id: String,
    /// What runs now, or why nothing does.
    now: String,
    /// What is wrong with that; empty: nothing.
    wrong: Vec<String>,
}

fn judge(case: &'static Case, server: &Server, env: &Env, begun: &Begun, report: &Value) -> Row {
    let pane = format!("main:{}", case.name);
    let mut wrong = Vec::new();
    let id = begun.get(case.name).cloned().unwrap_or_default();
    let mut now = arguments(server, &pane);
    if let Some(expected) = case.runs {
        let expected = expected.replace("{id}", &id);
        if now != expected {
            wrong.push(format!("'{expected}' should run"));
        }
        if let Err(error) = shows(server, &pane, case.shows_then) {
            wrong.push(format!("{error:#}"));
        }
        // What it says itself, not only its command line.
        let until = Instant::now() + PATIENCE;
        let mut again;
        loop {
            again = known(env).ok().and_then(|mut known| known.remove(case.name));
            let same = again.as_ref().is_some_and(|again| again["id"] == id.as_str());
            if same || Instant::now() > until {
                break;
            }
            sleep(Duration::from_millis(500));
        }
        match again {
            Some(again) if again["id"] == id.as_str() => {}
            other => wrong.push(format!("it holds {other:?}")),
        }
    } else {
        let owed = report["owed"].as_array().into_iter().flatten();
        let place = format!("main:{}.0", window(server, &pane));
        let own = owed.filter(|debt| debt["subject"].as_str().is_some_and(|pane| pane.ends_with(&place)));
        let reasons: Vec<&str> = own.filter_map(|debt| debt["reason"].as_str()).collect();
        if !now.is_empty() || !reasons.iter().any(|reason| reason.contains(case.shows_then)) {
            wrong.push(format!("'{now}' runs; owed: {reasons:?}"));
        }
        now = format!("a shell; owed: {}", reasons.join("; "));
    }
    Row { case, id, now, wrong }
}

fn window(server: &Server, pane: &str) -> String {
    server.display(pane, "#{window_index}")
}

/// The words in the foreground of a pane, the program by its name; empty: its shell.
fn arguments(server: &Server, pane: &str) -> String {
    let shell = server.display(pane, "#{pane_pid}");
    let stat = fs::read_to_string(format!("/proc/{shell}/stat")).unwrap_or_default();
    let leader = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(5)).unwrap_or_default();
    if leader == shell {
        return String::new();
    }
    let words = fs::read(format!("/proc/{leader}/cmdline")).unwrap_or_default();
    let words = String::from_utf8_lossy(&words);
    let mut words: Vec<&str> = words.trim_end_matches('\0').split('\0').collect();
    words.retain(|word| *word != "node" && !word.starts_with("--no-warnings"));
    if let Some(program) = words.first_mut() {
        *program = program.rsplit('/').next().unwrap_or(program);
    }
    words.join(" ")
}

#[allow(clippy::print_stdout, reason = "the result of a chore")]
fn print(versions: &[String], tmux: &evermux_testkit::Tmux, rows: &[Row], hooks: &[hooks::Row]) {
    println!("{}; tmux {}\n", versions.join("; "), tmux.version);
    println!("| | typed | conversation | after SIGKILL of everything and a restore | |");
    println!("| --- | --- | --- | --- | --- |");
    for Row { case, id, now, wrong } in rows {
        let typed = [&[case.line][..], case.then].concat().join("`, then `");
        let id = if id.is_empty() { "none" } else { end(id) };
        let verdict = if wrong.is_empty() { "right" } else { "WRONG" };
        println!("| {} | `{typed}` | {id} | {now} | {verdict} |", case.name);
    }
    println!(
        "\n| hooks of | told at the start, then at a change | evermux knows it by | after `uninstall` |"
    );
    println!("| --- | --- | --- | --- |");
    for hooks::Row { name, told, evidence, wrong } in hooks {
        let told: Vec<&str> = told.iter().map(|id| end(id)).collect();
        let verdict = if wrong.is_empty() { "as before" } else { "WRONG" };
        println!("| {name} | {} | {evidence} | {verdict} |", told.join(", "));
    }
    let cases = rows.iter().map(|row| (row.case.name, &row.wrong));
    for (name, wrong) in cases.chain(hooks.iter().map(|row| (row.name, &row.wrong))) {
        for what in wrong {
            println!("\n{name}: {what}");
        }
    }
    println!("\nNot tried offline:");
    for line in NOT_TRIED {
        println!("- {line}");
    }
}

/// The end of an id: enough to tell one from another.
fn end(id: &str) -> &str {
    id.get(id.len().saturating_sub(12)..).unwrap_or(id)
}
