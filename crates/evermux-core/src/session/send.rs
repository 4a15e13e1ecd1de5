//! Sending text and keys to a pane.

use bstr::ByteSlice;

use super::{SessionError, Talk};
use crate::tmux::{Command, Pasting, Script, command};

/// The end of a pasted text: what follows it would be keys again.
const END_OF_PASTE: &[u8] = b"\x1b[201~";

/// How long a line may be that is typed and not pasted.
const TYPED: usize = 256;

/// The names of keys that tmux knows by every version from 3.0 on.
const KEYS: [&str; 32] = [
    "Enter", "Escape", "Space", "Tab", "BTab", "BSpace", "Up", "Down", "Left", "Right", "Home", "End", "IC",
    "Insert", "DC", "Delete", "PageUp", "PgUp", "PPage", "PageDown", "PgDn", "NPage", "F1", "F2", "F3", "F4",
    "F5", "F6", "F7", "F8", "F9", "F10",
];

/// Text as it is sent.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// Any bytes.
    pub bytes: &'a [u8],
    /// Whether Enter follows.
    pub enter: bool,
}

impl Text<'_> {
    /// Whether it goes in brackets, as something pasted, where the program asked for that: all but a short single line,
    /// which is as if somebody had typed it.
    pub fn is_pasted(&self) -> bool {
        self.bytes.len() > TYPED || self.bytes.iter().any(u8::is_ascii_control)
    }
}

/// Sends text; nothing in it is a name of a key, a format or a command to tmux. It goes to that pane alone, also where panes are
/// synchronized or the pane is in copy mode.
///
/// # Errors
/// [`SessionError`]; also if the text would end its own paste.
pub fn send_text(talk: &Talk<'_>, text: Text<'_>) -> Result<(), SessionError> {
    let bracketed = text.is_pasted();
    if bracketed && text.bytes.contains_str(END_OF_PASTE) {
        return Err(SessionError::EndsPaste);
    }
    // Only 3.8 is known to do that; asked from 3.6 on, since it may have begun in between.
    let sanitizes = talk.pane.version.at_least(3, 6) && talk.server.sanitizes_pastes(talk.limit)?;
    if !talk.pane.version.at_least(3, 2) {
        // Nothing is pasted into a pane in a mode there.
        let leave =
            format!("if-shell -F -t {0} '#{{pane_in_mode}}' 'send-keys -X -t {0} cancel'\n", talk.pane.id);
        talk.server.run(leave.as_bytes(), talk.limit)?;
    }
    let pasting = Pasting { pane: talk.pane.id, bytes: text.bytes, bracketed, enter: text.enter, sanitizes };
    match talk.server.paste(&pasting, talk.nonce(), talk.limit)? {
        true => Ok(()),
        false => Err(SessionError::ended(&talk.pane.session_name, talk.pane.status, Vec::new())),
    }
}

/// Checks the name of a key, in tmux's words: `Enter`, `C-c`, `M-x`, `F5`, or a single character.
pub fn is_key(name: &str) -> bool {
    let mut rest = name;
    while let Some(after) = ["C-", "M-", "S-", "^"].iter().find_map(|prefix| rest.strip_prefix(prefix)) {
        if after.is_empty() {
            break;
        }
        rest = after;
    }
    let mut characters = rest.chars();
    let single = characters.next().is_some_and(|c| !c.is_control()) && characters.next().is_none();
    single || rest == "F11" || rest == "F12" || KEYS.contains(&rest)
}

/// Presses keys, whose names were checked by [`is_key`]: tmux types the letters of a name that it does not know. They go to that
/// pane alone, also where panes are synchronized or its input is off. Copy mode ends first, which would take them.
///
/// # Errors
/// [`SessionError`].
pub fn send_keys(talk: &Talk<'_>, keys: &[String]) -> Result<(), SessionError> {
    let mut script = Script::default();
    let id = talk.pane.id.to_string();
    let leave = format!("send-keys -X -t {id} cancel");
    script.push(command("if-shell").word("-F").value("-t", &id).word("#{pane_in_mode}").word(leave));
    let press = command("send-keys").value("-t", &id).end_of_flags();
    let press = keys.iter().fold(press, |press, key| press.word(key)).text();
    let open = format!("select-pane -e -t {id} ; ");
    let on = [open.as_bytes(), &press, format!(" ; select-pane -d -t {id}").as_bytes()].concat();
    let press = choice(&id, "#{pane_input_off}", &on, &press).text();
    let alone = alone(talk, &press);
    script.push(choice(&id, "#{pane_synchronized}", &alone, &press));
    super::ensure::refused(&talk.server.run(script.bytes(), talk.limit)?)
}

/// One of two commands, by a condition about a pane.
fn choice(id: &str, condition: &str, then: &[u8], otherwise: &[u8]) -> Command {
    let choice = command("if-shell").word("-F").value("-t", id).word(condition);
    choice.word(then).word(otherwise)
}

/// What a pane whose keys go to others, too, is given while they do not. All of it is one queue of one client: nobody's keys come in
/// between. Since 3.2 a pane may have that option for itself.
fn alone(talk: &Talk<'_>, press: &[u8]) -> Vec<u8> {
    let id = talk.pane.id;
    let (off, on) = match talk.pane.version.at_least(3, 2) {
        true => (
            format!("set-option -p -t {id} synchronize-panes off ; "),
            format!(
                " ; set-option -p -u -t {id} synchronize-panes ; if-shell -F -t {id} '#{{pane_synchronized}}' '' \
                 'set-option -p -t {id} synchronize-panes on'"
            ),
        ),
        false => (
            format!("set-option -w -t {id} synchronize-panes off ; "),
            format!(" ; set-option -w -t {id} synchronize-panes on"),
        ),
    };
    [off.as_bytes(), press, on.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_keys_are_known() {
        for key in
            ["Enter", "C-c", "M-x", "C-M-Up", "F5", "F12", "a", "é", ";", "^C", "-", "^", "S-Tab", "C-Space"]
        {
            assert!(is_key(key), "{key}");
        }
        for other in ["", "enter", "C-", "C-xx", "hello", "F13", "\n", "Enter "] {
            assert!(!is_key(other), "{other:?}");
        }
    }

    #[test]
    fn a_short_line_is_typed() {
        let is_pasted = |bytes: &[u8]| Text { bytes, enter: true }.is_pasted();
        assert!(!is_pasted(b"ls -l #{pid}"));
        assert!(is_pasted(b"a\nb") && is_pasted(b"a\tb") && is_pasted(&[b'x'; 300]));
    }
}
