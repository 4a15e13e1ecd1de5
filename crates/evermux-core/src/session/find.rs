//! Finding sessions and panes, exactly.

use std::fmt;
use std::time::Duration;

use bstr::{BStr, BString, ByteSlice};

use super::{SessionError, SessionName};
use crate::model::{PaneId, SessionId, TmuxVersion, WindowId};
use crate::tmux::{Nonce, Server};

/// A session that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its id.
    pub id: SessionId,
    /// The server's version.
    pub version: TmuxVersion,
}

/// `NAME[:WINDOW[.PANE]]`, or the id of a pane (`%3`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// By names and indexes.
    Named {
        /// The session.
        session: SessionName,
        /// The window's index; none: the active one.
        window: Option<u32>,
        /// The pane's index as tmux shows it; none: the active one.
        pane: Option<u32>,
    },
    /// By id.
    Id(PaneId),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Named { session, window, pane } => {
                write!(f, "{session}")?;
                window.map_or(Ok(()), |window| write!(f, ":{window}"))?;
                pane.map_or(Ok(()), |pane| write!(f, ".{pane}"))
            }
        }
    }
}

/// A pane in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pane {
    /// Its session.
    pub session: SessionId,
    /// That one's name.
    pub session_name: BString,
    /// Its window.
    pub window: WindowId,
    /// That one's index in the session.
    pub window_index: u32,
    /// Whether that one is the session's active window.
    pub window_active: bool,
    /// Its index in the window.
    pub index: u32,
    /// Whether it is the active one of its window.
    pub active: bool,
    /// Its id.
    pub id: PaneId,
    /// Its process; 0 if there is none.
    pub pid: u32,
    /// Its terminal.
    pub terminal: BString,
    /// Whether its process has ended and it stays (`remain-on-exit`).
    pub dead: bool,
    /// The exit status of a dead one, if it was not ended by a signal.
    pub status: Option<i32>,
    /// The server's version.
    pub version: TmuxVersion,
}

/// The fields of a record after its first, split at TABs; the last takes all that is left.
pub(super) fn fields<const N: usize>(record: &[u8]) -> Option<[&[u8]; N]> {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    let mut parts = record.splitn_str(N, "\t");
    let mut fields = [&b""[..]; N];
    for field in &mut fields {
        *field = parts.next()?;
    }
    Some(fields)
}

/// A field as a number or an id.
pub(super) fn parsed<T: std::str::FromStr>(field: &[u8]) -> Option<T> {
    field.to_str().ok()?.parse().ok()
}

/// What the first record with this tag says, an id.
pub(super) fn id_in<T: std::str::FromStr>(reply: &[u8], tag: u8, nonce: Nonce) -> Option<T> {
    let mut pieces = nonce.split(reply).skip(1).filter_map(<[u8]>::split_first);
    let (_, record) = pieces.find(|(first, _)| **first == tag)?;
    let [id] = fields::<1>(record)?;
    parsed(id)
}

/// Looks for a session by its name: one client, the cheapest listing there is.
///
/// # Errors
/// [`SessionError`], also if it is not there.
pub fn find_session(
    server: &Server,
    name: &SessionName,
    nonce: Nonce,
    limit: Duration,
) -> Result<Found, SessionError> {
    let format = format!("{nonce}S#{{session_id}}\t#{{version}}\t#{{session_name}}");
    let reply = server.ask(&["list-sessions", "-F", &format], limit)?.stdout;
    find_in(&reply, name, nonce).ok_or_else(|| SessionError::no_session(name.as_bytes()))
}

/// The session of this name among records `S`.
pub(super) fn find_in(reply: &[u8], name: &SessionName, nonce: Nonce) -> Option<Found> {
    nonce.split(reply).skip(1).find_map(|piece| {
        let [id, version, found] = fields::<3>(piece.strip_prefix(b"S")?)?;
        (found.as_bstr() == name.as_bytes())
            .then(|| Some(Found { id: parsed(id)?, version: parsed(version)? }))
            .flatten()
    })
}

/// The part of a script that lists all panes.
pub(super) fn panes_line(nonce: Nonce) -> String {
    format!(
        "list-panes -a -F '{nonce}P#{{session_id}}\t#{{window_id}}\t#{{window_index}}\t#{{window_active}}\t\
         #{{pane_index}}\t#{{pane_active}}\t#{{pane_id}}\t#{{pane_pid}}\t#{{pane_tty}}\t#{{pane_dead}}\t\
         #{{pane_dead_status}}\t#{{version}}\t#{{session_name}}'\n"
    )
}

/// All panes; those of linked windows come once for each session.
///
/// # Errors
/// [`SessionError`].
pub fn panes(server: &Server, nonce: Nonce, limit: Duration) -> Result<Vec<Pane>, SessionError> {
    let reply = server.run(panes_line(nonce).as_bytes(), limit)?.stdout;
    Ok(panes_in(&reply, nonce))
}

/// The panes among records `P`.
pub(super) fn panes_in(reply: &[u8], nonce: Nonce) -> Vec<Pane> {
    let read = |piece: &[u8]| {
        let [
            session,
            window,
            window_index,
            window_active,
            index,
            active,
            id,
            pid,
            tty,
            dead,
            status,
            version,
            name,
        ] = fields::<13>(piece.strip_prefix(b"P")?)?;
        Some(Pane {
            session: parsed(session)?,
            session_name: name.into(),
            window: parsed(window)?,
            window_index: parsed(window_index)?,
            window_active: window_active == b"1",
            index: parsed(index)?,
            active: active == b"1",
            id: parsed(id)?,
            // Empty where nothing runs in a pane (3.2 to 3.4).
            pid: parsed(pid).unwrap_or(0),
            terminal: tty.into(),
            dead: dead == b"1",
            status: parsed(status),
            version: parsed(version)?,
        })
    };
    nonce.split(reply).skip(1).filter_map(read).collect()
}

/// Looks for a pane.
///
/// # Errors
/// [`SessionError`], also if it is not there.
pub fn find_pane(
    server: &Server,
    target: &Target,
    nonce: Nonce,
    limit: Duration,
) -> Result<Pane, SessionError> {
    pick(panes(server, nonce, limit)?, target)
}

fn pick(panes: Vec<Pane>, target: &Target) -> Result<Pane, SessionError> {
    let (session, window, pane) = match target {
        Target::Id(id) => {
            let found = panes.into_iter().find(|pane| pane.id == *id);
            return found.ok_or(SessionError::NoPaneOfId(*id));
        }
        Target::Named { session, window, pane } => (session, *window, *pane),
    };
    let name: &BStr = session.as_bytes();
    let mut own: Vec<Pane> = panes.into_iter().filter(|pane| pane.session_name == name).collect();
    if own.is_empty() {
        return Err(SessionError::no_session(name));
    }
    let missing = |what: String| SessionError::NoPane { session: session.to_string(), what };
    own.retain(|pane| window.map_or(pane.window_active, |index| pane.window_index == index));
    if own.is_empty() {
        return Err(missing(format!("window {}", window.unwrap_or_default())));
    }
    own.retain(|found| pane.map_or(found.active, |index| found.index == index));
    own.into_iter().next().ok_or_else(|| missing(format!("pane {target}")))
}
