//! Waiting until the program of a pane reads what is typed.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::look::Watched;
use super::{SessionError, Talk};
use crate::procs::{Evidence, ProcessTable, Reading, TerminalState, line_editor_waits};
use crate::relaunch::Shell;

/// What counts must hold in two looks that are so far apart.
const APART: Duration = Duration::from_millis(30);

/// The longest pause between two looks.
const LONGEST: Duration = Duration::from_millis(250);

/// How long the system may not tell before that is an answer.
const UNKNOWN: Duration = Duration::from_millis(500);

/// Waits until the program in the foreground reads; whether that is known. If the system does not tell, it goes on without.
///
/// # Errors
/// [`SessionError::Timeout`]; [`SessionError::Ended`], with its last lines, if the program or the session ends meanwhile.
pub fn wait_until_it_reads(talk: &Talk<'_>, patience: Duration) -> Result<bool, SessionError> {
    let mut unknown = None;
    let reads = |table: &ProcessTable, terminal: TerminalState| match table
        .waits_for_input(talk.pane.pid, terminal)
    {
        Reading::Yes => Some(Some(true)),
        Reading::No => {
            unknown = None;
            None
        }
        Reading::Unknown => {
            let since: &mut Instant = unknown.get_or_insert_with(Instant::now);
            (since.elapsed() > UNKNOWN).then_some(Some(false))
        }
    };
    let told = twice(talk, patience, "does not read what is typed", reads)?;
    Ok(told.unwrap_or(false))
}

/// Waits until the shell of the pane waits at its prompt; which it is.
///
/// # Errors
/// The same.
pub fn wait_for_prompt(talk: &Talk<'_>, patience: Duration) -> Result<Shell, SessionError> {
    let waits = |table: &ProcessTable, terminal: TerminalState| {
        waiting_shell(table, talk.pane.pid, terminal).map(Some)
    };
    let shell = twice(talk, patience, "does not come to a shell's prompt", waits)?;
    shell.ok_or(SessionError::Truncated)
}

/// The shell that waits at its prompt in the foreground of the pane whose own process is `pid`.
pub(super) fn waiting_shell(table: &ProcessTable, pid: u32, terminal: TerminalState) -> Option<Shell> {
    let evidence = Evidence::read(&table.job(pid)?, terminal)?;
    line_editor_waits(evidence).then_some(evidence.shell)
}

/// Looks until `look` has said the same twice.
fn twice<T: PartialEq>(
    talk: &Talk<'_>,
    patience: Duration,
    what: &str,
    mut look: impl FnMut(&ProcessTable, TerminalState) -> Option<T>,
) -> Result<T, SessionError> {
    let begun = Instant::now();
    let mut watched = Watched::new(talk);
    let mut pause = APART;
    let mut before = None;
    loop {
        watched.look()?;
        let terminal = TerminalState::read(Path::new(OsStr::from_bytes(&talk.pane.terminal)));
        let now = match terminal {
            Ok(terminal) => look(&ProcessTable::read()?, terminal),
            // It goes with its pane, which the next look tells.
            Err(_) => None,
        };
        match (now, before.take()) {
            (Some(now), Some(before)) if now == before => return Ok(now),
            (Some(now), _) => {
                before = Some(now);
                pause = APART;
            }
            (None, _) => {}
        }
        if begun.elapsed() > patience {
            return Err(watched.timeout(what, patience));
        }
        std::thread::sleep(pause);
        if before.is_none() {
            pause = (pause * 2).min(LONGEST);
        }
    }
}
