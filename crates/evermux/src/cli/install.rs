//! `evermux install`: everything that makes saving and restoring happen by itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use evermux_core::model::TmuxVersion;
use evermux_core::store::Store;
use evermux_core::tmux::Server;

use serde_json::json;

use super::consent::Consent;
use super::shell_init::Shell;
use super::steps::{Action, Step, carry_out};
use super::{hooks, terminals};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Outcome, outside};
use crate::setup::ask::ask;
use crate::setup::block::{self, Place};
use crate::setup::config_file::{self, Folders};
use crate::setup::file::Looked;
use crate::setup::hooks::Assistant;
use crate::setup::rc_file;
use crate::setup::services::{self, Manager};
use crate::setup::units::{self, Parts, TmuxParts};

/// How long tmux may take to tell its version, and which files it has read.
const LIMIT: Duration = Duration::from_secs(3);

/// Set everything up: the line in tmux.conf, and the keeper as a service
///
/// Says first what it will do, and asks. Doing it again changes nothing. What it cannot change (a tmux.conf that is
/// read-only, say) it names, with the text to add by hand. `evermux uninstall` takes it all back.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    consent: Consent,

    /// Run the tmux server itself as a service, too: started by systemd at login (at boot, where the user lingers), with
    /// the environment of a login shell
    ///
    /// TARGET is what it comes after: `default.target`, `graphical-session.target` (for its environment), or another one.
    #[arg(long, value_name = "TARGET", num_args = 0..=1, require_equals = true, default_missing_value = "default.target")]
    tmux_service: Option<String>,

    /// The config file of tmux, instead of the one that tmux reads last
    #[arg(long, value_name = "FILE")]
    tmux_conf: Option<PathBuf>,

    /// Only print what makes the windows of a terminal emulator open in a session of its own: kitty, alacritty, wezterm,
    /// ghostty or foot
    #[arg(long, value_name = "NAME", conflicts_with_all = ["dry_run", "yes", "tmux_service", "tmux_conf", "no_service", "shell"])]
    terminal: Option<String>,

    /// Only add the hooks by which an assistant tells at once which conversation its pane holds, to its own settings
    /// (Claude Code, the Gemini CLI) or as a plugin (OpenCode); evermux also works without them. May be given several times
    #[arg(long, value_name = "NAME", conflicts_with_all = ["terminal", "tmux_service", "tmux_conf", "no_service"])]
    assistant: Vec<Assistant>,

    /// Add the shell integration, too, at the end of this shell's rc file (see `evermux shell-init`)
    #[arg(long, value_name = "SHELL")]
    shell: Option<Shell>,

    /// Leave service managers alone: the line in tmux.conf starts the keeper
    #[arg(long)]
    no_service: bool,
}

/// Finds what is to be done, says it, asks, and does it.
pub fn run(context: &Context, args: &Args) -> Result<Outcome, CliError> {
    if let Some(name) = &args.terminal {
        return terminal(context, name);
    }
    let steps = match args.assistant.as_slice() {
        [] => steps(context, args)?,
        assistants => hooks::add(context, assistants)?,
    };
    carry_out(context, "evermux install", &steps, args.consent)
}

/// Prints the lines for a terminal emulator, and where they belong.
fn terminal(context: &Context, name: &str) -> Result<Outcome, CliError> {
    let program = crate::setup::program(context.binaries.path.as_deref())?;
    let Some(snippet) = terminals::snippet(name, &program) else {
        let known: Vec<&str> = terminals::EMULATORS.iter().map(|emulator| emulator.name).collect();
        return Err(CliError::usage(format!("no lines are known for the terminal '{name}'"))
            .hint(format!("Known are {}; any other may run: evermux attach {name}", known.join(", "))));
    };
    let folders = folders(context);
    let file = folders.config.unwrap_or_else(|| folders.home.join(".config")).join(&snippet.file);
    let text = format!("For {}:\n\n{}", outside(file.display().to_string()), snippet.text);
    let json = json!({ "terminal": name, "file": file.display().to_string(), "text": snippet.text });
    Ok(Outcome::new(text, &json))
}

fn steps(context: &Context, args: &Args) -> Result<Vec<Step>, CliError> {
    let program = crate::setup::program(context.binaries.path.as_deref())?;
    let tmux = context.binaries.tmux().ok_or_else(|| {
        CliError::failed("cannot find tmux").hint("Install tmux, or put its folder into PATH.")
    })?;
    let server = Server::connect(&context.socket, context.uid, &context.binaries).ok();
    let running = server.as_ref().and_then(facts);
    let mut steps = vec![config_step(context, args, &program, &tmux, running.as_ref())?];
    if let Some(shell) = args.shell {
        steps.push(shell_step(context, shell, &program)?);
    }
    let manager = if args.no_service { Manager::None } else { Manager::find() };
    steps.extend(service_steps(context, args, manager, &program, &tmux)?);
    if running.is_some() {
        steps.push(keep_step(context));
    }
    Ok(steps)
}

/// The version of a running server, and the config files it has read.
pub fn facts(server: &Server) -> Option<(TmuxVersion, Vec<PathBuf>)> {
    // Before 3.2 tmux does not tell the files.
    let said =
        server.run(b"display-message -p '#{version}'\ndisplay-message -p '#{config_files}'\n", LIMIT).ok()?;
    let text = String::from_utf8(said.stdout).ok()?;
    let mut lines = text.lines();
    let version = lines.next()?.parse().ok()?;
    let files = lines.next().unwrap_or_default().split(',').filter(|file| !file.is_empty());
    Some((version, files.map(PathBuf::from).collect()))
}

/// The version of a tmux that is not running.
pub fn version_of(tmux: &Path) -> Option<TmuxVersion> {
    let said = ask(tmux.to_str()?, &["-V"], LIMIT)?;
    said.out.strip_prefix("tmux ")?.parse().ok()
}

/// Where config files are looked for.
pub fn folders(context: &Context) -> Folders {
    let config = context.variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let home = context.binaries.home.clone().unwrap_or_else(|| PathBuf::from("/"));
    Folders { home, config: config.filter(|config| config.is_absolute()) }
}

/// The folder of the user's units.
pub fn unit_folder(context: &Context, manager: Manager) -> PathBuf {
    let folders = folders(context);
    let config = folders.config.clone().unwrap_or_else(|| folders.home.join(".config"));
    services::unit_folder(manager, &folders.home, &config)
}

/// The config file for our lines.
pub fn config_path(context: &Context, version: Option<TmuxVersion>, read: &[PathBuf]) -> PathBuf {
    config_file::choose(&folders(context), version, read, Path::exists)
}

fn config_step(
    context: &Context,
    args: &Args,
    program: &Path,
    tmux: &Path,
    running: Option<&(TmuxVersion, Vec<PathBuf>)>,
) -> Result<Step, CliError> {
    let (version, read) = match running {
        Some((version, files)) => (Some(*version), files.as_slice()),
        None => (version_of(tmux), &[][..]),
    };
    let path = match &args.tmux_conf {
        Some(path) => std::path::absolute(path).map_err(|error| {
            CliError::failed(format!("cannot tell what {} is", path.display())).because(&error)
        })?,
        None => config_path(context, version, read),
    };
    let lines = lines(program)?;
    Ok(config_change(&Looked::at(&path, context.uid), &lines))
}

/// The integration of a shell in its rc file.
fn shell_step(context: &Context, shell: Shell, program: &Path) -> Result<Step, CliError> {
    let line = rc_file::line(shell.integrated(), program)
        .ok_or_else(|| CliError::failed(format!("the path {} is no text", program.display())))?;
    let Some(path) = rc_file::path(shell.integrated(), &rc_folders(context)) else {
        let (what, why) =
            ("the shell integration".to_owned(), "this shell reads no file that could have it".to_owned());
        return Ok(Step::new(what, Action::Cannot { why, hint: line }));
    };
    let says = Says {
        there: "the shell integration is there",
        moves: "the shell integration moves to its end",
        changes: "the shell integration as it is now, at its end",
        makes: "a new file with the shell integration",
        adds: "the shell integration, at its end",
    };
    Ok(block_step(&Looked::at(&path, context.uid), &line, &says))
}

/// Where rc files of shells are looked for.
pub fn rc_folders(context: &Context) -> rc_file::Folders {
    let Folders { home, config } = folders(context);
    let zsh = context.variable("ZDOTDIR").map(PathBuf::from).filter(|folder| folder.is_absolute());
    rc_file::Folders {
        config: config.unwrap_or_else(|| home.join(".config")),
        zsh: zsh.unwrap_or_else(|| home.clone()),
        home,
    }
}

/// What stands between our comments in the config file.
///
/// # Errors
/// If the path of evermux cannot stand in a config file.
pub fn lines(program: &Path) -> Result<String, CliError> {
    let lines = super::tmux_conf::lines(program).ok().and_then(|lines| String::from_utf8(lines).ok());
    lines.ok_or_else(|| CliError::failed(format!("the path {} is no text", program.display())))
}

/// What is to be done with a config file. Pure.
fn config_change(looked: &Looked, lines: &str) -> Step {
    let says = Says {
        there: "the line is there",
        moves: "the line moves to its end",
        changes: "the line as it is now, at its end",
        makes: "a new file with the line that restores at start",
        adds: "the line that restores at start, at its end",
    };
    block_step(looked, lines, &says)
}

/// What is said of lines of ours in a file.
struct Says {
    there: &'static str,
    moves: &'static str,
    changes: &'static str,
    makes: &'static str,
    adds: &'static str,
}

/// What is to be done so that our lines are the last of a file. Pure.
fn block_step(looked: &Looked, lines: &str, says: &Says) -> Step {
    let name = looked.path.display().to_string();
    let hint = format!("Add at its end:\n{}", lines.trim_end());
    let content = looked.content.as_deref();
    let found = block::place(content.unwrap_or_default(), lines);
    let cannot = |why: String| Step::new(&name, Action::Cannot { why, hint: hint.clone() });
    let place = match found {
        Ok(place) => place,
        Err(error) => {
            let hint = "Remove what is left of the lines of evermux, then run this again.".to_owned();
            return Step::new(&name, Action::Cannot { why: error.to_string(), hint });
        }
    };
    match place {
        Place::Last => return Step::new(format!("{name}: {}, last", says.there), Action::Nothing),
        Place::ByHand => {
            return Step::new(format!("{name}: {}, written by hand", says.there), Action::Nothing);
        }
        Place::Absent | Place::NotLast | Place::Changed => {}
    }
    if let Some(fixed) = &looked.fixed {
        return cannot(fixed.to_string());
    }
    let new = match block::add(content, lines) {
        Ok(new) => new,
        Err(error) => return cannot(error.to_string()),
    };
    let does = match place {
        Place::NotLast => says.moves,
        Place::Changed => says.changes,
        _ if content.is_none() => says.makes,
        _ => says.adds,
    };
    let what = format!("{name}: {does}{}", remarks(looked));
    Step::new(what, Action::Write { path: looked.target.clone(), old: looked.content.clone(), new })
}

/// What the user should know of a file that is changed.
pub fn remarks(looked: &Looked) -> String {
    let mut remarks = Vec::new();
    if looked.target != looked.path && looked.content.is_some() {
        remarks.push(format!("it is {}", looked.target.display()));
    }
    if let Some(repository) = &looked.repository {
        remarks.push(format!("commit it in {}", repository.display()));
    }
    if remarks.is_empty() { String::new() } else { format!(" ({})", remarks.join("; ")) }
}

/// Whether a unit of the keeper is as it would be written now, by whatever path it names this program.
pub fn is_current(context: &Context, unit: &[u8], program: &Path) -> bool {
    let named = units::program_of(unit).filter(|named| crate::setup::same(named, program));
    let parts = parts(context, named.as_deref().unwrap_or(program));
    units::keeper(&parts).as_bytes() == unit
}

/// What the units are made of.
pub fn parts(context: &Context, program: &Path) -> Parts {
    let variable = |name: &str| {
        let value = context.variable(name)?.into_string().ok()?;
        Some((name.to_owned(), value))
    };
    let variables = ["EVERMUX_DIR", "EVERMUX_CONFIG", "XDG_STATE_HOME", "XDG_CONFIG_HOME"];
    Parts { program: program.to_owned(), variables: variables.into_iter().filter_map(variable).collect() }
}

fn service_steps(
    context: &Context,
    args: &Args,
    manager: Manager,
    program: &Path,
    tmux: &Path,
) -> Result<Vec<Step>, CliError> {
    let folder = unit_folder(context, manager);
    let Some(unit) = manager.keeper_unit() else {
        if args.tmux_service.is_some() {
            return Err(CliError::failed("no systemd of this user answers")
                .hint("Without --tmux-service the line in tmux.conf is enough: it starts the keeper."));
        }
        let step = match running_keeper(context) {
            Some(pid) => Step::new(format!("the keeper: it runs (process {pid})"), Action::Nothing),
            None => {
                Step::new("the keeper in the background; from then on tmux starts it", Action::StartKeeper)
            }
        };
        return Ok(vec![step]);
    };
    let parts = parts(context, program);
    let mut files = match manager {
        Manager::Launchd => vec![(unit.to_owned(), units::agent(&parts))],
        _ => vec![(unit.to_owned(), units::keeper(&parts)), (units::PANES.to_owned(), units::panes())],
    };
    if let Some(target) = &args.tmux_service {
        files.push((units::TMUX.to_owned(), tmux_unit(context, manager, target, tmux)?));
    }
    let mut steps: Vec<Step> =
        files.iter().map(|(name, text)| unit_step(context, &folder.join(name), text)).collect();
    let changed = steps.iter().any(|step| step.action.changes());
    let runs = match manager {
        Manager::Systemd => {
            services::state(unit).is_some_and(|(enabled, active)| enabled == "enabled" && active == "active")
        }
        _ => !changed,
    };
    if changed || !runs {
        if running_keeper(context).is_some() {
            // The one that tmux's line has started leaves its place to the service.
            steps.push(Step::new("the keeper: the service takes its place", Action::StopKeeper));
        }
        for command in services::enable(manager, &folder, context.uid) {
            let matters = !command.iter().any(|word| word == "bootout");
            steps.push(Step::new(command.join(" "), Action::Run(command, matters)));
        }
    }
    if args.tmux_service.is_some() {
        let enabled = services::state(units::TMUX).is_some_and(|(enabled, _)| enabled == "enabled");
        if changed || !enabled {
            // Not started: that would be a second server beside one that may run.
            let command = ["systemctl", "--user", "enable", units::TMUX].map(str::to_owned).to_vec();
            steps.push(Step::new(command.join(" "), Action::Run(command, true)));
        }
        let user = context.binaries.user.as_ref().and_then(|user| user.to_str()).unwrap_or_default();
        if !services::lingers(user) {
            let what = "at boot, before anybody logs in, it starts only with: loginctl enable-linger";
            steps.push(Step::new(what, Action::Note));
        }
    }
    Ok(steps)
}

fn running_keeper(context: &Context) -> Option<u32> {
    super::open_to_change(context).ok()?.keeper().ok()?
}

fn tmux_unit(context: &Context, manager: Manager, target: &str, tmux: &Path) -> Result<String, CliError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.@".contains(&byte);
    if manager != Manager::Systemd {
        return Err(CliError::failed("tmux as a service needs systemd"));
    }
    if !target.ends_with(".target") || !target.bytes().all(plain) {
        return Err(
            CliError::usage(format!("'{target}' is no target of systemd")).hint("Such as default.target.")
        );
    }
    if !units::is_plain(tmux) {
        return Err(CliError::failed(format!("{} cannot be written into a unit", tmux.display())));
    }
    let shell = context.variable("SHELL").map(PathBuf::from);
    let shell = shell.filter(|shell| shell.is_absolute() && shell.exists() && units::is_plain(shell));
    let shell = shell.unwrap_or_else(|| PathBuf::from("/bin/sh"));
    Ok(units::tmux(&TmuxParts { tmux: tmux.to_owned(), shell, target: target.to_owned() }))
}

fn unit_step(context: &Context, path: &Path, text: &str) -> Step {
    let looked = Looked::at(path, context.uid);
    let name = path.display().to_string();
    match (&looked.content, &looked.fixed) {
        (Some(content), _) if content == text.as_bytes() => Step::new(name, Action::Nothing),
        (_, Some(fixed)) => Step::new(
            name,
            Action::Cannot { why: fixed.to_string(), hint: "Its content should be:\n".to_owned() + text },
        ),
        (Some(content), None) if !units::is_ours(content) => Step::new(
            name,
            Action::Cannot {
                why: "it is there and not written by evermux".to_owned(),
                hint: "Remove it if you do not need it, then run this again.".to_owned(),
            },
        ),
        (_, None) => {
            let what = format!("{name}{}", remarks(&looked));
            Step::new(what, Action::Write { path: looked.target, old: looked.content, new: text.into() })
        }
    }
}

fn keep_step(context: &Context) -> Step {
    let socket = context.socket.display();
    let watched = super::open_to_change(context).and_then(|store: Store| Ok(store.watched()?));
    let known = watched.is_ok_and(|watched| watched.contains(&context.server()));
    match known {
        true => Step::new(format!("the server at {socket} is saved continuously"), Action::Nothing),
        false => Step::new(format!("the server at {socket}, saved continuously from now on"), Action::Keep),
    }
}
