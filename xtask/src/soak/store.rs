//! What the keeper has saved, read from outside.

use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use evermux_core::store::{Access, Place, Store};
use evermux_testkit::Env;
use serde_json::Value;

/// How long anything may take that is bound to happen.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs a command for its JSON.
pub fn json(env: &Env, command: &[&str]) -> Value {
    let output = env.run(&[&["--json"], command].concat());
    serde_json::from_str(&output.text()).unwrap_or_default()
}

/// Waits until the status of the server is one of these.
pub fn wait_for(env: &Env, states: &[&str]) -> Result<()> {
    let end = Instant::now() + LIMIT;
    while Instant::now() < end {
        if json(env, &["status"])["state"].as_str().is_some_and(|state| states.contains(&state)) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!("the keeper is never {states:?}:\n{}", env.run(&["status"]))
}

/// Waits until everything that was seen is saved.
pub fn wait_until_saved(env: &Env) -> Result<()> {
    wait_for(env, &["saved"])
}

/// What the newest snapshot holds.
pub struct Saved {
    /// Names of windows.
    pub names: Vec<String>,
    /// Directories of panes.
    pub directories: Vec<String>,
    /// All text.
    pub text: String,
}

/// The newest snapshot.
pub fn newest(env: &Env) -> Result<Saved> {
    let list = json(env, &["list"]);
    let machine = list[0]["server"]["machine"].as_str().context("nothing was saved")?.to_owned();
    let place = Place::new(env.state(), machine, env.state().metadata()?.uid());
    let store = Store::open(&place, Access::Read)?;
    let id = evermux_core::model::SnapshotId(list[0]["id"].as_i64().context("a snapshot has a number")?);
    let snapshot = store.snapshot(id)?.value;
    let mut saved = Saved { names: Vec::new(), directories: Vec::new(), text: String::new() };
    for window in snapshot.windows() {
        saved.names.push(window.name.to_string());
        for pane in &window.panes {
            saved.directories.push(pane.directory.to_string());
            let blocks = pane.text.iter().flat_map(|text| text.history.iter().chain([&text.screen]));
            for block in blocks {
                saved.text.push_str(&String::from_utf8_lossy(&store.block(&block.id)?));
            }
        }
    }
    Ok(saved)
}
