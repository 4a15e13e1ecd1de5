//! Text back into panes that the gate holds, and then their shells.
//!
//! Eight panes at a time: a read of tmux takes at most 4 kB from one terminal and every turn of its loop looks at all
//! of them, so few writers waste its time and many make it deaf (measured: 1 writer 9.5 s of server CPU for 500 panes
//! of 2,000 lines, 8 writers 5.6 s with a longest stall of 17 ms, 64 writers the same with 127 ms).

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bstr::{BStr, ByteSlice};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;

use super::launch::{SEARCHED, starts_program};
use super::pace::Pace;
use super::prompts::{Known, Tail};
use super::skeleton::MadePane;
use crate::gate::{Ending, Gate, Held};
use crate::model::{BlockId, Scrollback};
use crate::text::ansi::{replay, replay_end, replay_end_at, rows};

/// How many panes are written at the same time.
const WRITERS: usize = 8;
/// How long a helper may take to come after its pane was made.
const ARRIVAL: Duration = Duration::from_secs(2);
/// How long tmux may leave one pane's text unread: a server that hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// What of a text a program has drawn, and draws anew: it is left out.
pub(super) enum Drawn<'a> {
    /// Everything from the line on which one of these names was started; where that is not found, the screen.
    FromItsLine(Vec<&'a BStr>),
    /// The screen.
    Screen,
}

/// A pane that waits.
pub(super) struct Waiting<'a> {
    /// Its place in the plan: window and pane.
    pub(super) at: (usize, usize),
    pub(super) pane: &'a MadePane,
    /// The gate its process stands at.
    pub(super) gate: &'a Gate,
    /// Rows of the pane as it is now.
    pub(super) height: u32,
    pub(super) text: Option<&'a Scrollback>,
    pub(super) ending: Ending,
    /// Whether its shell starts later.
    pub(super) later: bool,
    /// What is known of its prompt, if its shell stood at one and it comes back in the size it had.
    pub(super) prompt: Option<Known>,
    /// What a program has drawn that draws its own screen anew when it is started here.
    pub(super) draws_anew: Option<Drawn<'a>>,
    /// Whether it becomes a zsh. Before its prompt zsh makes sure of a clean row and clears what is below; in the first
    /// row of a screen tmux keeps the cleared row as a blank one in the history (measured).
    pub(super) zsh: bool,
}

/// Why a pane did not get its text; displayed as a fragment.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoText {
    #[error("a block of it is missing or damaged")]
    Block,
    #[error("its process does not wait for it")]
    NoShow,
    #[error("its terminal cannot be written: {0}")]
    Write(#[from] io::Error),
}

struct Work<'w, 'a> {
    waiting: &'w Waiting<'a>,
    bytes: Result<Vec<u8>, NoText>,
}

/// What was written, by place in the plan.
#[derive(Default)]
pub(super) struct Written {
    /// The panes whose shells start later.
    pub(super) later: Vec<((usize, usize), Held)>,
    /// What went wrong; such a pane has its shell all the same.
    pub(super) failures: Vec<((usize, usize), NoText)>,
    /// How the texts end that have a prompt below them.
    pub(super) tails: Vec<((usize, usize), Tail)>,
    /// How many rows of history the texts fill at least. A text can have filled more: tmux lays the rows of tabs and wide
    /// characters otherwise when it wraps them anew (3.8) than when they are printed.
    pub(super) rows: Vec<((usize, usize), u32)>,
    /// Panes of one column with characters that may be wider: only by wrapping anew can such have come there.
    pub(super) too_wide: Vec<(usize, usize)>,
}

/// Writes the text of all panes, in this order, and lets each go at its turn when it has its own. `block` reads a block
/// of the store.
pub(super) fn write(
    panes: &[Waiting<'_>],
    block: &dyn Fn(BlockId) -> Option<Vec<u8>>,
    pace: &Pace,
) -> Written {
    let (mut tails, mut rows, mut too_wide) = (Vec::new(), Vec::new(), Vec::new());
    let (failures, later) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let arrival = Instant::now() + ARRIVAL;
    // A short queue: text is read from the store while other panes are written, but never all at once.
    let (send, receive) = sync_channel::<Work<'_, '_>>(WRITERS);
    let receive = Mutex::new(receive);
    std::thread::scope(|scope| {
        for _ in 0..WRITERS.min(panes.len()) {
            scope.spawn(|| {
                while let Some(work) = next(&receive) {
                    let at = work.waiting.at;
                    let (held, written) = serve(work, arrival, pace);
                    let held = held.map(|held| (at, held));
                    later.lock().unwrap_or_else(PoisonError::into_inner).extend(held);
                    if let Err(failure) = written {
                        failures.lock().unwrap_or_else(PoisonError::into_inner).push((at, failure));
                    }
                }
            });
        }
        for waiting in panes {
            let bytes = waiting.text.map_or(Ok(Vec::new()), |text| {
                let ready = bytes(text, waiting, block)?;
                tails.extend(ready.tail.map(|tail| (waiting.at, tail)));
                rows.push((waiting.at, ready.rows));
                too_wide.extend((text.size.width < 2 && !ready.bytes.is_ascii()).then_some(waiting.at));
                Ok(ready.bytes)
            });
            if send.send(Work { waiting, bytes }).is_err() {
                return;
            }
        }
        drop(send);
    });
    let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    let later = later.into_inner().unwrap_or_else(PoisonError::into_inner);
    Written { later, failures, tails, rows, too_wide }
}

fn next<'w, 'a>(receive: &Mutex<Receiver<Work<'w, 'a>>>) -> Option<Work<'w, 'a>> {
    receive.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// Writes one pane's text and lets it go, or hands it out if its shell starts later.
fn serve(work: Work<'_, '_>, arrival: Instant, pace: &Pace) -> (Option<Held>, Result<(), NoText>) {
    let Waiting { pane, gate, ending, later, .. } = work.waiting;
    let Ok(held) = gate.wait(pane.id, pane.pid, arrival) else { return (None, Err(NoText::NoShow)) };
    let written = work.bytes.and_then(|bytes| write_terminal(&held, pane, &bytes));
    if *later {
        held.put_off();
        return (Some(held), written);
    }
    pace.release(held, pane, *ending);
    (None, written)
}

/// A text to be written.
struct Ready {
    bytes: Vec<u8>,
    /// Its end, if there is going to be a prompt.
    tail: Option<Tail>,
    /// See [`Written::rows`].
    rows: u32,
}

/// What must be written so that the pane looks as it did, with the cursor where a prompt goes.
fn bytes(
    text: &Scrollback,
    waiting: &Waiting<'_>,
    block: &dyn Fn(BlockId) -> Option<Vec<u8>>,
) -> Result<Ready, NoText> {
    let mut blocks = Vec::with_capacity(text.history.len() + 1);
    for part in text.history.iter().chain([&text.screen]) {
        // An empty block needs no store.
        blocks.push(if part.bytes == 0 { Vec::new() } else { block(part.id).ok_or(NoText::Block)? });
    }
    let head = text.head.as_deref();
    let lines = blocks.iter().flat_map(|block| block.lines()).skip(text.skip as usize);
    let mut lines: Vec<&[u8]> = head.into_iter().chain(lines).collect();
    if let Some(drawn) = &waiting.draws_anew {
        let own = drawn_by_program(&lines, blocks.last().map_or(0, |screen| screen.lines().count()), drawn);
        lines.truncate(lines.len() - own);
    }
    let all = lines.iter().map(|line| rows(line, text.size.width).0).fold(0, u32::saturating_add);
    let tail = waiting.prompt.map(|known| Tail::new(&lines, text, known));
    let held = tail.as_ref().map_or(0, |tail| tail.held);
    lines.truncate(lines.len() - held);
    // Where lines were left out there may be fewer than the screen had above its end.
    let row = if waiting.draws_anew.is_none() { text.end_row } else { text.end_row.min(all) } - held as u32;
    if waiting.zsh && row == 0 && lines.last().is_some_and(|line| line.trim().is_empty()) {
        // The new zsh adds this row as the old one did.
        lines.pop();
    }
    let mut out = Vec::new();
    replay(lines, &mut out);
    match waiting.ending {
        Ending::Shell => replay_end(waiting.height, row, &mut out),
        // When its program ends, tmux moves a dead pane up by a row to write its message below: one row earlier.
        Ending::Exit(_) | Ending::Signal(_) => replay_end_at(waiting.height, row + 1, &mut out),
    }
    Ok(Ready { bytes: out, tail, rows: all.saturating_sub(text.end_row) })
}

/// How many of the last lines a program has drawn.
fn drawn_by_program(lines: &[&[u8]], screen: usize, drawn: &Drawn<'_>) -> usize {
    let Drawn::FromItsLine(names) = drawn else { return screen.min(lines.len()) };
    let searched = lines.iter().rev().take(SEARCHED);
    let start = searched.map(|line| starts_program(line, names)).position(|starts| starts);
    start.map_or(screen.min(lines.len()), |after| after + 1)
}

/// Writes to the pane's terminal, while the waiting helper still owns it.
fn write_terminal(held: &Held, pane: &MadePane, bytes: &[u8]) -> Result<(), NoText> {
    if bytes.is_empty() {
        return Ok(());
    }
    if !held.waits() {
        return Err(NoText::NoShow);
    }
    Ok(write_all(&pane.tty, bytes)?)
}

/// Writes all of this to a terminal.
///
/// tmux must have read it before a shell begins to write to the same terminal: bytes in a terminal stay in order, so
/// nothing has to be waited for.
pub(super) fn write_all(tty: &bstr::BString, bytes: &[u8]) -> io::Result<()> {
    let mut terminal = open_terminal(tty)?;
    let mut rest = bytes;
    while !rest.is_empty() {
        match terminal.write(&rest[..rest.len().min(16 * 1024)]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => rest = &rest[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait_until_writable(&terminal)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn open_terminal(tty: &bstr::BString) -> io::Result<File> {
    let flags = OFlags::NOCTTY | OFlags::NONBLOCK;
    OpenOptions::new()
        .write(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
        .open(tty.to_path().map_err(io::Error::other).unwrap_or(Path::new("")))
}

fn wait_until_writable(terminal: &File) -> io::Result<()> {
    let limit = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
    match poll(&mut [PollFd::new(terminal, PollFlags::OUT)], Some(&limit)) {
        Ok(0) => Err(io::ErrorKind::TimedOut.into()),
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
