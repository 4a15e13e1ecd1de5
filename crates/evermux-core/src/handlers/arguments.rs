//! The arguments of a program, told apart: flags, their values, and the rest.

use std::collections::HashSet;

use bstr::{BStr, BString, ByteSlice};
use serde::Deserialize;

use super::words::{Flag, Plain};

/// How a program's arguments are written, and what of them is kept when it is started again.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Arguments {
    /// Flags without a value that are left out.
    pub drop: HashSet<Flag>,
    /// Flags with a value that are left out with it.
    pub drop_values: HashSet<Flag>,
    /// Flags with a value that are kept.
    pub values: HashSet<Flag>,
    /// Flags with any number of values that are kept.
    pub variadic: HashSet<Flag>,
    /// Flags without a value that are kept even if a plain word follows them.
    pub flags: HashSet<Flag>,
    /// Words that are no operands but say what is done with those: `resume`. They are left out.
    pub subcommands: HashSet<Plain>,
    /// Whether the other words are kept. For a prompt that would be to ask again.
    pub keep_operands: bool,
    /// How many other words there may be, for a program that is run.
    pub most_operands: Option<usize>,
}

/// A piece of a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// Its words: a flag with its values, or one other word.
    pub words: &'a [BString],
    /// What it is.
    pub kind: ItemKind<'a>,
}

/// What a piece of a command line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemKind<'a> {
    /// A flag, its name and the value that follows it or stands behind its `=`.
    Flag {
        /// With its dashes.
        name: &'a [u8],
        /// The first value.
        value: Option<&'a BStr>,
        /// How it is known.
        known: Known,
    },
    /// `--`: no flags follow.
    End,
    /// Any other word.
    Operand,
}

/// How a flag is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Kept.
    Keep,
    /// Left out.
    Drop,
    /// Not known. If a plain word follows, nobody can tell whether that is its value.
    Unknown,
}

/// The arguments that are given again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// Those that are kept, in their order.
    pub kept: Vec<BString>,
    /// Flags that were left out because it is not known what they mean.
    pub unknown: Vec<BString>,
}

impl Arguments {
    /// The pieces of these words (without the program's own name), in order.
    pub fn items<'a>(&self, words: &'a [BString]) -> Vec<Item<'a>> {
        let mut items = Vec::new();
        let (mut rest, mut ended) = (words, false);
        while let Some(word) = rest.first() {
            let (length, kind) = match word.as_slice() {
                b"--" if !ended => {
                    ended = true;
                    (1, ItemKind::End)
                }
                [b'-', _, ..] if !ended => self.flag(rest),
                _ => (1, ItemKind::Operand),
            };
            let (own, after) = rest.split_at(length.min(rest.len()));
            items.push(Item { words: own, kind });
            rest = after;
        }
        items
    }

    /// The flag at the head of these words, and how many of them it takes.
    fn flag<'a>(&self, words: &'a [BString]) -> (usize, ItemKind<'a>) {
        let word = words[0].as_slice();
        let kind = |name, value: Option<&'a BString>, known| ItemKind::Flag {
            name,
            value: value.map(|value| value.as_bstr()),
            known,
        };
        if let Some(at) = word.find_byte(b'=') {
            let name = &word[..at];
            let known = self.known(name);
            return (1, ItemKind::Flag { name, value: Some(word[at + 1..].as_bstr()), known });
        }
        if let Some((name, known)) = self.glued(word) {
            return (1, ItemKind::Flag { name, value: Some(word[2..].as_bstr()), known });
        }
        let next = words.get(1).filter(|next| !self.is_flag(next));
        let known = self.known(word);
        if has(&self.variadic, word) {
            let values = words[1..].iter().take_while(|word| !word.starts_with(b"-")).count();
            return (1 + values, kind(word, words.get(1).filter(|_| values > 0), known));
        }
        if has(&self.values, word) {
            return (1 + usize::from(next.is_some()), kind(word, next, known));
        }
        // What is left out may be optional (`--resume [ID]`), so a flag is none of its values.
        let plain = next.filter(|next| !next.starts_with(b"-"));
        if has(&self.drop_values, word) || known == Known::Unknown {
            return (1 + usize::from(plain.is_some()), kind(word, plain, known));
        }
        (1, kind(word, None, known))
    }

    /// A short flag with its value in the same word: `-mopus`.
    fn glued<'a>(&self, word: &'a [u8]) -> Option<(&'a [u8], Known)> {
        let name = word.get(..2).filter(|name| word.len() > 2 && name[1] != b'-')?;
        if has(&self.values, name) || has(&self.variadic, name) {
            Some((name, Known::Keep))
        } else {
            has(&self.drop_values, name).then_some((name, Known::Drop))
        }
    }

    fn known(&self, name: &[u8]) -> Known {
        if has(&self.drop, name) || has(&self.drop_values, name) {
            Known::Drop
        } else if [&self.values, &self.variadic, &self.flags].iter().any(|set| has(set, name)) {
            Known::Keep
        } else {
            Known::Unknown
        }
    }

    /// Whether a word is surely a flag and not a value that begins with a dash.
    fn is_flag(&self, word: &BString) -> bool {
        word == "--" || self.known(word.split_str("=").next().unwrap_or(word)) != Known::Unknown
    }

    /// The operands: words that are neither flags nor values of flags.
    pub fn operands<'a>(&self, words: &'a [BString]) -> Vec<&'a BString> {
        let items = self.items(words);
        items.iter().filter(|item| item.kind == ItemKind::Operand).map(|item| &item.words[0]).collect()
    }

    /// The value of one of these: of a flag its value, of a plain word the operand that follows it, where only
    /// [`Arguments::subcommands`] stand before.
    pub fn value_after<'a>(&self, words: &'a [BString], after: &[super::words::Either]) -> Option<&'a BStr> {
        let wanted = |word: &[u8]| after.iter().any(|after| after.0.as_bytes() == word);
        let (mut expected, mut leading) = (false, true);
        let mut value = None;
        for item in self.items(words) {
            match item.kind {
                ItemKind::Flag { name, value: Some(own), .. } if wanted(name) => value = Some(own),
                ItemKind::Operand => {
                    let word = &item.words[0];
                    if expected && !self.subcommands.contains(&Plain(word.to_str_lossy().into_owned())) {
                        return Some(word.as_bstr());
                    }
                    leading = leading && self.subcommands.contains(&Plain(word.to_str_lossy().into_owned()));
                    expected = leading && wanted(word);
                }
                _ => {}
            }
        }
        value
    }

    /// What of these words is given again.
    pub fn rewrite(&self, words: &[BString]) -> Rewritten {
        let mut rewritten = Rewritten::default();
        let mut before_operands = true;
        for item in self.items(words) {
            match item.kind {
                ItemKind::Flag { known: Known::Keep, .. } => rewritten.kept.extend_from_slice(item.words),
                ItemKind::Flag { known: Known::Drop, .. } => {}
                ItemKind::Flag { name, value, known: Known::Unknown } => {
                    // Without a value it is a switch. What might be a prompt is none that is sent again.
                    if value.is_none() || (item.words.len() == 1 && !is_prompt(name)) {
                        rewritten.kept.extend_from_slice(item.words);
                    } else {
                        rewritten.unknown.push(name.into());
                    }
                }
                ItemKind::End if self.keep_operands => rewritten.kept.push("--".into()),
                ItemKind::End => {}
                ItemKind::Operand => {
                    let word = &item.words[0];
                    let subcommand = before_operands
                        && self.subcommands.contains(&Plain(word.to_str_lossy().into_owned()));
                    before_operands = subcommand;
                    if self.keep_operands && !subcommand {
                        rewritten.kept.push(word.clone());
                    }
                }
            }
        }
        rewritten
    }
}

fn has(set: &HashSet<Flag>, name: &[u8]) -> bool {
    !set.is_empty() && name.to_str().is_ok_and(|name| set.contains(&Flag(name.to_owned())))
}

/// Whether the name of a flag says that its value is something to be asked.
fn is_prompt(name: &[u8]) -> bool {
    [&b"prompt"[..], b"message", b"query", b"input"].iter().any(|word| name.contains_str(word))
}
