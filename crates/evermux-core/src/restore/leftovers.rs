//! What an interrupted restore has left in a server that still lives.
//!
//! Everything a restore makes carries a tag with the restore's id from the moment it exists until the restore is
//! done. What carries a tag while no restore runs is half-made: it goes, and is made anew. Unless somebody has begun
//! to use it: then it stays, keeps its panes and loses only the tag.

use std::time::Duration;

use bstr::ByteSlice;

use super::script::{Script, command};
use super::skeleton::{PANE_TAG, SESSION_TAG, WINDOW_TAG};
use crate::problem::{Problem, Subject};
use crate::tmux::{RunError, Server};

/// Takes away what interrupted restores have left, or leaves it to whoever uses it. Only to be called while no other
/// restore of this server can run.
///
/// # Errors
/// [`RunError`].
pub(super) fn clear(server: &Server, limit: Duration) -> Result<Vec<Problem>, RunError> {
    let list = |name: &str, all: bool, format: String| {
        let list = command(name);
        if all { list.word("-a") } else { list }.value("-F", format)
    };
    let mut script = Script::default();
    script.push(list(
        "list-sessions",
        false,
        format!("s #{{session_id}} #{{session_attached}} #{{{SESSION_TAG}}}"),
    ));
    script.push(list(
        "list-windows",
        true,
        format!("w #{{window_id}} #{{session_attached}} #{{{WINDOW_TAG}}}"),
    ));
    script.push(list("list-panes", true, format!("p #{{pane_id}} #{{session_attached}} #{{{PANE_TAG}}}")));
    let output = server.run(script.bytes(), limit)?;
    let (script, problems) = decide(&output.stdout);
    if !script.is_empty() {
        server.run(script.bytes(), limit)?;
    }
    Ok(problems)
}

fn decide(listing: &[u8]) -> (Script, Vec<Problem>) {
    let mut script = Script::default();
    let mut problems = Vec::new();
    // Panes and windows first: they may lie in sessions that go.
    for line in listing.lines().rev() {
        let words: Vec<&str> = line.to_str().unwrap_or_default().split(' ').collect();
        let [kind, id, attached, tag] = words[..] else { continue };
        if tag.is_empty() {
            continue;
        }
        let (kill, unset, name) = match kind {
            "s" => ("kill-session", "-u", SESSION_TAG),
            "w" => ("kill-window", "-wu", WINDOW_TAG),
            _ => ("kill-pane", "-pu", PANE_TAG),
        };
        if attached == "0" {
            script.push(command(kill).value("-t", id));
        } else {
            script.push(command("set-option").word(unset).value("-t", id).word(name));
            problems.push(Problem::new(
                Subject::Server,
                format!("{id} was left by an interrupted restore and is in use: it stays as it is"),
            ));
        }
    }
    (script, problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_tagged_goes_and_what_is_used_stays() {
        let listing = b"s $0 1 \ns $1 0 abc\ns $2 1 abc\nw @1 0 \nw @2 0 abc\np %1 0 \np %7 0 abc\n";
        let (script, problems) = decide(listing);
        assert_eq!(
            script.bytes().as_bstr(),
            "kill-pane -t \"%7\"\nkill-window -t @2\nset-option -u -t \"\\$2\" @evermux-restore-session\n\
             kill-session -t \"\\$1\"\n"
        );
        assert_eq!(problems.len(), 1);
    }
}
