//! From a plan to the programs that are started, and what is owed when that has come to its end.

use std::collections::{HashMap, HashSet};

use bstr::{BStr, BString, ByteSlice};

use super::apply::Applied;
use super::launch::{Job, Known, Outcome, Pending, SEARCHED};
use super::text::Drawn;
use crate::model::{BlockId, Debt, Pane, PaneIdentity, Scrollback};
use crate::plan::{Plan, PlannedLaunch, PlannedPane};
use crate::problem::Subject;

/// A program that was started in a pane: which pane, and its words.
pub type Started = (Subject, Vec<BString>);

/// Reads a block of text.
pub(super) type ReadBlock<'a> = &'a dyn Fn(BlockId) -> Option<Vec<u8>>;

/// What is to be started in the panes that were made and whose shells start now.
pub(super) fn jobs(plan: &Plan, applied: &Applied, block: ReadBlock<'_>) -> Vec<Job> {
    let panes = plan.windows.iter().flat_map(|window| &window.panes).filter(|pane| !pane.later);
    let job = |planned: &PlannedPane| {
        let identity = planned.pane.identity;
        let pane = applied.panes.get(&identity)?.clone();
        Some(Job { identity, pane, pending: pending(planned, block)? })
    };
    panes.filter_map(job).collect()
}

/// What is to be started in a pane, with what is known of its prompt.
pub(super) fn pending(planned: &PlannedPane, block: ReadBlock<'_>) -> Option<Pending> {
    let start = planned.launch.as_ref()?;
    let PlannedLaunch { launch, prefill, .. } = start;
    let lines = planned.pane.text.as_ref().map(|text| last_lines(text, block)).unwrap_or_default();
    let known = Known::of(&lines, &names(start), planned.pane.facts.alternate_screen);
    Some(Pending { launch: launch.clone(), prefill: *prefill, known, tells: planned.pane.shell.is_some() })
}

/// Programs that draw on the whole of the primary screen (procps' top; measured).
const WHOLE_SCREEN: &[&str] = &["top"];

/// What the program of a pane has drawn, if it draws its own screen when it is started here: one that goes on with a
/// conversation, or fills the primary screen. What it drew on the alternate screen is in no text.
pub(super) fn draws_anew(planned: &PlannedPane) -> Option<Drawn<'_>> {
    let starts = planned.launch.as_ref().filter(|launch| !launch.prefill)?;
    if planned.pane.facts.alternate_screen {
        None
    } else if starts.program.conversation.is_some() {
        Some(Drawn::FromItsLine(names(starts)))
    } else {
        let fills = starts.launch.names.iter().any(|name| WHOLE_SCREEN.iter().any(|known| name == known));
        fills.then_some(Drawn::Screen)
    }
}

/// The names under which a program stands on the line on which it was started.
fn names(planned: &PlannedLaunch) -> Vec<&BStr> {
    let PlannedLaunch { program, launch, .. } = planned;
    let argv = program.command.argv.first().into_iter().chain(launch.argv.first());
    argv.chain(&launch.names).map(|name| name.as_bstr()).collect()
}

/// The last lines of a text, as far as its blocks can be read.
fn last_lines(text: &Scrollback, block: ReadBlock<'_>) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for part in text.history.iter().chain([&text.screen]).rev() {
        if lines.len() >= SEARCHED {
            break;
        }
        let Some(bytes) = (if part.bytes == 0 { Some(Vec::new()) } else { block(part.id) }) else { break };
        lines.splice(0..0, bytes.lines().map(<[u8]>::to_vec));
    }
    lines
}

/// What came of the programs of a restore.
#[derive(Debug, Default)]
pub(super) struct Programs {
    outcomes: HashMap<PaneIdentity, Outcome>,
}

impl Programs {
    pub(super) fn new(outcomes: HashMap<PaneIdentity, Outcome>) -> Self {
        Self { outcomes }
    }

    /// What came of the program of a pane; none if none was started.
    pub(super) fn outcome(&self, pane: PaneIdentity) -> Option<&Outcome> {
        self.outcomes.get(&pane)
    }

    /// Whether the program of a pane was seen running.
    pub(super) fn runs(&self, pane: PaneIdentity) -> bool {
        self.outcome(pane) == Some(&Outcome::Runs)
    }

    /// Takes note of programs that have ended since they were seen.
    pub(super) fn ended<'a>(&mut self, panes: impl Iterator<Item = &'a Pane>) {
        let idle: HashSet<PaneIdentity> =
            panes.filter(|pane| pane.program.is_none()).map(|pane| pane.identity).collect();
        for (pane, outcome) in &mut self.outcomes {
            if *outcome == Outcome::Runs && idle.contains(pane) {
                *outcome = Outcome::Owed("it ended at once".to_owned());
            }
        }
    }

    /// The debts of a pane that is made, without that for a program that runs.
    pub(super) fn debts(&self, planned: &PlannedPane) -> Vec<Debt> {
        let mut debts = planned.pane.debts.clone();
        let Some(launch) = &planned.launch else { return debts };
        let owed = launch.owed.clone();
        match self.outcomes.get(&planned.pane.identity) {
            Some(Outcome::Runs) => debts.retain(|debt| debt.owed != owed),
            Some(Outcome::Owed(reason)) => {
                for debt in debts.iter_mut().filter(|debt| debt.owed == owed) {
                    debt.reason.clone_from(reason);
                }
            }
            Some(Outcome::Typed) | None => {}
        }
        debts
    }
}
