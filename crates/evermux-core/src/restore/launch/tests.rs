//! Starting programs in the panes of real servers, without a restore around it.

use std::time::{Duration, Instant};

use bstr::BString;
use evermux_testkit::{Server as Private, tmux_binaries};

use super::*;
use crate::tmux::Binaries;

const LIMIT: Duration = Duration::from_secs(20);

fn job(private: &Private, pane: &str, launch: Launch) -> Job {
    let told = private.display(pane, "#{pane_id} #{pane_tty} #{pane_pid}");
    let words: Vec<&str> = told.split(' ').collect();
    let pane =
        MadePane { id: words[0].parse().unwrap(), tty: words[1].into(), pid: words[2].parse().unwrap() };
    let pending = Pending { launch, prefill: false, known: Known::default(), tells: false };
    Job { identity: PaneIdentity::from_random([words[0].len() as u8; 16]), pane, pending }
}

fn start(private: &Private, jobs: Vec<Job>) -> Vec<Outcome> {
    let uid = rustix::process::getuid().as_raw();
    let server = Server::connect(&private.socket(), uid, &Binaries::default()).unwrap();
    let version = private.binary().version.to_string().parse().unwrap();
    let name = ServerName { machine: "machine".to_owned(), socket: "socket".into() };
    let generation = Generation { boot: "boot".to_owned(), pid: 1, started: 1 };
    let resume: [BString; 2] = ["evermux".into(), "resume".into()];
    let mut random = {
        let mut next = 0_u8;
        move || {
            next = next.wrapping_add(1);
            [next; 16]
        }
    };
    let mut ground = Ground {
        server: &server,
        version,
        name: &name,
        generation: &generation,
        tickets: None,
        shells: None,
        resume: &resume,
        random: &mut random,
        limit: LIMIT,
    };
    launch(jobs, &mut ground).into_values().collect()
}

fn sleep() -> Launch {
    Launch::of(vec!["sleep".into(), "1000".into()])
}

#[test]
fn what_asks_its_terminal_waits_for_a_client_but_not_for_ever() {
    let private = Private::start(&tmux_binaries().pop().unwrap());
    private.wait_for_prompt("main");
    let asks = || Launch { needs_client: true, ..sleep() };
    let begun = Instant::now();
    assert_eq!(start(&private, vec![job(&private, "main", asks())]), [Outcome::Runs]);
    assert!(begun.elapsed() >= CLIENT, "{:?}", begun.elapsed());

    private.run(&["new-window", "-t", "main:7"]);
    private.wait_for_prompt("main:7");
    let _client = private.attach("main", 80, 24);
    let begun = Instant::now();
    assert_eq!(start(&private, vec![job(&private, "main:7", asks())]), [Outcome::Runs]);
    assert!(begun.elapsed() < CLIENT, "{:?}", begun.elapsed());
}

#[test]
fn what_cannot_be_started_says_why() {
    let private = Private::start(&tmux_binaries().pop().unwrap());
    private.wait_for_prompt("main");
    let owed = |launch: Launch| match start(&private, vec![job(&private, "main", launch)]).pop() {
        Some(Outcome::Owed(reason)) => reason,
        other => panic!("{other:?}"),
    };
    let elsewhere = Launch { directory: Some("/".into()), ..sleep() };
    assert_eq!(owed(elsewhere), "its arguments can be kept nowhere");
    assert_eq!(owed(Launch::of(vec!["true".into()])), "it ended at once");
    let other = Launch { names: vec!["other".into()], patience: Duration::from_secs(1), ..sleep() };
    assert_eq!(owed(other), "sleep runs in its place");
    // Its shell does not wait now; nothing is typed into the program.
    let mut gone = job(&private, "main", sleep());
    private.run(&["new-window", "-t", "main:7"]);
    private.run(&["kill-pane", "-t", "main:0"]);
    gone.pane.pid = u32::MAX - 1;
    assert_eq!(start(&private, vec![gone]), [Outcome::Owed("its pane is gone".to_owned())]);
}
