//! What can go wrong with a session.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::model::PaneId;
use crate::procs::NoProcessTable;
use crate::store::StoreError;
use crate::text::quote::printable;
use crate::tmux::{ConnectError, RunError, StartError};

/// Why something with a session did not work.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The server cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It gave no answer.
    #[error(transparent)]
    Run(#[from] RunError),
    /// It did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// There is no such session.
    #[error("there is no session '{0}'")]
    NoSession(String),
    /// The session has no such window or pane.
    #[error("session '{session}' has no {what}")]
    NoPane {
        /// The session.
        session: String,
        /// What it has not.
        what: String,
    },
    /// There is no pane with this id.
    #[error("there is no pane {0}")]
    NoPaneOfId(PaneId),
    /// tmux did not do it.
    #[error("tmux refused: {0}")]
    Refused(String),
    /// Its program, or all of it, has ended.
    #[error("the program of {what} has ended{}", status_words(*status))]
    Ended {
        /// What it ran in.
        what: String,
        /// Its exit status; none if a signal ended it, or it is not known.
        status: Option<i32>,
        /// What it showed last, printable.
        last: Vec<String>,
    },
    /// It took too long.
    #[error("{what} within {} s", limit.as_secs_f32())]
    Timeout {
        /// What was waited for, and where.
        what: String,
        /// How long.
        limit: Duration,
        /// What the pane showed last, printable.
        last: Vec<String>,
    },
    /// A pattern that is none.
    #[error("'{0}' is not a regular expression: {1}")]
    Pattern(String, String),
    /// A shell in which a command cannot be run.
    #[error("commands cannot be run in this shell: {0}")]
    Shell(&'static str),
    /// A command of which the end is not known.
    #[error("the command was interrupted, or has replaced or left its shell: its exit status is not known")]
    Unknown,
    /// The files of a command.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A mark of something else.
    #[error("the mark is of another pane, or of an earlier life of the server")]
    OtherMark,
    /// A text that would end its own paste.
    #[error("the text holds the sequence that ends a pasted text, so the rest of it would be keys")]
    EndsPaste,
    /// The process table cannot be read.
    #[error(transparent)]
    Processes(#[from] NoProcessTable),
    /// A directory that is none: tmux would take another one in silence.
    #[error("{} is not a directory", .0.display())]
    NoDirectory(PathBuf),
    /// The reply is not as it should be.
    #[error("tmux's reply stops in the middle")]
    Truncated,
}

fn status_words(status: Option<i32>) -> String {
    status.map(|status| format!(" with exit status {status}")).unwrap_or_default()
}

impl SessionError {
    /// There is no session of this name.
    pub(super) fn no_session(name: &[u8]) -> Self {
        Self::NoSession(printable(name))
    }

    /// The program of this session has ended.
    pub(super) fn ended(name: &[u8], status: Option<i32>, last: Vec<String>) -> Self {
        Self::Ended { what: format!("session '{}'", printable(name)), status, last }
    }

    /// Whether what was asked for is not there, be it for lack of a server.
    pub fn is_nothing_there(&self) -> bool {
        matches!(
            self,
            Self::NoSession(_)
                | Self::NoPane { .. }
                | Self::NoPaneOfId(_)
                | Self::Connect(ConnectError::Missing(_) | ConnectError::Dead(_))
                | Self::Run(RunError::Gone { .. })
        )
    }
}
