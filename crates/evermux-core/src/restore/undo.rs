//! Taking the last restore back.

use std::collections::HashSet;

use bstr::BString;
use thiserror::Error;

use super::script::{Script, command};
use super::sources::Chosen;
use super::told::{Absorbed, Told};
use super::work::{Manner, RestoreError, World, look, restore, save_now, version};
use super::{leftovers, quiet};
use crate::capture;
use crate::model::{Live, PaneId, PaneIdentity};
use crate::plan::Wanted;
use crate::problem::{Problem, Subject};
use crate::store::{RestoreId, RestoreState, StoreError, StoredRestore};
use crate::tmux::{RunError, Server};

/// Why nothing was taken back.
#[derive(Debug, Error)]
pub enum UndoError {
    /// No restore of this server is left to take back.
    #[error("there is no restore to take back")]
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

/// What taking back the last restore means.
#[derive(Debug)]
pub struct Undo {
    /// Which restore.
    pub restore: StoredRestore,
    /// The panes it made that live; they are closed.
    pub panes: Vec<(PaneId, Subject)>,
    /// What it replaced, as it was; that comes back.
    pub replaced: Option<Chosen>,
    /// Sessions nobody had used that gave way to it; new ones take their place.
    absorbed: Vec<Absorbed>,
    /// The terminals that would be left with nothing to show.
    clients: Vec<BString>,
}

impl Undo {
    /// Names of the sessions that come back.
    pub fn sessions(&self) -> impl Iterator<Item = &bstr::BString> {
        let chosen = self.replaced.iter();
        chosen.flat_map(|chosen| {
            chosen.wanted.iter().map(|wanted| &chosen.snapshot.sessions()[wanted.session].name)
        })
    }
}

/// Says what `undo` would take back.
///
/// # Errors
/// [`UndoError`].
pub fn plan_undo(world: &mut World<'_>, server: &Server) -> Result<Undo, UndoError> {
    let restore = last(world)?.ok_or(UndoError::Nothing)?;
    let options = capture::Options { mark: false, text: false, ..world.capture.clone() };
    let live = look(world, server, &options).map_err(RestoreError::from)?;
    if restore.generation.as_ref() != Some(&live.snapshot.server().generation) {
        return Err(UndoError::OtherLife);
    }
    let told = Told::read(&restore);
    let panes: Vec<(PaneId, Subject)> =
        told.panes.into_iter().filter_map(|identity| alive(&live, identity)).collect();
    let clients = thrown_out(&live, &panes);
    Ok(Undo { absorbed: told.absorbed, clients, panes, replaced: replaced(world, &restore, &live)?, restore })
}

/// The restore that is taken back: the latest that is not, whether it came to its end or not.
fn last(world: &World<'_>) -> Result<Option<StoredRestore>, StoreError> {
    let restores = world.store.all_restores(world.name)?;
    Ok(restores.into_iter().find(|restore| {
        let taken_back = matches!(restore.state, RestoreState::Undone | RestoreState::RolledBack);
        !taken_back && !Told::read(restore).undoes
    }))
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

/// Takes the last restore back: saves what is, brings back what was replaced, and closes the panes that were made.
/// Returns the problems met, and what was taken back.
///
/// # Errors
/// [`UndoError`].
pub fn undo(world: &mut World<'_>, server: &Server) -> Result<(Undo, Vec<Problem>), UndoError> {
    let undo = plan_undo(world, server)?;
    let mut problems = Vec::new();
    save_now(world, server).map_err(RestoreError::from)?;
    if let Some(chosen) = &undo.replaced {
        let manner = Manner { replace: true, undoing: Some(undo.restore.id), ..Manner::default() };
        problems = restore(world, server, std::slice::from_ref(chosen), &manner)?.problems;
    }
    let restoring = world.store.restoring(world.name, world.patience)?;
    let limit = world.capture.limit;
    let version = version(server, limit)?;
    let found = leftovers::clear(server, version, limit)?;
    problems.extend(found.problems);
    let mut script = Script::default();
    hand_over(&undo, &mut script);
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
    restoring.close(undo.restore.id, state, (world.now)())?;
    Ok((undo, problems))
}

/// Gives whoever sat in an untouched session one again.
fn hand_over(undo: &Undo, script: &mut Script) {
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
