//! Commands for tmux, written word by word so that nothing from outside is ever more than one word.

use std::borrow::Cow;

use super::{for_version, yield_line};
use crate::model::TmuxVersion;
use crate::text::quote::{format_literal, tmux_word};

/// A file of tmux commands, one on each line.
#[derive(Clone, Debug, Default)]
pub struct Script {
    bytes: Vec<u8>,
}

/// One command.
#[derive(Clone, Debug)]
#[must_use]
pub struct Command {
    words: Vec<Vec<u8>>,
}

impl Script {
    /// Adds a command.
    pub fn push(&mut self, command: Command) {
        self.push_chain([command]);
    }

    /// Adds commands of which each runs only if all before it succeeded.
    pub fn push_chain(&mut self, commands: impl IntoIterator<Item = Command>) {
        for (position, command) in commands.into_iter().enumerate() {
            if position > 0 {
                self.bytes.extend_from_slice(b" ; ");
            }
            self.bytes.extend_from_slice(&command.text());
        }
        self.bytes.push(b'\n');
    }

    /// Adds the lines of another script.
    pub fn append(&mut self, other: &Self) {
        self.bytes.extend_from_slice(&other.bytes);
    }

    /// Adds a pause, in which tmux serves others.
    pub fn pause(&mut self, version: TmuxVersion) {
        self.bytes.extend_from_slice(yield_line(version).as_bytes());
    }

    /// Begins a block, which tmux parses on its own: what it parses at once costs it time in the square of the length
    /// (see [`crate::tmux::in_blocks`]).
    pub fn begin_block(&mut self) {
        self.bytes.extend_from_slice(b"if-shell -F 1 {\n");
    }

    /// Ends a block.
    pub fn end_block(&mut self) {
        self.bytes.extend_from_slice(b"}\n");
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// What a server of that version is to run.
    pub fn for_version(&self, version: TmuxVersion) -> Cow<'_, [u8]> {
        for_version(version, &self.bytes)
    }

    /// The commands, each on its line.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// A command of this name.
pub fn command(name: &str) -> Command {
    Command { words: vec![name.into()] }
}

impl Command {
    /// Adds a flag or another word of our own.
    pub fn word(mut self, word: impl AsRef<[u8]>) -> Self {
        self.words.push(word.as_ref().to_owned());
        self
    }

    /// Adds a flag and its value; tmux takes the value as it is.
    pub fn value(self, flag: &str, value: impl AsRef<[u8]>) -> Self {
        self.word(flag).word(value)
    }

    /// Adds a flag and a value that tmux expands as a format: names, titles, directories.
    pub fn literal(self, flag: &str, value: impl AsRef<[u8]>) -> Self {
        let value = format_literal(value.as_ref());
        self.word(flag).word(value)
    }

    /// The command as tmux reads it in a file, or as the value of a hook.
    pub fn text(&self) -> Vec<u8> {
        let words: Vec<Vec<u8>> = self.words.iter().map(|word| quoted(word)).collect();
        words.join(&b' ')
    }

    /// Ends the flags; what follows may begin with a dash.
    pub fn end_of_flags(self) -> Self {
        self.word("--")
    }
}

/// A word in a command file. A NUL, which no name, path or argument of a living system can hold, is left out.
fn quoted(word: &[u8]) -> Vec<u8> {
    tmux_word(word).unwrap_or_else(|_| {
        let without: Vec<u8> = word.iter().copied().filter(|&byte| byte != 0).collect();
        tmux_word(&without).unwrap_or_default()
    })
}
