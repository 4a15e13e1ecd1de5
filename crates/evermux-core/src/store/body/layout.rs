//! Layouts in stored bodies: the cells of the tree in order, each container followed by what it holds.
//!
//! A flat list, because a deep tree as nested JSON would run into the parser's limit of depth.

use serde::{Deserialize, Serialize};

use crate::layout::{Cell, Content, Layout, Leaf, MAX_DEPTH};

/// One cell; of the last four keys it has one. Numbers of containers are how many of the following cells (with what
/// they hold in turn) are inside.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CellBody {
    w: u32,
    h: u32,
    x: i32,
    y: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pane: Option<usize>,
    /// A floating pane, and its place in the stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    floating: Option<(usize, u32)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left_right: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    top_bottom: Option<usize>,
}

/// A tree as a list.
pub fn flatten(layout: &Layout) -> Vec<CellBody> {
    let mut cells = Vec::new();
    let mut stack = vec![layout.root()];
    while let Some(cell) = stack.pop() {
        let mut body =
            CellBody { w: cell.width, h: cell.height, x: cell.x, y: cell.y, ..CellBody::default() };
        match &cell.content {
            Content::Pane(Leaf { pane, floating: None }) => body.pane = Some(*pane),
            Content::Pane(Leaf { pane, floating: Some(place) }) => body.floating = Some((*pane, *place)),
            Content::LeftRight(inner) => body.left_right = Some(inner.len()),
            Content::TopBottom(inner) => body.top_bottom = Some(inner.len()),
        }
        if let Content::LeftRight(inner) | Content::TopBottom(inner) = &cell.content {
            stack.extend(inner.iter().rev());
        }
        cells.push(body);
    }
    cells
}

/// A list as a tree; none if it is not the list of one layout.
pub fn tree(cells: Vec<CellBody>) -> Option<Layout> {
    let mut cells = cells.into_iter();
    // A deeper tree is no layout, and taking it apart could overflow the stack.
    let root = cell(&mut cells, MAX_DEPTH + 1)?;
    if cells.next().is_some() {
        return None;
    }
    Layout::new(root).ok()
}

fn cell(cells: &mut std::vec::IntoIter<CellBody>, depth: usize) -> Option<Cell> {
    let body = cells.next()?;
    let mut inner = |count: usize| {
        let depth = depth.checked_sub(1)?;
        // Every inner cell stands in the list, so a count that lies ends there.
        (0..count).map(|_| cell(cells, depth)).collect::<Option<Vec<Cell>>>()
    };
    let content = match (body.pane, body.floating, body.left_right, body.top_bottom) {
        (Some(pane), None, None, None) => Content::Pane(Leaf { pane, floating: None }),
        (None, Some((pane, place)), None, None) => Content::Pane(Leaf { pane, floating: Some(place) }),
        (None, None, Some(count), None) => Content::LeftRight(inner(count)?),
        (None, None, None, Some(count)) => Content::TopBottom(inner(count)?),
        _ => return None,
    };
    Some(Cell { width: body.w, height: body.h, x: body.x, y: body.y, content })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_and_lists_are_the_same() {
        let cell = |width, x, pane, floating| {
            let content = Content::Pane(Leaf { pane, floating });
            Cell { width, height: 10, x, y: 0, content }
        };
        let inner =
            Content::LeftRight(vec![cell(10, 0, 1, None), cell(9, 11, 0, None), cell(5, -3, 2, Some(0))]);
        let layout = Layout::new(Cell { content: inner, ..cell(20, 0, 0, None) }).unwrap();
        let json = serde_json::to_string(&flatten(&layout)).unwrap();
        assert_eq!(tree(serde_json::from_str(&json).unwrap()), Some(layout));
    }

    #[test]
    fn other_lists_are_refused() {
        let list = |json: &str| tree(serde_json::from_str(json).unwrap());
        assert_eq!(list("[]"), None);
        assert_eq!(
            list(r#"[{"w":1,"h":1,"x":0,"y":0,"left-right":2},{"w":1,"h":1,"x":0,"y":0,"pane":0}]"#),
            None
        );
        let two = r#"[{"w":1,"h":1,"x":0,"y":0,"pane":1},{"w":1,"h":1,"x":0,"y":0,"pane":0}]"#;
        assert_eq!(list(two), None);
        let deep: Vec<&str> = vec![r#"{"w":1,"h":1,"x":0,"y":0,"left-right":1}"#; 100_000];
        assert_eq!(list(&format!("[{}]", deep.join(","))), None);
    }
}
