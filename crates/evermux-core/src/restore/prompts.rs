//! The upper rows of prompts: each stands once on a restored screen.
//!
//! A saved text ends where the cursor's line begins. Where a prompt has lines above that one (or a shell greets before
//! its first prompt), they are the last lines of the text, and nothing outside of the shell can tell them from output.
//! The restored shell draws them again. Only then it is certain: if the new prompt begins with the very lines that
//! the text ends with, one of the two goes, and the screen is what it was.
//!
//! So that the screen does not scroll for rows that go again, the lines that are likely to belong to the prompt are
//! held back from the beginning ([`Tail`]): those that stood above earlier prompts of the pane, or as many as the last
//! restore found. Where that was wrong, they are put in above the new prompt, as if they had been there before it.
//!
//! A shell that waits at its prompt knows where things stand relative to its cursor only (measured with bash, zsh,
//! fish and dash), so it does not notice that all of it moves. This is the one time that a terminal is written that
//! the gate's helper does not hold any more; its shell must be seen to wait right before.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};
use serde::{Deserialize, Serialize};

use super::settle::{self, Stand};
use super::skeleton::MadePane;
use super::text::write_all;
use crate::model::{PaneId, PaneIdentity, Scrollback, TmuxVersion};
use crate::procs::ProcessTable;
use crate::text::ansi::{Reader, replay, visible};
use crate::tmux::{CaptureRequest, CaptureScript, CaptureStyle, Frame, FrameHead, Nonce, Part, Row, Server};

/// The most rows of a prompt that are believed.
const LONGEST: u32 = 10;
/// How many lines of a text are searched for earlier prompts.
const SEARCHED: usize = 500;
/// The most lines above a prompt's last one that earlier prompts are believed to show.
const RECURRING: usize = 3;
/// How long tmux may take to read what was written.
const READING: Duration = Duration::from_millis(500);

const TEXT: CaptureStyle = CaptureStyle { escapes: true, joined: true, trailing: false };
const COUNT: CaptureStyle = CaptureStyle { escapes: false, joined: true, trailing: false };

/// What the snapshot tells of a pane's prompt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// How many rows it took when the last restore saw it; 0 if none did.
    pub(super) rows: u32,
    /// The cursor's column behind it.
    pub(super) column: u32,
}

/// The last lines of a pane's text, of which some may not have been written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Tail {
    lines: Vec<Vec<u8>>,
    /// How many of them were held back, each one row long.
    pub(super) held: usize,
    /// The row below the text as it was saved.
    end_row: u32,
    /// The rows of history there were.
    history: u32,
}

impl Tail {
    /// The tail of a text with these lines, which are going to be written but for those it holds back.
    pub(super) fn new(lines: &[&[u8]], text: &Scrollback, known: Known) -> Self {
        let recurring = recurring(lines, known.column as usize);
        let likely = if recurring > 0 { recurring } else { known.rows.saturating_sub(1) as usize };
        // A character takes at most as many columns as bytes.
        let one_row = |line: &&&[u8]| {
            let seen = visible(line);
            seen.len() <= text.size.width as usize && !seen.contains(&b'\t')
        };
        let ends = lines.iter().rev().take(likely);
        let fits = likely <= lines.len()
            && likely <= text.end_row as usize
            && ends.filter(one_row).count() == likely;
        let start = lines.len().saturating_sub(LONGEST as usize);
        Self {
            lines: lines[start..].iter().map(|line| line.to_vec()).collect(),
            held: if fits { likely } else { 0 },
            end_row: text.end_row,
            history: text.mark.history_size,
        }
    }

    /// How many rows a prompt takes whose cursor stands there: from where the text ended, those included that have
    /// scrolled away since.
    fn rows_of_prompt(&self, stand: Stand) -> Option<u32> {
        let scrolled = i64::from(stand.history) - i64::from(self.history);
        let end = i64::from(self.end_row) - self.held as i64;
        let rows = u32::try_from(i64::from(stand.cursor) + scrolled - end + 1).ok()?;
        (1..=LONGEST).contains(&rows).then_some(rows)
    }
}

/// How many lines at the end stood above earlier prompts, too, whose last line is as long as the cursor's column tells.
fn recurring(lines: &[&[u8]], column: usize) -> usize {
    let Some(last) = lines.last().filter(|_| column >= 2) else { return 0 };
    let from = lines.len().saturating_sub(SEARCHED);
    let places = (from..lines.len() - 1).filter(|&at| lines[at] == *last);
    let prompt = |at: usize| Some((at, beginning_of_prompt(lines[at + 1], column)?));
    let places: Vec<(usize, String)> = places.filter_map(prompt).collect();
    let Some((_, first)) = places.first() else { return 0 };
    if places.iter().any(|(_, other)| other != first) {
        return 0;
    }
    let same = |above: usize| {
        let Some(line) = lines.len().checked_sub(1 + above).map(|at| lines[at]) else { return false };
        // An earlier prompt's last line is no upper line of this one.
        beginning_of_prompt(line, column).as_ref() != Some(first)
            && places.iter().all(|(at, _)| at.checked_sub(above).map(|at| lines[at]) == Some(line))
    };
    (1..RECURRING).find(|&above| !same(above)).unwrap_or(RECURRING)
}

/// What a line begins with if it can be the last line of a prompt that ends before this column, with a blank.
fn beginning_of_prompt(line: &[u8], column: usize) -> Option<String> {
    let seen = visible(line);
    let seen = seen.to_str_lossy();
    let mut characters = seen.chars();
    let beginning: String = characters.by_ref().take(column - 1).collect();
    let whole = beginning.chars().count() == column - 1 && !beginning.ends_with(' ');
    (whole && characters.next().is_none_or(|next| next == ' ')).then_some(beginning)
}

/// A restored pane whose shell stands at its first prompt below its text.
pub(super) struct AtPrompt<'a> {
    pub(super) identity: PaneIdentity,
    pub(super) pane: &'a MadePane,
    pub(super) tail: &'a Tail,
    pub(super) stand: Stand,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Cleaned {
    /// How many rows the prompt takes of which the text held the upper ones.
    pub(super) rows: HashMap<PaneIdentity, u32>,
    /// Panes that did not get the lines that were held back.
    pub(super) missing: Vec<PaneIdentity>,
}

/// Sees to it that the upper lines of each prompt stand there once. That tmux does not answer costs only that.
pub(super) fn clean(
    server: &Server,
    version: TmuxVersion,
    panes: &[AtPrompt<'_>],
    random: &mut dyn FnMut() -> [u8; 16],
    limit: Duration,
) -> Cleaned {
    let mut cleaned = Cleaned::default();
    let mut asked = Vec::new();
    for pane in panes {
        match pane.tail.rows_of_prompt(pane.stand) {
            Some(1) if pane.tail.held == 0 => _ = cleaned.rows.insert(pane.identity, 1),
            Some(rows) => asked.push((pane, rows)),
            None => {}
        }
    }
    let looks = look(server, version, &asked, random, limit);
    // Read after the looks: what waits now has not printed anything since.
    let table = ProcessTable::read().ok();
    let mut expected: HashMap<PaneId, u32> = HashMap::new();
    for (&(pane, rows), look) in asked.iter().zip(looks) {
        let drawn = look.and_then(|(head, parts)| Drawn::read(pane, rows, &head, &parts, version));
        let Some(drawn) = drawn else { continue };
        let Some(change) = drawn.change(pane) else { continue };
        if !change.bytes.is_empty() {
            let waits = table.as_ref().is_some_and(|table| settle::is_at_prompt(table, pane.pane));
            if !waits || write(pane.pane, &change.bytes).is_err() {
                continue;
            }
            expected.insert(pane.pane.id, change.cursor);
        }
        cleaned.rows.insert(pane.identity, drawn.rows_in_text(pane) + 1);
    }
    wait_until_read(server, &expected, limit);
    let lost = |pane: &&AtPrompt<'_>| pane.tail.held > 0 && !cleaned.rows.contains_key(&pane.identity);
    cleaned.missing = panes.iter().filter(lost).map(|pane| pane.identity).collect();
    cleaned
}

fn write(pane: &MadePane, bytes: &[u8]) -> io::Result<()> {
    write_all(&pane.tty, bytes)
}

type Look = Option<(FrameHead, Vec<BString>)>;

/// Looks at the rows of prompts.
fn look(
    server: &Server,
    version: TmuxVersion,
    asked: &[(&AtPrompt<'_>, u32)],
    random: &mut dyn FnMut() -> [u8; 16],
    limit: Duration,
) -> Vec<Look> {
    let mut looks: Vec<Look> = vec![None; asked.len()];
    if asked.is_empty() {
        return looks;
    }
    let request = |(pane, rows): &(&AtPrompt<'_>, u32)| {
        let cursor = pane.stand.cursor as i32;
        let rows_up = |up: i32| Part::Rows(Row::At(cursor - up), Row::At(cursor));
        let parts = vec![(rows_up(*rows as i32 - 1), TEXT), (rows_up(1), COUNT)];
        CaptureRequest { pane: pane.pane.id, parts, rows: *rows }
    };
    let requests: Vec<CaptureRequest> = asked.iter().map(request).collect();
    let script = CaptureScript::new(Nonce::from_random(random()), version, &requests);
    let _ = server.capture(&script, limit, &mut |index, frame| {
        if let (Frame::Text { head, parts }, Some(look)) = (frame, looks.get_mut(index)) {
            *look = Some((head, parts));
        }
    });
    looks
}

/// A prompt as it was drawn.
struct Drawn {
    /// Its lines above the one with the cursor.
    upper: Vec<Vec<u8>>,
    /// How many rows these take; none if that is not known.
    upper_rows: Option<u32>,
    /// Its first row.
    top: u32,
}

/// What is to be written, and the cursor's row after that.
struct Correction {
    bytes: Vec<u8>,
    cursor: u32,
}

impl Drawn {
    /// None if the pane has moved meanwhile, or its prompt does not stand on the screen as a whole.
    fn read(
        pane: &AtPrompt<'_>,
        rows: u32,
        head: &FrameHead,
        parts: &[BString],
        version: TmuxVersion,
    ) -> Option<Self> {
        let stand = pane.stand;
        let same = (head.cursor.1, head.history.size) == (stand.cursor, stand.history)
            && (head.size.width, head.size.height) == (stand.width, stand.height)
            && head.alternate.is_none();
        let [text, two] = parts else { return None };
        let mut reader = Reader::new(version);
        let mut upper: Vec<Vec<u8>> = text
            .lines()
            .map(|line| {
                let mut canonical = Vec::new();
                reader.line(line, &mut canonical);
                canonical
            })
            .collect();
        upper.pop()?;
        let wrapped = rows > 1 && two.lines().count() == 1;
        let each_one_row = upper.len() + 1 == rows as usize;
        let upper_rows = (!wrapped || each_one_row || upper.is_empty()).then_some(if upper.is_empty() {
            0
        } else {
            rows - 1
        });
        let top = stand.cursor.checked_sub(rows - 1).filter(|_| same)?;
        Some(Self { upper, upper_rows, top })
    }

    /// With how many of its upper lines the text ends: all or none. Where a shell greets before its first prompt, the
    /// text ends with that prompt alone; only what stood above earlier prompts, too, is taken for that.
    fn matched(&self, pane: &AtPrompt<'_>) -> usize {
        let (tail, upper) = (&pane.tail.lines, &self.upper);
        let held = &tail[tail.len() - pane.tail.held..];
        match tail.ends_with(upper) {
            true => upper.len(),
            false if upper.ends_with(held) => held.len(),
            false => 0,
        }
    }

    fn rows_in_text(&self, pane: &AtPrompt<'_>) -> u32 {
        let matched = self.matched(pane);
        let all = self.upper_rows.filter(|_| matched == self.upper.len());
        all.unwrap_or(matched as u32)
    }

    /// What makes the screen right; none if that cannot be done.
    fn change(&self, pane: &AtPrompt<'_>) -> Option<Correction> {
        let (matched, held) = (self.matched(pane), pane.tail.held);
        match matched.cmp(&held) {
            std::cmp::Ordering::Equal => Some(Correction { bytes: Vec::new(), cursor: pane.stand.cursor }),
            std::cmp::Ordering::Less => self.put_in(pane, matched),
            std::cmp::Ordering::Greater => self.take_away(pane, matched - held),
        }
    }

    /// Puts in what was held back and is no part of the prompt, above it.
    fn put_in(&self, pane: &AtPrompt<'_>, matched: usize) -> Option<Correction> {
        let (stand, tail) = (pane.stand, pane.tail);
        let lines = &tail.lines[tail.lines.len() - tail.held..tail.lines.len() - matched];
        let count = lines.len() as u32;
        let scrolled = (stand.cursor + count + 1).saturating_sub(stand.height);
        let top = self.top.checked_sub(scrolled)?;
        let mut bytes = format!("\x1b7\x1b[{};1H", stand.height).into_bytes();
        bytes.extend(std::iter::repeat_n(b'\n', scrolled as usize));
        bytes.extend_from_slice(format!("\x1b[{};1H\x1b[{count}L", top + 1).as_bytes());
        replay(lines.iter().map(Vec::as_slice), &mut bytes);
        bytes.extend_from_slice(b"\x1b8");
        if count > scrolled {
            bytes.extend_from_slice(format!("\x1b[{}B", count - scrolled).as_bytes());
        }
        Some(Correction { bytes, cursor: stand.cursor + count - scrolled })
    }

    /// Takes away so many lines above the prompt: those it begins with.
    fn take_away(&self, pane: &AtPrompt<'_>, lines: usize) -> Option<Correction> {
        let rows = self.upper_rows?;
        let each_one_row = rows as usize == self.upper.len();
        let count = if lines == self.upper.len() { rows } else { lines as u32 };
        let from = self.top.checked_sub(count).filter(|_| each_one_row || lines == self.upper.len())?;
        let bytes = format!("\x1b7\x1b[{};1H\x1b[{count}M\x1b8\x1b[{count}A", from + 1).into_bytes();
        Some(Correction { bytes, cursor: pane.stand.cursor - count })
    }
}

/// Waits until tmux has read what was written: the cursors stand where they belong.
fn wait_until_read(server: &Server, expected: &HashMap<PaneId, u32>, limit: Duration) {
    let deadline = Instant::now() + READING;
    while !expected.is_empty() && Instant::now() < deadline {
        let Ok(stands) = settle::stands(server, limit) else { return };
        let arrived =
            |(pane, row): (&PaneId, &u32)| stands.get(pane).is_none_or(|stand| stand.cursor == *row);
        if expected.iter().all(arrived) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str, column: usize) -> usize {
        recurring(&text.lines().map(str::as_bytes).collect::<Vec<_>>(), column)
    }

    #[test]
    fn lines_above_earlier_prompts_are_known_again() {
        assert_eq!(count("~\n$ ls\na\n~\n", 2), 1);
        assert_eq!(count("\n~\n$ ls\na\n\n~\n$ ls\nb\n\n~\n", 2), 2);
        assert_eq!(
            count("~\n$ make\nok\n~\n$ make\nok\n~\n", 2),
            1,
            "the first prompt has no output above it"
        );
        assert_eq!(count("\x1b[31m~\x1b[0m\n\x1b[1m$\x1b[0m ls\na\n\x1b[31m~\x1b[0m\n", 2), 1);
        assert_eq!(
            count("$ ls\na\n$ ls\na\n", 2),
            1,
            "output that recurs, too: that shows when the prompt is drawn"
        );
        assert_eq!(count("$ ls\na\n", 2), 0);
        assert_eq!(count("a\nbig\na\n", 2), 0);
        assert_eq!(count("~\n$ ls\na\n~\n", 0), 0);
        assert_eq!(count("~\n$ a\n~\n# b\n~\n", 2), 0, "not the same prompt");
        assert_eq!(count("", 2), 0);
    }
}
