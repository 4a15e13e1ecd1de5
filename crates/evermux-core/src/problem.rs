//! Problems that do not stop the work: each names its subject and says what is wrong with it.

use std::fmt;

use crate::model::{PaneIdentity, SessionId, WindowId};

/// What a [`Problem`] is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The server as a whole.
    Server,
    /// A session, by its name as tmux shows it.
    Session(String),
    /// A window: session name and index.
    Window(String, u32),
    /// A pane: session name, window index and position in the window.
    Pane(String, u32, usize),
    /// A pane of which only the identity is known.
    Identity(PaneIdentity),
    /// A live session of which nothing else could be read.
    SessionId(SessionId),
    /// A live window of which nothing else could be read.
    WindowId(WindowId),
    /// A file or folder.
    Path(std::path::PathBuf),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => f.write_str("server"),
            Self::Session(name) => write!(f, "session {name}"),
            Self::Window(session, index) => write!(f, "window {session}:{index}"),
            Self::Pane(session, index, pane) => write!(f, "pane {session}:{index}.{pane}"),
            Self::Identity(identity) => write!(f, "pane {identity}"),
            Self::SessionId(id) => write!(f, "session {id}"),
            Self::WindowId(id) => write!(f, "window {id}"),
            Self::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Something that went wrong without stopping the work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What it is about.
    pub subject: Subject,
    /// What is wrong, as a fragment that reads after "subject: ".
    pub what: String,
}

impl Problem {
    /// A problem of `subject`.
    pub fn new(subject: Subject, what: impl Into<String>) -> Self {
        Self { subject, what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.what)
    }
}

/// A value together with the problems met on the way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report<T> {
    /// What was made.
    pub value: T,
    /// What went wrong without stopping it.
    pub problems: Vec<Problem>,
}

impl<T> Report<T> {
    /// A value without problems.
    pub fn clean(value: T) -> Self {
        Self { value, problems: Vec::new() }
    }

    /// The same problems with another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Report<U> {
        Report { value: f(self.value), problems: self.problems }
    }
}
