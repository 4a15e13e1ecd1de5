//! Replies of real servers, recorded in `testdata/replies/VERSION/`, and laws of the parsers over them.
//!
//! `cargo test -p evermux-core record_replies -- --ignored` records them anew.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bstr::{BString, ByteSlice};
use evermux_testkit::{Server as Private, tmux_binaries};
use proptest::prelude::*;

use super::list_parse::{self, ListingError};
use super::list_script::{self, ListRequest};
use super::{Binaries, Listing, Nonce, Server};
use crate::text::quote::tmux_word;

const LIMIT: Duration = Duration::from_secs(20);

fn nonce() -> Nonce {
    Nonce::from_random([0xab; 16])
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/replies")
}

/// The versions that are recorded: name, reply, and reply of the second client where there is one.
fn recordings() -> Vec<(String, Vec<u8>, Option<Vec<u8>>)> {
    let mut found: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let reply = std::fs::read(entry.path().join("listing")).unwrap();
            let options = std::fs::read(entry.path().join("options")).ok();
            (entry.file_name().into_string().unwrap(), reply, options)
        })
        .collect();
    found.sort();
    assert!(found.len() >= 4, "{found:?}");
    found
}

/// The listing, and the ids of objects whose options are not known.
fn parse(reply: &[u8], options: Option<&[u8]>) -> (Listing, Vec<String>) {
    let (mut listing, mut own) = list_parse::parse_listing(&nonce(), reply).unwrap();
    assert_eq!(own.unknown(&listing).is_empty(), options.is_none());
    if let Some(options) = options {
        list_parse::parse_options_reply(&nonce(), options, listing.server.version, &mut own).unwrap();
    }
    assert_eq!(own.strange, []);
    let unknown = own.unknown(&listing).ids().collect();
    own.put_into(&mut listing);
    (listing, unknown)
}

/// Some listing, for tests that need one.
pub(super) fn any_listing() -> Listing {
    let (_, reply, _) = recordings().remove(0);
    list_parse::parse_listing(&nonce(), &reply).unwrap().0
}

/// What the recorded servers have in common, without times and process ids.
fn describe(listing: &Listing) -> String {
    let mut text = String::new();
    let out = &mut text;
    for s in &listing.sessions {
        let links: Vec<_> = s.links.iter().map(|l| format!("{}={}{}", l.index, l.window, l.flags)).collect();
        let _ =
            writeln!(out, "{} {:?} path {:?} group {:?} stack {:?}", s.id, s.name, s.path, s.group, s.stack);
        let _ = writeln!(out, "  links {}", links.join(" "));
        for entry in &s.options {
            let _ = writeln!(out, "  {:?} {:?}", entry.name, entry.value);
        }
        for entry in &s.environment {
            let _ = writeln!(out, "  environment {:?} {:?}", entry.name, entry.value);
        }
    }
    for w in &listing.windows {
        let size = format!("{}x{}", w.size.width, w.size.height);
        let _ = writeln!(
            out,
            "{} {:?} {size} zoomed {} auto {}\n  {}",
            w.id, w.name, w.zoomed, w.automatic_rename, w.layout
        );
        for entry in &w.options {
            let _ = writeln!(out, "  {:?} {:?}", entry.name, entry.value);
        }
        for p in &w.panes {
            let size = format!("{}x{}", p.size.width, p.size.height);
            let _ = writeln!(
                out,
                "  {} {:?} {size} active {} last {} dead {} {:?} {:?} off {} marked {} modes {} {:?} cursor {:?} alternate {:?} \
                 history {:?} {:?} floating {}",
                p.id,
                p.title,
                p.active,
                p.last,
                p.dead,
                p.dead_status,
                p.dead_signal,
                p.input_off,
                p.marked,
                p.modes_open,
                p.modes,
                p.cursor,
                p.alternate,
                p.history.size,
                p.history.limit,
                p.floating,
            );
            let _ = writeln!(
                out,
                "    start {:?} {:?} in {:?}",
                p.start_command, p.start_command_list, p.start_path
            );
            let _ = writeln!(out, "    now {:?} in {:?}", p.current_command, p.current_path);
            let _ = writeln!(out, "    identity {:?}", p.identity().map(|identity| identity.to_string()));
            for entry in &p.options {
                let _ = writeln!(out, "    {:?} {:?}", entry.name, entry.value);
            }
        }
    }
    let _ = writeln!(out, "buffers {:?}", listing.buffers);
    let set = |entry: &&crate::model::OptionEntry| entry.name.starts_with(b"@");
    let own: Vec<_> = listing.server.session_options.iter().filter(set).collect();
    let _ = writeln!(out, "global {own:?}");
    text
}

#[test]
fn recorded_replies_are_read() {
    for (version, reply, options) in recordings() {
        let (listing, unknown) = parse(&reply, options.as_deref());
        assert_eq!(unknown, Vec::<String>::new());
        assert_eq!(listing.server.version.to_string(), version);
        insta::assert_snapshot!(format!("tmux {version}"), describe(&listing));
    }
}

/// A save of a part of a server would look like a server that lost the rest.
#[test]
fn a_reply_that_was_cut_anywhere_is_no_listing() {
    for (version, reply, _) in recordings() {
        let end = format!("{}Z", nonce());
        let end = reply.find(end.as_bytes()).unwrap();
        for cut in (0..end).step_by(7) {
            let result = list_parse::parse_listing(&nonce(), &reply[..cut]);
            assert!(matches!(result, Err(ListingError::Truncated)), "{version} {cut} {result:?}");
        }
    }
}

#[test]
fn objects_that_vanished_are_told() {
    for (_, reply, options) in recordings() {
        let Some(options) = options else { continue };
        let record = format!("{}O%1{}", nonce(), nonce());
        let at = options.find(record.as_bytes()).unwrap();
        let mut cut = options.clone();
        cut.drain(at..at + record.len());
        assert_eq!(parse(&reply, Some(&cut)).1, ["%1"]);
    }
}

#[test]
fn a_record_that_tmux_gave_up_is_no_listing() {
    for (version, reply, _) in recordings() {
        let (listing, _) = list_parse::parse_listing(&nonce(), &reply).unwrap();
        let whole = format!("{}.{}\n", nonce(), listing.server.pid);
        let cut = reply.replacen(whole, format!("{}.\n", nonce()), 9);
        let result = list_parse::parse_listing(&nonce(), &cut);
        assert!(matches!(result, Err(ListingError::GaveUp)), "{version} {result:?}");
        // The same at the end of the loop over all objects: then they are asked for one by one.
        let probe = [format!("Y{}", listing.server.pid), format!("Y!{}", listing.server.pid)];
        let cut = reply.replace(&probe[0], "Y").replace(&probe[1], "Y!");
        let (listing, own) = list_parse::parse_listing(&nonce(), &cut).unwrap();
        assert_eq!(own.unknown(&listing).panes.len(), listing.panes().count());
    }
}

#[test]
fn a_server_without_sessions_is_an_error() {
    let n = nonce();
    let reply = format!("{n}V3.5a\t1\t2{n}k/s{n}c{n}.1\n{n}Z{n}.1\n");
    assert_eq!(list_parse::parse_listing(&n, reply.as_bytes()).unwrap_err(), ListingError::NoSession);
    let reply = reply.replace("3.5a", "2.9a");
    let error = list_parse::parse_listing(&n, reply.as_bytes()).unwrap_err();
    assert_eq!(error, ListingError::Version("2.9a".to_owned()));
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(pieces in prop::collection::vec(
        (any::<bool>(), prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            "[A-Za-z.]([$@%]?[0-9]{1,11}[\t,]){0,20}".prop_map(String::into_bytes),
            Just(b"V3.4\t1\t2".to_vec()),
            Just(b"Z".to_vec()),
            Just(b".\n".to_vec()),
        ]), 0..30)
    ) {
        let mut reply = Vec::new();
        for (mark, piece) in pieces {
            if mark {
                reply.extend_from_slice(nonce().as_bytes());
            }
            reply.extend(piece);
        }
        if let Ok((mut listing, own)) = list_parse::parse_listing(&nonce(), &reply) {
            own.put_into(&mut listing);
        }
    }

    #[test]
    fn no_damage_to_a_reply_makes_the_parser_panic(
        which in 0usize..4, at in any::<prop::sample::Index>(), length in 0usize..200, insert: Vec<u8>
    ) {
        let (_, mut reply, options) = recordings().swap_remove(which);
        let start = at.index(reply.len());
        let end = (start + length).min(reply.len());
        reply.splice(start..end, insert.clone());
        if let Ok((mut listing, mut own)) = list_parse::parse_listing(&nonce(), &reply) {
            if let Some(mut options) = options {
                let start = at.index(options.len());
                let end = (start + length).min(options.len());
                options.splice(start..end, insert);
                let _ = list_parse::parse_options_reply(&nonce(), &options, listing.server.version, &mut own);
            }
            own.put_into(&mut listing);
        }
    }
}

#[test]
#[ignore = "writes testdata/replies"]
fn record_replies() {
    for tmux in tmux_binaries() {
        let private = Private::builder(&tmux).config("set -g status off\n").start();
        build(&private);
        let binaries = Binaries::default();
        let server =
            Server::connect(&private.socket(), rustix::process::getuid().as_raw(), &binaries).unwrap();
        let request = ListRequest { nonce: nonce(), current: true };
        let reply = server.run(&list_script::list_script(&request), LIMIT).unwrap();
        assert_eq!(reply.errors, Vec::<BString>::new());
        let folder = folder().join(tmux.version.to_string());
        std::fs::create_dir_all(&folder).unwrap();
        let sandbox = private.sandbox().folder().to_str().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            std::fs::write(folder.join(name), bytes.replace(sandbox, "/sandbox")).unwrap();
        };
        write("listing", &reply.stdout);
        let (listing, own) = list_parse::parse_listing(&nonce(), &reply.stdout).unwrap();
        let unknown = own.unknown(&listing);
        if !unknown.is_empty() {
            let script = list_script::options_script(nonce(), &unknown);
            write("options", &server.run(&script, LIMIT).unwrap().stdout);
        }
    }
}

/// A server with one of everything.
fn build(private: &Private) {
    let new = private.binary().at_least(3, 7);
    let folder = private.sandbox().path("home/a dir \\001 \u{1}\té #{pid}");
    std::fs::create_dir(&folder).unwrap();
    let mut client = private.client();
    let sleep = "exec sleep 1000";
    client.args(["new-session", "-d", "-s", "in a dir", "-x", "120", "-y", "40", sleep]).current_dir(&folder);
    assert!(client.status().unwrap().success());
    let mut script = Vec::new();
    let mut line = |words: &[&[u8]]| {
        for word in words {
            script.extend(tmux_word(word).unwrap());
            script.push(b' ');
        }
        script.push(b'\n');
    };
    let sleep = sleep.as_bytes();
    let raw_name: &[u8] = if new { b"w\\002 #" } else { b"w\\002 \x03\t\nl" };
    let lines: &[&[&[u8]]] = &[
        &[b"split-window", b"-d", b"-h", b"-t", b"%0", b"-c", b"/", b"printf 'a\\tb\\n'; exec sleep 1000"],
        &[b"split-window", b"-t", b"%0", sleep],
        &[b"resize-pane", b"-Z", b"-t", b"%0"],
        &[b"new-window", b"-d", b"-t", b"main:5", b"-n", raw_name, sleep],
        &[b"link-window", b"-d", b"-s", b"main:5", b"-t", b"in a dir:9"],
        &[
            b"new-window",
            b"-d",
            b"-t",
            b"main:7",
            b"-n",
            b"alt",
            b"printf '\\033[5;7H\\033[?1049h\\033[?1006h'; exec sleep 1000",
        ],
        &[b"new-window", b"-d", b"-t", b"main:8", b"-n", b"dead", sleep],
        &[b"select-window", b"-t", b"main:5"],
        &[b"rename-window", b"-t", b"@0", "é🎉 'x' \"y\" ;".as_bytes()],
        &[b"set-option", b"-t", b"$0", b"@s", "a\tb\n\x1b\x01\\ \"q\" 'r' $HOME é".as_bytes()],
        &[b"set-option", b"-t", b"$0", b"@sp ace", b"v w"],
        &[b"set-option", b"-t", b"$0", b"update-environment[9]", b"MINE"],
        &[b"set-option", b"-g", b"@bytes", b"\xff\xfe"],
        &[b"set-option", b"-g", b"@empty", b""],
        &[b"set-option", b"-w", b"-t", b"@0", b"@w", b"tilde ~ } {"],
        &[b"set-option", b"-p", b"-t", b"%1", b"remain-on-exit", b"on"],
        &[b"set-option", b"-p", b"-t", b"%1", b"@evermux-pane", b"67e55044-10b1-426f-9247-bb680e5fe0c8"],
        &[b"set-option", b"-p", b"-t", b"%2", b"@evermux-pane", b"67e55044-10b1-426f-9247-bb680e5fe0c9"],
        &[b"set-option", b"-p", b"-t", b"%5", b"@evermux-pane", b"67e55044-10b1-426f-9247-bb680e5fe0ca"],
        &[b"set-option", b"-p", b"-t", b"%5", b"@a", b"before"],
        &[b"set-option", b"-p", b"-t", b"%5", b"@z", b"after"],
        &[b"set-environment", b"-t", b"$0", b"VALUE", b"a\n\t\x01\"\\$x`"],
        &[b"set-environment", b"-t", b"$0", b"-r", b"REMOVED"],
        &[b"set-buffer", b"-b", b"na me", b"content"],
        &[b"select-pane", b"-t", b"%2", b"-d"],
        &[b"select-pane", b"-t", b"%4", b"-m"],
        // Takes a pane id for a moment, on some versions.
        &[b"new-session", b"-d", b"-s", b"group", b"-t", b"main"],
    ];
    lines.iter().for_each(|words| line(words));
    // Default titles are the name of the machine.
    for pane in 0..=6 {
        let title = if pane == 1 { "t é \\ ;".to_owned() } else { format!("title {pane}") };
        line(&[b"select-pane", b"-t", format!("%{pane}").as_bytes(), b"-T", title.as_bytes()]);
    }
    let output = private.script(&script);
    assert_eq!(output.errors(), "", "{}", private.binary().version);
    private.run(&["set-option", "-w", "-t", "main:8", "remain-on-exit", "on"]);
    let pid = private.display("main:8", "#{pane_pid}");
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap(),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    private.wait_until("the pane is dead", |private| private.display("main:8", "#{pane_dead}") == "1");
    private.wait_until("the screen is on", |private| private.display("main:7", "#{alternate_on}") == "1");
    private.wait_until("the window has its name", |private| {
        private.display("in a dir:0", "#{window_name}") == "sleep"
    });
    private.wait_until("commands run", |private| {
        private
            .run(&["list-panes", "-a", "-F", "#{pane_current_command}"])
            .lines()
            .filter(|c| *c == "sleep")
            .count()
            >= 7
    });
}
