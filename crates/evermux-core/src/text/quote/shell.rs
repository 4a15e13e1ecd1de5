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
    /// More than [`MAX_TYPED`] bytes.
    #[error("the line would be {0} bytes long")]
    TooLong(usize),
}

/// `bytes` as one word of a POSIX shell's script or `-c` argument. Not for typing: see [`shell_line`].
///
/// # Errors
/// [`NulByte`]: no shell can hold one.
pub fn shell_word(bytes: &[u8]) -> Result<Vec<u8>, NulByte> {
    shlex::bytes::try_quote(bytes).map(std::borrow::Cow::into_owned).map_err(|_| NulByte)
}

/// A line that runs exactly `argv` when it is typed or pasted at the prompt of bash, zsh or dash. fish and nu quote
/// differently.
///
/// Every word with anything special in it stands in single quotes, where bash and zsh expand no `!` (in double
/// quotes they do, even pasted). A program named like a word of the shell's grammar is quoted, too; aliases apply as
/// they did when the line was first typed.
///
/// # Errors
/// [`Untypeable`], with the position in `argv`.
pub fn shell_line(argv: &[BString]) -> Result<BString, Untypeable> {
    if argv.first().is_none_or(|program| program.is_empty()) {
        return Err(Untypeable::Empty);
    }
    let mut line = BString::default();
    for (position, argument) in argv.iter().enumerate() {
        let text = argument.to_str().map_err(|_| Untypeable::InvalidUtf8(position))?;
        if text.chars().any(char::is_control) {
            return Err(Untypeable::ControlCharacter(position));
        }
        if position > 0 {
            line.push(b' ');
        }
        let bare = |c: char| c.is_ascii_alphanumeric() || "_./:@+,-".contains(c);
        if !text.is_empty() && text.chars().all(bare) && !(position == 0 && is_grammar(text)) {
            line.extend(text.bytes());
        } else {
            line.push(b'\'');
            line.extend(text.replace('\'', r"'\''").bytes());
            line.push(b'\'');
        }
    }
    if line.len() > MAX_TYPED { Err(Untypeable::TooLong(line.len())) } else { Ok(line) }
}

/// Whether a shell reads this as part of its grammar when it stands first and unquoted.
fn is_grammar(word: &str) -> bool {
    const WORDS: &[&str] = &[
        "-",
        "case",
        "coproc",
        "do",
        "done",
        "elif",
        "else",
        "end",
        "esac",
        "fi",
        "for",
        "foreach",
        "function",
        "if",
        "in",
        "nocorrect",
        "noglob",
        "repeat",
        "select",
        "then",
        "time",
        "until",
        "while",
    ];
    WORDS.contains(&word)
}
