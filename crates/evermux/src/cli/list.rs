//! `evermux list`: what was saved, and what a restore would bring back.

use std::collections::HashSet;
use std::fmt::Write;

use evermux_core::choose::Coverage;
use evermux_core::model::{ServerName, SnapshotId};
use evermux_core::store::{Access, Listed, Store, StoreError, Wanted};

use super::choosing::restore_set;
use super::json::EntryJson;
use super::when;
use super::why::{self, WhyJson};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Cell, FAINT, GOOD, HEADING, Outcome, Table, outside};

/// List the snapshots of a server, the newest first
///
/// A star marks those that `evermux restore` without arguments would use.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Tell for every session ever saved whether a restore brings it back, and why
    #[arg(long)]
    why: bool,

    /// The snapshots of all servers
    #[arg(long)]
    all: bool,
}

/// Reads the store, and takes a glance at the running server.
pub fn run(context: &Context, args: &Args) -> Result<Outcome, CliError> {
    let store = match Store::open(&context.place(), Access::Read) {
        Ok(store) => store,
        Err(StoreError::Absent(_)) => return Ok(nothing(context, args, &[])),
        Err(error) => return Err(error.into()),
    };
    let server = (!args.all).then(|| context.server());
    let listed = store.list(&Wanted { server, ..Wanted::default() })?;
    let servers = servers(&listed);
    let sets = servers
        .iter()
        .map(|server| Ok((server.clone(), restore_set(context, &store, server)?)))
        .collect::<Result<Vec<_>, CliError>>()?;
    if listed.is_empty() {
        return Ok(nothing(context, args, &store.servers()?));
    }
    let used: HashSet<SnapshotId> = listed
        .iter()
        .map(|listed| listed.entry.id)
        .filter(|id| sets.iter().any(|(_, set)| set.uses(*id)))
        .collect();
    let entries: Vec<EntryJson> =
        listed.iter().map(|listed| EntryJson::new(listed, used.contains(&listed.entry.id))).collect();
    let mut text = table(context, args, &listed, &used);
    if !args.why {
        return Ok(Outcome::new(text, &entries));
    }
    for (server, set) in &sets {
        if args.all {
            write!(text, "\n{HEADING}{}{HEADING:#}\n", outside(&server.socket)).unwrap_or_default();
        }
        text.push_str(&why::sentences(set, context.zone()));
    }
    Ok(Outcome::new(text, &WhyJson::new(entries, &sets, context.zone())))
}

/// The servers of a list, in the order in which they appear.
fn servers(listed: &[Listed]) -> Vec<ServerName> {
    let mut servers: Vec<ServerName> = Vec::new();
    for listed in listed {
        if !servers.contains(&listed.server) {
            servers.push(listed.server.clone());
        }
    }
    servers
}

fn nothing(context: &Context, args: &Args, servers: &[ServerName]) -> Outcome {
    let mut text = match args.all {
        true => "No snapshot yet: evermux save\n".to_owned(),
        false => format!("No snapshot of the server at {} yet.\n", outside(&context.server().socket)),
    };
    if !servers.is_empty() {
        text.push_str("Other servers have some: evermux list --all\n");
    }
    if args.why {
        Outcome::new(text, &WhyJson::new(Vec::new(), &[], context.zone()))
    } else {
        Outcome::new(text, &Vec::<EntryJson>::new())
    }
}

fn table(context: &Context, args: &Args, listed: &[Listed], used: &HashSet<SnapshotId>) -> String {
    let mut titles = vec!["", "id", "taken", "sessions", "windows", "panes", "kind", "name"];
    if args.all {
        titles.push("server");
    }
    let mut table = Table::new(&titles);
    for listed in listed {
        let entry = &listed.entry;
        let mark = if used.contains(&entry.id) { "*" } else { "" };
        let kind = match entry.coverage {
            Coverage::Part => "partial",
            _ => entry.kind.as_str(),
        };
        let mut name = listed.name.clone().unwrap_or_default();
        if listed.pinned {
            name.push_str(if name.is_empty() { "(pinned)" } else { " (pinned)" });
        }
        let mut row = vec![
            Cell::text(mark).style(GOOD),
            Cell::number(entry.id),
            Cell::text(when::shown(entry.taken_at, context.zone())),
            Cell::number(entry.sessions.len()),
            Cell::number(listed.windows),
            Cell::number(listed.panes),
            Cell::text(kind).style(FAINT),
            Cell::text(name),
        ];
        if args.all {
            row.push(Cell::text(&listed.server.socket).style(FAINT));
        }
        table.row(row);
    }
    table.to_string()
}
