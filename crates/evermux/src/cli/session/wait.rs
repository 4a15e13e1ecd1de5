//! `evermux session wait`: until something has happened in a pane.

use std::ffi::OsString;
use std::time::Duration;

use evermux_core::session::{self, Mark, Talk, TextPattern};
use serde_json::{Value, json};

use super::{arguments, with_pane};
use crate::context::ServerContext;
use crate::error::{CliError, Exit};
use crate::output::{self, Outcome, json_text, outside};

/// Wait until a pane shows a line, comes to rest or to a prompt, or its program ends
///
/// With --text the line is printed. With --exit the exit status is that of the pane's program. A timeout, and a program that ends
/// meanwhile, is an error (1) told with the last lines. Nothing is piped, no key or option is touched; but with --exit a pane
/// stays when its program ends until its status was read.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("until").required(true))]
pub struct Args {
    #[arg(value_name = "NAME[:W[.P]]", allow_hyphen_values = true, help = arguments::TARGET)]
    target: OsString,

    /// A line that this regular expression fits: on the screen, or coming
    #[arg(long, value_name = "REGEX", group = "until", allow_hyphen_values = true)]
    text: Option<String>,

    /// Only lines that are new since this mark
    #[arg(long, value_name = "MARK", requires = "text")]
    since: Option<Mark>,

    /// Nothing has changed for so long
    #[arg(long, value_name = "TIME", group = "until", value_parser = arguments::time)]
    idle: Option<Duration>,

    /// The pane's program has ended
    #[arg(long, group = "until")]
    exit: bool,

    /// The shell is at its prompt
    #[arg(long, group = "until")]
    prompt: bool,

    /// How long to wait; without it as long as it takes
    #[arg(long, value_name = "TIME", value_parser = arguments::time)]
    timeout: Option<Duration>,
}

/// Waits.
pub fn run(context: &ServerContext, args: &Args) -> Result<Exit, (Exit, CliError)> {
    wait(context, args).map_err(|error| (error.kind.exit(), error))
}

fn wait(context: &ServerContext, args: &Args) -> Result<Exit, CliError> {
    let target = arguments::target(&args.target)?;
    let pattern = args.text.as_deref().map(str::parse::<TextPattern>).transpose()?;
    with_pane(context, &target, |talk| wait_for(context, args, talk, pattern.as_ref()))
}

fn wait_for(
    context: &ServerContext,
    args: &Args,
    talk: &Talk<'_>,
    pattern: Option<&TextPattern>,
) -> Result<Exit, CliError> {
    let patience = args.timeout.unwrap_or(Duration::MAX);
    let (mut text, mut json): (String, Value) = (String::new(), json!({ "pane": talk.pane.id.to_string() }));
    let mut exit = Exit::Done;
    if let Some(pattern) = pattern {
        let since = args.since.as_ref();
        let line = session::wait_for_text(talk, pattern, since, patience)?;
        text = format!("{}\n", outside(&line));
        json["line"] = json_text(&line).into();
    } else if let Some(idle) = args.idle {
        session::wait_until_idle(talk, idle, patience)?;
    } else if args.prompt {
        session::wait_for_prompt(talk, patience)?;
    } else {
        let status = session::wait_for_exit(talk, patience)?;
        json["status"] = status.into();
        exit = match status.and_then(|status| u8::try_from(status).ok()) {
            Some(status) => Exit::Status(status),
            None => {
                let error =
                    CliError::failed(format!("the program of pane {} was ended by a signal", talk.pane.id));
                return Err(error.hint("tmux tells no exit status then."));
            }
        };
    }
    let mut outcome = Outcome::new(text, &json);
    outcome.exit = exit;
    Ok(output::show(Ok(outcome), context.json))
}
