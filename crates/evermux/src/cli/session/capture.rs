//! `evermux session capture`: what a pane shows, and what is new of it.

use std::ffi::OsString;
use std::time::Duration;

use evermux_core::session::{self, Captured, How, Mark, SessionError, Talk, Wanted};
use serde_json::json;

use super::{arguments, with_pane};
use crate::context::ServerContext;
use crate::error::{CliError, Exit};
use crate::output::{self, json_text};

/// How often a pane is looked at that is followed.
const PAUSE: Duration = Duration::from_millis(100);

/// Print the text of a pane: what is on its screen, or more, or only what is new
///
/// With --since exactly what was printed after the mark, across scrolling and a history that is cut. Where that cannot be told,
/// everything is printed that may be new, and the exit status is 3.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(value_name = "NAME[:W[.P]]", allow_hyphen_values = true, help = arguments::TARGET)]
    target: OsString,

    /// The last lines of history and screen
    #[arg(long, value_name = "N", group = "wanted")]
    lines: Option<usize>,

    /// The whole history and the screen
    #[arg(long, group = "wanted")]
    all: bool,

    /// What is new since a mark
    #[arg(long, value_name = "MARK", group = "wanted")]
    since: Option<Mark>,

    /// Print what is new as it comes, a JSON object a line, until the program ends; a line that `continues` is the rest of the one
    /// before
    #[arg(long, group = "wanted", conflicts_with = "mark")]
    follow: bool,

    /// Print a mark of this moment, for --since, and no text
    #[arg(long)]
    mark: bool,

    /// With colours and attributes, as escape sequences
    #[arg(long, visible_alias = "color")]
    colour: bool,

    /// Join lines that were wrapped at the edge of the pane
    #[arg(long)]
    join: bool,
}

/// Captures.
pub fn run(context: &ServerContext, args: &Args) -> Exit {
    match capture(context, args) {
        Ok(exit) => exit,
        Err(error) => output::show(Err(error), context.json),
    }
}

fn capture(context: &ServerContext, args: &Args) -> Result<Exit, CliError> {
    let target = arguments::target(&args.target)?;
    with_pane(context, &target, |talk| of_pane(context, args, talk))
}

fn of_pane(context: &ServerContext, args: &Args, talk: &Talk<'_>) -> Result<Exit, CliError> {
    let how = How { colour: args.colour, join: args.join };
    if args.follow {
        return follow(talk, how);
    }
    let wanted = match (&args.since, args.lines) {
        (Some(mark), _) => Wanted::Since(mark.clone()),
        (None, Some(lines)) => Wanted::Lines(lines),
        (None, None) if args.all => Wanted::All,
        (None, None) => Wanted::Screen,
    };
    let got = session::capture(talk, &wanted, how)?;
    Ok(print(context, args, &got))
}

fn print(context: &ServerContext, args: &Args, got: &Captured) -> Exit {
    let printed = match (context.json, args.mark) {
        (true, _) => {
            let value = json!({
                "lines": got.lines.iter().map(json_text).collect::<Vec<_>>(),
                "continues": got.continues,
                "mark": got.mark.to_string(),
                "sure": got.sure,
                "alternate": got.alternate,
            });
            output::raw(format!("{value:#}\n").as_bytes())
        }
        (false, true) => output::raw(format!("{}\n", got.mark).as_bytes()),
        (false, false) => {
            let mut text = got.lines.join(&b'\n');
            if !got.lines.is_empty() {
                text.push(b'\n');
            }
            output::raw(&text)
        }
    };
    if printed == Exit::Done && !got.sure {
        if !context.json {
            output::warn(
                "it cannot be told what is new: what stood at the mark is gone, or stands there more than once",
            );
        }
        return Exit::Problems;
    }
    printed
}

/// Prints what is new until the program ends.
fn follow(talk: &Talk<'_>, how: How) -> Result<Exit, CliError> {
    let mut mark = session::capture(talk, &Wanted::Screen, How::default())?.mark;
    let mut changes = session::Watched::new(talk);
    loop {
        let end = match changes.look() {
            Ok(false) => None,
            Ok(true) => match session::capture(talk, &Wanted::Since(mark.clone()), how) {
                Ok(new) => {
                    for (at, line) in new.lines.iter().enumerate() {
                        let continues = at == 0 && new.continues;
                        let value =
                            json!({ "line": json_text(line), "continues": continues, "sure": new.sure });
                        if !output::stream(format!("{value}\n").as_bytes()) {
                            return Ok(Exit::Done);
                        }
                    }
                    mark = new.mark;
                    None
                }
                Err(error) => Some(error),
            },
            Err(error) => Some(error),
        };
        match end {
            None => std::thread::sleep(PAUSE),
            Some(SessionError::Ended { status, .. }) => {
                return Ok(output::raw(
                    format!("{}\n", json!({ "ended": true, "status": status })).as_bytes(),
                ));
            }
            Some(error) => return Err(error.into()),
        }
    }
}
