//! The testkit's own promises, on every tmux there is.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use evermux_testkit::{Client, LIMIT, Process, Server, describe, differences, tmux_binaries, wait_until};

#[test]
fn a_server_answers_and_leaves_nothing_behind() {
    for tmux in tmux_binaries() {
        let server = Server::start(&tmux);
        assert_eq!(server.display("main", "#{version} #{session_name}"), format!("{} main", tmux.version));
        server.wait_for_prompt("main");
        server.type_line("main", "trap '' HUP; setsid sleep 1000 & echo done");
        server.wait_until("the line has run", |server| server.screen("main").contains("\ndone"));
        let folder = server.sandbox().folder().to_owned();
        server.wait_until("server, shell and sleep are found", |server| {
            server.sandbox().processes().len() >= 3
        });
        let processes = server.sandbox().processes();
        drop(server);
        assert!(processes.iter().all(|process| !process.lives()), "tmux {}", tmux.version);
        assert!(!folder.exists());
    }
}

#[test]
fn a_killed_test_leaves_nothing_behind() {
    // This very test is also the victim, in a process of its own: it tells of its server and waits for its death.
    const STARTED: &str = "the server's process and folder: ";
    if std::env::var_os("EVERMUX_TEST_VICTIM").is_some() {
        let server = Server::start(&tmux_binaries()[0]);
        let process = server.process().expect("it lives").id();
        println!("{STARTED}{process} {}", server.sandbox().folder().display());
        std::io::stdin().read_line(&mut String::new()).expect("it can be read");
        return;
    }
    let mut command = Command::new(std::env::current_exe().expect("it is known"));
    command.args(["--exact", "a_killed_test_leaves_nothing_behind", "--nocapture"]);
    command.env("EVERMUX_TEST_VICTIM", "1").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut victim = command.spawn().expect("it can be run");
    let mut lines = BufReader::new(victim.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let told =
        lines.find_map(|line| Some(line.split_once(STARTED)?.1.to_owned())).expect("it starts a server");
    let (process, folder) = told.split_once(' ').expect("two words");
    let server = Process::open(process.parse().expect("a number")).expect("the server lives");
    victim.kill().expect("it is our child");
    victim.wait().expect("it is our child");
    let folder = Path::new(folder);
    wait_until("nothing is left of a killed test", LIMIT, || !server.lives() && !folder.exists());
}

#[test]
fn a_killed_server_comes_back_at_the_same_socket() {
    for tmux in tmux_binaries() {
        let server = Server::builder(&tmux).config("set -g @mine yes\n").start();
        let first = server.process().expect("it lives").id();
        server.kill();
        assert!(!server.lives());
        assert!(Process::open(first).is_none());
        server.restart(&["new-session", "-d", "-s", "again"]);
        assert_ne!(server.process().expect("it lives").id(), first);
        assert_eq!(
            server.display("again", "#{@mine} #{socket_path}"),
            format!("yes {}", server.socket().display())
        );
    }
}

#[test]
fn a_script_goes_on_after_an_error() {
    for tmux in tmux_binaries() {
        let server = Server::start(&tmux);
        let output = server.script("rename-session -t main a\nkill-session -t none\nrename-session -t a b\n");
        assert_eq!(server.lines(&["list-sessions", "-F", "#{session_name}"]), ["b"], "{output}");
    }
}

#[test]
fn a_client_shows_and_types() {
    for tmux in tmux_binaries() {
        let server = Server::start(&tmux);
        server.wait_for_prompt("main");
        let client = server.attach("main", 60, 12);
        client.type_text("echo $((6*7))x");
        client.keys(&["Enter"]);
        client.wait_for("\n42x");
        assert_eq!(server.display("main", "#{window_width}x#{window_height}"), "60x11");
        client.keys(&["C-b", "d"]);
        assert_eq!(client.wait_for_end(), 0);
        assert_eq!(server.lines(&["list-clients"]), [""; 0]);
        let client = Client::run(&server, &["new-session", "-s", "second"], 40, 10);
        client.wait_for("$");
        assert!(server.lines(&["list-sessions", "-F", "#{session_name}"]).contains(&"second".to_owned()));
    }
}

#[test]
fn a_description_shows_every_change() {
    for tmux in tmux_binaries() {
        let server = Server::start(&tmux);
        server.run(&["set-window-option", "-t", "main", "automatic-rename", "off"]);
        server.run(&["split-window", "-h", "-t", "main"]);
        server.wait_for_prompts();
        let mut before = describe(&server);
        assert_eq!(differences(&before, &describe(&server)), "", "tmux {tmux:?}");
        let mut changed = |command: &[&str], shown: &str| {
            server.run(command);
            let after = describe(&server);
            let found = differences(&before, &after);
            assert!(found.contains(shown), "tmux {} {command:?}: {shown:?} is not in\n{found}", tmux.version);
            before = after;
        };
        changed(&["select-pane", "-t", "main:0.0"], "+     pane_active 1");
        changed(&["resize-pane", "-t", "main:0.0", "-L", "4"], "window_layout");
        changed(&["select-pane", "-t", "main:0.1", "-T", "a title"], "+   pane 1 a title");
        changed(&["select-pane", "-t", "main:0.1", "-d"], "+     pane_input_off 1");
        changed(&["select-pane", "-t", "main:0.1", "-m"], "+     pane_marked 1");
        changed(&["resize-pane", "-t", "main:0.0", "-Z"], "+   window_zoomed_flag 1");
        changed(&["swap-pane", "-s", "main:0.0", "-t", "main:0.1"], "pane 0 a title");
        changed(
            &["new-window", "-d", "-t", "main:7", "-n", "x", "-c", "/", "sleep 1000"],
            "+   link 7 to window 1",
        );
        changed(&["select-window", "-t", "main:7"], "+   session_stack 7,0");
        changed(&["set-option", "-t", "main", "@mine", "a b"], "+   option @mine \"a b\"");
        changed(&["set-option", "-w", "-t", "main", "@mine", "w"], "+   option @mine w");
        changed(&["set-option", "-p", "-t", "main", "@mine", "p"], "+     option @mine p");
        changed(&["set-environment", "-t", "main", "NAME", "value"], "+   environment NAME=value");
        changed(&["new-session", "-d", "-s", "second", "-t", "main"], "+   session_group main");
        changed(&["rename-session", "-t", "second", "third"], "+ session third");
    }
}
