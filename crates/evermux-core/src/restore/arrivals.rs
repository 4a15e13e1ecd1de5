//! Clients that come while a server is restored, or right after: who just typed `tmux` gets their session back.
//!
//! tmux makes a new session for them, numbered, whatever is there already. One that nobody has used yet is absorbed: its
//! client is switched to a restored session that no client shows, and it is closed. In doubt it stays.

use std::collections::HashSet;
use std::time::Duration;

use bstr::{BStr, BString, ByteSlice};

use super::hooks::Hooks;
use super::quiet;
use crate::model::{SessionId, TmuxVersion};
use crate::procs::ProcessTable;
use crate::tmux::{RunError, Script, Server, command};

/// What was found, and done, about the clients of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// The terminals of the clients.
    pub terminals: Vec<BString>,
    /// Whether a session may still have to be absorbed, when its shell has come to rest.
    pub pending: bool,
    /// How many were absorbed.
    pub absorbed: usize,
}

/// Absorbs the sessions of clients that have just come. `into`: the sessions they are shown instead, in this order; each
/// takes one client.
///
/// # Errors
/// [`RunError`].
pub fn receive(
    server: &Server,
    version: TmuxVersion,
    into: &[SessionId],
    limit: Duration,
) -> Result<Arrivals, RunError> {
    let (here, hooks) = look(server, version, limit)?;
    let free = into.iter().copied().filter(|id| here.is_free(*id));
    let strays = here.strays(into).into_iter().zip(free);
    Ok(Arrivals { terminals: here.terminals(), ..absorb(server, version, strays, &hooks, limit)? })
}

/// The same for the client of one terminal, which is shown this session instead, whoever else shows it.
///
/// # Errors
/// [`RunError`].
pub fn lead(
    server: &Server,
    version: TmuxVersion,
    terminal: &BStr,
    into: SessionId,
    limit: Duration,
) -> Result<Arrivals, RunError> {
    let (here, hooks) = look(server, version, limit)?;
    let strays = here.strays(&[into]).into_iter().filter(|stray| stray.terminal == terminal);
    let strays = strays.map(|stray| (stray, into));
    Ok(Arrivals { terminals: here.terminals(), ..absorb(server, version, strays, &hooks, limit)? })
}

/// Who and what is there, and the user's hooks.
fn look(server: &Server, version: TmuxVersion, limit: Duration) -> Result<(Here, Hooks), RunError> {
    const SEPARATOR: &str = "evermux --";
    let mut script = Script::default();
    script.push(command("list-clients").value("-F", CLIENT));
    script.push(command("list-sessions").value("-F", SESSION));
    script.push(command("list-panes").word("-a").value("-F", PANE));
    script.push(command("display-message").value("-p", SEPARATOR));
    Hooks::list(version, SEPARATOR, &mut script);
    let output = server.run(&script.for_version(version), limit)?;
    let (listing, hooks) = output.stdout.split_once_str(SEPARATOR).unwrap_or((&output.stdout, b""));
    Ok((Here::read(listing), Hooks::read(hooks, SEPARATOR)))
}

/// Shows the clients of these what stands beside them, and ends them, as far as their shells are at rest.
fn absorb(
    server: &Server,
    version: TmuxVersion,
    strays: impl Iterator<Item = (Stray, SessionId)>,
    hooks: &Hooks,
    limit: Duration,
) -> Result<Arrivals, RunError> {
    let mut found = Arrivals::default();
    let mut strays = strays.peekable();
    if strays.peek().is_none() {
        return Ok(found);
    }
    let table = ProcessTable::read().ok();
    let at_rest = |pid: u32| {
        // A shell that has not begun to run anything, or is done with it.
        table.as_ref().is_some_and(|table| {
            table.job(pid).is_some_and(|job| job.own) && table.children(pid).next().is_none()
        })
    };
    let mut group = Script::default();
    for (stray, into) in strays {
        if !at_rest(stray.pid) {
            found.pending = true;
            continue;
        }
        group.push(command("switch-client").value("-c", &stray.terminal).value("-t", into.to_string()));
        quiet::end_session(&stray.session.to_string(), []).for_each(|command| group.push(command));
        found.absorbed += 1;
    }
    if found.absorbed > 0 {
        server.run(&hooks.without(&group).for_version(version), limit)?;
    }
    Ok(found)
}

/// Live sessions, whatever their names, that clients which have only just come have made for themselves, and nobody has used
/// yet: of a terminal that starts `tmux new -A -s main` before the restore has made `main`.
///
/// # Errors
/// [`RunError`].
pub fn fresh(server: &Server, version: TmuxVersion, limit: Duration) -> Result<Vec<SessionId>, RunError> {
    let mut script = Script::default();
    script.push(command("list-clients").value("-F", CLIENT));
    script.push(command("list-sessions").value("-F", SESSION));
    script.push(command("list-panes").word("-a").value("-F", PANE));
    let output = server.run(&script.for_version(version), limit)?;
    let here = Here::read(&output.stdout);
    let fresh = here.sessions.iter().filter(|session| here.is_fresh(session));
    Ok(fresh.map(|session| session.id).collect())
}

const CLIENT: &str =
    "c #{client_control_mode} #{session_id} #{client_activity} #{?client_last_session,1,0} #{client_tty}";
const SESSION: &str = "s #{session_id} #{session_created} #{session_windows} #{session_attached} \
    #{?session_grouped,1,0} #{session_name}";
const PANE: &str = "p #{session_id} #{pane_pid} #{window_panes} #{pane_dead} \
    #{?pane_start_command,#{?default-command,0,1},0}";

/// Who and what is there.
#[derive(Debug, Default)]
struct Here {
    clients: Vec<Client>,
    sessions: Vec<Session>,
    panes: Vec<Pane>,
}

#[derive(Debug)]
struct Client {
    session: SessionId,
    activity: i64,
    /// It has shown another session before.
    moved: bool,
    terminal: BString,
}

#[derive(Debug)]
struct Session {
    id: SessionId,
    created: i64,
    windows: u32,
    attached: u32,
    grouped: bool,
    /// It has the kind of name that tmux gives.
    numbered: bool,
}

#[derive(Debug)]
struct Pane {
    session: SessionId,
    pid: u32,
    /// It is the only one of its window, runs what every new pane runs, and lives.
    plain: bool,
}

/// A session that was made for a client that has only just come.
#[derive(Debug, PartialEq, Eq)]
struct Stray {
    session: SessionId,
    terminal: BString,
    pid: u32,
}

impl Here {
    fn read(listing: &[u8]) -> Self {
        let mut here = Self::default();
        for line in listing.lines() {
            here.record(line);
        }
        here
    }

    /// One record; one that makes no sense is of nobody.
    fn record(&mut self, line: &[u8]) -> Option<()> {
        let mut words = line.splitn(7, |&byte| byte == b' ');
        let kind = words.next()?;
        let mut word = || words.next()?.to_str().ok();
        match kind {
            b"c" => {
                // Control clients are programs.
                let control = word()? == "1";
                let (session, activity) = (word()?.parse().ok()?, word()?.parse().ok()?);
                let client = Client { session, activity, moved: word()? == "1", terminal: word()?.into() };
                self.clients.extend((!control).then_some(client));
            }
            b"s" => {
                let id = word()?.parse().ok()?;
                let created = word()?.parse().ok()?;
                let (windows, attached) = (word()?.parse().ok()?, word()?.parse().ok()?);
                let grouped = word()? == "1";
                let numbered = word()?.bytes().all(|byte| byte.is_ascii_digit());
                self.sessions.push(Session { id, created, windows, attached, grouped, numbered });
            }
            b"p" => {
                let (session, pid) = (word()?.parse().ok()?, word()?.parse().ok()?);
                let plain = word()? == "1" && word()? == "0" && word()? == "0";
                self.panes.push(Pane { session, pid, plain });
            }
            _ => {}
        }
        Some(())
    }

    fn terminals(&self) -> Vec<BString> {
        self.clients.iter().map(|client| client.terminal.clone()).collect()
    }

    /// Whether a session is there and nobody looks at it.
    fn is_free(&self, id: SessionId) -> bool {
        self.sessions.iter().any(|session| session.id == id && session.attached == 0)
    }

    /// Whether a session has one plain pane, and only clients that came for it and have not pressed a key. Seconds are all
    /// that tmux tells.
    fn is_fresh(&self, session: &Session) -> bool {
        let mut clients = self.clients.iter().filter(|client| client.session == session.id).peekable();
        let mut panes = self.panes.iter().filter(|pane| pane.session == session.id);
        session.windows == 1
            && !session.grouped
            && clients.peek().is_some()
            && clients.all(|client| !client.moved && client.activity <= session.created + 1)
            && panes.next().is_some_and(|pane| pane.plain)
            && panes.next().is_none()
    }

    /// Fresh sessions but these that have the kind of name tmux gives, and are shown by one client.
    fn strays(&self, restored: &[SessionId]) -> Vec<Stray> {
        let restored: HashSet<&SessionId> = restored.iter().collect();
        let stray = |session: &Session| {
            let own = session.numbered && session.attached == 1 && !restored.contains(&session.id);
            if !own || !self.is_fresh(session) {
                return None;
            }
            let client = self.clients.iter().find(|client| client.session == session.id)?;
            let pane = self.panes.iter().find(|pane| pane.session == session.id)?;
            Some(Stray { session: session.id, terminal: client.terminal.clone(), pid: pane.pid })
        };
        self.sessions.iter().filter_map(stray).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strays(listing: &str) -> Vec<String> {
        let restored = ["$1".parse().unwrap()];
        let strays = Here::read(listing.as_bytes()).strays(&restored);
        strays.iter().map(|stray| stray.session.to_string()).collect()
    }

    #[test]
    fn fresh_is_what_nobody_has_pressed_a_key_in() {
        let fresh = |client: &str, pane: &str| {
            let here = Here::read(format!("{client}\ns $2 10 1 2 0 work\n{pane}\n").as_bytes());
            here.is_fresh(&here.sessions[0])
        };
        let (client, pane) = ("c 0 $2 11 0 /dev/pts/1\nc 0 $2 10 0 /dev/pts/2", "p $2 8 1 0 0");
        assert!(fresh(client, pane));
        assert!(!fresh("", pane));
        assert!(!fresh("c 0 $2 11 0 /dev/pts/1\nc 0 $2 19 0 /dev/pts/2", pane));
        assert!(!fresh(client, "p $2 8 1 0 1"));
        assert!(!fresh(client, "p $2 8 1 0 0\np $2 9 1 0 0"));
    }

    #[test]
    fn only_what_nobody_has_used_is_a_stray() {
        let of = |client: &str, session: &str, pane: &str| {
            strays(&format!(
                "c 0 $1 5 0 /dev/pts/1\ns $1 5 1 1 0 0\np $1 7 1 0 0\n{client}\n{session}\n{pane}\n"
            ))
        };
        let (client, session, pane) = ("c 0 $2 11 0 /dev/pts/2", "s $2 10 1 1 0 3", "p $2 8 1 0 0");
        assert_eq!(of(client, session, pane), ["$2"]);
        for client in ["c 0 $2 12 0 /dev/pts/2", "c 0 $2 11 1 /dev/pts/2", "c 1 $2 11 0 /dev/pts/2", "c"] {
            assert!(of(client, session, pane).is_empty(), "{client}");
        }
        for session in ["s $2 10 2 1 0 3", "s $2 10 1 2 0 3", "s $2 10 1 1 1 3", "s $2 10 1 1 0 work", "s $2"]
        {
            assert!(of(client, session, pane).is_empty(), "{session}");
        }
        for pane in ["p $2 8 2 0 0", "p $2 8 1 1 0", "p $2 8 1 0 1", "p $2 8 1 0 0\np $2 9 1 0 0"] {
            assert!(of(client, session, pane).is_empty(), "{pane}");
        }
    }
}
