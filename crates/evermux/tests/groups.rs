//! Groups of sessions come back as they were, and are completed.

mod story;

use story::{Story, on_every_tmux};

#[test]
fn members_look_where_they_looked() {
    on_every_tmux(|tmux| {
        let story = Story::begin(tmux, "set -gw automatic-rename off\n");
        let names = ["team", "with blank", "$x", if tmux.at_least(3, 7) { "a:b.c\"" } else { "=e" }];
        for (number, name) in names.iter().enumerate() {
            let first = format!("first{number}");
            story.server.run(&["new-session", "-d", "-s", &first]);
            story.server.run(&["new-window", "-d", "-t", &format!("={first}:5")]);
            let id = story.server.display(&format!("={first}:"), "#{session_id}");
            story.server.run(&["rename-session", "-t", &id, "--", &name.replace('$', "\\$")]);
            // It looks elsewhere than the first one, and was nowhere else before.
            story.server.run(&["new-session", "-d", "-s", &format!("second{number}"), "-t", &id]);
            story.server.run(&["select-window", "-t", &format!("{id}:5")]);
            story.server.run(&["rename-session", "-t", &id, &first]);
        }
        story.server.wait_for_prompts();
        let groups = story.server.lines(&["list-sessions", "-F", "#{session_name} #{session_group}"]);
        story.round();
        assert_eq!(groups, story.server.lines(&["list-sessions", "-F", "#{session_name} #{session_group}"]));
    });
}

#[test]
fn a_window_comes_back_to_a_group_once() {
    on_every_tmux(|tmux| {
        let story = Story::begin(tmux, "");
        let script = "new-session -d -s one
            new-window -d -t =one:4
            new-session -d -s two -t =one
            new-session -d -s three -t =one
        ";
        assert!(story.server.script(script).ok());
        story.server.wait_for_prompts();
        story.run(&["save"]);
        let windows = || story.server.lines(&["list-windows", "-a", "-F", "#{session_name}:#{window_index}"]);
        let before = windows();
        for gone in
            ["kill-window -t =one:4", "kill-session -t =two", "kill-session -t =one\nkill-window -t =two:4"]
        {
            assert!(story.server.script(gone).ok());
            let report = story.env.run(&["restore", "1"]);
            assert_eq!(report.status, Some(0), "tmux {}: {gone}: {report}", tmux.version);
            assert_eq!(windows(), before, "tmux {}: {gone}: {report}", tmux.version);
        }
    });
}
