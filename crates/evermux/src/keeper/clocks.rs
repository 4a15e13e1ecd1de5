//! What the clocks tell about the time since the last round: that the machine slept, or the keeper was stopped.

use std::time::Duration;

use evermux_core::store::Missed;
use jiff::{SignedDuration, Timestamp};

/// A round that took so much longer than it should is worth telling.
const WORTH: Duration = Duration::from_secs(5);

/// What the clocks say at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    /// How long the machine has been awake.
    pub awake: Duration,
    /// The same with the time in which it slept, where the system counts that.
    pub passed: Duration,
    /// What time it is.
    pub wall: Timestamp,
}

/// What happened between two rounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gap {
    /// Nothing was done for a while.
    Missed(Missed),
    /// The clock was set back by so much. Nothing was missed.
    SetBack(SignedDuration),
}

impl Gap {
    /// What happened since `before`, where a round should take `round`.
    pub fn since(before: &Clocks, now: &Clocks, round: Duration) -> Option<Self> {
        let awake = now.awake.saturating_sub(before.awake);
        let passed = now.passed.saturating_sub(before.passed);
        let asleep = passed.saturating_sub(awake);
        let by_clock = now.wall.duration_since(before.wall);
        let set = by_clock - SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX);
        let (why, long) = if asleep >= WORTH {
            ("the machine slept", passed)
        } else if awake >= round + WORTH {
            ("the keeper was stopped, or waited", passed)
        } else if set.unsigned_abs() < WORTH {
            return None;
        } else if set.is_negative() {
            return Some(Self::SetBack(set.abs()));
        } else {
            // A virtual machine that was paused does not count the time; afterwards its clock is set.
            ("the machine was stopped, or its clock was set", by_clock.unsigned_abs())
        };
        let long = SignedDuration::try_from(long).unwrap_or_default();
        let since = now.wall.checked_sub(long).unwrap_or(Timestamp::MIN);
        Some(Self::Missed(Missed { since, until: now.wall, why: why.to_owned() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600;

    /// What is told after so many seconds awake, passed and by the clock.
    fn told(awake: u64, passed: u64, by_clock: i64) -> String {
        let clocks = |awake, passed, wall| Clocks {
            awake: Duration::from_secs(awake),
            passed: Duration::from_secs(passed),
            wall: Timestamp::from_second(wall).unwrap(),
        };
        let begun = 1_800_000_000;
        let now = clocks(10 + awake, 20 + passed, begun + by_clock);
        match Gap::since(&clocks(10, 20, begun), &now, Duration::from_secs(1)) {
            None => "nothing".to_owned(),
            Some(Gap::SetBack(by)) => format!("set back by {} s", by.as_secs()),
            Some(Gap::Missed(missed)) => {
                assert_eq!(missed.until, now.wall);
                format!("{} s: {}", missed.until.duration_since(missed.since).as_secs(), missed.why)
            }
        }
    }

    #[test]
    fn every_way_to_lose_time_is_told() {
        assert_eq!(told(1, 1, 1), "nothing");
        assert_eq!(told(4, 4, 4), "nothing", "a machine that has much else to do");
        assert_eq!(told(1, 1, 3), "nothing", "a clock that is corrected");
        assert_eq!(told(7, 7, 7), "7 s: the keeper was stopped, or waited");
        assert_eq!(told(1, 1 + HOUR, 1 + HOUR as i64), "3601 s: the machine slept");
        assert_eq!(
            told(1, 1 + HOUR, -7000),
            "3601 s: the machine slept",
            "with a clock that was set meanwhile"
        );
        assert_eq!(told(1, 1, 3 * HOUR as i64), "10800 s: the machine was stopped, or its clock was set");
        assert_eq!(told(1, 1, 1 - 3 * HOUR as i64), "set back by 10800 s");
    }
}
