//! A plan in words, for `--dry-run` and reports.

use std::fmt;

use bstr::BString;

use super::{
    LinkedWindow, Plan, PlannedLaunch, PlannedPane, PlannedSession, PlannedWindow, Run, SessionPlace, Why,
    WindowPlace,
};
use crate::model::{Debt, Owed, StartCommand};
use crate::text::quote::{printable, shell_word};

/// One line of a plan. Contains no control bytes from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What is done: `make`, `complete`, `link`, `close`, `owe`, …
    pub action: &'static str,
    /// To what: `session work`, `window work:3`, `pane work:3.1`.
    pub object: String,
    /// With which particulars; may be empty.
    pub detail: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<8} {}", self.action, self.object)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

fn line(action: &'static str, object: String, detail: impl Into<String>) -> Line {
    Line { action, object, detail: detail.into() }
}

impl Plan {
    /// The plan, one line an action, in the order of doing.
    pub fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        for session in &self.sessions {
            self.session_lines(session, &mut lines);
        }
        for window in &self.windows {
            if let WindowPlace::Live { .. } = window.place {
                let (session, index) = &window.label;
                let object = format!("window {}:{index}", printable(session));
                lines.push(line("complete", object, count(window.panes.len(), "pane")));
                pane_lines(window, *index, &mut lines);
            }
        }
        for closing in &self.closing {
            let object = format!("session {}", printable(&closing.name));
            let mut detail = match closing.why {
                Why::Replaced => "replaced; it is saved before".to_owned(),
                Why::Untouched => "nobody has used it".to_owned(),
            };
            if !closing.clients.is_empty() {
                let successor = &self.sessions[closing.successor].session.name;
                detail.push_str(&format!("; its terminal goes to {}", printable(successor)));
            }
            lines.push(line("close", object, detail));
        }
        lines
    }

    fn session_lines(&self, planned: &PlannedSession, lines: &mut Vec<Line>) {
        let name = printable(&planned.session.name);
        let (action, detail) = match (planned.place, planned.joins) {
            (SessionPlace::Live(_), _) => ("complete", count(planned.links.len(), "window")),
            (SessionPlace::New, None) => ("make", count(planned.links.len(), "window")),
            (SessionPlace::New, Some(_)) => {
                let group = planned.session.group.as_ref().map(|group| printable(group)).unwrap_or_default();
                ("make", format!("in group {group}"))
            }
        };
        lines.push(line(action, format!("session {name}"), detail));
        for link in &planned.links {
            let object = format!("window {name}:{}", link.index);
            match link.window {
                LinkedWindow::Live(id) => lines.push(line("link", object, format!("to {id}"))),
                LinkedWindow::Planned(position) => {
                    let window = &self.windows[position];
                    if window.label == (planned.session.name.clone(), link.was.unwrap_or(link.index)) {
                        let name = printable(&window.window.name);
                        lines.push(line(
                            "make",
                            object,
                            format!("{name}, {}", count(window.panes.len(), "pane")),
                        ));
                        pane_lines(window, link.index, lines);
                    } else {
                        let (session, index) = &window.label;
                        lines.push(line("link", object, format!("to {}:{index}", printable(session))));
                    }
                }
            }
        }
    }
}

fn pane_lines(window: &PlannedWindow, index: u32, lines: &mut Vec<Line>) {
    for planned in &window.panes {
        let object = format!("pane {}:{index}.{}", printable(&window.label.0), planned.position);
        let mut detail = match &planned.run {
            Run::Shell if planned.later => "a shell when it is shown".to_owned(),
            Run::Shell => "a shell".to_owned(),
            Run::Command(words) => start_line(words),
            Run::Dead => "dead, as it was".to_owned(),
        };
        detail.push_str(" in ");
        detail.push_str(&printable(&planned.directory));
        if planned.text
            && let Some(text) = &planned.pane.text
        {
            detail.push_str(&format!(", {}", count(text.lines() as usize, "line")));
        }
        lines.push(line("make", object.clone(), detail));
        if let Some(start) = &planned.launch {
            let action = if start.prefill { "type" } else { "start" };
            lines.push(line(action, object.clone(), command_line(&start.launch.argv)));
        }
        for debt in planned.pane.debts.iter().filter(|debt| !starts(planned, debt)) {
            lines.push(line("owe", object.clone(), format!("{} ({})", owed(&debt.owed), debt.reason)));
        }
    }
}

/// Whether this debt is going to be paid.
fn starts(planned: &PlannedPane, debt: &Debt) -> bool {
    let pays = |start: &PlannedLaunch| !start.prefill && debt.owed == Owed::Program(start.program.clone());
    planned.launch.as_ref().is_some_and(pays)
}

/// What is owed, in words.
pub fn owed(owed: &Owed) -> String {
    match owed {
        Owed::Program(program) => format!("program {}", command_line(&program.command.argv)),
        Owed::Start(start) => format!("command {}", start_command(start)),
        Owed::Directory(directory) => format!("directory {}", printable(directory)),
        Owed::Text => "its text".to_owned(),
    }
}

/// The command a pane was made with, as somebody would type it; where its words cannot be told, as tmux shows it.
pub fn start_command(start: &StartCommand) -> String {
    if start.argv.is_empty() { printable(&start.shown) } else { start_line(&start.argv) }
}

/// One word is a line for a shell, several are words.
fn start_line(argv: &[BString]) -> String {
    match argv {
        [line] => printable(line),
        words => command_line(words),
    }
}

/// A command line as somebody would type it into a shell.
pub fn command_line(argv: &[BString]) -> String {
    let word = |word: &BString| printable(shell_word(word).as_deref().unwrap_or(word));
    argv.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}
