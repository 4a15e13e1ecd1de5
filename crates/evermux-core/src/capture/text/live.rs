//! The law of incremental capture on running servers: continued from any earlier capture, it finds what a whole one
//! finds, byte for byte.

use bstr::BString;
use evermux_testkit::{Server as Private, Tmux, tmux_binaries};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use super::lines::Lines;
use super::sealing::tests::Memory;
use super::*;
use crate::text::ansi::live::{RawPane, output};
use crate::tmux::{Binaries, ListRequest};

const LIMIT: Duration = Duration::from_secs(20);

/// A pane that is captured again and again.
struct Subject {
    server: Server,
    raw: RawPane,
    private: Private,
    memory: Memory,
    before: Option<Scrollback>,
    random: u8,
}

/// What happens between two captures.
#[derive(Clone, Debug)]
enum Step {
    Print(BString),
    /// So many lines, all the same or each another, some of them wrapped.
    Lines {
        count: u32,
        same: bool,
        wrapped: bool,
    },
    Tmux(&'static str),
    Resize(u32, u32),
}

fn step() -> impl Strategy<Value = Step> {
    let lines = (1..160_u32, any::<bool>(), any::<bool>());
    prop_oneof![
        3 => output().prop_map(Step::Print),
        6 => lines.prop_map(|(count, same, wrapped)| Step::Lines { count, same, wrapped }),
        1 => Just(Step::Tmux("clear-history")),
        1 => (20..70_u32, 4..30_u32).prop_map(|(width, height)| Step::Resize(width, height)),
        1 => (4..30_u32).prop_map(|height| Step::Resize(60, height)),
        2 => proptest::sample::select(vec![
            "\x1b[H\x1b[2J", "\x1b[3J", "\x1bc", "\x1b[?1049h", "\x1b[?1049l", "\x1b[H", "\x1b[5;1H\x1b[J",
            "\x1b[3;8r\x1b[8;1H\r\n\r\n\x1b[r", "",
        ])
        .prop_map(|text| Step::Print(text.into())),
    ]
}

impl Subject {
    fn new(tmux: &Tmux) -> Self {
        let private = Private::start(tmux);
        private.run(&["set-option", "-g", "history-limit", "200"]);
        let raw = RawPane::open(&private, 60, 12);
        let uid = rustix::process::getuid().as_raw();
        let server = Server::connect(&private.socket(), uid, &Binaries::default()).unwrap();
        Self { server, raw, private, memory: Memory::default(), before: None, random: 0 }
    }

    fn reset(&mut self) {
        self.take(&Step::Resize(60, 12));
        self.raw.put(b"\x1b[?1049l");
        self.raw.reset();
        self.before = None;
    }

    fn take(&self, step: &Step) {
        match step {
            Step::Print(bytes) => self.raw.put(bytes),
            Step::Lines { count, same, wrapped } => {
                let line = |number: u32| {
                    let number = if *same { 7 } else { number };
                    let more = if *wrapped && number % 3 == 1 {
                        "and more ".repeat(number as usize % 20)
                    } else {
                        String::new()
                    };
                    format!("\x1b[3{}mline\x1b[m {number} {more}\r\n", number % 8)
                };
                self.raw.put((0..*count).map(line).collect::<String>().as_bytes());
            }
            Step::Tmux(command) => _ = self.private.run(&[command, "-t", &self.raw.id]),
            Step::Resize(width, height) => {
                let (width, height) = (width.to_string(), height.to_string());
                self.private.run(&["resize-window", "-t", &self.raw.id, "-x", &width, "-y", &height]);
            }
        }
    }

    fn capture(&mut self, prompt: bool, continued: bool) -> Scrollback {
        let random = &mut self.random;
        let mut random = || {
            *random = random.wrapping_add(1);
            *blake3::hash(&[*random]).as_bytes().first_chunk().unwrap()
        };
        let request = ListRequest { nonce: Nonce::from_random(random()), current: false };
        let listing = self.server.list(&request, LIMIT).unwrap().value;
        let id = self.raw.id.parse().unwrap();
        let window =
            listing.windows.iter().find(|window| window.panes.iter().any(|pane| pane.id == id)).unwrap();
        let pane = window.panes.iter().find(|pane| pane.id == id).unwrap();
        let end = match pane.alternate {
            Some(_) => End::Alternate,
            None if prompt => End::Prompt,
            None => End::Screen,
        };
        let before = self.before.as_ref().filter(|_| continued);
        let wanted = [Wanted { pane, window, end, before, same_end: false }];
        let version = listing.server.version;
        let limits = Limits { time: LIMIT, lines: None, flood: None };
        let mut found =
            super::capture(&self.server, version, &wanted, 0, &limits, &mut random, &mut self.memory)
                .unwrap();
        match found.remove(0) {
            Found::Text(text) => *text,
            other => panic!("{other:?}"),
        }
    }

    fn text(&self, scrollback: &Scrollback) -> Vec<BString> {
        let mut skip = scrollback.skip as usize;
        let mut lines: Vec<BString> =
            scrollback.head.iter().map(|head| BString::from(head.clone())).collect();
        for block in &scrollback.history {
            lines.extend(Lines::of(self.memory.0[&block.id].clone()).iter().skip(skip).map(BString::from));
            skip = 0;
        }
        lines.extend(Lines::of(self.memory.0[&scrollback.screen.id].clone()).iter().map(BString::from));
        lines
    }

    /// What tmux shows, without its last empty lines, by the simplest way there is.
    fn simply(&self) -> Option<Vec<BString>> {
        let alternate = self.raw.format("#{alternate_on}") == "1";
        (!alternate).then(|| self.raw.canonical().into_iter().map(BString::from).collect())
    }
}

fn without_blank_end(mut lines: Vec<BString>) -> Vec<BString> {
    while lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    lines
}

#[test]
fn what_is_continued_is_what_is_whole() {
    for tmux in tmux_binaries() {
        let mut subject = Subject::new(&tmux);
        let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let cases = number("EVERMUX_TEST_CASES").and_then(|cases| cases.try_into().ok()).unwrap_or(40);
        let config = Config {
            cases,
            // The same in every run, so that a failure belongs to the change at hand.
            rng_seed: RngSeed::Fixed(number("EVERMUX_TEST_SEED").unwrap_or(1)),
            failure_persistence: None,
            ..Config::default()
        };
        let steps = (proptest::collection::vec(step(), 1..12), any::<bool>());
        let subject_cell = std::cell::RefCell::new(&mut subject);
        let result = TestRunner::new(config).run(&steps, |(steps, prompt)| {
            let subject = &mut **subject_cell.borrow_mut();
            subject.reset();
            for step in steps {
                subject.take(&step);
                let whole = subject.capture(prompt, false);
                let continued = subject.capture(prompt, true);
                let (text, expected) = (subject.text(&continued), subject.text(&whole));
                prop_assert_eq!(&text, &expected, "after {:?}", &step);
                prop_assert_eq!(continued.end_row, whole.end_row);
                if !prompt && let Some(simply) = subject.simply() {
                    prop_assert_eq!(without_blank_end(expected), simply);
                }
                subject.before = Some(continued);
            }
            Ok(())
        });
        result.unwrap_or_else(|error| panic!("tmux {}: {error}", tmux.version));
    }
}

#[test]
fn new_lines_below_a_long_history_are_continued() {
    for tmux in tmux_binaries() {
        let mut subject = Subject::new(&tmux);
        for prompt in [true, false] {
            subject.reset();
            subject.take(&Step::Lines { count: 100, same: false, wrapped: true });
            subject.before = Some(subject.capture(prompt, false));
            for round in 0..2 {
                // Each line another one, so that there is one place where they can be.
                let text: String = (0..20).map(|line| format!("round {round} line {line}\r\n")).collect();
                subject.take(&Step::Print(text.into()));
                let whole = subject.capture(prompt, false);
                let continued = subject.capture(prompt, true);
                assert_eq!(subject.text(&continued), subject.text(&whole), "tmux {}", tmux.version);
                assert_ne!(continued.history, whole.history, "tmux {}, round {round}", tmux.version);
                subject.before = Some(continued);
            }
        }
    }
}
