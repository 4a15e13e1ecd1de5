//! tmux layouts: how the panes of a window divide it.
//!
//! A [`Layout`] is a tree of cells. tmux prints it in two languages: the old one (`95e4,120x40,0,0{…}`, every
//! version; `layout-custom.c`) and, from 3.8, JSON (`{"V":2,"L":{…}}`), which also knows floating panes.

/// The division of one window. Leaves name panes by their position in the window's pane order, never by live id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    /// The outermost cell; its size is the size of the window.
    pub root: Cell,
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

impl Layout {
    /// The panes of this layout in the order of the tree, floating ones included.
    pub fn leaves(&self) -> impl Iterator<Item = Leaf> + '_ {
        let mut stack = vec![&self.root];
        std::iter::from_fn(move || {
            loop {
                match &stack.pop()?.content {
                    Content::Pane(leaf) => return Some(*leaf),
                    Content::LeftRight(cells) | Content::TopBottom(cells) => stack.extend(cells.iter().rev()),
                }
            }
        })
    }
}
