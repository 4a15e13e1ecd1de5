//! `evermux session`: making, finding and listing sessions, as scripts do it.

mod common;

use std::thread;

use common::{assert_output, json};
use evermux_testkit::{Env, Server, Tmux, tmux_binaries};
use serde_json::Value;

fn absent(tmux: &Tmux) -> (Server, Env) {
    let server = Server::builder(tmux).absent();
    let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
    (server, env)
}

/// A program that says what it was called with and where, and stays.
fn witness(env: &Env) -> String {
    let script = "#!/bin/sh\n{ pwd; printf '%s\\n' \"$FOO\" \"$#\"; printf '<%s>' \"$@\"; } >\"$HOME/said.new\"\n\
                  mv \"$HOME/said.new\" \"$HOME/said\"\nexec sleep 1000\n";
    env.sandbox().program("bin/witness", script).to_str().expect("it is ASCII").to_owned()
}

#[test]
fn a_session_is_made_once_and_found_by_its_whole_name() {
    let (_server, env) = absent(&tmux_binaries().pop().unwrap());
    assert_output!(env.run(&["session", "has", "work"]), @"[exit 4]");
    assert_output!(env.run(&["session", "list"]), @"
    No sessions.
    [exit 0]
    ");
    assert_output!(env.run(&["session", "ensure", "work"]), @"
    Made session work
    [exit 0]
    ");
    assert_output!(env.run(&["session", "ensure", "work"]), @"
    Session work is there
    [exit 0]
    ");
    assert_output!(env.run(&["session", "has", "work"]), @"[exit 0]");
    for other in ["wor", "w*", "$0", "%0", "@0", "=work", "work "] {
        assert_eq!(env.run(&["session", "has", other]).status, Some(4), "{other}");
    }
    assert_output!(env.run(&["session", "has", "work:0"]), @"
    --- stderr ---
    error: a name cannot hold ':', which tmux changes to '_'
    hint: Use '-' or '_' instead.
    [exit 2]
    ");
    assert_output!(env.run(&["session", "ensure", "x", "--cwd", "/no/such"]), @"
    --- stderr ---
    error: /no/such is not a directory
    [exit 2]
    ");
}

#[test]
fn names_of_every_kind_are_names() {
    for tmux in tmux_binaries() {
        let (_server, env) = absent(&tmux);
        let names = [
            "-x", "$1", "%2", "@3", "=a", "a b", " ", "0", "#{pid}", "#(id)", "*", "{mouse}", "é🎉", "a;",
            "+1", "!",
        ];
        for name in names {
            assert_eq!(
                json(&env.run(&["session", "ensure", name, "--json"]))["made"],
                true,
                "{name} {}",
                tmux.version
            );
        }
        for name in names {
            assert_eq!(env.run(&["session", "has", name]).status, Some(0), "{name} {}", tmux.version);
            assert_eq!(json(&env.run(&["session", "ensure", name, "--json"]))["made"], false, "{name}");
        }
        let listed = json(&env.run(&["session", "list", "--json"]));
        assert_eq!(listed["sessions"].as_array().unwrap().len(), names.len());
        for name in names {
            let restarted = env.run(&["session", "restart", "--settle", "0", name]);
            assert!(restarted.ok(), "{name} {}: {restarted}", tmux.version);
            assert_eq!(env.run(&["session", "has", name]).status, Some(0), "{name} {}", tmux.version);
        }
        for (at, name) in names.iter().enumerate() {
            assert!(env.run(&["session", "kill", name]).ok(), "{name} {}", tmux.version);
            let left = json(&env.run(&["--json", "session", "list"]));
            assert_eq!(left["sessions"].as_array().unwrap().len(), names.len() - at - 1, "{name}");
        }
    }
}

#[test]
fn a_command_gets_its_words_directory_and_variables_as_they_are() {
    for tmux in tmux_binaries() {
        let (server, env) = absent(&tmux);
        let (program, folder) = (witness(&env), env.sandbox().path("a #{pid} b"));
        std::fs::create_dir(&folder).unwrap();
        let folder = folder.to_str().unwrap();
        let odd = "a 'b' \"c\" $HOME `id` #{pid} ; \\ ~ % \t\n*é";
        for (name, words) in [("many", vec![odd, "", "-d", ";"]), ("one", vec![])] {
            let foo = format!("FOO=1 {odd}");
            let mut command = vec!["session", "ensure", name, "--cwd", folder, "--env", &foo, "--", &program];
            command.extend(&words);
            assert!(env.run(&command).ok(), "{}", env.run(&command));
            let said = env.sandbox().path("home/said");
            server.wait_until("it has said so", |_| said.exists());
            let wanted: String = words.iter().map(|word| format!("<{word}>")).collect();
            let wanted = format!(
                "{folder}\n1 {odd}\n{}\n{}",
                words.len(),
                if words.is_empty() { "<>" } else { &wanted }
            );
            assert_eq!(std::fs::read_to_string(&said).unwrap(), wanted, "tmux {}", tmux.version);
            std::fs::remove_file(said).unwrap();
            assert_eq!(server.lines(&["list-windows", "-t", &format!("={name}:")]).len(), 1);
        }
        // Later windows have the variable, too.
        let shown = server.run(&["show-environment", "-t", "=one", "FOO"]);
        assert!(shown.starts_with("FOO=1 "), "{shown}");
    }
}

#[test]
fn what_differs_is_told_if_asked() {
    for tmux in tmux_binaries() {
        let (server, env) = absent(&tmux);
        let ensure = |words: &[&str]| env.run(&[&["session", "ensure", "job", "--check"], words].concat());
        assert!(ensure(&["--", "sleep", "1000"]).ok());
        assert!(ensure(&["--", "sleep", "1000"]).ok());
        assert!(ensure(&[]).ok(), "no command is wanted");
        let other = ensure(&["--cwd", "/", "--", "sleep", "999"]);
        assert_eq!(other.status, Some(3), "{other}");
        assert!(other.errors().contains("its command is sleep 1000, not sleep 999"), "{other}");
        assert!(other.errors().contains("not /"), "{other}");
        server.run(&["new-session", "-d", "-s", "theirs"]);
        let theirs = env.run(&["session", "ensure", "theirs", "--check", "--", "sleep", "1"]);
        assert!(theirs.errors().contains("evermux has not made it"), "{theirs}");
    }
}

#[test]
fn fifty_ask_at_once_and_no_server_runs() {
    for tmux in tmux_binaries() {
        let (server, env) = absent(&tmux);
        let made: Vec<(String, bool)> = thread::scope(|scope| {
            let ask = |number: usize| {
                let env = &env;
                scope.spawn(move || {
                    let name = format!("job-{}", number % 5);
                    let output = env.run(&["session", "ensure", &name, "--json", "--", "sleep", "1000"]);
                    assert!(output.ok(), "{output}");
                    (name, json(&output)["made"] == true)
                })
            };
            let asking: Vec<_> = (0..50).map(ask).collect();
            asking.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for number in 0..5 {
            let name = format!("job-{number}");
            let count = made.iter().filter(|(of, made)| *of == name && *made).count();
            assert_eq!(count, 1, "{name} tmux {}", tmux.version);
        }
        assert_eq!(server.lines(&["list-sessions"]).len(), 5);
    }
}

#[test]
fn without_terminal_locale_or_in_another_tmux_it_is_the_same() {
    let tmux = tmux_binaries().pop().unwrap();
    let (server, env) = absent(&tmux);
    let bare = env.with("LANG", "C").with("LC_ALL", "C").with("TERM", "").with("TMUX", "/no/such/socket,1,0");
    assert!(bare.run(&["session", "ensure", "é"]).ok());
    assert_eq!(bare.run(&["session", "has", "é"]).status, Some(0));
    assert_eq!(server.lines(&["list-sessions", "-F", "#{session_name}"]), ["é"]);
}

#[test]
fn the_list_tells_who_is_attached_and_what_decides_the_size() {
    for tmux in tmux_binaries() {
        let (server, env) = absent(&tmux);
        let env = env.with("SSH_CONNECTION", "192.0.2.7 50000 192.0.2.1 22");
        assert!(env.run(&["session", "ensure", "work", "--size", "100x30"]).ok());
        let list = || json(&env.run(&["session", "list", "--json"]))["sessions"][0].clone();
        let there = list();
        assert_eq!(
            (&there["width"], &there["height"]),
            (&100.into(), &30.into()),
            "tmux {}: {there}",
            tmux.version
        );
        let client = server.attach("work", 90, 20);
        server.wait_until("it is attached", |_| list()["attached"].as_array().unwrap().len() == 1);
        let there = list();
        let terminal = there["attached"][0]["terminal"].clone();
        assert_eq!(there["window_size"], "latest");
        assert_eq!(there["decided_by"], Value::Array(vec![terminal]), "{there}");
        server.run(&["set-option", "-g", "window-size", "manual"]);
        assert_eq!(
            (&list()["window_size"], &list()["decided_by"]),
            (&"manual".into(), &Value::Array(vec![]))
        );
        drop(client);
    }
}
