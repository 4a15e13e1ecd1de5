//! Random states, editors with text in no file among them, through all forms that a state takes in the store.

use proptest::prelude::*;

use super::*;
use crate::model::{BlockId, Editor};

/// The same states as those of one life of one server, a second apart.
fn one_life(samples: Vec<Sample>) -> Vec<Sample> {
    let one = |(seconds, sample): (i64, Sample)| {
        let (_, own, sessions, windows) = sample.snapshot.into_parts();
        let Server { name, generation, version, uid, .. } = server(1, 0);
        let own = Server { name, generation, version, uid, ..own };
        Sample { snapshot: Snapshot::new(second(seconds), own, sessions, windows).unwrap(), ..sample }
    };
    (1..).zip(samples).map(one).collect()
}

/// What editors in a snapshot hold: each block once.
fn held(snapshot: &Snapshot) -> Vec<BlockId> {
    let mut held: Vec<BlockId> =
        snapshot.panes().flat_map(Pane::editors).flat_map(Editor::blocks).map(|block| block.id).collect();
    held.sort();
    held.dedup();
    held
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Packed, beside one that is forgotten, and after that in no row and no file.
    #[test]
    fn packs_lose_nothing_and_what_is_forgotten_is_gone(
        samples in proptest::collection::vec(arbitrary::sample(), 4..7), forgotten in 0_usize..3,
    ) {
        let samples = one_life(samples);
        let ground = Ground::new();
        let store = ground.store();
        let name = server(1, 0).name;
        let ids: Vec<SnapshotId> = samples.iter().map(|sample| save(&store, sample).id).collect();
        // Equal ones are one.
        prop_assume!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        let saving = store.saving(&name, Duration::ZERO).unwrap();
        prop_assert!(saving.pack(&store.packable(&name, &ids).unwrap()).unwrap());
        for (id, sample) in ids.iter().zip(&samples) {
            prop_assert_eq!(&load(&store, *id), &sample.snapshot);
        }
        saving.forget(&[ids[forgotten]]).unwrap();
        let mut kept = Vec::new();
        for (id, sample) in ids.iter().zip(&samples).filter(|(id, _)| **id != ids[forgotten]) {
            prop_assert_eq!(&load(&store, *id), &sample.snapshot);
            kept.extend(held(&sample.snapshot));
            kept.extend(texts(&sample.snapshot));
        }
        let gone: Vec<BlockId> =
            held(&samples[forgotten].snapshot).into_iter().filter(|id| !kept.contains(id)).collect();
        for id in gone.iter().filter(|id| **id != BlockId::of(b"")) {
            prop_assert!(ground.store().block(id).is_err(), "{} is still there", id);
        }
        prop_assert_eq!(store.verify().unwrap().problems, []);
    }

    /// If all else is lost the last states still hold what was in no file; forgotten, they do not.
    #[test]
    fn emergency_files_hold_what_editors_held(samples in proptest::collection::vec(arbitrary::sample(), 2)) {
        let samples = one_life(samples);
        let ground = Ground::new();
        let store = ground.store();
        let saving = store.saving(&server(1, 0).name, Duration::ZERO).unwrap();
        let mut ids = Vec::new();
        for sample in &samples {
            let blocks = prepare(sample);
            let save = Save { emergency: Emergency::Now, ..Save::automatic(&sample.snapshot, &blocks) };
            ids.push(saving.save(&save).unwrap().value.id);
        }
        prop_assume!(ids[0] < ids[1]);
        for (left, sample) in [(2, &samples[1]), (1, &samples[0])] {
            let found = Store::emergencies(&ground.place).unwrap().value;
            prop_assert_eq!(found.len(), 1);
            let (file, expected) = (&found[0], &sample.snapshot);
            for (read, saved) in file.snapshot.panes().zip(expected.panes()) {
                prop_assert_eq!(&read.program, &saved.program);
                prop_assert_eq!(&read.debts, &saved.debts);
            }
            for id in held(expected) {
                prop_assert_eq!(BlockId::of(&file.block(&id).unwrap()), id);
            }
            saving.forget(&[ids[left - 1]]).unwrap();
        }
        prop_assert!(Store::emergencies(&ground.place).unwrap().value.is_empty());
    }
}

/// The blocks of the texts in a snapshot.
fn texts(snapshot: &Snapshot) -> Vec<BlockId> {
    let texts = snapshot.panes().filter_map(|pane| pane.text.as_ref());
    texts.flat_map(|text| text.history.iter().chain([&text.screen])).map(|block| block.id).collect()
}
