//! Everything at once on one server and one store: saves, restores, a prune and a keeper, again and again.

mod story;

use std::process::{Child, Stdio};

use evermux_testkit::tmux_binaries;
use story::kept::Kept;

/// How many rounds there are; `EVERMUX_TEST_CASES` says more.
fn rounds() -> u32 {
    std::env::var("EVERMUX_TEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

#[test]
fn saves_restores_a_prune_and_a_keeper_at_once() {
    let tmux = tmux_binaries().pop().expect("there is a tmux");
    let kept = Kept::begin(&tmux, "");
    kept.server().run(&["new-session", "-d", "-s", "b", "-x", "80", "-y", "24"]);
    kept.server().run(&["new-window", "-d", "-t", "=b:"]);
    kept.server().wait_for_prompts();
    kept.wait_until_saved();
    let words: Vec<&[&str]> =
        [vec![&["save"][..]; 8], vec![&["restore"][..]; 2], vec![&["prune"][..]]].concat();
    for round in 0..rounds() {
        // One session has to come back, all others are there.
        kept.server().run(&["new-window", "-d", "-t", "=main:", "-n", &format!("round-{round}")]);
        kept.server().wait_for_prompts();
        kept.story.run(&["save"]);
        let windows = || {
            kept.server().lines(&[
                "list-windows",
                "-a",
                "-F",
                "#{session_name}:#{window_index} #{window_panes}",
            ])
        };
        let before = windows();
        kept.server().run(&["kill-session", "-t", "=b"]);
        let start = |words: &&[&str]| -> Child {
            let mut command = kept.story.env.command(words);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
            command.spawn().expect("evermux starts")
        };
        let running: Vec<_> = words.iter().map(|words| (words, start(words))).collect();
        for (words, child) in running {
            let output = child.wait_with_output().expect("it ends");
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(matches!(output.status.code(), Some(0 | 3 | 5)), "round {round}: {words:?}: {errors}");
        }
        kept.story.run(&["restore", "--session", "b"]);
        assert_eq!(windows(), before, "round {round}: nothing twice, nothing missing");
        let verified = kept.story.env.run(&["verify"]);
        assert!(verified.ok(), "round {round}: {verified}");
    }
    // The second of two keepers goes, the first stays.
    let keeper = kept.keeper();
    let second = kept.story.env.run(&["keeper", "run"]);
    assert_eq!(second.status, Some(5), "{second}");
    assert!(keeper.lives());
}
