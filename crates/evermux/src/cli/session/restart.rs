//! `evermux session restart`: a clean start in one step.

use std::ffi::OsString;
use std::time::Duration;

use evermux_core::session;
use serde_json::json;

use super::{arguments, kill, survive};
use crate::context::ServerContext;
use crate::error::CliError;
use crate::output::{Outcome, json_text, outside};

/// End a session and everything in it, then make it anew; clients stay attached
///
/// The new one begins when every process of the old one is gone, so ports and locks are free. A COMMAND that ends with an error
/// while it settles is a failure, told with its last lines. A session that is not there is made.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its name
    #[arg(value_name = "NAME", allow_hyphen_values = true)]
    name: OsString,

    #[command(flatten)]
    new: arguments::New,

    /// How long the old programs may take to end by themselves
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = arguments::time)]
    grace: Duration,

    /// How long the new one is watched
    #[arg(long, value_name = "TIME", default_value = "300ms", value_parser = arguments::time)]
    settle: Duration,
}

/// Restarts it.
pub fn run(context: &ServerContext, args: &Args) -> Result<Outcome, CliError> {
    let name = arguments::name(&args.name)?;
    let new = args.new.read(context)?;
    survive();
    let nonces = || context.nonce();
    let ending = kill::ending(args.grace);
    let restarted = session::restart(&context.reach(), &new.make(&name), ending, args.settle, &nonces)?;
    let shown = outside(name.as_bytes());
    let text = match &restarted.old {
        Some(old) => format!("Restarted session {shown}{}\n", kill::words(old)),
        None => format!("Made session {shown}\n"),
    };
    let json = json!({
        "name": json_text(name.as_bytes()),
        "id": restarted.id.to_string(),
        "old": restarted.old.as_ref().map(kill::json_of),
        "clients": restarted.clients,
    });
    let problems = restarted.old.as_ref().map(|old| kill::problems(&name, old)).unwrap_or_default();
    Ok(Outcome::new(text, &json).with_problems(problems))
}
