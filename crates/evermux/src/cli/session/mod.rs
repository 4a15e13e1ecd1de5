//! `evermux session`: tmux sessions for scripts, without races.

mod arguments;
mod capture;
mod child;
mod ensure;
mod has;
mod kill;
mod list;
mod lock;
mod restart;
mod run;
mod send;
mod wait;
mod with;

use std::time::Duration;

use evermux_core::session::{self, Talk, Target};

use crate::context::{Global, ServerContext};
use crate::error::{CliError, Exit};
use crate::output;

/// How long tmux may take for one answer.
const LIMIT: Duration = Duration::from_secs(20);

/// Sessions for scripts: made once, found exactly, read and ended without races
///
/// For what scripts do with `has-session`, `new-session -d`, `send-keys`, `sleep` and `capture-pane`. NAME is the whole name of
/// a session, never a beginning, a pattern or an id. No command needs a terminal, and none attaches. docs/scripting.md
/// shows the usual recipes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Session,
}

#[derive(Debug, clap::Subcommand)]
enum Session {
    Ensure(ensure::Args),
    Has(has::Args),
    List(list::Args),
    Kill(kill::Args),
    Restart(restart::Args),
    Send(send::Args),
    Capture(capture::Args),
    Wait(wait::Args),
    Run(run::Args),
    Lock(lock::Args),
    With(with::Args),
    #[command(hide = true)]
    Guard(with::GuardArgs),
}

/// Does what is asked.
pub fn main(global: &Global, args: Args) -> Exit {
    let context = match ServerContext::new(global) {
        Ok(context) => context,
        Err(error) => return output::show(Err(error), global.json),
    };
    let result = match args.command {
        Session::Ensure(args) => ensure::run(&context, &args),
        Session::Has(args) => has::run(&context, &args),
        Session::List(list::Args {}) => list::run(&context),
        Session::Kill(args) => kill::run(&context, &args),
        Session::Restart(args) => restart::run(&context, &args),
        Session::Send(args) => send::run(&context, &args),
        Session::Capture(args) => return capture::run(&context, &args),
        Session::Wait(args) => return with_status(wait::run(&context, &args), &context),
        Session::Run(args) => return with_status(run::run(&context, &args), &context),
        Session::Lock(args) => return with_status(lock::run(&context, &args), &context),
        Session::With(args) => return with_status(with::run(&context, &args), &context),
        Session::Guard(args) => return with::guard(&context, &args),
    };
    output::show(result, global.json)
}

/// The status of a command that was run, or what kept it from running.
fn with_status(result: Result<Exit, (Exit, CliError)>, context: &ServerContext) -> Exit {
    result.unwrap_or_else(|(exit, error)| {
        output::show(Err(error), context.json);
        exit
    })
}

/// Lets us live through the end of a session in which we run ourselves.
fn survive() {
    for signal in [signal_hook::consts::SIGHUP, signal_hook::consts::SIGTERM] {
        // Where that cannot be had, it ends as everything there does.
        let _ = signal_hook::flag::register(signal, std::sync::Arc::default());
    }
}

/// Talks with a pane, which must be there.
fn with_pane<T>(
    context: &ServerContext,
    target: &Target,
    talk: impl FnOnce(&Talk<'_>) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let server = server(context)?;
    let pane = session::find_pane(&server, target, context.nonce(), LIMIT)?;
    talk(&Talk { server: &server, pane: &pane, nonces: &|| context.nonce(), limit: LIMIT })
}

/// The server, which must run.
fn server(context: &ServerContext) -> Result<evermux_core::tmux::Server, CliError> {
    Ok(context.reach().server()?)
}
