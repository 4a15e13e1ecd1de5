//! `evermux undo` of what the user closed, and of restores whose panes were used since.

mod story;

use evermux_testkit::{Client, describe, differences};
use story::kept::Kept;
use story::{Story, on_every_tmux};

/// A server with text in every pane, saved.
#[track_caller]
fn work(tmux: &evermux_testkit::Tmux) -> Story {
    let story = Story::begin(tmux, "");
    let server = &story.server;
    server.run(&["split-window", "-d", "-h", "-t", "=main:0"]);
    server.run(&["split-window", "-d", "-v", "-t", "=main:0.0"]);
    server.run(&["new-window", "-d", "-t", "=main:4", "-n", "four"]);
    server.run(&["new-session", "-d", "-s", "other", "-x", "80", "-y", "24"]);
    server.run(&["split-window", "-d", "-t", "=other:0"]);
    server.settle();
    for pane in server.lines(&["list-panes", "-a", "-F", "#{pane_id}"]) {
        server.type_line(&pane, "cd / && echo so-it-is");
        server.wait_until("it is printed", |server| server.screen(&pane).contains("\nso-it-is"));
    }
    server.settle();
    story.run(&["save"]);
    story
}

#[test]
fn what_was_closed_is_reopened_the_last_first() {
    on_every_tmux(|tmux| {
        let story = work(tmux);
        let mut stages = Vec::new();
        for closing in [
            &["kill-pane", "-t", "=main:0.1"][..],
            &["kill-window", "-t", "=main:4"],
            &["kill-session", "-t", "=other"],
        ] {
            stages.push(describe(&story.server));
            story.server.run(closing);
            story.run(&["save"]);
        }
        let would = story.run(&["undo", "--dry-run"]);
        assert!(would.starts_with("Would reopen session other (2 panes), closed between "), "{would}");
        for (what, stage) in
            ["session other", "window main:4", "pane main:0.1"].iter().zip(stages.iter().rev())
        {
            let report = story.run(&["undo"]);
            assert!(report.starts_with(&format!("Reopened {what} (")), "tmux {}: {report}", tmux.version);
            story.server.settle();
            // Which pane of a living window was the last one is the user's.
            let known = |text: &str| -> String {
                text.lines()
                    .filter(|line| !line.contains("pane_last"))
                    .map(|line| format!("{}\n", line.replace(",\"l\":0", "")))
                    .collect()
            };
            let found = differences(&known(stage), &known(&describe(&story.server)));
            assert!(found.is_empty(), "tmux {}: {found}\n{report}", tmux.version);
        }
        assert_eq!(story.env.run(&["undo"]).status, Some(4));
        // What was reopened is there like everything else.
        let before = describe(&story.server);
        story.run(&["save"]);
        story.end();
        let report = story.restore();
        story.expect(&before, &report);
    });
}

#[test]
fn what_was_closed_since_the_last_save_is_reopened_too() {
    on_every_tmux(|tmux| {
        let story = work(tmux);
        let before = describe(&story.server);
        story.server.run(&["kill-session", "-t", "=other"]);
        story.server.run(&["kill-window", "-t", "=main:4"]);
        let report = story.run(&["undo"]);
        assert!(report.starts_with("Reopened 2 things that went together (3 panes), closed"), "{report}");
        story.server.settle();
        story.expect(&before, &report);
    });
}

#[test]
fn what_a_keeper_saw_is_reopened_one_by_one() {
    on_every_tmux(|tmux| {
        let kept = Kept::begin(tmux, "");
        for name in ["a", "b"] {
            kept.server().run(&["new-window", "-d", "-n", name]);
        }
        kept.server().settle();
        kept.wait_until_saved();
        for name in ["a", "b"] {
            kept.server().run(&["kill-window", "-t", &format!("=main:{name}")]);
            kept.wait_until_saved();
        }
        let windows = || kept.server().lines(&["list-windows", "-F", "#{window_name}"]).split_off(1);
        assert_eq!(windows(), [""; 0]);
        kept.story.run(&["undo", "--yes"]);
        assert_eq!(windows(), ["b"], "tmux {}", tmux.version);
        kept.story.run(&["undo", "--yes"]);
        assert_eq!(windows(), ["a", "b"], "tmux {}", tmux.version);
    });
}

#[test]
fn a_restore_is_taken_back_but_for_what_somebody_uses() {
    on_every_tmux(|tmux| {
        let story = work(tmux);
        story.server.run(&["kill-session", "-t", "=other"]);
        story.run(&["save"]);
        story.run(&["restore", "--session", "other"]);
        story.server.settle();
        story.server.type_line("=other:0.1", "echo new-words");
        story.server.wait_until("it is printed", |it| it.screen("=other:0.1").contains("\nnew-words"));
        story.server.settle();
        let report = story.run(&["undo"]);
        assert!(report.contains("closed        pane other:0.0\n"), "tmux {}: {report}", tmux.version);
        assert!(report.contains("left          pane other:0.1: it was used since\n"), "{report}");
        assert_eq!(story.server.lines(&["list-panes", "-s", "-t", "=other:"]).len(), 1);
        // It belongs to the user now, and is not lost with the restore that was taken back.
        let before = describe(&story.server);
        story.run(&["save"]);
        story.end();
        story.run(&["restore", "latest"]);
        story.server.wait_for_prompts();
        story.expect(&before, &report);
        story.end();
        story.restore();
        let screens = story.server.lines(&["list-panes", "-s", "-t", "=other:", "-F", "#{pane_id}"]);
        assert!(screens.iter().any(|pane| story.server.screen(pane).contains("new-words")));
    });
}

#[test]
fn somebody_at_a_terminal_is_asked() {
    on_every_tmux(|tmux| {
        let story = work(tmux);
        story.server.run(&["kill-window", "-t", "=main:4"]);
        let command = story.env.command(&["undo"]);
        let mut words = vec!["env".to_owned()];
        for (name, value) in command.get_envs() {
            let value = value.map(|value| value.to_string_lossy().into_owned()).unwrap_or_default();
            words.push(format!("{}={value}", name.to_string_lossy()));
        }
        words.push(command.get_program().to_string_lossy().into_owned());
        words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
        let ask = || {
            let client = Client::run_program(&story.server, &words, 100, 10);
            client.wait_for("Do it?");
            client
        };
        let client = ask();
        client.type_text("\r");
        client.wait_for("Nothing was done");
        assert_eq!(story.server.lines(&["list-windows", "-t", "=main:"]).len(), 1);
        let client = ask();
        client.type_text("y\r");
        client.wait_for("Reopened window main:4");
        assert_eq!(story.server.lines(&["list-windows", "-t", "=main:"]).len(), 2);
    });
}

/// Closing the last shell ends tmux with it: there is nothing left to type `undo` in but a shell outside.
#[test]
fn the_last_session_is_reopened_with_and_without_a_server() {
    on_every_tmux(|tmux| {
        for server_again in [false, true] {
            let kept = Kept::begin(tmux, "");
            kept.server().type_line("=main:0.0", "echo so-it-is");
            kept.server().wait_until("it is printed", |it| it.screen("=main:0.0").contains("\nso-it-is"));
            let client = kept.server().attach("main", 80, 24);
            kept.server().settle();
            kept.wait_until_saved();
            let before = describe(kept.server());
            client.type_text("exit\r");
            kept.wait("the server has ended", |kept| kept.state() == "away");
            if server_again {
                kept.server().run(&["new-session", "-d", "-s", "new", "-x", "80", "-y", "24"]);
                kept.server().wait_for_prompts();
            }
            let report = kept.story.run(&["undo", "--yes"]);
            assert!(report.starts_with("Reopened session main (1 pane), closed"), "{report}");
            kept.server().wait_for_prompts();
            match server_again {
                false => kept.story.expect(&before, &report),
                true => assert_eq!(kept.sessions(), ["main", "new"], "{report}"),
            }
            kept.wait_until_saved();
            assert_eq!(kept.story.env.run(&["list", "--why"]).text().matches("was closed").count(), 0);
        }
    });
}

#[test]
fn what_was_used_since_it_replaced_something_stays() {
    on_every_tmux(|tmux| {
        let story = work(tmux);
        story.server.run(&["kill-pane", "-t", "=other:0.1"]);
        story.server.type_line("=other:0.0", "echo before");
        story.server.wait_until("it is printed", |it| it.screen("=other:0.0").contains("\nbefore"));
        story.server.settle();
        let before = describe(&story.server);
        story.run(&["restore", "1", "--session", "other", "--replace"]);
        story.server.settle();
        story.server.type_line("=other:0.1", "echo after");
        story.server.wait_until("it is printed", |it| it.screen("=other:0.1").contains("\nafter"));
        story.server.run(&["new-window", "-d", "-t", "=other:7", "-n", "mine"]);
        story.server.settle();
        let report = story.run(&["undo"]);
        for line in [
            "closed        pane other:0.0\n",
            "left          pane other:0.1: it was used since\n",
            "renamed       session other to other-1: it holds what you used since\n",
            "brought back  session other\n",
        ] {
            assert!(report.contains(line), "tmux {}: {report}", tmux.version);
        }
        story.server.settle();
        let panes = story.server.lines(&[
            "list-panes",
            "-s",
            "-t",
            "=other-1:",
            "-F",
            "#{window_index}.#{pane_index}",
        ]);
        assert_eq!(panes, ["0.0", "7.0"], "{report}");
        assert!(story.server.screen("=other-1:0.0").contains("\nafter"));
        story.server.run(&["kill-session", "-t", "=other-1"]);
        story.expect(&before, &report);
    });
}
