//! Somebody who works: sessions and panes that print, run programs, move about, open and close. The same every time.

use std::collections::{HashMap, HashSet};

use bstr::BString;
use evermux_core::capture::{Blocks, extend_history};
use evermux_core::layout::Layout;
use evermux_core::model::{
    BlockId, BlockRef, Command, Generation, Link, Pane, PaneFacts, PaneIdentity, Process, Program,
    Scrollback, Server, ServerName, Session, SessionFacts, Size, Snapshot, TextMark, TmuxVersion, Window,
    WindowFacts,
};
use evermux_core::store::{PreparedBlock, Store};
use jiff::Timestamp;

/// Sessions, windows in each, panes in each window.
const SESSIONS: usize = 10;
const WINDOWS: usize = 3;
const PANES: usize = 2;
/// Panes that print lines of a log while somebody works.
const LOGS: usize = 4;
/// Panes that somebody works in at the same time.
const HANDS: usize = 3;
/// What tmux keeps of each pane, in lines; it drops a tenth at once.
const HISTORY: u32 = 10_000;
/// The size of a pane.
const SIZE: Size = Size { width: 120, height: 24 };

/// Numbers that look random and are the same every time.
pub struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, limit: usize) -> usize {
        self.next() as usize % limit
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.next().is_multiple_of(many)
    }
}

/// A pane and what it has printed.
struct Desk {
    identity: PaneIdentity,
    directory: usize,
    /// What runs, and for how many lines more.
    program: Option<(usize, usize)>,
    started: i64,
    history: Vec<BlockRef>,
    skip: u32,
    /// Lines that have left the screen since the last save.
    fresh: Vec<Vec<u8>>,
    screen: Vec<Vec<u8>>,
    printed: i64,
}

/// The server somebody works in.
pub struct Work {
    dice: Dice,
    desks: Vec<Desk>,
    hands: Vec<usize>,
    generation: u32,
    active: usize,
    /// What was printed since it was last asked for.
    output: Vec<u8>,
    identities: u32,
}

const PROGRAMS: [&str; 6] = ["cargo", "git", "pytest", "make", "rg", "kubectl"];
const WORDS: [&str; 24] = [
    "request",
    "worker",
    "finished",
    "connection",
    "from",
    "cache",
    "miss",
    "for",
    "user",
    "session",
    "render",
    "template",
    "retry",
    "queue",
    "depth",
    "warning",
    "unused",
    "variable",
    "in",
    "module",
    "test",
    "passed",
    "running",
    "build",
];

impl Work {
    /// On the first morning.
    pub fn new() -> Self {
        let mut work = Self {
            dice: Dice(7),
            desks: Vec::new(),
            hands: (LOGS..LOGS + HANDS).collect(),
            generation: 1,
            active: 0,
            output: Vec::new(),
            identities: 0,
        };
        for _ in 0..SESSIONS * WINDOWS * PANES {
            let desk = work.desk();
            work.desks.push(desk);
        }
        work
    }

    fn desk(&mut self) -> Desk {
        self.identities += 1;
        let mut bytes = [7; 16];
        bytes[..4].copy_from_slice(&self.identities.to_be_bytes());
        Desk {
            identity: PaneIdentity::from_random(bytes),
            directory: self.dice.below(40),
            program: None,
            started: 0,
            history: Vec::new(),
            skip: 0,
            fresh: Vec::new(),
            screen: Vec::new(),
            printed: 0,
        }
    }

    /// The machine was started anew; everything was restored.
    pub fn reboot(&mut self) {
        self.generation += 1;
        self.desks.iter_mut().for_each(|desk| desk.program = None);
    }

    /// So many seconds of work until `now`.
    pub fn go_on(&mut self, seconds: i64, now: i64) {
        for log in 0..LOGS {
            for _ in 0..seconds {
                if self.dice.one_in(3) {
                    let line = self.log_line(now);
                    self.print(log, line, now);
                }
            }
        }
        for hand in 0..HANDS {
            // Now and then a hand turns to another pane, and rarely one is closed for a new one.
            if self.dice.one_in((1200 / seconds).max(1) as u64) {
                self.hands[hand] = LOGS + self.dice.below(self.desks.len() - LOGS);
                self.active = self.hands[hand];
                if self.dice.one_in(12) {
                    let desk = self.desk();
                    let place = self.hands[hand];
                    self.desks[place] = desk;
                }
            }
            self.work_in(self.hands[hand], seconds, now);
        }
    }

    fn work_in(&mut self, place: usize, seconds: i64, now: i64) {
        match self.desks[place].program {
            Some((_, 0)) => self.desks[place].program = None,
            Some((program, left)) => {
                let lines = left.min(1 + self.dice.below(4 * seconds as usize));
                for _ in 0..lines {
                    let line = self.program_line(program);
                    self.print(place, line, now);
                }
                self.desks[place].program = Some((program, left - lines));
            }
            None if self.dice.one_in((40 / seconds).max(1) as u64) => {
                let program = self.dice.below(PROGRAMS.len());
                let lines = [3, 8, 20, 60, 250][self.dice.below(5)];
                let prompt = format!(
                    "\x1b[32muser@host\x1b[0m:~/src/{}$ {} {}",
                    place,
                    PROGRAMS[program],
                    WORDS[self.dice.below(24)]
                );
                self.print(place, prompt.into_bytes(), now);
                if self.dice.one_in(6) {
                    self.desks[place].directory = self.dice.below(40);
                }
                self.desks[place].program = Some((program, lines));
                self.desks[place].started = now * 1000;
            }
            None => {}
        }
    }

    fn log_line(&mut self, now: i64) -> Vec<u8> {
        let mut line = format!("\x1b[2m2026-{now}.{:03}\x1b[0m \x1b[32mINFO\x1b[0m ", self.dice.below(1000));
        for _ in 0..3 + self.dice.below(6) {
            line.push_str(WORDS[self.dice.below(WORDS.len())]);
            line.push(' ');
        }
        line.push_str(&format!("id={:08x} took={}ms", self.dice.next() as u32, self.dice.below(900)));
        line.into_bytes()
    }

    fn program_line(&mut self, program: usize) -> Vec<u8> {
        let (word, other) = (WORDS[self.dice.below(24)], WORDS[self.dice.below(24)]);
        let number = self.dice.below(5000);
        match program {
            0 => format!("\x1b[1;32m   Compiling\x1b[0m {word}-{other} v{}.{}.{number}", number % 7, number % 31),
            1 => format!("\x1b[33m{:07x}\x1b[0m {word} the {other} of {}", self.dice.next() as u32 >> 4, WORDS[number % 24]),
            2 => format!("tests/test_{word}.py::test_{other}_{number} \x1b[32mPASSED\x1b[0m [{:3}%]", number % 100),
            3 => format!("cc -O2 -Wall -Iinclude -c src/{word}/{other}{number}.c -o build/{word}/{other}{number}.o"),
            4 => format!("\x1b[35msrc/{word}/{other}.rs\x1b[0m:\x1b[32m{number}\x1b[0m:    let {word} = {other}({number});"),
            _ => format!("{word}-{other}-{:05x}   1/1   Running   {}   {}d", self.dice.below(1 << 20), number % 4, number % 90),
        }
        .into_bytes()
    }

    fn print(&mut self, place: usize, line: Vec<u8>, now: i64) {
        self.output.extend_from_slice(&line);
        self.output.push(b'\n');
        let desk = &mut self.desks[place];
        desk.printed = now;
        desk.screen.push(line);
        if desk.screen.len() > SIZE.height as usize - 1 {
            desk.fresh.push(desk.screen.remove(0));
        }
    }

    /// What was printed since the last call.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// The server as a save finds it, and the blocks that are new.
    pub fn snapshot(&mut self, store: &Store, at: Timestamp) -> (Snapshot, Vec<PreparedBlock>) {
        let mut sink = Sink { store, new: HashMap::new(), known: HashSet::new(), ready: Vec::new() };
        let texts: Vec<Scrollback> = self.desks.iter_mut().map(|desk| desk.text(at, &mut sink)).collect();
        let mut texts = texts.into_iter();
        let mut windows = Vec::new();
        let mut sessions = Vec::new();
        for session in 0..SESSIONS {
            let mut links = Vec::new();
            for index in 0..WINDOWS {
                let first = windows.len() * PANES;
                links.push(Link { index: index as u32 + 1, window: windows.len() });
                let panes = self.desks[first..first + PANES].iter();
                windows.push(window(panes.zip(texts.by_ref()).map(|(desk, text)| desk.pane(text)).collect()));
            }
            sessions.push(Session {
                name: format!("project-{session}").into(),
                directory: "/home/user".into(),
                group: None,
                options: vec![],
                environment: vec![],
                links,
                active: (self.active / PANES % WINDOWS) as u32 + 1,
                last: vec![],
                facts: SessionFacts { created: 1_800_000_000, ..SessionFacts::default() },
            });
        }
        let snapshot = Snapshot::new(at, self.server(), sessions, windows);
        (snapshot.expect("the desks stand in order"), sink.ready)
    }

    fn server(&self) -> Server {
        Server {
            name: name(),
            generation: Generation { boot: format!("boot-{}", self.generation), pid: 4711, started: 1 },
            version: TmuxVersion::new(3, 5),
            uid: 1000,
            server_options: vec![],
            session_options: vec![],
            window_options: vec![],
            environment_names: vec![],
            clients: vec![],
            buffers: vec![],
        }
    }
}

/// Which server it is.
pub fn name() -> ServerName {
    ServerName { machine: "month".to_owned(), socket: "/tmp/tmux-1000/default".into() }
}

impl Desk {
    fn text(&mut self, at: Timestamp, sink: &mut Sink<'_>) -> Scrollback {
        let fresh = std::mem::take(&mut self.fresh);
        let lines = fresh.iter().map(Vec::as_slice);
        (self.history, self.skip) =
            extend_history(&self.history, self.skip, lines, sink).expect("every block is there");
        let held: u32 = self.history.iter().map(|block| block.lines).sum::<u32>() - self.skip;
        if held > HISTORY {
            self.skip += held - HISTORY + HISTORY / 10;
        }
        while self.history.first().is_some_and(|block| block.lines <= self.skip) {
            self.skip -= self.history.remove(0).lines;
        }
        let screen: Vec<u8> = self.screen.iter().flat_map(|line| [line, &b"\n"[..]].concat()).collect();
        let lines = self.screen.len() as u32;
        let screen = sink.put(screen, lines);
        Scrollback {
            size: SIZE,
            head: None,
            skip: self.skip,
            history: self.history.clone(),
            screen,
            end_row: lines,
            mark: self.mark(at),
        }
    }

    fn mark(&self, at: Timestamp) -> TextMark {
        let hash = |n: u64| {
            u64::from_le_bytes(
                BlockId::of(&(n + self.printed as u64).to_le_bytes()).0[..8].try_into().expect("8"),
            )
        };
        let rows: u32 = self.history.iter().map(|block| block.lines).sum();
        TextMark {
            history_size: rows - self.skip,
            history_bytes: u64::from(rows) * 100,
            activity: self.printed,
            // A calm pane is not captured again.
            captured: (self.printed + 2).min(at.as_second()),
            cursor: (20, self.screen.len() as u32),
            alternate_screen: false,
            exact: None,
            sealed_rows: Some(rows - self.skip),
            anchor: (0..8).map(hash).collect(),
            anchor_rows: 8,
            top: (100..104).map(hash).collect(),
        }
    }

    fn pane(&self, text: Scrollback) -> Pane {
        let directory: BString = format!("/home/user/src/project-{}", self.directory).into();
        let command =
            |argv: &[&str]| Command { argv: argv.iter().map(|it| (*it).into()).collect(), masked: false };
        let shell = Process {
            pid: 1000,
            parent: 1,
            command: command(&["-zsh"]),
            started: 1,
            foreground: self.program.is_none(),
        };
        let program = self.program.map(|(program, _)| Program {
            started: self.started,
            ..Program::of(command(&[PROGRAMS[program], "test", "--workspace"]), directory.clone())
        });
        let child = program.as_ref().map(|program| Process {
            pid: 2000,
            parent: 1000,
            command: program.command.clone(),
            started: program.started,
            foreground: true,
        });
        Pane {
            identity: self.identity,
            title: "host".into(),
            directory,
            history_limit: HISTORY,
            options: vec![],
            input_off: false,
            marked: false,
            dead: None,
            start: None,
            shell: None,
            debts: vec![],
            facts: PaneFacts {
                pid: Some(1000),
                processes: std::iter::once(shell).chain(child).collect(),
                cursor: text.mark.cursor,
                at_prompt: program.is_none(),
                ..PaneFacts::default()
            },
            program,
            text: Some(text),
        }
    }
}

fn window(panes: Vec<Pane>) -> Window {
    let program = panes.iter().find_map(|pane| pane.program.as_ref());
    Window {
        name: program.map_or_else(|| "zsh".into(), |program| program.command.argv[0].clone()),
        layout: Layout::stacked(SIZE.width, SIZE.height * 2 + 1, panes.len()),
        size: Size { width: SIZE.width, height: SIZE.height * 2 + 1 },
        zoomed: false,
        active: 0,
        last: vec![],
        options: vec![],
        panes,
        facts: WindowFacts { automatic_rename: true, ..WindowFacts::default() },
    }
}

/// Takes blocks as a save does.
struct Sink<'a> {
    store: &'a Store,
    new: HashMap<BlockId, Vec<u8>>,
    known: HashSet<BlockId>,
    ready: Vec<PreparedBlock>,
}

impl Sink<'_> {
    fn put(&mut self, bytes: Vec<u8>, lines: u32) -> BlockRef {
        let block = BlockRef { id: BlockId::of(&bytes), lines, bytes: bytes.len() as u32 };
        self.write(block, bytes);
        block
    }
}

impl Blocks for Sink<'_> {
    fn read(&mut self, id: BlockId) -> Option<Vec<u8>> {
        self.new.get(&id).cloned().or_else(|| self.store.block(&id).ok())
    }

    fn write(&mut self, block: BlockRef, bytes: Vec<u8>) {
        if self.known.insert(block.id) {
            self.ready.extend(PreparedBlock::new(&bytes));
            self.new.insert(block.id, bytes);
        }
    }
}
