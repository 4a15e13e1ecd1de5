//! Pruning on a real store: what stays is whole, whoever is at work and wherever it stops.

use std::time::Duration;

use super::super::*;
use super::removal::{Ground, name, second, snapshot};
use crate::choose::Options;
use crate::model::{BlockId, BlockRef, Scrollback, Size, SnapshotId, TextMark};
use crate::store::{Access, Emergency, PreparedBlock, Save, Store};

const START: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

fn policy(limit: Option<u64>) -> Policy {
    Policy { limit, options: Options::default(), patience: Duration::ZERO, thorough: true }
}

/// So many automatic saves, a second apart, each of another state.
fn saves(store: &Store, from: i64, count: i64) {
    for number in from..from + count {
        save(store, START + number, number, None);
    }
}

/// A save of a session with a text of its own; `shared` comes before it.
fn save(store: &Store, at: i64, number: i64, shared: Option<&[u8]>) -> SnapshotId {
    save_blocks(store, at, shared.into_iter().map(<[u8]>::to_vec).chain([noise(number as u64)]).collect())
}

/// A save of a session with these blocks of text.
fn save_blocks(store: &Store, at: i64, text: Vec<Vec<u8>>) -> SnapshotId {
    let reference = |bytes: &[u8]| BlockRef {
        id: BlockId::of(bytes),
        lines: bytes.iter().filter(|byte| **byte == b'\n').count() as u32,
        bytes: bytes.len() as u32,
    };
    let (taken_at, server, sessions, mut windows) = snapshot(at, &[("work", 1), ("other", 2)]).into_parts();
    windows[0].panes[0].text = Some(Scrollback {
        size: Size { width: 80, height: 24 },
        head: None,
        skip: 0,
        history: text.iter().map(|block| reference(block)).collect(),
        screen: reference(b"$ \n"),
        end_row: 1,
        mark: TextMark::default(),
    });
    let snapshot = crate::model::Snapshot::new(taken_at, server, sessions, windows).unwrap();
    let blocks = text.iter().map(Vec::as_slice).chain([&b"$ \n"[..]]);
    let blocks: Vec<PreparedBlock> = blocks.map(|bytes| PreparedBlock::new(bytes).unwrap()).collect();
    let saving = store.saving(&name(), Duration::from_secs(20)).unwrap();
    let save = Save { emergency: Emergency::Never, ..Save::automatic(&snapshot, &blocks) };
    saving.save(&save).unwrap().value.id
}

/// Lines that do not compress.
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed + 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    (0..400).flat_map(|_| format!("{:x}{:x}{:x}\n", next(), next(), next()).into_bytes()).collect()
}

fn ids(store: &Store) -> Vec<i64> {
    let mut ids: Vec<i64> =
        store.list(&Default::default()).unwrap().iter().map(|listed| listed.entry.id.0).collect();
    ids.sort_unstable();
    ids
}

/// Everything that is there is whole, text included.
#[track_caller]
fn assert_whole(store: &Store) {
    let report = store.verify().unwrap();
    assert_eq!(report.problems, []);
}

fn prune_all(store: &Store, limit: Option<u64>, now: i64) -> Pruned {
    prune(store, &policy(limit), second(now), &mut || true).unwrap()
}

#[test]
fn what_goes_is_given_back_and_what_stays_is_whole() {
    let ground = Ground::new();
    saves(&ground.store, 0, 200);
    let file = ground.place.folder().join("evermux.db");
    let now = START + 2 * DAY;
    let planned = plan_prune(&ground.store, &policy(None), true, second(now)).unwrap();
    let told = planned.room.unwrap().freed;
    ground.store.settle_log();
    let before = std::fs::metadata(&file).unwrap().len();
    let pruned = prune_all(&ground.store, None, now);
    assert!(pruned.complete && pruned.removed.len() > 180, "{pruned:?}");
    assert_eq!(pruned.removed.len() + ids(&ground.store).len(), 200);
    assert!(ids(&ground.store).contains(&200), "the newest stays");
    assert_whole(&ground.store);
    let after = std::fs::metadata(&file).unwrap().len();
    assert!(before - after >= pruned.freed, "{before} {after} {}", pruned.freed);
    let error = told.abs_diff(pruned.freed) as f64 / pruned.freed as f64;
    assert!(error < 0.1, "told {told}, freed {}", pruned.freed);
    assert_eq!(ground.store.size().unwrap().free, 0);
    assert_eq!(ground.store.pruned_at().unwrap(), Some(second(now)));
    assert_eq!(prune_all(&ground.store, None, now).removed, []);
}

#[test]
fn what_stays_goes_into_packs_and_comes_out_again() {
    let ground = Ground::new();
    saves(&ground.store, 0, 100);
    let listed = ground.store.list(&Default::default()).unwrap();
    let before = ground.store.size().unwrap().used;
    let snapshots: Vec<_> =
        listed.iter().map(|it| ground.store.snapshot(it.entry.id).unwrap().value).collect();
    // All of the last hour.
    assert_eq!(prune_all(&ground.store, None, START + 100).removed, []);
    let name = name();
    let all: Vec<SnapshotId> = listed.iter().map(|it| it.entry.id).collect();
    let left = ground.store.packable(&name, &all).unwrap();
    assert!(left.len() < 20, "{left:?}");
    assert!(ground.store.size().unwrap().used < before);
    assert_eq!(ground.store.list(&Default::default()).unwrap(), listed);
    for (listed, snapshot) in listed.iter().zip(&snapshots) {
        assert_eq!(ground.store.snapshot(listed.entry.id).unwrap().value, *snapshot);
    }
    assert_whole(&ground.store);
    // Nothing is left to do, and nothing is done.
    let used = ground.store.size().unwrap().used;
    prune_all(&ground.store, None, START + 100);
    assert_eq!(ground.store.size().unwrap().used, used);
    // Within a limit, and by age, what is in packs goes like everything else.
    let pruned = prune_all(&ground.store, Some(used / 2), START + 100);
    assert!(!pruned.thinned.is_empty() && ground.store.size().unwrap().used <= used / 2, "{pruned:?}");
    assert_whole(&ground.store);
    prune_all(&ground.store, None, START + 2 * DAY);
    assert!(ids(&ground.store).len() < 20);
    assert_whole(&ground.store);
}

#[test]
fn packs_that_are_large_stay_as_they_are_however_few_snapshots_they_hold() {
    let ground = Ground::new();
    let mut number = 0;
    let mut saves = |count: i64| {
        for _ in 0..count {
            let block =
                |block: u64| (0..6).flat_map(move |part| noise(number as u64 * 100 + block * 10 + part));
            save_blocks(&ground.store, START + number, (0..6).map(|it| block(it).collect()).collect());
            number += 1;
        }
        prune_all(&ground.store, None, START + number);
        ground.store.packed().unwrap()
    };
    let before = saves(66);
    // Together they are too large for one pack.
    assert!(before.len() >= 2 && before.iter().all(|pack| pack.len() < 48), "{before:?}");
    let after = saves(20);
    for pack in &before {
        assert!(after.contains(pack), "{pack:?}: {after:?}");
    }
    assert_whole(&ground.store);
}

#[test]
fn what_is_due_in_a_pack_that_is_mostly_kept_goes_with_others() {
    let ground = Ground::new();
    // One a minute: each is due a day after it was saved, but for one an hour. A pause counts as half a day at most.
    for number in 0..100 {
        save(&ground.store, START + number * 60, number, None);
    }
    save(&ground.store, START + 13 * 3600, 100, None);
    let by_itself = |now: i64| {
        let policy = Policy { thorough: false, ..policy(None) };
        let pruned = prune(&ground.store, &policy, second(now), &mut || true).unwrap();
        assert!(pruned.complete);
        assert_whole(&ground.store);
        pruned.removed.len()
    };
    assert_eq!(by_itself(START + 13 * 3600), 0);
    let packs = ground.store.packed().unwrap();
    let mut sizes: Vec<usize> = packs.iter().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes.last(), Some(&64), "{sizes:?}");
    // 20 minutes of the first pack are due, then 40.
    assert_eq!(by_itself(START + DAY + 20 * 60), 0);
    let gone = by_itself(START + DAY + 40 * 60);
    assert!(gone > 30, "{gone}");
    // By hand everything that is due goes.
    let policy = policy(None);
    let now = second(START + DAY + 50 * 60);
    let due = plan_prune(&ground.store, &policy, false, now).unwrap().servers[0].steps.len();
    assert!(due > 5, "{due}");
    assert_eq!(prune(&ground.store, &policy, now, &mut || true).unwrap().removed.len(), due);
    assert_whole(&ground.store);
}

#[test]
fn an_interrupted_prune_is_completed_by_the_next() {
    for steps in 0..8 {
        let ground = Ground::new();
        saves(&ground.store, 0, 100);
        let now = second(START + 2 * DAY);
        let whole = plan_prune(&ground.store, &policy(None), false, now).unwrap();
        let mut left = steps;
        let mut go_on = || {
            left -= 1;
            left >= 0
        };
        let pruned = prune(&ground.store, &policy(None), now, &mut go_on).unwrap();
        assert_eq!(pruned.complete, steps >= 6, "{steps}");
        assert_whole(&ground.store);
        let store = Store::open(&ground.place, Access::Write).unwrap();
        prune(&store, &policy(None), now, &mut || true).unwrap();
        let mut rest: Vec<i64> = (1..=100).collect();
        rest.retain(|id| !whole.servers[0].plan.expired.contains(&SnapshotId(*id)));
        assert_eq!(ids(&store), rest);
        assert_whole(&store);
    }
}

#[test]
fn what_others_do_meanwhile_is_seen_before_anything_goes() {
    let ground = Ground::new();
    saves(&ground.store, 0, 100);
    let other = Store::open(&ground.place, Access::Write).unwrap();
    let mut step = 0;
    let mut go_on = || {
        step += 1;
        match step {
            // Pinned after the plan was made, before it is carried out.
            1 => other.saving(&name(), Duration::ZERO).unwrap().pin(SnapshotId(7), true).unwrap(),
            3 => saves(&other, 100, 1),
            4 => other.saving(&name(), Duration::ZERO).unwrap().rename(SnapshotId(95), Some("x")).unwrap(),
            _ => {}
        }
        true
    };
    let pruned = prune(&ground.store, &policy(None), second(START + 2 * DAY), &mut go_on).unwrap();
    assert!(pruned.complete);
    let rest = ids(&ground.store);
    assert!(rest.contains(&7) && rest.contains(&95) && rest.contains(&101) && rest.len() < 15, "{rest:?}");
    assert_whole(&ground.store);
}

#[test]
fn who_saves_is_not_waited_for() {
    let ground = Ground::new();
    saves(&ground.store, 0, 50);
    let other = Store::open(&ground.place, Access::Write).unwrap();
    let saving = other.saving(&name(), Duration::ZERO).unwrap();
    let pruned = prune_all(&ground.store, None, START + 2 * DAY);
    assert!(!pruned.complete && pruned.removed.is_empty());
    drop(saving);
    assert!(prune_all(&ground.store, None, START + 2 * DAY).complete);
    let _pruning = other.pruning().unwrap();
    let result = prune(&ground.store, &policy(None), second(START), &mut || true);
    assert!(matches!(result, Err(crate::store::StoreError::Busy { .. })));
}

#[test]
fn the_oldest_text_goes_and_what_is_shared_stays() {
    let ground = Ground::new();
    let shared = noise(9999);
    let ids: Vec<SnapshotId> =
        (0..20).map(|n| save(&ground.store, START + n * 60, n, Some(&shared))).collect();
    let used = ground.store.size().unwrap().used;
    let now = START + 20 * 60;
    let pruned = prune_all(&ground.store, Some(used - 20_000), now);
    assert_eq!(pruned.removed, [], "the last hour stays");
    assert!(pruned.complete && !pruned.thinned.is_empty() && pruned.thinned.len() < 15, "{pruned:?}");
    assert_eq!(pruned.thinned, ids[..pruned.thinned.len()], "the oldest");
    assert!(ground.store.size().unwrap().used <= used - 20_000);
    assert_whole(&ground.store);
    for id in &ids {
        let report = ground.store.snapshot(*id).unwrap();
        assert_eq!(report.problems, []);
        let text = report.value.windows()[0].panes[0].text.clone();
        assert_eq!(text.is_none(), pruned.thinned.contains(id));
        for block in text.iter().flat_map(|text| &text.history) {
            ground.store.block(&block.id).unwrap();
        }
    }
    let thinned = ground.store.list(&Default::default()).unwrap().into_iter().filter(|it| it.thinned);
    assert_eq!(thinned.count(), pruned.thinned.len());
    // Of a state that was thinned, a save makes a new snapshot, with its text.
    let again = save(&ground.store, now + 60, 0, Some(&shared));
    assert!(ground.store.snapshot(again).unwrap().value.windows()[0].panes[0].text.is_some());
    assert_whole(&ground.store);
}

#[test]
fn what_is_kept_for_ever_stays_above_the_limit() {
    let ground = Ground::new();
    let ids: Vec<SnapshotId> = (0..5).map(|n| save(&ground.store, START + n * 60, n, None)).collect();
    for id in &ids[..2] {
        ground.store.saving(&name(), Duration::ZERO).unwrap().pin(*id, true).unwrap();
    }
    let pruned = prune_all(&ground.store, Some(1000), START + 300);
    assert_eq!(pruned.removed, []);
    assert_eq!(pruned.thinned, ids[2..3], "the last two are the end of a life");
    let over = pruned.over.unwrap();
    assert!(over.used > over.limit && over.limit == 1000, "{over:?}");
    for id in [ids[0], ids[1], ids[3], ids[4]] {
        assert!(ground.store.snapshot(id).unwrap().value.windows()[0].panes[0].text.is_some());
    }
    crate::store::write_over(&ground.place, Some(&over)).unwrap();
    assert_eq!(crate::store::over(&ground.place), Some(over));
    crate::store::write_over(&ground.place, None).unwrap();
    crate::store::write_over(&ground.place, None).unwrap();
    assert_eq!(crate::store::over(&ground.place), None);
}
