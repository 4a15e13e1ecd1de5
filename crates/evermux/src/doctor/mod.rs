//! Whether everything is as it should be: facts are gathered from the system ([`gather`]), each for a limited time, and
//! judged by pure functions ([`judge`]).

pub mod facts;
pub mod gather;
pub mod judge;
#[cfg(test)]
mod tests;

use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Worth knowing; nothing has to be done.
    Note,
    /// Something may be lost, or not come back.
    Warning,
    /// Something does not work.
    Problem,
}

impl Level {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// One thing that was looked at. Texts may hold bytes from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at: one word, the same for ever.
    pub check: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What was found: one line.
    pub what: String,
    /// What to do: one line.
    pub todo: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, what: what.into(), todo: None }
    }

    /// Not quite as it should be, and what to do.
    pub fn of(level: Level, check: &'static str, what: impl Into<String>, todo: impl Into<String>) -> Self {
        let todo = Some(todo.into()).filter(|todo: &String| !todo.is_empty());
        Self { check, level, what: what.into(), todo }
    }
}
