//! `cargo xtask soak`: what a crash loses while the keeper keeps, and what the keeper costs.
//!
//! Everything happens on private servers. Losses are told from outside: somebody works, tmux is killed at a random
//! moment, and then what the store has is compared with what was there. Costs are processor times: of the keeper and
//! the clients it ran, and of the tmux server with the keeper beyond what it takes without (paused), in turns.

mod flood;
mod load;
mod loss;
mod store;

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;
use evermux_testkit::{Env, Server, Tmux};

use crate::machine::say;
use crate::page::{self, Part};
use crate::subject::Subject;

/// Measures what a crash loses and what the keeper costs, and writes it into docs/benchmarks.md
#[derive(clap::Args)]
pub struct Arguments {
    /// How long tmux is killed again and again; the costs take six minutes more
    #[arg(long, default_value_t = 5.0)]
    minutes: f64,
    #[command(flatten)]
    subject: Subject,
    /// Only a part: loss, load or flood; docs/benchmarks.md stays as it is
    #[arg(long)]
    only: Option<String>,
    /// How long each cost is measured, in seconds; with another than the default docs/benchmarks.md stays as it is
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// A number that was measured, beside its budget.
pub struct Row {
    what: String,
    budget: &'static str,
    measured: String,
}

impl Row {
    fn new(what: impl Into<String>, budget: &'static str, measured: impl Into<String>) -> Row {
        Row { what: what.into(), budget, measured: measured.into() }
    }
}

/// What is measured, and how.
pub struct Soak {
    program: String,
    tmux: Tmux,
    /// How long each cost is measured.
    time: Duration,
}

impl Soak {
    /// A private server with a keeper that has saved it.
    fn begin(&self, config: &str) -> Result<(Server, Env)> {
        let server = Server::builder(&self.tmux).config(config).start();
        let env = Env::new(&self.program, &server);
        env.ok(&["keeper", "watch"]);
        store::wait_until_saved(&env)?;
        Ok((server, env))
    }
}

/// Does it.
pub fn run(arguments: &Arguments) -> Result<()> {
    let program = arguments.subject.program()?;
    let tmux = arguments.subject.tmux()?;
    say(&format!("with tmux {}", tmux.version));
    let soak = Soak { program, tmux: tmux.clone(), time: Duration::from_secs(arguments.seconds) };
    let wanted = |part: &str| arguments.only.as_deref().is_none_or(|only| only == part);
    let mut rows = Vec::new();
    if wanted("loss") {
        rows.extend(loss::measure(&soak, Duration::from_secs_f64(arguments.minutes * 60.0))?);
    }
    if wanted("load") {
        rows.extend(load::measure(&soak)?);
    }
    if wanted("flood") {
        rows.extend(flood::measure(&soak)?);
    }
    let table = table(&rows, &tmux);
    say(&table);
    if arguments.only.is_none() && arguments.subject.is_ours() && arguments.seconds == 60 {
        page::write(Part::Keeper, &table)?;
    }
    Ok(())
}

fn table(rows: &[Row], tmux: &Tmux) -> String {
    let mut text = format!(
        "## The keeper\n\nWritten by `cargo xtask soak` (tmux {}): what a server that is killed at a random moment loses, from \
         the moment a change was there, and what the keeper costs in processor time of one core, the clients it runs and \
         tmux's own share included. On a machine that has other work to do, everything takes longer.\n\n\
         | what | budget | measured |\n| --- | --: | --: |\n",
        tmux.version
    );
    for Row { what, budget, measured } in rows {
        let _ = writeln!(text, "| {what} | {budget} | {measured} |");
    }
    text
}
