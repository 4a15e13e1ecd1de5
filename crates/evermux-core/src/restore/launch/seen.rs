//! What is seen of a pane while a program is started in it: its screen by tmux, its processes by the system.

use std::time::Duration;

use bstr::{BString, ByteSlice};
use unicode_width::UnicodeWidthChar;

use super::MadePane;
use crate::model::TmuxVersion;
use crate::procs::Process;
use crate::relaunch::{Launch, names};
use crate::text::quote::printable;
use crate::tmux::{
    CaptureError, CaptureRequest, CaptureScript, CaptureStyle, Frame, FrameHead, Nonce, Part, Row, RunError,
    Server, Spot,
};

const ROWS: CaptureStyle = CaptureStyle { escapes: false, joined: false, trailing: false };

/// How much the kernel keeps of a process's name on Linux.
const COMM: usize = 15;

/// A pane's cursor, and what stands before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) spot: Spot,
    /// What the cursor's row shows before the cursor, with the blanks at its end.
    pub(super) before: String,
    /// How many columns the pane has.
    pub(super) width: u32,
    /// Whether that is the primary screen.
    pub(super) is_primary: bool,
}

/// Looks at these panes, all in one client; none for those that are gone.
pub(super) fn look(
    server: &Server,
    version: TmuxVersion,
    panes: &[&MadePane],
    random: [u8; 16],
    limit: Duration,
) -> Result<Vec<Option<Look>>, RunError> {
    let mut looks = vec![None; panes.len()];
    if panes.is_empty() {
        return Ok(looks);
    }
    let request = |pane: &&MadePane| {
        let screen = Part::Rows(Row::At(0), Row::Edge);
        CaptureRequest { pane: pane.id, parts: vec![(screen, ROWS)], rows: 50 }
    };
    let requests: Vec<CaptureRequest> = panes.iter().map(request).collect();
    let script = CaptureScript::new(Nonce::from_random(random), version, &requests);
    let captured = server.capture(&script, limit, &mut |index, frame| {
        if let (Frame::Text { head, parts }, Some(look)) = (frame, looks.get_mut(index)) {
            *look = parts.first().map(|screen| read(&head, screen));
        }
    });
    match captured {
        Err(CaptureError::Run(error)) => Err(error),
        // What could not be read is looked at again.
        Ok(()) | Err(CaptureError::Frame(_)) => Ok(looks),
    }
}

fn read(head: &FrameHead, screen: &BString) -> Look {
    let (column, row) = head.cursor;
    let line = screen.lines().nth(row as usize).unwrap_or_default();
    let spot = Spot { column, row, history: head.history.size };
    Look { spot, before: before(line, column), width: head.size.width, is_primary: head.alternate.is_none() }
}

/// What a row shows before a column.
fn before(line: &[u8], column: u32) -> String {
    let mut shown = String::new();
    let mut width = 0;
    for c in line.to_str_lossy().chars() {
        let next = width + c.width().unwrap_or(0);
        if next > column as usize {
            break;
        }
        shown.push(c);
        width = next;
    }
    shown.extend(std::iter::repeat_n(' ', (column as usize).saturating_sub(width)));
    shown
}

/// Whether a client shows something of the server.
pub(super) fn has_client(server: &Server, limit: Duration) -> bool {
    let output = server.run(b"list-clients -F '#{client_control_mode}'\n", limit);
    output.is_ok_and(|output| output.stdout.lines().any(|control| control != b"1"))
}

/// Whether a process is the program that was to start.
pub(super) fn is(process: &Process, launch: &Launch) -> bool {
    let known = |name: &[u8]| {
        launch.names.iter().any(|wanted| wanted == name || name.len() == COMM && wanted.starts_with(name))
    };
    let executable = process.executable().and_then(|path| path.rsplit(|&byte| byte == b'/').next());
    known(&process.name)
        || executable.is_some_and(known)
        || names(process.argv()).iter().any(|name| known(name))
}

/// The name of a process, for people.
pub(super) fn name(process: &Process) -> String {
    printable(&process.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_the_cursor_stand_columns_not_characters() {
        assert_eq!(before(b"$ ls", 2), "$ ");
        assert_eq!(before(b"$", 2), "$ ");
        assert_eq!(before("日本$ ls".as_bytes(), 6), "日本$ ");
        assert_eq!(before("❯ ls".as_bytes(), 2), "❯ ");
        assert_eq!(before(b"", 0), "");
    }

    #[test]
    fn a_process_is_known_by_any_of_its_names() {
        let launch = |names: &[&str]| Launch {
            names: names.iter().map(|&name| name.into()).collect(),
            ..Launch::of(Vec::new())
        };
        let process = Process::made_up(1, 0, &["/usr/bin/python3", "/usr/bin/ranger", "x"], "/");
        assert!(is(&process, &launch(&["ranger"])));
        assert!(is(&process, &launch(&["python3"])));
        assert!(!is(&process, &launch(&["x"])));
        assert!(!is(&process, &launch(&[])));
        let mut cut = Process::made_up(1, 0, &["a-very-long-program-name"], "/");
        cut.name = "a-very-long-pro".into();
        assert!(is(&cut, &launch(&["a-very-long-program-name"])));
    }
}
