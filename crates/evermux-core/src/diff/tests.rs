//! Law 1's comparator must be able to fail: every single change of a restored field is found and named.

use std::collections::HashMap;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::model::arbitrary::{Sample, reference, sample};
use crate::model::*;

/// The parts of a snapshot, open to change.
struct Parts {
    server: Server,
    sessions: Vec<Session>,
    windows: Vec<Window>,
}

/// One change of one field: of which class, and how; false where the snapshot has nothing to change.
type Mutation = (Field, Class, fn(&mut Parts, &Index) -> bool);

const FIELD_OF_NAME: fn(&str) -> BString = |name| name.into();

fn mutations() -> Vec<Mutation> {
    let mut all = session_mutations();
    all.extend(window_mutations());
    all.extend(pane_mutations());
    all.push((Field::Buffer(FIELD_OF_NAME("@new")), Class::Restored, |parts, _| {
        parts.server.buffers.push(Buffer { name: "@new".into(), content: "x".into() });
        true
    }));
    all.push((Field::Buffer(FIELD_OF_NAME("@kept")), Class::Restored, |parts, _| {
        let buffer = parts.server.buffers.iter_mut().find(|buffer| buffer.name == "@kept");
        buffer.is_some_and(|buffer| grow(&mut buffer.content))
    }));
    all
}

fn session_mutations() -> Vec<Mutation> {
    vec![
        (Field::Name, Class::Restored, |parts, at| grow(&mut at.get_mut(&mut parts.sessions).name)),
        (Field::Directory, Class::Restored, |parts, at| grow(&mut at.get_mut(&mut parts.sessions).directory)),
        (Field::Group, Class::Restored, |parts, at| {
            let group = &mut at.get_mut(&mut parts.sessions).group;
            *group = if group.is_some() { None } else { Some("group".into()) };
            true
        }),
        (Field::Option(FIELD_OF_NAME("@new")), Class::Restored, |parts, at| {
            add(&mut at.get_mut(&mut parts.sessions).options)
        }),
        (Field::Environment(FIELD_OF_NAME("@new")), Class::Restored, |parts, at| {
            let variable = EnvironmentEntry { name: "@new".into(), value: None };
            at.get_mut(&mut parts.sessions).environment.push(variable);
            true
        }),
        (Field::Index, Class::Restored, |parts, at| {
            let session = at.get_mut(&mut parts.sessions);
            let last = session.links.last_mut().unwrap();
            let (old, new) = (last.index, last.index + 1);
            last.index = new;
            let renumber = |index: &mut u32| *index = if *index == old { new } else { *index };
            renumber(&mut session.active);
            session.last.iter_mut().for_each(renumber);
            true
        }),
        (Field::Link, Class::Restored, |parts, at| {
            let window = parts.sessions[0].links[0].window;
            let session = at.get_mut(&mut parts.sessions);
            let index = session.links.last().unwrap().index + 1;
            session.links.push(Link { index, window });
            true
        }),
        (Field::CurrentWindow, Class::Restored, |parts, at| {
            let session = at.get_mut(&mut parts.sessions);
            let other = session.links.iter().find(|link| link.index != session.active).map(|link| link.index);
            session.active = other.unwrap_or(session.active);
            other.is_some()
        }),
        (Field::LastWindows, Class::Restored, |parts, at| {
            at.get_mut(&mut parts.sessions).last.pop().is_some()
        }),
    ]
}

fn window_mutations() -> Vec<Mutation> {
    vec![
        (Field::Name, Class::Restored, |parts, at| {
            let window = at.get_mut(&mut parts.windows);
            !window.facts.automatic_rename && grow(&mut window.name)
        }),
        (Field::Name, Class::Program, |parts, at| {
            let window = at.get_mut(&mut parts.windows);
            window.facts.automatic_rename && grow(&mut window.name)
        }),
        (Field::Layout, Class::Restored, |parts, at| {
            let window = at.get_mut(&mut parts.windows);
            let (width, height) = window.layout.size();
            let count = window.panes.len();
            let other = arbitrary::layout(Size { width: width - 1, height }, count, 0);
            window.layout = other;
            true
        }),
        (Field::Size, Class::Restored, |parts, at| {
            at.get_mut(&mut parts.windows).size.width += 1;
            true
        }),
        (Field::Zoom, Class::Restored, |parts, at| flip(&mut at.get_mut(&mut parts.windows).zoomed)),
        (Field::ActivePane, Class::Restored, |parts, at| {
            let window = at.get_mut(&mut parts.windows);
            let before = window.active;
            window.active = (before + 1) % window.panes.len();
            window.active != before
        }),
        (Field::LastPanes, Class::Restored, |parts, at| {
            let last = &mut at.get_mut(&mut parts.windows).last;
            last.reverse();
            last.len() > 1
        }),
        (Field::PaneOrder, Class::Restored, |parts, at| {
            let panes = &mut at.get_mut(&mut parts.windows).panes;
            panes.reverse();
            panes.len() > 1
        }),
        (Field::Option(FIELD_OF_NAME("@new")), Class::Restored, |parts, at| {
            add(&mut at.get_mut(&mut parts.windows).options)
        }),
    ]
}

fn pane_mutations() -> Vec<Mutation> {
    vec![
        (Field::Title, Class::Restored, |parts, at| grow(&mut pane(parts, at).title)),
        (Field::Directory, Class::Restored, |parts, at| grow(&mut pane(parts, at).directory)),
        (Field::HistoryLimit, Class::Restored, |parts, at| {
            let limit = &mut pane(parts, at).history_limit;
            *limit = limit.saturating_sub(1);
            *limit > 0
        }),
        (
            Field::Option(FIELD_OF_NAME("@new")),
            Class::Restored,
            |parts, at| add(&mut pane(parts, at).options),
        ),
        (Field::InputOff, Class::Restored, |parts, at| flip(&mut pane(parts, at).input_off)),
        (Field::Marked, Class::Restored, |parts, at| flip(&mut pane(parts, at).marked)),
        (Field::Dead, Class::Restored, |parts, at| {
            let dead = &mut pane(parts, at).dead;
            *dead = if dead.is_some() { None } else { Some(Death { status: Some(3), signal: None }) };
            true
        }),
        (Field::Text, Class::Restored, |parts, at| {
            let Some(text) = &mut pane(parts, at).text else { return false };
            text.screen = reference(b"something else\n");
            true
        }),
        (Field::Text, Class::Restored, |parts, at| pane(parts, at).text.take().is_some()),
        (Field::PromptRow, Class::Restored, |parts, at| {
            pane(parts, at).text.as_mut().map(|text| text.end_row += 1).is_some()
        }),
        (Field::StartCommand, Class::Program, |parts, at| {
            // Other words that lead to the same conversation are as good.
            let goes_on = conversation(pane(parts, at)).is_some_and(|it| it.id.is_some());
            pane(parts, at).start.as_mut().filter(|_| !goes_on).is_some_and(|start| grow(&mut start.shown))
        }),
        (Field::DirectoryStack, Class::Restored, |parts, at| {
            let shell = pane(parts, at).shell.as_mut();
            shell.is_some_and(|shell| {
                shell.directories.push("/new".into());
                true
            })
        }),
        (Field::PreviousDirectory, Class::Restored, |parts, at| {
            pane(parts, at).shell.as_mut().and_then(|shell| shell.previous.take()).is_some()
        }),
        (Field::Program, Class::Program, |parts, at| pane(parts, at).program.take().is_some()),
        (Field::Program, Class::Program, |parts, at| {
            let goes_on = conversation(pane(parts, at)).is_some_and(|it| it.id.is_some());
            let program = pane(parts, at).program.as_mut().filter(|_| !goes_on);
            program.is_some_and(|program| grow(&mut program.command.argv[0]))
        }),
        (Field::Program, Class::Program, |parts, at| {
            let id = conversation(pane(parts, at)).and_then(|conversation| conversation.id.as_mut());
            id.is_some_and(|id| {
                id.push('x');
                true
            })
        }),
        (Field::Unsaved, Class::Program, |parts, at| {
            let editor = pane(parts, at).program.as_mut().and_then(|program| program.editor.as_mut());
            let unsaved = editor.and_then(|editor| editor.unsaved.first_mut());
            unsaved.is_some_and(|unsaved| {
                unsaved.text = reference(b"changed once more");
                true
            })
        }),
        (Field::Debt, Class::Program, |parts, at| {
            let owed = Owed::Directory("/a place of its own".into());
            let since = jiff::Timestamp::UNIX_EPOCH;
            pane(parts, at).debts.push(Debt { owed, since, reason: "not mounted".to_owned() });
            true
        }),
    ]
}

fn pane<'a>(parts: &'a mut Parts, at: &Index) -> &'a mut Pane {
    let mut panes: Vec<&mut Pane> = parts.windows.iter_mut().flat_map(|window| &mut window.panes).collect();
    panes.swap_remove(at.index(panes.len()))
}

fn conversation(pane: &mut Pane) -> Option<&mut Conversation> {
    pane.program.as_mut()?.conversation.as_mut()
}

fn grow(bytes: &mut BString) -> bool {
    bytes.push(b'+');
    true
}

fn flip(flag: &mut bool) -> bool {
    *flag = !*flag;
    true
}

fn add(options: &mut Vec<OptionEntry>) -> bool {
    options.push(OptionEntry { name: "@new".into(), value: Some("on".into()) });
    true
}

/// Changes a snapshot and puts it together again; none where the parts do not fit.
fn mutate(snapshot: &Snapshot, change: impl FnOnce(&mut Parts) -> bool) -> Option<Snapshot> {
    let (taken_at, server, sessions, windows) = snapshot.clone().into_parts();
    let mut parts = Parts { server, sessions, windows };
    let changed = change(&mut parts);
    changed.then(|| Snapshot::new(taken_at, parts.server, parts.sessions, parts.windows).ok()).flatten()
}

/// A snapshot of the newest tmux: an older one cannot tell everything.
fn of_newest(snapshot: &Snapshot) -> Snapshot {
    let newest = |parts: &mut Parts| {
        parts.server.version = TmuxVersion::new(3, 8);
        parts.server.buffers = vec![Buffer { name: "@kept".into(), content: "kept".into() }];
        true
    };
    mutate(snapshot, newest).unwrap()
}

proptest! {
    // Every case tries every field.
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_snapshot_equals_itself(sample in sample()) {
        let Sample { snapshot, .. } = sample;
        prop_assert_eq!(compare(&snapshot, &snapshot), vec![]);
    }

    #[test]
    fn a_part_of_a_snapshot_differs_from_all_of_it_by_what_is_left_out(sample in sample(), kept: Vec<bool>) {
        let whole = sample.snapshot;
        let positions: Vec<usize> = kept.iter().enumerate().filter(|(_, kept)| **kept).map(|(at, _)| at).collect();
        let Some(part) = whole.only(&positions) else {
            prop_assert!(positions.iter().all(|&at| at >= whole.sessions().len()));
            return Ok(());
        };
        let (taken_at, server, sessions, windows) = part.clone().into_parts();
        prop_assert_eq!(Snapshot::new(taken_at, server, sessions, windows), Ok(part.clone()));
        let changes = exact(&part, &whole, &mut |_| None);
        prop_assert!(changes.iter().all(Change::is_addition), "{changes:?}");
        let gone = compare(&whole, &part).iter().filter(|it| matches!(it.subject, Subject::Session(_))).count();
        prop_assert_eq!(gone, whole.sessions().len() - part.sessions().len());
    }

    #[test]
    fn what_a_restore_may_change_is_no_change(sample in sample(), at: Index) {
        let later = mutate(&sample.snapshot, |parts| {
            parts.server.generation.pid ^= 1;
            let pane = pane(parts, &at);
            pane.history_limit += 1;
            pane.facts.pid = Some(77);
            pane.facts.cursor.0 += 1;
            true
        });
        let changes = compare(&sample.snapshot, &later.unwrap());
        prop_assert!(changes.iter().all(|change| change.field == Field::Generation), "{changes:?}");
    }

    /// The reason for all this: a comparator that misses a field makes every test of law 1 worthless.
    #[test]
    fn every_change_is_found_and_named(sample in sample(), at: Index) {
        let before = of_newest(&sample.snapshot);
        for (field, class, mutation) in mutations() {
            let Some(after) = mutate(&before, |parts| mutation(parts, &at)) else { continue };
            for (one, two) in [(&before, &after), (&after, &before)] {
                // Back again, these are none: more history is as good, text never captured cannot come back, and a shell that
                // was nowhere before may have been somewhere.
                let one_way = matches!(field, Field::HistoryLimit | Field::Text | Field::PreviousDirectory);
                if one == &after && one_way {
                    continue;
                }
                let changes = compare(one, two);
                let found = changes.iter().any(|change| change.field == field && change.class == class);
                prop_assert!(found, "{field} in {changes:?}");
                prop_assert!(changes.iter().all(|change| !change.to_string().contains(['\n', '\x1b'])));
            }
        }
    }

    #[test]
    fn most_changes_are_named_alone(sample in sample(), at: Index) {
        let before = of_newest(&sample.snapshot);
        for (field, _, mutation) in mutations() {
            // Another order of panes is also another place for what is in them.
            if matches!(field, Field::PaneOrder | Field::CurrentWindow | Field::ActivePane | Field::Dead) {
                continue;
            }
            let Some(after) = mutate(&before, |parts| mutation(parts, &at)) else { continue };
            let mut changes = compare(&before, &after);
            changes.retain(|change| change.class != Class::Fact);
            if field == Field::Program {
                // What an editor held goes with it.
                changes.retain(|change| change.field != Field::Unsaved);
            }
            prop_assert!(changes.len() == 1, "{field} in {changes:?}");
        }
    }

    #[test]
    fn the_same_lines_in_other_blocks_are_the_same_text(
        lines in prop::collection::vec("[ab]{0,3}", 0..20), cuts: [Index; 4], other in any::<Index>()
    ) {
        let mut blocks = HashMap::new();
        let one = scrollback(&lines, cuts[0].index(lines.len() + 1), cuts[1].index(lines.len() + 1), &mut blocks);
        let two = scrollback(&lines, cuts[2].index(lines.len() + 1), cuts[3].index(lines.len() + 1), &mut blocks);
        let mut changed = lines.clone();
        let line = (!lines.is_empty()).then(|| other.index(lines.len()));
        match line {
            Some(line) => changed[line].push('c'),
            None => changed.push("c".to_owned()),
        }
        let three = scrollback(&changed, 0, cuts[1].index(lines.len() + 1), &mut blocks);
        let mut fetch = |id: BlockId| blocks.get(&id).cloned();
        let mut read: ReadBlock = &mut fetch;
        prop_assert_eq!(text::same(&one, &two, Some(&mut read)), text::Sameness::Same);
        let from = text::Sameness::From(line.unwrap_or(0) + 1);
        prop_assert_eq!(text::same(&one, &three, Some(&mut read)), from);
        prop_assert_eq!(one.lines(), lines.len() as u64);
    }
}

/// Lines as a text whose history is cut at two places, with lines to skip before it.
fn scrollback(lines: &[String], a: usize, b: usize, blocks: &mut HashMap<BlockId, Vec<u8>>) -> Scrollback {
    let (a, b) = (a.min(b), a.max(b));
    let mut block = |lines: &[String]| {
        let bytes: Vec<u8> = lines.iter().flat_map(|line| line.bytes().chain([b'\n'])).collect();
        let reference = reference(&bytes);
        blocks.insert(reference.id, bytes);
        reference
    };
    let skipped: Vec<String> =
        (0..a).map(|n| format!("skipped {n}")).chain(lines[..a].iter().cloned()).collect();
    Scrollback {
        size: Size { width: 80, height: 24 },
        head: None,
        skip: a as u32,
        history: vec![block(&skipped), block(&lines[a..b])],
        screen: block(&lines[b..]),
        end_row: 0,
        mark: TextMark::default(),
    }
}

mod words;
