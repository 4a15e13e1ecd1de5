//! The keeper's brain: what to do about one server, from what was seen of it and the time.
//!
//! Pure: events and the clock go in, effects come out. Whoever carries them out (the keeper) reports what became of
//! them as further events, and calls again at [`Watch::next`].
//!
//! # What it aims at
//! Structure is saved within a second where a hook rang, within two where only a look can see the change; text within
//! five. While nobody works, looks are rare: then the first change that no hook tells is seen within ten seconds.
//! How often it may save is bounded by what saving costs (`purse.rs`), so a big or busy server is never slowed down.
//!
//! # What it relies on
//! Hooks only make it faster: they may be deleted or shadowed. A look finds everything but options and environments;
//! for those there is a save now and then, which costs little if nothing has changed.

mod purse;
#[cfg(test)]
mod tests;
mod trouble;

use std::time::{Duration, Instant};

use purse::Purse;
pub use trouble::Trouble;
use trouble::Troubles;

use crate::model::Look;

/// How fast things go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Between two looks while somebody works.
    pub look: Duration,
    /// Between two looks while nobody does.
    pub idle_look: Duration,
    /// At most between a look and the next wait for a ring.
    pub listen: Duration,
    /// Between two looks, however long they take.
    pub longest_look: Duration,
    /// How long after the last sign of work somebody still counts as working.
    pub working: Duration,
    /// How long to wait for more changes of structure before they are saved.
    pub gather: Duration,
    /// At most so long, if changes do not cease.
    pub gather_most: Duration,
    /// How long new text may wait.
    pub text: Duration,
    /// Between two saves that nothing asks for, while somebody works.
    pub sweep: Duration,
    /// The same while nobody does.
    pub idle_sweep: Duration,
    /// After something has vanished: how long until a save says that the server lived on (design, "Choosing": 10 s).
    pub confirm: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            look: Duration::from_secs(1),
            idle_look: Duration::from_secs(8),
            longest_look: Duration::from_secs(10),
            listen: Duration::from_millis(500),
            working: Duration::from_secs(60),
            gather: Duration::from_millis(120),
            gather_most: Duration::from_millis(500),
            text: Duration::from_millis(2500),
            sweep: Duration::from_secs(60),
            idle_sweep: Duration::from_secs(900),
            confirm: Duration::from_millis(10_500),
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The server is there: newly registered, started, or found again after [`Event::Gone`].
    Came,
    /// The server is not there any more.
    Gone,
    /// A hook rang; nobody listens now.
    Rang,
    /// Listening ended without a ring though the server is there.
    Deaf,
    /// A look was taken, and what it took.
    Looked(Look, Duration),
    /// A look was tried in vain: why.
    LookFailed(String),
    /// It was saved.
    Saved(Save, Saved),
    /// Saving was tried in vain: why.
    SaveFailed(String),
    /// Everything is to be saved now: the machine or the keeper stops, or a user asked.
    Flush,
    /// Nothing is to be done until then; none: go on.
    Pause(Option<Instant>),
    /// Time has passed.
    Tick,
}

/// What a save reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Save {
    /// Everything but text: that of the last snapshot stays.
    Structure,
    /// Everything.
    All,
}

/// What became of a save.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// What it cost in processor time, tmux's included.
    pub cost: Duration,
    /// How many panes there were.
    pub panes: usize,
    /// Whether a session or a pane is not there any more that the snapshot before had.
    pub lost: bool,
    /// Whether the text of a pane that prints without end was put off.
    pub put_off: bool,
    /// Whether it gave panes their identities: setting an option rings.
    pub marked: bool,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Take a look and wait for a ring, in one client.
    Listen,
    /// Take a look.
    Look,
    /// Set our hooks.
    Arm,
    /// Save.
    Save(Save),
    /// Tell the user of the server what goes wrong.
    Show(Trouble),
    /// It goes right again: take back what was shown.
    Clear,
}

/// What is known of one server, and what is due.
#[derive(Debug)]
pub struct Watch {
    pace: Pace,
    /// The server is there.
    here: bool,
    /// Somebody listens.
    listening: bool,
    /// A look of its own has been asked for and its outcome is not yet known.
    looking: bool,
    /// Since when a look, of its own or the one that listening begins with, has not told its outcome.
    awaiting: Option<Instant>,
    /// What a save that is under way will have saved, if it succeeds.
    saving: Option<Unsaved>,
    paused_until: Option<Instant>,
    /// The last look.
    seen: Option<Look>,
    /// When our hooks were last set.
    armed_at: Option<Instant>,
    /// When the last look and the last whole save were.
    looked_at: Option<Instant>,
    saved_at: Option<Instant>,
    text_saved_at: Option<Instant>,
    /// The last sign that somebody works.
    worked_at: Option<Instant>,
    /// What look and save cost.
    look_cost: Duration,
    unsaved: Unsaved,
    /// Everything is to be saved without delay.
    flush: bool,
    /// The next ring is our own doing.
    own_ring: bool,
    /// When to save again so that what vanished is known to have been closed.
    confirm: Option<Instant>,
    purse: Purse,
    /// Of looking: the server does not answer.
    looks: Troubles,
    /// Of saving.
    saves: Troubles,
}

/// What was seen and is not saved.
#[derive(Clone, Copy, Debug, Default)]
struct Unsaved {
    /// Structure: since when, and the last change.
    structure: Option<(Instant, Instant)>,
    /// Text: since when.
    text: Option<Instant>,
}

impl Watch {
    /// A server of which nothing is known yet.
    pub fn new(pace: Pace, now: Instant) -> Self {
        Self {
            pace,
            here: false,
            listening: false,
            looking: false,
            awaiting: None,
            saving: None,
            paused_until: None,
            seen: None,
            armed_at: None,
            looked_at: None,
            saved_at: None,
            text_saved_at: None,
            worked_at: None,
            look_cost: Duration::ZERO,
            unsaved: Unsaved::default(),
            flush: false,
            own_ring: false,
            confirm: None,
            purse: Purse::new(now),
            looks: Troubles::default(),
            saves: Troubles::default(),
        }
    }

    /// What goes wrong at present.
    pub fn trouble(&self) -> Option<&Trouble> {
        self.looks.current().or(self.saves.current())
    }

    /// The last look at the present life of the server.
    pub fn seen(&self) -> Option<&Look> {
        self.seen.as_ref()
    }

    /// Whether something was seen that is not saved.
    pub fn is_behind(&self) -> bool {
        self.unsaved.structure.is_some() || self.unsaved.text.is_some()
    }

    /// Whether nothing is to be done until a moment.
    pub fn paused_until(&self) -> Option<Instant> {
        self.paused_until
    }

    /// Takes in what happened, and says what to do.
    pub fn handle(&mut self, event: Event, now: Instant) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Came => self.came(now),
            Event::Gone => self.gone(&mut effects),
            Event::Rang => {
                self.listening = false;
                // The look that listening begins with tells if something else has changed, too.
                if !std::mem::take(&mut self.own_ring) {
                    self.worked_at = Some(now);
                    self.changed(now);
                }
            }
            Event::Deaf => (self.listening, self.awaiting) = (false, None),
            Event::Looked(look, took) => {
                self.looks.ended();
                self.looked(look, took, now);
            }
            Event::LookFailed(why) => {
                self.looking = false;
                self.awaiting = None;
                self.looked_at = Some(now);
                // A server that does not answer cannot show anything either.
                self.looks.failed(why, now);
            }
            Event::Saved(save, saved) => self.saved(save, saved, now, &mut effects),
            Event::SaveFailed(why) => {
                let tried = self.saving.take().unwrap_or_default();
                let structure = tried.structure.or(self.unsaved.structure);
                // It stays unsaved, whatever it was that asked for the save.
                self.unsaved.structure = Some(structure.unwrap_or((now, now)));
                self.unsaved.text = tried.text.or(self.unsaved.text);
                effects.extend(self.saves.failed(why, now));
            }
            Event::Flush => self.flush = true,
            Event::Pause(until) => self.paused_until = until.filter(|until| *until > now),
            Event::Tick => {}
        }
        self.due(now, &mut effects);
        effects
    }

    /// When to call again though nothing happens; none: not before something does.
    pub fn next(&self, now: Instant) -> Option<Instant> {
        if let Some(until) = self.paused_until {
            return Some(until);
        }
        if !self.here {
            return None;
        }
        let listen = (!self.listening).then(|| self.listen_at(now));
        let look = (!self.looking).then(|| self.look_at(now));
        let save = self.save_at(now).map(|(at, _)| at).filter(|_| self.saving.is_none());
        [listen, look, save].into_iter().flatten().min()
    }

    fn came(&mut self, now: Instant) {
        let (pace, purse, paused) = (self.pace, self.purse, self.paused_until);
        *self = Self::new(pace, now);
        self.purse = purse;
        self.paused_until = paused;
        self.here = true;
        self.worked_at = Some(now);
        // Whatever is there is not known to be saved.
        self.unsaved = Unsaved { structure: Some((now, now)), text: Some(now) };
    }

    fn gone(&mut self, effects: &mut Vec<Effect>) {
        self.here = false;
        self.listening = false;
        self.looking = false;
        self.awaiting = None;
        self.saving = None;
        self.seen = None;
        // There is nobody left to show it to.
        (self.looks, self.saves) = Default::default();
        effects.clear();
    }

    fn changed(&mut self, now: Instant) {
        let since = self.unsaved.structure.map_or(now, |(since, _)| since);
        self.unsaved.structure = Some((since, now));
    }

    fn looked(&mut self, look: Look, took: Duration, now: Instant) {
        self.looking = false;
        self.awaiting = None;
        self.looked_at = Some(now);
        self.look_cost = took;
        let Some(before) = self.seen.replace(look.clone()) else { return };
        if look.structure != before.structure {
            self.changed(now);
        }
        if look.text != before.text {
            self.unsaved.text.get_or_insert(now);
        }
        if look.structure != before.structure || look.text != before.text || look.activity != before.activity
        {
            self.worked_at = Some(now);
        }
        // Somebody left, or closed a session: that moment must not be lost, text included.
        if look.clients < before.clients || look.sessions < before.sessions {
            self.unsaved.text.get_or_insert(now);
            self.flush = true;
        }
    }

    fn saved(&mut self, save: Save, saved: Saved, now: Instant, effects: &mut Vec<Effect>) {
        self.saving = None;
        self.purse.spend(saved.cost, now);
        self.saved_at = Some(now);
        self.own_ring = saved.marked;
        if save == Save::All {
            self.text_saved_at = Some(now);
        }
        if saved.put_off {
            self.unsaved.text.get_or_insert(now);
        }
        if self.confirm.is_some_and(|at| at <= now) {
            self.confirm = None;
        }
        if saved.lost {
            self.confirm = Some(now + self.pace.confirm);
        }
        effects.extend(self.saves.ended());
    }

    /// Says what is due, and takes note that it is under way.
    fn due(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
        }
        if !self.here || self.paused_until.is_some() {
            return;
        }
        if !self.listening && self.listen_at(now) <= now {
            self.listening = true;
            self.awaiting = Some(now);
            effects.push(Effect::Listen);
        } else if !self.looking && self.look_at(now) <= now {
            self.looking = true;
            self.awaiting = Some(now);
            effects.push(Effect::Look);
        }
        if self.arm_at().is_some_and(|at| at <= now) {
            self.armed_at = Some(now);
            effects.push(Effect::Arm);
        }
        if self.saving.is_none()
            && let Some((at, save)) = self.save_at(now)
            && at <= now
        {
            self.flush = false;
            let text = self.unsaved.text.filter(|_| save == Save::All);
            self.saving = Some(Unsaved { structure: self.unsaved.structure.take(), text });
            if save == Save::All {
                self.unsaved.text = None;
            }
            effects.push(Effect::Save(save));
        }
    }

    /// When to listen again: at once, but not in a hurry if it rings all the time.
    ///
    /// Whoever moves from pane to pane, or a script that does, rings at every step. So the looks that listening begins
    /// with keep a distance, the longer the more they cost; what happens meanwhile is seen by the next one.
    fn listen_at(&self, now: Instant) -> Instant {
        let distance = (self.look_cost * 50).min(self.pace.listen);
        let rested = self.looked_at.map_or(now, |at| at + distance);
        let at = match (self.unsaved.structure, self.looks.retry_at()) {
            (_, Some(at)) => at,
            // What rang is gathered first; the look that listening begins with then sees all of it.
            (Some((since, last)), None) => {
                (last + self.pace.gather / 2).min(since + self.pace.gather_most).max(last)
            }
            (None, None) => now,
        };
        at.max(rested)
    }

    fn look_at(&self, now: Instant) -> Instant {
        let Some(looked) = self.looked_at else { return now };
        let every = if self.is_working(now) { self.pace.look } else { self.pace.idle_look };
        // A look may take a hundredth of the time at most. One that waited for a server that hung did not cost so much.
        let at = looked + every.max((self.look_cost * 100).min(self.pace.longest_look));
        self.looks.retry_at().map_or(at, |retry| at.max(retry))
    }

    /// When to save, and what; none: there is nothing to save.
    fn save_at(&self, now: Instant) -> Option<(Instant, Save)> {
        let save = if self.unsaved.text.is_some() || self.flush { Save::All } else { Save::Structure };
        let retry = self.saves.retry_at();
        // A server that does not answer a look would only keep a save waiting.
        if self.looks.current().is_some() {
            return None;
        }
        if self.flush {
            return Some((retry.unwrap_or(now), Save::All));
        }
        let gathered = self
            .unsaved
            .structure
            .map(|(since, last)| (last + self.pace.gather).min(since + self.pace.gather_most))
            // A look after the save would show what was saved as a change.
            .map(|at| if self.listening { at } else { at.max(self.listen_at(now)) });
        let text = self.unsaved.text.map(|since| since + self.pace.text);
        let sweep = self
            .saved_at
            .map(|at| at + if self.is_working(now) { self.pace.sweep } else { self.pace.idle_sweep });
        let changes = [gathered, text].into_iter().flatten().min();
        // The look that is under way may tell that text is to be saved, too.
        let looked = self.awaiting.map_or(now, |since| since + self.pace.gather_most);
        let wished = [changes, sweep].into_iter().flatten().min();
        let wished = wished.map(|at| at.max(self.purse.full_enough_at()).max(looked));
        // What proves something by its time waits for nobody's purse.
        let asked = [wished, self.confirm].into_iter().flatten().min()?;
        // Text need not come along with every change of structure: it costs more.
        let save = match (save, text) {
            (Save::All, Some(text)) if text > asked.max(now) && self.text_saved_at.is_some() => {
                Save::Structure
            }
            (save, _) => save,
        };
        Some((retry.map_or(asked, |retry| asked.max(retry)), save))
    }

    /// When our hooks have to be set (again); none: they stand.
    fn arm_at(&self) -> Option<Instant> {
        /// A config that is being read again deletes them one by one, and somebody who deletes them always wins.
        const BETWEEN: Duration = Duration::from_secs(10);
        let seen = self.seen.as_ref().filter(|seen| !seen.armed)?;
        seen.server?;
        Some(self.armed_at.map_or_else(|| self.looked_at.unwrap_or_else(Instant::now), |at| at + BETWEEN))
    }

    fn is_working(&self, now: Instant) -> bool {
        self.worked_at.is_some_and(|at| now.saturating_duration_since(at) < self.pace.working)
    }
}
