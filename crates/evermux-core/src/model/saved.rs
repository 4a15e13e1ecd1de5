//! What a snapshot is called once it is kept.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The number of a snapshot: counts up over all servers of a store, is never used twice, and is what a user types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotId(pub i64);

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// On what occasion a snapshot was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Somebody asked for it: `evermux save` by hand or in a script. Such a save proves that the server was well at
    /// that moment: what is missing in it is missing because the user wanted so. As do those of a restore.
    Manual,
    /// The keeper, a hook, a timer or a service manager took it: it may have been taken while a machine went down.
    Automatic,
    /// Taken just before `restore --replace` (or `undo`) closed something.
    BeforeReplace,
    /// Taken at the end of a restore.
    AfterRestore,
}

impl Kind {
    /// Every kind there is.
    pub const ALL: [Self; 4] = [Self::Manual, Self::Automatic, Self::BeforeReplace, Self::AfterRestore];

    /// Its word, in the store and in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Automatic => "automatic",
            Self::BeforeReplace => "before-replace",
            Self::AfterRestore => "after-restore",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no [`Kind`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("'{0}' is not a kind of snapshot")]
pub struct BadKind(String);

impl FromStr for Kind {
    type Err = BadKind;

    fn from_str(word: &str) -> Result<Self, BadKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word).ok_or_else(|| BadKind(word.to_owned()))
    }
}
