//! A clean start: the old session and its processes ended, then the new one running, as one step.

use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};

use super::end::{self, Ended, Ending};
use super::ensure::{Make, fill, new_session, placeholder, refused};
use super::find::{fields, id_in, parsed};
use super::{SessionError, SessionName, Talk, Target, Watched, find_pane, panes};
use crate::model::{PaneId, SessionId};
use crate::text::quote::printable;
use crate::tmux::{Nonce, Reach, Script, Server, command};

/// How often the state of a new pane is looked at.
const PAUSE: Duration = Duration::from_millis(30);

/// How many lines of a program that failed are told. What tmux writes into a dead pane scrolls its first row into the history.
pub(super) const LAST_LINES: usize = 20;

/// How it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restarted {
    /// The new session.
    pub id: SessionId,
    /// How the old one ended; none if there was none.
    pub old: Option<Ended>,
    /// How many clients were led from the old one to the new one.
    pub clients: usize,
}

/// Restarts a session. Clients stay: they are led to the new one before the old one ends; the server has a session all the
/// time; and what the new one runs begins after everything of the old one has ended.
///
/// A program that ends within `settle` with an error is a failure, which is told with its last lines.
///
/// # Errors
/// [`SessionError`].
pub fn restart(
    reach: &Reach<'_>,
    make: &Make<'_>,
    ending: Ending,
    settle: Duration,
    nonces: &dyn Fn() -> Nonce,
) -> Result<Restarted, SessionError> {
    if !make.directory.is_dir() {
        return Err(SessionError::NoDirectory(make.directory.to_owned()));
    }
    let end = Instant::now() + ending.limit + ending.grace * 2;
    let mut old = None;
    let mut clients = 0;
    loop {
        let new = hold(reach, make, nonces(), ending.limit)?;
        let server = reach.server()?;
        let replaced = replace(&server, new, make.name, nonces(), ending)?;
        clients += replaced.1;
        old = replaced.0.or(old);
        if let Some(id) = begin(&server, new, make, nonces(), ending.limit)? {
            // Another restart may have come upon it already.
            let pane =
                find_pane(&server, &Target::Id(id), nonces(), ending.limit).map_err(|error| match error {
                    SessionError::NoPaneOfId(_) => {
                        SessionError::ended(make.name.as_bytes(), None, Vec::new())
                    }
                    error => error,
                })?;
            let talk = Talk { server: &server, pane: &pane, nonces, limit: ending.limit };
            watch(&talk, make.name, settle)?;
            return Ok(Restarted { id: new, old, clients });
        }
        // Somebody else has made one of that name meanwhile: it ends, too.
        server.run(&command("kill-session").value("-t", new.to_string()).text(), ending.limit)?;
        if Instant::now() > end {
            return Err(SessionError::Refused(
                "others make a session of that name again and again".to_owned(),
            ));
        }
    }
}

/// A session that does nothing, under a name of ours: the new one, before it begins. It starts a server if there is none.
fn hold(
    reach: &Reach<'_>,
    make: &Make<'_>,
    nonce: Nonce,
    limit: Duration,
) -> Result<SessionId, SessionError> {
    let name = SessionName::new(format!("evermux-{nonce}").as_bytes())
        .map_err(|error| SessionError::Refused(error.to_string()))?;
    let held = Make { name: &name, environment: &[], command: &placeholder(), ..*make };
    let output = reach.run(&new_session(&held, nonce).text(), limit)?;
    let made = id_in(&output.stdout, b'M', nonce);
    made.ok_or_else(|| refused(&output).err().unwrap_or(SessionError::Truncated))
}

/// Leads the clients of the session of this name to another one and ends it; how, and how many there were.
fn replace(
    server: &Server,
    new: SessionId,
    name: &SessionName,
    nonce: Nonce,
    ending: Ending,
) -> Result<(Option<Ended>, usize), SessionError> {
    let panes = panes(server, nonce, ending.limit)?;
    let Some(old) = panes.iter().find(|pane| pane.session_name == name.as_bytes()).map(|pane| pane.session)
    else {
        return Ok((None, 0));
    };
    let list = format!("list-clients -F '{nonce}C#{{session_id}}\t#{{client_name}}'\n");
    let reply = server.run(list.as_bytes(), ending.limit)?.stdout;
    let mut script = Script::default();
    let mut clients = 0;
    for piece in nonce.split(&reply).skip(1) {
        let Some([session, client]) = piece.strip_prefix(b"C").and_then(fields::<2>) else { continue };
        if parsed(session) == Some(old) {
            script.push(command("switch-client").value("-c", client).value("-t", new.to_string()));
            clients += 1;
        }
    }
    if clients > 0 {
        server.run(script.bytes(), ending.limit)?;
    }
    Ok((Some(end::end(server, old, &panes, ending)?), clients))
}

/// Gives the held session its name and lets it begin; its pane. None if the name is taken.
fn begin(
    server: &Server,
    id: SessionId,
    make: &Make<'_>,
    nonce: Nonce,
    limit: Duration,
) -> Result<Option<PaneId>, SessionError> {
    let mut script = Script::default();
    let rename = command("rename-session").value("-t", id.to_string()).end_of_flags();
    let name = crate::text::quote::format_literal(make.name.as_bytes());
    // A chain stops at its first error: what follows tells whether it came so far.
    script.push_chain([rename.word(name), command("list-sessions").value("-F", format!("{nonce}N"))]);
    let renamed = server.run(script.bytes(), limit)?;
    if !nonce.split(&renamed.stdout).skip(1).any(|piece| piece.starts_with(b"N")) {
        return Ok(None);
    }
    let mut script = fill(id, make);
    // So that a program that fails at once can be asked why.
    script.push(
        command("set-option").word("-w").value("-t", format!("{id}:")).word("remain-on-exit").word("on"),
    );
    let pane =
        command("list-panes").value("-t", format!("{id}:")).value("-F", format!("{nonce}I#{{pane_id}}"));
    script.push(pane);
    let output = server.run(script.bytes(), limit)?;
    refused(&output)?;
    id_in(&output.stdout, b'I', nonce).map(Some).ok_or(SessionError::Truncated)
}

/// Sees whether the new program stays.
fn watch(talk: &Talk<'_>, name: &SessionName, settle: Duration) -> Result<(), SessionError> {
    let id = talk.pane.id;
    let begun = Instant::now();
    let mut watched = Watched::new(talk);
    loop {
        let last = begun.elapsed() >= settle;
        if last {
            // Dead or not, from now on it is as the user has it.
            let reset = format!("set-option -wu -t {id} remain-on-exit\n");
            talk.server.run(reset.as_bytes(), talk.limit)?;
        }
        match watched.look() {
            Ok(_) if last => return Ok(()),
            Ok(_) => std::thread::sleep(PAUSE),
            Err(SessionError::Ended { status, last, .. }) => {
                clear_away(talk.server, id, "-w", talk.limit)?;
                // Something short that has done what it was for is no failure.
                return match status {
                    Some(0) => Ok(()),
                    status => Err(SessionError::ended(name.as_bytes(), status, last)),
                };
            }
            Err(error) => return Err(error),
        }
    }
}

/// Closes a dead pane, unless its user has such panes kept. `scope`: the flag of the option that we have set, `-w` or `-p`.
pub(super) fn clear_away(
    server: &Server,
    pane: PaneId,
    scope: &str,
    limit: Duration,
) -> Result<(), SessionError> {
    let script = format!(
        "set-option {scope}u -t {pane} remain-on-exit\n\
         if-shell -F -t {pane} '#{{m/r:^(0|off)$,#{{remain-on-exit}}}}' 'kill-pane -t {pane}'\n"
    );
    server.run(script.as_bytes(), limit)?;
    Ok(())
}

/// The last lines of a screen that hold anything, made printable.
pub(super) fn last_lines(text: &[u8]) -> Vec<String> {
    let lines: Vec<BString> = text.lines().map(|line| BString::from(line.trim_end())).collect();
    let end = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |at| at + 1);
    // tmux writes this into a pane whose program has ended.
    let lines: Vec<String> = lines[..end]
        .iter()
        .filter(|line| !line.starts_with(b"Pane is dead"))
        .map(|line| printable(line))
        .collect();
    let end = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |at| at + 1);
    let begin = lines.iter().position(|line| !line.is_empty()).unwrap_or(end);
    lines[end.saturating_sub(LAST_LINES).max(begin)..end].to_vec()
}
