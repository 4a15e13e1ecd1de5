//! `evermux keeper`: the background process that saves.

use std::time::{Duration, Instant};

use evermux_core::store::{Access, Store, StoreError};
use evermux_core::tmux::{Hooks, Server};
use jiff::{Span, Timestamp};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::{install, open_to_work};
use crate::context::Context;
use crate::detached;
use crate::error::CliError;
use crate::keeper;
use crate::output::{Outcome, outside};
use crate::setup::services::{self, Manager};
use crate::setup::units;

/// How long a keeper may take to begin or to end.
const LIMIT: Duration = Duration::from_secs(25);

/// The background process that saves continuously
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Keeper,
}

#[derive(Debug, clap::Subcommand)]
enum Keeper {
    /// Be the keeper, in the foreground: for service managers
    Run {
        /// Away from the terminal and from the signals of who started it
        #[arg(long, hide = true)]
        detached: bool,
    },
    /// Start the keeper in the background, if there is none
    Start,
    /// Save everything, then end the keeper
    Stop,
    /// Save nothing for a while, such as `10m` or `1h 30m`
    Pause {
        /// How long
        #[arg(value_name = "TIME")]
        time: Span,
    },
    /// Go on saving after a pause
    Resume,
    /// Save this server continuously from now on
    Watch,
    /// Leave this server alone from now on
    Unwatch,
}

/// Does what is asked.
pub fn run(context: &Context, args: &Args) -> Result<Outcome, CliError> {
    match &args.command {
        Keeper::Run { detached } => {
            if *detached {
                detached::leave();
            }
            keeper::run(context).map(|()| Outcome::new("", &json!({ "keeper": "ended" })))
        }
        Keeper::Start => start(context),
        Keeper::Stop => stop(context),
        Keeper::Pause { time } => pause(context, time),
        Keeper::Resume => resume(context),
        Keeper::Watch => watch(context),
        Keeper::Unwatch => unwatch(context),
    }
}

fn start(context: &Context) -> Result<Outcome, CliError> {
    let (pid, new) = ensure(context)?;
    let text = match new {
        true => format!("The keeper runs now (process {pid})\n"),
        false => format!("The keeper runs already (process {pid})\n"),
    };
    Ok(Outcome::new(text, &json!({ "keeper": pid, "new": new })))
}

/// Makes sure that there is a keeper; its process, and whether it is new.
///
/// # Errors
/// If it does not begin.
pub fn ensure(context: &Context) -> Result<(u32, bool), CliError> {
    let (store, _) = open_to_work(context)?;
    if let Some(pid) = store.keeper()? {
        return Ok((pid, false));
    }
    begin(context)?;
    let end = Instant::now() + LIMIT;
    while Instant::now() < end {
        if let Some(pid) = store.keeper()? {
            return Ok((pid, true));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Err(CliError::failed("the keeper does not begin").hint("See why: evermux keeper run"))
}

/// Has a keeper begin, and does not wait for it: as a service where `install` has made it one.
///
/// # Errors
/// If the program cannot be run.
pub fn begin(context: &Context) -> Result<(), CliError> {
    if starts_as_service(context) { Ok(()) } else { spawn() }
}

/// Whether the keeper is a service, and begins as such.
fn starts_as_service(context: &Context) -> bool {
    let Ok(program) = crate::setup::program(context.binaries.path.as_deref()) else { return false };
    let unit = install::unit_folder(context, Manager::Systemd).join(units::KEEPER);
    let is_current = std::fs::read(unit).is_ok_and(|unit| install::is_current(context, &unit, &program));
    is_current && services::start_keeper()
}

/// Starts a keeper of its own.
///
/// # Errors
/// If the program cannot be run.
fn spawn() -> Result<(), CliError> {
    detached::start(detached::stranger()?.args(["keeper", "run", "--detached"])).map(drop)
}

/// Has the keeper save everything and end, and waits for it.
///
/// # Errors
/// If it does not end.
pub fn stop(context: &Context) -> Result<Outcome, CliError> {
    let store = match Store::open(&context.place(), Access::Write) {
        Err(StoreError::Absent(_)) => return Ok(none()),
        store => store?,
    };
    let Some(pid) = store.keeper()? else { return Ok(none()) };
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let asked = process.map(|process| kill_process(process, Signal::TERM));
    if let Some(Err(error)) = asked {
        return Err(
            CliError::failed(format!("the keeper (process {pid}) cannot be asked to end")).because(&error)
        );
    }
    let end = Instant::now() + LIMIT;
    while store.keeper()?.is_some() {
        if Instant::now() >= end {
            return Err(CliError::failed(format!("the keeper (process {pid}) does not end"))
                .hint("It may wait for a server or a disk that hangs: see evermux log"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(Outcome::new("The keeper has saved everything and ended\n", &json!({ "keeper": null, "was": pid })))
}

fn none() -> Outcome {
    Outcome::new("No keeper runs\n", &json!({ "keeper": null, "was": null }))
}

fn pause(context: &Context, time: &Span) -> Result<Outcome, CliError> {
    let until = context.now().to_zoned(context.zone().clone()).checked_add(*time).map_err(|error| {
        CliError::usage("that is no time to pause").because(&error).hint("Such as 10m, or 1h 30m.")
    })?;
    let until: Timestamp = until.timestamp();
    open_to_work(context)?.0.pause(Some(until))?;
    let shown = until.to_zoned(context.zone().clone()).strftime("%H:%M:%S").to_string();
    Ok(Outcome::new(
        format!("Nothing is saved until {shown}\n"),
        &json!({ "paused_until": until.to_string() }),
    ))
}

fn resume(context: &Context) -> Result<Outcome, CliError> {
    open_to_work(context)?.0.pause(None)?;
    Ok(Outcome::new("The keeper goes on saving\n", &json!({ "paused_until": null })))
}

fn watch(context: &Context) -> Result<Outcome, CliError> {
    let (store, problems) = open_to_work(context)?;
    let new = store.watch(&context.server(), context.now())?;
    let (pid, _) = ensure(context)?;
    let socket = outside(&context.server().socket);
    let text = match new {
        true => format!("The server at {socket} is saved continuously from now on\n"),
        false => format!("The server at {socket} is saved continuously already\n"),
    };
    Ok(Outcome::new(text, &json!({ "server": socket, "new": new, "keeper": pid })).with_problems(problems))
}

fn unwatch(context: &Context) -> Result<Outcome, CliError> {
    let store = super::open_to_change(context)?;
    let was = store.unwatch(&context.server(), context.now())?;
    let socket = outside(&context.server().socket);
    if store.keeper()?.is_none() {
        remove_hooks(context);
    }
    let text = match was {
        true => format!("The server at {socket} is left alone from now on; what was saved stays\n"),
        false => format!("The server at {socket} was not saved continuously\n"),
    };
    Ok(Outcome::new(text, &json!({ "server": socket, "was": was })))
}

/// Without a keeper nobody else does it.
fn remove_hooks(context: &Context) {
    let Ok(server) = Server::connect(&context.socket, context.uid, &context.binaries) else { return };
    if let Ok(Some(identity)) = server.identify(context.config.save.deadline) {
        // A hook that stays rings a bell that nobody hears.
        let _ = server.run(Hooks::of(identity.version).disarm().as_bytes(), context.config.save.deadline);
    }
}
