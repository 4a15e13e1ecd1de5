//! What the shells of panes tell by their integration, put into a snapshot.

use bstr::BString;

use super::Options;
use crate::model::{Pane, PaneId, Program};
use crate::procs::{ProcessTable, exists, shell_at_terminal};
use crate::relaunch::Shell;
use crate::shell::{Report, parse_history, write_history};
use crate::store::Shells;
use crate::text::quote::{Language, shell_line};
use crate::tmux::{ListedPane, Listing};

/// What the shell of a pane tells; none if it tells nothing.
pub(super) fn report(
    pane: &ListedPane,
    server: u32,
    table: &ProcessTable,
    options: &Options,
) -> Option<Report> {
    let own = table.standing(pane.pid?).filter(|_| !pane.dead)?;
    let bytes = options.shells.as_ref()?.report(server, pane.id)?;
    let report = Report::parse(&bytes, own.pid, own.started)?;
    (Shell::of(&report.shell) == shell_at_terminal(own)).then_some(report)
}

/// Puts it into a pane. What a shell has not told (yet) is as it was `before`: the one that a restore has just started takes
/// it back at its first prompt.
pub(super) fn add(report: Option<&Report>, before: Option<&Pane>, pane: &mut Pane) {
    let told = report.and_then(|report| report.state.clone());
    pane.shell = told.or_else(|| before.and_then(|before| before.shell.clone()));
    pane.facts.last_status = report.and_then(|report| report.status);
    if let Some(program) = &mut pane.program {
        let told = report.and_then(|report| report.line_of(program.started)).cloned();
        let before = before.and_then(|before| before.program.as_ref());
        program.line = line(program, told, before);
    }
}

/// The line on which a program was started. One that a restore has typed is not the user's: it stays what it was.
fn line(program: &Program, told: Option<BString>, before: Option<&Program>) -> Option<BString> {
    let before = before.filter(|before| before.is_same(program));
    match told {
        Some(line) if !is_ours(&line, program) => Some(line),
        Some(line) => before.and_then(|before| before.line.clone()).or(Some(line)),
        None => before.filter(|before| before.started == program.started)?.line.clone(),
    }
}

fn is_ours(line: &BString, program: &Program) -> bool {
    let languages = [Language::Posix, Language::Fish, Language::Csh, Language::Nu];
    languages.into_iter().any(|language| shell_line(language, &program.command.argv).as_ref() == Ok(line))
}

/// Keeps the commands of a pane for its history.
pub(super) fn remember(report: &Report, pane: &Pane, shells: &Shells) {
    let known = parse_history(&shells.history(pane.identity));
    if let Some(bytes) = write_history(known, report)
        && let Err(error) = shells.remember(pane.identity, &bytes)
    {
        tracing::debug!(%error, "the commands of a pane are not kept");
    }
}

/// Removes what the shells of panes have written that are gone.
pub(super) fn sweep(listing: &Listing, shells: &Shells) {
    let panes: Vec<PaneId> = listing.panes().map(|pane| pane.id).collect();
    shells.sweep(listing.server.pid, &panes, exists);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Command;

    fn program(started: i64, line: Option<&str>) -> Program {
        Program {
            command: Command { argv: vec!["less".into(), "a b".into()], masked: false },
            directory: "/".into(),
            started,
            conversation: None,
            editor: None,
            line: line.map(Into::into),
            redirected: false,
        }
    }

    #[test]
    fn the_users_own_line_stays() {
        let user = program(1, Some("l a*"));
        let told = |line: Option<&str>, before: &Program, now: &Program| {
            super::line(now, line.map(Into::into), Some(before)).map(|line| line.to_string())
        };
        let again = program(2, None);
        assert_eq!(told(Some("command less 'a b'"), &user, &again).as_deref(), Some("l a*"));
        assert_eq!(told(Some("less 'a b' | cat"), &user, &again).as_deref(), Some("less 'a b' | cat"));
        assert_eq!(told(None, &user, &again), None, "it may be another one");
        assert_eq!(told(None, &user, &program(1, None)).as_deref(), Some("l a*"));
    }
}
