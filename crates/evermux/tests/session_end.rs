//! `evermux session kill`, `restart`, `with` and `lock`: how sessions and what runs in them end.

mod common;

use std::process::Stdio;
use std::time::{Duration, Instant};

use common::json;
use evermux_testkit::{Env, Process, Server, Tmux, tmux_binaries, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

fn started(tmux: &Tmux) -> (Server, Env) {
    let server = Server::start(tmux);
    let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
    (server, env)
}

/// The process whose id a program has written into a file below `HOME`.
fn process(env: &Env, file: &str) -> Process {
    let path = env.sandbox().path("home").join(file);
    let read = || std::fs::read_to_string(&path).ok()?.strip_suffix('\n')?.parse().ok();
    wait_until("a process has written its id", LIMIT, || read().is_some());
    Process::open(read().expect("it was read before")).expect("it lives")
}

#[test]
fn everything_below_a_session_ends_and_nothing_else() {
    for tmux in tmux_binaries() {
        let (server, env) = started(&tmux);
        // Ignores HUP and TERM; left its group and session; lost its parent but not its session; starts another when told to end.
        let script = "#!/bin/sh\n\
            (trap '' HUP TERM; echo $$ >/dev/null; sh -c 'echo $PPID' >$HOME/deaf; while :; do sleep 1; done) &\n\
            setsid sh -c 'echo $$ >$HOME/left; exec sleep 1000' &\n\
            sh -c 'sleep 1000 & echo $! >$HOME/orphan'\n\
            trap 'sleep 1001 & echo $! >$HOME/last; exit' TERM\n\
            echo $$ >$HOME/first\nwhile :; do sleep 0.1; done\n";
        let program = env.sandbox().program("bin/tree", script);
        assert!(env.run(&["session", "ensure", "job", "--", program.to_str().unwrap()]).ok());
        let victims = ["deaf", "left", "orphan", "first"].map(|name| process(&env, name));
        let other = process_of(&server, "=main:");
        let output = env.run(&["session", "kill", "job", "--grace", "500ms", "--json"]);
        assert!(output.ok(), "tmux {}: {output}", tmux.version);
        for (victim, name) in victims.iter().zip(["deaf", "left", "orphan", "first"]) {
            assert!(!victim.lives(), "{name} lives, tmux {}: {output}", tmux.version);
        }
        let last = std::fs::read_to_string(env.sandbox().path("home/last")).unwrap();
        assert!(
            Process::open(last.trim().parse().unwrap()).is_none(),
            "what a dying program starts ends, too"
        );
        assert!(json(&output)["killed"].as_u64().unwrap() >= 1, "{output}");
        assert!(other.lives());
        assert_eq!(server.lines(&["list-sessions", "-F", "#{session_name}"]), ["main"]);
        assert_eq!(env.run(&["session", "kill", "job"]).status, Some(4));
    }
}

fn process_of(server: &Server, target: &str) -> Process {
    let pid = server.display(target, "#{pane_pid}").parse().expect("a number");
    Process::open(pid).expect("it lives")
}

#[test]
fn shells_end_at_once_and_a_linked_window_lives_on() {
    for tmux in tmux_binaries() {
        let (server, env) = started(&tmux);
        server.run(&["new-session", "-d", "-s", "job"]);
        let linked = server.run(&["new-window", "-d", "-t", "=job:5", "-P", "-F", "#{window_id}"]);
        server.run(&["link-window", "-d", "-s", &linked, "-t", "=main:5"]);
        server.wait_for_prompts();
        let (ends, lives) = (process_of(&server, "=job:0"), process_of(&server, &linked));
        let begun = Instant::now();
        let output = env.run(&["session", "kill", "job", "--grace", "20s"]);
        assert!(output.ok() && output.text().contains("live on in main"), "tmux {}: {output}", tmux.version);
        assert!(begun.elapsed() < Duration::from_secs(10), "it waited for shells, which ignore TERM");
        assert!(!ends.lives() && lives.lives());
        assert_eq!(server.lines(&["list-windows", "-t", "=main:"]).len(), 2);
    }
}

#[test]
fn a_restart_is_one_step_for_ports_clients_and_the_server() {
    for tmux in tmux_binaries() {
        let (server, env) = started(&tmux);
        // Only one can hold the lock: a second one fails at once.
        let script = "#!/bin/sh\nexec 9>$HOME/port\nflock -n 9 || { echo the port is taken; exit 7; }\n\
                      echo $$ >$HOME/holder.new; mv $HOME/holder.new $HOME/holder\necho serving $FOO in $PWD\n\
                      trap 'sleep 0.3; exit' TERM\nwhile :; do sleep 0.1; done\n";
        let program = env.sandbox().program("bin/serve", script);
        let program = program.to_str().unwrap();
        let restart = || {
            env.run(&[
                "session", "restart", "web", "--cwd", "/usr", "--env", "FOO=x y", "--json", "--", program,
            ])
        };
        assert!(restart().ok());
        server.run(&["kill-session", "-t", "=main"]);
        let first = process(&env, "holder");
        let pid = server.run(&["display-message", "-p", "#{pid}"]);
        let client = server.attach("=web", 80, 24);
        client.wait_for("serving x y in /usr");
        let output = restart();
        assert!(output.ok(), "tmux {}: {output}", tmux.version);
        let told = json(&output);
        assert_eq!((&told["clients"], &told["old"]["killed"]), (&1.into(), &0.into()), "{output}");
        assert!(!first.lives());
        assert_ne!(process(&env, "holder").id(), first.id());
        assert_eq!(server.run(&["display-message", "-p", "#{pid}"]), pid, "the server is the same");
        assert_eq!(server.lines(&["list-clients", "-F", "#{client_session}"]), ["web"]);
        assert_eq!(server.lines(&["list-panes", "-a", "-F", "#{session_name} #{window_index}"]), ["web 0"]);
        client.wait_for("serving x y in /usr");
        let option = server.tmux(&["show-options", "-w", "-t", "=web:", "remain-on-exit"]);
        assert_eq!(option.text().trim(), "", "nothing of ours is left set");
    }
}

#[test]
fn a_new_one_that_fails_at_once_is_told() {
    for tmux in tmux_binaries() {
        let (_server, env) = started(&tmux);
        let failing = ["--", "sh", "-c", "echo no such port; exit 7"];
        for _ in 0..2 {
            let output = env.run(&[&["session", "restart", "web"], &failing[..]].concat());
            let told = "--- stderr ---\nerror: the program of session 'web' has ended with exit status 7\n\
                        cause: its last lines:\n       no such port\n[exit 1]";
            assert_eq!(output.to_string(), told, "tmux {}", tmux.version);
        }
        assert_eq!(env.run(&["session", "has", "web"]).status, Some(4));
    }
}

#[test]
fn many_restarts_at_once_leave_one() {
    for tmux in tmux_binaries() {
        let (server, env) = started(&tmux);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                let env = &env;
                scope.spawn(move || {
                    let output =
                        env.run(&["session", "restart", "job", "--settle", "0", "--", "sleep", "1000"]);
                    assert!(matches!(output.status, Some(0 | 1)), "{output}");
                });
            }
        });
        let mut names = server.lines(&["list-sessions", "-F", "#{session_name}"]);
        names.sort();
        assert_eq!(names, ["job", "main"], "tmux {}", tmux.version);
    }
}

#[test]
fn a_session_lives_as_long_as_a_program() {
    for tmux in tmux_binaries() {
        let (server, env) = started(&tmux);
        let sessions = || server.lines(&["list-sessions", "-F", "#{session_name}"]);
        let with = |words: &[&str]| env.run(&[&["session", "with"], words].concat());
        let inside = "echo \"$EVERMUX_SESSION\"; tmux -L t has-session -t \"=$EVERMUX_SESSION\" && exit 5";
        let output = with(&["--name", "tmp", "--", "sh", "-c", inside]);
        assert_eq!(
            (output.status, output.text().as_str()),
            (Some(5), "tmp\n"),
            "tmux {}: {output}",
            tmux.version
        );
        assert_eq!(sessions(), ["main"]);
        assert_eq!(with(&["--", "/no/such/program"]).status, Some(127));
        assert_eq!(sessions(), ["main"]);
        let output = with(&["--name", "kept", "--keep-on-failure", "--", "false"]);
        assert_eq!(output.status, Some(1));
        assert!(output.errors().contains("session kept is kept"), "{output}");
        assert_eq!(sessions(), ["kept", "main"]);
        assert_eq!(with(&["--name", "kept", "--", "true"]).status, Some(1), "it is there already");
        assert_eq!(sessions(), ["kept", "main"]);

        for (signal, status) in [("TERM", Some(143)), ("HUP", Some(129)), ("INT", Some(130)), ("KILL", None)]
        {
            let mut command = env.command(&["session", "with", "--name", "tmp", "--", "sleep", "1000"]);
            let mut child = command.stdin(Stdio::null()).spawn().unwrap();
            server.wait_until("the session is there", |_| sessions().contains(&"tmp".to_owned()));
            let below =
                || std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
            let name = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            wait_until("it runs", LIMIT, || below().split_whitespace().any(|pid| name(pid) == "sleep\n"));
            assert!(
                std::process::Command::new("kill")
                    .args(["-s", signal, &child.id().to_string()])
                    .status()
                    .unwrap()
                    .success()
            );
            assert_eq!(child.wait().unwrap().code(), status, "{signal}");
            server.wait_until("the session is gone", |_| !sessions().contains(&"tmp".to_owned()));
        }
    }
}

#[test]
fn whenever_it_is_killed_nothing_of_it_stays() {
    let tmux = tmux_binaries().pop().unwrap();
    let (server, env) = started(&tmux);
    for moment in 0..40 {
        let mut command = env.command(&["session", "with", "--", "sleep", "1000"]);
        let mut child = command.stdin(Stdio::null()).spawn().unwrap();
        // The moment of the fault.
        std::thread::sleep(Duration::from_millis(moment));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let guards = || {
        let command_line = |process: &Process| std::fs::read(format!("/proc/{}/cmdline", process.id()));
        let is_guard = |process: &Process| {
            command_line(process)
                .is_ok_and(|words| words.split(|byte| *byte == 0).any(|word| word == b"guard"))
        };
        env.sandbox().processes().iter().filter(|process| is_guard(process)).count()
    };
    wait_until("all guards have ended", LIMIT, || guards() == 0);
    assert_eq!(server.lines(&["list-sessions", "-F", "#{session_name}"]), ["main"]);
}

#[test]
fn one_at_a_time_holds_a_lock() {
    let tmux = tmux_binaries().pop().unwrap();
    let (_server, env) = started(&tmux);
    let lock = |words: &[&str]| env.run(&[&["session", "lock"], words].concat());
    assert_eq!(lock(&["a", "--", "sh", "-c", "exit 9"]).status, Some(9));
    assert_eq!(lock(&["a", "--", "/no/such/program"]).status, Some(127));
    // Whoever leaves something running in the background does not hold it any longer.
    assert!(lock(&["a", "--", "sh", "-c", "sleep 1000 >/dev/null 2>&1 &"]).ok());
    assert!(lock(&["a", "--timeout", "0", "--", "true"]).ok());

    let script = "echo $$ >$HOME/holder.new; mv $HOME/holder.new $HOME/holder; exec sleep 1000";
    let mut holder = env.command(&["session", "lock", "a", "--", "sh", "-c", script]).spawn().unwrap();
    let held = process(&env, "holder");
    let busy = lock(&["a", "--timeout", "100ms", "--", "true"]);
    assert_eq!(busy.status, Some(5), "{busy}");
    assert!(busy.errors().starts_with("error: the lock 'a' is busy in process "), "{busy}");
    assert!(lock(&["b", "--timeout", "0", "--", "true"]).ok(), "another name is another lock");
    // evermux is killed: COMMAND still holds it.
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(lock(&["a", "--timeout", "0", "--", "true"]).status, Some(5));
    held.kill();
    assert!(lock(&["a", "--timeout", "5s", "--", "true"]).ok());

    let file = env.sandbox().write("home/count", "0\n");
    let add = "n=$(cat $HOME/count); sleep 0.01; echo $((n + 1)) >$HOME/count";
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| assert!(lock(&["a", "--", "sh", "-c", add]).ok()));
        }
    });
    assert_eq!(std::fs::read_to_string(file).unwrap(), "20\n");
}
