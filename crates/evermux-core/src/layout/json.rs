//! JSON, from tmux 3.8: `{"V":2,"L":NODE}`.
//!
//! A node has `t` (`h`, `v` or `p`), `w`, `h`, `x`, `y`, and either children `c` or, for a pane, `i` (its index: its
//! position in the pane order, counted from `pane-base-index`; read back, only the order of these numbers counts),
//! `I` (its id, not read back), `a` (true for the active pane), `l` (place among the last panes, 0 for the latest)
//! and `z` (for a floating pane: its place in the stack, 0 in front). Other keys may come.

use serde::Deserialize;

use super::{Cell, Content, Layout, LayoutError, Leaf, Reported};

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "V")]
    version: u32,
    // Read only when the version is known.
    #[serde(rename = "L")]
    root: serde_json::Value,
}

#[derive(Deserialize)]
struct Node {
    #[serde(rename = "t")]
    kind: Kind,
    #[serde(rename = "w")]
    width: u32,
    #[serde(rename = "h")]
    height: u32,
    x: i32,
    y: i32,
    #[serde(rename = "c", default)]
    children: Vec<Node>,
    #[serde(rename = "i")]
    pane: Option<usize>,
    #[serde(rename = "a", default)]
    active: bool,
    #[serde(rename = "l")]
    last: Option<u32>,
    #[serde(rename = "z")]
    floating: Option<u32>,
}

impl Node {
    /// The smallest index of a pane in it, which for the whole layout is `pane-base-index`.
    fn first_index(&self) -> Option<usize> {
        self.children.iter().filter_map(Node::first_index).chain(self.pane).min()
    }
}

#[derive(Deserialize)]
enum Kind {
    #[serde(rename = "p")]
    Pane,
    #[serde(rename = "h")]
    LeftRight,
    #[serde(rename = "v")]
    TopBottom,
}

/// Reads a layout. The depth of the text is limited by serde_json, that of the tree by [`Layout::new`].
pub(super) fn parse(text: &[u8]) -> Result<Reported, LayoutError> {
    let unreadable = |error: serde_json::Error| LayoutError::Json(error.to_string());
    let document: Document = serde_json::from_slice(text).map_err(unreadable)?;
    if document.version != 2 {
        return Err(LayoutError::Version(document.version));
    }
    let root = Node::deserialize(document.root).map_err(unreadable)?;
    let mut focus = Focus { base: root.first_index().unwrap_or_default(), ..Focus::default() };
    let root = focus.cell(root)?;
    let layout = Layout::new(root)?;
    focus.last.sort_unstable();
    let last = focus.last.into_iter().map(|(_, pane)| pane).collect();
    Ok(Reported { layout, active: focus.active, last })
}

/// What is met on the way through the tree.
#[derive(Default)]
struct Focus {
    /// Index of the first pane.
    base: usize,
    active: Option<usize>,
    /// Places among the last panes, with the pane.
    last: Vec<(u32, usize)>,
}

impl Focus {
    fn cell(&mut self, node: Node) -> Result<Cell, LayoutError> {
        let Node { width, height, x, y, .. } = node;
        let content = match node.kind {
            Kind::Pane => {
                let index = node.pane.ok_or_else(|| LayoutError::Json("a pane has no position".into()))?;
                let pane = index - self.base;
                if node.active {
                    self.active = Some(pane);
                } else if let Some(last) = node.last {
                    self.last.push((last, pane));
                }
                Content::Pane(Leaf { pane, floating: node.floating })
            }
            Kind::LeftRight => Content::LeftRight(self.cells(node.children)?),
            Kind::TopBottom => Content::TopBottom(self.cells(node.children)?),
        };
        Ok(Cell { width, height, x, y, content })
    }

    fn cells(&mut self, nodes: Vec<Node>) -> Result<Vec<Cell>, LayoutError> {
        nodes.into_iter().map(|node| self.cell(node)).collect()
    }
}

/// Prints a tree, with the active pane and the last ones, the latest first.
pub(super) fn print(root: &Cell, active: usize, last: &[usize]) -> String {
    let mut json = String::from(r#"{"V":2,"L":"#);
    append(root, active, last, &mut json);
    json.push('}');
    json
}

fn append(cell: &Cell, active: usize, last: &[usize], json: &mut String) {
    let Cell { width, height, x, y, content } = cell;
    let (kind, cells) = match content {
        Content::Pane(_) => ("p", [].as_slice()),
        Content::LeftRight(cells) => ("h", cells.as_slice()),
        Content::TopBottom(cells) => ("v", cells.as_slice()),
    };
    *json += &format!(r#"{{"t":"{kind}","w":{width},"h":{height},"x":{x},"y":{y}"#);
    if let Content::Pane(leaf) = content {
        if leaf.pane == active {
            *json += r#","a":true"#;
        } else if let Some(place) = last.iter().position(|&pane| pane == leaf.pane) {
            *json += &format!(r#","l":{place}"#);
        }
        *json += &format!(r#","i":{}"#, leaf.pane);
        if let Some(floating) = leaf.floating {
            *json += &format!(r#","z":{floating}"#);
        }
    }
    for (number, cell) in cells.iter().enumerate() {
        *json += if number == 0 { r#","c":["# } else { "," };
        append(cell, active, last, json);
    }
    if !cells.is_empty() {
        json.push(']');
    }
    json.push('}');
}
