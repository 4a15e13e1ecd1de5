//! Undoing what was done last: a closing of the user's, or a restore.

use std::collections::HashSet;

use bstr::BString;
use jiff::Timestamp;
use thiserror::Error;

use super::sources::Chosen;
use super::told::{Absorbed, Told};
use super::work::{Manner, RestoreError, World, look, restore, save_now, version};
use super::{leftovers, quiet, used};
use crate::capture;
use crate::choose::{Closing, Excused, LiveServer, Timeline, last_closing, last_closing_before};
use crate::model::{Debt, Live, PaneId, PaneIdentity, SessionId, Window};
use crate::plan::{Part, Wanted};
use crate::problem::{Problem, Subject};
use crate::store::{RestoreId, RestoreState, StoreError, StoredRestore};
use crate::text::names::session_name;
use crate::tmux::{RunError, Script, Server, command};

/// Why nothing was taken back.
#[derive(Debug, Error)]
pub enum UndoError {
    /// Nothing of this server was closed, and no restore is left to take back.
    #[error("there is nothing to undo")]
    Nothing,
    /// The server that the last restore restored into is gone, and what it made with it.
    #[error("the server of the last restore is gone")]
    OtherLife,
    /// What is to be closed could not be saved before, or what was replaced could not be brought back.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// tmux did not do it.
    #[error("tmux could not be told what to close")]
    Tmux(#[from] RunError),
}

/// What is undone: whatever of the two was done last.
#[derive(Debug)]
pub enum Undo {
    /// What the user closed.
    Closing(Box<Reopening>),
    /// What a restore did.
    Restore(Box<TakingBack>),
}

/// What reopening means.
#[derive(Debug)]
pub struct Reopening {
    /// What was closed.
    pub closing: Closing,
    /// The snapshot that holds it, and what of it comes back.
    pub chosen: Chosen,
    /// The same in words, as large parts as possible.
    pub subjects: Vec<Subject>,
    /// Whether it was closed in an earlier life of the server.
    pub earlier: bool,
}

/// What taking back the last restore means.
#[derive(Debug)]
pub struct TakingBack {
    /// Which restore.
    pub restore: StoredRestore,
    /// The panes it made that live and that nobody has used since; they are closed.
    pub panes: Vec<(PaneId, Subject)>,
    /// The panes it made that somebody has used; they stay.
    pub used: Vec<(PaneIdentity, Subject)>,
    /// What it replaced, as it was; that comes back.
    pub replaced: Option<Chosen>,
    /// Sessions that stand where one comes back but hold something of somebody's; they make room under another name.
    pub moved: Vec<Moved>,
    /// Sessions nobody had used that gave way to it; new ones take their place.
    absorbed: Vec<Absorbed>,
    /// The terminals that would be left with nothing to show.
    clients: Vec<BString>,
}

/// A session that makes room for the one it had replaced.
#[derive(Debug)]
pub struct Moved {
    session: SessionId,
    /// Its name up to now.
    pub name: BString,
    /// Its name from now on.
    pub new: BString,
    /// Its panes that stay. What comes back may be an earlier state of the same panes: these are new ones from now on.
    stay: Vec<PaneId>,
    /// Its panes that nobody has used.
    close: Vec<PaneId>,
}

/// What became of it.
#[derive(Debug, Default)]
pub struct Undone {
    /// What is owed to the panes that came back.
    pub debts: Vec<(Subject, Debt)>,
    /// What went wrong without stopping it.
    pub problems: Vec<Problem>,
}

impl TakingBack {
    /// Names of the sessions that come back.
    pub fn sessions(&self) -> impl Iterator<Item = &bstr::BString> {
        let chosen = self.replaced.iter();
        chosen.flat_map(|chosen| {
            chosen.wanted.iter().map(|wanted| &chosen.snapshot.sessions()[wanted.session].name)
        })
    }
}

/// Says what `undo` would undo: in this life of the server, or, if there was nothing or no server is running, what was
/// closed last in an earlier one.
///
/// # Errors
/// [`UndoError`].
pub fn plan_undo(world: &mut World<'_>, server: Option<&Server>) -> Result<Undo, UndoError> {
    let options = capture::Options { mark: false, text: false, ..world.capture.clone() };
    let live = server.map(|server| look(world, server, &options)).transpose().map_err(RestoreError::from)?;
    let restores = world.store.all_restores(world.name)?;
    let timeline = world.store.timeline(world.name)?;
    let now = (world.now)();
    let excused: Vec<Excused> = restores.iter().filter_map(|restore| excused(restore, now)).collect();
    let last = restores.into_iter().find(can_be_taken_back);
    let living = live.as_ref().map(LiveServer::from);
    if let (Some(server), Some(live), Some(living)) = (server, &live, &living) {
        let closing = last_closing(&timeline, living, &excused, now);
        let restore = last.as_ref().filter(|it| it.generation.as_ref() == Some(&living.generation));
        match (restore, closing) {
            (Some(restore), Some(closing)) if closing.noticed > restore.began_at => {
                return reopening(world, closing, false);
            }
            (Some(restore), _) => return taking_back(world, server, restore.clone(), &timeline, live),
            (None, Some(closing)) => return reopening(world, closing, false),
            (None, None) => {}
        }
    }
    match (last_closing_before(&timeline, living.as_ref(), now), last) {
        (Some(closing), _) => reopening(world, closing, true),
        (None, Some(_)) => Err(UndoError::OtherLife),
        (None, None) => Err(UndoError::Nothing),
    }
}

fn reopening(world: &World<'_>, closing: Closing, earlier: bool) -> Result<Undo, UndoError> {
    let snapshot = world.store.snapshot(closing.snapshot)?.value;
    let mut wanted = Vec::new();
    let mut subjects = Vec::new();
    for (position, panes) in &closing.sessions {
        // Of a damaged snapshot some sessions may be missing.
        let Some(session) = snapshot.sessions().get(*position) else { continue };
        let gone: HashSet<PaneIdentity> = panes.iter().copied().collect();
        let name = || session.name.to_string();
        let all = |window: &Window| window.panes.iter().all(|pane| gone.contains(&pane.identity));
        if session.links.iter().all(|&link| all(snapshot.window(link))) {
            wanted.push(Wanted::session(*position));
            subjects.push(Subject::Session(name()));
            continue;
        }
        for &link in &session.links {
            let window = snapshot.window(link);
            let missing = (window.panes.iter().enumerate()).filter(|(_, pane)| gone.contains(&pane.identity));
            match all(window) {
                true => subjects.push(Subject::Window(name(), link.index)),
                false => subjects.extend(missing.map(|(p, _)| Subject::Pane(name(), link.index, p))),
            }
        }
        wanted.push(Wanted { session: *position, part: Part::Panes(gone) });
    }
    let chosen = Chosen { id: Some(closing.snapshot), snapshot, wanted, own: true };
    Ok(Undo::Closing(Box::new(Reopening { closing, chosen, subjects, earlier })))
}

fn taking_back(
    world: &mut World<'_>,
    server: &Server,
    restore: StoredRestore,
    timeline: &Timeline,
    live: &Live,
) -> Result<Undo, UndoError> {
    let told = Told::read(&restore);
    let in_use = used::since(world, server, &restore, timeline)?;
    let mut panes = Vec::new();
    let mut used = Vec::new();
    for identity in told.panes {
        match alive(live, identity) {
            Some((_, subject)) if in_use.contains(&identity) => used.push((identity, subject)),
            Some(pane) => panes.push(pane),
            None => {}
        }
    }
    let clients = thrown_out(live, &panes);
    let replaced = replaced(world, &restore, live)?;
    let moved = replaced.iter().flat_map(|chosen| making_room(live, chosen, &panes)).collect();
    Ok(Undo::Restore(Box::new(TakingBack {
        absorbed: told.absorbed,
        clients,
        panes,
        used,
        replaced,
        moved,
        restore,
    })))
}

/// Whether it was not taken back, whether it came to its end or not.
fn can_be_taken_back(restore: &StoredRestore) -> bool {
    let taken_back = matches!(restore.state, RestoreState::Undone | RestoreState::RolledBack);
    !taken_back && !Told::read(restore).undoes
}

/// The panes that a restore, or taking it back, has closed.
fn excused(restore: &StoredRestore, now: Timestamp) -> Option<Excused> {
    let mut panes = restore.replaced.clone();
    if matches!(restore.state, RestoreState::Undone | RestoreState::RolledBack) {
        panes.extend(Told::read(restore).panes);
    }
    (!panes.is_empty()).then(|| Excused { panes, until: restore.ended_at.unwrap_or(now) })
}

/// The live sessions that have the names of those that come back, and do not only hold panes that are closed.
fn making_room(live: &Live, coming: &Chosen, closed: &[(PaneId, Subject)]) -> Vec<Moved> {
    let sessions = live.snapshot.sessions();
    let mut taken: HashSet<BString> = sessions.iter().map(|session| session.name.clone()).collect();
    let coming = coming.wanted.iter().map(|wanted| &coming.snapshot.sessions()[wanted.session].name);
    let coming: HashSet<BString> = coming.cloned().collect();
    taken.extend(coming.iter().cloned());
    let mut moved = Vec::new();
    for (session, id) in sessions.iter().zip(&live.sessions).filter(|(it, _)| coming.contains(&it.name)) {
        let panes = session.links.iter().flat_map(|link| &live.panes[link.window]).map(|pane| pane.id);
        let (close, stay): (Vec<PaneId>, _) =
            panes.partition(|id| closed.iter().any(|(other, _)| other == id));
        if stay.is_empty() {
            continue;
        }
        let mut names = (1..).map(|number| BString::from(format!("{}-{number}", session.name)));
        let Some(new) = names.find(|name| !taken.contains(name)) else { continue };
        taken.insert(new.clone());
        moved.push(Moved { session: *id, name: session.name.clone(), new, stay, close });
    }
    moved
}

/// The terminals that show a session of which nothing stays.
fn thrown_out(live: &Live, panes: &[(PaneId, Subject)]) -> Vec<BString> {
    let goes = |s: usize| {
        let windows = live.snapshot.sessions()[s].links.iter().map(|link| &live.panes[link.window]);
        windows.flatten().all(|pane| panes.iter().any(|(id, _)| *id == pane.id))
    };
    let clients = live.snapshot.server().clients.iter();
    clients.filter(|client| goes(client.session)).map(|client| client.tty.clone()).collect()
}

/// Undoes what was done last, as [`plan_undo`] told it. Everything that is there is saved before.
///
/// What was closed is reopened; what was closed in an earlier life of the server comes beside what is there. Of a restore, what it replaced comes back, and the panes are closed that it made and
/// nobody uses.
///
/// # Errors
/// [`UndoError`].
pub fn undo(world: &mut World<'_>, server: &Server, undo: &Undo) -> Result<Undone, UndoError> {
    // A server that was started for it holds nothing to save.
    if !matches!(undo, Undo::Closing(reopening) if reopening.earlier) {
        save_now(world, server).map_err(RestoreError::from)?;
    }
    match undo {
        Undo::Closing(reopening) => {
            let manner = Manner { undoing: true, ..Manner::default() };
            let restored = restore(world, server, std::slice::from_ref(&reopening.chosen), &manner)?;
            Ok(Undone { debts: restored.debts, problems: restored.problems })
        }
        Undo::Restore(taking_back) => take_back(world, server, taking_back),
    }
}

fn take_back(world: &mut World<'_>, server: &Server, undo: &TakingBack) -> Result<Undone, UndoError> {
    let mut undone = Undone::default();
    make_room(world, server, &undo.moved)?;
    if let Some(chosen) = &undo.replaced {
        let manner = Manner { replace: true, undoing: true, ..Manner::default() };
        let restored = restore(world, server, std::slice::from_ref(chosen), &manner)?;
        undone = Undone { debts: restored.debts, problems: restored.problems };
    }
    let restoring = world.store.restoring(world.name, world.patience)?;
    let limit = world.capture.limit;
    let version = version(server, limit)?;
    let found = leftovers::clear(server, version, limit)?;
    undone.problems.extend(found.problems);
    let mut script = Script::default();
    hand_over(undo, &mut script);
    let beginnings: Vec<String> = found.beginnings.iter().map(ToString::to_string).collect();
    let kills = undo.panes.iter().map(|(pane, _)| command("kill-pane").value("-t", pane.to_string()));
    quiet::clear_away(kills.collect(), &beginnings, &found.hooks, &mut script);
    if !script.is_empty() {
        // A server that ended with its last pane may answer nothing.
        match server.run(&found.hooks.without(&script).for_version(version), world.capture.limit) {
            Ok(_) | Err(RunError::Gone { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let state = match undo.restore.state {
        RestoreState::Running | RestoreState::Interrupted => RestoreState::RolledBack,
        _ => RestoreState::Undone,
    };
    let kept: Vec<PaneIdentity> = undo.used.iter().map(|(identity, _)| *identity).collect();
    restoring.release(undo.restore.id, &kept)?;
    restoring.close(undo.restore.id, state, (world.now)())?;
    Ok(undone)
}

/// Gives sessions another name, so that what they had replaced can come back.
fn make_room(world: &World<'_>, server: &Server, moved: &[Moved]) -> Result<(), UndoError> {
    if moved.is_empty() {
        return Ok(());
    }
    let limit = world.capture.limit;
    let version = version(server, limit)?;
    let mut script = Script::default();
    for moved in moved {
        let rename = command("rename-session").value("-t", moved.session.to_string()).end_of_flags();
        script.push(rename.word(&session_name(moved.new.as_ref(), version).argument));
        for pane in &moved.stay {
            let forget = command("set-option").word("-pu").value("-t", pane.to_string());
            script.push(forget.word(PaneIdentity::OPTION));
        }
        for pane in &moved.close {
            script.push(command("kill-pane").value("-t", pane.to_string()));
        }
    }
    let found = leftovers::clear(server, version, limit)?;
    server.run(&found.hooks.without(&script).for_version(version), limit)?;
    Ok(())
}

/// Gives whoever sat in an untouched session one again.
fn hand_over(undo: &TakingBack, script: &mut Script) {
    for session in &undo.absorbed {
        let new = command("new-session").word("-d").value("-s", &session.name);
        script.push(new.literal("-c", &session.directory));
    }
    if let Some(session) = undo.absorbed.first() {
        for client in &undo.clients {
            let switch = command("switch-client").value("-c", client);
            script.push(switch.value("-t", format!("={}", session.name)));
        }
    }
}

/// The name of a restore, short enough to be said.
pub fn short(id: RestoreId) -> String {
    id.to_string().chars().take(8).collect()
}

fn alive(live: &Live, identity: PaneIdentity) -> Option<(PaneId, Subject)> {
    let (w, p) = live.find(identity)?;
    let place = live.snapshot.sessions().iter().find_map(|session| {
        let link = session.links.iter().find(|link| link.window == w)?;
        Some(Subject::Pane(session.name.to_string(), link.index, p))
    });
    Some((live.panes[w][p].id, place.unwrap_or(Subject::Identity(identity))))
}

/// The sessions that a restore replaced, in the snapshot taken before it did.
fn replaced(world: &World<'_>, restore: &StoredRestore, live: &Live) -> Result<Option<Chosen>, StoreError> {
    let Some(before) = restore.before.filter(|_| !restore.replaced.is_empty()) else { return Ok(None) };
    let snapshot = world.store.snapshot(before)?.value;
    // A restore that stopped half-way may have closed nothing yet.
    let ended = matches!(restore.state, RestoreState::Done | RestoreState::Completed);
    let gone = |pane: &&PaneIdentity| ended || live.find(**pane).is_none();
    let lost: HashSet<PaneIdentity> = restore.replaced.iter().filter(gone).copied().collect();
    let wanted = (snapshot.sessions().iter().enumerate())
        .filter(|(_, session)| {
            let windows = session.links.iter().map(|&link| snapshot.window(link));
            windows.flat_map(|window| &window.panes).any(|pane| lost.contains(&pane.identity))
        })
        .map(|(position, _)| Wanted::session(position))
        .collect::<Vec<_>>();
    if wanted.is_empty() {
        return Ok(None);
    }
    Ok(Some(Chosen { id: Some(before), snapshot, wanted, own: true }))
}
