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

/// A shell that the user's shell runs in its place, as `default-command` wants, is the pane's shell: what runs in it comes back in
/// it, and it is not a program itself.
#[test]
fn programs_in_a_shell_of_the_default_command() {
    for tmux in tmux_binaries() {
        let config = "set -g default-command '/bin/bash --norc'\nset -g @resurrect-processes 'sleep'\n";
        let (server, env) = ground(&tmux, config);
        server.run(&["new-session", "-d", "-s", "work", "-x", "100", "-y", "24"]);
        server.run(&["new-window", "-d", "-t", "work:", "-c", "/usr"]);
        server.wait_for_prompts();
        runs(&server, "work:0", "sleep 1000", "sleep 1000");
        server.type_line("work:1", "cd /usr/bin");
        server.wait_until("it is there", |server| {
            server.display("work:1", "#{pane_current_path}").ends_with("/bin")
        });
        env.ok(&["save"]);
        for _ in 0..2 {
            let back = restored(&server, &env);
            assert_eq!(
                argv(&server, "work:0").as_deref(),
                Some("sleep 1000"),
                "tmux {}: {back:#}",
                tmux.version
            );
            assert_eq!(back["owed"].as_array().map(Vec::len), Some(0), "tmux {}: {back:#}", tmux.version);
            let directory = server.display("work:1", "#{pane_current_path}");
            assert!(directory.ends_with("/bin"), "tmux {}: {directory}", tmux.version);
            env.ok(&["save"]);
        }
    }
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
        insta::allow_duplicates!(insta::assert_snapshot!(programs(&env), @r"
        start    pane work:0.0: sleep 1000 (@resurrect-processes sleep says so)
        start    pane work:1.0: tail -F 'a b' (@resurrect-processes ~mytool->tail -F * says so)
        type     pane work:2.0: cat (cat is not in the program table)
        "));
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
        insta::allow_duplicates!(insta::assert_snapshot!(programs(&env), @r"
        start    pane work:1.0: watch -n 5 ls (the handler watch says run)
        type     pane work:2.0: sleep 999 (sleep is not in the program table)
        type     pane work:3.0: tail -F notes | cat (it is a line of shell, not one plain command)
        owe      pane work:4.0: command sleep 998; rm -rf notes (rm is never started again)
        start    pane work:5.0: tail -F 'a b' (tail is in the program table)
        "));
        for _ in 0..2 {
            let back = restored(&server, &env);
            let watch = argv(&server, "work:1").unwrap_or_default();
            assert!(watch.ends_with("watch -n 5 ls"), "{watch}: {back:#}");
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
    insta::assert_snapshot!(programs(&env), @r"
    type     pane work:0.0: tail -F notes (it was redirected, or part of a pipeline)
    type     pane work:1.0: tail -F notes (it was redirected, or part of a pipeline)
    start    pane work:2.0: tail -F notes (tail is in the program table)
    ");
}

/// rc files that become dash, one that takes its time and prints, and an instant prompt as Powerlevel10k draws it: each program
/// comes back in its pane, once.
#[test]
fn dash_and_an_instant_prompt() {
    let there = |name: &str| {
        ["/bin", "/usr/bin"]
            .map(|folder| format!("{folder}/{name}"))
            .into_iter()
            .find(|path| fs::exists(path).unwrap_or(false))
    };
    let (Some(zsh), Some(dash)) = (there("zsh"), there("dash")) else { return };
    let tmux = tmux_binaries().pop().expect("there is one");
    let server =
        Server::builder(&tmux).config("set -g default-command ''\n").variable("SHELL", &zsh).absent();
    let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
    let sandbox = server.sandbox();
    sandbox.write("home/.zshrc", "PS1='$ '\n");
    let panes = 30;
    server.run(&["new-session", "-d", "-s", "work", "-x", "100", "-y", "24"]);
    for _ in 1..panes {
        server.run(&["new-window", "-d", "-t", "work:"]);
    }
    server.wait_for_prompts();
    for window in 0..panes {
        let target = format!("work:{window}");
        sandbox.write(format!("home/notes{window}"), "one\n");
        let line = format!("tail -F notes{window}");
        server.type_line(&target, &line);
    }
    let tails =
        |window: u32| argv(&server, &format!("work:{window}")) == Some(format!("tail -F notes{window}"));
    for window in 0..panes {
        server.wait_until("it runs", |_| tails(window));
    }
    env.ok(&["save"]);
    sandbox.write("home/.dashrc", "sleep 1; echo hello; PS1='$ '\n");
    let rc = format!(
        "PS1='$ '
        case $((${{TMUX_PANE#%}} % 3)) in
          0) export ENV=$HOME/.dashrc; exec {dash} -i;;
          1) print -n '$ '
             exec {{in}}<&0 {{out}}>&1 {{err}}>&2 </dev/null >$HOME/instant$TMUX_PANE 2>&1
             sleep 2; echo late
             precmd() {{ exec <&$in >&$out 2>&$err {{in}}<&- {{out}}>&- {{err}}>&-; print -n '\\r\\e[K'; unfunction precmd }};;
        esac
        "
    );
    sandbox.write("home/.zshrc", rc);
    let back = restored(&server, &env);
    let wrong: Vec<u32> = (0..panes).filter(|window| !tails(*window)).collect();
    assert!(wrong.is_empty(), "{wrong:?}: {back:#}\n{}", server.screen(&format!("work:{}", wrong[0])));
    assert_eq!(back["owed"].as_array().map(Vec::len), Some(0), "{back:#}");
    for window in 0..panes {
        let screen = server.screen(&format!("work:{window}"));
        assert_eq!(screen.matches(&format!("tail -F notes{window}")).count(), 2, "{screen}");
    }
}
