//! Handlers: what evermux knows of single programs, as data (docs/handlers.md). Pure.
//!
//! A handler tells by which words of a command line a program is recognised, what of them is kept when it is started
//! again, where it writes down which conversation it holds, and how it is asked to go on with that. The shipped ones are
//! TOML files in this program; those of the user replace them by name.

mod arguments;
mod claims;
mod format;
mod matching;
mod paths;
mod template;
#[cfg(test)]
mod tests;
mod words;

use std::collections::HashMap;

pub use arguments::{Arguments, Item, ItemKind, Known, Rewritten};
pub use claims::{Candidate, Claimant, Verdict, settle};
pub use format::{
    Exclusion, Folder, FormatError, Handler, Inner, LONGEST_FILE, Lookup, Mode, Opens, Policy, Source,
    SourceKind, parse,
};
pub use matching::Invocation;
pub use paths::{Captures, Component, Glob, Piece};
pub use template::Template;
pub use words::{Either, Field, Flag, IdPattern, Name, Pattern, Plain, Query, Variable, is_id};

/// The shipped handlers, a file each.
pub const SHIPPED: &[(&str, &str)] = &[
    ("aider", include_str!("shipped/aider.toml")),
    ("amp", include_str!("shipped/amp.toml")),
    ("claude", include_str!("shipped/claude.toml")),
    ("codex", include_str!("shipped/codex.toml")),
    ("copilot", include_str!("shipped/copilot.toml")),
    ("gemini", include_str!("shipped/gemini.toml")),
    ("opencode", include_str!("shipped/opencode.toml")),
    ("programs", include_str!("shipped/programs.toml")),
    ("qwen", include_str!("shipped/qwen.toml")),
];

/// All handlers that hold.
#[derive(Clone, Debug, Default)]
pub struct Handlers {
    handlers: Vec<Handler>,
    /// Positions by the names of programs.
    by_program: HashMap<String, usize>,
}

impl Handler {
    /// Whether its program is one that goes on with something that was said, so that it is asked about at a save.
    pub fn holds_conversations(&self) -> bool {
        self.resume.is_some() || !self.needs.is_empty()
    }
}

impl Handlers {
    /// The shipped handlers.
    ///
    /// # Panics
    /// Never: a test reads each of them.
    pub fn shipped() -> Self {
        let mut handlers = Self::default();
        for (name, text) in SHIPPED {
            let own = parse(text).unwrap_or_else(|error| panic!("the shipped handler {name}: {error}"));
            handlers.put(own);
        }
        handlers
    }

    /// Adds handlers of the user. One takes the place of an earlier one of its name, and programs that two handlers name
    /// belong to the later one.
    pub fn add(&mut self, added: Vec<Handler>) {
        self.put(added.into_iter().map(|handler| Handler { is_users: true, ..handler }).collect());
    }

    fn put(&mut self, added: Vec<Handler>) {
        for handler in added {
            self.handlers.retain(|own| own.name != handler.name);
            self.handlers.push(handler);
        }
        self.by_program.clear();
        for (position, handler) in self.handlers.iter().enumerate() {
            for name in &handler.names {
                self.by_program.insert(name.clone(), position);
            }
        }
    }

    /// The handler of this name.
    pub fn get(&self, name: &str) -> Option<&Handler> {
        self.handlers.iter().find(|handler| handler.name == name)
    }

    /// All of them.
    pub fn all(&self) -> &[Handler] {
        &self.handlers
    }

    /// The handler of a program of this name.
    fn of_program(&self, name: &[u8]) -> Option<&Handler> {
        let name = std::str::from_utf8(name).ok()?;
        self.by_program.get(name).map(|position| &self.handlers[*position])
    }
}
