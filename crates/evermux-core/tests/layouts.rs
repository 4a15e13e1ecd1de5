//! Layouts on real servers: what we print is accepted, and what is reported is what we printed.

use bstr::ByteSlice;
use evermux_core::layout::{Cell, Content, Layout, Leaf, Reported};
use evermux_core::text::quote::tmux_word;
use evermux_testkit::{Server, Tmux, tmux_binaries};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRng, TestRunner};

/// A repeatable source of random values.
fn runner() -> TestRunner {
    let random = TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(Config::default(), random)
}

fn pick<S: Strategy>(runner: &mut TestRunner, strategy: S) -> S::Value {
    strategy.new_tree(runner).expect("a value").current()
}

/// Cuts an area into `panes` panes, numbered from `first`.
fn cut(runner: &mut TestRunner, area: (u32, u32), first: usize, panes: usize, left_right: bool) -> Cell {
    let (width, height) = area;
    let parts = pick(runner, 2..=4_usize).min(panes);
    if panes == 1 {
        return pane(width, height, first);
    }
    let length = if left_right { width } else { height };
    // Room for every pane in both directions.
    let least = |panes: usize| 2 * panes as u32 - 1;
    let (mut cells, mut first, mut rest) = (Vec::new(), first, panes);
    let mut space = length - (parts as u32 - 1);
    for part in 1..=parts {
        let others = parts - part;
        let count = if others == 0 { rest } else { pick(runner, 1..=rest - others) };
        let kept: u32 = if others == 0 { 0 } else { least(rest - count) };
        let size = if others == 0 { space } else { pick(runner, least(count)..=space - kept) };
        let area = if left_right { (size, height) } else { (width, size) };
        cells.push(cut(runner, area, first, count, !left_right));
        (first, rest, space) = (first + count, rest - count, space - size);
    }
    let content = if left_right { Content::LeftRight(cells) } else { Content::TopBottom(cells) };
    Cell { width, height, x: 0, y: 0, content }
}

fn pane(width: u32, height: u32, pane: usize) -> Cell {
    Cell { width, height, x: 0, y: 0, content: Content::Pane(Leaf { pane, floating: None }) }
}

/// A layout in which the panes stand in any order.
fn layout(runner: &mut TestRunner, most_floating: usize) -> Layout {
    let tiled = pick(runner, 1..=9_usize);
    let floating = pick(runner, 0..=most_floating);
    let area = pick(runner, (40..250_u32, 40..100_u32));
    let left_right = pick(runner, any::<bool>());
    let mut root = cut(runner, area, 0, tiled, left_right);
    if floating > 0 {
        if tiled == 1 {
            root = Cell { content: Content::LeftRight(vec![root.clone()]), ..root };
        }
        let (Content::LeftRight(cells) | Content::TopBottom(cells)) = &mut root.content else {
            unreachable!("made a container above")
        };
        for number in 0..floating {
            let (width, height, x, y) = pick(runner, (1..60_u32, 1..30_u32, -9..99_i32, -9..50_i32));
            let leaf = Leaf { pane: tiled + number, floating: Some(number as u32) };
            let at = pick(runner, 0..=cells.len());
            cells.insert(at, Cell { width, height, x, y, content: Content::Pane(leaf) });
        }
    }
    let order = pick(runner, Just((0..tiled + floating).collect::<Vec<usize>>()).prop_shuffle());
    renumber(&mut root, &order);
    Layout::new(root).expect("consistent by construction")
}

fn renumber(cell: &mut Cell, order: &[usize]) {
    match &mut cell.content {
        Content::Pane(leaf) => leaf.pane = order[leaf.pane],
        Content::LeftRight(cells) | Content::TopBottom(cells) => {
            cells.iter_mut().for_each(|cell| renumber(cell, order));
        }
    }
}

/// What the old language can give back: places, with the panes in the order of the tree.
fn as_old_tmux_restores(layout: &Layout) -> Layout {
    let layout = layout.tiled();
    let mut order = vec![0; layout.panes()];
    for (place, pane) in layout.tree_order().into_iter().enumerate() {
        order[pane] = place;
    }
    let mut root = layout.root().clone();
    renumber(&mut root, &order);
    Layout::new(root).expect("only renumbered")
}

/// Makes a window of `panes` panes and gives it a layout; what tmux says to that.
fn apply(server: &Server, window: &str, panes: usize, layout: &str) {
    let mut script = format!("new-window -dk -t {window} 'sleep 1000'\n").into_bytes();
    for _ in 1..panes {
        script.extend(format!("split-window -d -t {window} 'sleep 1000'\n").bytes());
        script.extend(format!("select-layout -t {window} tiled\n").bytes());
    }
    let word = tmux_word(layout.as_bytes()).expect("no NUL");
    script.extend([format!("select-layout -t {window} ").as_bytes(), &word, b"\n"].concat());
    let output = server.script(script);
    assert_eq!(output.errors(), "", "{:?}: {layout}", server.binary());
}

/// A window's layout as it is reported.
fn reported(server: &Server, window: &str) -> Reported {
    let ids: Vec<u32> = server
        .lines(&["list-panes", "-t", window, "-F", "#{pane_id}"])
        .iter()
        .map(|id| id[1..].parse().expect("%N"))
        .collect();
    let text = server.display(window, "#{window_layout}");
    Reported::parse(text.as_bytes(), &ids).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn printed_layouts_are_accepted_and_reported_again() {
    for tmux in tmux_binaries() {
        let server = Server::start(&tmux);
        let mut runner = runner();
        for _ in 0..12 {
            let layout = layout(&mut runner, 3);
            apply(&server, "main:5", layout.panes(), &layout.to_old());
            assert_eq!(reported(&server, "main:5").layout, as_old_tmux_restores(&layout), "{tmux:?}");
            if !tmux.at_least(3, 8) {
                continue;
            }
            let active = pick(&mut runner, 0..layout.panes());
            let mut last: Vec<usize> = (0..layout.panes()).filter(|&pane| pane != active).collect();
            last = pick(&mut runner, Just(last).prop_shuffle());
            apply(&server, "main:5", layout.panes(), &layout.to_json(active, &last));
            let wanted = Reported { layout, active: Some(active), last };
            assert_eq!(reported(&server, "main:5"), wanted, "{tmux:?}");
        }
    }
}

/// One random change of a window, in words for a command file.
fn change(runner: &mut TestRunner, tmux: &Tmux, panes: &[String]) -> String {
    let [a, b] = [(); 2].map(|()| pick(runner, prop::sample::select(panes.to_vec())));
    let direction = pick(runner, prop::sample::select(vec!["-h", "-v", "-hb", "-vb", "-hf", "-vf", "-hfb"]));
    let (x, y) = pick(runner, (2..40_u32, 2..20_u32));
    match pick(runner, 0..9_u32) {
        0..=2 => format!("split-window -d {direction} -t {a} 'sleep 1000'"),
        3 => format!("swap-pane -d -s {a} -t {b}"),
        4 => format!("resize-pane -t {a} -x {x} -y {y}"),
        5 => format!("rotate-window -t {a}"),
        6 => format!("join-pane -d {direction} -s {a} -t {b}"),
        7 if tmux.at_least(3, 8) => format!("new-pane -d -t {a} -x {x} -y {y} -X -3 'sleep 1000'"),
        8 if tmux.at_least(3, 8) => format!("break-pane -d -W -s {a}"),
        _ => format!("resize-pane -Z -t {a}"),
    }
}

#[test]
fn reported_layouts_are_accepted_and_reported_again() {
    for tmux in tmux_binaries() {
        let server = Server::start(&tmux);
        let mut runner = runner();
        server.run(&["resize-window", "-t", "main:0", "-x", "150", "-y", "60"]);
        for _ in 0..25 {
            let panes = server.lines(&["list-panes", "-t", "main:0", "-F", "#{pane_id}"]);
            // Some of them fail: no space, or the same pane twice.
            server.script(change(&mut runner, &tmux, &panes));
            let seen = reported(&server, "main:0");
            let Reported { layout, active, last } = &seen;
            apply(&server, "main:5", layout.panes(), &layout.to_old());
            assert_eq!(reported(&server, "main:5").layout, as_old_tmux_restores(layout), "{tmux:?}");
            if let Some(active) = active {
                apply(&server, "main:5", layout.panes(), &layout.to_json(*active, last));
                let again = reported(&server, "main:5");
                assert_eq!((&again.layout, again.active), (layout, Some(*active)), "{tmux:?}");
                assert!(again.last.starts_with(last), "{tmux:?}: {:?} and not {last:?}", again.last);
            }
        }
    }
}

#[test]
fn only_joining_at_the_edge_parts_tree_order_from_pane_order() {
    let in_step = [
        "split-window -d -t main:0.1 'sleep 1000'",
        "split-window -d -b -t main:0.1 'sleep 1000'",
        "split-window -d -fb -t main:0.1 'sleep 1000'",
        "split-window -d -hf -t main:0.1 'sleep 1000'",
        "swap-pane -d -s main:0.0 -t main:0.3",
        "swap-pane -d -s main:1.0 -t main:0.2",
        "rotate-window -U -t main:0",
        "rotate-window -D -t main:0",
        "break-pane -d -s main:0.1",
        "kill-pane -t main:0.1",
        "join-pane -d -s main:1.0 -t main:0.1",
        "respawn-pane -k -t main:0.1 'sleep 1000'",
    ];
    let apart = ["join-pane -d -f -s main:1.0 -t main:0.1", "join-pane -d -hfb -s main:1.0 -t main:0.2"];
    for tmux in tmux_binaries() {
        // tmux 3.0 has no `join-pane -f`.
        let apart = &apart[..if tmux.at_least(3, 1) { 2 } else { 0 }];
        for command in in_step.iter().chain(apart) {
            let server = Server::start(&tmux);
            server.script(
                "new-window -d 'sleep 1000'\nsplit-window -d -t main:0\nsplit-window -d -h -t main:0.0\n\
                 split-window -d -h -t main:0.2\nsplit-window -d -t main:1\n",
            );
            let output = server.script(command);
            assert_eq!(output.stderr.as_bstr(), "", "{tmux:?}: {command}");
            let layout = reported(&server, "main:0").layout;
            assert_eq!(layout.leaves_in_pane_order(), !apart.contains(command), "{tmux:?}: {command}");
        }
    }
}
