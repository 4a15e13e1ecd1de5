//! Servers whose tmux.conf has evermux's line: what was saved is there before the first shell.

mod story;
mod stubs;

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use evermux_testkit::{Server, tmux_binaries};
use story::user::User;
use story::{Story, on_every_tmux};
use stubs::told::{exact, known, ran};

/// How long tmux waits at most for evermux; and what a busy machine may add to that.
const TMUX_WAITS: Duration = Duration::from_secs(3);
const SLACK: Duration = Duration::from_secs(3);

#[test]
fn a_bare_tmux_is_led_to_the_session_used_last() {
    on_every_tmux(|tmux| {
        let user = User::new(tmux);
        let client = user.tmux(&[]);
        client.wait_for("so-it-is");
        client.wait_for("3 panes back");
        user.expect_sessions(&["main", "other"]);
        assert_eq!(user.shown(), ["main"], "tmux {}", tmux.version);
        user.wait_until_kept();
        // Nothing was left of the building.
        let options = user.server().run(&["show-options", "-t", "=main:"]);
        assert!(!options.contains("evermux"), "tmux {}: {options}", tmux.version);
    });
}

#[test]
fn attach_leads_to_the_session_used_last() {
    on_every_tmux(|tmux| {
        let user = User::new(tmux);
        let client = user.tmux(&["attach-session"]);
        client.wait_for("so-it-is");
        user.expect_sessions(&["main", "other"]);
        assert_eq!(user.shown(), ["main"], "tmux {}", tmux.version);
    });
}

#[test]
fn a_session_asked_for_by_name_is_the_one_that_came_back() {
    on_every_tmux(|tmux| {
        let user = User::new(tmux);
        let client = user.tmux(&["new-session", "-A", "-s", "main"]);
        client.wait_for("so-it-is");
        user.expect_sessions(&["main", "other"]);
        assert_eq!(user.shown(), ["main"], "tmux {}", tmux.version);
    });
}

#[test]
fn two_terminals_at_once_get_a_session_each() {
    on_every_tmux(|tmux| {
        let user = User::new(tmux);
        let clients = [user.tmux(&[]), user.tmux(&[])];
        user.expect_sessions(&["main", "other"]);
        user.wait("both are led to theirs", |_| user.shown() == ["main", "other"]);
        drop(clients);
    });
}

#[test]
fn terminals_that_ask_for_one_session_at_once_share_it() {
    on_every_tmux(|tmux| {
        let user = User::new(tmux);
        let ask = || user.tmux(&["new-session", "-A", "-s", "main"]);
        let clients = [ask(), ask(), ask()];
        user.wait("all see it", |_| user.shown() == ["main", "main", "main"]);
        clients.iter().for_each(|client| client.wait_for("so-it-is"));
        user.expect_sessions(&["main", "other"]);
        let panes = user.server().lines(&["list-panes", "-s", "-t", "=main:"]);
        assert_eq!(panes.len(), 2, "tmux {}: {panes:?}", tmux.version);
    });
}

#[test]
fn what_somebody_has_begun_to_use_stays() {
    on_every_tmux(|tmux| {
        let user = User::new(tmux);
        user.configure("set -g default-command 'sleep 1000 | cat'");
        let _client = user.tmux(&[]);
        user.wait("everything is there", |_| user.sessions().len() == 3);
        user.wait_until_kept();
        assert_eq!(user.sessions().len(), 3, "tmux {}", tmux.version);
    });
}

#[test]
fn it_happens_once_in_the_life_of_a_server() {
    on_every_tmux(|tmux| {
        let user = User::new(tmux);
        user.server().run(&["new-session", "-d", "-s", "x"]);
        user.expect_sessions(&["main", "other", "x"]);
        user.wait_until_kept();
        user.server().run(&["kill-session", "-t", "=other"]);
        let config = user.server().config_file().display().to_string();
        for _ in 0..3 {
            user.server().run(&["source-file", &config]);
        }
        user.expect_sessions(&["main", "x"]);
    });
}

#[test]
fn a_server_that_has_lived_for_a_while_is_left_alone_and_kept() {
    // The newest alone: it has to live for longer than twenty seconds.
    let binaries = tmux_binaries();
    let user = User::new(binaries.last().expect("there is a tmux"));
    let line = std::fs::read_to_string(user.server().config_file()).unwrap();
    user.server().sandbox().write("home/.tmux.conf", "");
    user.server().run(&["new-session", "-d", "-s", "x"]);
    let started: i64 = user.server().display("x", "#{start_time}").parse().unwrap();
    user.wait("it is older", |_| jiff::Timestamp::now().as_second() > started + 22);
    user.server().sandbox().write("home/.tmux.conf", line);
    user.server().run(&["source-file", &user.server().config_file().display().to_string()]);
    user.wait_until_kept();
    assert_eq!(user.sessions(), ["x"]);
    // What was not restored stays owed.
    user.0.run(&["restore"]);
    assert_eq!(user.sessions(), ["main", "other", "x"]);
}

#[test]
fn whoever_comes_while_a_long_config_is_read_does_not_make_the_server_old() {
    // The newest alone: its config takes longer than most.
    let binaries = tmux_binaries();
    let user = User::new(binaries.last().expect("there is a tmux"));
    let read = user.server().sandbox().path("config-is-read");
    user.configure(&format!("run-shell 'until [ -e {} ]; do sleep 0.1; done'", read.display()));
    let _first = user.tmux(&[]);
    user.wait("the server is there", |server| server.socket().exists());
    user.server().run(&["new-session", "-d", "-s", "x"]);
    let started: i64 = user.server().display("x", "#{start_time}").parse().unwrap();
    user.wait("others have waited for it", |_| jiff::Timestamp::now().as_second() > started + 11);
    assert_eq!(user.sessions(), ["x"], "tmux lets others in meanwhile");
    std::fs::write(&read, "").unwrap();
    user.expect_sessions(&["main", "other", "x"]);
}

#[test]
fn who_comes_late_is_told_too_and_nobody_after_them() {
    // All at the same time: nobody may come for longer than ten seconds.
    std::thread::scope(|scope| {
        for tmux in tmux_binaries() {
            scope.spawn(move || {
                let user = User::new(&tmux);
                user.server().run(&["new-session", "-d", "-s", "x"]);
                user.expect_sessions(&["main", "other", "x"]);
                let waits = |server: &Server| server.run(&["show-hooks", "-g"]).contains("evermux-door");
                user.wait("somebody waits at the door", waits);
                let client = user.tmux(&["attach-session", "-t", "main"]);
                client.wait_for("3 panes back");
                user.wait("nobody waits any more", |server| !waits(server));
                let told = user.0.env.run(&["status"]).text();
                assert!(told.contains("3 panes back"), "tmux {}: {told}", tmux.version);
            });
        }
    });
}

#[test]
fn shells_start_when_they_are_shown_if_that_is_wanted() {
    on_every_tmux(|tmux| {
        let user = User::new(tmux);
        user.0.env.write_config("[restore]\nlazy = true\n");
        let client = user.tmux(&[]);
        client.wait_for("so-it-is");
        user.expect_sessions(&["main", "other"]);
        let waiting = |server: &Server| {
            let pids = server.lines(&["list-panes", "-a", "-F", "#{session_name} #{pane_pid}"]);
            let waits = |line: &&String| {
                let pid = line.rsplit(' ').next().unwrap_or_default();
                let program = std::fs::read_link(format!("/proc/{pid}/exe"));
                program.is_ok_and(|program| program == Path::new(env!("CARGO_BIN_EXE_evermux")))
            };
            pids.iter()
                .filter(waits)
                .map(|line| line.split(' ').next().unwrap_or_default().to_owned())
                .collect()
        };
        user.wait("what is not shown waits", |server| {
            let waiting: Vec<String> = waiting(server);
            waiting == ["other"]
        });
        client.type_text("echo $((40+2))\r");
        client.wait_for("42");
    });
}

#[test]
fn it_can_be_switched_off() {
    on_every_tmux(|tmux| {
        let user = User::new(tmux);
        let nothing_comes = |how: &str| {
            user.server().run(&["new-session", "-d", "-s", "x"]);
            user.wait_until_kept();
            assert_eq!(user.sessions(), ["x"], "tmux {}: {how}", tmux.version);
            user.0.run(&["keeper", "stop"]);
            user.0.end();
        };
        user.configure("set-environment -g EVERMUX_RESTORE 0");
        nothing_comes("EVERMUX_RESTORE");
        user.configure("");
        user.0.env.write_config("[restore]\nat_start = 'off'\n");
        nothing_comes("the settings");
        user.0.env.write_config("");
        let off = user.0.env.state().join("off");
        File::create(&off).unwrap();
        nothing_comes("the file");
        std::fs::remove_file(off).unwrap();
        user.server().run(&["new-session", "-d", "-s", "y"]);
        user.expect_sessions(&["main", "other", "x", "y"]);
    });
}

#[test]
fn only_what_was_seen_comes_back_if_that_is_wanted() {
    on_every_tmux(|tmux| {
        let user = User::new(tmux);
        user.0.env.write_config("[restore]\nat_start = 'visible'\n");
        user.server().run(&["new-session", "-d", "-s", "x"]);
        user.expect_sessions(&["main", "x"]);
        user.wait_until_kept();
        user.0.run(&["restore"]);
        user.expect_sessions(&["main", "other", "x"]);
    });
}

#[test]
fn whoever_wants_to_be_asked_is_asked() {
    on_every_tmux(|tmux| {
        let user = User::new(tmux);
        user.0.env.write_config("[restore]\nat_start = 'ask'\n");
        let client = user.tmux(&["new-session", "-s", "x"]);
        client.wait_for("bring back 2 sessions?");
        assert_eq!(user.sessions(), ["x"], "tmux {}", tmux.version);
        client.type_text("y");
        user.expect_sessions(&["main", "other", "x"]);
        client.wait_for("3 panes back");
    });
}

#[test]
fn a_restore_by_hand_that_starts_the_server_is_the_only_one() {
    on_every_tmux(|tmux| {
        let user = User::new(tmux);
        let report = user.0.run(&["restore", "--session", "other"]);
        assert!(report.contains("Restored 1 session"), "tmux {}: {report}", tmux.version);
        user.wait_until_kept();
        assert_eq!(user.sessions(), ["other"], "tmux {}", tmux.version);
        let environment = user.server().run(&["show-environment", "-g"]);
        assert!(!environment.contains("EVERMUX_RESTORE"), "tmux {}: {environment}", tmux.version);
        // Another life brings back both.
        user.0.run(&["keeper", "stop"]);
        user.0.end();
        user.server().run(&["new-session", "-d", "-s", "x"]);
        user.expect_sessions(&["main", "other", "x"]);
    });
}

#[test]
fn debts_are_told() {
    on_every_tmux(|tmux| {
        let user = User::with(tmux, |server| {
            server.type_line("=other:", "sleep 1000");
            server.wait_until("it runs", |server| {
                server.display("=other:", "#{pane_current_command}") == "sleep"
            });
        });
        let client = user.tmux(&["attach-session"]);
        client.wait_for("2 of 3 panes back; 1 owed: pane other:0.0 program sleep 1000");
    });
}

/// Their conversations go on in the panes they were in; what asks its terminal for colours waits for who has just come.
#[test]
fn assistants_come_back() {
    on_every_tmux(|tmux| {
        let user = User::with(tmux, |server| {
            stubs::claude(server.sandbox());
            stubs::codex(server.sandbox());
            stubs::begin(server, "main:0.1", &format!("FIRST={} claude --model opus 'do it'", stubs::id(1)));
            stubs::begin(server, "other:0.0", &format!("FIRST={} codex", stubs::id(2)));
        });
        let resumed = [
            format!("claude|--model opus --resume {}", stubs::id(1)),
            format!("codex|resume {}", stubs::id(2)),
        ];
        for round in 0..2 {
            let already = ran(user.server()).len();
            let client = user.tmux(&[]);
            client.wait_for("3 panes back");
            let mut now = ran(user.server()).split_off(already);
            now.sort();
            assert_eq!(now, resumed, "tmux {}, {round}", tmux.version);
            assert_eq!(known(&user.0.env), [exact(1), exact(2)], "tmux {}, {round}", tmux.version);
            user.wait_until_kept();
            user.0.run(&["keeper", "stop"]);
            user.0.end();
        }
    });
}

#[test]
fn a_start_that_died_is_completed_by_the_next() {
    on_every_tmux(|tmux| {
        let user = User::new(tmux);
        let mut start = user.server().client().args(["new-session", "-d", "-s", "x"]).spawn().unwrap();
        user.wait("the restore has begun", |server| {
            server.tmux(&["list-sessions", "-F", "#{@evermux-restore-session}"]).text().trim() != ""
        });
        user.0.end();
        let _ = start.wait();
        let client = user.tmux(&[]);
        client.wait_for("so-it-is");
        user.expect_sessions(&["main", "other"]);
        let panes = user.server().lines(&["list-panes", "-a"]);
        assert_eq!(panes.len(), 3, "tmux {}: {panes:?}", tmux.version);
    });
}

#[test]
fn a_store_that_hangs_keeps_nobody_waiting_and_two_deaths_are_enough() {
    on_every_tmux(|tmux| {
        let user = User::new(tmux);
        user.0.run(&["restore"]);
        user.0.end();
        let hanging = user.hang();
        for _ in 0..2 {
            let begun = Instant::now();
            let client = user.tmux(&["new-session", "-s", "x"]);
            client.wait_for("$");
            let took = begun.elapsed();
            assert!(took > TMUX_WAITS && took < TMUX_WAITS + SLACK, "tmux {}: {took:?}", tmux.version);
            assert_eq!(user.sessions(), ["x"], "tmux {}", tmux.version);
            client.type_text("echo usable\r");
            client.wait_for("\nusable");
            user.0.end();
        }
        drop(hanging);
        let client = user.tmux(&["new-session", "-s", "x"]);
        client.wait_for("the server died twice");
        assert_eq!(user.sessions(), ["x"], "tmux {}", tmux.version);
        let told =
            |user: &User| user.0.env.run(&["status", "--line"]).text().contains(", no restore at start");
        user.wait("the status says so", |_| told(&user));
        assert_eq!(user.0.env.run(&["status"]).status, Some(3));
        let doctor = user.0.env.run(&["doctor"]).text();
        assert!(doctor.contains("nothing comes back when it starts"), "{doctor}");
        // By hand it is tried, and then it happens by itself again.
        user.0.run(&["restore"]);
        user.expect_sessions(&["main", "other", "x"]);
        user.wait("the status says so no more", |_| !told(&user));
        user.0.run(&["keeper", "stop"]);
        user.0.end();
        user.server().run(&["new-session", "-d", "-s", "y"]);
        user.wait("everything is there", |_| user.sessions().len() == 4);
    });
}

#[test]
fn settings_that_cannot_be_read_keep_nobody_waiting() {
    let user = User::new(&tmux_binaries()[0]);
    let settings = user.server().sandbox().path("config.toml");
    let _ = std::fs::remove_file(&settings);
    let made = std::process::Command::new("mkfifo").arg(&settings).status().unwrap();
    assert!(made.success());
    let begun = Instant::now();
    let client = user.tmux(&["new-session", "-s", "x"]);
    client.wait_for("$");
    assert!(begun.elapsed() < TMUX_WAITS + SLACK, "{:?}", begun.elapsed());
    std::fs::remove_file(&settings).unwrap();
}

#[test]
fn settings_that_are_wrong_are_told() {
    on_every_tmux(|tmux| {
        let user = User::new(tmux);
        user.0.env.write_config("[restore]\nat_start = 'sometimes'\n");
        let client = user.tmux(&["new-session", "-s", "x"]);
        client.wait_for("evermux: nothing was restored: the config file");
        assert_eq!(user.sessions(), ["x"], "tmux {}", tmux.version);
        user.0.env.write_config("");
    });
}

#[test]
fn with_nothing_to_bring_back_nothing_is_said() {
    on_every_tmux(|tmux| {
        let user = User(Story::of(Server::builder(tmux).absent()));
        user.configure("");
        let client = user.tmux(&[]);
        client.wait_for("$");
        user.wait_until_kept();
        assert_eq!(user.sessions(), ["0"], "tmux {}", tmux.version);
        assert!(!client.screen().contains("evermux"), "tmux {}: {}", tmux.version, client.screen());
    });
}

#[test]
fn a_program_that_is_gone_is_not_missed() {
    on_every_tmux(|tmux| {
        let user = User(Story::of(Server::builder(tmux).absent()));
        let line = user.0.env.ok(&["tmux-conf"]).replace("evermux at-start", "gone at-start");
        assert!(line.contains("/gone at-start"));
        user.configure_with("", &line);
        let client = user.tmux(&[]);
        client.wait_for("$");
        assert_eq!(user.server().display("0", "#{pane_in_mode}"), "0", "tmux {}", tmux.version);
        assert!(!client.screen().contains("gone"), "tmux {}: {}", tmux.version, client.screen());
    });
}

#[test]
fn the_path_of_the_program_may_hold_anything() {
    on_every_tmux(|tmux| {
        let user = User::new(tmux);
        let odd = user.server().sandbox().path("a #{pid} %H#H 'q\" $HOME\\;~/evermux");
        std::fs::create_dir_all(odd.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_evermux"), &odd).unwrap();
        let mut command = user.0.env.command(&["tmux-conf"]);
        command.env("PATH", odd.parent().unwrap());
        let line = String::from_utf8(command.output().unwrap().stdout).unwrap();
        assert!(line.contains("%H##H"), "{line}");
        user.configure_with("", &line);
        user.server().run(&["new-session", "-d", "-s", "x"]);
        user.expect_sessions(&["main", "other", "x"]);
    });
}
