//! Results as text, JSON and a page.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::cost::{self, Cost};
use super::incumbents::Beside;
use super::limits::Limit;
use super::probe::Stall;
use super::rows::Measured;
use super::{assistants, rows, words};
use crate::machine::say;

/// One row: medians.
pub struct Row {
    /// What is done.
    pub work: &'static str,
    /// With how many panes.
    pub panes: usize,
    /// How many lines each has, where that matters.
    pub lines: usize,
    /// The ratio that is allowed, if there is a budget.
    pub budget: Option<f64>,
    /// What tmux itself needs for it.
    limit: Limit,
    /// What evermux needs; none if it was not asked.
    ours: Option<Cost>,
    /// The ratio of the fastest runs: what is left when a busy machine disturbs the others.
    best: Option<f64>,
    /// How often it was measured.
    runs: usize,
    /// The longest times others waited for tmux meanwhile, and as long on the idle server; where it was watched.
    stall: Option<(Stall, Stall)>,
    /// What was said when it could not be measured.
    failed: Option<String>,
}

impl Row {
    /// One that is to be measured.
    pub fn new(work: &'static str, panes: usize, lines: usize) -> Row {
        let limit = Limit::default();
        let (budget, ours, best, stall, failed) = (None, None, None, None, None);
        Row { work, panes, lines, budget, limit, ours, best, runs: 0, stall, failed }
    }

    /// What `--only` looks at.
    pub fn title(&self) -> String {
        format!("{} ({})", self.work, self.size())
    }

    fn size(&self) -> String {
        let panes = if self.panes == 1 { "1 pane".to_owned() } else { format!("{} panes", self.panes) };
        match self.lines {
            0 => panes,
            lines => format!("{panes} of {lines} lines"),
        }
    }

    /// Takes what was measured.
    pub fn take(&mut self, measured: Measured) {
        let Measured { limits, ours, stall } = measured;
        let fastest =
            |times: &mut dyn Iterator<Item = Duration>| times.min().unwrap_or_default().as_secs_f64();
        let best = fastest(&mut limits.iter().map(|limit| limit.took));
        self.best = ours.first().map(|_| fastest(&mut ours.iter().map(|cost| cost.took)) / best);
        self.runs = limits.len();
        self.limit = Limit {
            took: median(limits.iter().map(|limit| limit.took)),
            tmux: median(limits.iter().map(|limit| limit.tmux)),
        };
        self.ours = ours.first().map(|_| Cost::median(&ours));
        self.stall = stall;
    }

    /// It could not be measured.
    pub fn give_up(&mut self, error: &anyhow::Error) {
        say(&format!("{} failed: {error:#}", self.title()));
        self.failed = Some(last_line(error));
    }

    fn ratio(&self) -> Option<f64> {
        self.ours.map(|ours| ours.took.as_secs_f64() / self.limit.took.as_secs_f64())
    }

    fn json(&self) -> Value {
        let stall = |of: fn(&(Stall, Stall)) -> Duration| self.stall.as_ref().map(of).map(milliseconds);
        json!({
            "work": self.work,
            "panes": self.panes,
            "lines": self.lines,
            "runs": self.runs,
            "failed": self.failed,
            "limit_ms": milliseconds(self.limit.took),
            "limit_tmux_cpu_ms": milliseconds(self.limit.tmux),
            "ours_ms": self.ours.map(|ours| milliseconds(ours.took)),
            "ours_cpu_ms": self.ours.map(|ours| milliseconds(ours.own)),
            "tmux_cpu_ms": self.ours.map(|ours| milliseconds(ours.tmux)),
            "memory_bytes": self.ours.map(|ours| ours.memory),
            "written_bytes": self.ours.map(|ours| ours.written),
            "ratio": self.ratio(),
            "best_ratio": self.best,
            "budget": self.budget,
            "stall_ms": stall(|(stall, _)| stall.waited),
            "stall_busy_ms": stall(|(stall, _)| stall.busy),
            "idle_stall_ms": stall(|(_, idle)| idle.waited),
        })
    }

    /// Its cells, beginning with its size.
    fn cells(&self) -> String {
        if let Some(failed) = &self.failed {
            let others = HEADING.matches('|').count();
            return format!("{} | failed: {}{}", self.size(), failed.replace('|', "/"), " |".repeat(others));
        }
        let ours = |cell: fn(&Cost) -> String| self.ours.as_ref().map_or("–".to_owned(), cell);
        let stall = |of: fn(&(Stall, Stall)) -> Duration| self.stall.as_ref().map(of);
        format!(
            "{} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {}",
            self.size(),
            time(Some(self.limit.took)),
            ours(|cost| time(Some(cost.took))),
            number(self.ratio()),
            number(self.best),
            number(self.budget),
            time(stall(|(stall, _)| stall.waited)),
            time(stall(|(stall, _)| stall.busy)),
            time(stall(|(_, idle)| idle.waited)),
            ours(|cost| time(Some(cost.own))),
            ours(|cost| time(Some(cost.tmux))),
            time(Some(self.limit.tmux)),
            ours(|cost| if cost.memory == 0 { "–".to_owned() } else { bytes(cost.memory) }),
            ours(|cost| bytes(cost.written)),
        )
    }
}

/// What a program has said last.
pub fn last_line(error: &anyhow::Error) -> String {
    let said = error.to_string();
    let telling = |line: &&str| line.contains(char::is_alphanumeric);
    said.lines().rfind(telling).unwrap_or_default().trim().to_owned()
}

const HEADING: &str = "tmux itself | evermux | ratio | of the best runs | budget | longest stall | tmux busy in it | \
    stall of the idle server | CPU of evermux | CPU of tmux | of it for the limit | memory | written";

impl Cost {
    /// The medians of each.
    pub fn median(costs: &[Cost]) -> Cost {
        let number = |of: fn(&Cost) -> u64| {
            let mut all: Vec<u64> = costs.iter().map(of).collect();
            all.sort_unstable();
            all.get(all.len() / 2).copied().unwrap_or_default()
        };
        Cost {
            took: median(costs.iter().map(|cost| cost.took)),
            own: median(costs.iter().map(|cost| cost.own)),
            tmux: median(costs.iter().map(|cost| cost.tmux)),
            memory: number(|cost| cost.memory),
            written: number(|cost| cost.written),
        }
    }
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

pub fn time(time: Option<Duration>) -> String {
    time.map_or("–".to_owned(), |time| format!("{:.1} ms", milliseconds(time)))
}

fn number(number: Option<f64>) -> String {
    number.map_or("–".to_owned(), |number| format!("{number:.2}"))
}

fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// All rows, and how they came about.
pub struct Report {
    /// Version.
    pub tmux: String,
    /// How often each was measured at most.
    pub runs: usize,
    /// The rows.
    pub rows: Vec<Row>,
    /// The incumbents, if they were asked for.
    pub beside: Vec<Beside>,
}

impl Report {
    /// For programs: times in milliseconds.
    pub fn json(&self) -> String {
        let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
        let beside: Vec<Value> = self.beside.iter().map(Beside::json).collect();
        format!("{:#}\n", json!({ "tmux": self.tmux, "runs": self.runs, "rows": rows, "beside": beside }))
    }

    /// The kinds of work that were measured, in their order.
    fn works(&self) -> Vec<&'static str> {
        let mut works: Vec<&str> = self.rows.iter().map(|row| row.work).collect();
        works.dedup();
        works
    }

    fn table(&self, work: &str) -> String {
        let columns = HEADING.split('|').count();
        let mut table = format!("| size | {HEADING} |\n| --- {}|\n", "| --: ".repeat(columns));
        for row in self.rows.iter().filter(|row| row.work == work) {
            let _ = writeln!(table, "| {} |", row.cells());
        }
        table
    }

    /// The rows that have a budget, in one view.
    fn summary(&self) -> String {
        let mut table =
            String::from("| work | ratio | of the best runs | budget | |\n| --- | --: | --: | --: | --- |\n");
        for row in self.rows.iter().filter(|row| row.budget.is_some()) {
            let within = row.ratio().zip(row.budget).map(|(ratio, budget)| ratio <= budget + 0.005);
            let verdict = within.map_or("–", |within| if within { "within" } else { "**missed**" });
            let (ratio, best, budget) = (number(row.ratio()), number(row.best), number(row.budget));
            let _ = writeln!(table, "| {} | {ratio} | {best} | {budget} | {verdict} |", row.title());
        }
        table
    }

    /// The beginning of docs/benchmarks.md.
    pub fn page(&self) -> String {
        let mut page = words::head(&self.tmux, self.runs, cost::in_memory());
        let _ = write!(page, "\n\n## The budgets\n\n{}\n{}", self.summary(), words::BUDGETS);
        for work in self.works().into_iter().filter(|work| !work.starts_with(assistants::WORKS)) {
            let mut title = work.to_owned();
            title[..1].make_ascii_uppercase();
            let _ = write!(page, "\n\n## {title}\n\n{}\n\n{}", words::about(work), self.table(work));
        }
        let _ = write!(page, "\n\n## Beside others\n\n{}\n\n{}", words::BESIDE, Beside::table(&self.beside));
        page
    }

    /// The part of docs/benchmarks.md about assistants; none if not all of it was measured.
    pub fn page_of_assistants(&self) -> Option<String> {
        let is_part = |work: &&str| work.starts_with(assistants::WORKS);
        let rows = self.rows.iter().filter(|row| is_part(&row.work));
        if rows.clone().count() < rows::names().filter(is_part).count() {
            return None;
        }
        let mut page = format!(
            "## Assistants\n\nWritten by `cargo xtask bench --only 'of assistants' --runs {}` (tmux {}), medians.\n\n{}\n\n\
             | work | plain scripts | assistants | ratio | of the best runs | budget | CPU of evermux |\n\
             | --- | --: | --: | --: | --: | --: | --: |\n",
            self.runs,
            self.tmux,
            words::ASSISTANTS
        );
        for row in rows {
            let (limit, own) = (time(Some(row.limit.took)), time(row.ours.map(|ours| ours.own)));
            let (took, ratio) = (time(row.ours.map(|ours| ours.took)), number(row.ratio()));
            let (best, budget) = (number(row.best), number(row.budget));
            let _ = writeln!(
                page,
                "| {} | {limit} | {took} | {ratio} | {best} | {budget} | {own} |",
                row.title()
            );
        }
        Some(page)
    }

    /// The tables on standard output.
    pub fn print(&self) -> Result<()> {
        let mut output = std::io::stdout();
        for work in self.works() {
            writeln!(output, "{work}\n{}", self.table(work))?;
        }
        if !self.beside.is_empty() {
            output.write_all(Beside::table(&self.beside).as_bytes())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_work_has_its_words_on_the_page() {
        let row = |work: &'static str| {
            let mut row = Row { budget: Some(1.5), ..Row::new(work, 100, 0) };
            let took = Duration::from_millis(10);
            let limits = vec![Limit { took, tmux: took }];
            row.take(Measured {
                limits,
                ours: vec![Cost { took: took * 2, ..Cost::default() }],
                stall: None,
            });
            row
        };
        let mut rows: Vec<Row> = rows::names().map(row).collect();
        rows[0].give_up(&anyhow::anyhow!("first\nno | server\n"));
        let columns = HEADING.split('|').count() + 1;
        assert_eq!(rows[0].cells(), format!("100 panes | failed: no / server{}", " |".repeat(columns - 2)));
        let report = Report { tmux: "3.3a".to_owned(), runs: 5, rows, beside: Vec::new() };
        let page = report.page() + &report.page_of_assistants().unwrap();
        for work in rows::names().skip(1) {
            assert!(words::about(work).starts_with("Limit: "), "{work}");
            assert!(
                page.contains(&format!("| {work} (100 panes) | 2.00 | 2.00 | 1.50 | **missed** |")),
                "{page}"
            );
        }
    }
}
