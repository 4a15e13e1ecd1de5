//! The testkit's own promises, on every tmux there is.

use evermux_testkit::{Client, Process, Server, tmux_binaries};

#[test]
fn a_server_answers_and_leaves_nothing_behind() {
    for tmux in tmux_binaries() {
        let server = Server::start(&tmux);
        assert_eq!(server.display("main", "#{version} #{session_name}"), format!("{} main", tmux.version));
        server.wait_for_prompt("main");
        server.type_line("main", "trap '' HUP; setsid sleep 1000 & echo done");
        server.wait_until("the line has run", |server| server.screen("main").contains("\ndone"));
        let folder = server.sandbox().folder().to_owned();
        let processes = server.sandbox().processes();
        assert!(processes.len() >= 3, "server, shell and sleep: {processes:?}");
        drop(server);
        assert!(processes.iter().all(|process| !process.lives()), "tmux {}", tmux.version);
        assert!(!folder.exists());
    }
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
