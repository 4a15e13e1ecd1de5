//! Capturing a running server: what tmux and the process table tell, put together into a snapshot.
//!
//! A capture is all or nothing: a server that is dying, empty or unreadable gives an [`enum@Error`], never a partial
//! snapshot. One pane that cannot be read costs only itself, and is told as a [`Problem`].

mod assemble;
mod buffers;
mod conversations;
mod debts;
mod editors;
mod excluded;
mod identity;
mod options;
mod policy;
mod programs;
mod shells;
mod start;
mod text;
mod untouched;

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use bstr::BString;
use jiff::Timestamp;
use thiserror::Error;

pub use self::text::extend as extend_history;
pub use options::{Flood, Options};
pub use policy::{POLICY_OPTION, Pattern, Policy, UNFINISHED_OPTION, standing};

use self::assemble::{Draft, Previous, Sources, TextWanted};
use self::text::{End, Found, Wanted};
use crate::choose::Coverage;
use crate::model::{BlockId, BlockRef, Invalid, Live, Pane, Snapshot};
use crate::problem::{Problem, Report, Subject};
use crate::procs::{NoProcessTable, ProcessTable};
use crate::tmux::{
    CaptureError, FrameError, ListError, ListRequest, ListedPane, Listing, Nonce, RunError, Server,
};

/// Why nothing was captured.
#[derive(Debug, Error)]
pub enum Error {
    /// The server could not be listed. Nothing may be concluded from that about what is in it.
    #[error(transparent)]
    List(#[from] ListError),
    /// The server went away while it was captured, or did not answer any more.
    #[error(transparent)]
    Run(#[from] RunError),
    /// What it answered when the text was captured cannot be read.
    #[error(transparent)]
    Text(#[from] FrameError),
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

impl From<CaptureError> for Error {
    fn from(error: CaptureError) -> Self {
        match error {
            CaptureError::Run(error) => error.into(),
            CaptureError::Frame(error) => error.into(),
        }
    }
}

/// No place for blocks: for captures without text.
#[derive(Debug)]
pub struct NoBlocks;

impl Blocks for NoBlocks {
    fn read(&mut self, _id: BlockId) -> Option<Vec<u8>> {
        None
    }

    fn write(&mut self, _block: BlockRef, _bytes: Vec<u8>) {}
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
    /// Panes whose text is older than the rest, because they print without end ([`Options::flood`]).
    pub put_off: usize,
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
    let looked = look(server, options, random, &mut || {})?;
    put_together(server, looked, previous, options, now, random, blocks)
}

/// The same where the previous snapshot has still to be read: that is done while tmux lists.
///
/// # Errors
/// As [`capture`].
pub fn capture_beside(
    server: &Server,
    read_previous: &mut dyn FnMut() -> Option<Snapshot>,
    options: &Options,
    now: Timestamp,
    random: &mut dyn FnMut() -> [u8; 16],
    blocks: &mut dyn Blocks,
) -> Result<Captured, Error> {
    let mut previous = None;
    let looked =
        look(server, options, random, &mut || previous = previous.take().or_else(&mut *read_previous))?;
    put_together(server, looked, previous.as_ref(), options, now, random, blocks)
}

fn put_together(
    server: &Server,
    (listed, processes): (Report<Listing>, ProcessTable),
    previous: Option<&Snapshot>,
    options: &Options,
    now: Timestamp,
    random: &mut dyn FnMut() -> [u8; 16],
    blocks: &mut dyn Blocks,
) -> Result<Captured, Error> {
    let (listing, mut problems) = (listed.value, listed.problems);
    let sources = Sources {
        listing: &listing,
        processes: &processes,
        terminal: &|path: &Path| processes.terminal(path),
        previous: previous.map(Previous::new),
        options,
        now,
    };
    let mut draft = assemble::assemble(&sources, random);
    if let Some(own) = options.shells.as_ref().filter(|_| options.text) {
        shells::sweep(&listing, own);
    }
    problems.append(&mut draft.problems);
    if draft.sessions.is_empty() {
        return Err(Error::NothingLeft);
    }
    let asking = conversations::begin(&draft, &sources, blocks);
    let editing = editors::begin(&draft, &sources);
    let put_off = add_texts(server, &mut draft, &sources, random, blocks, &mut problems)?;
    conversations::finish(asking, &mut draft, &sources);
    editors::finish(editing, &mut draft, &sources, blocks);
    if options.buffers {
        draft.server.buffers = buffers::capture(server, &listing, options.limit, &mut problems)?;
    }
    let mut live = finish(draft, &listing, now)?;
    if options.mark {
        set_marks(server, &mut live, options, random, &mut problems);
    }
    let coverage = coverage(&listing, &live.snapshot, options);
    Ok(Captured { live, coverage, problems, put_off })
}

/// Lists the server; while tmux works at that, reads the process table and what is asked of the panes' processes, and
/// does `meanwhile`. That table may be older than a pane that was made in that moment: then it is read again.
fn look(
    server: &Server,
    options: &Options,
    random: &mut dyn FnMut() -> [u8; 16],
    meanwhile: &mut dyn FnMut(),
) -> Result<(Report<Listing>, ProcessTable), Error> {
    let mut looks = 1;
    loop {
        let (listed, processes) = look_once(server, options, Nonce::from_random(random()), meanwhile)?;
        if looks == LOOKS || !is_ending(&listed.value, &processes) {
            return Ok((listed, processes));
        }
        std::thread::sleep(ENDING * looks * looks);
        looks += 1;
    }
}

/// How often a server is listed in which a pane is about to die: half a second, a little longer each time.
const LOOKS: u32 = 7;
const ENDING: Duration = Duration::from_millis(5);

/// Whether a pane is dead of which tmux does not know yet how its program ended: its terminal was closed first. Such a
/// process has no arguments any more; one that has only closed its terminal has.
fn is_ending(listing: &Listing, processes: &ProcessTable) -> bool {
    let untold = |pane: &&ListedPane| pane.dead && pane.dead_status.is_none() && pane.dead_signal.is_none();
    let pids = listing.panes().filter(untold).filter_map(|pane| pane.pid);
    // As it is now: the table was read before the listing.
    let ended = |pid: u32| ProcessTable::of(pid).get(pid).is_none_or(|process| process.argv().is_empty());
    pids.filter(|pid| processes.get(*pid).is_some()).any(ended)
}

fn look_once(
    server: &Server,
    options: &Options,
    nonce: Nonce,
    meanwhile: &mut dyn FnMut(),
) -> Result<(Report<Listing>, ProcessTable), Error> {
    // tmux knows a directory only by asking the process, too.
    let current = cfg!(not(any(target_os = "linux", target_os = "macos")));
    let request = ListRequest { nonce, current };
    let (listed, processes) = std::thread::scope(|scope| {
        let listing = scope.spawn(|| server.list(&request, options.limit));
        let mut processes = ProcessTable::read();
        if let (Ok(table), Some(pid)) = (&mut processes, server.peer().pid) {
            table.read_ahead(pid);
        }
        meanwhile();
        (listing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), processes)
    });
    let (listed, processes) = (listed?, processes?);
    let living = || listed.value.panes().filter(|pane| !pane.dead).filter_map(|pane| pane.pid);
    let complete = living().all(|pid| processes.get(pid).is_some());
    Ok((listed, if complete { processes } else { ProcessTable::read()? }))
}

/// What is left out on request was not closed.
fn coverage(listing: &Listing, snapshot: &Snapshot, options: &Options) -> Coverage {
    let unfinished = listing.sessions.iter().any(|session| policy::is_unfinished(&session.options))
        || listing.windows.iter().any(|window| {
            policy::is_unfinished(&window.options)
                || window.panes.iter().any(|pane| policy::is_unfinished(&pane.options))
        });
    // In the middle of a restore nobody can tell what is missing because it is still to come.
    if !options.only_sessions.is_empty() || unfinished && !options.unfinished {
        return Coverage::Part;
    }
    let saved: HashSet<&BString> = snapshot.sessions().iter().map(|session| &session.name).collect();
    let listed = listing.sessions.iter().map(|session| &session.name);
    let left_out: Vec<BString> = listed.filter(|name| !saved.contains(name)).cloned().collect();
    if left_out.is_empty() { Coverage::Whole } else { Coverage::Without(left_out) }
}

/// Captures the texts that are wanted and puts them into the draft. Returns how many it put off.
fn add_texts(
    server: &Server,
    draft: &mut Draft,
    sources: &Sources<'_>,
    random: &mut dyn FnMut() -> [u8; 16],
    blocks: &mut dyn Blocks,
    problems: &mut Vec<Problem>,
) -> Result<usize, Error> {
    let (listing, options) = (sources.listing, sources.options);
    // What tmux's counters say is comparable within one life of a server only.
    let same_life = sources.is_of_this_life();
    let before = |pane: &Pane| sources.before(pane.identity).filter(|_| same_life);
    let texts = std::mem::take(&mut draft.texts);
    if !options.text {
        for text in &texts {
            let pane = &mut draft.windows[text.window].panes[text.pane];
            pane.text = before(pane).and_then(|before| before.text.clone());
        }
        return Ok(0);
    }
    let wanted: Vec<Wanted<'_>> = texts
        .iter()
        .map(|text| {
            let window = &listing.windows[text.listed.0];
            let listed = &window.panes[text.listed.1];
            let pane = &draft.windows[text.window].panes[text.pane];
            let before = before(pane);
            let end = text_end(text, listing, pane);
            Wanted {
                pane: listed,
                window,
                end,
                before: before.and_then(|before| before.text.as_ref()),
                same_end: before.is_some_and(|before| {
                    let (facts, now) = (&before.facts, &pane.facts);
                    before.dead.is_some() == pane.dead.is_some()
                        && facts.at_prompt == now.at_prompt
                        && facts.text_left_out == now.text_left_out
                }),
            }
        })
        .collect();
    let version = listing.server.version;
    let now = sources.now.as_second();
    let limits = text::Limits { time: options.limit, lines: options.lines, flood: options.flood };
    let found = text::capture(server, version, &wanted, now, &limits, random, blocks)?;
    drop(wanted);
    let mut put_off = 0;
    for (text, found) in texts.iter().zip(found) {
        let pane = &mut draft.windows[text.window].panes[text.pane];
        match found {
            Found::Text(text) => pane.text = Some(*text),
            Found::Later(text) => {
                put_off += 1;
                pane.text = Some(*text);
            }
            Found::Gone => problems.push(Problem::new(
                Subject::Identity(pane.identity),
                "the pane was closed before its text was captured",
            )),
            Found::Unreadable => problems.push(Problem::new(
                Subject::Identity(pane.identity),
                "what tmux tells of its text is not understood",
            )),
        }
    }
    Ok(put_off)
}

/// What tmux writes into a dead pane (3.3+).
const DEAD_FORMAT: &str = "remain-on-exit-format";

/// Where the text of a pane ends.
fn text_end(wanted: &TextWanted, listing: &Listing, pane: &Pane) -> End {
    let window = &listing.windows[wanted.listed.0];
    let listed = &window.panes[wanted.listed.1];
    if wanted.history_only {
        End::History
    } else if listed.alternate.is_some() {
        End::Alternate
    } else if listed.dead {
        let tables = [&listed.options, &window.options, &listing.server.window_options];
        let format = tables.iter().find_map(|table| table.iter().find(|entry| entry.name == DEAD_FORMAT));
        let format = format.and_then(|entry| entry.value.as_ref());
        let own = format.is_some_and(|format| !format.is_empty() && !format.starts_with(b"Pane is dead"));
        // tmux writes its message once it knows how the program ended.
        End::Dead { format: own && (listed.dead_status.is_some() || listed.dead_signal.is_some()) }
    } else if pane.facts.at_prompt {
        End::Prompt
    } else {
        End::Screen
    }
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
    let version = live.snapshot.server().version;
    match server.mark(Nonce::from_random(random()), version, &marks, options.limit) {
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
