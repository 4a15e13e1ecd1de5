//! What is not saved: by `@evermux-policy` on tmux's objects, and by patterns of the configuration.

use std::collections::HashSet;

use bstr::{BStr, BString, ByteSlice};

use crate::model::{OptionEntry, PaneIdentity, WindowId};
use crate::tmux::Listing;

/// The tmux option of sessions, windows and panes that restricts what is done with them: words with blanks between.
pub const POLICY_OPTION: &str = "@evermux-policy";

/// How the names of the options begin that mark what an unfinished restore has made.
pub const UNFINISHED_OPTION: &str = "@evermux-restore-";

/// Whether an object with these options was made by a restore that is not done yet.
pub fn is_unfinished(options: &[OptionEntry]) -> bool {
    options.iter().any(|entry| entry.name.starts_with(UNFINISHED_OPTION.as_bytes()))
}

/// The identities of the panes that are there to stay. What an interrupted restore has left half-made goes with the next
/// one, unless somebody looks at it: it does not count as there.
pub fn standing(listing: &Listing) -> HashSet<PaneIdentity> {
    let goes = |options: &[OptionEntry], used: bool| is_unfinished(options) && !used;
    let links = |window: WindowId| {
        let all =
            listing.sessions.iter().flat_map(|session| session.links.iter().map(move |link| (session, link)));
        all.filter(move |(_, link)| link.window == window)
    };
    let mut standing = HashSet::new();
    for window in &listing.windows {
        let watched =
            links(window.id).any(|(session, link)| session.attached > 0 && link.flags.contains(&b'*'));
        let without_session =
            links(window.id).all(|(session, _)| goes(&session.options, session.attached > 0));
        if without_session || goes(&window.options, watched) {
            continue;
        }
        let stays = window.panes.iter().filter(|pane| !goes(&pane.options, watched && pane.active));
        standing.extend(stays.filter_map(|pane| pane.identity()));
    }
    standing
}

/// What `@evermux-policy` asks for. It can only restrict; unknown words restrict nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// `ignore`: not saved at all.
    pub ignore: bool,
    /// `no-text`: saved without its text.
    pub no_text: bool,
    /// `skip`: its program is not started again.
    pub skip: bool,
    /// `prefill`: its program is typed but not run.
    pub prefill: bool,
}

impl Policy {
    /// Reads a value of the option.
    pub fn parse(value: &BStr) -> Self {
        let mut policy = Self::default();
        for word in value.fields() {
            match word {
                b"ignore" => policy.ignore = true,
                b"no-text" => policy.no_text = true,
                b"skip" => policy.skip = true,
                b"prefill" => policy.prefill = true,
                _ => {}
            }
        }
        policy
    }

    /// What the options of one object ask for.
    pub fn of(options: &[OptionEntry]) -> Self {
        let entry = options.iter().find(|entry| entry.name == POLICY_OPTION);
        entry.and_then(|entry| entry.value.as_ref()).map_or_else(Self::default, |v| Self::parse(v.as_bstr()))
    }

    /// The restrictions of both.
    pub fn and(self, other: Self) -> Self {
        Self {
            ignore: self.ignore || other.ignore,
            no_text: self.no_text || other.no_text,
            skip: self.skip || other.skip,
            prefill: self.prefill || other.prefill,
        }
    }
}

/// A pattern for whole names: `*` any bytes, `?` one byte, `[…]` one of these, everything else itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(BString);

impl Pattern {
    /// A pattern; every text is one.
    pub fn new(text: impl Into<BString>) -> Self {
        Self(text.into())
    }

    /// Whether the whole of `name` fits.
    pub fn matches(&self, name: &[u8]) -> bool {
        matches(&self.0, name)
    }
}

/// Backtracks to the last `*` only, so that no pattern takes more than `pattern` × `name` steps.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        let step = match (pattern.get(at), name.get(from)) {
            (None, None) => return true,
            (Some(b'*'), _) => {
                star = Some((at, from));
                Some(1)
            }
            (_, None) => return pattern[at..].iter().all(|byte| *byte == b'*'),
            (Some(b'?'), Some(_)) => Some(1),
            (Some(b'['), Some(&byte)) => class(&pattern[at..], byte),
            (Some(expected), Some(byte)) => (expected == byte).then_some(1),
            (None, Some(_)) => None,
        };
        match (step, star) {
            (Some(length), _) => {
                from += usize::from(pattern[at] != b'*');
                at += length;
            }
            (None, Some((star_at, star_from))) => {
                star = Some((star_at, star_from + 1));
                (at, from) = (star_at + 1, star_from + 1);
            }
            (None, None) => return false,
        }
    }
}

/// The length of the class at the beginning of `pattern` if `byte` is in it; a `[` without an end is itself.
fn class(pattern: &[u8], byte: u8) -> Option<usize> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let start = if negated { 2 } else { 1 };
    // A `]` right at the beginning is a member.
    let Some(end) = pattern.iter().skip(start + 1).position(|byte| *byte == b']') else {
        return (byte == b'[').then_some(1);
    };
    let end = start + 1 + end;
    let mut members = &pattern[start..end];
    let mut found = false;
    while let [first, rest @ ..] = members {
        members = match rest {
            [b'-', last, rest @ ..] => {
                found |= (*first..=*last).contains(&byte);
                rest
            }
            _ => {
                found |= *first == byte;
                rest
            }
        };
    }
    (found != negated).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_add_up() {
        let policy = Policy::parse(b"  no-text\tskip future-word ".into());
        assert_eq!(policy, Policy { no_text: true, skip: true, ..Policy::default() });
        let both = policy.and(Policy::parse(b"ignore".into()));
        assert!(both.ignore && both.no_text && both.skip && !both.prefill);
    }

    #[test]
    fn patterns_fit_whole_names() {
        let fits = |pattern: &str, name: &str| Pattern::new(pattern).matches(name.as_bytes());
        assert!(fits("", "") && fits("*", "") && fits("a*c", "abbc") && fits("a*b*c", "aXbYbZc"));
        assert!(fits("scratch-?", "scratch-1") && fits("[a-c]x", "bx") && fits("[!a-c]x", "dx"));
        assert!(fits("[]]", "]") && fits("[", "[") && fits("a[", "a["));
        assert!(!fits("a", "ab") && !fits("a*c", "abcd") && !fits("?", "") && !fits("[a-c]x", "dx"));
        assert!(!fits("[!a-c]x", "ax") && !fits("", "x"));
        // A pattern that takes for ever where every star is tried again.
        assert!(
            !fits(&"*a".repeat(50), &"a".repeat(49)) && !fits(&("*a".repeat(30) + "b"), &"a".repeat(2000))
        );
    }
}
