//! Windows in stored bodies.

use serde::{Deserialize, Serialize};

use super::layout::{CellBody, flatten, tree};
use super::pane::PaneBody;
use super::session::{EntryBody, model_options, options};
use super::{Bytes, Hash, is_default};
use crate::model::{Size, Window, WindowFacts};

/// A window without its facts.
#[derive(Debug, Serialize, Deserialize)]
pub struct WindowBody {
    /// Its name.
    pub name: Bytes,
    layout: Vec<CellBody>,
    size: (u32, u32),
    #[serde(default, skip_serializing_if = "is_default")]
    zoomed: bool,
    active: usize,
    #[serde(default, skip_serializing_if = "is_default")]
    last: Vec<usize>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    options: Vec<EntryBody>,
    /// Its panes.
    pub panes: Vec<PaneBody>,
}

impl WindowBody {
    /// Of a window whose panes have these texts.
    pub fn of(window: &Window, texts: &[Option<Hash>]) -> Self {
        Self {
            name: (&window.name).into(),
            layout: flatten(&window.layout),
            size: (window.size.width, window.size.height),
            zoomed: window.zoomed,
            active: window.active,
            last: window.last.clone(),
            options: options(&window.options),
            panes: window.panes.iter().zip(texts).map(|(pane, text)| PaneBody::of(pane, *text)).collect(),
        }
    }

    /// The blocks that it mentions itself: what editors held.
    pub fn blocks(&self) -> Vec<Hash> {
        self.panes.iter().flat_map(PaneBody::blocks).collect()
    }

    /// As a window without facts and texts, and the hashes of its panes' texts; none if its layout is none.
    pub fn into_window(self) -> Option<(Window, Vec<Option<Hash>>)> {
        let texts = self.panes.iter().map(|pane| pane.text).collect();
        let window = Window {
            name: self.name.into(),
            layout: tree(self.layout)?,
            size: Size { width: self.size.0, height: self.size.1 },
            zoomed: self.zoomed,
            active: self.active,
            last: self.last,
            options: model_options(self.options),
            panes: self.panes.into_iter().map(PaneBody::into_pane).collect(),
            facts: WindowFacts::default(),
        };
        Some((window, texts))
    }
}
