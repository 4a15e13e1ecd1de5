//! Restores that stopped half-way: which of them this one completes, and what they did not live to note.

use std::collections::{HashMap, HashSet};

use bstr::BString;

use super::skeleton::is_working_name;
use super::sources::Chosen;
use super::work::{Manner, World, build};
use crate::choose::Source;
use crate::model::{Debt, Live, PaneIdentity, SessionId};
use crate::plan::Wanted;
use crate::store::{RestoreId, RestoreState, StoreError, StoredRestore};

/// Restores that stopped half-way.
#[derive(Default)]
pub(super) struct Interrupted {
    /// Those of which everything lives or comes back now.
    pub(super) completed: Vec<RestoreId>,
    /// What panes are owed that they made and that live: it was to be noted when they were done.
    pub(super) owed: HashMap<PaneIdentity, Vec<Debt>>,
}

impl Interrupted {
    /// Looks at all restores of the server, none of which can run now.
    pub(super) fn find(world: &mut World<'_>, chosen: &[Chosen], live: &Live) -> Result<Self, StoreError> {
        let mut found = Self::default();
        let restores = world.store.all_restores(world.name)?;
        let open = |it: &StoredRestore| matches!(it.state, RestoreState::Running | RestoreState::Interrupted);
        let coming: HashSet<PaneIdentity> =
            chosen.iter().flat_map(Chosen::panes).flat_map(|(_, panes)| panes).collect();
        let lives = |pane: &PaneIdentity| live.find(*pane).is_some();
        for restore in restores.into_iter().filter(open) {
            let mut panes = restore.sources.iter().flat_map(|source| &source.panes);
            if panes.all(|pane| coming.contains(pane) || lives(pane)) {
                found.completed.push(restore.id);
            }
            if restore.generation.as_ref() == Some(&live.snapshot.server().generation) {
                found.add_owed(world, &restore, lives)?;
            }
        }
        Ok(found)
    }

    fn add_owed(
        &mut self,
        world: &mut World<'_>,
        restore: &StoredRestore,
        lives: impl Fn(&PaneIdentity) -> bool,
    ) -> Result<(), StoreError> {
        let mut chosen: Vec<Chosen> = Vec::new();
        for source in restore.sources.iter().filter(|source| source.panes.iter().any(&lives)) {
            // A snapshot that is gone or damaged tells nothing any more.
            let Ok(report) = world.store.snapshot(source.snapshot) else { continue };
            if source.session < report.value.sessions().len() {
                let wanted = vec![Wanted::session(source.session)];
                let id = Some(source.snapshot);
                chosen.push(Chosen { id, snapshot: report.value, wanted, own: true });
            }
        }
        let plan = build(world, &chosen, None, &Manner::default());
        for planned in plan.windows.iter().flat_map(|window| &window.panes) {
            let identity = planned.pane.identity;
            if lives(&identity) && !planned.pane.debts.is_empty() {
                self.owed.entry(identity).or_insert_with(|| planned.pane.debts.clone());
            }
        }
        Ok(())
    }
}

/// The own names, if they are free, of sessions that kept their working names: somebody used them when the restore that
/// made them was found interrupted.
pub(super) fn own_names(world: &World<'_>, live: &Live) -> Result<Vec<(SessionId, BString)>, StoreError> {
    let sessions = || live.snapshot.sessions().iter().zip(&live.sessions);
    let unnamed: Vec<_> = sessions().filter(|(session, _)| is_working_name(&session.name)).collect();
    let mut names = Vec::new();
    if unnamed.is_empty() {
        return Ok(names);
    }
    let restores = world.store.all_restores(world.name)?;
    let mut taken: HashSet<BString> = sessions().map(|(session, _)| session.name.clone()).collect();
    for (session, id) in unnamed {
        let windows = session.links.iter().map(|link| link.window);
        let panes: HashSet<PaneIdentity> = windows
            .flat_map(|w| live.snapshot.windows()[w].panes.iter().zip(&live.panes[w]))
            .filter(|(_, live)| live.marked)
            .map(|(pane, _)| pane.identity)
            .collect();
        let common = |source: &Source| source.panes.iter().filter(|pane| panes.contains(pane)).count();
        let sources = restores.iter().flat_map(|restore| &restore.sources);
        let Some(source) = sources.filter(|it| common(it) > 0).max_by_key(|it| common(it)) else { continue };
        // A snapshot that is gone or damaged tells nothing any more.
        let Ok(report) = world.store.snapshot(source.snapshot) else { continue };
        let Some(saved) = report.value.sessions().get(source.session) else { continue };
        if taken.insert(saved.name.clone()) {
            names.push((*id, saved.name.clone()));
        }
    }
    Ok(names)
}
