//! The ladder, clocks that are wrong, and room.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::choose::{SessionEntry, choose};
use crate::model::{Kind, PaneIdentity};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const START: i64 = 1_800_000_000;

fn second(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// A snapshot of one session with one pane, which never changes.
fn entry(id: i64, at: i64) -> Entry {
    let pane = PaneIdentity::from_random([1; 16]);
    Entry {
        id: SnapshotId(id),
        taken_at: second(at),
        still_at: second(at),
        generation: Generation { boot: "boot".to_owned(), pid: 1, started: 0 },
        kind: Kind::Automatic,
        coverage: Coverage::Whole,
        sessions: vec![SessionEntry { name: "work".into(), untouched: false, panes: vec![pane] }],
    }
}

/// Snapshots at these seconds, in this order.
fn timeline(times: &[i64]) -> Timeline {
    let entries = times.iter().zip(1..).map(|(at, id)| entry(id, *at)).collect();
    Timeline { entries, ..Timeline::default() }
}

fn expired(timeline: &Timeline, now: i64) -> HashSet<SnapshotId> {
    let plan = plan(timeline, &HashSet::new(), second(now), &Options::default());
    plan.expired.into_iter().collect()
}

/// Seconds of what stays.
fn stays(times: &[i64], now: i64) -> Vec<i64> {
    let timeline = timeline(times);
    let expired = expired(&timeline, now);
    let rest = timeline.entries.iter().filter(|entry| !expired.contains(&entry.id));
    rest.map(|entry| entry.taken_at.as_second()).collect()
}

#[test]
fn a_year_of_saves_every_ten_seconds_thins_out() {
    let mut kept: Vec<i64> = Vec::new();
    let end = START + 420 * DAY;
    for day in 0..420 {
        let begin = START + day * DAY;
        // As it goes, but fewer saves and prunes on most days, or the test would take minutes.
        let (step, prune) = if day > 412 { (10, true) } else { (HOUR / 2, day % 5 == 0) };
        kept.extend((0..DAY / step).map(|n| begin + n * step));
        if prune {
            kept = stays(&kept, begin + DAY);
        }
    }
    let within = |from: i64, to: i64| kept.iter().filter(|at| (from..to).contains(&(end - **at))).count();
    assert_eq!(within(0, HOUR), 359, "all of the last hour");
    assert!((22 * 60..=23 * 60 + 10).contains(&within(HOUR + 10, DAY)), "{}", within(HOUR, DAY));
    assert!((6 * 24 - 1..=6 * 24 + 1).contains(&within(DAY + 60, 7 * DAY)), "{}", within(DAY, 7 * DAY));
    assert!((22..=24).contains(&within(7 * DAY + HOUR, 30 * DAY)), "{}", within(7 * DAY, 30 * DAY));
    assert!((47..=49).contains(&within(30 * DAY + DAY, 365 * DAY)), "{}", within(30 * DAY, 365 * DAY));
    assert_eq!(within(380 * DAY, 999 * DAY), 0);
}

#[test]
fn at_any_moment_of_the_past_the_state_is_known_to_the_grain_of_its_rung() {
    let times: Vec<i64> = (0..3 * DAY / 30).map(|n| START + n * 30).collect();
    let now = START + 3 * DAY;
    let kept = stays(&times, now);
    for (age, grain) in [(30 * MINUTE, 30), (5 * HOUR, MINUTE), (2 * DAY, HOUR)] {
        let asked = now - age;
        let shown = kept.iter().rev().find(|at| **at <= asked).unwrap();
        assert!(asked - shown <= grain, "{} s before {age} s ago", asked - shown);
    }
}

#[test]
fn a_clock_that_jumps_ahead_makes_nothing_old() {
    let times: Vec<i64> = (0..600).map(|n| START + n * 10).collect();
    let now = times[599];
    // Nobody knows at first that it is wrong.
    let kept = stays(&times, now + 4 * 365 * DAY);
    let minutes: HashSet<i64> = kept.iter().map(|at| at / MINUTE).collect();
    assert_eq!(minutes.len(), 100, "half a day has passed at most: one a minute is there");
    // Snapshots of that time stay until it has come, and age nothing when the clock is right again.
    let mut later = times.clone();
    later.extend((1..=5).map(|n| now + 4 * 365 * DAY + n * 5));
    later.extend((1..=5).map(|n| now + 20 + n));
    let kept = stays(&later, now + 30);
    assert_eq!(kept.iter().filter(|at| **at > now + DAY).count(), 5);
}

#[test]
fn a_clock_that_is_set_back_harms_nothing() {
    let times: Vec<i64> = (0..600).map(|n| START + n * 10).collect();
    assert_eq!(stays(&times, 0), times);
}

#[test]
fn who_was_away_for_months_finds_everything_half_a_day_older() {
    let times: Vec<i64> = (0..600).map(|n| START + n * 10).collect();
    assert_eq!(stays(&times, times[599] + 90 * DAY), stays(&times, times[599] + 12 * HOUR));
}

#[test]
fn what_is_marked_stays_and_parts_take_nobodys_place() {
    let mut timeline = timeline(&(0..100).map(|n| START + n * 10).collect::<Vec<_>>());
    timeline.entries[5].coverage = Coverage::Part;
    let marked = HashSet::from([SnapshotId(10)]);
    let plan = plan(&timeline, &marked, second(START + 3 * DAY), &Options::default());
    assert!(plan.for_ever.contains(&SnapshotId(10)) && !plan.expired.contains(&SnapshotId(10)));
    assert!(plan.by_time.contains(&SnapshotId(6)), "a part, and the only one of its hour");
}

fn part(bytes: u64, text: bool, mentions: &[usize]) -> Part {
    Part { bytes, text, mentions: mentions.to_vec() }
}

/// Three snapshots of a window each with a text of its own; all texts share one block.
fn holdings() -> Holdings {
    let mut parts = vec![part(1000, true, &[])];
    let mut snapshots = HashMap::new();
    for id in 1..=3 {
        parts.push(part(100, true, &[0]));
        parts.push(part(10, false, &[parts.len() - 1]));
        snapshots.insert(SnapshotId(id), vec![parts.len() - 1]);
    }
    Holdings { parts, snapshots }
}

fn ids(ids: &[i64]) -> Vec<SnapshotId> {
    ids.iter().copied().map(SnapshotId).collect()
}

#[test]
fn the_oldest_text_goes_first_then_whole_snapshots() {
    let all = ids(&[1, 2, 3]);
    let room = |excess| make_room(&holdings(), &[], &all, excess);
    assert_eq!(room(0), Room::default());
    assert_eq!(room(50), Room { thinned: ids(&[1]), freed: 100, ..Room::default() });
    assert_eq!(room(1200), Room { thinned: ids(&[1, 2, 3]), freed: 1300, ..Room::default() });
    assert_eq!(
        room(1305),
        Room { thinned: ids(&[2, 3]), removed: ids(&[1]), freed: 1310, ..Room::default() }
    );
    let over = Room { thinned: all.clone(), freed: 1300, over: 100, ..Room::default() };
    assert_eq!(room(1400), over, "what could not help stays");
}

#[test]
fn what_something_else_mentions_frees_nothing() {
    let kept_for_ever = make_room(&holdings(), &[], &ids(&[1, 2]), 5000);
    assert_eq!(kept_for_ever.freed, 200);
    assert_eq!(kept_for_ever.over, 4800);
    let expired = make_room(&holdings(), &ids(&[3]), &ids(&[1, 2]), 100);
    assert_eq!(expired, Room { freed: 110, ..Room::default() });
}

/// Moments one after the other; now and then the clock jumps.
fn times() -> impl Strategy<Value = Vec<i64>> {
    let step = prop_oneof![
        10 => 0..90_i64,
        4 => 0..2 * HOUR,
        2 => 0..3 * DAY,
        1 => -10 * DAY..400 * DAY,
    ];
    prop::collection::vec(step, 1..120).prop_map(|steps| {
        let sum = |at: &mut i64, step: i64| {
            *at += step;
            Some(*at)
        };
        steps.into_iter().scan(START, sum).collect()
    })
}

proptest! {
    #[test]
    fn pruning_twice_is_pruning_once_and_order_does_not_matter(times in times(), later in 0..400 * DAY) {
        let now = times[times.len() - 1] + later;
        let mut timeline = timeline(&times);
        let first = expired(&timeline, now);
        let rest = timeline.without(&first);
        prop_assert_eq!(expired(&rest, now), HashSet::new());
        timeline.entries.reverse();
        prop_assert_eq!(expired(&timeline, now), first);
    }

    #[test]
    fn a_prune_that_was_interrupted_is_completed(times in times(), done in 0..120_usize) {
        let now = times[times.len() - 1] + HOUR;
        let timeline = timeline(&times);
        let plan = plan(&timeline, &HashSet::new(), second(now), &Options::default());
        let done: HashSet<SnapshotId> = plan.expired.iter().copied().take(done).collect();
        let left: HashSet<SnapshotId> = plan.expired.iter().copied().filter(|id| !done.contains(id)).collect();
        prop_assert_eq!(expired(&timeline.without(&done), now), left);
    }

    #[test]
    fn the_newest_and_the_last_hour_always_stay(times in times(), later in 0..HOUR) {
        let now = times[times.len() - 1] + later;
        let timeline = timeline(&times);
        let expired = expired(&timeline, now);
        prop_assert!(!expired.contains(&SnapshotId(times.len() as i64)));
        let mut replaced = now;
        for (position, at) in times.iter().enumerate().rev() {
            let id = position as i64 + 1;
            let recent = now - replaced <= HOUR && replaced <= now;
            prop_assert!(!recent || !expired.contains(&SnapshotId(id)), "{id} was replaced at {replaced}, now is {now}");
            prop_assert!(*at <= now || !expired.contains(&SnapshotId(id)), "{id} is from the future");
            replaced = replaced.min(*at);
        }
    }

    #[test]
    fn what_comes_back_is_the_same(times in times(), later in 0..400 * DAY) {
        let now = second(times[times.len() - 1] + later);
        let timeline = timeline(&times);
        let rest = timeline.without(&expired(&timeline, now.as_second()));
        let back = |timeline: &Timeline| choose(timeline, None, now, &Options::default());
        prop_assert_eq!(back(&rest).chosen, back(&timeline).chosen);
    }

    #[test]
    fn room_is_made_of_what_may_go_and_no_more_than_needed(seed in prop::collection::vec((1..500_u64, any::<bool>(), 0..6_usize), 1..40), excess in 0..4000_u64) {
        let mut holdings = Holdings::default();
        for (position, (bytes, text, back)) in seed.iter().enumerate() {
            let mentions = if *back > 0 && position >= *back { vec![position - back] } else { Vec::new() };
            holdings.parts.push(part(*bytes, *text, &mentions));
            holdings.snapshots.entry(SnapshotId(position as i64 % 7)).or_default().push(position);
        }
        let may_go = ids(&[0, 1, 2, 3]);
        let room = make_room(&holdings, &[], &may_go, excess);
        let gone = |id: &SnapshotId| room.thinned.contains(id) || room.removed.contains(id);
        for id in holdings.snapshots.keys() {
            prop_assert!(!gone(id) || may_go.contains(id));
        }
        prop_assert_eq!(room.over, excess.saturating_sub(room.freed));
        // Nothing goes as a whole while all text is enough, or if that is in vain.
        let all_text = make_room(&holdings, &[], &may_go, u64::MAX).freed;
        prop_assert!(room.removed.is_empty() || (all_text < excess && room.over == 0));
        if excess == 0 {
            prop_assert_eq!(room, Room::default());
        }
    }
}
