//! What a user reads, and what a restore's verification asks.

use super::super::*;
use super::{Parts, mutate};
use crate::layout::Layout;
use crate::model::*;

fn pane(number: u8) -> Pane {
    Pane {
        identity: PaneIdentity::from_random([number; 16]),
        title: "title".into(),
        directory: "/home/ada".into(),
        history_limit: 2000,
        options: vec![],
        input_off: false,
        marked: false,
        dead: None,
        start: None,
        program: None,
        shell: None,
        text: None,
        debts: vec![],
        facts: PaneFacts::default(),
    }
}

fn window(name: &str, panes: &[u8]) -> Window {
    Window {
        name: name.into(),
        layout: Layout::stacked(80, 24, panes.len()),
        size: Size { width: 80, height: 24 },
        zoomed: false,
        active: 0,
        last: (1..panes.len()).collect(),
        options: vec![],
        panes: panes.iter().copied().map(pane).collect(),
        facts: WindowFacts::default(),
    }
}

fn session(name: &str, windows: &[usize]) -> Session {
    Session {
        name: name.into(),
        directory: "/home/ada".into(),
        group: None,
        options: vec![],
        environment: vec![],
        links: windows.iter().zip(1..).map(|(&window, index)| Link { index, window }).collect(),
        active: 1,
        last: vec![],
        facts: SessionFacts { created: 0, attached: 0, updated_environment: vec![], untouched: false },
    }
}

/// `play` with one window, `work` with two of two and one panes.
fn snapshot() -> Snapshot {
    let server = Server {
        name: ServerName { machine: "m".into(), socket: "/tmp/tmux-1000/default".into() },
        generation: Generation { boot: "b".into(), pid: 1, started: 0 },
        version: TmuxVersion::new(3, 8),
        uid: 1000,
        server_options: vec![],
        session_options: vec![],
        window_options: vec![],
        environment_names: vec![],
        clients: vec![],
        buffers: vec![],
    };
    let windows = vec![window("game", &[1]), window("editor", &[2, 3]), window("logs", &[4])];
    let sessions = vec![session("play", &[0]), session("work", &[1, 2])];
    Snapshot::new(jiff::Timestamp::UNIX_EPOCH, server, sessions, windows).unwrap()
}

fn changed(change: impl FnOnce(&mut Parts)) -> Snapshot {
    mutate(&snapshot(), |parts| {
        change(parts);
        true
    })
    .expect("a valid snapshot")
}

fn told(after: &Snapshot) -> String {
    compare(&snapshot(), after).iter().map(Change::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_session_renamed_changed_and_moved_about() {
    let after = changed(|parts| {
        parts.sessions[1].name = "lab\x1b[31m our\n".into();
        parts.sessions[1].directory = "/tmp/ ".into();
        parts.sessions[1].links[1].index = 7;
        parts.sessions[1].options = vec![OptionEntry { name: "status".into(), value: Some("off".into()) }];
        parts.sessions[1].environment = vec![EnvironmentEntry { name: "EDITOR".into(), value: None }];
        parts.sessions[0].links.push(Link { index: 2, window: 1 });
        parts.sessions[0].active = 2;
        parts.windows[1].zoomed = true;
        parts.windows[1].panes[1].title = "other".into();
        parts.windows[1].panes[1].dead = Some(Death { status: None, signal: Some(9) });
    });
    insta::assert_snapshot!(told(&after), @r#"
    window play:2: link: none → window work:1
    session play: current window: 1 → new
    session work: name: "work" → "lab\u{1b}[31m our\n"
    session work: directory: "/home/ada" → "/tmp/ "
    session work: option status: none → "off"
    session work: environment EDITOR: none → removed
    window work:2: index: 2 → 7
    window work:1: zoom: no → yes
    pane work:1.1: title: "title" → "other"
    pane work:1.1: dead: none → signal 9
    "#);
}

#[test]
fn things_that_came_and_went() {
    let after = changed(|parts| {
        parts.windows[1] = window("editor", &[3, 9]);
        parts.windows[2] = window("new", &[8]);
        parts.sessions[1].links[1].index = 5;
        parts.sessions[0] = session("another", &[0]);
        parts.windows[0] = window("other", &[7]);
    });
    insta::assert_snapshot!(told(&after), @r#"
    session play: gone
    session another: new
    window play:1: gone
    window work:1: active pane: 0 → 1
    window work:1: last panes: 1 → new
    window work:2: gone
    window another:1: new
    window work:5: new
    pane work:1.0: gone
    pane work:1.1: new
    "#);
}

#[test]
fn a_pane_moved_to_another_window() {
    let after = changed(|parts| {
        parts.windows[1] = window("editor", &[2]);
        parts.windows[2] = window("logs", &[4, 3]);
        parts.windows[2].last = vec![];
    });
    insta::assert_snapshot!(told(&after), @r#"
    window work:1: layout: c195,80x24,0,0[80x12,0,0,0,80x11,0,13,1] → b25d,80x24,0,0,0
    window work:2: layout: b25d,80x24,0,0,0 → c195,80x24,0,0[80x12,0,0,0,80x11,0,13,1]
    pane work:1.1: window: window work:1 → window work:2
    "#);
}

#[test]
fn without_identities_names_and_places_tell() {
    let after = changed(|parts| {
        for (pane, number) in parts.windows.iter_mut().flat_map(|window| &mut window.panes).zip(100..) {
            pane.identity = PaneIdentity::from_random([number; 16]);
        }
        parts.windows[1].panes[1].title = "other".into();
    });
    insta::assert_snapshot!(told(&after), @r#"pane work:1.1: title: "title" → "other""#);
}

#[test]
fn members_of_a_group_are_told_apart_by_name() {
    let grouped = |names: [&str; 2]| {
        changed(|parts| {
            parts.sessions = names.map(|name| session(name, &[0, 1, 2])).into();
            parts.sessions[1].options = vec![OptionEntry { name: "@b".into(), value: Some("1".into()) }];
        })
    };
    assert_eq!(compare(&grouped(["a", "b"]), &grouped(["a", "b"])), vec![]);
    let changes = compare(&grouped(["a", "b"]), &grouped(["a", "c"]));
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].to_string(), r#"session b: name: "b" → "c""#);
}

#[test]
fn a_difference_that_a_debt_reports_breaks_no_law() {
    let program = Program {
        command: Command { argv: vec!["vim".into(), "a b".into()], masked: false },
        directory: "/home/ada".into(),
        started: 5,
        conversation: None,
        line: None,
        redirected: false,
        editor: None,
    };
    let before = changed(|parts| {
        parts.windows[0].panes[0].directory = "/mnt/usb".into();
        parts.windows[0].panes[0].program = Some(program.clone());
        parts.windows[1].panes[0].program = Some(program.clone());
    });
    let debt = |owed| Debt { owed, since: jiff::Timestamp::UNIX_EPOCH, reason: "a reason".to_owned() };
    let after = changed(|parts| {
        let started_again = Program { started: 9, ..program.clone() };
        parts.windows[0].panes[0].debts =
            vec![debt(Owed::Directory("/mnt/usb".into())), debt(Owed::Program(started_again))];
    });
    let told: Vec<String> = compare(&before, &after).iter().map(Change::to_string).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    pane play:1.0: directory: "/mnt/usb" → "/home/ada" (owed)
    pane play:1.0: program: "vim" "a b" in "/home/ada" → none (owed)
    pane play:1.0: debt: none → directory "/mnt/usb"
    pane play:1.0: debt: none → program "vim" "a b" in "/home/ada"
    pane work:1.0: program: "vim" "a b" in "/home/ada" → none
    "#);
    let broken = exact(&before, &after, &mut |_| None);
    let broken: Vec<String> = broken.iter().map(Change::to_string).collect();
    assert_eq!(broken, [r#"pane work:1.0: program: "vim" "a b" in "/home/ada" → none"#]);
    // The debt itself must not be lost, unless it is paid.
    assert_eq!(exact(&after, &snapshot(), &mut |_| None).len(), 2);
    assert_eq!(exact(&after, &before, &mut |_| None).iter().filter(|c| c.field == Field::Debt).count(), 0);
}

#[test]
fn an_older_tmux_cannot_tell_everything() {
    let of = |version: &str, signal: Option<i32>, last: Vec<usize>| {
        changed(|parts| {
            parts.server.version = version.parse().unwrap();
            parts.windows[1] = window("editor", &[2, 3, 5]);
            parts.windows[1].last = last;
            parts.windows[0].panes[0].dead = Some(Death { status: Some(1), signal });
        })
    };
    let (oldest, old) = (of("3.1c", None, vec![]), of("3.2a", None, vec![2]));
    let new = of("3.8", Some(9), vec![2, 1]);
    assert_eq!(exact(&oldest, &new, &mut |_| None), vec![]);
    assert_eq!(exact(&old, &new, &mut |_| None), vec![]);
    assert_eq!(exact(&old, &of("3.8", Some(9), vec![1, 2]), &mut |_| None).len(), 1);
    assert_eq!(exact(&of("3.8", None, vec![2]), &new, &mut |_| None).len(), 2);
}
