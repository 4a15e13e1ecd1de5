//! The room `tmux` against real servers of every version.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use evermux_core::model::{BString, OptionEntry, PaneId};
use evermux_core::tmux::{
    Binaries, CaptureRequest, CaptureScript, CaptureStyle, Frame, ListRequest, Listing, Nonce, Part, Row,
    Server,
};
use evermux_testkit::{Server as Private, tmux_binaries};

const LIMIT: Duration = Duration::from_secs(20);

fn uid() -> u32 {
    rustix::process::getuid().as_raw()
}

fn nonce() -> Nonce {
    Nonce::from_random([0xc5; 16])
}

fn connect(private: &Private) -> Server {
    Server::connect(&private.socket(), uid(), &Binaries::default()).unwrap()
}

fn list(private: &Private) -> Listing {
    let report = connect(private).list(&ListRequest { nonce: nonce(), current: true }, LIMIT).unwrap();
    assert_eq!(report.problems, []);
    report.value
}

fn every_version(test: impl Fn(&Private)) {
    for tmux in tmux_binaries() {
        eprintln!("tmux {}", tmux.version);
        test(&Private::start(&tmux));
    }
}

fn option(name: &str, value: &str) -> OptionEntry {
    OptionEntry { name: name.into(), value: Some(value.into()) }
}

#[test]
fn lists_a_plain_server() {
    every_version(|private| {
        let listing = list(private);
        assert_eq!(listing.server.version.to_string(), private.binary().version.to_string());
        assert_eq!(listing.server.socket, private.socket().as_os_str().as_bytes());
        assert_eq!(connect(private).peer().pid, Some(listing.server.pid));
        let [session] = &listing.sessions[..] else { panic!("{listing:#?}") };
        assert_eq!(session.name, "main");
        assert_eq!(session.stack, [0]);
        assert_eq!(session.links.len(), 1);
        let pane = listing.panes().next().unwrap();
        assert_eq!(pane.id, PaneId(0));
        assert_eq!((pane.size.width, pane.size.height), (80, 24));
        assert!(pane.active && !pane.dead && pane.pid.is_some());
        assert_eq!(pane.history.limit, 2000);
        assert!(listing.server.session_options.contains(&option("base-index", "0")));
        assert!(listing.server.window_options.contains(&option("monitor-bell", "on")));
        assert!(listing.server.server_options.iter().any(|entry| entry.name == "escape-time"));
        assert!(listing.server.environment.iter().any(|entry| entry.name == "PATH"));
    });
}

#[test]
fn lists_options_and_environments_of_every_object() {
    every_version(|private| {
        private.run(&["split-window", "-d"]);
        private.run(&["new-session", "-d", "-s", "group", "-t", "main"]);
        private.run(&["set-option", "-t", "$0", "@session", "a b"]);
        let value = "it's \"#{pid}\" \\ $HOME\n\t\u{1b}é";
        private.run(&["set-option", "-w", "-t", "@0", "@window", value]);
        private.run(&["set-option", "-p", "-t", "%0", "remain-on-exit", "on"]);
        let identity = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        private.run(&["set-option", "-p", "-t", "%1", "@evermux-pane", identity]);
        private.run(&["set-environment", "-t", "$0", "NAME", "a\n$b\t\"\\"]);
        private.run(&["set-environment", "-t", "$0", "-r", "GONE"]);
        let listing = list(private);
        let main = listing.sessions.iter().find(|session| session.name == "main").unwrap();
        assert!(main.options.contains(&option("@session", "a b")), "{:?}", main.options);
        let entry = |name: &str| main.environment.iter().find(|entry| entry.name == name).cloned();
        assert_eq!(entry("NAME").unwrap().value, Some("a\n$b\t\"\\".into()));
        assert_eq!(entry("GONE").unwrap().value, None);
        assert_eq!(listing.sessions.iter().find(|session| session.name == "group").unwrap().options, []);
        assert!(listing.sessions.iter().all(|session| session.group == main.group));
        let [window] = &listing.windows[..] else { panic!("{listing:#?}") };
        assert!(window.options.contains(&option("@window", value)), "{window:?}");
        assert_eq!(window.panes[0].options, [option("remain-on-exit", "on")]);
        assert_eq!(window.panes[0].identity(), None);
        assert_eq!(window.panes[1].options, []);
        assert_eq!(window.panes[1].identity().unwrap().to_string(), identity);
    });
}

#[test]
fn names_and_paths_are_exact() {
    every_version(|private| {
        let mut folder = private.sandbox().path("home").as_os_str().as_bytes().to_owned();
        folder.extend_from_slice("/d\\001 \u{1}\t\n\u{7f}é ' \" # ; \\".as_bytes());
        folder.extend_from_slice(b"\xff");
        let folder = PathBuf::from(OsStr::from_bytes(&folder));
        std::fs::create_dir(&folder).unwrap();
        let mut client = private.client();
        client.args(["new-session", "-d", "-s", "nasty", "exec sleep 1000"]).current_dir(&folder);
        assert!(client.status().unwrap().success());
        // 3.7 and later refuse control characters and double backslashes.
        let new = private.binary().at_least(3, 7);
        let window = if new { "w\\002 é" } else { "w\\002 \u{3}\t\nl\\" };
        private.run(&["new-window", "-d", "-t", "nasty:", "-n", window, "exec sleep 1000"]);
        let listing = list(private);
        let session = listing.sessions.iter().find(|session| session.name == "nasty").unwrap();
        let expected = BString::from(folder.as_os_str().as_bytes());
        assert_eq!(session.path, private.binary().at_least(3, 2).then(|| expected.clone()));
        let pane = &listing.window(session.links[0].window).unwrap().panes[0];
        assert_eq!(pane.current_path, Some(expected));
        let shown = &listing.window(session.links[1].window).unwrap().name;
        assert_eq!(*shown, window.replace('\\', if new { "\\\\" } else { "\\" }));
    });
}

#[test]
fn captures_exact_text_and_tells_panes_that_are_gone() {
    every_version(|private| {
        let server = connect(private);
        let version = list(private).server.version;
        let text = "printf 'one\\ntwo \\033[31mred\\033[m\\n'; exec sleep 1000";
        private.run(&["new-window", "-d", "-t", "main:5", text]);
        let text = "printf 'below'; printf '\\033[?1049h\\033[Habove'; exec sleep 1000";
        private.run(&["new-window", "-d", "-t", "main:6", text]);
        private.wait_until("the text is there", |private| {
            private.screen("%1").contains("red") && private.screen("%2").contains("above")
        });
        let first = Part::Rows(Row::Edge, Row::At(1));
        let request = |pane, parts: &[Part]| {
            let style = CaptureStyle { escapes: true, joined: false, trailing: false };
            let parts = parts.iter().map(|part| (*part, style)).collect();
            CaptureRequest { pane: PaneId(pane), parts, rows: 1000 }
        };
        let requests = [
            request(77, &[first]),
            request(1, &[first]),
            request(78, &[]),
            request(79, &[first, Part::UnderAlternate]),
            request(2, &[Part::Rows(Row::At(0), Row::At(0)), Part::UnderAlternate]),
            request(1, &[]),
            request(80, &[first]),
        ];
        let script = CaptureScript::new(nonce(), version, &requests);
        let mut frames = Vec::new();
        server.capture(&script, LIMIT, &mut |index, frame| frames.push((index, frame))).unwrap();
        assert!(frames.iter().map(|(index, _)| *index).eq(0..7));
        let gone = frames.iter().filter(|(_, frame)| *frame == Frame::Gone).map(|(index, _)| *index);
        assert_eq!(gone.collect::<Vec<_>>(), [0, 2, 3, 6]);
        let text = |index: usize| match &frames[index].1 {
            Frame::Text { head, parts } => (*head, parts.clone()),
            Frame::Gone => panic!("{index}"),
        };
        let (head, parts) = text(1);
        assert_eq!((head.pane, head.cursor, head.alternate), (PaneId(1), (0, 2), None));
        assert!(parts[0].starts_with(b"one\ntwo \x1b[31mred"), "{:?}", parts[0]);
        let (head, parts) = text(4);
        assert_eq!(head.alternate, Some((5, 0)));
        assert_eq!(parts[0], "above\n");
        assert!(parts[1].starts_with(b"below\n\n"), "{parts:?}");
        assert_eq!(text(5).1, Vec::<BString>::new());
    });
}
