//! The files of tmux-assistant-resurrect: what its hooks and its last save have written down.

use std::path::{Path, PathBuf};

use bstr::{BStr, ByteSlice};
use serde_json::Value;

use super::Question;
use super::near::SLACK;
use super::places::Places;

/// Its folder, in the order of its own hooks.
const FOLDER: &str = "tmux-assistant-resurrect";

/// Where its last save lies, below the home folder. It knows the first only; resurrect's own folder moved.
const SAVED: &[&str] =
    &[".tmux/resurrect/assistant-sessions.json", ".local/share/tmux/resurrect/assistant-sessions.json"];

/// An id that it knows.
pub(super) struct Tracked {
    pub id: String,
    pub directory: Option<String>,
    pub evidence: String,
    /// Its hooks say so, not only its last save.
    pub by_hook: bool,
}

/// What it knows of an assistant. Files from before the program began are of an earlier process with this number.
pub(super) fn find(question: &Question, places: &Places<'_>) -> Vec<Tracked> {
    let foreign = places.foreign;
    let folder = folder(places);
    let mut tracked = Vec::new();
    for member in &question.instance.members {
        let path = folder.join(format!("{}-{}.json", question.instance.tool, member.pid));
        let is_of_this = foreign.modified(&path).is_some_and(|at| at >= member.started - SLACK);
        let fields = foreign.fields(&path, &["session_id", "cwd"]).filter(|_| is_of_this);
        let Some([Some(id), directory]) = fields.as_deref() else { continue };
        tracked.push(Tracked {
            id: id.clone(),
            directory: directory.clone(),
            evidence: format!("tmux-assistant-resurrect's file {}", places.shown(&path)),
            by_hook: true,
        });
    }
    for path in SAVED.iter().map(|name| places.home.join(name)) {
        tracked.extend(saved(question, places, &path));
    }
    tracked
}

/// What its last save says about one of the processes.
fn saved(question: &Question, places: &Places<'_>, path: &Path) -> Option<Tracked> {
    let foreign = places.foreign;
    let modified = foreign.modified(path)?;
    let document = foreign.document(path)?;
    let entries = document.get("sessions").and_then(Value::as_array)?;
    let text = |entry: &Value, key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
    let is_of_this = |entry: &&Value| {
        let pid = text(entry, "pid").and_then(|pid| pid.parse::<u32>().ok());
        let member = question.instance.members.iter().find(|member| Some(member.pid) == pid);
        text(entry, "tool").is_some_and(|tool| tool == question.instance.tool)
            && member.is_some_and(|member| modified >= member.started - SLACK)
    };
    let entry = entries.iter().find(is_of_this)?;
    Some(Tracked {
        id: text(entry, "session_id")?,
        directory: text(entry, "cwd"),
        evidence: format!("tmux-assistant-resurrect's last save {}", places.shown(path)),
        by_hook: false,
    })
}

/// Its folder, by the variables of the assistant: its hooks run with those.
fn folder(places: &Places<'_>) -> PathBuf {
    let variable = |name: &str| {
        let value = places.environment.get(BStr::new(name))?;
        Some(PathBuf::from(value.to_os_str().ok()?)).filter(|path| path.is_absolute())
    };
    let below = |name| variable(name).map(|folder| folder.join(FOLDER));
    variable("TMUX_ASSISTANT_RESURRECT_DIR")
        .or_else(|| below("XDG_RUNTIME_DIR"))
        .or_else(|| below("TMPDIR"))
        .unwrap_or_else(|| Path::new("/tmp").join(FOLDER))
}
