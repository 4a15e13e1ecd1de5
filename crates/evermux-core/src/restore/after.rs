//! What must stand after a restore, and whether it does.

use std::collections::{HashMap, HashSet};

use super::apply::Applied;
use super::launch::Outcome;
use super::programs::{Programs, Started};
use super::settle::Stand;
use super::sources::Chosen;
use bstr::BString;

use crate::diff::{Change, Field, exact};
use crate::model::{BlockId, Debt, Editor, Owed, Pane, PaneIdentity, Scrollback, Snapshot, TextMark};
use crate::plan::{Part, Plan, PlannedPane, PlannedSession, PlannedWindow, Run, SessionPlace};
use crate::problem::{Problem, Subject};
use crate::store::{PreparedBlock, StoreError};
use crate::text::quote::printable;

/// What a restore has made, and how it looks now.
pub(super) struct Expected<'a> {
    pub(super) plan: &'a Plan,
    pub(super) applied: &'a Applied,
    /// Panes whose shell stands at its first prompt.
    pub(super) at_prompt: HashSet<PaneIdentity>,
    pub(super) stands: HashMap<PaneIdentity, Stand>,
    /// How many rows the prompts of the restored shells take.
    pub(super) prompt_rows: HashMap<PaneIdentity, u32>,
    /// What panes are owed that an earlier restore has made.
    pub(super) owed: &'a HashMap<PaneIdentity, Vec<Debt>>,
    /// What came of the programs, as far as they were started.
    pub(super) programs: Programs,
}

impl<'a> Expected<'a> {
    fn panes(&self) -> impl Iterator<Item = (&'a PlannedWindow, &'a PlannedPane)> + '_ {
        self.plan
            .windows
            .iter()
            .flat_map(|window| window.panes.iter().map(move |pane| (window, pane)))
            .filter(|(_, pane)| self.applied.panes.contains_key(&pane.pane.identity))
    }

    /// The text a pane has got.
    fn text(&self, pane: &'a PlannedPane) -> Option<&'a Scrollback> {
        let failed = self.applied.without_text.contains(&pane.pane.identity);
        let written = pane.is_held() && pane.text && !failed;
        // A program that was started again prints its own; until the next capture the pane has the text it had.
        let owed = pane.pane.debts.iter().any(|debt| debt.owed == Owed::Text);
        let anew = matches!(pane.run, Run::Command(_)) && !pane.text && !owed;
        pane.pane.text.as_ref().filter(|_| written || anew)
    }

    /// How a pane stands whose screen can be compared with the saved one: a shell at its first prompt where there was
    /// a prompt, in a pane of the same width.
    fn comparable(&self, pane: &'a PlannedPane) -> Option<(&'a Scrollback, Stand)> {
        let text = self.text(pane)?;
        let stand = self.stands.get(&pane.pane.identity).copied()?;
        let prompts = pane.run == Run::Shell && pane.pane.facts.at_prompt;
        (stand.is_of(text.size) && prompts && self.at_prompt.contains(&pane.pane.identity))
            .then_some((text, stand))
    }

    /// Panes that hold less history than they did.
    pub(super) fn shortened(&self) -> Vec<Problem> {
        let short = |(window, pane): (&'a PlannedWindow, &'a PlannedPane)| {
            let (text, stand) = self.comparable(pane)?;
            // What was wrapped anew had more rows than the same lines have that are printed: none of these is missing.
            let rows = self.applied.rows.get(&pane.pane.identity).copied().unwrap_or(u32::MAX);
            let expected = text.mark.history_size.min(rows);
            let missing = expected.checked_sub(stand.history).filter(|missing| *missing > 0)?;
            let what = format!("{missing} of {} rows of history are missing", text.mark.history_size);
            Some(Problem::new(subject(window, pane), what))
        };
        self.panes().filter_map(short).collect()
    }

    /// Panes of which lines above the prompt stayed away.
    pub(super) fn without_end(&self, missing: &[PaneIdentity]) -> Vec<Problem> {
        let lost = |(_, pane): &(&PlannedWindow, &PlannedPane)| missing.contains(&pane.pane.identity);
        let what =
            "the last lines above its prompt, which looked like a part of it, are missing on its screen";
        self.panes()
            .filter(lost)
            .map(|(window, pane)| Problem::new(subject(window, pane), what.to_owned()))
            .collect()
    }

    /// The debts of the panes that were made, those for their text included.
    pub(super) fn debts(&self) -> Vec<(Subject, Debt)> {
        self.panes()
            .flat_map(|(window, pane)| {
                self.debts_of(pane).into_iter().map(move |debt| (subject(window, pane), debt))
            })
            .collect()
    }

    /// The programs that were started, and those that were only typed.
    pub(super) fn started(&self) -> [Vec<Started>; 2] {
        let mut started = [Vec::new(), Vec::new()];
        for (window, pane) in self.panes() {
            let Some(launch) = &pane.launch else { continue };
            let which = match self.programs.outcome(pane.pane.identity) {
                Some(Outcome::Runs) => 0,
                Some(Outcome::Typed) => 1,
                Some(Outcome::Owed(_)) | None => continue,
            };
            started[which].push((subject(window, pane), launch.launch.argv.clone()));
        }
        started
    }

    fn debts_of(&self, pane: &PlannedPane) -> Vec<Debt> {
        let mut debts = self.programs.debts(pane);
        if self.applied.without_text.contains(&pane.pane.identity) {
            let since = self.applied.began;
            debts.push(Debt { owed: Owed::Text, since, reason: "it could not be brought back".to_owned() });
        }
        debts
    }

    /// The snapshot of the server as it is, with what only the restore knows: debts, and the text just written.
    pub(super) fn complete(&self, snapshot: Snapshot) -> Snapshot {
        let mut made: HashMap<PaneIdentity, &'a PlannedPane> =
            self.panes().map(|(_, pane)| (pane.pane.identity, pane)).collect();
        let (taken_at, server, sessions, mut windows) = snapshot.clone().into_parts();
        for pane in windows.iter_mut().flat_map(|window| &mut window.panes) {
            if let Some(planned) = made.remove(&pane.identity) {
                self.complete_pane(pane, planned);
            } else if let Some(debts) = self.owed.get(&pane.identity).filter(|_| pane.debts.is_empty()) {
                pane.debts.clone_from(debts);
            }
        }
        // Only panes were changed, and nothing of what the invariants are about.
        Snapshot::new(taken_at, server, sessions, windows).unwrap_or(snapshot)
    }

    fn complete_pane(&self, pane: &mut Pane, planned: &'a PlannedPane) {
        pane.debts = self.debts_of(planned);
        let launched = planned.launch.as_ref().filter(|_| self.programs.runs(planned.pane.identity));
        if let (Some(program), Some(launched)) = (&mut pane.program, launched.filter(|it| it.launch.once)) {
            // It holds what it held, also before it has read all of it.
            program.command.clone_from(&launched.program.command);
            program.editor.clone_from(&launched.program.editor);
        }
        if pane.facts.waiting && planned.pane.facts.at_prompt {
            // There is no new prompt yet from which these could be read.
            pane.facts.cursor = planned.pane.facts.cursor;
            pane.facts.prompt_rows = planned.pane.facts.prompt_rows;
        }
        if let Some(text) = self.text(planned) {
            // The mark is of the pane that was: the next capture must not continue from it. But a restore from this text
            // must know how far it reaches.
            let mark = TextMark { history_size: text.mark.history_size, ..TextMark::default() };
            pane.text = Some(Scrollback { mark, ..text.clone() });
        }
    }

    /// What differs from what was there, in sessions that came back whole.
    pub(super) fn differences(
        &self,
        chosen: &[Chosen],
        now: &Snapshot,
        block: &dyn Fn(BlockId) -> Option<Vec<u8>>,
    ) -> Vec<Change> {
        let made = |name: &BString| {
            let new = |planned: &PlannedSession| planned.place == SessionPlace::New;
            self.plan.sessions.iter().any(|planned| new(planned) && planned.session.name == *name)
        };
        let mut differences = Vec::new();
        for chosen in chosen {
            let sessions = chosen.snapshot.sessions();
            let whole = chosen.wanted.iter().filter(|wanted| wanted.part == Part::Whole);
            let positions: Vec<usize> =
                whole.map(|wanted| wanted.session).filter(|&at| made(&sessions[at].name)).collect();
            if let Some(wanted) = chosen.snapshot.only(&positions) {
                let names: HashSet<String> = wanted.sessions().iter().map(|it| printable(&it.name)).collect();
                // What else lives on this server is no difference; what is too much in a restored session is.
                let theirs =
                    |change: &Change| session_of(&change.subject).is_some_and(|it| names.contains(it));
                let changes = exact(&wanted, now, &mut |id| block(id));
                let wrong = |change: &Change| !change.is_addition() || theirs(change);
                let scaled = |change: &Change| is_scaled_by_client(change, &wanted, now);
                // It may have got other words for what it shall resume, and shells put the words into titles.
                let resumed = |change: &Change| {
                    matches!(change.field, Field::Program | Field::Title)
                        && pane_at(&change.subject, &wanted)
                            .is_some_and(|pane| self.programs.runs(pane.identity))
                };
                let differs = |it: &Change| wrong(it) && !scaled(it) && !resumed(it);
                differences.extend(changes.into_iter().filter(differs));
            }
        }
        differences
    }

    /// Blocks of texts that may not be in our store: those of a restore from a file (also our own emergency file, which
    /// is used when the store is lost) or from another machine.
    pub(super) fn foreign_blocks(
        &self,
        chosen: &[Chosen],
        block: &dyn Fn(BlockId) -> Option<Vec<u8>>,
    ) -> Result<Vec<PreparedBlock>, StoreError> {
        if chosen.iter().all(|chosen| chosen.id.is_some()) {
            return Ok(Vec::new());
        }
        let texts = self.panes().filter_map(|(_, pane)| self.text(pane));
        let blocks = texts.flat_map(|text| text.history.iter().chain([&text.screen]));
        let held = self.panes().flat_map(|(_, pane)| pane.pane.editors().flat_map(Editor::blocks));
        blocks.chain(held).filter_map(|part| block(part.id)).map(|bytes| PreparedBlock::new(&bytes)).collect()
    }
}

fn subject(window: &PlannedWindow, pane: &PlannedPane) -> Subject {
    Subject::Pane(window.label.0.to_string(), window.label.1, pane.position)
}

/// Whether a change of a window's size or layout is tmux's own doing: a client shows it, to whose size tmux has scaled
/// the saved layout.
fn is_scaled_by_client(change: &Change, before: &Snapshot, now: &Snapshot) -> bool {
    let Subject::Window(name, index) = &change.subject else { return false };
    let find = |snapshot: &Snapshot| {
        let session = snapshot.sessions().iter().find(|session| printable(&session.name) == *name)?;
        Some((session.facts.attached > 0, snapshot.window(session.link(*index)?).clone()))
    };
    let (Some((_, before)), Some((shown, now))) = (find(before), find(now)) else { return false };
    matches!(change.field, Field::Size | Field::Layout)
        && shown
        && before.size != now.size
        && before.layout.is_shaped_like(&now.layout)
}

/// The pane that a change is about.
fn pane_at<'s>(subject: &Subject, snapshot: &'s Snapshot) -> Option<&'s Pane> {
    let Subject::Pane(name, index, position) = subject else { return None };
    let session = snapshot.sessions().iter().find(|session| printable(&session.name) == *name)?;
    snapshot.window(session.link(*index)?).panes.get(*position)
}

fn session_of(subject: &Subject) -> Option<&str> {
    match subject {
        Subject::Session(name) | Subject::Window(name, _) | Subject::Pane(name, _, _) => Some(name),
        _ => None,
    }
}
