//! A home in which the assistants start without asking, with conversations in it that never took place.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use evermux_testkit::Server;
use serde_json::{Value, json};

use crate::machine;

/// Conversations: the id, the folder below home, and the word in it.
type Talks<const N: usize> = [(&'static str, &'static str, &'static str); N];

/// Those of Claude Code.
pub const CLAUDE: Talks<3> = [
    ("11111111-1111-4111-8111-111111111111", "src", "alpha"),
    ("22222222-2222-4222-8222-222222222222", "src", "beta"),
    ("33333333-3333-4333-8333-333333333333", "src", "gamma"),
];

/// Those of Codex.
pub const CODEX: Talks<5> = [
    ("019ac000-0000-7000-8000-000000000001", "src", "delta"),
    ("019ac000-0000-7000-8000-000000000002", "src", "epsilon"),
    ("019ac000-0000-7000-8000-000000000003", "src", "zeta"),
    ("019ac000-0000-7000-8000-000000000004", "src", "eta"),
    ("019ac000-0000-7000-8000-000000000005", "other", "theta"),
];

/// Those of OpenCode.
pub const OPENCODE: Talks<3> = [
    ("ses_aaaaaaaaaaaaaaaaaaaaaaaaa1", "src", "iota"),
    ("ses_aaaaaaaaaaaaaaaaaaaaaaaaa2", "src", "kappa"),
    ("ses_aaaaaaaaaaaaaaaaaaaaaaaaa3", "src", "lambda"),
];

/// When all of it would have been said.
const DAY: &str = "2026-11-19";

/// The furnished home.
pub struct Home {
    path: PathBuf,
}

impl Home {
    /// A folder in it.
    pub fn directory(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }
}

/// Writes everything into the home of a server.
pub fn furnish(server: &Server) -> Result<Home> {
    let home = Home { path: server.sandbox().home() };
    for name in ["src", "other"] {
        fs::create_dir_all(home.path.join(name))?;
    }
    claude(server, &home);
    codex(server, &home);
    opencode(server, &home)?;
    gemini(server)?;
    Ok(home)
}

fn lines(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn claude(server: &Server, home: &Home) {
    let trusted = json!({ "hasTrustDialogAccepted": true });
    let projects = json!({ home.directory("src"): trusted, home.directory("other"): trusted });
    let settings = json!({ "hasCompletedOnboarding": true, "theme": "dark", "projects": projects });
    server.sandbox().write("home/.claude.json", settings.to_string());
    for (number, (id, folder, word)) in CLAUDE.iter().enumerate() {
        let directory = home.directory(folder);
        let encoded = directory.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let [asked, answered] =
            [number * 2, number * 2 + 1].map(|n| format!("00000000-0000-4000-8000-{n:012}"));
        let line = |more: Value| {
            let mut line = json!({ "cwd": directory, "sessionId": id, "version": "2.1.0", "isSidechain": false,
                "userType": "external", "timestamp": format!("{DAY}T10:00:00.000Z") });
            let fields = line.as_object_mut().into_iter();
            fields.for_each(|fields| fields.extend(more.as_object().cloned().unwrap_or_default()));
            line
        };
        let mut question = line(json!({ "type": "user", "uuid": asked, "parentUuid": null,
            "message": { "role": "user", "content": format!("the word is {word}") } }));
        if *word == "beta" {
            question["permissionMode"] = "default".into();
        }
        let answer = line(json!({ "type": "assistant", "uuid": answered, "parentUuid": asked, "message": {
            "id": format!("msg_{number}"), "type": "message", "role": "assistant", "model": "none",
            "content": [{ "type": "text", "text": format!("noted: {word}") }],
            "stop_reason": "end_turn", "usage": { "input_tokens": 1, "output_tokens": 1 } } }));
        let file = format!("home/.claude/projects/{encoded}/{id}.jsonl");
        server.sandbox().write(file, lines(&[question, answer]));
    }
}

fn codex(server: &Server, home: &Home) {
    let mut config = "model = \"none\"\nmodel_provider = \"none\"\n[model_providers.none]\nname = \"none\"\n\
        base_url = \"http://127.0.0.1:9/v1\"\nwire_api = \"responses\"\nrequires_openai_auth = false\n"
        .to_owned();
    for name in ["src", "other"] {
        config.push_str(&format!("[projects.\"{}\"]\ntrust_level = \"trusted\"\n", home.directory(name)));
    }
    server.sandbox().write("home/.codex/config.toml", config);
    for (number, (id, folder, word)) in CODEX.iter().enumerate() {
        let at = format!("{DAY}T10:00:{number:02}.000Z");
        let event = |kind: &str, payload: Value| json!({ "timestamp": at, "type": kind, "payload": payload });
        let talk = [
            event(
                "session_meta",
                json!({ "id": id, "timestamp": at, "cwd": home.directory(folder),
                "originator": "codex-tui", "cli_version": "0.169.0", "source": "cli", "model_provider": "none" }),
            ),
            event(
                "response_item",
                json!({ "type": "message", "role": "user",
                "content": [{ "type": "input_text", "text": format!("the word is {word}") }] }),
            ),
            event(
                "event_msg",
                json!({ "type": "user_message", "message": format!("the word is {word}"), "kind": "plain" }),
            ),
            event("event_msg", json!({ "type": "agent_message", "message": format!("noted: {word}") })),
            event(
                "response_item",
                json!({ "type": "message", "role": "assistant",
                "content": [{ "type": "output_text", "text": format!("noted: {word}") }] }),
            ),
        ];
        let file = format!("home/.codex/sessions/2026/11/19/rollout-{DAY}T10-00-{number:02}-{id}.jsonl");
        server.sandbox().write(file, lines(&talk));
    }
}

/// Without conversations: it removes those that it has not made itself.
fn gemini(server: &Server) -> Result<()> {
    let settings = json!({ "security": { "auth": { "selectedType": "gemini-api-key" }, "folderTrust": { "enabled": false } } });
    server.sandbox().write("home/.gemini/settings.json", settings.to_string());
    let profile = server.sandbox().path("home/.profile");
    fs::write(&profile, format!("{}export GEMINI_API_KEY=x\n", fs::read_to_string(&profile)?))?;
    Ok(())
}

/// Through its own import: what its database looks like is its own affair.
fn opencode(server: &Server, home: &Home) -> Result<()> {
    for (number, (id, folder, word)) in OPENCODE.iter().enumerate() {
        let [message, part] = ["msg", "prt"].map(|kind| format!("{kind}_aaaaaaaaaaaaaaaaaaaaaaaaa{number}"));
        let time = 1_795_082_400_000_u64 + number as u64;
        let talk = json!({
            "info": { "id": id, "slug": word, "projectID": "global", "directory": home.directory(folder),
                "title": format!("about {word}"), "version": "1.18.33", "time": { "created": time, "updated": time } },
            "messages": [{
                "info": { "id": message, "sessionID": id, "role": "user", "time": { "created": time }, "agent": "build",
                    "model": { "providerID": "none", "modelID": "none" } },
                "parts": [{ "id": part, "sessionID": id, "messageID": message, "type": "text",
                    "text": format!("the word is {word}") }],
            }],
        });
        let file = server.sandbox().write(format!("{word}.json"), talk.to_string());
        let mut import = server.sandbox().command(server.sandbox().path("bin/opencode"));
        import.arg("import").arg(&file).current_dir(home.directory(folder));
        machine::read(&mut import)?;
    }
    Ok(())
}
