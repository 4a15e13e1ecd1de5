//! docs/json.md is a promise: every example in it has the shape of what is really printed.

mod common;
mod stubs;

use common::shape::differences;
use evermux_testkit::{Env, Output, Server, tmux_binaries};
use serde_json::Value;

/// The example of this name: the block that begins with "```json NAME".
fn documented(name: &str) -> Value {
    let text = include_str!("../../../docs/json.md");
    let begin = format!("```json {name}\n");
    let example = text.split_once(&begin).unwrap_or_else(|| panic!("docs/json.md: no example '{name}'")).1;
    let example = example.split_once("```").expect("a block has an end").0;
    serde_json::from_str(example).unwrap_or_else(|error| panic!("docs/json.md: {name}: {error}"))
}

#[track_caller]
fn assert_shape(name: &str, printed: &[u8]) -> Value {
    let printed = serde_json::from_slice(printed).expect("it is JSON");
    let differences = differences(&documented(name), &printed);
    assert!(differences.is_empty(), "{name}:\n{differences}\nin {printed:#}");
    printed
}

/// Runs a command with `--json`, which must have a result, and compares it with the example `name`.
#[track_caller]
fn check(env: &Env, name: &str, command: &[&str]) -> Value {
    // In front: behind `--` it would be a word of somebody else.
    let output: Output = env.run(&[&["--json"], command].concat());
    assert!(matches!(output.status, Some(0 | 3)), "{command:?}: {output}");
    assert_shape(name, &output.stdout)
}

/// A server with something in every field that can be filled.
fn rich_server() -> Server {
    let tmux = tmux_binaries().pop().expect("there is one");
    let server = Server::start(&tmux);
    server.run(&["split-window", "-t", "main", "tail -f /dev/null"]);
    server.run(&["new-session", "-d", "-s", "twin", "-t", "main"]);
    server.run(&["set-option", "-t", "main", "@color", "blue"]);
    server.run(&["set-option", "-p", "-t", "main:0.0", "@note", "keep"]);
    server.run(&["set-environment", "-t", "main", "EDITOR", "vi"]);
    server.run(&["new-window", "-d", "-t", "main:3"]);
    server.run(&["set-option", "-w", "-t", "main:3", "remain-on-exit", "on"]);
    server.run(&["set-buffer", "-b", "buffer0", "text"]);
    server.wait_for_prompts();
    server.type_line("main:3.0", "exit 1");
    server.wait_until_dead("main:3.0");
    server.run(&["select-window", "-t", "main:3"]);
    server.run(&["select-window", "-t", "main:0"]);
    server.run(&["new-window", "-d", "-t", "main:4"]);
    server.run(&["new-window", "-d", "-t", "main:5"]);
    server.run(&["set-option", "-p", "-t", "main:5", "@evermux-policy", "prefill"]);
    stubs::claude(server.sandbox());
    server.run(&["new-window", "-d", "-t", "main:6"]);
    server.wait_for_prompts();
    let line = format!("ANTHROPIC_MODEL=opus FIRST={} claude --brand-new word", stubs::id(1));
    stubs::begin(&server, "main:6.0", &line);
    for (pane, line) in [("main:0.0", "sleep 1000"), ("main:4.0", "tail -F notes"), ("main:5.0", "sleep 999")]
    {
        server.type_line(pane, line);
        let name = line.split(' ').next().expect("a name");
        server
            .wait_until("the program runs", |server| server.display(pane, "#{pane_current_command}") == name);
    }
    server
}

#[test]
fn every_shape_is_as_documented() {
    let server = rich_server();
    let _client = server.attach("main", 80, 24);
    let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
    env.write_config("[save]\nbuffers = true\n");
    let saved = check(&env, "save", &["save", "--name", "one", "--note", "two"]);
    assert_eq!(saved["new"], true);
    server.run(&["new-session", "-d", "-s", "later"]);
    check(&env, "save", &["save"]);

    let listed = check(&env, "list", &["list"]);
    let ids: Vec<i64> =
        listed.as_array().unwrap().iter().map(|entry| entry["id"].as_i64().unwrap()).collect();
    assert_eq!(ids, [2, 1], "the newest first");
    assert_eq!(listed[0]["restore_point"], true);
    check(&env, "list --why", &["list", "--why"]);
    let shown = check(&env, "show", &["show"]);
    assert!(shown.to_string().contains("\"conversation\":{"), "an assistant runs: {shown:#}");
    check(&env, "diff", &["diff", "1", "2"]);
    check(&env, "diff", &["diff", "1"]);
    check(&env, "verify", &["verify"]);
    check(&env, "pin", &["pin", "1"]);
    check(&env, "pin", &["unpin", "one"]);
    check(&env, "log", &["log"]);
    check(&env, "prune --dry-run", &["prune", "--dry-run"]);
    check(&env, "prune", &["prune"]);
    check(&env, "forget", &["forget", "1"]);
    check(&env, "tmux-conf", &["tmux-conf"]);
    check(&env, "keeper start", &["keeper", "start"]);
    check(&env, "keeper watch", &["keeper", "watch"]);
    server.wait_until("the keeper has said something", |_| env.run(&["status"]).status == Some(0));
    check(&env, "status", &["status"]);
    check(&env, "keeper pause", &["keeper", "pause", "1h"]);
    check(&env, "keeper pause", &["keeper", "resume"]);
    check(&env, "keeper unwatch", &["keeper", "unwatch"]);
    check(&env, "keeper stop", &["keeper", "stop"]);
    check(&env, "keeper stop", &["keeper", "stop"]);
    check(&env, "assistants", &["assistants"]);
    check(&env, "config check", &["config", "check"]);
    check(&env, "doctor", &["doctor"]);
    check(&env, "install", &["install", "--dry-run", "--no-service"]);
    check(&env, "install", &["uninstall", "--dry-run"]);
    check(&env, "install --terminal", &["install", "--terminal", "kitty"]);
    server.kill();
    check(&env, "restore --dry-run", &["restore", "--dry-run"]);
    let restored = check(&env, "restore", &["restore"]);
    for list in ["started", "typed", "owed"] {
        assert!(restored[list].as_array().is_some_and(|list| !list.is_empty()), "{list}: {restored:#}");
    }
    check(&env, "restore", &["restore"]);
    check(&env, "show", &["show"]);
    check(&env, "log", &["log"]);
    check(&env, "log --restore", &["log", "--restore", "1"]);
    check(&env, "undo", &["undo", "--dry-run"]);
    check(&env, "undo", &["undo"]);
    server.tmux(&["kill-server"]);
    check(&env, "forget --owed", &["forget", "--owed", "later"]);

    let output = env.run(&["show", "99", "--json"]);
    assert_eq!(output.status, Some(4));
    assert!(output.stdout.is_empty());
    assert_shape("error", &output.stderr);
}

#[test]
fn what_sessions_tell_is_as_documented() {
    let tmux = tmux_binaries().pop().expect("there is one");
    let server = Server::start(&tmux);
    let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
    let env = env.with("SSH_CONNECTION", "192.0.2.7 50000 192.0.2.1 22");
    check(&env, "session ensure", &["session", "ensure", "web"]);
    check(&env, "session has", &["session", "has", "web"]);
    let _client = server.attach("web", 80, 24);
    check(&env, "session list", &["session", "list"]);
    check(&env, "session send", &["session", "send", "web", "--when-ready", "--enter", "--", "echo hello"]);
    check(&env, "session wait", &["session", "wait", "web", "--text", "^hello"]);
    check(&env, "session run", &["session", "run", "web", "--", "echo", "ok"]);
    let captured = env.run(&["session", "capture", "web", "--json"]);
    assert!(captured.ok(), "{captured}");
    assert_shape("session capture", &captured.stdout);
    check(&env, "session restart", &["session", "restart", "web"]);
    let followed = env.run(&["session", "ensure", "short", "--", "sh", "-c", "sleep 1; echo line; sleep 1"]);
    assert!(followed.ok(), "{followed}");
    let followed = env.run(&["session", "capture", "short", "--follow"]).text();
    let events: Vec<&str> = followed.lines().collect();
    assert_shape("session capture --follow", events[0].as_bytes());
    assert_shape("session capture --follow, the end", events[events.len() - 1].as_bytes());
    check(&env, "session kill", &["session", "kill", "web"]);
}

#[test]
fn the_demo_tells_what_it_compared() {
    let tmux = tmux_binaries().pop().expect("there is one");
    let server = Server::builder(&tmux).absent();
    let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
    let demo = check(&env, "demo", &["demo"]);
    assert_eq!(demo["exact"], true, "{demo:#}");
    assert!(!env.state().exists(), "it leaves nothing behind");
}
