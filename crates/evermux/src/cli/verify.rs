//! `evermux verify`: whether everything that was saved can be read.

use evermux_core::store::{Access, Store};
use serde_json::json;

use super::describe::count;
use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::output::Outcome;

/// Check that everything that was saved can be read
///
/// Every snapshot is put together, every part compared with its checksum, every emergency file read. Changes nothing.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Checks the store of this machine.
pub fn run(context: &Context, _args: &Args) -> Result<Outcome, CliError> {
    let store = Store::open(&context.place(), Access::Read)?;
    let report = store.verify()?;
    let verified = report.value;
    let text = format!(
        "Checked {}, {} ({} bytes), {}: {}.\n",
        count(verified.snapshots, "snapshot"),
        count(verified.parts, "part"),
        verified.bytes,
        count(verified.emergency_files, "emergency file"),
        if report.problems.is_empty() { "all is well" } else { "something is wrong" },
    );
    let json = json!({
        "snapshots": verified.snapshots,
        "parts": verified.parts,
        "bytes": verified.bytes,
        "emergency_files": verified.emergency_files,
    });
    let mut outcome = Outcome::new(text, &json).with_problems(report.problems);
    if !outcome.problems.is_empty() {
        outcome.exit = Exit::Failed;
    }
    Ok(outcome)
}
