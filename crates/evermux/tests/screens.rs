//! What panes show comes back as it was, and rounds of saving and restoring add nothing to it. Compared with what
//! plain `capture-pane -e -J` prints.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod story;

use std::fs;

use evermux_testkit::{Server, Tmux, describe, differences};
use story::Story;

/// How a pane came to look as it does: what is typed into its shell.
const SHAPES: [(&str, &[&str]); 8] = [
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
    ("moved", &["echo same", "echo same", "echo same", "cd /", "echo same"]),
];

/// A shell, and what it shows before it takes a command.
struct Shell {
    name: &'static str,
    path: &'static str,
    prompt: &'static str,
    /// What it prints before its first prompt.
    greeting: &'static str,
    width: &'static str,
}

const fn shell(name: &'static str, path: &'static str, prompt: &'static str) -> Shell {
    Shell { name, path, prompt, greeting: "", width: "80" }
}

const SHELLS: [Shell; 9] = [
    shell("dash", "/bin/sh", "$ "),
    shell("bash", "/bin/bash", "$ "),
    shell("zsh", "/usr/bin/zsh", "$ "),
    shell("bash-two-lines", "/bin/bash", "\\[\\e[1m\\]\\w\\[\\e[m\\]\\n$ "),
    shell("bash-three-lines", "/bin/bash", "\\n\\w\\n$ "),
    shell("zsh-two-lines", "/usr/bin/zsh", "%~\n$ "),
    // Two lines, and something on the right.
    shell("fish", "/usr/bin/fish", ""),
    Shell { greeting: "welcome\nto this\n", ..shell("greeting", "/bin/bash", "$ ") },
    Shell { width: "12", ..shell("narrow", "/bin/bash", "a-longprompt$ ") },
];

/// The shapes that a shell is tried with: all with the plain ones, with the others where their prompts could matter.
fn shapes(shell: &str) -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    let all = ["dash", "bash", "zsh"].contains(&shell);
    SHAPES.into_iter().filter(move |(shape, _)| all || ["fresh", "short", "full", "moved"].contains(shape))
}

/// Up to 3.2 joined lines end in blanks wherever a row has ever been longer.
fn trim(tmux: &Tmux, description: &str) -> String {
    let lines = description.lines();
    lines.map(|line| if tmux.at_least(3, 3) { line } else { line.trim_end() }).collect::<Vec<_>>().join("\n")
}

fn prompts(tmux: &Tmux) -> Server {
    let server = Server::builder(tmux).absent();
    let home = server.sandbox().home();
    let profile = fs::read_to_string(home.join(".profile")).unwrap();
    let own = "PS1=${PROMPT_OF_TEST:-'$ '}\nprintf \"$GREETING_OF_TEST\"\n";
    fs::write(home.join(".profile"), profile + own).unwrap();
    fs::write(home.join(".zshrc"), "PS1=${(g::)PROMPT_OF_TEST:-'$ '}\n").unwrap();
    let fish = "set fish_greeting\nfunction fish_prompt; pwd; echo -n '$ '; end\nfunction fish_right_prompt; echo right; end\n";
    server.sandbox().write("home/.config/fish/config.fish", fish);
    server
}

#[test]
fn rounds_add_nothing() {
    let mut bad = String::new();
    for tmux in &evermux_testkit::tmux_binaries() {
        let server = prompts(tmux);
        server.run(&["new-session", "-d", "-s", "main", "-x", "80", "-y", "24", "sleep 1000"]);
        let shells: Vec<&Shell> =
            SHELLS.iter().filter(|shell| std::path::Path::new(shell.path).exists()).collect();
        for Shell { name, path, prompt, greeting, width } in &shells {
            let target = format!("={name}:");
            server.run(&["new-session", "-d", "-s", name, "-x", width, "-y", "24", "sleep 1000"]);
            server.run(&["set-option", "-t", &target, "default-shell", path]);
            server.run(&["set-environment", "-t", &target, "PROMPT_OF_TEST", prompt]);
            server.run(&["set-environment", "-t", &target, "GREETING_OF_TEST", greeting]);
            for (shape, _) in shapes(name) {
                server.run(&["new-window", "-d", "-t", &target, "-n", shape]);
            }
            server.run(&["kill-window", "-t", &format!("{target}0")]);
        }
        server.run(&["kill-session", "-t", "=main"]);
        server.wait_for_prompts();
        for Shell { name, .. } in &shells {
            for (shape, lines) in shapes(name) {
                for line in lines {
                    let pane = format!("={name}:{shape}");
                    server.type_line(&pane, line);
                    std::thread::sleep(std::time::Duration::from_millis(50));
                    server.wait_for_prompt(&pane);
                }
            }
        }
        let story = Story::of(server);
        let rounds = std::env::var("EVERMUX_TEST_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
        let mut before = trim(tmux, &describe(&story.server));
        for round in 1..=rounds {
            story.run(&["save"]);
            story.end();
            let report = story.restore();
            let after = trim(tmux, &describe(&story.server));
            // A shell that greets does so once more, below what there is: once, and not in every round.
            let others = |text: &str| {
                let (start, end) = (text.find("session greeting"), text.find("session narrow"));
                text[..start.unwrap()].to_owned() + &text[end.unwrap()..]
            };
            let found = match round {
                1 => differences(&others(&before), &others(&after)),
                _ => differences(&before, &after),
            };
            if round == 1 {
                before = after;
            }
            if !found.is_empty() {
                bad += &format!("tmux {} round {round}\n{found}\n{report}\n", tmux.version);
            }
        }
    }
    assert!(bad.is_empty(), "{bad}");
}

#[test]
fn dead_panes_stay_dead_and_tell_it_once() {
    for tmux in &evermux_testkit::tmux_binaries() {
        let story = Story::begin(tmux, "set -gw automatic-rename off\n");
        story.server.run(&["set-option", "-gw", "remain-on-exit", "on"]);
        for command in ["seq 30; exit 3", "echo killed; kill -9 $$", "exit 0"] {
            story.server.run(&["new-window", "-d", "-t", "=main:", command]);
        }
        for pane in
            story.server.lines(&["list-panes", "-s", "-t", "=main:", "-F", "#{pane_id}"]).iter().skip(1)
        {
            story.server.wait_until_dead(pane);
        }
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
