//! A pane that is looked at again and again: what it shows, and whether its program still lives.

use std::time::{Duration, Instant};

use bstr::ByteSlice;

use super::find::{fields, parsed};
use super::restart::{LAST_LINES, last_lines};
use super::{Pane, SessionError, Talk};
use crate::procs::exists;
use crate::tmux::{RunError, Spot};

/// How long tmux may take to hear how a program ended.
const DYING: Duration = Duration::from_secs(2);

/// A pane as it was at the last look.
#[derive(Clone)]
pub struct Watched<'a> {
    talk: Talk<'a>,
    /// Its screen, wrapped rows joined.
    pub(super) screen: Vec<u8>,
    /// Where its cursor is.
    pub(super) spot: Spot,
    /// The bytes of its history: changes with it.
    pub(super) history_bytes: u64,
    /// Since when its pane is dead and tmux does not know how it ended.
    dying: Option<Instant>,
    /// Whether a full-screen program shows its own screen.
    pub(super) alternate: bool,
}

impl<'a> Watched<'a> {
    /// Nothing is known of it yet.
    pub fn new(talk: &Talk<'a>) -> Self {
        let spot = Spot { column: 0, row: 0, history: 0 };
        Self { talk: *talk, screen: Vec::new(), spot, history_bytes: 0, dying: None, alternate: false }
    }

    /// Looks: one client, a few fields and the screen without colours (0.1 ms of tmux). Whether anything has changed.
    ///
    /// # Errors
    /// [`SessionError::Ended`], with the last lines, if its program has ended or it is gone.
    pub fn look(&mut self) -> Result<bool, SessionError> {
        let Talk { server, pane, limit, .. } = self.talk;
        let (id, nonce) = (pane.id, self.talk.nonce());
        let script = format!(
            "display-message -p -t {id} '{nonce}W#{{pane_id}}\t#{{pane_dead}}\t#{{pane_dead_status}}\t#{{cursor_x}}\t\
             #{{cursor_y}}\t#{{history_size}}\t#{{history_bytes}}\t#{{alternate_on}}\t'\n\
             capture-pane -p -J -t {id}\n"
        );
        let reply = match server.run(script.as_bytes(), limit) {
            Ok(output) => output.stdout,
            Err(RunError::Gone { .. }) => return Err(self.ended(None)),
            Err(error) => return Err(error.into()),
        };
        let record = nonce.split(&reply).nth(1).and_then(|piece| piece.strip_prefix(b"W"));
        let Some([found, dead, status, x, y, history, bytes, alternate, screen]) =
            record.and_then(fields::<9>)
        else {
            return Err(self.ended(None));
        };
        if found != id.to_string().as_bytes() {
            return Err(self.ended(None));
        }
        let screen = screen.strip_prefix(b"\n").unwrap_or(screen);
        let number = |field| parsed(field).unwrap_or(0);
        let spot = Spot { column: number(x), row: number(y), history: number(history) };
        let (history_bytes, alternate) = (parsed(bytes).unwrap_or(0), alternate == b"1");
        let changed = (self.spot, self.history_bytes, self.alternate) != (spot, history_bytes, alternate)
            || self.screen != screen;
        (self.spot, self.history_bytes, self.alternate) = (spot, history_bytes, alternate);
        self.screen = screen.to_vec();
        let status: Option<i32> = parsed(status);
        if dead == b"1" && self.is_settled(status)? {
            let script = format!("capture-pane -p -J -S -{LAST_LINES} -t {id}\n");
            self.screen = server.run(script.as_bytes(), limit).map_or(Vec::new(), |output| output.stdout);
            return Err(self.ended(status));
        }
        Ok(changed)
    }

    /// Whether it is known how the program of a dead pane ended, or will not be known any more. Its terminal may be closed before
    /// tmux has heard of its end (3.1, 3.3), and now and then tmux hears of it only when another child of its ends (3.3a, seen
    /// once on a busy machine): so one does.
    fn is_settled(&mut self, status: Option<i32>) -> Result<bool, SessionError> {
        let Talk { server, pane, limit, .. } = self.talk;
        if status.is_some() || !exists(pane.pid) {
            return Ok(true);
        }
        let since = *self.dying.get_or_insert_with(Instant::now);
        if since.elapsed() > DYING / 4 {
            server.run(b"run-shell -b true\n", limit)?;
        }
        Ok(since.elapsed() > DYING)
    }

    /// The program has ended.
    fn ended(&self, status: Option<i32>) -> SessionError {
        SessionError::Ended { what: self.name(), status, last: last_lines(&self.screen) }
    }

    /// It took too long.
    pub(super) fn timeout(&self, what: &str, limit: Duration) -> SessionError {
        SessionError::Timeout {
            what: format!("{} {what}", self.name()),
            limit,
            last: last_lines(&self.screen),
        }
    }

    fn name(&self) -> String {
        let Pane { session_name, window_index, index, .. } = self.talk.pane;
        format!("pane {}:{window_index}.{index}", crate::text::quote::printable(session_name.as_bytes()))
    }
}
