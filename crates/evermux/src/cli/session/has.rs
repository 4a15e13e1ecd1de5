//! `evermux session has`: whether a session is there.

use std::ffi::OsString;

use evermux_core::session;
use serde_json::json;

use super::{LIMIT, arguments, server};
use crate::context::ServerContext;
use crate::error::{CliError, Exit, Kind};
use crate::output::{Outcome, json_text};

/// Tell by the exit status whether a session is there: 0 it is, 4 it is not
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its name
    #[arg(value_name = "NAME", allow_hyphen_values = true)]
    name: OsString,
}

/// Looks.
pub fn run(context: &ServerContext, args: &Args) -> Result<Outcome, CliError> {
    let name = arguments::name(&args.name)?;
    let look = || -> Result<(), CliError> {
        session::find_session(&server(context)?, &name, context.nonce(), LIMIT)?;
        Ok(())
    };
    let there = match look() {
        Ok(()) => true,
        // A server that is not there has no session either: an answer, not an error.
        Err(error) if error.kind == Kind::NothingThere => false,
        Err(error) => return Err(error),
    };
    let mut outcome = Outcome::new("", &json!({ "name": json_text(name.as_bytes()), "there": there }));
    if !there {
        outcome.exit = Exit::NothingThere;
    }
    Ok(outcome)
}
