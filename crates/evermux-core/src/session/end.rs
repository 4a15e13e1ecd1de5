//! Ending a session and everything that runs in it.

use std::time::Duration;

use bstr::BString;

use super::trees::{self, Trees};
use super::{Pane, SessionError, SessionName, panes};
use crate::model::SessionId;
use crate::tmux::{Nonce, RunError, Server, command};

/// How a session ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Its processes.
    pub trees: Trees,
    /// Other sessions that have some of its windows: what runs in those lives on.
    pub lives_on_in: Vec<BString>,
}

/// How a session is ended.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// How long its programs may take to end by themselves.
    pub grace: Duration,
    /// Our process, which is left alone if it runs in the session.
    pub asker: u32,
    /// How long tmux may take for an answer.
    pub limit: Duration,
}

/// Ends a session: first its programs, then what is left of it in tmux.
///
/// # Errors
/// [`SessionError`], also if it is not there.
pub fn kill(
    server: &Server,
    name: &SessionName,
    nonce: Nonce,
    ending: Ending,
) -> Result<Ended, SessionError> {
    let panes = panes(server, nonce, ending.limit)?;
    let found = panes.iter().find(|pane| pane.session_name == name.as_bytes());
    let id = found.ok_or_else(|| SessionError::no_session(name.as_bytes()))?.session;
    end(server, id, &panes, ending)
}

/// The same for the session with this id, which may be gone by now.
///
/// # Errors
/// [`SessionError`].
pub fn kill_id(server: &Server, id: SessionId, nonce: Nonce, ending: Ending) -> Result<Ended, SessionError> {
    let panes = panes(server, nonce, ending.limit)?;
    end(server, id, &panes, ending)
}

/// `panes`: all panes of the server.
pub(super) fn end(
    server: &Server,
    id: SessionId,
    panes: &[Pane],
    ending: Ending,
) -> Result<Ended, SessionError> {
    let elsewhere = |pane: &Pane| panes.iter().find(|other| other.id == pane.id && other.session != id);
    let own: Vec<&Pane> = panes.iter().filter(|pane| pane.session == id).collect();
    let mut lives_on_in: Vec<BString> =
        own.iter().filter_map(|pane| Some(elsewhere(pane)?.session_name.clone())).collect();
    lives_on_in.sort();
    lives_on_in.dedup();
    let roots: Vec<u32> =
        own.iter().filter(|pane| !pane.dead && elsewhere(pane).is_none()).map(|pane| pane.pid).collect();
    let trees = trees::end(&roots, ending.grace, ending.asker)?;
    let kill = command("kill-session").value("-t", id.to_string());
    match server.run(&kill.text(), ending.limit) {
        // Gone by itself, and perhaps the server with it: that is what is wanted.
        Ok(_) | Err(RunError::Gone { .. }) => Ok(Ended { trees, lives_on_in }),
        Err(error) => Err(error.into()),
    }
}
