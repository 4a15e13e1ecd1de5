//! Waiting until the shells of restored panes stand at their first prompt.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use bstr::ByteSlice;

use super::skeleton::MadePane;
use crate::model::{PaneId, Size};
use crate::procs::{Evidence, ProcessTable, TerminalState, exists, has_unread_input, line_editor_waits};
use crate::relaunch::Shell;
use crate::tmux::{RunError, Server};

/// How long to pause between two looks. A prompt counts when it was there in two looks that follow each other.
const PAUSE: Duration = Duration::from_millis(30);

/// Waits until every one of these panes is at a prompt, at most until `deadline`, and returns those that are. Sends
/// nothing to tmux: the process table and the terminals tell.
pub(super) fn prompts<'a>(panes: impl Iterator<Item = &'a MadePane>, deadline: Instant) -> HashSet<PaneId> {
    let mut waiting: Vec<&MadePane> = panes.collect();
    let mut seen: HashSet<PaneId> = HashSet::new();
    let mut settled = HashSet::new();
    loop {
        let Ok(table) = ProcessTable::read() else { return settled };
        let mut now = HashSet::new();
        waiting.retain(|pane| {
            let ready = is_at_prompt(&table, pane);
            if ready && !seen.contains(&pane.id) {
                now.insert(pane.id);
            }
            if ready && seen.contains(&pane.id) {
                settled.insert(pane.id);
            }
            !settled.contains(&pane.id)
        });
        seen = now;
        if waiting.is_empty() || Instant::now() >= deadline {
            return settled;
        }
        std::thread::sleep(PAUSE);
    }
}

/// Whether the shell of a pane waits at a prompt.
pub(super) fn is_at_prompt(table: &ProcessTable, pane: &MadePane) -> bool {
    waiting_shell(table, pane).is_some()
}

/// The shell of a pane, if it waits at a prompt. One that has not read yet what was typed (on a busy machine that takes a
/// while) does not: it is about to do something else.
pub(super) fn waiting_shell(table: &ProcessTable, pane: &MadePane) -> Option<Shell> {
    let job = table.job(pane.pid).filter(|job| job.own)?;
    let path = pane.tty.to_path().ok()?;
    let evidence = Evidence::read(&job, TerminalState::read(path).ok()?)?;
    let waits = line_editor_waits(evidence) && !has_unread_input(path).ok()?;
    waits.then_some(evidence.shell)
}

/// How long tmux has to notice the end of a process by itself.
const NUDGE: Duration = Duration::from_millis(200);

/// Waits until the processes of these panes have ended in tmux's eyes, too, at most until `deadline`, and returns the
/// panes of which that is so.
///
/// tmux calls a pane dead as soon as its terminal is closed, but still closes it when it learns of the end of the
/// process, unless `remain-on-exit` is set then (`server_destroy_pane`, all versions). It has learnt of that when the
/// process is not even a zombie any more.
///
/// # Errors
/// [`RunError`].
pub(super) fn dead(
    server: &Server,
    panes: &[&MadePane],
    limit: Duration,
    deadline: Instant,
) -> Result<HashSet<PaneId>, RunError> {
    let mut nudge = Instant::now() + NUDGE;
    loop {
        // In this order: what tmux is asked it answers after it has done all that the end of a process means.
        let ended = panes.iter().filter(|pane| !exists(pane.pid)).map(|pane| pane.id);
        let ended: HashSet<PaneId> = ended.collect();
        let late = Instant::now() >= deadline;
        if ended.len() == panes.len() || late {
            let output = server.run(b"list-panes -a -F '#{pane_dead} #{pane_id}'\n", limit)?;
            let dead = output
                .stdout
                .lines()
                .filter_map(|line| line.strip_prefix(b"1 ")?.to_str().ok()?.parse().ok());
            let dead: HashSet<PaneId> = dead.filter(|pane| ended.contains(pane)).collect();
            if dead.len() == panes.len() || late {
                return Ok(dead);
            }
        }
        if Instant::now() >= nudge {
            // While it unregisters a terminal (utempter), tmux can miss that a child has ended, until another one ends.
            server.run(b"run-shell -b true\n", limit)?;
            nudge += NUDGE;
        }
        std::thread::sleep(PAUSE / 3);
    }
}

/// How a pane stands on its screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stand {
    /// Rows in history.
    pub(super) history: u32,
    /// The cursor's row.
    pub(super) cursor: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Stand {
    /// Whether the pane has this size.
    pub(super) fn is_of(&self, size: Size) -> bool {
        (self.width, self.height) == (size.width, size.height)
    }
}

/// How all panes stand.
///
/// # Errors
/// [`RunError`].
pub(super) fn stands(server: &Server, limit: Duration) -> Result<HashMap<PaneId, Stand>, RunError> {
    let format = "#{pane_id} #{history_size} #{cursor_y} #{pane_width} #{pane_height}";
    let output = server.run(format!("list-panes -a -F '{format}'\n").as_bytes(), limit)?;
    let read = |line: &[u8]| {
        let mut words = line.to_str().ok()?.split(' ');
        let id = words.next()?.parse().ok()?;
        let mut number = || words.next()?.parse().ok();
        Some((id, Stand { history: number()?, cursor: number()?, width: number()?, height: number()? }))
    };
    Ok(output.stdout.lines().filter_map(read).collect())
}
