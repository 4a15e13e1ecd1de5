//! The hooks of assistants: what `install --assistant` writes into their settings, what of it `uninstall` takes away, and what
//! they do in a pane.

mod common;
mod stubs;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::assert_output;
use evermux_testkit::{Env, Server, tmux_binaries};
use serde_json::{Value, json};
use stubs::{begin, command, hooked, id, server, write_hooks};

/// A home without a tmux server.
fn home() -> Env {
    let tmux = tmux_binaries().pop().expect("there is one");
    let server = Server::builder(&tmux).name("default").absent();
    let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
    env.sandbox().program("bin/systemctl", "#!/bin/sh\necho offline\nexit 1\n");
    env
}

fn settings(env: &Env) -> PathBuf {
    env.sandbox().path("home/.claude/settings.json")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("it can be done")
}

fn value(path: &Path) -> Value {
    serde_json::from_str(&read(path)).expect("it is JSON")
}

#[test]
fn what_is_told_before_it_is_done() {
    let env = home();
    env.sandbox().write("home/.claude/settings.json", "{\n  \"model\": \"opus\"\n}\n");
    let all = ["--assistant", "opencode", "--assistant", "claude", "--assistant", "gemini"];
    assert_output!(env.run(&[&["install", "--dry-run"][..], &all].concat()), @"
    evermux install would
      write   $SANDBOX/home/.claude/settings.json: hooks that tell which conversation of claude is in a pane
      write   $SANDBOX/home/.gemini/settings.json: a new file with hooks that tell which conversation of gemini is in a pane
      write   $SANDBOX/home/.config/opencode/plugins/evermux.js: a plugin that tells which conversation of opencode is in a pane
    [exit 0]
    ");
    assert_eq!(read(&settings(&env)), "{\n  \"model\": \"opus\"\n}\n");
    assert_output!(env.run(&[&["install"][..], &all].concat()), @"
    --- stderr ---
    error: nobody can be asked here
    hint: evermux install --dry-run tells what it would do, evermux install --yes does it.
    [exit 2]
    ");
    env.ok(&[&["install", "--yes"][..], &all].concat());
    assert_output!(env.run(&[&["install", "--yes"][..], &all].concat()), @"
    Nothing to do
      done    $SANDBOX/home/.claude/settings.json: our hooks are there
      done    $SANDBOX/home/.gemini/settings.json: our hooks are there
      done    $SANDBOX/home/.config/opencode/plugins/evermux.js: our plugin is there
    [exit 0]
    ");
    assert_output!(env.run(&["uninstall", "--yes"]), @"
    evermux uninstall has done this
      write   $SANDBOX/home/.claude/settings.json: without our hooks
      remove  $SANDBOX/home/.gemini/settings.json: nothing else is in it
      remove  $SANDBOX/home/.config/opencode/plugins/evermux.js
    [exit 0]
    ");
    assert_output!(env.run(&["install", "--assistant", "other"]), @"
    --- stderr ---
    error: invalid value 'other' for '--assistant <NAME>'
      [possible values: claude, gemini, opencode]

    For more information, try '--help'.
    [exit 2]
    ");
}

#[test]
fn everything_else_in_the_settings_stays() {
    let env = home();
    let before = "{\n  \"$schema\": \"x\",\n  \"permissions\": { \"allow\": [\"Bash(ls:*)\"] },\n  \"hooks\": {\n    \"Stop\": [\n      {\n        \"matcher\": \"\",\n        \"hooks\": [{ \"type\": \"command\", \"command\": \"say done\" }]\n      }\n    ]\n  },\n  \"n\": 1.0e3\n}\n";
    env.sandbox().write("home/.claude/settings.json", before);
    fs::set_permissions(settings(&env), Permissions::from_mode(0o600)).unwrap();
    env.ok(&["install", "--yes", "--assistant", "claude"]);
    let installed = read(&settings(&env));
    for part in [
        "\"permissions\": { \"allow\": [\"Bash(ls:*)\"] },",
        "\"n\": 1.0e3",
        "\"hooks\": [{ \"type\": \"command\", \"command\": \"say done\" }]",
    ] {
        assert!(installed.contains(part), "{installed}");
    }
    assert_eq!(value(&settings(&env))["hooks"]["Stop"].as_array().unwrap().len(), 1);
    assert!(command(&settings(&env), "SessionStart").contains(" assistant-hook claude "));
    assert!(env.ok(&["install", "--yes", "--assistant", "claude"]).starts_with("Nothing to do"));
    assert_eq!(fs::metadata(settings(&env)).unwrap().mode() & 0o7777, 0o600);
    env.ok(&["uninstall", "--yes"]);
    assert_eq!(read(&settings(&env)), before);
    assert_eq!(fs::metadata(settings(&env)).unwrap().mode() & 0o7777, 0o600);
    assert!(env.ok(&["uninstall", "--yes"]).starts_with("Nothing to do"));
}

#[test]
fn what_changed_meanwhile_stays_when_ours_goes() {
    let env = home();
    env.ok(&["install", "--yes", "--assistant", "claude"]);
    // As the program itself writes it, with hooks of another tool before and behind ours.
    let mut changed = value(&settings(&env));
    let other = json!({ "matcher": "x", "hooks": [{ "type": "command", "command": "other" }] });
    let groups = changed["hooks"]["SessionStart"].as_array_mut().unwrap();
    groups.insert(0, other.clone());
    groups.push(other.clone());
    changed["theme"] = "dark".into();
    fs::write(settings(&env), serde_json::to_string_pretty(&changed).unwrap()).unwrap();
    assert!(env.ok(&["install", "--yes", "--assistant", "claude"]).starts_with("Nothing to do"));
    env.ok(&["uninstall", "--yes"]);
    assert_eq!(
        value(&settings(&env)),
        json!({ "hooks": { "SessionStart": [other, other] }, "theme": "dark" })
    );
}

#[test]
fn a_file_of_ours_goes_as_it_came() {
    let env = home();
    let files = [
        "home/.claude/settings.json",
        "home/.gemini/settings.json",
        "home/.config/opencode/plugins/evermux.js",
    ];
    for (name, file) in ["claude", "gemini", "opencode"].into_iter().zip(files) {
        env.ok(&["install", "--yes", "--assistant", name]);
        assert!(env.sandbox().path(file).exists());
    }
    env.ok(&["uninstall", "--yes"]);
    for file in files {
        assert!(!env.sandbox().path(file).exists(), "{file}");
    }
    // One that was there stays, however little is in it.
    env.sandbox().write(files[0], "{}\n");
    env.sandbox().write(files[2], "export const Mine = async () => ({})\n");
    env.ok(&["install", "--yes", "--assistant", "claude"]);
    let output = env.run(&["install", "--yes", "--assistant", "opencode"]);
    assert!(output.to_string().contains("it is there and not written by evermux"), "{output}");
    env.ok(&["uninstall", "--yes"]);
    assert_eq!(read(&settings(&env)), "{}\n");
    assert!(env.sandbox().path(files[2]).exists());
}

#[test]
fn what_cannot_be_changed_is_left_alone_and_named() {
    let env = home();
    for broken in ["{ \"a\": 1, }", "", "{ // mine\n}", "{ \"hooks\": [] }", "\u{feff}{}"] {
        env.sandbox().write("home/.claude/settings.json", broken);
        let output = env.run(&["install", "--yes", "--assistant", "claude"]);
        assert_eq!(output.status, Some(3), "{broken}: {output}");
        assert_eq!(read(&settings(&env)), broken);
        env.ok(&["uninstall", "--yes"]);
        assert_eq!(read(&settings(&env)), broken);
    }
    assert_output!(env.run(&["install", "--yes", "--assistant", "claude"]), @"
    Nothing to do
      cannot  $SANDBOX/home/.claude/settings.json: it is not valid JSON: expected value at line 1 column 1
                Nothing was changed in it. Mend it, then run this again.
    --- stderr ---
    warning: $SANDBOX/home/.claude/settings.json: it is not valid JSON: expected value at line 1 column 1
    [exit 3]
    ");
    fs::write(settings(&env), b"{\"a\": \"\xff\"}").unwrap();
    assert_eq!(env.run(&["install", "--yes", "--assistant", "claude"]).status, Some(3));
    fs::write(settings(&env), "{}").unwrap();
    fs::set_permissions(settings(&env), Permissions::from_mode(0o444)).unwrap();
    let output = env.run(&["install", "--yes", "--assistant", "claude"]);
    assert_eq!(output.status, Some(3), "{output}");
    let text = output.text();
    assert!(
        text.contains("settings.json: it is read-only\n            Add to it:\n            {\n"),
        "{text}"
    );
    assert!(text.contains(" assistant-hook claude "), "{text}");
    assert_eq!(read(&settings(&env)), "{}");
}

#[test]
fn a_link_stays_a_link_and_a_folder_that_is_named_counts() {
    let env = home();
    let dotfiles = env.sandbox().write("home/dotfiles/claude.json", "{\n  \"a\": 1\n}\n");
    fs::create_dir_all(settings(&env).parent().unwrap()).unwrap();
    symlink("../dotfiles/claude.json", settings(&env)).unwrap();
    env.ok(&["install", "--yes", "--assistant", "claude"]);
    assert!(settings(&env).is_symlink());
    assert!(read(&dotfiles).contains("assistant-hook"));
    let named = env.sandbox().path("home/named");
    let evermux = |words: &[&str]| {
        let output = env
            .sandbox()
            .command(env!("CARGO_BIN_EXE_evermux"))
            .args(words)
            .env("CLAUDE_CONFIG_DIR", &named)
            .env("EVERMUX_DIR", env.state())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    evermux(&["install", "--yes", "--assistant", "claude"]);
    assert!(read(&named.join("settings.json")).contains("assistant-hook"));
    evermux(&["uninstall", "--yes"]);
    assert!(!named.join("settings.json").exists());
    assert!(settings(&env).is_symlink());
    assert_eq!(read(&dotfiles), "{\n  \"a\": 1\n}\n");
}

fn option(server: &Server, pane: &str) -> String {
    server.display(pane, "#{@evermux-resume}")
}

/// Which conversations are known, in the order of the panes.
#[track_caller]
fn known(env: &Env) -> Vec<String> {
    let found: Vec<Value> = serde_json::from_str(&env.ok(&["assistants", "--json"])).expect("a list");
    let line = |one: &Value| {
        format!("{} {}", one["id"].as_str().unwrap_or("-"), one["evidence"].as_str().unwrap_or("-"))
    };
    found.iter().map(line).collect()
}

#[test]
fn a_hook_tells_the_pane_and_the_pane_tells_the_conversation() {
    for tmux in tmux_binaries() {
        let server = Server::start(&tmux);
        let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
        hooked(server.sandbox(), "gemini");
        write_hooks(&env);
        server.run(&["split-window", "-t", "main"]);
        begin(&server, "main:0.0", &format!("FIRST={} gemini", id(1)));
        begin(&server, "main:0.1", &format!("FIRST={} gemini", id(2)));
        assert_eq!(option(&server, "main:0.0"), format!("gemini {}", id(1)), "tmux {}", tmux.version);
        let by = "the pane's option @evermux-resume";
        assert_eq!(known(&env), [format!("{} {by}", id(1)), format!("{} {by}", id(2))]);
        // As /clear does.
        server.type_line("main:0.0", &format!("new {}", id(3)));
        server
            .wait_until("it is noticed", |server| option(server, "main:0.0") == format!("gemini {}", id(3)));
        // It ends, and with it what it has told; in the other pane nothing changes.
        server.type_line("main:0.0", "stop");
        server.wait_for_prompt("main:0.0");
        assert_eq!(option(&server, "main:0.0"), "");
        assert_eq!(option(&server, "main:0.1"), format!("gemini {}", id(2)));
    }
}

#[test]
fn only_the_assistant_of_the_pane_speaks_for_it() {
    let server = server();
    let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
    hooked(server.sandbox(), "gemini");
    write_hooks(&env);
    begin(&server, "main:0.0", &format!("FIRST={} gemini", id(1)));
    server.run(&["split-window", "-t", "main"]);
    server.wait_for_prompt("main:0.1");
    let after = |line: &str| {
        server.type_line("main:0.1", &format!("{line}; echo over"));
        server
            .wait_until("it is over", |server| server.screen("main:0.1").lines().any(|line| line == "over"));
        server.type_line("main:0.1", "clear");
        server.wait_for_prompt("main:0.1");
        assert_eq!(option(&server, "main:0.0"), format!("gemini {}", id(1)), "{line}");
        assert_eq!(option(&server, "main:0.1"), "", "{line}");
    };
    // One that works for somebody else: not for talking, in another pane's environment, without a terminal, by hand.
    after(&format!("echo stop | FIRST={} gemini -p x", id(2)));
    after(&format!("echo stop | TMUX_PANE=%0 FIRST={} gemini", id(2)));
    after(&format!("echo stop | FIRST={} setsid -w gemini", id(2)));
    after(&format!("echo '{{\"session_id\":\"{}\"}}' | sh -c \"$(cat ~/hook-SessionStart)\"", id(2)));
    // Inside of the assistant itself.
    server.type_line("main:0.0", &format!("run FIRST={} gemini -p x <~/stops >/dev/null", id(2)));
    server.sandbox().write("home/stops", "stop\n");
    server.type_line("main:0.0", "run echo inside-over");
    server.wait_until("it is over", |server| server.screen("main:0.0").contains("\ninside-over"));
    assert_eq!(option(&server, "main:0.0"), format!("gemini {}", id(1)));
}

/// What the command of a hook prints, and how it ends, wherever it runs.
fn run_hook(env: &Env, hook: &str, input: &[u8], variables: &[(&str, &str)]) -> (String, Option<i32>) {
    use std::io::Write;
    let mut command = env.sandbox().command("sh");
    command.args(["-c", hook]).envs(variables.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("there is a shell");
    child.stdin.take().expect("it is a pipe").write_all(input).expect("all of it is read");
    let output = child.wait_with_output().expect("it ends");
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&text).into_owned(), output.status.code())
}

#[test]
fn no_assistant_is_ever_disturbed() {
    let server = server();
    let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
    write_hooks(&env);
    let hook = read(&env.sandbox().path("home/hook-SessionStart"));
    let socket = server.socket().display().to_string();
    let inside = [("TMUX", format!("{socket},1,0")), ("TMUX_PANE", "%0".to_owned())];
    let inside: Vec<(&str, &str)> = inside.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let nowhere = [("TMUX", "/nowhere,1,0"), ("TMUX_PANE", "%0")];
    let hostile = [("TMUX", socket.as_str()), ("TMUX_PANE", "%0' ; kill-server")];
    let quiet = (String::new(), Some(0));
    let good = format!("{{\"session_id\":\"{}\"}}", id(1)).into_bytes();
    let long = [b"[".repeat(3 << 20), good.clone()].concat();
    let bad = br#"{"session_id":"x' ; kill-server"}"#.to_vec();
    for input in [
        &good,
        &Vec::new(),
        &b"null".to_vec(),
        &vec![0xff; 100],
        &long,
        &bad,
        &b"{\"session_id\":7}".to_vec(),
    ] {
        for variables in [&[][..], &inside, &nowhere, &hostile] {
            assert_eq!(run_hook(&env, &hook, input, variables), quiet);
        }
    }
    // Where evermux is gone.
    let program = env!("CARGO_BIN_EXE_evermux");
    assert!(hook.contains(program), "{hook}");
    assert_eq!(run_hook(&env, &hook.replace(program, "/nowhere/evermux"), &long, &inside), quiet);
    // With settings that cannot be used.
    env.sandbox().write("home/.config/evermux/config.toml", "no = [settings");
    assert_eq!(run_hook(&env, &hook, &good, &inside), quiet);
    assert!(server.lives());
    assert_eq!(option(&server, "main:0.0"), "");
}

#[test]
fn the_plugin_of_opencode_tells_what_somebody_writes_into() {
    let Some(node) = node() else { return };
    let server = server();
    let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
    env.ok(&["install", "--yes", "--assistant", "opencode"]);
    let plugin = read(&env.sandbox().path("home/.config/opencode/plugins/evermux.js"));
    // OpenCode's own runtime takes it as a module by its words.
    let module = env.sandbox().write("home/evermux.mjs", plugin);
    let script = format!(
        "#!{}\nconst lines = require('readline').createInterface({{ input: process.stdin }});\n\
         import({:?}).then(async ({{ Evermux }}) => {{\n\
           const hooks = await Evermux({{}});\n\
           lines.on('line', async (line) => {{\n\
             const [word, ...rest] = line.split(' ');\n\
             if (word === 'stop') process.exit(0);\n\
             if (word === 'event') await hooks.event({{ event: JSON.parse(rest.join(' ')) }});\n\
             if (word === 'say') await hooks['chat.message']({{ sessionID: rest[0] }}, {{}});\n\
             console.log('ready');\n\
           }});\n\
           console.log('ready');\n\
         }});\n",
        node.display(),
        module.display().to_string(),
    );
    env.sandbox().program("bin/opencode", script);
    server.run(&["set-option", "-p", "-t", "main:0.0", "@evermux-resume", "opencode ses_old"]);
    begin(&server, "main:0.0", "opencode");
    let told = |id: &str| {
        let wanted = if id.is_empty() { String::new() } else { format!("opencode {id}") };
        server.wait_until("it is told", |server| option(server, "main:0.0") == wanted);
    };
    // What an earlier one has said is over.
    told("");
    let event = |name: &str, info: Value| {
        let event = json!({ "type": name, "properties": { "info": info } });
        server.type_line("main:0.0", &format!("event {event}"));
    };
    event("session.created", json!({ "id": "ses_a" }));
    told("ses_a");
    // Parts of its work, and what goes on in the background, are not what is looked at.
    event("session.created", json!({ "id": "ses_part", "parentID": "ses_a" }));
    server.type_line("main:0.0", "say ses_part");
    event("session.updated", json!({ "id": "ses_behind" }));
    event("session.idle", Value::Null);
    server.type_line("main:0.0", "say ses_b");
    told("ses_b");
    assert_eq!(known(&env), ["ses_b the pane's option @evermux-resume"]);
    server.type_line("main:0.0", "say ses_a");
    told("ses_a");
}

/// Where node is.
fn node() -> Option<PathBuf> {
    let output = Command::new("sh").args(["-c", "command -v node"]).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    Some(PathBuf::from(path.trim())).filter(|path| path.is_absolute())
}
