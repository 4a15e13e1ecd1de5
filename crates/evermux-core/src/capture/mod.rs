//! Capturing a running server: what tmux and the process table tell, put together into a snapshot.
//!
//! A capture is all or nothing: a server that is dying, empty or unreadable gives an [`enum@Error`], never a partial
//! snapshot. One pane that cannot be read costs only itself, and is told as a [`Problem`].

mod assemble;
mod debts;
mod excluded;
mod identity;
mod options;
mod policy;
mod programs;
mod start;
mod untouched;

use std::collections::HashSet;
use std::path::Path;

use bstr::BString;
use jiff::Timestamp;
use thiserror::Error;

pub use options::Options;
pub use policy::{POLICY_OPTION, Pattern, Policy};

use self::assemble::{Draft, Sources};
use crate::choose::Coverage;
use crate::model::{BlockId, BlockRef, Invalid, Live, Snapshot};
use crate::problem::{Problem, Subject};
use crate::procs::{NoProcessTable, ProcessTable, TerminalState};
use crate::tmux::{ListError, ListRequest, Listing, Nonce, RunError, Server};

/// Why nothing was captured.
#[derive(Debug, Error)]
pub enum Error {
    /// The server could not be listed. Nothing may be concluded from that about what is in it.
    #[error(transparent)]
    List(#[from] ListError),
    /// The server went away while it was captured, or did not answer any more.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The process table could not be read.
    #[error(transparent)]
    Processes(#[from] NoProcessTable),
    /// Policies and patterns leave nothing of the server.
    #[error("every session of the server is excluded from saving")]
    NothingLeft,
    /// What tmux told does not hold together.
    #[error("the server's state is contradictory")]
    Contradiction(#[from] Invalid),
}

/// What a capture has found.
#[derive(Debug)]
pub struct Captured {
    /// The snapshot, with the ids that are valid in this life of the server. Its texts mention blocks that were
    /// written to [`Blocks`] in this capture or in an earlier one.
    pub live: Live,
    /// What the snapshot says about sessions that are not in it.
    pub coverage: Coverage,
    /// What could not be captured.
    pub problems: Vec<Problem>,
}

/// Where blocks of text are kept.
pub trait Blocks {
    /// The bytes of a block that an earlier capture wrote; none if it is lost, then the pane is captured whole.
    fn read(&mut self, id: BlockId) -> Option<Vec<u8>>;

    /// Takes a block, as soon as it is complete. The same block may come more than once.
    fn write(&mut self, block: BlockRef, bytes: Vec<u8>);
}

/// Captures a server.
///
/// `previous` is the last snapshot of this timeline: text is continued from it, and debts are carried. Identities for
/// panes that have none are minted from `random` (and set on the server if the options say so).
///
/// # Errors
/// [`enum@Error`]; then there is no snapshot, not even of a part.
pub fn capture(
    server: &Server,
    previous: Option<&Snapshot>,
    options: &Options,
    now: Timestamp,
    random: &mut dyn FnMut() -> [u8; 16],
    blocks: &mut dyn Blocks,
) -> Result<Captured, Error> {
    let _ = blocks;
    // tmux knows a directory only by asking the process, too.
    let listed = server.list(
        &ListRequest {
            nonce: Nonce::from_random(random()),
            current: cfg!(not(any(target_os = "linux", target_os = "macos"))),
        },
        options.limit,
    )?;
    let processes = ProcessTable::read()?;
    let (listing, mut problems) = (listed.value, listed.problems);
    let sources = Sources {
        listing: &listing,
        processes: &processes,
        terminal: &|path: &Path| TerminalState::read(path).ok(),
        previous,
        options,
        now,
    };
    let mut draft = assemble::assemble(&sources, random);
    problems.append(&mut draft.problems);
    if draft.sessions.is_empty() {
        return Err(Error::NothingLeft);
    }
    let mut live = finish(draft, &listing, now)?;
    if options.mark {
        set_marks(server, &mut live, options, random, &mut problems);
    }
    let coverage = coverage(&listing, &live.snapshot, options);
    Ok(Captured { live, coverage, problems })
}

/// What is left out on request was not closed.
fn coverage(listing: &Listing, snapshot: &Snapshot, options: &Options) -> Coverage {
    if !options.only_sessions.is_empty() {
        return Coverage::Part;
    }
    let saved: HashSet<&BString> = snapshot.sessions().iter().map(|session| &session.name).collect();
    let listed = listing.sessions.iter().map(|session| &session.name);
    let left_out: Vec<BString> = listed.filter(|name| !saved.contains(name)).cloned().collect();
    if left_out.is_empty() { Coverage::Whole } else { Coverage::Without(left_out) }
}

fn finish(mut draft: Draft, listing: &Listing, now: Timestamp) -> Result<Live, Error> {
    untouched::judge(&mut draft, listing);
    let snapshot = Snapshot::new(now, draft.server, draft.sessions, draft.windows)?;
    Ok(Live { snapshot, sessions: draft.session_ids, windows: draft.window_ids, panes: draft.panes })
}

/// Sets the identities that are missing on the server. That one cannot be set costs no snapshot.
fn set_marks(
    server: &Server,
    live: &mut Live,
    options: &Options,
    random: &mut dyn FnMut() -> [u8; 16],
    problems: &mut Vec<Problem>,
) {
    let marks = identity::missing_marks(live);
    match server.mark(Nonce::from_random(random()), &marks, options.limit) {
        Ok(found) => {
            let set = |pane| {
                marks
                    .iter()
                    .zip(&found)
                    .any(|(mark, found)| mark.pane == pane && *found == Some(mark.identity))
            };
            for pane in live.panes.iter_mut().flatten() {
                pane.marked = pane.marked || set(pane.id);
            }
        }
        Err(error) => {
            problems.push(Problem::new(
                Subject::Server,
                format!("panes could not be given their identities: {error}"),
            ));
        }
    }
}
