//! tmux's version numbers.

use std::fmt;
use std::str::FromStr;

/// A version of tmux, ordered by age: `3.1c`, `3.3a`, `3.8`, `next-3.9`, `master`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TmuxVersion {
    major: u16,
    minor: u16,
    /// `0` without a letter, `1` for `a`; a development version (`next-3.9`) counts as older than its release.
    patch: i8,
}

impl TmuxVersion {
    /// The oldest version evermux works with: hooks as arrays, pane options and the parser of 3.0 are needed.
    pub const OLDEST: Self = Self::new(3, 0);

    /// `major.minor` without a letter.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor, patch: 0 }
    }

    /// Whether this is `major.minor` or newer; development versions count as the release they lead to.
    pub const fn at_least(self, major: u16, minor: u16) -> bool {
        self.major > major || (self.major == major && self.minor >= minor)
    }
}

impl fmt::Display for TmuxVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.patch {
            _ if self.major == u16::MAX => f.write_str("master"),
            -1 => write!(f, "next-{}.{}", self.major, self.minor),
            0 => write!(f, "{}.{}", self.major, self.minor),
            letter => {
                write!(f, "{}.{}{}", self.major, self.minor, char::from(b'a' + letter.unsigned_abs() - 1))
            }
        }
    }
}

/// A text that is not a version of tmux.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a tmux version")]
pub struct BadVersion(String);

impl FromStr for TmuxVersion {
    type Err = BadVersion;

    /// Reads `#{version}`, or the output of `tmux -V` without the word `tmux`. `master` (a build from git without a
    /// number) counts as newer than every release; OpenBSD's own numbering is not understood.
    fn from_str(text: &str) -> Result<Self, BadVersion> {
        let bad = || BadVersion(text.to_owned());
        if text == "master" {
            return Ok(Self { major: u16::MAX, minor: 0, patch: 0 });
        }
        let (number, next) = match text.strip_prefix("next-") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let (major, rest) = number.split_once('.').ok_or_else(bad)?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (minor, letter) = rest.split_at(digits);
        let patch = match letter.as_bytes() {
            _ if next => -1,
            [] => 0,
            [letter @ b'a'..=b'z'] => (letter - b'a' + 1) as i8,
            // Release candidates (`3.5-rc`) count as the release they lead to.
            [b'-', ..] => -1,
            _ => return Err(bad()),
        };
        Ok(Self { major: major.parse().map_err(|_| bad())?, minor: minor.parse().map_err(|_| bad())?, patch })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_by_age() {
        let versions =
            ["2.6", "3.0", "3.0a", "3.1c", "3.3a", "3.5a", "3.6b", "next-3.7", "3.7", "3.10", "master"];
        let parsed: Vec<TmuxVersion> = versions.iter().map(|text| text.parse().unwrap()).collect();
        assert!(parsed.is_sorted());
        assert_eq!(parsed.iter().map(TmuxVersion::to_string).collect::<Vec<_>>(), versions);
    }

    #[test]
    fn rejects_other_texts() {
        for text in ["", "3", "tmux 3.3a", "3.3ab", "openbsd-7.5", "3.", "99999999.1"] {
            assert!(text.parse::<TmuxVersion>().is_err(), "{text}");
        }
    }
}
