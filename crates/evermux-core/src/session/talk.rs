//! What every question to a pane needs.

use std::time::Duration;

use super::Pane;
use crate::tmux::{Nonce, Server};

/// A pane that is talked with.
#[derive(Clone, Copy)]
pub struct Talk<'a> {
    /// Its server.
    pub server: &'a Server,
    /// The pane.
    pub pane: &'a Pane,
    /// Marks that nobody can guess, a new one each time.
    pub nonces: &'a dyn Fn() -> Nonce,
    /// How long tmux may take for an answer.
    pub limit: Duration,
}

impl Talk<'_> {
    /// A new mark.
    pub(super) fn nonce(&self) -> Nonce {
        (self.nonces)()
    }

    /// The server's process, as far as that is known.
    pub(super) fn server_pid(&self) -> u32 {
        self.server.peer().pid.unwrap_or(0)
    }
}
