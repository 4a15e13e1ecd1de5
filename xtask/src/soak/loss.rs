//! What is lost when tmux is killed at a random moment.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use evermux_testkit::{Env, Server};

use super::store::{Saved, newest, wait_for, wait_until_saved};
use super::{Row, Soak};
use crate::machine::say;

/// Changes of one kind: the number of each is in what it leaves, so that it is known which the store has.
struct Kind {
    what: &'static str,
    budget: &'static str,
    /// Makes change number so-and-so.
    make: fn(&Server, &Panes, usize),
    /// Whether it is in what was saved.
    is_in: fn(&Saved, usize) -> bool,
    /// What was lost, per round.
    losses: Vec<Duration>,
}

/// Where the changes are made.
struct Panes {
    window: String,
    directory: String,
    text: String,
    folder: String,
}

/// Works and kills for a while.
pub fn measure(soak: &Soak, time: Duration) -> Result<Vec<Row>> {
    let (server, env) = soak.begin("")?;
    let mut random = Random(std::process::id().into());
    let mut kinds = kinds();
    let end = Instant::now() + time;
    let mut rounds = 0;
    while Instant::now() < end || rounds < 3 {
        round(&server, &env, &mut kinds, &mut random)?;
        rounds += 1;
    }
    say(&format!("killed {rounds} times"));
    env.run(&["keeper", "stop"]);
    let rows = kinds.into_iter().map(|mut kind| {
        kind.losses.sort();
        let at = |part: f64| kind.losses[((kind.losses.len() - 1) as f64 * part) as usize].as_secs_f64();
        let what = format!("{}: what is lost at most, in nine of ten, mostly ({rounds} kills)", kind.what);
        Row::new(what, kind.budget, format!("{:.2} s, {:.2} s, {:.2} s", at(1.0), at(0.9), at(0.5)))
    });
    Ok(rows.collect())
}

fn kinds() -> [Kind; 3] {
    [
        Kind {
            what: "structure that hooks tell (a name)",
            budget: "≤ 1 s",
            make: |server, panes, number| {
                server.run(&["rename-window", "-t", &panes.window, &format!("h{number}")]);
            },
            is_in: |saved, number| saved.names.contains(&format!("h{number}")),
            losses: Vec::new(),
        },
        Kind {
            what: "a directory",
            budget: "≤ 2 s",
            make: |server, panes, number| {
                let folder = format!("{}/d{number}", panes.folder);
                fs::create_dir_all(&folder).expect("the sandbox can be written");
                server.type_line(&panes.directory, &format!("cd {folder}"));
            },
            is_in: |saved, number| {
                saved.directories.iter().any(|path| path.ends_with(&format!("/d{number}")))
            },
            losses: Vec::new(),
        },
        Kind {
            what: "text",
            budget: "≤ 5 s",
            make: |server, panes, number| server.type_line(&panes.text, &format!("echo t{number}.")),
            is_in: |saved, number| saved.text.contains(&format!("\nt{number}.")),
            losses: Vec::new(),
        },
    ]
}

/// One life of the server: work, and a sudden end.
fn round(server: &Server, env: &Env, kinds: &mut [Kind], random: &mut Random) -> Result<()> {
    if !server.lives() {
        server.run(&["new-session", "-d", "-s", "main", "-x", "80", "-y", "24"]);
    }
    server.run(&["new-window", "-d"]);
    server.run(&["new-window", "-d"]);
    server.wait_for_prompts();
    let panes = server.lines(&["list-panes", "-a", "-F", "#{pane_id}"]);
    let panes = Panes {
        window: panes[0].clone(),
        directory: panes[1].clone(),
        text: panes[2].clone(),
        folder: server.folder("soak").display().to_string(),
    };
    wait_until_saved(env)?;
    let process = server.process().context("the server lives")?;
    let mut made: Vec<Vec<Instant>> = vec![Vec::new(); kinds.len()];
    let end = Instant::now() + Duration::from_millis(random.below(8000) + 2000);
    while Instant::now() < end {
        let kind = random.below(kinds.len() as u64) as usize;
        (kinds[kind].make)(server, &panes, made[kind].len());
        made[kind].push(Instant::now());
        sleep(Duration::from_millis(random.below(700)));
    }
    let killed = Instant::now();
    process.kill();
    wait_for(env, &["away"])?;
    let saved = newest(env)?;
    for (kind, made) in kinds.iter_mut().zip(made) {
        let has = (0..made.len()).rev().find(|number| (kind.is_in)(&saved, *number));
        let first_lost = made.get(has.map_or(0, |number| number + 1));
        kind.losses.push(first_lost.map_or(Duration::ZERO, |at| killed.duration_since(*at)));
    }
    Ok(())
}

/// Numbers that nobody can foresee, good enough for moments.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= u64::from(Instant::now().elapsed().subsec_nanos()) ^ 0x9e37_79b9_7f4a_7c15;
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
