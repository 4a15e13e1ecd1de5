//! What to start again: the program table.

mod shells;

use std::fmt;

use bstr::BString;

pub use shells::Shell;

use crate::model::{Program, StartCommand};

/// What is done about a recorded command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Execute exactly these words, without a shell in between.
    Run(Vec<BString>),
    /// Leave it, say why, and carry it as a debt.
    Owe(Reason),
}

/// Which programs the user allows to start (`--run`, or the config file).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Allow {
    /// None at all.
    Nothing,
    /// Those of the program table.
    #[default]
    Table,
    /// Those of the program table and these, by the name of their file.
    Also(Vec<BString>),
}

/// Under which conditions a command would start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// What the user allows.
    pub allow: Allow,
    /// The user said so on the command line: needed for what comes from a file or another machine.
    pub explicit: bool,
    /// The snapshot is this machine's own, not from a file or another machine.
    pub own_machine: bool,
    /// `@evermux-policy` of the pane or its session says `skip` or `prefill`.
    pub restricted: bool,
}

/// Why a command is not started; displayed as a fragment: "not in the program table".
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Not known to be harmless.
    NotInTable,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInTable => f.write_str("not in the program table"),
        }
    }
}

/// What to do about the command a pane was made with.
pub fn decide_start(_start: &StartCommand, _conditions: &Conditions) -> Decision {
    Decision::Owe(Reason::NotInTable)
}

/// What to do about a program that ran in a pane's shell.
pub fn decide_program(_program: &Program, _conditions: &Conditions) -> Decision {
    Decision::Owe(Reason::NotInTable)
}
