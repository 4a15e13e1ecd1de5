//! The optional hooks (`evermux install --assistant`), fired by the real programs: what they tell is what evermux knows, the
//! user's own settings and hooks go on as before, and `evermux uninstall` leaves them as they were.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use evermux_testkit::{Env, Server};
use serde_json::Value;

use super::{PATIENCE, enter, homes, shows};
use crate::machine::say;

/// An assistant with hooks.
struct Hooked {
    /// Its name, for `--assistant` and as a program.
    name: &'static str,
    /// What of the user's is there before: a file below home, and its text.
    own: (&'static str, &'static str),
    /// The file below home that our hooks are in.
    file: &'static str,
    /// What it shows when it can be typed into.
    shows_first: &'static str,
    /// What is typed until it has told a conversation, and then until it has told another one.
    typed: [&'static [&'static str]; 2],
}

/// As the programs themselves write it, so that it can be compared to the byte.
const CLAUDES_SETTINGS: &str = r#"{
  "hooks": {
    "SessionStart": [
      {
        "matcher": "",
        "hooks": [
          {
            "type": "command",
            "command": "cat >>~/mine-claude"
          }
        ]
      }
    ]
  },
  "permissions": {
    "allow": [
      "Bash(ls:*)"
    ]
  }
}
"#;

const GEMINIS_SETTINGS: &str = r#"{
  // mine
  "security": {
    "auth": {
      "selectedType": "gemini-api-key"
    },
    "folderTrust": {
      "enabled": false
    }
  },
  "hooks": {
    "SessionStart": [
      {
        "hooks": [
          {
            "type": "command",
            "command": "cat >>~/mine-gemini"
          }
        ]
      }
    ]
  }
}
"#;

const OPENCODES_PLUGIN: &str = r#"import { writeFileSync } from "node:fs"
export const Mine = async () => {
  writeFileSync(process.env.HOME + "/mine-opencode", "x")
  return {}
}
"#;

/// A provider that nobody is behind: what is said is not answered.
const OPENCODES_SETTINGS: &str = r#"{
  "autoupdate": false,
  "model": "none/none",
  "provider": {
    "none": {
      "npm": "@ai-sdk/openai-compatible",
      "options": { "baseURL": "http://127.0.0.1:9/v1", "apiKey": "x" },
      "models": { "none": { "name": "none" } }
    }
  }
}
"#;

const HOOKED: [Hooked; 3] = [
    Hooked {
        name: "claude",
        own: (".claude/settings.json", CLAUDES_SETTINGS),
        file: ".claude/settings.json",
        shows_first: "Claude Code",
        typed: [&[], &["/clear"]],
    },
    Hooked {
        name: "gemini",
        own: (".gemini/settings.json", GEMINIS_SETTINGS),
        file: ".gemini/settings.json",
        shows_first: "Type your message",
        typed: [&[], &["/clear"]],
    },
    // A conversation begins when something is said.
    Hooked {
        name: "opencode",
        own: (".config/opencode/plugins/mine.js", OPENCODES_PLUGIN),
        file: ".config/opencode/plugins/evermux.js",
        shows_first: "Ask anything",
        typed: [&["hello"], &["/new", "hello again"]],
    },
];

/// What came of one.
pub struct Row {
    pub name: &'static str,
    /// The conversations that it has told, in their order.
    pub told: Vec<String>,
    /// By what evermux knows the last of them.
    pub evidence: String,
    /// What is wrong with that; empty: nothing.
    pub wrong: Vec<String>,
}

/// Tries all of them in one home.
pub fn run(server: &Server, evermux: &str) -> Result<Vec<Row>> {
    let home = homes::furnish(server)?;
    for hooked in &HOOKED {
        let (path, text) = hooked.own;
        server.sandbox().write(format!("home/{path}"), text);
    }
    server.sandbox().write("home/.config/opencode/opencode.json", OPENCODES_SETTINGS);
    // It is asked about the units of the keeper.
    server.sandbox().program("bin/systemctl", "#!/bin/sh\necho offline\nexit 1\n");
    let env = Env::new(evermux, server);
    let all = HOOKED.iter().flat_map(|hooked| ["--assistant", hooked.name]);
    let words: Vec<&str> = ["install", "--yes"].into_iter().chain(all).collect();
    env.ok(&words);
    server.run(&["new-session", "-d", "-s", "main", "-n", "shell", "-x", "120", "-y", "40"]);
    let mut rows = Vec::new();
    for hooked in &HOOKED {
        server.run(&["new-window", "-d", "-t", "main:", "-n", hooked.name, "-c", &home.directory("src")]);
        rows.push(hooked.fire(server, &env)?);
    }
    env.ok(&["uninstall", "--yes"]);
    for (hooked, row) in HOOKED.iter().zip(&mut rows) {
        row.wrong.extend(hooked.what_is_left(server));
    }
    Ok(rows)
}

impl Hooked {
    /// Has the program fire the hook, twice.
    fn fire(&self, server: &Server, env: &Env) -> Result<Row> {
        let pane = format!("main:{}", self.name);
        say(&format!("hooks of {}", self.name));
        server.wait_for_prompt(&pane);
        server.type_line(&pane, self.name);
        shows(server, &pane, self.shows_first)?;
        let mut told: Vec<String> = Vec::new();
        for typed in self.typed {
            for line in typed {
                enter(server, &pane, line);
            }
            told.push(self.wait_until_told(server, &pane, told.last())?);
        }
        // Claude Code tells it in a file of its own, too.
        for entry in fs::read_dir(server.sandbox().path("home/.claude/sessions")).into_iter().flatten() {
            fs::remove_file(entry?.path())?;
        }
        let known: Vec<Value> = serde_json::from_str(&env.ok(&["assistants", "--json"]))?;
        let known = known.into_iter().find(|one| one["tool"] == self.name).unwrap_or_default();
        let mut wrong = Vec::new();
        if known["id"].as_str() != told.last().map(String::as_str) {
            wrong.push(format!("evermux knows {known:#}"));
        }
        let evidence = known["evidence"].as_str().unwrap_or_default().to_owned();
        Ok(Row { name: self.name, told, evidence, wrong })
    }

    /// The conversation that the pane's option names, when that is another one than before.
    fn wait_until_told(&self, server: &Server, pane: &str, before: Option<&String>) -> Result<String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let value = server.display(pane, "#{@evermux-resume}");
            match value.strip_prefix(self.name).map(str::trim) {
                Some(id) if !id.is_empty() && before.is_none_or(|before| before != id) => {
                    return Ok(id.to_owned());
                }
                _ => {}
            }
            if Instant::now() > until {
                bail!("{pane}: the option is '{value}'\n{}", server.screen(pane));
            }
            sleep(Duration::from_millis(200));
        }
    }

    /// What is not as it was before.
    fn what_is_left(&self, server: &Server) -> Vec<String> {
        let home = server.sandbox().home();
        let (path, text) = self.own;
        let mut wrong = Vec::new();
        let now = fs::read_to_string(home.join(path)).unwrap_or_default();
        if now != text {
            wrong.push(format!("{path} is now:\n{now}"));
        }
        if self.file != path && home.join(self.file).exists() {
            wrong.push(format!("{} is still there", self.file));
        }
        if !home.join(format!("mine-{}", self.name)).exists() {
            wrong.push("the user's own hook was not run".to_owned());
        }
        wrong
    }
}
