//! Names of things: tmux's live ids and evermux's own lasting one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

/// A text that is not an id of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("'{text}' is not a {kind}")]
pub struct BadId {
    text: String,
    kind: &'static str,
}

impl BadId {
    /// `text` is not a `kind`.
    pub(crate) fn new(text: &str, kind: &'static str) -> Self {
        Self { text: text.to_owned(), kind }
    }
}

macro_rules! live_id {
    ($(#[$doc:meta])* $name:ident, $sigil:literal, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($sigil, "{}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                let bad = || BadId::new(text, $kind);
                let digits = text.strip_prefix($sigil).ok_or_else(bad)?;
                if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(bad());
                }
                digits.parse().map(Self).map_err(|_| bad())
            }
        }
    };
}

live_id!(
    /// A session's id in one life of a server: `$0`.
    SessionId, "$", "session id"
);
live_id!(
    /// A window's id in one life of a server: `@0`.
    WindowId, "@", "window id"
);
live_id!(
    /// A pane's id in one life of a server: `%0`.
    PaneId, "%", "pane id"
);

/// The lasting identity of a pane: a UUID kept in its tmux option `@evermux-pane`.
///
/// It survives restores, so that scrollback, debts and history of one pane are one line of life. Two panes of one
/// server never share it: a copy (`--as`) gets a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PaneIdentity(Uuid);

impl PaneIdentity {
    /// The tmux pane option that holds it.
    pub const OPTION: &'static str = "@evermux-pane";

    /// Its 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The identity of these 16 bytes, as [`Self::as_bytes`] gave them.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// An identity from 16 random bytes.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }
}

impl fmt::Display for PaneIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for PaneIdentity {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        // Only the hyphenated form is ever written, so only it is read: 36 characters.
        match Uuid::try_parse(text) {
            Ok(uuid) if text.len() == 36 => Ok(Self(uuid)),
            _ => Err(BadId::new(text, "pane identity")),
        }
    }
}

impl TryFrom<String> for PaneIdentity {
    type Error = BadId;

    fn try_from(text: String) -> Result<Self, BadId> {
        text.parse()
    }
}

impl From<PaneIdentity> for String {
    fn from(identity: PaneIdentity) -> Self {
        identity.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_ids_round_trip() {
        assert_eq!("%12".parse(), Ok(PaneId(12)));
        assert_eq!(WindowId(3).to_string(), "@3");
    }

    #[test]
    fn live_ids_reject_other_texts() {
        for text in ["", "$", "%1", "$-1", "$+1", "$99999999999", "$1 "] {
            assert!(text.parse::<SessionId>().is_err(), "{text}");
        }
    }

    #[test]
    fn identities_round_trip() {
        let identity = PaneIdentity::from_random([7; 16]);
        assert_eq!(identity.to_string().parse(), Ok(identity));
        assert!("07070707070747078707070707070707".parse::<PaneIdentity>().is_err());
    }
}
