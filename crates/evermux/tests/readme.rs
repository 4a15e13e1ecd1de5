//! The commands that README.md promises a new user, run as they stand there.

use evermux_testkit::{Env, Server, tmux_binaries};

/// The commands of the first block after a marker, without comments.
fn commands(marker: &str) -> Vec<&'static str> {
    let text = include_str!("../../../README.md");
    let after = text.split_once(marker).expect("README.md names this test").1;
    let block = after.split("```").nth(1).expect("a block follows");
    let commands = block.lines().filter_map(|line| line.strip_prefix("$ "));
    commands.map(|line| line.split('#').next().unwrap_or(line).trim()).collect()
}

#[test]
fn the_first_minute_works_as_told() {
    for tmux in tmux_binaries() {
        let server = Server::builder(&tmux).name("default").absent();
        let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
        let mut attached = None;
        let (mut saved, mut restored) = (false, false);
        for command in commands("crates/evermux/tests/readme.rs -->") {
            let words: Vec<&str> = command.split_whitespace().collect();
            match words[..] {
                // Installing is what building this test has done.
                ["cargo", ..] => {}
                ["tmux", "attach", "-t", session] => attached = Some(server.attach(session, 80, 24)),
                ["tmux", ref arguments @ ..] => {
                    server.run(arguments);
                }
                ["evermux", ref arguments @ ..] => {
                    let shown = env.ok(arguments);
                    saved |= shown.starts_with("Saved 1: ");
                    restored |= shown.starts_with("Restored 1 session");
                }
                _ => panic!("README.md: how is '{command}' tested?"),
            }
        }
        assert!(saved && restored && attached.is_some(), "tmux {}", tmux.version);
        assert_eq!(server.display("work", "#{session_name}:#{window_name}"), "work:logs");
    }
}

#[test]
fn the_days_after_work_as_told() {
    let tmux = tmux_binaries().pop().expect("there is one");
    let server = Server::builder(&tmux).name("default").first(&["new-session", "-d", "-s", "work"]).start();
    server.wait_for_prompts();
    let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
    let commands = commands("a test runs these, too -->");
    assert!(commands.len() > 5, "{commands:?}");
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().collect();
        let (program, arguments) = words.split_first().expect("a command has words");
        assert_eq!(*program, "evermux");
        let output = env.run(arguments);
        assert!(output.ok(), "{command}: {output}");
        if arguments.contains(&"--as") {
            server.run(&["has-session", "-t", "=work-before"]);
        }
    }
    assert_eq!(server.lines(&["list-sessions", "-F", "#{session_name}"]), ["work"], "undone");
}
