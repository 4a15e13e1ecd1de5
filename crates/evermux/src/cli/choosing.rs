//! What a restore without arguments would bring back, as the store and a glance at the running server tell it.

use std::time::Duration;

use evermux_core::capture;
use evermux_core::choose::{LiveServer, Options, RestoreSet, choose};
use evermux_core::model::{Generation, ServerName};
use evermux_core::store::Store;
use evermux_core::tmux::{ListRequest, Nonce, Server};
use jiff::SignedDuration;

use crate::context::Context;
use crate::error::CliError;

/// How long the running server may take to say which panes are alive; a list is not worth more.
const GLANCE: Duration = Duration::from_secs(2);

/// What a restore without arguments would bring back for a server.
///
/// # Errors
/// What the store says.
pub fn restore_set(context: &Context, store: &Store, server: &ServerName) -> Result<RestoreSet, CliError> {
    let live = (*server == context.server()).then(|| glance(context)).flatten();
    restore_set_beside(context, store, server, live.as_ref())
}

/// The same, where it is known already which panes are alive.
///
/// # Errors
/// What the store says.
pub fn restore_set_beside(
    context: &Context,
    store: &Store,
    server: &ServerName,
    live: Option<&LiveServer>,
) -> Result<RestoreSet, CliError> {
    Ok(choose(&store.timeline(server)?, live, context.now(), &options(context)))
}

/// How to choose, by the settings.
pub fn options(context: &Context) -> Options {
    let age = SignedDuration::try_from(context.config.restore.owed_max_age);
    Options { owed_max_age: age.unwrap_or(SignedDuration::MAX) }
}

/// Which panes are alive, if the server is there and answers at once.
pub fn glance(context: &Context) -> Option<LiveServer> {
    let server = Server::connect(&context.socket, context.uid, &context.binaries).ok()?;
    let request = ListRequest { nonce: Nonce::from_random(context.random()), current: false };
    let listing = server.list(&request, GLANCE).ok()?.value;
    let generation =
        Generation { boot: context.boot.clone(), pid: listing.server.pid, started: listing.server.started };
    Some(LiveServer { generation, panes: capture::standing(&listing) })
}
