//! Names of sessions as scripts give them.

use std::fmt;

use bstr::{BStr, BString, ByteSlice};
use thiserror::Error;

/// A name that every tmux from 3.0 on keeps as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionName(BString);

/// Why a name is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadName {
    /// It is empty.
    #[error("a session needs a name")]
    Empty,
    /// `:` or `.`: these separate session, window and pane; before 3.7 tmux makes `_` of them.
    #[error("a name cannot hold '{0}', which tmux changes to '_'")]
    Separator(char),
    /// A control character: tmux writes `\t` and the like instead, or refuses.
    #[error("a name cannot hold control characters")]
    Control,
    /// A backslash, or a `$` that begins a variable: tmux writes it twice, or one in front of it.
    #[error("a name cannot hold '{0}' here, which tmux writes in another way")]
    Escaped(char),
    /// Not UTF-8.
    #[error("a name must be valid UTF-8")]
    InvalidUtf8,
}

impl SessionName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`BadName`]: what tmux would change. A session of that name would not be found again.
    pub fn new(name: &[u8]) -> Result<Self, BadName> {
        let text = name.to_str().map_err(|_| BadName::InvalidUtf8)?;
        if text.is_empty() {
            return Err(BadName::Empty);
        }
        for (at, c) in text.char_indices() {
            match c {
                ':' | '.' => return Err(BadName::Separator(c)),
                // 3.3 escapes what has no width in the C library, these among it.
                _ if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => return Err(BadName::Control),
                '\\' => return Err(BadName::Escaped(c)),
                // `utf8_strvis` up to 3.4.
                '$' if begins_variable(&text[at + 1..]) => return Err(BadName::Escaped(c)),
                _ => {}
            }
        }
        Ok(Self(text.into()))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &BStr {
        self.0.as_bstr()
    }
}

fn begins_variable(rest: &str) -> bool {
    rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '{')
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_tmux_changes_are_refused() {
        for name in
            ["work", "-x", "$1", "%2", "@3", "=a", "a b", "0", "#{pid}", "#(id)", "*", "{mouse}", "é🎉", "a;"]
        {
            assert_eq!(SessionName::new(name.as_bytes()).map(|name| name.to_string()), Ok(name.to_owned()));
        }
        for (name, why) in [
            (&b""[..], BadName::Empty),
            (b"a:b", BadName::Separator(':')),
            (b"a.b", BadName::Separator('.')),
            (b"a\tb", BadName::Control),
            (b"a\x7f", BadName::Control),
            (b"a\\b", BadName::Escaped('\\')),
            (b"$HOME", BadName::Escaped('$')),
            (b"a\xff", BadName::InvalidUtf8),
        ] {
            assert_eq!(SessionName::new(name), Err(why));
        }
    }
}
