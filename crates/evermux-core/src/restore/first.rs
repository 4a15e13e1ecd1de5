//! What restored shells take back at their first prompts: left for them before they start, taken by them
//! (`evermux shell-first`, which the shell integration runs).

use super::skeleton::{Made, MadePane};
use crate::model::{Generation, ServerName, ShellState};
use crate::plan::{Plan, PlannedPane, Run};
use crate::problem::{Problem, Subject};
use crate::relaunch::is_shell;
use crate::store::{PanePlace, Shells, Waiting};

/// For which panes something is left, and where.
#[derive(Clone, Copy)]
pub struct First<'a> {
    /// Where.
    pub shells: &'a Shells,
    /// The server.
    pub name: &'a ServerName,
    /// Which life of it this is.
    pub generation: &'a Generation,
}

impl First<'_> {
    /// Leaves what the shells of these panes held; what cannot be left is told.
    pub(super) fn leave(&self, plan: &Plan, made: &Made) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (&(w, p), live) in &made.panes {
            let window = &plan.windows[w];
            let planned = &window.panes[p];
            if let Err(error) = self.leave_one(planned, live) {
                let subject = Subject::Pane(window.label.0.to_string(), window.label.1, planned.position);
                let what = format!("its shell is not told its directories: {error}");
                problems.push(Problem::new(subject, what));
            }
        }
        problems
    }

    fn leave_one(&self, planned: &PlannedPane, live: &MadePane) -> Result<(), crate::store::StoreError> {
        let pane = &planned.pane;
        let shell = match planned.run {
            Run::Shell => true,
            Run::Command(_) => pane.start.as_ref().is_some_and(is_shell),
            Run::Dead => false,
        };
        let state = pane.shell.clone().unwrap_or_default();
        let nothing = state == ShellState::default() && self.shells.history(pane.identity).is_empty();
        if !shell || nothing {
            return Ok(());
        }
        let (server, generation) = (self.name.clone(), self.generation.clone());
        let place = PanePlace { server, generation, pane: pane.identity };
        self.shells.leave(live.id, &Waiting { place, state })
    }
}
