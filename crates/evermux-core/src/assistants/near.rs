//! Which conversations fit a program by when they took place.

use jiff::Timestamp;

use crate::model::Confidence;

/// How much earlier than its program a conversation may seem to have begun: clocks are read at different moments
/// (milliseconds).
pub(super) const SLACK: i64 = 2000;

/// A conversation that may be the one of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Times {
    /// When it began, if that is known: milliseconds since the epoch.
    pub created: Option<i64>,
    /// When it was last written.
    pub updated: Option<i64>,
}

/// How sure it is that a program that `started` then holds a conversation of these times, and how far it is from what
/// one would expect. One that was written by nobody since is none of its.
///
/// Of an assistant that is `alone` in its directory the conversation written last is the one; where several are, each
/// has begun one soon after its own start.
pub(super) fn judge(
    times: &Times,
    started: i64,
    alone: bool,
    source: Confidence,
) -> Option<(Confidence, u64)> {
    let Times { created, updated } = *times;
    let latest = updated.max(created)?;
    if latest < started - SLACK {
        return None;
    }
    let begun_here = created.is_some_and(|created| created >= started - SLACK);
    let distance = match created {
        Some(created) if !alone => created.abs_diff(started),
        // Later is nearer.
        _ => (i64::MAX - latest).unsigned_abs(),
    };
    if begun_here {
        Some((source, distance))
    } else {
        // It existed before and was gone on with by somebody.
        Some((Confidence::Guess, distance.saturating_add(u64::MAX / 2)))
    }
}

/// A time as programs write it: RFC 3339, or seconds or milliseconds since the epoch.
pub(super) fn milliseconds(text: &str) -> Option<i64> {
    match text.parse::<i64>() {
        // Seconds until the year 5138, milliseconds from 1973 on.
        Ok(number) if number.abs() < 100_000_000_000 => number.checked_mul(1000),
        Ok(number) => Some(number),
        Err(_) => text.parse::<Timestamp>().ok().map(|time| time.as_millisecond()),
    }
}
