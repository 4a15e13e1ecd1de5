//! `cargo xtask bench`: what saving and restoring cost, as ratios to what tmux itself needs for the same work.
//!
//! Every row measures the limit and evermux in turns on the same server, so that a busy machine slows both, and
//! takes medians.

mod assistants;
mod cost;
mod incumbents;
mod limits;
mod load;
mod probe;
mod prompts;
mod report;
mod rows;
mod words;

use std::fs;
use std::path::PathBuf;

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
    /// How often each row is measured; rows that take long are measured three times
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Only rows whose title contains this, such as `first save` or `(500 panes`; may be given more than once
    #[arg(long, value_name = "ROWS")]
    only: Vec<String>,
    #[command(flatten)]
    subject: Subject,
    /// Only what tmux itself needs
    #[arg(long)]
    limits_only: bool,
    /// Beside it tmux-resurrect, of which this is a checkout
    #[arg(long, value_name = "FOLDER")]
    resurrect: Option<PathBuf>,
    /// Beside it tmux-backup, of which this is the program
    #[arg(long, value_name = "PROGRAM")]
    tmux_backup: Option<PathBuf>,
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
        runs: if arguments.quick { 2 } else { arguments.runs },
        most_lines: if arguments.quick { 20_000 } else { usize::MAX },
        only: arguments.only.clone(),
        limits_only: arguments.limits_only,
    };
    let rows = bench.rows();
    let (resurrect, backup) = (arguments.resurrect.as_ref(), arguments.tmux_backup.as_ref());
    let others = resurrect.is_some() || backup.is_some();
    let beside = if others { bench.beside(resurrect, backup)? } else { Vec::new() };
    let report = Report { tmux: tmux.version.to_string(), runs: bench.runs, rows, beside };
    let folder = target().join("bench");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("results.json"), report.json())?;
    say(&format!("results: {}", folder.join("results.json").display()));
    if arguments.subject.is_ours() && !arguments.quick && !arguments.limits_only {
        if arguments.only.is_empty() {
            page::write(Part::Bench, &report.page())?;
        }
        // A part of its own, which can be measured alone (`--only "of assistants"`).
        if let Some(page) = report.page_of_assistants() {
            page::write(Part::Assistants, &page)?;
        }
    }
    report.print()
}
