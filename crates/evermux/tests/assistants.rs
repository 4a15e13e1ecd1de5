//! AI assistants on running servers: which conversation each pane holds, in spite of everything that can deceive.

mod common;
mod stubs;

use std::fs;

use common::assert_output;
use evermux_testkit::{Env, Server};
use serde_json::Value;
use stubs::{begin, claude, id, plain, server, wrapped};

fn env(server: &Server) -> Env {
    Env::new(env!("CARGO_BIN_EXE_evermux"), server)
}

/// What is known now: by pane.
#[track_caller]
fn assistants(env: &Env) -> Vec<Value> {
    let text = env.ok(&["assistants", "--json"]);
    serde_json::from_str::<Vec<Value>>(&text).expect("a list")
}

/// The conversations now, in the order of the panes: `id confidence`, or why there is none.
#[track_caller]
fn known(env: &Env) -> Vec<String> {
    let line = |one: &Value| match one["id"].as_str() {
        Some(id) => format!("{id} {}", one["confidence"].as_str().unwrap()),
        None => format!("- {}", one["evidence"].as_str().unwrap()),
    };
    assistants(env).iter().map(line).collect()
}

/// What would be run in the only pane, or why nothing.
#[track_caller]
fn again(env: &Env) -> String {
    let found = assistants(env);
    let [one] = found.as_slice() else { panic!("{found:#?}") };
    match one["not"].as_str() {
        Some(why) => format!("not: {why}"),
        None => one["resume"]["argv"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect::<Vec<_>>().join(" "),
    }
}

fn exact(number: u32) -> String {
    format!("{} exact", id(number))
}

#[test]
fn what_is_told_of_assistants() {
    let server = server();
    claude(server.sandbox());
    let env = env(&server);
    assert_output!(env.run(&["assistants"]), @"
    No assistant runs in the foreground of a pane.
    [exit 0]
    ");
    begin(&server, "main:0.0", &format!("FIRST={} claude --model opus --new x 'fix the bug'", id(1)));
    server.run(&["split-window", "-t", "main"]);
    plain(server.sandbox(), "codex");
    begin(&server, "main:0.1", "codex 'do it'");
    assert_output!(env.run(&["assistants"]), @r"
    ");
    env.ok(&["save"]);
    assert_output!(env.run(&["show"]), @r"
    ");
}

#[test]
fn the_registry_says_it_and_follows_changes() {
    let server = server();
    claude(server.sandbox());
    let env = env(&server);
    begin(&server, "main:0.0", &format!("claude --resume {} --model opus", id(1)));
    assert_eq!(known(&env), [exact(1)]);
    // As /clear and /resume do: the command line is old now.
    server.type_line("main:0.0", &format!("new {}", id(2)));
    server.wait_until("it is noticed", |_| known(&env) == [exact(2)]);
    assert_eq!(again(&env), format!("claude --model opus --resume {}", id(2)));
}

#[test]
fn two_in_one_directory_have_their_own() {
    let server = server();
    claude(server.sandbox());
    let env = env(&server);
    server.run(&["split-window", "-t", "main"]);
    begin(&server, "main:0.0", &format!("FIRST={} claude", id(1)));
    begin(&server, "main:0.1", &format!("FIRST={} claude", id(2)));
    assert_eq!(known(&env), [exact(1), exact(2)]);
    // Both on one: it belongs to the one that began first, and the other gets none, whatever else it might have had.
    server.type_line("main:0.1", &format!("new {}", id(1)));
    server.wait_until("it is noticed", |_| known(&env)[1].starts_with("- "));
    assert_eq!(known(&env)[0], exact(1));
    assert!(known(&env)[1].contains("is held in another pane"), "{:?}", known(&env));
}

#[test]
fn a_registry_of_an_earlier_process_means_nothing() {
    let server = server();
    plain(server.sandbox(), "claude");
    let env = env(&server);
    begin(&server, "main:0.0", &format!("claude --resume {}", id(1)));
    let pid = server.display("main:0.0", "#{pane_pid}");
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let child = children.split_whitespace().next().unwrap();
    let file = |start: &str| {
        let text = format!(r#"{{"pid":{child},"sessionId":"{}","procStart":"{start}"}}"#, id(9));
        server.sandbox().write(format!("home/.claude/sessions/{child}.json"), text);
    };
    file("1");
    assert_eq!(known(&env), [format!("{} strong", id(1))]);
    let stat = fs::read_to_string(format!("/proc/{child}/stat")).unwrap();
    file(stat.rsplit_once(") ").unwrap().1.split(' ').nth(19).unwrap());
    assert_eq!(known(&env), [exact(9)]);
}

#[test]
fn what_was_known_holds_as_long_as_the_program_lives() {
    let server = server();
    claude(server.sandbox());
    let env = env(&server);
    begin(&server, "main:0.0", &format!("FIRST={} claude", id(1)));
    env.ok(&["save"]);
    fs::remove_dir_all(server.sandbox().home().join(".claude/sessions")).unwrap();
    for _ in 0..2 {
        env.ok(&["save"]);
        let one = &assistants(&env)[0];
        assert_eq!(one["id"], id(1));
        let evidence = one["evidence"].as_str().unwrap();
        assert_eq!(evidence.matches("known since an earlier save").count(), 1, "{evidence}");
    }
    // Another process in the same pane is another program.
    server.type_line("main:0.0", "stop");
    server.wait_for_prompt("main:0.0");
    assert_eq!(known(&env), [""; 0]);
    server.run(&["clear-history", "-t", "main:0.0"]);
    plain(server.sandbox(), "claude");
    server.type_line("main:0.0", "clear");
    begin(&server, "main:0.0", "claude");
    assert_eq!(known(&env), ["- nothing tells"]);
    assert_eq!(again(&env), "not: which conversation it held is not known: nothing tells");
}

#[test]
fn nothing_said_yet_begins_under_the_same_id_and_nothing_else_does() {
    let server = server();
    claude(server.sandbox());
    let env = env(&server);
    begin(&server, "main:0.0", &format!("QUIET=1 FIRST={} claude 'do it'", id(1)));
    assert_eq!(again(&env), format!("claude --session-id {}", id(1)));
    // One that is gone is not begun anew.
    server.sandbox().write(format!("home/.claude/projects/x/{}.jsonl", id(1)), "{}\n");
    env.ok(&["save"]);
    assert_eq!(again(&env), format!("claude --resume {}", id(1)));
    fs::remove_file(server.sandbox().home().join(format!(".claude/projects/x/{}.jsonl", id(1)))).unwrap();
    assert_eq!(again(&env), format!("not: nothing of conversation {} is there any more", id(1)));
}

#[test]
fn only_a_tool_s_own_foreground_counts() {
    let server = server();
    claude(server.sandbox());
    let env = env(&server);
    // In the background, without a terminal, not for talking.
    server.type_line("main:0.0", &format!("FIRST={} claude </dev/null &", id(1)));
    server.type_line("main:0.0", &format!("FIRST={} setsid claude mcp serve", id(2)));
    server.wait_until("both have begun", |server| {
        fs::read_to_string(server.sandbox().home().join("ran")).is_ok_and(|ran| ran.lines().count() == 2)
    });
    assert_eq!(known(&env), [""; 0]);
}

#[test]
fn launchers_and_their_native_parts_are_one() {
    let server = server();
    let env = env(&server);
    // As Codex without a daemon: the native part holds the file of the conversation open.
    let work = r#"
        become() { mkdir -p "$HOME/.codex/sessions/2026/11/30"
            exec 7>"$HOME/.codex/sessions/2026/11/30/rollout-2026-11-30T01-02-03-$1.jsonl"
            echo "{\"type\":\"session_meta\",\"payload\":{\"id\":\"$1\",\"cwd\":\"$PWD/moved\",\"timestamp\":\"2026-11-30T01:02:03Z\"}}" >&7; }
        mkdir -p "$PWD/moved"
        become "$FIRST""#;
    wrapped(server.sandbox(), "codex", work);
    begin(&server, "main:0.0", &format!("FIRST={} codex -m gpt 'fix it'", id(1)));
    assert_eq!(known(&env), [exact(1)]);
    assert_eq!(again(&env), format!("codex -m gpt resume {}", id(1)));
    let one = &assistants(&env)[0];
    assert!(one["directory"].as_str().unwrap().ends_with("/home/moved"), "its own directory: {one:#}");
    server.type_line("main:0.0", &format!("new {}", id(2)));
    server.wait_until("it is noticed", |_| known(&env) == [exact(2)]);
    let moved = server.sandbox().home().join("moved");
    fs::remove_dir(&moved).unwrap();
    assert!(again(&env).ends_with("/home/moved is not there"), "{}", again(&env));
}

#[test]
fn a_pane_option_speaks_for_its_own_program_only() {
    let server = server();
    plain(server.sandbox(), "amp");
    let env = env(&server);
    let thread = format!("T-{}", id(1));
    let set = |value: &str| server.run(&["set-option", "-p", "-t", "main:0.0", "@evermux-resume", value]);
    set(&format!("amp {thread}"));
    begin(&server, "main:0.0", "amp");
    assert_eq!(known(&env), [format!("{thread} exact")]);
    env.ok(&["save"]);
    assert!(!env.ok(&["show", "--json"]).contains("evermux-resume"), "it is no option that comes back");
    for value in [format!("claude {thread}"), "amp".to_owned(), "amp -x".to_owned(), format!("amp {thread}; touch x")] {
        set(&value);
        // A program that began anew is not known from the save.
        server.type_line("main:0.0", "stop");
        server.wait_for_prompt("main:0.0");
        server.type_line("main:0.0", "clear");
        begin(&server, "main:0.0", "amp");
        assert_eq!(known(&env), ["- nothing tells"], "{value}");
    }
}
