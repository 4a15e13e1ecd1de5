//! What is built does not depend on the user's configuration, and leaves it as it is.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod story;

use std::fs;

use evermux_testkit::{Server, Tmux, describe, differences};
use story::{Story, on_every_tmux};

/// A server with sparse indexes, splits, a zoomed pane, a link, a group and some text.
fn rich(tmux: &Tmux, config: &str) -> Story {
    let story = Story::begin(tmux, config);
    let server = &story.server;
    let script = "new-session -d -s work -x 100 -y 30
        move-window -s =work: -t =work:4
        split-window -h -t =work:4
        split-window -v -t =work:4
        new-window -d -t =work:7 -n logs
        split-window -d -t =work:7
        resize-pane -Z -t =work:7
        new-session -d -s wor -x 90 -y 20
        link-window -d -s =work:7 -t =wor:9
        new-session -d -s workers -t =wor
        select-window -t =work:7
        rename-window -t =main: first
    ";
    let output = server.script(script);
    assert!(output.ok(), "{output}");
    server.wait_for_prompts();
    server.type_line("=main:", "seq 40");
    server.wait_until("the text is there", |server| server.screen("=main:").ends_with("40\n$"));
    story
}

/// The options, hooks and keys of the whole server.
fn configuration(server: &Server) -> String {
    let mut text = String::new();
    for command in [
        &["show-options", "-s"][..],
        &["show-options", "-g"],
        &["show-options", "-gw"],
        &["show-hooks", "-g"],
        &["show-hooks", "-gw"],
        &["list-keys"],
    ] {
        text += &server.tmux(command).text();
    }
    text
}

/// What a description says beside what the configuration may decide of it.
fn without(description: &str, names: &[&str]) -> String {
    let kept = description.lines().filter(|line| {
        let line = line.trim_start();
        // From 3.7 it stays set on sessions whose panes need it, and that is told.
        let name = line.split(' ').next().unwrap_or_default();
        !names.contains(&name) && !line.starts_with("option history-limit ")
    });
    kept.collect::<Vec<_>>().join("\n")
}

/// Saves under one configuration, restores under another.
#[track_caller]
fn between(tmux: &Tmux, old: &str, new: &str, ignored: &[&str]) -> (Story, String) {
    let story = rich(tmux, old);
    let before = describe(&story.server);
    story.run(&["save"]);
    story.end();
    fs::write(story.server.config_file(), new).expect("the sandbox can be written");
    // What the configuration makes of a server without any restore.
    story.server.restart(&["new-session", "-d", "-s", "plain"]);
    let plain = configuration(&story.server);
    story.end();
    let report = story.restore();
    let found = differences(&without(&before, ignored), &without(&describe(&story.server), ignored));
    assert!(found.is_empty(), "tmux {} under\n{new}\n{found}\n{report}", tmux.version);
    let found = differences(&plain, &configuration(&story.server));
    assert!(found.is_empty(), "tmux {}: the configuration has changed:\n{found}\n{report}", tmux.version);
    (story, report)
}

#[test]
fn indexes_that_begin_elsewhere() {
    on_every_tmux(|tmux| {
        // 3.8 counts the panes of its layouts from there; their sizes are compared all the same.
        between(tmux, "", "set -g base-index 1\nset -gw pane-base-index 1\n", &["window_layout"]);
        between(
            tmux,
            "set -g base-index 3\nset -gw pane-base-index 1\n",
            "set -g renumber-windows on\n",
            &["window_layout"],
        );
    });
}

#[test]
fn sizes_and_limits() {
    on_every_tmux(|tmux| {
        let new = "set -g history-limit 50\nset -g default-size 40x10\nset -gw window-size smallest\n";
        between(tmux, "", new, &[]);
        between(tmux, "", "set -g history-limit 5000\nset -g default-size 400x100\n", &["history_limit"]);
        between(tmux, "set -g history-limit 10\n", "", &["history_limit"]);
    });
}

#[test]
fn panes_that_stay_and_sessions_that_go() {
    on_every_tmux(|tmux| {
        between(tmux, "", "set -gw remain-on-exit on\nset -g mouse on\nset -g status off\n", &[]);
        between(
            tmux,
            "",
            "set -s exit-empty off\nset -g detach-on-destroy off\nset -g status 2\n\
             set -gw pane-border-status top\nset -gw aggressive-resize on\nset -gw allow-rename on\n",
            // A status line above each pane takes a row of it.
            &["pane_height", "history_size", "cursor_y"],
        );
    });
}

#[test]
fn sessions_that_are_destroyed_when_nobody_looks() {
    on_every_tmux(|tmux| {
        let (story, report) = between_unattached(tmux);
        let names = story.server.lines(&["list-sessions", "-F", "#{session_name}"]);
        assert_eq!(names, ["main", "wor", "work", "workers"], "tmux {}\n{report}", tmux.version);
    });
}

fn between_unattached(tmux: &Tmux) -> (Story, String) {
    let story = rich(tmux, "");
    story.run(&["save"]);
    story.end();
    fs::write(story.server.config_file(), "set -g destroy-unattached on\n").unwrap();
    let report = story.run(&["restore"]);
    (story, report)
}

#[test]
fn commands_in_place_of_shells() {
    on_every_tmux(|tmux| {
        // dash does not become the second one: it waits for it.
        for command in [
            "exec bash",
            "/bin/bash",
            "true && exec sh -c 'x=\"it'\"'\"'s\"; exec bash'",
            "cd / && exec bash",
        ] {
            let quoted = command.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$");
            let config = format!("set -gw automatic-rename off\nset -g default-command \"{quoted}\"\n");
            let story = Story::begin(tmux, &config);
            story.server.run(&["split-window", "-t", "=main:"]);
            story.server.run(&["new-session", "-d", "-s", "other"]);
            story.server.wait_for_prompts();
            story.round();
            story.round();
        }
    });
}

#[test]
fn other_shells() {
    on_every_tmux(|tmux| {
        for shell in ["/bin/dash", "/bin/bash"] {
            if std::path::Path::new(shell).exists() {
                let config = format!("set -g default-shell {shell}\n");
                let (story, _) = between(tmux, &config, &config, &[]);
                let shells = story.server.lines(&["list-panes", "-a", "-F", "#{pane_current_command}"]);
                let name = shell.rsplit('/').next().unwrap();
                assert!(shells.iter().all(|shell| shell == name), "tmux {}: {shells:?}", tmux.version);
            }
        }
    });
}

#[test]
fn hooks_change_nothing_and_stay() {
    on_every_tmux(|tmux| {
        let older = "set-hook -g after-new-window 'split-window'
            set-hook -g after-new-session 'new-window'
            set-hook -g session-created 'new-window -n hooked'
            set-hook -g after-select-layout 'select-layout even-horizontal'
            set-hook -g after-select-pane 'split-window'
            set-hook -g after-rename-window 'rename-window renamed'
            set-hook -g after-resize-window 'kill-window'
            set-hook -g window-linked 'rename-window linked'
            set-hook -g window-unlinked 'rename-window unlinked'
            set-hook -g session-closed 'new-window -n hooked'
            set-hook -g window-renamed 'display-message renamed'
            set-hook -g 'after-new-window[7]' { if -F 1 { split-window } ; display-message \"a 'b' #{pane_id}\" }
        ";
        let hooks = "set-hook -g after-new-window 'split-window'
            set-hook -g after-split-window 'kill-pane'
            set-hook -g after-new-session 'new-window'
            set-hook -g session-created 'new-window -n hooked'
            set-hook -g session-renamed 'new-window -n hooked'
            set-hook -g window-linked 'rename-window linked'
            set-hook -g window-unlinked 'new-window -n hooked'
            set-hook -g session-closed 'new-window -n hooked'
            set-hook -g after-select-layout 'select-layout even-horizontal'
            set-hook -g after-select-window 'split-window'
            set-hook -g after-select-pane 'split-window'
            set-hook -g after-rename-window 'rename-window renamed'
            set-hook -g after-rename-session 'set -g @hooked yes'
            set-hook -g after-set-option 'set -g @hooked yes'
            set-hook -g after-resize-window 'kill-window'
            set-hook -g after-kill-pane 'new-window -n hooked'
            set-hook -g 'after-new-window[7]' { if -F 1 { split-window } ; display-message \"a 'b' #{pane_id}\" }
        ";
        // Hooks of windows came to be options of windows in 3.2.
        let more = "set-hook -g window-renamed 'new-window -n hooked'
            set-hook -g window-pane-changed 'new-window -n hooked'
            set-hook -g window-layout-changed 'new-window -n hooked'
            set-hook -g pane-focus-in 'new-window -n hooked'
            set-hook -g pane-died 'new-window -n hooked'
            set-hook -g pane-exited 'new-window -n hooked'
            set-hook -g pane-set-clipboard 'new-window -n hooked'
        ";
        // Up to 3.1 hooks that make windows call themselves for ever, whoever makes the first one.
        let newer = "set-hook -g session-window-changed 'new-window -n hooked'
            set-hook -g window-resized 'new-window -n hooked'
            set-hook -g pane-title-changed 'new-window -n hooked'
        ";
        let config = if tmux.at_least(3, 3) { format!("{hooks}{more}{newer}") } else { older.to_owned() };
        hooked(tmux, &config);
    });
}

/// Like `between`, but a server without restore cannot be compared: the hooks would go round and round.
fn hooked(tmux: &Tmux, config: &str) {
    let story = rich(tmux, "");
    let before = describe(&story.server);
    story.run(&["save"]);
    let hooks = |server: &Server| {
        server.tmux(&["show-hooks", "-g"]).text() + &server.tmux(&["show-hooks", "-gw"]).text()
    };
    let script = story.server.script(config);
    assert!(script.ok(), "{script}");
    let set = hooks(&story.server);
    story.end();
    fs::write(story.server.config_file(), config).unwrap();
    let report = story.restore();
    // Hooks run a turn after what they hear of; each of these takes tmux some turns.
    for _ in 0..3 {
        story.server.run(&["run-shell", "true"]);
    }
    story.expect(&before, &report);
    let found = differences(&set, &hooks(&story.server));
    assert!(found.is_empty(), "tmux {}: hooks have changed\n{found}\n{report}", tmux.version);
}

/// Half-made things, starting sessions and replaced sessions end without a hook of the user's running: in a server
/// that lives, it would run in a session of theirs.
#[test]
fn no_hook_hears_of_what_a_restore_ends() {
    on_every_tmux(|tmux| {
        // Before, a notification does not ask who caused it.
        if !tmux.at_least(3, 2) {
            return;
        }
        let story = Story::begin(tmux, "");
        let server = &story.server;
        assert!(server.script("new-session -d -s work\nnew-window -d -t =work:").ok());
        server.wait_for_prompts();
        story.run(&["save"]);
        let events =
            ["session-closed", "window-unlinked", "session-renamed", "session-created", "after-kill-pane"];
        let hooks: String = events
            .iter()
            .map(|event| format!("set-hook -g {event} \"set -ga @heard '{event} '\"\n"))
            .collect();
        let half_made = "new-session -d -s evermux-abc-0
            set -t =evermux-abc-0: @evermux-restore-session abc
            new-window -d -t =main:7
            set -w -t =main:7 @evermux-restore-window abc
        ";
        let pane = "split-window -d -t =main:0
            set -p -t =main:0.1 @evermux-restore-pane abc
        ";
        let starting = "new-session -d -s evermux-start-abc
            set -t =evermux-start-abc: @evermux-restore-session beginning
        ";
        for (left, restore) in [
            (half_made, &["restore"][..]),
            (pane, &["restore"]),
            (starting, &["restore"]),
            (&format!("{starting}{half_made}kill-session -t =work\n"), &["restore"]),
            ("kill-window -t =work:1", &["restore", "--session", "work", "--replace"]),
            ("", &["restore", "--session", "work", "--as", "again"]),
            ("", &["undo"]),
        ] {
            // What is set up is heard of, if at all, a turn later.
            assert!(server.script(left).ok());
            assert!(server.script(format!("{hooks}set -g @heard ''")).ok());
            let report = story.run(restore);
            server.wait_for_prompts();
            let heard = server.run(&["show-options", "-gv", "@heard"]);
            assert_eq!(heard, "", "tmux {}, {left}: {report}", tmux.version);
            let windows = server.lines(&["list-windows", "-a", "-F", "#{session_name}:#{window_index}"]);
            let again: &[&str] = if restore.contains(&"--as") { &["again:0", "again:1"] } else { &[] };
            assert_eq!(
                windows,
                [again, &["main:0", "work:0", "work:1"]].concat(),
                "tmux {}, {left}: {report}",
                tmux.version
            );
            for event in events {
                server.run(&["set-hook", "-gu", event]);
            }
        }
    });
}
