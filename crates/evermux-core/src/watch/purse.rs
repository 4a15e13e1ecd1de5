//! How much saving may cost.

use std::time::{Duration, Instant};

/// The part of the time that may go into saves, in thousandths: a busy server may cost 2 % of a core in all
/// (design, "Budgets"), of which looks take some.
const SHARE: u32 = 10;

/// So much may be spent at once after a quiet time: a handful of quick saves.
const MOST: Duration = Duration::from_millis(300);

/// However much saves cost, the next one need not wait longer than this. A server or a disk that hung for a while makes
/// a save look dear.
const LONGEST: Duration = Duration::from_secs(30);

/// Processor time for saves, saved up while none are made. Not the time that passes: on a loaded machine that is many
/// times as much, and then saves would come too late just when a machine is in trouble.
#[derive(Clone, Copy, Debug)]
pub(super) struct Purse {
    /// When it would have been full, had it been filled without an end. It is at least empty if that is [`MOST`]'s
    /// worth before now.
    full_at: Instant,
}

impl Purse {
    /// A full one.
    pub fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes something out, more than there is if need be.
    pub fn spend(&mut self, cost: Duration, now: Instant) {
        let worth = |time: Duration| time * (1000 / SHARE);
        self.full_at = (self.full_at.max(now) + worth(cost)).min(now + worth(MOST) + LONGEST);
    }

    /// When there is something in it.
    pub fn full_enough_at(&self) -> Instant {
        let most = MOST * (1000 / SHARE);
        self.full_at.checked_sub(most).unwrap_or(self.full_at)
    }
}
