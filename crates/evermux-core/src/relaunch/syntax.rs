//! How the arguments of a program are written, and which of them are harmless.

use bstr::{BString, ByteSlice};

/// What is allowed of a program. Every argument that is not named here is refused.
#[derive(Debug)]
pub struct Rule {
    /// Letters that take no value: `-f`, also together, `-fq`.
    pub letters: &'static str,
    /// Letters that take one: `-n 5`, `-n5`, `-fn5`.
    pub valued: &'static str,
    /// Long ones without a value, with their dashes; of those that begin with a single dash, too.
    pub words: &'static [&'static str],
    /// Long ones with a value: `--lines=5`, `--lines 5`; those with a single dash only as `-lms 500`.
    pub valued_words: &'static [&'static str],
    /// Arguments that are no flags: `+F`, `100`, file names.
    pub operands: Operands,
}

/// Which arguments that are no flags a program may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operands {
    /// None.
    None,
    /// Numbers: seconds, times, process ids.
    Numbers,
    /// These words.
    Words(&'static [&'static str]),
    /// Files to look at, and whatever else names something; not devices.
    Any,
    /// The same, and `+F`, `+G`, `+12`, `+12g` of less and its like: the commands with which they begin.
    Viewed,
}

impl Rule {
    /// A program without any arguments.
    pub const NONE: Self =
        Self { letters: "", valued: "", words: &[], valued_words: &[], operands: Operands::None };

    /// Whether all these arguments are harmless.
    ///
    /// # Errors
    /// The first that is not known to be.
    pub fn check<'a>(&self, arguments: &'a [BString]) -> Result<(), &'a BString> {
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match self.kind(argument) {
                Kind::Flag => {}
                // Without a value the program itself will complain.
                Kind::FlagBeforeValue => match arguments.next() {
                    Some(value) if !is_value(value) => return Err(value),
                    _ => {}
                },
                Kind::End => {
                    return arguments.find(|operand| !self.allows_operand(operand)).map_or(Ok(()), Err);
                }
                Kind::Operand if self.allows_operand(argument) => {}
                Kind::Operand | Kind::Unknown => return Err(argument),
            }
        }
        Ok(())
    }

    fn kind(&self, argument: &[u8]) -> Kind {
        let one_of = |words: &[&str], word: &[u8]| words.iter().any(|known| known.as_bytes() == word);
        let split = argument.split_once_str("=");
        match argument {
            b"--" => Kind::End,
            b"-" => Kind::Operand,
            _ if one_of(self.words, argument) => Kind::Flag,
            _ if one_of(self.valued_words, argument) => Kind::FlagBeforeValue,
            [b'-', b'-', ..] => match split {
                Some((word, value)) if one_of(self.valued_words, word) && !is_device(value) => Kind::Flag,
                _ => Kind::Unknown,
            },
            [b'-', letters @ ..] => self.letters_kind(letters),
            _ => Kind::Operand,
        }
    }

    fn letters_kind(&self, letters: &[u8]) -> Kind {
        for (at, letter) in letters.iter().enumerate() {
            if self.valued.as_bytes().contains(letter) {
                let value = &letters[at + 1..];
                return match value {
                    b"" => Kind::FlagBeforeValue,
                    _ if is_device(value) => Kind::Unknown,
                    _ => Kind::Flag,
                };
            }
            if !self.letters.as_bytes().contains(letter) {
                return Kind::Unknown;
            }
        }
        Kind::Flag
    }

    fn allows_operand(&self, operand: &[u8]) -> bool {
        let number =
            |text: &[u8]| !text.is_empty() && text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
        match self.operands {
            Operands::None => false,
            Operands::Numbers => number(operand),
            Operands::Words(words) => words.iter().any(|word| word.as_bytes() == operand),
            Operands::Any => !operand.starts_with(b"+") && !is_device(operand),
            Operands::Viewed => match operand {
                [b'+', command @ ..] => {
                    matches!(command, b"F" | b"G" | b"g")
                        || number(command.strip_suffix(b"g").unwrap_or(command))
                }
                _ => !is_device(operand),
            },
        }
    }
}

/// What an argument is.
enum Kind {
    Flag,
    FlagBeforeValue,
    /// `--`: only operands follow.
    End,
    Operand,
    Unknown,
}

/// Whether a word of its own can be the value of the flag before it. One that looks like a flag or a command of a
/// viewer cannot: where the program sees no value there, it would obey it.
fn is_value(word: &[u8]) -> bool {
    match word {
        [b'-' | b'+', number @ ..] => !number.is_empty() && number.iter().all(u8::is_ascii_digit),
        _ => !is_device(word),
    }
}

/// To open some devices is to do something: `/dev/watchdog` restarts the machine, a tape rewinds.
fn is_device(path: &[u8]) -> bool {
    let mut parts = path.split_str("/").filter(|part| !part.is_empty() && *part != b".");
    let up = path.split_str("/").any(|part| part == b"..");
    match path.first() {
        Some(b'/') if !up => parts.next() == Some(b"dev"),
        _ => up && parts.any(|part| part == b"dev"),
    }
}
