//! `cargo xtask bench`: what saving and restoring cost, as ratios to what tmux itself needs for the same work.
//!
//! Every row measures the limit and evermux in turns on the same server, so that a busy machine slows both, and
//! takes medians.

mod load;
mod probe;
mod report;
mod rows;

use std::fs;

use anyhow::Result;

use crate::machine::{install, say, target};
use crate::page::{self, Part};
use crate::subject::Subject;
use report::Report;
use rows::Bench;

/// Measures saving and restoring against bare tmux and writes docs/benchmarks.md
#[derive(clap::Args)]
pub struct Arguments {
    /// Small servers and few runs, for a first look; docs/benchmarks.md stays as it is
    #[arg(long)]
    quick: bool,
    /// How often each row is measured
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Only rows whose name contains this
    #[arg(long)]
    row: Option<String>,
    #[command(flatten)]
    subject: Subject,
    /// Only what tmux itself needs
    #[arg(long)]
    limits_only: bool,
}

/// Does it.
pub fn run(arguments: &Arguments) -> Result<()> {
    install(&[("tmux", "tmux")])?;
    let program = arguments.subject.program()?;
    let tmux = arguments.subject.tmux()?;
    say(&format!("measuring with tmux {}", tmux.version));
    let bench = Bench {
        program,
        tmux: tmux.clone(),
        runs: if arguments.quick { 1 } else { arguments.runs },
        panes: if arguments.quick { [20, 50] } else { [100, 500] },
        lines: if arguments.quick { 200 } else { 2000 },
        only: arguments.row.clone().unwrap_or_default(),
        limits_only: arguments.limits_only,
    };
    let report = Report { tmux: tmux.version.to_string(), runs: bench.runs, rows: bench.rows()? };
    let folder = target().join("bench");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("results.json"), report.json())?;
    say(&format!("results: {}", folder.join("results.json").display()));
    let whole = arguments.row.is_none() && arguments.subject.is_ours();
    if whole && !arguments.quick && !arguments.limits_only {
        page::write(Part::Bench, &report.page())?;
    }
    report.print()
}
