//! What a capture is asked to do.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::policy::Pattern;
use crate::assistants::{self, Assistants};
use crate::editors::Editors;
use crate::model::PaneIdentity;
use crate::store::Shells;

/// What is captured of a pane that prints without end: more between two captures than there is to be known of it.
/// As soon as it is quiet it is captured whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flood {
    /// Its newest rows of history, beside the screen.
    pub rows: u32,
    /// At most so often: seconds.
    pub every: i64,
}

impl Default for Flood {
    fn default() -> Self {
        Self { rows: 500, every: 10 }
    }
}

/// What a capture is asked to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// This machine, in the form the store's folder carries.
    pub machine: String,
    /// This boot of it.
    pub boot: String,
    /// The user the server belongs to.
    pub uid: u32,
    /// Whether text is captured; without it that of the previous snapshot is kept for panes that are still there.
    pub text: bool,
    /// Whether paste buffers are captured.
    pub buffers: bool,
    /// Whether panes without an identity get theirs set on the server. Only then the next capture knows them again.
    pub mark: bool,
    /// Whether that counts, too, which an unfinished restore has made and nobody uses.
    pub unfinished: bool,
    /// Only sessions that one of these fits, if there are any.
    pub only_sessions: Vec<Pattern>,
    /// Sessions that are left out, as `@evermux-policy ignore` leaves them out.
    pub ignored_sessions: Vec<Pattern>,
    /// Programs, by the name of their file, beside which no text is captured, as under `@evermux-policy no-text`.
    pub no_text_programs: Vec<Pattern>,
    /// How many rows the prompts of panes take, where a restore has just seen it; otherwise the previous snapshot says.
    pub prompt_rows: HashMap<PaneIdentity, u32>,
    /// Why the programs of these panes, which are owed, were not started just now.
    pub not_started: HashMap<PaneIdentity, String>,
    /// The process that asks for the capture. Where it is itself the foreground program of a pane, it is about to end:
    /// the pane counts as having none.
    pub asker: Option<u32>,
    /// The program that holds restored panes whose shells start later: they are captured as what they will be.
    pub helper: Option<PathBuf>,
    /// The newest lines of each pane that are kept; none: all that tmux has.
    pub lines: Option<u32>,
    /// How panes that print without end are captured; none: as all others.
    pub flood: Option<Flood>,
    /// How long each tmux client may take.
    pub limit: Duration,
    /// What is known of assistants; none: their conversations are not looked for.
    pub assistants: Option<Arc<Assistants>>,
    /// Where the shells of panes tell of themselves; none: they are not heard.
    pub shells: Option<Shells>,
    /// How long what they have written down may take to be read.
    pub assistants_patience: Duration,
    /// Through which editors are asked what they hold; none: they are not.
    pub editors: Option<Arc<Editors>>,
}

impl Options {
    /// Everything but paste buffers, of every session.
    pub fn new(machine: impl Into<String>, boot: impl Into<String>, uid: u32) -> Self {
        Self {
            machine: machine.into(),
            boot: boot.into(),
            uid,
            text: true,
            buffers: false,
            mark: true,
            unfinished: false,
            only_sessions: Vec::new(),
            ignored_sessions: Vec::new(),
            no_text_programs: Vec::new(),
            prompt_rows: HashMap::new(),
            not_started: HashMap::new(),
            asker: None,
            helper: None,
            lines: None,
            flood: None,
            limit: Duration::from_secs(20),
            assistants: None,
            shells: None,
            assistants_patience: assistants::PATIENCE,
            editors: None,
        }
    }
}
