//! The list of programs of tmux-resurrect: `vim "~rails server->rails server *" ssh`.
//!
//! It is split as a shell would split it, but nothing in it is expanded or run (theirs goes through `eval`). An element is
//! `MATCH` or `MATCH->RESTORE`: MATCH is an extended regular expression for the beginning of a command line, with `~` before
//! it for any place; RESTORE is what is started instead.

use bstr::{BString, ByteSlice};
use regex_lite::{Regex, RegexBuilder};

use crate::relaunch::{installed_name, names};

/// Most elements, longest list and longest pattern (bytes).
const MOST: usize = 200;
const LONGEST: usize = 16 << 10;
const LARGEST_PATTERN: usize = 1 << 16;

/// A program of the list.
#[derive(Clone, Debug)]
pub(super) struct Element {
    /// As it is written.
    pub(super) text: String,
    /// Whether MATCH may stand anywhere.
    anywhere: bool,
    /// MATCH as text: a name with signs in it, such as `c++`, means itself.
    literal: String,
    /// MATCH as a pattern; none if it is not one.
    pattern: Option<Regex>,
    /// RESTORE.
    pub(super) restore: Option<String>,
}

impl Element {
    fn new(text: String) -> Result<Self, String> {
        // MATCH ends at the first arrow, RESTORE begins after the last.
        let restore = text.rsplit_once("->").map(|(_, restore)| restore.trim().to_owned());
        let wanted = text.split_once("->").map_or(text.as_str(), |(wanted, _)| wanted).trim();
        let (anywhere, wanted) = match wanted.strip_prefix('~') {
            Some(rest) => (true, rest.trim_start()),
            None => (false, wanted),
        };
        if wanted.is_empty() || restore.as_ref().is_some_and(String::is_empty) {
            return Err(format!("{text}: nothing on one side of it"));
        }
        let line = if anywhere { format!("(?:{wanted})") } else { format!("^(?:{wanted})(?: |$)") };
        let pattern = RegexBuilder::new(&line).size_limit(LARGEST_PATTERN).build().ok();
        if pattern.is_none() && wanted.contains(['[', '(', '\\']) {
            return Err(format!("{text}: not a pattern"));
        }
        Ok(Self { anywhere, literal: wanted.to_owned(), pattern, restore, text })
    }

    /// Whether it is for a program of this name.
    pub(super) fn fits_name(&self, name: &str) -> bool {
        self.fit(&[name.into()]).is_some()
    }

    /// Where the arguments begin behind what it matches; none if it does not match these words. A program that is called by a
    /// path where programs are installed, or a script by an interpreter, counts under its own name, too.
    pub(super) fn fit(&self, argv: &[BString]) -> Option<usize> {
        let words: Vec<String> = argv.iter().map(|word| word.to_str_lossy().into_owned()).collect();
        self.fit_words(&words).or_else(|| {
            let name = installed_name(argv.first()?.as_bstr()).ok()?;
            let script = names(argv).into_iter().nth(1);
            let at = argv.iter().position(|word| script.as_ref().is_some_and(|it| word.ends_with(it)));
            let (head, skipped) = match (script, at) {
                (Some(script), Some(at)) => (script.to_string(), at),
                _ => (name.to_string(), 0),
            };
            let words: Vec<String> = [head].into_iter().chain(words[skipped + 1..].iter().cloned()).collect();
            Some(self.fit_words(&words)? + skipped)
        })
    }

    fn fit_words(&self, words: &[String]) -> Option<usize> {
        let line = words.join(" ");
        let literal = match (self.anywhere, line.strip_prefix(&self.literal)) {
            (false, Some(rest)) if rest.is_empty() || rest.starts_with(' ') => Some(self.literal.len()),
            (true, _) => line.rfind(&self.literal).map(|at| at + self.literal.len()),
            (false, _) => None,
        };
        let pattern = self.pattern.as_ref().and_then(|pattern| {
            // Theirs takes the last place where it fits.
            let end = pattern.find_iter(&line).last()?.end();
            Some(if self.anywhere { end } else { line[..end].trim_end().len() })
        });
        let end = pattern.or(literal)?;
        // The word in which it ends is no argument.
        let mut reached = 0;
        for (position, word) in words.iter().enumerate() {
            reached += word.len();
            if reached >= end {
                return Some(position + 1);
            }
            reached += 1;
        }
        Some(words.len())
    }
}

/// The elements of a list, and what of it is none.
pub(super) fn elements(list: &str) -> (Vec<Element>, Vec<String>) {
    if list.len() > LONGEST {
        return (Vec::new(), vec![format!("longer than {LONGEST} bytes")]);
    }
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    for word in words(list) {
        match word.and_then(Element::new) {
            Ok(element) if found.len() < MOST => found.push(element),
            Ok(element) => wrong.push(format!("{}: more than {MOST} of them", element.text)),
            Err(what) => wrong.push(what),
        }
    }
    (found, wrong)
}

/// The words of a list by a shell's quoting. What a shell would expand or run is no word.
fn words(list: &str) -> Vec<Result<String, String>> {
    let mut words = Vec::new();
    let mut chars = list.chars().peekable();
    while let Some(&first) = chars.peek() {
        if first.is_whitespace() {
            chars.next();
            continue;
        }
        if first == '#' {
            // The rest of the line is a comment to a shell.
            let rest: String = chars.by_ref().take_while(|c| *c != '\n').collect();
            words.push(Err(format!("{rest}: a comment to the shell that tmux-resurrect has read it")));
            continue;
        }
        words.push(word(&mut chars));
    }
    words
}

fn word(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, String> {
    let (mut word, mut raw) = (String::new(), String::new());
    let mut quote = None;
    let mut why = None;
    while let Some(&c) = chars.peek() {
        if quote.is_none() && c.is_whitespace() {
            break;
        }
        chars.next();
        raw.push(c);
        match (quote, c) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None | Some('"'), '$' | '`') => why = Some("variables and commands in it are not expanded"),
            (None, ';' | '&' | '|' | '<' | '(' | ')') => why = Some("commands in it are not run"),
            // The arrow is the one sign that a shell would take for something else, were it not quoted: then theirs breaks.
            (None, '>') if !word.ends_with('-') => why = Some("commands in it are not run"),
            (None | Some('"'), '\\') => {
                let next = chars.next();
                raw.extend(next);
                // Within double quotes a backslash is itself but before these.
                if quote.is_some() && !next.is_some_and(|next| "\"\\$`".contains(next)) {
                    word.push('\\');
                }
                word.extend(next);
            }
            _ => word.push(c),
        }
    }
    if quote.is_some() {
        why = Some("its quote does not end");
    }
    match why {
        Some(why) => Err(format!("{raw}: {why}")),
        None => Ok(word),
    }
}
