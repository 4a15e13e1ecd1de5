//! The invariants of a layout.

use thiserror::Error;

use super::{Cell, Content, Leaf, MAX_DEPTH, MAX_PANES, MAX_SIZE};

/// Why something is not a layout.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LayoutError {
    /// Nothing at all: what tmux before 3.8 reports for a layout of more than 8 kB.
    #[error("the layout is empty")]
    Empty,
    /// The checksum in front of an old layout does not fit it.
    #[error("the layout says checksum {stated:04x}, but has {computed:04x}")]
    Checksum {
        /// As written.
        stated: u16,
        /// As it should be.
        computed: u16,
    },
    /// Something else stands where the old language wants `expected`.
    #[error("the layout needs {expected} at byte {at}")]
    Syntax {
        /// Where, in bytes from the start.
        at: usize,
        /// What should be there.
        expected: &'static str,
    },
    /// Not the JSON of a layout.
    #[error("the layout is not understood: {0}")]
    Json(String),
    /// JSON of another version than 2.
    #[error("the layout has version {0}, not 2")]
    Version(u32),
    /// Cells inside cells inside cells.
    #[error("the layout is more than {MAX_DEPTH} levels deep")]
    TooDeep,
    /// More panes than rows for them.
    #[error("the layout has {0} panes")]
    TooManyPanes(usize),
    /// A cell without space or larger than tmux allows.
    #[error("the layout has a cell of {width}x{height}")]
    Size {
        /// Its columns.
        width: u32,
        /// Its rows.
        height: u32,
    },
    /// The cells in a cell are together larger or smaller than it, or one has another height or width.
    #[error("the cells inside a cell of {width}x{height} do not fill it")]
    NotFilled {
        /// Columns of the outer cell.
        width: u32,
        /// Its rows.
        height: u32,
    },
    /// A pane that the window does not have: its id, or its position in JSON.
    #[error("the layout names a pane {0} that the window does not have")]
    UnknownPane(u32),
    /// Two leaves for one pane.
    #[error("the layout has the pane at position {0} twice")]
    RepeatedPane(usize),
    /// No leaf for a pane.
    #[error("the layout lacks the pane at position {0}")]
    MissingPane(usize),
}

/// Brings a tree into the form of [`super::Layout`], or says why it cannot be.
pub(super) fn settle(root: Cell) -> Result<Cell, LayoutError> {
    let leaves = check_leaves(&root)?;
    let (kind, width, height) = (matches!(root.content, Content::TopBottom(_)), root.width, root.height);
    let mut cells = dissolve(root);
    let mut root = match cells.len() {
        1 => cells.remove(0),
        _ => {
            let content = if kind { Content::TopBottom(cells) } else { Content::LeftRight(cells) };
            Cell { width: width.max(1), height: height.max(1), x: 0, y: 0, content }
        }
    };
    if root.is_tiled() {
        (root.x, root.y) = (0, 0);
    }
    fit_root(&mut root);
    place(&mut root)?;
    number_floating(&mut root, leaves);
    Ok(root)
}

/// Checks depth, pane positions and the sizes of panes; gives the leaves.
fn check_leaves(root: &Cell) -> Result<Vec<Leaf>, LayoutError> {
    let mut leaves = Vec::new();
    let mut stack = vec![(root, 1)];
    while let Some((cell, depth)) = stack.pop() {
        if depth > MAX_DEPTH {
            return Err(LayoutError::TooDeep);
        }
        match &cell.content {
            Content::Pane(leaf) => {
                check_size(cell)?;
                leaves.push(*leaf);
            }
            Content::LeftRight(cells) | Content::TopBottom(cells) => {
                stack.extend(cells.iter().map(|cell| (cell, depth + 1)));
            }
        }
    }
    if leaves.is_empty() {
        return Err(LayoutError::Empty);
    }
    if leaves.len() > MAX_PANES {
        return Err(LayoutError::TooManyPanes(leaves.len()));
    }
    let mut positions: Vec<usize> = leaves.iter().map(|leaf| leaf.pane).collect();
    positions.sort_unstable();
    for (position, &found) in positions.iter().enumerate() {
        if found < position {
            return Err(LayoutError::RepeatedPane(found));
        }
        if found > position {
            return Err(LayoutError::MissingPane(position));
        }
    }
    Ok(leaves)
}

fn check_size(cell: &Cell) -> Result<(), LayoutError> {
    let &Cell { width, height, .. } = cell;
    let allowed = 1..=MAX_SIZE;
    if allowed.contains(&width) && allowed.contains(&height) {
        return Ok(());
    }
    Err(LayoutError::Size { width, height })
}

/// The cells that take the place of `cell`: floating panes leave a container in which nothing is tiled, and a
/// container of one cell is that cell.
fn dissolve(cell: Cell) -> Vec<Cell> {
    let (cells, left_right) = match cell.content {
        Content::Pane(_) => return vec![cell],
        Content::LeftRight(cells) => (cells, true),
        Content::TopBottom(cells) => (cells, false),
    };
    let cells: Vec<Cell> = cells.into_iter().flat_map(dissolve).collect();
    if cells.len() < 2 || !cells.iter().any(Cell::is_tiled) {
        return cells;
    }
    let content = if left_right { Content::LeftRight(cells) } else { Content::TopBottom(cells) };
    vec![Cell { content, ..cell }]
}

/// The size of the root follows from its cells, as in `layout_parse`: some versions print another one.
fn fit_root(root: &mut Cell) {
    let (Content::LeftRight(cells) | Content::TopBottom(cells)) = &root.content else { return };
    let tiled: Vec<&Cell> = cells.iter().filter(|cell| cell.is_tiled()).collect();
    let Some(last) = tiled.last() else { return };
    let sum = |length: fn(&Cell) -> u32| {
        tiled.iter().fold(0_u32, |sum, cell| sum.saturating_add(length(cell)).saturating_add(1)) - 1
    };
    (root.width, root.height) = match root.content {
        Content::LeftRight(_) => (sum(|cell| cell.width), last.height),
        _ => (last.width, sum(|cell| cell.height)),
    };
}

/// Checks that tiled cells fill their parent, and gives them their places.
fn place(cell: &mut Cell) -> Result<(), LayoutError> {
    check_size(cell)?;
    let &mut Cell { width, height, x, y, .. } = cell;
    let left_right = matches!(cell.content, Content::LeftRight(_));
    let (Content::LeftRight(cells) | Content::TopBottom(cells)) = &mut cell.content else { return Ok(()) };
    // Cells are at most MAX_SIZE long (checked below) and MAX_PANES many, so the sum stays far from overflow.
    let mut offset = 0_i32;
    for cell in cells.iter_mut().filter(|cell| cell.is_tiled()) {
        let (length, across) = if left_right { (cell.width, cell.height) } else { (cell.height, cell.width) };
        if across != if left_right { height } else { width } || length > MAX_SIZE {
            return Err(LayoutError::NotFilled { width, height });
        }
        (cell.x, cell.y) = if left_right { (x + offset, y) } else { (x, y + offset) };
        place(cell)?;
        offset += length as i32 + 1;
    }
    let length = if left_right { width } else { height };
    if offset != 0 && offset - 1 != length as i32 {
        return Err(LayoutError::NotFilled { width, height });
    }
    Ok(())
}

/// Numbers the stack of floating panes from 0, keeping its order.
fn number_floating(root: &mut Cell, leaves: Vec<Leaf>) {
    let mut stack: Vec<Leaf> = leaves.into_iter().filter(|leaf| leaf.floating.is_some()).collect();
    stack.sort_by_key(|leaf| (leaf.floating, leaf.pane));
    let mut place = vec![None; stack.iter().map(|leaf| leaf.pane + 1).max().unwrap_or(0)];
    for (number, leaf) in (0..).zip(&stack) {
        place[leaf.pane] = Some(number);
    }
    let mut cells = vec![root];
    while let Some(cell) = cells.pop() {
        match &mut cell.content {
            Content::Pane(leaf) => leaf.floating = place.get(leaf.pane).copied().flatten(),
            Content::LeftRight(inner) | Content::TopBottom(inner) => cells.extend(inner),
        }
    }
}
