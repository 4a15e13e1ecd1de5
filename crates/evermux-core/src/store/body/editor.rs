//! What editors held, in stored bodies.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::pane::BlockBody;
use super::{Bytes, Hash};
use crate::model::{Editor, EditorFacts, LeftOut, Unsaved};

/// What an editor held; of one that runs how that is known is a fact.
#[derive(Debug, Serialize, Deserialize)]
pub struct EditorBody {
    tool: String,
    session: BlockBody,
    state: BlockBody,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unsaved: Vec<UnsavedBody>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<LeftOutBody>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    facts: Option<EditorFactsBody>,
}

#[derive(Debug, Serialize, Deserialize)]
struct UnsavedBody {
    name: Bytes,
    text: BlockBody,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undo: Option<BlockBody>,
}

#[derive(Debug, Serialize, Deserialize)]
struct LeftOutBody {
    name: Bytes,
    reason: String,
}

/// How the state of an editor is known.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct EditorFactsBody {
    told: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    late: Option<String>,
    pid: u32,
    started: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server: Option<(Bytes, u32, u64)>,
    fingerprint: String,
}

impl EditorBody {
    /// Of one that runs.
    pub fn of(editor: &Editor) -> Self {
        let unsaved = |unsaved: &Unsaved| UnsavedBody {
            name: (&unsaved.name).into(),
            text: (&unsaved.text).into(),
            undo: unsaved.undo.as_ref().map(Into::into),
        };
        let left_out =
            |left: &LeftOut| LeftOutBody { name: (&left.name).into(), reason: left.reason.clone() };
        Self {
            tool: editor.tool.clone(),
            session: (&editor.session).into(),
            state: (&editor.state).into(),
            unsaved: editor.unsaved.iter().map(unsaved).collect(),
            left_out: editor.left_out.iter().map(left_out).collect(),
            facts: None,
        }
    }

    /// The blocks it mentions.
    pub fn blocks(&self) -> Vec<Hash> {
        let texts = self.unsaved.iter().flat_map(|unsaved| [Some(&unsaved.text), unsaved.undo.as_ref()]);
        [&self.session, &self.state].into_iter().chain(texts.flatten()).map(BlockBody::id).collect()
    }

    /// The same with all that is known: nothing of a debt changes.
    pub fn whole(editor: &Editor) -> Self {
        Self { facts: Some((&editor.facts).into()), ..Self::of(editor) }
    }
}

impl From<EditorBody> for Editor {
    fn from(body: EditorBody) -> Self {
        let unsaved = |body: UnsavedBody| Unsaved {
            name: body.name.into(),
            text: body.text.into(),
            undo: body.undo.map(Into::into),
        };
        let left_out = |body: LeftOutBody| LeftOut { name: body.name.into(), reason: body.reason };
        Self {
            tool: body.tool,
            session: body.session.into(),
            state: body.state.into(),
            unsaved: body.unsaved.into_iter().map(unsaved).collect(),
            left_out: body.left_out.into_iter().map(left_out).collect(),
            facts: body.facts.unwrap_or_default().into(),
        }
    }
}

impl From<&EditorFacts> for EditorFactsBody {
    fn from(facts: &EditorFacts) -> Self {
        Self {
            told: facts.told,
            late: facts.late.clone(),
            pid: facts.pid,
            started: facts.started,
            server: facts.server.as_ref().map(|(path, pid, birth)| (path.into(), *pid, *birth)),
            fingerprint: facts.fingerprint.clone(),
        }
    }
}

impl From<EditorFactsBody> for EditorFacts {
    fn from(body: EditorFactsBody) -> Self {
        Self {
            told: body.told,
            late: body.late,
            pid: body.pid,
            started: body.started,
            server: body.server.map(|(path, pid, birth)| (path.into(), pid, birth)),
            fingerprint: body.fingerprint,
        }
    }
}
