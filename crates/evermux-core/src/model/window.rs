//! Windows: panes and how they divide the space.

use bstr::BString;

use super::{OptionEntry, Pane, Size};
use crate::layout::Layout;

/// A window. A window linked to several sessions exists once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// As tmux reports it. Under automatic-rename it comes back with the program and is set until then.
    pub name: BString,
    /// How its panes divide it, unzoomed.
    pub layout: Layout,
    /// Its size.
    pub size: Size,
    /// Whether the active pane fills the window (`resize-pane -Z`).
    pub zoomed: bool,
    /// Position of the active pane.
    pub active: usize,
    /// Positions of the panes visited before, the latest first; tmux before 3.8 tells only one.
    pub last: Vec<usize>,
    /// Options set on the window itself, in tmux's order; `automatic-rename` as it was set is among them.
    pub options: Vec<OptionEntry>,
    /// Its panes in tmux's order; never empty.
    pub panes: Vec<Pane>,
    /// Facts, not restored.
    pub facts: WindowFacts,
}

/// Facts of a window: kept and shown, not restored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WindowFacts {
    /// Whether the window followed `automatic-rename` (its own setting or the global one).
    pub automatic_rename: bool,
    /// Alert letters: `!` bell, `#` activity, `~` silence.
    pub alerts: BString,
}
