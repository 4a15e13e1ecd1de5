//! `evermux session send`, `capture`, `wait` and `run`: talking with what runs in a session.

mod common;

use std::process::Stdio;
use std::time::{Duration, Instant};

use common::json;
use evermux_testkit::{Env, Output, Server, Tmux, tmux_binaries, wait_until};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(30);

fn started(tmux: &Tmux) -> (Server, Env) {
    let server = Server::start(tmux);
    let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
    (server, env)
}

fn session(env: &Env, words: &[&str]) -> Output {
    env.run(&[&["session"], words].concat())
}

/// A session whose program writes every byte it reads into a file; and that file.
fn reader(server: &Server, env: &Env, name: &str, prepare: &str) -> std::path::PathBuf {
    let file = env.sandbox().path(format!("home/{name}"));
    let command = format!("stty raw -echo; printf '{prepare}ready'; exec cat >$HOME/{name}");
    assert!(session(env, &["ensure", name, "--", "sh", "-c", &command]).ok());
    server.wait_until("it reads", |server| server.screen(&format!("={name}:")).contains("ready"));
    file
}

#[test]
fn every_byte_is_sent_as_it_is_to_one_pane_only() {
    let every: Vec<u8> = (0..=255).chain(*b"\n;Enter C-c #{pid} $(id) %H \xe2\x82\xac \xff;").collect();
    for tmux in tmux_binaries() {
        let (server, env) = started(&tmux);
        let plain = reader(&server, &env, "plain", "");
        let brackets = reader(&server, &env, "brackets", "\\033[?2004h");
        server.run(&["set-option", "-w", "-t", "=plain:", "synchronize-panes", "on"]);
        server.run(&["split-window", "-d", "-t", "=plain:", "stty raw -echo; exec cat >$HOME/beside"]);
        server.run(&["copy-mode", "-t", "=plain:"]);
        let read = |path: &std::path::Path| std::fs::read(path).unwrap_or_default();

        let sent = env.run_with_input(&["session", "send", "plain", "--stdin", "--json"], &every);
        assert!(sent.ok() && json(&sent)["pasted"] == true, "tmux {}: {sent}", tmux.version);
        wait_until("all of it arrives", LIMIT, || read(&plain).len() >= every.len());
        assert_eq!(read(&plain), every, "tmux {}", tmux.version);

        let literal = "-x Enter; #{pid} 'a' $HOME `id` é";
        assert!(session(&env, &["send", "brackets", "--enter", "--", literal]).ok());
        let typed = format!("{literal}\r").into_bytes();
        wait_until("it arrives", LIMIT, || read(&brackets).len() >= typed.len());
        assert_eq!(read(&brackets), typed, "a short line is typed, without brackets");
        assert!(session(&env, &["send", "brackets:0.0", "--", "a\nb"]).ok());
        let pasted = [&typed[..], b"\x1b[200~a\nb\x1b[201~"].concat();
        wait_until("it arrives", LIMIT, || read(&brackets).len() >= pasted.len());
        assert_eq!(read(&brackets), pasted);
        let breaking = session(&env, &["send", "brackets", "--", "a\x1b[201~\rrm"]);
        assert_eq!(breaking.status, Some(2), "{breaking}");

        assert!(session(&env, &["send", "brackets", "--key", "C-a", "--key", "Enter", "--key", ";"]).ok());
        let keys = [&pasted[..], b"\x01\r;"].concat();
        wait_until("keys arrive", LIMIT, || read(&brackets).len() >= keys.len());
        assert_eq!(read(&brackets), keys);
        assert_eq!(session(&env, &["send", "brackets", "--key", "enter"]).status, Some(2));
        assert_eq!(session(&env, &["send", "brackets"]).status, Some(2));
        assert_eq!(session(&env, &["send", "brackets:0.7", "--", "x"]).status, Some(4));
        assert_eq!(session(&env, &["send", "bracket", "--", "x"]).status, Some(4));

        for off in [false, true] {
            server.run(&["select-pane", if off { "-d" } else { "-e" }, "-t", "=plain:0.0"]);
            server.run(&["copy-mode", "-t", "=plain:0.0"]);
            let before = read(&plain).len();
            assert!(session(&env, &["send", "plain:0.0", "--key", "C-b", "--key", "'", "--key", ";"]).ok());
            wait_until("keys arrive", LIMIT, || read(&plain).len() >= before + 3);
            assert_eq!(&read(&plain)[before..], b"\x02';", "tmux {}", tmux.version);
            let state = "#{pane_synchronized} #{pane_input_off} #{pane_in_mode}";
            let wanted = format!("1 {} 0", u8::from(off));
            assert_eq!(server.display("=plain:0.0", state), wanted, "tmux {}", tmux.version);
        }
        if tmux.version.at_least(3, 2) {
            assert_eq!(server.run(&["show-options", "-p", "-t", "=plain:0.0", "synchronize-panes"]), "");
        }
        assert_eq!(read(&env.sandbox().path("home/beside")), b"", "not to the synchronized one");
        assert!(server.run(&["list-buffers"]).is_empty());
    }
}

#[test]
fn what_is_sent_when_ready_is_read() {
    for tmux in tmux_binaries() {
        let (_server, env) = started(&tmux);
        // What comes too early is thrown away, as programs do that ask their terminal something.
        let program = "sleep 1; stty -icanon min 0 time 0; cat >/dev/null; stty icanon; read x; echo got:$x; sleep 1000";
        assert!(session(&env, &["ensure", "slow", "--", "sh", "-c", program]).ok());
        let sent = session(&env, &["send", "slow", "--when-ready", "--enter", "--json", "--", "hello"]);
        assert!(sent.ok() && json(&sent)["ready"] == true, "tmux {}: {sent}", tmux.version);
        let seen = session(&env, &["wait", "slow", "--text", "^got:", "--timeout", "20s"]);
        assert_eq!(seen.text(), "got:hello\n", "{seen}");
        let late = session(&env, &["send", "slow", "--when-ready", "--timeout", "300ms", "--", "x"]);
        assert_eq!(late.status, Some(1), "{late}");
        assert!(late.errors().contains("does not read what is typed within 0.3 s"), "{late}");
        assert!(late.errors().contains("got:hello"), "its last lines: {late}");
    }
}

#[test]
fn a_program_that_dies_meanwhile_is_told_with_its_last_lines() {
    for tmux in tmux_binaries() {
        let (server, env) = started(&tmux);
        server.run(&["set-option", "-g", "remain-on-exit", "on"]);
        for words in [&["send", "dies", "--when-ready", "--", "x"][..], &["wait", "dies", "--text", "never"]]
        {
            let program = "echo cannot open the door; sleep 1; exit 3";
            assert!(session(&env, &["ensure", "dies", "--", "sh", "-c", program]).ok());
            let output = session(&env, words);
            assert_eq!(output.status, Some(1), "tmux {}: {output}", tmux.version);
            assert!(output.errors().contains("has ended with exit status 3"), "{output}");
            assert!(output.errors().contains("cannot open the door"), "{output}");
            assert!(session(&env, &["kill", "dies"]).ok());
        }
        server.run(&["set-option", "-g", "remain-on-exit", "off"]);
        assert!(session(&env, &["ensure", "dies", "--", "sh", "-c", "echo the last; sleep 1"]).ok());
        let output = session(&env, &["wait", "dies", "--text", "never"]);
        assert_eq!(output.status, Some(1), "{output}");
        assert!(output.errors().contains("the last"), "{output}");
    }
}

#[test]
fn what_is_new_since_a_mark_is_exactly_told() {
    for tmux in tmux_binaries() {
        let server = Server::builder(&tmux).config("set -g history-limit 100\n").start();
        let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
        server.wait_for_prompts();
        let mark = || session(&env, &["capture", "main", "--mark"]).text().trim().to_owned();
        let since = |mark: &str| session(&env, &["capture", "main", "--since", mark]);
        let count = |from: u32, to: u32| {
            let line = format!("seq {from} {to}; echo EN''D{from}");
            server.type_line("=main:", &line);
            let end = format!("END{from}\n$");
            server.wait_until("it is done", |server| server.screen("=main:").ends_with(&end));
            let printed: String = (from..=to).map(|number| format!("{number}\n")).collect();
            format!(" {line}\n{printed}{end}\n")
        };
        let first = mark();
        let nothing = since(&first);
        assert_eq!((nothing.text().as_str(), nothing.status), ("", Some(0)), "tmux {}", tmux.version);
        let wanted = count(1, 5);
        assert_eq!(since(&first).text(), wanted, "tmux {}", tmux.version);
        for (from, to) in [(100, 150), (1000, 1080), (2000, 2060), (3000, 3075)] {
            let before = mark();
            let wanted = count(from, to);
            let new = since(&before);
            assert_eq!((new.text(), new.status), (wanted, Some(0)), "tmux {}", tmux.version);
        }
        let lost = since(&first);
        assert_eq!(lost.status, Some(3), "what stood at the mark is gone: {lost}");
        assert_eq!(since("m1.nonsense").status, Some(2));
        server.run(&["new-session", "-d", "-s", "other"]);
        assert_eq!(session(&env, &["capture", "other", "--since", &first]).status, Some(2));
    }
}

#[test]
fn lines_that_were_wrapped_are_joined_in_what_is_new() {
    for tmux in tmux_binaries() {
        let (server, env) = started(&tmux);
        // 80 columns: a row that ends with blanks, one that is full when the mark is taken, colours across an edge.
        let blanks = format!("{}{}end", "a".repeat(76), " ".repeat(8));
        let (full, rest) = ("b".repeat(80), "c".repeat(20));
        let red = "r".repeat(90);
        let program = env.sandbox().program(
            "bin/wraps",
            format!(
                "#!/bin/sh\nread x\nprintf 'begin\\n{blanks}\\n{full}'\nread x\nprintf '{rest}\\n'\n\
                 printf '\\033[31m{red}\\033[0m\\nEND'\nread x\n"
            ),
        );
        assert!(session(&env, &["ensure", "job", "--size", "80x24", "--", program.to_str().unwrap()]).ok());
        let mark = || session(&env, &["capture", "job", "--mark"]).text().trim().to_owned();
        let since = |mark: &str, words: &[&str]| {
            session(&env, &[&["capture", "job", "--since", mark, "--join"], words].concat())
        };
        // The row of the mark stays empty: that line is not new.
        let first = mark();
        assert!(session(&env, &["send", "job", "--when-ready", "--key", "Enter"]).ok());
        server.wait_until("the row is full", |server| server.screen("=job:").contains(&full));
        let told = since(&first, &[]);
        assert_eq!(told.text(), format!("begin\n{blanks}\n{full}\n"), "tmux {}: {told}", tmux.version);
        let second = mark();
        server.run(&["send-keys", "-t", "=job:", "-l", "x"]);
        server.wait_until("it goes on", |server| server.screen("=job:").contains(&format!("{full}\nx")));
        let told = json(&since(&second, &["--json"]));
        assert_eq!((&told["lines"][0], &told["continues"]), (&"x".into(), &true.into()), "{told}");
        server.run(&["send-keys", "-t", "=job:", "Enter"]);
        server.wait_until("it is done", |server| server.screen("=job:").ends_with("END"));
        let told = since(&first, &[]).text();
        assert!(told.ends_with(&format!("{full}x\n{rest}\n{red}\nEND\n")), "tmux {}: {told}", tmux.version);
        let told = since(&second, &["--colour"]).text();
        assert!(told.contains("\x1b[31mrrr") && told.lines().count() == 4, "tmux {}: {told}", tmux.version);
    }
}

#[test]
fn text_is_captured_as_it_is_wanted() {
    for tmux in tmux_binaries() {
        let (server, env) = started(&tmux);
        server.wait_for_prompts();
        let long = "x".repeat(100);
        server.type_line(
            "=main:",
            &format!("seq 1 30; printf '\\033[31mred\\033[0m\\n'; echo {long}; echo EN''D"),
        );
        server.wait_until("it is done", |server| server.screen("=main:").ends_with("END\n$"));
        let capture = |words: &[&str]| session(&env, &[&["capture", "main"], words].concat()).text();
        assert_eq!(capture(&[]), format!("{}\n", server.screen("=main:")), "tmux {}", tmux.version);
        assert_eq!(capture(&["--lines", "2"]), "END\n$\n");
        assert!(capture(&["--all"]).contains("\n1\n2\n3\n"));
        assert!(!capture(&["--all"]).contains(&long) && capture(&["--all", "--join"]).contains(&long));
        assert!(capture(&["--colour"]).contains("\x1b[31mred") && !capture(&[]).contains('\x1b'));
        let told = json(&session(&env, &["capture", "main", "--json"]));
        assert_eq!((&told["sure"], &told["alternate"]), (&true.into(), &false.into()));
        server.type_line("=main:", "printf '\\033[?1049h\\033[Hover'; read x");
        server.wait_until("it is over", |server| server.screen("=main:").contains("over"));
        assert_eq!(capture(&[]).lines().next(), Some("over"));
    }
}

#[test]
fn a_pane_is_followed_until_its_program_ends() {
    let tmux = tmux_binaries().pop().unwrap();
    let (server, env) = started(&tmux);
    let program = "while [ ! -e $HOME/go ]; do sleep 0.05; done; for i in 1 2 3; do echo line $i; sleep 0.3; done; sleep 1";
    assert!(session(&env, &["ensure", "job", "--", "sh", "-c", program]).ok());
    let mut command = env.command(&["session", "capture", "job", "--follow"]);
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    server.wait_until("nothing yet", |_| true);
    std::thread::sleep(Duration::from_millis(300));
    env.sandbox().write("home/go", "");
    let output = child.wait_with_output().unwrap();
    let events: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let lines: Vec<&str> = events.iter().filter_map(|event| event["line"].as_str()).collect();
    assert_eq!(lines, ["line 1", "line 2", "line 3"]);
    assert_eq!(events.last().unwrap()["ended"], true);
}

#[test]
fn waiting_ends_when_it_has_happened() {
    for tmux in tmux_binaries() {
        let (server, env) = started(&tmux);
        let wait = |words: &[&str]| session(&env, &[&["wait"], words].concat());
        assert!(wait(&["main", "--prompt", "--timeout", "20s"]).ok());
        assert!(wait(&["main", "--idle", "200ms", "--timeout", "20s"]).ok());
        server.type_line("=main:", "echo old ready; sleep 0.5; echo EN''D");
        server.wait_until("it has said so", |server| server.screen("=main:").contains("\nold ready"));
        let mark = session(&env, &["capture", "main", "--mark"]).text();
        assert_eq!(wait(&["main", "--text", "^old r"]).text(), "old ready\n");
        let stale = wait(&["main", "--text", "^old r", "--since", mark.trim(), "--timeout", "200ms"]);
        assert_eq!(stale.status, Some(1), "{stale}");
        assert_eq!(
            wait(&["main", "--text", "^END$", "--since", mark.trim(), "--timeout", "20s"]).text(),
            "END\n"
        );
        assert_eq!(wait(&["main", "--text", "["]).status, Some(2));
        assert_eq!(wait(&["main"]).status, Some(2));

        assert!(session(&env, &["ensure", "job", "--", "sh", "-c", "sleep 0.5; exit 42"]).ok());
        let ended = wait(&["job", "--exit", "--json"]);
        assert_eq!(
            (ended.status, &json(&ended)["status"]),
            (Some(42), &42.into()),
            "tmux {}: {ended}",
            tmux.version
        );
        assert_eq!(session(&env, &["has", "job"]).status, Some(4), "it does not stay");
        assert!(session(&env, &["ensure", "long", "--", "sleep", "1000"]).ok());
        assert_eq!(wait(&["long", "--exit", "--timeout", "100ms"]).status, Some(1));
        let option = server.tmux(&["show-options", "-w", "-t", "=long:", "remain-on-exit"]);
        assert_eq!(option.text().trim(), "", "nothing of ours is left set");
    }
}

fn shells() -> Vec<&'static str> {
    let known = ["sh", "bash", "zsh", "fish"];
    known.into_iter().filter(|shell| std::path::Path::new("/usr/bin").join(shell).exists()).collect()
}

#[test]
fn a_command_runs_in_the_very_shell_of_a_session() {
    for tmux in tmux_binaries() {
        let (server, env) = started(&tmux);
        for shell in shells() {
            let program = format!("/usr/bin/{shell}");
            assert!(session(&env, &["ensure", shell, "--", &program]).ok());
            let run =
                |words: &[&str]| session(&env, &[&["run", shell, "--timeout", "30s", "--"], words].concat());
            let odd = "a 'b' \"c\" $HOME `id` \\ ! ; # \t\n*é";
            let said = run(&["printf", "<%s>", odd, ""]);
            assert_eq!(
                (said.text(), said.status),
                (format!("<{odd}><>"), Some(0)),
                "{shell} tmux {}: {said}",
                tmux.version
            );
            assert_eq!(
                run(&["sh", "-c", "echo out; echo err >&2; exit 7"]).to_string(),
                "out\nerr\n[exit 7]",
                "{shell}"
            );
            assert!(run(&["cd", "/usr"]).ok());
            assert_eq!(run(&["pwd"]).text(), "/usr\n", "{shell}");
            assert_eq!(run(&["/no/such/program"]).status, Some(127), "{shell}");
            let every = run(&["sh", "-c", "printf '\\000\\033['"]).stdout;
            assert_eq!(every, b"\0\x1b[", "{shell}");
            let line = session(&env, &["run", shell, "--line", "cd /; pwd"]);
            assert_eq!(line.text(), "/\n", "{shell}: {line}");
            let told = json(&session(&env, &["run", shell, "--json", "--", "echo", "x"]));
            assert_eq!((&told["output"], &told["status"]), (&"x\n".into(), &0.into()));
            let pane = format!("={shell}:");
            server.wait_until("it is shown, too", |server| server.screen(&pane).contains("\nx\n"));
        }
    }
}

#[test]
fn a_command_whose_end_is_not_known_is_told_so() {
    for tmux in tmux_binaries() {
        let (server, env) = started(&tmux);
        assert!(session(&env, &["ensure", "job", "--", "/bin/bash", "--norc"]).ok());
        let child = env.command(&["session", "run", "job", "--", "sleep", "1000"]);
        let mut child = { child }.stderr(Stdio::piped()).spawn().unwrap();
        server
            .wait_until("it sleeps", |server| server.display("=job:", "#{pane_current_command}") == "sleep");
        assert!(session(&env, &["send", "job", "--key", "C-c"]).ok());
        let begun = Instant::now();
        let status = child.wait().unwrap().code();
        assert!(matches!(status, Some(1 | 130)), "tmux {}: {status:?}", tmux.version);
        assert!(begun.elapsed() < LIMIT);
        let left = session(&env, &["run", "job", "--", "exit", "3"]);
        assert_eq!(left.status, Some(1), "{left}");
        assert!(left.errors().contains("has ended"), "{left}");
    }
}
