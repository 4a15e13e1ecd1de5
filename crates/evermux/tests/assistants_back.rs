//! AI assistants after a restore: each conversation goes on in its own pane, as it was, or is owed with the reason.

mod common;
mod stubs;

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::assert_output;
use evermux_testkit::Server;
use stubs::told::{again, assistants, env, exact, known, ran};
use stubs::{begin, child, claude, end, id, plain, server};

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
    assert_eq!(known(&env), [exact(1), exact(2)]);
    env.ok(&["save"]);
    let panes =
        |server: &Server| server.lines(&["list-panes", "-a", "-F", "#{pane_index} #{pane_current_path}"]);
    let before = panes(&server);
    // Again and again: nothing is lost and nothing is added.
    for round in 0..2 {
        let already = ran(&server).len();
        end(&server);
        let output = env.run(&["restore"]);
        assert_eq!(output.status, Some(0), "round {round}: {output}");
        let mut now = ran(&server).split_off(already);
        now.sort();
        let plan = format!("claude|--permission-mode plan --resume {}", id(2));
        assert_eq!(now, [format!("claude|--model opus --resume {}", id(1)), plan], "round {round}");
        assert_eq!(known(&env), [exact(1), exact(2)], "round {round}");
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
    end(&server);
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
    end(&server);
    assert_output!(env.run(&["restore"]), @"
    Restored 1 session, 1 window, 1 pane in 40 ms
      owed  pane main:0.0: program /bin/sh $SANDBOX/bin/opencode 'do it' (its conversation is not known: nothing tells which one)
    [exit 3]
    ");
    assert_eq!(ran(&server).len(), 1, "no conversation is begun in silence");
}

/// One that ends at once is begun once more, and is owed if it ends again; then the next restore tries it.
#[test]
fn one_that_fails_is_tried_once_more() {
    let server = server();
    claude(server.sandbox());
    let env = env(&server);
    begin(&server, "main:0.0", &format!("FIRST={} claude --model opus 'fix the bug'", id(1)));
    env.ok(&["save"]);
    let resumed = format!("claude|--model opus --resume {}", id(1));
    for (fails, status, starts) in [(1, 0, 2), (9, 3, 2), (0, 0, 1)] {
        let already = ran(&server).len();
        end(&server);
        server.sandbox().write("home/fails", fails.to_string());
        let output = env.run(&["restore"]);
        assert_eq!(output.status, Some(status), "{fails}: {output}");
        assert_eq!(ran(&server).split_off(already), vec![resumed.clone(); starts], "{output}");
        let running = if status == 0 { vec![exact(1)] } else { Vec::new() };
        assert_eq!(known(&env), running, "{fails}");
        assert_eq!(output.to_string().contains("(it ended at once)"), status == 3, "{output}");
        env.ok(&["save"]);
    }
}

/// As tmux-assistant-resurrect does, whose restore may run at the same time: it is not begun a second time.
#[test]
fn one_that_somebody_else_has_begun_is_left_to_them() {
    let server = server();
    claude(server.sandbox());
    let env = env(&server);
    begin(&server, "main:0.0", &format!("FIRST={} claude --model opus", id(1)));
    env.ok(&["save"]);
    end(&server);
    let already = ran(&server).len();
    // It waits for a client, which gives the other one the time.
    let child = env.command(&["restore"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    server.wait_until("it stands", |server| server.tmux(&["has-session", "-t", "main:0.0"]).ok());
    begin(&server, "main:0.0", &format!("command claude --model opus --resume {}", id(1)));
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert_eq!(ran(&server).len(), already + 1, "{told}");
    assert_eq!(known(&env), [exact(1)]);
    env.ok(&["save"]);
    assert!(!env.ok(&["show"]).contains("owed"));
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
        end(&server);
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
    end(&server);
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
    // By its name, and by what it looks like.
    const SECRET: &str = "ghp_0123456789abcdefghijklmnopqrstuvwxyzAB";
    let config = "set-option -g @assistant-resurrect-capture-env 'MINE SHAPE OPENAI_API_KEY'\n";
    let server = Server::builder(&tmux).config(config).start();
    claude(server.sandbox());
    let env = env(&server);
    let home = server.sandbox().home().join("other");
    let variables = format!(
        "CLAUDE_CONFIG_DIR={} MINE='a b' SHAPE={SECRET} OTHER=x ANTHROPIC_API_KEY=sk-x OPENAI_API_KEY=y",
        home.display()
    );
    begin(&server, "main:0.0", &format!("FIRST={} {variables} claude", id(1)));
    let one = &assistants(&env)[0];
    let names: Vec<&str> =
        one["environment"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["CLAUDE_CONFIG_DIR", "MINE"]);
    assert_eq!(one["id"], id(1), "its own folder was found by its own variable");
    env.ok(&["save"]);
    end(&server);
    let output = env.run(&["restore"]);
    assert_eq!(output.status, Some(0), "{output}");
    assert_eq!(known(&env), [exact(1)]);
    assert_eq!(assistants(&env)[0]["environment"][1]["value"], "a b");
    // What it was really given, and what of it stands anywhere else.
    let environment = fs::read(format!("/proc/{}/environ", child(&server, "main:0.0"))).unwrap();
    let variables: Vec<_> = environment.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    let given =
        |name: &str| variables.iter().find_map(|it| it.strip_prefix(&format!("{name}="))).map(str::to_owned);
    assert_eq!(given("CLAUDE_CONFIG_DIR"), Some(home.display().to_string()));
    assert_eq!(given("MINE").as_deref(), Some("a b"));
    for name in ["SHAPE", "OTHER", "ANTHROPIC_API_KEY", "OPENAI_API_KEY"] {
        assert_eq!(given(name), None, "{name}");
    }
    assert!(!server.screen("main:0.0").contains("MINE"), "nothing of it is typed");
    let shown = env.ok(&["show", "--json"]);
    assert!(shown.contains("a b") && !shown.contains(SECRET) && !shown.contains("sk-x"), "{shown}");
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
    end(&server);
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

/// The shell that a pane gets in the place of its own command has the line typed: the conversation is asked for once.
#[test]
fn a_pane_made_with_an_assistant_has_it_typed_where_that_is_wanted() {
    let server = server();
    claude(server.sandbox());
    let env = env(&server);
    server.run(&["set-environment", "-g", "FIRST", &id(1)]);
    server.run(&["new-window", "-d", "-t", "main:7", "claude", "--model", "opus"]);
    server.wait_until("the stub is ready", |server| server.screen("main:7").ends_with("ready"));
    server.run(&["set-option", "-p", "-t", "main:7", "@evermux-policy", "prefill"]);
    assert_eq!(known(&env), [exact(1)]);
    env.ok(&["save"]);
    end(&server);
    let already = ran(&server).len();
    let output = env.run(&["restore"]);
    assert_eq!(output.status, Some(3), "{output}");
    let line = format!("claude --model opus --resume {}", id(1));
    server.wait_until("it is typed", |server| server.screen("main:7").ends_with(&line));
    assert_eq!(ran(&server).len(), already, "nothing runs");
    server.run(&["send-keys", "-t", "main:7", "Enter"]);
    server.wait_until("it runs", |server| ran(server).len() > already);
    assert_eq!(known(&env), [exact(1)]);
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
