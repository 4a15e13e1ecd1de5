//! A snapshot: all that is known of one server at one moment.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use thiserror::Error;

use super::{Link, Pane, PaneIdentity, Server, Session, Window};

/// All that evermux knows of one server at one moment; immutable. Holds no live ids.
///
/// Invariants, checked by [`Snapshot::new`]: sessions have different names; every session has at least one link,
/// ordered by index without repetition; links, `active` and `last` name things that exist; every window is linked
/// and has at least one pane; a layout's leaves are its window's panes, each once; pane identities are unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    taken_at: Timestamp,
    server: Server,
    sessions: Vec<Session>,
    windows: Vec<Window>,
}

/// Why parts do not make a [`Snapshot`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{object}: {what}")]
pub struct Invalid {
    /// The session, window or pane concerned.
    pub object: String,
    /// What is wrong with it.
    pub what: &'static str,
}

impl Snapshot {
    /// Puts parts together.
    ///
    /// # Errors
    /// [`Invalid`] names the first invariant that does not hold.
    pub fn new(
        taken_at: Timestamp,
        server: Server,
        sessions: Vec<Session>,
        windows: Vec<Window>,
    ) -> Result<Self, Invalid> {
        check_sessions(&sessions, windows.len())?;
        check_windows(&windows)?;
        let snapshot = Self { taken_at, server, sessions, windows };
        snapshot.check_clients()?;
        Ok(snapshot)
    }

    /// When it was taken.
    pub fn taken_at(&self) -> Timestamp {
        self.taken_at
    }

    /// Facts of the server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Its sessions, in tmux's order (by name).
    pub fn sessions(&self) -> &[Session] {
        &self.sessions
    }

    /// Its windows, each once, however many sessions link it.
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// The window behind a link of this snapshot.
    pub fn window(&self, link: Link) -> &Window {
        &self.windows[link.window]
    }

    /// All panes, window by window.
    pub fn panes(&self) -> impl Iterator<Item = &Pane> {
        self.windows.iter().flat_map(|window| &window.panes)
    }

    /// The pane with this identity.
    pub fn pane(&self, identity: PaneIdentity) -> Option<&Pane> {
        self.panes().find(|pane| pane.identity == identity)
    }

    /// Takes it apart, to change something and put it together again.
    pub fn into_parts(self) -> (Timestamp, Server, Vec<Session>, Vec<Window>) {
        (self.taken_at, self.server, self.sessions, self.windows)
    }

    /// The snapshot as if only the sessions at these positions had been there, with the windows that they link; none if
    /// there is no such session.
    pub fn only(&self, positions: &[usize]) -> Option<Self> {
        let kept: Vec<usize> = (0..self.sessions.len()).filter(|at| positions.contains(at)).collect();
        let mut sessions: Vec<Session> = kept.iter().map(|&at| self.sessions[at].clone()).collect();
        let mut windows = Vec::new();
        let mut places: HashMap<usize, usize> = HashMap::new();
        for link in sessions.iter_mut().flat_map(|session| &mut session.links) {
            link.window = *places.entry(link.window).or_insert_with(|| {
                windows.push(self.windows[link.window].clone());
                windows.len() - 1
            });
        }
        let place = |session: usize| kept.iter().position(|&at| at == session);
        let mut server = self.server.clone();
        server.clients.retain_mut(|client| {
            client.last_session = client.last_session.and_then(place);
            place(client.session).map(|session| client.session = session).is_some()
        });
        (!kept.is_empty()).then_some(Self { taken_at: self.taken_at, server, sessions, windows })
    }

    fn check_clients(&self) -> Result<(), Invalid> {
        let count = self.sessions.len();
        for client in &self.server.clients {
            if client.session >= count || client.last_session.is_some_and(|last| last >= count) {
                return Err(invalid(&client.tty, "the client shows a session that does not exist"));
            }
        }
        Ok(())
    }
}

fn invalid(object: &dyn std::fmt::Display, what: &'static str) -> Invalid {
    Invalid { object: object.to_string(), what }
}

fn check_sessions(sessions: &[Session], windows: usize) -> Result<(), Invalid> {
    let mut names = HashSet::new();
    let mut linked = vec![false; windows];
    for session in sessions {
        let wrong = |what| Err(invalid(&session.name, what));
        if !names.insert(&session.name) {
            return wrong("two sessions have this name");
        }
        if session.links.is_empty() {
            return wrong("the session has no window");
        }
        if !session.links.windows(2).all(|pair| pair[0].index < pair[1].index) {
            return wrong("window indexes are not in order");
        }
        for link in &session.links {
            match linked.get_mut(link.window) {
                Some(seen) => *seen = true,
                None => return wrong("a link leads to no window"),
            }
        }
        if session.link(session.active).is_none() {
            return wrong("the current window does not exist");
        }
        if session.last.iter().any(|&index| session.link(index).is_none()) {
            return wrong("a last window does not exist");
        }
    }
    match linked.iter().position(|seen| !seen) {
        Some(window) => Err(invalid(&format!("window {window}"), "no session links it")),
        None => Ok(()),
    }
}

fn check_windows(windows: &[Window]) -> Result<(), Invalid> {
    let mut identities = HashSet::new();
    for window in windows {
        let wrong = |what| Err(invalid(&window.name, what));
        if window.panes.is_empty() {
            return wrong("the window has no pane");
        }
        if window.active >= window.panes.len() {
            return wrong("the active pane does not exist");
        }
        if window.last.iter().any(|&last| last >= window.panes.len()) {
            return wrong("a last pane does not exist");
        }
        let mut leaves: Vec<usize> = window.layout.leaves().map(|leaf| leaf.pane).collect();
        leaves.sort_unstable();
        if !leaves.into_iter().eq(0..window.panes.len()) {
            return wrong("the layout does not hold each pane once");
        }
        for pane in &window.panes {
            if !identities.insert(pane.identity) {
                return Err(invalid(&pane.identity, "two panes have this identity"));
            }
        }
    }
    Ok(())
}
