//! Values in words: printable, on one line, whatever bytes they hold.

use std::collections::{BTreeMap, VecDeque};

use bstr::{BStr, BString, ByteSlice};

use crate::model::{
    Command, Death, Debt, Editor, EnvironmentEntry, OptionEntry, Owed, Program, Size, StartCommand, Unsaved,
};
use crate::text::quote::printable;

/// Bytes between quotation marks, so that blanks at their ends are seen. Different bytes look different.
pub fn quoted(bytes: &BStr) -> String {
    let escaped = bytes.replace(b"\\", b"\\\\").replace(b"\"", b"\\\"");
    format!("\"{}\"", printable(&escaped))
}

pub fn size(size: Size) -> String {
    format!("{}x{}", size.width, size.height)
}

/// Positions or indexes, in order.
pub fn list<T: ToString>(items: impl Iterator<Item = T>) -> Option<String> {
    let items: Vec<String> = items.map(|item| item.to_string()).collect();
    (!items.is_empty()).then(|| items.join(" "))
}

pub fn options(options: &[OptionEntry]) -> impl Iterator<Item = (&BStr, String)> {
    let value = |value: &Option<BString>| value.as_ref().map_or("empty".to_owned(), |v| quoted(v.as_ref()));
    options.iter().map(move |option| (option.name.as_ref(), value(&option.value)))
}

pub fn environment(variables: &[EnvironmentEntry]) -> impl Iterator<Item = (&BStr, String)> {
    let value = |value: &Option<BString>| value.as_ref().map_or("removed".to_owned(), |v| quoted(v.as_ref()));
    variables.iter().map(move |variable| (variable.name.as_ref(), value(&variable.value)))
}

pub fn death(death: Death, with_signal: bool) -> String {
    match (death.status, death.signal.filter(|_| with_signal)) {
        (Some(status), None) => format!("status {status}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (Some(status), Some(signal)) => format!("status {status}, signal {signal}"),
        (None, None) => "status unknown".to_owned(),
    }
}

pub fn command(command: &Command) -> String {
    let words: Vec<String> = command.argv.iter().map(|word| quoted(word.as_ref())).collect();
    format!("{}{}", words.join(" "), if command.masked { " (masked)" } else { "" })
}

pub fn start(start: &StartCommand) -> String {
    format!("{}{}", quoted(start.shown.as_ref()), if start.masked { " (masked)" } else { "" })
}

pub fn program(program: &Program) -> String {
    let id = program.conversation.as_ref().and_then(|conversation| conversation.id.as_ref());
    let conversation =
        id.map(|id| format!(" (conversation {})", printable(id.as_bytes()))).unwrap_or_default();
    format!("{}{conversation} in {}", command(&program.command), quoted(program.directory.as_ref()))
}

/// The unsaved text of an editor; none if there is none.
pub fn unsaved(editor: &Editor) -> Option<String> {
    let name = |unsaved: &Unsaved| match unsaved.name.is_empty() {
        true => "text without a name".to_owned(),
        false => quoted(unsaved.name.as_ref()),
    };
    let names: Vec<String> = editor.unsaved.iter().map(name).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

pub fn debt(debt: &Debt) -> String {
    match &debt.owed {
        Owed::Program(owed) => format!("program {}", program(owed)),
        Owed::Start(owed) => format!("start command {}", start(owed)),
        Owed::Directory(owed) => format!("directory {}", quoted(owed.as_ref())),
        Owed::Text => "text".to_owned(),
    }
}

/// Two lists of named values side by side, by name; a name without a partner stands alone.
pub fn by_name<'a>(
    before: impl Iterator<Item = (&'a BStr, String)>,
    after: impl Iterator<Item = (&'a BStr, String)>,
) -> Vec<(&'a BStr, Option<String>, Option<String>)> {
    let mut names: BTreeMap<&BStr, (VecDeque<String>, VecDeque<String>)> = BTreeMap::new();
    for (name, value) in before {
        names.entry(name).or_default().0.push_back(value);
    }
    for (name, value) in after {
        names.entry(name).or_default().1.push_back(value);
    }
    let mut rows = Vec::new();
    for (name, (mut before, mut after)) in names {
        while !before.is_empty() || !after.is_empty() {
            rows.push((name, before.pop_front(), after.pop_front()));
        }
    }
    rows
}
