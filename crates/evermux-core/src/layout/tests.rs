//! Tests of layouts without a tmux; `tests/layouts.rs` has those with one.

use proptest::prelude::*;

use super::*;

fn pane(width: u32, height: u32, pane: usize) -> Cell {
    Cell { width, height, x: 0, y: 0, content: Content::Pane(Leaf { pane, floating: None }) }
}

fn floating(width: u32, height: u32, x: i32, y: i32, pane: usize, z: u32) -> Cell {
    Cell { width, height, x, y, content: Content::Pane(Leaf { pane, floating: Some(z) }) }
}

fn side_by_side(width: u32, height: u32, cells: Vec<Cell>) -> Cell {
    Cell { width, height, x: 0, y: 0, content: Content::LeftRight(cells) }
}

fn one_above_the_other(width: u32, height: u32, cells: Vec<Cell>) -> Cell {
    Cell { width, height, x: 0, y: 0, content: Content::TopBottom(cells) }
}

/// Cuts an area into panes, numbered from 0; each number of `cuts` decides one cell, nothing is too small.
fn cut(width: u32, height: u32, cuts: &mut std::vec::IntoIter<u32>, next: &mut usize, depth: usize) -> Cell {
    let decision = cuts.next().unwrap_or(0);
    let parts = 2 + decision % 3;
    let left_right = decision & 8 == 0;
    let length = if left_right { width } else { height };
    if decision & 7 == 0 || length < 2 * parts - 1 || depth == MAX_DEPTH {
        *next += 1;
        return pane(width, height, *next - 1);
    }
    let mut rest = length;
    let cells = (0..parts).map(|part| {
        let others = 2 * (parts - 1 - part);
        let size = if others == 0 { rest } else { 1 + (decision >> (4 + part)) % (rest - others) };
        rest -= (size + 1).min(rest);
        if left_right { (size, height) } else { (width, size) }
    });
    let cells: Vec<(u32, u32)> = cells.collect();
    let cells = cells.into_iter().map(|(width, height)| cut(width, height, cuts, next, depth + 1)).collect();
    if left_right { side_by_side(width, height, cells) } else { one_above_the_other(width, height, cells) }
}

/// Gives the leaves the positions of a permutation.
fn permute(cell: &mut Cell, order: &[usize]) {
    match &mut cell.content {
        Content::Pane(leaf) => leaf.pane = order[leaf.pane],
        Content::LeftRight(cells) | Content::TopBottom(cells) => {
            cells.iter_mut().for_each(|cell| permute(cell, order));
        }
    }
}

/// Any layout with up to `most_floating` floating panes, its panes in any order.
fn layouts(most_floating: usize) -> impl Strategy<Value = Layout> {
    let floating_panes =
        prop::collection::vec((1..300_u32, 1..90_u32, -40..300_i32, -20..90_i32), 0..=most_floating);
    (1..400_u32, 1..200_u32, prop::collection::vec(any::<u32>(), 0..60), floating_panes)
        .prop_map(|(width, height, cuts, floats)| {
            let mut panes = 0;
            let mut root = cut(width, height, &mut cuts.into_iter(), &mut panes, 1);
            if !floats.is_empty() {
                if matches!(root.content, Content::Pane(_)) {
                    root = side_by_side(width, height, vec![root]);
                }
                for (number, (width, height, x, y)) in (0..).zip(floats) {
                    let (Content::LeftRight(cells) | Content::TopBottom(cells)) = &mut root.content else {
                        unreachable!("made a container above")
                    };
                    cells.push(floating(width, height, x, y, panes, number));
                    panes += 1;
                }
            }
            (root, panes)
        })
        .prop_flat_map(|(root, panes)| (Just(root), Just((0..panes).collect::<Vec<usize>>()).prop_shuffle()))
        .prop_map(|(mut root, order)| {
            permute(&mut root, &order);
            Layout::new(root).expect("consistent by construction")
        })
}

fn ids(layout: &Layout) -> Vec<u32> {
    (0..layout.panes() as u32).collect()
}

proptest! {
    #[test]
    fn old_language_round_trips(layout in layouts(0)) {
        let text = layout.to_old();
        let parsed = Layout::parse(text.as_bytes(), &ids(&layout));
        prop_assert_eq!(parsed, Ok(layout), "{}", text);
    }

    #[test]
    fn json_round_trips_with_active_and_last(layout in layouts(3), active in any::<prop::sample::Index>()) {
        let active = active.index(layout.panes());
        let last: Vec<usize> = (0..layout.panes()).rev().filter(|&pane| pane != active).collect();
        let text = layout.to_json(active, &last);
        let reported = Reported::parse(text.as_bytes(), &ids(&layout));
        prop_assert_eq!(reported, Ok(Reported { layout, active: Some(active), last }), "{}", text);
    }

    #[test]
    fn floating_panes_are_tiled_for_the_old_language(layout in layouts(3)) {
        let old = Layout::parse(layout.to_old().as_bytes(), &ids(&layout)).unwrap();
        prop_assert_eq!(old.panes(), layout.panes());
        prop_assert!(!old.has_floating());
        prop_assert_eq!(&old, &layout.tiled());
        prop_assert_eq!(old.leaves().map(|leaf| leaf.pane).collect::<Vec<_>>(), layout.tree_order());
        let tiled = layout.leaves().filter(|leaf| leaf.floating.is_none()).count();
        let cells = layout.to_old_without_floating().map_or(0, |text| text.matches('x').count());
        prop_assert!(cells >= tiled);
    }

    #[test]
    fn broken_texts_are_refused_without_a_panic(
        layout in layouts(2),
        json in any::<bool>(),
        cut in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        checksum in any::<bool>(),
    ) {
        let text = if json { layout.to_json(0, &[]) } else { layout.to_old() };
        let mut text = text.into_bytes();
        let at = cut.index(text.len());
        text[at] = byte;
        if checksum && !json {
            let sum = format!("{:04x},", old::checksum(text.get(5..).unwrap_or_default()));
            text.splice(..5.min(text.len()), sum.bytes());
        }
        if let Ok(changed) = Layout::parse(&text, &ids(&layout)) {
            // What is still a layout prints as one.
            prop_assert!(Layout::parse(changed.to_old().as_bytes(), &ids(&layout)).is_ok());
        }
        text.truncate(at);
        let _ = Layout::parse(&text, &ids(&layout));
    }

    #[test]
    fn any_bytes_are_safe(text in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Layout::parse(&text, &[0, 1, 2]);
    }

    #[test]
    fn stacked_layouts_are_layouts(width in 0..20_000_u32, height in 0..20_000_u32, panes in 1..300_usize) {
        let layout = Layout::stacked(width, height, panes);
        prop_assert_eq!(layout.panes(), panes);
        prop_assert_eq!(Layout::new(layout.root.clone()), Ok(layout));
    }
}

#[test]
fn prints_what_tmux_prints() {
    let root = side_by_side(
        120,
        40,
        vec![pane(60, 40, 0), one_above_the_other(59, 40, vec![pane(59, 20, 1), pane(59, 19, 2)])],
    );
    let layout = Layout::new(root).unwrap();
    assert_eq!(layout.to_old(), "95e4,120x40,0,0{60x40,0,0,0,59x40,61,0[59x20,61,0,1,59x19,61,21,2]}");
    assert_eq!(
        layout.to_json(2, &[1, 0]),
        r#"{"V":2,"L":{"t":"h","w":120,"h":40,"x":0,"y":0,"c":[{"t":"p","w":60,"h":40,"x":0,"y":0,"l":1,"i":0},"#
            .to_owned()
            + r#"{"t":"v","w":59,"h":40,"x":61,"y":0,"c":[{"t":"p","w":59,"h":20,"x":61,"y":0,"l":0,"i":1},"#
            + r#"{"t":"p","w":59,"h":19,"x":61,"y":21,"a":true,"i":2}]}]}}"#
    );
    assert_eq!(layout.size(), (120, 40));
}

/// With the right checksum in front.
fn old(layout: &str) -> String {
    format!("{:04x},{layout}", super::old::checksum(layout.as_bytes()))
}

#[test]
fn refuses_what_tmux_would_refuse_or_die_of() {
    let parse = |text: &str| Layout::parse(text.as_bytes(), &[0, 1]).unwrap_err().to_string();
    let errors = [
        "",
        "zzzz,80x24,0,0,0",
        "0x1f,80x24,0,0,0",
        "b25d,80x24,0,0,0",
        &old("80x24,0,0"),
        &old("80x24,0,0,0}"),
        &old("80x24,0,0{40x24,0,0,0,39x24,41,0,1"),
        &old("80x24,0,0[80x11,0,0{40x11,0,0,0,40x11,41,0,1},80x12,0,12,2]"),
        &old("80x24,0,0{40x24,0,0,0,39x23,41,0,1}"),
        &old("80x24,0,0{40x24,0,0,0,39x24,41,0,7}"),
        &old("80x24,0,0{40x24,0,0,0,39x24,41,0,0}"),
        &old("80x24,0,0,0"),
        &old("0x0,0,0,0"),
        &old("99999x24,0,0,0"),
        &old("99999999999x24,0,0,0"),
        &old("80x24,0,-3000000000,0"),
        &old(&"9x9,0,0{".repeat(3000)),
        "{}",
        r#"{"V":3,"L":7}"#,
        r#"{"V":2,"L":{"t":"p","w":80,"h":24,"x":0,"y":0}}"#,
        r#"{"V":2,"L":{"t":"p","w":80,"h":24,"x":0,"y":0,"i":4}}"#,
        r#"{"V":2,"L":{"t":"p","w":-1,"h":24,"x":0,"y":0,"i":0}}"#,
        r#"{"V":2,"L":{"t":"h","w":80,"h":24,"x":0,"y":0,"c":[]}}"#,
        &format!(r#"{{"V":2,"L":{}"#, r#"{"c":["#.repeat(3000)),
    ]
    .map(parse);
    insta::assert_snapshot!(errors.join("\n"), @r"
    the layout is empty
    the layout needs a checksum of four hexadecimal digits at byte 0
    the layout needs a checksum of four hexadecimal digits at byte 0
    the layout lacks the pane at position 1
    the layout needs a pane id, '{' or '[' at byte 14
    the layout needs its end at byte 16
    the layout needs ',' or '}' after a cell at byte 39
    the layout names a pane 2 that the window does not have
    the cells inside a cell of 80x23 do not fill it
    the layout names a pane 7 that the window does not have
    the layout has the pane at position 0 twice
    the layout lacks the pane at position 1
    the layout has a cell of 0x0
    the layout has a cell of 99999x24
    the layout needs a number at byte 5
    the layout needs a smaller number at byte 13
    the layout is more than 60 levels deep
    the layout is not understood: missing field `V` at line 1 column 2
    the layout has version 3, not 2
    the layout is not understood: a pane has no position
    the layout lacks the pane at position 1
    the layout is not understood: invalid value: integer `-1`, expected u32
    the layout is empty
    the layout is not understood: recursion limit exceeded at line 1 column 390
    ");
}

#[test]
fn settles_what_tmux_settles() {
    // Places of tiled cells and the size of the root follow from the sizes of the cells.
    let text = old("90x30,5,5{40x24,0,0,0,39x24,77,3,1}");
    let layout = Layout::parse(text.as_bytes(), &[0, 1]).unwrap();
    assert_eq!(layout.to_old(), old("80x24,0,0{40x24,0,0,0,39x24,41,0,1}"));
    // A container of one cell is that cell.
    let text = old("80x24,0,0[80x24,0,0{40x24,0,0,0,39x24,41,0,1}]");
    assert_eq!(Layout::parse(text.as_bytes(), &[0, 1]), Ok(layout));
}

#[test]
fn floating_panes_leave_containers_in_which_nothing_is_tiled() {
    // As tmux 3.8 reports a window whose right half was made to float: it refuses the column 0 cells wide itself.
    let text = r#"{"V":2,"L":{"t":"h","w":120,"h":40,"x":0,"y":0,"c":[
        {"t":"p","w":120,"h":40,"x":0,"y":0,"l":1,"i":0,"I":"%0"},
        {"t":"v","w":0,"h":0,"x":0,"y":0,"c":[
            {"t":"p","w":60,"h":10,"x":4,"y":2,"l":0,"i":1,"z":7,"I":"%1","new":{"a":[1]}},
            {"t":"p","w":60,"h":10,"x":-8,"y":4,"a":true,"i":2,"z":3,"I":"%2"}]}]}}"#;
    let reported = Reported::parse(text.as_bytes(), &[0, 1, 2]).unwrap();
    assert_eq!((reported.active, &reported.last[..]), (Some(2), &[1, 0][..]));
    let cells = vec![pane(120, 40, 0), floating(60, 10, 4, 2, 1, 1), floating(60, 10, -8, 4, 2, 0)];
    let layout = Layout { root: side_by_side(120, 40, cells) };
    assert_eq!(reported.layout, layout);
    assert_eq!(layout.to_old_without_floating().unwrap(), old("120x40,0,0,0"));
    assert_eq!(layout.to_old(), old("120x62,0,0[120x40,0,0,0,120x10,0,41,1,120x10,0,52,2]"));
}

#[test]
fn panes_are_counted_from_any_pane_base_index() {
    // As tmux 3.8 reports it under `pane-base-index` 2.
    let text = r#"{"V":2,"L":{"t":"v","w":80,"h":24,"x":0,"y":0,"c":[
        {"t":"p","w":80,"h":12,"x":0,"y":0,"l":0,"i":2,"I":"%5"},
        {"t":"p","w":80,"h":11,"x":0,"y":13,"a":true,"i":3,"I":"%9"}]}}"#;
    let reported = Reported::parse(text.as_bytes(), &[5, 9]).unwrap();
    assert_eq!((reported.active, &reported.last[..]), (Some(1), &[0][..]));
    assert_eq!(reported.layout.to_old(), old("80x24,0,0[80x12,0,0,0,80x11,0,13,1]"));
}

#[test]
fn a_window_of_floating_panes_only() {
    // tmux 3.8 gives the root the size of one of them (and its place, but not always).
    let root = one_above_the_other(60, 10, vec![floating(60, 10, 4, 2, 0, 1), floating(28, 6, 8, 4, 1, 0)]);
    let layout = Layout::new(root.clone()).unwrap();
    assert_eq!(layout.root, root);
    assert_eq!(layout.to_old_without_floating(), None);
    assert_eq!(layout.to_old(), old("60x17,0,0[60x10,0,0,0,60x6,0,11,1]"));
    assert_eq!(Layout::parse(layout.to_json(0, &[]).as_bytes(), &[0, 1]), Ok(layout));
}

#[test]
fn reads_the_floating_panes_of_tmux_3_7() {
    let text =
        "5381,120x40,0,0{60x40,0,0,0,59x40,61,0,1,40x10,20,5,2,40x10,-5,-5,3}<40x10,-5,-5,3,40x10,20,5,2>";
    let layout = Layout::parse(text.as_bytes(), &[0, 1, 2, 3]).unwrap();
    let tiled = [pane(60, 40, 0), Cell { x: 61, ..pane(59, 40, 1) }];
    let floating = [floating(40, 10, 20, 5, 2, 1), floating(40, 10, -5, -5, 3, 0)];
    assert_eq!(layout.root, side_by_side(120, 40, tiled.into_iter().chain(floating).collect()));
    for broken in ["80x24,0,0,0<20x5,3,2,1", "80x24,0,0,0<20x5,3,2{2x5,9,9,1}>", "80x24,0,0,0<>"] {
        assert!(Layout::parse(old(broken).as_bytes(), &[0, 1]).is_err());
    }
}

#[test]
fn tells_when_old_tmux_cannot_give_every_pane_its_place() {
    // Reported by 3.5a after `join-pane -f -b -s %3 -t %2` of four panes.
    let text = old("160x60,0,0[160x30,0,0,3,160x29,0,31{80x29,0,31,0,39x29,81,31,1,39x29,121,31,2}]");
    let layout = Layout::parse(text.as_bytes(), &[0, 1, 3, 2]).unwrap();
    assert!(!layout.leaves_in_pane_order());
    assert_eq!(layout.tree_order(), [2, 0, 1, 3]);
    assert!(Layout::stacked(80, 24, 5).leaves_in_pane_order());
}

#[test]
fn more_floating_rows_than_a_window_may_have() {
    let cells = vec![pane(80, 9_000, 0), floating(80, 9_000, 0, 0, 1, 0)];
    let layout = Layout::new(side_by_side(80, 9_000, cells)).unwrap();
    assert_eq!(layout.tiled(), Layout::stacked(80, 9_000, 2));
}

#[test]
fn reads_and_prints_what_every_version_reported() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/layouts");
    let mut lines = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for line in text.lines() {
            let (ids, layout) = line.split_once('\t').unwrap();
            let ids: Vec<u32> = ids.split(' ').map(|id| id[1..].parse().unwrap()).collect();
            let reported = Reported::parse(layout.as_bytes(), &ids).unwrap_or_else(|e| panic!("{e}: {line}"));
            check_printed(layout, &ids, &reported);
            lines += 1;
        }
    }
    assert!(lines > 100);
}

/// Prints as tmux did, but for what [`Layout::new`] settles.
fn check_printed(text: &str, ids: &[u32], reported: &Reported) {
    let Reported { layout, active, last } = reported;
    let positions: Vec<u32> = (0..ids.len() as u32).collect();
    let json = layout.to_json(active.unwrap_or(0), last);
    assert_eq!(Layout::parse(json.as_bytes(), &positions).as_ref(), Ok(layout));
    assert_eq!(Layout::parse(layout.to_old().as_bytes(), &positions), Ok(layout.tiled()));
    if !text.starts_with('{') && !layout.has_floating() {
        let mut with_ids = layout.root.clone();
        permute(&mut with_ids, &ids.iter().map(|&id| id as usize).collect::<Vec<_>>());
        assert_eq!(old::print(&with_ids), text);
    }
}
