//! Restores that are killed anywhere: the next one completes them, without doubles and without anything left over.

mod common;

use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::bench::{Bench, on_every_tmux};
use evermux_testkit::{Tmux, differences};

/// Hooks that a user may have, and that would be seen if they ran or were lost.
const CONFIG: &str = "set -g history-limit 3000\n\
    set-hook -g after-new-window 'set -g @seen new-window'\n\
    set-hook -g session-created 'set -g @seen session-created'\n\
    set-hook -g after-split-window[3] 'split-window ; set -g @seen split'\n\
    set-hook -g window-renamed 'set -g @seen renamed'\n";

/// How many random moments each version is killed at; `EVERMUX_TEST_CASES` says more.
fn cases() -> u32 {
    std::env::var("EVERMUX_TEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// A server that was saved, as it was then.
struct Story {
    bench: Bench,
    before: String,
    globals: String,
}

impl Story {
    fn new(tmux: &Tmux) -> Story {
        let bench = Bench::with(tmux, CONFIG);
        bench.server.run(&["set", "-gu", "@seen"]);
        bench.save();
        let before = bench.describe();
        let mut story = Story { bench, before, globals: String::new() };
        story.globals = story.globals();
        story
    }

    /// Global options and hooks. That a session was created is no secret when the server has just been started, and
    /// 3.0 and 3.1 have no hooks of windows: nothing shields a new one in a living session.
    fn globals(&self) -> String {
        let all = self.bench.globals();
        let old = !self.bench.server.binary().at_least(3, 2);
        let told = |line: &str| line == "@seen session-created" || old && line == "@seen renamed";
        let ours = |line: &&str| !told(line) && !line.starts_with("EVERMUX_");
        all.lines().filter(ours).map(|line| format!("{line}\n")).collect()
    }

    /// Begins a restore.
    fn begin(&self) -> Child {
        let mut command = self.bench.env.command(&["restore", "1"]);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        command.spawn().expect("evermux can be run")
    }

    /// That a restore makes everything as it was, once, and that all of it works.
    #[track_caller]
    fn expect_completed(&self, moment: &str) {
        let bench = &self.bench;
        let version = &bench.server.binary().version;
        let report = bench.env.run(&["restore", "1"]);
        assert!(matches!(report.status, Some(0)), "tmux {version}, {moment}:\n{report}");
        let found = differences(&self.before, &bench.describe());
        assert!(found.is_empty(), "tmux {version}, {moment}:\n{found}\n{report}");
        let found = differences(&self.globals, &self.globals());
        assert!(found.is_empty(), "tmux {version}, {moment}:\n{found}\n{report}");
        bench.expect_clean(&format!("{moment}:\n{report}"));
        let alive = bench.alive();
        let again = bench.run(&["restore"], 0);
        assert_eq!(bench.alive(), alive, "tmux {version}, {moment}:\n{again}");
    }

    /// What the server says while it is built; empty while there is none.
    fn look(&self, format: &str) -> String {
        self.bench.server.tmux(&["list-panes", "-a", "-F", format]).text()
    }

    /// Kills a restore as soon as the server shows something.
    #[track_caller]
    fn kill_when(&self, moment: &str, condition: impl Fn(&Story) -> bool) {
        let mut restore = self.begin();
        let end = Instant::now() + Duration::from_secs(10);
        let mut over = false;
        while !condition(self) && !over {
            assert!(Instant::now() < end, "{moment} never came");
            over = restore.try_wait().expect("it is our child").is_some();
        }
        let _ = restore.kill();
        let _ = restore.wait();
    }
}

#[test]
fn killed_at_any_moment_it_is_completed() {
    on_every_tmux(|tmux| {
        let story = Story::new(tmux);
        story.bench.server.kill_all();
        let begun = Instant::now();
        story.begin().wait().expect("it ends");
        let whole = begun.elapsed();
        for case in 0..cases() {
            story.bench.server.kill_all();
            // Spread over the whole of it, elsewhere in every run.
            let random = Instant::now().duration_since(begun).subsec_nanos() % 1000;
            let delay = whole * (case * 1000 + random) / (cases() * 1000);
            let mut restore = story.begin();
            sleep(delay);
            let _ = restore.kill();
            restore.wait().expect("it ends");
            story.expect_completed(&format!("killed after {delay:?} of {whole:?}"));
        }
    });
}

#[test]
fn killed_while_it_builds_it_is_completed() {
    on_every_tmux(|tmux| {
        let story = Story::new(tmux);
        story.bench.server.kill_all();
        story.kill_when("the first working name", |it| it.look("#{session_name}").contains("evermux-"));
        story.expect_completed("killed at the first session");

        story.bench.server.kill_all();
        story.kill_when("the last pane", |it| {
            it.look("#{session_name} #{@evermux-pane}").lines().filter(|line| line.len() > 50).count() >= 6
        });
        story.expect_completed("killed when all panes were there");

        story.bench.server.kill_all();
        story.kill_when("text", |it| {
            let panes = it.look("#{pane_id} #{cursor_y}");
            panes.lines().any(|line| line.ends_with(|digit: char| digit.is_ascii_digit() && digit != '0'))
        });
        story.expect_completed("killed while text was written");

        story.bench.server.kill_all();
        story.kill_when("the first name", |it| {
            it.look("#{session_name}").lines().any(|name| name == "work" || name == "other")
        });
        story.expect_completed("killed when sessions had their names");
    });
}

#[test]
fn the_next_restore_needs_no_arguments() {
    on_every_tmux(|tmux| {
        let story = Story::new(tmux);
        story.bench.server.kill_all();
        // They live, but they are not what comes back: the next restore takes them away.
        story.kill_when("the last pane", |it| {
            it.look("#{session_name} #{@evermux-pane}").lines().filter(|line| line.len() > 45).count() >= 6
        });
        let report = story.bench.run(&["restore"], 0);
        story.bench.expect(&story.before, &report);
        story.bench.expect_clean(&report);
    });
}

#[test]
fn killed_on_a_living_server_it_harms_nobody() {
    on_every_tmux(|tmux| {
        let story = Story::new(tmux);
        let bench = &story.bench;
        let client = bench.server.attach("work", 80, 25);
        for moment in ["skeleton", "text"] {
            bench.server.run(&["kill-session", "-t", "=other"]);
            bench.server.run(&["kill-window", "-t", "=work:3"]);
            let alive = bench.alive();
            let tagged = |it: &Story| {
                let all = it.look("#{@evermux-restore-window}");
                let tagged = all.lines().filter(|line| !line.is_empty()).count();
                tagged >= if moment == "text" { 3 } else { 1 }
            };
            story.kill_when(moment, tagged);
            bench.expect_unmoved(&alive);
            story.expect_completed(moment);
            bench.expect_unmoved(&alive);
            assert!(!client.ended());
        }
    });
}

#[test]
fn when_the_server_is_killed_the_next_restore_begins_anew() {
    on_every_tmux(|tmux| {
        let story = Story::new(tmux);
        for panes in [1, 4] {
            story.bench.server.kill_all();
            let mut restore = story.begin();
            let built =
                || story.look("#{session_name}").lines().filter(|name| name.starts_with("evermux-")).count();
            while built() < panes && restore.try_wait().expect("it is our child").is_none() {}
            if let Some(server) = story.bench.server.process() {
                server.kill();
            }
            let status = restore.wait().expect("it ends");
            assert!(matches!(status.code(), Some(0 | 1 | 3)), "{status}");
            story.expect_completed(&format!("the server killed at {panes} panes"));
        }
    });
}

#[test]
fn what_was_owed_stays_owed() {
    on_every_tmux(|tmux| {
        let story = Story::new(tmux);
        let bench = &story.bench;
        bench.server.type_line("=other:0", "sleep 1000");
        bench
            .server
            .wait_until("it runs", |server| server.display("=other:0", "#{pane_current_command}") == "sleep");
        bench.env.ok(&["save"]);
        bench.server.kill_all();
        // Killed after its last command, before it has saved what it owes.
        story.kill_when("the end of the building", |it| {
            let all = it.look("#{session_name}.#{@evermux-restore-session}");
            !all.is_empty() && all.lines().all(|line| line == "work." || line == "other.")
        });
        bench.run(&["restore"], 0);
        let shown = bench.env.run(&["--json", "show", "latest"]);
        assert!(shown.text().contains("sleep"), "{shown}");
        bench.server.kill_all();
        let report = bench.env.run(&["restore"]);
        assert!(report.text().contains("owed  pane other:0.0: program sleep 1000"), "{report}");
    });
}

#[test]
fn a_session_that_somebody_uses_already_gets_its_name() {
    on_every_tmux(|tmux| {
        let story = Story::new(tmux);
        let bench = &story.bench;
        bench.server.run(&["kill-session", "-t", "=other"]);
        story.kill_when("all panes of the session", |it| {
            let all = it.look("#{session_name} #{@evermux-pane}");
            all.lines().filter(|line| line.starts_with("evermux-") && line.len() > 50).count() >= 2
        });
        let sessions = bench.server.lines(&["list-sessions", "-F", "#{session_id} #{session_name}"]);
        let half_made = sessions.iter().find_map(|line| line.split_once(" evermux-"));
        // It may have been too fast for us.
        let Some((id, _)) = half_made else { return };
        let client = bench.server.attach(id, 80, 25);
        let report = bench.env.run(&["restore", "1"]);
        assert!(matches!(report.status, Some(0 | 3)), "tmux {}:\n{report}", tmux.version);
        assert_eq!(bench.sessions(), ["other", "work"], "tmux {}:\n{report}", tmux.version);
        assert!(!client.ended());
    });
}

#[test]
fn an_interrupted_restore_can_be_taken_back() {
    on_every_tmux(|tmux| {
        let story = Story::new(tmux);
        let bench = &story.bench;
        bench.server.run(&["kill-session", "-t", "=other"]);
        let before = bench.describe();
        let alive = bench.alive();
        story.kill_when("a tag", |it| {
            it.look("#{@evermux-restore-session}").lines().any(|line| !line.is_empty())
        });
        let report = bench.run(&["undo"], 0);
        bench.expect(&before, &report);
        assert_eq!(bench.alive(), alive, "{report}");
        bench.expect_clean(&report);
        assert_eq!(differences(&story.globals, &story.globals()), "");
    });
}

#[test]
fn of_two_restores_one_works() {
    on_every_tmux(|tmux| {
        let story = Story::new(tmux);
        story.bench.server.kill_all();
        let mut restores = [story.begin(), story.begin()];
        for restore in &mut restores {
            let status = restore.wait().expect("it ends");
            assert!(matches!(status.code(), Some(0 | 5)), "{status}");
        }
        story.expect_completed("two at once");
    });
}

#[test]
fn a_save_in_the_middle_takes_nothing_half_made() {
    on_every_tmux(|tmux| {
        let bench = Bench::new(tmux);
        bench.save();
        let before = bench.describe();
        let script = "kill-session -t =work
            new-session -d -s evermux-abc-0
            set -t =evermux-abc-0: @evermux-restore-session abc
            new-session -d -s evermux-start-abc
            set -t =evermux-start-abc: @evermux-restore-session beginning
            new-window -d -t =other:5
            set -w -t =other:5 @evermux-restore-window abc
            split-window -d -t =other:0
            set -p -t =other:0.1 @evermux-restore-pane abc
        ";
        assert!(bench.server.script(script).ok());
        bench.server.wait_for_prompts();
        bench.save();
        let shown = bench.run(&["show", "2"], 0).to_string();
        assert!(!shown.contains("evermux-") && !shown.contains("\n  5:"), "tmux {}: {shown}", tmux.version);
        assert!(shown.contains("1 session, 2 windows, 2 panes"), "tmux {}: {shown}", tmux.version);
        // What was still to come is not taken for closed.
        let report = bench.run(&["restore"], 0);
        bench.expect(&before, &report);
        bench.expect_clean(&report);
    });
}
