//! SNAPSHOT on the command line.

use evermux_core::history::{NotFound, Which};
use evermux_core::store::{Listed, Store, Wanted};

use crate::context::Context;
use crate::error::CliError;

/// What is said about SNAPSHOT in every help.
pub const HELP: &str = "A number, a name, `latest`, or a time: the newest snapshot at `14:00`, `2026-11-20 14:00`, \
                        `yesterday`, or `10m` ago";

/// The snapshot that somebody means.
///
/// # Errors
/// Nothing there, or what the store says.
pub fn find(context: &Context, store: &Store, which: &Which) -> Result<Listed, CliError> {
    let listed = store.list(&Wanted::default())?;
    match which.find(&listed, &context.server(), context.now(), context.zone()) {
        Ok(found) => Ok(found.clone()),
        Err(error) if listed.is_empty() && !matches!(error, NotFound::File(_)) => {
            Err(CliError::nothing_there(error.to_string()).hint("Nothing has been saved yet: evermux save"))
        }
        Err(error) => Err(error.into()),
    }
}
