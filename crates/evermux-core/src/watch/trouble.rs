//! What goes wrong, when it is tried again, and when it is worth telling.

use std::time::{Duration, Instant};

use super::Effect;

/// So long it may go wrong before anybody is told: a hiccup is none of the user's business.
const PATIENCE: Duration = Duration::from_secs(10);

/// At least so often.
const TRIES: u32 = 3;

/// Between two tries, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Something that keeps a server from being saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What it is, as a fragment of a sentence.
    pub what: String,
    /// Since when.
    pub since: Instant,
}

/// The failures since the last success.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    current: Option<Trouble>,
    tries: u32,
    last: Option<Instant>,
    /// What was shown to the user.
    shown: Option<String>,
}

impl Troubles {
    /// What goes wrong at present.
    pub fn current(&self) -> Option<&Trouble> {
        self.current.as_ref()
    }

    /// Notes a failure; says what to show.
    pub fn failed(&mut self, what: String, now: Instant) -> Option<Effect> {
        let since = self.current.as_ref().map_or(now, |trouble| trouble.since);
        let trouble = Trouble { what, since };
        self.current = Some(trouble.clone());
        self.tries += 1;
        self.last = Some(now);
        let worth = self.tries >= TRIES && now.duration_since(since) >= PATIENCE;
        if !worth || self.shown.as_ref() == Some(&trouble.what) {
            return None;
        }
        self.shown = Some(trouble.what.clone());
        Some(Effect::Show(trouble))
    }

    /// It went well; says whether something shown is to be taken back.
    pub fn ended(&mut self) -> Option<Effect> {
        let shown = self.shown.is_some();
        *self = Self::default();
        shown.then_some(Effect::Clear)
    }

    /// When to try again; none: there is no reason to wait.
    pub fn retry_at(&self) -> Option<Instant> {
        let last = self.last?;
        let pause = FIRST_PAUSE.saturating_mul(1 << self.tries.saturating_sub(1).min(10));
        Some(last + pause.min(LONGEST_PAUSE))
    }
}
