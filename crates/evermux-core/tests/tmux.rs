//! The room `tmux` against real servers of every version.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use bstr::ByteSlice;
use evermux_core::model::{BString, OptionEntry, PaneId, PaneIdentity};
use evermux_core::text::quote::tmux_word;
use evermux_core::tmux::{
    Binaries, CaptureRequest, CaptureScript, CaptureStyle, ConnectError, Frame, ListError, ListRequest,
    Listing, Mark, Nonce, Part, Row, RunError, Server, Start, StartError, for_version, in_blocks,
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
        // 3.2a gives 23 rows where all others give the 24 asked for.
        let size = private.display("main", "#{pane_width} #{pane_height}");
        assert_eq!(format!("{} {}", pane.size.width, pane.size.height), size);
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
        folder.extend_from_slice("/d\\001 \\a\u{1}\u{7}\u{8}\u{b}\u{c}\r\t\n\u{7f}é ' \" # ; \\".as_bytes());
        folder.extend_from_slice(b"\xff");
        let folder = PathBuf::from(OsStr::from_bytes(&folder));
        std::fs::create_dir(&folder).unwrap();
        let mut client = private.client();
        client.args(["new-session", "-d", "-s", "nasty", "exec sleep 1000"]).current_dir(&folder);
        assert!(client.status().unwrap().success());
        // 3.7 and later refuse control characters and double backslashes.
        let new = private.binary().at_least(3, 7);
        let window = if new { "w\\002 é" } else { "w\\002 \\r\r\u{7}\u{3}\t\nl\\" };
        private.run(&["new-window", "-d", "-t", "nasty:", "-n", window, "exec sleep 1000"]);
        // A process that is only just born has no directory yet, or the server's. (Its name is no sign: tmux makes up
        // one from the start command.)
        private.wait_until("the program is in its directory", |private| {
            private.display("nasty:0", "#{pane_current_path}").contains("/home/d")
        });
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

fn start(private: &Private) -> Start {
    Start {
        binaries: Binaries { path: private.binary().path.parent().map(Into::into), ..Binaries::default() },
        socket: private.socket(),
        config: Some(private.config_file()),
        arguments: ["-s", "new", "-x", "90", "-y", "30"].map(Into::into).to_vec(),
        directory: private.sandbox().home(),
        environment: Some(
            private.sandbox().variables().into_iter().map(|(n, v)| (n.into(), v.into())).collect(),
        ),
        uid: uid(),
        launcher: Vec::new(),
    }
}

#[test]
fn starts_a_server_also_right_after_another_was_killed() {
    for tmux in tmux_binaries() {
        let private = Private::builder(&tmux).config("set -g @from config\nrun-shell 'exit 3'\n").absent();
        for _ in 0..10 {
            let server = start(&private).run(LIMIT).unwrap();
            let listing = list(&private);
            assert_eq!(listing.sessions[0].name, "new");
            assert_eq!(server.peer().pid, Some(listing.server.pid));
            assert!(listing.server.session_options.contains(&option("@from", "config")));
            assert!(matches!(start(&private).run(LIMIT), Err(StartError::Running(_))));
            private.run(&["kill-server"]);
        }
    }
}

#[test]
fn refuses_what_is_not_there_or_not_ours() {
    for tmux in tmux_binaries() {
        let private = Private::builder(&tmux).absent();
        let connect = |uid| Server::connect(&private.socket(), uid, &Binaries::default());
        assert!(matches!(connect(uid()), Err(ConnectError::Missing(_))));
        start(&private).run(LIMIT).unwrap();
        assert!(matches!(connect(uid() + 1), Err(ConnectError::Foreign { .. })));
        let folder = private.socket().parent().unwrap().to_owned();
        let mode = |mode| std::fs::set_permissions(&folder, PermissionsExt::from_mode(mode)).unwrap();
        mode(0o770);
        assert!(matches!(connect(uid()), Err(ConnectError::Unsafe(_))));
        mode(0o700);
        let server = connect(uid()).unwrap();
        private.process().unwrap().kill();
        let dead = || matches!(connect(uid()), Err(ConnectError::Dead(_)));
        evermux_testkit::wait_until("the socket is dead", LIMIT, dead);
        // A client that is too late starts nothing.
        let error = server.run(b"display-message -p x\n", LIMIT);
        assert!(matches!(error, Err(RunError::Gone { .. })), "{error:?}");
        let error = server.list(&ListRequest { nonce: nonce(), current: false }, LIMIT);
        assert!(matches!(error, Err(ListError::Run(RunError::Gone { .. }))), "{error:?}");
        assert!(private.process().is_none());
        std::fs::remove_file(private.socket()).unwrap();
        std::fs::write(private.socket(), "").unwrap();
        assert!(matches!(connect(uid()), Err(ConnectError::NotSocket(_))));
    }
}

#[test]
fn a_stopped_server_meets_the_deadline() {
    every_version(|private| {
        let server = connect(private);
        let process = private.process().unwrap();
        process.signal(rustix::process::Signal::STOP);
        let script = b"display-message -p x\n".repeat(100_000);
        let error = server.run(&script, Duration::from_millis(300));
        assert!(matches!(error, Err(RunError::Deadline { .. })), "{error:?}");
        process.signal(rustix::process::Signal::CONT);
        assert_eq!(list(private).sessions[0].name, "main");
    });
}

#[test]
fn large_scripts_and_replies_do_not_block_each_other() {
    every_version(|private| {
        let line = format!("display-message -p '{}'", "x".repeat(500));
        let mut script = format!("# {}\n", "y".repeat(500)).repeat(4000).into_bytes();
        script.extend(in_blocks(vec![line; 2000]));
        let output = connect(private).run(&script, LIMIT).unwrap();
        assert_eq!(output.stdout.len(), 501 * 2000);
    });
}

#[test]
fn errors_of_lines_are_data_and_errors_of_syntax_are_not() {
    every_version(|private| {
        let server = connect(private);
        let output = server.run(b"display -p a\nkill-pane -t %99\ndisplay -p b\n", LIMIT).unwrap();
        assert_eq!((output.stdout.as_slice(), output.errors.len()), (&b"a\nb\n"[..], 1));
        assert!(output.errors[0].contains_str("%99"), "{output:?}");
        let error = server.run(b"display -p a\nno-such-command\n", LIMIT);
        assert!(matches!(error, Err(RunError::Syntax { .. })), "{error:?}");
    });
}

#[test]
fn the_client_is_the_servers_own_binary_even_after_an_upgrade() {
    for tmux in tmux_binaries() {
        let private = Private::builder(&tmux).absent();
        let copy = private.sandbox().program("tmux-bin/tmux", std::fs::read(&tmux.path).unwrap());
        let mut start = start(&private);
        start.binaries.path = Some(copy.parent().unwrap().into());
        assert_eq!(start.run(LIMIT).unwrap().client(), copy);
        std::fs::remove_file(&copy).unwrap();
        let listing = list(&private);
        let client = connect(&private).client().to_owned();
        if cfg!(target_os = "linux") {
            assert_eq!(client, PathBuf::from(format!("/proc/{}/exe", listing.server.pid)));
        }
    }
}

#[test]
fn a_bare_environment_does_not_matter() {
    // The library runs clients in its own environment: run this test's binary again in an empty one.
    const SOCKET: &str = "EVERMUX_TEST_SOCKET";
    if let Some(socket) = std::env::var_os(SOCKET) {
        let server = Server::connect(socket.as_ref(), uid(), &Binaries::default()).unwrap();
        let listing = server.list(&ListRequest { nonce: nonce(), current: true }, LIMIT).unwrap().value;
        assert_eq!(listing.sessions[0].name, "é🎉");
        assert!(listing.panes().next().unwrap().current_path.as_ref().unwrap().ends_with("/dé".as_bytes()));
        return;
    }
    for tmux in tmux_binaries() {
        let private = Private::builder(&tmux).absent();
        let mut start = start(&private);
        start.arguments = ["-s", "é🎉"].map(Into::into).to_vec();
        start.directory = private.sandbox().path("home/dé");
        std::fs::create_dir(&start.directory).unwrap();
        start.run(LIMIT).unwrap();
        private.wait_until("the shell is in its directory", |private| {
            private.display("%0", "#{pane_current_path}").ends_with("/dé")
        });
        for locale in [None, Some("C"), Some("xx_YY.ISO-8859-1")] {
            let mut command = std::process::Command::new(std::env::current_exe().unwrap());
            command.env_clear().env(SOCKET, private.socket()).envs(locale.map(|locale| ("LC_ALL", locale)));
            let output = command.args(["--exact", "a_bare_environment_does_not_matter"]).output().unwrap();
            assert!(output.status.success(), "{} {locale:?}: {output:?}", tmux.version);
        }
    }
}

#[test]
fn names_of_four_kilobytes_are_whole() {
    every_version(|private| {
        let name = "é".repeat(2048);
        private.run(&["rename-session", "-t", "main", &name]);
        private.run(&["rename-window", "-t", "%0", &name]);
        private.run(&["select-pane", "-t", "%0", "-T", &name]);
        let listing = list(private);
        assert_eq!(listing.sessions[0].name, name);
        assert_eq!(listing.windows[0].name, name);
        assert_eq!(listing.windows[0].panes[0].title, name);
    });
}

#[test]
fn marks_panes_and_keeps_what_is_there() {
    every_version(|private| {
        private.run(&["split-window", "-d"]);
        let server = connect(private);
        let identity = |byte| PaneIdentity::from_random([byte; 16]);
        let mark = |pane, byte, replace| Mark { pane: PaneId(pane), identity: identity(byte), replace };
        let version = list(private).server.version;
        let first = [mark(0, 1, false), mark(9, 2, false)];
        assert_eq!(server.mark(nonce(), version, &first, LIMIT).unwrap(), [Some(identity(1)), None]);
        let second = [mark(0, 3, false), mark(1, 4, false)];
        assert_eq!(
            server.mark(nonce(), version, &second, LIMIT).unwrap(),
            [Some(identity(1)), Some(identity(4))]
        );
        assert_eq!(server.mark(nonce(), version, &[mark(0, 5, true)], LIMIT).unwrap(), [Some(identity(5))]);
        let listing = list(private);
        let panes: Vec<_> = listing.panes().map(|pane| pane.identity().unwrap()).collect();
        assert_eq!(panes, [identity(5), identity(4)]);
    });
}

#[test]
fn lists_five_hundred_panes_with_options() {
    every_version(|private| {
        let mut script = String::new();
        for window in 1..=50 {
            script.push_str(&format!("new-window -d -t main:{window} 'exec sleep 1000'\n"));
            for _ in 1..10 {
                script.push_str(&format!("split-window -d -t main:{window} 'exec sleep 1000'\n"));
                script.push_str(&format!("select-layout -t main:{window} tiled\n"));
            }
        }
        assert!(private.script(script).ok());
        let mut marks = String::new();
        for pane in 0..=500 {
            marks.push_str(&format!("set-option -p -t %{pane} @number '{pane} {}'\n", "x".repeat(100)));
        }
        assert!(private.script(marks).ok());
        let listing = list(private);
        assert_eq!(listing.panes().count(), 501);
        for pane in listing.panes() {
            let value = format!("{} {}", pane.id.0, "x".repeat(100));
            assert_eq!(pane.options, [option("@number", &value)]);
        }
    });
}

#[test]
fn blocks_hold_any_word() {
    let nasty: &[&[u8]] = &[
        b"}",
        b"{",
        b"\"}\"",
        b"'{",
        b"\\}",
        b"a } b { c",
        b"#{pid} #}",
        b"%if 1",
        b"\n%endif\n}\n",
        b"~/x $HOME ${HOME}",
        b"\xff\xfe\x01\x7f\x1b\t",
        b"# }",
        b"; kill-server",
        b"\\",
        b"\\\\\"",
        b"'\"'\"",
        "é🎉}".as_bytes(),
    ];
    every_version(|private| {
        let server = connect(private);
        // 3.1c's other way: options do not expand formats.
        let line = |(index, word): (usize, &&[u8])| {
            let mut line = format!("set-option -g @w{index} ").into_bytes();
            line.extend(tmux_word(word).unwrap());
            line
        };
        let script = in_blocks(nasty.iter().enumerate().map(line));
        let script = for_version(list(private).server.version, &script);
        let output = server.run(&script, LIMIT).unwrap();
        assert_eq!(output.errors, Vec::<BString>::new(), "{:?}", script.as_bstr());
        let listing = list(private);
        for (index, word) in nasty.iter().enumerate() {
            let name = BString::from(format!("@w{index}"));
            let found = listing.server.session_options.iter().find(|entry| entry.name == name);
            assert_eq!(found.unwrap().value, Some((*word).into()), "{index}");
        }
    });
}
