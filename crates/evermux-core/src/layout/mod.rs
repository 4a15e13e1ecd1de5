//! tmux layouts: how the panes of a window divide it.
//!
//! A [`Layout`] is a tree of cells. tmux prints it in two languages: the old one (`95e4,120x40,0,0{…}`, every
//! version; `layout-custom.c`) and, from 3.8, JSON (`{"V":2,"L":{…}}`), which also knows floating panes. Both are
//! read by [`Layout::parse`]; every version takes the old one back through `select-layout`, 3.8 both.
//!
//! **A string that is not a layout kills tmux 3.3a** with all its sessions, so nothing but what [`Layout::to_old`]
//! and [`Layout::to_json`] print may reach `select-layout`, and JSON only a tmux that is at least 3.8.
//!
//! # Tree order and pane order
//! The order of the leaves in the tree is not always the order of the window's panes (`#{pane_index}`): in every
//! version `join-pane -f` and `move-pane -f` put a pane at the edge of the tree but beside its target in the list, and
//! in 3.1 `join-pane -b` puts it before its target in the tree but behind it in the list. Splits (`-b`, `-f`), swaps,
//! rotations and breaks keep the two in step. It matters for the old language: `select-layout` ignores the pane ids
//! in the string and hands the panes in list order to the leaves in tree order. So where
//! [`Layout::leaves_in_pane_order`] is false, old tmux can give back the places on the screen (panes made in
//! [`Layout::tree_order`]) or the indexes, not both. JSON names the pane of each leaf and gives back both.

mod check;
mod json;
mod old;
#[cfg(test)]
mod tests;

pub use check::LayoutError;

/// Most columns or rows of a cell: `WINDOW_MAXIMUM` of `tmux.h`.
pub const MAX_SIZE: u32 = 10_000;
/// Most levels of cells inside cells. tmux has no limit; this one keeps every walk over foreign input short.
pub const MAX_DEPTH: usize = 60;
/// Most panes of a window; one above the other they still fit into [`MAX_SIZE`].
pub const MAX_PANES: usize = 5_000;

/// The division of one window. Leaves name panes by their position in the window's pane order, never by live id.
///
/// Invariants, kept by [`Layout::new`]: the leaves are the panes `0..n`, each once; tiled cells fill their parent
/// exactly; sizes are within `1..=`[`MAX_SIZE`]; a container has at least two cells, and one of them is tiled unless
/// it is the root of a window whose panes all float; floating panes are stacked `0..` without gaps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    root: Cell,
}

/// One rectangle of a layout, in character cells, borders between siblings not included.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cell {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Columns from the left edge of the window; floating panes may hang over it.
    pub x: i32,
    /// Rows from the top edge of the window.
    pub y: i32,
    /// What is inside.
    pub content: Content,
}

/// What a [`Cell`] holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// A pane.
    Pane(Leaf),
    /// Cells side by side (`{…}` in the old language, `h` in JSON).
    LeftRight(Vec<Cell>),
    /// Cells one above the other (`[…]` in the old language, `v` in JSON).
    TopBottom(Vec<Cell>),
}

/// A pane in a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Leaf {
    /// The pane's position in the window's pane order, from 0.
    pub pane: usize,
    /// For a floating pane (tmux 3.7+): its place in the stack, 0 in front.
    pub floating: Option<u32>,
}

/// A layout as tmux reports it, with what JSON tells about the panes besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// The layout.
    pub layout: Layout,
    /// Position of the active pane, if told.
    pub active: Option<usize>,
    /// Positions of the panes visited before, the latest first, as far as told.
    pub last: Vec<usize>,
}

impl Layout {
    /// A layout with this outermost cell.
    ///
    /// What tmux itself does not take as written is settled as tmux does it: places of tiled cells follow from their
    /// sizes, and so does the size of the root; the stack of floating panes is numbered without gaps. Containers that
    /// hold one cell, or only floating panes, are dissolved: tmux 3.8 reports the latter (0 columns wide) but
    /// refuses them.
    ///
    /// # Errors
    /// [`LayoutError`] if the invariants of [`Layout`] cannot hold.
    pub fn new(root: Cell) -> Result<Self, LayoutError> {
        check::settle(root).map(|root| Self { root })
    }

    /// A window with one pane. Sizes are brought within `1..=`[`MAX_SIZE`].
    pub fn single(width: u32, height: u32) -> Self {
        Self::stacked(width, height, 1)
    }

    /// `panes` panes (at least 1, at most [`MAX_PANES`]) one above the other, as even as they go; higher than `height`
    /// if they need it. For a window whose layout is not known: up to 3.8 tmux prints none that is longer than 8 kB.
    pub fn stacked(width: u32, height: u32, panes: usize) -> Self {
        let panes = panes.clamp(1, MAX_PANES) as u32;
        let width = width.clamp(1, MAX_SIZE);
        let height = height.clamp(2 * panes - 1, MAX_SIZE);
        if panes == 1 {
            let leaf = Leaf { pane: 0, floating: None };
            return Self { root: Cell { width, height, x: 0, y: 0, content: Content::Pane(leaf) } };
        }
        let space = height - (panes - 1);
        let mut y = 0;
        let cells = (0..panes).map(|pane| {
            let height = space / panes + u32::from(pane < space % panes);
            let leaf = Leaf { pane: pane as usize, floating: None };
            let cell = Cell { width, height, x: 0, y, content: Content::Pane(leaf) };
            y += height as i32 + 1;
            cell
        });
        let content = Content::TopBottom(cells.collect());
        Self { root: Cell { width, height, x: 0, y: 0, content } }
    }

    /// Reads `#{window_layout}` in either language. `pane_ids` are the numbers of the window's pane ids in tmux's
    /// pane order: the old language names panes by id, JSON by position.
    ///
    /// # Errors
    /// [`LayoutError`] if `text` is anything else, or does not name each pane exactly once.
    pub fn parse(text: &[u8], pane_ids: &[u32]) -> Result<Self, LayoutError> {
        Ok(Reported::parse(text, pane_ids)?.layout)
    }

    /// The outermost cell; its size is the size of the window unless all panes float.
    pub fn root(&self) -> &Cell {
        &self.root
    }

    /// Columns and rows of the outermost cell.
    pub fn size(&self) -> (u32, u32) {
        (self.root.width, self.root.height)
    }

    /// How many panes there are, floating ones included.
    pub fn panes(&self) -> usize {
        self.leaves().count()
    }

    /// Whether two layouts divide their windows in the same way, whatever the sizes: the same panes side by side and one
    /// above the other, in the same order.
    pub fn is_shaped_like(&self, other: &Self) -> bool {
        fn same(one: &Cell, two: &Cell) -> bool {
            let all = |one: &[Cell], two: &[Cell]| {
                one.len() == two.len() && one.iter().zip(two).all(|(one, two)| same(one, two))
            };
            match (&one.content, &two.content) {
                (Content::Pane(one), Content::Pane(two)) => one == two,
                (Content::LeftRight(one), Content::LeftRight(two)) => all(one, two),
                (Content::TopBottom(one), Content::TopBottom(two)) => all(one, two),
                _ => false,
            }
        }
        same(&self.root, &other.root)
    }

    /// Whether a pane floats; then only JSON can say it all.
    pub fn has_floating(&self) -> bool {
        self.leaves().any(|leaf| leaf.floating.is_some())
    }

    /// The panes of this layout in the order of the tree, floating ones included.
    pub fn leaves(&self) -> impl Iterator<Item = Leaf> + '_ {
        self.leaf_cells().map(|(leaf, _)| leaf)
    }

    /// Each pane with its cell, in the order of the tree, floating ones included.
    pub fn leaf_cells(&self) -> impl Iterator<Item = (Leaf, &Cell)> + '_ {
        let mut stack = vec![&self.root];
        std::iter::from_fn(move || {
            loop {
                let cell = stack.pop()?;
                match &cell.content {
                    Content::Pane(leaf) => return Some((*leaf, cell)),
                    Content::LeftRight(cells) | Content::TopBottom(cells) => stack.extend(cells.iter().rev()),
                }
            }
        })
    }

    /// The panes in the order in which `select-layout` hands them to the leaves of [`Layout::to_old`].
    pub fn tree_order(&self) -> Vec<usize> {
        self.tiled().leaves().map(|leaf| leaf.pane).collect()
    }

    /// Whether [`Layout::to_old`] gives every pane its own place: see "Tree order and pane order" of this module.
    pub fn leaves_in_pane_order(&self) -> bool {
        self.tree_order().is_sorted()
    }

    /// The same without floating panes: they become tiles below the others, as wide as the window and as high as
    /// they were. For a tmux that has none. The window grows by them.
    pub fn tiled(&self) -> Self {
        let (floating, tiled): (Vec<_>, Vec<_>) =
            self.leaf_cells().partition(|(leaf, _)| leaf.floating.is_some());
        if floating.is_empty() {
            return self.clone();
        }
        let (width, _) = self.size();
        let mut cells: Vec<Cell> = old::without_floating(&self.root).into_iter().collect();
        let mut rest = floating;
        rest.sort_by_key(|(leaf, _)| leaf.pane);
        cells.extend(rest.iter().map(|(leaf, cell)| Cell {
            width,
            content: Content::Pane(Leaf { floating: None, ..*leaf }),
            ..(*cell).clone()
        }));
        let root = Cell { width, height: 1, x: 0, y: 0, content: Content::TopBottom(cells) };
        // More rows than a window may have: then the places of the panes are lost, not the panes.
        Self::new(root).unwrap_or_else(|_| {
            let (width, height) = self.size();
            Self::stacked(width, height, tiled.len() + rest.len())
        })
    }

    /// This layout in the old language, with its checksum, for `select-layout` of any tmux. Floating panes are tiled
    /// (see [`Layout::tiled`]); leaf ids are positions, which tmux ignores.
    pub fn to_old(&self) -> String {
        old::print(&self.tiled().root)
    }

    /// The tiled panes alone in the old language, as tmux 3.7 wants them, which does not count floating panes;
    /// none if every pane floats. Leaf ids are positions, with gaps where panes float.
    pub fn to_old_without_floating(&self) -> Option<String> {
        Some(old::print(&old::without_floating(&self.root)?))
    }

    /// This layout in JSON, for `select-layout` of tmux 3.8 and newer. It also selects the pane at position `active`
    /// and makes `last` the panes visited before, the latest first.
    pub fn to_json(&self, active: usize, last: &[usize]) -> String {
        json::print(&self.root, active, last)
    }
}

impl Reported {
    /// Like [`Layout::parse`], keeping what JSON tells about the active and last panes.
    ///
    /// # Errors
    /// As [`Layout::parse`].
    pub fn parse(text: &[u8], pane_ids: &[u32]) -> Result<Self, LayoutError> {
        let text = text.trim_ascii();
        let reported = match text.first() {
            None => return Err(LayoutError::Empty),
            Some(b'{') => json::parse(text)?,
            Some(_) => {
                let layout = Layout::new(old::parse(text, pane_ids)?)?;
                Self { layout, active: None, last: Vec::new() }
            }
        };
        match reported.layout.panes() {
            panes if panes < pane_ids.len() => Err(LayoutError::MissingPane(panes)),
            panes if panes > pane_ids.len() => Err(LayoutError::UnknownPane(pane_ids.len() as u32)),
            _ => Ok(reported),
        }
    }
}

impl Cell {
    /// Whether a pane inside is tiled, that is, not floating.
    fn is_tiled(&self) -> bool {
        match &self.content {
            Content::Pane(leaf) => leaf.floating.is_none(),
            Content::LeftRight(cells) | Content::TopBottom(cells) => cells.iter().any(Self::is_tiled),
        }
    }
}
