//! What came of the stories.

use std::fmt::Write as _;

use crate::machine::say;

/// What came of a story, or of a part of it.
pub struct Told {
    what: String,
    well: bool,
    said: String,
}

impl Told {
    /// What happened, whether everything was as it should be, and what was seen.
    pub fn new(what: &str, well: bool, said: impl Into<String>) -> Told {
        Told { what: what.to_owned(), well, said: said.into() }
    }

    /// By what is not as it was.
    pub fn by(what: &str, differs: Option<String>) -> Told {
        match differs {
            None => Told::new(what, true, "everything is there"),
            Some(differs) => Told::new(what, false, format!("it differs\n{differs}")),
        }
    }
}

/// All of it.
#[derive(Default)]
pub struct Table {
    text: String,
    bad: usize,
}

impl Table {
    /// Adds a row, and says it.
    pub fn row(&mut self, told: Told) {
        let Told { what, well, said } = told;
        let (result, said) = (if well { "well" } else { "**BAD**" }, said.trim());
        say(&format!("{result}: {what}: {said}"));
        let _ = writeln!(self.text, "| {what} | {result} | {} |", said.replace('\n', "<br>"));
        self.bad += usize::from(!well);
    }

    /// How many did not end well.
    pub fn bad(&self) -> usize {
        self.bad
    }

    /// In Markdown.
    pub fn text(&self) -> String {
        format!("| what happens | how it went | what was seen |\n| --- | --- | --- |\n{}", self.text)
    }
}
