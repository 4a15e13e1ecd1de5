//! Reading ahead: what will be asked of the panes of a tmux server, while that is busy with an answer.

use std::path::Path;

use super::{Evidence, Process, ProcessTable, TerminalState, os};

/// So many processes of one pane are worth looking at: `make -j` can start thousands.
pub const MOST_OF_PANE: usize = 200;

impl ProcessTable {
    /// Reads now what is asked of the panes of the tmux server `server` as a rule: of its children and of what runs below
    /// them. What is asked later and was not read here is read then.
    pub fn read_ahead(&mut self, server: u32) {
        let mut terminals = Vec::new();
        for pane in self.children(server) {
            for process in self.below(pane.pid).into_iter().take(MOST_OF_PANE) {
                process.argv();
            }
            pane.directory();
            pane.executable();
            let terminal = pane.terminal.and_then(os::terminal_path);
            let state = terminal.as_deref().and_then(|path| TerminalState::read(path).ok());
            if let Some(job) = self.job(pane.pid) {
                job.first().map(Process::directory);
                state.and_then(|state| Evidence::read(&job, state));
            }
            terminals.extend(terminal.zip(state));
        }
        self.terminals.extend(terminals);
    }

    /// The state of the terminal at a path, as it was read ahead, or else as it is now; none if it cannot be read.
    pub fn terminal(&self, path: &Path) -> Option<TerminalState> {
        self.terminals.get(path).copied().or_else(|| TerminalState::read(path).ok())
    }
}
