//! What a pane costs that prints as fast as tmux can read.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result};
use evermux_testkit::Server;

use super::load::over;
use super::store::{json, wait_for};
use super::{Row, Soak};

/// How often it is measured in turns.
const TURNS: u32 = 3;

/// How much is kept of it.
const CONFIG: &str = "set -g history-limit 10000";

/// Measures it.
pub fn measure(soak: &Soak) -> Result<Vec<Row>> {
    let (server, env) = soak.begin(CONFIG)?;
    server.wait_for_prompts();
    server.type_line("=main:", "seq -f 'line %.0f of very many that nobody will ever read' 1 1000000000000");
    sleep(Duration::from_secs(3));
    let keeper = u32::try_from(json(&env, &["status"])["keeper"].as_u64().context("there is a keeper")?)?;
    let tmux = server.process().context("the server lives")?.id();
    let (mut without, mut with, mut shares, mut grown) = (0.0, 0.0, [0.0; 2], 0);
    let turn = soak.time / TURNS;
    for _ in 0..TURNS {
        env.ok(&["keeper", "pause", "1h"]);
        wait_for(&env, &["paused"])?;
        let first = line(&server)?;
        let share = over(turn, &[tmux])?[0];
        without += (line(&server)? - first) / turn.as_secs_f64() / share;
        env.ok(&["keeper", "resume"]);
        wait_for(&env, &["saved", "behind"])?;
        let (first, before) = (line(&server)?, size(&env.state()));
        let [tmux, keeper] = over(turn, &[tmux, keeper])?[..] else { continue };
        with += (line(&server)? - first) / turn.as_secs_f64() / tmux;
        grown += size(&env.state()).saturating_sub(before);
        shares[0] += tmux;
        shares[1] += keeper;
    }
    env.run(&["keeper", "stop"]);
    let [_, share] = shares.map(|share| share / f64::from(TURNS));
    let minutes = soak.time.as_secs_f64() / 60.0;
    Ok(vec![
        Row::new(
            "a pane that prints without end: how much more of it tmux reads in the same processor time with the keeper",
            "–",
            format!("{:+.1} %", (with / without - 1.0) * 100.0),
        ),
        Row::new("the same: keeper and clients", "≤ 2 %", format!("{:.2} %", share * 100.0)),
        Row::new(
            "the same: the store grows in a minute",
            "–",
            format!("{:.0} kB", grown as f64 / 1000.0 / minutes),
        ),
    ])
}

/// The number of the last whole line on the screen.
fn line(server: &Server) -> Result<f64> {
    let screen = server.screen("=main:");
    let number = screen.lines().rev().find_map(|line| {
        line.strip_prefix("line ")?.strip_suffix(" of very many that nobody will ever read")?.parse().ok()
    });
    number.context("it prints lines")
}

/// The bytes of all files below a folder.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let one = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.map(one).sum()
}
