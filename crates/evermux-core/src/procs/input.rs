//! Whether the programs in the foreground of a pane wait for input.

use super::{Evidence, ProcessTable, Reading, TerminalState, line_editor_waits, os};

impl ProcessTable {
    /// Whether the foreground job of the pane whose own process is `pid` waits for what is typed.
    ///
    /// A shell does at its prompt ([`line_editor_waits`]). A program that reads lines does while it is blocked in a read of its
    /// terminal. One that has made its terminal raw (an editor, a REPL) does while it waits for events at all: the system does
    /// not tell for which. Where the kernel hides what processes are doing, nothing is known.
    pub fn waits_for_input(&self, pid: u32, terminal: TerminalState) -> Reading {
        let Some(job) = self.job(pid) else { return Reading::Unknown };
        if let Some(evidence) = Evidence::read(&job, terminal) {
            return if line_editor_waits(evidence) { Reading::Yes } else { Reading::No };
        }
        let asked = |ask: fn(u32) -> Reading| {
            let told: Vec<Reading> = job.all.iter().map(|process| ask(process.pid)).collect();
            match () {
                () if told.contains(&Reading::Yes) => Reading::Yes,
                () if told.contains(&Reading::Unknown) || told.is_empty() => Reading::Unknown,
                () => Reading::No,
            }
        };
        match asked(os::reading) {
            Reading::No if !terminal.canonical => asked(os::awaiting_events),
            told => told,
        }
    }
}
