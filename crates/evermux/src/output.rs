//! The only printing: results on stdout, problems and errors on stderr, as text for people or JSON for programs.
//!
//! Colours and styles go only to terminals (and not under `NO_COLOR`); a reader that closes the pipe early is no
//! error. Whatever came from outside goes through [`outside`] on its way into a text, so that no name, title or path
//! can move the cursor, colour the screen or hide itself; errors and problems are made printable here, as a whole.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use evermux_core::problem::Problem;
use evermux_core::text::quote::printable;
use serde::Serialize;
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use crate::error::{CliError, Exit};

/// Headings of tables.
pub const HEADING: Style = Style::new().bold();
/// What matters less.
pub const FAINT: Style = Style::new().dimmed();
/// What is well.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What the user should look at.
pub const NOTICE: Style = AnsiColor::Yellow.on_default();
/// What does not work.
pub const PROBLEM: Style = AnsiColor::Red.on_default();

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// Bytes from outside as text that is safe on a terminal.
pub fn outside(bytes: impl AsRef<[u8]>) -> String {
    printable(bytes.as_ref())
}

/// Bytes from outside as a JSON string: UTF-8 as it is, any other byte as `\xNN`. JSON's own escapes take care of
/// control characters, so nothing else changes.
pub fn json_text(bytes: impl AsRef<[u8]>) -> String {
    let mut text = String::new();
    for chunk in bytes.as_ref().utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// What a command has to say when it did not fail.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// For people: lines, each ended by a newline; may hold styles.
    pub text: String,
    /// For programs (`--json`). Problems are added to an object as `problems`.
    pub json: Value,
    /// What went wrong without stopping it.
    pub problems: Vec<Problem>,
    /// How to end; [`Exit::Done`] becomes [`Exit::Problems`] if there are any.
    pub exit: Exit,
}

impl Outcome {
    /// A result, in both languages.
    pub fn new(text: impl Into<String>, json: &impl Serialize) -> Self {
        // Our own shapes hold only strings, numbers, arrays and objects with text keys, so this cannot fail.
        let json = serde_json::to_value(json).unwrap_or_default();
        Self { text: text.into(), json, problems: Vec::new(), exit: Exit::Done }
    }

    /// Adds problems met on the way.
    #[must_use]
    pub fn with_problems(mut self, problems: Vec<Problem>) -> Self {
        self.problems.extend(problems);
        self
    }

    fn exit(&self) -> Exit {
        match self.exit {
            Exit::Done if !self.problems.is_empty() => Exit::Problems,
            exit => exit,
        }
    }
}

/// Prints a result, and tells how to end.
pub fn show(result: Result<Outcome, CliError>, json: bool) -> Exit {
    let (printed, exit) = match result {
        Ok(outcome) => (show_outcome(&outcome, json), outcome.exit()),
        Err(error) => (show_error(&error, json), error.kind.exit()),
    };
    match printed {
        // The reader has seen enough (`evermux list | head`): what was done is done.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit,
        Err(error) => {
            // stdout is a full disk or closed: the last resort is one plain line.
            let _ = writeln!(io::stderr(), "error: cannot print the result\ncause: {error}");
            Exit::Failed
        }
        Ok(()) => exit,
    }
}

fn show_outcome(outcome: &Outcome, json: bool) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    if json {
        let mut value = outcome.json.clone();
        if let Value::Object(object) = &mut value {
            object.insert("problems".to_owned(), outcome.problems.iter().map(problem_json).collect());
        }
        writeln!(stdout, "{value:#}")?;
    } else {
        stdout.write_all(outcome.text.as_bytes())?;
    }
    stdout.flush()?;
    let mut stderr = anstream::stderr().lock();
    if !json || !outcome.json.is_object() {
        for problem in &outcome.problems {
            writeln!(stderr, "{WARNING}warning:{WARNING:#} {}", outside(problem.to_string()))?;
        }
    }
    stderr.flush()
}

fn problem_json(problem: &Problem) -> Value {
    json!({ "subject": problem.subject.to_string(), "what": problem.what })
}

fn show_error(error: &CliError, json: bool) -> io::Result<()> {
    let mut stderr = anstream::stderr().lock();
    if json {
        let value = json!({ "error": {
            "kind": error.kind,
            "exit": error.kind.exit().code(),
            "message": error.message,
            "causes": error.causes,
            "hints": error.hints,
        }});
        writeln!(stderr, "{value:#}")?;
    } else {
        writeln!(stderr, "{ERROR}error:{ERROR:#} {}", outside(&error.message))?;
        for cause in &error.causes {
            // Some causes show a place in a file: several lines, which must stay aligned.
            let mut lines = cause.trim_end().lines();
            writeln!(stderr, "{FAINT}cause:{FAINT:#} {}", outside(lines.next().unwrap_or_default()))?;
            lines.try_for_each(|line| writeln!(stderr, "       {}", outside(line)))?;
        }
        for hint in &error.hints {
            writeln!(stderr, "{HINT}hint:{HINT:#} {}", outside(hint))?;
        }
    }
    stderr.flush()
}

/// A warning that belongs to no result: about the config file, say.
pub fn warn(message: &str) {
    // If stderr is gone there is nobody to warn.
    let _ = writeln!(anstream::stderr(), "{WARNING}warning:{WARNING:#} {}", outside(message));
}

/// What somebody who waits should know meanwhile.
pub fn note(message: &str) {
    let _ = writeln!(anstream::stderr(), "{HINT}note:{HINT:#} {}", outside(message));
}

/// Asks whoever sits at the terminal whether that is to be done; where nobody does, it is.
pub fn agreed(what: &str) -> bool {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return true;
    }
    ask(&format!("{what}Do it? [y/N] ")).unwrap_or(false)
}

/// Asks a question at the terminal; whether the answer is yes.
///
/// # Errors
/// If the terminal cannot be written to or read from.
pub fn ask(question: &str) -> io::Result<bool> {
    let mut stderr = anstream::stderr();
    write!(stderr, "{question}")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Bytes for the process of ours that started this one and listens at the other end; that it does not listen any more
/// is no matter.
pub fn tell_parent(bytes: &[u8]) {
    let _ = io::stdout().write_all(bytes).and_then(|()| io::stdout().flush());
}

/// Bytes for whoever reads on as they come; whether they are still read.
pub fn stream(bytes: &[u8]) -> bool {
    io::stdout().write_all(bytes).and_then(|()| io::stdout().flush()).is_ok()
}

/// Text that is a file of its own, such as a completion script: written as it is.
pub fn raw(bytes: &[u8]) -> Exit {
    match io::stdout().write_all(bytes).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Exit::Failed,
        _ => Exit::Done,
    }
}

/// Lines of aligned columns; the first row is the heading.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Vec<Cell>>,
}

/// A cell of a [`Table`].
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    style: Style,
    right: bool,
}

impl Cell {
    /// Bytes from outside, or anything else that is text.
    pub fn text(bytes: impl AsRef<[u8]>) -> Self {
        Self { text: outside(bytes), style: Style::new(), right: false }
    }

    /// A number, aligned at its right end.
    pub fn number(number: impl fmt::Display) -> Self {
        Self { text: number.to_string(), style: Style::new(), right: true }
    }

    /// The same in another style.
    #[must_use]
    pub fn style(mut self, style: Style) -> Self {
        self.style = style;
        self
    }
}

impl Table {
    /// A table with these column titles.
    pub fn new(titles: &[&str]) -> Self {
        Self { rows: vec![titles.iter().map(|title| Cell::text(title).style(HEADING)).collect()] }
    }

    /// Adds a row, as many cells as there are titles.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.text.width())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        // A title stands over its numbers.
        let right: Vec<bool> = (0..columns)
            .map(|column| self.rows.iter().skip(1).any(|row| row.get(column).is_some_and(|c| c.right)))
            .collect();
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let gap = " ".repeat(widths[column] - cell.text.width());
                let (before, after) = if right[column] { (gap.as_str(), "") } else { ("", gap.as_str()) };
                let Cell { text, style, .. } = cell;
                let between = if column == 0 { "" } else { "  " };
                line.push_str(&format!("{between}{before}{style}{text}{style:#}{after}"));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned_by_width_on_screen() {
        let mut table = Table::new(&["id", "name"]);
        table.row([Cell::number(7), Cell::text("日本")]);
        table.row([Cell::number(12), Cell::text("")]);
        assert_eq!(anstream::adapter::strip_str(&table.to_string()).to_string(), "id  name\n 7  日本\n12\n");
    }

    #[test]
    fn nothing_from_outside_reaches_the_terminal_as_a_control_byte() {
        let cell = Cell::text(b"a\x1b[2J\x9b\xffb\x07");
        assert!(cell.text.bytes().all(|byte| byte >= 0x20 && byte != 0x7f), "{}", cell.text);
    }

    #[test]
    fn json_text_keeps_every_byte() {
        assert_eq!(json_text(b"a\x1b\xff\xc3\xa9"), "a\u{1b}\\xffé");
    }
}
