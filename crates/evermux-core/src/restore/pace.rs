//! Shells of restored panes start one after the other, as many at a time as there are processors.
//!
//! 500 shells that are let go together starve tmux (measured: a stall of half a second with a bare bash, which starts in
//! 2 ms), and rc files of 300 ms would be 150 s of work for everybody at once. Paced, those that are seen first are at
//! their prompts first.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bstr::ByteSlice;

use super::settle;
use super::skeleton::MadePane;
use crate::gate::{Ending, Held};
use crate::procs::{ProcessTable, executable};

/// How long the next shell waits for one that does not come to a prompt.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long pacing may take for all of them; after that the rest goes at once.
const LIMIT: Duration = Duration::from_secs(20);

/// How long to pause between two looks at a shell.
const PAUSE: Duration = Duration::from_millis(1);

/// Lets panes go.
pub(super) struct Pace {
    waiting: Sender<(Held, MadePane)>,
    threads: Vec<JoinHandle<()>>,
}

impl Pace {
    /// `helper`: the program that holds panes.
    pub(super) fn new(helper: PathBuf) -> Self {
        let (waiting, receive) = channel();
        let receive = Arc::new(Mutex::new(receive));
        let slots = std::thread::available_parallelism().map_or(2, usize::from);
        let end = Instant::now() + LIMIT;
        let start = |_| {
            let (receive, helper) = (Arc::clone(&receive), helper.clone());
            std::thread::spawn(move || run(&receive, &helper, end))
        };
        Self { waiting, threads: (0..slots).map(start).collect() }
    }

    /// Lets a pane go: a shell when it is its turn, anything else now.
    pub(super) fn release(&self, held: Held, pane: &MadePane, ending: Ending) {
        match ending {
            // The threads end only after us.
            Ending::Shell => _ = self.waiting.send((held, pane.clone())),
            Ending::Exit(_) | Ending::Signal(_) => held.release(ending),
        }
    }

    /// Waits until all of them are gone.
    pub(super) fn wait(self) {
        drop(self.waiting);
        for thread in self.threads {
            // One that panicked has let go what it held.
            let _ = thread.join();
        }
    }
}

fn run(receive: &Mutex<Receiver<(Held, MadePane)>>, helper: &std::path::Path, end: Instant) {
    let next = || receive.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
    while let Some((held, pane)) = next() {
        held.release(Ending::Shell);
        let patience = end.min(Instant::now() + PATIENCE);
        while Instant::now() < patience && begins(&pane, helper) {
            std::thread::sleep(PAUSE);
        }
    }
}

/// Whether the shell of a pane is not at its prompt yet.
fn begins(pane: &MadePane, helper: &std::path::Path) -> bool {
    // What holds the pane is called like the shell, and its terminal looks as if it waited at a prompt.
    let is_helper = executable(pane.pid).is_some_and(|path| path.to_path().is_ok_and(|path| path == helper));
    is_helper || !settle::is_at_prompt(&ProcessTable::of(pane.pid), pane)
}
