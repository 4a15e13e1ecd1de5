//! Assistants in panes: which there are, which conversation each of them holds, and how it is gone on with.
//!
//! What an assistant is, and where it writes down what, is data (`handlers`). Its files are read on a thread of its own,
//! which may hang in a slow disk: a save waits for it for a limited time, and then goes on with what was known before.

mod instance;
mod near;
mod places;
mod resume;
mod sources;
#[cfg(test)]
mod tests;
mod tracker;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bstr::BString;

pub use instance::{Instance, Member};
pub use resume::Resumption;

use crate::foreign::{Cache, Foreign};
use crate::handlers::{Candidate, Handlers};
use crate::model::EnvironmentEntry;
use crate::procs::ProcessTable;

/// The pane option that says which conversation its program holds, as `TOOL ID`: for hooks of any program.
pub const RESUME_OPTION: &str = "@evermux-resume";

/// The option of tmux-assistant-resurrect that names more variables to keep.
pub const CAPTURE_ENVIRONMENT_OPTION: &str = "@assistant-resurrect-capture-env";

/// How long a save waits for what assistants have written down.
pub const PATIENCE: Duration = Duration::from_millis(500);

/// What is known of assistants in general, and what was read of their files so far.
#[derive(Debug)]
pub struct Assistants {
    /// The handlers that hold. Read when they are first needed: where nothing runs but shells, never.
    pub handlers: LazyLock<Handlers, Load>,
    /// The user's home folder.
    home: PathBuf,
    uid: u32,
    cache: Cache,
    /// A thread is at work; it may hang.
    busy: AtomicBool,
}

/// Reads the handlers.
pub type Load = Box<dyn FnOnce() -> Handlers + Send>;

/// What is asked about an assistant.
#[derive(Clone, Debug)]
pub struct Question {
    /// Which one.
    pub instance: Instance,
    /// The value of [`RESUME_OPTION`] on its pane.
    pub option: Option<BString>,
    /// The title of its pane.
    pub title: BString,
    /// The text on its screen when it was last saved.
    pub screen: Vec<u8>,
    /// Variables to keep beside those that its handler names.
    pub variables: Vec<String>,
    /// No other assistant of this kind is in its directory.
    pub alone: bool,
}

/// What is known about an assistant.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Conversations it may hold, in the order of the sources.
    pub candidates: Vec<Candidate>,
    /// Those of which something is written down that can be gone on with.
    pub begun: Vec<String>,
    /// It says itself that it can hold only these; where that is empty, none.
    pub possible: Option<HashSet<String>>,
    /// Variables that it was started with and needs again.
    pub environment: Vec<EnvironmentEntry>,
}

impl Answer {
    /// Whether it may hold this conversation, by what it says itself.
    pub fn may_be(&self, id: &str) -> bool {
        self.possible.as_ref().is_none_or(|possible| possible.contains(id))
    }
}

/// Answers to come.
#[derive(Debug)]
pub struct Asking {
    questions: usize,
    answers: Option<Receiver<Vec<Answer>>>,
    until: Instant,
}

impl Assistants {
    /// With the handlers that `load` reads, for this user.
    pub fn new(load: Load, home: PathBuf, uid: u32) -> Self {
        Self {
            handlers: LazyLock::new(load),
            home,
            uid,
            cache: Cache::default(),
            busy: AtomicBool::new(false),
        }
    }

    /// Whether the process `asker` works for the assistant `tool` that holds the pane whose own process is `pane`: a hook of it
    /// may speak for the pane.
    pub fn is_in_pane(&self, tool: &str, asker: u32, pane: u32, table: &ProcessTable) -> bool {
        instance::is_asked_by(&self.handlers, tool, asker, pane, table)
    }

    /// Asks, on a thread of its own. While an earlier one hangs nothing is asked.
    pub fn ask(self: &Arc<Self>, questions: Vec<Question>, patience: Duration) -> Asking {
        let (count, until) = (questions.len(), Instant::now() + patience);
        let mut asking = Asking { questions: count, answers: None, until };
        if count == 0 || self.busy.swap(true, Ordering::AcqRel) {
            return asking;
        }
        let (send, receive) = sync_channel(1);
        let own = Arc::clone(self);
        let thread = std::thread::Builder::new().name("assistants".to_owned());
        let spawned = thread.spawn(move || {
            let foreign = Foreign::new(own.uid, until, &own.cache);
            let answers = questions.iter().map(|question| own.answer(question, &foreign)).collect();
            own.busy.store(false, Ordering::Release);
            // Who did not wait does not want to know.
            let _ = send.send(answers);
        });
        match spawned {
            Ok(_) => asking.answers = Some(receive),
            Err(_) => self.busy.store(false, Ordering::Release),
        }
        asking
    }
}

impl Asking {
    /// The answers, in the order of the questions; nothing is known of what did not come in time.
    pub fn finish(self) -> Vec<Answer> {
        let left = self.until.saturating_duration_since(Instant::now());
        // Its last step may end at the deadline itself.
        let left = left + Duration::from_millis(20);
        let answers = self.answers.and_then(|answers| answers.recv_timeout(left).ok());
        answers.unwrap_or_else(|| vec![Answer::default(); self.questions])
    }
}
