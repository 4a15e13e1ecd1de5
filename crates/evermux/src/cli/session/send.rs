//! `evermux session send`: text and keys for the program in a pane.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use evermux_core::problem::{Problem, Subject};
use evermux_core::session::{self, Talk, Text};
use serde_json::json;

use super::{arguments, with_pane};
use crate::context::ServerContext;
use crate::error::CliError;
use crate::output::{Outcome, json_text};

/// Send text or keys to the program in a pane
///
/// Text is literal: no names of keys, no formats, no `;`. A short single line arrives as if it was typed, all else as a bracketed
/// paste, where the program asked for such; no byte is changed. It goes to that pane alone.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(value_name = "NAME[:W[.P]]", allow_hyphen_values = true, help = arguments::TARGET)]
    target: OsString,

    /// Wait first until the program reads what is typed: a shell at its prompt, a program blocked in a read of its terminal, or
    /// one with a raw terminal that waits for events
    #[arg(long)]
    when_ready: bool,

    /// How long to wait for that
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = arguments::time)]
    timeout: Duration,

    /// Press Enter after the text
    #[arg(long, conflicts_with = "key")]
    enter: bool,

    /// Press a key, in tmux's words (Enter, C-c, Up, F5); may be given more than once
    #[arg(long, value_name = "KEY", conflicts_with_all = ["stdin", "text"], allow_hyphen_values = true)]
    key: Vec<String>,

    /// Send what standard input holds
    #[arg(long, conflicts_with = "text")]
    stdin: bool,

    /// The text; several words are joined by blanks
    #[arg(last = true, value_name = "TEXT")]
    text: Vec<OsString>,
}

/// Sends it.
pub fn run(context: &ServerContext, args: &Args) -> Result<Outcome, CliError> {
    let target = arguments::target(&args.target)?;
    if let Some(key) = args.key.iter().find(|key| !session::is_key(key)) {
        return Err(CliError::usage(format!("'{key}' is no key"))
            .hint("Keys are such as Enter, Escape, Tab, C-c, M-x, Up, F5, or a single character; text stands behind --."));
    }
    if args.key.is_empty() && !args.stdin && args.text.is_empty() && !args.enter {
        return Err(
            CliError::usage("there is nothing to send").hint("Give --key KEY, --stdin, --enter or -- TEXT.")
        );
    }
    let bytes = bytes(args)?;
    with_pane(context, &target, |talk| send(talk, args, &bytes))
}

fn send(talk: &Talk<'_>, args: &Args, bytes: &[u8]) -> Result<Outcome, CliError> {
    let mut problems = Vec::new();
    let mut ready = None;
    if args.when_ready {
        let known = session::wait_until_it_reads(talk, args.timeout)?;
        ready = Some(known);
        if !known {
            let what = "the system does not tell whether its program reads; it was sent all the same";
            problems.push(Problem::new(Subject::Session(talk.pane.session_name.to_string()), what));
        }
    }
    let text = Text { bytes, enter: args.enter };
    match args.key.is_empty() {
        true => session::send_text(talk, text)?,
        false => session::send_keys(talk, &args.key)?,
    }
    let json = json!({
        "session": json_text(&talk.pane.session_name),
        "pane": talk.pane.id.to_string(),
        "bytes": bytes.len(),
        "pasted": text.is_pasted(),
        "ready": ready,
    });
    Ok(Outcome::new("", &json).with_problems(problems))
}

fn bytes(args: &Args) -> Result<Vec<u8>, CliError> {
    if args.stdin {
        let mut bytes = Vec::new();
        std::io::stdin()
            .read_to_end(&mut bytes)
            .map_err(|error| CliError::failed("cannot read standard input").because(&error))?;
        return Ok(bytes);
    }
    let words: Vec<Vec<u8>> = args.text.iter().map(|word| word.clone().into_vec()).collect();
    Ok(words.join(&b' '))
}
