//! What an interrupted restore has left in a server that still lives.
//!
//! Everything a restore makes carries a tag with the restore's id from the moment it exists until the restore is
//! done. What carries a tag while no restore runs is half-made: it goes, and is made anew. Unless somebody has begun
//! to use it: then it stays, keeps its panes and loses only the tag.

use std::ffi::OsString;
use std::time::Duration;

use bstr::ByteSlice;

use super::hooks::Hooks;
use super::quiet;
use super::skeleton::{PANE_TAG, SESSION_TAG, WINDOW_TAG};
use crate::model::{SessionId, TmuxVersion};
use crate::problem::{Problem, Subject};
use crate::tmux::{Command, RunError, Script, Server, command};

/// What [`SESSION_TAG`] says of a session that only keeps the server alive until a restore is done.
const BEGINNING: &str = "beginning";

/// The arguments of `new-session -d` for a session that keeps a server alive until a restore into it is done. It goes
/// at the end of that restore, or of the next one if that is interrupted. `name` is a word of ours.
pub fn beginning(name: &str) -> Vec<OsString> {
    let target = format!("={name}:");
    let set = |name: &'static str, value| [";", "set-option", "-t", &target, name, value].map(Into::into);
    // A window with a name of its own is not renamed by tmux, which would run the user's hooks half a second later.
    let mut arguments: Vec<OsString> = ["-s", name, "-n", name, "cat", "-"].map(Into::into).into();
    arguments.extend(set(SESSION_TAG, BEGINNING));
    // Else tmux closes it at once if the user's config says so.
    arguments.extend(set("destroy-unattached", "off"));
    // A client that comes while there is nothing else moves on when it goes.
    arguments.extend(set("detach-on-destroy", "off"));
    arguments
}

/// What was found of earlier restores.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Sessions of no use that keep the server alive; they go when the restore is done.
    pub(super) beginnings: Vec<SessionId>,
    /// The user's hooks.
    pub(super) hooks: Hooks,
    /// What stays as it is, and why.
    pub(super) problems: Vec<Problem>,
}

/// Takes away what interrupted restores have left, or leaves it to whoever uses it. Only to be called while no other
/// restore of this server can run.
///
/// # Errors
/// [`RunError`].
pub(super) fn clear(server: &Server, version: TmuxVersion, limit: Duration) -> Result<Found, RunError> {
    const SEPARATOR: &str = "evermux --";
    let mut script = Script::default();
    let format = format!("s #{{session_id}} #{{session_attached}} #{{{SESSION_TAG}}}");
    script.push(command("list-sessions").value("-F", format));
    // From 3.1 on tmux tells whether somebody looks at this very window; in 3.0 it is the one its session shows.
    let watched =
        if version.at_least(3, 1) { "window_active_clients" } else { "?window_active,#{session_attached},0" };
    let format = format!("w #{{window_id}} #{{{watched}}} #{{{WINDOW_TAG}}}");
    script.push(command("list-windows").word("-a").value("-F", format));
    let format = format!("p #{{pane_id}} #{{?pane_active,#{{{watched}}},0}} #{{{PANE_TAG}}}");
    script.push(command("list-panes").word("-a").value("-F", format));
    script.push(command("display-message").value("-p", SEPARATOR));
    Hooks::list(version, SEPARATOR, &mut script);
    let output = server.run(script.bytes(), limit)?;
    let (listing, hooks) = output.stdout.split_once_str(SEPARATOR).unwrap_or((&output.stdout, b""));
    let hooks = Hooks::read(hooks, SEPARATOR);
    let (script, mut found) = decide(listing, &hooks);
    found.hooks = hooks;
    if !script.is_empty() {
        let output = server.run(&script.for_version(version), limit)?;
        let ids = output.stdout.lines().filter_map(|line| line.to_str().ok()?.parse::<SessionId>().ok());
        found.beginnings.extend(ids);
    }
    Ok(found)
}

fn decide(listing: &[u8], hooks: &Hooks) -> (Script, Found) {
    let (mut group, mut found) = (Script::default(), Found::default());
    // Panes and windows may lie in sessions that go.
    let (mut kills, mut ends) = (Vec::new(), Vec::new());
    let mut stay = 0;
    let mut half_made = None;
    for line in listing.lines().rev() {
        let words: Vec<&str> = line.to_str().unwrap_or_default().split(' ').collect();
        let [kind, id, used, tag] = words[..] else { continue };
        if kind == "s" && tag == BEGINNING {
            found.beginnings.extend(id.parse::<SessionId>().ok());
        }
        stay += usize::from(kind == "s" && (tag.is_empty() || used != "0" || tag == BEGINNING));
        if tag.is_empty() || tag == BEGINNING {
            continue;
        }
        if used == "0" {
            match kind {
                "s" => ends.push(id.to_owned()),
                "w" => kills.push(command("kill-window").value("-t", id)),
                _ => kills.push(command("kill-pane").value("-t", id)),
            }
            half_made = half_made.or(Some(tag).filter(|_| kind == "s"));
            continue;
        }
        leave(kind, id, hooks).for_each(|command| group.push(command));
        let what = format!("{id} was left by an interrupted restore and is in use: it stays as it is");
        found.problems.push(Problem::new(Subject::Server, what));
    }
    if let Some(tag) = half_made.filter(|_| stay == 0) {
        // With its last session the server would end.
        begin_anew(&format!("evermux-start-{}", &tag[..tag.len().min(8)]), hooks, &mut group);
    }
    quiet::clear_away(kills, &ends, hooks, &mut group);
    let script = if group.is_empty() { Script::default() } else { hooks.without(&group) };
    (script, found)
}

/// A session that keeps the server alive; its id is printed.
fn begin_anew(name: &str, hooks: &Hooks, group: &mut Script) {
    let target = format!("={name}:");
    let set = |name: &str, value: &str| command("set-option").value("-t", &target).word(name).word(value);
    group.push_chain([
        command("new-session").word("-d").value("-s", name).value("-n", name).word("cat").word("-"),
        set(SESSION_TAG, BEGINNING),
        set("destroy-unattached", "off"),
        set("detach-on-destroy", "off"),
        command("display-message").word("-p").value("-t", &target).word("#{session_id}"),
    ]);
    hooks.shadow_session(&target, false).for_each(|command| group.push(command));
}

/// What somebody uses is theirs: it loses what marked and shielded it.
fn leave<'a>(kind: &str, id: &'a str, hooks: &'a Hooks) -> impl Iterator<Item = Command> + 'a {
    let unset = |scope: &str, tag: &str| command("set-option").word(scope).value("-t", id).word(tag);
    let (tag, session, window) = match kind {
        "s" => (unset("-u", SESSION_TAG), Some(hooks.shadow_session(id, true)), None),
        "w" => (unset("-wu", WINDOW_TAG), None, Some(hooks.shadow_window(id, true))),
        _ => (unset("-pu", PANE_TAG), None, None),
    };
    std::iter::once(tag).chain(session.into_iter().flatten()).chain(window.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_tagged_goes_and_what_is_used_stays() {
        let listing =
            b"s $0 1 \ns $1 0 abc\ns $2 1 abc\ns $3 0 beginning\nw @1 0 \nw @2 0 abc\np %1 0 \np %7 0 abc\n";
        let (script, found) = decide(listing, &Hooks::default());
        let text = script.bytes().as_bstr().to_string();
        let (kept, ended) = text.split_once("set-hook -u").unwrap();
        assert_eq!(kept, "if-shell -F 1 {\nset-option -u -t \"\\$2\" @evermux-restore-session\n");
        for hook in [
            "[0]\" \"kill-pane -t \\\"%7\\\"\"",
            "[1]\" \"kill-window -t @2\"",
            "[2]\" \"kill-session -t \\\"=evermux-end-1\\\"\"",
        ] {
            assert!(ended.contains(hook), "{hook} not in {ended}");
        }
        assert!(ended.ends_with("rename-session -t \"\\$1\" evermux-end-1\n}\n"), "{ended}");
        assert_eq!(found.problems.len(), 1);
        assert_eq!(found.beginnings, ["$3".parse().unwrap()]);
    }

    #[test]
    fn tmux_does_not_rename_what_only_keeps_a_server_alive() {
        for tmux in evermux_testkit::tmux_binaries() {
            let server = evermux_testkit::Server::start(&tmux);
            let begin = beginning("evermux-x").into_iter().map(|word| word.into_string().unwrap());
            server.run(
                &["new-session".to_owned(), "-d".to_owned()].into_iter().chain(begin).collect::<Vec<_>>(),
            );
            assert_eq!(server.run(&["show-options", "-wv", "-t", "=evermux-x:", "automatic-rename"]), "off");
        }
    }

    #[test]
    fn saving_knows_what_is_unfinished() {
        for tag in [SESSION_TAG, WINDOW_TAG, PANE_TAG] {
            assert!(tag.starts_with(crate::capture::UNFINISHED_OPTION));
        }
    }

    #[test]
    fn the_server_outlives_what_goes() {
        let (script, _) = decide(b"s $1 0 abcdefghijk\ns $2 0 abc\n", &Hooks::default());
        let text = script.bytes().as_bstr().to_string();
        assert!(text.starts_with("if-shell -F 1 {\nnew-session -d -s evermux-start-abc "), "{text}");
    }
}
