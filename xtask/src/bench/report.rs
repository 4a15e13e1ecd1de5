//! Results as text, JSON and a page.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::probe::Stall;

/// One row: medians.
pub struct Row {
    /// What is done.
    pub name: String,
    /// What tmux itself needs for it.
    pub limit: Duration,
    /// What evermux needs; none if it was not asked or could not do it.
    pub ours: Option<Duration>,
    /// The ratio of the fastest runs: what is left when a busy machine disturbs the others.
    pub best: Option<f64>,
    /// The ratio that is allowed.
    pub budget: f64,
    /// The longest times others waited for tmux meanwhile, and as long on the idle server; where it was watched.
    pub stall: Option<(Stall, Stall)>,
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        self.ours.map(|ours| ours.as_secs_f64() / self.limit.as_secs_f64())
    }
}

/// All rows, and how they came about.
pub struct Report {
    /// Version.
    pub tmux: String,
    /// How often each was measured.
    pub runs: usize,
    /// The rows.
    pub rows: Vec<Row>,
}

impl Report {
    /// For programs: times in milliseconds.
    pub fn json(&self) -> String {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        let row = |row: &Row| {
            json!({
                "name": row.name,
                "limit_ms": milliseconds(row.limit),
                "ours_ms": row.ours.map(milliseconds),
                "ratio": row.ratio(),
                "best_ratio": row.best,
                "budget": row.budget,
                "stall_ms": row.stall.map(|(stall, _)| milliseconds(stall.waited)),
                "stall_busy_ms": row.stall.and_then(|(stall, _)| stall.busy).map(milliseconds),
                "idle_stall_ms": row.stall.map(|(_, idle)| milliseconds(idle.waited)),
            })
        };
        let rows: Vec<Value> = self.rows.iter().map(row).collect();
        format!("{:#}\n", json!({ "tmux": self.tmux, "runs": self.runs, "rows": rows }))
    }

    /// The table in Markdown.
    fn table(&self) -> String {
        let mut table = String::from(
            "| work | tmux itself | evermux | ratio | of the best runs | budget | longest stall | of an idle server | tmux busy |\n\
             | --- | --: | --: | --: | --: | --: | --: | --: | --: |\n",
        );
        let shown = |time: Option<Duration>| {
            time.map_or("–".to_owned(), |time| format!("{:.1} ms", time.as_secs_f64() * 1e3))
        };
        for row in &self.rows {
            let number = |ratio: Option<f64>| ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
            let _ = writeln!(
                table,
                "| {} | {} | {} | {} | {} | {:.2} | {} | {} | {} |",
                row.name,
                shown(Some(row.limit)),
                shown(row.ours),
                number(row.ratio()),
                number(row.best),
                row.budget,
                shown(row.stall.map(|(stall, _)| stall.waited)),
                shown(row.stall.map(|(_, idle)| idle.waited)),
                shown(row.stall.and_then(|(stall, _)| stall.busy)),
            );
        }
        table
    }

    /// docs/benchmarks.md.
    pub fn page(&self) -> String {
        format!(
            "# What saving and restoring cost\n\n\
             Written by `cargo xtask bench` (tmux {}, medians of {} runs; `--quick` for a first look). Times depend on \
             the machine, so what counts is the ratio: evermux against what tmux itself needs for the same work, \
             measured in turns in the same run.\n\n{}\n\
             *tmux itself* is, by row:\n\n\
             - **save, text unchanged**: one client that lists the same fields and options, one scan of `/proc`, and \
             one append of 4 kB with fsync;\n\
             - **save, 20 new lines**: the same, and one client that captures those lines;\n\
             - **first save**: one client that captures all text;\n\
             - **restore without text**: one client that creates sessions, windows and panes from a file, until every \
             shell is ready;\n\
             - **restore with text**: the same, and the time in which tmux reads that text from programs.\n\n\
             *Longest stall*: how long another client waited for an answer of tmux at most while evermux worked, and how \
             long on the same server when nothing else went on; *tmux busy*: the most processor time of tmux within \
             one such wait. The budget is 20 ms, or one listing of the server where that is longer (500 panes: the \
             client of the first rows).\n",
            self.tmux,
            self.runs,
            self.table(),
        )
    }

    /// The table on standard output.
    pub fn print(&self) -> Result<()> {
        Ok(std::io::stdout().write_all(self.table().as_bytes())?)
    }
}
