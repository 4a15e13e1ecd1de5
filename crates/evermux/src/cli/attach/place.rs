//! Where the terminal is: outside of tmux, or inside of which server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use evermux_core::text::quote::tmux_word;
use evermux_core::tmux::Server;

use crate::context::Context;
use crate::context::terminal::{Terminal, Tmux};

/// How long the server around us may take to say which terminal our pane is.
const LIMIT: Duration = Duration::from_secs(1);

/// Where a terminal is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Not inside of tmux.
    Outside,
    /// Inside of the server this is about.
    Inside,
    /// Inside of another server, which has this socket.
    Elsewhere(PathBuf),
}

impl Place {
    /// Finds out. `$TMUX` alone proves nothing: a terminal that was opened from a pane inherits it, and one that outlived its
    /// server keeps it.
    pub fn of(terminal: &Terminal, context: &Context) -> Self {
        let Some(tmux) = &terminal.tmux else { return Self::Outside };
        let Ok(server) = Server::connect(&tmux.socket, context.uid, &context.binaries) else {
            return Self::Outside;
        };
        let other_life = matches!((tmux.pid, server.peer().pid), (Some(a), Some(b)) if a != b);
        if other_life || is_window_of_its_own(terminal, tmux, &server) {
            return Self::Outside;
        }
        match real(&tmux.socket) == real(&context.socket) {
            true => Self::Inside,
            false => Self::Elsewhere(tmux.socket.clone()),
        }
    }
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Whether the terminal is another one than that of the pane it was opened from, and not one within it (`script`, an
/// editor's): tmux tells its panes that they are `screen` or `tmux`.
fn is_window_of_its_own(terminal: &Terminal, tmux: &Tmux, server: &Server) -> bool {
    let (Some(device), Some(pane)) = (&terminal.device, &tmux.pane) else { return false };
    let kind = terminal.kind.as_deref().unwrap_or_default().as_encoded_bytes();
    if kind.starts_with(b"screen") || kind.starts_with(b"tmux") {
        return false;
    }
    let Ok(pane) = tmux_word(pane.as_encoded_bytes()) else { return false };
    let script = [b"display-message -p -t ".as_slice(), &pane, b" '#{pane_tty}'\n"].concat();
    server.run(&script, LIMIT).is_ok_and(|output| {
        let told = output.stdout.trim_ascii();
        !told.is_empty() && told != device.as_os_str().as_encoded_bytes()
    })
}
