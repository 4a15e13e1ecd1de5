//! What `install` and `uninstall` do: a list of steps that is shown, agreed on, and carried out.

use std::fs;
use std::io::{ErrorKind, IsTerminal};
use std::path::PathBuf;

use evermux_core::problem::{Problem, Subject};
use evermux_core::tmux::Server;
use serde_json::{Value, json};

use super::consent::Consent;
use super::{keeper, keys, uninstall};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{self, FAINT, Outcome, outside};
use crate::setup::{file, services};

/// A thing to do.
#[derive(Clone, Debug)]
pub struct Step {
    /// What is changed, for people.
    pub what: String,
    /// How.
    pub action: Action,
}

/// How something is changed.
#[derive(Clone, Debug)]
pub enum Action {
    /// A file gets a content.
    Write {
        /// The file itself.
        path: PathBuf,
        /// What is in it.
        old: Option<Vec<u8>>,
        /// What will be.
        new: Vec<u8>,
    },
    /// A file goes.
    Remove {
        /// The file itself.
        path: PathBuf,
        /// What is in it.
        old: Vec<u8>,
    },
    /// A program is run; whether its failure matters.
    Run(Vec<String>, bool),
    /// The keeper is started, or takes over what was installed.
    StartKeeper,
    /// The keeper saves everything and ends.
    StopKeeper,
    /// The running server is kept, and gets our keys.
    Keep,
    /// A server is left as if nobody had kept it; whether its panes lose their identities, too.
    Leave(PathBuf, bool),
    /// A link goes, if it is there.
    Unlink(PathBuf),
    /// Everything that was saved goes.
    Purge,
    /// Nothing: it is so already.
    Nothing,
    /// Nothing: something the user may want to do.
    Note,
    /// Nothing: it cannot be done. The text to add by hand, and where.
    Cannot {
        /// Why.
        why: String,
        /// What the user can do.
        hint: String,
    },
}

impl Action {
    fn word(&self) -> &'static str {
        match self {
            Self::Write { .. } => "write",
            Self::Remove { .. } => "remove",
            Self::Run(..) => "run",
            Self::StartKeeper => "start",
            Self::StopKeeper => "stop",
            Self::Keep => "keep",
            Self::Leave(..) => "leave",
            Self::Unlink(_) | Self::Purge => "remove",
            Self::Nothing => "nothing",
            Self::Note => "note",
            Self::Cannot { .. } => "cannot",
        }
    }

    pub fn changes(&self) -> bool {
        !matches!(self, Self::Nothing | Self::Note | Self::Cannot { .. })
    }
}

impl Step {
    pub fn new(what: impl Into<String>, action: Action) -> Self {
        Self { what: what.into(), action }
    }

    fn hint(&self) -> Option<&str> {
        match &self.action {
            Action::Cannot { hint, .. } => Some(hint),
            _ => None,
        }
    }

    fn line(&self) -> String {
        let (word, what) = (self.action.word(), outside(&self.what));
        match &self.action {
            Action::Nothing => format!("  {FAINT}done    {what}{FAINT:#}\n"),
            Action::Cannot { why, hint } => {
                let hint: String =
                    hint.lines().map(|line| format!("            {}\n", outside(line))).collect();
                format!("  cannot  {what}: {}\n{hint}", outside(why))
            }
            _ => format!("  {word:<7} {what}\n"),
        }
    }
}

/// Says what will be done, asks, and does it, each step by itself: one that fails stops none of the others.
///
/// # Errors
/// If it was not agreed to.
pub fn carry_out(
    context: &Context,
    name: &str,
    steps: &[Step],
    consent: Consent,
) -> Result<Outcome, CliError> {
    let lines: String = steps.iter().map(Step::line).collect();
    let changes = steps.iter().any(|step| step.action.changes());
    let asks = changes && !consent.yes && !consent.dry_run;
    if asks && !agreed(name, &lines, context.json)? {
        return Ok(Outcome::new("Nothing was changed\n", &json!({ "dry_run": false, "steps": [] })));
    }
    let mut problems = Vec::new();
    let mut told = Vec::new();
    for step in steps {
        let done = match (&step.action, consent.dry_run) {
            (Action::Cannot { why, .. }, _) => Err(why.clone()),
            (_, true) => Ok(false),
            (action, false) => act(context, action).map(|()| action.changes()),
        };
        told.push(json!({
            "do": step.action.word(),
            "what": outside(&step.what),
            "done": *done.as_ref().unwrap_or(&false),
            "hint": step.hint(),
        }));
        if let Err(why) = done {
            problems.push(Problem::new(Subject::Path(PathBuf::from(&step.what)), why));
        }
    }
    let text = match (consent.dry_run, changes) {
        (true, _) => format!("{name} would\n{lines}"),
        (false, false) => format!("Nothing to do\n{lines}"),
        // Who was asked has seen the lines.
        (false, true) if asks => String::new(),
        (false, true) => format!("{name} has done this\n{lines}"),
    };
    let done = if asks && problems.is_empty() { "Done\n" } else { "" };
    let json = json!({ "dry_run": consent.dry_run, "steps": Value::Array(told) });
    Ok(Outcome::new(format!("{text}{done}"), &json).with_problems(problems))
}

fn agreed(name: &str, lines: &str, json: bool) -> Result<bool, CliError> {
    if json || !std::io::stdin().is_terminal() {
        return Err(CliError::usage("nobody can be asked here")
            .hint(format!("{name} --dry-run tells what it would do, {name} --yes does it.")));
    }
    output::ask(&format!("{name} will\n{lines}Go on? [y/N] "))
        .map_err(|error| CliError::failed("cannot ask").because(&error))
}

/// Does one step; what went wrong in one line.
fn act(context: &Context, action: &Action) -> Result<(), String> {
    match action {
        Action::Write { path, old, new } => {
            file::replace(path, old.as_deref(), new).map_err(|error| format!("cannot be written: {error}"))
        }
        Action::Remove { path, old } => {
            file::remove(path, old).map_err(|error| format!("cannot be removed: {error}"))?;
            // A folder of additions to a unit that has none any more.
            if let Some(folder) = path.parent().filter(|folder| folder.extension().is_some_and(|d| d == "d"))
            {
                let _ = fs::remove_dir(folder);
            }
            Ok(())
        }
        Action::Unlink(path) => match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(format!("cannot be removed: {error}")),
            _ => Ok(()),
        },
        Action::Run(command, matters) => match services::call(command) {
            Err(why) if *matters => Err(why),
            _ => Ok(()),
        },
        Action::StartKeeper => keeper::ensure(context).map(drop).map_err(|error| error.in_one_line()),
        Action::StopKeeper => keeper::stop(context).map(drop).map_err(|error| error.in_one_line()),
        Action::Leave(socket, whole) => {
            uninstall::leave(context, socket, *whole).map_err(|error| error.in_one_line())
        }
        Action::Purge => uninstall::purge(context).map_err(|error| error.in_one_line()),
        Action::Keep => keep(context).map_err(|error| error.in_one_line()),
        Action::Nothing | Action::Note | Action::Cannot { .. } => Ok(()),
    }
}

/// Has the running server kept from now on, and gives it our keys.
fn keep(context: &Context) -> Result<(), CliError> {
    let (store, _) = super::open_to_work(context)?;
    store.watch(&context.server(), context.now())?;
    let server = Server::connect(&context.socket, context.uid, &context.binaries)?;
    keys::bind(context, &server, &crate::setup::program(context.binaries.path.as_deref())?)?;
    Ok(())
}
