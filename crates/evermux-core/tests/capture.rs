//! Capturing real servers of every version: structure, programs, identities, policies.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

use std::collections::HashMap;

use bstr::ByteSlice;
use evermux_core::capture::{Blocks, Captured, Error, Flood, Options, Pattern, capture};
use evermux_core::choose::Coverage;
use evermux_core::model::{BString, BlockId, BlockRef, Link, Pane, Snapshot};
use evermux_core::tmux::{Binaries, Server};
use evermux_testkit::{Client, Server as Private, tmux_binaries};
use jiff::{SignedDuration, Timestamp};

/// Blocks kept in memory.
#[derive(Default)]
struct Memory(HashMap<BlockId, Vec<u8>>, usize);

impl Blocks for Memory {
    fn read(&mut self, id: BlockId) -> Option<Vec<u8>> {
        self.0.get(&id).cloned()
    }

    fn write(&mut self, block: BlockRef, bytes: Vec<u8>) {
        assert_eq!(block.id, BlockId::of(&bytes));
        assert_eq!(block.bytes as usize, bytes.len());
        assert_eq!(block.lines as usize, bytes.iter().filter(|byte| **byte == b'\n').count());
        self.0.insert(block.id, bytes);
        self.1 += 1;
    }
}

/// A server under test and what was captured of it before.
struct Subject {
    private: Private,
    memory: Memory,
    options: Options,
    previous: Option<Snapshot>,
    seed: u32,
    /// Seconds that the clock is ahead.
    later: i64,
}

impl Subject {
    fn new(private: Private) -> Self {
        let options = Options::new("machine", "boot", rustix::process::getuid().as_raw());
        Self { private, memory: Memory::default(), options, previous: None, seed: 0, later: 0 }
    }

    fn server(&self) -> Server {
        let uid = rustix::process::getuid().as_raw();
        Server::connect(&self.private.socket(), uid, &Binaries::default()).unwrap()
    }

    fn try_capture(&mut self) -> Result<Captured, Error> {
        let server = self.server();
        let seed = &mut self.seed;
        let mut random = || {
            *seed += 1;
            *blake3::hash(&seed.to_le_bytes()).as_bytes().first_chunk().unwrap()
        };
        let now = Timestamp::now() + SignedDuration::from_secs(self.later);
        capture(&server, self.previous.as_ref(), &self.options, now, &mut random, &mut self.memory)
    }

    fn capture(&mut self) -> Captured {
        let captured = self.try_capture().unwrap();
        assert_eq!(captured.problems, []);
        self.previous = Some(captured.live.snapshot.clone());
        captured
    }
}

impl Subject {
    /// The text of a pane, and how many lines of it are on the screen.
    fn text(&self, pane: &Pane) -> Vec<BString> {
        let text = pane.text.as_ref().unwrap();
        let block = |block: &BlockRef| self.memory.0[&block.id].clone();
        let lines = |bytes: Vec<u8>| bytes.lines().map(BString::from).collect::<Vec<_>>();
        let history = text.history.iter().flat_map(|found| lines(block(found))).skip(text.skip as usize);
        let head = text.head.iter().map(|head| BString::from(head.clone()));
        head.chain(history).chain(lines(block(&text.screen))).collect()
    }
}

fn every_version(test: impl Fn(Subject)) {
    for tmux in tmux_binaries() {
        eprintln!("tmux {}", tmux.version);
        test(Subject::new(Private::start(&tmux)));
    }
}

fn pane(snapshot: &Snapshot, session: &str, window: usize, pane: usize) -> Pane {
    let session = snapshot.sessions().iter().find(|found| found.name == session).unwrap();
    snapshot.window(session.links[window]).panes[pane].clone()
}

/// More than one client captures.
#[test]
fn the_text_of_many_panes() {
    const PANES: usize = 320;
    every_version(|mut subject| {
        let windows: String = (1..PANES)
            .map(|number| format!("new-window -d -t main:{number} 'echo text-{number}; exec sleep 1000'\n"))
            .collect();
        let private = subject.private.clone();
        assert!(private.script(windows).ok());
        private.wait_for_prompt("main:0");
        private.wait_until("everything is printed", |server| {
            let rows = server.lines(&["list-panes", "-s", "-t", "main", "-F", "#{cursor_y}"]);
            rows.len() == PANES && rows[1..].iter().all(|row| row == "1")
        });
        let snapshot = subject.capture().live.snapshot;
        for number in 1..PANES {
            let text = subject.text(&pane(&snapshot, "main", number, 0));
            assert_eq!(text, [format!("text-{number}")], "pane {number}");
        }
    });
}

#[test]
fn structure_and_identities() {
    every_version(|mut subject| {
        let private = subject.private.clone();
        private.run(&["rename-session", "-t", "main", "a"]);
        private.run(&["split-window", "-d", "-t", "a:0"]);
        private.run(&["new-window", "-d", "-t", "a:7", "-n", "seven", "exec sleep 1000"]);
        private.run(&["new-session", "-d", "-s", "b"]);
        private.run(&["link-window", "-d", "-s", "a:7", "-t", "b:3"]);
        private.run(&["set-option", "-t", "b", "@mine", "yes"]);
        private.run(&["set-environment", "-t", "b", "PLAIN", "value"]);
        private.run(&["set-environment", "-t", "b", "SSH_AUTH_SOCK", "/tmp/agent"]);
        private.run(&["select-window", "-t", "b:3"]);
        private.wait_for_prompts();

        let first = subject.capture().live;
        let snapshot = &first.snapshot;
        assert_eq!(snapshot.sessions().iter().map(|s| s.name.to_string()).collect::<Vec<_>>(), ["a", "b"]);
        let [a, b] = snapshot.sessions() else { panic!() };
        assert_eq!(a.links, [Link { index: 0, window: 0 }, Link { index: 7, window: 1 }]);
        assert_eq!(b.links, [Link { index: 0, window: 2 }, Link { index: 3, window: 1 }]);
        assert_eq!((b.active, &b.last[..]), (3, &[0][..]));
        assert!(b.options.iter().any(|option| option.name == "@mine"));
        assert_eq!(b.environment.iter().map(|e| e.name.to_string()).collect::<Vec<_>>(), ["PLAIN"]);
        assert!(b.facts.updated_environment.iter().any(|name| name == "SSH_AUTH_SOCK"));
        assert_eq!(snapshot.windows()[0].panes.len(), 2);
        assert!(first.panes.iter().flatten().all(|pane| pane.marked));
        let shell = pane(snapshot, "a", 0, 0);
        assert!(shell.facts.at_prompt && shell.program.is_none() && shell.start.is_none());
        let made = pane(snapshot, "a", 1, 0).start.unwrap();
        assert_eq!(made.argv, ["exec sleep 1000"]);

        let second = subject.capture().live;
        let identities = |snapshot: &Snapshot| snapshot.panes().map(|pane| pane.identity).collect::<Vec<_>>();
        assert_eq!(identities(&first.snapshot), identities(&second.snapshot));
        // A copied identity is no identity.
        let taken = first.snapshot.windows()[0].panes[0].identity.to_string();
        private.run(&["set-option", "-p", "-t", "a:0.1", "@evermux-pane", &taken]);
        let third = subject.capture().live;
        assert_eq!(third.snapshot.windows()[0].panes[0].identity.to_string(), taken);
        assert_ne!(third.snapshot.windows()[0].panes[1].identity.to_string(), taken);
        assert!(third.panes.iter().flatten().all(|pane| pane.marked));
    });
}

#[test]
fn programs_and_directories() {
    every_version(|mut subject| {
        let private = subject.private.clone();
        let odd = private.folder("odd\tname\n#{pid}");
        private.run(&["set-option", "-g", "default-shell", "/bin/bash"]);
        private.run(&["new-window", "-d", "-t", "main:1", "-c", "/"]);
        private.wait_until("bash waits", |private| {
            private.screen("main:1").contains('$') || private.screen("main:1").contains('#')
        });
        private.type_line(
            "main:1",
            &format!("cd $'{}'", odd.to_str().unwrap().replace('\t', "\\t").replace('\n', "\\n")),
        );
        private.type_line("main:1", "sleep 1000");
        private.wait_until("sleep runs", |private| {
            private.display("main:1", "#{pane_current_command}") == "sleep"
        });
        let snapshot = subject.capture().live.snapshot;
        let pane = pane(&snapshot, "main", 1, 0);
        assert_eq!(pane.directory, odd.to_str().unwrap());
        let program = pane.program.unwrap();
        assert_eq!(program.command.argv, ["sleep", "1000"]);
        assert_eq!(program.directory, odd.to_str().unwrap());
        assert!(!pane.facts.at_prompt);
        assert_eq!(pane.facts.processes.len(), 2);
        assert_eq!(pane.facts.processes.iter().filter(|process| process.foreground).count(), 1);
    });
}

#[test]
fn what_is_ignored_is_not_saved() {
    every_version(|mut subject| {
        let private = subject.private.clone();
        private.run(&["split-window", "-d", "-t", "main:0", "-h"]);
        private.run(&["split-window", "-d", "-t", "main:0.1", "-v"]);
        private.run(&["set-option", "-p", "-t", "main:0.1", "@evermux-policy", "ignore"]);
        private.run(&["new-window", "-d", "-t", "main:4"]);
        private.run(&["set-option", "-w", "-t", "main:4", "@evermux-policy", "no-text ignore"]);
        private.run(&["new-session", "-d", "-s", "scratch-1"]);
        private.run(&["new-session", "-d", "-s", "own"]);
        private.run(&["link-window", "-d", "-s", "main:4", "-t", "own:9"]);
        private.run(&["select-window", "-t", "own:9"]);
        private.run(&["set-option", "-p", "-t", "main:0.0", "@evermux-policy", "skip"]);
        private.wait_for_prompts();
        subject.options.ignored_sessions = vec![Pattern::new("scratch-*")];
        let captured = subject.capture();
        assert_eq!(captured.coverage, Coverage::Without(vec!["scratch-1".into()]));
        let snapshot = captured.live.snapshot;
        let [main, own] = snapshot.sessions() else { panic!("{:?}", snapshot.sessions()) };
        assert_eq!((main.links.len(), main.links[0].index), (1, 0));
        assert_eq!((own.active, own.links.len()), (0, 1));
        let window = &snapshot.windows()[0];
        assert_eq!((window.panes.len(), window.layout.panes()), (2, 2));
        assert_eq!(window.panes[0].options[0].name, "@evermux-policy");
        subject.options.ignored_sessions = vec![];
        assert_eq!(subject.capture().coverage, Coverage::Whole);
        subject.options.only_sessions = vec![Pattern::new("own")];
        assert_eq!(subject.capture().coverage, Coverage::Part);
        subject.options.ignored_sessions = vec![Pattern::new("*")];
        assert!(matches!(subject.try_capture(), Err(Error::NothingLeft)));
    });
}

#[test]
fn text_ends_where_the_prompt_begins() {
    every_version(|mut subject| {
        let private = subject.private.clone();
        private.wait_for_prompts();
        private.type_line("main:0", "printf 'one\\ntwo \\033[31mred\\033[m\\n'");
        private.wait_until("it is printed", |private| private.screen("main:0").contains("\ntwo"));
        private.wait_for_prompts();
        let found = pane(&subject.capture().live.snapshot, "main", 0, 0);
        let lines = subject.text(&found);
        assert_eq!(lines[1..], ["one", "two \u{1b}[31mred\u{1b}[0m"]);
        assert!(lines[0].contains_str("printf"));
        assert_eq!(found.text.unwrap().end_row, 3);
    });
}

#[test]
fn of_a_prompt_only_the_line_of_the_cursor_is_left_out() {
    every_version(|mut subject| {
        let private = subject.private.clone();
        private.wait_for_prompts();
        private.type_line("main:0", "PS1='upper line\n$ '; printf '\\033[H\\033[J'");
        private.wait_until("the prompt has two lines", |private| private.screen("main:0") == "upper line\n$");
        // Where it stands, tmux keeps what is erased.
        private.run(&["clear-history", "-t", "main:0"]);
        let first = pane(&subject.capture().live.snapshot, "main", 0, 0);
        assert_eq!(subject.text(&first), ["upper line"], "a restore compares it with what its prompt prints");
        // What an earlier restore has seen changes nothing: the line may be output.
        subject.options.prompt_rows.insert(first.identity, 2);
        let second = pane(&subject.capture().live.snapshot, "main", 0, 0);
        assert_eq!((second.facts.prompt_rows, subject.text(&second)), (2, vec!["upper line".into()]));
        assert_eq!(second.text.unwrap().end_row, 1);
    });
}

/// Makes a window whose program prints something and ends, and in which tmux says so.
///
/// tmux before 3.5 can lose what a program prints just before its end, so it waits until that was seen.
fn die(private: &Private, window: usize, print: &str, last: &str, end: &str, message: &str) {
    let target = format!("main:{window}");
    let command = format!("{print}; tmux wait-for go{window}; {end}");
    private.run(&["new-window", "-d", "-k", "-t", &target, &command]);
    private.wait_until("it is printed", |private| private.screen(&target).ends_with(last));
    private.run(&["wait-for", "-S", &format!("go{window}")]);
    private.wait_until_dead(&target);
    private.wait_until("tmux says so", |private| private.screen(&target).contains(message));
}

#[test]
fn dead_panes_keep_their_text_without_tmuxs_message() {
    every_version(|mut subject| {
        let private = subject.private.clone();
        private.run(&["set-option", "-g", "remain-on-exit", "on"]);
        let commands = [
            ("printf 'a\\nb\\nc\\n'", "c", "exit 3"),
            ("seq 40", "40", "kill -9 $$"),
            ("seq 23; printf last", "last", "exit 0"),
        ];
        for (window, (print, last, end)) in (1..).zip(commands) {
            die(&private, window, print, last, end, "dead (");
        }
        let snapshot = subject.capture().live.snapshot;
        let expected: [(Vec<String>, u32); 3] = [
            (["a", "b", "c"].map(str::to_owned).to_vec(), 3),
            ((1..=40).map(|n| n.to_string()).collect(), 23),
            ((1..=23).map(|n| n.to_string()).chain(["last".to_owned()]).collect(), 24),
        ];
        for (window, (lines, end_row)) in (1..).zip(expected) {
            let dead = pane(&snapshot, "main", window, 0);
            assert!(dead.dead.is_some());
            assert_eq!(subject.text(&dead), lines);
            assert_eq!(dead.text.unwrap().end_row, end_row, "{window}");
        }
        assert_eq!(pane(&snapshot, "main", 1, 0).dead.unwrap().status, Some(3));
    });
}

#[test]
fn a_message_of_the_users_own_in_dead_panes_is_no_text() {
    every_version(|mut subject| {
        let private = subject.private.clone();
        if !private.tmux(&["set-option", "-g", "remain-on-exit-format", "ended: #{pane_dead_status}"]).ok() {
            return;
        }
        private.run(&["set-option", "-g", "remain-on-exit", "on"]);
        die(&private, 1, "seq 3", "3", "exit 4", "ended: 4");
        let dead = pane(&subject.capture().live.snapshot, "main", 1, 0);
        assert_eq!(subject.text(&dead), ["1", "2", "3"]);
    });
}

#[test]
fn paste_buffers_on_request() {
    every_version(|mut subject| {
        let private = subject.private.clone();
        private.run(&["set-buffer", "-b", "first", "one\n two \t\u{1b}[31m\n"]);
        private.run(&["set-buffer", "-b", "an 'odd\" $name", "#{pid}"]);
        assert_eq!(subject.capture().live.snapshot.server().buffers, []);
        subject.options.buffers = true;
        let buffers = subject.capture().live.snapshot.server().buffers.clone();
        let content: Vec<&[u8]> = buffers.iter().map(|buffer| buffer.content.as_slice()).collect();
        assert_eq!(content, [&b"one\n two \t\x1b[31m\n"[..], b"#{pid}"]);
        assert_eq!(buffers[1].name, "an 'odd\" $name");
    });
}

#[test]
fn passwords_are_not_looked_at() {
    every_version(|mut subject| {
        let private = subject.private.clone();
        private.wait_for_prompts();
        private.type_line("main:0", "seq 100; printf 'Password: '; stty -echo; cat");
        private.wait_until("it asks", |private| private.screen("main:0").ends_with("Password:"));
        private
            .wait_until("cat reads", |private| private.display("main:0", "#{pane_current_command}") == "cat");
        let found = pane(&subject.capture().live.snapshot, "main", 0, 0);
        let lines = subject.text(&found);
        assert_eq!(lines.last().unwrap(), "77");
        assert_eq!(found.text.unwrap().end_row, 0);
        assert!(found.facts.text_left_out.is_some());
    });
}

#[test]
fn the_primary_screen_is_kept_under_the_alternate_one() {
    every_version(|mut subject| {
        let private = subject.private.clone();
        private.wait_for_prompts();
        private.type_line("main:0", "seq 30; printf '\\033[?1049hALTERNATE'; sleep 1000");
        private.wait_until("it is on", |private| private.screen("main:0").contains("ALTERNATE"));
        let found = pane(&subject.capture().live.snapshot, "main", 0, 0);
        let lines = subject.text(&found);
        assert_eq!(lines[1..], (1..=30).map(|n| BString::from(n.to_string())).collect::<Vec<_>>());
        assert_eq!(found.text.unwrap().end_row, 23);
    });
}

#[test]
fn what_did_not_change_is_not_captured_again() {
    every_version(|mut subject| {
        let private = subject.private.clone();
        private.run(&["split-window", "-d", "-t", "main:0"]);
        private.type_line("main:0.0", "seq 500");
        private.wait_until("it is printed", |private| private.screen("main:0.0").contains("500"));
        private.wait_for_prompts();
        // tmux tells activity in seconds: a capture in the same second proves nothing.
        subject.later = 10;
        let first = subject.capture().live.snapshot;
        let written = subject.memory.1;
        assert!(written > 0);
        subject.later = 20;
        let second = subject.capture().live.snapshot;
        assert_eq!(subject.memory.1, written);
        let texts = |snapshot: &Snapshot| snapshot.panes().map(|pane| pane.text.clone()).collect::<Vec<_>>();
        assert_eq!(texts(&first), texts(&second));
        private.type_line("main:0.0", "echo more");
        private.wait_until("it is printed", |private| private.screen("main:0.0").contains("\nmore"));
        private.wait_for_prompts();
        let third = subject.capture().live.snapshot;
        let lines = subject.text(&pane(&third, "main", 0, 0));
        assert_eq!((lines[500].to_string(), lines[502].to_string()), ("500".into(), "more".into()));
    });
}

#[test]
fn long_and_flooding_panes() {
    every_version(|mut subject| {
        let private = subject.private.clone();
        private.run(&["set-option", "-g", "history-limit", "20000"]);
        private.run(&["new-window", "-d", "-t", "main:1"]);
        private.run(&["new-window", "-d", "-t", "main:2", "while :; do echo $((n = n + 1)); done"]);
        let long =
            "seq -f 'number %.0f and more than fits into one row of this pane, which is eighty wide' 9000";
        private.wait_for_prompt("main:1");
        private.type_line("main:1", long);
        private.wait_until("it is printed", |private| private.screen("main:1").contains("number 9000"));
        private.wait_for_prompt("main:1");
        private.wait_until("it floods", |private| private.display("main:2", "#{history_size}").len() >= 4);
        let snapshot = subject.capture().live.snapshot;
        let lines = subject.text(&pane(&snapshot, "main", 1, 0));
        assert_eq!(lines.len(), 9001);
        for (number, line) in lines.iter().enumerate().skip(1) {
            let text =
                format!("number {number} and more than fits into one row of this pane, which is eighty wide");
            assert_eq!(*line, text);
        }
        let mut last = 0;
        for _ in 0..4 {
            // On a busy machine it may be that it does not get its turn between two captures.
            let before = private.screen("main:2");
            private.wait_until("it goes on", |private| private.screen("main:2") != before);
            let snapshot = subject.capture().live.snapshot;
            let flood = subject.text(&pane(&snapshot, "main", 2, 0));
            // The last one may be half printed.
            let whole = &flood[..flood.len() - 1];
            let numbers: Vec<u64> = whole.iter().map(|line| line.to_string().parse().unwrap()).collect();
            let broken = numbers.windows(2).find(|pair| pair[0] + 1 != pair[1]);
            assert!(numbers.len() > 100 && broken.is_none(), "{} {broken:?}", numbers.len());
            assert!(*numbers.last().unwrap() > last);
            last = *numbers.last().unwrap();
        }
    });
}

#[test]
fn a_session_that_nobody_has_used() {
    every_version(|mut subject| {
        let private = subject.private.clone();
        let client = Client::run(&private, &["new-session"], 80, 24);
        private.wait_until("it is there", |private| private.lines(&["list-sessions"]).len() == 2);
        private.wait_for_prompts();
        let untouched = |snapshot: &Snapshot| {
            snapshot
                .sessions()
                .iter()
                .filter(|s| s.facts.untouched)
                .map(|s| s.name.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(untouched(&subject.capture().live.snapshot), ["1"]);
        client.type_text("echo used\r");
        private.wait_until("it is used", |private| private.screen("1:0").contains("\nused"));
        private.wait_for_prompts();
        assert_eq!(untouched(&subject.capture().live.snapshot), [""; 0]);
    });
}

#[test]
fn a_pane_that_prints_without_end_is_captured_by_its_newest_rows() {
    every_version(|mut subject| {
        let private = subject.private.clone();
        let version = private.binary().version.to_string();
        subject.options.flood = Some(Flood { rows: 100, every: 10 });
        private.wait_for_prompts();
        subject.capture();
        private.type_line("=main:", "seq 1 1000000000");
        private.wait_until("it prints", |private| {
            private.display("=main:", "#{history_size}").parse().is_ok_and(|size: u32| size > 1700)
        });
        let lines = |subject: &Subject, captured: &Captured| {
            subject.text(&pane(&captured.live.snapshot, "main", 0, 0)).len()
        };
        let first = subject.capture();
        assert!(
            (100..=130).contains(&lines(&subject, &first)),
            "tmux {version}: {}",
            lines(&subject, &first)
        );
        let again = subject.capture();
        assert_eq!(again.put_off, 1, "tmux {version}");
        assert_eq!(lines(&subject, &again), lines(&subject, &first));
        subject.options.flood = Some(Flood { rows: 100, every: 0 });
        let newer = subject.capture();
        assert_eq!(newer.put_off, 0);
        assert!(
            (100..=130).contains(&lines(&subject, &newer)),
            "tmux {version}: {}",
            lines(&subject, &newer)
        );
        private.run(&["send-keys", "-t", "=main:", "C-c"]);
        private.wait_for_prompts();
        // As soon as it is quiet, all of it is captured.
        subject.later = 3;
        let quiet = subject.capture();
        let all = subject.text(&pane(&quiet.live.snapshot, "main", 0, 0));
        assert!(all.len() > 1500, "tmux {version}: {}", all.len());
        subject.previous = None;
        let whole = subject.capture();
        assert_eq!(all, subject.text(&pane(&whole.live.snapshot, "main", 0, 0)), "tmux {version}");
    });
}

#[test]
fn a_pane_that_prints_a_little_all_the_time_is_captured_whole() {
    every_version(|mut subject| {
        let private = subject.private.clone();
        subject.options.flood = Some(Flood { rows: 100, every: 10 });
        private.type_line("=main:", "seq 1 1000; while sleep 0.05; do seq $((i=i+1)) 5; done; cat");
        private.wait_until("it prints", |private| {
            private.display("=main:", "#{history_size}").parse().is_ok_and(|size: u32| size > 990)
        });
        for round in 0..4 {
            if round == 2 {
                // What is known does not stand where it stood.
                private.run(&["set-option", "-g", "window-size", "manual"]);
                private.run(&["resize-window", "-t", "=main:", "-x", "60", "-y", "20"]);
            }
            let captured = subject.capture();
            let text = subject.text(&pane(&captured.live.snapshot, "main", 0, 0));
            assert!(text.len() > 1000, "tmux {}: round {round}: {}", private.binary().version, text.len());
            assert_eq!(captured.put_off, 0);
        }
    });
}

#[test]
fn no_more_lines_are_kept_than_wanted() {
    every_version(|mut subject| {
        let private = subject.private.clone();
        subject.options.lines = Some(50);
        for end in [40, 200, 3000] {
            private.type_line("=main:", &format!("seq 1 {end}"));
            private.wait_until("it is printed", |it| it.screen("=main:").contains(&format!("\n{end}\n")));
            private.wait_for_prompts();
            for _ in 0..2 {
                let captured = subject.capture();
                let text = subject.text(&pane(&captured.live.snapshot, "main", 0, 0));
                assert!(text.len() <= 50, "tmux {}: {}", private.binary().version, text.len());
                assert_eq!(text.last().unwrap(), &end.to_string(), "tmux {}", private.binary().version);
            }
        }
    });
}
