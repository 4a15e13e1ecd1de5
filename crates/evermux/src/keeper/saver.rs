//! Saving one server, and what is remembered of it from one save to the next.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use evermux_core::capture::{self, Flood};
use evermux_core::choose::GenerationEnd;
use evermux_core::model::{Generation, Kind, Live, PaneIdentity, SnapshotId};
use evermux_core::procs::Cost;
use evermux_core::save::{self, Outcome, Request, SaveError};
use evermux_core::store::{Emergency, Store, StoreError};
use evermux_core::tmux::{ListError, ListingError, RunError};
use evermux_core::watch::{Save, Saved};
use jiff::Timestamp;

use super::opened::{Database, Opened};
use super::watcher::Kept;
use crate::context::Context;
use crate::error::CliError;
use crate::start;

/// How long a save waits for another one of the same server.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a save may take at most, whatever the settings say: while it hangs nothing else is done for the server.
const LONGEST_SAVE: Duration = Duration::from_secs(20);

/// How long the last save may take.
const LAST_SAVE: Duration = Duration::from_secs(10);

/// Why nothing was saved.
pub enum NotSaved {
    /// The server went away.
    Gone,
    /// Something else.
    Failed(String),
}

/// Saves one server.
pub struct Saver {
    context: Context,
    store: Opened,
    /// The panes of the last snapshot of this life of the server.
    panes: HashSet<PaneIdentity>,
    /// The number of its sessions.
    sessions: usize,
    /// How many of its panes wait for their shells.
    pub unstarted: usize,
    /// When the server was last known to be as it is saved.
    pub saved_at: Option<Timestamp>,
    /// The last snapshot.
    pub snapshot: Option<SnapshotId>,
    /// What the last save took.
    pub took: Option<Duration>,
}

impl Saver {
    /// One for the server of `context`.
    pub fn new(context: Context, database: Database) -> Self {
        Self {
            store: Opened::new(context.clone(), database),
            context,
            panes: HashSet::new(),
            sessions: 0,
            unstarted: 0,
            saved_at: None,
            snapshot: None,
            took: None,
        }
    }

    /// The number of panes of the last snapshot.
    pub fn panes(&self) -> usize {
        self.panes.len()
    }

    /// A life of the server begins, or is found to go on: whoever took its socket away for a while has not ended it.
    pub fn came(&mut self, generation: &Generation) {
        (self.panes, self.sessions) = Default::default();
        let server = self.context.server();
        let alive = self.with_store(|store| store.saving(&server, PATIENCE)?.retract_ending(generation));
        if let Err(error) = alive {
            tracing::debug!("that the server lives could not be noted: {error}");
        }
    }

    /// Notes how a life of the server has ended.
    pub fn gone(&mut self, end: &GenerationEnd) {
        let server = self.context.server();
        let noted = self.with_store(|store| store.saving(&server, PATIENCE)?.note_ending(end));
        if let Err(error) = noted {
            tracing::warn!("how the server ended could not be noted: {error}");
        }
    }

    /// Whether nothing is restored when the server starts, because the last starts died of it. What cannot be read is not
    /// known.
    pub fn restore_is_disabled(&mut self) -> bool {
        let server = self.context.server();
        let disabled = self.with_store(|store| {
            let starts = store.starts(&server)?;
            Ok(start::has_died(store, &server, &starts).unwrap_or(false))
        });
        disabled.unwrap_or(false)
    }

    /// Does something with the store, which is opened anew after an error.
    fn with_store<T>(&mut self, work: impl FnOnce(&Store) -> Result<T, StoreError>) -> Result<T, String> {
        self.store.get().and_then(work).map_err(|error| {
            self.store.close_after(&error);
            CliError::from(error).in_one_line()
        })
    }

    /// Saves.
    ///
    /// # Errors
    /// [`NotSaved`].
    pub fn save(&mut self, kept: &Kept, what: Save, emergency: Emergency) -> Result<Saved, NotSaved> {
        let begun = Instant::now();
        let cost = Cost::begin(Some(kept.generation.pid));
        let (context, server) = (&self.context, self.context.server());
        let store =
            self.store.get().map_err(|error| NotSaved::Failed(CliError::from(error).in_one_line()))?;
        let mut options = crate::cli::capture_options(context);
        options.text = what == Save::All;
        // What is saved last is saved whole.
        options.flood = (emergency != Emergency::Now).then(Flood::default);
        options.limit = options.limit.min(if emergency == Emergency::Now { LAST_SAVE } else { LONGEST_SAVE });
        let request = Request {
            server: &server,
            capture: &options,
            kind: Kind::Automatic,
            name: None,
            note: None,
            emergency,
            patience: PATIENCE,
        };
        match save::save(store, &kept.server, &request, &|| context.now(), &mut || context.random()) {
            Ok(outcome) => Ok(self.saved(what, &outcome, begun.elapsed(), cost.so_far())),
            Err(SaveError::Store(error)) => {
                self.store.close_after(&error);
                Err(NotSaved::Failed(CliError::from(error).in_one_line()))
            }
            Err(error) if is_gone(&error) => Err(NotSaved::Gone),
            Err(error) => Err(NotSaved::Failed(CliError::from(error).in_one_line())),
        }
    }

    fn saved(&mut self, what: Save, outcome: &Outcome, took: Duration, cost: Duration) -> Saved {
        let (panes, sessions) = outcome.live.as_ref().map(contents).unwrap_or_default();
        // Nobody knows what was there before the first save.
        let lost = self.panes.is_empty()
            || sessions < self.sessions
            || self.panes.iter().any(|pane| !panes.contains(pane));
        // Identities that were set just now: the server rings, because an option was set.
        let marked = panes.iter().any(|pane| !self.panes.contains(pane));
        let put_off = outcome.put_off > 0;
        let saved = Saved { cost, panes: panes.len(), lost, put_off, marked };
        (self.panes, self.sessions) = (panes, sessions);
        let waiting = |live: &Live| live.snapshot.panes().filter(|pane| pane.facts.waiting).count();
        self.unstarted = outcome.live.as_ref().map(waiting).unwrap_or_default();
        self.saved_at = Some(self.context.now());
        self.snapshot = Some(outcome.saved.id);
        self.took = Some(took);
        if outcome.saved.new {
            tracing::debug!(id = %outcome.saved.id, ?what, milliseconds = took.as_millis() as u64, "saved");
        }
        saved
    }
}

/// The panes and the number of sessions of what was saved.
fn contents(live: &Live) -> (HashSet<PaneIdentity>, usize) {
    let windows = live.snapshot.windows().iter();
    let panes = windows.flat_map(|window| window.panes.iter().map(|pane| pane.identity)).collect();
    (panes, live.snapshot.sessions().len())
}

/// Whether a save failed because the server went away.
fn is_gone(error: &SaveError) -> bool {
    match error {
        SaveError::Capture(
            capture::Error::List(ListError::Run(RunError::Gone { .. }))
            | capture::Error::List(ListError::Listing(ListingError::Truncated | ListingError::NoSession))
            | capture::Error::Run(RunError::Gone { .. }),
        ) => true,
        SaveError::Capture(_) | SaveError::Store(_) => false,
    }
}
