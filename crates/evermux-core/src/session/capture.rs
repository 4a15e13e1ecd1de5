//! What a pane shows, and what is new of it.

use bstr::{BString, ByteSlice};

use super::mark::{ABOVE, Mark};
use super::rows::{self, Coloured, From, Rows};
use super::{SessionError, Talk};
use crate::text::ansi::{Reader, visible};
use crate::tmux::{CaptureStyle, Part, Row};

/// How many rows of history are looked through at first for a mark.
const NEAR: u32 = 500;

/// Which text is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// What is on the screen now, also that of a full-screen program.
    Screen,
    /// The last lines of history and screen.
    Lines(usize),
    /// History and screen.
    All,
    /// What is new since a mark.
    Since(Mark),
}

/// How it is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct How {
    /// With its attributes, as escape sequences.
    pub colour: bool,
    /// With wrapped rows joined.
    pub join: bool,
}

/// Text of a pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// Its lines, without blanks at their ends. The first may be the rest of one that was there before.
    pub lines: Vec<BString>,
    /// Whether the first of them is the rest of a line of which the mark has the beginning.
    pub continues: bool,
    /// The place behind them.
    pub mark: Mark,
    /// Whether these are surely all lines that were wanted, and no others. Not so if what stood at a mark is gone (then
    /// everything that is there is told), or could be in several places (then from the last of them on).
    pub sure: bool,
    /// Whether a full-screen program shows its own screen.
    pub alternate: bool,
}

/// Captures.
///
/// # Errors
/// [`SessionError`]; also if the mark is of another pane or another life of the server.
pub fn capture(talk: &Talk<'_>, wanted: &Wanted, how: How) -> Result<Captured, SessionError> {
    let pid = talk.server_pid();
    match wanted {
        Wanted::Since(mark) => {
            if !mark.is_of(talk.pane.id, pid) {
                return Err(SessionError::OtherMark);
            }
            since(talk, mark, how)
        }
        _ if how.join => joined(talk, wanted, how),
        wanted => {
            // The rows above the screen belong to the mark.
            let from = if *wanted == Wanted::Screen { From::History(ABOVE as u32) } else { From::Top };
            let got = rows::rows(talk, from, how, None)?;
            let alternate = got.plain.head.alternate.is_some();
            if alternate && *wanted == Wanted::Screen {
                return joined(talk, wanted, how);
            }
            let skip = match wanted {
                Wanted::Lines(count) => got.plain.rows.len().saturating_sub(*count),
                Wanted::Screen => {
                    let top = u64::from(got.plain.head.history.size).saturating_sub(got.plain.first);
                    usize::try_from(top).unwrap_or(usize::MAX).min(got.plain.rows.len())
                }
                _ => 0,
            };
            let mark = Mark::after(talk.pane.id, pid, &got.plain);
            Ok(Captured { lines: lines(&got, skip, 0), continues: false, mark, sure: true, alternate })
        }
    }
}

/// The lines from a row on, without so many bytes at its beginning.
fn lines(got: &Coloured, from: usize, skip: usize) -> Vec<BString> {
    let source = if got.styled.is_empty() { &got.plain.rows } else { &got.styled };
    let mut lines: Vec<BString> = Vec::new();
    let mut goes_on = None;
    for (at, row) in source.iter().enumerate().skip(from) {
        let wrap = got.wrapped.get(at).copied().flatten();
        // The rest of a row has no attributes: what set them stands in the part that is left out.
        let rest = match at == from && skip > 0 {
            true => got.plain.rows.get(at).and_then(|row| row.get(skip..)).unwrap_or_default(),
            false => row,
        };
        match (goes_on, lines.last_mut()) {
            (Some(blanks), Some(line)) => {
                line.extend(std::iter::repeat_n(b' ', blanks));
                line.extend_from_slice(rest);
            }
            _ => lines.push(rest.into()),
        }
        goes_on = wrap;
    }
    lines
}

fn since(talk: &Talk<'_>, mark: &Mark, how: How) -> Result<Captured, SessionError> {
    let pid = talk.server_pid();
    let mut got = rows::rows(talk, From::History(NEAR), how, None)?;
    let mut new = mark.find(&got.plain);
    let whole = |rows: &Rows| rows.first == 0;
    if !whole(&got.plain) && !new.as_ref().is_some_and(|new| new.sure) {
        got = rows::rows(talk, From::Top, how, None)?;
        new = mark.find(&got.plain);
    }
    let (from, skip, sure) = new.map_or((0, 0, false), |new| (new.from, new.skip, new.sure));
    let mut lines = lines(&got, from, skip);
    let mut continues = skip > 0;
    // Nothing is new of the row of the mark, or it was empty and still is.
    let same = got.plain.rows.get(from).is_some_and(|row| row.len() == skip) && (skip > 0 || sure);
    let wraps = got.wrapped.get(from).is_some_and(Option::is_some);
    if same && !wraps && !lines.is_empty() {
        lines.remove(0);
        continues = false;
    }
    let alternate = got.plain.head.alternate.is_some();
    Ok(Captured { lines, continues, mark: Mark::after(talk.pane.id, pid, &got.plain), sure, alternate })
}

/// What is shown, or everything, with wrapped rows joined if that is wanted.
fn joined(talk: &Talk<'_>, wanted: &Wanted, how: How) -> Result<Captured, SessionError> {
    let start = if *wanted == Wanted::Screen { Row::At(0) } else { Row::Edge };
    let style = CaptureStyle { escapes: how.colour, joined: how.join, trailing: false };
    let besides = (Part::Rows(start, Row::Edge), style);
    let got = rows::rows(talk, From::History(ABOVE as u32), How::default(), Some(besides))?;
    let mut reader = Reader::new(talk.pane.version);
    let mut lines: Vec<BString> = got
        .besides
        .lines()
        .map(|row| {
            let mut line = Vec::new();
            if how.colour {
                reader.line(row, &mut line);
            } else {
                line.extend_from_slice(row.trim_end());
            }
            line.into()
        })
        .collect();
    let used = lines.iter().rposition(|line| !visible(line).trim().is_empty());
    lines.truncate(used.map_or(0, |at| at + 1));
    if let Wanted::Lines(count) = wanted {
        lines.drain(..lines.len().saturating_sub(*count));
    }
    let mark = Mark::after(talk.pane.id, talk.server_pid(), &got.plain);
    let alternate = got.plain.head.alternate.is_some();
    Ok(Captured { lines, continues: false, mark, sure: true, alternate })
}
