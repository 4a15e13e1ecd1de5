//! Restoring onto servers that live: what is missing comes back, and nothing else moves.

mod common;

use std::fs;
use std::path::PathBuf;

use common::bench::{Bench, on_every_tmux};
use evermux_testkit::{Client, Server, differences, tmux_binaries};

fn shown(client: &Client, server: &Server) -> String {
    let _ = client;
    server.run(&["list-clients", "-F", "#{client_tty} #{session_id} #{window_id} #{pane_id}"])
}

#[test]
fn a_session_comes_back_beside_the_others() {
    on_every_tmux(|tmux| {
        let bench = Bench::new(tmux);
        let client = bench.server.attach("other", 80, 25);
        bench.save();
        let before = bench.describe();
        bench.server.run(&["kill-session", "-t", "=work"]);
        let (alive, focus, globals) = (bench.alive(), shown(&client, &bench.server), bench.globals());
        let report = bench.run(&["restore", "--session", "work"], 0);
        bench.expect(&before, &report);
        bench.expect_unmoved(&alive);
        assert_eq!(shown(&client, &bench.server), focus, "{report}");
        assert_eq!(bench.globals(), globals, "{report}");
        bench.expect_clean(&report);
    });
}

#[test]
fn a_window_comes_back_at_its_index() {
    on_every_tmux(|tmux| {
        let bench = Bench::new(tmux);
        let client = bench.server.attach("work", 80, 25);
        bench.save();
        let before = bench.describe();
        bench.server.run(&["kill-window", "-t", "=work:3"]);
        bench.server.run(&["kill-window", "-t", "=other:1"]);
        let (alive, focus) = (bench.alive(), shown(&client, &bench.server));
        let report = bench.run(&["restore", "latest", "--window", "work:3"], 0);
        assert_eq!(bench.server.lines(&["list-windows", "-t", "other"]).len(), 1, "{report}");
        bench.expect_unmoved(&alive);
        let report = bench.run(&["restore", "1"], 0);
        bench.expect(&before, &report);
        bench.expect_unmoved(&alive);
        assert_eq!(shown(&client, &bench.server), focus, "{report}");
        bench.expect_clean(&report);
    });
}

#[test]
fn a_pane_comes_back_beside_its_neighbour() {
    on_every_tmux(|tmux| {
        for (gone, stays) in [(1, 0), (0, 1)] {
            let bench = Bench::new(tmux);
            let client = bench.server.attach("work", 80, 25);
            bench.server.run(&["select-pane", "-t", &format!("=work:0.{stays}")]);
            bench.save();
            let before = bench.describe();
            bench.server.run(&["kill-pane", "-t", &format!("=work:0.{gone}")]);
            let focus = shown(&client, &bench.server);
            let report = bench.run(&["restore", "latest", "--pane", &format!("work:0.{gone}")], 0);
            let without_last = |text: &str| {
                let lines = text.lines().filter(|line| !line.contains("pane_last"));
                lines.collect::<Vec<_>>().join("\n")
            };
            let found = differences(&without_last(&before), &without_last(&bench.describe()));
            assert!(found.is_empty(), "tmux {}:\n{found}\n{report}", tmux.version);
            assert_eq!(shown(&client, &bench.server), focus, "{report}");
            bench.expect_clean(&report);
        }
    });
}

#[test]
fn several_panes_come_back_in_their_order() {
    on_every_tmux(|tmux| {
        let bench = Bench::new(tmux);
        for _ in 0..4 {
            bench.server.run(&["split-window", "-t", "=other:0"]);
            bench.server.run(&["select-layout", "-t", "=other:0", "tiled"]);
        }
        bench.write_texts();
        bench.server.run(&["select-pane", "-t", "=other:0.2"]);
        bench.save();
        let before = bench.describe();
        for stays in [0, 2, 4] {
            bench.server.run(&["kill-pane", "-a", "-t", &format!("=other:0.{stays}")]);
            let report = bench.run(&["restore", "1"], 0);
            // The focus stays where it is; 3.8 tells it in its layouts, too.
            let shape = |text: &str| {
                let lines = text.lines().filter(|line| {
                    !["pane_last", "pane_active", "history_size", "cursor_", "{\"V\""]
                        .iter()
                        .any(|word| line.contains(word))
                });
                lines.collect::<Vec<_>>().join("\n")
            };
            let found = differences(&shape(&before), &shape(&bench.describe()));
            assert!(found.is_empty(), "tmux {}, {stays} stayed:\n{found}\n{report}", tmux.version);
            bench.expect_clean(&report);
        }
    });
}

#[test]
fn a_pane_that_has_no_room_harms_nobody() {
    on_every_tmux(|tmux| {
        let bench = Bench::new(tmux);
        bench.save();
        bench.server.run(&["kill-pane", "-t", "=work:0.1"]);
        bench.server.run(&["resize-window", "-t", "=work:0", "-x", "2", "-y", "2"]);
        let identity = bench.server.display("=work:0", "#{@evermux-pane}");
        let alive = bench.alive();
        let report = bench.run(&["restore", "latest"], 3);
        assert_eq!(bench.alive(), alive, "{report}");
        assert_eq!(bench.server.display("=work:0", "#{@evermux-pane}"), identity, "{report}");
        bench.expect_clean(&report);
    });
}

#[test]
fn the_second_restore_changes_nothing() {
    on_every_tmux(|tmux| {
        let bench = Bench::new(tmux);
        bench.save();
        bench.server.kill_all();
        bench.run(&["restore"], 0);
        let (before, alive) = (bench.describe(), bench.alive());
        for command in
            [&["restore"][..], &["restore", "latest"], &["restore", "1"], &["restore", "--session", "work"]]
        {
            let report = bench.run(command, 0);
            assert!(report.text().starts_with("Nothing to restore: all of it is there"), "{report}");
            assert_eq!(bench.alive(), alive, "{report}");
        }
        bench.expect(&before, &"");
    });
}

#[test]
fn under_another_name_it_is_another_session() {
    on_every_tmux(|tmux| {
        let bench = Bench::new(tmux);
        bench.save();
        let before = bench.describe();
        let alive = bench.alive();
        let report = bench.run(&["restore", "--session", "work", "--as", "copy"], 0);
        bench.expect_unmoved(&alive);
        bench.server.wait_for_prompts();
        assert_eq!(bench.sessions(), ["copy", "other", "work"], "{report}");
        for window in [0, 3, 5] {
            let screen = |session: &str| bench.server.screen(&format!("={session}:{window}.0"));
            assert_eq!(screen("copy"), screen("work"), "{report}");
        }
        let identities = |session: &str| {
            bench.server.lines(&["list-panes", "-s", "-t", session, "-F", "#{@evermux-pane}"])
        };
        let (copies, originals) = (identities("copy"), identities("work"));
        assert_eq!((copies.len(), originals.len()), (4, 4), "{report}");
        assert!(copies.iter().all(|copy| copy.len() == 36 && !originals.contains(copy)), "{report}");
        bench.expect_clean(&report);

        // A name that is taken is not a place to add to.
        let alive = bench.alive();
        let refused = bench.run(&["restore", "--session", "work", "--as", "copy"], 1);
        assert!(refused.errors().contains("copy"), "{refused}");
        assert_eq!(bench.alive(), alive, "{refused}");
        let _ = bench.run(&["restore", "--session", "work", "--as", "copy", "--dry-run"], 1);

        let undone = bench.run(&["undo"], 0);
        bench.expect(&before, &undone);
        bench.expect_unmoved(
            &alive.iter().filter(|line| !line.ends_with("copy")).cloned().collect::<Vec<_>>(),
        );
    });
}

#[test]
fn what_is_replaced_can_be_brought_back() {
    on_every_tmux(|tmux| {
        let bench = Bench::new(tmux);
        bench.save();
        let saved = bench.describe();
        bench.server.type_line("=work:0.0", "echo new-words");
        bench.server.run(&["kill-window", "-t", "=work:5"]);
        bench.server.run(&["new-window", "-d", "-t", "=work:7", "-n", "later"]);
        bench.server.wait_until("new words", |server| server.screen("=work:0.0").contains("\nnew-words"));
        let now = bench.describe();
        let client = bench.server.attach("work", 80, 25);
        let other: Vec<String> = bench.alive().into_iter().filter(|line| line.ends_with(" other")).collect();

        let report = bench.run(&["restore", "1", "--session", "work", "--replace"], 0);
        bench.expect(&saved, &report);
        bench.expect_unmoved(&other);
        bench.expect_clean(&report);
        assert!(!client.ended(), "{report}");
        assert_eq!(bench.server.run(&["list-clients", "-F", "#{session_name}"]), "work");

        let would = bench.run(&["undo", "--dry-run"], 0);
        bench.expect(&saved, &would);
        let report = bench.run(&["undo"], 0);
        bench.expect(&now, &report);
        bench.expect_unmoved(&other);
        bench.expect_clean(&report);
        assert_eq!(bench.server.run(&["list-clients", "-F", "#{session_name}"]), "work");
        let nothing = bench.run(&["undo"], 4);
        bench.expect(&now, &nothing);
    });
}

#[test]
fn only_whole_sessions_are_replaced() {
    on_every_tmux(|tmux| {
        let bench = Bench::new(tmux);
        bench.save();
        let alive = bench.alive();
        bench.run(&["restore", "1", "--window", "work:3", "--replace"], 2);
        bench.run(&["restore", "1", "--pane", "work:0.1", "--replace"], 2);
        assert_eq!(bench.alive(), alive);
        // Of a session that lives in part, what lives stays.
        bench.server.run(&["kill-window", "-t", "=work:3"]);
        let report = bench.run(&["restore", "--replace"], 0);
        assert_eq!(bench.server.lines(&["list-panes", "-s", "-t", "work"]).len(), 4, "{report}");
    });
}

#[test]
fn an_untouched_session_gives_way() {
    on_every_tmux(|tmux| {
        let bench = Bench::new(tmux);
        bench.save();
        let before = bench.describe();
        bench.server.kill_all();
        let client = Client::run(&bench.server, &["new-session"], 80, 25);
        bench.server.wait_until("the client is there", |server| {
            server.tmux(&["list-clients"]).text().contains("tty")
                || server.tmux(&["list-clients"]).text().contains("pts")
        });
        bench.server.wait_for_prompts();
        let report = bench.run(&["restore"], 0);
        assert_eq!(bench.sessions(), ["other", "work"], "{report}");
        bench.expect(&before, &report);
        assert!(!client.ended(), "{report}");
        bench.expect_clean(&report);
        // Whoever sat in it is not thrown out.
        let report = bench.run(&["undo"], 0);
        assert!(!client.ended(), "{report}");
        assert_eq!(bench.sessions(), ["0"], "{report}");
        assert_eq!(bench.server.run(&["list-clients", "-F", "#{session_name}"]), "0");
    });
}

#[test]
fn a_used_a_detached_and_a_named_session_stay() {
    on_every_tmux(|tmux| {
        for case in ["used", "detached", "named"] {
            let bench = Bench::new(tmux);
            bench.save();
            bench.server.kill_all();
            let words: &[&str] = match case {
                "named" => &["new-session", "-s", "mine"],
                _ => &["new-session"],
            };
            let client = Client::run(&bench.server, words, 80, 25);
            bench.server.wait_until("the client is there", |server| {
                server.tmux(&["list-clients", "-F", "#{client_tty}"]).text().contains("/dev/")
            });
            bench.server.wait_for_prompts();
            match case {
                "used" => {
                    client.type_text("echo hello\n");
                    client.wait_for("\nhello");
                }
                "detached" => {
                    client.keys(&["C-b", "d"]);
                    bench.server.wait_until("it is gone", |server| {
                        server.lines(&["list-clients", "-F", "#{client_tty}"]).is_empty()
                    });
                }
                _ => {}
            }
            let alive = bench.alive();
            let report = bench.run(&["restore"], 0);
            bench.expect_unmoved(&alive);
            assert_eq!(bench.sessions().len(), 3, "{case}\n{report}");
        }
    });
}

#[test]
fn a_session_of_the_same_name_is_completed() {
    on_every_tmux(|tmux| {
        let bench = Bench::new(tmux);
        bench.save();
        bench.server.kill_all();
        bench.server.restart(&["new-session", "-d", "-s", "work", "-x", "80", "-y", "24"]);
        bench.server.wait_for_prompts();
        let alive = bench.alive();
        let report = bench.run(&["restore"], 3);
        bench.expect_unmoved(&alive);
        let windows =
            bench.server.lines(&["list-windows", "-t", "work", "-F", "#{window_index} #{window_name}"]);
        assert_eq!(windows[1..], ["1 edit", "3 logs", "5 notes"], "{report}");
        assert!(report.errors().contains("the index is taken; it comes back as 1"), "{report}");
        bench.expect_clean(&report);
        let alive = bench.alive();
        let report = bench.run(&["restore"], 0);
        assert_eq!(bench.alive(), alive, "{report}");
    });
}

#[test]
fn a_renamed_session_is_the_same() {
    on_every_tmux(|tmux| {
        let bench = Bench::new(tmux);
        bench.save();
        bench.server.run(&["rename-session", "-t", "=work", "old"]);
        bench.server.run(&["new-session", "-d", "-s", "work"]);
        bench.server.run(&["kill-window", "-t", "=old:3"]);
        bench.server.wait_for_prompts();
        let alive = bench.alive();
        let report = bench.run(&["restore", "1"], 0);
        bench.expect_unmoved(&alive);
        let windows = |session: &str| {
            bench.server.lines(&["list-windows", "-t", session, "-F", "#{window_index} #{window_name}"])
        };
        assert_eq!(windows("=old"), ["0 edit", "3 logs", "5 notes"], "{report}");
        assert_eq!(windows("=work").len(), 1, "{report}");
    });
}

#[test]
fn a_window_that_was_moved_is_not_linked_back() {
    on_every_tmux(|tmux| {
        let bench = Bench::new(tmux);
        bench.save();
        bench.server.run(&["move-window", "-d", "-s", "=work:3", "-t", "=other:8"]);
        let alive = bench.alive();
        let report = bench.run(&["restore", "1"], 0);
        assert_eq!(bench.alive(), alive, "{report}");
    });
}

#[test]
fn a_linked_window_is_linked_again() {
    on_every_tmux(|tmux| {
        let bench = Bench::new(tmux);
        bench.server.run(&["link-window", "-d", "-s", "=work:3", "-t", "=other:9"]);
        bench.server.run(&["new-session", "-d", "-s", "second", "-t", "=work"]);
        bench.save();
        let before = bench.describe();
        bench.server.run(&["kill-session", "-t", "=other"]);
        bench.server.run(&["kill-session", "-t", "=second"]);
        let alive = bench.alive();
        let report = bench.run(&["restore", "1"], 0);
        bench.expect(&before, &report);
        bench.expect_unmoved(&alive);
        bench.server.run(&["kill-session", "-t", "=work"]);
        let alive = bench.alive();
        let report = bench.run(&["restore", "1"], 0);
        bench.expect(&before, &report);
        bench.expect_unmoved(&alive);
        bench.expect_clean(&report);
    });
}

#[test]
fn a_session_with_a_shell_of_its_own_gets_its_text() {
    on_every_tmux(|tmux| {
        let bench = Bench::new(tmux);
        bench.server.run(&["set-option", "-t", "=work:", "default-shell", "/bin/bash"]);
        bench.server.run(&["new-window", "-d", "-t", "=work:8", "-n", "bash"]);
        bench.server.wait_for_prompts();
        bench.server.type_line("=work:8", "echo text-of-bash");
        bench.server.wait_until("text", |server| server.screen("=work:8").contains("\ntext-of-bash"));
        bench.save();
        let before = bench.describe();
        bench.server.run(&["kill-window", "-t", "=work:8"]);
        bench.server.run(&["kill-pane", "-t", "=work:0.1"]);
        let report = bench.run(&["restore", "1"], 0);
        let without_last = |text: &str| {
            let lines = text.lines().filter(|line| !line.contains("pane_last"));
            lines.collect::<Vec<_>>().join("\n")
        };
        let found = differences(&without_last(&before), &without_last(&bench.describe()));
        assert!(found.is_empty(), "tmux {}:\n{found}\n{report}", tmux.version);
        bench.server.run(&["kill-session", "-t", "=work"]);
        let report = bench.run(&["restore", "1"], 0);
        bench.expect(&before, &report);
        bench.expect_clean(&report);
    });
}

#[test]
fn a_dry_run_changes_nothing_at_all() {
    on_every_tmux(|tmux| {
        let bench = Bench::new(tmux);
        bench.save();
        bench.server.run(&["kill-session", "-t", "=other"]);
        bench.server.run(&["new-session", "-d", "-s", "fresh"]);
        bench.server.wait_for_prompts();
        let everything = || {
            let panes = bench.server.lines(&["list-panes", "-a", "-F", "#{pane_id} #{@evermux-pane}"]);
            (bench.describe(), bench.globals(), bench.alive(), panes)
        };
        let before = everything();
        let text = bench.run(&["restore", "--session", "other", "--dry-run"], 0);
        assert!(text.text().contains("make     session other: 2 windows"), "{text}");
        assert!(text.text().contains("make     pane other:0.0: a shell in "), "{text}");
        let json = bench.run(&["--json", "restore", "1", "--dry-run"], 0);
        let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
        assert_eq!(json["dry_run"], true);
        assert_eq!(json["actions"][0]["object"], "session other");
        bench.run(&["restore", "1", "--session", "work", "--replace", "--dry-run"], 0);
        bench.run(&["restore", "1", "--session", "work", "--as", "x", "--dry-run"], 0);
        assert_eq!(everything(), before);
        let would = bench.run(&["undo", "--dry-run"], 0);
        assert!(would.text().starts_with("Would reopen session other (2 panes)"), "{would}");
        assert_eq!(everything(), before);
    });
}

#[test]
fn what_is_not_there_ends_with_4() {
    let tmux = &tmux_binaries()[0];
    let bench = Bench::new(tmux);
    bench.run(&["restore"], 4);
    bench.run(&["undo"], 4);
    bench.save();
    bench.run(&["restore", "99"], 4);
    bench.run(&["restore", "--session", "nobody"], 4);
    bench.run(&["restore", "--window", "work:77"], 4);
    bench.run(&["restore", "--pane", "work:0.9"], 4);
    bench.run(&["restore", "--pane", "work:0"], 2);
    bench.run(&["restore", "--as", "x"], 2);
    bench.run(&["restore", "--from", "nowhere"], 4);
    bench.server.kill_all();
    bench.run(&["undo"], 4);
}

/// The files of the store.
fn in_machine_folder(bench: &Bench) -> Vec<PathBuf> {
    let list = |folder: PathBuf| -> Vec<PathBuf> {
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
    };
    list(bench.env.state()).into_iter().filter(|path| path.is_dir()).flat_map(list).collect()
}

#[test]
fn a_snapshot_is_found_by_name_time_and_file() {
    on_every_tmux(|tmux| {
        let bench = Bench::new(tmux);
        bench.env.ok(&["save", "--name", "good"]);
        let before = bench.describe();
        let files = in_machine_folder(&bench);
        let emergency = files.iter().find(|path| path.extension().is_some_and(|it| it == "emergency"));
        let emergency = emergency.unwrap_or_else(|| panic!("{files:?}"));
        let outside = bench.env.sandbox().path("copy.emergency");
        fs::copy(emergency, &outside).unwrap();
        for which in ["1", "good", "latest", emergency.to_str().unwrap(), outside.to_str().unwrap()] {
            bench.server.run(&["kill-session", "-t", "=work"]);
            // An emergency file says that it holds the last screens only.
            let status = if which.starts_with('/') { 3 } else { 0 };
            let report = bench.run(&["restore", which], status);
            bench.expect(&before, &report);
        }
    });
}

#[test]
fn without_a_database_the_emergency_file_is_used() {
    on_every_tmux(|tmux| {
        for damage in [false, true] {
            let bench = Bench::new(tmux);
            bench.save();
            let before = bench.describe();
            for path in in_machine_folder(&bench) {
                if path.to_str().unwrap().contains("evermux.db") {
                    if damage {
                        fs::write(&path, "no database").unwrap();
                    } else {
                        fs::remove_file(&path).unwrap();
                    }
                }
            }
            bench.server.kill_all();
            let report = bench.run(&["restore"], 3);
            assert!(report.errors().contains("emergency file"), "{report}");
            bench.expect(&before, &report);
            let report = bench.run(&["restore"], 0);
            bench.expect(&before, &report);
        }
    });
}

#[test]
fn undo_leaves_what_was_there_before() {
    on_every_tmux(|tmux| {
        let bench = Bench::new(tmux);
        bench.save();
        bench.server.run(&["kill-session", "-t", "=other"]);
        bench.server.run(&["kill-window", "-t", "=work:3"]);
        bench.server.run(&["kill-pane", "-t", "=work:0.1"]);
        let (before, alive) = (bench.describe(), bench.alive());
        bench.run(&["restore", "1"], 0);
        let report = bench.run(&["undo"], 0);
        bench.expect(&before, &report);
        assert_eq!(bench.alive(), alive, "{report}");
        bench.run(&["undo"], 4);
        assert_eq!(bench.alive(), alive, "{report}");
        // It can be had again.
        bench.run(&["restore", "1"], 0);
        assert_eq!(bench.alive().len(), 6);
    });
}

#[test]
fn a_server_that_was_started_for_a_restore_ends_with_it() {
    on_every_tmux(|tmux| {
        let bench = Bench::new(tmux);
        bench.save();
        bench.server.kill_all();
        bench.run(&["restore"], 0);
        bench.run(&["undo"], 0);
        bench.server.wait_until("it ends", |server| !server.lives());
        bench.run(&["undo"], 4);
        bench.run(&["restore", "1"], 0);
        bench.server.kill_all();
        bench.run(&["undo"], 4);
    });
}

#[test]
fn options_come_back_if_asked_for() {
    on_every_tmux(|tmux| {
        let bench = Bench::new(tmux);
        bench.server.run(&["set-option", "-g", "status-left", "mine #S"]);
        bench.save();
        bench.server.kill_all();
        let report = bench.run(&["restore", "--options"], 0);
        assert_eq!(bench.server.run(&["show-options", "-gv", "status-left"]), "mine #S", "{report}");
        let second = bench.run(&["restore", "--options"], 0);
        assert!(second.text().starts_with("Nothing"), "{second}");
    });
}

#[test]
fn the_size_of_a_client_is_no_difference() {
    on_every_tmux(|tmux| {
        let bench = Bench::new(tmux);
        bench.save();
        let _client = bench.server.attach("work", 120, 40);
        bench.server.wait_until("the window is as large as its client", |server| {
            server.display("=work:", "#{window_width}") == "120"
        });
        bench.run(&["restore", "1", "--session", "work", "--replace"], 0);
    });
}
