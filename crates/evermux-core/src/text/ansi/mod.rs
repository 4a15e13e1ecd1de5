//! The text of panes: what `capture-pane -p -e -J` prints, to lines that stand alone, and back to a terminal.
//!
//! tmux prints a screen as one stream: attributes and line drawing (SO/SI) carry over from line to line, overline is
//! written as `5:3`, colours are repeated or not depending on the version. [`Reader`] turns that into *canonical
//! lines*: each begins and ends in the default state and says the same thing in the same bytes, so that a line never
//! depends on the one before it, and equal screens are equal bytes.
//!
//! What was saved is data: [`replay`] parses it anew and writes only what is on the allow-list (printable
//! characters, TAB, attributes and colours, line drawing, hyperlinks, ends of lines). Everything else that a terminal
//! could act upon is dropped, on the way in and on the way out.

#[cfg(test)]
pub(crate) mod live;
mod pieces;
mod rows;
mod style;
#[cfg(test)]
mod tests;

use bstr::ByteSlice;

pub use self::rows::rows;

use self::pieces::{Piece, Pieces};
use self::style::{Sgr, Style};
use crate::model::TmuxVersion;

/// Reads the output of `capture-pane -p -e -J` of one pane, line by line and in order.
#[derive(Clone, Debug)]
pub struct Reader {
    state: State,
    language: Language,
}

/// The differences between what tmux versions print, and our own canonical lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Language {
    /// Before 3.3 `-J` pads a line to the cells that were allocated for it: the blanks at its end mean nothing.
    padded: bool,
    /// tmux escapes what it keeps of a hyperlink with `vis(3)`: a backslash comes doubled, once more each time.
    doubled_backslash: bool,
    /// 3.1 prints `ESC [ m` where a bright background (100 to 107) begins: the colour is lost. A reset is always
    /// printed as `0`, by every version.
    empty_is_background: bool,
}

const CANONICAL: Language = Language { padded: false, doubled_backslash: false, empty_is_background: false };

impl Reader {
    /// A reader for a server of this version, at the beginning of one capture.
    pub fn new(version: TmuxVersion) -> Self {
        let language = Language {
            padded: !version.at_least(3, 3),
            doubled_backslash: true,
            empty_is_background: !version.at_least(3, 3),
        };
        Self { state: State::default(), language }
    }

    /// Reads the next line of the capture, without its newline, and appends the canonical line without a newline.
    pub fn line(&mut self, raw: &[u8], out: &mut Vec<u8>) {
        self.state.line(raw, self.language, out);
    }

    /// The same for a last line that goes on below the captured rows: the blanks at its end are text.
    pub fn open_line(&mut self, raw: &[u8], out: &mut Vec<u8>) {
        self.state.line(raw, Language { padded: false, ..self.language }, out);
    }
}

/// Appends one canonical line as it may be written to a terminal: parsed anew, from the allow-list, in the default
/// state at both ends. No end of line.
pub fn replay_line(line: &[u8], out: &mut Vec<u8>) {
    State::default().line(line, CANONICAL, out);
}

/// Appends `lines` as they may be written to a pane's terminal whose cursor is at the left edge, in the default
/// state: each ends in CR LF, so that it does not matter whether the terminal adds the CR. The cursor is left at the
/// beginning of the line below.
pub fn replay<'a>(lines: impl IntoIterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    // SO shows line drawing only once G1 was made to hold it; at the end G1 is ASCII again, as in a new terminal.
    out.extend_from_slice(b"\x1b)0");
    for line in lines {
        replay_line(line, out);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\x1b)B");
}

/// Appends what puts the screen in place after [`replay`]: in a terminal of `height` rows, the row below the last
/// line becomes row `end_row` (from 0), and the cursor stands at its beginning.
///
/// The padding newlines scroll just so many rows away that the others stand where they stood. The way back is counted from
/// there: a client that comes meanwhile can have given the terminal another height.
pub fn replay_end(height: u32, end_row: u32, out: &mut Vec<u8>) {
    let below = height.saturating_sub(1).saturating_sub(end_row);
    for _ in 0..below {
        out.extend_from_slice(b"\r\n");
    }
    if below > 0 {
        out.extend_from_slice(format!("\x1b[{below}A").as_bytes());
    }
}

/// The same for a text that may have fewer rows than `end_row`: then rows stay blank between it and the cursor.
pub fn replay_end_at(height: u32, end_row: u32, out: &mut Vec<u8>) {
    let row = end_row.min(height.saturating_sub(1));
    replay_end(height, row, out);
    out.extend_from_slice(format!("\x1b[{};1H", row + 1).as_bytes());
}

/// What can be seen of a canonical line: without attributes, links and marks of line drawing.
pub fn visible(line: &[u8]) -> Vec<u8> {
    let mut seen = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            0x0e | 0x0f => {}
            0x1b if tail.first() == Some(&b'[') => {
                let end = tail.find_byte(b'm').map_or(tail.len(), |end| end + 1);
                rest = &tail[end..];
            }
            0x1b => {
                let end = tail.find(b"\x1b\\").map_or(tail.len(), |end| end + 2);
                rest = &tail[end..];
            }
            byte => seen.push(byte),
        }
    }
    seen
}

/// What cells look like now: what was read, and what was written of it.
#[derive(Clone, Debug, Default)]
struct State {
    /// How the next character looks.
    style: Style,
    /// What the hyperlink of the next character is: `parameters;uri`; empty for none.
    link: Vec<u8>,
}

impl State {
    fn line(&mut self, raw: &[u8], language: Language, out: &mut Vec<u8>) {
        let start = out.len();
        let plain = self.style == Style::default() && self.link.is_empty();
        if plain && is_printable_ascii(raw) {
            out.extend_from_slice(raw);
        } else if let Ok(text) = raw.to_str() {
            self.styled_line(text, language, out);
        } else {
            // A tmux grid holds valid UTF-8 only: bad bytes are damage.
            let text: String = raw.utf8_chunks().map(|chunk| chunk.valid()).collect();
            self.styled_line(&text, language, out);
        }
        if language.padded {
            let kept = out[start..].trim_end_with(|c| c == ' ').len();
            out.truncate(start + kept);
        }
    }

    fn styled_line(&mut self, text: &str, language: Language, out: &mut Vec<u8>) {
        let mut written = Style::default();
        let mut written_link: Vec<u8> = Vec::new();
        for piece in Pieces::new(text.as_bytes()) {
            match piece {
                Piece::Text(text) => {
                    // Comparing two empty vectors costs a masked load from a dangling address: slower than all else.
                    let links = !(written_link.is_empty() && self.link.is_empty());
                    if links && written_link != self.link {
                        write_link(&self.link, out);
                        written_link.clone_from(&self.link);
                    }
                    if written != self.style {
                        self.style.write_after(written, out);
                        written = self.style;
                    }
                    out.extend_from_slice(text);
                }
                Piece::Sgr(b"") if language.empty_is_background => self.style.lose_background(),
                Piece::Sgr(parameters) => Sgr::new(parameters).apply(&mut self.style),
                Piece::LineDrawing(on) => self.style.line_drawing = on,
                Piece::Link(link) if link.ends_with(b";") => self.link.clear(),
                Piece::Link(link) if language.doubled_backslash => self.link = link.replace(br"\\", br"\"),
                Piece::Link(link) => self.link = link.to_vec(),
            }
        }
        if written != Style::default() {
            Style::default().write_after(written, out);
        }
        if !written_link.is_empty() {
            write_link(b"", out);
        }
    }
}

fn write_link(link: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"\x1b]8;");
    out.extend_from_slice(if link.is_empty() { b";" } else { link });
    out.extend_from_slice(b"\x1b\\");
}

/// Whether this is nothing but printable ASCII and TAB; without a branch per byte, as it is asked of every line.
fn is_printable_ascii(line: &[u8]) -> bool {
    line.chunks(64).all(|chunk| {
        chunk.iter().fold(true, |good, &byte| good & ((b' '..0x7f).contains(&byte) | (byte == b'\t')))
    })
}
