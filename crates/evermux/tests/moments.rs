//! The moments at which everything must be on the disk, text included; and those in which nothing can be saved.

mod story;

use std::fs::rename;
use std::thread::sleep;
use std::time::{Duration, Instant};

use evermux_testkit::Process;
use jiff::Timestamp;
use rustix::process::Signal;
use story::kept::{Kept, on_every_tmux_at_once};
use story::on_every_tmux;

/// Types something that prints, and waits until it is there.
#[track_caller]
fn print(kept: &Kept, pane: &str, text: &str) {
    kept.server().type_line(pane, &format!("echo {text}"));
    kept.server().wait_until("it is printed", |it| it.screen(pane).contains(&format!("\n{text}")));
}

/// Waits for the first save that was begun after `moment`.
#[track_caller]
fn wait_for_a_save_after(kept: &Kept, moment: Timestamp) {
    kept.wait("something is saved", |kept| {
        let newest = &kept.list()[0];
        let seen = ["taken_at", "still_at"].iter().filter_map(|at| newest[*at].as_str()?.parse().ok()).max();
        seen.is_some_and(|seen: Timestamp| seen > moment)
    });
}

/// The server is gone at once; what a restore prints on this pane.
#[track_caller]
fn restored(kept: &Kept, pane: &str) -> String {
    kept.crash();
    kept.story.restore();
    kept.server().screen(pane)
}

#[test]
fn text_is_saved_with_the_first_save_after_a_client_has_left() {
    on_every_tmux(|tmux| {
        let kept = Kept::begin(tmux, "");
        let client = kept.server().attach("main", 80, 24);
        kept.wait_until_saved();
        print(&kept, "=main:", "the-last-words");
        let left = Timestamp::now();
        kept.server().run(&["detach-client", "-s", "=main"]);
        client.wait_for_end();
        wait_for_a_save_after(&kept, left);
        let screen = restored(&kept, "=main:");
        assert!(screen.contains("\nthe-last-words"), "tmux {}:\n{screen}", tmux.version);
    });
}

#[test]
fn text_is_saved_with_the_first_save_after_a_session_was_closed() {
    on_every_tmux(|tmux| {
        let kept = Kept::begin(tmux, "");
        kept.server().run(&["new-session", "-d", "-s", "other", "-x", "80", "-y", "24"]);
        kept.server().wait_for_prompts();
        kept.wait_until_saved();
        print(&kept, "=main:", "the-last-words");
        kept.server().run(&["kill-session", "-t", "=other"]);
        kept.wait("it is seen", |kept| kept.list()[0]["sessions"] == 1);
        let screen = restored(&kept, "=main:");
        assert!(screen.contains("\nthe-last-words"), "tmux {}:\n{screen}", tmux.version);
    });
}

#[test]
fn everything_is_saved_when_the_keeper_is_asked_to_end() {
    on_every_tmux(|tmux| {
        let kept = Kept::begin(tmux, "");
        kept.wait_until_saved();
        let keeper = kept.keeper();
        print(&kept, "=main:", "the-last-words");
        kept.server().run(&["rename-window", "-t", "=main:", "the-last-name"]);
        keeper.signal(Signal::TERM);
        assert!(keeper.ended_within(Duration::from_secs(25)), "tmux {}", tmux.version);
        let screen = restored(&kept, "=main:");
        assert!(screen.contains("\nthe-last-words"), "tmux {}:\n{screen}", tmux.version);
        assert_eq!(kept.server().display("=main:", "#{window_name}"), "the-last-name");
    });
}

/// What `status` says was missed: why, and for how many seconds.
fn missed(kept: &Kept) -> Option<(String, i64)> {
    let missed = &kept.json(&["status"])["missed"];
    let at = |name: &str| missed[name].as_str()?.parse::<Timestamp>().ok();
    Some((missed["why"].as_str()?.to_owned(), at("until")?.duration_since(at("since")?).as_secs()))
}

/// Stops processes for a while, as a machine does that is paused.
fn pause(processes: &[&Process], time: Duration) {
    processes.iter().for_each(|process| process.signal(Signal::STOP));
    sleep(time);
    processes.iter().for_each(|process| process.signal(Signal::CONT));
}

#[test]
fn after_a_pause_of_the_machine_it_goes_on_and_says_what_it_missed() {
    on_every_tmux_at_once(|tmux| {
        let kept = Kept::begin(tmux, "");
        kept.wait_until_saved();
        assert_eq!(missed(&kept), None);
        let (keeper, server) = (kept.keeper(), kept.server().process().expect("it lives"));
        let begun = Instant::now();
        pause(&[&keeper, &server], Duration::from_secs(8));
        kept.wait("the status says so", |kept| missed(kept).is_some());
        let (why, seconds) = missed(&kept).expect("it was just there");
        assert_eq!(why, "the keeper was stopped, or waited", "tmux {}", tmux.version);
        assert!((6..=begun.elapsed().as_secs() as i64 + 1).contains(&seconds), "{seconds} s");
        let text = kept.story.run(&["status"]);
        assert!(text.contains("ago: the keeper was stopped, or waited"), "{text}");
        assert!(kept.story.run(&["log"]).contains("the keeper was stopped, or waited; it goes on"));
        kept.server().run(&["new-window", "-d", "-n", "afterwards"]);
        kept.wait("it goes on", |kept| kept.newest().contains("\"afterwards\""));
    });
}

#[test]
fn after_a_pause_of_the_server_it_goes_on_and_says_what_it_missed() {
    on_every_tmux_at_once(|tmux| {
        let kept = Kept::begin(tmux, "");
        kept.wait_until_saved();
        let server = kept.server().process().expect("it lives");
        server.signal(Signal::STOP);
        kept.wait("it is noticed", |kept| kept.state() == "trouble");
        sleep(Duration::from_secs(6));
        server.signal(Signal::CONT);
        kept.wait("the status says so", |kept| {
            missed(kept).is_some_and(|(why, seconds)| why.contains("did not answer") && seconds >= 5)
        });
        assert!(kept.story.run(&["log"]).contains("it goes on; this long nothing was saved"));
    });
}

#[test]
fn a_store_that_is_moved_away_or_replaced_is_noticed_though_it_is_kept_open() {
    on_every_tmux_at_once(|tmux| {
        let kept = Kept::begin(tmux, "");
        kept.wait_until_saved();
        let machine = kept.list()[0]["server"]["machine"].as_str().expect("it has a name").to_owned();
        let folder = kept.story.env.state().join(machine);
        let shift = |from: &str, to: &str| {
            for suffix in ["-shm", "-wal", ""] {
                // Nobody may have written yet.
                let _ = rename(folder.join(format!("{from}{suffix}")), folder.join(format!("{to}{suffix}")));
            }
        };
        let saves = |name: &str| {
            kept.server().run(&["new-window", "-d", "-n", name]);
            kept.wait(&format!("{name} is saved"), |kept| kept.newest().contains(&format!("\"{name}\"")));
        };
        shift("evermux.db", "aside.db");
        saves("elsewhere");
        assert_eq!(kept.list().last().expect("it was saved")["id"], 1, "tmux {}", tmux.version);
        shift("evermux.db", "second.db");
        shift("aside.db", "evermux.db");
        saves("back-again");
        let verified = kept.story.env.run(&["verify"]);
        assert_eq!(verified.status, Some(0), "tmux {}: {verified}", tmux.version);
    });
}
