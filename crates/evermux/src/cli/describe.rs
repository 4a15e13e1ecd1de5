//! A snapshot for people: its sessions, windows and panes as an outline.

use std::fmt::Write;

use evermux_core::model::{Conversation, Debt, Editor, Link, Pane, Session, Snapshot, Window};
use evermux_core::plan::{PlannedProgram, command_line, owed, start_command};
use evermux_core::problem::Subject;
use evermux_core::store::Listed;

use crate::output::{FAINT, HEADING, NOTICE, outside};

/// `1 pane`, `2 panes`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Bytes for people: `3.4 MB`.
pub fn bytes(bytes: u64) -> String {
    let mut size = bytes as f64;
    for unit in ["bytes", "kB", "MB", "GB"] {
        if size < 1000.0 {
            return if unit == "bytes" { format!("{bytes} bytes") } else { format!("{size:.1} {unit}") };
        }
        size /= 1000.0;
    }
    format!("{size:.1} TB")
}

/// How many sessions, windows and panes a snapshot has.
pub fn size(listed: &Listed) -> String {
    format!(
        "{}, {}, {}",
        count(listed.entry.sessions.len(), "session"),
        count(listed.windows as usize, "window"),
        count(listed.panes as usize, "pane")
    )
}

/// What is owed, and why, as a fragment.
fn owing(debt: &Debt) -> String {
    format!("{} ({})", owed(&debt.owed), outside(&debt.reason))
}

/// The sessions of a snapshot, with what is in them.
pub fn outline(snapshot: &Snapshot, programs: &[PlannedProgram<'_>]) -> String {
    let mut text = String::new();
    for session in snapshot.sessions() {
        text.push('\n');
        describe_session(&mut text, snapshot, session, programs);
    }
    text
}

fn describe_session(
    text: &mut String,
    snapshot: &Snapshot,
    session: &Session,
    programs: &[PlannedProgram<'_>],
) {
    let name = outside(&session.name);
    let mut facts = vec![outside(&session.directory)];
    facts.extend(session.group.as_ref().map(|group| format!("group {}", outside(group))));
    line(text, &format!("{HEADING}{name}{HEADING:#}"), &facts);
    for link in &session.links {
        describe_window(text, snapshot, session, *link, programs);
    }
}

fn describe_window(
    text: &mut String,
    snapshot: &Snapshot,
    session: &Session,
    link: Link,
    programs: &[PlannedProgram<'_>],
) {
    let window = snapshot.window(link);
    let mark = match link.index {
        index if index == session.active => "*",
        index if session.last.first() == Some(&index) => "-",
        _ => "",
    };
    let zoomed = if window.zoomed { "Z" } else { "" };
    let mut facts = vec![format!("{}x{}", window.size.width, window.size.height)];
    let others = linked_by(snapshot, session, link);
    if !others.is_empty() {
        facts.push(format!("also {}", others.join(", ")));
    }
    line(text, &format!("  {}: {}{mark}{zoomed}", link.index, outside(&window.name)), &facts);
    for (position, pane) in window.panes.iter().enumerate() {
        let place = Subject::Pane(session.name.to_string(), link.index, position);
        let programs: Vec<_> = programs.iter().filter(|program| program.pane == place).collect();
        describe_pane(text, window, position, pane, &programs);
    }
}

/// Where else a window stands, except in sessions of the same group, which show all the same windows.
fn linked_by(snapshot: &Snapshot, session: &Session, link: Link) -> Vec<String> {
    let mut others = Vec::new();
    for other in snapshot.sessions() {
        let same_group = other.group.is_some() && other.group == session.group;
        for there in &other.links {
            let itself = other.name == session.name && there.index == link.index;
            if there.window == link.window && !itself && (!same_group || other.name == session.name) {
                others.push(format!("{}:{}", outside(&other.name), there.index));
            }
        }
    }
    others
}

fn describe_pane(
    text: &mut String,
    window: &Window,
    position: usize,
    pane: &Pane,
    programs: &[&PlannedProgram<'_>],
) {
    let mark = if window.panes.len() > 1 && position == window.active { "*" } else { "" };
    let mut facts = Vec::new();
    if let Some(death) = pane.dead {
        facts.push(match (death.status, death.signal) {
            (_, Some(signal)) => format!("dead by signal {signal}"),
            (Some(status), None) => format!("dead with status {status}"),
            (None, None) => "dead".to_owned(),
        });
    }
    match (&pane.program, &pane.start) {
        (Some(program), _) => {
            facts.push(command_line(&program.command.argv));
            facts.extend(program.conversation.as_ref().map(conversation));
            facts.extend(program.editor.as_ref().and_then(unsaved));
        }
        (None, Some(start)) => facts.push(start_command(start)),
        (None, None) => {}
    }
    match (&pane.text, &pane.facts.text_left_out) {
        (Some(scrollback), _) => facts.push(count(scrollback.lines() as usize, "line")),
        (None, Some(why)) => facts.push(format!("no text: {}", outside(why))),
        (None, None) => facts.push("no text".to_owned()),
    }
    let waiting = (pane.facts.waiting, "waits to be shown");
    for (set, word) in [waiting, (pane.marked, "marked"), (pane.input_off, "input off")] {
        if set {
            facts.push(word.to_owned());
        }
    }
    line(text, &format!("    .{position}{mark} {}", outside(&pane.directory)), &facts);
    // What is owed already is told below.
    let owes = |program: &&&PlannedProgram<'_>| program.action != "owe" || pane.debts.is_empty();
    for program in programs.iter().filter(owes) {
        let would = match program.action {
            "start" => "a restore starts",
            "type" => "a restore types ",
            _ => "a restore shows ",
        };
        writeln!(text, "      {FAINT}{would}{FAINT:#} {program}").unwrap_or_default();
    }
    for debt in &pane.debts {
        writeln!(text, "      {NOTICE}owed:{NOTICE:#} {}", owing(debt)).unwrap_or_default();
    }
}

/// Which conversation, in words.
fn conversation(conversation: &Conversation) -> String {
    match &conversation.id {
        Some(id) => format!("{} conversation {}", outside(&conversation.tool), outside(id)),
        None => format!("{}, its conversation not known", outside(&conversation.tool)),
    }
}

/// What an editor holds that is in no file; none if nothing.
fn unsaved(editor: &Editor) -> Option<String> {
    let mut parts = Vec::new();
    if !editor.unsaved.is_empty() {
        parts.push(format!("{} unsaved", count(editor.unsaved.len(), "text")));
    }
    if !editor.left_out.is_empty() {
        parts.push(format!("{} unsaved and not kept", count(editor.left_out.len(), "text")));
    }
    if let Some(why) = editor.facts.late.as_ref().filter(|_| !parts.is_empty()) {
        parts.push(format!("as of an earlier save: {}", outside(why)));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn line(text: &mut String, head: &str, facts: &[String]) {
    text.push_str(head);
    if !facts.is_empty() {
        let facts = facts.join(", ");
        write!(text, "  {FAINT}{facts}{FAINT:#}").unwrap_or_default();
    }
    text.push('\n');
}
