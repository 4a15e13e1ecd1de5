//! The ways in which the incumbents lose or spoil what they saved, replayed: none of them may happen here.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod story;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::Stdio;

use evermux_testkit::{Server, Tmux, describe};
use story::{Story, on_every_tmux};

/// `main` with two panes and `work` with a split and two windows.
fn two_sessions(tmux: &Tmux, config: &str) -> Story {
    let story = Story::begin(tmux, config);
    let script = "split-window -d -t =main:
        new-session -d -s work -x 90 -y 25
        split-window -h -t =work:
        new-window -t =work:5 -n logs
    ";
    let output = story.server.script(script);
    assert!(output.ok(), "{output}");
    story.server.wait_for_prompts();
    story
}

/// The saves there are: numbers and panes, newest first.
fn saves(story: &Story) -> Vec<(u64, u64)> {
    let list = story.env.run(&["--json", "list"]);
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap_or_default();
    let rows = list.as_array().cloned().unwrap_or_default();
    rows.iter().map(|row| (row["id"].as_u64().unwrap(), row["panes"].as_u64().unwrap())).collect()
}

fn names(server: &Server) -> BTreeSet<String> {
    server.lines(&["list-sessions", "-F", "#{session_name}"]).into_iter().collect()
}

/// Runs several evermux at the same moment; their exit statuses.
fn at_once(story: &Story, commands: &[&[&str]]) -> Vec<Option<i32>> {
    let started: Vec<_> = commands
        .iter()
        .map(|command| {
            let mut command = story.env.command(command);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().expect("evermux starts")
        })
        .collect();
    started.into_iter().map(|mut child| child.wait().expect("it ends").code()).collect()
}

#[test]
fn a_save_without_a_server_replaces_nothing() {
    on_every_tmux(|tmux| {
        let story = two_sessions(tmux, "");
        let before = describe(&story.server);
        story.run(&["save"]);
        let good = saves(&story);
        let pane = format!("{},1,0", story.server.socket().display());
        story.end();
        for env in [story.env.clone(), story.env.with("TMUX", &pane)] {
            let output = env.run(&["save"]);
            assert!(matches!(output.status, Some(1 | 4)), "tmux {}: {output}", tmux.version);
        }
        assert_eq!(saves(&story), good, "tmux {}", tmux.version);
        let report = story.restore();
        story.expect(&before, &report);
    });
}

#[test]
fn b_a_server_without_sessions_replaces_nothing() {
    on_every_tmux(|tmux| {
        let story = two_sessions(tmux, "set -s exit-empty off\n");
        let before = describe(&story.server);
        story.run(&["save"]);
        story.end();
        story.server.restart(&["start-server", ";", "set-option", "-s", "exit-empty", "off"]);
        let good = saves(&story);
        for status in at_once(&story, &[&["save"], &["save"], &["save"]]) {
            assert!(matches!(status, Some(1 | 4 | 5)), "tmux {}: {status:?}", tmux.version);
        }
        assert_eq!(saves(&story), good, "tmux {}", tmux.version);
        let report = story.restore();
        story.expect(&before, &report);
    });
}

#[test]
fn b_f_saves_in_lockstep_are_one() {
    on_every_tmux(|tmux| {
        let story = two_sessions(tmux, "");
        let before = describe(&story.server);
        let statuses = at_once(&story, &[&["save"], &["save"], &["save"]]);
        assert!(statuses.iter().all(|status| *status == Some(0)), "tmux {}: {statuses:?}", tmux.version);
        let saves = saves(&story);
        assert!(saves.iter().all(|(_, panes)| *panes == 5), "tmux {}: {saves:?}", tmux.version);
        story.end();
        let report = story.restore();
        story.expect(&before, &report);
    });
}

#[test]
fn f2_saves_from_a_hook_while_sessions_close() {
    on_every_tmux(|tmux| {
        let story = two_sessions(tmux, "");
        for name in ["one", "two", "three"] {
            story.server.run(&["new-session", "-d", "-s", name]);
        }
        story.server.wait_for_prompts();
        story.run(&["save"]);
        let command = story.env.command(&["save"]);
        let variables: Vec<String> = command
            .get_envs()
            .filter_map(|(name, value)| Some(format!("{}={}", name.to_str()?, value?.to_str()?)))
            .collect();
        let words: Vec<&str> = command.get_args().filter_map(|word| word.to_str()).collect();
        let program = command.get_program().to_str().unwrap();
        let hook = format!("run-shell -b \"env '{}' {program} {}\"", variables.join("' '"), words.join(" "));
        story.server.run(&["set-hook", "-g", "session-closed", &hook]);
        for name in ["=one", "=two", "=three"] {
            story.server.run(&["kill-session", "-t", name]);
        }
        story.server.run(&["set-hook", "-gu", "session-closed"]);
        let before = describe(&story.server);
        story.run(&["save"]);
        assert!(story.env.run(&["verify"]).ok());
        story.end();
        story.restore();
        let back = names(&story.server);
        assert!(back.contains("main") && back.contains("work"), "tmux {}: {back:?}", tmux.version);
        for name in ["=one", "=two", "=three"] {
            story.server.tmux(&["kill-session", "-t", name]);
        }
        story.expect(&before, "");
    });
}

#[test]
fn c_n_a_save_of_a_fresh_server_hides_nothing() {
    on_every_tmux(|tmux| {
        let story = two_sessions(tmux, "");
        story.server.type_line("=work:5", "seq 60");
        story.server.wait_until("the text is there", |server| server.screen("=work:5").ends_with("60\n$"));
        let before = describe(&story.server);
        story.run(&["save"]);
        story.end();
        story.server.restart(&["new-session", "-d", "-s", "fresh"]);
        story.server.wait_for_prompts();
        story.run(&["save"]);
        let report = story.restore();
        assert_eq!(names(&story.server).len(), 3, "tmux {}: {report}", tmux.version);
        story.run(&["save"]);
        story.end();
        let report = story.restore();
        story.server.run(&["kill-session", "-t", "=fresh"]);
        story.expect(&before, &report);
    });
}

#[test]
fn d_e_a_save_that_is_cut_off_costs_nothing() {
    on_every_tmux(|tmux| {
        let story = two_sessions(tmux, "");
        let mut script = String::new();
        for _ in 0..30 {
            script += "new-window -d -t =work: 'sleep 1000'\n";
        }
        assert!(story.server.script(script).ok());
        story.server.wait_for_prompts();
        story.run(&["save"]);
        let panes = saves(&story)[0].1;
        // Killed itself, at several moments.
        for milliseconds in [1, 5, 15, 30] {
            let mut command = story.env.command(&["save"]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(milliseconds));
            let _ = child.kill();
            let _ = child.wait();
        }
        assert!(story.env.run(&["verify"]).ok(), "tmux {}", tmux.version);
        // The server killed under it.
        let mut command = story.env.command(&["save"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(8));
        story.server.tmux(&["kill-server"]);
        child.wait().unwrap();
        let saves = saves(&story);
        assert!(saves.iter().all(|save| save.1 == panes), "tmux {}: {saves:?}", tmux.version);
        story.end();
        // Their command is typed at a prompt each and not run.
        story.run(&["restore"]);
        let back = story.server.lines(&["list-panes", "-a"]).len() as u64;
        assert_eq!(back, panes, "tmux {}", tmux.version);
    });
}

#[test]
fn h_a_damaged_store_never_ends_the_server() {
    on_every_tmux(|tmux| {
        let story = two_sessions(tmux, "");
        story.run(&["save"]);
        story.end();
        story.server.restart(&["new-session", "-d", "-s", "0"]);
        story.server.wait_for_prompts();
        // Everything evermux has, cut to nothing.
        let mut folders = vec![story.env.state()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().flatten() {
                match entry.file_type().unwrap() {
                    kind if kind.is_dir() => folders.push(entry.path()),
                    kind if kind.is_file() => fs::write(entry.path(), b"").unwrap(),
                    _ => {}
                }
            }
        }
        let before = describe(&story.server);
        let output = story.env.run(&["restore"]);
        assert!(matches!(output.status, Some(1 | 3 | 4)), "tmux {}: {output}", tmux.version);
        story.expect(&before, &output.to_string());
    });
}

#[test]
fn i_j_sessions_are_never_mistaken_for_those_whose_names_begin_so() {
    on_every_tmux(|tmux| {
        let story = Story::begin(tmux, "");
        let script = "rename-session -t main foo
            new-window -d -t =foo:5
            new-session -d -s 0work
            new-window -d -t =0work:
            new-session -d -s 0workers
        ";
        assert!(story.server.script(script).ok());
        story.server.wait_for_prompts();
        let before = describe(&story.server);
        story.run(&["save"]);
        story.end();
        story.server.restart(&["new-session", "-d", "-s", "foobar"]);
        story.server.run(&["new-session", "-d", "-s", "0w"]);
        let living = story.server.run(&["list-panes", "-a", "-F", "#{session_id} #{pane_id} #{pane_pid}"]);
        let report = story.restore();
        let after = story.server.run(&["list-panes", "-a", "-F", "#{session_id} #{pane_id} #{pane_pid}"]);
        for line in living.lines() {
            assert!(
                after.lines().any(|other| other == line),
                "tmux {}: {line} is gone\n{report}",
                tmux.version
            );
        }
        story.server.run(&["kill-session", "-t", "=foobar"]);
        story.server.run(&["kill-session", "-t", "=0w"]);
        story.expect(&before, &report);
    });
}

#[test]
fn l_focus_comes_back_without_a_client() {
    on_every_tmux(|tmux| {
        let story = two_sessions(tmux, "");
        let script = "select-pane -t =work:0.0
            new-window -t =work:9
            select-window -t =work:0
            select-window -t =work:9
            select-window -t =work:5
            split-window -t =main:
            select-layout -t =main: tiled
            select-pane -t =main:0.2
            select-pane -t =main:0.0
            kill-pane -t =main:0.1
            resize-pane -Z -t =main:0.0
        ";
        let output = story.server.script(script);
        assert!(output.ok(), "{output}");
        story.server.wait_for_prompts();
        story.round();
    });
}

/// Names that something between tmux, files and shells could take for something else.
const NAMES: [&str; 22] = [
    "it's",
    "a/b",
    "=eq",
    "$dollar",
    "@at",
    "%per",
    "two  spaces",
    " lead",
    "trail ",
    "-dash",
    "semi;",
    "#{pid}",
    "#(date)",
    "##",
    "#[fg=red]x",
    "{brace}",
    "\"quote\"",
    "~home",
    "a*",
    "emoji 🦀 \u{202e}rtl",
    "`id`",
    "$(id)",
];

#[test]
fn y_names_that_mean_something_elsewhere() {
    on_every_tmux(|tmux| {
        let story = Story::begin(tmux, "");
        let server = &story.server;
        // As formats, in which `#` is doubled, and not as the last word, in which `;` means something.
        let literal = |name: &str| name.replace('#', "##");
        for (number, name) in NAMES.iter().chain(&["ba\\ck", "tab\there"]).enumerate() {
            let id = server.run(&["new-session", "-d", "-P", "-F", "#{session_id}"]);
            let word = literal(name);
            let word = word.strip_suffix(';').map_or(word.clone(), |word| format!("{word}\\;"));
            let refused = !server.tmux(&["rename-session", "-t", &id, "--", &word]).ok();
            if refused {
                server.run(&["rename-session", "-t", &id, &format!("refused {number}")]);
            }
            server.tmux(&["rename-window", "-t", &format!("{id}:"), "--", &word]);
            server.tmux(&["select-pane", "-t", &format!("{id}:"), "-T", &word]);
        }
        server.wait_for_prompts();
        story.round();
    });
}

#[test]
fn y_names_of_four_kilobytes() {
    on_every_tmux(|tmux| {
        let story = Story::begin(tmux, "");
        let long = "0123456789abcdef".repeat(256);
        for (command, target) in [("rename-window", "=main:"), ("rename-session", "=main")] {
            story.server.run(&[command, "-t", target, &long]);
        }
        let id = story.server.lines(&["list-panes", "-a", "-F", "#{pane_id}"]).remove(0);
        story.server.run(&["select-pane", "-t", &id, "-T", &long]);
        story.server.wait_for_prompts();
        story.round();
    });
}

#[test]
fn w_x_titles_and_names_that_shift_the_fields_of_others() {
    on_every_tmux(|tmux| {
        let story = two_sessions(tmux, "");
        let server = &story.server;
        let folder = server.folder("project");
        server.run(&[
            "new-window",
            "-d",
            "-t",
            "=work:7",
            "-n",
            // 3.8 refuses it, which is well.
            if tmux.at_least(3, 7) { "plain" } else { "ta\tb\nline" },
            "-c",
            folder.to_str().unwrap(),
        ]);
        server.wait_for_prompts();
        // A title that is empty: only programs can set it.
        server.type_line("=work:7", "printf '\\033]2;\\033\\\\'; clear");
        server
            .wait_until("the title is empty", |server| server.display("=work:7", "#{pane_title}").is_empty());
        server.wait_for_prompt("=work:7");
        story.round();
        assert_eq!(story.server.display("=work:7", "#{pane_title}"), "", "tmux {}", tmux.version);
    });
}

#[test]
fn z_directories_with_any_name() {
    on_every_tmux(|tmux| {
        let story = Story::begin(tmux, "");
        let server = &story.server;
        let names: [&[u8]; 16] = [
            b"two  spaces",
            b"trailing ",
            b" leading",
            b"back\\slash",
            b"tab\there",
            b"new\nline",
            b"it's",
            b"\"q\"",
            b"#{pid}",
            b"#(id)",
            b"##",
            b"$HOME",
            b"semi;",
            b"~x",
            b"bad\xff\xfeutf8",
            b"-dash",
        ];
        let mut folders = Vec::new();
        for name in names {
            let folder = server.folder(PathBuf::from(std::ffi::OsString::from_vec(name.to_vec())));
            // `env -C` takes any bytes; tmux would expand formats in `-c`.
            let pane = server.run(&["new-window", "-d", "-P", "-F", "#{pane_id}", "-t", "=main:"]);
            let mut word = b"cd -- \"$(printf '".to_vec();
            for byte in folder.as_os_str().as_encoded_bytes() {
                word.extend(format!("\\{byte:03o}").bytes());
            }
            word.extend(b"@')\" 2>&- || { x=$(printf '");
            for byte in folder.as_os_str().as_encoded_bytes() {
                word.extend(format!("\\{byte:03o}").bytes());
            }
            word.extend(b"@'); cd -- \"${x%@}\"; }; clear");
            server.wait_for_prompt(&pane);
            server.type_line(&pane, std::str::from_utf8(&word).unwrap());
            folders.push(folder);
        }
        let directories = |server: &Server| {
            let pids = server.lines(&["list-panes", "-s", "-t", "=main:", "-F", "#{pane_pid}"]);
            pids.iter().map(|pid| fs::read_link(format!("/proc/{pid}/cwd")).unwrap()).collect::<Vec<_>>()
        };
        server.wait_until("all shells are there", |server| directories(server)[1..] == folders);
        server.wait_for_prompts();
        story.run(&["save"]);
        story.end();
        let report = story.restore();
        assert_eq!(directories(&story.server)[1..], folders, "tmux {}: {report}", tmux.version);
    });
}

#[test]
fn r_saves_during_a_restore_replace_nothing() {
    on_every_tmux(|tmux| {
        let story = two_sessions(tmux, "");
        for number in 0..12 {
            story.server.run(&["new-session", "-d", "-s", &format!("more{number}")]);
        }
        story.server.wait_for_prompts();
        let before = describe(&story.server);
        story.run(&["save"]);
        story.end();
        story.server.restart(&["new-session", "-d", "-s", "new"]);
        let statuses = at_once(&story, &[&["restore"], &["save"], &["restore"], &["save"]]);
        let good = |status: &Option<i32>| matches!(status, Some(0 | 3 | 5));
        assert!(statuses.iter().all(good), "tmux {}: {statuses:?}", tmux.version);
        story.run(&["save"]);
        story.end();
        let report = story.restore();
        story.server.run(&["kill-session", "-t", "=new"]);
        story.expect(&before, &report);
    });
}

#[test]
fn m_a_shell_that_reads_in_its_rc_file_is_typed_nothing() {
    on_every_tmux(|tmux| {
        let server = Server::builder(tmux).variable("SHELL", "/bin/bash").start();
        server.wait_for_prompts();
        server.type_line("=main:", "echo here");
        server.wait_until("the text is there", |server| server.screen("=main:").ends_with("here\n$"));
        let story = Story::of(server);
        story.run(&["save"]);
        story.end();
        let home = story.server.sandbox().home();
        let profile = fs::read_to_string(home.join(".profile")).unwrap();
        fs::write(home.join(".profile"), format!("{profile}read -p 'answer: ' x\n")).unwrap();
        story.run(&["restore"]);
        story.server.wait_until("the question", |server| server.screen("=main:").ends_with("answer:"));
        assert_eq!(story.server.screen("=main:"), "$ echo here\nhere\nanswer:", "tmux {}", tmux.version);
    });
}
