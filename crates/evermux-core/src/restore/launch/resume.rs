//! Using a ticket, in the pane that it is for.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use bstr::ByteSlice;
use thiserror::Error;

use crate::model::{Generation, PaneId, PaneIdentity, ServerName};
use crate::store::{Shells, StoreError, Ticket, TicketId, Tickets, Waiting};
use crate::tmux::{RunError, Server};

/// Where a ticket is used.
pub struct Here<'a> {
    /// The server of the pane, and its lasting name.
    pub server: &'a Server,
    /// See [`Here::server`].
    pub name: &'a ServerName,
    /// This boot of the machine.
    pub boot: &'a str,
    /// The pane.
    pub pane: PaneId,
    /// The device number of the terminal that would be used.
    pub terminal: u64,
    /// How long tmux may take to answer.
    pub limit: Duration,
}

/// Why a ticket is not used.
#[derive(Debug, Error)]
pub enum ResumeError {
    /// It is not there: used, of an earlier life of the server, or none at all.
    #[error("there is no program {0} to resume")]
    Unknown(TicketId),
    /// It is for another pane, or this is not the pane's own terminal.
    #[error("program {0} belongs into another pane")]
    Elsewhere(TicketId),
    /// The server does not say where this is.
    #[error("the tmux server does not know pane {0}")]
    NoPane(PaneId),
    /// The tickets cannot be read.
    #[error("what is to be resumed cannot be read")]
    Store(#[from] StoreError),
    /// tmux does not answer.
    #[error("tmux does not say which pane this is")]
    Tmux(#[from] RunError),
}

/// Takes a ticket, so that nobody else can use it; what could not be executed is given back ([`Tickets::give_back`]).
///
/// # Errors
/// [`ResumeError`]; the ticket stays.
pub fn claim(tickets: &Tickets, id: TicketId, here: &Here<'_>) -> Result<Ticket, ResumeError> {
    let ticket = tickets.read(id)?.ok_or(ResumeError::Unknown(id))?;
    let (generation, pane, tty) = ask(here)?;
    if ticket.place.server != *here.name || ticket.place.generation != generation {
        return Err(ResumeError::Unknown(id));
    }
    let terminal = std::fs::metadata(Path::new(&tty)).map(|metadata| metadata.rdev());
    if pane != Some(ticket.place.pane) || terminal.ok() != Some(here.terminal) {
        return Err(ResumeError::Elsewhere(id));
    }
    if tickets.take(id)? { Ok(ticket) } else { Err(ResumeError::Unknown(id)) }
}

/// Takes what was left for the first prompt of a pane's shell, so that nobody else does; none if nothing was left for this
/// pane in this life of the server.
///
/// # Errors
/// [`ResumeError`].
pub fn claim_first(shells: &Shells, here: &Here<'_>) -> Result<Option<Waiting>, ResumeError> {
    let (generation, pane, _) = ask(here)?;
    let waiting = shells.waiting(generation.pid, here.pane).filter(|waiting| {
        let place = &waiting.place;
        place.server == *here.name && place.generation == generation && Some(place.pane) == pane
    });
    Ok(waiting.filter(|_| shells.take(generation.pid, here.pane)))
}

/// Which life of the server this is, the lasting name of the pane, and its terminal.
fn ask(here: &Here<'_>) -> Result<(Generation, Option<PaneIdentity>, String), ResumeError> {
    let pane = here.pane;
    let format = "evermux #{pid} #{start_time} #{pane_id} #{pane_tty} #{@evermux-pane}";
    let output =
        here.server.run(format!("display-message -p -t '{pane}' '{format}'\n").as_bytes(), here.limit)?;
    let read = || {
        let line = output.stdout.lines().find_map(|line| line.strip_prefix(b"evermux "))?;
        let mut words = line.to_str().ok()?.split(' ');
        let (pid, started) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let known = words.next()? == pane.to_string();
        let (tty, identity) = (words.next()?.to_owned(), words.next()?.parse().ok());
        known.then_some((Generation { boot: here.boot.to_owned(), pid, started }, identity, tty))
    };
    read().ok_or(ResumeError::NoPane(pane))
}
