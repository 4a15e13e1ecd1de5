//! What a Neovim tells of itself: asked once, and only if it does not wait for a key.

use std::path::Path;

use bstr::{BString, ByteSlice, ByteVec};
use jiff::Timestamp;
use rmpv::Value;

use super::wire::{Connection, WireError, bytes, field, list};
use super::{Answer, Held, HeldText, Question, read};
use crate::model::LeftOut;
use crate::procs::{Listening, connected, listening};

/// What is asked (Lua), and how nothing is noticed of it: no event, no message.
const CAPTURE: &str = include_str!("capture.lua");
const QUIETLY: &str = "\
    local source, arguments = ...
    _G.__evermux_function, _G.__evermux_arguments = loadstring(source), arguments
    pcall(vim.cmd, 'silent! noautocmd lua _G.__evermux_result = {pcall(_G.__evermux_function, _G.__evermux_arguments)}')
    local result = _G.__evermux_result
    _G.__evermux_function, _G.__evermux_arguments, _G.__evermux_result = nil, nil, nil
    return result";

/// The socket at which the Neovim of a question can be asked: its own, or that of a process below it; after `:restart` and
/// with `--remote-ui` the one it is connected to.
pub fn find(question: &Question) -> Option<Listening> {
    let mut pids = vec![question.pid];
    pids.extend(&question.below);
    listening(&pids).into_iter().next().or_else(|| {
        let path = connected(question.pid).into_iter().next()?;
        let all: Vec<u32> = question.others.clone();
        listening(&all).into_iter().find(|found| found.path == path)
    })
}

/// Asks. What it writes goes to `folder`, a private one.
pub fn ask(question: &Question, folder: &Path, uid: u32) -> Result<Answer, WireError> {
    let Some(server) = find(question) else { return Ok(Answer::Unknown) };
    let mut connection = Connection::open(&server.path, server.pid, uid)?;
    let mode = connection.call("nvim_get_mode", Vec::new())?;
    // Whatever else is asked now would wait for a key of the user's.
    if field(&mode, "blocking") != &Value::Boolean(false) {
        return Ok(Answer::Late("it waits for a key".to_owned()));
    }
    let Some(place) = folder.to_str() else {
        return Ok(Answer::Late("the path of the state folder is no text".to_owned()));
    };
    let mut arguments = vec![
        (Value::from("folder"), Value::from(place)),
        (Value::from("soon"), Value::Boolean(question.soon)),
    ];
    for (name, value) in [("known", &question.known), ("restored", &question.restored)] {
        arguments.extend(value.as_ref().map(|value| (Value::from(name), Value::from(value.as_str()))));
    }
    let arguments = vec![QUIETLY.into(), Value::Array(vec![CAPTURE.into(), Value::Map(arguments)])];
    let result = connection.call("nvim_exec_lua", arguments)?;
    let [good, told] = list(&result) else { return Err(WireError::Nonsense) };
    if *good != Value::Boolean(true) {
        return Err(WireError::Refused(bytes(told).to_str_lossy().into_owned()));
    }
    if let busy @ [_, ..] = bytes(field(told, "busy")) {
        return Ok(Answer::Late(busy.to_str_lossy().into_owned()));
    }
    match field(told, "buffers") {
        Value::Nil => Ok(Answer::Same),
        _ => Ok(Answer::Held(Box::new(held(told, folder, server)?))),
    }
}

fn held(told: &Value, folder: &Path, server: Listening) -> Result<Held, WireError> {
    let read = |name: String| read(&folder.join(name));
    let mut unsaved = Vec::new();
    for (position, buffer) in list(field(told, "buffers")).iter().enumerate() {
        let number = position + 1;
        unsaved.push(HeldText {
            name: bytes(field(buffer, "name")).into(),
            text: read(format!("text{number}")).ok_or(WireError::Nonsense)?,
            undo: read(format!("undo{number}")),
        });
    }
    let left = |left: &Value| LeftOut {
        name: bytes(field(left, "name")).into(),
        reason: bytes(field(left, "reason")).to_str_lossy().into_owned(),
    };
    let session = read("session".to_owned()).ok_or(WireError::Nonsense)?;
    // In an order of its own: equal states are equal bytes.
    let state = ["buffers", "screen", "windows", "quickfix", "swaps", "this_session", "this_obsession"];
    let state = state.map(|name| (Value::from(name), sorted(field(told, name).clone())));
    let mut encoded = Vec::new();
    rmpv::encode::write_value(&mut encoded, &Value::Map(state.into())).map_err(|_| WireError::Nonsense)?;
    let time = |at: usize| list(field(told, "told")).get(at).and_then(Value::as_i64);
    let time = time(0).zip(time(1)).and_then(|(seconds, micros)| {
        Timestamp::new(seconds, i32::try_from(micros).ok()?.checked_mul(1000)?).ok()
    });
    Ok(Held {
        told: time,
        fingerprint: bytes(field(told, "fingerprint")).to_str_lossy().into_owned(),
        server: Some(server),
        session: without_terminals(&session),
        state: encoded,
        unsaved,
        left_out: list(field(told, "left")).iter().map(left).collect(),
    })
}

/// The same with the keys of all tables in order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Map(mut entries) => {
            entries.sort_by(|(one, _), (two, _)| bytes(one).cmp(bytes(two)));
            Value::Map(entries.into_iter().map(|(key, value)| (key, sorted(value))).collect())
        }
        Value::Array(entries) => Value::Array(entries.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// A session file that starts nothing: a terminal in it would run its command again (0.7 writes them, whatever
/// 'sessionoptions' says).
fn without_terminals(session: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(session.len());
    for line in session.lines() {
        let opens = [&b"edit "[..], b"buffer ", b"if bufexists("].iter().any(|head| line.starts_with(head));
        match line.contains_str("term://") {
            false if line.trim_ascii() == b"set shortmess=aoO" => kept.push_str("set shortmess=aoOA"),
            // The other file of a window may be the same one: E37, where that is changed.
            false if line.starts_with(b"balt ") => kept.extend([b"silent! ", line].concat()),
            false => kept.push_str(line),
            true if opens => kept.push_str("enew"),
            true => continue,
        }
        kept.push(b'\n');
    }
    kept
}

/// Whether nobody looks at the Neovim that listens there: it outlived its pane.
pub fn is_alone(server: &Listening, uid: u32) -> bool {
    let asked = Connection::open(&server.path, server.pid, uid)
        .and_then(|mut connection| connection.call("nvim_list_uis", Vec::new()));
    asked.is_ok_and(|uis| matches!(&uis, Value::Array(uis) if uis.is_empty()))
}

/// The socket of this path, if this process still listens there.
pub fn still_listens(path: &BString, pid: u32) -> Option<Listening> {
    let path = path.to_path().ok()?;
    listening(&[pid]).into_iter().find(|found| found.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_file_starts_nothing() {
        let session = b"badd +1 term://~//12:/bin/sh\nedit term://~//12:sh\nif bufexists(fnamemodify(\"term://x\", \":p\")) | \
            buffer term://x | endif\nif &buftype ==# 'terminal'\n  silent file term://x\nendif\nset shortmess=aoO\nbalt a\nedit a\xff\n";
        let expected = b"enew\nenew\nif &buftype ==# 'terminal'\nendif\nset shortmess=aoOA\nsilent! balt a\nedit a\xff\n";
        assert_eq!(without_terminals(session).as_bstr(), expected.as_bstr());
    }
}
