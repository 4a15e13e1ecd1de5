//! Programs that look and write like AI assistants, for a test's own home folder: the shapes of docs/handlers.md.
//!
//! Each is a script that waits for lines on its terminal: `new ID` goes to another conversation, `run LINE` runs something,
//! `stop` ends it. What it is started with is appended to `~/ran`; as many starts fail as `~/fails` says.

#![allow(dead_code, reason = "every test file uses another part of it")]

pub mod told;

use std::fs;
use std::path::Path;

use evermux_testkit::{Env, Sandbox, Server, tmux_binaries};
use serde_json::Value;

/// What every stub begins with.
const HEAD: &str = r#"
printf '%s|%s|%s\n' "$(basename "$0")" "$*" "$PWD" >>"$HOME/ran"
fails=$(cat "$HOME/fails" 2>/dev/null)
[ "${fails:-0}" -eq 0 ] || { echo $((fails - 1)) >"$HOME/fails"; echo "fails, $fails to go"; exit 1; }
field22() { cut -d' ' -f22 "/proc/$1/stat"; }
value() { # the word that follows one of the flags in $1
    flags=$1; shift
    while [ $# -gt 0 ]; do
        case " $flags " in
            *" $1 "*) printf %s "$2"; return ;;
            *" ${1%%=*} "*) printf %s "${1#*=}"; return ;;
        esac
        shift
    done
}
wait_for_lines() {
    echo ready
    while read -r word id; do
        case $word in
            new) become "$id" ;;
            run) eval "$id" ;;
            stop) exit 0 ;;
        esac
    done
}
"#;

/// Claude Code: a registry file for its process, a transcript once something was said (`said`).
const CLAUDE: &str = r#"
home=${CLAUDE_CONFIG_DIR:-$HOME/.claude}
mkdir -p "$home/sessions"
become() {
    printf '{"pid":%d,"sessionId":"%s","cwd":"%s","procStart":"%s","kind":"interactive"}' \
        $$ "$1" "$PWD" "$(field22 $$)" >"$home/sessions/$$.json.new"
    mv "$home/sessions/$$.json.new" "$home/sessions/$$.json"
    [ -n "$QUIET" ] || { mkdir -p "$home/projects/x"; echo "{\"sessionId\":\"$1\",\"cwd\":\"$PWD\"}" >"$home/projects/x/$1.jsonl"; }
}
id=$(value '--resume -r --session-id' "$@")
become "${id:-$FIRST}"
wait_for_lines
rm -f "$home/sessions/$$.json"
"#;

/// A conversation's id, by a number; those of another test are others, because all run on one machine.
pub fn id(number: u32) -> String {
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    let hash = test.bytes().fold(17_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
    format!("{number:08x}-1111-4222-8333-{:012x}", hash & 0xffff_ffff_ffff)
}

/// Writes the stub of Claude Code. `FIRST` is the id of a new conversation.
pub fn claude(sandbox: &Sandbox) {
    sandbox.program("bin/claude", format!("#!/bin/sh\n{HEAD}{CLAUDE}"));
}

/// A program that only waits; its words are what tells.
pub fn plain(sandbox: &Sandbox, name: &str) {
    sandbox.program(format!("bin/{name}"), format!("#!/bin/sh\n{HEAD}become() {{ :; }}\nwait_for_lines\n"));
}

/// A program that only tells its hooks, whose commands are in `~/hook-EVENT`, and takes what they print for words of its own.
pub fn hooked(sandbox: &Sandbox, name: &str) {
    let work = r#"
        told() { printf '{"hook_event_name":"%s","session_id":"%s","cwd":"%s"}' "$1" "$2" "$PWD" | sh -c "$(cat ~/hook-"$1")"; }
        chats=$HOME/.gemini/tmp/x/chats
        become() { [ -z "$own" ] || told SessionEnd "$own"; own=$1; told SessionStart "$own"
            mkdir -p "$chats"
            printf '{"sessionId":"%s"}\n{"type":"gemini","content":"noted"}\n' "$own" >"$chats/session-$own.jsonl"; }
        trap 'told SessionEnd "$own"' EXIT
        id=$(value '--resume' "$@")
        become "${id:-$FIRST}"
    "#;
    sandbox.program(format!("bin/{name}"), format!("#!/bin/sh\n{HEAD}{work}\nwait_for_lines\n"));
}

/// Has `install` write the hooks of Gemini; their commands lie where a stub looks for them.
pub fn write_hooks(env: &Env) {
    env.ok(&["install", "--yes", "--assistant", "gemini"]);
    let settings = env.sandbox().path("home/.gemini/settings.json");
    for event in ["SessionStart", "SessionEnd"] {
        env.sandbox().write(format!("home/hook-{event}"), command(&settings, event));
    }
}

/// The command of the last hook of an event.
pub fn command(settings: &Path, event: &str) -> String {
    let text = fs::read_to_string(settings).expect("it can be read");
    let settings: Value = serde_json::from_str(&text).expect("it is JSON");
    let groups = settings["hooks"][event].as_array().expect("there are some");
    groups.last().expect("one")["hooks"][0]["command"].as_str().expect("it is told").to_owned()
}

/// Codex without its daemon: the native part holds the file of its conversation open.
pub fn codex(sandbox: &Sandbox) {
    let work = r#"
        folder=$HOME/.codex/sessions/2026/11/30
        become() { mkdir -p "$folder"
            exec 7>>"$folder/rollout-2026-11-30T01-02-03-$1.jsonl"
            echo "{\"type\":\"session_meta\",\"payload\":{\"id\":\"$1\",\"cwd\":\"$PWD\",\"timestamp\":\"2026-11-30T01:02:03Z\"}}" >&7; }
        id=$(value 'resume' "$@")
        become "${id:-$FIRST}""#;
    wrapped(sandbox, "codex", work);
}

/// Copilot: a lock of its process in the folder of its conversation, of which the newest counts.
pub fn copilot(sandbox: &Sandbox) {
    let work = r#"
        state=$HOME/.copilot/session-state
        become() { rm -f "$state"/*/inuse.$$.lock; mkdir -p "$state/$1"
            echo x >"$state/$1/session.db"; echo $$ >"$state/$1/inuse.$$.lock"; }
        id=$(value '--resume --session-id' "$@")
        become "${id:-$FIRST}""#;
    wrapped(sandbox, "copilot", work);
}

/// A program whose script an interpreter called `node` runs, and which starts a native part that does the work: `work` is
/// what that one does.
pub fn wrapped(sandbox: &Sandbox, name: &str, work: &str) {
    let node = sandbox.path("bin/node");
    if !node.exists() {
        std::os::unix::fs::symlink("/bin/sh", &node).expect("the sandbox can be written");
    }
    let native = sandbox
        .program(format!("lib/vendor/bin/{name}"), format!("#!/bin/sh\n{HEAD}{work}\nwait_for_lines\n"));
    // Two processes, as npm's launchers: the script waits for the native one.
    let node = node.display();
    sandbox.program(format!("bin/{name}"), format!("#!{node}\n\"{}\" \"$@\"\nexit $?\n", native.display()));
}

/// A server whose shells find the stubs.
pub fn server() -> Server {
    let tmux = tmux_binaries().pop().expect("there is one");
    let server = Server::start(&tmux);
    server.wait_for_prompts();
    server
}

/// Runs a line in a pane and waits until the stub there is ready.
#[track_caller]
pub fn begin(server: &Server, pane: &str, line: &str) {
    server.wait_for_prompt(pane);
    server.type_line(pane, line);
    server.wait_until("the stub is ready", |server| server.screen(pane).lines().last() == Some("ready"));
}

/// Ends the stub in a pane, and clears what it has shown.
#[track_caller]
pub fn stop(server: &Server, pane: &str) {
    server.type_line(pane, "stop");
    server.wait_for_prompt(pane);
    server.run(&["clear-history", "-t", pane]);
    server.type_line(pane, "clear");
    server.wait_until("it is cleared", |server| server.screen(pane) == "$");
}

/// Ends the server, and with it what ran in it.
#[track_caller]
pub fn end(server: &Server) {
    server.tmux(&["kill-server"]);
    server.wait_until("it is gone", |server| !server.lives());
}

/// The process that the shell of a pane has started first of those that live.
#[track_caller]
pub fn child(server: &Server, pane: &str) -> String {
    let shell = server.display(pane, "#{pane_pid}");
    let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap_or_default();
    let first = children.split_whitespace().next();
    first.unwrap_or_else(|| panic!("nothing runs in pane {pane}")).to_owned()
}
