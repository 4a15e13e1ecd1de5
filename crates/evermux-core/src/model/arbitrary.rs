//! Random snapshots for property tests (feature `arbitrary`): valid by construction, hostile in every byte string.

use bstr::BString;
use jiff::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::layout::{Cell, Content, Layout, Leaf};

/// The uncompressed bytes of blocks.
type Blocks = Vec<Vec<u8>>;

/// A snapshot together with the blocks it refers to: of texts, and of what editors held.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// The uncompressed bytes of every block it refers to, each once.
    pub blocks: Blocks,
}

/// A small server: one to four sessions, gaps between window indexes, windows linked twice, sometimes a group.
pub fn sample() -> impl Strategy<Value = Sample> {
    (moment(), server(), vec(session(), 1..4), vec(window(), 1..6), any::<u64>()).prop_map(
        |(taken_at, server, sessions, windows, seed)| {
            let mut blocks = Vec::new();
            let mut windows: Vec<Window> = windows
                .into_iter()
                .map(|(window, texts)| {
                    blocks.extend(texts);
                    window
                })
                .collect();
            blocks.sort();
            blocks.dedup();
            identify(&mut windows, seed);
            let mut sessions = link(sessions, windows.len());
            let windows = order(&mut sessions, windows);
            let server = attach(server, sessions.len());
            let snapshot = Snapshot::new(taken_at, server, sessions, windows).expect("valid by construction");
            Sample { snapshot, blocks }
        },
    )
}

/// A snapshot of a small server.
pub fn snapshot() -> impl Strategy<Value = Snapshot> {
    sample().prop_map(|sample| sample.snapshot)
}

/// A moment in whole microseconds, the precision of the store.
pub fn moment() -> impl Strategy<Value = Timestamp> {
    (0..4_000_000_000_000_000_i64)
        .prop_map(|micros| Timestamp::from_microsecond(micros).expect("within jiff's range"))
}

/// Bytes without NUL: plain words, texts that mean something to tmux, a shell or a terminal, and no UTF-8 at all.
pub fn bytes() -> impl Strategy<Value = BString> {
    let hostile: Vec<&'static [u8]> = vec![
        b"",
        b" ",
        b"a b  c ",
        b"#{session_name}#(touch /tmp/x)",
        b"$HOME `id` $(id) ~ !! %1 ;",
        b"'\"\\",
        b"-n",
        b"=x:1.0",
        b"tab\there\nnewline\r",
        b"\x1b]0;title\x07\x1b[31m",
        "\u{202e}rtl é e\u{301} 日本 🦀 \u{200b}".as_bytes(),
        b"\xff\xfe\x80",
        b"half \xc3",
        b"{\"hex\":\"00\"}",
    ];
    prop_oneof![
        4 => "[a-zA-Z0-9_./-]{1,12}".prop_map(BString::from),
        2 => select(hostile).prop_map(BString::from),
        1 => vec(1_u8.., 0..16).prop_map(BString::from),
    ]
}

/// Options as tmux tells them.
pub fn options() -> impl Strategy<Value = Vec<OptionEntry>> {
    vec((bytes(), option::of(bytes())).prop_map(|(name, value)| OptionEntry { name, value }), 0..3)
}

/// A server without clients.
fn server() -> impl Strategy<Value = Server> {
    let version = select(vec!["3.0a", "3.1c", "3.3a", "3.8", "next-3.9", "master"]);
    let buffer = (bytes(), bytes()).prop_map(|(name, content)| Buffer { name, content });
    (
        (version, any::<u32>(), any::<u32>(), 0..4_000_000_000_i64),
        (options(), options(), options()),
        vec(bytes(), 0..3),
        vec(client(), 0..3),
        vec(buffer, 0..2),
    )
        .prop_map(|((version, uid, pid, started), options, environment_names, clients, buffers)| {
            Server {
                name: ServerName { machine: "machine".to_owned(), socket: "/tmp/tmux-1000/default".into() },
                generation: Generation { boot: "boot".to_owned(), pid, started },
                version: version.parse().expect("a version"),
                uid,
                server_options: options.0,
                session_options: options.1,
                window_options: options.2,
                environment_names,
                clients,
                buffers,
            }
        })
}

fn client() -> impl Strategy<Value = Client> {
    (bytes(), bytes(), 0..9_usize, option::of(0..9_usize))
        .prop_map(|(tty, term, session, last_session)| Client { tty, term, session, last_session })
}

/// Makes every client show one of `count` sessions.
fn attach(mut server: Server, count: usize) -> Server {
    for client in &mut server.clients {
        client.session %= count;
        client.last_session = client.last_session.map(|last| last % count);
    }
    server
}

/// A session without links.
fn session() -> impl Strategy<Value = Session> {
    let variable = (bytes(), option::of(bytes())).prop_map(|(name, value)| EnvironmentEntry { name, value });
    let facts = (0..4_000_000_000_i64, 0..3_u32, vec(bytes(), 0..2), any::<bool>()).prop_map(
        |(created, attached, updated_environment, untouched)| SessionFacts {
            created,
            attached,
            updated_environment,
            untouched,
        },
    );
    // The index that becomes the active one, and the gap between indexes.
    (bytes(), bytes(), option::of(bytes()), options(), vec(variable, 0..3), facts, 0..3_u32, 1..4_u32)
        .prop_map(|(name, directory, group, options, environment, facts, active, gap)| Session {
            name,
            directory,
            group,
            options,
            environment,
            links: Vec::new(),
            active,
            last: vec![gap],
            facts,
        })
}

/// Gives each session its name, and links: every window once, and the windows of the first session also in the
/// next one, at other indexes.
fn link(mut sessions: Vec<Session>, windows: usize) -> Vec<Session> {
    let count = sessions.len();
    for (position, session) in sessions.iter_mut().enumerate() {
        session.name.extend_from_slice(format!("{position}").as_bytes());
        let (gap, start) = (session.last[0], session.active);
        let mut linked: Vec<usize> = (0..windows).filter(|window| window % count == position).collect();
        if linked.is_empty() || position == 1 {
            linked.insert(0, 0);
        }
        session.links =
            linked.into_iter().zip(0..).map(|(window, n)| Link { index: start + n * gap, window }).collect();
        session.active = session.links[start as usize % session.links.len()].index;
        let mut last: Vec<u32> = session.links.iter().map(|link| link.index).collect();
        last.retain(|&index| index != session.active);
        session.last = last;
    }
    let group = sessions[0].group.clone();
    for session in &mut sessions {
        session.group = None;
    }
    if let Some(twin) = group.filter(|_| count > 1) {
        // The last session joins the first one's group; its own windows join too, so that all stay linked.
        let mut links = sessions[0].links.clone();
        for link in std::mem::take(&mut sessions[count - 1].links) {
            let index = links.last().map_or(0, |link| link.index + 1);
            links.push(Link { index, ..link });
        }
        for member in [0, count - 1] {
            sessions[member].group = Some(twin.clone());
            sessions[member].links = links.clone();
            sessions[member].active = links[0].index;
            sessions[member].last = links.iter().skip(1).map(|link| link.index).collect();
        }
    }
    sessions.sort_by(|a, b| a.name.cmp(&b.name));
    sessions
}

/// Puts the windows into the order in which sessions link them: the order in which the store gives them back.
fn order(sessions: &mut [Session], windows: Vec<Window>) -> Vec<Window> {
    let mut windows: Vec<Option<Window>> = windows.into_iter().map(Some).collect();
    let mut places = vec![0; windows.len()];
    let mut ordered = Vec::new();
    for link in sessions.iter_mut().flat_map(|session| &mut session.links) {
        if let Some(window) = windows[link.window].take() {
            places[link.window] = ordered.len();
            ordered.push(window);
        }
        link.window = places[link.window];
    }
    ordered
}

/// Gives every pane an identity of its own.
fn identify(windows: &mut [Window], seed: u64) {
    for (pane, number) in windows.iter_mut().flat_map(|window| &mut window.panes).zip(0_u64..) {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        bytes[8..].copy_from_slice(&number.to_be_bytes());
        pane.identity = PaneIdentity::from_random(bytes);
    }
}

/// A window and the text blocks of its panes.
fn window() -> impl Strategy<Value = (Window, Blocks)> {
    let size = (20..200_u32, 10..60_u32).prop_map(|(width, height)| Size { width, height });
    let alerts = select(vec!["", "!", "#~"]).prop_map(BString::from);
    (bytes(), size, vec(pane(), 1..5), any::<u64>(), options(), any::<bool>(), alerts).prop_map(
        |(name, size, panes, choices, options, automatic_rename, alerts)| {
            let (panes, texts): (Vec<Pane>, Vec<Blocks>) = panes.into_iter().unzip();
            let count = panes.len();
            let active = choices as usize % count;
            let window = Window {
                name,
                layout: layout(size, count, choices),
                size,
                zoomed: count > 1 && choices & 1 == 1,
                active,
                last: (0..count).filter(|&pane| pane != active).collect(),
                options,
                panes,
                facts: WindowFacts { automatic_rename, alerts },
            };
            (window, texts.into_iter().flatten().collect())
        },
    )
}

/// A layout of `panes` panes (up to 8) that fills `size`, its shape drawn from the bits of `choices`.
pub fn layout(size: Size, panes: usize, choices: u64) -> Layout {
    let whole =
        Cell { width: size.width, height: size.height, x: 0, y: 0, content: Content::LeftRight(vec![]) };
    Layout::new(divide(whole, 0, panes, choices, choices & 2 == 0)).expect("a size with room for all panes")
}

/// Fills `area` with the panes `first..first + count`.
fn divide(area: Cell, first: usize, count: usize, choices: u64, left_right: bool) -> Cell {
    if count == 1 {
        return Cell { content: Content::Pane(Leaf { pane: first, floating: None }), ..area };
    }
    let before = 1 + choices as usize % (count - 1);
    let length = if left_right { area.width } else { area.height };
    // One cell is the border between the two.
    let part = (length - 1) * before as u32 / count as u32;
    let (mut one, mut two) = (area.clone(), area.clone());
    if left_right {
        (one.width, two.width, two.x) = (part, length - 1 - part, area.x + part as i32 + 1);
    } else {
        (one.height, two.height, two.y) = (part, length - 1 - part, area.y + part as i32 + 1);
    }
    let cells = vec![
        divide(one, first, before, choices >> 3, !left_right),
        divide(two, first + before, count - before, choices >> 5, !left_right),
    ];
    Cell { content: if left_right { Content::LeftRight(cells) } else { Content::TopBottom(cells) }, ..area }
}

/// A pane (its identity is set later) and the blocks of its text.
fn pane() -> impl Strategy<Value = (Pane, Blocks)> {
    let death =
        (option::of(0..256_i32), option::of(1..32_i32)).prop_map(|(status, signal)| Death { status, signal });
    (
        (bytes(), bytes(), 0..50_000_u32, options(), any::<bool>()),
        (option::weighted(0.1, death), option::of(start()), option::of(program()), option::of(shell())),
        option::of(text()),
        vec(debt(), 0..2),
        facts(),
    )
        .prop_map(
            |((title, directory, history_limit, options, input_off), programs, text, debts, facts)| {
                let (dead, start, program, shell) = programs;
                let (text, mut blocks) = text.map_or((None, vec![]), |(text, blocks)| (Some(text), blocks));
                let (debts, owed): (Vec<Debt>, Vec<Blocks>) = debts.into_iter().unzip();
                blocks.extend(owed.into_iter().flatten());
                let program = program.map(|(program, held)| {
                    blocks.extend(held);
                    program
                });
                let identity = PaneIdentity::from_random([0; 16]);
                let pane = Pane {
                    identity,
                    title,
                    directory,
                    history_limit,
                    options,
                    input_off,
                    marked: false,
                    dead,
                    start,
                    program,
                    shell,
                    text,
                    debts,
                    facts,
                };
                (pane, blocks)
            },
        )
}

fn command() -> impl Strategy<Value = Command> {
    (vec(bytes(), 1..4), any::<bool>()).prop_map(|(argv, masked)| Command { argv, masked })
}

fn start() -> impl Strategy<Value = StartCommand> {
    (bytes(), vec(bytes(), 0..3), any::<bool>()).prop_map(|(shown, argv, masked)| StartCommand {
        shown,
        argv,
        masked,
    })
}

/// A program and the blocks of what it holds as an editor.
fn program() -> impl Strategy<Value = (Program, Blocks)> {
    let more = (option::of(bytes()), any::<bool>(), option::of(editor()));
    (command(), bytes(), 0..4_000_000_000_000_i64, option::of(conversation()), more).prop_map(
        |(command, directory, started, conversation, (line, redirected, held))| {
            let (editor, blocks) = held.map_or((None, vec![]), |(editor, blocks)| (Some(editor), blocks));
            (Program { command, directory, started, conversation, editor, line, redirected }, blocks)
        },
    )
}

/// An editor and its blocks: any bytes, the same ones several times among them.
fn editor() -> impl Strategy<Value = (Editor, Blocks)> {
    let block = || prop_oneof![3 => vec(any::<u8>(), 0..40), 1 => Just(b"the same\n".to_vec())];
    let unsaved = vec((bytes(), block(), option::of(block())), 0..3);
    let left_out = vec((bytes(), "[a-z ]{1,20}"), 0..2);
    ("[a-z]{1,8}", block(), block(), unsaved, left_out, editor_facts()).prop_map(
        |(tool, session, state, unsaved, left_out, facts)| {
            let (session_block, state_block) = (reference(&session), reference(&state));
            let mut blocks = vec![session, state];
            let mut refer = |block: Vec<u8>| {
                let block_reference = reference(&block);
                blocks.push(block);
                block_reference
            };
            let unsaved = unsaved.into_iter().map(|(name, text, undo)| Unsaved {
                name,
                text: refer(text),
                undo: undo.map(&mut refer),
            });
            let unsaved = unsaved.collect();
            let left_out = left_out.into_iter().map(|(name, reason)| LeftOut { name, reason }).collect();
            let editor =
                Editor { tool, session: session_block, state: state_block, unsaved, left_out, facts };
            (editor, blocks)
        },
    )
}

fn editor_facts() -> impl Strategy<Value = EditorFacts> {
    let server = option::of((bytes(), any::<u32>(), any::<u64>()));
    (moment(), option::of("[a-z ]{1,20}"), any::<u32>(), 0..4_000_000_000_000_i64, server, "[0-9a-f]{0,64}")
        .prop_map(|(told, late, pid, started, server, fingerprint)| EditorFacts {
            told,
            late,
            pid,
            started,
            server,
            fingerprint,
        })
}

fn shell() -> impl Strategy<Value = ShellState> {
    let variable = (bytes(), option::of(bytes())).prop_map(|(name, value)| EnvironmentEntry { name, value });
    (option::of(bytes()), vec(bytes(), 0..3), vec(variable, 0..2))
        .prop_map(|(previous, directories, variables)| ShellState { previous, directories, variables })
}

fn conversation() -> impl Strategy<Value = Conversation> {
    let variable = (bytes(), option::of(bytes())).prop_map(|(name, value)| EnvironmentEntry { name, value });
    let process = (any::<u32>(), 0..4_000_000_000_000_i64);
    let found = (select(Confidence::ALL.to_vec()), "[a-z ]{0,20}", any::<bool>(), process).prop_map(
        |(confidence, evidence, begun, (pid, started))| Found { confidence, evidence, begun, pid, started },
    );
    let id = option::of("[A-Za-z0-9-]{1,36}");
    ("[a-z]{1,8}", id, bytes(), vec(variable, 0..2), found).prop_map(
        |(tool, id, directory, environment, found)| Conversation { tool, id, directory, environment, found },
    )
}

/// A debt and the blocks of what is owed.
fn debt() -> impl Strategy<Value = (Debt, Blocks)> {
    let owed = prop_oneof![
        program().prop_map(|(program, blocks)| (Owed::Program(program), blocks)),
        start().prop_map(|start| (Owed::Start(start), vec![])),
        bytes().prop_map(|directory| (Owed::Directory(directory), vec![])),
        Just((Owed::Text, vec![])),
    ];
    (owed, moment(), "[a-z ]{0,20}")
        .prop_map(|((owed, blocks), since, reason)| (Debt { owed, since, reason }, blocks))
}

fn facts() -> impl Strategy<Value = PaneFacts> {
    let process = (any::<u32>(), any::<u32>(), command(), 0..4_000_000_000_000_i64, any::<bool>()).prop_map(
        |(pid, parent, command, started, foreground)| Process { pid, parent, command, started, foreground },
    );
    (
        option::of(any::<u32>()),
        (vec(process, 0..3), vec(conversation(), 0..2)),
        any::<(bool, bool, bool)>(),
        (0..200_u32, 0..60_u32),
        vec("[a-z_]{1,8}", 0..2),
        0..4_u32,
        option::of("[a-z ]{1,20}"),
        option::of(0..256_i32),
    )
        .prop_map(
            |(
                pid,
                (processes, aside),
                (alternate_screen, at_prompt, waiting),
                cursor,
                modes,
                prompt_rows,
                left_out,
                last_status,
            )| {
                PaneFacts {
                    pid,
                    processes,
                    aside,
                    alternate_screen,
                    cursor,
                    modes,
                    at_prompt,
                    prompt_rows,
                    waiting,
                    last_status,
                    text_left_out: left_out,
                }
            },
        )
}

/// The text of a pane and its blocks, the screen's last.
fn text() -> impl Strategy<Value = (Scrollback, Blocks)> {
    let lines = |most| {
        vec(vec(1_u8.., 0..20), 0..most).prop_map(|lines| {
            let mut block = Vec::new();
            for line in lines {
                block.extend(line.into_iter().filter(|&byte| byte != b'\n'));
                block.push(b'\n');
            }
            block
        })
    };
    let full = (any::<(u32, u32, u64)>(), vec(lines(6), 0..3), lines(4));
    let rest = (option::of(vec(1_u8.., 0..9)), 0..3_u32, 1..200_u32, 1..60_u32, mark());
    (full, rest).prop_map(|((_, mut blocks, screen), (head, skip, width, height, mark))| {
        let history: Vec<BlockRef> = blocks.iter().map(|block| reference(block)).collect();
        let skip = history.first().map_or(0, |first| skip.min(first.lines));
        let text = Scrollback {
            size: Size { width, height },
            head,
            skip,
            history,
            screen: reference(&screen),
            end_row: height / 2,
            mark,
        };
        blocks.push(screen);
        (text, blocks)
    })
}

/// The reference to a block of lines.
pub fn reference(block: &[u8]) -> BlockRef {
    BlockRef {
        id: BlockId::of(block),
        lines: block.iter().filter(|&&byte| byte == b'\n').count() as u32,
        bytes: block.len() as u32,
    }
}

fn mark() -> impl Strategy<Value = TextMark> {
    (
        any::<(u32, u64)>(),
        0..4_000_000_000_i64,
        0..4_000_000_000_i64,
        any::<(u32, u32)>(),
        any::<bool>(),
        option::of(any::<(u64, u64, u64)>()),
        (option::of(any::<u32>()), vec(any::<u64>(), 0..4), 0..9_u32, vec(any::<u64>(), 0..4)),
    )
        .prop_map(
            |((history_size, history_bytes), activity, captured, cursor, alternate, exact, place)| {
                let (sealed_rows, anchor, anchor_rows, top) = place;
                TextMark {
                    history_size,
                    history_bytes,
                    activity,
                    captured,
                    cursor,
                    alternate_screen: alternate,
                    exact,
                    sealed_rows,
                    anchor,
                    anchor_rows,
                    top,
                }
            },
        )
}

proptest! {
    #[test]
    fn samples_hold_every_block(sample in sample()) {
        let blocks: Vec<BlockId> = sample.blocks.iter().map(|block| BlockId::of(block)).collect();
        for text in sample.snapshot.panes().filter_map(|pane| pane.text.as_ref()) {
            prop_assert!(text.history.iter().chain([&text.screen]).all(|block| blocks.contains(&block.id)));
        }
        let held = sample.snapshot.panes().flat_map(Pane::editors).flat_map(Editor::blocks);
        prop_assert!(held.into_iter().all(|block| blocks.contains(&block.id)));
    }

    #[test]
    fn layouts_fill_the_window(width in 20..200_u32, height in 10..60_u32, panes in 1..6_usize, choices: u64) {
        let layout = layout(Size { width, height }, panes, choices);
        prop_assert!(layout.leaves().map(|leaf| leaf.pane).eq(0..panes));
        prop_assert_eq!(layout.size(), (width, height));
    }
}
