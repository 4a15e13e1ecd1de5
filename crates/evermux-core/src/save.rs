//! Saving: capture under the store's lock, then one transaction.
//!
//! Blocks of text are hashed and compressed on a thread of their own while tmux still prints the next pane: formatting
//! is tmux's work on one core, compressing ours on another.

use std::sync::mpsc::sync_channel;
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;

use crate::capture::{self, Blocks, Captured, capture_beside};
use crate::choose::Entry;
use crate::model::{BlockId, BlockRef, Kind, Live, ServerName, Snapshot};
use crate::problem::Problem;
use crate::store::{Emergency, PreparedBlock, Save, Saved, Store, StoreError, Wanted};
use crate::tmux::Server;

/// How many blocks (64 kB each, as a rule) may wait to be compressed.
const QUEUE: usize = 32;

/// What is to be saved, and how.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Which server this is in the store.
    pub server: &'a ServerName,
    /// What is captured.
    pub capture: &'a capture::Options,
    /// On what occasion.
    pub kind: Kind,
    /// A name to find it by.
    pub name: Option<String>,
    /// A note.
    pub note: Option<String>,
    /// Whether to write the emergency file.
    pub emergency: Emergency,
    /// How long to wait for another process that saves the same server.
    pub patience: Duration,
}

/// Why nothing was saved.
#[derive(Debug, Error)]
pub enum SaveError {
    /// The server could not be captured.
    #[error("the server could not be read")]
    Capture(#[from] capture::Error),
    /// The store did not take it.
    #[error("the store did not take the snapshot")]
    Store(#[from] StoreError),
}

/// What became of a save.
#[derive(Debug)]
pub struct Outcome {
    /// The snapshot that holds the state.
    pub saved: Saved,
    /// The server as it was captured; none if another process saved it while this one waited.
    pub live: Option<Live>,
    /// What could not be saved.
    pub problems: Vec<Problem>,
    /// Panes whose text is older than the rest, because they print without end.
    pub put_off: usize,
}

/// Saves a server. Once this returns, the snapshot survives a kill and a power cut.
///
/// Saves of one server follow each other. One that had to wait and only wants the present state joins a save that
/// began after it did: that one's snapshot is its own.
///
/// # Errors
/// [`SaveError`]; nothing was written then.
pub fn save(
    store: &Store,
    server: &Server,
    request: &Request<'_>,
    now: &dyn Fn() -> Timestamp,
    random: &mut dyn FnMut() -> [u8; 16],
) -> Result<Outcome, SaveError> {
    let (asked, before) = (now(), joinable(store, request)?);
    let saving = store.saving(request.server, request.patience)?;
    if let Some(saved) = joined(before, joinable(store, request)?, asked) {
        return Ok(Outcome { saved, live: None, problems: Vec::new(), put_off: 0 });
    }
    let mut unreadable = None;
    let mut read_previous = || {
        let previous = previous(store, request.server);
        previous.unwrap_or_else(|error| {
            unreadable = Some(error);
            None
        })
    };
    let captured = capture_blocks(store, server, &mut read_previous, request.capture, now(), random);
    if let Some(error) = unreadable {
        return Err(error.into());
    }
    let (captured, blocks) = captured?;
    let Captured { live, mut problems, coverage, put_off } = captured;
    let report = saving.save(&Save {
        snapshot: &live.snapshot,
        kind: request.kind,
        coverage,
        name: request.name.clone(),
        note: request.note.clone(),
        blocks: &blocks,
        emergency: request.emergency,
    })?;
    problems.extend(report.problems);
    Ok(Outcome { saved: report.value, live: Some(live), problems, put_off })
}

/// The newest snapshot that a save could join: one that has no particular purpose.
fn joinable(store: &Store, request: &Request<'_>) -> Result<Option<Entry>, StoreError> {
    let particular =
        request.name.is_some() || request.note.is_some() || !request.capture.only_sessions.is_empty();
    if particular || request.kind != Kind::Manual {
        return Ok(None);
    }
    let wanted =
        Wanted { server: Some(request.server.clone()), whole: true, limit: Some(1), ..Wanted::default() };
    Ok(store.list(&wanted)?.into_iter().next().map(|listed| listed.entry))
}

/// The snapshot another process made while this one waited, if it is as good as one of our own: it was not there when
/// this one was asked for (the clock alone proves nothing: it may have been set back), and was begun after that.
fn joined(before: Option<Entry>, latest: Option<Entry>, asked: Timestamp) -> Option<Saved> {
    // Equal states make no new snapshot but are seen again: the latest sight is what counts.
    let seen = |entry: &Entry| (entry.id, entry.taken_at.max(entry.still_at));
    let fresh =
        latest.filter(|entry| before.as_ref().map(seen) != Some(seen(entry)) && seen(entry).1 >= asked)?;
    Some(Saved { id: fresh.id, new: false })
}

/// The newest snapshot of a whole server, to continue its texts and carry its debts. One that cannot be read any more
/// is no reason not to save: then everything is captured anew.
pub(crate) fn previous(store: &Store, server: &ServerName) -> Result<Option<Snapshot>, StoreError> {
    let Some(id) = store.latest(server)? else { return Ok(None) };
    match store.snapshot(id) {
        Ok(report) => Ok(Some(report.value)),
        Err(error) => {
            tracing::warn!(%id, error = error.in_full(), "the previous snapshot cannot be continued");
            Ok(None)
        }
    }
}

/// Captures, and makes the blocks ready for the store meanwhile. The previous snapshot is read while tmux lists.
pub(crate) fn capture_blocks(
    store: &Store,
    server: &Server,
    read_previous: &mut dyn FnMut() -> Option<Snapshot>,
    options: &capture::Options,
    now: Timestamp,
    random: &mut dyn FnMut() -> [u8; 16],
) -> Result<(Captured, Vec<PreparedBlock>), SaveError> {
    let (send, receive) = sync_channel::<Vec<u8>>(QUEUE);
    std::thread::scope(|scope| {
        let compress = scope.spawn(move || receive.iter().map(|bytes| PreparedBlock::new(&bytes)).collect());
        let mut sink = Sink { store, send: Some(send) };
        let captured = capture_beside(server, read_previous, options, now, random, &mut sink);
        sink.send = None;
        let blocks: Result<Vec<PreparedBlock>, StoreError> =
            compress.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok((captured?, blocks?))
    })
}

/// Blocks as a capture reads and writes them.
struct Sink<'a> {
    store: &'a Store,
    send: Option<std::sync::mpsc::SyncSender<Vec<u8>>>,
}

impl Blocks for Sink<'_> {
    fn read(&mut self, id: BlockId) -> Option<Vec<u8>> {
        self.store.block(&id).ok()
    }

    fn write(&mut self, _block: BlockRef, bytes: Vec<u8>) {
        if let Some(send) = &self.send {
            // Fails only if the thread has panicked, which `join` tells.
            let _ = send.send(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use evermux_testkit::{Server as Private, tmux_binaries};

    use super::*;
    use crate::store::{Access, Place};
    use crate::tmux::Binaries;

    /// What was saved hours later, as the clock said then, is not what is there now.
    #[test]
    fn a_save_after_the_clock_was_set_back_saves() {
        let tmux = tmux_binaries().pop().unwrap();
        let private = Private::start(&tmux);
        private.settle();
        let uid = rustix::process::getuid().as_raw();
        let place = Place::new(private.folder("state"), "machine", uid);
        let store = Store::open(&place, Access::Write).unwrap();
        let server = Server::connect(&private.socket(), uid, &Binaries::default()).unwrap();
        let socket = private.socket().into_os_string().into_encoded_bytes();
        let name = ServerName { machine: "machine".to_owned(), socket: socket.into() };
        let options = capture::Options::new("machine", "boot", uid);
        let options = capture::Options { mark: false, ..options };
        let save = |hours: i64| {
            let request = Request {
                server: &name,
                capture: &options,
                kind: Kind::Manual,
                name: None,
                note: None,
                emergency: Emergency::Never,
                patience: Duration::from_secs(5),
            };
            let now = || Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(hours);
            let mut number = u128::from(hours.unsigned_abs()) << 64;
            let mut random = || {
                number += 1;
                number.to_be_bytes()
            };
            save(&store, &server, &request, &now, &mut random).unwrap().saved
        };
        let first = save(100);
        private.run(&["new-window", "-d"]);
        let second = save(90);
        assert!(second.new && second.id > first.id, "{first:?} {second:?}");
        private.run(&["new-window", "-d"]);
        assert!(save(200).new);
    }
}
