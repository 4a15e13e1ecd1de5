//! Forty assistants of four kinds in one server, five in each directory: each comes back in its own pane.

mod common;
mod stubs;

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use evermux_testkit::{Env, Server};
use serde_json::Value;
use stubs::{claude, codex, copilot, end, hooked, id, server};

const WINDOWS: u32 = 8;
const PANES: u32 = 5;
const TOOLS: [&str; 4] = ["claude", "codex", "copilot", "gemini"];

/// A pane and the assistant in it.
struct Place {
    pane: String,
    tool: &'static str,
    /// The conversation that it is in now.
    id: String,
}

/// What is known of each pane: assistant and conversation, with the directory.
#[track_caller]
fn known(env: &Env) -> BTreeMap<String, (String, String, String)> {
    let text = env.ok(&["assistants", "--json"]);
    let found: Vec<Value> = serde_json::from_str(&text).expect("a list");
    let word = |one: &Value, key: &str| one[key].as_str().unwrap_or("-").to_owned();
    found
        .iter()
        .map(|one| (word(one, "pane"), (word(one, "tool"), word(one, "id"), word(one, "directory"))))
        .collect()
}

fn ran(server: &Server) -> Vec<String> {
    let text = fs::read_to_string(server.sandbox().home().join("ran")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Forty panes, five in each window and directory.
fn panes(server: &Server) -> Vec<Place> {
    let mut places = Vec::new();
    for window in 0..WINDOWS {
        let folder = server.folder(format!("work{window}")).display().to_string();
        server.run(&["new-window", "-d", "-t", &format!("main:{}", window + 1), "-c", &folder]);
        let target = format!("main:{}", window + 1);
        for _ in 1..PANES {
            server.run(&["split-window", "-d", "-t", &target, "-c", &folder]);
            server.run(&["select-layout", "-t", &target, "even-vertical"]);
        }
        for pane in 0..PANES {
            let number = window * PANES + pane;
            let tool = TOOLS[number as usize % TOOLS.len()];
            places.push(Place { pane: format!("{target}.{pane}"), tool, id: id(number) });
        }
    }
    places
}

fn wait_for_all(server: &Server, places: &[Place]) {
    for place in places {
        server.wait_until("the stub is ready", |server| server.screen(&place.pane).ends_with("ready"));
    }
}

#[test]
fn every_conversation_comes_back_in_its_own_pane() {
    let server = server();
    let sandbox = server.sandbox();
    claude(sandbox);
    codex(sandbox);
    copilot(sandbox);
    hooked(sandbox, "gemini");
    let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
    stubs::write_hooks(&env);
    let mut places = panes(&server);
    server.wait_for_prompts();
    for place in &places {
        server.type_line(&place.pane, &format!("FIRST={} {}", place.id, place.tool));
    }
    wait_for_all(&server, &places);
    // Some go to a new conversation, as /clear does; others take each other's, as /resume does.
    for at in (0..places.len()).step_by(3) {
        let other = at + TOOLS.len();
        if at % 2 == 0 && other < places.len() {
            (places[at].id, places[other].id) = (places[other].id.clone(), places[at].id.clone());
        } else {
            places[at].id = id(1000 + at as u32);
        }
    }
    for place in &places {
        server.type_line(&place.pane, &format!("new {}", place.id));
    }
    let wanted = |places: &[Place]| {
        let one = |place: &Place| (place.pane.clone(), (place.tool.to_owned(), place.id.clone()));
        places.iter().map(one).collect::<BTreeMap<_, _>>()
    };
    let names = |known: &BTreeMap<String, (String, String, String)>| {
        let one = |(pane, (tool, id, _)): (&String, &(String, String, String))| {
            (pane.clone(), (tool.clone(), id.clone()))
        };
        known.iter().map(one).collect::<BTreeMap<_, _>>()
    };
    server.wait_until("all have changed", |_| names(&known(&env)) == wanted(&places));
    let before = known(&env);
    env.ok(&["save"]);
    for round in 0..2 {
        let already = ran(&server).len();
        end(&server);
        let begun = Instant::now();
        let output = env.run(&["restore"]);
        let took = begun.elapsed();
        assert_eq!(output.status, Some(0), "round {round}: {output}");
        assert_eq!(known(&env), before, "round {round}");
        let started = ran(&server).split_off(already);
        assert_eq!(started.len(), places.len(), "each is started once: {started:#?}");
        for place in &places {
            let own = started.iter().filter(|line| line.contains(&place.id));
            assert_eq!(own.count(), 1, "{}", place.id);
        }
        // Five seconds are for a client that does not come; measured 7 to 8.
        assert!(took < Duration::from_secs(60), "{took:?}");
        env.ok(&["save"]);
    }
}
