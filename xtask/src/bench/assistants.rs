//! What assistants cost a save: the same script in every pane, once under a name that means nothing and once as Claude Code.

use std::time::Duration;

use anyhow::{Result, ensure};
use evermux_testkit::Env;

use super::limits::Limit;
use super::load::Load;
use super::rows::{Bench, Measured};

/// The names of these works begin so.
pub const WORKS: &str = "save of assistants";

/// Writes down its conversation as Claude Code does, in files that are there either way, and waits.
const SCRIPT: &str = r#"#!/bin/sh
id=$(printf '%08x-1111-4222-8333-%012x' $$ $$)
started=$(cut -d' ' -f22 "/proc/$$/stat")
folder=$HOME/.claude/projects/$(printf %s "$PWD" | tr -c 'A-Za-z0-9' -)
mkdir -p "$HOME/.claude/sessions" "$folder"
printf '{"pid":%d,"sessionId":"%s","cwd":"%s","procStart":"%s"}' $$ "$id" "$PWD" "$started" >"$HOME/.claude/sessions/$$.json"
printf '{"sessionId":"%s","cwd":"%s","timestamp":"%s"}\n' "$id" "$PWD" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$folder/$id.jsonl"
printf x >>"$HOME/begun"
read -r line
"#;

impl Bench {
    pub fn assistants_of_one_folder(&self, size: (usize, usize)) -> Result<Measured> {
        self.assistants(size, 1)
    }

    pub fn assistants_of_ten_folders(&self, size: (usize, usize)) -> Result<Measured> {
        self.assistants(size, 10)
    }

    fn assistants(&self, (panes, _): (usize, usize), folders: usize) -> Result<Measured> {
        let [plain, assistants] = ["plain", "claude"].map(|name| self.scripts(name, panes, folders));
        let ((plain, its), (assistants, theirs)) = (plain?, assistants?);
        let known: serde_json::Value = serde_json::from_str(&theirs.ok(&["assistants", "--json"]))?;
        let known =
            known.as_array().map_or(0, |all| all.iter().filter(|one| one["confidence"] == "exact").count());
        ensure!(known == panes, "{known} of {panes} are known");
        let mut limit = |_| {
            let cost = self.ours(&its, &plain, &["save"])?.unwrap_or_default();
            Ok(Limit { took: cost.took, tmux: cost.tmux })
        };
        self.turns(None, &mut limit, &mut |_| self.ours(&theirs, &assistants, &["save"]))
    }

    /// A server with the script in every pane, saved until nothing is new any more.
    fn scripts(&self, name: &str, panes: usize, folders: usize) -> Result<(Load, Env)> {
        let load = Load::start(&self.tmux, panes)?;
        load.server.sandbox().program(format!("bin/{name}"), SCRIPT);
        let line = |(number, id): (usize, &String)| {
            let folder = load.server.folder(format!("work{}", number % folders));
            format!("send-keys -t {id} 'cd {} && {name}' Enter\n", folder.display())
        };
        let script: String = load.ids().iter().enumerate().map(line).collect();
        ensure!(load.server.script(script).ok(), "{name} does not start");
        load.wait_for("begun", panes)?;
        let env = Env::new(&self.program, &load.server);
        self.ours(&env, &load, &["save"])?;
        std::thread::sleep(Duration::from_secs(2));
        self.ours(&env, &load, &["save"])?;
        Ok((load, env))
    }
}
