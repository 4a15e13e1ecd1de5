//! The command line: one file per command, each with its arguments and its function.

mod assistant_hook;
mod assistants;
mod at_start;
mod attach;
pub mod choosing;
mod completions;
mod config;
mod consent;
mod demo;
pub mod describe;
mod diff;
mod doctor;
mod forget;
mod hold;
mod hooks;
pub mod install;
mod json;
pub mod keeper;
pub mod keys;
mod list;
mod log;
mod pin;
pub mod programs;
mod prune;
#[cfg(test)]
mod reference;
pub mod restore;
mod resume;
mod save;
mod scope;
mod session;
mod shell_first;
mod shell_init;
mod show;
pub mod sources;
mod status;
mod steps;
mod target;
mod terminals;
pub mod tmux_conf;
mod undo;
mod uninstall;
mod verify;
mod watchdog;
mod when;
mod which;
mod why;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};
use evermux_core::assistants::Assistants;
use evermux_core::capture::{self, Pattern};
use evermux_core::editors::Editors;
use evermux_core::problem::{Problem, Subject};
use evermux_core::store::{Access, Aside, Shells, Store, StoreError};

use crate::context::{Context, Global};
use crate::detached;
use crate::error::{CliError, Exit};
use crate::logging;
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

/// How long a command waits for another evermux that changes the same server's snapshots.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// The commands, in the order of the help.
#[derive(Debug, Subcommand)]
enum Command {
    Save(save::Args),
    Restore(restore::Args),
    Attach(attach::Args),
    Undo(undo::Args),
    List(list::Args),
    Show(show::Args),
    Diff(diff::Args),
    Pin(pin::PinArgs),
    Unpin(pin::UnpinArgs),
    Forget(forget::Args),
    Prune(prune::Args),
    Verify(verify::Args),
    Log(log::Args),
    Keeper(keeper::Args),
    Status(status::Args),
    Doctor(doctor::Args),
    Assistants(assistants::Args),
    Config(config::Args),
    Install(install::Args),
    Uninstall(uninstall::Args),
    TmuxConf(tmux_conf::Args),
    AtStart(at_start::Args),
    Demo(demo::Args),
    Resume(resume::Args),
    Session(session::Args),
    ShellInit(shell_init::Args),
    Completions(completions::Args),
    #[command(hide = true)]
    ShellFirst(shell_first::Args),
    /// What our keys in tmux run
    #[command(hide = true)]
    Key(keys::Args),
    /// What our hooks in the settings of assistants run
    #[command(hide = true)]
    AssistantHook(assistant_hook::Args),
    /// Hold panes whose shells start later
    #[command(hide = true)]
    Hold,
}

/// The command line if it is one of scripts: the same, without all other commands. To describe those takes longer than most of
/// what scripts ask.
#[derive(Debug, Parser)]
#[command(name = "evermux", version, max_term_width = 100)]
struct ScriptCli {
    #[command(flatten)]
    global: Global,

    #[command(subcommand)]
    command: ScriptCommand,
}

#[derive(Debug, Subcommand)]
enum ScriptCommand {
    Session(session::Args),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    install_panic_hook();
    let parsed = match first_word(std::env::args_os().skip(1)).is_some_and(|word| word == "session") {
        true => ScriptCli::try_parse().map(|cli| {
            let ScriptCommand::Session(args) = cli.command;
            (cli.global, Command::Session(args))
        }),
        false => Cli::try_parse().map(|cli| (cli.global, cli.command)),
    };
    let exit = match parsed {
        Ok((global, command)) => {
            logging::begin(global.verbose);
            run(&global, command)
        }
        Err(error) => wrong_use(&error),
    };
    exit.into()
}

/// The first word that is no global option: the command. None where that cannot be told at once.
fn first_word(mut words: impl Iterator<Item = OsString>) -> Option<OsString> {
    loop {
        let word = words.next()?;
        match word.as_encoded_bytes() {
            b"-L" | b"-S" => drop(words.next()),
            b"--json" | b"--verbose" | b"-v" | b"-vv" => {}
            [b'-', ..] => return None,
            _ => return Some(word),
        }
    }
}

fn run(global: &Global, command: Command) -> Exit {
    match command {
        Command::Save(args) => with_context(global, |context| save::run(context, &args)),
        Command::Restore(args) => with_context(global, |context| restore::run(context, &args)),
        Command::Attach(args) => attach::main(global, &args),
        Command::Undo(args) => with_context(global, |context| undo::run(context, &args)),
        Command::List(args) => with_context(global, |context| list::run(context, &args)),
        Command::Show(args) => with_context(global, |context| show::run(context, &args)),
        Command::Diff(args) => with_context(global, |context| diff::run(context, &args)),
        Command::Pin(args) => with_context(global, |context| pin::pin(context, &args)),
        Command::Unpin(args) => with_context(global, |context| pin::unpin(context, &args)),
        Command::Forget(args) => with_context(global, |context| forget::run(context, &args)),
        Command::Prune(args) => with_context(global, |context| prune::run(context, &args)),
        Command::Verify(args) => with_context(global, |context| verify::run(context, &args)),
        Command::Log(args) => with_context(global, |context| log::run(context, &args)),
        Command::Keeper(args) => with_context(global, |context| keeper::run(context, &args)),
        Command::Status(args) => with_context(global, |context| Ok(status::run(context, &args))),
        Command::Doctor(args) => doctor::run(global, &args),
        Command::Assistants(args) => with_context(global, |context| assistants::run(context, &args)),
        Command::Config(args) => config::run(global, &args),
        Command::Install(args) => with_context(global, |context| install::run(context, &args)),
        Command::Uninstall(args) => with_context(global, |context| uninstall::run(context, &args)),
        Command::TmuxConf(args) => with_context(global, |context| tmux_conf::run(context, &args)),
        Command::AtStart(args) => at_start::run(global, &args),
        Command::Demo(args) => with_context(global, |context| demo::run(context, &args)),
        Command::Resume(args) => resume::main(global, &args),
        Command::Session(args) => session::main(global, args),
        Command::Key(args) => with_context(global, |context| keys::run(context, &args)),
        Command::AssistantHook(args) => assistant_hook::main(global, &args),
        Command::Hold => with_context(global, hold::run),
        Command::ShellInit(args) => shell_init::run(global, &args),
        Command::ShellFirst(args) => shell_first::run(global, &args),
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

/// Opens what was saved, to change it; where nothing was saved, nothing is made.
fn open_to_change(context: &Context) -> Result<Store, CliError> {
    drop(Store::open(&context.place(), Access::Read)?);
    Ok(Store::open(&context.place(), Access::Write)?)
}

/// Opens the store to save or restore, and makes it if it is not there. A database that is damaged as a whole is moved out
/// of the way, not lost: what lives can be saved all the same, and the emergency files take its place.
pub(crate) fn open_to_work(context: &Context) -> Result<(Store, Vec<Problem>), CliError> {
    match Store::open(&context.place(), Access::Write) {
        Err(StoreError::Damaged { path, what }) => mend(context, path, &what),
        other => Ok((other?, Vec::new())),
    }
}

/// The same for who is going to restore: what that needs of the database is read before anything is done.
pub(crate) fn open_to_restore(context: &Context) -> Result<(Store, Vec<Problem>), CliError> {
    let (store, problems) = open_to_work(context)?;
    let server = context.server();
    match store.timeline(&server).and_then(|_| store.all_restores(&server)) {
        Err(StoreError::Damaged { path, what }) => {
            drop(store);
            mend(context, path, &what)
        }
        _ => Ok((store, problems)),
    }
}

/// Moves a damaged database out of the way and opens a new one with what could be read of it.
pub(crate) fn mend(context: &Context, path: PathBuf, what: &str) -> Result<(Store, Vec<Problem>), CliError> {
    let aside = Store::set_aside(&context.place(), context.now())?;
    let moved = |aside: Aside| {
        let brought = match aside.snapshots {
            0 => String::new(),
            count => format!("; {} could be brought over", describe::count(count as usize, "snapshot")),
        };
        let what = format!("is damaged ({what}); it was moved to {}{brought}", aside.path.display());
        tracing::warn!("{} {what}", path.display());
        Problem::new(Subject::Path(path), what)
    };
    let problems = aside.map(moved).into_iter().collect();
    Ok((Store::open(&context.place(), Access::Write)?, problems))
}

/// What the settings ask of every capture.
pub(crate) fn capture_options(context: &Context) -> capture::Options {
    let patterns = |texts: &[String]| texts.iter().map(|text| Pattern::new(text.as_str())).collect();
    let mut options = capture::Options::new(&context.machine, &context.boot, context.uid);
    options.lines = Some(context.config.save.lines).filter(|lines| *lines > 0);
    options.buffers = context.config.save.buffers;
    options.ignored_sessions = patterns(&context.config.exclude.sessions);
    options.no_text_programs = patterns(&context.config.exclude.programs);
    options.asker = Some(std::process::id());
    options.helper = detached::program();
    options.limit = context.config.save.deadline;
    options.assistants = Some(assistants(context));
    // Without a folder no shell has told anything.
    options.shells = Shells::existing(&context.place()).ok();
    let editors = || Arc::new(Editors::new(context.place().folder().join("editors"), context.uid));
    options.editors = Some(Arc::clone(context.editors.get_or_init(editors)));
    options
}

/// What is known of assistants: the shipped handlers and the user's. A handler of theirs that is wrong is left out, and they
/// are told, once.
pub(crate) fn assistants(context: &Context) -> Arc<Assistants> {
    let new = || {
        let (folder, uid) = (crate::config::handlers_folder(&context.config_file), context.uid);
        let load = move || {
            let (handlers, wrong) = crate::config::load_handlers(&folder, uid);
            for error in wrong {
                output::warn(&CliError::from(error).in_one_line());
            }
            handlers
        };
        Arc::new(Assistants::new(Box::new(load), context.home.clone(), uid))
    };
    Arc::clone(context.assistants.get_or_init(new))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn commands_of_scripts_are_told_and_described_alike() {
        let first = |line: &str| first_word(line.split(' ').map(OsString::from));
        for line in ["session has x", "-L session session has x", "--json -v -S x session list"] {
            assert_eq!(first(line), Some("session".into()), "{line}");
        }
        for line in ["list session", "-Lx session", "-L session", "--help session"] {
            assert_ne!(first(line), Some("session".into()), "{line}");
        }
        let help = |mut command: clap::Command| {
            command.build();
            let session =
                command.find_subcommand_mut("session").and_then(|it| it.find_subcommand_mut("send"));
            session.map(|command| command.render_long_help().to_string())
        };
        assert_eq!(help(ScriptCli::command()), help(Cli::command()));
        ScriptCli::command().debug_assert();
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
