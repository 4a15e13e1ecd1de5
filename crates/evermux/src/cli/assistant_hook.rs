//! What the hooks of assistants run (`evermux install --assistant`): it notes on the pane which conversation its assistant
//! holds, in the option `@evermux-resume`.
//!
//! The assistant waits for it, and takes what is printed for something to tell the model: so it prints nothing, never fails,
//! and ends in time. What it is told is as hostile as anything from outside; what the pane says of itself is checked.

use std::io::{Read, copy, sink};
use std::os::unix::fs::MetadataExt;
use std::process::exit;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use bstr::ByteSlice;
use evermux_core::assistants::RESUME_OPTION;
use evermux_core::model::PaneId;
use evermux_core::procs::ProcessTable;
use evermux_core::tmux::Server;
use serde::Deserialize;

use crate::context::{Context, Global};
use crate::error::Exit;

/// How long all of it may take.
const ALL: Duration = Duration::from_secs(3);

/// How long tmux may take for one answer.
const LIMIT: Duration = Duration::from_secs(1);

/// Most that is read of what the assistant tells (bytes), and most that is taken from it at all.
const LONGEST: u64 = 1 << 20;
const LONGEST_AT_ALL: u64 = 64 << 20;

/// What our hooks in the settings of assistants run
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The assistant, by its handler's name
    tool: String,
}

/// What an assistant tells its hooks, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Told {
    #[serde(default)]
    session_id: Option<String>,
    #[serde(default)]
    hook_event_name: String,
}

/// Notes it, or does nothing; ends well in any case.
pub fn main(global: &Global, args: &Args) -> Exit {
    let (send, ended) = channel();
    let (global, tool) = (global.clone(), args.tool.clone());
    thread::spawn(move || {
        if let Some(told) = read() {
            let _ = note(&global, &tool, &told);
        }
        let _ = send.send(());
    });
    let _ = ended.recv_timeout(ALL);
    // A thread that hangs goes with the process.
    exit(Exit::Done.code().into())
}

/// All of standard input, so that the assistant can write it down the pipe; none if it is not what it should be.
fn read() -> Option<Told> {
    let mut input = std::io::stdin().lock();
    let mut text = Vec::new();
    let read = input.by_ref().take(LONGEST).read_to_end(&mut text);
    let _ = copy(&mut input.take(LONGEST_AT_ALL), &mut sink());
    read.ok()?;
    serde_json::from_slice(&text).ok()
}

/// The pane and the value it is to have; none: nothing.
fn note(global: &Global, tool: &str, told: &Told) -> Option<()> {
    let (context, _) = Context::or_defaults(global).ok()?;
    context.variable("TMUX")?;
    let pane: PaneId = context.variable("TMUX_PANE")?.to_str()?.parse().ok()?;
    let assistants = super::assistants(&context);
    let fits = |id: &&String| assistants.handlers.get(tool).is_some_and(|handler| handler.is_id(id));
    let id = told.session_id.as_ref();
    let value = match (told.hook_event_name.as_str(), id) {
        ("SessionEnd", _) => None,
        (_, id) => Some(format!("{tool} {}", id.filter(fits)?)),
    };
    let server = Server::connect(&context.socket, context.uid, &context.binaries).ok()?;
    let (pid, terminal, known) = ask(&server, pane)?;
    let table = ProcessTable::read().ok()?;
    let own = table.get(pid)?;
    let same_terminal = std::fs::metadata(terminal).ok()?.rdev() == own.terminal?;
    if !same_terminal || !assistants.is_in_pane(tool, std::process::id(), pid, &table) {
        return None;
    }
    // Setting an option draws every client anew.
    let script = match value {
        Some(value) if value != known => format!("set-option -p -t '{pane}' {RESUME_OPTION} '{value}'\n"),
        None if ends(&known, tool, id) => format!("set-option -pu -t '{pane}' {RESUME_OPTION}\n"),
        _ => return None,
    };
    server.run(script.as_bytes(), LIMIT).ok().map(drop)
}

/// Whether what is known of a pane is over when a conversation ends; without an id: whatever the tool has said.
fn ends(known: &str, tool: &str, id: Option<&String>) -> bool {
    match known.strip_prefix(tool).and_then(|rest| rest.strip_prefix(' ')) {
        Some(known) => id.is_none_or(|id| id == known),
        None => false,
    }
}

/// The pane's own process, its terminal, and its option.
fn ask(server: &Server, pane: PaneId) -> Option<(u32, String, String)> {
    let format = format!("evermux #{{pane_id}} #{{pane_pid}} #{{pane_tty}} #{{{RESUME_OPTION}}}");
    let output = server.run(format!("display-message -p -t '{pane}' '{format}'\n").as_bytes(), LIMIT).ok()?;
    let line = output.stdout.lines().find_map(|line| line.strip_prefix(b"evermux "))?.to_str().ok()?;
    let mut words = line.splitn(4, ' ');
    let known = words.next()? == pane.to_string();
    let (pid, terminal) = (words.next()?.parse().ok()?, words.next()?.to_owned());
    known.then(|| (pid, terminal, words.next().unwrap_or_default().to_owned()))
}
