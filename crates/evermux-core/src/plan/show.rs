//! A plan in words, for `--dry-run` and reports.

use std::fmt;

use bstr::BString;

use super::{
    LinkedWindow, Plan, PlannedLink, PlannedPane, PlannedSession, PlannedWindow, Run, SessionPlace, Why,
    WindowPlace,
};
use crate::model::{Conversation, Debt, Found, Owed, StartCommand};
use crate::problem::Subject;
use crate::relaunch::{begins_empty, is_shell, names};
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
        for program in programs_of(window, index, planned) {
            lines.push(line(program.action, object.clone(), program.to_string()));
        }
        for debt in planned.pane.debts.iter().filter(|debt| !is_told(planned, debt)) {
            lines.push(line("owe", object.clone(), format!("{} ({})", owed(&debt.owed), debt.reason)));
        }
    }
}

/// A program of a pane, and what a restore does about it. Displayed in one line, without control bytes from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedProgram<'a> {
    /// The pane: session, index of the window, position.
    pub pane: Subject,
    /// `start`, `type` (put at the prompt) or `owe` (only shown).
    pub action: &'static str,
    /// The exact words: of what is started or typed, else of what was there.
    pub argv: &'a [BString],
    /// What is typed instead of a line made from these, where the user's own is known.
    pub line: Option<&'a BString>,
    /// Where it runs, if not where the pane starts.
    pub directory: Option<&'a BString>,
    /// The names of variables that it gets.
    pub variables: Vec<&'a BString>,
    /// Words that it had and does not get again.
    pub dropped: Vec<&'a BString>,
    /// What says so.
    pub why: String,
    /// What it held.
    pub conversation: Option<&'a Conversation>,
    /// Whether it starts without what was in it, and that is gone.
    pub empty: bool,
}

impl fmt::Display for PlannedProgram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.argv) {
            (Some(line), _) if self.action == "type" => f.write_str(&printable(line))?,
            (_, argv) if self.action == "owe" => write!(f, "program {}", command_line(argv))?,
            // The command of a pane may be a line.
            (_, argv) => f.write_str(&start_line(argv))?,
        }
        if !self.dropped.is_empty() {
            write!(f, ", without {}", words(&self.dropped))?;
        }
        if let Some(directory) = self.directory {
            write!(f, ", in {}", printable(directory))?;
        }
        if !self.variables.is_empty() {
            write!(f, ", with {}", words(&self.variables))?;
        }
        write!(f, " ({}", self.why)?;
        if let Some(conversation) = self.conversation.filter(|it| it.id.is_some()) {
            let Found { confidence, evidence, .. } = &conversation.found;
            write!(f, "; its conversation, {confidence}: {}", printable(evidence.as_bytes()))?;
        }
        if self.empty {
            f.write_str("; what was in it is gone")?;
        }
        f.write_str(")")
    }
}

fn words(words: &[&BString]) -> String {
    let words: Vec<BString> = words.iter().map(|&word| word.clone()).collect();
    command_line(&words)
}

impl Plan {
    /// The programs of the panes that are made, and what is done about each.
    pub fn programs(&self) -> Vec<PlannedProgram<'_>> {
        let made = |link: &PlannedLink| match link.window {
            LinkedWindow::Planned(window) => Some((&self.windows[window], link.index)),
            LinkedWindow::Live(_) => None,
        };
        let linked = self.sessions.iter().flat_map(|session| {
            session.links.iter().filter_map(made).filter(|(window, _)| window.label.0 == session.session.name)
        });
        let live = self.windows.iter().filter(|window| window.place != WindowPlace::New);
        let mut windows: Vec<(&PlannedWindow, u32)> = Vec::new();
        for (window, index) in linked.chain(live.map(|window| (window, window.label.1))) {
            if !windows.iter().any(|(known, _)| std::ptr::eq(*known, window)) {
                windows.push((window, index));
            }
        }
        let mut programs = Vec::new();
        for (window, index) in windows {
            programs.extend(window.panes.iter().flat_map(|planned| programs_of(window, index, planned)));
        }
        programs
    }
}

/// What is done about the programs of a pane.
fn programs_of<'a>(
    window: &'a PlannedWindow,
    index: u32,
    planned: &'a PlannedPane,
) -> impl Iterator<Item = PlannedProgram<'a>> {
    let pane = Subject::Pane(window.label.0.to_string(), index, planned.position);
    let is_shell = planned.pane.start.as_ref().is_some_and(is_shell);
    let own = match (&planned.run, &planned.permission, &planned.pane.start) {
        (Run::Command(argv), Some(permission), Some(start)) if !is_shell => Some(PlannedProgram {
            pane: pane.clone(),
            action: "start",
            argv,
            line: None,
            directory: None,
            variables: Vec::new(),
            dropped: dropped(start_words(start), argv),
            why: permission.to_string(),
            conversation: planned.pane.program.as_ref().and_then(|program| program.conversation.as_ref()),
            empty: false,
        }),
        _ => None,
    };
    let launched = planned.launch.as_ref().map(|start| PlannedProgram {
        pane: pane.clone(),
        action: if start.prefill { "type" } else { "start" },
        argv: &start.launch.argv,
        line: start.launch.line.as_ref(),
        directory: start.launch.directory.as_ref(),
        variables: start.launch.environment.iter().map(|(name, _)| name).collect(),
        dropped: match &start.owed {
            Owed::Start(_) => Vec::new(),
            // What an editor had opened is in its state.
            _ if start.program.editor.is_some() => Vec::new(),
            _ => dropped(&start.program.command.argv, &start.launch.argv),
        },
        why: start.why.clone(),
        conversation: start.program.conversation.as_ref(),
        empty: !start.prefill && begins_empty(&start.launch.argv),
    });
    let left = planned.pane.debts.iter().filter(|debt| !is_started(planned, debt)).filter_map(move |debt| {
        let Owed::Program(program) = &debt.owed else { return None };
        Some(PlannedProgram {
            pane: pane.clone(),
            action: "owe",
            argv: &program.command.argv,
            line: program.line.as_ref(),
            directory: None,
            variables: Vec::new(),
            dropped: Vec::new(),
            why: debt.reason.clone(),
            conversation: None,
            empty: false,
        })
    });
    own.into_iter().chain(launched).chain(left)
}

fn start_words(start: &StartCommand) -> &[BString] {
    match start.argv.as_slice() {
        [_] => &[],
        words => words,
    }
}

/// Words of the old ones that are not among the new ones, where these are of the same program.
fn dropped<'a>(old: &'a [BString], new: &[BString]) -> Vec<&'a BString> {
    let own = names(old);
    if !names(new).iter().any(|name| own.contains(name)) {
        return Vec::new();
    }
    let mut left: Vec<&BString> = new.iter().collect();
    let mut gone = Vec::new();
    for word in old.iter().skip(1) {
        match left.iter().position(|other| *other == word) {
            Some(at) => drop(left.remove(at)),
            // What an interpreter ran is the program itself.
            None if own.iter().any(|name| word.ends_with(name)) => {}
            None => gone.push(word),
        }
    }
    gone
}

/// Whether this debt is for what is started or typed.
fn is_started(planned: &PlannedPane, debt: &Debt) -> bool {
    planned.launch.as_ref().is_some_and(|start| debt.owed == start.owed)
}

/// Whether this debt is told with the programs.
fn is_told(planned: &PlannedPane, debt: &Debt) -> bool {
    matches!(debt.owed, Owed::Program(_)) || is_started(planned, debt)
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
