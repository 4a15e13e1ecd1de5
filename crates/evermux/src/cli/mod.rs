//! The command line: one file per command, each with its arguments and its function.

mod completions;
#[cfg(test)]
mod reference;

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::context::{Context, Global};
use crate::error::{CliError, Exit};
use crate::output::{self, Outcome};

/// Keeps tmux work alive: saves everything a tmux server holds and brings it back exactly.
#[derive(Debug, Parser)]
#[command(name = "evermux", version, after_help = AFTER_HELP, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,

    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Without -L or -S it is about the server of $TMUX, else about tmux's default one. \
EVERMUX_DIR replaces the folder that holds what is saved (~/.local/state/evermux), \
EVERMUX_CONFIG the config file (~/.config/evermux/config.toml).

Exit status: 0 done, 1 failed, 2 wrong use, 3 done with problems or debts, 4 nothing there, 5 busy.";

/// The commands, in the order of the help.
#[derive(Debug, Subcommand)]
enum Command {
    Completions(completions::Args),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    install_panic_hook();
    let exit = match Cli::try_parse() {
        Ok(Cli { global, command }) => {
            trace(global.verbose);
            run(&global, command)
        }
        Err(error) => wrong_use(&error),
    };
    exit.into()
}

fn run(_global: &Global, command: Command) -> Exit {
    match command {
        Command::Completions(args) => completions::run(&args, &mut Cli::command()),
    }
}

/// Runs a command that is about a server or the store, and prints what it says.
fn with_context(global: &Global, command: impl FnOnce(&Context) -> Result<Outcome, CliError>) -> Exit {
    let result = Context::new(global).and_then(|context| {
        for warning in &context.unknown_settings {
            output::warn(warning);
        }
        command(&context)
    });
    output::show(result, global.json)
}

/// Help and version are results; anything else is wrong use, in JSON if that was asked for.
fn wrong_use(error: &clap::Error) -> Exit {
    if !error.use_stderr() {
        // A reader that closed the pipe has seen enough.
        let _ = error.print();
        return Exit::Done;
    }
    if std::env::args_os().any(|argument| argument == OsStr::new("--json")) {
        let rendered = error.render().to_string();
        let mut lines = rendered.lines().map(str::trim).filter(|line| !line.is_empty());
        let message = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        return output::show(Err(CliError::usage(message).hint("See evermux --help.")), true);
    }
    let _ = error.print();
    Exit::Usage
}

/// A panic is a bug: say so in words, and end with 1 whatever thread it was in.
fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let message = match (panic.payload().downcast_ref::<&str>(), panic.payload().downcast_ref::<String>())
        {
            (Some(text), _) => *text,
            (_, Some(text)) => text,
            _ => "it does not say why",
        };
        let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
        let error = CliError::failed(format!("evermux has a bug: {message}{place}"))
            .hint("What was saved is safe. Please report this, with what you did.");
        output::show(Err(error), false);
        std::process::exit(Exit::Failed.code().into());
    }));
}

/// `-v`: the library's own account of what it does, on stderr.
fn trace(verbose: u8) {
    use tracing::level_filters::LevelFilter;
    use tracing_subscriber::filter::Targets;
    use tracing_subscriber::prelude::*;

    let level = match verbose {
        0 => return,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let targets = Targets::new().with_target("evermux", level).with_target("evermux_core", level);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .compact()
        .without_time();
    tracing_subscriber::registry().with(lines.with_filter(targets)).init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_stand_before_or_after_the_command() {
        for line in
            [["evermux", "--json", "completions", "bash"], ["evermux", "completions", "--json", "bash"]]
        {
            assert!(Cli::try_parse_from(line).unwrap().global.json);
        }
    }

    #[test]
    fn the_help_tells_the_exit_codes() {
        for exit in Exit::ALL {
            let first = exit.meaning().split([':', ',']).next().unwrap().split(" of ").next().unwrap();
            assert!(AFTER_HELP.contains(&format!("{} {first}", exit.code())), "{first}");
        }
    }
}
