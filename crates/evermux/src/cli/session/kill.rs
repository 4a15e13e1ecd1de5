//! `evermux session kill`: the end of a session and of all it runs.

use std::ffi::OsString;
use std::time::Duration;

use evermux_core::problem::{Problem, Subject};
use evermux_core::session::{self, Ended, Ending, SessionName};
use serde_json::{Value, json};

use super::{LIMIT, arguments, server, survive};
use crate::context::ServerContext;
use crate::error::CliError;
use crate::output::{Outcome, json_text, outside};

/// End a session and every process in it
///
/// Programs get TERM, then the shells they ran in HUP; what is still there after the grace is killed. That goes for whole trees of
/// processes, also those that ignore HUP or left their process group. A daemon that has left the tree and the terminal is not
/// found. What runs in windows that other sessions have, too, lives on.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its name
    #[arg(value_name = "NAME", allow_hyphen_values = true)]
    name: OsString,

    /// How long its programs may take to end by themselves
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = arguments::time)]
    grace: Duration,
}

/// Ends it.
pub fn run(context: &ServerContext, args: &Args) -> Result<Outcome, CliError> {
    let name = arguments::name(&args.name)?;
    survive();
    let ended = session::kill(&server(context)?, &name, context.nonce(), ending(args.grace))?;
    let mut json = json_of(&ended);
    json["name"] = json_text(name.as_bytes()).into();
    let text = format!("Ended session {}{}\n", outside(name.as_bytes()), words(&ended));
    Ok(Outcome::new(text, &json).with_problems(problems(&name, &ended)))
}

/// How sessions are ended by us.
pub fn ending(grace: Duration) -> Ending {
    Ending { grace, asker: std::process::id(), limit: LIMIT }
}

/// How it went, for programs.
pub fn json_of(ended: &Ended) -> Value {
    json!({
        "ended": ended.trees.ended,
        "killed": ended.trees.killed,
        "left": ended.trees.left,
        "lives_on_in": ended.lives_on_in.iter().map(json_text).collect::<Vec<_>>(),
    })
}

/// How it went, behind its name.
pub fn words(ended: &Ended) -> String {
    let killed = match ended.trees.killed {
        0 => String::new(),
        1 => "; 1 process had to be killed".to_owned(),
        count => format!("; {count} processes had to be killed"),
    };
    let others: Vec<String> = ended.lives_on_in.iter().map(outside).collect();
    match others.is_empty() {
        true => killed,
        false => format!("{killed}; windows of it live on in {}", others.join(", ")),
    }
}

/// What is still there.
pub fn problems(name: &SessionName, ended: &Ended) -> Vec<Problem> {
    let subject = || Subject::Session(name.to_string());
    ended
        .trees
        .left
        .iter()
        .map(|pid| Problem::new(subject(), format!("process {pid} is still there")))
        .collect()
}
