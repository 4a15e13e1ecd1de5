//! Doing what a plan says.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};
use jiff::Timestamp;
use thiserror::Error;

use super::finish;
use super::first::First;
use super::hooks::Hooks;
use super::later::LaterPane;
use super::pace::Pace;
use super::programs;
use super::prompts::{Known, Tail};
use super::settle;
use super::skeleton::{
    self, HISTORY_LIMIT, Made, MadePane, Skeleton, early_history_limit, live_history_limit,
};
use super::stage::Stage;
use super::text::{self, Waiting};
use crate::gate::{Ending, Gate, GateError};
use crate::model::{BlockId, Death, PaneId, PaneIdentity, SessionId, TmuxVersion};
use crate::plan::{Plan, PlannedLink, PlannedPane, Run, WindowPlace};
use crate::problem::{Problem, Subject};
use crate::text::quote::printable;
use crate::tmux::{RunError, Script, Server, command};

/// How long tmux may take to notice that the process of a dead pane has ended.
const ENDING: Duration = Duration::from_secs(15);

/// What applying a plan needs beside it.
pub struct Tools<'a> {
    /// The server to restore onto.
    pub server: &'a Server,
    /// Its version.
    pub version: TmuxVersion,
    /// The restore's id: sixteen hexadecimal digits, never used before.
    pub id: &'a str,
    /// Sessions of no use that kept the server alive: they go.
    pub beginnings: &'a [SessionId],
    /// The folder for the gate's files (0700, exists); they stay as long as the server lives.
    pub jobs: &'a Path,
    /// The program that recognises itself as a gate's helper: evermux.
    pub helper: &'a Path,
    /// Reads a block of text.
    pub block: &'a dyn Fn(BlockId) -> Option<Vec<u8>>,
    /// What restored shells take back; none if they cannot be told.
    pub(super) first: Option<First<'a>>,
    /// How long tmux may take for all of one step.
    pub limit: Duration,
}

/// Why a plan could not be applied.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// tmux did not do it.
    #[error("tmux could not be told what to make")]
    Tmux(#[from] RunError),
    /// The panes cannot be held back for their text.
    #[error("text cannot be brought back")]
    Gate(#[from] GateError),
    /// tmux's answer to a question about itself makes no sense.
    #[error("the server does not tell its {0}")]
    Untold(&'static str),
}

/// What was done.
#[derive(Debug, Default)]
pub struct Applied {
    /// When it began.
    pub began: Timestamp,
    /// The live panes, by identity.
    pub(super) panes: HashMap<PaneIdentity, MadePane>,
    /// The live sessions, by position in the plan.
    pub sessions: HashMap<usize, SessionId>,
    /// The panes whose shells start later.
    pub(super) later: Vec<LaterPane>,
    /// How texts end that have a prompt below them.
    pub(super) tails: HashMap<PaneIdentity, Tail>,
    /// How many rows of history the texts fill at least.
    pub(super) rows: HashMap<PaneIdentity, u32>,
    /// Panes that did not get their text.
    pub without_text: Vec<PaneIdentity>,
    /// What went wrong without stopping it.
    pub problems: Vec<Problem>,
    /// How long the steps took: skeleton, text, finish.
    pub times: [Duration; 3],
}

/// What is asked of the server before anything is made.
struct Look {
    version: TmuxVersion,
    hooks: Hooks,
    shell: BString,
    history_limit: u32,
    base_index: u32,
    pane_base_index: u32,
    marked: bool,
    destroy_unattached: BString,
}

/// Makes what `plan` makes: skeleton, text, finish (see [`skeleton`], [`text`] and [`mod@finish`]); `told` hears how far it
/// has come.
///
/// # Errors
/// [`ApplyError`]; what was made until then carries the restore's id, so that the next one can tell.
pub fn apply(
    plan: &Plan,
    tools: &Tools<'_>,
    now: Timestamp,
    told: &mut dyn FnMut(Stage<'_>),
) -> Result<Applied, ApplyError> {
    let begun = Instant::now();
    let look = look(tools)?;
    let gates = open_gates(plan, &look, tools)?;
    let building = skeleton::Ground {
        version: look.version,
        id: tools.id,
        hooks: &look.hooks,
        shell: look.shell.clone(),
        history_limit: global_history_limit(plan, look.version).unwrap_or(look.history_limit),
        base_index: look.base_index,
        pane_base_index: look.pane_base_index,
        mark: !look.marked && can_mark(tools),
        gate: &|shell| gates.get(shell).map(Gate::link),
    };
    let script = Skeleton::write(plan, &building);
    let output = tools.server.run(&script.for_version(tools.version), tools.limit)?;
    let made = Made::read(&output.stdout, tools.id);
    let mut applied = Applied { began: now, ..Applied::default() };
    applied.problems.extend(output.errors.iter().map(refused));
    missing(plan, &made, &mut applied.problems);
    if let Some(first) = &tools.first {
        applied.problems.extend(first.leave(plan, &made));
    }
    if !can_mark(tools) {
        unmarked(plan, &mut applied.problems);
    }
    let mut ground = finish::Ground {
        version: look.version,
        hooks: &look.hooks,
        history_limit: &|session| early_history_limit(plan, session, &building),
        destroy_unattached: look.destroy_unattached.clone(),
        dead: &HashSet::new(),
        beginnings: tools.beginnings,
    };
    finish(finish::stand(plan, &made, &ground), tools, &mut applied)?;
    told(Stage::Stands(&in_order(plan, &made)));
    applied.times[0] = begun.elapsed();

    let begun = Instant::now();
    let pace = Pace::new(tools.helper.to_owned());
    fill(plan, &made, &look, &gates, tools, &pace, &mut applied)?;
    let dead = dead(plan, &made, tools)?;
    applied.times[1] = begun.elapsed();

    let begun = Instant::now();
    ground.dead = &dead;
    finish(finish::write(plan, &made, &ground), tools, &mut applied)?;
    for gate in gates.into_values() {
        gate.close()?;
    }
    told(Stage::Written);
    applied.times[2] = begun.elapsed();
    pace.wait();

    applied.sessions = made.sessions.clone();
    for (at, pane) in &made.panes {
        applied.panes.insert(planned(plan, *at).pane.identity, pane.clone());
    }
    Ok(applied)
}

/// Runs a script of [`mod@finish`].
fn finish(
    (script, problems): (Script, Vec<Problem>),
    tools: &Tools<'_>,
    applied: &mut Applied,
) -> Result<(), RunError> {
    applied.problems.extend(problems);
    let output = tools.server.run(&script.for_version(tools.version), tools.limit)?;
    applied.problems.extend(output.errors.iter().map(refused));
    Ok(())
}

/// The sessions that were made, the one that was used last first.
fn in_order(plan: &Plan, made: &Made) -> Vec<SessionId> {
    let mut positions: Vec<usize> = (0..plan.sessions.len()).collect();
    positions.sort_by_key(|&position| plan.shown != Some(position));
    positions.into_iter().filter_map(|position| made.sessions.get(&position).copied()).collect()
}

/// The global `history-limit` that is to come back before anything is made.
fn global_history_limit(plan: &Plan, version: TmuxVersion) -> Option<u32> {
    if !live_history_limit(version) {
        return None;
    }
    let (_, option) = plan.globals.iter().find(|(_, option)| option.name == HISTORY_LIMIT)?;
    option.value.as_ref()?.to_str().ok()?.parse().ok()
}

fn planned(plan: &Plan, (window, pane): (usize, usize)) -> &PlannedPane {
    &plan.windows[window].panes[pane]
}

fn refused(line: &BString) -> Problem {
    Problem::new(Subject::Server, format!("tmux refused a command: {}", printable(line)))
}

/// Names what should have been made and was not.
fn missing(plan: &Plan, made: &Made, problems: &mut Vec<Problem>) {
    for (w, window) in plan.windows.iter().enumerate() {
        for (p, pane) in window.panes.iter().enumerate() {
            if !made.panes.contains_key(&(w, p)) {
                let subject = Subject::Pane(window.label.0.to_string(), window.label.1, pane.position);
                problems.push(Problem::new(subject, "tmux could not make it"));
            }
        }
    }
}

/// Whether tmux can be told to mark a pane. Up to 3.2 it looks at the window of the pane that was marked before, which
/// may be gone: the server would end. One that was started for this restore has never marked any.
fn can_mark(tools: &Tools<'_>) -> bool {
    tools.version.at_least(3, 3) || !tools.beginnings.is_empty()
}

/// Names the pane that stays without its mark.
fn unmarked(plan: &Plan, problems: &mut Vec<Problem>) {
    for window in plan.windows.iter().filter(|window| window.place == WindowPlace::New) {
        for pane in window.panes.iter().filter(|pane| pane.pane.marked) {
            let subject = Subject::Pane(window.label.0.to_string(), window.label.1, pane.position);
            let what = "it is not marked again: a tmux before 3.3 can end when it is told to";
            problems.push(Problem::new(subject, what));
        }
    }
}

fn look(tools: &Tools<'_>) -> Result<Look, ApplyError> {
    let version = tools.version;
    let separator = format!("{} --", tools.id);
    let mut script = Script::default();
    script.push(command("show-options").word("-gqv").word("default-shell"));
    // Not as formats: these would tell what some session has of its own.
    for (scope, name) in [("-gv", "history-limit"), ("-gv", "base-index"), ("-gwv", "pane-base-index")] {
        script.push(command("show-options").word(scope).word(name));
    }
    script.push(command("display-message").value("-p", "#{?pane_marked_set,1,0}"));
    script.push(command("show-options").word("-gv").word("destroy-unattached"));
    script.push(command("display-message").value("-p", &separator));
    Hooks::list(version, &separator, &mut script);
    let output = tools.server.run(&script.for_version(tools.version), tools.limit)?;
    let (facts, hooks) =
        output.stdout.split_once_str(&format!("{separator}\n")).ok_or(ApplyError::Untold("options"))?;
    let mut lines = facts.lines();
    let shell =
        lines.next().filter(|line| line.starts_with(b"/")).ok_or(ApplyError::Untold("default-shell"))?;
    let mut number = |name| {
        let number = lines.next().and_then(|line| line.to_str().ok()?.parse().ok());
        number.ok_or(ApplyError::Untold(name))
    };
    Ok(Look {
        version,
        hooks: Hooks::read(hooks, &separator),
        shell: shell.into(),
        history_limit: number("history-limit")?,
        base_index: number("base-index")?,
        pane_base_index: number("pane-base-index")?,
        marked: number("marked pane")? == 1,
        destroy_unattached: lines.next().ok_or(ApplyError::Untold("destroy-unattached"))?.into(),
    })
}

/// A gate for every shell that held panes will run.
fn open_gates(plan: &Plan, look: &Look, tools: &Tools<'_>) -> Result<HashMap<BString, Gate>, ApplyError> {
    let mut gates = HashMap::new();
    if !plan.windows.iter().flat_map(|window| &window.panes).any(PlannedPane::is_held) {
        return Ok(gates);
    }
    for shell in shells(plan, &look.shell) {
        if !gates.contains_key(shell) {
            let folder = tools.jobs.join(tools.id).join(gates.len().to_string());
            let gate =
                Gate::open(&folder, tools.helper, &PathBuf::from(shell.to_os_str_lossy().into_owned()))?;
            gates.insert(shell.clone(), gate);
        }
    }
    Ok(gates)
}

/// Writes the text of all held panes, those that are seen first first, and lets them go.
fn fill(
    plan: &Plan,
    made: &Made,
    look: &Look,
    gates: &HashMap<BString, Gate>,
    tools: &Tools<'_>,
    pace: &Pace,
    applied: &mut Applied,
) -> Result<(), ApplyError> {
    if gates.is_empty() {
        return Ok(());
    }
    let stands = settle::stands(tools.server, tools.limit)?;
    let shells = shells(plan, &look.shell);
    let mut waiting: Vec<Waiting<'_>> = Vec::new();
    for (w, window) in plan.windows.iter().enumerate() {
        for (p, pane) in window.panes.iter().enumerate() {
            let (Some(live), Some(gate)) = (made.panes.get(&(w, p)), gates.get(shells[w])) else { continue };
            if !pane.is_held() {
                if pane.text {
                    let subject = Subject::Pane(window.label.0.to_string(), window.label.1, pane.position);
                    applied.problems.push(Problem::new(subject, "its program starts with an empty screen"));
                }
                continue;
            }
            let text = pane.pane.text.as_ref().filter(|_| pane.text);
            let saved = text.map_or(24, |text| text.size.height);
            let stand = stands.get(&live.id);
            let height = stand.map_or(saved, |stand| stand.height);
            let (ending, zsh) = (ending(pane), is_zsh(pane));
            let same_size = text.zip(stand).is_some_and(|(text, stand)| stand.is_of(text.size));
            let facts = &pane.pane.facts;
            let known = Known { rows: facts.prompt_rows, column: facts.cursor.0 };
            let prompt = (same_size && facts.at_prompt && pane.run == Run::Shell).then_some(known);
            let (at, later) = ((w, p), pane.later);
            let draws_anew = programs::draws_anew(pane);
            let made = Waiting { at, pane: live, gate, height, text, ending, later, prompt, draws_anew, zsh };
            waiting.push(made);
        }
    }
    waiting.sort_by_key(|waiting| order(plan, waiting.at));
    let written = text::write(&waiting, tools.block, pace);
    let identity = |at| planned(plan, at).pane.identity;
    applied.tails = written.tails.into_iter().map(|(at, tail)| (identity(at), tail)).collect();
    for (at, held) in written.later {
        let Some(pane) = made.panes.get(&at).cloned() else { continue };
        let tail = applied.tails.remove(&identity(at));
        let pending = programs::pending(planned(plan, at), tools.block);
        applied.later.push(LaterPane { identity: identity(at), pane, tail, pending, held });
    }
    for at in written.too_wide {
        let window = &plan.windows[at.0];
        let subject = Subject::Pane(window.label.0.to_string(), window.label.1, planned(plan, at).position);
        let what = "characters of its text that are wider than one column do not fit into it";
        applied.problems.push(Problem::new(subject, what));
    }
    applied.rows = written.rows.into_iter().map(|(at, rows)| (identity(at), rows)).collect();
    for (at, failure) in written.failures {
        let pane = planned(plan, at);
        let window = &plan.windows[at.0];
        let subject = Subject::Pane(window.label.0.to_string(), window.label.1, pane.position);
        applied.problems.push(Problem::new(subject, format!("its text did not come back: {failure}")));
        applied.without_text.push(pane.pane.identity);
        applied.tails.remove(&pane.pane.identity);
    }
    Ok(())
}

/// The panes that shall be dead and are.
fn dead(plan: &Plan, made: &Made, tools: &Tools<'_>) -> Result<HashSet<PaneId>, RunError> {
    let ending = |(at, _): &(&(usize, usize), &MadePane)| planned(plan, **at).run == Run::Dead;
    let panes: Vec<&MadePane> = made.panes.iter().filter(ending).map(|(_, pane)| pane).collect();
    if panes.is_empty() {
        return Ok(HashSet::new());
    }
    settle::dead(tools.server, &panes, tools.limit, Instant::now() + ENDING)
}

/// When a pane gets its text: the window that was seen last first, then the active panes of the other current windows.
fn order(plan: &Plan, at: (usize, usize)) -> (u8, bool) {
    use crate::plan::LinkedWindow::Planned;
    let current = |position: usize| {
        let planned = &plan.sessions[position];
        let shows = |link: &PlannedLink| {
            link.window == Planned(at.0) && link.was.unwrap_or(link.index) == planned.session.active
        };
        planned.links.iter().any(shows)
    };
    let active = planned(plan, at).position == plan.windows[at.0].window.active;
    let rank = match plan.shown {
        Some(shown) if current(shown) => 0,
        _ if active && (0..plan.sessions.len()).any(current) => 1,
        _ => 2,
    };
    (rank, !active)
}

/// The shell of each window's panes: that of the session that makes it.
fn shells<'a>(plan: &'a Plan, global: &'a BString) -> Vec<&'a BString> {
    use crate::plan::LinkedWindow::Planned;
    let mut shells: Vec<Option<&BString>> = (plan.windows.iter())
        .map(|window| match &window.place {
            WindowPlace::New => None,
            WindowPlace::Live { shell, .. } => Some(shell.as_ref().unwrap_or(global)),
        })
        .collect();
    for session in &plan.sessions {
        for link in &session.links {
            if let Planned(window) = link.window {
                shells[window].get_or_insert(plan.shell(session).unwrap_or(global));
            }
        }
    }
    shells.into_iter().map(|shell| shell.unwrap_or(global)).collect()
}

/// Whether a pane comes back with a zsh as its shell.
fn is_zsh(pane: &PlannedPane) -> bool {
    let own = pane.pane.facts.processes.first().and_then(|own| own.command.argv.first());
    let name = own.and_then(|name| name.rsplit(|&byte| byte == b'/').next());
    pane.run == Run::Shell && name.is_some_and(|name| name.strip_prefix(b"-").unwrap_or(name) == b"zsh")
}

fn ending(pane: &PlannedPane) -> Ending {
    match (&pane.run, pane.pane.dead) {
        (Run::Dead, Some(Death { signal: Some(signal), .. })) => Ending::Signal(signal),
        (Run::Dead, Some(Death { status: Some(status), .. })) => Ending::Exit(status),
        // Up to 3.2 tmux does not tell which signal it was, only that there is no status.
        (Run::Dead, _) => Ending::Signal(9),
        _ => Ending::Shell,
    }
}
