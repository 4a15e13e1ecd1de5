//! `evermux save` and looking back at it, on running servers, as people read it.

mod common;

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use common::assert_output;
use evermux_testkit::{Env, Server, tmux_binaries};

/// A server of the newest tmux: two sessions, three windows, four panes.
fn server() -> (Server, Env) {
    let tmux = tmux_binaries().pop().expect("there is one");
    let server = Server::builder(&tmux).name("default").start();
    server.run(&["rename-window", "-t", "main", "logs"]);
    server.run(&["split-window", "-h", "-t", "main", "tail -f /dev/null"]);
    server.run(&["new-window", "-d", "-t", "main", "-n", "a 'b' c"]);
    server.run(&["new-session", "-d", "-s", "play", "-n", "game", "-x", "80", "-y", "24"]);
    server.wait_for_prompts();
    let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
    (server, env)
}

#[test]
fn a_save_and_what_is_told_of_it() {
    let (server, env) = server();
    assert_output!(env.run(&["save"]), @"
    Saved 1: 2 sessions, 3 windows, 4 panes in 40 ms
    [exit 0]
    ");
    assert_output!(env.run(&["save"]), @"
    Nothing has changed since 1: 2 sessions, 3 windows, 4 panes
    [exit 0]
    ");
    assert_output!(env.run(&["save", "--name", "good", "--note", "before lunch"]), @"
    Nothing has changed since 1, now called good: 2 sessions, 3 windows, 4 panes
    [exit 0]
    ");
    server.run(&["resize-pane", "-t", "main:0.0", "-x", "20"]);
    server.run(&["kill-session", "-t", "play"]);
    assert_output!(env.run(&["save", "--name", "better"]), @"
    Saved 2 better: 1 session, 2 windows, 3 panes in 40 ms
    [exit 0]
    ");
    assert_output!(env.run(&["list"]), @"
       id  taken                sessions  windows  panes  kind    name
    *   2  2026-11-20 14:00:00         1        2      3  manual  better
        1  2026-11-20 14:00:00         2        3      4  manual  good
    [exit 0]
    ");
    assert_output!(env.run(&["list", "--why"]), @"
       id  taken                sessions  windows  panes  kind    name
    *   2  2026-11-20 14:00:00         1        2      3  manual  better
        1  2026-11-20 14:00:00         2        3      4  manual  good

    A restore brings back:
      main (snapshot 2) is there; it would come back as it was at 2026-11-20 14:00:00

    It leaves out:
      play (snapshot 1) was closed between 2026-11-20 14:00:00 and 2026-11-20 14:00:00, and the server lived on
    [exit 0]
    ");
    assert_output!(env.run(&["show", "good"]), @"
    Snapshot 1 good: 2 sessions, 3 windows, 4 panes
      taken    2026-11-20 14:00:00, just now, manual
      still so 2026-11-20 14:00:00
      server   $SANDBOX/tmux-UID/default, process 4711
      note     before lunch

    main  $SANDBOX/home
      0: logs*  80x24
        .0 $SANDBOX/home  0 lines
        .1* $SANDBOX/home  tail -f /dev/null, 0 lines
          a restore types  tail -f /dev/null (its argument /dev/null is not known to be harmless)
      1: a 'b' c  80x24
        .0 $SANDBOX/home  0 lines

    play  $SANDBOX/home
      0: game*  80x24
        .0 $SANDBOX/home  0 lines
    [exit 0]
    ");
    assert_output!(env.run(&["diff", "good", "better"]), @"
    From snapshot 1 to snapshot 2:
    session play: gone
    window main:0: layout: 8205,80x24,0,0{40x24,0,0,0,39x24,41,0,1} → 7825,80x24,0,0{20x24,0,0,0,59x24,21,0,1}
    window play:0: gone
    3 changes
    [exit 0]
    ");
    assert_output!(env.run(&["diff", "better"]), @"
    Nothing differs between snapshot 2 and what is live.
    [exit 0]
    ");
    assert_output!(env.run(&["pin", "good"]), @"
    Pinned 1 good.
    [exit 0]
    ");
    assert_output!(env.run(&["forget", "better", "good"]), @"
    --- stderr ---
    error: snapshot 1 is pinned
    hint: Nothing was removed. evermux unpin 1
    [exit 1]
    ");
    assert_output!(env.run(&["unpin", "good"]), @"
    Unpinned 1 good.
    [exit 0]
    ");
    assert_output!(env.run(&["forget", "good"]), @"
    Removed 1 snapshot.
    [exit 0]
    ");
    assert_output!(env.run(&["verify"]), @"
    Checked 1 snapshot, 10 parts (1000 bytes), 1 emergency file: all is well.
    [exit 0]
    ");
    assert_output!(env.run(&["log"]), @"
    2026-11-20T14:00:00Z  INFO Saved 1: 2 sessions, 3 windows, 4 panes in 40 ms socket=$SANDBOX/tmux-UID/default
    2026-11-20T14:00:00Z  INFO Nothing has changed since 1: 2 sessions, 3 windows, 4 panes socket=$SANDBOX/tmux-UID/default
    2026-11-20T14:00:00Z  INFO Nothing has changed since 1, now called good: 2 sessions, 3 windows, 4 panes socket=$SANDBOX/tmux-UID/default
    2026-11-20T14:00:00Z  INFO Saved 2 better: 1 session, 2 windows, 3 panes in 40 ms socket=$SANDBOX/tmux-UID/default
    2026-11-20T14:00:00Z  INFO Removed 1 snapshot. removed=[1]
    [exit 0]
    ");
}

#[test]
fn a_part_of_a_server_closes_nothing() {
    let (_server, env) = server();
    env.ok(&["save"]);
    assert_output!(env.run(&["save", "--session", "pl*"]), @"
    Saved 2: 1 session, 1 window, 1 pane in 40 ms
    [exit 0]
    ");
    assert_output!(env.run(&["save", "--session", "no"]), @"
    --- stderr ---
    error: there is no session no
    hint: Or it is excluded from saving: see [exclude] in the config file, and @evermux-policy.
    [exit 4]
    ");
    assert_output!(env.run(&["list", "--why"]), @"
       id  taken                sessions  windows  panes  kind     name
    *   2  2026-11-20 14:00:00         1        1      1  partial
    *   1  2026-11-20 14:00:00         2        3      4  manual

    A restore brings back:
      main (snapshot 1) is there; it would come back as it was at 2026-11-20 14:00:00
      play (snapshot 2) is there; it would come back as it was at 2026-11-20 14:00:00
    [exit 0]
    ");
}

#[test]
fn what_is_not_there() {
    let (server, env) = server();
    env.ok(&["save"]);
    assert_output!(env.run(&["show", "7"]), @"
    --- stderr ---
    error: there is no snapshot 7
    hint: evermux list --all shows all snapshots.
    [exit 4]
    ");
    assert_output!(env.run(&["show", "lunch"]), @"
    --- stderr ---
    error: there is no snapshot 'lunch'
    hint: evermux list --all shows all snapshots.
    [exit 4]
    ");
    assert_output!(env.run(&["show", "2020-01-01"]), @"
    --- stderr ---
    error: there is no snapshot of the server at $SANDBOX/tmux-UID/default from '2020-01-01' or before
    hint: evermux list --all shows all snapshots.
    [exit 4]
    ");
    assert_output!(env.run(&["save", "--name", "10m"]), @"
    --- stderr ---
    error: '10m' cannot be a snapshot's name: it looks like a time
    [exit 2]
    ");
    assert_output!(env.run(&["-L", "other", "list"]), @"
    No snapshot of the server at $SANDBOX/tmux-UID/other yet.
    Other servers have some: evermux list --all
    [exit 0]
    ");
    assert_output!(env.run(&["-L", "other", "save"]), @"
    --- stderr ---
    error: no tmux server at $SANDBOX/tmux-UID/other
    hint: -L NAME or -S PATH names another server.
    [exit 4]
    ");
    server.kill();
    assert_output!(env.run(&["save"]), @"
    --- stderr ---
    error: no tmux server at $SANDBOX/tmux-UID/default: its socket is dead
    hint: -L NAME or -S PATH names another server.
    [exit 4]
    ");
    assert_output!(env.run(&["diff"]), @"
    --- stderr ---
    error: no tmux server at $SANDBOX/tmux-UID/default: its socket is dead
    hint: -L NAME or -S PATH names another server.
    [exit 4]
    ");
}

#[test]
fn a_server_that_hangs_costs_its_deadline() {
    let (server, env) = server();
    env.write_config("[save]\ndeadline = '500ms'\n");
    let process = server.process().expect("it runs");
    process.signal(rustix::process::Signal::STOP);
    let output = env.run(&["save"]);
    process.signal(rustix::process::Signal::CONT);
    assert_output!(output, @"
    --- stderr ---
    error: the tmux server at $SANDBOX/tmux-UID/default did not answer within 0.5 s
    hint: The server hangs, is stopped, or has very much to do; it was left alone.
    [exit 1]
    ");
    assert_output!(env.run(&["list"]), @"
    No snapshot of the server at $SANDBOX/tmux-UID/default yet.
    [exit 0]
    ");
}

#[test]
fn a_store_that_others_can_write_is_refused() {
    let (_server, env) = server();
    env.ok(&["save"]);
    std::fs::set_permissions(env.state(), std::fs::Permissions::from_mode(0o777)).unwrap();
    assert_output!(env.run(&["save"]), @"
    --- stderr ---
    error: $SANDBOX/state: others may write to it
    hint: What is saved may hold secrets, so its folder must be yours and closed to others.
    [exit 1]
    ");
    assert_output!(env.run(&["list"]), @"
    --- stderr ---
    error: $SANDBOX/state: others may write to it
    hint: What is saved may hold secrets, so its folder must be yours and closed to others.
    [exit 1]
    ");
}

#[test]
fn saves_at_the_same_time_make_one_snapshot() {
    let (_server, env) = server();
    let saves: Vec<_> = (0..6)
        .map(|_| {
            let mut save = env.command(&["save", "--json"]);
            save.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it can be run")
        })
        .collect();
    let mut new = 0;
    for save in saves {
        let output = save.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{output:?}");
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
        assert_eq!(json["id"], 1, "all of them tell the snapshot that holds this state");
        new += usize::from(json["new"] == true);
    }
    assert_eq!(new, 1);
}

#[test]
fn names_from_outside_act_on_nothing() {
    let (server, env) = server();
    // Colours, a title for the terminal, another line: as the user of another tool may name a snapshot or a session.
    server.run(&["rename-window", "-t", "main:0", "\u{202e}evil"]);
    server.run(&["select-pane", "-t", "main:0.0", "-T", "red #[fg=red] #{pid}"]);
    env.ok(&["save", "--note", "\u{1b}[31mred\u{1b}]0;title\u{7}\nsecond"]);
    for command in [["list", "--why"], ["show", "1"], ["log", "--lines=9"]] {
        let shown = env.run(&command);
        let safe = |byte: &u8| *byte == b'\n' || (0x20..0x7f).contains(byte) || *byte >= 0x80;
        assert!(shown.stdout.iter().all(safe), "{shown}");
        assert!(!shown.text().contains('\u{202e}'), "{shown}");
    }
}

#[test]
fn a_save_typed_in_a_pane_is_no_program_of_that_pane() {
    let (server, env) = server();
    let program = env!("CARGO_BIN_EXE_evermux");
    let state = env.state();
    server.type_line("play:0", &format!("EVERMUX_DIR={} {program} save --json", state.display()));
    server.wait_until("it is saved", |_| env.run(&["show", "1"]).ok());
    let shown: serde_json::Value =
        serde_json::from_str(&env.ok(&["show", "1", "--json"])).expect("it is JSON");
    let windows = shown["content"]["windows"].as_array().expect("an array");
    let mut programs = windows.iter().flat_map(|window| window["panes"].as_array().expect("an array"));
    assert!(programs.all(|pane| pane["program"].is_null()), "{shown:#}");
}

#[test]
fn what_is_excluded_is_not_saved_and_does_not_count_as_closed() {
    let (server, env) = server();
    env.ok(&["save"]);
    env.write_config("[exclude]\nsessions = ['pl*']\nprograms = ['tail']\n");
    env.ok(&["save"]);
    let shown = env.ok(&["show", "2"]);
    assert!(!shown.contains("play"), "{shown}");
    assert!(shown.contains("tail -f /dev/null, no text: "), "{shown}");
    let listed: serde_json::Value = serde_json::from_str(&env.ok(&["list", "--json"])).expect("it is JSON");
    assert_eq!(listed[0]["left_out"], serde_json::json!(["play"]));
    env.write_config("");
    server.run(&["set-option", "-t", "main", "@evermux-policy", "ignore"]);
    env.ok(&["save"]);
    assert!(!env.ok(&["show", "3"]).contains("main"));
    server.kill();
    let why = env.ok(&["list", "--why"]);
    assert!(why.contains("main (snapshot 2)") && why.contains("play (snapshot 3)"), "{why}");
    assert!(!why.contains("leaves out"), "{why}");
}

#[test]
fn what_vanished_before_an_automatic_save_may_have_collapsed() {
    for (arguments, back) in [(&["save", "--automatic"][..], "main play"), (&["save"], "main")] {
        let (server, env) = server();
        env.ok(&["save", "--automatic"]);
        server.run(&["kill-session", "-t", "play"]);
        env.ok(arguments);
        server.kill();
        env.run(&["restore"]);
        assert_eq!(
            server.lines(&["list-sessions", "-F", "#{session_name}"]).join(" "),
            back,
            "{arguments:?}"
        );
    }
}

#[test]
fn another_save_that_does_not_end_is_busy() {
    let (_server, env) = server();
    env.ok(&["save"]);
    env.write_config("[save]\ndeadline = '300ms'\n");
    let machine =
        std::fs::read_dir(env.state()).expect("it is there").next().expect("one machine").expect("readable");
    let files =
        std::fs::read_dir(machine.path()).expect("it is there").map(|file| file.expect("readable").path());
    let lock =
        files.into_iter().find(|path| path.to_string_lossy().ends_with(".save.lock")).expect("the lock");
    let held = std::fs::File::open(lock).expect("it is ours");
    held.lock().expect("nobody else has it");
    assert_output!(env.run(&["save"]), @"
    --- stderr ---
    error: saving $SANDBOX/tmux-UID/default is busy in process 4711 (waited 300 ms)
    hint: Try again in a moment.
    [exit 5]
    ");
    assert!(env.run(&["list"]).ok(), "reading needs no lock");
}
