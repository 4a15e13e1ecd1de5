//! The keeper where something is in its way: it goes on, says so, and takes it back.

mod story;

use std::fs;
use std::process::Command;
use std::time::Duration;

use evermux_core::model::ServerName;
use evermux_core::store::{Access, Place, Store};
use evermux_testkit::{Env, Process};
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use serde_json::Value;
use story::kept::{Kept, on_every_tmux_at_once};
use story::on_every_tmux;

/// Waits until a new window of this name is saved.
#[track_caller]
fn expect_it_saves(kept: &Kept, name: &str) {
    kept.server().run(&["new-window", "-d", "-n", name]);
    kept.wait(&format!("{name} is saved"), |kept| kept.newest().contains(&format!("\"{name}\"")));
    kept.wait("the status says so", |kept| kept.state() == "saved");
}

fn trouble(kept: &Kept) -> String {
    kept.json(&["status"])["trouble"].as_str().unwrap_or_default().to_owned()
}

/// The folder that holds what is saved on this machine.
fn folder(kept: &Kept) -> std::path::PathBuf {
    let machines = fs::read_dir(kept.story.env.state()).expect("there is a state folder").flatten();
    machines.map(|entry| entry.path()).find(|path| path.join("evermux.db").is_file()).expect("a store")
}

#[test]
fn a_server_that_hangs_holds_up_nobody_else() {
    on_every_tmux_at_once(|tmux| {
        let kept = Kept::begin(tmux, "");
        kept.server().run(&["-L", "second", "-f", "/dev/null", "new-session", "-d", "-s", "b"]);
        let second = kept.story.env.for_server("second");
        assert_eq!(second.run(&["keeper", "watch"]).status, Some(0));
        kept.wait_until_saved();
        let process = kept.server().process().expect("it lives");
        process.signal(Signal::STOP);
        kept.wait("the status says so", |kept| trouble(kept).contains("did not answer"));
        kept.server().run(&["-L", "second", "rename-session", "-t", "=b", "renamed"]);
        kept.wait("the other one is saved", |_| {
            second.run(&["--json", "show", "latest"]).text().contains("\"renamed\"")
        });
        process.signal(Signal::CONT);
        kept.wait("it is well again", |kept| kept.state() == "saved");
        expect_it_saves(&kept, "afterwards");
        kept.server().tmux(&["-L", "second", "kill-server"]);
    });
}

#[test]
fn a_server_that_hangs_does_not_keep_the_keeper_from_ending() {
    on_every_tmux_at_once(|tmux| {
        let kept = Kept::begin(tmux, "");
        kept.wait_until_saved();
        let (keeper, process) = (kept.keeper(), kept.server().process().expect("it lives"));
        process.signal(Signal::STOP);
        keeper.signal(Signal::TERM);
        let ended = keeper.ended_within(Duration::from_secs(25));
        process.signal(Signal::CONT);
        assert!(ended, "tmux {}", tmux.version);
    });
}

#[test]
fn a_full_disk_is_told_and_taken_back() {
    on_every_tmux_at_once(|tmux| {
        let kept = Kept::begin(tmux, "set -g display-time 20000");
        let clients = [kept.server().attach("main", 80, 24), kept.server().attach("main", 80, 24)];
        kept.wait_until_saved();
        let pid = Pid::from_raw(i32::try_from(kept.keeper().id()).expect("it is one")).expect("it is one");
        // A limit on the size of files: the status is shorter, everything else longer.
        let limit = |bytes| Rlimit { current: bytes, maximum: None };
        prlimit(Some(pid), Resource::Fsize, limit(Some(4000))).expect("the limit of our own process");
        kept.server().run(&["new-window", "-d", "-n", "too-much"]);
        kept.wait("the status says so", |kept| kept.state() == "trouble");
        let option = || kept.server().run(&["show-options", "-gqv", "@evermux-trouble"]);
        kept.wait("the server says so", |_| !option().is_empty());
        for client in &clients {
            client.wait_for("evermux cannot save");
        }
        assert!(!kept.newest().contains("too-much"));
        prlimit(Some(pid), Resource::Fsize, limit(None)).expect("the limit of our own process");
        kept.wait("it is saved", |kept| kept.newest().contains("too-much"));
        kept.wait("it is taken back", |_| option().is_empty());
        for client in &clients {
            client.wait_for("evermux saves again");
        }
    });
}

#[test]
fn a_store_that_is_locked_is_waited_for() {
    on_every_tmux_at_once(|tmux| {
        let kept = Kept::begin(tmux, "");
        kept.wait_until_saved();
        let machine = kept.list()[0]["server"]["machine"].as_str().expect("it has a name").to_owned();
        let uid = rustix::process::getuid().as_raw();
        let place = Place::new(kept.story.env.state(), machine.as_str(), uid);
        let store = Store::open(&place, Access::Write).expect("it can be opened");
        let name = ServerName { machine, socket: kept.server().socket().display().to_string().into() };
        let saving = store.saving(&name, Duration::from_secs(10)).expect("nobody holds it for long");
        kept.server().run(&["new-window", "-d", "-n", "waiting"]);
        kept.wait("the status says so", |kept| kept.state() == "trouble");
        drop(saving);
        kept.wait("it is saved", |kept| kept.newest().contains("waiting"));
        kept.wait("it is well again", |kept| kept.state() == "saved");
    });
}

#[test]
fn a_database_that_is_damaged_or_gone_is_replaced() {
    on_every_tmux_at_once(|tmux| {
        for how in ["damaged", "gone"] {
            let kept = Kept::begin(tmux, "");
            kept.wait_until_saved();
            let database = folder(&kept).join("evermux.db");
            if how == "gone" {
                fs::remove_file(&database).expect("it is there");
            } else {
                fs::write(&database, "this is no database".repeat(1000)).expect("it can be written");
            }
            expect_it_saves(&kept, "in-the-new-one");
            // Nobody has to say again what is to be kept.
            kept.story.run(&["keeper", "stop"]);
            kept.story.run(&["keeper", "start"]);
            expect_it_saves(&kept, "by-the-next-keeper");
        }
    });
}

#[test]
fn a_server_in_the_place_of_another_is_kept() {
    on_every_tmux(|tmux| {
        let kept = Kept::begin(tmux, "");
        kept.wait_until_saved();
        let before = kept.list()[0]["generation"]["pid"].clone();
        kept.server().kill();
        kept.server().run(&["new-session", "-d", "-s", "other", "-x", "80", "-y", "24"]);
        kept.wait("it is another life", |kept| kept.list()[0]["generation"]["pid"] != before);
        expect_it_saves(&kept, "there");
        assert!(kept.why("main").contains("was never brought back"), "{}", kept.why("main"));
    });
}

#[test]
fn a_socket_that_is_removed_and_made_again_is_no_end() {
    on_every_tmux(|tmux| {
        let kept = Kept::begin(tmux, "");
        kept.wait_until_saved();
        let process = kept.server().process().expect("it lives");
        fs::remove_file(kept.server().socket()).expect("it is there");
        // A change that the keeper is woken by.
        kept.wait("nobody can be asked", |kept| kept.state() == "away");
        process.signal(Signal::USR1);
        kept.wait("it is there again", |kept| kept.state() == "saved");
        expect_it_saves(&kept, "afterwards");
        kept.server().run(&["new-session", "-d", "-s", "more"]);
        kept.wait("it is saved", |kept| kept.newest().contains("\"more\""));
        kept.story.run(&["keeper", "stop"]);
        kept.crash();
        assert!(kept.why("more").contains("was there when last seen"), "{}", kept.why("more"));
    });
}

#[test]
fn a_new_version_takes_over() {
    on_every_tmux_at_once(|tmux| {
        let mut kept = Kept::begin(tmux, "");
        kept.story.run(&["keeper", "stop"]);
        let program = kept.server().sandbox().path("evermux");
        let copy = |to: &std::path::Path| {
            // By processes of their own: a child of this one that begins right now would hold the file open for writing.
            let run = |words: &[&str]| {
                let status = Command::new(words[0]).args(&words[1..]).arg(to).status();
                assert!(status.is_ok_and(|status| status.success()), "{words:?}");
            };
            run(&["cp", env!("CARGO_BIN_EXE_evermux")]);
            run(&["touch", "-t", "202601010000"]);
        };
        copy(&program);
        kept.story.env = Env::new(program.to_str().expect("it is ASCII"), kept.server());
        let keeper: Process = kept.keeper();
        kept.wait_until_saved();
        let begun = |kept: &Kept| kept.story.run(&["log"]).matches("the keeper begins").count();
        let before = begun(&kept);
        let new = program.with_extension("new");
        copy(&new);
        fs::rename(&new, &program).expect("it can be replaced");
        kept.wait("the new one begins", |kept| begun(kept) > before);
        assert_eq!(kept.keeper().id(), keeper.id());
        expect_it_saves(&kept, "by-the-new-one");
        // One that cannot be run is none.
        fs::write(&new, "nothing that runs").expect("it can be written");
        fs::rename(&new, &program).expect("it can be replaced");
        kept.story.env = Env::new(env!("CARGO_BIN_EXE_evermux"), kept.server());
        kept.wait("the old one goes on", |kept| kept.story.run(&["log"]).contains("the old version goes on"));
        expect_it_saves(&kept, "by-the-old-one");
        assert_eq!(kept.keeper().id(), keeper.id());
    });
}

#[test]
fn what_was_printed_last_is_saved_before_the_end() {
    on_every_tmux(|tmux| {
        let kept = Kept::begin(tmux, "");
        kept.wait_until_saved();
        kept.server().type_line("=main:", "echo the-last-words");
        kept.server().wait_until("it is printed", |it| it.screen("=main:").contains("\nthe-last-words"));
        let stopped: Value = kept.json(&["keeper", "stop"]);
        assert!(stopped["was"].is_u64(), "{stopped}");
        // Nobody is left who waits.
        let waiting = || {
            let all = fs::read_dir("/proc").into_iter().flatten().flatten();
            let lines = all.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
            let socket = kept.server().socket().display().to_string();
            lines.filter(|line| String::from_utf8_lossy(line).contains(&format!("-S\0{socket}"))).count()
        };
        assert_eq!(waiting(), 0, "tmux {}", tmux.version);
        kept.crash();
        kept.story.restore();
        assert!(kept.server().screen("=main:").contains("\nthe-last-words"));
    });
}
