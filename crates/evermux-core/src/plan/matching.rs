//! Which live session is a saved one: by its panes, then by its name.

use std::collections::{HashMap, HashSet};

use bstr::BString;

use crate::model::{Live, PaneIdentity, Session, SessionId, Snapshot, WindowId};

/// What of a live server counts as already there. Sessions that are about to be closed are left out.
pub(super) struct Present<'a> {
    live: Option<&'a Live>,
    closing: HashSet<SessionId>,
    panes: HashMap<PaneIdentity, (usize, usize)>,
}

impl<'a> Present<'a> {
    /// All of `live` that some session not in `closing` shows.
    pub(super) fn new(live: Option<&'a Live>, closing: HashSet<SessionId>) -> Self {
        let mut panes = HashMap::new();
        if let Some(live) = live {
            let kept: HashSet<usize> = (live.snapshot.sessions().iter().zip(&live.sessions))
                .filter(|(_, id)| !closing.contains(id))
                .flat_map(|(session, _)| session.links.iter().map(|link| link.window))
                .collect();
            for (w, window) in live.snapshot.windows().iter().enumerate() {
                if !kept.contains(&w) {
                    continue;
                }
                for (p, pane) in window.panes.iter().enumerate() {
                    if live.panes[w][p].marked {
                        panes.insert(pane.identity, (w, p));
                    }
                }
            }
        }
        Self { live, closing, panes }
    }

    /// The live server, if there is one.
    pub(super) fn live(&self) -> Option<&'a Live> {
        self.live
    }

    /// Position of the live pane with this identity: window and pane.
    pub(super) fn pane(&self, identity: PaneIdentity) -> Option<(usize, usize)> {
        self.panes.get(&identity).copied()
    }

    /// Position of the live window that holds most of these panes.
    pub(super) fn window(&self, identities: impl Iterator<Item = PaneIdentity>) -> Option<usize> {
        let mut votes: HashMap<usize, usize> = HashMap::new();
        for (w, _) in identities.filter_map(|identity| self.pane(identity)) {
            *votes.entry(w).or_default() += 1;
        }
        votes.into_iter().max_by_key(|&(w, count)| (count, std::cmp::Reverse(w))).map(|(w, _)| w)
    }

    /// Positions of live sessions that stay.
    pub(super) fn sessions(&self) -> impl Iterator<Item = (usize, &'a Session)> + '_ {
        self.live
            .into_iter()
            .flat_map(|live| live.snapshot.sessions().iter().enumerate())
            .filter(|(s, _)| self.live.is_some_and(|live| !self.closing.contains(&live.sessions[*s])))
    }

    /// The live session that a saved one has become: one of its name that shows windows of it; else, because sessions
    /// can be renamed, the one with most of its windows, unless it carries the name of another saved session (then it
    /// only shares windows with ours) or belongs to a group (whose members all have the same); else the one of its
    /// name.
    pub(super) fn session(&self, snapshot: &Snapshot, saved: &Session) -> Option<usize> {
        let mine: HashSet<usize> = (saved.links.iter())
            .filter_map(|&link| self.window(snapshot.window(link).panes.iter().map(|pane| pane.identity)))
            .collect();
        let common =
            |session: &Session| session.links.iter().filter(|link| mine.contains(&link.window)).count();
        let namesake = self.sessions().find(|(_, session)| session.name == saved.name);
        if let Some((s, session)) = namesake
            && (common(session) > 0 || saved.group.is_some())
        {
            return Some(s);
        }
        let others: HashSet<&BString> = snapshot.sessions().iter().map(|session| &session.name).collect();
        let renamed = self
            .sessions()
            .filter(|(_, session)| session.group.is_none() && saved.group.is_none())
            .filter(|(_, session)| !others.contains(&session.name))
            .map(|(s, session)| (s, common(session)))
            .filter(|&(_, common)| common > 0)
            .max_by_key(|&(s, common)| (common, std::cmp::Reverse(s)));
        renamed.map(|(s, _)| s).or(namesake.map(|(s, _)| s))
    }

    /// The id of the live window at this position.
    pub(super) fn window_id(&self, position: usize) -> Option<WindowId> {
        self.live.map(|live| live.windows[position])
    }
}
