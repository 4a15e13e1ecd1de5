//! What the keeper costs while nobody works, and while many do.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use evermux_testkit::{Env, Server};

use super::store::{json, wait_for, wait_until_saved};
use super::{Row, Soak};

/// The number of panes.
const PANES: usize = 100;

/// As long as somebody has just worked, the keeper looks more often (`watch::Pace::working`).
const WORKING: Duration = Duration::from_secs(65);

/// How long the keeper has had to do after a pause.
const SETTLED: Duration = Duration::from_secs(30);

/// A tick of the processor's clock, in which `/proc` counts: the same on every Linux that is.
const TICKS: f64 = 100.0;

/// Measures both.
pub fn measure(soak: &Soak) -> Result<Vec<Row>> {
    let (server, env) = soak.begin("")?;
    let script = "new-window -d\n".repeat(PANES - 1);
    anyhow::ensure!(server.script(script).ok(), "tmux does not make {PANES} windows");
    server.wait_for_prompts();
    wait_until_saved(&env)?;
    sleep(WORKING);
    let idle = compare(soak, &server, &env)?;
    for (number, pane) in server.lines(&["list-panes", "-a", "-F", "#{pane_id}"]).iter().enumerate().take(20)
    {
        let line =
            format!("while sleep 0.{}; do echo so-it-is $RANDOM a line of output; done", 5 + number % 5);
        server.type_line(pane, &line);
    }
    let busy = compare(soak, &server, &env)?;
    env.run(&["keeper", "stop"]);
    Ok(vec![
        Row::new(format!("{PANES} idle panes"), "≤ 0.2 %", idle.text()),
        Row::new(format!("{PANES} panes, 20 of which print a line 1-2 times a second"), "≤ 2 %", busy.text()),
    ])
}

/// Shares of a core.
pub struct Cost {
    keeper: f64,
    tmux: f64,
}

impl Cost {
    /// In words.
    pub fn text(&self) -> String {
        let (keeper, tmux) = (self.keeper * 100.0, self.tmux * 100.0);
        format!("{:.2} % (keeper and clients {keeper:.2} %, tmux {tmux:+.2} %)", keeper + tmux)
    }
}

/// Without the keeper, then with it.
pub fn compare(soak: &Soak, server: &Server, env: &Env) -> Result<Cost> {
    let tmux = server.process().context("the server lives")?.id();
    let keeper = json(env, &["status"])["keeper"].as_u64().context("there is a keeper")?;
    let keeper = u32::try_from(keeper).context("it is a process")?;
    env.ok(&["keeper", "pause", "1h"]);
    wait_for(env, &["paused"])?;
    let without = over(soak.time, &[tmux])?[0];
    env.ok(&["keeper", "resume"]);
    wait_for(env, &["saved", "behind"])?;
    // What was put off during the pause, and could be saved up for it (`watch::purse`), is no everyday cost.
    sleep(SETTLED);
    let with = over(soak.time, &[tmux, keeper])?;
    Ok(Cost { keeper: with[1], tmux: with[0] - without })
}

/// The shares of a core that processes and their ended children take over a time.
pub fn over(time: Duration, processes: &[u32]) -> Result<Vec<f64>> {
    let read = || processes.iter().map(|pid| seconds(*pid)).collect::<Result<Vec<f64>>>();
    let (begun, before) = (Instant::now(), read()?);
    sleep(time);
    let after = read()?;
    let passed = begun.elapsed().as_secs_f64();
    Ok(before.iter().zip(after).map(|(before, after)| (after - before) / passed).collect())
}

fn seconds(pid: u32) -> Result<f64> {
    let stat =
        fs::read_to_string(format!("/proc/{pid}/stat")).context("processor times are read from /proc")?;
    let fields: Vec<&str> = stat.rsplit_once(") ").map_or("", |(_, fields)| fields).split(' ').collect();
    // utime, stime, cutime and cstime (proc(5)).
    let ticks =
        fields.get(11..15).context("/proc tells times")?.iter().filter_map(|field| field.parse::<f64>().ok());
    Ok(ticks.sum::<f64>() / TICKS)
}
