//! `install` and `uninstall` in fresh homes: what they write, what they leave alone, and that nothing is left.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::assert_output;
use evermux_core::store::{Access, Place, Store};
use evermux_testkit::{Env, Server, tmux_binaries};
use serde_json::Value;

/// A home without a tmux server. `systemd`: a service manager that notes what it is told.
fn home(systemd: bool) -> Env {
    let tmux = tmux_binaries().pop().expect("there is one");
    let server = Server::builder(&tmux).name("default").absent();
    fs::remove_file(server.config_file()).expect("it can be done");
    let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
    let script = match systemd {
        true => {
            "#!/bin/sh\ncase \"$2\" in is-system-running) echo running; exit 0;; is-*) echo no; exit 1;; esac\n\
                 echo \"$@\" >>\"$HOME/../calls\"\n"
        }
        false => "#!/bin/sh\necho offline\nexit 1\n",
    };
    env.sandbox().program("bin/systemctl", script);
    env
}

fn conf(env: &Env) -> PathBuf {
    env.sandbox().path("home/.tmux.conf")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("it can be done")
}

/// Every file below the home with its content and mode; links as what they point to.
fn files(env: &Env) -> BTreeMap<PathBuf, (String, u32)> {
    let mut files = BTreeMap::new();
    let mut folders = vec![env.sandbox().home()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("it can be done") {
            let path = entry.expect("it can be done").path();
            let metadata = fs::symlink_metadata(&path).expect("it can be done");
            if metadata.is_dir() {
                folders.push(path);
            } else if metadata.is_symlink() {
                files.insert(
                    path.clone(),
                    (fs::read_link(&path).expect("it can be done").display().to_string(), 0),
                );
            } else {
                let content = String::from_utf8_lossy(&fs::read(&path).expect("it can be done")).into_owned();
                files.insert(path, (content, metadata.permissions().mode()));
            }
        }
    }
    files
}

/// Installs twice, uninstalls twice: the second time nothing is to be done, and the end is as the beginning.
#[track_caller]
fn there_and_back(env: &Env) {
    let before = files(env);
    env.ok(&["install", "--yes", "--no-service"]);
    let installed = files(env);
    assert_ne!(installed, before);
    let again = env.ok(&["install", "--yes", "--no-service"]);
    assert!(again.starts_with("Nothing to do"), "{again}");
    assert_eq!(files(env), installed);
    env.ok(&["uninstall", "--yes"]);
    assert_eq!(files(env), before);
    let again = env.ok(&["uninstall", "--yes"]);
    assert!(again.starts_with("Nothing to do"), "{again}");
    assert!(env.state().exists());
}

#[test]
fn every_shape_of_tmux_conf_comes_back_to_the_byte() {
    for content in
        ["", "set -g mouse on\n", "set -g mouse on", "\n\n", "set -g @a \\\n", "set -g @a \\", "# \u{e9}\r\n"]
    {
        let env = home(false);
        fs::write(conf(&env), content).unwrap();
        fs::set_permissions(conf(&env), fs::Permissions::from_mode(0o640)).unwrap();
        there_and_back(&env);
    }
    there_and_back(&home(false));
}

#[test]
fn a_link_stays_a_link() {
    let env = home(false);
    env.sandbox().write("home/dotfiles/tmux.conf", "set -g mouse on\n");
    fs::create_dir(env.sandbox().path("home/dotfiles/.git")).unwrap();
    symlink("dotfiles/tmux.conf", conf(&env)).unwrap();
    let shown = env.run(&["install", "--dry-run", "--no-service"]);
    assert_output!(shown, @"
    evermux install would
      write   $SANDBOX/home/.tmux.conf: the line that restores at start, at its end (it is $SANDBOX/home/dotfiles/tmux.conf; commit it in $SANDBOX/home/dotfiles)
      start   the keeper in the background; from then on tmux starts it
    [exit 0]
    ");
    there_and_back(&env);
    env.ok(&["install", "--yes", "--no-service"]);
    assert!(conf(&env).is_symlink());
    assert!(read(&env.sandbox().path("home/dotfiles/tmux.conf")).contains("at-start"));
}

#[test]
fn what_is_read_only_is_named_with_the_text_to_add() {
    let env = home(false);
    fs::write(conf(&env), "set -g mouse on\n").unwrap();
    fs::set_permissions(conf(&env), fs::Permissions::from_mode(0o444)).unwrap();
    let output = env.run(&["install", "--yes", "--no-service"]);
    assert_eq!(output.status, Some(3), "{output}");
    assert!(output.text().contains("it is read-only\n            Add at its end:\n"), "{output}");
    assert!(output.text().contains("at-start"), "{output}");
    assert_eq!(read(&conf(&env)), "set -g mouse on\n");
}

#[test]
fn a_full_disk_loses_nothing() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let env = home(false);
    fs::write(conf(&env), "set -g mouse on\n").unwrap();
    // No room for the new file: none larger than a byte may be written.
    let output = env
        .sandbox()
        .command("sh")
        .arg("-c")
        .arg("ulimit -f 0; trap '' XFSZ; exec \"$0\" install --yes --no-service")
        .arg(env!("CARGO_BIN_EXE_evermux"))
        .env("EVERMUX_DIR", env.state())
        .output()
        .unwrap();
    assert_ne!(output.status.code(), Some(0));
    assert_eq!(read(&conf(&env)), "set -g mouse on\n");
    let names: Vec<_> =
        fs::read_dir(env.sandbox().home()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().starts_with(".evermux-")), "{names:?}");
}

#[test]
fn the_line_moves_to_the_end_and_one_by_hand_stays() {
    let env = home(false);
    env.ok(&["install", "--yes", "--no-service"]);
    let text = read(&conf(&env));
    fs::write(conf(&env), format!("{text}set -g mouse on\n")).unwrap();
    env.ok(&["install", "--yes", "--no-service"]);
    let moved = read(&conf(&env));
    assert!(moved.starts_with("set -g mouse on\n\n# >>> evermux >>>"), "{moved}");
    assert_eq!(moved.matches("run-shell").count(), 1);
    fs::write(conf(&env), "run-shell '/x/evermux at-start'\n").unwrap();
    env.ok(&["install", "--yes", "--no-service"]);
    assert_eq!(read(&conf(&env)), "run-shell '/x/evermux at-start'\n");
}

#[test]
fn it_is_the_file_that_tmux_reads_last() {
    for tmux in tmux_binaries() {
        let server = Server::builder(&tmux).name("default").config("set -g @a 1\n").absent();
        let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
        let xdg = env.sandbox().write("home/.config/tmux/tmux.conf", "set -g @a 2\n");
        env.ok(&["install", "--yes", "--no-service"]);
        assert!(read(&xdg).contains("at-start"), "tmux {}", tmux.version);
        assert!(!read(&conf(&env)).contains("at-start"), "tmux {}", tmux.version);
    }
}

#[test]
fn nobody_is_changed_without_being_asked() {
    let env = home(false);
    assert_output!(env.run(&["install", "--no-service"]), @"
    --- stderr ---
    error: nobody can be asked here
    hint: evermux install --dry-run tells what it would do, evermux install --yes does it.
    [exit 2]
    ");
    assert!(!conf(&env).exists());
}

#[test]
fn in_a_terminal_it_asks() {
    let tmux = tmux_binaries().pop().unwrap();
    let server = Server::start(&tmux);
    server.wait_for_prompts();
    let line = format!("{} install --no-service", env!("CARGO_BIN_EXE_evermux"));
    let conf = server.config_file();
    for (answer, said, there) in [("n", "Nothing was changed", false), ("y", "Done", true)] {
        server.type_line("main:", &line);
        server.wait_until("the question", |server| server.screen("main:").contains("Go on? [y/N]"));
        server.type_line("main:", answer);
        server.wait_until("the answer", |server| server.screen("main:").contains(said));
        assert_eq!(read(&conf).contains("at-start"), there);
        server.type_line("main:", "clear");
    }
    let uninstall = format!("{} uninstall --yes", env!("CARGO_BIN_EXE_evermux"));
    server.type_line("main:", &uninstall);
    server.wait_until("it is as before", |_| read(&conf).is_empty());
}

#[test]
fn the_keeper_becomes_a_service_and_nothing_is_left_of_it() {
    let env = home(true);
    let before = files(&env);
    assert_output!(env.run(&["install", "--dry-run", "--tmux-service=graphical-session.target"]), @"
    evermux install would
      write   $SANDBOX/home/.tmux.conf: a new file with the line that restores at start
      write   $SANDBOX/home/.config/systemd/user/evermux.service
      write   $SANDBOX/home/.config/systemd/user/tmux-spawn-.scope.d/evermux.conf
      write   $SANDBOX/home/.config/systemd/user/tmux.service
      run     systemctl --user daemon-reload
      run     systemctl --user enable --now evermux.service
      run     systemctl --user enable tmux.service
      note    at boot, before anybody logs in, it starts only with: loginctl enable-linger
    [exit 0]
    ");
    env.ok(&["install", "--yes", "--tmux-service=graphical-session.target"]);
    let units = env.sandbox().path("home/.config/systemd/user");
    let unit = read(&units.join("evermux.service"));
    assert!(unit.contains(&format!("\nEnvironment=\"EVERMUX_DIR={}\"\n", env.state().display())), "{unit}");
    let calls = env.sandbox().path("calls");
    assert_eq!(
        read(&calls),
        "--user daemon-reload\n--user enable --now evermux.service\n--user enable tmux.service\n"
    );
    fs::remove_file(&calls).unwrap();
    env.ok(&["uninstall", "--yes"]);
    assert_eq!(
        read(&calls),
        "--user disable --now evermux.service\n--user disable tmux.service\n--user daemon-reload\n"
    );
    assert_eq!(files(&env), before);
    assert!(!units.join("tmux-spawn-.scope.d").exists());
}

#[test]
fn a_keeper_that_is_a_service_begins_as_one() {
    let env = home(true);
    env.ok(&["install", "--yes"]);
    let calls = env.sandbox().path("calls");
    fs::remove_file(&calls).unwrap();
    // As systemd would do.
    let script = format!(
        "#!/bin/sh\necho \"$@\" >>'{}'\n[ \"$3\" = start ] && {} keeper run --detached >/dev/null 2>&1 &\n",
        calls.display(),
        env!("CARGO_BIN_EXE_evermux")
    );
    env.sandbox().program("bin/systemctl", script);
    assert!(env.ok(&["keeper", "start"]).starts_with("The keeper runs now"));
    assert_eq!(read(&calls), "--user --no-block start evermux.service\n");
    env.ok(&["keeper", "stop"]);
    // One that keeps something else is not started as it.
    let other = env.with("EVERMUX_DIR", env.sandbox().path("other").to_str().unwrap());
    other.ok(&["keeper", "start"]);
    assert_eq!(read(&calls), "--user --no-block start evermux.service\n");
    other.ok(&["keeper", "stop"]);
}

#[test]
fn a_unit_of_somebody_else_is_left_alone() {
    let env = home(true);
    let unit = env.sandbox().write("home/.config/systemd/user/tmux.service", "[Unit]\nDescription=mine\n");
    let output = env.run(&["install", "--yes", "--tmux-service"]);
    assert_eq!(output.status, Some(3), "{output}");
    assert!(output.text().contains("it is there and not written by evermux"), "{output}");
    env.ok(&["uninstall", "--yes"]);
    assert_eq!(read(&unit), "[Unit]\nDescription=mine\n");
}

#[test]
fn systemd_understands_our_units() {
    let env = home(true);
    env.ok(&["install", "--yes", "--tmux-service"]);
    let units = env.sandbox().path("home/.config/systemd/user");
    let verify = env
        .sandbox()
        .command("systemd-analyze")
        .args(["--user", "--man=no", "--recursive-errors=no", "verify"])
        .args([units.join("evermux.service"), units.join("tmux.service")])
        .env("XDG_RUNTIME_DIR", env.sandbox().folder())
        .output();
    let Ok(verified) = verify else {
        eprintln!("systemd-analyze is not installed: the units were not verified");
        return;
    };
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && said.is_empty(), "{said}");
}

/// What `tmux.service` has a shell run.
fn script_of_service(env: &Env) -> String {
    let unit = read(&env.sandbox().path("home/.config/systemd/user/tmux.service"));
    let line = unit
        .lines()
        .find(|line| line.starts_with("ExecStart=@/bin/sh \"-sh\" -c \""))
        .expect("the unit has one");
    let script =
        line.split_once(" -c \"").expect("the unit has one").1.strip_suffix('"').expect("the unit has one");
    assert!(!script.contains(['\\', '%', '$']), "what systemd undoes: {script}");
    script.to_owned()
}

/// Nobody sits before a service: tmux waits for a restore that takes longer than anybody at a terminal would, and no session
/// is made beside what comes.
#[test]
fn the_server_as_a_service_waits_for_its_sessions() {
    for tmux in tmux_binaries() {
        let server = Server::builder(&tmux).name("default").absent();
        let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
        env.sandbox().program("bin/systemctl", "#!/bin/sh\necho running\n");
        env.run(&["install", "--yes", "--tmux-service"]);
        server.run(&["new-session", "-d", "-s", "work"]);
        server.wait_for_prompts();
        env.ok(&["save"]);
        env.run(&["keeper", "stop"]);
        server.kill_all();
        let database = fs::read_dir(env.state()).unwrap().map(|it| it.unwrap().path()).find(|it| it.is_dir());
        let machine = database.unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        let place = Place::new(env.state(), machine, rustix::process::getuid().as_raw());
        let store = Store::open(&place, Access::Write).unwrap();
        let name = store.servers().unwrap().remove(0);
        // A disk that takes its time, longer than the 3 s that tmux waits for otherwise.
        let slow = store.restoring(&name, Duration::ZERO).unwrap();
        let begun = Instant::now();
        let mut shell = env.sandbox().command("/bin/sh");
        shell.env("EVERMUX_DIR", env.state()).env("EVERMUX_CONFIG", "/dev/null");
        let mut starting = shell.args(["-c", &script_of_service(&env)]).spawn().unwrap();
        server.wait_until("the service waits", |_| begun.elapsed() > Duration::from_secs(4));
        assert!(starting.try_wait().unwrap().is_none(), "tmux {}", tmux.version);
        drop(slow);
        assert!(starting.wait().unwrap().success());
        assert_eq!(server.run(&["list-sessions", "-F", "#{session_name}"]), "work", "tmux {}", tmux.version);
        assert!(!server.run(&["show-environment", "-g"]).contains("EVERMUX_RESTORE"));
        env.run(&["keeper", "stop"]);
    }
}

/// What `tmux.service` runs, run by a shell: one session, or those of the config file, whichever version.
#[test]
fn the_server_as_a_service_has_no_session_too_many() {
    for tmux in tmux_binaries() {
        for (config, sessions) in
            [("", "0\n"), ("new-session -d -s mine\nnew-session -d -s more\n", "mine\nmore\n")]
        {
            let server = Server::builder(&tmux).name("default").config(config).absent();
            let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
            env.sandbox().program("bin/systemctl", "#!/bin/sh\necho running\n");
            env.run(&["install", "--yes", "--tmux-service"]);
            fs::write(conf(&env), config).unwrap();
            let script = script_of_service(&env);
            let ended = env.sandbox().command("/bin/sh").args(["-c", &script]).status().unwrap();
            assert!(ended.success(), "tmux {}", tmux.version);
            let listed = server.run(&["list-sessions", "-F", "#{session_name}"]) + "\n";
            assert_eq!(listed, sessions, "tmux {}", tmux.version);
            server.tmux(&["kill-server"]);
        }
    }
}

/// What `Type=notify` and `WatchdogSec` expect (sd_notify(3)).
#[cfg(target_os = "linux")]
#[test]
fn the_keeper_tells_the_service_manager_that_it_is_well() {
    let env = home(false);
    let path = env.sandbox().path("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut keeper = env.command(&["keeper", "run"]).env("NOTIFY_SOCKET", &path).spawn().unwrap();
    let hear = || {
        let mut bytes = [0; 256];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    };
    assert!(hear().starts_with("READY=1\n"));
    assert_eq!(hear(), "WATCHDOG=1\n");
    env.ok(&["keeper", "stop"]);
    assert!(keeper.wait().unwrap().success());
}

/// The whole promise: install, work, lose the server, start tmux.
#[test]
fn after_install_a_new_server_has_what_the_old_one_had() {
    for tmux in tmux_binaries() {
        let server = Server::builder(&tmux).name("default").config("set -g mouse on\n").start();
        server.wait_for_prompts();
        // What tmux runs does not know where a test has its state: the usual place, then.
        let state = server.sandbox().path("home/.local/state/evermux");
        let env =
            Env::new(env!("CARGO_BIN_EXE_evermux"), &server).with("EVERMUX_DIR", state.to_str().unwrap());
        env.ok(&["install", "--yes", "--no-service"]);
        server.run(&["new-session", "-d", "-s", "work", "-n", "logs"]);
        server.wait_until("it is saved", |_| {
            env.run(&["--json", "show", "latest"]).text().contains("\"logs\"")
        });
        server.kill();
        server.run(&["start-server", ";", "has-session", "-t", "=work"]);
        server.wait_until("all is back", |server| {
            server
                .lines(&["list-windows", "-a", "-F", "#{session_name}:#{window_name}"])
                .contains(&"work:logs".to_owned())
                && server.tmux(&["has-session", "-t", "=main"]).ok()
        });
        let keys = || server.run(&["list-keys", "-T", "prefix"]);
        server.wait_until("the keys are bound", |_| keys().contains("key save"));
        env.ok(&["uninstall", "--yes", "--purge"]);
        assert_eq!(read(&server.config_file()), "set -g mouse on\n", "tmux {}", tmux.version);
        assert!(!keys().contains("evermux"), "tmux {}", tmux.version);
    }
}

#[test]
fn nothing_is_left_in_living_servers_but_what_was_saved() {
    for tmux in tmux_binaries() {
        let server = Server::builder(&tmux).name("default").start();
        server.wait_for_prompts();
        let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
        let globals = |server: &Server| {
            let shown = [&["show-options", "-g"][..], &["show-hooks", "-g"], &["list-keys"]];
            // Before 3.2 `-gw` is not known, and all hooks are in the first list.
            shown.map(|command| server.run(command)).join("\n") + &server.tmux(&["show-hooks", "-gw"]).text()
        };
        let before = globals(&server);
        env.ok(&["install", "--yes", "--no-service"]);
        server.wait_until("it is kept", |_| {
            let status: Value = serde_json::from_str(&env.run(&["--json", "status"]).text()).unwrap();
            status["state"] == "saved"
        });
        server
            .wait_until("hooks", |server| server.run(&["show-hooks", "-g"]).contains("wait-for -S evermux"));
        server.run(&["set-option", "-g", "@evermux-trouble", "x"]);
        assert!(server.run(&["list-keys", "-T", "prefix"]).contains("key save"), "tmux {}", tmux.version);
        env.ok(&["uninstall", "--yes"]);
        assert_eq!(globals(&server), before, "tmux {}", tmux.version);
        assert!(env.ok(&["list"]).contains("1 "), "tmux {}", tmux.version);
        env.ok(&["uninstall", "--yes", "--purge"]);
        assert!(!env.state().exists(), "tmux {}", tmux.version);
        assert_eq!(server.run(&["show-options", "-p", "-t", "main:"]), "", "tmux {}", tmux.version);
    }
}

#[test]
fn the_shell_integration_is_a_line_at_the_end_of_the_rc_file() {
    for (shell, rc) in [("bash", ".bashrc"), ("zsh", ".zshrc"), ("fish", ".config/fish/config.fish")] {
        let env = home(false);
        let file = env.sandbox().write(Path::new("home").join(rc), "echo mine");
        let before = files(&env);
        let words = ["install", "--no-service", "--shell", shell];
        let would = env.ok(&[&words[..], &["--dry-run"]].concat());
        assert!(would.contains("the shell integration, at its end"), "{would}");
        assert_eq!(files(&env), before);
        env.ok(&[&words[..], &["--yes"]].concat());
        let text = read(&file);
        assert!(text.starts_with("echo mine\n\n# >>> evermux >>>"), "{text}");
        assert!(text.contains(&format!("shell-init {shell}")), "{text}");
        let installed = files(&env);
        let again = env.ok(&[&words[..], &["--yes"]].concat());
        assert!(again.starts_with("Nothing to do"), "{again}");
        assert_eq!(files(&env), installed);
        env.ok(&["uninstall", "--yes"]);
        assert_eq!(files(&env), before, "{shell}");
    }
}
