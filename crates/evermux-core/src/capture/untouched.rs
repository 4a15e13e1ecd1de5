//! Sessions that nobody has used yet.

use super::assemble::Draft;
use crate::model::{Pane, Session};
use crate::tmux::{ListedClient, ListedPane, ListedSession, Listing};

/// Sets [`crate::model::SessionFacts::untouched`] of every session of a draft whose texts are known.
///
/// In doubt a session is touched. Seconds are all that tmux tells, so a key in the second in which the session was
/// made is not seen; a prompt with nothing above it is then still all there is.
pub(super) fn judge(draft: &mut Draft, listing: &Listing) {
    let untouched: Vec<bool> = draft
        .sessions
        .iter()
        .zip(&draft.session_ids)
        .map(|(session, id)| {
            let listed = listing.session(*id);
            listed.is_some_and(|listed| is_unused(session, listed, listing))
                && has_idle_pane(draft, session, listing)
        })
        .collect();
    for (session, untouched) in draft.sessions.iter_mut().zip(untouched) {
        session.facts.untouched = untouched;
    }
}

fn is_unused(session: &Session, listed: &ListedSession, listing: &Listing) -> bool {
    let made = listed.created;
    let fresh = |client: &ListedClient| {
        // Made by this client: attaching is what a client begins with.
        (client.created - made).abs() <= 1 && client.activity <= made + 1 && !client.control
    };
    let clients: Vec<&ListedClient> =
        listing.clients.iter().filter(|client| client.session == listed.name).collect();
    // One that nobody ever looked at is as empty as the one that somebody has just opened.
    let unseen = match (listed.attached, &clients[..]) {
        (0, []) => listed.last_attached.is_none(),
        (1, [client]) => fresh(client),
        _ => false,
    };
    session.name.iter().all(u8::is_ascii_digit)
        && session.group.is_none()
        && unseen
        && made >= listing.server.started
}

fn has_idle_pane(draft: &Draft, session: &Session, listing: &Listing) -> bool {
    let [link] = session.links.as_slice() else { return false };
    let linked =
        draft.sessions.iter().flat_map(|session| &session.links).filter(|other| other.window == link.window);
    match draft.windows[link.window].panes.as_slice() {
        [pane] => {
            let id = draft.panes[link.window][0].id;
            let listed = listing.windows.iter().flat_map(|window| &window.panes).find(|pane| pane.id == id);
            linked.count() == 1 && listed.is_some_and(|listed| is_idle(pane, listed))
        }
        _ => false,
    }
}

/// A shell at its first prompt, nothing below it, nothing above its prompt. A restore looks without reading any text;
/// and the upper rows of a prompt are text as any other: then the cursor tells where the prompt is.
fn is_idle(pane: &Pane, listed: &ListedPane) -> bool {
    let above = listed.history.size == 0 && listed.cursor.1 < pane.facts.prompt_rows.max(1);
    let empty = pane
        .text
        .as_ref()
        .is_some_and(|text| text.history.is_empty() && text.head.is_none() && text.screen.bytes == 0);
    let no_text = empty || above;
    no_text
        && pane.facts.at_prompt
        && pane.facts.processes.len() == 1
        && pane.start.is_none()
        && pane.dead.is_none()
}
