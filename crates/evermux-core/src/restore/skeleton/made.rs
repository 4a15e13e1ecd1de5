//! What a skeleton's commands print: the live ids of what they have made.

use std::collections::HashMap;

use bstr::{BString, ByteSlice};

use crate::model::{PaneId, SessionId, WindowId};

/// Where a made pane lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::restore) struct MadePane {
    pub(in crate::restore) id: PaneId,
    pub(in crate::restore) tty: BString,
    pub(in crate::restore) pid: u32,
}

/// What was made: live ids for the positions of a plan.
#[derive(Clone, Debug, Default)]
pub(in crate::restore) struct Made {
    pub(in crate::restore) sessions: HashMap<usize, SessionId>,
    pub(in crate::restore) windows: HashMap<usize, WindowId>,
    pub(in crate::restore) panes: HashMap<(usize, usize), MadePane>,
}

impl Made {
    /// Reads the lines that the skeleton's commands print.
    pub(in crate::restore) fn read(output: &[u8], id: &str) -> Self {
        let mut made = Self::default();
        for record in output.lines().filter_map(|line| Record::read(line, id)) {
            if let Some(position) = record.slot[0] {
                made.sessions.insert(position, record.session);
            }
            if let Some(window) = record.slot[1] {
                made.windows.insert(window, record.window);
                if let Some(pane) = record.slot[2] {
                    made.panes.insert((window, pane), record.pane);
                }
            }
        }
        made
    }
}

/// One line of output: `ID SESSION WINDOW PANE $1 @2 %3 PID TTY`, positions in the plan or `-`, then live ids.
pub(super) struct Record {
    slot: [Option<usize>; 3],
    session: SessionId,
    window: WindowId,
    pane: MadePane,
}

impl Record {
    const IDS: &'static str = "#{session_id} #{window_id} #{pane_id} #{pane_pid} #{pane_tty}";

    pub(super) fn format(id: &str, slot: [Option<usize>; 3]) -> String {
        let [session, window, pane] = slot.map(|p| p.map_or("-".to_owned(), |p| p.to_string()));
        format!("{id} {session} {window} {pane} {}", Self::IDS)
    }

    fn read(line: &[u8], id: &str) -> Option<Self> {
        let mut words = line.strip_prefix(id.as_bytes())?.strip_prefix(b" ")?.splitn(8, |&byte| byte == b' ');
        let mut word = || std::str::from_utf8(words.next()?).ok();
        let slot = [word()?.parse().ok(), word()?.parse().ok(), word()?.parse().ok()];
        let (session, window, id) = (word()?.parse().ok()?, word()?.parse().ok()?, word()?.parse().ok()?);
        let (pid, tty) = (word()?.parse().ok()?, word()?.into());
        Some(Self { slot, session, window, pane: MadePane { id, tty, pid } })
    }
}
