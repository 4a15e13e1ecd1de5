//! `evermux attach`: a terminal's way into a session, whatever has happened to it.
//!
//! The process that the terminal waits for opens nothing in the state folder (law 8: never in the way of work). It looks at the
//! server; what is not there is brought back by a process [`behind`] it, for which it waits so long and no longer; then
//! it becomes ([`client`]) a client of tmux that shows what is there, a new session, or a shell.

mod behind;
mod client;
mod place;
mod sessions;
mod terminfo;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bstr::BStr;
use evermux_core::model::SessionId;
use evermux_core::tmux::{ConnectError, Nonce, Server, Start, StartError};

use super::restore;
use crate::context::Context;
use crate::context::Global;
use crate::context::terminal::Terminal;
use crate::error::{CliError, Exit};
use crate::output::{self, Outcome};
use behind::{Behind, Said, Task};
use client::Client;
use place::Place;
use sessions::{New, Refused, Sessions};
use terminfo::Known;

/// Go into a session: as it is, or as it was saved, or a new one
///
/// If the session lives, the terminal shows it; if it was saved, it is brought back first; otherwise it is made, and runs
/// COMMAND. Without NAME it is the session used last. There is a usable terminal within five seconds in every case: what
/// takes longer goes on in the background, and where tmux cannot be used at all, it is a shell, with the reason. Inside
/// of tmux the client goes there; tmux is never started inside of another tmux.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The session
    #[arg(value_name = "NAME")]
    name: Option<OsString>,

    /// What runs in a new session instead of a shell; a single word is a line for a shell
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,

    /// Be the process behind a terminal
    #[arg(long, hide = true, value_name = "TASK")]
    behind: Option<Task>,

    /// The terminal that is behind of
    #[arg(long, hide = true, value_name = "DEVICE")]
    terminal: Option<OsString>,

    /// Away from the terminal
    #[arg(long, hide = true)]
    detached: bool,
}

/// How long tmux may take to say what is there.
const ANSWER: Duration = Duration::from_millis(1500);

/// When the state folder must have answered. A server that is started anew may need three seconds for its own restore.
const OPENED: Duration = Duration::from_millis(1200);

/// When what was saved must be there.
const BROUGHT: Duration = Duration::from_millis(3800);

/// How long to wait for the text of a session that is there already.
const FOR_TEXT: Duration = Duration::from_millis(700);

/// When a new session must be there.
const MADE: Duration = Duration::from_millis(4700);

/// Does it. Where that works, the process becomes another program.
pub fn main(global: &Global, args: &Args) -> Exit {
    if let Some(task) = args.behind {
        return be_behind(global, args, task);
    }
    let begun = Instant::now();
    let result = Context::or_defaults(global).map(|(context, wrong)| {
        for error in wrong {
            output::warn(&error.in_one_line());
        }
        let terminal = Terminal::read();
        Attach { context: &context, terminal: &terminal, args, begun, kind: None }.run()
    });
    let error = match result {
        Ok(error) | Err(error) => error,
    };
    output::show(Err::<Outcome, _>(error), global.json)
}

fn be_behind(global: &Global, args: &Args, task: Task) -> Exit {
    if !args.detached {
        return match behind::leave() {
            Ok(()) => Exit::Done,
            Err(_) => Exit::Failed,
        };
    }
    match Context::new(global) {
        Ok(context) => behind::work(&context, task, args.name(), args.terminal()),
        Err(error) => behind::fail(&error),
    }
    Exit::Done
}

impl Args {
    fn name(&self) -> Option<&BStr> {
        self.name.as_deref().map(|name| BStr::new(name.as_bytes()))
    }

    fn terminal(&self) -> Option<&BStr> {
        self.terminal.as_deref().map(|terminal| BStr::new(terminal.as_bytes()))
    }
}

/// Somebody on the way into a session.
struct Attach<'a> {
    context: &'a Context,
    terminal: &'a Terminal,
    args: &'a Args,
    begun: Instant,
    /// What stands for `$TERM`.
    kind: Option<OsString>,
}

/// What was found, or made.
enum Goal {
    /// A session that lives. `new`: made just now. `times`: tmux can be told how long a message is shown.
    Session { client: PathBuf, id: SessionId, new: bool, times: bool },
    /// A session that only a client can make.
    Made { client: PathBuf, named: bool },
}

impl Goal {
    /// The same, made just now.
    fn made(mut self) -> Self {
        if let Self::Session { new, .. } = &mut self {
            *new = true;
        }
        self
    }
}

/// What came of bringing a session back.
#[derive(Default)]
struct Brought {
    /// What the user should know.
    note: Option<String>,
    /// It is on its way: a new session must not have its name.
    nameless: bool,
}

impl Brought {
    fn note(text: String) -> Self {
        Self { note: Some(text), nameless: false }
    }
}

impl Attach<'_> {
    /// Goes there; returns only what went wrong.
    fn run(mut self) -> CliError {
        let place = Place::of(self.terminal, self.context);
        if let Place::Elsewhere(socket) = &place {
            return CliError::usage(format!("this terminal shows another tmux server, {}", socket.display()))
                .hint("Detach from it first. To nest them on purpose: env -u TMUX evermux attach …");
        }
        let inside = place == Place::Inside;
        if !inside && self.terminal.device.is_none() {
            return CliError::usage("there is no terminal to attach")
                .hint("From another machine: ssh -t HOST evermux attach …");
        }
        if !inside && let Err(error) = self.judge_terminal() {
            return self.shell(error);
        }
        let mut note = None;
        match self.find(&mut note) {
            Ok(goal) => self.go(goal, inside, note.as_deref()),
            Err(error) if inside => error,
            Err(error) => self.shell(error),
        }
    }

    fn shell(&self, why: CliError) -> CliError {
        client::shell(self.terminal, why, self.context.json)
    }

    /// What tmux would refuse only when it is too late for anything else.
    fn judge_terminal(&mut self) -> Result<(), CliError> {
        let kind = self.terminal.kind.as_deref();
        let shown = |kind: Option<&OsStr>| kind.unwrap_or_default().to_string_lossy().into_owned();
        match terminfo::judge(kind, &self.terminal.descriptions) {
            Known::Fine => {}
            Known::Instead(other) => {
                let (unknown, other_kind) = (shown(kind), shown(Some(&other)));
                output::warn(&format!(
                    "terminal '{unknown}' is not known here; it is taken for '{other_kind}'"
                ));
                self.kind = Some(other);
            }
            Known::Unable => {
                return Err(CliError::failed(format!("tmux cannot draw on a terminal '{}'", shown(kind))));
            }
        }
        Ok(())
    }

    /// Becomes what shows it.
    fn go(&self, goal: Goal, inside: bool, note: Option<&str>) -> CliError {
        let program = match &goal {
            Goal::Session { client, .. } | Goal::Made { client, .. } => client,
        };
        let client = Client {
            program,
            socket: &self.context.socket,
            terminal: self.terminal,
            kind: self.kind.as_deref(),
            note,
            times: matches!(&goal, Goal::Session { times: true, .. }),
        };
        if let Some(note) = note {
            // Also for afterwards: tmux's own message goes away.
            output::warn(note);
        }
        match goal {
            Goal::Session { id, .. } if inside => client.switch(id),
            Goal::Session { id, new, .. } => client.attach(id, new),
            Goal::Made { .. } if inside => CliError::failed("tmux closed the new session at once")
                .hint("Its option destroy-unattached is on."),
            Goal::Made { named, .. } => {
                client.make(self.wanted(named).arguments(None), named && self.args.name.is_some())
            }
        }
    }

    /// The session: live, brought back, or made.
    fn find(&self, note: &mut Option<String>) -> Result<Goal, CliError> {
        let name = self.args.name();
        if let Some((server, sessions)) = self.look()?
            && let Some(session) = sessions.find(name)
        {
            // Nothing of that matters to who only wants his terminal.
            let _ = Behind::start(self.context, Task::Keep, None, None);
            return Ok(goal(&server, &sessions, session.id));
        }
        let brought = self.bring();
        *note = brought.note;
        // Somebody else may make it at the same moment: then it is there at the next look.
        let mut failed = None;
        for _ in 0..3 {
            let found = self.look()?;
            if let Some((server, sessions)) = &found
                && let Some(session) = sessions.find(name)
            {
                return Ok(goal(server, sessions, session.id));
            }
            match self.make(found, !brought.nameless) {
                Ok(goal) => return Ok(goal),
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| CliError::failed("there is no session")))
    }

    /// The server and what is there; none: no server.
    fn look(&self) -> Result<Option<(Server, Sessions)>, CliError> {
        let server = match Server::connect(&self.context.socket, self.context.uid, &self.context.binaries) {
            Ok(server) => server,
            Err(ConnectError::Missing(_) | ConnectError::Dead(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let nonce = Nonce::from_random(self.context.random());
        match Sessions::list(&server, nonce, ANSWER) {
            Ok(sessions) => Ok(Some((server, sessions))),
            Err(evermux_core::tmux::RunError::Gone { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Has the session brought back behind us, and waits for it as long as that is bearable.
    fn bring(&self) -> Brought {
        let task = if self.context.declines_restore() { Task::Keep } else { Task::Restore };
        // What runs in a pane is no client.
        let terminal = self.terminal.device.as_deref().filter(|_| self.terminal.tmux.is_none());
        let mut behind = match Behind::start(self.context, task, self.args.name.as_deref(), terminal) {
            Ok(behind) if task == Task::Restore => behind,
            Ok(_) => return Brought::default(),
            Err(error) => return Brought::note(format!("nothing was restored: {}", error.in_one_line())),
        };
        let (mut end, mut stage) = (self.begun + OPENED, None);
        loop {
            match behind.next(end) {
                Some(Said::Ready | Said::Nothing) => return Brought::default(),
                Some(Said::Failed(why)) => return Brought::note(format!("nothing was restored: {why}")),
                // The text comes soon, or while somebody looks.
                Some(Said::Stands) => (end, stage) = (Instant::now() + FOR_TEXT, Some(Said::Stands)),
                None if stage == Some(Said::Stands) => return Brought::default(),
                Some(said) => (end, stage) = (self.begun + BROUGHT, Some(said)),
                None if stage == Some(Said::Building) => {
                    // It will have its name itself.
                    let note =
                        "it takes long to bring the session back; unless you use this one, it is shown when it comes"
                            .to_owned();
                    return Brought { note: Some(note), nameless: true };
                }
                None => {
                    let what = "what was saved does not come; this is a new session. evermux restore completes it later";
                    return Brought::note(what.to_owned());
                }
            }
        }
    }

    fn wanted(&self, named: bool) -> New<'_> {
        New {
            name: self.args.name().filter(|_| named),
            directory: &self.terminal.directory,
            size: self.terminal.size,
            command: &self.args.command,
        }
    }

    /// Makes the session, and a server if there is none.
    fn make(&self, found: Option<(Server, Sessions)>, named: bool) -> Result<Goal, CliError> {
        let limit = (self.begun + MADE).saturating_duration_since(Instant::now());
        let limit = limit.max(Duration::from_millis(200));
        let new = self.wanted(named);
        let Some((server, sessions)) = found else {
            let start = Start {
                arguments: new.starting(self.context.binaries.version(ANSWER)),
                ..restore::start(self.context)
            };
            let server = match start.run(limit) {
                Ok(server) => server,
                Err(StartError::Running(_)) => {
                    return Err(CliError::failed("the tmux server is just starting"));
                }
                Err(error) => return Err(error.into()),
            };
            let sessions = Sessions::list(&server, Nonce::from_random(self.context.random()), limit)?;
            return Ok(match sessions.find(new.name) {
                Some(session) => goal(&server, &sessions, session.id).made(),
                None => Goal::Made { client: server.client().into(), named },
            });
        };
        if sessions.destroys_unattached {
            return Ok(Goal::Made { client: server.client().into(), named });
        }
        match new.make(&server, sessions.version, limit) {
            Ok(id) => Ok(goal(&server, &sessions, id).made()),
            Err(Refused::Run(error)) => Err(error.into()),
            Err(error) => Err(CliError::of(crate::error::Kind::Failed, &error)),
        }
    }
}

fn goal(server: &Server, sessions: &Sessions, id: SessionId) -> Goal {
    let times = sessions.version.is_some_and(|version| version.at_least(3, 2));
    Goal::Session { client: server.client().into(), id, new: false, times }
}
