//! The start of a server: what was saved comes back once, by itself, and the server is saved from then on.
//!
//! Whoever gets here may wait for a hanging disk: tmux does not wait any more ([`crate::cli`]'s `at-start`).

mod greeter;

use std::sync::mpsc::channel;
use std::time::Duration;

use evermux_core::choose::LiveServer;
use evermux_core::model::{Generation, ServerName, SessionId, TmuxVersion};
use evermux_core::procs;
use evermux_core::restore::{Manner, Restored, Stage, fresh};
use evermux_core::store::{Access, RestoreState, StartNote, StartOutcome, Store, StoreError};
use evermux_core::tmux::{Identity, Server};
use jiff::Timestamp;

use crate::cli::restore::{self, Onto};
use crate::cli::sources::{self, Sources};
use crate::cli::{describe, keeper, keys, open_to_restore, open_to_work, tmux_conf};
use crate::config::AtStart;
use crate::context::{Context, Global, waits_for_restore};
use crate::error::CliError;
use crate::logging;
use crate::output;
use crate::setup;
use greeter::{Greeter, Greeting};

/// A server that was older when it ran us does not start any more: its config is read again, or evermux was just
/// installed. That there are sessions says nothing: other terminals may have come while the config is read.
const YOUNG: Duration = Duration::from_secs(20);

/// The same where there is no session yet: what the config runs before our line may take its time.
const YOUNG_AND_EMPTY: Duration = Duration::from_secs(120);

/// So many starts that died in their restore are enough.
const ENOUGH: usize = 2;

/// How long the server may take to say who it is: nobody waits for this process any more, and right after a boot a machine
/// may be too busy to answer soon.
const WHO: Duration = Duration::from_secs(30);

/// The process that tmux waits for.
#[derive(Debug, Default)]
pub struct Parent {
    done: bool,
}

impl Parent {
    /// Says: everything stands, the text is still to come.
    pub const STANDS: u8 = b's';
    /// Says: that is all.
    const DONE: u8 = b'd';

    fn stands(&self) {
        self.say(Self::STANDS);
    }

    fn done(&mut self) {
        if !std::mem::replace(&mut self.done, true) {
            self.say(Self::DONE);
        }
    }

    fn say(&self, word: u8) {
        // It may have waited long enough.
        output::tell_parent(&[word]);
    }
}

/// Does what is to be done at the start of the server of `global`. `agreed`: the user was asked and wants it back.
pub fn run(global: &Global, agreed: bool, parent: &mut Parent) {
    let Ok((context, wrong)) = Context::or_defaults(global) else { return };
    let place = context.place();
    let start = match Start::find(context) {
        Ok(start) => start,
        Err(error) => {
            logging::to_file(&place);
            tracing::warn!("nothing was restored at start: {}", error.in_one_line());
            return;
        }
    };
    if waits_for_restore() {
        // If tmux does not answer, the restore will say so.
        let _ = restore::unset_restore(&start.server, WHO);
    }
    let result = match wrong.into_iter().next() {
        Some(error) => Err(error),
        None => start.run(agreed, parent),
    };
    parent.done();
    if let Err(error) = result {
        logging::to_file(&place);
        tracing::warn!("nothing was restored at start: {}", error.in_one_line());
        start.greet(Greeting::Say(format!("nothing was restored: {}", error.in_one_line())));
    }
}

/// Whether the last of these starts that restored something all died of it, and nobody has restored anything by hand
/// since.
///
/// # Errors
/// What the store says.
pub fn has_died(store: &Store, server: &ServerName, starts: &[StartNote]) -> Result<bool, CliError> {
    let restores = starts
        .iter()
        .filter(|start| matches!(start.outcome, StartOutcome::Restoring | StartOutcome::Restored));
    let died: Vec<&StartNote> =
        restores.take_while(|start| start.outcome == StartOutcome::Restoring).collect();
    let Some(last) = died.first().filter(|_| died.len() >= ENOUGH) else { return Ok(false) };
    let well = |state| matches!(state, RestoreState::Done | RestoreState::Completed);
    let restores = store.all_restores(server)?;
    Ok(!restores
        .iter()
        .any(|restore| well(restore.state) && restore.ended_at.is_some_and(|ended| ended > last.at)))
}

/// A server that starts.
struct Start {
    context: Context,
    server: Server,
    version: TmuxVersion,
    generation: Generation,
    empty: bool,
}

/// What is to be done.
enum Decision {
    /// It was done before in this life of the server, or is somebody else's.
    Known,
    /// Nothing, and why.
    No(StartOutcome),
    /// This is to come back.
    Restore(Box<Sources>),
}

impl Start {
    /// Asks the server who it is; why not, if it does not say.
    fn find(context: Context) -> Result<Self, CliError> {
        let server = Server::connect(&context.socket, context.uid, &context.binaries)?;
        let not_understood = || CliError::failed("the server is of a version that is not understood");
        let Identity { version, pid, started, empty } = server.identify(WHO)?.ok_or_else(not_understood)?;
        let generation = Generation { boot: context.boot.clone(), pid, started };
        Ok(Self { context, server, version, generation, empty })
    }

    fn run(&self, agreed: bool, parent: &mut Parent) -> Result<(), CliError> {
        match self.decide(agreed)? {
            Decision::Known => {
                parent.done();
                self.keep(&self.register()?);
            }
            Decision::No(outcome) => {
                parent.done();
                let store = self.register()?;
                let socket = self.context.socket.display();
                tracing::info!(%socket, age = ?self.age(), empty = self.empty, "nothing is restored at start: {outcome:?}");
                if self.note(&store, outcome)? && outcome == StartOutcome::Unsafe {
                    let why = "the server died twice while it was restored at its start";
                    tracing::warn!(socket = %self.context.socket.display(), "nothing was restored: {why}");
                    let what = format!("nothing was restored, because {why}; to try it: evermux restore");
                    self.keep(&store);
                    drop(store);
                    self.greet(Greeting::Say(what));
                } else {
                    self.keep(&store);
                }
            }
            Decision::Restore(sources) if self.asks() && !agreed => {
                parent.done();
                let store = self.register()?;
                let first = self.note(&store, StartOutcome::Asked)?;
                self.keep(&store);
                drop(store);
                if first {
                    self.greet(self.question(&sources)?);
                }
            }
            Decision::Restore(sources) => self.restore(&sources, agreed, parent)?,
        }
        Ok(())
    }

    fn asks(&self) -> bool {
        self.context.config.restore.at_start == AtStart::Ask
    }

    /// Decides without writing anything: where there is nothing to do, nobody waits for a disk.
    fn decide(&self, agreed: bool) -> Result<Decision, CliError> {
        let context = &self.context;
        let store = match Store::open(&context.place(), Access::Read) {
            Err(StoreError::Absent(_)) if !self.has_emergency() => {
                return Ok(Decision::No(StartOutcome::Nothing));
            }
            // What was saved may be in the emergency file alone.
            Err(StoreError::Absent(_) | StoreError::Damaged { .. }) => open_to_work(context)?.0,
            store => store?,
        };
        let store = match store.timeline(&context.server()) {
            Err(StoreError::Damaged { .. }) => open_to_restore(context)?.0,
            _ => store,
        };
        let starts = store.starts(&context.server())?;
        if agreed {
            // It was noted when they were asked.
        } else if context.is_restored_by_another()
            || starts.iter().any(|start| start.generation == self.generation)
        {
            return Ok(Decision::Known);
        } else if self.is_old() {
            return Ok(Decision::No(StartOutcome::TooLate));
        } else if context.declines_restore() {
            return Ok(Decision::No(StartOutcome::Declined));
        } else if context.config.restore.at_start == AtStart::Off || context.state.join("off").exists() {
            return Ok(Decision::No(StartOutcome::Off));
        }
        let live = LiveServer { generation: self.generation.clone(), panes: self.panes() };
        let mut sources = sources::unasked(context, &store, &live)?;
        if context.config.restore.at_start == AtStart::Visible {
            sources.keep_shown();
        }
        if sources.chosen.iter().all(|chosen| chosen.wanted.is_empty()) {
            return Ok(Decision::No(StartOutcome::Nothing));
        }
        if !agreed && has_died(&store, &context.server(), &starts)? {
            return Ok(Decision::No(StartOutcome::Unsafe));
        }
        Ok(Decision::Restore(Box::new(sources)))
    }

    fn has_emergency(&self) -> bool {
        let found = Store::emergencies(&self.context.place());
        found.is_ok_and(|found| {
            found.value.iter().any(|file| file.snapshot.server().name == self.context.server())
        })
    }

    fn is_old(&self) -> bool {
        let limit = if self.empty { YOUNG_AND_EMPTY } else { YOUNG };
        self.age().is_some_and(|age| age > limit)
    }

    /// How old the server was when this process began. By the kernel's own account: right after a boot the clock is often
    /// set, by hours where there is no battery, and a busy machine takes its time until it lets us look.
    fn age(&self) -> Option<Duration> {
        procs::born_after(self.generation.pid, std::process::id()).or_else(|| {
            let began = Timestamp::from_second(self.generation.started).ok()?;
            self.context.now().duration_since(began).try_into().ok()
        })
    }

    /// The panes that are there already, by their lasting names.
    fn panes(&self) -> std::collections::HashSet<evermux_core::model::PaneIdentity> {
        if self.empty {
            return Default::default();
        }
        crate::cli::choosing::glance(&self.context).map(|live| live.panes).unwrap_or_default()
    }

    /// From now on the keeper looks after this server.
    fn register(&self) -> Result<Store, CliError> {
        let (store, _) = open_to_work(&self.context)?;
        store.watch_by_default(&self.context.server(), self.context.now())?;
        logging::to_file(&self.context.place());
        Ok(store)
    }

    /// Notes what is done; whether this process is the one that does it.
    fn note(&self, store: &Store, outcome: StartOutcome) -> Result<bool, CliError> {
        let note = StartNote { generation: self.generation.clone(), at: self.context.now(), outcome };
        Ok(store.note_start(&self.context.server(), &note)?)
    }

    /// Makes sure that there is a keeper, without waiting for it, and that our keys are bound.
    fn keep(&self, store: &Store) {
        let bound = setup::program(self.context.binaries.path.as_deref())
            .and_then(|program| Ok(keys::bind(&self.context, &self.server, &program)?));
        if let Err(error) = bound {
            tracing::warn!("keys are not bound: {}", error.in_one_line());
        }
        let started = store.keeper().map_err(CliError::from).and_then(|keeper| match keeper {
            Some(_) => Ok(()),
            None => keeper::begin(&self.context),
        });
        if let Err(error) = started {
            tracing::warn!("there is no keeper: {}", error.in_one_line());
        }
    }

    fn restore(&self, sources: &Sources, agreed: bool, parent: &mut Parent) -> Result<(), CliError> {
        let context = &self.context;
        let store = self.register()?;
        if !agreed && !self.note(&store, StartOutcome::Restoring)? {
            return Ok(());
        }
        // Before anything is made: a disk that hangs shall leave nothing half-made behind.
        drop(store.restoring(&context.server(), context.config.save.deadline)?);
        let server = Server::connect(&context.socket, context.uid, &context.binaries)?;
        let onto = if self.empty { Onto::Empty(server) } else { Onto::Running(server) };
        let server = onto.started(context)?;
        let (say, hear) = channel();
        let mut hear = Some(hear);
        let (restored, unheard) = std::thread::scope(|scope| {
            let mut greets = None;
            let mut told = |stage: Stage<'_>| match stage {
                Stage::Stands(sessions) => {
                    parent.stands();
                    if let Some(hear) = hear.take() {
                        let greeter = self.greeter(sessions.to_vec());
                        greets = Some(scope.spawn(move || greeter.run(&hear)));
                    }
                    self.keep(&store);
                }
                Stage::Written => parent.done(),
                Stage::AwaitsClient(_) => {}
            };
            let fresh = fresh(&self.server, self.version, WHO).unwrap_or_default();
            let manner = Manner { fresh, ..restore::manner(context, sources) };
            let restored = restore::onto(context, &store, sources, &manner, &server, &mut told);
            let ended = self.ended(&store, sources, restored);
            if let Ok(Some(message)) = &ended {
                // Nobody hears it where nothing stands.
                let _ = say.send(Greeting::Say(message.clone()));
            }
            drop(say);
            (ended, greets.and_then(|greets| greets.join().ok()).flatten())
        });
        drop(store);
        if let Some(greeting) = unheard {
            self.greeter(Vec::new()).wait(&greeting, &mut || context.random());
        }
        restored.map(drop)
    }

    /// Notes and reports how a restore has ended; what users are to be told.
    fn ended(
        &self,
        store: &Store,
        sources: &Sources,
        restored: Result<Restored, CliError>,
    ) -> Result<Option<String>, CliError> {
        self.note(store, StartOutcome::Restored)?;
        let restored = restored?;
        restore::done(&self.context, &restored, sources.problems.clone());
        Ok(restored.id.map(|_| restore::summary(&restored)))
    }

    fn greeter(&self, sessions: Vec<SessionId>) -> Greeter<'_> {
        Greeter { server: &self.server, version: self.version, sessions }
    }

    /// Shows something to whoever comes.
    fn greet(&self, greeting: Greeting) {
        let (say, hear) = channel();
        let _ = say.send(greeting);
        drop(say);
        let greeter = self.greeter(Vec::new());
        if let Some(greeting) = greeter.run(&hear) {
            greeter.wait(&greeting, &mut || self.context.random());
        }
    }

    /// Asks whether this shall come back.
    fn question(&self, sources: &Sources) -> Result<Greeting, CliError> {
        let sessions: usize = sources.chosen.iter().map(|chosen| chosen.wanted.len()).sum();
        let question = format!("bring back {}? (y/n)", describe::count(sessions, "session"));
        let command =
            tmux_conf::command(&setup::program(self.context.binaries.path.as_deref())?, "at-start --agreed");
        let command = command.map_err(|error| {
            CliError::failed("the path of evermux cannot be told to tmux").because(&error)
        })?;
        Ok(Greeting::Ask { question, command })
    }
}
