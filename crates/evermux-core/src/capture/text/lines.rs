//! Canonical lines in memory, and how many rows they take.

use bstr::ByteSlice;

use crate::model::TmuxVersion;
use crate::text::ansi::{Reader, replay_line};
pub(super) use crate::text::ansi::{rows, visible};

/// Canonical lines, each ended by a newline, in one buffer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    /// Where each line ends, its newline included.
    ends: Vec<usize>,
}

impl Lines {
    /// Reads what one `capture-pane -p -e -J` printed. `open`: the last line goes on below the captured rows.
    pub fn read(raw: &[u8], version: TmuxVersion, open: bool) -> Self {
        let mut reader = Reader::new(version);
        let mut lines = Self { bytes: Vec::with_capacity(raw.len()), ends: Vec::new() };
        let mut rest = raw.lines().peekable();
        while let Some(line) = rest.next() {
            if open && rest.peek().is_none() {
                reader.open_line(line, &mut lines.bytes);
            } else {
                reader.line(line, &mut lines.bytes);
            }
            lines.end_line();
        }
        lines
    }

    /// Lines that are canonical already.
    pub fn of(bytes: Vec<u8>) -> Self {
        let ends = bytes.find_iter(b"\n").map(|at| at + 1).collect();
        Self { bytes, ends }
    }

    fn end_line(&mut self) {
        self.bytes.push(b'\n');
        self.ends.push(self.bytes.len());
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    fn start(&self, index: usize) -> usize {
        if index == 0 { 0 } else { self.ends[index - 1] }
    }

    /// A line without its newline.
    pub fn get(&self, index: usize) -> &[u8] {
        &self.bytes[self.start(index)..self.ends[index] - 1]
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.get(index))
    }

    pub fn last(&self) -> Option<&[u8]> {
        self.len().checked_sub(1).map(|last| self.get(last))
    }

    /// The bytes of the lines in a range, newlines included.
    pub fn bytes(&self, range: std::ops::Range<usize>) -> &[u8] {
        &self.bytes[self.start(range.start)..self.start(range.end)]
    }

    pub fn truncate(&mut self, length: usize) {
        if length < self.len() {
            self.bytes.truncate(self.start(length));
            self.ends.truncate(length);
        }
    }

    pub fn push(&mut self, line: &[u8]) {
        self.bytes.extend_from_slice(line);
        self.end_line();
    }

    pub fn append(&mut self, other: &Self) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.ends.extend(other.ends.iter().map(|end| start + end));
    }

    /// Joins the first line of `other` to the last one of these, and appends the others.
    pub fn join(&mut self, other: &Self) {
        let (Some(last), true) = (self.last(), other.len() > 0) else { return self.append(other) };
        let mut whole = Vec::new();
        replay_line(&[last, other.get(0)].concat(), &mut whole);
        self.truncate(self.len() - 1);
        self.push(&whole);
        for line in other.iter().skip(1) {
            self.push(line);
        }
    }

    /// How many empty lines there are at the end.
    pub fn blank_end(&self) -> usize {
        self.iter().rev().take_while(|line| line.is_empty()).count()
    }
}

/// What a line is called in a [`crate::model::TextMark`].
pub(super) fn hash(line: &[u8]) -> u64 {
    u64::from_le_bytes(*blake3::hash(line).as_bytes().first_chunk().unwrap_or(&[0; 8]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_canonically() {
        let mut lines = Lines::of(b"one\n\x1b[31mtwo\x1b[0m\n".to_vec());
        lines.join(&Lines::of(b"\x1b[31mgoes on\x1b[0m\nthree\n".to_vec()));
        assert_eq!(lines, Lines::of(b"one\n\x1b[31mtwogoes on\x1b[0m\nthree\n".to_vec()));
        assert_eq!(lines.bytes(2..3), b"three\n");
    }
}
