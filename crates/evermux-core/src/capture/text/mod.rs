//! The text of panes: what is new since the last capture, or all of it.
//!
//! # Rows
//! tmux counts rows from the top of the screen, and they move while a pane prints. So every look at a pane is one
//! instant ([`shot`]) that says itself where it stood. A row is named here by its number from the top of the history:
//! that stays the same until tmux throws rows away there.
//!
//! # What is known already
//! Lines that have left the screen do not change any more, so a capture goes on where the last one stopped. From 3.8
//! exact counters say whether that is so. Before, it has to be found out: the last known lines are captured again
//! and must stand where they are expected, the first lines of the history must be the same, and everything that does
//! not fit (a cleared history, a reflow, more than one place where lines could be) makes the capture a whole one.
//!
//! # Time
//! tmux does nothing else while it captures: 5 µs a coloured row. So a script yields between panes, and a long pane is
//! captured in portions, oldest first, each with a client of its own.

mod find;
mod job;
mod lines;
#[cfg(test)]
mod live;
mod moved;
mod sealing;
mod shot;

use std::time::Duration;

use self::job::Job;
use super::{Blocks, Flood};
use crate::model::{Scrollback, TmuxVersion};
use crate::tmux::{
    CaptureError, CaptureRequest, CaptureScript, Frame, FrameHead, ListedPane, ListedWindow, Nonce, Server,
};

pub use self::sealing::extend;
pub(super) use self::shot::End;

/// So many panes are captured by one client at most. tmux parses a script as a whole before it runs the first line, and
/// serves nobody meanwhile: about 0.1 ms a pane (3.3a).
const PANES_PER_CLIENT: usize = 150;

/// A pane whose text is wanted.
pub(super) struct Wanted<'a> {
    pub pane: &'a ListedPane,
    pub window: &'a ListedWindow,
    pub end: End,
    /// Its text in the last snapshot of this life of the server.
    pub before: Option<&'a Scrollback>,
    /// That text ended for the same reason as it ends now.
    pub same_end: bool,
}

/// How much a capture may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// How long each client.
    pub time: Duration,
    /// See [`super::Options::lines`].
    pub lines: Option<u32>,
    /// See [`super::Options::flood`].
    pub flood: Option<Flood>,
}

/// What became of a wanted text.
#[derive(Debug)]
pub(super) enum Found {
    /// It is this.
    Text(Box<Scrollback>),
    /// It was this a moment ago, and is captured again later: the pane prints without end.
    Later(Box<Scrollback>),
    /// The pane is gone.
    Gone,
    /// It was captured and is not understood.
    Unreadable,
}

/// Captures the text of panes. `now`: seconds since the epoch when the server was listed.
///
/// # Errors
/// [`CaptureError`] if the server stops answering. Panes that are not understood are no errors.
pub(super) fn capture(
    server: &Server,
    version: TmuxVersion,
    wanted: &[Wanted<'_>],
    now: i64,
    limits: &Limits,
    random: &mut dyn FnMut() -> [u8; 16],
    blocks: &mut dyn Blocks,
) -> Result<Vec<Found>, CaptureError> {
    let mut jobs: Vec<Job<'_>> =
        wanted.iter().map(|wanted| Job::new(wanted, version, now, *limits)).collect();
    loop {
        let mut requests = Vec::new();
        let mut owners = Vec::new();
        for (number, job) in jobs.iter_mut().enumerate() {
            if requests.len() == PANES_PER_CLIENT {
                break;
            }
            if let Some(ask) = job.ask() {
                requests.push(CaptureRequest {
                    pane: wanted[number].pane.id,
                    parts: ask.parts,
                    rows: ask.rows,
                });
                owners.push(number);
            }
        }
        if requests.is_empty() {
            break;
        }
        let script = CaptureScript::new(Nonce::from_random(random()), version, &requests);
        server.capture(&script, limits.time, &mut |index, frame| {
            let Some(job) = owners.get(index).and_then(|owner| jobs.get_mut(*owner)) else { return };
            match frame {
                Frame::Text { head, parts } => job.answer(&head, &parts, blocks),
                Frame::Gone => job.gone(),
            }
        })?;
    }
    Ok(jobs.into_iter().map(Job::into_found).collect())
}

/// What the listing tells of a pane, as a look at it would.
fn listed_head(pane: &ListedPane) -> FrameHead {
    FrameHead {
        pane: pane.id,
        size: pane.size,
        cursor: pane.cursor,
        history: pane.history,
        alternate: pane.alternate,
    }
}
