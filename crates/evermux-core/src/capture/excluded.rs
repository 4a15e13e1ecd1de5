//! Layouts without the panes that are not saved.

use crate::layout::{Cell, Content, Layout, LayoutError, Leaf};

/// The layout without the panes for which `gone` is true, the others renumbered in order. What a pane leaves goes to
/// its neighbour, as when it is closed. `gone` has one entry for each pane, and one of them is false.
pub(super) fn without(layout: &Layout, gone: &[bool]) -> Result<Layout, LayoutError> {
    let root = layout.root();
    let kept = keep(root, gone).ok_or(LayoutError::Empty)?;
    Layout::new(grown(kept, root.width, root.height))
}

fn keep(cell: &Cell, gone: &[bool]) -> Option<Cell> {
    let content = match &cell.content {
        Content::Pane(leaf) if gone.get(leaf.pane).copied().unwrap_or(true) => return None,
        Content::Pane(leaf) => {
            let pane = gone[..leaf.pane].iter().filter(|gone| !**gone).count();
            Content::Pane(Leaf { pane, ..*leaf })
        }
        Content::LeftRight(cells) => Content::LeftRight(keep_children(cells, true, gone)?),
        Content::TopBottom(cells) => Content::TopBottom(keep_children(cells, false, gone)?),
    };
    Some(match content {
        // A container of one is that one.
        Content::LeftRight(mut cells) | Content::TopBottom(mut cells) if cells.len() == 1 => {
            let only = cells.remove(0);
            if floats(&only) { only } else { grown(only, cell.width, cell.height) }
        }
        content => Cell { content, ..cell.clone() },
    })
}

fn keep_children(cells: &[Cell], side_by_side: bool, gone: &[bool]) -> Option<Vec<Cell>> {
    let mut kept: Vec<Cell> = Vec::new();
    // What was freed before there was a tile to take it.
    let mut free = 0;
    for cell in cells {
        let freed = if side_by_side { cell.width + 1 } else { cell.height + 1 };
        match keep(cell, gone) {
            Some(next) if floats(cell) => kept.push(next),
            Some(next) => {
                kept.push(if side_by_side {
                    grown(next, cell.width + free, cell.height)
                } else {
                    grown(next, cell.width, cell.height + free)
                });
                free = 0;
            }
            None if floats(cell) => {}
            None => match kept.iter_mut().rev().find(|cell| !floats(cell)) {
                Some(before) => {
                    let (width, height) = (before.width, before.height);
                    *before = if side_by_side {
                        grown(before.clone(), width + freed, height)
                    } else {
                        grown(before.clone(), width, height + freed)
                    };
                }
                None => free += freed,
            },
        }
    }
    (!kept.is_empty()).then_some(kept)
}

fn floats(cell: &Cell) -> bool {
    matches!(cell.content, Content::Pane(Leaf { floating: Some(_), .. }))
}

/// The cell at another size, never a smaller one: the last tile inside takes what is added.
fn grown(mut cell: Cell, width: u32, height: u32) -> Cell {
    if floats(&cell) {
        return cell;
    }
    let (more_width, more_height) = (width.saturating_sub(cell.width), height.saturating_sub(cell.height));
    (cell.width, cell.height) = (width, height);
    let side_by_side = matches!(cell.content, Content::LeftRight(_));
    if let Content::LeftRight(cells) | Content::TopBottom(cells) = &mut cell.content {
        let last = cells.iter().rposition(|cell| !floats(cell));
        for (position, child) in cells.iter_mut().enumerate() {
            let takes = Some(position) == last;
            let width = child.width + if !side_by_side || takes { more_width } else { 0 };
            let height = child.height + if side_by_side || takes { more_height } else { 0 };
            *child = grown(child.clone(), width, height);
        }
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three columns, the middle one of two rows.
    const LAYOUT: &[u8] = b"120x40,0,0{40x40,0,0,0,39x40,41,0[39x20,41,0,1,39x19,41,21,2],39x40,81,0,3}";

    fn layout(body: &[u8]) -> Layout {
        let sum = body
            .iter()
            .fold(0_u16, |sum, byte| (sum >> 1).wrapping_add((sum & 1) << 15).wrapping_add(u16::from(*byte)));
        let text = [format!("{sum:04x},").as_bytes(), body].concat();
        Layout::parse(&text, &[0, 1, 2, 3]).unwrap()
    }

    fn body(layout: &Layout) -> String {
        layout.to_old()[5..].to_owned()
    }

    #[test]
    fn what_is_left_fills_the_window() {
        let all = layout(LAYOUT);
        let cases = [
            ([true, false, false, false], "120x40,0,0{80x40,0,0[80x20,0,0,0,80x19,0,21,1],39x40,81,0,2}"),
            ([false, true, false, false], "120x40,0,0{40x40,0,0,0,39x40,41,0,1,39x40,81,0,2}"),
            ([false, true, true, false], "120x40,0,0{80x40,0,0,0,39x40,81,0,1}"),
            ([false, false, false, true], "120x40,0,0{40x40,0,0,0,79x40,41,0[79x20,41,0,1,79x19,41,21,2]}"),
            ([true, true, false, true], "120x40,0,0,0"),
        ];
        for (gone, expected) in cases {
            assert_eq!(body(&without(&all, &gone).unwrap()), expected, "{gone:?}");
        }
        assert!(without(&all, &[true; 4]).is_err());
    }
}
