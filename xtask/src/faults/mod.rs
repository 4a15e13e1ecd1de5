//! `cargo xtask faults`: nothing that was acknowledged is lost, whatever the disk, the kernel or a kill does.
//!
//! Each command is run once to see its calls to the system; then once for each of them and each fault, on a state
//! folder that is put back before. After every run the store is checked, what was acknowledged before is compared to the
//! byte, what evermux said is compared with what is there, and the next run must make everything well.

mod ground;
mod inject;
mod scenes;
mod servers;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use evermux_testkit::{Tmux, tmux_binaries};

use crate::machine::{self, cargo, install, say, target};
use inject::{Call, Case};
use scenes::Scene;

/// How often a call is looked for.
const ATTEMPTS: u32 = 3;

/// What it takes.
const NEEDED: &[(&str, &str)] = &[("strace", "strace")];

/// Tries SIGKILL, ENOSPC, EIO and EDQUOT at every call that changes files, and kills tmux at every step
#[derive(clap::Args)]
pub struct Arguments {
    /// Only some of everything: of each kind of call on each kind of file one, with one fault; under a minute
    #[arg(long)]
    pub quick: bool,
    /// Which ones a quick run chooses
    #[arg(long, default_value_t = 1)]
    pub seed: usize,
    /// Only this scene
    #[arg(long)]
    pub only: Option<String>,
    /// Only calls that are told so: `clone3 12`, `evermux.db-wal`
    #[arg(long)]
    pub at: Option<String>,
    /// How many cases at once
    #[arg(long, default_value_t = 2)]
    pub jobs: usize,
    /// The tmux to try it with; default: the newest there is
    #[arg(long)]
    pub tmux: Option<PathBuf>,
    /// The evermux to try; default: the one of this workspace
    #[arg(long)]
    pub evermux: Option<PathBuf>,
}

/// The programs.
pub struct Tools {
    program: String,
    tmux: Tmux,
}

/// What came out.
#[derive(Default)]
struct Tally {
    tried: BTreeMap<String, usize>,
    missed: usize,
    wrong: Vec<(Case, Vec<String>)>,
}

/// A bounded run, as a part of the tests.
pub fn quick() -> Result<()> {
    let arguments =
        Arguments { quick: true, seed: 1, only: None, at: None, jobs: 2, tmux: None, evermux: None };
    run(&arguments)
}

/// Does it.
pub fn run(arguments: &Arguments) -> Result<()> {
    install(NEEDED)?;
    let tools = tools(arguments)?;
    say(&format!("faults with tmux {}", tools.tmux.version));
    let begun = Instant::now();
    let (mut tried, mut lost, mut wrong) = (0, 0, 0);
    for scene in scenes::all() {
        if arguments.only.as_deref().is_some_and(|only| only != scene.name()) {
            continue;
        }
        let begun = Instant::now();
        let (calls, tally) = play(scene.as_ref(), &tools, arguments)?;
        let count: usize = tally.tried.values().sum();
        let kinds: Vec<String> =
            tally.tried.iter().map(|(fault, count)| format!("{count} {fault}")).collect();
        let missed = if tally.missed > 0 { format!(", {} not met", tally.missed) } else { String::new() };
        say(&format!(
            "{}: {calls} calls, {count} faults tried ({}){missed}, {} with something wrong, {} s",
            scene.name(),
            kinds.join(", "),
            tally.wrong.len(),
            begun.elapsed().as_secs(),
        ));
        for (case, findings) in &tally.wrong {
            for finding in findings {
                say(&format!("  {}: {case}: {finding}", scene.name()));
            }
        }
        tried += count;
        wrong += tally.wrong.len();
        let is_lost = |(_, findings): &&(Case, Vec<String>)| findings.iter().any(|it| it.starts_with("LOST"));
        lost += tally.wrong.iter().filter(is_lost).count();
    }
    say(&format!(
        "{tried} faults tried in {} s: {lost} lost something, {wrong} left something wrong",
        begun.elapsed().as_secs()
    ));
    if wrong > 0 {
        bail!("{wrong} faults left something wrong");
    }
    Ok(())
}

fn tools(arguments: &Arguments) -> Result<Tools> {
    let program = match &arguments.evermux {
        Some(path) => path.clone(),
        None => {
            machine::run(cargo().args(["build", "--quiet", "--package", "evermux"]))?;
            target().join("debug/evermux")
        }
    };
    let tmux = match &arguments.tmux {
        Some(path) => Tmux::at(path).with_context(|| format!("no tmux at {}", path.display()))?,
        None => tmux_binaries().pop().context("no tmux")?,
    };
    Ok(Tools { program: program.display().to_string(), tmux })
}

/// Plays all cases of a scene: how many calls there were, and what came out.
fn play(scene: &dyn Scene, tools: &Tools, arguments: &Arguments) -> Result<(usize, Tally)> {
    let first = scene.ground(tools)?;
    let calls = scene.calls(&first)?;
    let cases = cases(scene, &calls, arguments);
    let (next, tally) = (AtomicUsize::new(0), Mutex::new(Tally::default()));
    let work = |ground: &ground::Ground| {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let outcome = catch_unwind(AssertUnwindSafe(|| attempt(scene, ground, case)));
            let mut tally = tally.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let findings = match outcome {
                Ok(Ok(None)) => {
                    tally.missed += 1;
                    continue;
                }
                Ok(Ok(Some(findings))) => findings,
                Ok(Err(error)) => vec![format!("{error:#}")],
                // The testkit has said why.
                Err(_) => vec!["see above".to_owned()],
            };
            *tally.tried.entry(case.fault.to_string()).or_default() += 1;
            if !findings.is_empty() {
                tally.wrong.push((case.clone(), findings));
            }
        }
    };
    std::thread::scope(|scope| -> Result<()> {
        let jobs = arguments.jobs.min(cases.len());
        let others: Vec<_> = (1..jobs)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    let ground = scene.ground(tools)?;
                    work(&ground);
                    Ok(())
                })
            })
            .collect();
        work(&first);
        others
            .into_iter()
            .try_for_each(|other| other.join().unwrap_or_else(|_| bail!("no ground to try it on")))
    })?;
    Ok((calls.len(), tally.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)))
}

/// Tries a case; none: the call never came. Its number may have changed since the calls were counted.
fn attempt(scene: &dyn Scene, ground: &ground::Ground, case: &Case) -> Result<Option<Vec<String>>> {
    let mut case = case.clone();
    for _ in 0..ATTEMPTS {
        if let Some(findings) = scene.attempt(ground, &case)? {
            return Ok(Some(findings));
        }
        let same = |call: &Call| {
            (&call.name, &call.file, call.of_file) == (&case.call.name, &case.call.file, case.call.of_file)
        };
        match scene.calls(ground)?.into_iter().find(same) {
            Some(call) => case.call = call,
            None => break,
        }
    }
    Ok(None)
}

/// All cases; in a quick run of each kind of call on each kind of file one, with one of the faults.
fn cases(scene: &dyn Scene, calls: &[Call], arguments: &Arguments) -> Vec<Case> {
    let case = |call: &Call, fault| Case { call: call.clone(), fault };
    let is_meant = |call: &&Call| {
        arguments.at.as_ref().is_none_or(|at| call.to_string() == *at || call.file.as_ref() == Some(at))
    };
    if !arguments.quick {
        return calls
            .iter()
            .filter(is_meant)
            .flat_map(|call| scene.faults(call).iter().map(move |&fault| case(call, fault)))
            .collect();
    }
    let mut kinds: BTreeMap<(&str, Option<&str>), Vec<&Call>> = BTreeMap::new();
    for call in calls {
        kinds.entry((&call.name, call.file.as_deref())).or_default().push(call);
    }
    let choose = |(number, calls): (usize, &Vec<&Call>)| {
        let call = calls[(arguments.seed * 7 + number) % calls.len()];
        let faults = scene.faults(call);
        case(call, faults[(arguments.seed + number) % faults.len()])
    };
    let every = if scene.is_slow() { 3 } else { 1 };
    kinds.values().enumerate().skip(arguments.seed % every).step_by(every).map(choose).collect()
}
