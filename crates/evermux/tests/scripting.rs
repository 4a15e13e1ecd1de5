//! docs/scripting.md is a promise: every recipe in it runs, and ours print what it says.

use std::os::unix::fs::symlink;

use evermux_testkit::{Output, Server, Tmux, tmux_binaries};

/// A fenced block: what stands behind its fence, and its text.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let page = include_str!("../../../docs/scripting.md");
    let parts: Vec<&str> = page.split("```").collect();
    assert!(parts.len() % 2 == 1, "every block has an end");
    parts.iter().skip(1).step_by(2).map(|block| block.split_once('\n').expect("a block has lines")).collect()
}

/// Runs a script on a tmux of its own, without a server.
fn run(tmux: &Tmux, script: &str) -> Output {
    let server = Server::builder(tmux).name("default").absent();
    let sandbox = server.sandbox();
    symlink(env!("CARGO_BIN_EXE_evermux"), sandbox.path("bin/evermux")).expect("a new folder can be written");
    let output = sandbox.command("/bin/sh").args(["-c", script]).output().expect("there is a shell");
    Output { status: output.status.code(), stdout: output.stdout, stderr: output.stderr }
}

#[test]
fn every_usual_recipe_has_a_replacement_that_prints_what_is_written() {
    let kinds: Vec<&str> = blocks().iter().map(|(kind, _)| *kind).collect();
    assert!(
        kinds.len() > 30 && kinds.chunks(3).all(|kinds| kinds == ["sh usual", "sh", "text"]),
        "{kinds:?}"
    );
    let mut wrong = String::new();
    for tmux in tmux_binaries() {
        let blocks = blocks();
        let check = |recipe: &[(&str, &str)]| {
            let [(_, usual), (_, ours), (_, wanted)] = recipe else { unreachable!("they come in threes") };
            let usual_output = run(&tmux, usual);
            let output = run(&tmux, ours);
            let told = (output.text() == *wanted && output.ok() && usual_output.ok()).then_some(());
            told.is_none()
                .then(|| format!("tmux {}\n{usual}{usual_output}\n{ours}{output}\n\n", tmux.version))
        };
        wrong.extend(blocks.chunks(3).filter_map(check));
    }
    assert!(wrong.is_empty(), "{wrong}");
}
