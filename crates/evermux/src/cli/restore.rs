//! `evermux restore`: brings back what was saved.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use evermux_core::history::Which;
use evermux_core::model::Debt;
use evermux_core::plan::{Plan, command_line, owed};
use evermux_core::problem::{Problem, Subject};
use evermux_core::relaunch::{Allow, begins_empty};
use evermux_core::restore::{self, Manner, Place, Restored, Stage, Started, World};
use evermux_core::store::{Logs, RestoredNote, Store, write_restored};
use evermux_core::tmux::{ConnectError, RunError, Server, Start, StartError};
use serde_json::{Value, json};

use super::sources::{self, Asked, Sources};
use super::{describe, hold, programs, resume, target, which};
use crate::config::Unknown;
use crate::context::{Context, RESTORE};
use crate::error::{CliError, Exit};
use crate::logging;
use crate::output::{self, Outcome, json_text, outside};

/// Bring back what was saved
///
/// Without SNAPSHOT: of every session its last good state, whatever life of the server it is from (`evermux list
/// --why` tells). What is there stays as it is; only what is missing is made. Without a server one is started.
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    #[arg(value_name = "SNAPSHOT", help = which::HELP)]
    snapshot: Option<Which>,

    /// Only this session; may be given more than once
    #[arg(long = "session", value_name = "SESSION")]
    sessions: Vec<String>,

    /// Only this window, SESSION:INDEX
    #[arg(long, value_name = "WINDOW")]
    window: Vec<String>,

    /// Only this pane, SESSION:INDEX.POSITION
    #[arg(long, value_name = "PANE")]
    pane: Vec<String>,

    /// Bring one session back under another name, beside the one that may be there
    #[arg(long = "as", value_name = "NAME", conflicts_with = "replace")]
    rename: Option<String>,

    /// Close live sessions that stand where a saved one comes back; they are saved before
    #[arg(long)]
    replace: bool,

    /// What may be started again: `none`, `safe` (what is known to be harmless), `all` (but what is dangerous), `ask`, or names
    /// of further programs
    #[arg(long, value_name = "POLICY", value_delimiter = ',')]
    run: Vec<String>,

    /// Start the shell of a pane only when a client shows it, or a key comes to it; its text is there at once
    #[arg(long)]
    lazy: bool,

    /// Without text
    #[arg(long)]
    no_scrollback: bool,

    /// Set the server's global options as they were, too
    #[arg(long)]
    options: bool,

    /// From what another machine saved in this (shared) home
    #[arg(long, value_name = "MACHINE")]
    from: Option<String>,

    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

impl Args {
    fn places(&self) -> Result<Vec<Place>, CliError> {
        let mut places: Vec<Place> = self.sessions.iter().map(|name| sources::session(name)).collect();
        for window in &self.window {
            places.push(target::window(window)?);
        }
        for pane in &self.pane {
            places.push(target::pane(pane)?);
        }
        if self.replace && !(self.window.is_empty() && self.pane.is_empty()) {
            return Err(CliError::usage("--replace replaces whole sessions")
                .hint("Close the window or pane yourself, then restore it."));
        }
        if self.rename.is_some() && (places.len() != 1 || self.sessions.is_empty()) {
            return Err(CliError::usage("--as names one session").hint("Say which with --session."));
        }
        Ok(places)
    }

    /// `own`: all of it comes from this machine's own store, so that the settings may allow programs.
    fn manner(&self, context: &Context, own: bool) -> Manner {
        let words = match self.run.is_empty() && own {
            true => &context.config.restore.run,
            false => &self.run,
        };
        Manner {
            rename: self.rename.as_deref().map(Into::into),
            replace: self.replace,
            without_text: self.no_scrollback,
            options: self.options,
            lazy: self.lazy || context.config.restore.lazy,
            allow: (own || !words.is_empty()).then(|| allow(context, words)),
            undoing: false,
            keep_untouched: false,
            ended: Vec::new(),
            fresh: Vec::new(),
        }
    }
}

/// How what was saved here comes back unasked.
pub fn manner(context: &Context, sources: &Sources) -> Manner {
    let own = sources.chosen.iter().all(|chosen| chosen.own);
    let allow = own.then(|| allow(context, &context.config.restore.run));
    Manner { allow, lazy: context.config.restore.lazy, ..Manner::default() }
}

/// What may be started, by the words of `--run`: `none`, `safe` (also called `table`), `all`, `ask`, names of programs.
fn allow(context: &Context, words: &[String]) -> Allow {
    let is = |word: &String, of: &[&str]| of.contains(&word.as_str());
    let names = words.iter().filter(|word| !is(word, &["table", "safe", "none", "all", "ask"]));
    let names: Vec<_> = names.map(|name| name.as_str().into()).collect();
    let all = words.iter().any(|word| word == "all");
    // Who names a program on the command line does not want less than without it.
    let table = all || words.iter().any(|word| is(word, &["table", "safe", "ask"])) || !names.is_empty();
    Allow { table, all, names, prefill: table && context.config.restore.unknown == Unknown::Prefill }
}

/// Finds what comes back, starts a server if there is none, and restores.
pub fn run(context: &Context, args: &Args) -> Result<Outcome, CliError> {
    let places = args.places()?;
    let (store, mut problems) = super::open_to_restore(context)?;
    logging::to_file(&context.place());
    let asked = Asked { snapshot: args.snapshot.as_ref(), places: &places, machine: args.from.as_deref() };
    let mut sources = sources::find(context, &store, &asked)?;
    if !sources.anything {
        return Err(CliError::nothing_there("there is nothing to restore")
            .hint("Nothing of this server has been saved yet: evermux save"));
    }
    problems.append(&mut sources.problems);
    let mut manner = args.manner(context, sources.chosen.iter().all(|chosen| chosen.own));
    let ground = ground(context)?;
    if args.run.iter().any(|word| word == "ask") {
        ask(context, &store, &sources, &ground, &mut manner)?;
    }
    if args.dry_run {
        let plan = with_world(context, &store, &sources, |world| {
            restore::plan(world, ground.running(), &sources.chosen, &manner)
        })?;
        return Ok(planned(&plan, problems));
    }
    let mut told = |stage: Stage<'_>| {
        if let Stage::AwaitsClient(limit) = stage {
            let limit = limit.as_secs();
            output::note(&format!(
                "everything stands; what asks its terminal for colours starts when somebody attaches, or in {limit} s"
            ));
        }
    };
    let restored = onto(context, &store, &sources, &manner, &ground.started(context)?, &mut told)?;
    let mut outcome = done(context, &restored, problems);
    if restored.id.is_none() && !args.run.is_empty() {
        outcome
            .text
            .push_str("  --run starts programs in the panes that a restore makes, not in those that live\n");
    }
    Ok(outcome)
}

/// Asks of each program that would only be typed whether it may start.
fn ask(
    context: &Context,
    store: &Store,
    sources: &Sources,
    ground: &Onto,
    manner: &mut Manner,
) -> Result<(), CliError> {
    if context.json || !std::io::stdin().is_terminal() {
        return Err(CliError::usage("nobody can be asked here")
            .hint("--run safe, --run all or the names of programs ask nothing."));
    }
    let plan = with_world(context, store, sources, |world| {
        restore::plan(world, ground.running(), &sources.chosen, manner)
    })?;
    let panes = plan.windows.iter().flat_map(|window| &window.panes);
    let typed = panes.filter_map(|pane| pane.launch.as_ref()).filter(|launch| launch.prefill);
    let Some(allow) = &mut manner.allow else { return Ok(()) };
    for launch in typed.map(|planned| &planned.launch) {
        let Some(name) = launch.names.first().filter(|name| !allow.names.contains(name)) else { continue };
        let question = format!("Start {}? All of this name will. [y/N] ", command_line(&launch.argv));
        if output::ask(&question).map_err(|error| CliError::failed("cannot ask").because(&error))? {
            allow.names.push(name.clone());
        }
    }
    Ok(())
}

/// What there is to restore onto.
///
/// # Errors
/// If there is a server that cannot be used.
pub fn ground(context: &Context) -> Result<Onto, CliError> {
    let server = match Server::connect(&context.socket, context.uid, &context.binaries) {
        Ok(server) => server,
        Err(ConnectError::Missing(_) | ConnectError::Dead(_)) => return Ok(Onto::Starting(start(context))),
        Err(error) => return Err(error.into()),
    };
    match server.identify(context.config.save.deadline) {
        Ok(Some(identity)) if identity.empty => Ok(Onto::Empty(server)),
        Ok(_) => Ok(Onto::Running(server)),
        // One that was killed a moment ago may still accept, but answers nothing.
        Err(RunError::Gone { .. }) => Ok(Onto::Starting(start(context))),
        Err(error) => Err(error.into()),
    }
}

/// The server that is restored onto.
pub enum Onto {
    /// One that runs.
    Running(Server),
    /// One that runs without any session (`exit-empty off`).
    Empty(Server),
    /// One that is started for it; the arguments are still to come.
    Starting(Start),
}

impl Onto {
    /// The server that runs and has a session.
    pub fn running(&self) -> Option<&Server> {
        match self {
            Self::Running(server) => Some(server),
            Self::Empty(_) | Self::Starting(_) => None,
        }
    }

    /// A server that runs with a session, whatever there was before.
    ///
    /// # Errors
    /// If it does not start.
    pub fn started(self, context: &Context) -> Result<Server, CliError> {
        let limit = context.config.save.deadline;
        // A server needs a session to live; this one goes when the others have come.
        let name = format!("evermux-start-{:08x}", u128::from_be_bytes(context.random()) as u32);
        let beginning = restore::beginning(&name);
        match self {
            Self::Running(server) => Ok(server),
            Self::Empty(server) => {
                let words: Vec<_> =
                    beginning.into_iter().filter_map(|word| word.into_string().ok()).collect();
                server.run(format!("new-session -d {}\n", words.join(" ")).as_bytes(), limit)?;
                Ok(server)
            }
            Self::Starting(mut start) => {
                start.arguments = beginning;
                start.environment = Some(context.environment_of_restored(start.environment.take()));
                match start.run(limit) {
                    // Somebody else was faster.
                    Err(StartError::Running(_)) => ground(context)?.started(context),
                    started => {
                        let server = started?;
                        // It has been heard by now, and is not for what runs in this server.
                        server.run(format!("set-environment -gu {RESTORE}\n").as_bytes(), limit)?;
                        Ok(server)
                    }
                }
            }
        }
    }
}

/// Takes the variable away with which a server was started: it has been heard by now, and is not for what runs in it.
///
/// # Errors
/// What tmux says.
pub fn unset_restore(server: &Server, limit: Duration) -> Result<(), RunError> {
    server.run(format!("set-environment -gu {RESTORE}\n").as_bytes(), limit).map(drop)
}

/// Restores into a server; `told` hears how far it has come. Panes whose shells start later are left to a process of their
/// own.
pub fn onto(
    context: &Context,
    store: &Store,
    sources: &Sources,
    manner: &Manner,
    server: &Server,
    told: &mut dyn FnMut(Stage<'_>),
) -> Result<Restored, CliError> {
    let mut restored = with_told(context, store, sources, told, |world| {
        restore::restore(world, server, &sources.chosen, manner)
    })?;
    if let Err(error) = hold::leave(context, std::mem::take(&mut restored.later)) {
        let what = format!("shells do not wait to be shown: {}", error.in_one_line());
        restored.problems.push(Problem::new(Subject::Server, what));
        restored.waiting = 0;
    }
    Ok(restored)
}

/// How the user's server is started: with their own config and environment, at home.
pub fn start(context: &Context) -> Start {
    Start {
        binaries: context.binaries.clone(),
        socket: context.socket.clone(),
        config: None,
        arguments: Vec::new(),
        directory: context.binaries.home.clone().unwrap_or_else(|| PathBuf::from("/")),
        environment: None,
        uid: context.uid,
        launcher: super::scope::launcher(context),
    }
}

/// Gives the library what it needs of the world.
pub fn with_world<T, E: Into<CliError>>(
    context: &Context,
    store: &Store,
    sources: &Sources,
    work: impl FnOnce(&mut World<'_>) -> Result<T, E>,
) -> Result<T, CliError> {
    with_told(context, store, sources, &mut |_| {}, work)
}

/// The same, for who wants to hear how far it has come.
pub fn with_told<T, E: Into<CliError>>(
    context: &Context,
    store: &Store,
    sources: &Sources,
    told: &mut dyn FnMut(Stage<'_>),
    work: impl FnOnce(&mut World<'_>) -> Result<T, E>,
) -> Result<T, CliError> {
    let helper = std::env::current_exe()
        .map_err(|error| CliError::failed("cannot tell where evermux itself is").because(&error))?;
    let mut world = World {
        store,
        name: &context.server(),
        capture: &super::capture_options(context),
        helper: &helper,
        resume: &resume::words(context)?,
        block: &|id| sources.block(store, id),
        now: &|| context.now(),
        random: &mut || context.random(),
        patience: context.config.save.deadline,
        told,
    };
    work(&mut world).map_err(Into::into)
}

/// The result of a dry run.
fn planned(plan: &Plan, mut problems: Vec<Problem>) -> Outcome {
    problems.extend(plan.problems.iter().cloned());
    let lines = plan.lines();
    let mut text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    if lines.is_empty() {
        text = "Nothing to restore: all of it is there\n".to_owned();
    }
    let actions: Vec<Value> = lines
        .iter()
        .map(|line| json!({ "action": line.action, "object": line.object, "detail": line.detail }))
        .collect();
    let json = json!({ "dry_run": true, "actions": actions, "programs": programs::json(plan) });
    Outcome::new(text, &json).with_problems(problems)
}

/// The result of a restore.
pub fn done(context: &Context, restored: &Restored, mut problems: Vec<Problem>) -> Outcome {
    problems.extend(restored.problems.iter().cloned());
    for change in &restored.differences {
        problems.push(Problem::new(change.subject.clone(), format!("is not as it was: {}", change.what())));
    }
    let text = report(restored);
    tracing::info!(socket = %context.socket.display(), "{}", text.lines().next().unwrap_or_default());
    let outcome = Outcome::new(text.clone(), &json(restored)).with_problems(problems);
    keep_report(context, restored, &text, &outcome);
    if restored.id.is_some() {
        let note = RestoredNote { at: context.now(), what: summary(restored) };
        if let Err(error) = write_restored(&context.place(), &context.server(), &note) {
            tracing::debug!(%error, "what came back is not told by status");
        }
    }
    let exit = if restored.debts.is_empty() { Exit::Done } else { Exit::Problems };
    Outcome { exit, ..outcome }
}

/// What came back, and what is owed, for people.
fn report(restored: &Restored) -> String {
    let plan = &restored.plan;
    if restored.id.is_none() {
        return "Nothing to restore: all of it is there\n".to_owned();
    }
    let milliseconds: u128 = restored.times.iter().map(std::time::Duration::as_millis).sum();
    let size = [(plan.sessions.len(), "session"), (plan.windows.len(), "window"), (plan.panes(), "pane")]
        .map(|(number, noun)| describe::count(number, noun))
        .join(", ");
    let mut text = format!("Restored {size} in {milliseconds} ms\n");
    if plan.present > 0 {
        text.push_str(&format!("  {} were there already\n", describe::count(plan.present, "pane")));
    }
    if restored.waiting > 0 {
        let shells = describe::count(restored.waiting, "shell");
        text.push_str(&format!("  {shells} still to start, each when its pane is shown\n"));
    }
    for (how, programs) in [("started", &restored.started), ("typed", &restored.typed)] {
        for (subject, argv) in programs {
            let empty = if how == "started" && begins_empty(argv) { " (what was in it is gone)" } else { "" };
            let subject = outside(subject.to_string());
            text.push_str(&format!("  {how}  {subject}: {}{empty}\n", command_line(argv)));
        }
    }
    text.push_str(&debts_text(&restored.debts));
    text
}

/// `31 of 32 panes back; 1 owed: work:0.1 program vim`.
pub fn summary(restored: &Restored) -> String {
    let panes = restored.plan.panes();
    let mut owing: Vec<String> = restored.debts.iter().map(|(subject, _)| subject.to_string()).collect();
    owing.dedup();
    let mut text = match owing.len() {
        0 => format!("{} back", describe::count(panes, "pane")),
        owing => format!("{} of {} back", panes.saturating_sub(owing), describe::count(panes, "pane")),
    };
    if let Some((subject, debt)) = restored.debts.first() {
        let more = if restored.debts.len() > 1 { ", …" } else { "" };
        text.push_str(&format!("; {} owed: {subject} {}{more}", restored.debts.len(), owed(&debt.owed)));
    }
    let wrong = restored.problems.len() + restored.differences.len();
    if wrong > 0 {
        text.push_str(&format!("; {}: evermux log", describe::count(wrong, "problem")));
    }
    outside(text)
}

/// What is owed to panes, for programs.
pub fn debts_json(debts: &[(Subject, Debt)]) -> Vec<Value> {
    let json = |(subject, debt): &(Subject, Debt)| {
        json!({
            "subject": subject.to_string(),
            "owed": owed(&debt.owed),
            "reason": debt.reason,
            "since": debt.since.to_string(),
        })
    };
    debts.iter().map(json).collect()
}

/// A line for each debt, for people.
pub fn debts_text(debts: &[(Subject, Debt)]) -> String {
    let line = |(subject, debt): &(Subject, Debt)| {
        let subject = outside(subject.to_string());
        format!("  owed  {subject}: {} ({})\n", owed(&debt.owed), debt.reason)
    };
    debts.iter().map(line).collect()
}

fn programs_json(programs: &[Started]) -> Vec<Value> {
    let json = |(subject, argv): &Started| json!({ "subject": subject.to_string(), "argv": argv.iter().map(json_text).collect::<Vec<_>>() });
    programs.iter().map(json).collect()
}

fn json(restored: &Restored) -> Value {
    let debts = debts_json(&restored.debts);
    let [look, skeleton, text, finish, check, programs] = restored.times.map(|time| time.as_millis());
    json!({
        "restore": restored.id.map(|id| id.to_string()),
        "snapshot": restored.saved.map(|id| id.0),
        "sessions": restored.plan.sessions.len(),
        "windows": restored.plan.windows.len(),
        "panes": restored.plan.panes(),
        "present": restored.plan.present,
        "waiting": restored.waiting,
        "started": programs_json(&restored.started),
        "typed": programs_json(&restored.typed),
        "owed": debts,
        "exact": restored.differences.is_empty(),
        "milliseconds": {
            "look": look, "skeleton": skeleton, "text": text, "finish": finish, "check": check,
            "programs": programs,
        },
    })
}

/// One readable report of every restore is kept, for `evermux log`. That it cannot be written is no failure.
fn keep_report(context: &Context, restored: &Restored, text: &str, outcome: &Outcome) {
    let Some(id) = restored.id else { return };
    let mut report = text.to_owned();
    for line in restored.plan.lines() {
        report.push_str(&format!("{line}\n"));
    }
    for problem in &outcome.problems {
        report.push_str(&format!("warning: {}\n", outside(problem.to_string())));
    }
    let written = Logs::open(&context.place()).and_then(|logs| logs.write_report(id, context.now(), &report));
    if let Err(error) = written {
        tracing::warn!(error = error.in_full(), "the report of the restore could not be written");
    }
}
