//! The commands that README.md promises a new user, run as they stand there.

use evermux_testkit::{Env, Server, tmux_binaries};

/// The commands of the first block after a marker that names this file.
fn commands() -> Vec<&'static str> {
    let text = include_str!("../../../README.md");
    let after = text.split_once("crates/evermux/tests/readme.rs -->").expect("README.md names this test").1;
    let block = after.split("```").nth(1).expect("a block follows");
    block.lines().filter_map(|line| line.strip_prefix("$ ")).collect()
}

#[test]
fn the_first_minute_works_as_told() {
    for tmux in tmux_binaries() {
        let server = Server::builder(&tmux).name("default").absent();
        let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
        let mut attached = None;
        let (mut saved, mut restored) = (false, false);
        for command in commands() {
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
