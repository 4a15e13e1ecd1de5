//! Moments as they are shown.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// How long ago a moment was, in one unit: `3 minutes ago`.
pub fn since(moment: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(moment).as_secs();
    let (count, unit) = match seconds {
        ..1 => return "just now".to_owned(),
        1..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

/// A moment as it is shown: date and time of day in `zone`.
pub fn shown(moment: Timestamp, zone: &TimeZone) -> String {
    moment.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    #[test]
    fn the_past_is_told_in_one_unit() {
        let now: Timestamp = "2026-11-20T15:30:00Z".parse().unwrap();
        for (seconds, wanted) in [
            (0, "just now"),
            (1, "1 second ago"),
            (150, "2 minutes ago"),
            (7200, "2 hours ago"),
            (90_000, "1 day ago"),
        ] {
            assert_eq!(since(now - seconds.seconds(), now), wanted);
        }
        assert_eq!(since(now + 5.seconds(), now), "just now");
    }
}
