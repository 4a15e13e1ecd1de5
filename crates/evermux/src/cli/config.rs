//! `evermux config`: the settings and the handlers, checked.

use std::path::Path;

use evermux_core::handlers::{Handler, Handlers};
use evermux_core::relaunch::resurrect::Resurrect;
use serde::Serialize;

use super::programs;
use crate::config;
use crate::context::{Context, Global, config_file};
use crate::error::{CliError, Exit};
use crate::output::{self, GOOD, NOTICE, Outcome, PROBLEM, outside};

/// See whether the settings and the handlers are as they should be
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Check the config file, and the handlers in the folder handlers.d beside it
    ///
    /// Ends with 0 if all is well, and with 1 if something is wrong; every finding is told with its file and line.
    Check,
}

#[derive(Serialize)]
struct CheckJson {
    config: String,
    handlers: String,
    /// The names of the handlers that hold.
    names: Vec<String>,
    wrong: Vec<WrongJson>,
    resurrect: Option<ResurrectJson>,
}

/// What was read of tmux-resurrect's options in the running server.
#[derive(Serialize)]
struct ResurrectJson {
    read: Vec<OptionJson>,
    not_understood: Vec<String>,
}

#[derive(Serialize)]
struct OptionJson {
    option: String,
    value: String,
}

impl From<&Resurrect> for ResurrectJson {
    fn from(resurrect: &Resurrect) -> Self {
        let option =
            |(option, value): &(String, String)| OptionJson { option: option.clone(), value: value.clone() };
        Self {
            read: resurrect.read().iter().map(option).collect(),
            not_understood: resurrect.not_understood().to_vec(),
        }
    }
}

#[derive(Serialize)]
struct WrongJson {
    message: String,
    causes: Vec<String>,
}

/// Reads what a command would read, and says all that is wrong with it.
pub fn run(global: &Global, args: &Args) -> Exit {
    let Command::Check = args.command;
    output::show(check(global), global.json)
}

fn check(global: &Global) -> Result<Outcome, CliError> {
    let uid = rustix::process::geteuid().as_raw();
    let file = config_file()?;
    let mut wrong: Vec<CliError> = Vec::new();
    match config::load(&file, uid) {
        Ok(loaded) => wrong.extend(
            loaded
                .unknown
                .iter()
                .map(|key| CliError::failed(format!("{}: unknown setting '{key}'", file.display()))),
        ),
        Err(error) => wrong.push(error.into()),
    }
    let folder = config::handlers_folder(&file);
    let (handlers, errors) = config::load_handlers(&folder, uid);
    wrong.extend(errors.into_iter().map(CliError::from));
    let names: Vec<String> = handlers.all().iter().map(|handler| handler.name.clone()).collect();
    // What the running server's options say in place of settings.
    let server = Context::new(global).ok().and_then(|context| programs::look(&context));
    let resurrect = server.as_ref().and_then(programs::resurrect);
    let mut text = text(&file, &folder, &handlers, &wrong);
    resurrect.iter().for_each(|resurrect| text.push_str(&options(resurrect)));
    let json = CheckJson {
        config: file.display().to_string(),
        handlers: folder.display().to_string(),
        names,
        wrong: wrong
            .into_iter()
            .map(|error| WrongJson { message: error.message, causes: error.causes })
            .collect(),
        resurrect: resurrect.as_ref().map(ResurrectJson::from),
    };
    let exit = if json.wrong.is_empty() { Exit::Done } else { Exit::Failed };
    Ok(Outcome { exit, ..Outcome::new(text, &json) })
}

/// What tmux-resurrect was told, and is read.
fn options(resurrect: &Resurrect) -> String {
    let read =
        resurrect.read().iter().map(|(option, value)| format!("  {:<10} {option} {value}\n", "resurrect"));
    let wrong = resurrect.not_understood().iter();
    read.chain(wrong.map(|what| format!("  {:<10} {NOTICE}not understood:{NOTICE:#} {what}\n", ""))).collect()
}

fn text(file: &Path, folder: &Path, handlers: &Handlers, wrong: &[CliError]) -> String {
    let mut text = String::new();
    for error in wrong {
        text.push_str(&format!("{PROBLEM}wrong:{PROBLEM:#} {}\n", outside(&error.message)));
        for line in error.causes.iter().flat_map(|cause| cause.trim_end().lines()) {
            text.push_str(&format!("       {}\n", outside(line)));
        }
    }
    if wrong.is_empty() {
        text.push_str(&format!("{GOOD}The settings and the handlers are as they should be.{GOOD:#}\n"));
    }
    text.push_str(&format!("  settings   {}\n", outside(file.as_os_str().as_encoded_bytes())));
    text.push_str(&format!("  handlers   {}\n", outside(folder.as_os_str().as_encoded_bytes())));
    let names = |which: &dyn Fn(&Handler) -> bool| -> Vec<&str> {
        handlers.all().iter().filter(|handler| which(handler)).map(|handler| handler.name.as_str()).collect()
    };
    for (title, names) in [
        ("assistants", names(&Handler::holds_conversations)),
        ("programs", names(&|handler| !handler.holds_conversations())),
        ("yours", names(&|handler| handler.is_users)),
    ] {
        if !names.is_empty() {
            text.push_str(&format!("  {title:<10} {}\n", names.join(", ")));
        }
    }
    text
}
