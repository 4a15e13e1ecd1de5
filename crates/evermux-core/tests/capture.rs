//! Capturing real servers of every version: structure, programs, identities, policies.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

use std::collections::HashMap;

use evermux_core::capture::{Blocks, Captured, Error, Options, Pattern, capture};
use evermux_core::choose::Coverage;
use evermux_core::model::{BlockId, BlockRef, Link, Pane, Snapshot};
use evermux_core::tmux::{Binaries, Server};
use evermux_testkit::{Server as Private, tmux_binaries};
use jiff::Timestamp;

/// Blocks kept in memory.
#[derive(Default)]
struct Memory(HashMap<BlockId, Vec<u8>>);

impl Blocks for Memory {
    fn read(&mut self, id: BlockId) -> Option<Vec<u8>> {
        self.0.get(&id).cloned()
    }

    fn write(&mut self, block: BlockRef, bytes: Vec<u8>) {
        assert_eq!(block.id, BlockId::of(&bytes));
        assert_eq!(block.bytes as usize, bytes.len());
        assert_eq!(block.lines as usize, bytes.iter().filter(|byte| **byte == b'\n').count());
        self.0.insert(block.id, bytes);
    }
}

/// A server under test and what was captured of it before.
struct Subject {
    private: Private,
    memory: Memory,
    options: Options,
    previous: Option<Snapshot>,
    seed: u8,
}

impl Subject {
    fn new(private: Private) -> Self {
        let options = Options::new("machine", "boot", rustix::process::getuid().as_raw());
        Self { private, memory: Memory::default(), options, previous: None, seed: 0 }
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
            *blake3::hash(&[*seed]).as_bytes().first_chunk().unwrap()
        };
        let now = Timestamp::now();
        capture(&server, self.previous.as_ref(), &self.options, now, &mut random, &mut self.memory)
    }

    fn capture(&mut self) -> Captured {
        let captured = self.try_capture().unwrap();
        assert_eq!(captured.problems, []);
        self.previous = Some(captured.live.snapshot.clone());
        captured
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
