//! A place in the text of a pane, so that later only what is new after it can be told.
//!
//! What marks it is what stands there: the rows above, as hashes, and the row itself, which may go on. tmux counts rows from the
//! end of a history that is cut and refilled, so a count alone proves nothing before 3.8; that version counts exactly.

use std::fmt;
use std::str::FromStr;

use super::rows::Rows;
use crate::model::PaneId;

/// How many rows above the place are kept.
pub(super) const ABOVE: usize = 16;

/// A place in the text of a pane. It is printed and read as a word without blanks, which means nothing to anybody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pane: PaneId,
    server: u32,
    width: u32,
    /// The index of the last row, counted from the top of the history.
    index: u64,
    /// The history's size then.
    history: u32,
    /// What 3.8 counts: rows thrown away, and the generation of the history.
    exact: Option<(u64, u64)>,
    /// The rows above, oldest first.
    above: Vec<u64>,
    /// The last row, and its length.
    last: (u64, usize),
}

/// What is new since a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct New {
    /// From this row on.
    pub from: usize,
    /// Without so many bytes at the beginning of that row.
    pub skip: usize,
    /// Whether that is surely the place.
    pub sure: bool,
}

/// A text that is not a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("that is not a mark, as --mark prints them")]
pub struct BadMark;

fn hash(row: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&blake3::hash(row).as_bytes()[..8]);
    u64::from_le_bytes(bytes)
}

impl Mark {
    /// The place behind everything that these rows hold.
    pub(super) fn after(pane: PaneId, server: u32, rows: &Rows) -> Self {
        let last = rows.rows.len().saturating_sub(1);
        let text: &[u8] = rows.rows.last().map_or(b"", |row| row.as_slice());
        let above = rows.rows[last.saturating_sub(ABOVE)..last].iter().map(|row| hash(row)).collect();
        Self {
            pane,
            server,
            width: rows.head.size.width,
            index: rows.first + last as u64,
            history: rows.head.history.size,
            exact: rows.head.history.exact.map(|exact| (exact.collected, exact.generation)),
            above,
            last: (hash(text), text.len()),
        }
    }

    /// Whether it is of this pane, in this life of its server.
    pub fn is_of(&self, pane: PaneId, server: u32) -> bool {
        self.pane == pane && self.server == server
    }

    /// Finds the place again. None: it is not among these rows, which may be only the last ones.
    pub(super) fn find(&self, rows: &Rows) -> Option<New> {
        let expected = self.expected(rows);
        if let Some((index, certain)) = expected
            && let Some(at) = index.checked_sub(rows.first).and_then(|at| usize::try_from(at).ok())
            && at < rows.rows.len()
            && certain
            && let Some(skip) = self.matches(rows, at)
        {
            return Some(New { from: at, skip, sure: true });
        }
        let found: Vec<(usize, usize)> =
            (0..rows.rows.len()).filter_map(|at| Some((at, self.matches(rows, at)?))).collect();
        match found[..] {
            [] => None,
            [(from, skip)] => Some(New { from, skip, sure: !self.repeats_itself() }),
            [.., (from, skip)] => Some(New { from, skip, sure: false }),
        }
    }

    /// Where the place must be by tmux's counts, and whether these prove it.
    fn expected(&self, rows: &Rows) -> Option<(u64, bool)> {
        if self.width != rows.head.size.width {
            return None;
        }
        let history = &rows.head.history;
        match (self.exact, history.exact) {
            (Some((collected, generation)), Some(now)) => {
                let same = generation == now.generation;
                let index = (self.index + collected).checked_sub(now.collected)?;
                same.then_some((index, true))
            }
            // Once it is full, a history is never again smaller than nine tenths of its limit, unless it is cleared.
            _ => {
                let tenth = (history.limit / 10).max(1);
                let untouched = history.size >= self.history && history.size + tenth < history.limit;
                untouched.then_some((self.index, true))
            }
        }
    }

    /// Whether the place can be at this row; then how much of the row is old.
    fn matches(&self, rows: &Rows, at: usize) -> Option<usize> {
        // At the top of the history less than all may be left of them.
        let there = at.min(self.above.len());
        if there < self.above.len() && rows.first > 0 {
            return None;
        }
        let wanted = &self.above[self.above.len() - there..];
        if !rows.rows[at - there..at].iter().map(|row| hash(row)).eq(wanted.iter().copied()) {
            return None;
        }
        if there == 0 && self.last.1 == 0 && at > 0 {
            return None;
        }
        let row = rows.rows.get(at)?;
        let (last, length) = self.last;
        (row.len() >= length && hash(&row[..length]) == last).then_some(length)
    }

    fn repeats_itself(&self) -> bool {
        let rows: Vec<u64> = self.above.iter().copied().chain([self.last.0]).collect();
        rows.len() < 3
            || (1..=rows.len() / 2).any(|period| rows.iter().zip(&rows[period..]).all(|(a, b)| a == b))
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pane, server, width, index, history, exact, above, last } = self;
        write!(f, "m1.{}.{server}.{width}.{index}.{history}.", pane.0)?;
        match exact {
            Some((collected, generation)) => write!(f, "{collected}.{generation}.")?,
            None => write!(f, "..")?,
        }
        write!(f, "{:016x}.{}.", last.0, last.1)?;
        above.iter().try_for_each(|hash| write!(f, "{hash:016x}"))
    }
}

impl FromStr for Mark {
    type Err = BadMark;

    fn from_str(text: &str) -> Result<Self, BadMark> {
        let fields: Vec<&str> = text.trim().split('.').collect();
        let ["m1", pane, server, width, index, history, collected, generation, last, length, above] =
            fields[..]
        else {
            return Err(BadMark);
        };
        fn number<T: FromStr>(text: &str) -> Result<T, BadMark> {
            text.parse().map_err(|_| BadMark)
        }
        let hexadecimal = |text: &str| u64::from_str_radix(text, 16).map_err(|_| BadMark);
        if !above.is_ascii() || above.len() % 16 != 0 || above.len() > 16 * ABOVE {
            return Err(BadMark);
        }
        let above: Result<Vec<u64>, BadMark> =
            (0..above.len() / 16).map(|at| hexadecimal(&above[at * 16..][..16])).collect();
        let exact = match (collected, generation) {
            ("", "") => None,
            (collected, generation) => Some((number(collected)?, number(generation)?)),
        };
        Ok(Self {
            pane: PaneId(number(pane)?),
            server: number(server)?,
            width: number(width)?,
            index: number(index)?,
            history: number(history)?,
            exact,
            above: above?,
            last: (hexadecimal(last)?, number(length)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Size;
    use crate::tmux::{ExactHistory, FrameHead, History};

    fn rows(first: u64, text: &str, history: u32, collected: Option<u64>) -> Rows {
        let exact = collected.map(|collected| ExactHistory { collected, generation: 1, output: 0 });
        let head = FrameHead {
            pane: PaneId(1),
            size: Size { width: 80, height: 3 },
            cursor: (0, 0),
            history: History { size: history, limit: 10, bytes: 0, exact },
            alternate: None,
        };
        Rows { head, first, rows: text.lines().map(|line| line.as_bytes().to_vec()).collect() }
    }

    fn new(before: &Rows, after: &Rows) -> Option<(String, bool)> {
        let mark = Mark::after(PaneId(1), 7, before);
        assert_eq!(mark.to_string().parse(), Ok(mark.clone()));
        let New { from, skip, sure } = mark.find(after)?;
        let rows = after.rows[from..].iter().enumerate();
        let text = rows
            .map(|(at, row)| String::from_utf8_lossy(&row[if at == 0 { skip } else { 0 }..]).into_owned());
        Some((text.collect::<Vec<_>>().join("|"), sure))
    }

    #[test]
    fn what_is_new_is_told_across_scrolling_and_trims() {
        let before = rows(0, "a\nb\nc\n$", 1, None);
        let told = |after: &Rows| new(&before, after);
        assert_eq!(told(&before), Some((String::new(), true)));
        assert_eq!(told(&rows(0, "a\nb\nc\n$ make\nx", 2, None)), Some((" make|x".to_owned(), true)));
        // The first rows were thrown away.
        assert_eq!(told(&rows(0, "c\n$ make\nx", 9, None)), Some((" make|x".to_owned(), true)));
        assert_eq!(told(&rows(0, "x\ny", 9, None)), None);
    }

    #[test]
    fn lines_that_repeat_themselves_are_told_by_exact_counts_only() {
        let text = "y\ny\ny\ny\ny\n";
        let exact = |first, collected| rows(first, text, 9, Some(collected));
        assert_eq!(new(&exact(0, 5), &exact(0, 7)), Some(("|y|y".to_owned(), true)));
        let told = new(&rows(0, text, 9, None), &rows(0, text, 9, None));
        assert_eq!(told.map(|(_, sure)| sure), Some(false));
    }

    #[test]
    fn anything_else_is_no_mark() {
        for text in [
            "",
            "m1",
            "m1.1.2.3.4.5...0.0.x",
            "m2.1.7.80.3.1...0.0.",
            "m1.1.7.80.3.1...00.0.0é00000000000000",
        ] {
            assert_eq!(text.parse::<Mark>(), Err(BadMark), "{text}");
        }
    }
}
