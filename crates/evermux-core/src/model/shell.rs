//! What the shell of a pane has told of itself.

use bstr::BString;

use super::EnvironmentEntry;

/// What a pane's shell holds beside its directory, as its integration tells it (`evermux shell-init`). Never more than what
/// may come back: names of variables are from a list, none of them is a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ShellState {
    /// The directory it was in before (`OLDPWD`). Exact bytes.
    pub previous: Option<BString>,
    /// Its directory stack without the directory it is in, the top first. Exact bytes.
    pub directories: Vec<BString>,
    /// Variables that are set and that are brought back ([`crate::shell::VARIABLES`]), in the order of that list.
    pub variables: Vec<EnvironmentEntry>,
}
