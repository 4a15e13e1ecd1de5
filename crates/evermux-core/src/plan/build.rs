//! From sources and a live server to a plan.

use std::collections::{HashMap, HashSet};

use bstr::BString;

use super::matching::Present;
use super::pane::restriction;
use super::{
    Closing, Leader, LinkedWindow, Options, Part, Plan, PlannedLink, PlannedPane, PlannedSession,
    PlannedWindow, Scope, SessionPlace, Source, Wanted, Why, WindowPlace,
};
use crate::layout::Layout;
use crate::model::{Buffer, Live, OptionEntry, PaneIdentity, Session, SessionId, Size, Window, WindowId};
use crate::problem::{Problem, Subject};

/// Decides what a restore of `sources` onto `live` (none: no server runs) would do.
///
/// What is there counts by pane identity; a session is matched by its name, then by its panes; missing windows are
/// added to a matched session, at the next free index if theirs is taken; missing panes to a live window.
pub fn build(sources: &[Source<'_>], live: Option<&Live>, options: &mut Options<'_>) -> Plan {
    let closing = if options.replace { to_replace(sources, live, options) } else { Vec::new() };
    let present = Present::new(live, closing.iter().map(|closing| closing.session).collect());
    let mut builder = Builder {
        present,
        plan: Plan { closing, ..Plan::default() },
        made: HashMap::new(),
        named: HashMap::new(),
        taken: HashMap::new(),
        counted: HashSet::new(),
        resumed: HashSet::new(),
        options,
    };
    builder.server(sources);
    builder.shells();
    builder.absorb(sources);
    let shown = used_last(sources);
    let all = || {
        let of = |(position, source): (usize, &'_ Source<'_>)| {
            (0..source.wanted.len()).map(move |w| (position, w))
        };
        sources.iter().enumerate().flat_map(of)
    };
    let is_shown = |&(position, wanted): &(usize, usize)| {
        let source = &sources[position];
        Some(&source.snapshot.sessions()[source.wanted[wanted].session].name) == shown
    };
    for (position, wanted) in all().filter(|at| !is_shown(at)).chain(all().filter(is_shown)) {
        builder.session(position, &sources[position], &sources[position].wanted[wanted]);
    }
    builder.finish(sources)
}

/// The live sessions in whose place saved ones come.
fn to_replace(sources: &[Source<'_>], live: Option<&Live>, options: &Options<'_>) -> Vec<Closing> {
    let present = Present::new(live, HashSet::new());
    let Some(live) = live else { return Vec::new() };
    let mut found: Vec<Closing> = Vec::new();
    for source in sources {
        // What comes back in part replaces nothing: it completes what is there.
        for wanted in source.wanted.iter().filter(|wanted| wanted.part == Part::Whole) {
            let mut saved = source.snapshot.sessions()[wanted.session].clone();
            if let Some(name) = &options.rename {
                saved.name = name.clone();
            }
            if let Some(s) = present.session(source.snapshot, &saved)
                && !found.iter().any(|closing| closing.session == live.sessions[s])
            {
                found.push(closing(live, s, Why::Replaced));
            }
        }
    }
    found
}

fn closing(live: &Live, s: usize, why: Why) -> Closing {
    let clients = live.snapshot.server().clients.iter().filter(|client| client.session == s);
    Closing {
        session: live.sessions[s],
        name: live.snapshot.sessions()[s].name.clone(),
        why,
        clients: clients.map(|client| client.tty.clone()).collect(),
        successor: 0,
    }
}

pub(super) struct Builder<'a, 'o> {
    present: Present<'a>,
    pub(super) plan: Plan,
    /// Windows planned already: source and position in its snapshot, to position in the plan.
    made: HashMap<(usize, usize), usize>,
    /// Sessions planned already, by name.
    named: HashMap<BString, usize>,
    /// Window indexes in use in each planned session.
    taken: HashMap<usize, HashSet<u32>>,
    /// Panes that live, each counted once, whoever links them.
    counted: HashSet<PaneIdentity>,
    /// Conversations that are gone on with, by tool and id: no two programs hold one.
    pub(super) resumed: HashSet<(String, String)>,
    pub(super) options: &'a mut Options<'o>,
}

impl Builder<'_, '_> {
    /// Notes which live sessions have a shell of their own.
    fn shells(&mut self) {
        let Some(live) = self.present.live() else { return };
        for (session, id) in live.snapshot.sessions().iter().zip(&live.sessions) {
            let own = session.options.iter().find(|option| option.name == "default-shell");
            let shell = own.and_then(|option| option.value.clone());
            self.plan.shells.extend(shell.map(|shell| (*id, shell)));
        }
    }

    /// Marks untouched live sessions that have one client and would be in the way or left over.
    fn absorb(&mut self, sources: &[Source<'_>]) {
        let Some(live) = self.present.live() else { return };
        if self.options.keep_untouched
            || self.options.rename.is_some()
            || sources.iter().any(|source| source.wanted.iter().any(Wanted::is_a_place))
        {
            return;
        }
        for (s, session) in self.present.sessions() {
            let clients = live.snapshot.server().clients.iter().filter(|client| client.session == s).count();
            let saved = session.links.iter().any(|&link| {
                let window = live.snapshot.window(link);
                window
                    .panes
                    .iter()
                    .any(|pane| sources.iter().any(|source| source.snapshot.pane(pane.identity).is_some()))
            });
            let comes = |source: &Source<'_>| {
                let saved = source.snapshot.sessions();
                source.wanted.iter().any(|wanted| saved[wanted.session].name == session.name)
            };
            let fresh = self.options.fresh.contains(&live.sessions[s]) && sources.iter().any(comes);
            if !saved && (fresh || clients == 1 && session.facts.untouched) {
                self.plan.closing.push(closing(live, s, Why::Untouched));
            }
        }
    }

    fn gives_way(&self, id: SessionId) -> bool {
        self.plan.closing.iter().any(|closing| closing.session == id)
    }

    /// Plans one session.
    fn session(&mut self, source_position: usize, source: &Source<'_>, wanted: &Wanted) {
        let mut session = source.snapshot.sessions()[wanted.session].clone();
        if let Some(name) = &self.options.rename {
            session.name = name.clone();
        }
        let at = match self.named.get(&session.name) {
            Some(&planned) => planned,
            None => self.place_session(source, session.clone()),
        };
        let (at, joined) = self.holder(at, source);
        let name = if joined { self.plan.sessions[at].session.name.clone() } else { session.name.clone() };
        for link in &session.links {
            if wanted.window(*link, source.snapshot.window(*link)) {
                let label = (name.clone(), link.index);
                let window = self.window(source_position, source, link.window, wanted, label);
                // Another member of its group may have brought it; of its own links a session may have two to one window.
                let same = |other: &PlannedLink| {
                    other.window == window && (joined || other.was.unwrap_or(other.index) == link.index)
                };
                let is_there = self.plan.sessions[at].links.iter().any(same);
                if !is_there && !self.was_moved(at, source, link.window, window) {
                    self.link(at, link.index, window);
                }
            }
        }
    }

    /// The planned session that gets the windows of another one, and whether that joins its group: tmux then gives all
    /// members what one of them has. A live group may lack windows, and no saved member of it may live: then a live one gets
    /// them.
    fn holder(&mut self, at: usize, source: &Source<'_>) -> (usize, bool) {
        match (self.plan.sessions[at].joins, self.present.live()) {
            (Some(Leader::Planned(leader)), _) => (self.holder(leader, source).0, true),
            (Some(Leader::Live(id)), Some(live)) => {
                let planned = self.plan.sessions.iter().position(|it| it.place == SessionPlace::Live(id));
                let s = live.sessions.iter().position(|other| *other == id);
                let holder = planned.or_else(|| Some(self.complete(live, s?, source)));
                (holder.unwrap_or(at), true)
            }
            _ => (at, false),
        }
    }

    /// Puts a live session into the plan, to be completed.
    fn complete(&mut self, live: &Live, s: usize, source: &Source<'_>) -> usize {
        let session = live.snapshot.sessions()[s].clone();
        let position = self.plan.sessions.len();
        self.taken.insert(position, session.links.iter().map(|link| link.index).collect());
        let place = SessionPlace::Live(live.sessions[s]);
        let planned = PlannedSession { session, own: source.own, place, links: Vec::new(), joins: None };
        self.plan.sessions.push(planned);
        position
    }

    /// Finds the place of a session and puts it into the plan, without windows.
    fn place_session(&mut self, source: &Source<'_>, session: Session) -> usize {
        let live = self.present.live();
        let matched = if self.options.rename.is_some() {
            self.present.sessions().find(|(_, other)| other.name == session.name).map(|(s, _)| s)
        } else {
            self.present.session(source.snapshot, &session)
        };
        let matched = matched
            .and_then(|s| live.map(|live| (s, live.sessions[s])))
            .filter(|&(_, id)| !self.gives_way(id));
        let place = matched.map_or(SessionPlace::New, |(_, id)| SessionPlace::Live(id));
        // Completed already, for members of its group.
        let known = |planned: &PlannedSession| place != SessionPlace::New && planned.place == place;
        if let Some(known) = self.plan.sessions.iter().position(known) {
            self.named.insert(session.name.clone(), known);
            return known;
        }
        let position = self.plan.sessions.len();
        let joins = match matched {
            None => session.group.as_ref().and_then(|group| self.leader(group, source)),
            Some(_) => None,
        };
        let mut taken = HashSet::new();
        if let (Some((s, _)), Some(live)) = (matched, live) {
            taken.extend(live.snapshot.sessions()[s].links.iter().map(|link| link.index));
        }
        self.taken.insert(position, taken);
        self.named.insert(session.name.clone(), position);
        self.plan.sessions.push(PlannedSession { session, own: source.own, place, links: Vec::new(), joins });
        position
    }

    /// The session whose group a new member joins.
    fn leader(&self, group: &BString, source: &Source<'_>) -> Option<Leader> {
        let planned =
            self.plan.sessions.iter().position(|planned| planned.session.group.as_ref() == Some(group));
        if let Some(planned) = planned {
            return Some(match self.plan.sessions[planned].place {
                SessionPlace::Live(id) => Leader::Live(id),
                SessionPlace::New => Leader::Planned(planned),
            });
        }
        // A live group is the same if one of its windows is: group names alone are not identities.
        let live = self.present.live()?;
        let members: HashSet<usize> = (source.snapshot.sessions().iter())
            .filter(|session| session.group.as_ref() == Some(group))
            .flat_map(|session| &session.links)
            .filter_map(|&link| {
                self.present.window(source.snapshot.window(link).panes.iter().map(|pane| pane.identity))
            })
            .collect();
        self.present
            .sessions()
            .find(|(_, session)| {
                session.group.as_ref() == Some(group)
                    && session.links.iter().any(|link| members.contains(&link.window))
            })
            .map(|(s, _)| Leader::Live(live.sessions[s]))
    }

    /// Plans a window, once, and says which it is.
    fn window(
        &mut self,
        source_position: usize,
        source: &Source<'_>,
        window_position: usize,
        wanted: &Wanted,
        label: (BString, u32),
    ) -> LinkedWindow {
        let key = (source_position, window_position);
        if let Some(&planned) = self.made.get(&key) {
            return match self.plan.windows[planned].place {
                WindowPlace::New => LinkedWindow::Planned(planned),
                WindowPlace::Live { id, .. } => LinkedWindow::Live(id),
            };
        }
        let saved = &source.snapshot.windows()[window_position];
        let found = match self.options.rename {
            Some(_) => None,
            None => self.present.window(saved.panes.iter().map(|pane| pane.identity)),
        };
        let restriction = restriction(source, window_position);
        let mut panes = Vec::new();
        for (position, pane) in saved.panes.iter().enumerate() {
            if !wanted.pane(position, pane) {
                continue;
            }
            if self.options.rename.is_none() && self.present.pane(pane.identity).is_some() {
                self.plan.present += usize::from(self.counted.insert(pane.identity));
                continue;
            }
            panes.push(self.pane(source, pane, position, restriction, &label));
        }
        if let Some(w) = found {
            return self.complete_window(source, w, saved, panes, key, label);
        }
        let mut window = saved.clone();
        window.panes = Vec::new();
        if panes.len() < saved.panes.len() {
            keep_only(&mut window, &panes);
        }
        self.made.insert(key, self.plan.windows.len());
        self.plan.windows.push(PlannedWindow {
            window,
            own: source.own,
            place: WindowPlace::New,
            panes,
            label,
        });
        LinkedWindow::Planned(self.plan.windows.len() - 1)
    }

    /// Plans the missing panes of a live window.
    fn complete_window(
        &mut self,
        source: &Source<'_>,
        w: usize,
        saved: &Window,
        mut panes: Vec<PlannedPane>,
        key: (usize, usize),
        label: (BString, u32),
    ) -> LinkedWindow {
        let (Some(live), Some(id)) = (self.present.live(), self.present.window_id(w)) else {
            unreachable!("a window was found in a live server")
        };
        if panes.is_empty() {
            return LinkedWindow::Live(id);
        }
        let window = &live.snapshot.windows()[w];
        // Each missing pane goes after its nearest saved predecessor that lives here, else before the first.
        for planned in &mut panes {
            let before = saved.panes[..planned.position].iter().rev();
            let beside = before
                .filter_map(|pane| self.present.pane(pane.identity))
                .find(|&(at, _)| at == w)
                .map(|(_, p)| (live.panes[w][p].id, false));
            planned.beside = beside.or(Some((live.panes[w][0].id, true)));
        }
        let mine: HashSet<PaneIdentity> = saved.panes.iter().map(|pane| pane.identity).collect();
        let fits = window.panes.iter().all(|pane| mine.contains(&pane.identity))
            && window.panes.len() + panes.len() == saved.panes.len();
        let shells = self.plan.shells.iter();
        let shell = shells.filter(|(session, _)| links(live, *session).any(|linked| linked == id));
        let shell = shell.map(|(_, shell)| shell.clone()).next();
        let active = live.panes[w][window.active].id;
        let last = window.last.iter().filter_map(|&p| Some(live.panes[w].get(p)?.id)).collect();
        let place = WindowPlace::Live { id, active, last, zoomed: window.zoomed, fits, shell };
        let mut window = saved.clone();
        window.panes = Vec::new();
        self.made.insert(key, self.plan.windows.len());
        self.plan.windows.push(PlannedWindow { window, own: source.own, place, panes, label });
        LinkedWindow::Live(id)
    }

    /// Whether a live window has left its session since: it was in that one only. It stays where it was put.
    fn was_moved(&self, at: usize, source: &Source<'_>, saved: usize, window: LinkedWindow) -> bool {
        let links = source.snapshot.sessions().iter().flat_map(|session| &session.links);
        matches!((self.plan.sessions[at].place, window), (SessionPlace::Live(_), LinkedWindow::Live(_)))
            && links.filter(|link| link.window == saved).count() < 2
    }

    /// Links a window into a planned session, unless it is there.
    fn link(&mut self, at: usize, index: u32, window: LinkedWindow) {
        let planned = &self.plan.sessions[at];
        if let (SessionPlace::Live(id), LinkedWindow::Live(window), Some(live)) =
            (planned.place, window, self.present.live())
            && links(live, id).any(|linked| linked == window)
        {
            return;
        }
        if self.comes_by_group(at, window) {
            return;
        }
        let taken = self.taken.entry(at).or_default();
        let free = if taken.contains(&index) { (index..).find(|i| !taken.contains(i)) } else { Some(index) };
        let Some(free) = free else { return };
        taken.insert(free);
        let was = (free != index).then_some(index);
        if was.is_some() {
            let subject = Subject::Window(planned.session.name.to_string(), index);
            self.plan
                .problems
                .push(Problem::new(subject, format!("the index is taken; it comes back as {free}")));
        }
        self.plan.sessions[at].links.push(PlannedLink { index: free, was, window });
    }

    /// Whether a window comes to a live session through another member of its group, which tmux keeps alike.
    fn comes_by_group(&self, at: usize, window: LinkedWindow) -> bool {
        let group = |position: usize| match (self.plan.sessions[position].place, self.present.live()) {
            (SessionPlace::Live(id), Some(live)) => {
                let s = live.sessions.iter().position(|session| *session == id)?;
                live.snapshot.sessions()[s].group.as_ref()
            }
            _ => None,
        };
        let linked =
            |position: usize| self.plan.sessions[position].links.iter().any(|link| link.window == window);
        group(at).is_some_and(|mine| (0..at).any(|other| group(other) == Some(mine) && linked(other)))
    }

    /// Plans what belongs to the server as a whole: paste buffers it has not, and, if asked for, global options.
    fn server(&mut self, sources: &[Source<'_>]) {
        let Some(source) = sources.first() else { return };
        let saved = source.snapshot.server();
        let live = self.present.live().map(|live| live.snapshot.server());
        let have =
            |buffer: &Buffer| live.is_some_and(|live| live.buffers.iter().any(|b| b.name == buffer.name));
        self.plan.buffers = saved.buffers.iter().filter(|buffer| !have(buffer)).cloned().collect();
        if !self.options.globals {
            return;
        }
        if !source.own {
            let what = "its global options come from elsewhere and are not set";
            self.plan.problems.push(Problem::new(Subject::Server, what));
            return;
        }
        let tables = [
            (Scope::Server, &saved.server_options, live.map(|live| &live.server_options)),
            (Scope::Session, &saved.session_options, live.map(|live| &live.session_options)),
            (Scope::Window, &saved.window_options, live.map(|live| &live.window_options)),
        ];
        for (scope, saved, live) in tables {
            let same = |option: &OptionEntry| live.is_some_and(|live| live.contains(option));
            let differ = saved.iter().filter(|option| !same(option)).cloned();
            self.plan.globals.extend(differ.map(|option| (scope, option)));
        }
    }

    /// Drops what needs nothing, and settles who follows whom.
    fn finish(mut self, sources: &[Source<'_>]) -> Plan {
        self.drop_idle_sessions();
        if self.plan.sessions.iter().all(|session| session.place != SessionPlace::New) {
            self.plan.closing.clear();
        }
        let shown = used_last(sources);
        let named = |planned: &PlannedSession| Some(&planned.session.name) == shown;
        self.plan.shown = self.plan.sessions.iter().position(named);
        let new = || self.plan.sessions.iter().position(|session| session.place == SessionPlace::New);
        let latest = self.plan.shown.or_else(new).unwrap_or(0);
        let sessions = &self.plan.sessions;
        for closing in &mut self.plan.closing {
            let heir = sessions.iter().position(|planned| planned.session.name == closing.name);
            closing.successor = heir.unwrap_or(latest);
        }
        self.plan
    }

    /// Takes out live sessions that get nothing; positions of the others move.
    fn drop_idle_sessions(&mut self) {
        let idle = |session: &PlannedSession| session.place != SessionPlace::New && session.links.is_empty();
        let mut moved = HashMap::new();
        let mut kept = Vec::new();
        for (position, session) in std::mem::take(&mut self.plan.sessions).into_iter().enumerate() {
            if let (true, SessionPlace::Live(id)) = (idle(&session), session.place) {
                moved.insert(position, Leader::Live(id));
                continue;
            }
            moved.insert(position, Leader::Planned(kept.len()));
            kept.push(session);
        }
        for session in &mut kept {
            if let Some(Leader::Planned(leader)) = session.joins {
                session.joins = moved.get(&leader).copied();
            }
        }
        self.plan.sessions = kept;
    }
}

/// The name of the session that a terminal showed last.
fn used_last<'a>(sources: &[Source<'a>]) -> Option<&'a BString> {
    sources.iter().rev().find_map(|source| {
        let client = source.snapshot.server().clients.first()?;
        Some(&source.snapshot.sessions()[client.session].name)
    })
}

/// The windows of a live session.
fn links(live: &Live, id: SessionId) -> impl Iterator<Item = WindowId> + '_ {
    let session = live.sessions.iter().position(|other| *other == id);
    let links = session.map(|s| live.snapshot.sessions()[s].links.as_slice()).unwrap_or_default();
    links.iter().map(|link| live.windows[link.window])
}

/// Fits a window to these of its panes: one above the other, because the saved layout has places for all.
fn keep_only(window: &mut Window, panes: &[PlannedPane]) {
    window.layout = Layout::stacked(window.size.width, window.size.height, panes.len());
    let (width, height) = window.layout.size();
    window.size = Size { width, height };
    let kept = |position: &usize| panes.iter().any(|pane| pane.position == *position);
    window.zoomed &= kept(&window.active);
    window.last.retain(kept);
}
