//! A whole restore: what comes back is chosen, planned, made, checked, saved, and written into the journal.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};
use jiff::Timestamp;
use thiserror::Error;

use super::apply::{Applied, ApplyError};
use super::carry_out::{carry_out, save_after, start_programs};
use super::hooks::Hooks;
use super::interrupted::Interrupted;
use super::later::Later;
use super::programs::{Programs, Started};
use super::sources::Chosen;
use super::stage::Stage;
use super::told::Told;
use super::{after, editors, interrupted, leftovers, quiet};
use crate::assistants::Resumption;
use crate::capture::{self, NoBlocks};
use crate::choose::Source as Brought;
use crate::diff::Change;
use crate::handlers::Handlers;
use crate::model::{
    BlockId, Debt, Kind, Live, PaneIdentity, Program, ServerName, SessionId, SnapshotId, TmuxVersion,
};
use crate::plan::{self, Plan, Why};
use crate::problem::{Problem, Subject};
use crate::procs::ProcessTable;
use crate::relaunch::resurrect::Resurrect;
use crate::relaunch::{Allow, Permission, Reason, Recipe, by_row};
use crate::save::{self, SaveError};
use crate::store::{Began, Emergency, Journal, RestoreId, RestoreState, Restoring, Store, StoreError};
use crate::text::names::session_name;
use crate::text::quote::printable;
use crate::tmux::{RunError, Script, Server, command};

/// What a restore needs of the world.
pub struct World<'a> {
    /// This user's and machine's own store.
    pub store: &'a Store,
    /// The server's lasting name.
    pub name: &'a ServerName,
    /// How the live server is read.
    pub capture: &'a capture::Options,
    /// The program that recognises itself as a gate's helper: evermux.
    pub helper: &'a Path,
    /// Reads a block of text of the snapshots that come back.
    pub block: &'a dyn Fn(BlockId) -> Option<Vec<u8>>,
    /// The words of `evermux resume`, without the id: they start a program in the shell of a pane.
    pub resume: &'a [BString],
    /// The clock.
    pub now: &'a dyn Fn() -> Timestamp,
    /// Sixteen random bytes.
    pub random: &'a mut dyn FnMut() -> [u8; 16],
    /// How long to wait for another process that saves or restores the same server.
    pub patience: Duration,
    /// Hears how far a restore has come; nothing, where there is nothing to do.
    pub told: &'a mut dyn FnMut(Stage<'_>),
}

/// How a restore is done.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// The new name of the only session that comes back.
    pub rename: Option<BString>,
    /// Whether live sessions are replaced.
    pub replace: bool,
    /// Whether text stays away.
    pub without_text: bool,
    /// Whether the server's global options come back.
    pub options: bool,
    /// Whether shells start only when somebody looks at their panes.
    pub lazy: bool,
    /// What may be started, if the user said so.
    pub allow: Option<Allow>,
    /// Whether it only takes something back: then it is none that could be taken back itself.
    pub undoing: bool,
    /// Whether sessions that nobody has used stay: their terminals were not opened for what comes back.
    pub keep_untouched: bool,
    /// Processes that will have ended before anything is started: what they hold is free then.
    pub ended: Vec<u32>,
    /// Live sessions that give way to a saved one of the same name (see [`super::fresh`]).
    pub fresh: Vec<SessionId>,
}

/// Why nothing, or not all, came back.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The live server could not be read.
    #[error("the server could not be read")]
    Capture(#[from] capture::Error),
    /// What interrupted restores have left could not be cleared away.
    #[error("what an interrupted restore left could not be cleared away")]
    Leftovers(#[source] RunError),
    /// The store did not do its part.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// What is to be replaced could not be saved before; nothing was touched.
    #[error("what is to be replaced could not be saved")]
    Before(#[from] SaveError),
    /// The name asked for belongs to a session that lives.
    #[error("a session named {} is there already", printable(.0))]
    Taken(BString),
    /// It stopped half-way; the next restore completes it.
    #[error("the restore stopped half-way")]
    Apply(#[from] ApplyError),
}

/// What a restore did.
#[derive(Debug)]
pub struct Restored {
    /// Its name in the journal; none if there was nothing to do.
    pub id: Option<RestoreId>,
    /// What it was to do.
    pub plan: Plan,
    /// Differences between what came back and what was there, beyond the debts.
    pub differences: Vec<Change>,
    /// The programs that were started, and run.
    pub started: Vec<Started>,
    /// Those that stand at the prompt of their pane; they are debts.
    pub typed: Vec<Started>,
    /// The debts of the panes it made.
    pub debts: Vec<(Subject, Debt)>,
    /// What went wrong without stopping it.
    pub problems: Vec<Problem>,
    /// The snapshot of what it made.
    pub saved: Option<SnapshotId>,
    /// The panes that wait for their shells to start. Dropped, all of them start.
    pub later: Later,
    /// How many they are.
    pub waiting: usize,
    /// How long it took: reading the server, skeleton, text, finish, settling and checking, programs.
    pub times: [Duration; 6],
}

/// What a restore would do.
///
/// # Errors
/// [`RestoreError::Capture`].
pub fn plan(
    world: &mut World<'_>,
    server: Option<&Server>,
    chosen: &[Chosen],
    manner: &Manner,
) -> Result<Plan, RestoreError> {
    // A look that changes nothing: no identity is set.
    let options = capture::Options { mark: false, text: false, ..world.capture.clone() };
    let live = match server {
        Some(server) => Some(look(world, server, &options)?),
        None => None,
    };
    if let Some(live) = &live {
        free(live, manner)?;
    }
    Ok(build(world, chosen, live.as_ref(), manner))
}

/// Brings back what is chosen onto a running server.
///
/// A session of no use that the server was started with for it (see [`super::beginning`]) goes at the end.
///
/// # Errors
/// [`RestoreError`]. What was made by then is completed by the next restore.
pub fn restore(
    world: &mut World<'_>,
    server: &Server,
    chosen: &[Chosen],
    manner: &Manner,
) -> Result<Restored, RestoreError> {
    let begun = Instant::now();
    let store = world.store;
    let restoring = store.restoring(world.name, world.patience)?;
    let building = store.building(world.name, world.patience)?;
    let limit = world.capture.limit;
    let found = leftovers::clear(server, version(server, limit)?, limit).map_err(RestoreError::Leftovers)?;
    let options = capture::Options { text: false, ..world.capture.clone() };
    let mut live = look(world, server, &options)?;
    if give_names(world, server, &live, &found.hooks)? {
        live = look(world, server, &options)?;
    }
    free(&live, manner)?;
    let plan = build(world, chosen, Some(&live), manner);
    let interrupted = Interrupted::find(world, chosen, &live)?;
    let problems = found.problems.into_iter().chain(plan.problems.iter().cloned()).collect();
    let mut times = [Duration::ZERO; 6];
    times[0] = begun.elapsed();
    let mut restored = Restored {
        id: None,
        plan,
        differences: Vec::new(),
        started: Vec::new(),
        typed: Vec::new(),
        debts: Vec::new(),
        problems,
        saved: None,
        later: Later::default(),
        waiting: 0,
        times,
    };
    let work = Work {
        server,
        chosen,
        live: &live,
        beginnings: &found.beginnings,
        hooks: &found.hooks,
        owed: &interrupted.owed,
    };
    let mut starting = None;
    if !restored.plan.is_empty() {
        let before = save_before(world, server, &restored.plan)?;
        let states = store.editor_states();
        states.sweep((world.now)());
        restored.problems.extend(editors::materialise(&mut restored.plan, &states, world.block));
        let journal = begin(world, &restoring, &work, manner, &restored.plan, before)?;
        restored.id = Some(journal.id());
        starting = carry_out(world, &work, journal, building, &mut restored)?;
    } else {
        close_beginnings(world, &work);
        if !interrupted.owed.is_empty() {
            let nothing = Applied { began: (world.now)(), ..Applied::default() };
            let mut expected = after::Expected {
                plan: &restored.plan,
                applied: &nothing,
                at_prompt: HashSet::new(),
                stands: HashMap::new(),
                prompt_rows: HashMap::new(),
                owed: work.owed,
                programs: Programs::default(),
            };
            restored.saved = Some(save_after(world, &work, Kind::AfterRestore, &mut expected)?.saved);
        }
    }
    for earlier in interrupted.completed {
        restoring.close(earlier, RestoreState::Completed, (world.now)())?;
    }
    if let Some(starting) = starting {
        // Others may restore meanwhile: everything stands, and is saved.
        drop(restoring);
        start_programs(world, &work, starting, &mut restored)?;
    }
    Ok(restored)
}

/// The version of a server.
pub(super) fn version(server: &Server, limit: Duration) -> Result<TmuxVersion, RestoreError> {
    let identity = server.identify(limit).map_err(RestoreError::Leftovers)?;
    let version = identity.map(|identity| identity.version);
    version.ok_or(RestoreError::Apply(ApplyError::Untold("version")))
}

/// What a restore works with.
pub(super) struct Work<'a> {
    pub(super) server: &'a Server,
    pub(super) chosen: &'a [Chosen],
    /// The server as it was found.
    pub(super) live: &'a Live,
    /// Sessions that only keep the server alive until it is done.
    pub(super) beginnings: &'a [SessionId],
    pub(super) hooks: &'a Hooks,
    /// See [`Interrupted::owed`].
    pub(super) owed: &'a HashMap<PaneIdentity, Vec<Debt>>,
}

/// That the new name, if there is one, is free.
fn free(live: &Live, manner: &Manner) -> Result<(), RestoreError> {
    let Some(name) = &manner.rename else { return Ok(()) };
    let reported = session_name(name.as_ref(), live.snapshot.server().version).reported;
    match live.snapshot.sessions().iter().any(|session| session.name == reported) {
        true => Err(RestoreError::Taken(name.clone())),
        false => Ok(()),
    }
}

/// Gives sessions their own names that an interrupted restore has left without; whether there were any.
fn give_names(world: &World<'_>, server: &Server, live: &Live, hooks: &Hooks) -> Result<bool, RestoreError> {
    let version = live.snapshot.server().version;
    let mut group = Script::default();
    for (id, name) in interrupted::own_names(world, live)? {
        let recipe = session_name(name.as_ref(), version);
        let rename = command("rename-session").value("-t", id.to_string()).end_of_flags();
        group.push(rename.word(&recipe.argument));
    }
    if group.is_empty() {
        return Ok(false);
    }
    let script = hooks.without(&group);
    server.run(&script.for_version(version), world.capture.limit).map_err(RestoreError::Leftovers)?;
    Ok(true)
}

/// Closes the sessions that kept the server alive. If nothing else came, it ends with them.
fn close_beginnings(world: &World<'_>, work: &Work<'_>) {
    let mut group = Script::default();
    for id in work.beginnings {
        quiet::end_session(&id.to_string(), []).for_each(|command| group.push(command));
    }
    if !group.is_empty() {
        let script = work.hooks.without(&group);
        let version = work.live.snapshot.server().version;
        let _ = work.server.run(&script.for_version(version), world.capture.limit);
    }
}

/// Reads the live server, without its text.
pub(super) fn look(
    world: &mut World<'_>,
    server: &Server,
    options: &capture::Options,
) -> Result<Live, capture::Error> {
    let now = (world.now)();
    // Sessions that keep the server alive are there, too.
    let options = &capture::Options { unfinished: true, ..options.clone() };
    let captured = capture::capture(server, None, options, now, world.random, &mut NoBlocks)?;
    Ok(captured.live)
}

pub(super) fn build(world: &mut World<'_>, chosen: &[Chosen], live: Option<&Live>, manner: &Manner) -> Plan {
    let sources: Vec<plan::Source<'_>> = chosen.iter().map(Chosen::source).collect();
    let assistants = world.capture.assistants.clone();
    let table = OnceCell::new();
    let resurrect = resurrect(chosen, live);
    let resume = |program: &Program| {
        let assistants = assistants.as_ref()?;
        let Some(conversation) = &program.conversation else {
            return plain(&assistants.handlers, resurrect.as_ref(), program, manner.allow.as_ref());
        };
        // A table that cannot be read tells of nobody who holds the conversation: then it is not started.
        let table = table.get_or_init(|| ProcessTable::read().ok()).as_ref();
        let resumption = match table {
            Some(table) => assistants.resume(program, conversation, table, &manner.ended),
            None => Err("whether it is open elsewhere is not known".to_owned()),
        };
        let handler = &conversation.tool;
        let recipe = |resumption: Resumption| Recipe {
            launch: resumption.launch,
            typed: resumption.prefill.then(|| Reason::HandlerPrefills(handler.clone())),
            permission: Permission::Handler(handler.clone()),
        };
        Some(resumption.map(recipe).map_err(Reason::Conversation))
    };
    let (asked, states) = (world.capture.editors.clone(), world.store.editor_states());
    let editor = |program: &Program, pane| editors::launch(program, pane, asked.as_deref(), &states);
    let mut options = plan::Options {
        now: (world.now)(),
        rename: manner.rename.clone(),
        replace: manner.replace,
        keep_untouched: manner.keep_untouched,
        fresh: manner.fresh.clone(),
        text: !manner.without_text,
        lazy: manner.lazy,
        globals: manner.options,
        allow: manner.allow.clone(),
        enter: &enter,
        resume: &resume,
        editor: &editor,
        random: world.random,
    };
    plan::build(&sources, live, &mut options)
}

/// What the options of tmux-resurrect say in the server that runs, else in the newest state of this machine's that comes back:
/// what comes from elsewhere allows nothing.
fn resurrect(chosen: &[Chosen], live: Option<&Live>) -> Option<Resurrect> {
    if !chosen.iter().all(|chosen| chosen.own) {
        return None;
    }
    let newest = || chosen.iter().map(|chosen| &chosen.snapshot).max_by_key(|snapshot| snapshot.taken_at());
    let snapshot = live.map(|live| &live.snapshot).or_else(newest)?;
    Resurrect::of(&snapshot.server().session_options)
}

/// How a program without a conversation comes back: by a handler of the user's, by what tmux-resurrect was told, by a shipped
/// handler.
fn plain(
    handlers: &Handlers,
    resurrect: Option<&Resurrect>,
    program: &Program,
    allow: Option<&Allow>,
) -> Option<plan::Resumption> {
    let row = by_row(handlers, program);
    if handlers.recognise(&program.command.argv, &[]).is_some_and(|known| known.handler.is_users) {
        return row;
    }
    let is_there = |path: &BString| path.to_path().is_ok_and(Path::is_file);
    let told = resurrect.and_then(|resurrect| resurrect.recipe(program, row.as_ref(), allow, &is_there));
    told.or(row)
}

/// The directory if it can be entered, else its nearest parent that can.
fn enter(directory: &BString) -> BString {
    let path = PathBuf::from(directory.to_os_str_lossy().into_owned());
    let good = |path: &&Path| {
        path.is_absolute() && path.is_dir() && rustix::fs::access(*path, rustix::fs::Access::EXEC_OK).is_ok()
    };
    match path.ancestors().find(good) {
        Some(found) => found.as_os_str().as_encoded_bytes().into(),
        None => "/".into(),
    }
}

/// What is to be replaced is saved first, so that it can be brought back.
fn save_before(
    world: &mut World<'_>,
    server: &Server,
    plan: &Plan,
) -> Result<Option<SnapshotId>, RestoreError> {
    if !plan.closing.iter().any(|closing| closing.why == Why::Replaced) {
        return Ok(None);
    }
    Ok(Some(save_now(world, server)?))
}

/// Saves what is about to be closed.
pub(super) fn save_now(world: &mut World<'_>, server: &Server) -> Result<SnapshotId, SaveError> {
    let request = save::Request {
        server: world.name,
        capture: world.capture,
        kind: Kind::BeforeReplace,
        name: None,
        note: None,
        emergency: Emergency::WhenDue,
        patience: world.patience,
    };
    Ok(save::save(world.store, server, &request, world.now, world.random)?.saved.id)
}

fn begin<'r>(
    world: &mut World<'_>,
    restoring: &'r Restoring<'_>,
    work: &Work<'_>,
    manner: &Manner,
    plan: &Plan,
    before: Option<SnapshotId>,
) -> Result<Journal<'r>, StoreError> {
    let live = work.live;
    let sources =
        work.chosen.iter().filter_map(|chosen| chosen.id.map(|id| (id, chosen))).flat_map(|(id, chosen)| {
            chosen.panes().map(move |(session, panes)| Brought { snapshot: id, session, panes })
        });
    let closing = plan.closing.iter().filter(|closing| closing.why == Why::Replaced);
    let replaced = closing.flat_map(|closing| panes_of(live, closing.session)).collect();
    let journal = restoring.begin(&Began {
        id: RestoreId((world.random)()),
        at: (world.now)(),
        sources: sources.collect(),
        replaced,
        before,
        plan: Told::of(plan, live, manner).to_text(),
    })?;
    journal.into_generation(live.snapshot.server())?;
    Ok(journal)
}

/// The panes of a live session.
fn panes_of(live: &Live, id: crate::model::SessionId) -> Vec<PaneIdentity> {
    let session = live.sessions.iter().position(|other| *other == id);
    let links = session.map(|s| live.snapshot.sessions()[s].links.as_slice()).unwrap_or_default();
    links.iter().flat_map(|&link| live.snapshot.window(link).panes.iter().map(|pane| pane.identity)).collect()
}
