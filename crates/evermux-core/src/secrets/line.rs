//! Secrets in a line of shell: its words, with the place in the line of each of their bytes.
//!
//! This reads what POSIX shells, bash, zsh and fish have in common, only to find words; a line that it reads wrongly
//! is masked less well, and never changed in any other way.

use std::ops::Range;

use super::programs::{self, Word};
use super::shapes::{self, Context};
use super::{Mark, Marks};

/// How deep substitutions are read: `$(… $(…))`.
const DEEPEST: usize = 8;

/// Hides the secrets in a line.
pub(super) fn mark(line: &[u8], marks: &mut Marks, depth: usize) {
    let read = Reader::read(line);
    for command in &read.commands {
        let mut words: Vec<Word> = command.iter().map(|word| Word::new(&word.value)).collect();
        programs::mark(&mut words, depth);
        for (raw, word) in command.iter().zip(&words) {
            raw.transfer(&word.marks, marks);
        }
    }
    for nested in read.nested {
        mark_nested(line, nested, marks, depth + 1);
    }
}

/// Hides the secrets in a part of a line that is a line itself.
fn mark_nested(line: &[u8], part: Range<usize>, marks: &mut Marks, depth: usize) {
    let text = &line[part.clone()];
    let mut inner = Marks::new(text);
    if depth < DEEPEST {
        mark(text, &mut inner, depth);
    } else {
        shapes::mark(text, &mut inner, Context::Text);
    }
    for (at, &byte) in inner.bytes.iter().enumerate() {
        marks.set(part.start + at, byte);
    }
}

/// A word without its quotes. What the shell will put in place of `$NAME` and `$(…)` is not part of it.
#[derive(Debug, Default)]
struct RawWord {
    value: Vec<u8>,
    /// For each byte of `value`, where in the line it is written: two bytes if it is escaped.
    places: Vec<Range<usize>>,
}

impl RawWord {
    fn push(&mut self, byte: u8, place: Range<usize>) {
        self.value.push(byte);
        self.places.push(place);
    }

    /// Hides in the line what is hidden in the word, and none of the quotes between.
    fn transfer(&self, from: &Marks, to: &mut Marks) {
        for (place, &mark) in self.places.iter().zip(&from.bytes) {
            for at in place.clone() {
                to.set(at, if at == place.start { mark } else { mark.min(Mark::Inside) });
            }
        }
    }
}

/// Reads a line into commands.
struct Reader<'a> {
    line: &'a [u8],
    at: usize,
    word: Option<RawWord>,
    /// The word is what a redirection leads to, and none of the command's.
    redirected: bool,
    command: Vec<RawWord>,
    commands: Vec<Vec<RawWord>>,
    /// What stands in `$(…)`, backquotes and comments.
    nested: Vec<Range<usize>>,
}

impl<'a> Reader<'a> {
    fn read(line: &'a [u8]) -> Self {
        let mut reader = Self {
            line,
            at: 0,
            word: None,
            redirected: false,
            command: Vec::new(),
            commands: Vec::new(),
            nested: Vec::new(),
        };
        while let Some(byte) = reader.next() {
            reader.unquoted(byte);
        }
        reader.end_command();
        reader
    }

    fn next(&mut self) -> Option<u8> {
        let byte = *self.line.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    fn word(&mut self) -> &mut RawWord {
        self.word.get_or_insert_default()
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        match std::mem::take(&mut self.redirected) {
            true => self.commands.push(vec![word]),
            false => self.command.push(word),
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        self.redirected = false;
        if !self.command.is_empty() {
            self.commands.push(std::mem::take(&mut self.command));
        }
    }

    fn unquoted(&mut self, byte: u8) {
        let start = self.at - 1;
        match byte {
            b' ' | b'\t' | b'\r' => self.end_word(),
            b'<' | b'>' => {
                self.end_word();
                self.redirected = true;
            }
            // `2>&1` and `&>file` do not end a command.
            b'&' if start > 0 && matches!(self.line[start - 1], b'<' | b'>') => {}
            b'&' if self.peek() == Some(b'>') => self.end_word(),
            b'\n' | b';' | b'&' | b'|' | b'(' | b')' => self.end_command(),
            b'#' if self.word.is_none() => {
                let end = self.find(|byte| byte == b'\n').unwrap_or(self.line.len());
                self.nested.push(self.at..end);
                self.at = end;
            }
            b'\\' => self.escaped(start, |_| true),
            b'\'' => self.single_quoted(),
            b'"' => self.double_quoted(),
            b'`' => self.backquoted(),
            b'$' => self.dollar(start, true),
            _ => self.word().push(byte, start..start + 1),
        }
    }

    /// After a backslash at `start`; before some characters it stands for itself.
    fn escaped(&mut self, start: usize, escapes: impl Fn(u8) -> bool) {
        match self.peek() {
            Some(b'\n') => self.at += 1,
            Some(byte) if escapes(byte) => {
                self.at += 1;
                self.word().push(byte, start..start + 2);
            }
            _ => self.word().push(b'\\', start..start + 1),
        }
    }

    fn single_quoted(&mut self) {
        self.word();
        while let Some(byte) = self.next().filter(|&byte| byte != b'\'') {
            let place = self.at - 1..self.at;
            self.word().push(byte, place);
        }
    }

    fn double_quoted(&mut self) {
        self.word();
        while let Some(byte) = self.next() {
            let start = self.at - 1;
            match byte {
                b'"' => return,
                b'\\' => self.escaped(start, |byte| b"$`\"\\".contains(&byte)),
                b'`' => self.backquoted(),
                b'$' => self.dollar(start, false),
                _ => self.word().push(byte, start..start + 1),
            }
        }
    }

    /// `$'…'`: a backslash and what follows it count as one; what exactly they mean is no matter.
    fn ansi_quoted(&mut self) {
        self.word();
        while let Some(byte) = self.next().filter(|&byte| byte != b'\'') {
            let start = self.at - 1;
            match byte {
                b'\\' => self.escaped(start, |_| true),
                _ => self.word().push(byte, start..start + 1),
            }
        }
    }

    fn backquoted(&mut self) {
        self.word();
        let end = self.find(|byte| byte == b'`').unwrap_or(self.line.len());
        self.nested.push(self.at..end);
        self.at = (end + 1).min(self.line.len());
    }

    /// After a `$` at `start`.
    fn dollar(&mut self, start: usize, quotes: bool) {
        self.word();
        match self.peek() {
            Some(b'\'') if quotes => {
                self.at += 1;
                self.ansi_quoted();
            }
            // The quote that follows opens.
            Some(b'"') if quotes => {}
            Some(b'(') => {
                self.at += 1;
                let begin = self.at;
                self.skip_substitution();
                let closed = self.line.get(self.at - 1) == Some(&b')') && self.at > begin;
                self.nested.push(begin..self.at - usize::from(closed));
            }
            Some(b'{') => self.braces(start),
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' => {
                self.at = self
                    .find(|byte| !byte.is_ascii_alphanumeric() && byte != b'_')
                    .unwrap_or(self.line.len());
            }
            Some(byte) if byte.is_ascii_digit() || b"?!#@*-$".contains(&byte) => self.at += 1,
            _ => self.word().push(b'$', start..start + 1),
        }
    }

    /// `${NAME}` is a reference; in `${NAME:-default}` there may be a secret, so that counts as it stands.
    fn braces(&mut self, start: usize) {
        let end = self.find(|byte| byte == b'}').unwrap_or(self.line.len());
        let name = &self.line[self.at + 1..end];
        if !name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            for at in self.at + 1..end {
                let byte = self.line[at];
                self.word().push(byte, at..at + 1);
            }
            self.nested.push(start + 2..end);
        }
        self.at = (end + 1).min(self.line.len());
    }

    /// Goes behind the parenthesis that closes a substitution, or to the end.
    fn skip_substitution(&mut self) {
        let mut depth = 1;
        let mut quote = None;
        while let Some(byte) = self.next() {
            match (byte, quote) {
                (b'\\', None | Some(b'"')) => self.at += usize::from(self.at < self.line.len()),
                (b'\'' | b'"', None) => quote = Some(byte),
                (byte, Some(open)) if byte == open => quote = None,
                (b'(', None) => depth += 1,
                (b')', None) => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn find(&self, is: impl Fn(u8) -> bool) -> Option<usize> {
        self.line[self.at..].iter().position(|&byte| is(byte)).map(|length| self.at + length)
    }
}
