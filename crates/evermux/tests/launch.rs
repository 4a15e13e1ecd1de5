//! Programs that ran in the shells of panes run there again after a restore.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use common::shells::{self, SHELLS, installed, newest};
use evermux_core::text::quote::shell_word;
use evermux_testkit::{Env, Server, Tmux, tmux_binaries};
use serde_json::Value;

/// A server whose panes run this shell.
struct Ground {
    server: Server,
    env: Env,
}

impl Ground {
    fn new(tmux: &Tmux, shell: &Path) -> Self {
        let server = shells::absent(tmux, shell);
        Self { env: Env::new(env!("CARGO_BIN_EXE_evermux"), &server), server }
    }

    /// Of a shell of the table; none if that is not installed.
    fn of(name: &str) -> Option<Self> {
        let (rc, text) = shells::row(name);
        let ground = Self::new(&newest(), &installed(name)?);
        ground.rc(rc, text);
        Some(ground)
    }

    fn rc(&self, name: &str, text: &str) {
        shells::write_rc(&self.server, name, text);
    }

    fn start(&self, panes: usize) {
        shells::start(&self.server, panes);
    }

    /// Starts a program in a window, by a file of its name that becomes it with exactly these words.
    fn runs(&self, window: usize, argv: &[Vec<u8>]) {
        let name = String::from_utf8(argv[0].clone()).expect("a name");
        let words: Vec<Vec<u8>> = argv.iter().map(|word| shell_word(word).expect("no NUL")).collect();
        let script = [&b"#!/bin/sh\nexec "[..], &words.join(&b' '), b"\n"].concat();
        let file = self.server.sandbox().program(format!("run/{window}/{name}"), script);
        self.server.type_line(&format!("work:{window}"), file.to_str().expect("it is text"));
        self.server.wait_until("it runs", |_| self.argv(window).as_deref() == Some(argv));
    }

    /// The words of what is in the foreground of a window; none if that is its shell.
    fn argv(&self, window: usize) -> Option<Vec<Vec<u8>>> {
        shells::argv(&self.server, window)
    }

    fn restart(&self, arguments: &[&str], status: i32) -> Value {
        self.server.kill_all();
        self.restore(arguments, status)
    }

    fn restore(&self, arguments: &[&str], status: i32) -> Value {
        let words: Vec<&str> = ["restore", "--json"].iter().chain(arguments).copied().collect();
        let output = self.env.run(&words);
        assert_eq!(output.status, Some(status), "{output}");
        serde_json::from_str(&output.text()).expect("JSON")
    }

    fn reasons(restored: &Value) -> Vec<String> {
        let owed = restored["owed"].as_array().expect("a list");
        owed.iter().map(|debt| debt["reason"].as_str().expect("words").to_owned()).collect()
    }
}

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

/// What is allowed runs again, what is not stays owed; reboot after reboot, each once.
#[test]
fn five_reboots_in_a_row() {
    for tmux in tmux_binaries() {
        let ground = Ground::new(&tmux, Path::new("/bin/sh"));
        ground.server.sandbox().write("home/notes", "one\ntwo\n");
        ground.start(4);
        ground.server.type_line("work:0", "less notes");
        ground.server.type_line("work:1", "tail -f notes");
        ground.server.type_line("work:2", "sleep 1000");
        for window in 0..3 {
            ground.server.wait_until("it runs", |_| ground.argv(window).is_some());
        }
        ground.env.ok(&["save"]);
        for reboot in 0..5 {
            let restored = ground.restart(&[], 3);
            let version = &tmux.version;
            assert_eq!(restored["exact"], true, "tmux {version}, {reboot}: {restored:#}");
            assert_eq!(restored["started"].as_array().unwrap().len(), 2, "tmux {version}: {restored:#}");
            let typed = "typed at its prompt: sleep is not in the program table";
            assert_eq!(Ground::reasons(&restored), [typed], "tmux {version}");
            assert_eq!(ground.argv(0), Some(words("less notes")), "tmux {version}");
            assert_eq!(ground.argv(1), Some(words("tail -f notes")), "tmux {version}");
            assert_eq!((ground.argv(2), ground.argv(3)), (None, None), "tmux {version}");
            assert_eq!(ground.server.run(&["list-buffers"]), "", "tmux {version}");
            ground.env.ok(&["save"]);
        }
        // What is owed for so long comes when it is allowed, and is owed no more.
        let restored = ground.restart(&["--run", "sleep"], 0);
        assert_eq!(restored["started"].as_array().unwrap().len(), 3, "{restored:#}");
        assert_eq!(ground.argv(2), Some(words("sleep 1000")));
        let saved = ground.env.ok(&["show", "--json"]);
        assert!(!saved.contains("typed at its prompt"), "{saved}");
    }
}

/// Every shell starts exactly what ran in it, whatever its words are.
#[test]
fn exact_words_in_every_shell() {
    let long = vec![b'x'; 100_000];
    let cases: Vec<Vec<Vec<u8>>> = vec![
        words("tail -F x"),
        vec![b"tail".to_vec(), b"-F".to_vec(), b"a b".to_vec(), b"it's".to_vec(), b"\"q\"".to_vec()],
        vec![
            b"tail".to_vec(),
            b"-F".to_vec(),
            b"*".to_vec(),
            b"$HOME".to_vec(),
            b"`id`".to_vec(),
            b"a!b".to_vec(),
        ],
        vec![b"tail".to_vec(), b"-F".to_vec(), b"a\nb".to_vec(), b"\xff\xfe".to_vec(), b"\t".to_vec()],
        vec![b"tail".to_vec(), b"-F".to_vec(), long],
        vec![
            b"tail".to_vec(),
            b"-F".to_vec(),
            b"!!".to_vec(),
            b"\\".to_vec(),
            b"#{pid}".to_vec(),
            "ü€".into(),
            b"".to_vec(),
        ],
    ];
    for (shell, ..) in SHELLS {
        let Some(ground) = Ground::of(shell) else { continue };
        ground.start(cases.len());
        for (window, argv) in cases.iter().enumerate() {
            ground.runs(window, argv);
        }
        ground.env.ok(&["save"]);
        for _ in 0..2 {
            let restored = ground.restart(&[], 0);
            for (window, argv) in cases.iter().enumerate() {
                assert!(
                    ground.argv(window).as_deref() == Some(argv),
                    "{shell}: window {window}: {restored:#}"
                );
            }
            assert_eq!(restored["exact"], true, "{shell}: {restored:#}");
            ground.env.ok(&["save"]);
        }
        // Every ticket was used.
        let tickets = fs::read_dir(ground.env.state()).unwrap().find_map(|machine| {
            let entries = fs::read_dir(machine.ok()?.path().join("tickets")).ok()?;
            Some(entries.count())
        });
        assert_eq!(tickets, Some(0), "{shell}");
    }
}

/// rc files that take their time, print, or become another shell.
#[test]
fn slow_rc_files() {
    let slow = [
        ("bash", ".bashrc", "echo hello; sleep 3; echo world; PS1='$ '\n"),
        ("zsh", ".zshrc", "echo hello; sleep 3; echo world; PS1='$ '\n"),
        (
            "bash",
            ".bashrc",
            "PS1='$ '; if [ -z \"$INSIDE\" ]; then export INSIDE=1; sleep 1; exec bash -l; fi\n",
        ),
    ];
    for (shell, rc, text) in slow {
        let Some(ground) = Ground::of(shell) else { continue };
        ground.start(3);
        ground.server.sandbox().write("home/notes", "one\n");
        for window in 0..3 {
            ground.server.type_line(&format!("work:{window}"), "less notes");
            ground.server.wait_until("it runs", |_| ground.argv(window).is_some());
        }
        ground.env.ok(&["save"]);
        ground.rc(rc, text);
        let restored = ground.restart(&[], 0);
        for window in 0..3 {
            assert_eq!(ground.argv(window), Some(words("less notes")), "{text}: {restored:#}");
        }
    }
}

/// An rc file that reads from the terminal gets nothing of ours, and the program stays owed.
#[test]
fn rc_files_that_read_get_nothing() {
    let readers = [
        ("bash", ".bashrc", "PS1='$ '; read -e -p 'Name: ' name; echo \"got <$name>\"\n"),
        ("bash", ".bashrc", "PS1='$ '; read -p 'Name: ' name; echo \"got <$name>\"\n"),
        ("zsh", ".zshrc", "PS1='$ '; name=; vared -p 'Name: ' name; echo \"got <$name>\"\n"),
        ("fish", ".config/fish/config.fish", "read -P 'Name: ' name; echo \"got <$name>\"\n"),
    ];
    for (shell, rc, text) in readers {
        let Some(ground) = Ground::of(shell) else { continue };
        ground.start(1);
        ground.server.sandbox().write("home/notes", "one\n");
        ground.server.type_line("work:0", "less notes");
        ground.server.wait_until("it runs", |_| ground.argv(0).is_some());
        ground.env.ok(&["save"]);
        ground.rc(rc, text);
        let restored = ground.restart(&[], 3);
        let reasons = Ground::reasons(&restored);
        let known =
            ["its shell does not stand at a prompt that is known", "its shell does not come to a prompt"];
        assert!(reasons.len() == 1 && known.contains(&reasons[0].as_str()), "{text}: {restored:#}");
        let screen = ground.server.screen("work:0");
        assert!(screen.trim_end().ends_with("Name:"), "{text}: {screen}");
    }
}

/// Many at once: each once, and nothing is left of the typing.
#[test]
fn forty_panes_at_once() {
    let Some(ground) = Ground::of("bash") else { return };
    ground.start(40);
    for window in 0..40 {
        let name = format!("home/notes{window}");
        ground.server.sandbox().write(name, "one\n");
        ground.server.type_line(&format!("work:{window}"), &format!("tail -f notes{window}"));
    }
    for window in 0..40 {
        ground.server.wait_until("it runs", |_| ground.argv(window).is_some());
    }
    ground.env.ok(&["save"]);
    let begun = Instant::now();
    let restored = ground.restart(&[], 0);
    assert!(begun.elapsed() < Duration::from_secs(90), "{restored:#}");
    for window in 0..40 {
        assert_eq!(ground.argv(window), Some(words(&format!("tail -f notes{window}"))), "{restored:#}");
    }
    assert_eq!(ground.server.run(&["list-buffers"]), "");
    let all: BTreeSet<String> = ground
        .server
        .sandbox()
        .processes()
        .iter()
        .filter_map(|process| fs::read_to_string(format!("/proc/{}/cmdline", process.id())).ok())
        .filter(|line| line.starts_with("tail"))
        .collect();
    assert_eq!(all.len(), 40);
}

/// The program is a job of its pane's shell: it stops, goes on, and gives the shell back.
#[test]
fn jobs_are_the_shells() {
    for shell in ["bash", "zsh", "fish"] {
        let Some(ground) = Ground::of(shell) else { continue };
        ground.start(2);
        ground.server.sandbox().write("home/notes", "one\n");
        ground.runs(0, &words("less notes"));
        // By a ticket.
        ground.runs(1, &[b"less".to_vec(), b"notes".to_vec(), b"a\nb".to_vec()]);
        ground.env.ok(&["save"]);
        let restored = ground.restart(&[], 0);
        for window in ["work:0", "work:1"] {
            let at = window[5..].parse().unwrap();
            let argv = ground.argv(at);
            assert!(argv.is_some(), "{shell}: {restored:#}");
            ground.server.run(&["send-keys", "-t", window, "C-z"]);
            ground.server.wait_until("it stops", |_| ground.argv(at).is_none());
            ground.server.wait_for_prompt(window);
            ground.server.type_line(window, "fg");
            ground.server.wait_until("it goes on", |_| ground.argv(at) == argv);
            ground.server.run(&["send-keys", "-t", window, "q"]);
            ground.server.wait_until("it ends", |_| ground.argv(at).is_none());
            ground.server.wait_for_prompt(window);
        }
    }
}

/// What does not come up stays owed, and says why.
#[test]
fn a_program_that_dies_at_once_stays_owed() {
    let ground = Ground::new(&newest(), Path::new("/bin/sh"));
    ground.start(2);
    ground.server.sandbox().write("home/notes", "one\n");
    ground.runs(0, &words("less notes"));
    ground.runs(1, &[b"less".to_vec(), b"notes".to_vec(), b"--".to_vec()]);
    ground.env.ok(&["save"]);
    fs::remove_file(ground.server.sandbox().path("home/notes")).unwrap();
    let restored = ground.restart(&[], 3);
    assert_eq!(Ground::reasons(&restored), ["it ended at once"; 2], "{restored:#}");
    // It was run once.
    let screen = ground.server.screen("work:0");
    assert_eq!(screen.matches("No such file").count(), 1, "{screen}");
}

/// A line that its shell has dropped is typed once more, and not a third time.
#[test]
fn a_line_that_was_dropped_is_typed_once_more() {
    let Some(ground) = Ground::of("zsh") else { return };
    ground.start(2);
    ground.server.sandbox().write("home/notes", "one\n");
    ground.runs(0, &words("less notes"));
    // By a ticket.
    let ticket = [b"less".to_vec(), b"notes".to_vec(), b"a\nb".to_vec()];
    ground.runs(1, &ticket);
    ground.env.ok(&["save"]);
    for (times, status, owed) in [(1, 0, 0), (9, 3, 2)] {
        let rc = format!(
            "PS1='$ '
             accept-line() {{
                 local dropped=~/dropped-${{TMUX_PANE#%}}-{times}
                 if [[ -n $BUFFER && $(cat $dropped 2>/dev/null | wc -l) -lt {times} ]]; then
                     print -r -- $BUFFER >>$dropped; BUFFER=
                 else
                     zle .accept-line
                 fi
             }}
             zle -N accept-line\n"
        );
        ground.rc(".zshrc", &rc);
        let restored = ground.restart(&[], status);
        assert_eq!(Ground::reasons(&restored), vec!["its shell did not run it"; owed], "{restored:#}");
        let runs = |argv: &[Vec<u8>]| (owed == 0).then(|| argv.to_vec());
        assert_eq!(ground.argv(0), runs(&words("less notes")), "{restored:#}");
        assert_eq!(ground.argv(1), runs(&ticket), "{restored:#}");
        let dropped = |window: &str| {
            let pane = ground.server.display(window, "#{pane_id}").split_off(1);
            fs::read_to_string(ground.server.sandbox().path(format!("home/dropped-{pane}-{times}"))).unwrap()
        };
        for window in ["work:0", "work:1"] {
            assert_eq!(dropped(window).lines().count(), times.min(2), "{}", dropped(window));
        }
        ground.env.ok(&["save"]);
    }
}

/// What was typed and not read yet is not typed again: the program would read it.
#[test]
fn a_shell_that_does_not_come_to_it_is_waited_for() {
    let Some(ground) = Ground::of("zsh") else { return };
    ground.start(1);
    ground.server.sandbox().write("home/notes", "one\n");
    ground.runs(0, &words("tail -f notes"));
    ground.env.ok(&["save"]);
    // As on a machine that has much else to do: its line editor shows the prompt, and does not come to read.
    let rc = "PS1='$ '; zmodload zsh/zselect
        zle-line-init() { [[ -n $done ]] || { done=1; zselect -t 150 } }
        zle -N zle-line-init\n";
    ground.rc(".zshrc", rc);
    let restored = ground.restart(&[], 0);
    assert_eq!(ground.argv(0), Some(words("tail -f notes")), "{restored:#}");
    let screen = ground.server.screen("work:0");
    assert_eq!(screen.matches("tail -f notes").count(), 1, "{screen}");
}

/// `@evermux-policy prefill`: typed and left to the user, `skip`: nothing; a masked command is neither.
#[test]
fn what_the_policy_says() {
    let ground = Ground::new(&newest(), Path::new("/bin/sh"));
    ground.start(3);
    ground.runs(0, &words("sleep 1000"));
    ground.runs(1, &words("tail -F x"));
    ground.runs(2, &words("tail -F -- --password=hunter2"));
    for (window, policy) in [("work:0", "prefill"), ("work:1", "skip"), ("work:2", "prefill")] {
        ground.server.run(&["set-option", "-p", "-t", window, "@evermux-policy", policy]);
    }
    ground.env.ok(&["save"]);
    for _ in 0..2 {
        let restored = ground.restart(&[], 3);
        assert_eq!(restored["typed"].as_array().unwrap().len(), 1, "{restored:#}");
        assert_eq!(restored["started"].as_array().unwrap().len(), 0, "{restored:#}");
        let reasons = Ground::reasons(&restored);
        assert_eq!(reasons.len(), 3, "{restored:#}");
        assert!(reasons[0].starts_with("typed at its prompt"), "{restored:#}");
        assert_eq!(ground.argv(0), None);
        let screen = ground.server.screen("work:0");
        assert!(screen.ends_with("$ command sleep 1000"), "{screen}");
        assert!(!ground.server.screen("work:2").contains("command"));
    }
    // The user runs it, and owes it to nobody.
    ground.server.run(&["send-keys", "-t", "work:0", "Enter"]);
    ground.server.wait_until("it runs", |_| ground.argv(0).is_some());
    ground.env.ok(&["save"]);
    let shown = ground.env.ok(&["show"]);
    assert!(!shown.contains("owed: program sleep 1000"), "{shown}");
}

/// A ticket is good for its pane only, and once.
#[test]
fn resume_is_for_its_pane_only() {
    let ground = Ground::new(&newest(), Path::new("/bin/sh"));
    ground.start(1);
    ground.runs(0, &[b"sleep".to_vec(), b"1000".to_vec()]);
    ground.server.run(&["set-option", "-p", "-t", "work:0", "@evermux-policy", "prefill"]);
    // Too long to be typed.
    ground.server.run(&["send-keys", "-t", "work:0", "C-c"]);
    ground.server.wait_for_prompt("work:0");
    let long = vec![b'0'; 2000];
    let argv = [b"tail".to_vec(), b"-F".to_vec(), long];
    ground.runs(0, &argv);
    ground.env.ok(&["save"]);
    ground.restart(&[], 3);
    let screen = ground.server.run(&["capture-pane", "-p", "-J", "-t", "work:0"]);
    let line =
        screen.lines().rev().find(|line| line.contains(" resume ")).expect("it stands there").to_owned();
    let line = line.trim_start_matches("$ ").trim().to_owned();
    let id = line.rsplit(' ').next().unwrap().to_owned();

    let outside = ground.env.run(&["resume", &id]);
    assert_eq!(outside.status, Some(2), "{outside}");
    assert!(outside.to_string().contains("hint:"), "{outside}");
    ground.server.run(&["new-window", "-d", "-t", "work:1"]);
    ground.server.wait_for_prompt("work:1");
    ground.server.type_line("work:1", &format!("{line}; echo status $?"));
    ground.server.wait_until("it answers", |server| server.screen("work:1").contains("\nstatus "));
    let screen = ground.server.screen("work:1");
    assert!(screen.contains("\nstatus 2"), "{screen}");
    // A pane cannot be feigned either.
    let pane = ground.server.display("work:0", "#{pane_id}");
    ground.server.type_line("work:1", &format!("clear; TMUX_PANE={pane} {line}; echo status $?"));
    ground.server.wait_until("it is refused", |server| server.screen("work:1").contains("status 2"));

    ground.server.run(&["send-keys", "-t", "work:0", "Enter"]);
    ground.server.wait_until("it runs", |_| ground.argv(0).as_deref() == Some(&argv));
    ground.server.run(&["send-keys", "-t", "work:0", "C-c"]);
    ground.server.wait_until("it ends", |_| ground.argv(0).is_none());
    ground.server.run(&["clear-history", "-t", "work:0"]);
    ground.server.type_line("work:0", &format!("clear; {line}; echo status $?"));
    ground.server.wait_until("it is used", |server| server.screen("work:0").contains("status 4"));
    assert_eq!(ground.env.run(&["resume", "nonsense"]).status, Some(2));
}

/// A program that ran elsewhere than its shell runs there again.
#[test]
fn the_directory_of_a_program_comes_back() {
    let ground = Ground::new(&newest(), Path::new("/bin/sh"));
    ground.server.folder("sub");
    ground.start(2);
    for window in ["work:0", "work:1"] {
        ground.server.type_line(window, "(cd sub && exec tail -F x)");
    }
    for window in 0..2 {
        ground.server.wait_until("it runs", |_| ground.argv(window).is_some());
    }
    ground.env.ok(&["save"]);
    let restored = ground.restart(&[], 0);
    assert_eq!(restored["exact"], true, "{restored:#}");
    let shown: Value = serde_json::from_str(&ground.env.ok(&["show", "--json"])).unwrap();
    let program = &shown["content"]["windows"][0]["panes"][0]["program"];
    assert!(program["directory"].as_str().unwrap().ends_with("/home/sub"), "{program}");
    // Where that is gone, nothing runs in another place.
    std::fs::remove_dir(ground.server.sandbox().path("home/sub")).unwrap();
    let restored = ground.restart(&[], 3);
    assert_eq!(Ground::reasons(&restored), ["the directory it ran in is not there"; 2], "{restored:#}");
}

/// Where shells wait to be shown, their programs do, too.
#[test]
fn lazy_panes_start_their_programs_when_they_are_shown() {
    let ground = Ground::new(&newest(), Path::new("/bin/sh"));
    ground.server.sandbox().write("home/notes", "one\n");
    ground.start(2);
    ground.runs(0, &words("less notes"));
    ground.runs(1, &[b"less".to_vec(), b"notes".to_vec(), b"a\nb".to_vec()]);
    ground.env.ok(&["save"]);
    let restored = ground.restart(&["--lazy"], 3);
    assert_eq!(Ground::reasons(&restored), ["it starts when its pane is shown"; 2], "{restored:#}");
    assert_eq!((ground.argv(0), ground.argv(1)), (None, None));
    let _client = ground.server.attach("work", 100, 24);
    ground.server.wait_until("it runs", |_| ground.argv(0) == Some(words("less notes")));
    assert_eq!(ground.argv(1), None);
    ground.server.run(&["select-window", "-t", "work:1"]);
    ground.server.wait_until("it runs", |_| ground.argv(1).is_some_and(|argv| argv[2] == b"a\nb"));
    ground.env.ok(&["save"]);
    let shown = ground.env.ok(&["show"]);
    assert!(!shown.contains("owed"), "{shown}");
}
