//! Why a program is started, typed, or left: for people.

use std::fmt;

use bstr::BString;

use crate::text::quote::printable;

/// What says that a program is started. Displayed as a fragment that reads after "because ".
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// The program table has it, and all of its arguments.
    Table(BString),
    /// A handler of this name.
    Handler(String),
    /// This option of tmux-resurrect, and what of it.
    Resurrect(String),
    /// The user names it.
    Named(BString),
    /// The user allows all that is not dangerous.
    All,
    /// What the editor held is known.
    Editor,
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(name) => write!(f, "{} is in the program table", printable(name)),
            Self::Handler(name) => write!(f, "the handler {name} says run"),
            Self::Resurrect(what) => write!(f, "{} says so", printable(what.as_bytes())),
            Self::Named(name) => write!(f, "the settings or --run name {}", printable(name)),
            Self::All => f.write_str("all is allowed"),
            Self::Editor => f.write_str("what it held was saved"),
        }
    }
}

/// Why a command is not started. Displayed as a fragment that reads after "not started: ".
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A secret in it was masked.
    Masked,
    /// `@evermux-policy` says so.
    Restricted,
    /// `@evermux-policy` says that it is only typed.
    Prefilled,
    /// It comes from a file or another machine.
    Foreign,
    /// The user allows nothing.
    NothingAllowed,
    /// `@resurrect-processes` is `false`.
    ResurrectOff,
    /// The directory it ran in is not there.
    NoDirectory,
    /// What exactly was run is not known.
    Unknown,
    /// A line of shell that is more than one plain command.
    NotPlain,
    /// What it read or wrote was not its terminal, or it was one of several: its words alone are not all that was run.
    Redirected,
    /// This program is not known to be harmless.
    NotInTable(BString),
    /// It does not lie where programs are installed.
    Place(BString),
    /// The program is known, but not that this argument is harmless.
    Argument(BString),
    /// Its conversation cannot be gone on with, for this reason.
    Conversation(String),
    /// The handler of this name says that it is only typed.
    HandlerPrefills(String),
    /// The command that is run elsewhere, or again and again, is none that only opens a shell, or shows something.
    Inner(BString),
    /// This option of tmux-resurrect has it typed.
    Resurrect(String),
    /// This option of tmux-resurrect wants the session file that lies in its directory.
    Session(String),
    /// It is only typed, for this reason.
    Typed(Box<Reason>),
    /// This of it is dangerous.
    Dangerous(BString),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Masked => f.write_str("a secret in it was masked"),
            Self::Restricted => f.write_str("the pane's @evermux-policy says so"),
            Self::Prefilled => f.write_str("typed at its prompt, as the pane's @evermux-policy says"),
            Self::Foreign => f.write_str("it comes from a file or another machine"),
            Self::NothingAllowed => f.write_str("no program is allowed to run"),
            Self::ResurrectOff => f.write_str("@resurrect-processes is false"),
            Self::NoDirectory => f.write_str("the directory it ran in is not there"),
            Self::Unknown => f.write_str("its exact arguments are not known"),
            Self::NotPlain => f.write_str("it is a line of shell, not one plain command"),
            Self::Redirected => f.write_str("it was redirected, or part of a pipeline"),
            Self::NotInTable(name) => write!(f, "{} is not in the program table", printable(name)),
            Self::Place(path) => write!(f, "{} is not where programs are installed", printable(path)),
            Self::Argument(word) => write!(f, "its argument {} is not known to be harmless", printable(word)),
            Self::Conversation(why) => f.write_str(why),
            Self::HandlerPrefills(name) => write!(f, "the handler {name} says so"),
            Self::Inner(word) => write!(f, "it runs {}", printable(word)),
            Self::Resurrect(what) => write!(f, "{} says so", printable(what.as_bytes())),
            Self::Session(option) => {
                write!(f, "{option} says so, and Session.vim may be anybody's")
            }
            Self::Typed(why) => write!(f, "typed at its prompt: {why}"),
            Self::Dangerous(what) => write!(f, "{} is never started again", printable(what)),
        }
    }
}

impl Reason {
    /// Whether it is about what the program is, and not about where it comes from or what holds for its pane: then it may
    /// be typed all the same.
    pub(super) fn is_of_the_program(&self) -> bool {
        matches!(
            self,
            Self::NotInTable(_) | Self::Place(_) | Self::Argument(_) | Self::NotPlain | Self::Redirected
        )
    }

    /// The same for who knows already that it is only typed.
    pub fn why(&self) -> &Self {
        match self {
            Self::Typed(why) => why,
            reason => reason,
        }
    }

    /// The same for who reads that it is only typed.
    pub(super) fn typed(self) -> Self {
        Self::Typed(Box::new(self))
    }
}
