//! One look at a pane: what is asked of tmux in one instant, and what its answer means.

use bstr::{BString, ByteSlice};

use super::lines::{Lines, rows, visible};
use crate::model::TmuxVersion;
use crate::text::ansi::{Reader, replay_line};
use crate::tmux::{CaptureStyle, FrameHead, Part, Row};

/// Where the text of a pane ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capture) enum End {
    /// A line editor waits: the logical line with the cursor is the prompt. Lines above it that belong to the prompt,
    /// too, look like any others: they are text here, and a restore sees to it that they do not come twice.
    Prompt,
    /// At the last row that is not blank, or at the cursor if that is lower.
    Screen,
    /// The same of the primary screen, which lies under the alternate one.
    Alternate,
    /// At the end of the history: the screen must not be captured.
    History,
    /// The program has ended. tmux has scrolled by one row and written its message into the last one, which begins as
    /// usual unless the user has set its own `format`.
    Dead { format: bool },
}

/// What begins tmux's message in a dead pane, in every version up to 3.8 unless the user sets another one.
const DEAD: &[u8] = b"Pane is dead";

/// With escape sequences, as text is kept.
pub(super) const TEXT: CaptureStyle = CaptureStyle { escapes: true, joined: true, trailing: false };
/// To count lines: ten times as cheap.
pub(super) const COUNT: CaptureStyle = CaptureStyle { escapes: false, joined: true, trailing: false };

/// The parts of a shot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    /// The text, from the first row wanted.
    Text,
    /// The text of the primary screen under the alternate one.
    Under,
    /// The same, row by row.
    UnderRows,
    /// The logical lines of the screen as far as the text reaches.
    Screen,
    /// The last row of the history and the first one of the screen: one line if the one goes on in the other.
    Edge,
    /// The row of the cursor (or the last one) and the one above it, likewise.
    Above,
    /// The last row.
    LastRow,
    /// The first rows of the history.
    Top,
}

/// A shot to take.
#[derive(Clone, Debug)]
pub(super) struct Shot {
    pub end: End,
    /// First row wanted, counted from the top of the history.
    pub from: u32,
    /// How many rows of history it takes in, if it has no pieces from which to count lines.
    rows_above: Option<u32>,
    pieces: Vec<Piece>,
    pub parts: Vec<(Part, CaptureStyle)>,
    /// About how many rows that is.
    pub rows: u32,
}

/// Rows at the top of the history that are looked at to see whether they are still the same.
const TOP_ROWS: u32 = 4;

impl Shot {
    /// Of a pane as `head` describes it. `top`: also look at the top of the history, in that style.
    pub fn new(head: &FrameHead, end: End, from: u32, top: Option<CaptureStyle>) -> Self {
        let mut shot = Self::empty(end, from);
        let history = head.history.size;
        let height = head.size.height.max(1);
        let first = if from == 0 { Row::Edge } else { above(history.saturating_sub(from)) };
        let cursor = head.cursor.1.min(height - 1);
        let last = match end {
            End::Prompt => Row::At(cursor as i32),
            End::Screen | End::Dead { .. } => Row::Edge,
            End::Alternate | End::History => Row::At(-1),
        };
        let only_history = last == Row::At(-1);
        if !only_history || from < history {
            shot.ask(Piece::Text, Part::Rows(first, last), TEXT, history.saturating_sub(from));
        }
        if end == End::Alternate {
            shot.ask(Piece::Under, Part::UnderAlternate, TEXT, height);
            shot.ask(
                Piece::UnderRows,
                Part::UnderAlternate,
                CaptureStyle { joined: false, ..COUNT },
                height / 8,
            );
        }
        if !only_history {
            shot.ask(Piece::Screen, Part::Rows(Row::At(0), last), COUNT, height + height / 8);
        }
        // Otherwise the text itself tells.
        if history > 0 && (only_history || from >= history) {
            shot.ask(Piece::Edge, Part::Rows(Row::At(-1), Row::At(0)), COUNT, 1);
        }
        shot.ask_end(end, cursor, head);
        shot.ask_top(head, top);
        shot
    }

    /// The same, in as few parts as there can be; only of [`End::Prompt`] and [`End::Screen`]. The framing of a part
    /// costs tmux as much as many rows. [`Shot::develop`] fails where the lines do not tell how many rows they take.
    pub fn frugal(head: &FrameHead, end: End, from: u32, top: Option<CaptureStyle>) -> Option<Self> {
        let last = match end {
            End::Prompt => Row::At(head.cursor.1.min(head.size.height.max(1) - 1) as i32),
            End::Screen => Row::Edge,
            End::Alternate | End::History | End::Dead { .. } => return None,
        };
        let mut shot = Self::empty(end, from);
        let above_screen = head.history.size.checked_sub(from).filter(|_| from > 0)?;
        shot.rows_above = Some(above_screen);
        shot.ask(Piece::Text, Part::Rows(above(above_screen), last), TEXT, above_screen + head.size.height);
        shot.ask_top(head, top);
        Some(shot)
    }

    fn empty(end: End, from: u32) -> Self {
        Self { end, from, rows_above: None, pieces: Vec::new(), parts: Vec::new(), rows: 0 }
    }

    fn ask_top(&mut self, head: &FrameHead, top: Option<CaptureStyle>) {
        let history = head.history.size;
        if let Some(style) = top
            && history > TOP_ROWS
        {
            self.ask(Piece::Top, Part::Rows(Row::Edge, above(history - TOP_ROWS + 1)), style, TOP_ROWS);
        }
    }

    fn ask_end(&mut self, end: End, cursor: u32, head: &FrameHead) {
        let height = head.size.height.max(1);
        let two = |row: u32| Part::Rows(Row::At(row as i32 - 1), Row::At(row as i32));
        match end {
            End::Prompt if cursor > 0 => self.ask(Piece::Above, two(cursor), COUNT, 1),
            End::Dead { .. } => {
                let last = height as i32 - 1;
                self.ask(Piece::LastRow, Part::Rows(Row::At(last), Row::At(last)), TEXT, 1);
                if last > 0 {
                    self.ask(Piece::Above, two(height - 1), COUNT, 1);
                }
            }
            End::Prompt | End::Screen | End::Alternate | End::History => {}
        }
    }

    fn ask(&mut self, piece: Piece, part: Part, style: CaptureStyle, rows: u32) {
        self.pieces.push(piece);
        self.parts.push((part, style));
        self.rows += rows;
    }

    /// What the answer means; none if it does not hold together.
    pub fn develop(&self, head: &FrameHead, parts: &[BString], version: TmuxVersion) -> Option<Picture> {
        let piece = |wanted: Piece| {
            let position = self.pieces.iter().position(|piece| *piece == wanted)?;
            parts.get(position).map(|part| part.as_slice())
        };
        let count = |wanted: Piece| piece(wanted).map(|text| text.lines().count());
        let mut negative = Negative {
            head,
            lines: Lines::read(
                piece(Piece::Text).unwrap_or_default(),
                version,
                self.is_open(count(Piece::Edge)),
            ),
            screen: piece(Piece::Screen).unwrap_or_default(),
            padded: !version.at_least(3, 3),
            goes_on: count(Piece::Edge) == Some(1),
            goes_on_above: count(Piece::Above) == Some(1),
            places: None,
        };
        if let Some(above) = self.rows_above {
            negative.places = Some(Places::find(&negative.lines, above, self.end, head)?);
        } else if !self.pieces.contains(&Piece::Edge) {
            negative.goes_on = head.history.size > 0 && negative.begins_above_screen(version);
        }
        let mut picture = match self.end {
            End::Prompt => negative.prompt(),
            End::Screen => negative.screen(),
            End::Dead { format } => {
                let mut last = Vec::new();
                if let Some(row) = piece(Piece::LastRow) {
                    last = Lines::read(row, version, false).last().map(<[u8]>::to_vec).unwrap_or_default();
                }
                negative.dead(&last, format)
            }
            End::Alternate => {
                let under = Lines::read(piece(Piece::Under)?, version, false);
                negative.alternate(&under, count(Piece::UnderRows)? as u32)
            }
            End::History => negative.history(),
        }?;
        picture.top = piece(Piece::Top).map(|top| Lines::read(top, version, false));
        Some(picture)
    }

    /// Whether the last line of the text goes on in the screen.
    fn is_open(&self, edge: Option<usize>) -> bool {
        matches!(self.end, End::Alternate | End::History) && edge == Some(1)
    }
}

/// Where lines stand.
struct Places {
    /// How many of them are wholly in the history.
    history: usize,
    /// How many rows of the next one are in the history, too.
    begun: u32,
    /// How many rows of the last one are on the screen.
    last: u32,
}

impl Places {
    /// Counts rows. Each line takes at least the rows that its characters need. If all of them together need as many
    /// rows as there are, none takes more; otherwise (wide characters, or a row that was erased after it had gone on in
    /// the next) the lines do not tell, and the answer is none.
    fn find(lines: &Lines, above: u32, end: End, head: &FrameHead) -> Option<Self> {
        let height = head.size.height.max(1);
        let on_screen = if end == End::Prompt { head.cursor.1.min(height - 1) + 1 } else { height };
        let (mut history, mut begun, mut last, mut row) = (0, 0, 0, 0_u32);
        for line in lines.iter() {
            last = rows(line, head.size.width).0;
            let next = row.saturating_add(last);
            if next <= above {
                history += 1;
            } else if row < above {
                begun = above - row;
            }
            last = last.min(next.saturating_sub(above));
            row = next;
        }
        (row == above.saturating_add(on_screen)).then_some(Self { history, begun, last })
    }
}

/// How many columns a line takes; none if it is not ASCII alone.
fn ascii_length(line: &[u8]) -> Option<usize> {
    let seen = visible(line);
    seen.iter().all(|byte| (b' '..0x7f).contains(byte)).then_some(seen.len())
}

/// A row so many rows above the screen.
pub(super) fn above(rows: u32) -> Row {
    Row::At(i32::try_from(rows).map_or(i32::MIN, |rows| -rows))
}

/// A shot, developed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    /// The text from the first row wanted to its end.
    pub lines: Lines,
    /// How many of these lines have wholly left the screen.
    pub history: usize,
    /// How many rows of history stand before the first line that touches the screen.
    pub sealed_rows: Option<u32>,
    pub end_row: u32,
    /// The width of the pane.
    pub width: u32,
    /// The first rows of the history; the last line of it may lack its end.
    pub top: Option<Lines>,
}

/// An answer before its end is found.
struct Negative<'a> {
    head: &'a FrameHead,
    lines: Lines,
    /// The logical lines of the screen, without attributes.
    screen: &'a [u8],
    /// Lines of it end in blanks that mean nothing.
    padded: bool,
    /// The last line of the history goes on in the screen.
    goes_on: bool,
    /// The row above the cursor goes on in that of the cursor.
    goes_on_above: bool,
    /// Instead of all these: where the lines stand.
    places: Option<Places>,
}

impl Negative<'_> {
    /// How many lines are wholly in the history.
    fn history_lines(&self) -> Option<usize> {
        if let Some(places) = &self.places {
            return Some(places.history);
        }
        self.lines.len().checked_sub(self.screen.lines().count())
    }

    /// Whether the first line that touches the screen begins in the history: then it is longer than what of it is on
    /// the screen.
    fn begins_above_screen(&self, version: TmuxVersion) -> bool {
        let line = self.history_lines().filter(|history| *history < self.lines.len());
        let Some((line, below)) = line.zip(self.screen.lines().next()) else { return false };
        let mut cleaned = Vec::new();
        Reader::new(version).line(below, &mut cleaned);
        visible(self.lines.get(line)) != cleaned
    }

    fn picture(self, history: usize, sealed_rows: Option<u32>, end_row: u32) -> Option<Picture> {
        let history = history.min(self.lines.len());
        let width = self.head.size.width;
        Some(Picture { lines: self.lines, history, sealed_rows, end_row, width, top: None })
    }

    /// Where the first line that touches the screen begins.
    fn sealed_rows(&self, history: usize) -> Option<u32> {
        if let Some(places) = &self.places {
            return self.head.history.size.checked_sub(places.begun);
        }
        if !self.goes_on {
            return Some(self.head.history.size);
        }
        let whole = ascii_length(self.lines.get(history))?;
        let below = self.screen.lines().next()?;
        let below = ascii_length(if self.padded { below.trim_end_with(|c| c == ' ') } else { below })?;
        self.rows_before_screen(whole.checked_sub(below)?)
    }

    /// Where a line begins of which so many characters stand in the last rows of the history: they fill rows.
    fn rows_before_screen(&self, length: usize) -> Option<u32> {
        let width = self.head.size.width.max(1) as usize;
        let rows = (length > 0 && length.is_multiple_of(width)).then_some(length / width)?;
        self.head.history.size.checked_sub(u32::try_from(rows).ok()?)
    }

    fn prompt(mut self) -> Option<Picture> {
        let history = self.history_lines()?;
        let mut sealed = self.sealed_rows(history);
        let mut row = self.head.cursor.1;
        if let Some(places) = &self.places {
            row = (row + 1).saturating_sub(places.last);
        } else if self.goes_on_above {
            let taken = rows(self.screen.lines().next_back()?, self.head.size.width).0.max(2);
            row = (row + 1).saturating_sub(taken);
        }
        self.lines.truncate(self.lines.len().saturating_sub(1));
        if self.lines.len() < history {
            sealed = None;
        }
        self.picture(history, sealed, row)
    }

    fn screen(mut self) -> Option<Picture> {
        let history = self.history_lines()?;
        let sealed = self.sealed_rows(history);
        let row = self.cut_blank(history, self.head.size.height, Some(self.head.cursor.1));
        self.picture(history, sealed, row)
    }

    /// Cuts the empty lines at the end, but for those above the cursor; the row below the text, where `rows` are the
    /// rows of the screen.
    fn cut_blank(&mut self, history: usize, rows: u32, cursor: Option<u32>) -> u32 {
        let on_screen = self.lines.len().saturating_sub(history);
        let blank = self.lines.blank_end().min(on_screen) as u32;
        let end = rows.saturating_sub(blank);
        let kept = cursor.map_or(0, |cursor| cursor.saturating_sub(end)).min(blank);
        self.lines.truncate(self.lines.len() - (blank - kept) as usize);
        end + kept
    }

    fn dead(mut self, last_row: &[u8], format: bool) -> Option<Picture> {
        let history = self.history_lines()?;
        let sealed = self.sealed_rows(history);
        let height = self.head.size.height;
        let blank = self.lines.blank_end();
        let is_message = !last_row.is_empty() && (format || last_row.starts_with(DEAD));
        let Some(last) = self.lines.len().checked_sub(blank + 1) else {
            return self.screen();
        };
        let line = self.lines.get(last).to_vec();
        // After a change of size the message need not stand in the last row.
        let found = if is_message { line.strip_suffix(last_row).map(<[u8]>::len) } else { line.rfind(DEAD) };
        let Some(at) = found else { return self.screen() };
        let message_row = height.saturating_sub(blank as u32 + 1);
        let mut before = Vec::new();
        replay_line(&line[..at], &mut before);
        if self.padded {
            before.truncate(before.trim_end_with(|c| c == ' ').len());
        }
        self.lines.truncate(last);
        // A row that goes on in the message is still there, blank or not.
        if self.goes_on_above || !before.is_empty() {
            self.lines.push(&before);
        }
        let end = self.cut_blank(history, message_row, None);
        self.picture(history, sealed, (end + 1).min(height))
    }

    fn alternate(mut self, under: &Lines, under_rows: u32) -> Option<Picture> {
        let mut history = self.lines.len();
        let mut sealed = Some(self.head.history.size);
        if self.goes_on && history > 0 {
            history -= 1;
            sealed = ascii_length(self.lines.get(history)).and_then(|length| self.rows_before_screen(length));
            self.lines.join(under);
        } else {
            self.lines.append(under);
        }
        let cursor = self.head.alternate.map(|(column, row)| if column > 0 { row + 1 } else { row });
        let row = self.cut_blank(history, under_rows, cursor).min(self.head.size.height);
        self.picture(history, sealed, row)
    }

    fn history(mut self) -> Option<Picture> {
        let size = self.head.history.size;
        if !self.goes_on || self.lines.len() == 0 {
            let history = self.lines.len();
            return self.picture(history, Some(size), 0);
        }
        let history = self.lines.len() - 1;
        let sealed = ascii_length(self.lines.get(history)).and_then(|length| self.rows_before_screen(length));
        self.lines.truncate(history);
        self.picture(history, sealed, 0)
    }
}
