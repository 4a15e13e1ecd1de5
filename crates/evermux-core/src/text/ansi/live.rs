//! For tests: a pane whose terminal is written to directly, and the law of canonical lines on running servers.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use evermux_testkit::{Server, tmux_binaries};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

/// A pane without a program of its own to speak of: what is written to its terminal is its text.
pub(crate) struct RawPane {
    server: Server,
    /// `%3`.
    pub(crate) id: String,
    tty: String,
}

impl RawPane {
    /// A pane in a window of its own.
    pub(crate) fn open(server: &Server, width: u32, height: u32) -> Self {
        // Without the helper's `exec` the shell would be a second process to wait for.
        let program = "stty raw -echo; tmux wait-for -S raw; exec sleep 1000";
        let made = server.run(&[
            "new-session",
            "-d",
            "-x",
            &width.to_string(),
            "-y",
            &height.to_string(),
            "-P",
            "-F",
            "#{pane_id} #{pane_tty}",
            program,
        ]);
        let (id, tty) = made.split_once(' ').expect("two fields");
        server.run(&["wait-for", "raw"]);
        Self { server: server.clone(), id: id.to_owned(), tty: tty.to_owned() }
    }

    /// Writes to the terminal, and waits until tmux has read it all.
    pub(crate) fn put(&self, bytes: &[u8]) {
        let mut tty = OpenOptions::new()
            .write(true)
            .custom_flags(rustix::fs::OFlags::NOCTTY.bits().cast_signed())
            .open(&self.tty)
            .expect("the pane's terminal can be opened");
        let mark = format!("mark {}", blake3::hash(bytes).to_hex());
        // The second title comes after the bytes: CAN first ends a sequence they may have left open.
        tty.write_all(b"\x1b]2;before\x1b\\").expect("written");
        self.server.wait_until("the pane reads", |_| self.format("#{pane_title}") == "before");
        tty.write_all(&[bytes, b"\x18\x1b]2;", mark.as_bytes(), b"\x1b\\"].concat()).expect("written");
        self.server.wait_until("the pane reads", |_| self.format("#{pane_title}") == mark);
    }

    /// A new terminal without text.
    pub(crate) fn reset(&self) {
        self.put(b"\x1bc\x1b[3J");
        self.server.run(&["clear-history", "-t", &self.id]);
    }

    pub(crate) fn format(&self, format: &str) -> String {
        self.server.display(&self.id, format)
    }

    /// All canonical lines, to the last that is not empty.
    pub(crate) fn canonical(&self) -> Vec<String> {
        let raw = self.server.tmux(&["capture-pane", "-p", "-e", "-J", "-S", "-", "-t", &self.id]).stdout;
        let mut reader = Reader::new(self.format("#{version}").parse().expect("a version"));
        let mut lines: Vec<String> = raw
            .strip_suffix(b"\n")
            .unwrap_or(&raw)
            .split(|byte| *byte == b'\n')
            .map(|line| {
                let mut out = Vec::new();
                reader.line(line, &mut out);
                String::from_utf8(out).expect("canonical lines are UTF-8")
            })
            .collect();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines
    }
}

/// What programs print, but what no replay can bring back:
///
/// - From 3.6 tmux keeps a TAB as a cell of its own, in the colours that an erased line had there. After a reflow or
///   over other text it can stand where no TAB can be printed: at the end of a full row.
/// - A wide character that does not fit into the last column leaves it empty. A narrow one that was then written at
///   the beginning of the next row fits there when both are printed as one line, and a link that so comes to begin a
///   row earlier is lost in the next one (tmux does not print it again there). So either links or wide characters.
pub(crate) fn output() -> impl Strategy<Value = bstr::BString> {
    let part = prop_oneof![
        4 => "[a-z ]{1,30}",
        2 => "[0-9A-Z]{60,200}",
        1 => " {1,90}",
        4 => Just("\r\n".to_owned()),
        1 => "\x1b\\[m\x1b\\[2K\r[a-z]{0,20}\t[a-z]",
        1 => "\r[a-z]",
        3 => "(日本|é|e\u{301}|👩\u{200d}👩\u{200d}👧|ｗｉｄｅ|🇩🇪|ش|\u{200b}){1,30}",
        6 => "\x1b\\[(1|2|3|4|5|7|8|9|21|53|22|24|0|39|49|31|42|95|104|4:3|4:4;58;5;9|59|38;5;208|48;2;1;2;3)m",
        1 => "\x1b\\((0|B)",
        1 => "\x1b\\][8];(id=[a-z])?;http://[a-z\\\\]{1,5}\x1b\\\\",
        1 => Just("\x1b]8;;\x1b\\".to_owned()),
        1 => "\x1b\\[[0-2]?[JK]",
        1 => "\x1b\\[[1-9]?[ABCDGHLMPSTX@]",
    ];
    (any::<bool>(), proptest::collection::vec(part, 1..40)).prop_map(|(links, mut parts)| {
        parts.retain(|part| if links { part.is_ascii() } else { !part.starts_with("\x1b]") });
        parts.concat().into()
    })
}

#[test]
fn what_was_captured_and_replayed_is_captured_again() {
    for tmux in tmux_binaries() {
        let server = Server::start(&tmux);
        let (one, other) = (RawPane::open(&server, 60, 12), RawPane::open(&server, 60, 12));
        let mut runner =
            TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
        let result = runner.run(&output(), |bytes| {
            one.reset();
            other.reset();
            one.put(&bytes);
            let lines = one.canonical();
            let mut replayed = Vec::new();
            replay(lines.iter().map(String::as_bytes), &mut replayed);
            other.put(&replayed);
            prop_assert_eq!(other.canonical(), lines);
            Ok(())
        });
        result.unwrap_or_else(|error| panic!("tmux {}: {error}", tmux.version));
    }
}
