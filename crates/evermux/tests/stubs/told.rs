//! What evermux says of assistants, and what stubs say of themselves, in short.

use std::fs;

use evermux_testkit::{Env, Server};
use serde_json::Value;

use super::id;

pub fn env(server: &Server) -> Env {
    Env::new(env!("CARGO_BIN_EXE_evermux"), server)
}

/// What is known now: by pane.
#[track_caller]
pub fn assistants(env: &Env) -> Vec<Value> {
    let text = env.ok(&["assistants", "--json"]);
    serde_json::from_str::<Vec<Value>>(&text).expect("a list")
}

/// The conversations now, in the order of the panes: `id confidence`, or why there is none.
#[track_caller]
pub fn known(env: &Env) -> Vec<String> {
    let line = |one: &Value| match one["id"].as_str() {
        Some(id) => format!("{id} {}", one["confidence"].as_str().expect("it is told")),
        None => format!("- {}", one["evidence"].as_str().expect("it is told")),
    };
    assistants(env).iter().map(line).collect()
}

/// What would be run in the only pane, or why nothing.
#[track_caller]
pub fn again(env: &Env) -> String {
    let found = assistants(env);
    let [one] = found.as_slice() else { panic!("{found:#?}") };
    match one["not"].as_str() {
        Some(why) => format!("not: {why}"),
        None => one["resume"]["argv"]
            .as_array()
            .expect("it is told")
            .iter()
            .map(|word| word.as_str().expect("it is told"))
            .collect::<Vec<_>>()
            .join(" "),
    }
}

pub fn exact(number: u32) -> String {
    format!("{} exact", id(number))
}

/// The command lines that stubs were started with, the oldest first.
pub fn ran(server: &Server) -> Vec<String> {
    let text = fs::read_to_string(server.sandbox().home().join("ran")).unwrap_or_default();
    text.lines().map(|line| line.rsplit_once('|').expect("it is told").0.to_owned()).collect()
}
