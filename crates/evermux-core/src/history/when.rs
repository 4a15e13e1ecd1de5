//! Moments as people write them: `10m`, `14:00`, `yesterday`, `2026-11-20`, `2026-11-20 14:00`.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, Zoned};

/// The moment a text means, seen from `now` in `zone`; none if it means none.
///
/// A duration means that long ago, a time of day the last time it was that late, a day or a minute its end: `14:00`
/// includes what was saved at 14:00:30.
pub fn moment(text: &str, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let here = now.to_zoned(zone.clone());
    match text {
        "now" | "today" => return Some(now),
        "yesterday" => return end_of_day(here.date().yesterday().ok()?, zone),
        _ => {}
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp);
    }
    // Exact forms only: the free parsers of these types take a day for a time and a number for an hour.
    let time = |form: &str| Time::strptime(form, text).ok();
    if let Some((time, unit)) = first_form(&["%H:%M", "%H:%M:%S"], time) {
        return last_time(time, &here).and_then(|start| end_of(start, unit));
    }
    if let Ok(date) = Date::strptime("%Y-%m-%d", text) {
        return end_of_day(date, zone);
    }
    let date = |form: &str| DateTime::strptime(form, text).ok();
    let forms = ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"];
    if let Some((date, unit)) = first_form(&forms, date) {
        return end_of(date.to_zoned(zone.clone()).ok()?.timestamp(), unit);
    }
    ago(text, &here)
}

/// What the first fitting form reads, and the length of its smallest unit.
fn first_form<T>(forms: &[&str], read: impl Fn(&str) -> Option<T>) -> Option<(T, SignedDuration)> {
    forms.iter().find_map(|form| {
        let unit =
            if form.ends_with("%S") { SignedDuration::from_secs(1) } else { SignedDuration::from_mins(1) };
        Some((read(form)?, unit))
    })
}

/// The last moment of a unit that begins at `start`.
fn end_of(start: Timestamp, unit: SignedDuration) -> Option<Timestamp> {
    start.checked_add(unit - SignedDuration::from_nanos(1)).ok()
}

fn end_of_day(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    let next = date.tomorrow().ok()?.to_zoned(zone.clone()).ok()?;
    next.timestamp().checked_sub(SignedDuration::from_nanos(1)).ok()
}

fn last_time(time: Time, here: &Zoned) -> Option<Timestamp> {
    let on = |date: Date| Some(date.to_datetime(time).to_zoned(here.time_zone().clone()).ok()?.timestamp());
    let today = on(here.date())?;
    if today <= here.timestamp() { Some(today) } else { on(here.date().yesterday().ok()?) }
}

fn ago(text: &str, here: &Zoned) -> Option<Timestamp> {
    let span: Span = text.strip_suffix(" ago").unwrap_or(text).parse().ok()?;
    if span.is_negative() {
        return None;
    }
    Some(here.checked_sub(span).ok()?.timestamp())
}
