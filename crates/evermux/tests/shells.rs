//! The shell integration, in real shells: what they tell is saved, and what they held comes back.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::shells::{self, installed, newest};
use evermux_testkit::{Env, Server, Tmux};
use serde_json::Value;

/// The first list of objects of this name in a value, however deep.
fn find(value: &Value, name: &str) -> Option<Vec<Value>> {
    let fields = value.as_object()?;
    let own = fields.get(name).and_then(Value::as_array).filter(|list| list.iter().any(Value::is_object));
    own.cloned().or_else(|| fields.values().find_map(|field| find(field, name)))
}

/// The line of the integration in the rc file of each shell.
const SHELLS: [(&str, &str); 3] = [
    ("bash", "eval \"$(EVERMUX shell-init bash)\"\n"),
    ("zsh", "eval \"$(EVERMUX shell-init zsh)\"\n"),
    ("fish", "EVERMUX shell-init fish | source\n"),
];

/// A server whose panes run a shell with the integration.
struct Ground {
    server: Server,
    env: Env,
    shell: &'static str,
}

impl Ground {
    /// None if that shell is not installed.
    fn of(name: &str) -> Option<Self> {
        let ground = Self::without(&newest(), name)?;
        ground.rc("", "");
        Some(ground)
    }

    fn without(tmux: &Tmux, name: &str) -> Option<Self> {
        let (shell, ..) = SHELLS.iter().find(|(shell, ..)| *shell == name).expect("it is in the table");
        let server = shells::absent(tmux, &installed(name)?);
        Some(Self { env: Env::new(env!("CARGO_BIN_EXE_evermux"), &server), server, shell })
    }

    /// The rc file: something, the integration, something.
    fn rc(&self, before: &str, after: &str) {
        let (_, prompt) = shells::row(self.shell);
        self.write_rc(&format!("{prompt}{before}\n{}{after}\n", self.line_of_integration()));
    }

    fn write_rc(&self, text: &str) {
        shells::write_rc(&self.server, shells::row(self.shell).0, text);
    }

    fn line_of_integration(&self) -> String {
        let (_, line) = SHELLS.iter().find(|(shell, _)| *shell == self.shell).expect("a row");
        let state = self.env.state();
        let evermux = format!("env EVERMUX_DIR={} {}", state.display(), env!("CARGO_BIN_EXE_evermux"));
        line.replace("EVERMUX", &evermux)
    }

    fn start(&self, panes: usize) {
        shells::start(&self.server, panes);
    }

    fn line(&self, window: usize, line: &str) {
        let target = format!("work:{window}");
        // What is typed must have been read before a prompt is the next one.
        let before = self.server.screen(&target).lines().count();
        self.server.type_line(&target, line);
        self.server.wait_until("the next prompt", |server| {
            let screen = server.screen(&target);
            screen.lines().count() > before && screen.ends_with("\n$")
        });
        self.server.wait_for_prompt(&target);
    }

    /// The words of what is in the foreground of a window; none if that is its shell.
    fn argv(&self, window: usize) -> Option<String> {
        let words = shells::argv(&self.server, window)?;
        Some(String::from_utf8_lossy(&words.join(&b' ')).into_owned())
    }

    fn runs(&self, window: usize, line: &str, argv: &str) {
        self.server.type_line(&format!("work:{window}"), line);
        self.server.wait_until("it runs", |_| self.argv(window).as_deref() == Some(argv));
    }

    fn saved(&self) -> Value {
        self.env.ok(&["save"]);
        serde_json::from_str(&self.env.ok(&["show", "--json"])).expect("JSON")
    }

    /// The panes of what is saved now, in the order of the windows.
    fn panes(&self) -> Vec<Value> {
        let shown = self.saved();
        let windows = find(&shown, "windows").unwrap_or_else(|| panic!("{shown:#}"));
        windows.iter().flat_map(|window| window["panes"].as_array().expect("panes").clone()).collect()
    }

    fn restart(&self, status: i32) -> Value {
        self.server.kill_all();
        let output = self.env.run(&["restore", "--json"]);
        assert_eq!(output.status, Some(status), "{output}");
        serde_json::from_str(&output.text()).expect("JSON")
    }

    fn reports(&self) -> Vec<PathBuf> {
        let machine = fs::read_dir(self.env.state())
            .expect("the state folder")
            .flatten()
            .find(|entry| entry.path().is_dir());
        let entries = fs::read_dir(machine.expect("it was saved").path().join("shell"))
            .expect("shells have told something");
        entries.map(|entry| entry.expect("a file").path()).filter(|path| path.is_file()).collect()
    }
}

/// Lines as they were typed, statuses, directories and variables are saved; what is hidden is not.
#[test]
fn what_shells_tell_is_saved() {
    for (shell, ..) in SHELLS {
        let Some(ground) = Ground::of(shell) else { continue };
        ground.start(2);
        ground.server.folder("a b");
        ground.server.sandbox().write("home/notes", "one\n");
        ground.line(0, "cd 'a b'");
        ground.line(0, "pushd /usr/bin");
        ground.line(0, "export AWS_PROFILE=prod KUBECONFIG=/k SECRET_TOKEN=hunter2");
        ground.line(0, "false");
        ground.runs(1, "tail -f notes | cat > /dev/null; true", "tail -f notes");
        let panes = ground.panes();
        let held = &panes[0]["shell"];
        let folder = "$SANDBOX/home/a b";
        assert_eq!(held["directories"], serde_json::json!([folder]), "{shell}: {held:#}");
        assert_eq!(held["previous"], folder, "{shell}: {held:#}");
        let variables = serde_json::json!([
            { "name": "AWS_PROFILE", "value": "prod" }, { "name": "KUBECONFIG", "value": "/k" },
        ]);
        assert_eq!(held["variables"], variables, "{shell}");
        assert_eq!(panes[0]["last_status"], 1, "{shell}");
        let program = &panes[1]["program"];
        assert_eq!(program["line"], "tail -f notes | cat > /dev/null; true", "{shell}: {program:#}");
        // Hidden by a blank, or with a secret in it: not even kept.
        for (line, argv) in
            [(" tail -f notes", "tail -f notes"), (": --password=hunter2; tail -f notes", "tail -f notes")]
        {
            ground.server.run(&["send-keys", "-t", "work:1", "C-c"]);
            ground.server.wait_for_prompt("work:1");
            ground.runs(1, line, argv);
            assert_eq!(ground.panes()[1]["program"]["line"], Value::Null, "{shell}: {line}");
        }
    }
}

/// The directory stack, the directory before, variables, a venv, and the pane's own commands, five times in a row.
#[test]
fn what_shells_held_comes_back() {
    for (shell, ..) in SHELLS {
        let Some(ground) = Ground::of(shell) else { continue };
        ground.start(2);
        let sandbox = ground.server.sandbox();
        for script in ["activate", "activate.fish"] {
            let set = if script == "activate" { "export VIRTUAL_ENV=" } else { "set -gx VIRTUAL_ENV " };
            let venv = sandbox.path("home/venv");
            let text =
                format!("{set}{}\necho on >> {}\n", venv.display(), sandbox.path("home/log").display());
            sandbox.write(Path::new("home/venv/bin").join(script), text);
        }
        ground.server.folder("it's");
        let activate = if shell == "fish" { "source venv/bin/activate.fish" } else { ". venv/bin/activate" };
        for line in [
            activate,
            "export AWS_PROFILE='a b'",
            "cd \"it's\"",
            "pushd /usr/lib",
            "pushd /usr/bin",
            "cd /usr",
        ] {
            ground.line(0, line);
        }
        let before = ground.panes()[0].clone();
        assert_eq!(before["shell"]["directories"].as_array().unwrap().len(), 2, "{before:#}");
        for reboot in 0..3 {
            let restored = ground.restart(0);
            assert_eq!(restored["exact"], true, "{shell}, {reboot}: {restored:#}");
            ground.server.wait_for_prompts();
            let after = ground.panes()[0].clone();
            assert_eq!(after["shell"], before["shell"], "{shell}, {reboot}");
            let log = fs::read_to_string(sandbox.path("home/log")).unwrap();
            assert_eq!(log.lines().count(), reboot + 2, "{shell}: activated, not only set");
        }
        // It is the shell that holds it.
        let show = if shell == "fish" {
            "dirs; echo $AWS_PROFILE; cd -"
        } else {
            "dirs; echo $AWS_PROFILE; cd -; pwd"
        };
        ground.line(0, show);
        let screen = ground.server.screen("work:0");
        assert!(screen.contains("/usr /usr/lib ~/it's") && screen.contains("a b"), "{shell}: {screen}");
        assert_eq!(ground.panes()[0]["directory"], "/usr/bin", "{shell}: {screen}");
        // The commands of the pane: those of the other one are not among them.
        if shell != "fish" {
            ground.server.run(&["send-keys", "-t", "work:0", "Up", "Up"]);
            ground.server.wait_until("its own history", |server| {
                server.screen("work:0").trim_end().ends_with("$ cd /usr")
            });
            ground.server.run(&["send-keys", "-t", "work:0", "C-c"]);
        }
    }
}

/// At a prompt that nothing else tells, of bash too, the shell's own word is enough; what reads in an rc file gets nothing,
/// and the program comes as soon as the prompt does.
#[test]
fn programs_start_where_the_shell_says_prompt() {
    let readers = [
        ("bash", "read -e -p 'Name: ' name"),
        ("bash", "read -p 'Name: ' name"),
        ("zsh", "name=; vared -p 'Name: ' name"),
        ("fish", "read -P 'Name: ' name"),
    ];
    for (shell, reads) in readers {
        let Some(ground) = Ground::of(shell) else { continue };
        ground.start(2);
        ground.server.sandbox().write("home/notes", "one\n");
        ground.runs(0, "less notes", "less notes");
        ground.saved();
        // Another prompt than the one on which it was started.
        let prompt =
            if shell == "fish" { "function fish_prompt; echo -n 'new> '; end" } else { "PS1='new> '" };
        for (before, after) in [("", reads), (reads, "")] {
            let prompt = format!("\n{prompt}\n");
            ground.rc(before, &format!("{after}{prompt}"));
            ground.server.kill_all();
            let restoring = {
                let env = ground.env.clone();
                std::thread::spawn(move || env.run(&["restore", "--json"]))
            };
            for window in 0..2 {
                let target = format!("work:{window}");
                ground.server.wait_until("it asks", |server| {
                    server.lives()
                        && server.tmux(&["has-session", "-t", "=work"]).ok()
                        && server.screen(&target).trim_end().ends_with("Name:")
                });
                ground.server.type_line(&target, "ada");
            }
            let output = restoring.join().expect("no panic");
            // The answer and its echo count as rows that were there before.
            assert!(matches!(output.status, Some(0 | 3)), "{shell}: {output}");
            assert_eq!(ground.argv(0).as_deref(), Some("less notes"), "{shell}: {output}");
            ground.saved();
        }
    }
}

/// It is in nobody's way: twice in the rc file, beside others at the same hooks, under strict options, in a shell inside.
#[test]
fn it_is_in_nobodys_way() {
    let others = [
        ("bash", "PROMPT_COMMAND='last=$?; one=1'", "set -u; PROMPT_COMMAND=\"two=\\$?; $PROMPT_COMMAND\""),
        ("bash", "PROMPT_COMMAND=('last=$?' 'one=1'); PS0='[ps0]\\n'", "set -o posix; two=0"),
        ("bash", "trap 'debug=1' DEBUG; PROMPT_COMMAND='last=$?; one=1'", "set -e; two=0"),
        (
            "zsh",
            "precmd() { last=$?; one=1 }; preexec() { two=0 }",
            "setopt NO_UNSET SH_WORD_SPLIT KSH_ARRAYS NO_CLOBBER",
        ),
        ("fish", "set one 1; function other --on-event fish_prompt; set -g last $status; end", "set two 0"),
    ];
    for (shell, before, after) in others {
        let Some(ground) = Ground::of(shell) else { continue };
        ground.rc(before, &format!("{}{after}", ground.line_of_integration()));
        ground.start(1);
        let fail = if after.contains("set -e") { "! true" } else { "false" };
        ground.line(0, fail);
        ground.line(0, "echo \"<$last $one $two>\"");
        let screen = ground.server.screen("work:0");
        let expected = if after.starts_with("set -u") { "<1 1 1>" } else { "<1 1 0>" };
        assert!(screen.contains(expected), "{shell}: {before}; {after}: {screen}");
        if before.contains("PS0") {
            assert!(screen.contains("[ps0]"), "{screen}");
        }
        // The status of the command before: that of the echo.
        ground.line(0, "cd /usr");
        assert_eq!(ground.panes()[0]["last_status"], 0, "{shell}");
        assert_eq!(ground.reports().len(), 1);
        // A shell inside tells nothing.
        ground.server.type_line("work:0", shell);
        ground.server.wait_until("it is there", |_| ground.argv(0).is_some());
        ground.server.run(&["send-keys", "-t", "work:0", "cd /tmp", "Enter", "cd /usr/lib", "Enter"]);
        ground.server.wait_until("it is there", |server| {
            server.display("work:0", "#{pane_current_path}") == "/usr/lib"
        });
        let pane = ground.panes()[0].clone();
        assert_eq!(pane["program"]["line"], shell, "{pane:#}");
        assert_ne!(pane["shell"]["previous"], "/tmp", "{shell}: {pane:#}");
    }
}

/// Nothing in a file that anybody could write is believed beyond what it may say.
#[test]
fn strange_reports_do_nothing() {
    let Some(ground) = Ground::of("bash") else { return };
    ground.start(1);
    ground.saved();
    let report = ground.reports().pop().expect("a report");
    let pid = ground.server.display("work:0", "#{pane_pid}");
    let hostile = format!(
        "s{pid} bash 0\0e0 0\0p/\0o/$(touch pwned)\0d/`touch pwned`\nx\0d/'; touch pwned;'\0vAWS_PROFILE=$(touch pwned)\0\
         vPATH=/evil\0vVIRTUAL_ENV=/nowhere\0c0 5     6  touch pwned\n\0"
    );
    fs::write(&report, hostile).unwrap();
    let pane = ground.panes()[0].clone();
    assert_eq!(pane["shell"]["directories"].as_array().unwrap().len(), 2, "{pane:#}");
    ground.restart(3);
    ground.server.wait_for_prompts();
    ground.line(0, "dirs -l -p; echo $AWS_PROFILE");
    let screen = ground.server.screen("work:0");
    assert!(screen.contains("$(touch pwned)") && screen.contains("/'; touch pwned;'"), "{screen}");
    assert!(!ground.server.sandbox().path("home/pwned").exists(), "{screen}");
    // Nothing at all, or noise.
    for bytes in [Vec::new(), vec![0xff; 4096], vec![0; 300_000]] {
        let report =
            ground.reports().into_iter().find(|path| path.extension().is_some_and(|it| it != "history"));
        fs::write(report.expect("a report"), bytes).unwrap();
        ground.saved();
    }
}

/// Outside of tmux the script does nothing, and printing it needs neither tmux nor anything saved.
#[test]
fn outside_of_tmux_it_does_nothing() {
    let env = Env::alone(env!("CARGO_BIN_EXE_evermux"));
    for shell in ["bash", "zsh", "fish"] {
        let script = env.ok(&["shell-init", shell]);
        let Some(program) = installed(shell) else { continue };
        let file = env.sandbox().write("script", &script);
        let run = |line: String| {
            let output =
                std::process::Command::new(&program).args(["-i", "-c", &line]).output().expect("it runs");
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let said = run(format!(
            "{} {}; echo \"<$__evermux_file>\"",
            if shell == "fish" { "source" } else { "." },
            file.display()
        ));
        assert!(said.contains("<>"), "{shell}: {said}");
    }
    assert!(env.ok(&["shell-init", "nu"]).contains("pre_execution"));
}

/// A hundred panes at once, whose rc files take three seconds, print, ask something, or become another shell: each program
/// runs, or is owed; nothing is typed into what asks.
#[test]
fn a_hundred_panes_with_rc_files_of_all_kinds() {
    let Some(ground) = Ground::of("bash") else { return };
    if installed("zsh").is_none() {
        return;
    }
    ground.server.sandbox().write("home/.zshrc", "PS1='$ '\n");
    ground.start(100);
    for window in 0..100 {
        ground.server.sandbox().write(format!("home/notes{window}"), "one\n");
        ground.server.type_line(&format!("work:{window}"), &format!("tail -f notes{window}"));
    }
    for window in 0..100 {
        ground.server.wait_until("it runs", |_| ground.argv(window).is_some());
    }
    ground.saved();
    ground.rc(
        "case $((${TMUX_PANE#%} % 5)) in
         0) sleep 3;;
         1) echo one; sleep 0.3; echo two;;
         2) read -e -p 'Name: ' name;;
         3) exec zsh;;
         esac",
        "",
    );
    let restored = ground.restart(3);
    let owed: Vec<&str> =
        restored["owed"].as_array().unwrap().iter().filter_map(|debt| debt["reason"].as_str()).collect();
    let mut running = 0;
    for window in 0..100 {
        let target = format!("work:{window}");
        match ground.argv(window) {
            Some(argv) => {
                assert_eq!(argv, format!("tail -f notes{window}"), "{restored:#}");
                running += 1;
            }
            None => {
                let screen = ground.server.screen(&target);
                assert!(screen.trim_end().ends_with("Name:"), "{window}: {screen}\n{owed:?}");
            }
        }
    }
    // Those that ask, and only those, are owed.
    assert_eq!((running, owed.len()), (80, 20), "{owed:?}");
}
