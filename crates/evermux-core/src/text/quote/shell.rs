//! Words for shells.

use bstr::{BString, ByteSlice};
use thiserror::Error;

use super::NulByte;

/// Longest line that may be typed, in bytes: a terminal without a line editor (dash) takes 4095 at a time.
pub const MAX_TYPED: usize = 4000;

/// Why a line is not typed into a shell; then it must be started another way.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Untypeable {
    /// There is no program.
    #[error("there is no program to run")]
    Empty,
    /// A newline, TAB or other control character: line editors act on it, pasted or not.
    #[error("argument {0} holds a control character")]
    ControlCharacter(usize),
    /// Not UTF-8: line editors change or drop it.
    #[error("argument {0} is not valid UTF-8")]
    InvalidUtf8(usize),
    /// A character for which that shell has no safe quoting.
    #[error("argument {0} holds a character that this shell cannot be told")]
    Character(usize),
    /// More than [`MAX_TYPED`] bytes.
    #[error("the line would be {0} bytes long")]
    TooLong(usize),
}

/// `bytes` as one word of a POSIX shell's script or `-c` argument. Not for typing: see [`shell_line()`].
///
/// # Errors
/// [`NulByte`]: no shell can hold one.
pub fn shell_word(bytes: &[u8]) -> Result<Vec<u8>, NulByte> {
    shlex::bytes::try_quote(bytes).map(std::borrow::Cow::into_owned).map_err(|_| NulByte)
}

/// `bytes` as one word of a fish script.
///
/// # Errors
/// [`NulByte`].
pub fn fish_word(bytes: &[u8]) -> Result<Vec<u8>, NulByte> {
    if bytes.contains(&0) {
        return Err(NulByte);
    }
    Ok([&b"'"[..], bytes.replace("\\", r"\\").replace("'", r"\'").as_slice(), b"'"].concat())
}

/// The language in which a shell reads a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// POSIX: bash, zsh, dash, ksh, mksh, busybox' ash, yash.
    Posix,
    /// csh and tcsh.
    Csh,
    /// fish.
    Fish,
    /// Nushell.
    Nu,
}

/// A line that runs exactly `argv` when it is typed or pasted at the prompt of a shell of that language.
///
/// Every word with anything special in it stands in single quotes, where bash and zsh expand no `!` (in double
/// quotes they do, even pasted). No alias and no function of the program's name takes its place: it would add arguments
/// that are in `argv` already, once more at every restore.
///
/// # Errors
/// [`Untypeable`], with the position in `argv`.
pub fn shell_line(language: Language, argv: &[BString]) -> Result<BString, Untypeable> {
    let Some((program, arguments)) = argv.split_first() else { return Err(Untypeable::Empty) };
    if program.is_empty() {
        return Err(Untypeable::Empty);
    }
    if program.starts_with(b"-") {
        return Err(Untypeable::Character(0));
    }
    let plain_name = !program.contains(&b'/');
    let mut line = BString::from(match language {
        Language::Posix | Language::Fish if plain_name => "command ",
        Language::Nu => "^",
        _ => "",
    });
    let quoted_name = language == Language::Csh && plain_name;
    line.extend(typed_word(language, program, 0, quoted_name)?);
    for (position, argument) in arguments.iter().enumerate() {
        line.push(b' ');
        line.extend(typed_word(language, argument, position + 1, false)?);
    }
    if line.len() > MAX_TYPED { Err(Untypeable::TooLong(line.len())) } else { Ok(line) }
}

/// One word of such a line; in quotes also where it needs none (`always`).
fn typed_word(
    language: Language,
    word: &BString,
    position: usize,
    always: bool,
) -> Result<Vec<u8>, Untypeable> {
    let text = word.to_str().map_err(|_| Untypeable::InvalidUtf8(position))?;
    if text.chars().any(char::is_control) {
        return Err(Untypeable::ControlCharacter(position));
    }
    let unsafe_in_quotes = match language {
        Language::Posix | Language::Fish => false,
        // Even in single quotes `!` is history, and with `backslash_quote` a backslash is an escape; without bracketed paste
        // bytes that are not ASCII can be bound to something.
        Language::Csh => text.contains(['!', '\\']) || !text.is_ascii(),
        // It has no escape in single quotes.
        Language::Nu => text.contains('\''),
    };
    if unsafe_in_quotes {
        return Err(Untypeable::Character(position));
    }
    let bare = |c: char| c.is_ascii_alphanumeric() || "_./:@+,-".contains(c);
    // Numbers, ranges and sizes are values of their own.
    let is_value =
        language == Language::Nu && text.starts_with(|c: char| !c.is_ascii_alphabetic() && c != '/');
    if !text.is_empty() && text.chars().all(bare) && !is_value && !always {
        return Ok(text.into());
    }
    let inside = match language {
        Language::Posix | Language::Csh => text.replace('\'', r"'\''"),
        Language::Fish => text.replace('\\', r"\\").replace('\'', r"\'"),
        Language::Nu => text.to_owned(),
    };
    Ok(format!("'{inside}'").into_bytes())
}
