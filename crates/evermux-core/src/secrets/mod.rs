//! Secrets: known shapes are masked before anything is written.
//!
//! What is known: flags and variables whose names say so (`--password X`, `PGPASSWORD=…`), flags of certain programs
//! (`mysql -pX`, `curl -u user:X`), headers, the userinfo of URLs, and the shapes of the tokens of many services. In
//! doubt more is masked than need be: a masked command is only shown and never run again, which costs less than a
//! password in a file. But what is common and harmless (`ssh -p 22`, `mkdir -p x`) stays as it is.
//!
//! The crates that were looked at hide values of known variables, or know only token shapes or only long flags; none
//! knows programs' own flags, quotes of shells and bytes that are not UTF-8, which is most of the work here.

mod line;
mod names;
mod programs;
mod shapes;
#[cfg(test)]
mod tests;

use std::ops::Range;

use bstr::{BStr, BString, ByteSlice};

use names::Secrecy;
use programs::Word;
use shapes::Context;

/// What stands in the place of a secret.
pub const MASK: &str = "‹masked›";

/// An argument vector with its secrets masked, and whether there were any (or it contains [`MASK`] already).
pub fn mask_argv(argv: &[BString]) -> (Vec<BString>, bool) {
    let masked = until_stable(argv.to_vec(), |argv| {
        let mut words: Vec<Word> = argv.iter().map(|word| Word::new(word)).collect();
        programs::mark(&mut words, 0);
        words.iter().map(Word::masked).collect()
    });
    let found = masked.iter().any(|word| word.contains_str(MASK));
    (masked, found)
}

/// A line of shell with its secrets masked, and whether there were any (or it contains [`MASK`] already). Quotes,
/// pipes and variables stay as they are; `--password "$PASSWORD"` holds no secret.
pub fn mask_line(line: &BStr) -> (BString, bool) {
    mask(line, |line, marks| line::mark(line, marks, 0))
}

/// Text for logs, reports and messages with token shapes, headers, URLs and assignments masked, and whether there
/// were any. For a command use [`mask_argv`] or [`mask_line`], which know more.
pub fn mask_text(text: &BStr) -> (BString, bool) {
    mask(text, |text, marks| shapes::mark(text, marks, Context::Text))
}

/// Whether a variable of this name holds a secret: `GITHUB_TOKEN`, `PGPASSWORD`, `AWS_SECRET_ACCESS_KEY`.
pub fn is_secret_name(name: &BStr) -> bool {
    matches!(names::of_variable(name), Secrecy::Yes | Secrecy::UnlessPath)
}

/// A variable's value, masked if its name or its shape says that it is a secret, and whether it was. The path of a
/// file that holds secrets is none (`GOOGLE_APPLICATION_CREDENTIALS=/…`).
pub fn mask_value(name: &BStr, value: &BStr) -> (BString, bool) {
    if names::of_variable(name).hides(value) {
        return (MASK.into(), true);
    }
    mask(value, |value, marks| shapes::mark(value, marks, Context::Word))
}

fn mask(text: &BStr, mark: impl Fn(&[u8], &mut Marks)) -> (BString, bool) {
    let masked = until_stable(text.to_owned(), |text| {
        let mut marks = Marks::new(text);
        mark(text, &mut marks);
        marks.apply(text)
    });
    let found = masked.contains_str(MASK);
    (masked, found)
}

/// What is left after masking can look like another secret, so it is done until nothing changes: that makes masking
/// what is masked change nothing. Two passes are the rule, more than four were never seen.
fn until_stable<T: PartialEq>(mut value: T, pass: impl Fn(&T) -> T) -> T {
    for _ in 0..16 {
        let next = pass(&value);
        if next == value {
            break;
        }
        value = next;
    }
    value
}

/// Which bytes of a text belong to a secret.
#[derive(Clone, Debug)]
struct Marks {
    bytes: Vec<Mark>,
    /// Where the text holds [`MASK`] already; it is hidden as a whole or not at all.
    old: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Keep,
    /// Belongs to a secret that began before.
    Inside,
    /// The first byte of a secret.
    Begin,
}

impl Marks {
    fn new(text: &[u8]) -> Self {
        Self { bytes: vec![Mark::Keep; text.len()], old: text.find_iter(MASK).collect() }
    }

    /// The bytes of `range` are a secret.
    fn hide(&mut self, range: Range<usize>) {
        let (mut start, mut end) = (range.start, range.end.min(self.bytes.len()));
        for &old in &self.old {
            let whole = old..old + MASK.len();
            if whole.contains(&start) {
                start = whole.start;
            }
            if start < end && whole.contains(&(end - 1)) {
                end = whole.end;
            }
        }
        for at in start..end {
            self.set(at, if at == start { Mark::Begin } else { Mark::Inside });
        }
    }

    fn set(&mut self, at: usize, mark: Mark) {
        if let Some(byte) = self.bytes.get_mut(at) {
            *byte = (*byte).max(mark);
        }
    }

    /// Whether any byte of `range` is hidden.
    fn hides(&self, range: Range<usize>) -> bool {
        self.bytes.get(range).is_some_and(|marks| marks.iter().any(|&mark| mark != Mark::Keep))
    }

    /// The text with one mask for each run of hidden bytes.
    fn apply(&self, text: &[u8]) -> BString {
        let mut masked = BString::from(Vec::with_capacity(text.len()));
        let mut before = Mark::Keep;
        for (&byte, &mark) in text.iter().zip(&self.bytes) {
            match mark {
                Mark::Keep => masked.push(byte),
                Mark::Begin if before == Mark::Keep => masked.extend_from_slice(MASK.as_bytes()),
                Mark::Begin | Mark::Inside => {}
            }
            before = mark;
        }
        masked
    }
}
