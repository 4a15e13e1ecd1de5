//! What can go wrong, as the user sees it: one place that decides kind, wording, hints and exit code.
//!
//! Commands only use `?`; each error of the library is mapped once, by a `From` below. Texts in a [`CliError`] may hold
//! bytes from outside: [`crate::output`] makes them printable.

use std::error::Error;
use std::process::ExitCode;

use evermux_core::capture;
use evermux_core::history::{BadName, NotFound, RemovalError};
use evermux_core::restore::{ApplyError, RestoreError, ResumeError, UndoError};
use evermux_core::save::SaveError;
use evermux_core::session::{BadName as BadSessionName, SessionError};
use evermux_core::store::StoreError;
use evermux_core::tmux::{ConnectError, ListError, ListingError, RunError, StartError};
use serde::Serialize;

use crate::config::{ConfigError, HandlersError};

/// How evermux ends. The numbers are a promise to scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: it failed; nothing that was saved is harmed.
    Failed,
    /// 2: the command line is wrong.
    Usage,
    /// 3: done, with problems or debts, which are listed.
    Problems,
    /// 4: nothing there: no server, no snapshot, no such session.
    NothingThere,
    /// 5: busy: another evermux holds what is needed.
    Busy,
    /// The exit status of a command that was run.
    Status(u8),
}

impl Exit {
    /// Every way to end of our own, in the order of the numbers.
    pub const ALL: [Self; 6] =
        [Self::Done, Self::Failed, Self::Usage, Self::Problems, Self::NothingThere, Self::Busy];

    /// The exit status.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Problems => 3,
            Self::NothingThere => 4,
            Self::Busy => 5,
            Self::Status(status) => status,
        }
    }

    /// One line for the help and the reference.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Usage => "wrong use of the command line",
            Self::Problems => "done, but some problems or debts are listed",
            Self::NothingThere => "nothing there: no server, no snapshot, no such session",
            Self::Busy => "busy: another evermux is at work on the same server",
            Self::Status(_) => "the exit status of a command that was run",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The kinds of errors; each has its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Something outside went wrong.
    Failed,
    /// The command line is wrong.
    Usage,
    /// What was asked for does not exist.
    NothingThere,
    /// Another evermux is at work.
    Busy,
}

impl Kind {
    /// How evermux ends after an error of this kind.
    pub fn exit(self) -> Exit {
        match self {
            Self::Failed => Exit::Failed,
            Self::Usage => Exit::Usage,
            Self::NothingThere => Exit::NothingThere,
            Self::Busy => Exit::Busy,
        }
    }
}

/// An error as it is shown: `error:` what, `cause:` why, `hint:` what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CliError {
    /// Decides the exit code.
    pub kind: Kind,
    /// What failed, and on what object: a fragment that reads after "error: ".
    pub message: String,
    /// Why, the nearest cause first.
    pub causes: Vec<String>,
    /// What the user can do next: a sentence each.
    pub hints: Vec<String>,
}

impl CliError {
    /// An error without causes or hints.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), causes: Vec::new(), hints: Vec::new() }
    }

    /// Something outside went wrong.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// The command line is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// What was asked for does not exist.
    pub fn nothing_there(message: impl Into<String>) -> Self {
        Self::new(Kind::NothingThere, message)
    }

    /// An error and the chain of its sources.
    pub fn of(kind: Kind, error: &dyn Error) -> Self {
        Self::new(kind, error.to_string()).because_of(error.source())
    }

    /// Message and causes in one line, for logs and status lines.
    pub fn in_one_line(&self) -> String {
        [&[self.message.clone()][..], &self.causes].concat().join(": ")
    }

    /// Adds a cause and the chain of its sources.
    #[must_use]
    pub fn because(self, cause: &dyn Error) -> Self {
        self.because_of(Some(cause))
    }

    fn because_of(mut self, mut cause: Option<&dyn Error>) -> Self {
        while let Some(error) = cause {
            self.causes.push(error.to_string());
            cause = error.source();
        }
        self
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        let shown = Self::of(Kind::Failed, &error);
        match &error {
            ConfigError::Foreign { .. } | ConfigError::Writable(_) => {
                shown.hint("It may allow programs to run, so only you (or root) may be able to change it.")
            }
            ConfigError::Unreadable { .. } | ConfigError::NotAFile(_) | ConfigError::Wrong { .. } => {
                shown.hint("EVERMUX_CONFIG=/dev/null evermux … runs with the defaults.")
            }
        }
    }
}

impl From<HandlersError> for CliError {
    fn from(error: HandlersError) -> Self {
        match error {
            HandlersError::File(error) => error.into(),
            error => Self::of(Kind::Failed, &error).hint("docs/handlers.md tells how handlers are written."),
        }
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            StoreError::Absent(_)
            | StoreError::NoSnapshot(_)
            | StoreError::NoRestore(_)
            | StoreError::Empty => Kind::NothingThere,
            StoreError::Busy { .. } => Kind::Busy,
            _ => Kind::Failed,
        };
        let hint = match &error {
            StoreError::Absent(_) => Some("Nothing has been saved yet: evermux save"),
            StoreError::NoSnapshot(_) => Some("evermux list --all shows all snapshots."),
            StoreError::Busy { .. } => Some("Try again in a moment."),
            StoreError::Full(_) => Some("Make room; what was saved before is safe."),
            StoreError::Refused { .. } => {
                Some("What is saved may hold secrets, so its folder must be yours and closed to others.")
            }
            StoreError::Newer { .. } => Some("A newer evermux has been used here; use that one."),
            StoreError::Damaged { path, .. } if path.ends_with("evermux.db") => Some(
                "evermux save and evermux restore move it aside and go on; what was saved last is in the emergency file.",
            ),
            _ => None,
        };
        let shown = Self::of(kind, &error);
        match hint {
            Some(hint) => shown.hint(hint),
            None => shown,
        }
    }
}

impl From<NotFound> for CliError {
    fn from(error: NotFound) -> Self {
        match error {
            NotFound::File(_) => Self::of(Kind::Usage, &error),
            _ => Self::of(Kind::NothingThere, &error).hint("evermux list --all shows all snapshots."),
        }
    }
}

impl From<BadName> for CliError {
    fn from(error: BadName) -> Self {
        Self::of(Kind::Usage, &error)
    }
}

impl From<RemovalError> for CliError {
    fn from(error: RemovalError) -> Self {
        match error {
            RemovalError::Pinned(id) => {
                Self::of(Kind::Failed, &error).hint(format!("Nothing was removed. evermux unpin {id}"))
            }
            RemovalError::Store(error) => error.into(),
        }
    }
}

impl From<capture::Error> for CliError {
    fn from(error: capture::Error) -> Self {
        match error {
            capture::Error::List(error) => error.into(),
            capture::Error::Run(error) => error.into(),
            capture::Error::NothingLeft => Self::of(Kind::NothingThere, &error)
                .hint("See [exclude] in the config file, and @evermux-policy on the sessions."),
            error => Self::of(Kind::Failed, &error),
        }
    }
}

impl From<SaveError> for CliError {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::Capture(error) => error.into(),
            SaveError::Store(error) => error.into(),
        }
    }
}

impl From<RestoreError> for CliError {
    fn from(error: RestoreError) -> Self {
        match error {
            RestoreError::Capture(error) => error.into(),
            RestoreError::Store(error) => error.into(),
            RestoreError::Before(error) => Self::from(error).hint("Nothing was touched."),
            RestoreError::Leftovers(error) | RestoreError::Apply(ApplyError::Tmux(error)) => error.into(),
            RestoreError::Taken(_) => Self::of(Kind::Failed, &error).hint("Choose another name."),
            RestoreError::Apply(_) => {
                Self::of(Kind::Failed, &error).hint("Run it again: it completes what was begun.")
            }
        }
    }
}

impl From<ResumeError> for CliError {
    fn from(error: ResumeError) -> Self {
        match error {
            ResumeError::Store(StoreError::Absent(_)) | ResumeError::Unknown(_) => {
                Self::of(Kind::NothingThere, &error).hint(
                    "It has run already, or was of an earlier life of the server. What is owed: evermux show",
                )
            }
            ResumeError::Elsewhere(_) => Self::of(Kind::Usage, &error)
                .hint("A restore types it at the prompt of the pane it is for; it means nothing elsewhere."),
            ResumeError::NoPane(_) => Self::of(Kind::NothingThere, &error),
            ResumeError::Store(error) => error.into(),
            ResumeError::Tmux(error) => error.into(),
        }
    }
}

impl From<UndoError> for CliError {
    fn from(error: UndoError) -> Self {
        match error {
            UndoError::Nothing | UndoError::OtherLife => Self::of(Kind::NothingThere, &error),
            UndoError::Restore(error) => error.into(),
            UndoError::Store(error) => error.into(),
            UndoError::Tmux(error) => error.into(),
        }
    }
}

impl From<StartError> for CliError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Connect(error) => error.into(),
            StartError::Run(error) => error.into(),
            error => Self::of(Kind::Failed, &error),
        }
    }
}

impl From<ConnectError> for CliError {
    fn from(error: ConnectError) -> Self {
        match &error {
            ConnectError::Missing(_) | ConnectError::Dead(_) => {
                Self::of(Kind::NothingThere, &error).hint("-L NAME or -S PATH names another server.")
            }
            ConnectError::Foreign { .. } | ConnectError::Unsafe(_) => Self::of(Kind::Failed, &error)
                .hint("evermux only talks to servers that nobody else could have put there."),
            ConnectError::NoBinary => {
                Self::of(Kind::Failed, &error).hint("Install tmux, or put its folder into PATH.")
            }
            _ => Self::of(Kind::Failed, &error),
        }
    }
}

impl From<RunError> for CliError {
    fn from(error: RunError) -> Self {
        let shown = Self::of(Kind::Failed, &error);
        match &error {
            RunError::Deadline { .. } => {
                shown.hint("The server hangs, is stopped, or has very much to do; it was left alone.")
            }
            _ => shown,
        }
    }
}

impl From<ListError> for CliError {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Run(error) => error.into(),
            ListError::Listing(error) => {
                let kind = match &error {
                    ListingError::NoSession => Kind::NothingThere,
                    _ => Kind::Failed,
                };
                Self::of(kind, &error)
            }
        }
    }
}

impl From<BadSessionName> for CliError {
    fn from(error: BadSessionName) -> Self {
        Self::of(Kind::Usage, &error).hint("Use '-' or '_' instead.")
    }
}

impl From<SessionError> for CliError {
    fn from(error: SessionError) -> Self {
        let kind = if error.is_nothing_there() { Kind::NothingThere } else { Kind::Failed };
        match error {
            SessionError::Connect(error) => error.into(),
            SessionError::Run(error) => Self { kind, ..error.into() },
            SessionError::Start(error) => error.into(),
            SessionError::NoSession(_) => {
                Self::of(kind, &error).hint("evermux session list shows those that are there.")
            }
            SessionError::Store(error) => error.into(),
            SessionError::NoDirectory(_)
            | SessionError::EndsPaste
            | SessionError::OtherMark
            | SessionError::Pattern(..) => Self::of(Kind::Usage, &error),
            SessionError::Ended { ref last, .. } | SessionError::Timeout { ref last, .. }
                if !last.is_empty() =>
            {
                let mut shown = Self::of(kind, &error);
                shown.causes.push(format!("its last lines:\n{}", last.join("\n")));
                shown
            }
            _ => Self::of(kind, &error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_keep_their_numbers() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5]);
        assert_eq!(Exit::NothingThere.code(), 4);
        assert_eq!(Exit::Busy.code(), 5);
    }

    #[test]
    fn the_chain_of_sources_becomes_causes() {
        let io = std::io::Error::other("disk on fire");
        let error = CliError::failed("cannot save").because(&io).hint("Put it out.");
        assert_eq!(error.causes, ["disk on fire"]);
        assert_eq!(error.hints, ["Put it out."]);
    }
}
