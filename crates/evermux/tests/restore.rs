//! `evermux restore` and `undo` on running servers, as people read them.

mod common;

use common::assert_output;
use evermux_testkit::{Env, Server, tmux_binaries};

/// A server of the newest tmux that was saved: a link, a program in a shell, a viewer, a command nobody knows.
fn saved() -> (Server, Env) {
    let tmux = tmux_binaries().pop().expect("there is one");
    let server = Server::builder(&tmux).name("default").start();
    server.sandbox().write("home/notes", "one\ntwo\n");
    server.run(&["rename-window", "-t", "main", "one"]);
    server.run(&["new-window", "-d", "-t", "main:4", "-n", "notes", "less notes"]);
    server.run(&["split-window", "-t", "main:4", "while :; do sleep 60; done"]);
    server.run(&["new-session", "-d", "-s", "play", "-n", "game", "-x", "80", "-y", "24"]);
    server.run(&["link-window", "-d", "-s", "main:4", "-t", "play:7"]);
    server.wait_for_prompts();
    server.type_line("play:0", "sleep 1000");
    server.wait_until("the program runs", |server| {
        server.display("play:0", "#{pane_current_command}") == "sleep"
    });
    let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
    env.ok(&["save"]);
    (server, env)
}

#[test]
fn what_came_back_and_what_is_owed() {
    let (server, env) = saved();
    server.kill();
    assert_output!(env.run(&["restore", "--dry-run"]), @"
    make     session main: 2 windows
    make     window main:0: one, 1 pane
    make     pane main:0.0: a shell in $SANDBOX/home, 0 lines
    make     window main:4: notes, 2 panes
    make     pane main:4.0: less notes in $SANDBOX/home
    start    pane main:4.0: less notes (less is in the program table)
    make     pane main:4.1: a shell in $SANDBOX/home, 0 lines
    type     pane main:4.1: while :; do sleep 60; done (it is a line of shell, not one plain command)
    make     session play: 2 windows
    make     window play:0: game, 1 pane
    make     pane play:0.0: a shell in $SANDBOX/home, 1 line
    type     pane play:0.0: sleep 1000 (sleep is not in the program table)
    link     window play:7: to main:4
    [exit 0]
    ");
    assert_output!(env.run(&["restore"]), @"
    Restored 2 sessions, 3 windows, 4 panes in 40 ms
      typed  pane main:4.1: sh -c 'while :; do sleep 60; done'
      typed  pane play:0.0: sleep 1000
      owed  pane main:4.1: command while :; do sleep 60; done (typed at its prompt: it is a line of shell, not one plain command)
      owed  pane play:0.0: program sleep 1000 (typed at its prompt: sleep is not in the program table)
    [exit 3]
    ");
    assert_output!(env.run(&["restore"]), @"
    Nothing to restore: all of it is there
    [exit 0]
    ");
    assert_output!(env.run(&["list"]), @"
       id  taken                sessions  windows  panes  kind           name
    *   2  2026-11-20 14:00:00         2        3      4  after-restore
        1  2026-11-20 14:00:00         2        3      4  manual
    [exit 0]
    ");
    assert_output!(env.run(&["show"]), @"
    Snapshot 2: 2 sessions, 3 windows, 4 panes
      taken    2026-11-20 14:00:00, just now, after-restore
      still so 2026-11-20 14:00:00
      server   $SANDBOX/tmux-UID/default, process 4711
      a restore without arguments uses it

    main  $SANDBOX/home
      0: one*  80x24
        .0 $SANDBOX/home  0 lines
      4: notes  80x24, also play:7
        .0 $SANDBOX/home  less notes, 0 lines
          a restore starts less notes (less is in the program table)
        .1* $SANDBOX/home  0 lines
          a restore types  while :; do sleep 60; done (it is a line of shell, not one plain command)
          owed: command while :; do sleep 60; done (typed at its prompt: it is a line of shell, not one plain command)

    play  $SANDBOX/home
      0: game*  80x24
        .0 $SANDBOX/home  1 line
          a restore types  sleep 1000 (sleep is not in the program table)
          owed: program sleep 1000 (typed at its prompt: sleep is not in the program table)
      7: notes  80x24, also main:4
        .0 $SANDBOX/home  less notes, 0 lines
        .1* $SANDBOX/home  0 lines
          owed: command while :; do sleep 60; done (typed at its prompt: it is a line of shell, not one plain command)
    [exit 0]
    ");
    assert_output!(env.run(&["log"]), @"
       restore   began                panes  state
    1  01234567  2026-11-20 14:00:00      4  done

    2026-11-20T14:00:00Z  INFO Saved 1: 2 sessions, 3 windows, 4 panes in 40 ms socket=$SANDBOX/tmux-UID/default
    2026-11-20T14:00:00Z  INFO Restored 2 sessions, 3 windows, 4 panes in 40 ms socket=$SANDBOX/tmux-UID/default
    2026-11-20T14:00:00Z  INFO Nothing to restore: all of it is there socket=$SANDBOX/tmux-UID/default
    [exit 0]
    ");
    assert_output!(env.run(&["log", "--restore", "1"]), @"
    Restored 2 sessions, 3 windows, 4 panes in 40 ms
      typed  pane main:4.1: sh -c 'while :; do sleep 60; done'
      typed  pane play:0.0: sleep 1000
      owed  pane main:4.1: command while :; do sleep 60; done (typed at its prompt: it is a line of shell, not one plain command)
      owed  pane play:0.0: program sleep 1000 (typed at its prompt: sleep is not in the program table)
    make     session main: 2 windows
    make     window main:0: one, 1 pane
    make     pane main:0.0: a shell in $SANDBOX/home, 0 lines
    make     window main:4: notes, 2 panes
    make     pane main:4.0: less notes in $SANDBOX/home
    start    pane main:4.0: less notes (less is in the program table)
    make     pane main:4.1: a shell in $SANDBOX/home, 0 lines
    type     pane main:4.1: while :; do sleep 60; done (it is a line of shell, not one plain command)
    make     session play: 2 windows
    make     window play:0: game, 1 pane
    make     pane play:0.0: a shell in $SANDBOX/home, 1 line
    type     pane play:0.0: sleep 1000 (sleep is not in the program table)
    link     window play:7: to main:4
    [exit 0]
    ");
    assert_output!(env.run(&["undo", "--dry-run"]), @"
    Would take back restore 01234567: 4 panes closed
      closed        pane main:0.0
      closed        pane main:4.0
      closed        pane main:4.1
      closed        pane play:0.0
    [exit 0]
    ");
    assert_output!(env.run(&["undo"]), @"
    Took back restore 01234567: 4 panes closed
      closed        pane main:0.0
      closed        pane main:4.0
      closed        pane main:4.1
      closed        pane play:0.0
    [exit 0]
    ");
    assert_output!(env.run(&["undo"]), @"
    --- stderr ---
    error: there is nothing to undo
    [exit 4]
    ");
}

#[test]
fn a_part_comes_back_beside_what_is_there() {
    let (server, env) = saved();
    server.run(&["kill-window", "-t", "main:4"]);
    assert_output!(env.run(&["restore", "--window", "main:4"]), @"
    Restored 1 session, 1 window, 2 panes in 40 ms
      typed  pane main:4.1: sh -c 'while :; do sleep 60; done'
      owed  pane main:4.1: command while :; do sleep 60; done (typed at its prompt: it is a line of shell, not one plain command)
    [exit 3]
    ");
    assert_output!(env.run(&["restore", "--session", "play", "--as", "copy"]), @"
    Restored 1 session, 1 window, 1 pane in 40 ms
      typed  pane copy:0.0: sleep 1000
      owed  pane copy:0.0: program sleep 1000 (typed at its prompt: sleep is not in the program table)
    [exit 3]
    ");
    assert_output!(env.run(&["restore", "--session", "play", "--replace"]), @"
    Restored 1 session, 1 window, 1 pane in 40 ms
      typed  pane play:0.0: sleep 1000
      owed  pane play:0.0: program sleep 1000 (typed at its prompt: sleep is not in the program table)
    [exit 3]
    ");
    assert_output!(env.run(&["restore", "--session", "nope"]), @"
    --- stderr ---
    error: the snapshot has no session nope
    hint: See what a snapshot holds: evermux show SNAPSHOT
    [exit 4]
    ");
    assert_output!(env.run(&["restore", "--window", "main"]), @"
    --- stderr ---
    error: 'main' is not SESSION:WINDOW
    hint: The index of the window and the position of the pane as `evermux show` prints them: work:3
    [exit 2]
    ");
    assert_output!(env.run(&["restore", "--as", "copy"]), @"
    --- stderr ---
    error: --as names one session
    hint: Say which with --session.
    [exit 2]
    ");
    assert_output!(env.run(&["restore", "9"]), @"
    --- stderr ---
    error: there is no snapshot 9
    hint: evermux list --all shows all snapshots.
    [exit 4]
    ");
}

#[test]
fn without_anything_saved_there_is_nothing_to_restore() {
    let tmux = tmux_binaries().pop().expect("there is one");
    let server = Server::builder(&tmux).name("default").absent();
    let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
    assert_output!(env.run(&["restore"]), @"
    --- stderr ---
    error: there is nothing to restore
    hint: Nothing of this server has been saved yet: evermux save
    [exit 4]
    ");
    assert_output!(env.run(&["undo"]), @"
    --- stderr ---
    error: there is nothing to undo
    [exit 4]
    ");
    assert!(!server.lives(), "no server is started for nothing");
}

/// The programs that stand as start commands of panes, after the server was saved, killed and restored.
fn started_again(config: &str, arguments: &[&str]) -> Vec<String> {
    let tmux = tmux_binaries().pop().expect("there is one");
    let server = Server::builder(&tmux).name("default").start();
    server.sandbox().write("home/notes", "one\n");
    server.run(&["new-window", "-d", "-t", "main:1", "less notes"]);
    server.run(&["new-window", "-d", "-t", "main:2", "sleep 1000"]);
    let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
    env.write_config(config);
    env.ok(&["save"]);
    server.kill();
    let output = env.run(&[&["restore"], arguments].concat());
    assert!(matches!(output.status, Some(0 | 3)), "{output}");
    let commands = server.lines(&["list-panes", "-a", "-F", "#{pane_start_command}"]);
    commands.iter().map(|line| line.trim_matches('"').to_owned()).filter(|line| !line.is_empty()).collect()
}

#[test]
fn what_is_started_again_is_what_is_allowed() {
    assert_eq!(started_again("", &[]), ["less notes"]);
    assert_eq!(started_again("", &["--run", "none"]), [""; 0]);
    assert_eq!(started_again("", &["--run", "sleep"]), ["less notes", "sleep 1000"]);
    assert_eq!(started_again("[restore]\nrun = []\n", &[]), [""; 0]);
    assert_eq!(started_again("[restore]\nrun = ['sleep']\n", &[]), ["less notes", "sleep 1000"]);
    assert_eq!(started_again("[restore]\nrun = ['sleep']\n", &["--run", "table"]), ["less notes"]);
}

#[test]
fn a_database_that_is_damaged_costs_only_history() {
    let (server, env) = saved();
    damage(&env);
    assert_output!(env.run(&["save"]), @"
    Saved 1: 2 sessions, 3 windows, 4 panes in 40 ms
    --- stderr ---
    warning: $SANDBOX/state/MACHINE/evermux.db: is damaged (file is not a database); it was moved to $SANDBOX/state/MACHINE/evermux.db.damaged-20261120T140000.000000Z
    [exit 3]
    ");
    server.kill();
    damage(&env);
    assert_output!(env.run(&["list"]), @"
    --- stderr ---
    error: $SANDBOX/state/MACHINE/evermux.db: is damaged: file is not a database
    hint: evermux save and evermux restore move it aside and go on; what was saved last is in the emergency file.
    [exit 1]
    ");
    assert_output!(env.run(&["restore"]), @"
    Restored 2 sessions, 3 windows, 4 panes in 40 ms
      typed  pane main:4.1: sh -c 'while :; do sleep 60; done'
      typed  pane play:0.0: sleep 1000
      owed  pane main:4.1: command while :; do sleep 60; done (typed at its prompt: it is a line of shell, not one plain command)
      owed  pane play:0.0: program sleep 1000 (typed at its prompt: sleep is not in the program table)
    --- stderr ---
    warning: $SANDBOX/state/MACHINE/evermux.db: is damaged (file is not a database); it was moved to $SANDBOX/state/MACHINE/evermux.db.damaged-20261120T140000.000000Z
    warning: $SANDBOX/state/MACHINE/default-SERVER.emergency: this emergency file is used, because snapshot 1 is not in the database
    [exit 3]
    ");
}

fn damage(env: &Env) {
    let mut machines = std::fs::read_dir(env.state()).expect("something was saved");
    let machine = machines.next().expect("this machine has a folder").expect("it can be read").path();
    for name in ["evermux.db", "evermux.db-wal", "evermux.db-shm"] {
        let path = machine.join(name);
        if path.exists() {
            std::fs::write(path, "this is no database ".repeat(1000)).expect("it is ours");
        }
    }
}

#[test]
fn five_reboots_in_a_row_lose_and_add_nothing() {
    let (server, env) = saved();
    env.write_config("[restore]\nunknown = \"skip\"\n");
    let owed = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.trim_start().starts_with("owed")).map(str::to_owned).collect()
    };
    let mut rounds = Vec::new();
    for _ in 0..5 {
        server.kill();
        let output = env.run(&["restore"]);
        assert_eq!(output.status, Some(3), "{output}");
        assert_eq!(output.errors(), "");
        server.wait_for_prompts();
        let text = server.run(&["capture-pane", "-p", "-J", "-S", "-", "-t", "play:0"]);
        rounds.push((owed(&output.text()), owed(&env.ok(&["show"])), text));
    }
    assert_eq!(rounds[0].0.len(), 2);
    assert!(rounds[0].2.contains("sleep 1000"), "{}", rounds[0].2);
    assert!(rounds.iter().all(|round| *round == rounds[0]), "{rounds:#?}");
}
