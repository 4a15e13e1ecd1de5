//! `evermux prune` and what happens by itself, as people see it.

mod common;

use common::assert_output;
use evermux_testkit::{Env, Server, tmux_binaries};

fn server() -> (Server, Env) {
    let tmux = tmux_binaries().pop().expect("there is one");
    let server = Server::start(&tmux);
    server.wait_for_prompts();
    let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
    (server, env)
}

#[test]
fn what_is_recent_stays() {
    let (server, env) = server();
    assert_output!(env.run(&["prune", "--dry-run"]), @"
    --- stderr ---
    error: $SANDBOX/state/MACHINE: no store is there
    hint: Nothing has been saved yet: evermux save
    [exit 4]
    ");
    env.run(&["save"]);
    server.run(&["new-window", "-d", "-t", "main"]);
    server.wait_for_prompts();
    env.run(&["save", "--name", "two windows"]);
    let dry = env.run(&["prune", "--dry-run"]);
    assert_eq!(dry.status, Some(0), "{dry}");
    assert!(dry.text().contains("Would remove 0 snapshots; about 0 bytes of "), "{dry}");
    assert!(dry.text().contains(" would be free. 2 would stay, "), "{dry}");
    let pruned = env.run(&["prune"]);
    assert_eq!(pruned.status, Some(0), "{pruned}");
    assert!(pruned.text().starts_with("Removed 0 snapshots; 0 bytes are free again, "), "{pruned}");
    let verified = env.run(&["verify"]);
    assert!(verified.text().starts_with("Checked 2 snapshots, "), "{verified}");
}

#[test]
fn above_the_limit_text_goes_and_what_is_needed_stays() {
    let (server, env) = server();
    for number in 0..4 {
        server.type_line("main:0.0", &format!("echo text-{number}"));
        server.wait_for_prompts();
        env.run(&["save"]);
    }
    env.run(&["pin", "1"]);
    env.write_config("[keep]\nlimit = '0 MB'\n");
    let dry = env.run(&["prune", "--dry-run"]);
    let pruned = env.run(&["prune"]);
    assert_eq!(pruned.status, Some(3), "{pruned}");
    assert!(pruned.to_string().contains("what is kept for ever takes "), "{pruned}");
    assert!(dry.text().contains("its text  limit"), "{dry}");
    let list = env.run(&["list", "--json"]);
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).expect("it is JSON");
    let thinned = |id: i64| {
        let list = list.as_array().expect("it is a list");
        list.iter().find(|it| it["id"] == id).expect("it is there")["text_removed"].as_bool()
    };
    assert_eq!((thinned(1), thinned(2), thinned(4)), (Some(false), Some(true), Some(false)));
    assert!(env.run(&["show", "2"]).text().contains("its text was removed to keep within the limit"));
    let doctor = env.run(&["doctor"]);
    assert!(doctor.text().contains("what is kept for ever takes "), "{doctor}");
    assert!(env.run(&["status"]).text().contains("what is kept for ever takes "));
    env.write_config("[keep]\nlimit = 'none'\n");
    assert_eq!(env.run(&["prune"]).status, Some(0));
    assert!(!env.run(&["status"]).text().contains("for ever"));
    assert_eq!(env.run(&["verify"]).status, Some(0));
}

#[test]
fn a_save_by_hand_prunes_where_no_keeper_does() {
    let (_server, env) = server();
    env.run(&["save"]);
    let over =
        || std::fs::read_dir(env.state()).unwrap().flatten().any(|it| it.path().join("over-limit").exists());
    assert!(!over());
    // The first save has pruned, so it is not time yet.
    env.write_config("[keep]\nlimit = '0 MB'\n");
    env.run(&["save"]);
    assert!(!over());
    let (_server, env) = self::server();
    env.write_config("[keep]\nlimit = '0 MB'\nautomatic = false\n");
    env.run(&["save"]);
    let over =
        || std::fs::read_dir(env.state()).unwrap().flatten().any(|it| it.path().join("over-limit").exists());
    assert!(!over());
    env.write_config("[keep]\nlimit = '0 MB'\n");
    env.run(&["save"]);
    assert!(over());
}
