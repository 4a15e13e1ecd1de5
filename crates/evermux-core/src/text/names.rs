//! Names: how to make a tmux of some version report a wanted name again.
//!
//! What tmux reports is not what it was given: most versions write names with vis(3), so `a\b` is reported `a\\b`,
//! and every command expands names as formats. A [`Recipe`] is the argument that undoes both, or the nearest there
//! is. Measured on 3.0a, 3.1c, 3.2a, 3.3a, 3.4, 3.5a, 3.6b, 3.7c and 3.8:
//!
//! | | session | window, `rename-window` | window, `-n` of `new-window` | title, `select-pane -T` |
//! |---|---|---|---|---|
//! | 3.0 | raw; no empty, `:` or `.` | vis | raw, not a format | vis |
//! | 3.1 | the same | vis | raw | raw, no control characters or invalid UTF-8 |
//! | 3.2 to 3.6 | vis; `:` and `.` become `_`; no empty (3.2: empty) | vis | raw | the same |
//! | 3.7, 3.8 | vis; no control characters or invalid UTF-8 | the same | the same | the same |
//!
//! Up to 3.4 this vis also puts a backslash before a `$` that begins a variable. 3.4 and 3.5 print control characters
//! as `\ooo` when asked for a name. 3.3 holds characters that have no width in the C library (0x80 to 0x9f, U+2028,
//! and whatever is newer than the library) for invalid UTF-8, so what a recipe says is a forecast: read back and
//! compare all the same. Times (`%H`) are not expanded in names by any version.

use std::fmt;

use bstr::{BStr, BString, ByteSlice};

use super::quote::format_literal;
use crate::model::TmuxVersion;

/// How to name something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// The argument, not to be expanded or changed any more: only [`super::quote::tmux_word`] remains.
    pub argument: BString,
    /// What tmux will report.
    pub reported: BString,
    /// Why that is not the wanted name, if it is not.
    pub inexact: Option<Inexact>,
}

/// How to name a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowRecipe {
    /// The command that has to do it.
    pub command: WindowNaming,
    /// Its argument.
    pub recipe: Recipe,
}

/// The commands that name windows. Both switch `automatic-rename` off in the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WindowNaming {
    /// `rename-window`, at any time.
    Rename,
    /// `-n` of the command that makes the window (`new-window`, `new-session`, `break-pane`): up to 3.6 it keeps what
    /// `rename-window` would escape.
    Create,
}

/// Why tmux cannot report a wanted name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Inexact {
    /// No sessions without a name: before 3.7, but for 3.2.
    Empty,
    /// No `:` and `.` in names of sessions before 3.7.
    Punctuation,
    /// No control characters.
    ControlCharacter,
    /// No invalid UTF-8.
    InvalidUtf8,
    /// A backslash is reported as two, or a `$` with one, unlike in the version the name comes from.
    Escape,
}

impl fmt::Display for Inexact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "this tmux has no empty names",
            Self::Punctuation => "this tmux has no ':' or '.' in names of sessions",
            Self::ControlCharacter => "this tmux has no control characters here",
            Self::InvalidUtf8 => "this tmux has only valid UTF-8 here",
            Self::Escape => "this tmux writes backslashes and '$' in another way",
        })
    }
}

/// How `new-session -s` and `rename-session` make a tmux of `version` report `wanted` as `#{session_name}`.
///
/// Two wanted names can have the same nearest one; sessions must differ in [`Recipe::reported`].
pub fn session_name(wanted: &BStr, version: TmuxVersion) -> Recipe {
    Rule::of_sessions(version).recipe(wanted)
}

/// How `new-session -t` makes a new group that a tmux of `version` reports as `#{session_group}`. It is kept raw
/// and not a format. tmux first looks for a session that the argument names, be it by its first letters or as `$1`; none may
/// fit.
pub fn group_name(wanted: &BStr, version: TmuxVersion) -> Recipe {
    Rule::of_groups(version).recipe(wanted)
}

/// How to make a tmux of `version` report `wanted` as `#{window_name}`.
pub fn window_name(wanted: &BStr, version: TmuxVersion) -> WindowRecipe {
    let recipe = Rule::of_renamed_windows(version).recipe(wanted);
    if recipe.inexact.is_some() && !version.at_least(3, 7) {
        let created = Rule::of_created_windows(version).recipe(wanted);
        if created.inexact.is_none() {
            return WindowRecipe { command: WindowNaming::Create, recipe: created };
        }
    }
    WindowRecipe { command: WindowNaming::Rename, recipe }
}

/// How `select-pane -T` makes a tmux of `version` report `wanted` as `#{pane_title}`. A title that tmux does not take
/// is ignored without an error, and the old one stays.
pub fn pane_title(wanted: &BStr, version: TmuxVersion) -> Recipe {
    Rule::of_titles(version).recipe(wanted)
}

/// What a command does with a name.
#[derive(Clone, Copy, Debug)]
struct Rule {
    /// Whether it expands formats.
    format: bool,
    /// Whether it escapes backslashes, control characters and invalid UTF-8 with vis(3).
    vis: bool,
    /// Whether that puts a backslash before the `$` of a variable.
    vis_dollar: bool,
    /// Whether characters to which the C library gives no width count as invalid UTF-8.
    needs_width: bool,
    /// Whether it refuses control characters and invalid UTF-8.
    printable: bool,
    /// Whether it refuses an empty name.
    no_empty: bool,
    /// Whether it refuses or replaces `:` and `.`.
    no_punctuation: bool,
}

impl Rule {
    /// Common to all names: formats are expanded, bytes kept.
    fn common(version: TmuxVersion) -> Self {
        let between = |from: u16, before: u16| version.at_least(3, from) && !version.at_least(3, before);
        Self {
            format: true,
            vis: false,
            vis_dollar: !version.at_least(3, 5),
            needs_width: between(3, 4),
            printable: version.at_least(3, 7),
            no_empty: false,
            no_punctuation: false,
        }
    }

    fn of_sessions(version: TmuxVersion) -> Self {
        let (is_3_2, any_name) = (version.at_least(3, 2) && !version.at_least(3, 3), version.at_least(3, 7));
        Self {
            vis: version.at_least(3, 2),
            no_empty: !any_name && !is_3_2,
            no_punctuation: !any_name,
            ..Self::common(version)
        }
    }

    fn of_groups(version: TmuxVersion) -> Self {
        let no_punctuation = !version.at_least(3, 2);
        Self { format: false, vis: false, no_punctuation, ..Self::of_sessions(version) }
    }

    fn of_renamed_windows(version: TmuxVersion) -> Self {
        Self { vis: true, ..Self::common(version) }
    }

    fn of_created_windows(version: TmuxVersion) -> Self {
        Self { format: version.at_least(3, 1), vis: version.at_least(3, 7), ..Self::common(version) }
    }

    fn of_titles(version: TmuxVersion) -> Self {
        let vis = !version.at_least(3, 1) || version.at_least(3, 7);
        Self { vis, printable: version.at_least(3, 1), ..Self::common(version) }
    }

    /// The argument with which this command comes as near to `wanted` as it can.
    fn recipe(self, wanted: &BStr) -> Recipe {
        let mut inexact = None;
        let mut name = if self.vis { self.unvis(wanted) } else { wanted.to_owned() };
        if self.printable {
            name = self.without_unprintable(name.as_ref(), &mut inexact);
        }
        if self.no_punctuation && name.find_byteset(b":.").is_some() {
            inexact = Some(Inexact::Punctuation);
            name = name.replace(b":", b"_").replace(b".", b"_").into();
        }
        if self.no_empty && name.is_empty() {
            inexact = Some(Inexact::Empty);
            name = BString::from("_");
        }
        let reported = self.reported(name.as_ref());
        if reported == wanted {
            inexact = None;
        } else if inexact.is_none() {
            inexact = Some(self.escaped_reason(wanted));
        }
        let argument = if self.format { format_literal(&name).into() } else { name };
        Recipe { argument, reported, inexact }
    }

    /// Why a name that is kept, but escaped, is not reported as it is.
    fn escaped_reason(self, wanted: &BStr) -> Inexact {
        if wanted.iter().any(u8::is_ascii_control) {
            Inexact::ControlCharacter
        } else if wanted.to_str().is_err() {
            Inexact::InvalidUtf8
        } else {
            Inexact::Escape
        }
    }

    /// What a listing reads of a name that tmux was given. 3.4 and 3.5 print control characters and bad bytes as `\\ooo`,
    /// which it undoes: it sees to it that they print backslashes so, too.
    fn reported(self, name: &BStr) -> BString {
        if self.vis {
            return self.vis(name);
        }
        name.to_owned()
    }

    /// Replaces what a tmux that wants printable names refuses.
    fn without_unprintable(self, name: &BStr, inexact: &mut Option<Inexact>) -> BString {
        let mut kept = BString::default();
        for piece in pieces(name, self.needs_width) {
            match piece {
                Piece::Ascii(byte) => kept.push(byte),
                Piece::Character(c) => kept.extend(c.bytes()),
                Piece::Byte(byte) => {
                    let reason =
                        if byte.is_ascii() { Inexact::ControlCharacter } else { Inexact::InvalidUtf8 };
                    *inexact = inexact.or(Some(reason));
                    kept.push(b'_');
                }
            }
        }
        kept
    }

    /// tmux's `utf8_stravis` with `VIS_OCTAL|VIS_CSTYLE|VIS_TAB|VIS_NL`.
    fn vis(self, name: &BStr) -> BString {
        let mut escaped = BString::default();
        let mut rest = pieces(name, self.needs_width).peekable();
        while let Some(piece) = rest.next() {
            match piece {
                Piece::Ascii(b'\\') => escaped.extend(b"\\\\"),
                Piece::Ascii(b'$') if self.vis_dollar && rest.peek().is_some_and(Piece::begins_variable) => {
                    escaped.extend(b"\\$");
                }
                Piece::Ascii(byte) => escaped.push(byte),
                Piece::Character(c) => escaped.extend(c.bytes()),
                Piece::Byte(byte) => push_escape(byte, &mut escaped),
            }
        }
        escaped
    }

    /// Undoes [`Rule::vis`] wherever `text` looks as if it came from there; what does not is left alone.
    fn unvis(self, text: &BStr) -> BString {
        let mut name = BString::default();
        let mut rest: &[u8] = text;
        while let Some(&byte) = rest.first() {
            // A tmux that wants printable names never has other escapes in them.
            let undone = undo_escape(rest).filter(|(undone, _)| !self.printable || b"\\$".contains(undone));
            let (undone, length) = undone.unwrap_or((byte, 1));
            name.push(undone);
            rest = &rest[length..];
        }
        name
    }
}

/// The byte that the escape at the beginning of `text` stands for, and the escape's length.
fn undo_escape(text: &[u8]) -> Option<(u8, usize)> {
    match text {
        [b'\\', b'\\', ..] => Some((b'\\', 2)),
        [b'\\', b'$', ..] => Some((b'$', 2)),
        [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
            Some(((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'), 4)).filter(|&(byte, _)| byte != 0)
        }
        [b'\\', letter, ..] => NAMED.iter().find(|(_, name)| name == letter).map(|&(byte, _)| (byte, 2)),
        _ => None,
    }
}

/// Control characters that vis(3) writes with a letter (`VIS_CSTYLE`).
const NAMED: [(u8, u8); 7] =
    [(7, b'a'), (8, b'b'), (b'\t', b't'), (b'\n', b'n'), (11, b'v'), (12, b'f'), (b'\r', b'r')];

fn push_escape(byte: u8, text: &mut BString) {
    match NAMED.iter().find(|(named, _)| *named == byte) {
        Some(&(_, letter)) => text.extend([b'\\', letter]),
        None => text.extend(format!("\\{byte:03o}").bytes()),
    }
}

/// A part of a name as tmux's UTF-8 code sees it.
enum Piece<'a> {
    /// A printable ASCII character.
    Ascii(u8),
    /// A character beyond ASCII that tmux holds for valid.
    Character(&'a str),
    /// A control character or a byte that is not UTF-8.
    Byte(u8),
}

impl Piece<'_> {
    /// Whether a `$` before it begins a variable, for vis up to 3.4.
    fn begins_variable(&self) -> bool {
        matches!(self, Self::Ascii(byte) if byte.is_ascii_alphabetic() || b"_{".contains(byte))
    }
}

/// Cuts a name into pieces.
fn pieces(name: &BStr, needs_width: bool) -> impl Iterator<Item = Piece<'_>> {
    name.utf8_chunks().flat_map(move |chunk| {
        let valid = chunk.valid();
        let characters = valid.char_indices().flat_map(move |(at, c)| {
            let text = &valid[at..at + c.len_utf8()];
            let bytes = (c.is_ascii_control() || (needs_width && has_no_width(c))).then(|| text.bytes());
            let piece = match c {
                _ if bytes.is_some() => None,
                c if c.is_ascii() => Some(Piece::Ascii(c as u8)),
                _ => Some(Piece::Character(text)),
            };
            piece.into_iter().chain(bytes.into_iter().flatten().map(Piece::Byte))
        });
        characters.chain(chunk.invalid().iter().map(|&byte| Piece::Byte(byte)))
    })
}

/// Characters of which the width is -1 in every C library; in old ones so are those newer than it.
fn has_no_width(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests;
