//! The words that handlers are written with, each checked when it is read.

use bstr::ByteSlice;
use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Deserializer, de};

/// Longest id of a conversation (bytes).
const LONGEST_ID: usize = 128;

/// Longest pattern (bytes), and the most that one may take once it is compiled.
const LONGEST_PATTERN: usize = 256;
const LARGEST_PATTERN: usize = 1 << 16;

/// Whether this can be the id of a conversation: it is put into command lines and paths, so it is a plain word.
pub fn is_id(id: &[u8]) -> bool {
    (1..=LONGEST_ID).contains(&id.len())
        && !id.starts_with(b"-")
        && id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(byte))
        && id.iter().any(|byte| *byte != b'.')
}

/// A regular expression (those of the crate `regex-lite`: no backtracking, so no text takes long).
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    fn new(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST_PATTERN {
            return Err(format!("the pattern is longer than {LONGEST_PATTERN} bytes"));
        }
        let regex = RegexBuilder::new(text).size_limit(LARGEST_PATTERN).build();
        regex.map(Self).map_err(|error| format!("'{text}' is not a pattern: {error}"))
    }

    /// What the group of this name stands for, in each place where the pattern fits.
    pub fn find(&self, text: &[u8], group: &str) -> Vec<String> {
        let text = text.to_str_lossy();
        self.0.captures_iter(&text).filter_map(|found| Some(found.name(group)?.as_str().to_owned())).collect()
    }

    /// Whether it fits somewhere.
    pub fn fits(&self, text: &[u8]) -> bool {
        self.0.is_match(&text.to_str_lossy())
    }

    /// Whether it fits, and nowhere does the group of this name stand for anything.
    pub fn fits_without(&self, text: &[u8], group: &str) -> bool {
        let text = text.to_str_lossy();
        let mut found = self.0.captures_iter(&text).peekable();
        found.peek().is_some() && found.all(|found| found.name(group).is_none())
    }

    /// Whether it has a group of this name.
    pub fn has(&self, group: &str) -> bool {
        self.0.capture_names().flatten().any(|name| name == group)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// What ids of one program look like: a pattern for the whole of them.
#[derive(Clone, Debug)]
pub struct IdPattern(Regex);

impl IdPattern {
    /// Whether this is such an id.
    pub fn fits(&self, id: &[u8]) -> bool {
        is_id(id) && id.to_str().is_ok_and(|id| self.0.is_match(id))
    }
}

impl<'de> Deserialize<'de> for IdPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Pattern::new(&text)
            .and_then(|_| Pattern::new(&format!("^(?:{text})$")))
            .map_err(de::Error::custom)
            .map(|it| Self(it.0))
    }
}

/// A word that a check lets through.
macro_rules! checked_word {
    ($(#[$doc:meta])* $name:ident, $check:expr, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub String);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let check: fn(&str) -> bool = $check;
                if check(&text) {
                    Ok(Self(text))
                } else {
                    Err(de::Error::custom(format!(concat!("'{}' is not ", $what), text.escape_debug())))
                }
            }
        }
    };
}

checked_word!(
    /// The name of a handler, a folder or a field.
    Name,
    |text| {
        (1..=32).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    },
    "a name (small letters, digits and -)"
);

checked_word!(
    /// The name of a program's file.
    Program,
    |text| is_plain(text) && !text.contains('/') && !text.starts_with('-'),
    "the name of a program"
);

checked_word!(
    /// A flag: `-m`, `--model`.
    Flag,
    |text| is_plain(text) && text.len() > 1 && text.starts_with('-') && text != "--" && !text.contains('='),
    "a flag such as -m or --model"
);

checked_word!(
    /// A word of a command line that is no flag: `resume`.
    Plain,
    |text| is_plain(text) && !text.starts_with('-'),
    "a plain word"
);

checked_word!(
    /// A flag or a plain word.
    Either,
    |text| is_plain(text) && text != "--" && text != "-",
    "a flag or a plain word"
);

checked_word!(
    /// The name of an environment variable.
    Variable,
    |text| {
        (1..=64).contains(&text.len())
            && !text.starts_with(|c: char| c.is_ascii_digit())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    },
    "the name of a variable"
);

checked_word!(
    /// The name of a field of a JSON object, with dots for those inside of others: `payload.cwd`.
    Field,
    |text| is_plain(text) && text.split('.').all(|part| !part.is_empty()) && text.split('.').count() <= 8,
    "the name of a field"
);

checked_word!(
    /// A query for a database.
    Query,
    |text| text.len() <= 1024 && text.trim_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case("select")),
    "a query (it begins with SELECT and has at most 1024 bytes)"
);

/// A word without blanks and control bytes.
fn is_plain(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.chars().all(|c| !c.is_whitespace() && !c.is_control())
}
