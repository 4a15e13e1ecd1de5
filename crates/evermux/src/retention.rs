//! Retention that runs by itself: the keeper's thread, and a moment of it after saves by hand where there is no keeper.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use evermux_core::history::{self, Policy, Pruned};
use evermux_core::model::SnapshotId;
use evermux_core::store::{Over, Store, StoreError, Wanted, write_over};
use jiff::SignedDuration;

use crate::cli::choosing;
use crate::cli::describe::bytes;
use crate::context::Context;
use crate::error::CliError;
use crate::keeper::Database;

/// How often the keeper prunes.
const EVERY: Duration = Duration::from_secs(10 * 60);
/// How often where nothing is saved.
const SELDOM: Duration = Duration::from_secs(6 * 3600);
/// How long after its beginning the keeper prunes first: a starting machine has better things to do.
const FIRST: Duration = Duration::from_secs(60);
/// How long one round of the keeper may take.
const ROUND: Duration = Duration::from_secs(5);
/// The keeper works for so long at most, and rests for three times as long as it worked.
const REST: u32 = 3;
/// A save by hand prunes if nobody has for so long.
const OVERDUE: SignedDuration = SignedDuration::from_hours(1);
/// And not for longer than this, after what it saved is safe.
const MOMENT: Duration = Duration::from_millis(100);

/// What the settings say.
pub fn policy(context: &Context, patience: Duration, thorough: bool) -> Policy {
    Policy { limit: context.config.keep.limit, options: choosing::options(context), patience, thorough }
}

/// That more is kept for ever than the limit allows, as a sentence.
pub fn too_much(over: &Over) -> String {
    format!(
        "what is kept for ever takes {}, the limit is {}: nothing more can go by itself",
        bytes(over.used),
        bytes(over.limit)
    )
}

/// Prunes in a thread of the keeper's as long as the other end is there. A kill at any moment harms nothing, so nobody
/// has to wait for it.
pub fn begin(context: &Context, database: Database) -> Sender<()> {
    let (sender, receiver) = channel();
    let context = context.clone();
    if context.config.keep.automatic {
        thread::spawn(move || run(&context, &database, &receiver));
    }
    sender
}

fn run(context: &Context, database: &Database, stop: &Receiver<()>) {
    let store = match database.open(context) {
        Ok(store) => store,
        Err(error) => {
            return tracing::warn!("no old snapshots are removed: {}", CliError::from(error).in_one_line());
        }
    };
    let mut pause = FIRST;
    // The newest snapshot when nothing was left to do, and when that was.
    let mut settled: Option<(Option<SnapshotId>, Instant)> = None;
    while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(pause) {
        let begun = Instant::now();
        let mut worked = Instant::now();
        let mut go_on = || {
            // Saves come first: they have three quarters of the time for themselves.
            thread::sleep(worked.elapsed() * REST);
            worked = Instant::now();
            begun.elapsed() < ROUND
        };
        if !store.is_in_place() {
            // The keeper begins anew, and this with it.
            return;
        }
        let mut round = || -> Result<bool, StoreError> {
            let newest = newest(&store)?;
            // Where nothing was saved, only time has passed: that can wait.
            let calm = |(id, at): (Option<SnapshotId>, Instant)| id == newest && at.elapsed() < SELDOM;
            if settled.is_some_and(calm) {
                return Ok(true);
            }
            let complete = prune(context, &store, &mut go_on)?.complete;
            settled = complete.then(|| (newest, Instant::now()));
            Ok(complete)
        };
        pause = match round() {
            Ok(false) => ROUND,
            Ok(true) => EVERY,
            Err(StoreError::Busy { .. }) => FIRST,
            Err(error) => {
                tracing::warn!("old snapshots could not be removed: {}", CliError::from(error).in_one_line());
                EVERY
            }
        };
    }
}

fn newest(store: &Store) -> Result<Option<SnapshotId>, StoreError> {
    let newest = store.list(&Wanted { limit: Some(1), ..Wanted::default() })?;
    Ok(newest.first().map(|listed| listed.entry.id))
}

/// Prunes for a moment after a save by hand, if no keeper does and it is time. What goes wrong is not the save's.
pub fn after_save(context: &Context, store: &Store) {
    let due = || -> Result<bool, StoreError> {
        let since = store.pruned_at()?.map(|at| context.now().duration_since(at));
        // A moment in the future was noted by a wrong clock.
        let due = since.is_none_or(|since| since > OVERDUE || since.is_negative());
        Ok(due && store.keeper()?.is_none())
    };
    if !context.config.keep.automatic || !due().unwrap_or(false) {
        return;
    }
    let begun = Instant::now();
    if let Err(error) = prune(context, store, &mut || begun.elapsed() < MOMENT) {
        tracing::debug!(%error, "not pruned");
    }
}

fn prune(context: &Context, store: &Store, go_on: &mut dyn FnMut() -> bool) -> Result<Pruned, StoreError> {
    let policy = policy(context, Duration::ZERO, false);
    let pruned = history::prune(store, &policy, context.now(), go_on)?;
    if !pruned.removed.is_empty() || !pruned.thinned.is_empty() {
        let (removed, thinned) = (pruned.removed.len(), pruned.thinned.len());
        tracing::info!(removed, thinned, freed = %bytes(pruned.freed), "old snapshots are gone");
    }
    if pruned.complete {
        write_over(&context.place(), pruned.over.as_ref())?;
    }
    Ok(pruned)
}
