//! Pane text: the script that captures it, and the reader that takes the reply apart while it arrives.
//!
//! A [`CaptureScript`] is a pure value; [`super::Server::stream`] runs it and hands the reply to a [`FrameReader`].
//! What is guaranteed, on every version (tested live on 3.1c, 3.3a, 3.5a and 3.8):
//!
//! - Each frame's bytes are exactly what `capture-pane -p` printed, whatever the text is: frames are told apart by a
//!   random [`Nonce`]. Every line ends with a newline.
//! - A frame's [`FrameHead`] was read in the same instant as its text: tmux neither parsed output nor served another
//!   client between them. The parts of one request belong to the same instant, too. Between two requests tmux may
//!   breathe, so they belong to different instants.
//! - A pane that is gone gives [`Frame::Gone`] and harms no other frame.
//!
//! Traps of tmux that the reader cannot undo:
//!
//! - With an empty history `-E -1` does not give nothing but one line of the screen: leave the capture away when
//!   [`History::size`] is 0; when it became 0 meanwhile, the head tells.
//! - Rows count from the top of the screen, so they move while a pane prints. To capture much text in portions, ask
//!   for the newest portion first: what scrolls meanwhile is then found twice, never missed; the heads tell how far.
//! - `-J` at the edge of a range: a logical line that is cut there ends with a newline like any other.

use bstr::{BString, ByteSlice};

use super::listing::{ExactHistory, History};
use super::{Nonce, for_version, in_blocks, yield_line};
use crate::model::{PaneId, Size, TmuxVersion};

/// After about so many rows the script lets tmux serve others: some 8 ms of its time (5 µs a coloured row).
const ROWS_BETWEEN_YIELDS: u32 = 1500;

/// What the framing of one request costs, in rows.
const ROWS_PER_REQUEST: u32 = 10;

/// A row of a pane, as `capture-pane -S` and `-E` count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// The first row of the history for a start, the last row of the screen for an end.
    Edge,
    /// From the top of the screen, 0 the first; negative ones are in the history.
    At(i32),
}

/// Which text of a pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Rows of history and of the screen shown, both ends included.
    Rows(Row, Row),
    /// The primary screen that lies under the alternate one (`-a`). One empty line if the alternate screen is off.
    UnderAlternate,
}

/// How text is captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureStyle {
    /// With attributes as escape sequences (`-e`).
    pub escapes: bool,
    /// Wrapped rows joined (`-J`).
    pub joined: bool,
    /// Blanks at the end of rows kept (`-N`; implied by `joined`).
    pub trailing: bool,
}

/// What is captured of one pane in one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureRequest {
    /// Which pane.
    pub pane: PaneId,
    /// Which parts and how, in the order wanted; with none only the head is read.
    pub parts: Vec<(Part, CaptureStyle)>,
    /// About how many rows that is, to decide when to let tmux breathe.
    pub rows: u32,
}

/// A script that captures the text of panes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureScript {
    /// The commands, for [`super::Server::stream`].
    pub script: Vec<u8>,
    nonce: Nonce,
    parts: Vec<usize>,
}

impl CaptureScript {
    /// The script for these requests on a server of that version. Requests are answered in their order.
    pub fn new(nonce: Nonce, version: TmuxVersion, requests: &[CaptureRequest]) -> Self {
        let mut lines = Vec::new();
        let mut rows = 0;
        for (index, request) in requests.iter().enumerate() {
            if rows >= ROWS_BETWEEN_YIELDS {
                lines.push(yield_line(version).to_owned());
                rows = 0;
            }
            rows = rows.saturating_add(request.rows).saturating_add(ROWS_PER_REQUEST);
            let pane = request.pane;
            let exact = exact_fields(version);
            // Targeted: before 3.2 a missing pane is an error and nothing is printed, later the id is empty.
            lines
                .push(format!("display-message -p -t '{pane}' '{nonce}H{index}\t{HEAD}\t{exact}\t#{{pid}}'"));
            for (number, (part, style)) in request.parts.iter().enumerate() {
                if number > 0 {
                    lines.push(format!("display-message -p '{nonce}T{index}'"));
                }
                lines.push(capture_line(pane, *part, *style));
            }
        }
        lines.push(format!("display-message -p '{nonce}Z'"));
        let parts = requests.iter().map(|request| request.parts.len()).collect();
        Self { script: for_version(version, &in_blocks(lines)).into_owned(), nonce, parts }
    }

    /// The reader for its reply.
    pub fn reader(&self) -> FrameReader {
        FrameReader {
            nonce: self.nonce,
            parts: self.parts.clone(),
            buffer: Vec::new(),
            searched: 0,
            started: false,
            next: 0,
            open: None,
            ended: false,
        }
    }
}

const HEAD: &str = "#{pane_id}\t#{pane_width}\t#{pane_height}\t#{cursor_x}\t#{cursor_y}\t#{history_size}\t\
    #{history_limit}\t#{history_bytes}\t#{alternate_on}\t#{alternate_saved_x}\t#{alternate_saved_y}";

/// The exact counters. Where they are not known, looking for them costs as much as some rows of text.
fn exact_fields(version: TmuxVersion) -> &'static str {
    if version.at_least(3, 8) {
        "#{history_collected}\t#{history_generation}\t#{pane_output_generation}"
    } else {
        "\t\t"
    }
}

fn capture_line(pane: PaneId, part: Part, style: CaptureStyle) -> String {
    let mut line = String::from("capture-pane -p");
    for (wanted, flag) in [(style.escapes, " -e"), (style.joined, " -J"), (style.trailing, " -N")] {
        if wanted {
            line.push_str(flag);
        }
    }
    match part {
        Part::Rows(start, end) => {
            for (flag, row) in [("-S", start), ("-E", end)] {
                match row {
                    Row::Edge => line.push_str(&format!(" {flag} -")),
                    Row::At(row) => line.push_str(&format!(" {flag} {row}")),
                }
            }
        }
        // -q: without an alternate screen it is not an error.
        Part::UnderAlternate => line.push_str(" -a -q"),
    }
    line.push_str(&format!(" -t '{pane}'"));
    line
}

/// Counters of a pane in the instant of its capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    /// Which pane.
    pub pane: PaneId,
    /// Its size.
    pub size: Size,
    /// Cursor column and row on the screen shown.
    pub cursor: (u32, u32),
    /// The history counters.
    pub history: History,
    /// Where the cursor of the primary screen is, while the alternate one is shown.
    pub alternate: Option<(u32, u32)>,
}

/// The answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The pane's text.
    Text {
        /// The counters of that instant.
        head: FrameHead,
        /// The text of each part of the request, in its order.
        parts: Vec<BString>,
    },
    /// The pane does not exist any more.
    Gone,
}

/// Why a reply cannot be taken apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The reply ended before its end mark.
    #[error("tmux's reply stops in the middle: {answered} of {requested} panes were captured")]
    Truncated {
        /// How many requests were answered.
        answered: usize,
        /// How many there were.
        requested: usize,
    },
    /// A record is not as tmux prints it.
    #[error("tmux's reply to the capture of pane {index} is not understood: {record}")]
    Malformed {
        /// Position of the request.
        index: usize,
        /// The record, made printable.
        record: String,
    },
}

/// Takes the reply to a [`CaptureScript`] apart while it arrives; holds no more than one frame.
#[derive(Debug)]
pub struct FrameReader {
    nonce: Nonce,
    parts: Vec<usize>,
    /// Bytes after the last mark.
    buffer: Vec<u8>,
    /// How many bytes of the buffer are known to hold no whole mark.
    searched: usize,
    started: bool,
    /// The request whose answer comes next.
    next: usize,
    open: Option<(usize, FrameHead, Vec<BString>)>,
    ended: bool,
}

impl FrameReader {
    /// Takes the next bytes of the reply; `emit` gets each complete frame with the position of its request, in order
    /// and none left out.
    ///
    /// # Errors
    /// [`FrameError::Malformed`]; nothing more is emitted then.
    pub fn push(&mut self, bytes: &[u8], emit: &mut dyn FnMut(usize, Frame)) -> Result<(), FrameError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.extend_from_slice(bytes);
        let (mut begin, mut search) = (0, self.searched);
        while let Some(at) = buffer[search..].find(self.nonce.as_bytes()) {
            self.piece(&buffer[begin..search + at], emit)?;
            begin = search + at + Nonce::LENGTH;
            search = begin;
        }
        buffer.drain(..begin);
        self.searched = buffer.len().saturating_sub(Nonce::LENGTH - 1);
        self.buffer = buffer;
        Ok(())
    }

    /// At the end of the reply.
    ///
    /// # Errors
    /// [`FrameError::Truncated`] if the script did not run to its end; the frames emitted so far are good.
    pub fn finish(mut self, emit: &mut dyn FnMut(usize, Frame)) -> Result<(), FrameError> {
        let last = std::mem::take(&mut self.buffer);
        let answered = self.next;
        self.piece(&last, emit)?;
        if self.ended { Ok(()) } else { Err(FrameError::Truncated { answered, requested: self.parts.len() }) }
    }

    /// What stood between two marks: a letter, and what belongs to it.
    fn piece(&mut self, piece: &[u8], emit: &mut dyn FnMut(usize, Frame)) -> Result<(), FrameError> {
        if !std::mem::replace(&mut self.started, true) {
            // Before the first mark there is nothing; the message of a syntax error would stand here.
            return if piece.is_empty() { Ok(()) } else { Err(self.malformed(piece)) };
        }
        let (line, text) = match piece.find_byte(b'\n') {
            Some(end) => (&piece[..end], &piece[end + 1..]),
            // Cut off in the middle of a mark's own line.
            None => return Ok(()),
        };
        match line.split_first() {
            Some((b'H', head)) => {
                self.close(emit)?;
                self.head(head, text, emit)
            }
            Some((b'T', index)) => {
                // For a pane that is gone the mark between its parts comes all the same.
                if let Some((open, _, parts)) = &mut self.open
                    && number(index) == Some(*open)
                {
                    parts.push(text.into());
                }
                Ok(())
            }
            Some((b'Z', [])) => {
                self.close(emit)?;
                self.gone_until(self.parts.len(), emit);
                self.ended = true;
                Ok(())
            }
            _ => Err(self.malformed(piece)),
        }
    }

    fn head(
        &mut self,
        head: &[u8],
        text: &[u8],
        emit: &mut dyn FnMut(usize, Frame),
    ) -> Result<(), FrameError> {
        let (index, head) = head.split_once_str("\t").ok_or_else(|| self.malformed(head))?;
        let index: usize = number(index)
            .filter(|index| (self.next..self.parts.len()).contains(index))
            .ok_or_else(|| self.malformed(index))?;
        self.gone_until(index, emit);
        // From 3.6 on tmux gives up a format after 100 ms; the last expression is never empty otherwise.
        if head.ends_with(b"\t") {
            return Err(self.malformed(head));
        }
        if head.starts_with(b"\t") {
            // No id: the target was not found.
            self.gone_until(index + 1, emit);
            return Ok(());
        }
        let Some(parsed) = parse_head(head) else { return Err(self.malformed(head)) };
        let parts = if self.parts[index] == 0 { Vec::new() } else { vec![text.into()] };
        self.open = Some((index, parsed, parts));
        Ok(())
    }

    fn gone_until(&mut self, index: usize, emit: &mut dyn FnMut(usize, Frame)) {
        while self.next < index {
            emit(self.next, Frame::Gone);
            self.next += 1;
        }
    }

    fn close(&mut self, emit: &mut dyn FnMut(usize, Frame)) -> Result<(), FrameError> {
        if let Some((index, head, parts)) = self.open.take() {
            if parts.len() != self.parts[index] {
                return Err(self.malformed(b"parts are missing"));
            }
            emit(index, Frame::Text { head, parts });
            self.next = index + 1;
        }
        Ok(())
    }

    fn malformed(&self, record: &[u8]) -> FrameError {
        let start = &record[..record.len().min(80)];
        FrameError::Malformed { index: self.next, record: format!("{:?}", start.as_bstr()) }
    }
}

fn parse_head(head: &[u8]) -> Option<FrameHead> {
    let mut fields = head.split_str("\t");
    let pane = fields.next()?.to_str().ok()?.parse().ok()?;
    let mut next = || fields.next();
    let size = Size { width: number(next()?)?, height: number(next()?)? };
    let cursor = (number(next()?)?, number(next()?)?);
    let (history_size, limit, bytes) = (number(next()?)?, number(next()?)?, number(next()?)?);
    let on = next()? == b"1";
    let saved = (number(next()?), number(next()?));
    let alternate = on.then(|| (saved.0.unwrap_or(0), saved.1.unwrap_or(0)));
    let exact = match (number(next()?), number(next()?), number(next()?)) {
        (Some(collected), Some(generation), Some(output)) => {
            Some(ExactHistory { collected, generation, output })
        }
        _ => None,
    };
    let history = History { size: history_size, limit, bytes, exact };
    Some(FrameHead { pane, size, cursor, history, alternate })
}

fn number<T: std::str::FromStr>(field: &[u8]) -> Option<T> {
    field.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
