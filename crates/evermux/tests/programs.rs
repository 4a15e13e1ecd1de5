//! What comes back of programs by handlers and by the options of tmux-resurrect, on a real server, and what is said about it.

use std::fs;

use evermux_testkit::{Env, Server, Tmux, tmux_binaries};
use serde_json::Value;

fn ground(tmux: &Tmux, config: &str) -> (Server, Env) {
    let server = Server::builder(tmux).config(&format!("set -g default-command ''\n{config}")).absent();
    let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
    (server, env)
}

/// The words of what is in the foreground of a pane; none if that is its shell.
fn argv(server: &Server, pane: &str) -> Option<String> {
    let pid = server.display(pane, "#{pane_pid}");
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let foreground = stat.rsplit_once(") ")?.1.split(' ').nth(5)?.to_owned();
    let words = fs::read_to_string(format!("/proc/{foreground}/cmdline")).ok()?;
    let words = words.trim_end_matches('\0').replace('\0', " ");
    let shell = ["sh", "-sh", "/bin/sh"].contains(&words.as_str());
    (!shell).then_some(words)
}

fn runs(server: &Server, pane: &str, line: &str, words: &str) {
    server.type_line(pane, line);
    server.wait_until("it runs", |_| argv(server, pane).is_some_and(|argv| argv.ends_with(words)));
}

fn restored(server: &Server, env: &Env) -> Value {
    server.kill_all();
    let output = env.run(&["restore", "--json"]);
    assert!(matches!(output.status, Some(0 | 3)), "{output}");
    serde_json::from_str(&output.text()).expect("JSON")
}

/// The lines of a dry run that are about programs.
fn programs(env: &Env) -> String {
    let text = env.ok(&["restore", "--dry-run"]);
    let is_program = |line: &&str| ["start ", "type ", "owe "].iter().any(|action| line.starts_with(action));
    text.lines().filter(is_program).map(|line| format!("{line}\n")).collect()
}

/// The list of tmux-resurrect permits, replaces, and executes nothing.
#[test]
fn the_options_of_tmux_resurrect() {
    for tmux in tmux_binaries() {
        let config =
            "set -g @resurrect-processes 'sleep \"~mytool->tail -F *\" \"$(touch $HOME/executed)\" rm'\n";
        let (server, env) = ground(&tmux, config);
        server.run(&["new-session", "-d", "-s", "work", "-x", "100", "-y", "24"]);
        for _ in 0..3 {
            server.run(&["new-window", "-d", "-t", "work:"]);
        }
        server.wait_for_prompts();
        let tool = server.sandbox().program("tools/mytool", "#!/bin/sh\nread x\n");
        runs(&server, "work:0", "sleep 1000", "sleep 1000");
        runs(&server, "work:1", &format!("{} 'a b'", tool.display()), "mytool a b");
        runs(&server, "work:2", "cat", "cat");
        env.ok(&["save"]);
        let checked = env.ok(&["config", "check"]);
        assert!(checked.contains("@resurrect-processes sleep"), "{checked}");
        let not = "not understood: @resurrect-processes: \"$(touch $HOME/executed)\": variables and commands in it are not expanded";
        assert!(checked.contains(not), "{checked}");
        let doctor = env.run(&["doctor"]).text();
        assert!(doctor.contains("@resurrect-processes is read: sleep"), "{doctor}");
        assert!(doctor.contains("a restore types these and leaves them to you: cat\n"), "{doctor}");
        server.kill_all();
        insta::allow_duplicates!(insta::assert_snapshot!(programs(&env), @""));
        let back = restored(&server, &env);
        assert_eq!(argv(&server, "work:0").as_deref(), Some("sleep 1000"), "tmux {}: {back:#}", tmux.version);
        assert_eq!(
            argv(&server, "work:1").as_deref(),
            Some("tail -F a b"),
            "tmux {}: {back:#}",
            tmux.version
        );
        assert_eq!(argv(&server, "work:2"), None, "{back:#}");
        assert!(!server.sandbox().path("home/executed").exists());
        // The settings win.
        env.ok(&["save"]);
        env.write_config("[restore]\nrun = []\n");
        let back = restored(&server, &env);
        assert_eq!(back["started"].as_array().map(Vec::len), Some(0), "tmux {}: {back:#}", tmux.version);
    }
}

/// What a pane was made with goes by the same rows, and the pane ends with it; what is not run is typed into a shell.
#[test]
fn commands_of_panes() {
    for tmux in tmux_binaries() {
        let (server, env) = ground(&tmux, "");
        server.run(&["new-session", "-d", "-s", "work", "-x", "100", "-y", "24"]);
        server.sandbox().write("home/notes", "one\n");
        for command in ["watch -n 5 ls", "exec sleep 999", "tail -F notes | cat", "sleep 998; rm -rf notes"] {
            server.run(&["new-window", "-d", "-t", "work:", command]);
        }
        server.run(&["new-window", "-d", "-t", "work:", "tail", "-F", "a b"]);
        server.wait_until("they run", |_| argv(&server, "work:5").as_deref() == Some("tail -F a b"));
        env.ok(&["save"]);
        server.kill_all();
        insta::allow_duplicates!(insta::assert_snapshot!(programs(&env), @""));
        for _ in 0..2 {
            let back = restored(&server, &env);
            assert_eq!(argv(&server, "work:1").as_deref(), Some("watch -n 5 ls"), "{back:#}");
            assert_eq!(argv(&server, "work:5").as_deref(), Some("tail -F a b"), "{back:#}");
            for (window, typed) in [("work:2", "sleep 999"), ("work:3", "tail -F notes | cat")] {
                let screen = server.screen(window);
                assert!(
                    screen.trim_end().ends_with(typed),
                    "tmux {}: {window}: {screen}\n{back:#}",
                    tmux.version
                );
            }
            assert!(!server.screen("work:4").contains("rm -rf"), "{back:#}");
            env.ok(&["save"]);
        }
        server.run(&["send-keys", "-t", "work:1", "C-c"]);
        server.wait_until("the pane ends with it", |server| {
            !server.lines(&["list-windows", "-t", "work", "-F", "#{window_index}"]).contains(&"1".to_owned())
        });
    }
}

/// Pipelines and what reads a file are known without any integration.
#[test]
fn what_is_redirected_is_typed() {
    let tmux = tmux_binaries().pop().expect("there is one");
    let (server, env) = ground(&tmux, "");
    server.run(&["new-session", "-d", "-s", "work", "-x", "100", "-y", "24"]);
    server.sandbox().write("home/notes", "one\n");
    for _ in 0..3 {
        server.run(&["new-window", "-d", "-t", "work:"]);
    }
    server.wait_for_prompts();
    runs(&server, "work:0", "tail -F notes | cat", "tail -F notes");
    runs(&server, "work:1", "tail -F notes > out", "tail -F notes");
    runs(&server, "work:2", "tail -F notes", "tail -F notes");
    env.ok(&["save"]);
    let shown = env.ok(&["show"]);
    assert!(shown.contains("a restore starts tail -F notes (tail is in the program table)"), "{shown}");
    server.kill_all();
    insta::assert_snapshot!(programs(&env), @"");
}
