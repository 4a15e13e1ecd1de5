//! AI assistants on running servers: which conversation each pane holds, in spite of everything that can deceive.

mod common;
mod stubs;

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

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
        Some(id) => format!("{id} {}", one["confidence"].as_str().expect("it is told")),
        None => format!("- {}", one["evidence"].as_str().expect("it is told")),
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
        None => one["resume"]["argv"]
            .as_array()
            .expect("it is told")
            .iter()
            .map(|word| word.as_str().expect("it is told"))
            .collect::<Vec<_>>()
            .join(" "),
    }
}

fn exact(number: u32) -> String {
    format!("{} exact", id(number))
}

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
    let shown: Value = serde_json::from_str(&env.ok(&["show", "--json"])).unwrap();
    assert_eq!(
        shown["content"]["windows"][0]["panes"][0]["options"],
        serde_json::json!([]),
        "it is no option that comes back"
    );
    for value in
        [format!("claude {thread}"), "amp".to_owned(), "amp -x".to_owned(), format!("amp {thread}; touch x")]
    {
        set(&value);
        // A program that began anew is not known from the save.
        server.type_line("main:0.0", "stop");
        server.wait_for_prompt("main:0.0");
        server.type_line("main:0.0", "clear");
        begin(&server, "main:0.0", "amp");
        assert_eq!(known(&env), ["- nothing tells which one"], "{value}");
    }
}

/// The command lines that stubs were started with, the oldest first.
fn ran(server: &Server) -> Vec<String> {
    let text = fs::read_to_string(server.sandbox().home().join("ran")).unwrap_or_default();
    text.lines().map(|line| line.rsplit_once('|').expect("it is told").0.to_owned()).collect()
}

#[test]
fn conversations_come_back_in_their_panes() {
    let server = server();
    claude(server.sandbox());
    let env = env(&server);
    server.run(&["split-window", "-t", "main"]);
    server.run(&["split-window", "-t", "main"]);
    server.wait_for_prompts();
    server.type_line("main:0.0", "clear; echo kept");
    server.wait_until("it is cleared", |server| server.screen("main:0.0").starts_with("kept"));
    begin(&server, "main:0.0", &format!("FIRST={} claude --model opus 'fix the bug'", id(1)));
    begin(&server, "main:0.1", &format!("FIRST={} claude -c --permission-mode plan", id(2)));
    let order = |env: &Env| known(env);
    assert_eq!(order(&env), [exact(1), exact(2)]);
    env.ok(&["save"]);
    let panes =
        |server: &Server| server.lines(&["list-panes", "-a", "-F", "#{pane_index} #{pane_current_path}"]);
    let before = panes(&server);
    // Again and again: nothing is lost and nothing is added.
    for round in 0..2 {
        let already = ran(&server).len();
        server.tmux(&["kill-server"]);
        server.wait_until("it is gone", |server| !server.lives());
        let output = env.run(&["restore"]);
        assert_eq!(output.status, Some(0), "round {round}: {output}");
        let mut now = ran(&server).split_off(already);
        now.sort();
        let plan = format!("claude|--permission-mode plan --resume {}", id(2));
        assert_eq!(now, [format!("claude|--model opus --resume {}", id(1)), plan], "round {round}");
        assert_eq!(order(&env), [exact(1), exact(2)], "round {round}");
        assert_eq!(panes(&server), before);
        let diff = env.ok(&["diff", "latest"]);
        assert!(!diff.contains("program") && !diff.contains("start command"), "{diff}");
        env.ok(&["save"]);
    }
    // Its old screen is not there: it has drawn its own below what stood above it.
    let screen = server.screen("main:0.0");
    assert_eq!(screen.matches("ready").count(), 1, "{screen}");
    assert!(screen.contains("kept\n$ command claude"), "{screen}");
}

/// Nobody else waits for a client that does not come, and it is told while it is waited for.
#[test]
fn only_what_asks_its_terminal_waits_for_a_client() {
    let server = server();
    claude(server.sandbox());
    let env = env(&server);
    server.run(&["split-window", "-t", "main"]);
    server.wait_for_prompts();
    begin(&server, "main:0.0", &format!("FIRST={} claude", id(1)));
    server.type_line("main:0.1", "sleep 1000");
    let sleeps = |server: &Server| server.display("main:0.1", "#{pane_current_command}") == "sleep";
    server.wait_until("it sleeps", sleeps);
    env.ok(&["save"]);
    server.tmux(&["kill-server"]);
    server.wait_until("it is gone", |server| !server.lives());
    let already = ran(&server).len();
    let mut command = env.command(&["restore", "--run", "sleep"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    server.wait_until("it stands", |server| server.tmux(&["has-session", "-t", "main:0.1"]).ok());
    server.wait_until("it sleeps", sleeps);
    assert_eq!(ran(&server).len(), already, "the other one waits");
    let client = server.attach("main", 80, 24);
    let attached = Instant::now();
    server.wait_until("the assistant runs", |server| ran(server).len() > already);
    // Long before its time is over.
    assert!(attached.elapsed() < Duration::from_secs(4), "{:?}", attached.elapsed());
    let output = child.wait_with_output().unwrap();
    drop(client);
    let told = String::from_utf8(output.stderr).unwrap();
    let note = "note: everything stands; what asks its terminal for colours starts when somebody attaches, or in 5 s\n";
    assert_eq!((told.as_str(), output.status.code()), (note, Some(0)));
}

#[test]
fn what_is_not_known_leaves_a_shell_that_says_so() {
    let server = server();
    plain(server.sandbox(), "opencode");
    let env = env(&server);
    begin(&server, "main:0.0", "opencode 'do it'");
    env.ok(&["save"]);
    server.tmux(&["kill-server"]);
    server.wait_until("it is gone", |server| !server.lives());
    assert_output!(env.run(&["restore"]), @"
    Restored 1 session, 1 window, 1 pane in 40 ms
      owed  pane main:0.0: program /bin/sh $SANDBOX/bin/opencode 'do it' (its conversation is not known: nothing tells which one)
    [exit 3]
    ");
    assert_eq!(ran(&server).len(), 1, "no conversation is begun in silence");
}

#[test]
fn a_pane_made_with_an_assistant_goes_on_with_it() {
    let server = server();
    claude(server.sandbox());
    let env = env(&server);
    let line = format!("FIRST={} exec claude --model opus hello", id(1));
    server.run(&["new-window", "-t", "main:5", &line]);
    server.wait_until("the stub is ready", |server| server.screen("main:5.0").ends_with("ready"));
    assert_eq!(known(&env), [exact(1)]);
    env.ok(&["save"]);
    for _ in 0..2 {
        let already = ran(&server).len();
        server.tmux(&["kill-server"]);
        server.wait_until("it is gone", |server| !server.lives());
        let output = env.run(&["restore"]);
        assert_eq!(output.status, Some(0), "{output}");
        server.wait_until("the stub is ready", |server| server.screen("main:5.0").ends_with("ready"));
        assert_eq!(ran(&server).split_off(already), [format!("claude|--model opus --resume {}", id(1))]);
        assert_eq!(known(&env), [exact(1)]);
        env.ok(&["save"]);
    }
}

#[test]
fn no_two_processes_hold_one_conversation() {
    let server = server();
    claude(server.sandbox());
    let env = env(&server);
    begin(&server, "main:0.0", &format!("FIRST={} claude", id(1)));
    env.ok(&["save"]);
    server.tmux(&["kill-server"]);
    server.wait_until("it is gone", |server| !server.lives());
    // Somebody goes on with it in another terminal.
    let other = Server::builder(server.binary()).name("other").start();
    let home = server.sandbox().home();
    other.type_line(
        "main:0.0",
        &format!(
            "HOME={} {} --resume {}",
            home.display(),
            server.sandbox().path("bin/claude").display(),
            id(1)
        ),
    );
    other.wait_until("the stub is ready", |server| server.screen("main:0.0").ends_with("ready"));
    let output = env.run(&["restore"]);
    assert_eq!(output.status, Some(3), "{output}");
    let text = output.to_string();
    assert!(text.contains(&format!("conversation {} is open in process", id(1))), "{text}");
    assert_eq!(ran(&server).len(), 2);
}

#[test]
fn variables_come_back_by_list_and_secrets_never() {
    let tmux = evermux_testkit::tmux_binaries().pop().expect("there is one");
    let config = "set-option -g @assistant-resurrect-capture-env 'MINE OPENAI_API_KEY'\n";
    let server = Server::builder(&tmux).config(config).start();
    claude(server.sandbox());
    let env = env(&server);
    let home = server.sandbox().home().join("other");
    let variables = format!(
        "CLAUDE_CONFIG_DIR={} MINE='a b' OTHER=x ANTHROPIC_API_KEY=sk-x OPENAI_API_KEY=y",
        home.display()
    );
    begin(&server, "main:0.0", &format!("FIRST={} {variables} claude", id(1)));
    let one = &assistants(&env)[0];
    let names: Vec<&str> =
        one["environment"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["CLAUDE_CONFIG_DIR", "MINE"]);
    assert_eq!(one["id"], id(1), "its own folder was found by its own variable");
    env.ok(&["save"]);
    server.tmux(&["kill-server"]);
    server.wait_until("it is gone", |server| !server.lives());
    let output = env.run(&["restore"]);
    assert_eq!(output.status, Some(0), "{output}");
    assert_eq!(known(&env), [exact(1)]);
    assert_eq!(assistants(&env)[0]["environment"][1]["value"], "a b");
}

#[test]
fn titles_and_rows_tell_where_the_program_itself_does_not() {
    let server = server();
    plain(server.sandbox(), "opencode");
    let env = env(&server);
    let folder = server.folder(".local/share/opencode");
    let path = folder.join("opencode.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    database.pragma_update(None, "journal_mode", "wal").unwrap();
    database
        .execute_batch(
            "CREATE TABLE session (id TEXT, parent_id TEXT, directory TEXT, title TEXT, time_created INTEGER,
             time_updated INTEGER, time_archived INTEGER)",
        )
        .unwrap();
    let home = server.sandbox().home().canonicalize().unwrap();
    let add = |id: &str, parent: Option<&str>, directory: &str, title: &str, created: i64| {
        let row = (id, parent, directory, title, created, created + 5);
        database.execute("INSERT INTO session VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL)", row).unwrap();
    };
    let here = home.to_str().unwrap();
    let now = jiff::Timestamp::now().as_millisecond();
    add("ses_old", None, here, "Old", now - 100_000);
    begin(&server, "main:0.0", "opencode");
    assert_eq!(known(&env), ["- nothing tells which one"], "an old one is none of its");
    add("ses_new", None, here, "New", now + 3000);
    add("ses_sub", Some("ses_new"), here, "Sub", now + 4000);
    add("ses_far", None, "/elsewhere", "Far", now + 5000);
    assert_eq!(known(&env), ["ses_new guess"]);
    server.run(&["select-pane", "-t", "main:0.0", "-T", "OC | Old"]);
    assert_eq!(known(&env), ["ses_old strong"]);
    assert_eq!(again(&env), "opencode --session ses_old");
    // What the plugin has heard may be older than the title; of two with one title it tells which.
    server.run(&["set-option", "-p", "-t", "main:0.0", "@evermux-resume", "opencode ses_new"]);
    assert_eq!(known(&env), ["ses_old strong"]);
    add("ses_same", None, here, "Old", now - 90_000);
    server.run(&["set-option", "-p", "-t", "main:0.0", "@evermux-resume", "opencode ses_old"]);
    assert_eq!(known(&env), ["ses_old strong"]);
    server.run(&["set-option", "-pu", "-t", "main:0.0", "@evermux-resume"]);
    assert_eq!(known(&env), ["ses_same strong"]);
    database.execute("DELETE FROM session WHERE id = 'ses_same'", []).unwrap();
    drop(database);
    // Without its writer it is whole by itself, and nothing is left beside it.
    assert_eq!(known(&env), ["ses_old strong"]);
    let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["opencode.db"]);
}

#[test]
fn other_tools_by_their_own_files() {
    let server = server();
    let env = env(&server);
    let home = server.sandbox().home().canonicalize().unwrap();
    for name in ["gemini", "qwen"] {
        plain(server.sandbox(), name);
    }
    wrapped(
        server.sandbox(),
        "copilot",
        r#"become() { mkdir -p "$HOME/.copilot/session-state/$1"; echo $$ >"$HOME/.copilot/session-state/$1/inuse.$$.lock"; }
        become "$FIRST""#,
    );
    begin(&server, "main:0.0", &format!("FIRST={} copilot -i 'do it' --model m", id(1)));
    assert_eq!(known(&env), [exact(1)]);
    // Nothing was said: the same id again.
    assert_eq!(again(&env), format!("copilot --model m --session-id={}", id(1)));
    server.sandbox().write(format!("home/.copilot/session-state/{}/session.db", id(1)), "x");
    assert_eq!(again(&env), format!("copilot --model m --resume={}", id(1)));
    server.type_line("main:0.0", &format!("new {}", id(2)));
    server.wait_until("it is noticed", |_| known(&env) == [exact(2)]);

    server.run(&["new-window", "-t", "main:1"]);
    server.run(&["kill-window", "-t", "main:0"]);
    begin(&server, "main:1.0", "gemini -m pro");
    let chats = "home/.gemini/tmp/slug/chats";
    server.sandbox().write("home/.gemini/tmp/slug/.project_root", home.to_str().unwrap());
    server.sandbox().write("home/.gemini/tmp/other/.project_root", "/elsewhere");
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(2);
    let line =
        |number: u32| format!(r#"{{"sessionId":"{}","startTime":"{later}","kind":"main"}}"#, id(number));
    server.sandbox().write(format!("{chats}/session-2026-11-30T01-02-x.jsonl"), line(3));
    server.sandbox().write("home/.gemini/tmp/other/chats/session-2026-11-30T01-02-y.jsonl", line(4));
    assert_eq!(known(&env), [format!("{} strong", id(3))]);
    assert_eq!(again(&env), format!("gemini -m pro --resume {}", id(3)));

    server.run(&["new-window", "-t", "main:2"]);
    server.run(&["kill-window", "-t", "main:1"]);
    begin(&server, "main:2.0", "qwen");
    let line = format!(r#"{{"sessionId":"{}","cwd":"{}","timestamp":"{later}"}}"#, id(5), home.display());
    server.sandbox().write(format!("home/.qwen/projects/x/chats/{}.jsonl", id(5)), line);
    assert_eq!(known(&env), [format!("{} strong", id(5))]);
}

/// Codex whose daemon writes everything down: nothing that its windows have open tells, and two are in one directory.
#[test]
fn codex_by_its_database_and_by_what_was_said() {
    let server = server();
    plain(server.sandbox(), "codex");
    let env = env(&server);
    let database = rusqlite::Connection::open(server.folder(".codex").join("state_5.sqlite")).unwrap();
    database
        .execute_batch(
            "CREATE TABLE threads (id TEXT, cwd TEXT, created_at_ms INTEGER, updated_at_ms INTEGER, archived INTEGER,
             agent_path TEXT, first_user_message TEXT)",
        )
        .unwrap();
    let home = server.sandbox().home().canonicalize().unwrap();
    let add = |number: u32, after: i64, agent: Option<&str>, said: &str| {
        let at = jiff::Timestamp::now().as_millisecond() + after;
        let row = (id(number), home.to_str().unwrap(), at, at + 5, agent, said);
        database.execute("INSERT INTO threads VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6)", row).unwrap();
    };
    server.run(&["split-window", "-t", "main"]);
    server.wait_for_prompts();
    add(9, -100_000, None, "long ago");
    begin(&server, "main:0.0", "codex");
    begin(&server, "main:0.1", "codex");
    assert_eq!(known(&env), ["- nothing tells which one", "- nothing tells which one"]);
    // The younger one begins its conversation first: by the times alone they would be taken for each other's.
    add(2, 1000, None, "what does the   second\none of them do?");
    add(1, 1500, None, "explain the first one to me");
    add(3, 900, Some("helper"), "a part of the work");
    server.type_line("main:0.0", "run echo '> explain the first one to me'");
    server.type_line("main:0.1", "run echo '> what does the second one'; echo '  of them do?'");
    server.wait_until("it is said", |server| server.screen("main:0.1").contains("\n  of them do?"));
    server.wait_until("it is said", |server| server.screen("main:0.0").contains("\n> explain"));
    env.ok(&["save"]);
    assert_eq!(known(&env), [format!("{} strong", id(1)), format!("{} strong", id(2))]);
    assert!(assistants(&env)[0]["evidence"].as_str().unwrap().contains("is on the screen"));
}

#[test]
fn codex_as_earlier_versions_wrote_it_down() {
    let server = server();
    plain(server.sandbox(), "codex");
    let env = env(&server);
    begin(&server, "main:0.0", &format!("codex resume {}", id(9)));
    let pid = server.display("main:0.0", "#{pane_pid}");
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let child = children.split_whitespace().next().unwrap();
    let line = |pid: &str, number: u32, at: jiff::Timestamp| {
        format!("{{\"pid\":{pid},\"session\":\"{}\",\"host\":\"h\",\"started_at\":\"{at}\"}}\n", id(number))
    };
    let now = jiff::Timestamp::now();
    let old = now - jiff::SignedDuration::from_mins(1);
    let write =
        |lines: &[String]| drop(server.sandbox().write("home/.codex/session-tags.jsonl", lines.concat()));
    write(&[line(child, 1, old)]);
    assert_eq!(known(&env), [format!("{} strong", id(9))], "of an earlier process with this number");
    write(&[line(child, 1, old), line(child, 2, now), line("1", 3, now), "{ broken\n".to_owned()]);
    assert_eq!(known(&env), [exact(2)]);
}

/// Amp tells its conversation on the screen only.
#[test]
fn amp_by_its_screen() {
    let server = server();
    plain(server.sandbox(), "amp");
    let env = env(&server);
    begin(&server, "main:0.0", "amp");
    let thread = format!("T-{}", id(1));
    server.type_line("main:0.0", &format!("run echo thread {thread}"));
    server.wait_until("it is shown", |server| {
        server.screen("main:0.0").contains(&format!("\nthread {thread}"))
    });
    env.ok(&["save"]);
    // What is on the screen counts from the next save on, when it is known to be its own.
    assert_eq!(known(&env), [format!("{thread} guess")]);
    assert_eq!(again(&env), format!("amp threads continue {thread}"));
}

/// Aider has no ids: what was said is in its directory.
#[test]
fn aider_goes_on_with_what_is_in_its_directory() {
    let server = server();
    plain(server.sandbox(), "aider");
    let env = env(&server);
    let work = server.folder("work");
    server.wait_for_prompts();
    server.type_line("main:0.0", &format!("cd {}", work.display()));
    begin(&server, "main:0.0", "aider --model m --message-file-not x.py");
    assert_eq!(again(&env), "not: {cwd}/.aider.chat.history.md is not there");
    fs::write(work.join(".aider.chat.history.md"), "# aider chat\n").unwrap();
    env.ok(&["save"]);
    server.tmux(&["kill-server"]);
    server.wait_until("it is gone", |server| !server.lives());
    let output = env.run(&["restore"]);
    assert_eq!(output.status, Some(0), "{output}");
    assert_eq!(ran(&server).last().unwrap(), "aider|--restore-chat-history --model m");
    assert!(server.display("main:0.0", "#{pane_current_path}").ends_with("/work"));
}

#[test]
fn what_a_handler_only_types_is_left_to_the_user() {
    let server = server();
    plain(server.sandbox(), "helper");
    let env = env(&server);
    let handler = include_str!("../../../docs/handlers/example.toml").replace("\"run\"", "\"prefill\"");
    server.sandbox().write("handlers.d/helper.toml", handler);
    begin(&server, "main:0.0", "helper --model x --session abc-1 hello");
    env.ok(&["save"]);
    server.tmux(&["kill-server"]);
    server.wait_until("it is gone", |server| !server.lives());
    let already = ran(&server).len();
    let output = env.run(&["restore"]);
    assert_eq!(output.status, Some(3), "{output}");
    server.wait_until("it is typed", |server| {
        server.screen("main:0.0").ends_with("helper --model x --session abc-1")
    });
    assert_eq!(ran(&server).len(), already, "nothing runs");
    env.ok(&["save"]);
    server.run(&["send-keys", "-t", "main:0.0", "Enter"]);
    server.wait_until("it runs", |server| ran(server).len() > already);
    assert_eq!(known(&env), ["abc-1 strong"]);
}

#[test]
fn the_files_of_tmux_assistant_resurrect_are_read() {
    let server = server();
    plain(server.sandbox(), "claude");
    let folder = server.sandbox().path("tracker");
    let env = env(&server);
    begin(
        &server,
        "main:0.0",
        &format!("TMUX_ASSISTANT_RESURRECT_DIR={} claude --resume {}", folder.display(), id(1)),
    );
    assert_eq!(known(&env), [format!("{} strong", id(1))]);
    let pid = server.display("main:0.0", "#{pane_pid}");
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let child = children.split_whitespace().next().unwrap();
    let saved = format!(
        r#"{{"sessions":[{{"pane":"main:0.0","tool":"claude","session_id":"{}","cwd":"/","pid":"{child}"}}]}}"#,
        id(2)
    );
    let own = server.sandbox().write(format!("tracker/claude-{child}.json"), "{ broken");
    assert_eq!(known(&env), [format!("{} strong", id(1))]);
    fs::write(own, format!(r#"{{"tool":"claude","session_id":"{}","ppid":{child}}}"#, id(3))).unwrap();
    assert_eq!(known(&env), [exact(3)]);
    fs::remove_dir_all(&folder).unwrap();
    server.sandbox().write("home/.tmux/resurrect/assistant-sessions.json", saved);
    assert_eq!(known(&env), [format!("{} strong", id(2))], "its last save is younger than the command line");
}

#[test]
fn handlers_of_the_user_and_what_is_wrong_with_them() {
    let server = server();
    let env = env(&server);
    plain(server.sandbox(), "helper");
    assert_output!(env.run(&["config", "check"]), @"
    The settings and the handlers are as they should be.
      settings   $SANDBOX/config.toml
      handlers   $SANDBOX/handlers.d
      assistants aider, amp, claude, codex, copilot, gemini, opencode, qwen
      programs   aerc, autossh, btm, container, et, gitui, ipython, irssi, k9s, kubectl, lazygit, lf, mc, mongosh, mosh, mutt, mysql, neomutt, nnn, psql, ranger, redis, sqlite3, ssh, task, tig, tmux, watch, weechat, yazi
    [exit 0]
    ");
    server.sandbox().write("handlers.d/helper.toml", include_str!("../../../docs/handlers/example.toml"));
    server.sandbox().write("handlers.d/wrong.toml", "[handler.wrong]\nnames = ['wrong']\npolcy = 'run'\n");
    assert_output!(env.run(&["config", "check"]), @"
    wrong: the handlers in $SANDBOX/handlers.d/wrong.toml are wrong
           TOML parse error at line 3, column 1
             |
           3 | polcy = 'run'
             | ^^^^^
           unknown field `polcy`, expected one of `names`, `unless`, `policy`, `arguments`, `command`, `resume`, `fresh`, `folders`, `needs`, `environment`, `id`, `source`, `directory`, `resumable`, `mode`, `needs-client`, `ready`
      settings   $SANDBOX/config.toml
      handlers   $SANDBOX/handlers.d
      assistants aider, amp, claude, codex, copilot, gemini, opencode, qwen, helper
      programs   aerc, autossh, btm, container, et, gitui, ipython, irssi, k9s, kubectl, lazygit, lf, mc, mongosh, mosh, mutt, mysql, neomutt, nnn, psql, ranger, redis, sqlite3, ssh, task, tig, tmux, watch, weechat, yazi
      yours      helper
    [exit 1]
    ");
    assert_eq!(env.run(&["config", "check"]).status, Some(1));
    begin(&server, "main:0.0", "helper --model x --session abc-1 hello");
    let output = env.run(&["assistants", "--json"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("wrong.toml"), "{output}");
    assert_eq!(again(&env), "helper --model x --session abc-1");
    use std::os::unix::fs::PermissionsExt;
    let path = server.sandbox().path("handlers.d/helper.toml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(known(&env), [""; 0], "what others can write allows nothing");
}

#[test]
fn the_mode_chosen_inside_comes_back_and_none_that_allows_more() {
    let server = server();
    claude(server.sandbox());
    let env = env(&server);
    let line = "claude --add-dir a --permission-mode acceptEdits --verbose";
    begin(&server, "main:0.0", &format!("FIRST={} {line}", id(1)));
    let transcript = format!("home/.claude/projects/x/{}.jsonl", id(1));
    let with_mode = |mode: &str| {
        let lines =
            format!("{{}}\n{{\"permissionMode\":\"default\"}}\n{{\"permissionMode\":\"{mode}\"}}\n{{}}\n");
        server.sandbox().write(&transcript, lines);
        again(&env).replace(&id(1), "ID")
    };
    assert_eq!(with_mode("plan"), "claude --permission-mode plan --add-dir a --verbose --resume ID");
    // Without the flag newer versions allow more.
    assert_eq!(with_mode("default"), "claude --permission-mode default --add-dir a --verbose --resume ID");
    let same = "claude --add-dir a --permission-mode acceptEdits --verbose --resume ID";
    assert_eq!(with_mode("bypassPermissions"), same);
}

/// Seen with Codex 0.171: after /new the file of the earlier conversation stays open, and the new one has only a lock.
#[test]
fn a_conversation_that_was_just_begun_has_only_a_lock() {
    let server = server();
    let env = env(&server);
    let work = r#"
        mkdir -p "$HOME/.codex/sessions/2026/11/30" "$HOME/.codex/thread-writer-locks"
        exec 7>"$HOME/.codex/sessions/2026/11/30/rollout-2026-11-30T01-02-03-$FIRST.jsonl"
        echo "{\"type\":\"session_meta\",\"payload\":{\"id\":\"$FIRST\",\"cwd\":\"$PWD\"}}" >&7
        become() { exec 8>"$HOME/.codex/thread-writer-locks/$1.lock"; }"#;
    wrapped(server.sandbox(), "codex", work);
    begin(&server, "main:0.0", &format!("FIRST={} codex", id(1)));
    assert_eq!(known(&env), [exact(1)]);
    server.type_line("main:0.0", &format!("new {}", id(2)));
    server.wait_until("it is noticed", |_| known(&env) == [exact(2)]);
    assert_eq!(again(&env), format!("not: nothing was said yet in conversation {}", id(2)));
}

/// OpenCode shows its own name while no conversation is open: its command line is old then, and so is the last save.
#[test]
fn a_title_can_say_that_there_is_none() {
    let server = server();
    plain(server.sandbox(), "opencode");
    let env = env(&server);
    begin(&server, "main:0.0", "opencode -s ses_1");
    env.ok(&["save"]);
    assert_eq!(known(&env), ["ses_1 strong"]);
    server.run(&["select-pane", "-t", "main:0.0", "-T", "OpenCode"]);
    assert_eq!(known(&env), ["- it has none open"]);
    server.run(&["select-pane", "-t", "main:0.0", "-T", "OC | another"]);
    assert_eq!(known(&env), ["ses_1 strong"]);
}
