//! What tmux commands change on real servers of every version, and what the comparator says of it.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

use std::collections::HashMap;

use evermux_core::capture::{Blocks, Options, capture};
use evermux_core::diff::{Change, Class, compare_text};
use evermux_core::model::{BlockId, BlockRef, Snapshot};
use evermux_core::tmux::{Binaries, Server};
use evermux_testkit::{Server as Private, tmux_binaries};
use jiff::Timestamp;

#[derive(Default)]
struct Memory(HashMap<BlockId, Vec<u8>>);

impl Blocks for Memory {
    fn read(&mut self, id: BlockId) -> Option<Vec<u8>> {
        self.0.get(&id).cloned()
    }

    fn write(&mut self, block: BlockRef, bytes: Vec<u8>) {
        self.0.insert(block.id, bytes);
    }
}

/// A server that is captured again and again.
struct Subject {
    private: Private,
    memory: Memory,
    previous: Option<Snapshot>,
    seed: u8,
}

impl Subject {
    /// What has changed of the restored fields since the last call, a line each.
    fn changes(&mut self) -> Vec<String> {
        self.private.wait_for_prompts();
        let uid = rustix::process::getuid().as_raw();
        let server = Server::connect(&self.private.socket(), uid, &Binaries::default()).unwrap();
        let options = Options::new("machine", "boot", uid);
        let seed = &mut self.seed;
        let mut random = || {
            *seed += 1;
            *blake3::hash(&[*seed]).as_bytes().first_chunk().unwrap()
        };
        let previous = self.previous.take();
        let now = Timestamp::now();
        let captured =
            capture(&server, previous.as_ref(), &options, now, &mut random, &mut self.memory).unwrap();
        let snapshot = captured.live.snapshot;
        let told = previous.map(|previous| {
            let changes = compare_text(&previous, &snapshot, &mut |id| self.memory.0.get(&id).cloned());
            let restored = changes.iter().filter(|change| change.class == Class::Restored);
            restored.map(Change::to_string).collect()
        });
        self.previous = Some(snapshot);
        told.unwrap_or_default()
    }
}

/// One command after the other, and the changes it makes.
const STEPS: &[(&[&str], &[&str])] = &[
    (&["display-message", "-p", "nothing changes"], &[]),
    (&["rename-session", "-t", "main", "a b"], &[r#"session main: name: "main" → "a b""#]),
    (&["rename-window", "-t", "a b:0", "x#y"], &[r#"window a b:0: name: "first" → "x#y""#]),
    (
        &["set-option", "-t", "a b", "status-left", "#[bold]\"'"],
        &[r##"session a b: option status-left: none → "#[bold]\"'""##],
    ),
    (
        &["set-environment", "-t", "a b", "NAME", "a  b "],
        &[r#"session a b: environment NAME: none → "a  b ""#],
    ),
    (
        &["set-environment", "-r", "-t", "a b", "NAME"],
        &[r#"session a b: environment NAME: "a  b " → removed"#],
    ),
    (&["new-window", "-d", "-t", "a b:5", "-n", "five"], &["window a b:5: new"]),
    (
        &["select-window", "-t", "a b:5"],
        &["session a b: current window: 0 → 5", "session a b: last windows: none → 0"],
    ),
    (
        &["move-window", "-d", "-s", "a b:0", "-t", "a b:9"],
        &[
            "window a b:0: index: 0 → 9",
            // tmux drops it from the windows visited.
            "session a b: last windows: 0 → none",
        ],
    ),
    (
        &["split-window", "-d", "-h", "-t", "a b:5"],
        &[
            "window a b:5: layout: b25d,80x24,0,0,0 → 8205,80x24,0,0{40x24,0,0,0,39x24,41,0,1}",
            "pane a b:5.1: new",
        ],
    ),
    (&["select-pane", "-t", "a b:5.1"], &["window a b:5: active pane: 0 → 1"]),
    (
        &["select-pane", "-t", "a b:5.1", "-T", "tit\u{e9}l"],
        &[
            // The title before is the name of the machine.
            "pane a b:5.1: title: ",
        ],
    ),
    (&["select-pane", "-d", "-t", "a b:5.0"], &["pane a b:5.0: input off: no → yes"]),
    (&["select-pane", "-m", "-t", "a b:5.0"], &["pane a b:5.0: marked: no → yes"]),
    (&["set-option", "-p", "-t", "a b:5.0", "@mine", ""], &[r#"pane a b:5.0: option @mine: none → """#]),
    (&["resize-pane", "-Z", "-t", "a b:5.1"], &["window a b:5: zoom: no → yes"]),
    (&["resize-pane", "-Z", "-t", "a b:5.1"], &["window a b:5: zoom: yes → no"]),
    (
        &["swap-pane", "-d", "-s", "a b:5.0", "-t", "a b:5.1"],
        &["window a b:5: active pane: 1 → ", "window a b:5: pane order: 0 1 → 1 0"],
    ),
    (
        &["new-session", "-d", "-s", "other", "-x", "80", "-y", "24"],
        &["session other: new", "window other:0: new"],
    ),
    (&["link-window", "-d", "-s", "a b:9", "-t", "other:3"], &["window other:3: link: none → window a b:9"]),
    (&["unlink-window", "-t", "a b:9"], &["window a b:9: link: window other:3 → none"]),
    (
        &["kill-session", "-t", "other"],
        &["session other: gone", "window other:0: gone", "window other:3: gone"],
    ),
];

#[test]
fn each_command_changes_what_it_says() {
    for tmux in tmux_binaries() {
        eprintln!("tmux {}", tmux.version);
        let first = ["new-session", "-d", "-s", "main", "-n", "first", "-x", "80", "-y", "24"];
        let private = Private::builder(&tmux).first(&first).start();
        let mut subject = Subject { private, memory: Memory::default(), previous: None, seed: 0 };
        subject.changes();
        for (command, expected) in STEPS {
            subject.private.run(command);
            let mut changes = subject.changes();
            // Not every version tells them: see the unit tests.
            changes.retain(|change| !change.contains(": last panes: "));
            let same = changes.len() == expected.len()
                && changes.iter().zip(*expected).all(|(change, expected)| change.starts_with(expected));
            assert!(same, "{command:?} on {}: {changes:#?}", subject.private.binary().version);
        }
    }
}
