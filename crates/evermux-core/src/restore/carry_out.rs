//! Carrying out the plan of a restore: it is made, its shells come to their prompts, its programs start, and what stands then is
//! compared with what was there, and saved.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::after;
use super::apply::{Applied, ApplyError, Tools, apply};
use super::first::First;
use super::later::Later;
use super::launch::{self, Job};
use super::programs::{self, Programs};
use super::prompts::{self, AtPrompt, Cleaned};
use super::settle::{self, Stand};
use super::skeleton::MadePane;
use super::stage::Stage;
use super::work::{RestoreError, Restored, Work, World};
use crate::capture::{self, NoBlocks};
use crate::diff::Change;
use crate::model::{Kind, PaneId, PaneIdentity, SnapshotId};
use crate::plan::Run;
use crate::problem::Problem;
use crate::save;
use crate::store::{Emergency, Journal, Lock, RestoreState, Save};
use crate::tmux::Server;

/// How long the shells of restored panes may take to their first prompt before the result is saved.
const SETTLING: Duration = Duration::from_secs(3);

/// Programs that are still to be started in what was made.
pub(super) struct Starting {
    applied: Applied,
    at_prompt: HashSet<PaneIdentity>,
    stands: HashMap<PaneIdentity, Stand>,
    prompt_rows: HashMap<PaneIdentity, u32>,
    jobs: Vec<Job>,
}

/// Makes what the plan says, waits for the shells, and saves what stands then. What is still to be started in it is owed.
pub(super) fn carry_out(
    world: &mut World<'_>,
    work: &Work<'_>,
    journal: Journal<'_>,
    building: Lock,
    restored: &mut Restored,
) -> Result<Option<Starting>, RestoreError> {
    let server = work.server;
    let jobs = world.store.jobs()?;
    let id = journal.id().to_string();
    let tools = Tools {
        server,
        version: work.live.snapshot.server().version,
        id: &id,
        beginnings: work.beginnings,
        jobs: &jobs,
        helper: world.helper,
        block: world.block,
        first: world.capture.shells.as_ref().map(|shells| First {
            shells,
            name: world.name,
            generation: &work.live.snapshot.server().generation,
        }),
        limit: world.capture.limit,
    };
    let mut building = Some(building);
    let mut heard = |stage: Stage<'_>| {
        building.take_if(|_| matches!(stage, Stage::Stands(_)));
        (world.told)(stage);
    };
    let mut applied = apply(&restored.plan, &tools, (world.now)(), &mut heard)?;
    restored.times[1..4].copy_from_slice(&applied.times);
    restored.problems.extend(applied.problems.iter().cloned());
    // From here on they are let go if something fails.
    let later = std::mem::take(&mut applied.later);

    let begun = Instant::now();
    let shells: Vec<_> = restored
        .plan
        .windows
        .iter()
        .flat_map(|window| &window.panes)
        .filter(|pane| pane.run == Run::Shell && !pane.later)
        .filter_map(|pane| applied.panes.get(&pane.pane.identity))
        .collect();
    let at_prompt = settle::prompts(shells.into_iter(), Instant::now() + SETTLING);
    let stands = stands(server, &applied, world.capture.limit)?;
    let cleaned = clean_prompts(world, work, &applied, &at_prompt, &stands);
    let prompts = applied.panes.iter().filter(|(_, made)| at_prompt.contains(&made.id)).map(|(id, _)| *id);
    let jobs = programs::jobs(&restored.plan, &applied, world.block);
    let mut expected = after::Expected {
        plan: &restored.plan,
        applied: &applied,
        at_prompt: prompts.collect(),
        stands,
        prompt_rows: cleaned.rows,
        owed: work.owed,
        programs: Programs::default(),
    };
    restored.problems.extend(expected.shortened());
    restored.problems.extend(expected.without_end(&cleaned.missing));
    restored.debts = expected.debts();
    // If the machine goes down while programs start, they are owed. The state that this restore leaves is saved after that.
    let kind = if jobs.is_empty() { Kind::AfterRestore } else { Kind::Automatic };
    let after = save_after(world, work, kind, &mut expected)?;
    if jobs.is_empty() {
        restored.problems.extend(after.problems);
        restored.differences = after.differences;
    }
    restored.saved = Some(after.saved);
    journal.finished(&applied.panes.keys().copied().collect::<Vec<_>>())?;
    journal.finish(RestoreState::Done, (world.now)())?;
    let after::Expected { at_prompt, stands, prompt_rows, .. } = expected;
    restored.times[4] = begun.elapsed();
    restored.waiting = later.len();
    restored.later = Later::of(tools.version, later);
    Ok((!jobs.is_empty()).then_some(Starting { applied, at_prompt, stands, prompt_rows, jobs }))
}

/// Starts the programs in what was made, and saves what runs then.
pub(super) fn start_programs(
    world: &mut World<'_>,
    work: &Work<'_>,
    starting: Starting,
    restored: &mut Restored,
) -> Result<(), RestoreError> {
    let begun = Instant::now();
    let Starting { applied, at_prompt, stands, prompt_rows, jobs } = starting;
    let live = work.live.snapshot.server();
    let tickets =
        world.store.tickets().inspect_err(|error| tracing::warn!(%error, "there can be no tickets")).ok();
    if let Some(tickets) = &tickets {
        tickets.sweep(world.name, &live.generation);
    }
    if let Some(limit) = launch::awaits_client(&jobs, work.server, world.capture.limit) {
        (world.told)(Stage::AwaitsClient(limit));
    }
    let mut ground = launch::Ground {
        server: work.server,
        version: live.version,
        name: world.name,
        generation: &live.generation,
        tickets: tickets.as_ref(),
        shells: world.capture.shells.as_ref(),
        resume: world.resume,
        random: world.random,
        limit: world.capture.limit,
    };
    let programs = Programs::new(launch::launch(jobs, &mut ground));
    let (plan, owed) = (&restored.plan, work.owed);
    let mut expected =
        after::Expected { plan, applied: &applied, at_prompt, stands, prompt_rows, owed, programs };
    let after = save_after(world, work, Kind::AfterRestore, &mut expected)?;
    restored.debts = expected.debts();
    [restored.started, restored.typed] = expected.started();
    restored.problems.extend(after.problems);
    restored.differences = after.differences;
    restored.saved = Some(after.saved);
    restored.times[5] = begun.elapsed();
    Ok(())
}

/// How the restored panes stand.
fn stands(
    server: &Server,
    applied: &Applied,
    limit: Duration,
) -> Result<HashMap<PaneIdentity, Stand>, RestoreError> {
    let stands = settle::stands(server, limit).map_err(ApplyError::from)?;
    let of = |made: &MadePane| stands.get(&made.id).copied();
    Ok(applied.panes.iter().filter_map(|(&identity, made)| Some((identity, of(made)?))).collect())
}

/// Makes the upper lines of prompts stand there once. `at_prompt`: where a shell stands at its first prompt.
fn clean_prompts(
    world: &mut World<'_>,
    work: &Work<'_>,
    applied: &Applied,
    at_prompt: &HashSet<PaneId>,
    stands: &HashMap<PaneIdentity, Stand>,
) -> Cleaned {
    let mut late = Vec::new();
    let mut panes = Vec::new();
    for (&identity, tail) in &applied.tails {
        let Some(pane) = applied.panes.get(&identity) else { continue };
        match stands.get(&identity).filter(|_| at_prompt.contains(&pane.id)) {
            Some(&stand) => panes.push(AtPrompt { identity, pane, tail, stand }),
            None if tail.held > 0 => late.push(identity),
            None => {}
        }
    }
    let version = work.live.snapshot.server().version;
    let mut cleaned = prompts::clean(work.server, version, &panes, world.random, world.capture.limit);
    cleaned.missing.extend(late);
    cleaned
}

/// What saving after a restore has shown.
pub(super) struct After {
    pub(super) saved: SnapshotId,
    differences: Vec<Change>,
    problems: Vec<Problem>,
}

/// Saves the server as the restore leaves it: with the debts, and with the text that was written just now, which need
/// not be captured again.
pub(super) fn save_after(
    world: &mut World<'_>,
    work: &Work<'_>,
    kind: Kind,
    expected: &mut after::Expected<'_>,
) -> Result<After, RestoreError> {
    let saving = world.store.saving(world.name, world.patience)?;
    let previous = save::previous(world.store, world.name)?;
    let prompt_rows = expected.prompt_rows.clone();
    let options = capture::Options { text: false, prompt_rows, ..world.capture.clone() };
    let now = (world.now)();
    let captured =
        capture::capture(work.server, previous.as_ref(), &options, now, world.random, &mut NoBlocks)?;
    expected.programs.ended(captured.live.snapshot.windows().iter().flat_map(|window| &window.panes));
    let snapshot = expected.complete(captured.live.snapshot);
    let differences = expected.differences(work.chosen, &snapshot, world.block);
    let report = saving.save(&Save {
        snapshot: &snapshot,
        kind,
        coverage: captured.coverage,
        name: None,
        note: None,
        blocks: &expected.foreign_blocks(work.chosen, world.block)?,
        emergency: Emergency::WhenDue,
    })?;
    let problems = captured.problems.into_iter().chain(report.problems).collect();
    Ok(After { saved: report.value.id, differences, problems })
}
