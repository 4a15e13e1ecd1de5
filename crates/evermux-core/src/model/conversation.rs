//! What an assistant in a pane was talking about: which conversation, and how that is known.

use std::fmt;
use std::str::FromStr;

use bstr::BString;

use super::EnvironmentEntry;

/// A conversation of an AI assistant, or of any program that can be asked to go on where it was.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Conversation {
    /// The handler that knows the program: `claude`.
    pub tool: String,
    /// Which one, by the program's own id; none if that could not be found out.
    pub id: Option<String>,
    /// The directory in which it takes place. Exact bytes.
    pub directory: BString,
    /// Variables that the program was started with and needs again; none of them is a secret.
    pub environment: Vec<EnvironmentEntry>,
    /// How it is known: facts.
    pub found: Found,
}

/// How a conversation is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Found {
    /// How sure the id is.
    pub confidence: Confidence,
    /// What tells the id, or why none is known: a fragment.
    pub evidence: String,
    /// Whether something of it was written down that can be gone on with.
    pub begun: bool,
    /// The process that held it.
    pub pid: u32,
    /// When that began: milliseconds since the epoch.
    pub started: i64,
}

/// How sure something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// Nothing speaks against it.
    #[default]
    Guess,
    /// It was true once, or fits in several ways.
    Strong,
    /// The program itself says so, now.
    Exact,
}

impl Confidence {
    /// All of them, the surest last.
    pub const ALL: [Self; 3] = [Self::Guess, Self::Strong, Self::Exact];

    /// As a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guess => "guess",
            Self::Strong => "strong",
            Self::Exact => "exact",
        }
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Confidence {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|confidence| confidence.as_str() == text);
        known.ok_or_else(|| format!("'{}' is none of exact, strong and guess", text.escape_debug()))
    }
}

impl Conversation {
    /// Whether both are the same one, however that is known.
    pub fn is_same(&self, other: &Self) -> bool {
        self.id.is_some() && self.tool == other.tool && self.id == other.id
    }
}
