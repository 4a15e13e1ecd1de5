//! What `attach` leaves to a process of its own: everything that opens the state folder, which may be slow or hang.
//!
//! That process says on a pipe how far it is, a word a line, and goes on by itself when nobody listens any more. It is
//! a grandchild, away from the terminal: the child that starts it ends at once, so that what the terminal becomes
//! (tmux, a shell) has no child it does not know of.

use std::cell::Cell;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{ChildStdout, Stdio};
use std::time::{Duration, Instant};

use bstr::{BStr, ByteSlice};
use evermux_core::restore::{Manner, Stage, lead};
use evermux_core::store::{StartNote, StartOutcome, Store};
use evermux_core::tmux::{ConnectError, Nonce, Server};
use jiff::SignedDuration;

use super::sessions::Sessions;
use crate::cli::{choosing, keeper, open_to_restore, restore, sources};
use crate::config::Comes;
use crate::context::Context;
use crate::detached;
use crate::error::CliError;
use crate::logging;
use crate::output;
use crate::start;

/// What is to be done behind a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Task {
    /// Bring the session back, and have the server kept.
    Restore,
    /// Have the server kept.
    Keep,
}

/// What the process behind says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The state folder answers.
    Opened,
    /// There is nothing to bring back.
    Nothing,
    /// It is being brought back.
    Building,
    /// The session is there, without its text.
    Stands,
    /// The session is there.
    Ready,
    /// Nothing came back, and why.
    Failed(String),
}

impl Said {
    fn line(&self) -> String {
        match self {
            Self::Opened => "opened\n".to_owned(),
            Self::Nothing => "nothing\n".to_owned(),
            Self::Building => "building\n".to_owned(),
            Self::Stands => "stands\n".to_owned(),
            Self::Ready => "ready\n".to_owned(),
            Self::Failed(why) => format!("failed {}\n", why.replace('\n', " ")),
        }
    }

    fn parse(line: &[u8]) -> Option<Self> {
        match line {
            b"opened" => Some(Self::Opened),
            b"nothing" => Some(Self::Nothing),
            b"building" => Some(Self::Building),
            b"stands" => Some(Self::Stands),
            b"ready" => Some(Self::Ready),
            _ => Some(Self::Failed(line.strip_prefix(b"failed ")?.to_str_lossy().into_owned())),
        }
    }

    /// Tells it whoever listens; that nobody does any more is no matter.
    fn tell(&self) {
        output::tell_parent(self.line().as_bytes());
    }
}

/// The process behind, as the terminal's sees it.
pub struct Behind {
    pipe: ChildStdout,
    read: Vec<u8>,
}

impl Behind {
    /// Starts it. `terminal`: the one that may have gone elsewhere by the time the session comes.
    ///
    /// # Errors
    /// If the program cannot be run.
    pub fn start(
        context: &Context,
        task: Task,
        name: Option<&OsStr>,
        terminal: Option<&Path>,
    ) -> Result<Self, CliError> {
        let mut command = detached::stranger()?;
        command.arg("-S").arg(&context.socket).arg("attach").args(name);
        if let Some(terminal) = terminal {
            command.arg("--terminal").arg(terminal);
        }
        command.arg("--behind").arg(match task {
            Task::Restore => "restore",
            Task::Keep => "keep",
        });
        let mut child = detached::start(command.stdout(Stdio::piped()))?;
        let pipe = child.stdout.take().ok_or_else(|| CliError::failed("a pipe is missing"))?;
        // It ends as soon as it has started the one behind.
        child.wait().map_err(|error| CliError::failed("evermux itself does not end").because(&error))?;
        Ok(Self { pipe, read: Vec::new() })
    }

    /// Waits for what it says next, at most until `end`; none if the time is up.
    pub fn next(&mut self, end: Instant) -> Option<Said> {
        loop {
            if let Some((line, rest)) = self.read.split_once_str("\n") {
                let (said, rest) = (Said::parse(line), rest.to_vec());
                self.read = rest;
                match said {
                    Some(said) => return Some(said),
                    None => continue,
                }
            }
            let mut bytes = [0; 512];
            match detached::hear(&mut self.pipe, &mut bytes, end)? {
                Ok(0) => return Some(Said::Failed("the process that restores ended without a word".into())),
                Ok(count) => self.read.extend_from_slice(&bytes[..count]),
                Err(error) => return Some(Said::Failed(error.to_string())),
            }
        }
    }
}

/// Starts the process behind, with the arguments of this one and its output.
///
/// # Errors
/// If it cannot be run.
pub fn leave() -> Result<(), CliError> {
    let mut command = detached::stranger()?;
    command.args(std::env::args_os().skip(1)).arg("--detached").stdout(Stdio::inherit());
    detached::start(&mut command).map(drop)
}

/// Tells that there is nothing to be had from behind.
pub fn fail(error: &CliError) {
    Said::Failed(error.in_one_line()).tell();
}

/// Is the process behind.
pub fn work(context: &Context, task: Task, name: Option<&BStr>, terminal: Option<&BStr>) {
    detached::leave();
    if let Err(error) = try_work(context, task, name, terminal) {
        tracing::warn!(error = error.in_one_line(), "attach");
        Said::Failed(error.in_one_line()).tell();
    }
}

fn try_work(
    context: &Context,
    task: Task,
    name: Option<&BStr>,
    terminal: Option<&BStr>,
) -> Result<(), CliError> {
    let begun = Instant::now();
    let (store, _) = open_to_restore(context)?;
    Said::Opened.tell();
    logging::to_file(&context.place());
    let brought = match task {
        Task::Restore => bring(context, &store, name),
        Task::Keep => Ok(()),
    };
    let terminal = terminal.filter(|_| brought.is_ok() && begun.elapsed() >= PATIENCE);
    if let Some(Err(error)) = terminal.map(|terminal| lead_back(context, name, terminal)) {
        tracing::debug!(error = error.in_one_line(), "the terminal stays where it is");
    }
    store.watch_by_default(&context.server(), context.now())?;
    let kept = store.watched()?.contains(&context.server());
    drop(store);
    let keeper = if kept { keeper::ensure(context).map(drop) } else { Ok(()) };
    brought.and(keeper)
}

/// Sessions that somebody has wanted for longer than this were given up.
const WANTED: SignedDuration = SignedDuration::from_secs(10);

/// Brings back what is wanted, unless it is there: another terminal, or the server's start, may just have done that.
fn bring(context: &Context, store: &Store, name: Option<&BStr>) -> Result<(), CliError> {
    let patience = context.config.save.deadline;
    let server = context.server();
    if let Some(name) = name {
        store.want(&server, &name.to_owned(), context.now())?;
    }
    let turn = Cell::new(Some(store.attaching(&server, patience)?));
    drop(store.building(&server, patience)?);
    if is_there(context, name)? {
        Said::Ready.tell();
        return Ok(());
    }
    let others = store.take_wanted(&server, context.now().saturating_sub(WANTED).unwrap_or_default())?;
    let all = context.config.attach.restore == Comes::All;
    let sources = sources::to_attach(context, store, name, &others, all)?;
    if sources.chosen.is_empty() {
        Said::Nothing.tell();
        return Ok(());
    }
    harmless(store, context)?;
    Said::Building.tell();
    let manner = Manner { keep_untouched: true, ..restore::manner(context, &sources) };
    let running = restore::ground(context)?.started(context)?;
    // A server that starts may restore by itself; then there is nothing left to make.
    drop(store.building(&server, patience)?);
    if is_there(context, name)? {
        turn.take();
        Said::Ready.tell();
    }
    note(context, store, StartOutcome::Restoring)?;
    let mut told = |stage: Stage<'_>| match stage {
        Stage::Stands(_) => {
            turn.take();
            Said::Stands.tell();
        }
        Stage::Written => Said::Ready.tell(),
        Stage::AwaitsClient(_) => {}
    };
    let restored = restore::onto(context, store, &sources, &manner, &running, &mut told)?;
    note(context, store, StartOutcome::Restored)?;
    // Nothing had to be made after all, or it is known already.
    Said::Ready.tell();
    let outcome = restore::done(context, &restored, sources.problems);
    for problem in &outcome.problems {
        tracing::warn!(problem = output::outside(problem.to_string()), "attach");
    }
    Ok(())
}

/// So long a terminal waits in any case.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long to look for a terminal that may be about to go elsewhere.
const LEADING: Duration = Duration::from_secs(5);

/// Leads a terminal that could not wait any longer from the session it made instead, if nobody has used that yet.
fn lead_back(context: &Context, name: Option<&BStr>, terminal: &BStr) -> Result<(), CliError> {
    let limit = context.config.save.deadline;
    let end = Instant::now() + LEADING;
    while Instant::now() < end {
        let server = Server::connect(&context.socket, context.uid, &context.binaries)?;
        let sessions = Sessions::list(&server, Nonce::from_random(context.random()), limit)?;
        let (Some(session), Some(version)) = (sessions.find(name), sessions.version) else { return Ok(()) };
        let found = lead(&server, version, terminal, session.id, limit)?;
        let has_come = found.terminals.iter().any(|other| other == terminal);
        if found.absorbed > 0 || has_come && !found.pending {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Whether the session is there by now; without a name, whether any is.
fn is_there(context: &Context, name: Option<&BStr>) -> Result<bool, CliError> {
    let server = match Server::connect(&context.socket, context.uid, &context.binaries) {
        Ok(server) => server,
        Err(ConnectError::Missing(_) | ConnectError::Dead(_)) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let sessions =
        Sessions::list(&server, Nonce::from_random(context.random()), context.config.save.deadline);
    // One that goes away meanwhile has none.
    Ok(sessions.is_ok_and(|sessions| sessions.find(name).is_some()))
}

/// That the last lives of the server did not end in a restore: who opens a terminal shall not be the third.
fn harmless(store: &Store, context: &Context) -> Result<(), CliError> {
    let server = context.server();
    let living = choosing::glance(context).map(|live| live.generation);
    let mut starts = store.starts(&server)?;
    starts.retain(|start| Some(&start.generation) != living.as_ref());
    match start::has_died(store, &server, &starts)? {
        true => {
            Err(CliError::failed("the server died twice while it was restored; to try it: evermux restore"))
        }
        false => Ok(()),
    }
}

/// Notes what is done to this life of the server.
fn note(context: &Context, store: &Store, outcome: StartOutcome) -> Result<(), CliError> {
    if let Some(live) = choosing::glance(context) {
        let note = StartNote { generation: live.generation, at: context.now(), outcome };
        store.note_start(&context.server(), &note)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        for said in [
            Said::Opened,
            Said::Nothing,
            Said::Building,
            Said::Stands,
            Said::Ready,
            Said::Failed("no\\disk".into()),
        ] {
            assert_eq!(Said::parse(said.line().trim_end().as_bytes()), Some(said));
        }
        assert_eq!(Said::Failed("a\nb".into()).line(), "failed a b\n");
        assert_eq!(Said::parse(b"something else"), None);
    }
}
