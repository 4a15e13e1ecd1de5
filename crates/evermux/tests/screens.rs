//! What panes show comes back as it was, and rounds of saving and restoring add nothing to it. Compared with what
//! plain `capture-pane -e -J` prints.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod story;

use std::fs;

use evermux_testkit::{Server, Tmux, describe, differences};
use story::Story;

/// How a pane came to look as it does: what is typed into its shell.
const SHAPES: [(&str, &[&str]); 7] = [
    ("fresh", &[]),
    ("short", &["echo one; echo two"]),
    ("full", &["seq 100"]),
    ("cleared", &["seq 50", "clear"]),
    ("wrapped", &["printf '%0300d\\n' 1 2 3"]),
    (
        "colour",
        &["printf '\\033[1;31mred\\033[0m \\033[4mline\\033[0m\\n'", "printf '\\033[7mblock\\033[0m\\n'"],
    ),
    ("blank", &["echo; echo; echo"]),
];

/// Shells, and what their prompt is.
const SHELLS: [(&str, &str, &str); 4] = [
    ("dash", "/bin/sh", "$ "),
    ("bash", "/bin/bash", "$ "),
    ("zsh", "/usr/bin/zsh", "$ "),
    // The last one by name: how many lines its prompt has shows only in the first restore, which the second heals.
    ("zz-two-lines", "/bin/bash", "\\w\\n$ "),
];

/// Up to 3.2 joined lines end in blanks wherever a row has ever been longer.
fn trim(tmux: &Tmux, description: &str) -> String {
    let lines = description.lines();
    lines.map(|line| if tmux.at_least(3, 3) { line } else { line.trim_end() }).collect::<Vec<_>>().join("\n")
}

fn prompts(tmux: &Tmux) -> Server {
    let server = Server::builder(tmux).absent();
    let home = server.sandbox().home();
    let profile =
        format!("{}PS1=${{PROMPT_OF_TEST:-'$ '}}\n", fs::read_to_string(home.join(".profile")).unwrap());
    fs::write(home.join(".profile"), profile).unwrap();
    server
}

#[test]
fn rounds_add_nothing() {
    let mut bad = String::new();
    for tmux in &evermux_testkit::tmux_binaries() {
        let server = prompts(tmux);
        server.run(&["new-session", "-d", "-s", "main", "-x", "80", "-y", "24", "sleep 1000"]);
        for (name, shell, prompt) in SHELLS {
            if !std::path::Path::new(shell).exists() {
                continue;
            }
            let target = format!("={name}:");
            server.run(&["new-session", "-d", "-s", name, "-x", "80", "-y", "24", "sleep 1000"]);
            server.run(&["set-option", "-t", &target, "default-shell", shell]);
            server.run(&["set-environment", "-t", &target, "PROMPT_OF_TEST", prompt]);
            for (shape, _) in SHAPES {
                server.run(&["new-window", "-d", "-t", &target, "-n", shape]);
            }
            server.run(&["kill-window", "-t", &format!("{target}0")]);
        }
        server.run(&["kill-session", "-t", "=main"]);
        server.wait_for_prompts();
        for (name, shell, _) in SHELLS {
            if !std::path::Path::new(shell).exists() {
                continue;
            }
            for (shape, lines) in SHAPES {
                for line in lines {
                    let pane = format!("={name}:{shape}");
                    server.type_line(&pane, line);
                    std::thread::sleep(std::time::Duration::from_millis(50));
                    server.wait_for_prompt(&pane);
                }
            }
        }
        let story = Story::of(server);
        let rounds = std::env::var("EVERMUX_TEST_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(3);
        let before = describe(&story.server);
        for round in 1..=rounds {
            story.run(&["save"]);
            story.end();
            let report = story.restore();
            let after = describe(&story.server);
            let known = |text: &str| {
                let text = trim(tmux, text);
                let start = text.find("session zz-two-lines").unwrap_or(text.len());
                if round == 1 {
                    return text[..start].to_owned();
                }
                // What the second restore has healed may stand a row higher.
                let healed = text[start..].lines().filter(|line| {
                    !line.starts_with("    cursor_y ") && !line.starts_with("    history_size ")
                });
                text[..start].to_owned() + &healed.collect::<Vec<_>>().join("\n")
            };
            let found = differences(&known(&before), &known(&after));
            if !found.is_empty() {
                bad += &format!("tmux {} round {round}\n{found}\n{report}\n", tmux.version);
            }
        }
    }
    assert!(bad.is_empty(), "{bad}");
}

#[test]
fn dead_panes_stay_dead_and_tell_it_once() {
    // On 3.1 a pane that dies while its window is finished can be lost with it; a known limit (README).
    for tmux in evermux_testkit::tmux_binaries().iter().filter(|tmux| tmux.at_least(3, 2)) {
        let story = Story::begin(tmux, "set -gw automatic-rename off\n");
        story.server.run(&["set-option", "-gw", "remain-on-exit", "on"]);
        for command in ["seq 30; exit 3", "echo killed; kill -9 $$", "exit 0"] {
            story.server.run(&["new-window", "-d", "-t", "=main:", command]);
        }
        story.server.wait_until("they have ended", |server| {
            server.lines(&["list-panes", "-s", "-t", "=main:", "-F", "#{pane_dead}"]) == ["0", "1", "1", "1"]
        });
        story.server.wait_for_prompts();
        // What they were started with is owed and told: it must not run again.
        let seen = |server: &Server| {
            let text = trim(tmux, &describe(server));
            let lines = text.lines().filter(|line| !line.trim_start().starts_with("pane_start_command"));
            lines.collect::<Vec<_>>().join("\n")
        };
        let before = seen(&story.server);
        for _ in 0..3 {
            story.run(&["save"]);
            story.end();
            let report = story.restore();
            let found = differences(&before, &seen(&story.server));
            assert!(found.is_empty(), "tmux {}:\n{found}\n{report}", tmux.version);
        }
    }
}
