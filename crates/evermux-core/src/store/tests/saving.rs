//! What is saved comes back; what is equal makes no new row.

use proptest::prelude::*;

use super::*;
use crate::choose::{Coverage, Ending, GenerationEnd, Outcome, Settled, Source, WhySettled};
use crate::model::{EditorFacts, Kind};

/// Changes everything that does not count for equality.
fn later(snapshot: &Snapshot, seed: u64) -> Snapshot {
    let (taken_at, mut server, mut sessions, mut windows) = snapshot.clone().into_parts();
    server.clients.clear();
    for session in &mut sessions {
        session.facts = SessionFacts { created: seed as i64 >> 1, attached: 7, ..SessionFacts::default() };
    }
    for window in &mut windows {
        window.facts = WindowFacts { automatic_rename: true, alerts: "#".into() };
        for pane in &mut window.panes {
            pane.facts = PaneFacts { pid: Some(seed as u32), cursor: (1, 2), ..PaneFacts::default() };
            if let Some(text) = &mut pane.text {
                text.mark = TextMark { captured: 5, anchor: vec![seed], ..TextMark::default() };
            }
            if let Some(program) = &mut pane.program {
                program.started += 1;
                if let Some(editor) = &mut program.editor {
                    editor.facts = EditorFacts { pid: seed as u32, ..EditorFacts::default() };
                }
            }
        }
    }
    Snapshot::new(taken_at + std::time::Duration::from_secs(5), server, sessions, windows).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_saved_comes_back(sample in arbitrary::sample()) {
        let ground = Ground::new();
        let saved = save(&ground.store(), &sample);
        prop_assert!(saved.new);
        prop_assert_eq!(load(&ground.store(), saved.id), sample.snapshot);
    }

    #[test]
    fn equal_states_make_no_new_row(sample in arbitrary::sample(), seed: u64) {
        let ground = Ground::new();
        let store = ground.store();
        let first = save(&store, &sample);
        let again = Sample { snapshot: later(&sample.snapshot, seed), blocks: vec![] };
        prop_assert_eq!(save(&store, &again), Saved { id: first.id, new: false });
        // What changed all the same is the latest; when it was first seen so stays.
        let (_, server, sessions, windows) = again.snapshot.clone().into_parts();
        let expected = Snapshot::new(sample.snapshot.taken_at(), server, sessions, windows).unwrap();
        prop_assert_eq!(load(&store, first.id), expected);
        let listed = &store.list(&Wanted::default()).unwrap()[0];
        prop_assert_eq!(listed.entry.taken_at, sample.snapshot.taken_at());
        prop_assert_eq!(listed.entry.still_at, again.snapshot.taken_at());
        // The facts that were replaced are gone.
        let facts: i64 = store.connection
            .query_row("SELECT count(*) FROM parts WHERE kind IN ('facts', 'clients')", [], |row| row.get(0))
            .unwrap();
        prop_assert!(facts <= sample.snapshot.sessions().len() as i64 + 1);
    }

    #[test]
    fn timelines_are_what_was_saved(samples in proptest::collection::vec(arbitrary::sample(), 1..6)) {
        let ground = Ground::new();
        let store = ground.store();
        let ids: Vec<SnapshotId> = samples.iter().map(|sample| save(&store, sample).id).collect();
        prop_assert!(ids.is_sorted());
        for (id, sample) in ids.iter().zip(&samples) {
            let listed = store.list(&Wanted::default()).unwrap();
            let listed = listed.iter().find(|listed| listed.entry.id == *id).unwrap();
            prop_assert_eq!(&listed.entry.sessions, &crate::choose::SessionEntry::of(&sample.snapshot));
            prop_assert_eq!(&listed.entry.generation, &sample.snapshot.server().generation);
            prop_assert_eq!(listed.panes as usize, sample.snapshot.panes().count());
            prop_assert_eq!(listed.windows as usize, sample.snapshot.windows().len());
        }
        let report = store.verify().unwrap();
        prop_assert_eq!(report.problems, []);
        prop_assert_eq!(report.value.snapshots, store.list(&Wanted::default()).unwrap().len());
    }
}

#[test]
fn a_change_stores_only_what_changed() {
    let ground = Ground::new();
    let store = ground.store();
    let first = sample(10, 1, &["one", "two", "three"]);
    save(&store, &first);
    let parts =
        || -> i64 { store.connection.query_row("SELECT count(*) FROM parts", [], |row| row.get(0)).unwrap() };
    let before = parts();
    let (_, server, sessions, mut windows) = first.snapshot.clone().into_parts();
    windows[1].panes[0].directory = "/elsewhere".into();
    let second = Snapshot::new(second(11), server, sessions, windows).unwrap();
    assert!(save(&store, &Sample { snapshot: second, blocks: vec![] }).new);
    // The window, and the session that mentions it.
    assert_eq!(parts(), before + 2);
}

#[test]
fn a_new_generation_is_a_new_row() {
    let ground = Ground::new();
    let store = ground.store();
    let first = save(&store, &sample(10, 1, &["a"]));
    let second = save(&store, &sample(20, 2, &["a"]));
    assert_eq!((first.new, second.new), (true, true));
    assert!(second.id > first.id);
}

#[test]
fn names_join_equal_states() {
    let ground = Ground::new();
    let store = ground.store();
    let sample = sample(10, 1, &["a"]);
    let saving = store.saving(&sample.snapshot.server().name, Duration::ZERO).unwrap();
    let blocks = prepare(&sample);
    let base = Save { emergency: Emergency::Never, ..Save::automatic(&sample.snapshot, &blocks) };
    let save = |kind, name: Option<&str>| {
        saving.save(&Save { kind, name: name.map(str::to_owned), ..base.clone() }).unwrap().value
    };
    let first = save(Kind::Automatic, None);
    assert_eq!(save(Kind::Manual, Some("x")), Saved { id: first.id, new: false });
    assert_eq!(save(Kind::Automatic, None), Saved { id: first.id, new: false });
    let listed = &store.list(&Wanted::default()).unwrap()[0];
    assert_eq!((listed.entry.kind, listed.name.as_deref()), (Kind::Manual, Some("x")));
    let other = save(Kind::Manual, Some("y"));
    assert!(other.new);
    let named = Wanted { name: Some("x".to_owned()), ..Wanted::default() };
    assert_eq!(store.list(&named).unwrap().len(), 1);
}

#[test]
fn a_part_of_a_server_does_not_hide_the_whole() {
    let ground = Ground::new();
    let store = ground.store();
    let whole = sample(10, 1, &["a", "b"]);
    let part = sample(11, 1, &["a"]);
    let id = save(&store, &whole).id;
    {
        let saving = store.saving(&whole.snapshot.server().name, Duration::ZERO).unwrap();
        let save = Save { coverage: Coverage::Part, ..Save::automatic(&part.snapshot, &[]) };
        assert!(saving.save(&save).unwrap().value.new);
        assert!(!saving.save(&save).unwrap().value.new);
    }
    assert_eq!(store.latest(&whole.snapshot.server().name).unwrap(), Some(id));
    assert!(!save(&store, &sample(12, 1, &["a", "b"])).new);
}

#[test]
fn after_a_part_in_another_state_the_old_state_is_a_new_one() {
    let ground = Ground::new();
    let store = ground.store();
    let before = save(&store, &sample(10, 1, &["a", "b"])).id;
    let (at, server, mut sessions, windows) = sample(11, 1, &["a"]).snapshot.into_parts();
    sessions[0].directory = "/elsewhere".into();
    let part = Snapshot::new(at, server, sessions, windows).unwrap();
    let saving = store.saving(&part.server().name, Duration::ZERO).unwrap();
    let save_part = Save { coverage: Coverage::Part, ..Save::automatic(&part, &[]) };
    let between = saving.save(&save_part).unwrap().value.id;
    drop(saving);
    let after = save(&store, &sample(12, 1, &["a", "b"]));
    assert!(after.new && before < between && between < after.id);
}

#[test]
fn what_is_not_a_save_is_refused() {
    let ground = Ground::new();
    let store = ground.store();
    let empty = Snapshot::new(second(1), server(1, 0), vec![], vec![]).unwrap();
    let full = sample(1, 1, &["a"]);
    let name = full.snapshot.server().name.clone();
    let saving = store.saving(&name, Duration::ZERO).unwrap();
    assert!(matches!(saving.save(&Save::automatic(&empty, &[])), Err(StoreError::Empty)));
    drop(saving);
    let other = ServerName { socket: "/other".into(), ..name };
    let saving = store.saving(&other, Duration::ZERO).unwrap();
    assert!(matches!(saving.save(&Save::automatic(&full.snapshot, &[])), Err(StoreError::WrongServer(_))));
    drop(saving);
    let id = save(&store, &full).id;
    let saving = store.saving(&other, Duration::ZERO).unwrap();
    assert!(matches!(saving.pin(id, true), Err(StoreError::OtherServer(_))));
    assert!(matches!(saving.forget(&[id]), Err(StoreError::OtherServer(_))));
    assert!(matches!(saving.pin(SnapshotId(99), true), Err(StoreError::NoSnapshot(_))));
    assert!(matches!(store.snapshot(SnapshotId(99)), Err(StoreError::NoSnapshot(_))));
}

#[test]
fn a_missing_block_costs_one_text() {
    let ground = Ground::new();
    let store = ground.store();
    let mut sample = sample(10, 1, &["a", "b"]);
    sample.blocks.remove(0);
    let report = try_save(&store, &sample).unwrap();
    assert_eq!(report.problems.len(), 1);
    let texts: Vec<bool> = load(&store, report.value.id).panes().map(|pane| pane.text.is_some()).collect();
    assert_eq!(texts, [false, true]);
}

#[test]
fn annotations_are_kept() {
    let ground = Ground::new();
    let store = ground.store();
    let sample = sample(10, 1, &["a"]);
    let id = save(&store, &sample).id;
    let server = &sample.snapshot.server().name;
    let saving = store.saving(server, Duration::ZERO).unwrap();
    saving.pin(id, true).unwrap();
    saving.rename(id, Some("before the move")).unwrap();
    saving.note(id, Some("a note")).unwrap();
    let listed = &store.list(&Wanted::default()).unwrap()[0];
    assert!(listed.pinned);
    assert_eq!((listed.name.as_deref(), listed.note.as_deref()), (Some("before the move"), Some("a note")));
    saving.rename(id, None).unwrap();
    saving.pin(id, false).unwrap();
    let listed = &store.list(&Wanted::default()).unwrap()[0];
    assert_eq!((listed.pinned, listed.name.as_deref()), (false, None));
    let ending = Ending::Collapse { since: second(9) };
    let end = GenerationEnd { generation: sample.snapshot.server().generation.clone(), ending };
    saving.note_ending(&end).unwrap();
    let pane = sample.snapshot.panes().next().unwrap().identity;
    let settled = Settled { pane, until: second(11), why: WhySettled::Forgotten };
    saving.settle(&[settled]).unwrap();
    let timeline = store.timeline(server).unwrap();
    assert_eq!((timeline.endings, timeline.settled), (vec![end], vec![settled]));
    assert_eq!(timeline.entries.len(), 1);
}

/// Every byte of every file of the store.
fn bytes_on_disk(ground: &Ground) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(ground.place.folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            all.extend(fs::read(path).unwrap());
        }
    }
    all
}

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[test]
fn forgetting_leaves_no_trace() {
    // Too irregular for zstd, so that the bytes stand in the files as they are.
    let secret = "x9Qz-7fK_pW2#vLm81!rTb0&Gd5^sHc3*jYe6(uNa4)iXo";
    let ground = Ground::new();
    let store = ground.store();
    let mut hidden = sample(10, 1, &["a", "b"]);
    let (at, server, sessions, mut windows) = hidden.snapshot.into_parts();
    let name = server.name.clone();
    windows[0].panes[0].text.as_mut().unwrap().screen = reference(secret.as_bytes());
    hidden.blocks.push(secret.as_bytes().to_vec());
    hidden.snapshot = Snapshot::new(at, server, sessions, windows).unwrap();
    let saving = store.saving(&name, Duration::ZERO).unwrap();
    let blocks = prepare(&hidden);
    let id = saving.save(&Save::automatic(&hidden.snapshot, &blocks)).unwrap().value.id;
    let open = sample(60, 1, &["a", "b"]);
    let blocks = prepare(&open);
    let kept = saving
        .save(&Save { emergency: Emergency::Never, ..Save::automatic(&open.snapshot, &blocks) })
        .unwrap()
        .value
        .id;
    assert!(contains(&bytes_on_disk(&ground), secret));
    let report = saving.forget(&[id]).unwrap();
    assert_eq!(report.problems, []);
    assert_eq!(report.value.snapshots, 1);
    assert!(!contains(&bytes_on_disk(&ground), secret));
    assert!(matches!(store.snapshot(id), Err(StoreError::NoSnapshot(_))));
    assert_eq!(load(&store, kept), open.snapshot);
    // The emergency file is that of the snapshot which is left.
    let files = Store::emergencies(&ground.place).unwrap().value;
    assert_eq!(files.iter().map(|file| file.id).collect::<Vec<_>>(), [kept]);
    // Its number is not used again, and nothing was left behind.
    assert_eq!(saving.forget(&[kept]).unwrap().value.snapshots, 1);
    let left: i64 = store.connection.query_row("SELECT count(*) FROM parts", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
    assert!(Store::emergencies(&ground.place).unwrap().value.is_empty());
    drop(saving);
    assert!(save(&store, &open).id > kept);
}

#[test]
fn the_journal_tells_what_happened() {
    let ground = Ground::new();
    let store = ground.store();
    let sample = sample(10, 1, &["a", "b"]);
    let id = save(&store, &sample).id;
    let server = sample.snapshot.server();
    let panes: Vec<PaneIdentity> = sample.snapshot.panes().map(|pane| pane.identity).collect();
    let source = |session: usize| Source { snapshot: id, session, panes: vec![panes[session]] };
    let began = |byte, at| Began {
        id: RestoreId([byte; 16]),
        at: second(at),
        sources: vec![source(0), source(1)],
        replaced: vec![panes[1]],
        before: Some(id),
        plan: "{}".to_owned(),
    };
    {
        let restoring = store.restoring(&server.name, Duration::ZERO).unwrap();
        let journal = restoring.begin(&began(1, 20)).unwrap();
        journal.into_generation(server).unwrap();
        let step = |what: &str| Step { at: second(21), what: what.to_owned(), detail: "1".to_owned() };
        journal.note(&[step("session"), step("window")]).unwrap();
        journal.note(&[step("pane")]).unwrap();
        journal.finished(&panes[..1]).unwrap();
        // The process dies here.
    }
    let unfinished = store.unfinished_restore(&server.name).unwrap().unwrap();
    assert_eq!(unfinished.state, RestoreState::Running);
    assert_eq!(unfinished.unfinished, [source(1)]);
    assert_eq!(
        unfinished.steps.iter().map(|step| &step.what[..]).collect::<Vec<_>>(),
        ["session", "window", "pane"]
    );
    let record = &store.timeline(&server.name).unwrap().restores[0];
    assert_eq!((record.outcome, &record.unfinished), (Outcome::Interrupted, &vec![source(1)]));
    assert_eq!(record.replaced, panes[1..]);
    let restoring = store.restoring(&server.name, Duration::ZERO).unwrap();
    let journal = restoring.begin(&began(2, 30)).unwrap();
    journal.into_generation(server).unwrap();
    restoring.close(RestoreId([1; 16]), RestoreState::Completed, second(31)).unwrap();
    journal.finish(RestoreState::Done, second(32)).unwrap();
    assert_eq!(store.unfinished_restore(&server.name).unwrap(), None);
    assert_eq!(store.timeline(&server.name).unwrap().restores, []);
    assert_eq!(store.last_restore(&server.name).unwrap().unwrap().id, RestoreId([2; 16]));
    restoring.close(RestoreId([2; 16]), RestoreState::Undone, second(33)).unwrap();
    assert_eq!(store.last_restore(&server.name).unwrap().unwrap().id, RestoreId([1; 16]));
    assert_eq!(store.timeline(&server.name).unwrap().restores[0].unfinished, [source(0), source(1)]);
    let missing = restoring.close(RestoreId([9; 16]), RestoreState::Undone, second(33));
    assert!(matches!(missing, Err(StoreError::NoRestore(_))));
    assert_eq!(store.all_restores(&server.name).unwrap().len(), 2);
}
