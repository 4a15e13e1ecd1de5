//! The rows of a pane: history and primary screen, as they stand there in one instant.

use bstr::ByteSlice;

use super::capture::How;
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
    /// Which rows go on in the next one; empty if that was not wanted.
    pub wrapped: Vec<Wrap>,
    /// What was asked for besides, as tmux prints it.
    pub besides: bstr::BString,
}

/// Whether a row goes on in the next one: then with how many blanks at its own end, which [`Rows`] leaves out.
pub(super) type Wrap = Option<usize>;

/// Captures rows, and what is wanted besides, in one instant. While a full-screen program shows its own screen, those of the screen
/// under it.
pub(super) fn rows(
    talk: &Talk<'_>,
    from: From,
    how: How,
    besides: Option<(Part, CaptureStyle)>,
) -> Result<Coloured, SessionError> {
    let start = match from {
        From::Top => Row::Edge,
        From::History(rows) => Row::At(-i32::try_from(rows).unwrap_or(i32::MAX)),
    };
    let plain = CaptureStyle { escapes: false, joined: false, trailing: false };
    let coloured = how.colour.then_some(CaptureStyle { escapes: true, ..plain });
    let joined = how.join.then_some(CaptureStyle { joined: true, ..plain });
    let parts = [Some(plain), coloured, joined]
        .into_iter()
        .flatten()
        .flat_map(|style| [(Part::Rows(start, Row::Edge), style), (Part::UnderAlternate, style)])
        .chain(besides)
        .collect();
    let request = CaptureRequest { pane: talk.pane.id, parts, rows: 0 };
    let (head, parts) = capture(talk, request)?;
    let split = |at: usize| primary(&head, parts.get(at), parts.get(at + 1));
    let (mut plain, first) = split(0);
    let wrapped = match how.join {
        true => {
            let at = if how.colour { 4 } else { 2 };
            let under = head.alternate.and_then(|_| parts.get(at + 1));
            let of_history = usize::try_from(u64::from(head.history.size) - first).unwrap_or(0);
            let (shown, below) = match under {
                None => (&plain[..], &plain[..0]),
                Some(_) => plain.split_at(of_history.min(plain.len())),
            };
            [wraps(shown, parts.get(at)), wraps(below, under)].concat()
        }
        false => Vec::new(),
    };
    for row in &mut plain {
        row.truncate(row.trim_end().len());
    }
    let used = plain.iter().rposition(|row| !row.is_empty()).map_or(0, |at| at + 1);
    plain.truncate(used);
    let mut styled = if how.colour { split(2).0 } else { Vec::new() };
    styled.truncate(used);
    let mut canonical = Reader::new(talk.pane.version);
    for row in &mut styled {
        let mut line = Vec::new();
        canonical.line(row, &mut line);
        *row = line;
    }
    let besides = besides.and_then(|_| parts.last().cloned()).unwrap_or_default();
    Ok(Coloured { plain: Rows { head, first, rows: plain }, styled, wrapped, besides })
}

/// Which of these rows go on, by the same text as tmux joins it (`-J`), which keeps blanks. Rows whose text is not found there, for
/// whatever reason, end where they end.
fn wraps(rows: &[Vec<u8>], joined: Option<&bstr::BString>) -> Vec<Wrap> {
    let mut wraps = Vec::with_capacity(rows.len());
    let mut left = rows.iter().map(|row| row.trim_end()).peekable();
    for line in joined.iter().flat_map(|text| text.lines()) {
        let mut rest = line;
        while let Some(row) = left.next() {
            let Some(after) = rest.strip_prefix(row) else { break };
            rest = after;
            if rest.trim().is_empty() {
                wraps.push(None);
                break;
            }
            // Blanks before the next row's own text, less those that it begins with itself.
            let own = left.peek().map_or(0, |next| leading(next));
            let blank = left.peek().is_some_and(|next| next.is_empty());
            let blanks = if blank { 0 } else { leading(rest).saturating_sub(own) };
            wraps.push(Some(blanks));
            rest = &rest[blanks..];
        }
    }
    wraps.resize(rows.len(), None);
    wraps
}

/// How many blanks a text begins with.
fn leading(text: &[u8]) -> usize {
    text.iter().take_while(|&&byte| byte == b' ').count()
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

#[cfg(test)]
mod tests {
    use super::wraps;

    #[test]
    fn rows_that_go_on_are_found_by_what_tmux_joins() {
        let told = |rows: &[&str], joined: &str| {
            let rows: Vec<Vec<u8>> = rows.iter().map(|row| row.as_bytes().to_vec()).collect();
            wraps(&rows, Some(&joined.into()))
        };
        assert_eq!(told(&["one", "", "two"], "one\n\ntwo\n"), [None, None, None]);
        assert_eq!(told(&["abcd", "efgh", "ij", "k"], "abcdefghij\nk\n"), [Some(0), Some(0), None, None]);
        // Blanks at the end of a row, at the beginning of the next one, at both.
        assert_eq!(told(&["ab", "cd"], "ab  cd\n"), [Some(2), None]);
        assert_eq!(told(&["abcd", "  ef"], "abcd  ef  \n"), [Some(0), None]);
        assert_eq!(told(&["ab", "  cd", "e"], "ab    cd\ne\n"), [Some(2), None, None]);
        assert_eq!(told(&["ab", "", "cd"], "ab      cd\n"), [Some(0), Some(6), None]);
        // What does not fit together ends.
        assert_eq!(told(&["abcd", "efgh"], "xy\n"), [None, None]);
        assert_eq!(told(&["abcd"], ""), [None]);
    }
}
