//! Programs are started again in the shells of their panes.
//!
//! Typed is only into a shell that waits at a prompt that is known, seen twice in a row and once more right before (see
//! [`prompt`], `procs::line_editor_waits`), and only while its cursor still stands there in the same turn of tmux's loop
//! ([`Server::type_line`]). What is typed is a line of that shell's language, or the use of a ticket ([`mod@line`]). Then the
//! program is watched for. One that has not come, from a shell that has run nothing of it, is typed once more, and so is what
//! goes on with a conversation if it ended at once; whatever else happens, the program stays owed, with the reason.
//!
//! All panes are served by one loop, a few at a time: what starts costs the processors more than we do.

mod line;
mod prompt;
mod resume;
mod seen;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bstr::BString;
use serde::{Deserialize, Serialize};

use self::line::{Line, line, ticket};
use self::prompt::Told;
pub(super) use self::prompt::{Known, SEARCHED, starts_program};
pub use self::resume::{Here, ResumeError, claim, claim_first};
use self::seen::{Look, look};
use super::settle;
use super::skeleton::MadePane;
use crate::model::{Generation, PaneIdentity, ServerName, TmuxVersion};
use crate::procs::ProcessTable;
use crate::relaunch::{Launch, Shell};
use crate::shell::Report;
use crate::store::{PanePlace, Shells, TicketId, Tickets};
use crate::tmux::{Nonce, Server, Spot, Typing};

/// How long to pause between two looks. Everything counts that was there in two looks that follow each other.
const PAUSE: Duration = Duration::from_millis(30);

/// How long a shell may take to its prompt after the last one that came to it: many start one after the other.
const SHELL: Duration = Duration::from_secs(15);

/// How long all of them may take together.
const ALL: Duration = Duration::from_secs(180);

/// How long a shell may wait at something that is no known prompt: some draw theirs a while after they wait.
const DRAWING: Duration = Duration::from_secs(2);

/// The same where the shell has told of itself, or did so when it was saved: its rc file asks something, or takes long.
const TELLING: Duration = Duration::from_secs(15);

/// How long what asks its terminal for colours waits for a client to be there.
const CLIENT: Duration = Duration::from_secs(5);

/// How long a program must stay to count: what dies at once has not come back.
const STAYS: Duration = Duration::from_millis(250);

/// How long the next program waits for one that does not appear.
const TURN: Duration = Duration::from_secs(1);

/// How long a line may take to stand at a prompt, where it is not run.
const ECHO: Duration = Duration::from_secs(2);

/// What is started in a pane, apart from the pane itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) launch: Launch,
    /// Whether it is only typed.
    pub(super) prefill: bool,
    /// The prompts of the pane.
    pub(super) known: Known,
    /// Whether its shell told of itself when it was saved.
    #[serde(default)]
    pub(super) tells: bool,
}

/// What is started in a pane.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) identity: PaneIdentity,
    pub(super) pane: MadePane,
    pub(super) pending: Pending,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It runs.
    Runs,
    /// It stands at the prompt, as it should.
    Typed,
    /// It does not run, for this reason.
    Owed(String),
}

/// What starting programs must know of the world.
pub(super) struct Ground<'a> {
    pub(super) server: &'a Server,
    pub(super) version: TmuxVersion,
    /// The server's lasting name, and which life of it this is.
    pub(super) name: &'a ServerName,
    pub(super) generation: &'a Generation,
    /// Where tickets are; none if there can be none.
    pub(super) tickets: Option<&'a Tickets>,
    /// Where shells tell that they stand at a prompt; none if they are not heard.
    pub(super) shells: Option<&'a Shells>,
    /// The words of `evermux resume`, without the id.
    pub(super) resume: &'a [BString],
    pub(super) random: &'a mut dyn FnMut() -> [u8; 16],
    /// How long tmux may take to answer.
    pub(super) limit: Duration,
}

/// How long some of them will wait for a client; none if they need not.
pub(super) fn awaits_client(jobs: &[Job], server: &Server, limit: Duration) -> Option<Duration> {
    let wanted = jobs.iter().any(|job| job.pending.launch.needs_client);
    (wanted && !seen::has_client(server, limit)).then_some(CLIENT)
}

/// Starts all of them; what came of each.
pub(super) fn launch(jobs: Vec<Job>, ground: &mut Ground<'_>) -> HashMap<PaneIdentity, Outcome> {
    let mut launching = Launching::new(jobs);
    while launching.goes_on() {
        let Ok(table) = ProcessTable::read() else {
            launching.give_up("the process table cannot be read");
            break;
        };
        launching.watch(&table);
        launching.look_and_type(&table, ground);
        std::thread::sleep(PAUSE);
    }
    launching.outcomes(ground)
}

/// All programs that are being started.
struct Launching {
    starts: Vec<Start>,
    /// How many may be on their way at the same time.
    slots: usize,
    /// Since when what needs a client could have been started.
    wanting_client: Option<Instant>,
    began: Instant,
    /// When a shell has come to its prompt the last time.
    progress: Instant,
    /// How many shells have not.
    waiting: usize,
}

/// A program that is being started.
struct Start {
    job: Job,
    state: State,
    /// Whether it was typed a second time.
    again: bool,
    /// The ticket that was written for it.
    ticket: Option<TicketId>,
}

enum State {
    /// Its shell is waited for.
    Waiting {
        shell: Option<Shell>,
        strange_since: Option<Instant>,
    },
    /// It was typed.
    Typed(Typed),
    Done(Outcome),
}

/// A program that was typed.
struct Typed {
    at: Instant,
    until: Instant,
    /// Where the cursor stood before.
    spot: Spot,
    /// Since when the program is there.
    seen: Option<Instant>,
    /// In how many looks that follow each other its shell has waited again.
    back: u32,
}

impl Launching {
    fn new(jobs: Vec<Job>) -> Self {
        let start = |job| {
            let state = State::Waiting { shell: None, strange_since: None };
            Start { job, state, again: false, ticket: None }
        };
        let slots = std::thread::available_parallelism().map_or(2, usize::from).max(2);
        let now = Instant::now();
        let starts = jobs.into_iter().map(start).collect();
        Self { starts, slots, wanting_client: None, began: now, progress: now, waiting: 0 }
    }

    fn goes_on(&self) -> bool {
        self.starts.iter().any(|start| !matches!(start.state, State::Done(_)))
    }

    fn give_up(&mut self, why: &str) {
        for start in &mut self.starts {
            if !matches!(start.state, State::Done(_)) {
                start.owe(why);
            }
        }
    }

    /// What the process table tells.
    fn watch(&mut self, table: &ProcessTable) {
        let now = Instant::now();
        let waiting = |start: &&Start| matches!(start.state, State::Waiting { shell: None, .. });
        let waiting = self.starts.iter().filter(waiting).count();
        if std::mem::replace(&mut self.waiting, waiting) != waiting {
            self.progress = now;
        }
        let (late, over) = (now - self.progress >= SHELL, now - self.began >= ALL);
        for start in &mut self.starts {
            start.watch(table, now, if start.at_shell() { over } else { late || over });
        }
    }

    /// Looks at the panes whose shells wait, types what can be typed, and finds out what came of what was.
    fn look_and_type(&mut self, table: &ProcessTable, ground: &mut Ground<'_>) {
        let now = Instant::now();
        let under_way = |start: &&Start| match &start.state {
            State::Typed(typed) => {
                typed.seen.is_none() && now - typed.at < TURN && !start.job.pending.prefill
            }
            _ => false,
        };
        let mut free = self.slots.saturating_sub(self.starts.iter().filter(under_way).count());
        let waits_for_client = self.waits_for_client(table, ground, now);
        let mut wanted = Vec::new();
        for (position, start) in self.starts.iter().enumerate() {
            let held = waits_for_client && start.job.pending.launch.needs_client;
            match &start.state {
                State::Waiting { shell: Some(shell), strange_since }
                    if free > 0 && !held && start.waits(table) == Some(*shell) =>
                {
                    // One that stands at something else takes nobody's turn.
                    if strange_since.is_none() {
                        free -= 1;
                    }
                    wanted.push(position);
                }
                State::Typed(typed) if typed.back >= 2 || start.job.pending.prefill => wanted.push(position),
                _ => {}
            }
        }
        let panes: Vec<_> = wanted.iter().map(|&position| &self.starts[position].job.pane).collect();
        let Ok(looks) = look(ground.server, ground.version, &panes, (ground.random)(), ground.limit) else {
            return self.give_up("tmux does not answer");
        };
        for (position, look) in wanted.into_iter().zip(looks) {
            self.starts[position].act(look, ground);
        }
        self.note_shells(table);
    }

    /// Which shells wait now, for the next look.
    fn note_shells(&mut self, table: &ProcessTable) {
        for start in &mut self.starts {
            let waits = start.waits(table);
            if let State::Waiting { shell, .. } = &mut start.state {
                *shell = waits;
            }
        }
    }

    /// Whether what needs a client still waits for one: for a limited time, once for all of them.
    fn waits_for_client(&mut self, table: &ProcessTable, ground: &Ground<'_>, now: Instant) -> bool {
        let wants = |start: &Start| {
            matches!(start.state, State::Waiting { .. })
                && start.job.pending.launch.needs_client
                && start.waits(table).is_some()
        };
        if !self.starts.iter().any(wants) {
            return false;
        }
        let since = *self.wanting_client.get_or_insert(now);
        now - since < CLIENT && !seen::has_client(ground.server, ground.limit)
    }

    fn outcomes(self, ground: &Ground<'_>) -> HashMap<PaneIdentity, Outcome> {
        let outcome = |start: Start| match start.state {
            State::Done(outcome) => {
                if let (Some(id), Some(tickets), true) =
                    (start.ticket, ground.tickets, outcome != Outcome::Typed)
                {
                    tickets.remove(id);
                }
                Some((start.job.identity, outcome))
            }
            _ => None,
        };
        self.starts.into_iter().filter_map(outcome).collect()
    }
}

impl Start {
    fn owe(&mut self, why: impl Into<String>) {
        self.state = State::Done(Outcome::Owed(why.into()));
    }

    /// The shell that waits at a prompt of the pane.
    fn waits(&self, table: &ProcessTable) -> Option<Shell> {
        settle::waiting_shell(table, &self.job.pane)
    }

    /// Whether its shell waits, as far as is known.
    fn at_shell(&self) -> bool {
        matches!(self.state, State::Waiting { shell: Some(_), .. })
    }

    /// `late`: its shell has had its time.
    fn watch(&mut self, table: &ProcessTable, now: Instant, late: bool) {
        let waits = self.waits(table).is_some();
        let (pane, launch) = (&self.job.pane, &self.job.pending.launch);
        let foreground = table.job(pane.pid);
        let gone = foreground.is_none();
        let job = foreground.filter(|job| !job.own);
        let appears = job.as_ref().is_some_and(|job| job.all.iter().any(|it| seen::is(it, launch)));
        let owed = match &mut self.state {
            State::Done(_) => None,
            _ if gone => Some("its pane is gone".to_owned()),
            // Somebody else has begun it: the user, or tmux-assistant-resurrect.
            State::Waiting { .. } if appears && launch.repeat => {
                self.state = State::Done(Outcome::Runs);
                return;
            }
            State::Waiting { .. } => late.then(|| "its shell does not come to a prompt".to_owned()),
            State::Typed(_) if self.job.pending.prefill => None,
            State::Typed(typed) => {
                typed.back = if waits { typed.back + 1 } else { 0 };
                typed.seen = typed.seen.filter(|_| appears).or(appears.then_some(now));
                if typed.seen.is_some_and(|since| now - since >= STAYS) {
                    self.state = State::Done(Outcome::Runs);
                    return;
                }
                (now >= typed.until && typed.seen.is_none()).then(|| match job.and_then(|job| job.first()) {
                    Some(other) => format!("{} runs in its place", seen::name(other)),
                    None => format!("it did not appear within {} s", launch.patience.as_secs()),
                })
            }
        };
        if let Some(why) = owed {
            self.owe(why);
        }
    }

    /// Does what a look at the pane allows.
    fn act(&mut self, look: Option<Look>, ground: &mut Ground<'_>) {
        let Some(look) = look else { return self.owe("its pane is gone") };
        match &self.state {
            State::Waiting { shell: Some(shell), .. } => self.begin(*shell, &look, ground),
            State::Typed(typed) if self.job.pending.prefill => {
                if look.spot != typed.spot {
                    self.state = State::Done(Outcome::Typed);
                } else if Instant::now() >= typed.until {
                    self.owe("its shell did not take it");
                }
            }
            State::Typed(typed) => self.came_back(typed.spot == look.spot, ground),
            State::Waiting { .. } | State::Done(_) => {}
        }
    }

    /// The shell waits again, and the program is not there.
    fn came_back(&mut self, unmoved: bool, ground: &Ground<'_>) {
        // Once more: since the processes were looked at it may have read what was typed.
        if settle::waiting_shell(&ProcessTable::of(self.job.pane.pid), &self.job.pane).is_none() {
            return;
        }
        let unused = match (self.ticket, ground.tickets) {
            (Some(id), Some(tickets)) => tickets.is_unused(id),
            _ => unmoved,
        };
        if self.again || !unused && !self.job.pending.launch.repeat {
            self.owe(if unused { "its shell did not run it" } else { "it ended at once" });
        } else {
            self.again = true;
            self.state = State::Waiting { shell: None, strange_since: None };
        }
    }

    /// Types it, if the prompt is known.
    fn begin(&mut self, shell: Shell, look: &Look, ground: &mut Ground<'_>) {
        let now = Instant::now();
        let told = self.told(shell, ground);
        if !look.is_primary || !self.job.pending.known.is_prompt(shell, told, &look.before, look.width) {
            let tells = told == Told::Busy || self.job.pending.tells;
            let State::Waiting { strange_since, .. } = &mut self.state else { return };
            let patience = if tells { TELLING } else { DRAWING };
            if now - *strange_since.get_or_insert(now) >= patience {
                self.owe("its shell does not stand at a prompt that is known");
            }
            return;
        }
        match self.line(shell, ground) {
            Ok(line) => self.type_line(&line, look.spot, ground),
            Err(why) => self.owe(why),
        }
    }

    /// What the shell itself tells by its integration.
    fn told(&self, shell: Shell, ground: &Ground<'_>) -> Told {
        let pane = &self.job.pane;
        let bytes = ground.shells.and_then(|shells| shells.report(ground.generation.pid, pane.id));
        let table = ProcessTable::of(pane.pid);
        let (pid, started) =
            table.standing(pane.pid).map_or((pane.pid, 0), |process| (process.pid, process.started));
        let report = bytes.and_then(|bytes| Report::parse(&bytes, pid, started));
        match report.filter(|report| Shell::of(&report.shell) == Some(shell)) {
            Some(report) if report.at_prompt => Told::Prompt,
            Some(_) => Told::Busy,
            None => Told::Nothing,
        }
    }

    /// What is typed; its ticket is written.
    fn line(&mut self, shell: Shell, ground: &mut Ground<'_>) -> Result<Line, String> {
        let launch = &self.job.pending.launch;
        let id = self.ticket.unwrap_or_else(|| TicketId::from_random((ground.random)()));
        let line = line(launch, shell, ground.resume, id).ok_or("its shell cannot be told to start it")?;
        if let Some(id) = line.ticket() {
            let tickets = ground.tickets.ok_or("its arguments can be kept nowhere")?;
            let (server, generation) = (ground.name.clone(), ground.generation.clone());
            let place = PanePlace { server, generation, pane: self.job.identity };
            let written = tickets.write(id, &ticket(launch, place));
            written.map_err(|error| format!("its arguments could not be kept: {error}"))?;
            self.ticket = Some(id);
        }
        Ok(line)
    }

    fn type_line(&mut self, line: &Line, spot: Spot, ground: &mut Ground<'_>) {
        let Job { pane, pending, .. } = &self.job;
        // Once more, in the last moment.
        if settle::waiting_shell(&ProcessTable::of(pane.pid), pane).is_none() {
            return;
        }
        let typing = Typing { pane: pane.id, spot, line: line.bytes(), enter: !pending.prefill };
        let nonce = Nonce::from_random((ground.random)());
        match ground.server.type_line(&typing, ground.version, nonce, ground.limit) {
            Ok(true) => {
                let at = Instant::now();
                let until = at + if pending.prefill { ECHO } else { pending.launch.patience };
                self.state = State::Typed(Typed { at, until, spot, seen: None, back: 0 });
            }
            // Something has moved: the next look tells what.
            Ok(false) => {}
            Err(error) => self.owe(format!("tmux did not type it: {error}")),
        }
    }
}
