//! Plans, without any server.

use std::collections::HashSet;

use bstr::BString;
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::layout::Layout;
use crate::model::arbitrary::snapshot;
use crate::model::*;
use crate::problem::Subject;

/// A pane told by a number.
fn pane(number: u8) -> Pane {
    Pane {
        identity: identity(number),
        title: "title".into(),
        directory: "/there".into(),
        history_limit: 2000,
        options: Vec::new(),
        input_off: false,
        marked: false,
        dead: None,
        start: None,
        program: None,
        shell: None,
        text: None,
        debts: Vec::new(),
        facts: PaneFacts::default(),
    }
}

fn identity(number: u8) -> PaneIdentity {
    PaneIdentity::from_random([number; 16])
}

fn window(name: &str, panes: &[u8]) -> Window {
    Window {
        name: name.into(),
        layout: Layout::stacked(80, 24, panes.len()),
        size: Size { width: 80, height: 24 },
        zoomed: false,
        active: 0,
        last: Vec::new(),
        options: Vec::new(),
        panes: panes.iter().map(|&number| pane(number)).collect(),
        facts: WindowFacts::default(),
    }
}

/// A session with windows at indexes, as positions in the snapshot.
fn session(name: &str, links: &[(u32, usize)]) -> Session {
    Session {
        name: name.into(),
        directory: "/there".into(),
        group: None,
        options: Vec::new(),
        environment: Vec::new(),
        links: links.iter().map(|&(index, window)| Link { index, window }).collect(),
        active: links[0].0,
        last: Vec::new(),
        facts: SessionFacts { created: 0, attached: 0, updated_environment: Vec::new(), untouched: false },
    }
}

fn server(sessions: Vec<Session>, windows: Vec<Window>) -> Snapshot {
    shown(sessions, windows, &[])
}

/// The same with one client for each of these positions of sessions.
fn shown(sessions: Vec<Session>, windows: Vec<Window>, clients: &[usize]) -> Snapshot {
    let client = |&session: &usize| Client {
        tty: "/dev/pts/9".into(),
        term: "screen".into(),
        session,
        last_session: None,
    };
    let server = Server {
        name: ServerName { machine: "machine".to_owned(), socket: "/tmp/s".into() },
        generation: Generation { boot: "boot".to_owned(), pid: 1, started: 1 },
        version: "3.5a".parse().unwrap(),
        uid: 1000,
        server_options: Vec::new(),
        session_options: Vec::new(),
        window_options: Vec::new(),
        environment_names: Vec::new(),
        clients: clients.iter().map(client).collect(),
        buffers: Vec::new(),
    };
    Snapshot::new(Timestamp::UNIX_EPOCH, server, sessions, windows).unwrap()
}

/// A server that is as this snapshot says; ids count from 0.
fn live(snapshot: Snapshot) -> Live {
    let mut next = 0..;
    let mut id = || next.next().unwrap();
    let panes = snapshot.windows().iter().map(|window| {
        let panes = window.panes.iter();
        panes.map(|_| LivePane { id: PaneId(id()), tty: None, marked: true }).collect()
    });
    Live {
        panes: panes.collect(),
        sessions: (0..).take(snapshot.sessions().len()).map(SessionId).collect(),
        windows: (0..).take(snapshot.windows().len()).map(WindowId).collect(),
        snapshot,
    }
}

/// How a plan is made, by default everything as it was.
#[derive(Default)]
struct Way {
    rename: Option<BString>,
    replace: bool,
    keep_untouched: bool,
    lazy: bool,
    /// Directories that are gone.
    gone: Vec<&'static str>,
}

fn plan_of(saved: &Snapshot, wanted: Vec<Wanted>, live: Option<&Live>, way: &Way) -> Plan {
    let mut number = 200;
    let enter = |directory: &BString| match way.gone.iter().any(|gone| directory == gone) {
        true => "/".into(),
        false => directory.clone(),
    };
    let mut options = Options {
        now: Timestamp::UNIX_EPOCH,
        rename: way.rename.clone(),
        replace: way.replace,
        keep_untouched: way.keep_untouched,
        fresh: Vec::new(),
        text: true,
        lazy: way.lazy,
        globals: false,
        allow: None,
        enter: &enter,
        resume: &|program| {
            let conversation = program.conversation.as_ref()?;
            let unknown = || Reason::Conversation("which one is not known".to_owned());
            let id = conversation.id.as_ref().ok_or_else(unknown);
            Some(id.map(|id| Recipe {
                launch: Launch::of(vec!["claude".into(), "--resume".into(), id.as_str().into()]),
                typed: None,
                permission: Permission::Handler("claude".to_owned()),
            }))
        },
        editor: &|_, _| None,
        random: &mut || {
            number += 1;
            [number; 16]
        },
    };
    build(&[Source { snapshot: saved, wanted, own: true }], live, &mut options)
}

fn all(snapshot: &Snapshot) -> Vec<Wanted> {
    (0..snapshot.sessions().len()).map(Wanted::session).collect()
}

fn plan_all(saved: &Snapshot, live: Option<&Live>) -> Plan {
    plan_of(saved, all(saved), live, &Way::default())
}

/// The plan in words, without details.
fn words(plan: &Plan) -> Vec<String> {
    plan.lines().iter().map(|line| format!("{} {}", line.action, line.object)).collect()
}

/// `work` with windows 0 (panes 1, 2, 3) and 4 (pane 4), `other` with window 1 (pane 5) and a link to window 4.
fn example() -> Snapshot {
    server(
        vec![session("work", &[(0, 0), (4, 1)]), session("other", &[(1, 2), (7, 1)])],
        vec![window("edit", &[1, 2, 3]), window("logs", &[4]), window("one", &[5])],
    )
}

#[test]
fn without_a_server_everything_is_made_once() {
    let plan = plan_all(&example(), None);
    assert_eq!(
        words(&plan),
        [
            "make session work",
            "make window work:0",
            "make pane work:0.0",
            "make pane work:0.1",
            "make pane work:0.2",
            "make window work:4",
            "make pane work:4.0",
            "make session other",
            "make window other:1",
            "make pane other:1.0",
            "link window other:7",
        ]
    );
    assert_eq!((plan.panes(), plan.present), (5, 0));
}

#[test]
fn what_lives_needs_nothing() {
    let plan = plan_all(&example(), Some(&live(example())));
    assert!(plan.is_empty(), "{plan:#?}");
    assert_eq!(plan.present, 5);
}

#[test]
fn a_renamed_session_is_found_by_its_panes() {
    let now = server(
        vec![session("old", &[(0, 0)]), session("work", &[(0, 1)])],
        vec![window("edit", &[1, 2, 3]), window("new", &[9])],
    );
    let saved = server(
        vec![session("work", &[(0, 0), (4, 1)])],
        vec![window("edit", &[1, 2, 3]), window("logs", &[4])],
    );
    let plan = plan_all(&saved, Some(&live(now)));
    assert_eq!(plan.sessions.len(), 1);
    assert_eq!(plan.sessions[0].place, SessionPlace::Live(SessionId(0)), "not the one that has its name now");
    assert_eq!(plan.sessions[0].links.len(), 1);
}

#[test]
fn a_session_without_its_panes_is_found_by_its_name() {
    let now = server(vec![session("work", &[(4, 0)])], vec![window("new", &[9])]);
    let plan = plan_all(&example(), Some(&live(now)));
    assert_eq!(plan.sessions[0].place, SessionPlace::Live(SessionId(0)));
    let index = |link: &PlannedLink| (link.index, link.was);
    assert_eq!(plan.sessions[0].links.iter().map(index).collect::<Vec<_>>(), [(0, None), (5, Some(4))]);
    assert_eq!(plan.problems[0].subject, Subject::Window("work".to_owned(), 4));
    assert_eq!(plan.problems[0].what, "the index is taken; it comes back as 5");
    // The window is linked where the other session had it, too.
    assert_eq!(plan.sessions[1].links[1].window, plan.sessions[0].links[1].window);
}

#[test]
fn a_linked_window_is_linked_into_the_session_that_is_gone() {
    let now = server(
        vec![session("work", &[(0, 0), (4, 1)])],
        vec![window("edit", &[1, 2, 3]), window("logs", &[4])],
    );
    let plan = plan_all(&example(), Some(&live(now)));
    assert_eq!(
        words(&plan),
        ["make session other", "make window other:1", "make pane other:1.0", "link window other:7",]
    );
    assert_eq!(plan.sessions[0].links[1].window, LinkedWindow::Live(WindowId(1)));
}

#[test]
fn a_window_that_was_moved_stays_where_it_is() {
    let now = server(
        vec![session("work", &[(4, 0)]), session("other", &[(0, 1), (1, 2), (7, 0)])],
        vec![window("logs", &[4]), window("edit", &[1, 2, 3]), window("one", &[5])],
    );
    assert!(plan_all(&example(), Some(&live(now))).is_empty());
}

#[test]
fn missing_panes_go_beside_their_neighbours() {
    let beside = |here: &[u8]| {
        let now = server(
            vec![session("work", &[(0, 0), (4, 1)]), session("other", &[(1, 2), (7, 1)])],
            vec![window("edit", here), window("logs", &[4]), window("one", &[5])],
        );
        let plan = plan_all(&example(), Some(&live(now)));
        assert_eq!(plan.sessions, [], "a session that has all its windows needs nothing");
        let WindowPlace::Live { id, fits, .. } = plan.windows[0].place else { panic!("{plan:#?}") };
        assert_eq!(id, WindowId(0));
        let panes = plan.windows[0].panes.iter().map(|pane| (pane.position, pane.beside.unwrap()));
        (panes.map(|(at, (id, before))| (at, id.0, before)).collect::<Vec<_>>(), fits)
    };
    assert_eq!(beside(&[1, 3]), (vec![(1, 0, false)], true));
    assert_eq!(beside(&[3]), (vec![(0, 0, true), (1, 0, true)], true));
    assert_eq!(beside(&[1]), (vec![(1, 0, false), (2, 0, false)], true));
    // With somebody else's pane in it the saved layout does not fit.
    assert_eq!(beside(&[1, 3, 9]), (vec![(1, 0, false)], false));
}

#[test]
fn parts_are_made_alone() {
    let saved = example();
    let part = |part| {
        let wanted = vec![Wanted { session: 0, part }];
        words(&plan_of(&saved, wanted, None, &Way::default()))
    };
    assert_eq!(part(Part::Window(4)), ["make session work", "make window work:4", "make pane work:4.0"]);
    assert_eq!(part(Part::Pane(0, 1)), ["make session work", "make window work:0", "make pane work:0.1"]);
    let panes = [identity(3), identity(4)].into();
    assert_eq!(
        part(Part::Panes(panes)),
        [
            "make session work",
            "make window work:0",
            "make pane work:0.2",
            "make window work:4",
            "make pane work:4.0",
        ]
    );
    assert!(part(Part::Window(9)).len() <= 1, "nothing is there");
}

#[test]
fn under_another_name_everything_is_new() {
    let way = Way { rename: Some("copy".into()), ..Way::default() };
    let plan = plan_of(&example(), vec![Wanted::session(0)], Some(&live(example())), &way);
    assert_eq!(plan.sessions[0].place, SessionPlace::New);
    assert_eq!((plan.panes(), plan.present), (4, 0));
    let old: HashSet<_> =
        example().windows().iter().flat_map(|w| w.panes.clone()).map(|p| p.identity).collect();
    let new: HashSet<_> = plan.windows.iter().flat_map(|w| &w.panes).map(|p| p.pane.identity).collect();
    assert_eq!(new.len(), 4);
    assert!(new.is_disjoint(&old));
}

#[test]
fn what_is_replaced_is_closed_and_made_whole() {
    let way = Way { replace: true, ..Way::default() };
    let plan = plan_of(&example(), vec![Wanted::session(0)], Some(&live(example())), &way);
    assert_eq!(plan.closing.len(), 1);
    assert_eq!((&plan.closing[0].name, plan.closing[0].why), (&"work".into(), Why::Replaced));
    assert_eq!(plan.closing[0].successor, 0);
    assert_eq!(plan.sessions[0].place, SessionPlace::New);
    // The window that `other` shows, too, lives on and is linked.
    assert_eq!((plan.panes(), plan.present), (3, 1));
    // Parts replace nothing.
    let wanted = vec![Wanted { session: 0, part: Part::Panes([identity(1)].into()) }];
    assert!(plan_of(&example(), wanted, Some(&live(example())), &way).is_empty());
}

#[test]
fn only_an_untouched_session_with_one_client_gives_way() {
    let closing = |untouched: bool, clients: &[usize]| {
        let mut fresh = session("0", &[(0, 0)]);
        fresh.facts.untouched = untouched;
        let now = shown(vec![fresh], vec![window("sh", &[9])], clients);
        plan_all(&example(), Some(&live(now))).closing
    };
    let gone = closing(true, &[0]);
    assert_eq!((gone.len(), gone[0].why), (1, Why::Untouched));
    assert_eq!(gone[0].clients, ["/dev/pts/9"]);
    assert_eq!(closing(true, &[]), []);
    assert_eq!(closing(true, &[0, 0]), []);
    assert_eq!(closing(false, &[0]), []);
    let mut fresh = session("0", &[(0, 0)]);
    fresh.facts.untouched = true;
    let now = live(shown(vec![fresh], vec![window("sh", &[9])], &[0]));
    let way = Way { keep_untouched: true, ..Way::default() };
    assert_eq!(plan_of(&example(), all(&example()), Some(&now), &way).closing, []);
    // Nobody is sent away for nothing.
    let mut fresh = session("0", &[(0, 3)]);
    fresh.facts.untouched = true;
    let (_, _, mut sessions, mut windows) = example().into_parts();
    sessions.push(fresh);
    windows.push(window("sh", &[9]));
    assert!(plan_all(&example(), Some(&live(shown(sessions, windows, &[2])))).is_empty());
}

#[test]
fn a_group_is_joined_wherever_a_member_is() {
    let grouped = |name: &str| Session { group: Some("g".into()), ..session(name, &[(0, 0)]) };
    let saved = server(vec![grouped("a"), grouped("b")], vec![window("w", &[1])]);
    let plan = plan_all(&saved, None);
    assert_eq!(plan.sessions[0].joins, None);
    assert_eq!(plan.sessions[1].joins, Some(Leader::Planned(0)));
    assert_eq!(plan.sessions[1].links, []);
    let now = server(vec![grouped("b")], vec![window("w", &[1])]);
    let plan = plan_all(&saved, Some(&live(now)));
    assert_eq!(plan.sessions.len(), 1);
    assert_eq!(plan.sessions[0].joins, Some(Leader::Live(SessionId(0))));
    // What the living group lacks it gets, though no saved member of it lives.
    let saved = server(
        vec![
            Session {
                links: vec![Link { index: 0, window: 0 }, Link { index: 3, window: 1 }],
                ..grouped("a")
            },
            Session {
                links: vec![Link { index: 0, window: 0 }, Link { index: 3, window: 1 }],
                ..grouped("b")
            },
        ],
        vec![window("w", &[1]), window("x", &[2])],
    );
    let now = server(vec![grouped("c"), grouped("d")], vec![window("w", &[1])]);
    let plan = plan_all(&saved, Some(&live(now)));
    assert_eq!(
        words(&plan),
        ["make session a", "complete session c", "make window c:3", "make pane c:3.0", "make session b"]
    );
    // A group of the same name with other windows is another group.
    let now = server(vec![grouped("c")], vec![window("w", &[9])]);
    assert_eq!(plan_all(&saved, Some(&live(now))).sessions[0].joins, None);
}

/// One session with one pane.
fn with_pane(pane: Pane) -> Snapshot {
    let mut only = window("w", &[1]);
    only.panes = vec![pane];
    server(vec![session("work", &[(0, 0)])], vec![only])
}

fn made(plan: &Plan) -> &PlannedPane {
    &plan.windows[0].panes[0]
}

#[test]
fn a_directory_that_is_gone_is_owed_until_it_is_back() {
    let gone = Way { gone: vec!["/there"], ..Way::default() };
    let saved = with_pane(pane(1));
    let plan = plan_of(&saved, all(&saved), None, &gone);
    assert_eq!(made(&plan).directory, "/");
    assert_eq!(made(&plan).pane.debts[0].owed, Owed::Directory("/there".into()));
    assert_eq!(plan.problems.len(), 1);

    // The pane has lived in `/` since, and owes it still.
    let debts = made(&plan).pane.debts.clone();
    let saved = with_pane(Pane { directory: "/".into(), debts: debts.clone(), ..pane(1) });
    let plan = plan_of(&saved, all(&saved), None, &gone);
    assert_eq!((made(&plan).directory.as_slice(), &made(&plan).pane.debts), (&b"/"[..], &debts));
    let plan = plan_of(&saved, all(&saved), None, &Way::default());
    assert_eq!((made(&plan).directory.as_slice(), &made(&plan).pane.debts[..]), (&b"/there"[..], &[][..]));
}

#[test]
fn a_program_is_owed_once_and_replaces_what_was_owed() {
    let program = |name: &str| Program {
        command: Command { argv: vec![name.into()], masked: false },
        directory: "/there".into(),
        started: 1,
        conversation: None,
        line: None,
        redirected: false,
        editor: None,
    };
    let saved = with_pane(Pane { program: Some(program("vim")), ..pane(1) });
    let debts = made(&plan_all(&saved, None)).pane.debts.clone();
    assert_eq!(debts.len(), 1);
    assert_eq!(debts[0].owed, Owed::Program(program("vim")));
    // Not run since: carried.
    let saved = with_pane(Pane { debts: debts.clone(), ..pane(1) });
    assert_eq!(made(&plan_all(&saved, None)).pane.debts, debts);
    // Another one runs.
    let saved = with_pane(Pane { debts, program: Some(program("top")), ..pane(1) });
    let debts = made(&plan_all(&saved, None)).pane.debts.clone();
    assert_eq!(debts.iter().map(|debt| &debt.owed).collect::<Vec<_>>(), [&Owed::Program(program("top"))]);
}

#[test]
fn what_may_run_is_started_and_owed_until_it_runs() {
    let program = |line: &str| Program {
        command: Command { argv: line.split(' ').map(Into::into).collect(), masked: false },
        directory: "/elsewhere".into(),
        started: 1,
        conversation: None,
        line: None,
        redirected: false,
        editor: None,
    };
    let top = || Pane { program: Some(program("top -d 5")), ..pane(1) };
    let told = |pane: Pane, way: &Way| {
        let saved = with_pane(pane);
        let plan = plan_of(&saved, all(&saved), None, way);
        let made = made(&plan);
        let launch = made.launch.as_ref().map(|it| (it.launch.argv.len(), it.prefill));
        (launch, made.pane.debts.iter().map(|debt| debt.reason.clone()).collect::<Vec<_>>().join("; "))
    };
    let usual = Way::default();
    assert_eq!(told(top(), &usual), (Some((3, false)), STILL_TO_START.to_owned()));
    assert_eq!(told(top(), &Way { lazy: true, ..Way::default() }).1, TO_START_LATER);
    let gone = Way { gone: vec!["/elsewhere"], ..Way::default() };
    assert_eq!(told(top(), &gone), (None, "the directory it ran in is not there".to_owned()));
    let policy = |word: &str| OptionEntry { name: "@evermux-policy".into(), value: Some(word.into()) };
    let prefill = told(Pane { options: vec![policy("no-text prefill")], ..top() }, &usual);
    assert_eq!(prefill.0, Some((3, true)));
    assert_eq!(told(Pane { options: vec![policy("prefill skip")], ..top() }, &usual).0, None);
    // What is owed since an earlier restore, and may run now.
    let debts =
        vec![Debt { owed: Owed::Program(program("top")), since: Timestamp::UNIX_EPOCH, reason: "x".into() }];
    assert_eq!(told(Pane { debts, ..pane(1) }, &usual), (Some((1, false)), STILL_TO_START.to_owned()));
    let start = StartCommand { shown: "top".into(), argv: vec!["top".into()], masked: false };
    let owed = Debt { owed: Owed::Start(start), since: Timestamp::UNIX_EPOCH, reason: "x".into() };
    let saved = with_pane(Pane { debts: vec![owed], ..pane(1) });
    let plan = plan_all(&saved, None);
    assert_eq!((&made(&plan).run, made(&plan).pane.debts.len()), (&Run::Command(vec!["top".into()]), 0));
    // In a shell that a pane was made with.
    let shell = StartCommand { shown: "bash -l".into(), argv: vec!["bash -l".into()], masked: false };
    assert_eq!(told(Pane { start: Some(shell), ..top() }, &usual).0, Some((3, false)));
}

#[test]
fn a_start_command_is_owed_unless_it_may_run() {
    let start = |word: &str| StartCommand { shown: word.into(), argv: vec![word.into()], masked: false };
    let saved = with_pane(Pane { start: Some(start("rm -rf /tmp/x")), ..pane(1) });
    let plan = plan_all(&saved, None);
    assert_eq!(made(&plan).run, Run::Shell);
    assert_eq!(made(&plan).pane.debts[0].owed, Owed::Start(start("rm -rf /tmp/x")));
    let dead = Some(Death { status: Some(3), signal: None });
    let saved = with_pane(Pane { start: Some(start("make")), dead, ..pane(1) });
    let plan = plan_all(&saved, None);
    assert_eq!(made(&plan).run, Run::Dead);
    assert_eq!(made(&plan).pane.debts[0].owed, Owed::Start(start("make")));
}

/// The identities of all panes of a snapshot that some session shows.
fn panes_of(snapshot: &Snapshot) -> HashSet<PaneIdentity> {
    let links = snapshot.sessions().iter().flat_map(|session| &session.links);
    links.flat_map(|&link| &snapshot.window(link).panes).map(|pane| pane.identity).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// A restore of what lives does nothing.
    #[test]
    fn a_plan_against_itself_is_empty(saved in snapshot()) {
        let plan = plan_all(&saved, Some(&live(saved.clone())));
        prop_assert!(plan.is_empty(), "{plan:#?}");
    }

    /// Whatever lives, every saved pane is made, or lives already, or is named; and no pane is made twice.
    #[test]
    fn every_pane_is_accounted_for(saved in snapshot(), now in snapshot(), kept in any::<u64>(), replace: bool) {
        // Some windows of the saved server live on in the other one.
        let (taken_at, server, sessions, mut windows) = now.into_parts();
        let mut pool = saved.windows().iter().flat_map(|window| window.panes.iter().map(|pane| pane.identity));
        for (position, pane) in windows.iter_mut().flat_map(|window| &mut window.panes).enumerate() {
            if kept >> (position % 64) & 1 == 1 {
                pane.identity = pool.next().unwrap_or(pane.identity);
            }
        }
        let Ok(now) = Snapshot::new(taken_at, server, sessions, windows) else { return Ok(()) };
        let now = live(now);
        let way = Way { replace, ..Way::default() };
        let plan = plan_of(&saved, all(&saved), Some(&now), &way);
        let planned: Vec<PaneIdentity> =
            plan.windows.iter().flat_map(|window| &window.panes).map(|pane| pane.pane.identity).collect();
        let made: HashSet<PaneIdentity> = planned.iter().copied().collect();
        prop_assert_eq!(planned.len(), made.len());
        let mut linked: HashSet<usize> = HashSet::new();
        for link in plan.sessions.iter().flat_map(|session| &session.links) {
            if let LinkedWindow::Planned(position) = link.window {
                linked.insert(position);
            }
        }
        for (position, window) in plan.windows.iter().enumerate() {
            prop_assert!(window.place != WindowPlace::New || linked.contains(&position), "nobody makes it");
        }
        for pane in panes_of(&saved) {
            prop_assert!(made.contains(&pane) || now.find(pane).is_some(), "lost: {pane}");
        }
        let _ = plan.lines();
    }
}
