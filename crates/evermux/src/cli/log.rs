//! `evermux log`: what evermux did, and the report of a restore.

use std::collections::HashSet;

use bstr::ByteSlice;
use evermux_core::restore::short;
use evermux_core::store::{Access, Logs, RestoreReport, Store, StoredRestore};
use serde::Serialize;

use super::when;
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Cell, FAINT, Outcome, Table, json_text, outside};

/// Tell what evermux did: its restores, and the last lines of its log
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The whole report of one restore: by its id, or by its number, 1 for the latest
    #[arg(long, value_name = "N")]
    restore: Option<String>,

    /// How many lines of the log
    #[arg(long, value_name = "N", default_value_t = 20)]
    lines: usize,
}

#[derive(Serialize)]
struct LogJson {
    restores: Vec<RestoreJson>,
    lines: Vec<String>,
}

#[derive(Serialize)]
struct RestoreJson {
    number: usize,
    id: String,
    began_at: jiff::Timestamp,
    ended_at: Option<jiff::Timestamp>,
    state: &'static str,
    panes: usize,
}

#[derive(Serialize)]
struct ReportJson {
    #[serde(flatten)]
    restore: RestoreJson,
    report: String,
}

/// Reads the journal and the log files.
pub fn run(context: &Context, args: &Args) -> Result<Outcome, CliError> {
    let store = Store::open(&context.place(), Access::Read)?;
    let logs = Logs::open(&context.place())?;
    let restores = store.all_restores(&context.server())?;
    match &args.restore {
        Some(which) => report(&logs, &restores, which),
        None => overview(context, &logs, &restores, args.lines),
    }
}

fn report(logs: &Logs, restores: &[StoredRestore], which: &str) -> Result<Outcome, CliError> {
    let missing = || CliError::nothing_there(format!("there is no report of restore {which}"));
    let at = find(restores, which).ok_or_else(missing)?;
    let of_it = |report: &RestoreReport| report.id == restores[at].id;
    let report = logs.reports()?.into_iter().find(of_it).ok_or_else(missing)?;
    let text = logs.read_report(&report)?;
    let shown: String = text.lines().map(|line| outside(line) + "\n").collect();
    let json = ReportJson { restore: json(at + 1, &restores[at]), report: json_text(&text) };
    Ok(Outcome::new(shown, &json))
}

/// Numbers have few digits, ids have many.
fn find(restores: &[StoredRestore], which: &str) -> Option<usize> {
    match which.parse::<usize>() {
        Ok(number) if which.len() < 6 => number.checked_sub(1).filter(|at| *at < restores.len()),
        _ if which.is_empty() => None,
        _ => restores.iter().position(|restore| restore.id.to_string().starts_with(which)),
    }
}

fn overview(
    context: &Context,
    logs: &Logs,
    restores: &[StoredRestore],
    lines: usize,
) -> Result<Outcome, CliError> {
    let lines = logs.lines(lines)?;
    let mut text = String::new();
    if !restores.is_empty() {
        let mut table = Table::new(&["", "restore", "began", "panes", "state"]);
        for (at, restore) in restores.iter().enumerate() {
            table.row([
                Cell::number(at + 1),
                Cell::text(short(restore.id)),
                Cell::text(when::shown(restore.began_at, context.zone())),
                Cell::number(panes(restore)),
                Cell::text(restore.state.as_str()).style(FAINT),
            ]);
        }
        text.push_str(&table.to_string());
        text.push('\n');
    }
    for line in &lines {
        text.push_str(&outside(line));
        text.push('\n');
    }
    if text.is_empty() {
        text.push_str("Nothing is in the log yet.\n");
    }
    let restores = restores.iter().enumerate().map(|(at, restore)| json(at + 1, restore)).collect();
    Ok(Outcome::new(text, &LogJson { restores, lines: lines.iter().map(json_text).collect() }))
}

fn json(number: usize, restore: &StoredRestore) -> RestoreJson {
    RestoreJson {
        number,
        id: restore.id.to_string(),
        began_at: restore.began_at,
        ended_at: restore.ended_at,
        state: restore.state.as_str(),
        panes: panes(restore),
    }
}

/// How many panes it was to bring back; sessions of a group have the same ones.
fn panes(restore: &StoredRestore) -> usize {
    restore.sources.iter().flat_map(|source| &source.panes).collect::<HashSet<_>>().len()
}
