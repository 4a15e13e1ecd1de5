//! `evermux session ensure`: a session that is there afterwards.

use std::ffi::OsString;

use evermux_core::problem::{Problem, Subject};
use evermux_core::session::{self, Difference};
use serde_json::json;

use super::{LIMIT, arguments};
use crate::context::ServerContext;
use crate::error::CliError;
use crate::output::{Outcome, json_text, outside};

/// Make a session if it is not there; made once, however many ask at the same moment
///
/// It starts a server if there is none. Whether the session was there is told, and changes nothing in it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its name
    #[arg(value_name = "NAME", allow_hyphen_values = true)]
    name: OsString,

    #[command(flatten)]
    new: arguments::New,

    /// If it was there, tell (and end with 3) whether it was made with another command or directory
    #[arg(long)]
    check: bool,
}

/// Makes it.
pub fn run(context: &ServerContext, args: &Args) -> Result<Outcome, CliError> {
    let name = arguments::name(&args.name)?;
    let new = args.new.read(context)?;
    let make = new.make(&name);
    let ensured = session::ensure(&context.reach(), &make, context.nonce(), LIMIT)?;
    let mut differences = Vec::new();
    if args.check && !ensured.made {
        differences = session::differences(&context.reach(), ensured.id, &make, LIMIT)?;
    }
    let text = match ensured.made {
        true => format!("Made session {}\n", outside(name.as_bytes())),
        false => format!("Session {} is there\n", outside(name.as_bytes())),
    };
    let json = json!({
        "name": json_text(name.as_bytes()),
        "id": ensured.id.to_string(),
        "made": ensured.made,
    });
    let subject = || Subject::Session(name.to_string());
    let problem = |difference: &Difference| {
        let Difference { what, there, wanted } = difference;
        let what = match there {
            Some(there) => format!("its {what} is {there}, not {wanted}"),
            None => format!("evermux has not made it, so its {what} is not known; wanted is {wanted}"),
        };
        Problem::new(subject(), what)
    };
    Ok(Outcome::new(text, &json).with_problems(differences.iter().map(problem).collect()))
}
