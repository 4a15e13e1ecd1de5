//! What a restore tells the journal about itself, for `undo`.

use serde_json::{Value, json};

use super::work::Manner;
use crate::model::{Live, PaneIdentity, SessionId};
use crate::plan::{Plan, Why};
use crate::store::StoredRestore;

/// What the journal is told when a restore begins.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The panes it makes.
    pub(super) panes: Vec<PaneIdentity>,
    /// The sessions that gave way because nobody had used them. A new one is as good.
    pub(super) absorbed: Vec<Absorbed>,
    /// Whether it only takes another one back.
    pub(super) undoes: bool,
}

/// An untouched session that gave way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Absorbed {
    pub(super) name: String,
    pub(super) directory: String,
}

impl Told {
    pub(super) fn of(plan: &Plan, live: &Live, manner: &Manner) -> Self {
        let windows = plan.windows.iter().flat_map(|window| &window.panes);
        let untouched = plan.closing.iter().filter(|closing| closing.why == Why::Untouched);
        Self {
            panes: windows.map(|pane| pane.pane.identity).collect(),
            absorbed: untouched.filter_map(|closing| absorbed(live, closing.session)).collect(),
            undoes: manner.undoing,
        }
    }

    pub(super) fn to_text(&self) -> String {
        let panes: Vec<String> = self.panes.iter().map(ToString::to_string).collect();
        let absorbed: Vec<Value> = (self.absorbed.iter())
            .map(|session| json!({ "name": session.name, "directory": session.directory }))
            .collect();
        json!({ "panes": panes, "absorbed": absorbed, "undoes": self.undoes }).to_string()
    }

    /// What a restore in the journal has told. What is not understood is left out.
    pub(super) fn read(restore: &StoredRestore) -> Self {
        let told: Value = serde_json::from_str(&restore.plan).unwrap_or_default();
        let list = |name: &str| told[name].as_array().cloned().unwrap_or_default();
        let absorbed = |value: &Value| {
            let word = |name: &str| value[name].as_str().map(str::to_owned);
            Some(Absorbed { name: word("name")?, directory: word("directory")? })
        };
        Self {
            panes: list("panes").iter().filter_map(|pane| pane.as_str()?.parse().ok()).collect(),
            absorbed: list("absorbed").iter().filter_map(absorbed).collect(),
            undoes: told["undoes"].as_bool().unwrap_or_default(),
        }
    }
}

fn absorbed(live: &Live, id: SessionId) -> Option<Absorbed> {
    let position = live.sessions.iter().position(|other| *other == id)?;
    let session = &live.snapshot.sessions()[position];
    Some(Absorbed { name: session.name.to_string(), directory: session.directory.to_string() })
}
