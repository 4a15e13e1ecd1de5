//! Debts: what a restore could not bring back and every later snapshot carries (law 4).

use bstr::BString;
use jiff::Timestamp;

use super::{Program, StartCommand};

/// Something a pane is still owed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Debt {
    /// What.
    pub owed: Owed,
    /// Since the restore of this moment.
    pub since: Timestamp,
    /// Why it did not come back, as a fragment: "not in the program table".
    pub reason: String,
}

/// What can be owed to a pane.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::large_enum_variant, reason = "there are few, and most are programs")]
pub enum Owed {
    /// A program that ran in the pane's shell.
    Program(Program),
    /// The command the pane was made with.
    Start(StartCommand),
    /// Its working directory, which was not there.
    Directory(BString),
    /// Its text, which was left out or could not be read.
    Text,
}
