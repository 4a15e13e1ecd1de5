//! The rows of a pane: history and primary screen, as they stand there in one instant.

use bstr::ByteSlice;

use super::{SessionError, Talk};
use crate::text::ansi::Reader;
use crate::tmux::{CaptureError, CaptureRequest, CaptureScript, CaptureStyle, Frame, FrameHead, Part, Row};

/// Rows of a pane, down to the last that holds anything.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    /// The counters of that instant.
    pub head: FrameHead,
    /// The index of the first row, counted from the top of the history.
    pub first: u64,
    /// Each without blanks at its end.
    pub rows: Vec<Vec<u8>>,
}

/// Which rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// All there are.
    Top,
    /// So many rows of the history, and the screen.
    History(u32),
}

/// The same twice: plain, and with colours.
#[derive(Clone, Debug)]
pub(super) struct Coloured {
    /// Plain.
    pub plain: Rows,
    /// As many rows, with their attributes; empty if they were not wanted.
    pub styled: Vec<Vec<u8>>,
    /// What was asked for besides, as tmux prints it.
    pub besides: bstr::BString,
}

/// Captures rows, and what is wanted besides, in one instant. While a full-screen program shows its own screen, those of the screen under it.
pub(super) fn rows(
    talk: &Talk<'_>,
    from: From,
    coloured: bool,
    besides: Option<(Part, CaptureStyle)>,
) -> Result<Coloured, SessionError> {
    let start = match from {
        From::Top => Row::Edge,
        From::History(rows) => Row::At(-i32::try_from(rows).unwrap_or(i32::MAX)),
    };
    let plain = CaptureStyle { escapes: false, joined: false, trailing: false };
    let styles = [plain, CaptureStyle { escapes: true, ..plain }];
    let parts = styles[..if coloured { 2 } else { 1 }]
        .iter()
        .flat_map(|style| [(Part::Rows(start, Row::Edge), *style), (Part::UnderAlternate, *style)])
        .chain(besides)
        .collect();
    let request = CaptureRequest { pane: talk.pane.id, parts, rows: 0 };
    let (head, parts) = capture(talk, request)?;
    let split = |at: usize| primary(&head, parts.get(at), parts.get(at + 1));
    let (mut plain, first) = split(0);
    for row in &mut plain {
        row.truncate(row.trim_end().len());
    }
    let used = plain.iter().rposition(|row| !row.is_empty()).map_or(0, |at| at + 1);
    plain.truncate(used);
    let mut styled = if coloured { split(2).0 } else { Vec::new() };
    styled.truncate(used);
    let mut canonical = Reader::new(talk.pane.version);
    for row in &mut styled {
        let mut line = Vec::new();
        canonical.line(row, &mut line);
        *row = line;
    }
    let besides = besides.and_then(|_| parts.last().cloned()).unwrap_or_default();
    Ok(Coloured { plain: Rows { head, first, rows: plain }, styled, besides })
}

/// One request, answered.
fn capture(
    talk: &Talk<'_>,
    request: CaptureRequest,
) -> Result<(FrameHead, Vec<bstr::BString>), SessionError> {
    let script = CaptureScript::new(talk.nonce(), talk.pane.version, &[request]);
    let mut frame = None;
    talk.server.capture(&script, talk.limit, &mut |_, answer| frame = Some(answer)).map_err(|error| {
        match error {
            CaptureError::Run(error) => SessionError::Run(error),
            CaptureError::Frame(_) => SessionError::Truncated,
        }
    })?;
    match frame {
        Some(Frame::Text { head, parts }) => Ok((head, parts)),
        _ => Err(SessionError::ended(&talk.pane.session_name, None, Vec::new())),
    }
}

/// The rows of history and primary screen, and the index of the first.
fn primary(
    head: &FrameHead,
    shown: Option<&bstr::BString>,
    under: Option<&bstr::BString>,
) -> (Vec<Vec<u8>>, u64) {
    let lines = |text: Option<&bstr::BString>| -> Vec<Vec<u8>> {
        text.map(|text| text.lines().map(<[u8]>::to_vec).collect()).unwrap_or_default()
    };
    let mut rows = lines(shown);
    let of_history = rows.len().saturating_sub(head.size.height as usize);
    let first = u64::from(head.history.size).saturating_sub(of_history as u64);
    if head.alternate.is_some() {
        rows.truncate(of_history);
        rows.extend(lines(under));
    }
    (rows, first)
}
