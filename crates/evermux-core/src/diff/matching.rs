//! Which session, window and pane of one snapshot is which of another.

use std::collections::HashMap;

use crate::model::{PaneIdentity, Session, Snapshot, Window};

/// Of everything in the first snapshot, its position in the second; none where it is gone.
pub(super) struct Matching {
    pub sessions: Vec<Option<usize>>,
    pub windows: Vec<Option<usize>>,
    /// Of each window, its panes, as window and position.
    pub panes: Vec<Vec<Option<(usize, usize)>>>,
}

impl Matching {
    /// Matches by identity. Sessions without a common pane are matched by name; and if the snapshots have not a single
    /// pane in common (one is imported, say), windows by session and index, panes by position in their window.
    pub fn new(before: &Snapshot, after: &Snapshot) -> Self {
        let places = places(after);
        let windows = windows_by_identity(before, &places, after.windows().len());
        let sessions = sessions(before, after, &places);
        let by_identity =
            |window: &Window| window.panes.iter().map(|pane| places.get(&pane.identity).copied()).collect();
        let panes = before.windows().iter().map(by_identity).collect();
        let mut matching = Self { sessions, windows, panes };
        if matching.panes.iter().flatten().all(Option::is_none) {
            matching.by_place(before, after);
        }
        matching
    }

    fn by_place(&mut self, before: &Snapshot, after: &Snapshot) {
        let mut taken = vec![false; after.windows().len()];
        for (session, twin) in before.sessions().iter().zip(&self.sessions) {
            let Some(twin) = twin.map(|twin| &after.sessions()[twin]) else { continue };
            for link in &session.links {
                let Some(other) = twin.link(link.index) else { continue };
                if self.windows[link.window].is_none() && !taken[other.window] {
                    self.windows[link.window] = Some(other.window);
                    taken[other.window] = true;
                }
            }
        }
        for (panes, twin) in self.panes.iter_mut().zip(&self.windows) {
            let Some(twin) = *twin else { continue };
            for (position, slot) in panes.iter_mut().enumerate().take(after.windows()[twin].panes.len()) {
                *slot = Some((twin, position));
            }
        }
    }
}

/// Where each pane stands: window and position.
type Places = HashMap<PaneIdentity, (usize, usize)>;

fn places(snapshot: &Snapshot) -> Places {
    let windows = snapshot.windows().iter().enumerate();
    let panes =
        windows.flat_map(|(w, window)| window.panes.iter().enumerate().map(move |(p, pane)| (w, p, pane)));
    panes.map(|(w, p, pane)| (pane.identity, (w, p))).collect()
}

/// Each window with the one that holds most of its panes; windows with more panes in common choose first.
fn windows_by_identity(before: &Snapshot, places: &Places, count: usize) -> Vec<Option<usize>> {
    let mut pairs: HashMap<(usize, usize), usize> = HashMap::new();
    for (position, window) in before.windows().iter().enumerate() {
        for (other, _) in window.panes.iter().filter_map(|pane| places.get(&pane.identity)) {
            *pairs.entry((position, *other)).or_default() += 1;
        }
    }
    best(pairs, before.windows().len(), count)
}

/// Sessions of one name that share a window, then those that share most windows, then those of one name.
fn sessions(before: &Snapshot, after: &Snapshot, places: &Places) -> Vec<Option<usize>> {
    let named: HashMap<_, usize> =
        after.sessions().iter().zip(0..).map(|(s, position)| (&s.name, position)).collect();
    let holders = holders(after);
    let mut pairs: HashMap<(usize, usize), usize> = HashMap::new();
    for (position, session) in before.sessions().iter().enumerate() {
        for (window, _) in identities(before, session).filter_map(|identity| places.get(&identity)) {
            for other in &holders[*window] {
                *pairs.entry((position, *other)).or_default() += 1;
            }
        }
        // Members of a group share all windows; only the name tells them apart.
        if let Some(other) = named.get(&session.name)
            && let Some(shared) = pairs.get_mut(&(position, *other))
        {
            *shared = usize::MAX;
        }
    }
    let mut matched = best(pairs, before.sessions().len(), after.sessions().len());
    let mut taken = taken(&matched, after.sessions().len());
    for (session, slot) in before.sessions().iter().zip(&mut matched) {
        if let (None, Some(&other)) = (&slot, named.get(&session.name))
            && !taken[other]
        {
            *slot = Some(other);
            taken[other] = true;
        }
    }
    matched
}

fn identities<'a>(snapshot: &'a Snapshot, session: &'a Session) -> impl Iterator<Item = PaneIdentity> + 'a {
    session.links.iter().flat_map(|link| &snapshot.window(*link).panes).map(|pane| pane.identity)
}

/// Of each window, the sessions that link it.
fn holders(snapshot: &Snapshot) -> Vec<Vec<usize>> {
    let mut holders = vec![Vec::new(); snapshot.windows().len()];
    for (position, session) in snapshot.sessions().iter().enumerate() {
        for link in &session.links {
            if holders[link.window].last() != Some(&position) {
                holders[link.window].push(position);
            }
        }
    }
    holders
}

/// One-to-one pairs, those with most in common first; among equals the earlier.
fn best(pairs: HashMap<(usize, usize), usize>, count: usize, others: usize) -> Vec<Option<usize>> {
    let mut pairs: Vec<((usize, usize), usize)> = pairs.into_iter().collect();
    pairs.sort_by_key(|&(pair, common)| (std::cmp::Reverse(common), pair));
    let (mut matched, mut taken) = (vec![None; count], vec![false; others]);
    for ((one, other), _) in pairs {
        if matched[one].is_none() && !taken[other] {
            matched[one] = Some(other);
            taken[other] = true;
        }
    }
    matched
}

fn taken(matched: &[Option<usize>], count: usize) -> Vec<bool> {
    let mut taken = vec![false; count];
    for other in matched.iter().flatten() {
        taken[*other] = true;
    }
    taken
}
