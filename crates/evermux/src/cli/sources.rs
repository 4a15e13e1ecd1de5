//! What a restore brings back: from the arguments to snapshots and their parts.

use std::path::Path;

use bstr::{BStr, BString};
use evermux_core::choose::{LiveServer, RestoreSet, choose};
use evermux_core::history::Which;
use evermux_core::model::{BlockId, ServerName, Snapshot, SnapshotId};
use evermux_core::plan::Wanted;
use evermux_core::problem::Problem;
use evermux_core::restore::{Chosen, NoSuchPlace, Place};
use evermux_core::store::{Access, EmergencyFile, Store, Text};
use evermux_core::text::names::session_name;

use super::choosing::{options, restore_set, restore_set_beside};
use super::which;
use crate::context::Context;
use crate::error::CliError;

/// Snapshots that come back, and who knows their text.
pub struct Sources {
    /// The snapshots, those with the better claim first.
    pub chosen: Vec<Chosen>,
    /// Where their text is, beside this machine's own store.
    text: Vec<Box<dyn Text>>,
    /// What is not as it should be.
    pub problems: Vec<Problem>,
    /// Whether anything was ever saved that could come back.
    pub anything: bool,
}

impl Sources {
    /// A block of text, from wherever it is.
    pub fn block(&self, store: &Store, id: BlockId) -> Option<Vec<u8>> {
        let elsewhere = || self.text.iter().find_map(|text| text.block(&id).ok());
        store.block(&id).ok().or_else(elsewhere)
    }

    /// Leaves out the sessions that no terminal showed, if one showed any.
    pub fn keep_shown(&mut self) {
        let shows = |chosen: &&Chosen| !chosen.snapshot.server().clients.is_empty();
        let Some(latest) = self.chosen.iter().rev().find(shows) else { return };
        let sessions = latest.snapshot.sessions();
        let clients = latest.snapshot.server().clients.iter();
        let shown: Vec<BString> = clients.map(|client| sessions[client.session].name.clone()).collect();
        for chosen in &mut self.chosen {
            let sessions = chosen.snapshot.sessions();
            chosen.wanted.retain(|wanted| shown.contains(&sessions[wanted.session].name));
        }
        self.chosen.retain(|chosen| !chosen.wanted.is_empty());
    }

    /// No snapshots: for what only needs this machine's own store.
    pub fn nothing() -> Self {
        Self::new(Vec::new())
    }

    /// All of a snapshot that is in this machine's own store, or as good.
    pub fn of(snapshot: Snapshot) -> Self {
        let wanted = (0..snapshot.sessions().len()).map(Wanted::session).collect();
        Self::new(vec![Chosen { id: None, snapshot, wanted, own: true }])
    }

    fn new(chosen: Vec<Chosen>) -> Self {
        Self { anything: !chosen.is_empty(), chosen, text: Vec::new(), problems: Vec::new() }
    }
}

/// What the arguments ask for.
pub struct Asked<'a> {
    /// A certain snapshot; otherwise the restore set.
    pub snapshot: Option<&'a Which>,
    /// Certain parts; otherwise everything.
    pub places: &'a [Place],
    /// Another machine's part of the store.
    pub machine: Option<&'a str>,
}

/// Finds what is asked for.
///
/// # Errors
/// Nothing there, wrong use, or what the store says.
pub fn find(context: &Context, store: &Store, asked: &Asked<'_>) -> Result<Sources, CliError> {
    match (asked.machine, asked.snapshot) {
        (Some(machine), which) => from_machine(context, machine, which, asked.places),
        (None, Some(Which::File(path))) => from_file(context, path, asked.places),
        (None, Some(which)) => {
            let id = which::find(context, store, which)?.entry.id;
            stored(store, id, true, asked.places)
        }
        (None, None) => from_set(context, store, asked.places),
    }
}

fn stored(store: &Store, id: SnapshotId, own: bool, places: &[Place]) -> Result<Sources, CliError> {
    let report = store.snapshot(id)?;
    let chosen = Chosen::places(Some(id), report.value, own, places).map_err(no_such_place)?;
    Ok(Sources { problems: report.problems, ..Sources::new(vec![chosen]) })
}

fn from_set(context: &Context, store: &Store, places: &[Place]) -> Result<Sources, CliError> {
    of_set(store, &context.server(), &restore_set(context, store, &context.server())?, places)
}

/// What comes back unasked, where it is known already what is alive.
///
/// # Errors
/// What the store says.
pub fn unasked(context: &Context, store: &Store, live: &LiveServer) -> Result<Sources, CliError> {
    let set = restore_set_beside(context, store, &context.server(), Some(live))?;
    of_set(store, &context.server(), &set, &[])
}

fn of_set(
    store: &Store,
    server: &ServerName,
    set: &RestoreSet,
    places: &[Place],
) -> Result<Sources, CliError> {
    if set.chosen.is_empty() && set.listed.is_empty() && set.left.is_empty() {
        return Ok(Sources::nothing());
    }
    if !places.is_empty() {
        return asked_for(store, set, places);
    }
    let report = Chosen::set(store, server, set, &[])?;
    Ok(Sources { problems: report.problems, anything: true, ..Sources::new(report.value) })
}

/// What comes back for somebody who wants to attach to the session of this name, without a name to the one used last: it
/// alone and sessions that others wait for, or with `all` everything. Only what a restore without arguments would bring
/// back: a session that was closed stays closed. Nothing if that session is not among it.
///
/// # Errors
/// What the store says.
pub fn to_attach(
    context: &Context,
    store: &Store,
    name: Option<&BStr>,
    others: &[BString],
    all: bool,
) -> Result<Sources, CliError> {
    let mut sources = from_set(context, store, &[])?;
    let last = sources.chosen.first().and_then(used_last);
    let is_named = |chosen: &Chosen, session: usize, name: &BStr| {
        let found = &chosen.snapshot.sessions()[session].name;
        found == name || *found == session_name(name, chosen.snapshot.server().version).reported
    };
    let is_it = |at: usize, chosen: &Chosen, session: usize| match name {
        Some(name) => is_named(chosen, session, name),
        None => at == 0 && last == Some(session),
    };
    let mut found = false;
    for (at, chosen) in sources.chosen.iter_mut().enumerate() {
        let mut wanted = std::mem::take(&mut chosen.wanted);
        wanted.retain(|wanted| {
            let it = is_it(at, chosen, wanted.session);
            found |= it;
            it || all || others.iter().any(|other| is_named(chosen, wanted.session, other.as_ref()))
        });
        chosen.wanted = wanted;
    }
    sources.chosen.retain(|chosen| found && !chosen.wanted.is_empty());
    sources.anything = found;
    Ok(sources)
}

/// Of what comes back from a snapshot, the session that somebody looked at last.
fn used_last(chosen: &Chosen) -> Option<usize> {
    let comes = |session: &usize| chosen.wanted.iter().any(|wanted| wanted.session == *session);
    let shown = chosen.snapshot.server().clients.iter().map(|client| client.session).rfind(comes);
    shown.or_else(|| chosen.wanted.last().map(|wanted| wanted.session))
}

/// Sessions that are asked for by name come back also if they were closed, or are too old to come back unasked.
fn asked_for(store: &Store, set: &RestoreSet, places: &[Place]) -> Result<Sources, CliError> {
    let mut sources = Sources::nothing();
    for place in places {
        let chosen = set.chosen.iter().map(|chosen| (&chosen.name, chosen.snapshot));
        let others = set.listed.iter().chain(&set.left).map(|left| (&left.name, left.snapshot));
        let id = chosen.chain(others).find(|(name, _)| **name == place.session).map(|(_, id)| id);
        let id = id.ok_or_else(|| no_such_place(NoSuchPlace(place.clone())))?;
        let report = store.snapshot(id)?;
        let in_store = (!store.is_rescued(id)).then_some(id);
        let chosen = Chosen::places(in_store, report.value, true, std::slice::from_ref(place))
            .map_err(no_such_place)?;
        match sources.chosen.iter_mut().find(|known| known.id.is_some() && known.id == in_store) {
            Some(known) => known.wanted.extend(chosen.wanted),
            None => {
                sources.problems.extend(report.problems);
                sources.chosen.push(chosen);
            }
        }
    }
    sources.anything = true;
    Ok(sources)
}

fn from_file(context: &Context, path: &Path, places: &[Place]) -> Result<Sources, CliError> {
    let report = EmergencyFile::read(path)?;
    // A file in our own folder, which only we can write, is as good as the database.
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    let own = folder.is_some() && folder == context.place().folder().canonicalize().ok();
    let mut sources = of_file(report.value, own, places)?;
    sources.problems.extend(report.problems);
    Ok(sources)
}

fn of_file(file: EmergencyFile, own: bool, places: &[Place]) -> Result<Sources, CliError> {
    let snapshot: Snapshot = file.snapshot.clone();
    let chosen = Chosen::places(None, snapshot, own, places).map_err(no_such_place)?;
    Ok(Sources { text: vec![Box::new(file)], ..Sources::new(vec![chosen]) })
}

/// From the folder of another machine in the same (shared) home.
fn from_machine(
    context: &Context,
    machine: &str,
    which: Option<&Which>,
    places: &[Place],
) -> Result<Sources, CliError> {
    let place = evermux_core::store::Place::new(&context.state, machine, context.uid);
    let store = Store::open(&place, Access::Read)?;
    let servers = store.servers()?;
    let same = servers.iter().find(|server| server.socket == context.server().socket);
    let Some(server): Option<&ServerName> = same.or(servers.first()) else {
        return Ok(Sources::nothing());
    };
    let mut sources = match which {
        Some(Which::File(path)) => return from_file(context, path, places),
        Some(which) => {
            let listed = store.list(&evermux_core::store::Wanted::default())?;
            let id = which.find(&listed, server, context.now(), context.zone())?.entry.id;
            stored(&store, id, false, places)?
        }
        None => {
            let set = choose(&store.timeline(server)?, None, context.now(), &options(context));
            if places.is_empty() {
                let report = Chosen::set(&store, server, &set, &[])?;
                Sources { problems: report.problems, ..Sources::new(report.value) }
            } else {
                asked_for(&store, &set, places)?
            }
        }
    };
    for chosen in &mut sources.chosen {
        // Its numbers are those of the other machine's store.
        chosen.own = false;
        chosen.id = None;
    }
    sources.text.push(Box::new(store));
    Ok(sources)
}

fn no_such_place(error: NoSuchPlace) -> CliError {
    CliError::nothing_there(error.to_string()).hint("See what a snapshot holds: evermux show SNAPSHOT")
}

/// A session asked for with `--session`.
pub fn session(name: &str) -> Place {
    Place { session: BString::from(name), window: None, pane: None }
}
