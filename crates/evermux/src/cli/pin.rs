//! `evermux pin` and `unpin`: snapshots that are never removed by themselves.

use evermux_core::history::{self, Which};
use serde_json::json;

use super::LOCK_PATIENCE;
use super::which;
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Outcome, outside};

/// Keep a snapshot for ever, whatever the limits say
#[derive(Debug, clap::Args)]
pub struct PinArgs {
    #[arg(value_name = "SNAPSHOT", default_value = "latest", help = which::HELP)]
    snapshot: Which,

    /// Also give it this name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// Let a pinned snapshot go when its time has come
#[derive(Debug, clap::Args)]
pub struct UnpinArgs {
    #[arg(value_name = "SNAPSHOT", help = which::HELP)]
    snapshot: Which,
}

/// Pins, and names if asked to.
pub fn pin(context: &Context, args: &PinArgs) -> Result<Outcome, CliError> {
    if let Some(name) = &args.name {
        history::check_name(name, context.now(), context.zone())?;
    }
    set(context, &args.snapshot, true, args.name.as_deref())
}

/// Unpins.
pub fn unpin(context: &Context, args: &UnpinArgs) -> Result<Outcome, CliError> {
    set(context, &args.snapshot, false, None)
}

fn set(context: &Context, which: &Which, pinned: bool, name: Option<&str>) -> Result<Outcome, CliError> {
    let store = super::open_to_change(context)?;
    let listed = which::find(context, &store, which)?;
    let id = listed.entry.id;
    let saving = store.saving(&listed.server, LOCK_PATIENCE)?;
    saving.pin(id, pinned)?;
    if name.is_some() {
        saving.rename(id, name)?;
    }
    let name = name.map(str::to_owned).or(listed.name);
    let called = name.as_deref().map(|name| format!(" {}", outside(name))).unwrap_or_default();
    let text = match pinned {
        true => format!("Pinned {id}{called}.\n"),
        false => format!("Unpinned {id}{called}.\n"),
    };
    Ok(Outcome::new(text, &json!({ "id": id.0, "name": name, "pinned": pinned })))
}
