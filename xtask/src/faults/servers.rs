//! What goes on while evermux works: the tmux server is killed under it, and the keeper's own faults.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use evermux_testkit::{Process, wait_until};

use super::Tools;
use super::ground::Ground;
use super::inject::{CHANGES, Call, Case, Fault, Tracer, calls};
use super::scenes::{Scene, as_before, store_is_sound};

/// tmux waits in `poll` for what comes next: every turn of its loop is a step. (It tells libevent not to use epoll.)
const TURNS: [&str; 1] = ["poll"];

/// How long the keeper may take until all is well again.
const HEALED: Duration = Duration::from_secs(60);

fn turns(ground: &Ground, command: &[&str]) -> Result<Vec<Call>> {
    let pid = ground.server.process().context("the server lives")?.id();
    let tracer = Tracer::attach(&ground.env, &[pid], &TURNS, None)?;
    ground.env.ok(command);
    Ok(calls(&tracer.detach()?, &ground.env.state()))
}

/// A save whose server is killed.
pub struct Saving;

impl Scene for Saving {
    fn name(&self) -> &'static str {
        "tmux killed in a save"
    }

    fn ground(&self, tools: &Tools) -> Result<Ground> {
        Ground::new(&tools.program, &tools.tmux)
    }

    fn calls(&self, ground: &Ground) -> Result<Vec<Call>> {
        ground.reset()?;
        ground.server.run(&["rename-window", "-t", "=work:3", "changed"]);
        let turns = turns(ground, &["save"])?;
        ground.server.kill_all();
        Ok(turns)
    }

    fn faults(&self, _call: &Call) -> &'static [Fault] {
        &[Fault::Kill]
    }

    fn attempt(&self, ground: &Ground, case: &Case) -> Result<Option<Vec<String>>> {
        ground.server.kill_all();
        ground.reset()?;
        ground.env.ok(&["restore"]);
        ground.server.wait_for_prompts();
        let saved = ground.snapshots()?.len();
        ground.server.run(&["rename-window", "-t", "=work:3", "changed"]);
        let pid = ground.server.process().context("the server lives")?.id();
        let tracer = Tracer::attach(&ground.env, &[pid], &TURNS, Some(case))?;
        let save = ground.env.run(&["save"]);
        let struck = tracer.has_struck();
        tracer.detach()?;
        if !struck {
            return Ok(None);
        }
        let mut wrong = Vec::new();
        store_is_sound(ground, &[], &mut wrong);
        let now = ground.snapshots()?.len();
        let acknowledged = matches!(save.status, Some(0 | 3));
        match save.status {
            Some(0 | 3) if now > saved => {}
            Some(1 | 4) if now == saved => {}
            _ => wrong.push(format!("there were {saved} snapshots, now there are {now}: {save}")),
        }
        ground.server.kill_all();
        let restored = ground.env.run(&["restore"]);
        if restored.status != Some(0) {
            wrong.push(format!("the next restore: {restored}"));
        }
        if acknowledged {
            ground.server.tmux(&["rename-window", "-t", "=work:changed", "logs"]);
        }
        as_before(ground, "after a restore", &mut wrong);
        Ok(Some(wrong))
    }
}

/// A restore into a living server, which is killed.
pub struct Restoring;

impl Restoring {
    fn begin(ground: &Ground) -> Result<()> {
        ground.server.kill_all();
        ground.reset()?;
        ground.server.run(&["new-session", "-d", "-s", "mine", "-x", "80", "-y", "24"]);
        ground.server.wait_for_prompts();
        Ok(())
    }
}

impl Scene for Restoring {
    fn name(&self) -> &'static str {
        "tmux killed in a restore"
    }

    fn ground(&self, tools: &Tools) -> Result<Ground> {
        Ground::new(&tools.program, &tools.tmux)
    }

    fn calls(&self, ground: &Ground) -> Result<Vec<Call>> {
        Self::begin(ground)?;
        turns(ground, &["restore"])
    }

    fn faults(&self, _call: &Call) -> &'static [Fault] {
        &[Fault::Kill]
    }

    fn attempt(&self, ground: &Ground, case: &Case) -> Result<Option<Vec<String>>> {
        Self::begin(ground)?;
        let pid = ground.server.process().context("the server lives")?.id();
        let tracer = Tracer::attach(&ground.env, &[pid], &TURNS, Some(case))?;
        let restore = ground.env.run(&["restore"]);
        let struck = tracer.has_struck();
        tracer.detach()?;
        if !struck {
            return Ok(None);
        }
        let mut wrong = Vec::new();
        if restore.status == Some(0) && !restore.text().starts_with("Restored") {
            wrong.push(format!("the server died: {restore}"));
        }
        store_is_sound(ground, &[], &mut wrong);
        ground.server.kill_all();
        let again = ground.env.run(&["restore"]);
        if again.status != Some(0) {
            wrong.push(format!("the next restore: {again}"));
        }
        // What was there before was never saved by hand; a restore that came to its end has saved it.
        ground.server.tmux(&["kill-session", "-t", "=mine"]);
        as_before(ground, "after the next restore", &mut wrong);
        Ok(Some(wrong))
    }
}

/// The keeper, in the threads that save.
pub struct Keeping;

impl Keeping {
    /// A keeper that has saved what is there, and its threads but for the first one, which saves nothing.
    fn begin(ground: &Ground) -> Result<(std::process::Child, Vec<u32>)> {
        ground.env.run(&["keeper", "stop"]);
        ground.reset()?;
        ground.server.run(&["rename-window", "-t", "=work:3", "logs"]);
        let mut command = ground.env.command(&["keeper", "run"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn()?;
        wait_until("the keeper saves", HEALED, || {
            let status = ground.json(&["status"]);
            status["state"] == "saved" && status["keeper"] == child.id()
        });
        let tasks = std::fs::read_dir(format!("/proc/{}/task", child.id()))?.flatten();
        let threads = tasks.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let threads = threads.filter(|thread| *thread != child.id()).collect();
        Ok((child, threads))
    }

    fn has_saved(ground: &Ground) -> bool {
        ground.json(&["show", "latest"]).to_string().contains("\"by-the-keeper\"")
    }

    fn end(ground: &Ground, child: &mut std::process::Child) -> Result<()> {
        ground.env.run(&["keeper", "stop"]);
        child.wait()?;
        Ok(())
    }
}

impl Scene for Keeping {
    fn name(&self) -> &'static str {
        "keeper"
    }

    fn is_slow(&self) -> bool {
        true
    }

    fn ground(&self, tools: &Tools) -> Result<Ground> {
        let mut ground = Ground::new(&tools.program, &tools.tmux)?;
        ground.env.ok(&["keeper", "watch"]);
        wait_until("the keeper saves", HEALED, || ground.json(&["status"])["state"] == "saved");
        ground.env.ok(&["keeper", "stop"]);
        ground.keep()?;
        Ok(ground)
    }

    fn calls(&self, ground: &Ground) -> Result<Vec<Call>> {
        let (mut child, threads) = Self::begin(ground)?;
        let tracer = Tracer::attach(&ground.env, &threads, &CHANGES, None)?;
        ground.server.run(&["rename-window", "-t", "=work:3", "by-the-keeper"]);
        wait_until("it is saved", HEALED, || Self::has_saved(ground));
        wait_until("it says so", HEALED, || ground.json(&["status"])["state"] == "saved");
        let found = calls(&tracer.detach()?, &ground.env.state());
        Self::end(ground, &mut child)?;
        Ok(found.into_iter().filter(|call| call.file.is_some()).collect())
    }

    fn attempt(&self, ground: &Ground, case: &Case) -> Result<Option<Vec<String>>> {
        let (mut child, threads) = Self::begin(ground)?;
        let tracer = Tracer::attach(&ground.env, &threads, &CHANGES, Some(case))?;
        ground.server.run(&["rename-window", "-t", "=work:3", "by-the-keeper"]);
        let end = Instant::now() + Duration::from_secs(10);
        while !tracer.has_struck() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
        let struck = tracer.has_struck();
        let mut wrong = Vec::new();
        if case.fault == Fault::Kill && struck {
            child.wait()?;
            store_is_sound(ground, &[], &mut wrong);
            ground.env.run(&["keeper", "start"]);
        } else if child.try_wait()?.is_some() {
            wrong.push("the keeper has ended".to_owned());
        }
        tracer.detach()?;
        let end = Instant::now() + HEALED;
        while !Self::has_saved(ground) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(50));
        }
        if !Self::has_saved(ground) {
            wrong.push(format!("it does not save any more: {}", ground.env.run(&["status"])));
        }
        Self::end(ground, &mut child)?;
        store_is_sound(ground, &[], &mut wrong);
        let left = Process::open(child.id());
        if left.is_some() {
            wrong.push("the keeper does not end".to_owned());
        }
        Ok(struck.then_some(wrong))
    }
}
