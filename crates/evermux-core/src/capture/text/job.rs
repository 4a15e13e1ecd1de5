//! The capture of one pane: what to ask next, and what to make of the answers.

use bstr::{BString, ByteSlice};

use super::find::{NewTop, known_lines, new_top};
use super::lines::{Lines, hash, rows, visible};
use super::moved::{Moved, exact, trimmed};
use super::sealing::{Sealer, extend, write};
use super::shot::{COUNT, End, Picture, Shot, TEXT, above};
use super::{Found, Limits, Wanted, listed_head};
use crate::capture::Blocks;
use crate::model::{Scrollback, TextMark, TmuxVersion};
use crate::tmux::{CaptureStyle, FrameHead, Part};

/// Most rows of one portion: 10 to 15 ms of tmux's time if they are coloured. tmux's default limit fits into one.
const PORTION: u32 = 2000;
/// After so many looks in vain, what can be had in one look is taken; and after so many nothing.
const LOOKS: u32 = 3;
const MOST_LOOKS: u32 = 6;
/// Most rows above the first new one that are captured again.
const OVERLAP: u32 = 60;
/// So many whole lines are to be among them, to recognise the place.
const OVERLAP_LINES: usize = 3;
/// So many of the last known lines can be compared.
const ANCHOR: usize = 16;
/// So many of the first ones.
const TOP: usize = 3;

/// The capture of one pane.
pub(super) struct Job<'a> {
    wanted: &'a Wanted<'a>,
    version: TmuxVersion,
    now: i64,
    limits: Limits,
    /// As the pane was last seen.
    head: FrameHead,
    end: End,
    /// What was asked last.
    asked: Option<Asked>,
    /// How many looks in a row gave nothing, since the pane did not stand still.
    failures: u32,
    /// How many rows the pane scrolled between the last two looks.
    speed: u32,
    /// Never continue from the last snapshot: that was tried.
    whole: bool,
    /// It prints no more than can be captured.
    calm: bool,
    /// Never in as few parts as there can be: that was tried.
    thorough: bool,
    /// The portions of a whole capture so far.
    portions: Portions,
    found: Option<Found>,
}

enum Asked {
    /// Rows of history up to this one, not included.
    Portion(u32),
    /// The rest of a whole capture, with the screen.
    Rest(Shot),
    /// The same, wherever the rows were in that instant.
    Newest(Shot),
    /// What is new.
    New(Shot, Continuation),
}

/// A request for one instant.
pub(super) struct Ask {
    pub parts: Vec<(Part, CaptureStyle)>,
    /// About how many rows it is.
    pub rows: u32,
}

impl From<&Shot> for Ask {
    fn from(shot: &Shot) -> Self {
        Self { parts: shot.parts.clone(), rows: shot.rows }
    }
}

/// Where a capture goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Continuation {
    /// The first row that is not known.
    row: u32,
    /// How many rows were thrown away at the top since the last capture.
    dropped: u32,
    /// How many known rows are captured again.
    overlap: u32,
}

/// History captured in portions.
#[derive(Default)]
struct Portions {
    sealer: Sealer,
    /// The row after the last one.
    rows: u32,
    /// The last line, which goes on in the next portion.
    open: Option<Lines>,
    top: Vec<u64>,
    anchor: Vec<u64>,
}

impl<'a> Job<'a> {
    pub fn new(wanted: &'a Wanted<'a>, version: TmuxVersion, now: i64, limits: Limits) -> Self {
        let head = listed_head(wanted.pane);
        let mut job = Self {
            wanted,
            version,
            now,
            limits,
            head,
            end: wanted.end,
            asked: None,
            failures: 0,
            speed: 0,
            whole: false,
            calm: false,
            thorough: false,
            portions: Portions::default(),
            found: None,
        };
        if let Some(before) = wanted.before.filter(|before| job.is_unchanged(before)) {
            job.found = Some(Found::Text(Box::new(before.clone())));
        } else if let Some(before) = wanted.before.filter(|before| job.can_wait(before)) {
            job.found = Some(Found::Later(Box::new(before.clone())));
        }
        job
    }

    /// Whether a pane that prints without end was captured a moment ago.
    fn can_wait(&self, before: &Scrollback) -> bool {
        let flooded = before.mark.sealed_rows.is_none() && self.prints();
        flooded
            && before.size == self.head.size
            && self.limits.flood.is_some_and(|flood| {
                let recently = before.mark.captured..before.mark.captured + flood.every;
                flood.rows < self.head.history.size && recently.contains(&self.now)
            })
    }

    /// Whether something was printed in the window just now.
    fn prints(&self) -> bool {
        self.wanted.window.activity + 1 >= self.now
    }

    /// The rows of history that are worth to be captured, if not all of them are.
    fn newest(&self) -> Option<u32> {
        let flood = self.limits.flood.filter(|_| !self.calm && self.wanted.before.is_some() && self.prints());
        flood.map(|flood| flood.rows).filter(|rows| *rows < self.head.history.size)
    }

    /// Whether nothing can have happened to the text since it was captured.
    fn is_unchanged(&self, before: &Scrollback) -> bool {
        let (head, mark) = (&self.head, &before.mark);
        let same = self.wanted.same_end
            && before.size == head.size
            && mark.history_size == head.history.size
            && mark.cursor == head.cursor
            && mark.alternate_screen == head.alternate.is_some();
        // Exact counters say it; without them only that nothing was printed since a second before the last capture,
        // as activity is told in whole seconds.
        same && match exact(head) {
            Some(exact) => mark.exact == Some(exact),
            None => {
                mark.history_bytes == head.history.bytes && self.wanted.window.activity + 1 < mark.captured
            }
        }
    }

    pub fn into_found(self) -> Found {
        self.found.unwrap_or(Found::Unreadable)
    }

    pub fn gone(&mut self) {
        self.found.get_or_insert(Found::Gone);
    }

    /// What to ask next; none when there is nothing more to ask.
    pub fn ask(&mut self) -> Option<Ask> {
        if self.found.is_some() || self.failures > MOST_LOOKS {
            return None;
        }
        if self.failures >= self.patience() {
            return Some(self.ask_newest(PORTION));
        }
        let newest = self.newest();
        Some(match (self.continuation(), newest) {
            (Some(new), Some(rows)) if self.head.history.size - new.row > rows.max(PORTION) => {
                self.ask_newest(rows)
            }
            (Some(new), _) => self.ask_new(new),
            (None, Some(rows)) => self.ask_newest(rows),
            (None, None) => self.ask_whole(),
        })
    }

    /// After how many looks in vain what can be had in one look is taken.
    fn patience(&self) -> u32 {
        let long = self.head.history.size > PORTION;
        // It did not stand still last time.
        let moves = self.wanted.before.is_some_and(|before| before.mark.sealed_rows.is_none());
        if long && moves { 1 } else { LOOKS }
    }

    fn ask_new(&mut self, continuation: Continuation) -> Ask {
        let top = match continuation.dropped {
            // Only to be compared.
            0 => self.head.history.exact.is_none().then_some(COUNT),
            _ => Some(TEXT),
        };
        let from = continuation.row - continuation.overlap;
        let frugal = || Shot::frugal(&self.head, self.end, from, top).filter(|_| !self.thorough);
        let shot = frugal().unwrap_or_else(|| Shot::new(&self.head, self.end, from, top));
        let ask = Ask::from(&shot);
        self.asked = Some(Asked::New(shot, continuation));
        ask
    }

    /// The next portion of everything.
    fn ask_whole(&mut self) -> Ask {
        self.whole = true;
        let history = self.head.history.size;
        let row = self.portions.rows.min(history);
        if history - row > PORTION {
            let (first, end) = (above(history - row), row + PORTION);
            let (last, next) = (above(history - end + 1), above(history - end));
            self.asked = Some(Asked::Portion(end));
            return Ask {
                parts: vec![(Part::Rows(first, last), TEXT), (Part::Rows(last, next), COUNT)],
                rows: PORTION,
            };
        }
        let shot = Shot::new(&self.head, self.end, row, None);
        let ask = Ask::from(&shot);
        self.asked = Some(Asked::Rest(shot));
        ask
    }

    /// The newest rows alone.
    fn ask_newest(&mut self, rows: u32) -> Ask {
        self.whole = true;
        self.portions = Portions::default();
        if matches!(self.end, End::Prompt) {
            self.end = End::Screen;
        }
        let row = self.head.history.size.saturating_sub(rows);
        let shot = Shot::new(&self.head, self.end, row, None);
        let ask = Ask::from(&shot);
        self.asked = Some(Asked::Newest(shot));
        ask
    }

    /// Where to go on from the last snapshot, if that is worth it.
    fn continuation(&self) -> Option<Continuation> {
        let before =
            self.wanted.before.filter(|before| !self.whole && before.size.width == self.head.size.width)?;
        let (mark, head) = (&before.mark, &self.head);
        let sealed = mark.sealed_rows?;
        let dropped = match (mark.exact, exact(head)) {
            (Some(old), Some(new)) if old.1 == new.1 => u32::try_from(new.0.checked_sub(old.0)?).ok()?,
            (None, None) => trimmed(sealed, head)?,
            _ => return None,
        };
        let row = sealed.checked_sub(dropped)?;
        // While it scrolls, as much again moves away before the answer.
        let overlap =
            (mark.anchor_rows.saturating_add(1).min(OVERLAP)) + self.speed.saturating_mul(2).min(PORTION);
        // With little before it, everything is as cheap and surer.
        (row <= head.history.size && row > overlap).then_some(Continuation { row, dropped, overlap })
    }

    /// Takes the next answer.
    pub fn answer(&mut self, head: &FrameHead, parts: &[BString], blocks: &mut dyn Blocks) {
        let Some(asked) = self.asked.take().filter(|_| self.found.is_none()) else { return };
        if let Asked::Newest(shot) = &asked
            && self.is_calm(shot, head, parts)
        {
            // All of it, then.
            (self.calm, self.head) = (true, *head);
            return;
        }
        let moved = Moved::between(&self.head, head);
        let thorough = self.thorough;
        let done = match asked {
            Asked::Portion(end) => moved == Moved::Not && self.take_portion(end, parts, blocks),
            Asked::Rest(shot) => {
                let fits = moved == Moved::Not || (shot.from == 0 && moved != Moved::Resized);
                fits && self.fits(&shot, head) && self.take_whole(&shot, head, parts, blocks)
            }
            Asked::Newest(shot) => self.fits(&shot, head) && self.take_whole(&shot, head, parts, blocks),
            Asked::New(shot, continuation) => {
                self.fits(&shot, head) && self.take_new(&shot, continuation, head, moved, parts, blocks)
            }
        };
        if done {
            self.failures = 0;
        } else {
            self.look_again(head, moved);
            if self.thorough && !thorough {
                // Nothing moved in vain: the same is asked in more parts.
                self.failures -= 1;
            }
        }
    }

    /// Whether what was newest at the last capture is among what is newest now: then the pane does not print without
    /// end. Lines that are all the same say nothing.
    fn is_calm(&self, shot: &Shot, head: &FrameHead, parts: &[BString]) -> bool {
        let anchor = self.wanted.before.map(|before| before.mark.anchor.as_slice()).unwrap_or_default();
        let last = &anchor[anchor.len().saturating_sub(OVERLAP_LINES)..];
        if self.calm || self.limits.flood.is_none() || last.iter().all(|line| Some(line) == last.first()) {
            return false;
        }
        let Some(picture) = shot.develop(head, parts, self.version) else { return false };
        let lines: Vec<u64> = picture.lines.iter().map(hash).collect();
        lines.windows(last.len()).any(|lines| lines == last)
    }

    /// The next look begins with the pane as it is now.
    fn look_again(&mut self, head: &FrameHead, moved: Moved) {
        self.failures += 1;
        self.speed = if let Moved::By(rows) = moved { rows } else { 0 };
        if matches!(moved, Moved::Resized | Moved::Unknown) {
            self.portions = Portions::default();
        }
        self.head = *head;
        let alternate = head.alternate.is_some();
        self.end = match self.end {
            End::Prompt | End::Screen | End::Dead { .. } if alternate => End::Alternate,
            End::Alternate if !alternate => End::Screen,
            end => end,
        };
    }

    /// Whether what was asked for is what that instant needed.
    fn fits(&self, shot: &Shot, head: &FrameHead) -> bool {
        let alternate = head.alternate.is_some();
        head.size == self.head.size
            && match shot.end {
                End::Prompt => !alternate && head.cursor.1 == self.head.cursor.1,
                End::Screen | End::Dead { .. } => !alternate,
                End::Alternate => alternate,
                // What is in the history is there in any case; but rows that were asked for may not have been there.
                End::History => (head.history.size > 0) == (self.head.history.size > 0),
            }
            && (shot.end != End::Alternate || (head.history.size > 0) == (self.head.history.size > 0))
    }

    fn take_portion(&mut self, end: u32, parts: &[BString], blocks: &mut dyn Blocks) -> bool {
        let [text, edge] = parts else { return false };
        let open = edge.lines().count() == 1;
        let mut lines = Lines::read(text, self.version, open);
        if let Some(mut begun) = self.portions.open.take() {
            begun.join(&lines);
            lines = begun;
        }
        let whole = lines.len().saturating_sub(usize::from(open));
        self.portions.push(&lines, whole, blocks);
        if open && whole < lines.len() {
            self.portions.open = Some(Lines::of(lines.bytes(whole..lines.len()).to_vec()));
        }
        self.portions.rows = end;
        true
    }

    fn take_whole(
        &mut self,
        shot: &Shot,
        head: &FrameHead,
        parts: &[BString],
        blocks: &mut dyn Blocks,
    ) -> bool {
        let Some(mut picture) = shot.develop(head, parts, self.version) else { return false };
        // Only what begins at the top of the history can be continued.
        if self.portions.rows != shot.from {
            picture.sealed_rows = None;
        }
        if let Some(mut begun) = self.portions.open.take() {
            if picture.history == 0 {
                picture.sealed_rows = None;
            }
            begun.join(&picture.lines);
            picture.lines = begun;
        }
        let mut portions = std::mem::take(&mut self.portions);
        portions.push(&picture.lines, picture.history, blocks);
        let marks = Marks { top: portions.top, anchor: portions.anchor, anchor_rows: anchor_rows(&picture) };
        let history = portions.sealer.finish(blocks);
        self.done(head, picture, NewTop { head: None, skip: 0, history }, marks, blocks);
        true
    }

    /// Adds what is new to what is known.
    fn take_new(
        &mut self,
        shot: &Shot,
        continuation: Continuation,
        head: &FrameHead,
        moved: Moved,
        parts: &[BString],
        blocks: &mut dyn Blocks,
    ) -> bool {
        let scrolled = match moved {
            Moved::Not => 0,
            Moved::By(rows) => rows,
            Moved::Resized | Moved::Unknown => return false,
        };
        let Some(known_rows) = continuation.overlap.checked_sub(scrolled) else { return false };
        let Some(picture) = shot.develop(head, parts, self.version) else {
            self.thorough = true;
            return false;
        };
        match self.continued(&picture, known_rows, continuation.dropped, blocks) {
            Some((history, marks)) => {
                self.done(head, picture, history, marks, blocks);
                true
            }
            // What is known is not where it should be: everything anew.
            None => {
                self.whole = true;
                false
            }
        }
    }

    /// The known history with what is new of a picture, whose first rows are known; none if that is not certain.
    fn continued(
        &self,
        picture: &Picture,
        known_rows: u32,
        dropped: u32,
        blocks: &mut dyn Blocks,
    ) -> Option<(NewTop, Marks)> {
        let before = self.wanted.before?;
        let sure = self.head.history.exact.is_some();
        let known = match known_rows {
            // The row above the first unknown one belongs to one line, whole or not.
            0 | 1 if sure => Some(known_rows as usize),
            0 => None,
            rows => known_lines(&picture.lines, rows, picture.width, &before.mark.anchor, sure),
        };
        let known = known.filter(|known| *known <= picture.history)?;
        let (begin, top) = self.top(before, dropped, picture, blocks)?;
        let mut anchor_rows = anchor_rows(picture);
        if picture.history < OVERLAP_LINES {
            anchor_rows = anchor_rows.max(before.mark.anchor_rows);
        }
        let new = (known..picture.history).map(|index| picture.lines.get(index));
        let mut anchor = before.mark.anchor.clone();
        anchor.extend(new.clone().map(hash));
        anchor.drain(..anchor.len().saturating_sub(ANCHOR));
        let (history, skip) = extend(&begin.history, begin.skip, new, blocks)?;
        Some((NewTop { history, skip, ..begin }, Marks { top, anchor, anchor_rows }))
    }

    /// Where the known history begins now, and the hashes of its first lines; none if that is not certain.
    fn top(
        &self,
        before: &Scrollback,
        dropped: u32,
        picture: &Picture,
        blocks: &mut dyn Blocks,
    ) -> Option<(NewTop, Vec<u64>)> {
        let known = &before.mark.top;
        let same =
            || NewTop { head: before.head.clone(), skip: before.skip, history: before.history.clone() };
        let Some(lines) = &picture.top else {
            return (dropped == 0 && self.head.history.exact.is_some()).then(|| (same(), known.clone()));
        };
        let whole = lines.iter().take(lines.len().saturating_sub(1));
        let hashes: Vec<u64> = whole.take(TOP).map(hash_visible).collect();
        if dropped > 0 {
            return Some((new_top(before, dropped, lines, blocks)?, hashes));
        }
        let compared = hashes.len().min(known.len());
        (compared > 0 && hashes[..compared] == known[..compared]).then(|| (same(), known.clone()))
    }

    fn done(
        &mut self,
        head: &FrameHead,
        picture: Picture,
        top: NewTop,
        marks: Marks,
        blocks: &mut dyn Blocks,
    ) {
        let screen = picture.lines.bytes(picture.history..picture.lines.len()).to_vec();
        let mut text = Scrollback {
            size: head.size,
            head: top.head,
            skip: top.skip,
            history: top.history,
            screen: write(screen, blocks),
            end_row: picture.end_row,
            mark: TextMark {
                history_size: head.history.size,
                history_bytes: head.history.bytes,
                activity: self.wanted.window.activity,
                captured: self.now,
                cursor: head.cursor,
                alternate_screen: head.alternate.is_some(),
                exact: exact(head),
                sealed_rows: picture.sealed_rows,
                anchor: marks.anchor,
                anchor_rows: marks.anchor_rows,
                top: marks.top,
            },
        };
        if let Some(lines) = self.limits.lines {
            keep_newest(&mut text, lines);
        }
        self.found = Some(Found::Text(Box::new(text)));
    }
}

/// Leaves out what is older than the newest lines. What is noted of the pane's history stays true: that is about tmux.
fn keep_newest(text: &mut Scrollback, lines: u32) {
    let history: u32 = text.history.iter().map(|block| block.lines).sum();
    let all = history.saturating_sub(text.skip).saturating_add(text.screen.lines);
    let Some(mut excess) = all.checked_sub(lines).filter(|excess| *excess > 0) else { return };
    text.head = None;
    excess += text.skip;
    let whole = text.history.iter().take_while(|block| {
        let goes = block.lines <= excess;
        excess -= if goes { block.lines } else { 0 };
        goes
    });
    let whole = whole.count();
    text.history.drain(..whole);
    text.skip = if text.history.is_empty() { 0 } else { excess };
}

/// What is noted of a history, to know it again.
struct Marks {
    top: Vec<u64>,
    anchor: Vec<u64>,
    anchor_rows: u32,
}

/// How many rows the last lines take that have left the screen.
///
/// One of them is not empty: tmux (3.4 to 3.8) does not print a hyperlink again where it goes on in the next row with
/// text, so what is printed of a row depends on the text before it, however many empty rows lie between.
fn anchor_rows(picture: &Picture) -> u32 {
    let mut lines = (0..picture.history).rev().map(|index| picture.lines.get(index)).enumerate();
    let end = lines.position(|(number, line)| number + 1 >= OVERLAP_LINES && !line.is_empty());
    let first = picture.history - end.map_or(picture.history, |end| end + 1);
    let taken = (first..picture.history).map(|index| rows(picture.lines.get(index), picture.width).1);
    taken.fold(0, u32::saturating_add)
}

fn hash_visible(line: &[u8]) -> u64 {
    hash(&visible(line))
}

impl Portions {
    /// Takes the first `count` of these lines, which do not change any more.
    fn push(&mut self, lines: &Lines, count: usize, blocks: &mut dyn Blocks) {
        for index in 0..count {
            let line = lines.get(index);
            if self.top.len() < TOP {
                self.top.push(hash_visible(line));
            }
            if index + ANCHOR >= count {
                self.anchor.push(hash(line));
            }
            self.sealer.push(line, blocks);
        }
        self.anchor.drain(..self.anchor.len().saturating_sub(ANCHOR));
    }
}
