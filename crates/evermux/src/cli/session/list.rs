//! `evermux session list`: sessions, who looks at them, and what decides their size.

use evermux_core::session::{self, ListedAs, Viewer};
use serde_json::{Value, json};

use super::{LIMIT, server};
use crate::context::ServerContext;
use crate::error::{CliError, Kind};
use crate::output::{Cell, HEADING, Outcome, Table, json_text, outside};

/// List the sessions: who is attached from where, and what decides their size
///
/// The size is that of the active window. `latest`, `largest` and `smallest` are decided by the terminals named behind them; a
/// `manual` size by nobody. `aggressive`: only terminals that show this window count.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Lists; no server is no session.
pub fn run(context: &ServerContext) -> Result<Outcome, CliError> {
    let listed = server(context)
        .and_then(|server| Ok(session::list(&server, context.nonce(), LIMIT)?))
        .or_else(|error| if error.kind == Kind::NothingThere { Ok(Vec::new()) } else { Err(error) })?;
    let mut table = Table::new(&["name", "windows", "size", "by", "attached"]);
    for session in &listed {
        let attached: Vec<String> = session.viewers.iter().map(viewer).collect();
        table.row([
            Cell::text(&session.name).style(HEADING),
            Cell::number(session.windows),
            Cell::text(format!("{}x{}", session.size.width, session.size.height)),
            Cell::text(rule(session)),
            Cell::text(attached.join(", ")),
        ]);
    }
    let text = if listed.is_empty() { "No sessions.\n".to_owned() } else { table.to_string() };
    Ok(Outcome::new(text, &json!({ "sessions": listed.iter().map(json_of).collect::<Vec<_>>() })))
}

fn rule(session: &ListedAs) -> String {
    let rule = &session.rule;
    let aggressive = if rule.aggressive_resize { " aggressive" } else { "" };
    let by: Vec<String> = rule.decided_by.iter().map(outside).collect();
    format!("{}{aggressive} {}", rule.window_size, by.join(" ")).trim_end().to_owned()
}

fn viewer(viewer: &Viewer) -> String {
    let from = viewer.from.as_deref().map(|from| format!(" from {from}")).unwrap_or_default();
    let terminal = match viewer.control {
        true => format!("control client {}", viewer.pid),
        false => outside(&viewer.terminal),
    };
    format!("{terminal} {}x{}{from}", viewer.size.width, viewer.size.height)
}

fn json_of(session: &ListedAs) -> Value {
    let viewer = |viewer: &Viewer| {
        json!({
            "terminal": json_text(&viewer.terminal),
            "pid": viewer.pid,
            "width": viewer.size.width,
            "height": viewer.size.height,
            "control": viewer.control,
            "ignores_size": viewer.ignores_size,
            "activity": viewer.activity,
            "from": viewer.from,
        })
    };
    json!({
        "name": json_text(&session.name),
        "id": session.id.to_string(),
        "windows": session.windows,
        "width": session.size.width,
        "height": session.size.height,
        "window_size": session.rule.window_size,
        "aggressive_resize": session.rule.aggressive_resize,
        "decided_by": session.rule.decided_by.iter().map(json_text).collect::<Vec<_>>(),
        "attached": session.viewers.iter().map(viewer).collect::<Vec<_>>(),
    })
}
