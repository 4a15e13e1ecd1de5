//! Finding known lines again in what was captured later.

use bstr::ByteSlice;

use super::lines::{Lines, hash, rows, visible};
use crate::capture::Blocks;
use crate::model::{BlockRef, Scrollback};

/// How many lines at the beginning of `lines` are known already.
///
/// `lines` were captured from `known_rows` rows above the first unknown line; the first may be the rest of a line.
/// `anchor` are the hashes of the last known lines, the latest last. `sure`: that place is where they are, unless
/// something is wrong; otherwise lines that repeat themselves prove nothing, as they are the same in other places.
/// None if there is no such place, or more than one.
pub(super) fn known_lines(
    lines: &Lines,
    known_rows: u32,
    width: u32,
    anchor: &[u64],
    sure: bool,
) -> Option<usize> {
    let mut hashes: Vec<u64> = Vec::new();
    let (mut least, mut most) = (0_u32, 0_u32);
    let mut found = None;
    for line in lines.iter() {
        let (low, high) = rows(line, width);
        (least, most) = (least.saturating_add(low), most.saturating_add(high));
        if least > known_rows {
            break;
        }
        hashes.push(hash(line));
        if most >= known_rows && ends_with_anchor(&hashes, anchor, sure) {
            if found.is_some() {
                return None;
            }
            found = Some(hashes.len());
        }
    }
    found
}

/// Whether these are the last known lines. The first of them may lack its beginning: it proves nothing and must not
/// be the only one.
fn ends_with_anchor(hashes: &[u64], anchor: &[u64], sure: bool) -> bool {
    let whole = &hashes[1..];
    let compared = whole.len().min(anchor.len());
    let anchor = &anchor[anchor.len() - compared..];
    compared > 0 && whole[whole.len() - compared..] == *anchor && (sure || !repeats_itself(anchor))
}

/// Whether the lines are the same few over and over, or too few to tell.
fn repeats_itself(lines: &[u64]) -> bool {
    lines.len() < 3
        || (1..=lines.len() / 2).any(|period| lines.iter().zip(&lines[period..]).all(|(a, b)| a == b))
}

/// Where a history begins after its first rows were thrown away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewTop {
    pub head: Option<Vec<u8>>,
    pub skip: u32,
    pub history: Vec<BlockRef>,
}

/// Finds the place `dropped` rows below the beginning of `text` where the lines of `top` stand: what tmux holds first
/// now. The first of `top` may be the rest of a line; its last may lack its end and is not looked at. None if there
/// is no such place, or more than one.
pub(super) fn new_top(
    text: &Scrollback,
    dropped: u32,
    top: &Lines,
    blocks: &mut dyn Blocks,
) -> Option<NewTop> {
    let compared = top.len().checked_sub(1).filter(|count| *count > 0)?;
    let known = Known::read(text, dropped, compared, blocks)?;
    let (mut least, mut most) = (0_u32, 0_u32);
    let mut found = None;
    for (index, line) in known.lines.iter().enumerate() {
        let (low, high) = rows(line, text.size.width);
        let follow = (1..compared).all(|n| known.lines.get(index + n).is_some_and(|line| line == top.get(n)));
        let whole = (least..=most).contains(&dropped) && line == top.get(0);
        let inside = least < dropped && dropped < most.saturating_add(high);
        let rest = inside && !whole && compared > 1 && is_rest(line, top.get(0));
        if follow && (whole || rest) {
            if found.is_some() {
                return None;
            }
            found = Some((index, rest));
        }
        (least, most) = (least.saturating_add(low), most.saturating_add(high));
        if least > dropped {
            break;
        }
    }
    let (index, rest) = found?;
    Some(known.begin_at(index, rest.then(|| top.get(0).to_vec())))
}

fn is_rest(line: &[u8], rest: &[u8]) -> bool {
    let (line, rest) = (visible(line), visible(rest));
    rest.len() < line.len() && line.ends_with(&rest)
}

/// The first known lines of a text.
struct Known<'a> {
    text: &'a Scrollback,
    lines: Vec<Vec<u8>>,
}

impl<'a> Known<'a> {
    /// As many lines as are needed to look `rows` rows down, and `more` lines.
    fn read(text: &'a Scrollback, rows_wanted: u32, more: usize, blocks: &mut dyn Blocks) -> Option<Self> {
        let mut lines: Vec<Vec<u8>> = text.head.iter().cloned().collect();
        let mut skip = text.skip as usize;
        let mut enough = 0_u32;
        let mut beyond = 0;
        for block in &text.history {
            let bytes = blocks.read(block.id)?;
            for line in bytes.lines().skip(skip) {
                if enough > rows_wanted {
                    beyond += 1;
                }
                enough = enough.saturating_add(rows(line, text.size.width).0);
                lines.push(line.to_vec());
            }
            skip = 0;
            if beyond > more {
                break;
            }
        }
        Some(Self { text, lines })
    }

    /// The history from a line on, or from behind that line, with the rest of it before.
    fn begin_at(&self, line: usize, head: Option<Vec<u8>>) -> NewTop {
        let head_lines = usize::from(self.text.head.is_some());
        if head.is_none() && line < head_lines {
            // The rest of a line that was there before: nothing has been thrown away.
            let text = self.text;
            return NewTop { head: text.head.clone(), skip: text.skip, history: text.history.clone() };
        }
        let mut skip = self.text.skip as usize + line - head_lines.min(line);
        if head.is_some() && line >= head_lines {
            skip += 1;
        }
        let mut history = self.text.history.as_slice();
        while let Some(first) = history.first().filter(|first| skip >= first.lines as usize) {
            skip -= first.lines as usize;
            history = &history[1..];
        }
        NewTop { head, skip: skip as u32, history: history.to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sealing::tests::Memory;
    use super::super::sealing::write;
    use super::*;
    use crate::model::{Size, TextMark};

    fn lines(text: &str) -> Lines {
        Lines::of(text.as_bytes().to_vec())
    }

    fn hashes(text: &str) -> Vec<u64> {
        text.lines().map(|line| hash(line.as_bytes())).collect()
    }

    #[test]
    fn known_lines_are_counted_in_rows() {
        let anchor = hashes("a\nb\nc\n");
        assert_eq!(known_lines(&lines("b\nc\nd\n"), 2, 10, &anchor, true), Some(2));
        assert_eq!(known_lines(&lines("b\nc\nd\n"), 2, 10, &anchor, false), None, "too few");
        assert_eq!(known_lines(&lines("rest\nb\nc\nd\n"), 3, 10, &anchor, true), Some(3));
        assert_eq!(known_lines(&lines("rest\na\nb\nc\nd\n"), 4, 10, &anchor, false), Some(4));
        assert_eq!(known_lines(&lines("c\nd\n"), 1, 10, &anchor, true), None, "nothing whole to compare");
        assert_eq!(known_lines(&lines("x\nb\nx\nd\n"), 3, 10, &anchor, true), None);
        // The same line over and over: rows tell, if they can be relied upon.
        let same = hashes("y\ny\ny\ny\n");
        assert_eq!(known_lines(&lines("y\ny\ny\ny\ny\ny\n"), 5, 10, &same, true), Some(5));
        assert_eq!(known_lines(&lines("y\ny\ny\ny\ny\ny\n"), 5, 10, &same, false), None);
        // Rows of other characters are not known: two places would do.
        let wide = hashes("語\n語\n語\n");
        assert_eq!(known_lines(&lines("語\n語\n語\n語\n"), 3, 10, &wide, true), Some(3));
        let wide = hashes("語語語\n語語語\n");
        assert_eq!(known_lines(&lines("語語語\n語語語\n語語語\n語語語\n"), 3, 5, &wide, true), None);
    }

    fn scrollback(blocks: &[&str], skip: u32, head: Option<&str>, memory: &mut Memory) -> Scrollback {
        let history = blocks.iter().map(|text| write(text.as_bytes().to_vec(), memory)).collect();
        Scrollback {
            size: Size { width: 10, height: 5 },
            head: head.map(|head| head.as_bytes().to_vec()),
            skip,
            history,
            screen: write(Vec::new(), memory),
            end_row: 0,
            mark: TextMark::default(),
        }
    }

    #[test]
    fn a_new_top_is_found() {
        let mut memory = Memory::default();
        let text = scrollback(&["gone\na\nb\nlonger than ten\n", "c\nd\ne\nf\n"], 1, None, &mut memory);
        let mut top = |dropped, first: &str| new_top(&text, dropped, &lines(first), &mut memory);
        let found = top(1, "b\nlonger than ten\nc\n").unwrap();
        assert_eq!((found.head, found.skip, found.history.len()), (None, 2, 2));
        let found = top(3, " ten\nc\nd\n").unwrap();
        assert_eq!((found.head.as_deref(), found.skip, found.history.len()), (Some(&b" ten"[..]), 0, 1));
        let found = top(5, "d\ne\nf\n").unwrap();
        assert_eq!((found.head, found.skip, found.history.len()), (None, 1, 1));
        assert_eq!(top(5, "x\ne\nf\n"), None);
        assert_eq!(top(50, "d\ne\nf\n"), None);
        assert_eq!(top(5, "d\n"), None);
        let text = scrollback(&["a\nb\n", "c\nd\n"], 0, Some("head"), &mut memory);
        let found = new_top(&text, 1, &lines("a\nb\nc\n"), &mut memory).unwrap();
        assert_eq!((found.head, found.skip, found.history.len()), (None, 0, 2));
        let found = new_top(&text, 2, &lines("b\nc\nd\n"), &mut memory).unwrap();
        assert_eq!((found.head, found.skip), (None, 1));
    }
}
