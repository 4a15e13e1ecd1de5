//! What a restore is to bring back, as whole snapshots with the parts that are wanted.

use std::collections::HashSet;

use bstr::BString;

use crate::choose::RestoreSet;
use crate::model::{PaneIdentity, Session, Snapshot, SnapshotId};
use crate::plan::{Part, Source, Wanted};
use crate::problem::{Problem, Report, Subject};
use crate::store::{Store, StoreError};

/// A place in a snapshot, as a user names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The session's name.
    pub session: BString,
    /// Index of a window.
    pub window: Option<u32>,
    /// Position of a pane in that window, from 0.
    pub pane: Option<usize>,
}

/// A snapshot, and what of it is to come back.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Its number, if it is in the store.
    pub id: Option<SnapshotId>,
    /// The snapshot.
    pub snapshot: Snapshot,
    /// The parts.
    pub wanted: Vec<Wanted>,
    /// Whether it comes from this machine's own store.
    pub own: bool,
}

impl Chosen {
    /// The places of a snapshot; all of it without any.
    ///
    /// # Errors
    /// The first place that is not in it.
    pub fn places(
        id: Option<SnapshotId>,
        snapshot: Snapshot,
        own: bool,
        places: &[Place],
    ) -> Result<Self, NoSuchPlace> {
        let mut wanted = Vec::new();
        for place in places {
            wanted.push(find(&snapshot, place).ok_or_else(|| NoSuchPlace(place.clone()))?);
        }
        if places.is_empty() {
            wanted = (0..snapshot.sessions().len()).map(Wanted::session).collect();
        }
        Ok(Self { id, snapshot, wanted, own })
    }

    /// The snapshots of a restore set, in its order, so that of two sessions of one name the one with the better
    /// claim comes first. `names` limits it to sessions of these names.
    ///
    /// # Errors
    /// A snapshot that cannot be read at all is a problem; an error only if the store itself fails.
    pub fn set(store: &Store, set: &RestoreSet, names: &[BString]) -> Result<Report<Vec<Self>>, StoreError> {
        let mut chosen: Vec<Self> = Vec::new();
        // The snapshot of each.
        let mut read: Vec<SnapshotId> = Vec::new();
        let mut problems: Vec<Problem> = Vec::new();
        for session in set.missing().filter(|session| names.is_empty() || names.contains(&session.name)) {
            let part = if session.whole {
                Part::Whole
            } else {
                Part::Panes(session.panes.iter().copied().collect::<HashSet<PaneIdentity>>())
            };
            let at = match read.iter().position(|id| *id == session.snapshot) {
                Some(at) => at,
                None => {
                    let report = match store.snapshot(session.snapshot) {
                        Err(StoreError::Lost { what, why }) => {
                            problems.push(Problem::new(Subject::Server, format!("{what} is lost: {why}")));
                            continue;
                        }
                        report => report?,
                    };
                    problems.extend(report.problems);
                    let id = (!store.is_rescued(session.snapshot)).then_some(session.snapshot);
                    read.push(session.snapshot);
                    chosen.push(Self { id, snapshot: report.value, wanted: Vec::new(), own: true });
                    chosen.len() - 1
                }
            };
            // By name: of a damaged snapshot some sessions may be missing. Or by its panes, if the name is what is damaged.
            let snapshot = &chosen[at].snapshot;
            let has_its_panes = |saved: &Session| {
                let windows = saved.links.iter().map(|link| snapshot.window(*link));
                windows.flat_map(|window| &window.panes).any(|pane| session.panes.contains(&pane.identity))
            };
            let named = snapshot.sessions().iter().position(|saved| saved.name == session.name);
            let position = named.or_else(|| snapshot.sessions().iter().position(has_its_panes));
            if let Some(position) = position {
                chosen[at].wanted.push(Wanted { session: position, part });
            }
        }
        Ok(Report { value: chosen, problems })
    }

    pub(super) fn source(&self) -> Source<'_> {
        Source { snapshot: &self.snapshot, wanted: self.wanted.clone(), own: self.own }
    }

    /// The panes it brings back, per session.
    pub(super) fn panes(&self) -> impl Iterator<Item = (usize, Vec<PaneIdentity>)> + '_ {
        self.wanted.iter().map(|wanted| {
            let session = &self.snapshot.sessions()[wanted.session];
            let windows = session.links.iter().map(|&link| self.snapshot.window(link));
            let mut panes: Vec<PaneIdentity> =
                windows.flat_map(|window| window.panes.iter().map(|pane| pane.identity)).collect();
            if let Part::Panes(some) = &wanted.part {
                panes.retain(|pane| some.contains(pane));
            }
            (wanted.session, panes)
        })
    }
}

/// A place that a snapshot does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the snapshot has no {}", describe(.0))]
pub struct NoSuchPlace(pub Place);

fn describe(place: &Place) -> String {
    let session = crate::text::quote::printable(&place.session);
    match (place.window, place.pane) {
        (None, _) => format!("session {session}"),
        (Some(window), None) => format!("window {session}:{window}"),
        (Some(window), Some(pane)) => format!("pane {session}:{window}.{pane}"),
    }
}

fn find(snapshot: &Snapshot, place: &Place) -> Option<Wanted> {
    let session = snapshot.sessions().iter().position(|session| session.name == place.session)?;
    let Some(index) = place.window else { return Some(Wanted::session(session)) };
    let link = snapshot.sessions()[session].link(index)?;
    let part = match place.pane {
        None => Part::Window(index),
        Some(pane) => {
            snapshot.window(link).panes.get(pane)?;
            Part::Pane(index, pane)
        }
    };
    Some(Wanted { session, part })
}
