//! The old language: `CSUM,WxH,X,Y` and then `,ID` of a pane, `{…}` side by side or `[…]` one above the other
//! (`layout-custom.c`). tmux 3.7 has floating panes in the tree and names them again behind it, in `<…>`, the front one
//! first; it cannot read that back.

use super::{Cell, Content, LayoutError, Leaf, MAX_DEPTH};

/// The checksum in front of a layout, over everything behind its comma.
pub(super) fn checksum(layout: &[u8]) -> u16 {
    layout.iter().fold(0_u16, |sum, &byte| sum.rotate_right(1).wrapping_add(u16::from(byte)))
}

/// Reads a layout, finding the position of each pane by its id.
pub(super) fn parse(text: &[u8], pane_ids: &[u32]) -> Result<Cell, LayoutError> {
    let mut reader = Reader { text, at: 0, pane_ids };
    let stated = reader.checksum()?;
    let computed = checksum(&text[reader.at..]);
    if stated != computed {
        return Err(LayoutError::Checksum { stated, computed });
    }
    let mut root = reader.cell(0)?;
    if reader.take(b'<') {
        for (place, id) in (0..).zip(reader.floating()?) {
            float(&mut root, id, place);
        }
    }
    if reader.at == text.len() { Ok(root) } else { Err(reader.expected("its end")) }
}

/// Makes the pane at this position float, at this place in the stack.
fn float(cell: &mut Cell, pane: usize, place: u32) {
    match &mut cell.content {
        Content::Pane(leaf) if leaf.pane == pane => leaf.floating = Some(place),
        Content::Pane(_) => {}
        Content::LeftRight(cells) | Content::TopBottom(cells) => {
            cells.iter_mut().for_each(|cell| float(cell, pane, place));
        }
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    pane_ids: &'a [u32],
}

impl Reader<'_> {
    fn expected(&self, expected: &'static str) -> LayoutError {
        LayoutError::Syntax { at: self.at, expected }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Steps over `byte` if it is next.
    fn take(&mut self, byte: u8) -> bool {
        let next = self.peek() == Some(byte);
        self.at += usize::from(next);
        next
    }

    fn want(&mut self, byte: u8, name: &'static str) -> Result<(), LayoutError> {
        if self.take(byte) { Ok(()) } else { Err(self.expected(name)) }
    }

    /// Four hexadecimal digits and a comma. tmux takes fewer digits, or `0x`, and then skips five bytes anyway; it
    /// never prints such.
    fn checksum(&mut self) -> Result<u16, LayoutError> {
        let digits = self.text.get(..4).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let stated = digits
            .and_then(|digits| u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok())
            .ok_or_else(|| self.expected("a checksum of four hexadecimal digits"))?;
        self.at = 4;
        self.want(b',', "','")?;
        Ok(stated)
    }

    /// Decimal digits that fit.
    fn number(&mut self) -> Result<u32, LayoutError> {
        let digits = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = std::str::from_utf8(&self.text[self.at..self.at + digits])
            .ok()
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| self.expected("a number"))?;
        self.at += digits;
        Ok(number)
    }

    /// An offset; only floating panes have negative ones.
    fn offset(&mut self) -> Result<i32, LayoutError> {
        let at = self.at;
        let negative = self.take(b'-');
        let number = i32::try_from(self.number()?)
            .map_err(|_| LayoutError::Syntax { at, expected: "a smaller number" })?;
        Ok(if negative { -number } else { number })
    }

    /// A cell with all that is inside.
    fn cell(&mut self, depth: usize) -> Result<Cell, LayoutError> {
        if depth >= MAX_DEPTH {
            return Err(LayoutError::TooDeep);
        }
        let width = self.number()?;
        self.want(b'x', "'x'")?;
        let height = self.number()?;
        self.want(b',', "','")?;
        let x = self.offset()?;
        self.want(b',', "','")?;
        let y = self.offset()?;
        let content = match self.peek() {
            Some(b',') => Content::Pane(Leaf { pane: self.pane()?, floating: None }),
            Some(b'{') => Content::LeftRight(self.cells(depth, b'}', "',' or '}' after a cell")?),
            Some(b'[') => Content::TopBottom(self.cells(depth, b']', "',' or ']' after a cell")?),
            _ => return Err(self.expected("a pane id, '{' or '['")),
        };
        Ok(Cell { width, height, x, y, content })
    }

    /// `,ID`, as the position of that pane.
    fn pane(&mut self) -> Result<usize, LayoutError> {
        self.want(b',', "','")?;
        let id = self.number()?;
        self.pane_ids.iter().position(|&pane| pane == id).ok_or(LayoutError::UnknownPane(id))
    }

    /// The cells of a container, its brackets included.
    fn cells(&mut self, depth: usize, close: u8, end: &'static str) -> Result<Vec<Cell>, LayoutError> {
        let mut cells = Vec::new();
        self.at += 1;
        loop {
            cells.push(self.cell(depth + 1)?);
            if !self.take(b',') {
                self.want(close, end)?;
                return Ok(cells);
            }
        }
    }

    /// The positions of the floating panes up to the closing `>`.
    fn floating(&mut self) -> Result<Vec<usize>, LayoutError> {
        let mut panes = Vec::new();
        loop {
            match self.cell(1)?.content {
                Content::Pane(leaf) => panes.push(leaf.pane),
                _ => return Err(self.expected("a floating pane")),
            }
            if !self.take(b',') {
                self.want(b'>', "',' or '>' after a floating pane")?;
                return Ok(panes);
            }
        }
    }
}

/// A tree without its floating panes and the containers that are then superfluous; none if nothing is left.
pub(super) fn without_floating(cell: &Cell) -> Option<Cell> {
    let keep = |cells: &[Cell]| cells.iter().filter_map(without_floating).collect::<Vec<Cell>>();
    let (mut cells, left_right) = match &cell.content {
        Content::Pane(leaf) => return leaf.floating.is_none().then(|| cell.clone()),
        Content::LeftRight(cells) => (keep(cells), true),
        Content::TopBottom(cells) => (keep(cells), false),
    };
    if cells.len() < 2 {
        return cells.pop();
    }
    let content = if left_right { Content::LeftRight(cells) } else { Content::TopBottom(cells) };
    Some(Cell { content, ..*cell })
}

/// Prints a tree that has no floating panes, with its checksum.
pub(super) fn print(root: &Cell) -> String {
    let mut layout = String::new();
    append(root, &mut layout);
    format!("{:04x},{layout}", checksum(layout.as_bytes()))
}

fn append(cell: &Cell, layout: &mut String) {
    let Cell { width, height, x, y, content } = cell;
    *layout += &format!("{width}x{height},{x},{y}");
    let (cells, open, close) = match content {
        Content::Pane(leaf) => return *layout += &format!(",{}", leaf.pane),
        Content::LeftRight(cells) => (cells, '{', '}'),
        Content::TopBottom(cells) => (cells, '[', ']'),
    };
    for (number, cell) in cells.iter().enumerate() {
        layout.push(if number == 0 { open } else { ',' });
        append(cell, layout);
    }
    layout.push(close);
}
