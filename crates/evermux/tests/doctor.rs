//! `doctor` on real servers, and where something hangs.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, Instant};

use evermux_testkit::{Env, Server, tmux_binaries};
use serde_json::Value;

fn env(server: &Server) -> Env {
    let env = Env::new(env!("CARGO_BIN_EXE_evermux"), server);
    env.sandbox().program("bin/systemctl", "#!/bin/sh\necho offline\nexit 1\n");
    env
}

/// The findings of a check: their levels and what they say.
fn findings(env: &Env, check: &str) -> Vec<(String, String)> {
    let output = env.run(&["--json", "doctor"]);
    let value: Value = serde_json::from_str(&output.text()).unwrap_or_default();
    let all = value["findings"].as_array().cloned().unwrap_or_default();
    let worst = value["worst"].as_str().unwrap_or_default();
    let bad = matches!(worst, "warning" | "problem");
    assert_eq!(output.status, Some(if bad { 3 } else { 0 }), "{output}");
    let of_check = all.iter().filter(|finding| finding["check"] == check);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    of_check.map(|finding| (text(&finding["level"]), text(&finding["what"]))).collect()
}

#[test]
fn after_install_all_is_well() {
    for tmux in tmux_binaries() {
        let server = Server::builder(&tmux).name("default").start();
        server.wait_for_prompts();
        let env = env(&server);
        assert_eq!(findings(&env, "config")[0].0, "warning");
        assert_eq!(findings(&env, "store")[0].0, "note");
        env.ok(&["install", "--yes", "--no-service"]);
        server.wait_until("everything is well", |_| env.run(&["doctor"]).status == Some(0));
        let output = env.run(&["doctor"]);
        assert!(output.text().ends_with("All is well\n"), "{output}");
        assert_eq!(findings(&env, "kept").len(), 1);
        server.wait_until("our hooks are set", |_| findings(&env, "hooks").is_empty());
        assert_eq!(findings(&env, "keys").len(), 2);
        env.ok(&["keeper", "stop"]);
        assert_eq!(findings(&env, "keeper")[0].0, "problem", "tmux {}", tmux.version);
    }
}

#[test]
fn what_others_do_in_the_server_is_seen() {
    for tmux in tmux_binaries() {
        let config =
            "set -g @plugin tmux-plugins/tmux-continuum\nset -g destroy-unattached on\nbind C-s last-pane\n";
        // With destroy-unattached a server without a client would end at once.
        let server = Server::builder(&tmux).name("default").start();
        let env = env(&server);
        let client = server.attach("main", 80, 24);
        server.script(config);
        let word = |check: &str| findings(&env, check).into_iter().map(|(level, what)| level + " " + &what);
        assert!(
            word("savers").any(|what| what.starts_with("warning tmux-continuum")),
            "tmux {}",
            tmux.version
        );
        assert!(
            word("options").any(|what| what.starts_with("warning destroy-unattached")),
            "tmux {}",
            tmux.version
        );
        assert!(
            word("keys").any(|what| what.starts_with("note prefix C-s means something")),
            "tmux {}",
            tmux.version
        );
        drop(client);
    }
}

#[test]
fn a_config_file_that_cannot_be_used_is_a_finding() {
    let server = Server::builder(&tmux_binaries().pop().unwrap()).absent();
    let env = env(&server);
    env.write_config("[save\n");
    let found = findings(&env, "settings");
    assert_eq!(found[0].0, "problem");
    assert!(found[0].1.contains("config.toml is wrong"), "{found:?}");
}

#[test]
fn a_state_folder_that_is_open_to_others_is_a_problem() {
    let server = Server::builder(&tmux_binaries().pop().unwrap()).absent();
    let env = env(&server);
    env.ok(&["keeper", "watch"]);
    env.ok(&["keeper", "stop"]);
    let folder = fs::read_dir(env.state()).unwrap().next().unwrap().unwrap().path();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
    let found = findings(&env, "store");
    assert!(found[0].0 == "problem" && found[0].1.contains("others may write to it"), "{found:?}");
}

/// A service manager that never answers, and a config file that never ends: a pipe without a writer.
#[test]
fn whatever_hangs_it_ends_in_time() {
    let server = Server::builder(&tmux_binaries().pop().unwrap()).absent();
    let env = env(&server);
    env.sandbox().program("bin/systemctl", "#!/bin/sh\nexec sleep 1000\n");
    let pipe = env.sandbox().path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::create_dir_all(env.state()).unwrap();
    let place = env.run(&["--json", "verify"]).to_string();
    let machine = place.split("state/").nth(1).unwrap().split(':').next().unwrap().to_owned();
    let folder = env.state().join(machine);
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    symlink(&pipe, folder.join("x.emergency")).unwrap();
    let begun = Instant::now();
    let output = env.run(&["doctor"]);
    assert!(begun.elapsed() < Duration::from_secs(20), "{output}");
    assert!(output.text().contains("service"), "{output}");
}
