//! What a restore is to bring back, as whole snapshots with the parts that are wanted.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use bstr::BString;

use crate::choose::{self, RestoreSet, SessionEntry};
use crate::model::{PaneIdentity, ServerName, Session, Snapshot, SnapshotId};
use crate::plan::{Part, Source, Wanted};
use crate::problem::{Problem, Report, Subject};
use crate::store::{Store, StoreError};
use crate::text::quote::printable;

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

    /// The snapshots of a server's restore set, in its order, so that of two sessions of one name the one with the better
    /// claim comes first. `names` limits it to sessions of these names.
    ///
    /// Of a session whose state is damaged, wholly or in part, what is missing comes from older snapshots that still have it.
    ///
    /// # Errors
    /// A snapshot that cannot be read at all is a problem; an error only if the store itself fails.
    pub fn set(
        store: &Store,
        server: &ServerName,
        set: &RestoreSet,
        names: &[BString],
    ) -> Result<Report<Vec<Self>>, StoreError> {
        let mut reading = Reading { store, chosen: Vec::new(), read: HashMap::new(), problems: Vec::new() };
        for session in set.missing().filter(|session| names.is_empty() || names.contains(&session.name)) {
            let mut missing: HashSet<PaneIdentity> = session.panes.iter().copied().collect();
            let all = if session.whole { Part::Whole } else { Part::Panes(missing.clone()) };
            reading.take(session.snapshot, &session.name, &mut missing, |_| all)?;
            if !missing.is_empty() {
                reading.complete(server, session, missing)?;
            }
        }
        Ok(Report { value: reading.chosen, problems: reading.problems })
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

/// How many older snapshots are tried for what is damaged in the newest one.
const OLDER: usize = 100;

/// The snapshots that are read for a restore set.
struct Reading<'a> {
    store: &'a Store,
    chosen: Vec<Chosen>,
    /// Where each is in `chosen`; none for one that is lost.
    read: HashMap<SnapshotId, Option<usize>>,
    problems: Vec<Problem>,
}

impl Reading<'_> {
    /// Has the part of a session that `part` says come from a snapshot, told which of the `missing` panes are there; these are
    /// missing no more. Nothing if none are.
    fn take(
        &mut self,
        id: SnapshotId,
        name: &BString,
        missing: &mut HashSet<PaneIdentity>,
        part: impl FnOnce(HashSet<PaneIdentity>) -> Part,
    ) -> Result<bool, StoreError> {
        let Some(at) = self.snapshot(id)? else { return Ok(false) };
        let snapshot = &self.chosen[at].snapshot;
        let panes = |saved: &Session| -> HashSet<PaneIdentity> {
            let windows = saved.links.iter().map(|link| snapshot.window(*link));
            let panes = windows.flat_map(|window| window.panes.iter().map(|pane| pane.identity));
            panes.filter(|pane| missing.contains(pane)).collect()
        };
        // By name; or by its panes, if the name is what is damaged.
        let sessions = snapshot.sessions();
        let named = sessions.iter().position(|saved| saved.name == *name);
        let position = named.or_else(|| sessions.iter().position(|saved| !panes(saved).is_empty()));
        let Some((position, there)) = position.map(|at| (at, panes(&sessions[at]))) else { return Ok(false) };
        if there.is_empty() {
            return Ok(false);
        }
        missing.retain(|pane| !there.contains(pane));
        self.chosen[at].wanted.push(Wanted { session: position, part: part(there) });
        Ok(true)
    }

    /// Has the panes of a session that its snapshot has lost come from the newest older ones that have them.
    fn complete(
        &mut self,
        server: &ServerName,
        session: &choose::Chosen,
        mut missing: HashSet<PaneIdentity>,
    ) -> Result<(), StoreError> {
        let mut entries = self.store.timeline(server)?.entries;
        entries.retain(|entry| entry.id < session.snapshot);
        entries.sort_by_key(|entry| Reverse(entry.id));
        for entry in entries.iter().take(OLDER) {
            let has_some = |saved: &SessionEntry| saved.panes.iter().any(|pane| missing.contains(pane));
            let Some(saved) = entry.sessions.iter().find(|saved| has_some(saved)) else { continue };
            if self.take(entry.id, &saved.name.clone(), &mut missing, Part::Panes)? {
                let what =
                    format!("damaged in snapshot {}; as it was in snapshot {}", session.snapshot, entry.id);
                let name = printable(&session.name).to_string();
                self.problems.push(Problem::new(Subject::Session(name), what));
            }
            if missing.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Where a snapshot is in `chosen`; none if it is lost, which is a problem.
    fn snapshot(&mut self, id: SnapshotId) -> Result<Option<usize>, StoreError> {
        if let Some(at) = self.read.get(&id) {
            return Ok(*at);
        }
        let at = match self.store.snapshot(id) {
            Err(StoreError::Lost { what, why }) => {
                self.problems.push(Problem::new(Subject::Server, format!("{what} is lost: {why}")));
                None
            }
            report => {
                let Report { value, problems } = report?;
                self.problems.extend(problems);
                let number = (!self.store.is_rescued(id)).then_some(id);
                self.chosen.push(Chosen { id: number, snapshot: value, wanted: Vec::new(), own: true });
                Some(self.chosen.len() - 1)
            }
        };
        self.read.insert(id, at);
        Ok(at)
    }
}

/// A place that a snapshot does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the snapshot has no {}", describe(.0))]
pub struct NoSuchPlace(pub Place);

fn describe(place: &Place) -> String {
    let session = printable(&place.session);
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
