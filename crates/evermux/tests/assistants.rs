//! AI assistants on running servers: which conversation each pane holds, in spite of everything that can deceive.

mod common;
mod stubs;

use std::fs;

use common::assert_output;
use stubs::told::{again, assistants, env, exact, known};
use stubs::{begin, child, claude, id, plain, server, stop, wrapped};

#[test]
fn what_is_told_of_assistants() {
    let server = server();
    // Otherwise tmux names the window after what runs for a moment.
    server.run(&["rename-window", "-t", "main:0", "sh"]);
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
    assert_output!(env.run(&["assistants"]), @"
    main:0.0  claude  UUID (exact)
      by    ~/.claude/sessions/4711.json
      run   claude --model opus --resume UUID
      in    $SANDBOX/home
      without --new (not known)
    main:0.1  codex  conversation unknown
      by    nothing tells which one
      a shell: its conversation is not known: nothing tells which one
    2 assistants, 1 of them with a conversation that is known
    [exit 0]
    ");
    env.ok(&["save"]);
    assert_output!(env.run(&["show"]), @"
    Snapshot 1: 1 session, 1 window, 2 panes
      taken    2026-11-20 14:00:00, just now, manual
      server   $SANDBOX/tmux-UID/t, process 4711
      a restore without arguments uses it

    main  $SANDBOX/home
      0: sh*  80x24
        .0 $SANDBOX/home  /bin/sh $SANDBOX/bin/claude --model opus --new x 'fix the bug', claude conversation UUID, 2 lines
          a restore starts claude --model opus --resume UUID, without --new x 'fix the bug' (the handler claude says run; its conversation, exact: ~/.claude/sessions/4711.json)
        .1* $SANDBOX/home  /bin/sh $SANDBOX/bin/codex 'do it', codex, its conversation not known, 2 lines
          a restore shows  program /bin/sh $SANDBOX/bin/codex 'do it' (its conversation is not known: nothing tells which one)
    [exit 0]
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
    let child = child(&server, "main:0.0");
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
    stop(&server, "main:0.0");
    assert_eq!(known(&env), [""; 0]);
    plain(server.sandbox(), "claude");
    begin(&server, "main:0.0", "claude");
    assert_eq!(known(&env), ["- nothing tells which one"]);
    assert_eq!(again(&env), "not: its conversation is not known: nothing tells which one");
}

#[test]
fn one_that_is_suspended_keeps_what_is_known_of_it() {
    let server = server();
    claude(server.sandbox());
    plain(server.sandbox(), "viewer");
    let env = env(&server);
    begin(&server, "main:0.0", &format!("FIRST={} claude --model opus", id(1)));
    env.ok(&["save"]);
    server.run(&["send-keys", "-t", "main:0.0", "C-z"]);
    server.wait_for_prompt("main:0.0");
    env.ok(&["save"]);
    // Its registry tells nothing any more when it is back: only what was known does.
    fs::remove_dir_all(server.sandbox().home().join(".claude/sessions")).unwrap();
    begin(&server, "main:0.0", "viewer");
    env.ok(&["save"]);
    server.type_line("main:0.0", "stop");
    server.wait_for_prompt("main:0.0");
    env.ok(&["save"]);
    server.type_line("main:0.0", "fg");
    server.wait_until("it is in the foreground", |_| !known(&env).is_empty());
    assert_eq!(known(&env), [exact(1)]);
}

/// What is written in a directory may be of an assistant that is suspended there, in another pane.
#[test]
fn one_that_is_suspended_keeps_its_conversation_from_guesses() {
    let server = server();
    let sandbox = server.sandbox();
    claude(sandbox);
    let env = env(&server);
    server.run(&["split-window", "-t", "main"]);
    server.wait_for_prompts();
    begin(&server, "main:0.0", &format!("FIRST={} claude", id(1)));
    // One of an older version, of which only what it writes tells.
    plain(sandbox, "old/claude");
    begin(&server, "main:0.1", &sandbox.path("bin/old/claude").display().to_string());
    let home = sandbox.home().canonicalize().unwrap();
    let encoded = home.to_str().unwrap().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let write = |number: u32| {
        let at = jiff::Timestamp::now();
        let line =
            format!(r#"{{"sessionId":"{}","cwd":"{}","timestamp":"{at}"}}"#, id(number), home.display());
        sandbox.write(format!("home/.claude/projects/{encoded}/{}.jsonl", id(number)), line);
    };
    write(1);
    let taken = |text: &str| text.starts_with("- ") && text.ends_with("is held in another pane");
    assert!(known(&env)[0] == exact(1) && taken(&known(&env)[1]), "{:?}", known(&env));
    // Suspended before anything was saved, and after that.
    for saved in [false, true] {
        server.run(&["send-keys", "-t", "main:0.0", "C-z"]);
        server.wait_for_prompt("main:0.0");
        env.ok(&["save"]);
        let [other] = &known(&env)[..] else { panic!("{:?}", known(&env)) };
        assert!(taken(other), "saved: {saved}: {other}");
        server.type_line("main:0.0", "fg");
        server.wait_until("it is in the foreground", |_| known(&env).len() == 2);
        assert!(known(&env)[0] == exact(1) && taken(&known(&env)[1]), "{:?}", known(&env));
        env.ok(&["save"]);
    }
    // Its own is free for it.
    write(2);
    assert_eq!(known(&env), [exact(1), format!("{} guess", id(2))]);
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
    // Nor one that was gone on with, whatever is known of it.
    stop(&server, "main:0.0");
    begin(&server, "main:0.0", &format!("QUIET=1 claude --resume {}", id(2)));
    assert_eq!(again(&env), format!("not: nothing of conversation {} is there any more", id(2)));
    stop(&server, "main:0.0");
    begin(&server, "main:0.0", &format!("QUIET=1 claude --session-id {}", id(2)));
    assert_eq!(again(&env), format!("claude --session-id {}", id(2)));
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
