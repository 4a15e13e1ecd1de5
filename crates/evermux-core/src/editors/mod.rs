//! Editors that can be asked what they hold, through their own sockets: the only room that talks with them.
//!
//! Nothing of it is noticed by who edits: no event, no message, no option that changes. An editor that waits for a key or does
//! not answer within 0.3 s is left alone; what it held before counts. All are asked side by side, on threads that nobody has
//! to wait for.

mod emacs;
mod kakoune;
mod nvim;
mod secret;
mod vim;
mod wire;

use std::collections::HashMap;
use std::fs::{DirBuilder, File};
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bstr::BString;
use jiff::Timestamp;

use crate::model::{BlockId, Editor, EditorFacts, LeftOut};
use crate::procs::{Listening, alive};
use crate::relaunch::editors::Tool;

/// How long a save waits for all editors.
pub const PATIENCE: Duration = Duration::from_millis(400);

/// How many are asked at a time.
const AT_A_TIME: usize = 8;

/// How long one that did not answer is left alone.
const LEFT_ALONE: Duration = Duration::from_secs(15);

/// The editors of this user.
#[derive(Debug)]
pub struct Editors {
    /// A folder of ours, for what editors write.
    folder: PathBuf,
    uid: u32,
    /// Those that did not answer: until when they are left alone.
    silent: Mutex<HashMap<(u32, u64), Instant>>,
}

/// What is asked of an editor.
#[derive(Clone, Debug)]
pub struct Question {
    /// Which one it is.
    pub tool: Tool,
    /// The process in the foreground of its pane, and the birth of that.
    pub pid: u32,
    /// What tells it from a later one with this id.
    pub birth: u64,
    /// The processes below it.
    pub below: Vec<u32>,
    /// Other processes that may be its server.
    pub others: Vec<u32>,
    /// The fingerprint of what is known of it.
    pub known: Option<String>,
    /// The name of the state that it was started with: until it is back, nothing else counts.
    pub restored: Option<String>,
    /// Whether large text can wait: it is asked for often.
    pub soon: bool,
}

/// What an editor said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This.
    Held(Box<Held>),
    /// It is as it was.
    Same,
    /// It is busy, for this reason.
    Late(String),
    /// It cannot be asked at all.
    Unknown,
}

/// What an editor holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// When it told this, by its own clock.
    pub told: Option<Timestamp>,
    /// Equal as long as nothing changes.
    pub fingerprint: String,
    /// Where it was asked, if it listens.
    pub server: Option<Listening>,
    /// Its session file, without what would start something.
    pub session: Vec<u8>,
    /// What that does not tell: msgpack.
    pub state: Vec<u8>,
    /// Text that was changed and not written.
    pub unsaved: Vec<HeldText>,
    /// Changed text that is not kept.
    pub left_out: Vec<LeftOut>,
}

/// Text that was changed and not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldText {
    /// Its file.
    pub name: BString,
    /// Its lines.
    pub text: Vec<u8>,
    /// What can be undone.
    pub undo: Option<Vec<u8>>,
}

/// Answers to come.
#[derive(Debug)]
pub struct Asking {
    answers: Vec<Answer>,
    coming: Receiver<(usize, Answer)>,
    until: Instant,
}

impl Editors {
    /// `folder`: one of ours, in which private folders are made; it need not be there.
    pub fn new(folder: PathBuf, uid: u32) -> Self {
        Self { folder, uid, silent: Mutex::default() }
    }

    /// Asks all of them.
    pub fn ask(self: &Arc<Self>, questions: Vec<Question>) -> Asking {
        let (send, coming) = channel();
        let late = Answer::Late("it does not answer".to_owned());
        let asking =
            Asking { answers: vec![late; questions.len()], coming, until: Instant::now() + PATIENCE };
        let queue: Vec<(usize, Question)> = questions.into_iter().enumerate().rev().collect();
        let threads = queue.len().min(AT_A_TIME);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            let (own, queue, send) = (Arc::clone(self), Arc::clone(&queue), send.clone());
            let thread = std::thread::Builder::new().name("editors".to_owned());
            // One that cannot be started asks nobody.
            let _ = thread.spawn(move || own.work(&queue, &send));
        }
        asking
    }

    fn work(&self, queue: &Mutex<Vec<(usize, Question)>>, send: &Sender<(usize, Answer)>) {
        let next = || queue.lock().ok()?.pop();
        while let Some((position, question)) = next() {
            // Who did not wait does not want to know.
            let _ = send.send((position, self.answer(&question)));
        }
    }

    fn answer(&self, question: &Question) -> Answer {
        let key = (question.pid, question.birth);
        let is_silent =
            |silent: &HashMap<_, Instant>| silent.get(&key).is_some_and(|until| Instant::now() < *until);
        if self.silent.lock().is_ok_and(|silent| is_silent(&silent)) {
            return Answer::Late("it does not answer".to_owned());
        }
        let Some(folder) = self.private_folder() else {
            return Answer::Late("there is no place for what it writes".to_owned());
        };
        let ask = match question.tool {
            Tool::Nvim => nvim::ask,
            Tool::Emacs => emacs::ask,
            Tool::Kakoune => kakoune::ask,
            Tool::Vim => vim::ask,
        };
        let asked = ask(question, folder.path(), self.uid);
        if let Ok(mut silent) = self.silent.lock() {
            silent.retain(|_, until| Instant::now() < *until);
            if asked.as_ref().is_err_and(wire::WireError::is_late) {
                silent.insert(key, Instant::now() + LEFT_ALONE);
            }
        }
        asked.unwrap_or_else(|error| Answer::Late(error.to_string()))
    }

    /// A folder that is removed when it is dropped.
    fn private_folder(&self) -> Option<tempfile::TempDir> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).ok()?;
        tempfile::Builder::new().prefix("asked-").tempdir_in(&self.folder).ok()
    }

    /// The editor that was seen with these facts, if it still runs and nobody looks at it: it has outlived its pane, and with
    /// it everything that it held. The path of its socket.
    pub fn survivor(&self, tool: Tool, facts: &EditorFacts) -> Option<PathBuf> {
        // Others are not shown again, and would not understand what is asked here.
        let (path, pid, birth) = facts.server.as_ref().filter(|_| tool == Tool::Nvim)?;
        if !alive(*pid, *birth) {
            return None;
        }
        let server = nvim::still_listens(path, *pid)?;
        nvim::is_alone(&server, self.uid).then_some(server.path)
    }
}

impl Asking {
    /// The answers, in the order of the questions.
    pub fn finish(mut self) -> Vec<Answer> {
        loop {
            let left = self.until.saturating_duration_since(Instant::now());
            let Ok((position, answer)) = self.coming.recv_timeout(left) else { return self.answers };
            self.answers[position] = answer;
        }
    }
}

/// The files in this folder, from which a kept state is brought back: names and contents. `read`: a block's bytes; none if one
/// is lost, or if a newer evermux has made it.
pub fn files(
    editor: &Editor,
    folder: &Path,
    read: &dyn Fn(BlockId) -> Option<Vec<u8>>,
) -> Option<Vec<(String, Vec<u8>)>> {
    let tool = Tool::named(&editor.tool)?;
    let session = read(editor.session.id)?;
    let script = match tool {
        Tool::Nvim => include_bytes!("restore.lua").to_vec(),
        Tool::Emacs => include_bytes!("restore.el").to_vec(),
        Tool::Vim => include_bytes!("restore.vim").to_vec(),
        Tool::Kakoune => kakoune::restore(&session, editor.unsaved.len(), folder),
    };
    let taken = format!("{:.6}", editor.facts.told.as_duration().as_secs_f64());
    let mut files = vec![
        (tool.restore_file().to_owned(), script),
        ("session".to_owned(), session),
        ("state".to_owned(), read(editor.state.id)?),
        ("taken".to_owned(), taken.into_bytes()),
    ];
    for (position, unsaved) in editor.unsaved.iter().enumerate() {
        let number = position + 1;
        files.push((format!("text{number}"), read(unsaved.text.id)?));
        if let Some(undo) = &unsaved.undo {
            files.push((format!("undo{number}"), read(undo.id)?));
        }
    }
    Some(files)
}

/// The file that brings a state of this name back, in a folder of states.
pub fn restore_file(tool: Tool, folder: &Path, name: &str) -> PathBuf {
    folder.join(name).join(tool.restore_file())
}

/// Most bytes of each file that an editor has written for us and that is read back.
const LARGEST_FILE: u64 = 8 << 20;

/// A file that an editor has written for us.
fn read(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path).ok().filter(|file| file.metadata().is_ok_and(|it| it.is_file()))?;
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= LARGEST_FILE).then_some(bytes)
}
