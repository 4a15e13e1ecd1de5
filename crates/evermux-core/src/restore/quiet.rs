//! Ending what a restore closes without any hook of the user's hearing of it.
//!
//! A session that ends takes its shadows with it (see `hooks`): before 3.8 its `session-closed` and `window-unlinked`
//! run one turn later, in whatever session was used last, with the hooks of that moment. What a hook does runs no
//! hooks, though: so a session that goes is ended by a hook of its own, on its renaming, which also frees its name at
//! once. Measured on 3.3a, 3.5a and 3.8; up to 3.1 notifications do not ask who caused them, and only the shadows of
//! the other sessions help.

use super::hooks::Hooks;
use crate::tmux::{Command, Script, command};

/// Commands that rename a session and, in the next turn, run `also` and end it. To be run while the user's hooks are
/// away, and nothing that follows in the turn may touch the session's current window: tmux would look for the hook in
/// another session. `number` is of nothing else that ends.
pub(super) fn end(
    session: &str,
    number: &str,
    also: impl IntoIterator<Item = Command>,
) -> impl Iterator<Item = Command> {
    let name = format!("evermux-end-{number}");
    let kill = command("kill-session").value("-t", format!("={name}"));
    // Each has an element of its own: one that fails keeps no other from running.
    let elements = also.into_iter().chain([kill]).enumerate();
    let hooks: Vec<Command> = elements
        .map(|(position, ending)| {
            let element = format!("session-renamed[{position}]");
            command("set-hook").value("-t", session).word(element).word(ending.text())
        })
        .collect();
    let own = command("set-hook").word("-u").value("-t", session).word("session-renamed");
    let rename = command("rename-session").value("-t", session).word(name);
    [own].into_iter().chain(hooks).chain([rename])
}

/// The same for a session that is known by its id.
pub(super) fn end_session(
    id: &str,
    also: impl IntoIterator<Item = Command>,
) -> impl Iterator<Item = Command> {
    end(id, id.trim_start_matches('$'), also)
}

/// Commands that end sessions, after `kills` of windows and panes that may lie in others. To be run while the user's
/// hooks are away.
pub(super) fn clear_away(kills: Vec<Command>, ends: &[String], hooks: &Hooks, group: &mut Script) {
    if let Some((first, others)) = ends.split_first() {
        let others = others.iter().map(|id| command("kill-session").value("-t", id));
        end_session(first, kills.into_iter().chain(others)).for_each(|command| group.push(command));
    } else if !kills.is_empty() {
        // A session that lives only to take them with it.
        let target = "=evermux-end:";
        group.push(command("new-session").word("-d").value("-s", "evermux-end").word("cat").word("-"));
        hooks.shadow_session(target, false).for_each(|command| group.push(command));
        hooks.shadow_window(target, false).for_each(|command| group.push(command));
        end(target, "all", kills).for_each(|command| group.push(command));
    }
}
