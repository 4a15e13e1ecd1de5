//! A snapshot as bodies: what is written, worked out before the transaction begins.

use std::collections::HashSet;

use super::body::{
    self, ClientsBody, Hash, ServerBody, SessionBody, SessionFactsBody, TextBody, WindowBody, WindowFactsBody,
};
use crate::choose::{Coverage, SessionEntry};
use crate::model::{BlockId, Editor, Pane, PaneIdentity, Session, Snapshot, Window};

/// A body and its name.
#[derive(Debug)]
pub(super) struct Encoded {
    pub hash: Hash,
    pub bytes: Vec<u8>,
}

impl Encoded {
    fn of<B: serde::Serialize>(body: &B) -> Self {
        let bytes = body::write(body);
        Self { hash: Hash::of(&bytes), bytes }
    }
}

/// A session: its body, its facts, what lists need, and its windows as positions.
#[derive(Debug)]
pub(super) struct EncodedSession {
    pub body: Encoded,
    pub facts: Encoded,
    pub entry: SessionEntry,
    pub windows: Vec<usize>,
}

/// A window, the texts of its panes, and what editors in them held.
#[derive(Debug)]
pub(super) struct EncodedWindow {
    pub body: Encoded,
    pub texts: Vec<EncodedText>,
    /// Blocks that the window itself mentions, and whose they are.
    pub blocks: Vec<(PaneIdentity, BlockId)>,
}

/// A text, whose it is, and the blocks it mentions.
#[derive(Debug)]
pub(super) struct EncodedText {
    pub body: Encoded,
    pub pane: PaneIdentity,
    pub blocks: Vec<BlockId>,
}

/// A snapshot.
#[derive(Debug)]
pub(super) struct EncodedSnapshot {
    pub server: Encoded,
    pub clients: Encoded,
    pub sessions: Vec<EncodedSession>,
    pub windows: Vec<EncodedWindow>,
    /// Names all that counts for equality.
    pub state: Hash,
}

impl EncodedSnapshot {
    /// Of a snapshot; `coverage` counts for equality, too.
    pub fn of(snapshot: &Snapshot, coverage: &Coverage) -> Self {
        let windows: Vec<EncodedWindow> = snapshot.windows().iter().map(encode_window).collect();
        let hashes: Vec<Hash> = windows.iter().map(|window| window.body.hash).collect();
        let mut seen = HashSet::new();
        let sessions: Vec<EncodedSession> = snapshot
            .sessions()
            .iter()
            .zip(SessionEntry::of(snapshot))
            .map(|(session, entry)| EncodedSession {
                body: Encoded::of(&SessionBody::of(session, &hashes)),
                facts: encode_facts(snapshot, session, &mut seen),
                entry,
                windows: session.links.iter().map(|link| link.window).collect(),
            })
            .collect();
        let server = Encoded::of(&ServerBody::of(snapshot.server()));
        let mut state = blake3::Hasher::new();
        state.update(&server.hash.0);
        state.update(coverage_text(coverage).as_bytes());
        for session in &sessions {
            state.update(&session.body.hash.0);
        }
        Self {
            clients: Encoded::of(&ClientsBody::of(snapshot.server())),
            state: Hash(*state.finalize().as_bytes()),
            server,
            sessions,
            windows,
        }
    }
}

fn encode_window(window: &Window) -> EncodedWindow {
    let text = |pane: &Pane| {
        let text = pane.text.as_ref()?;
        Some(EncodedText {
            body: Encoded::of(&TextBody::from(text)),
            pane: pane.identity,
            blocks: text.history.iter().chain([&text.screen]).map(|block| block.id).collect(),
        })
    };
    let texts: Vec<Option<EncodedText>> = window.panes.iter().map(text).collect();
    let hashes: Vec<Option<Hash>> =
        texts.iter().map(|text| text.as_ref().map(|text| text.body.hash)).collect();
    let blocks = |pane: &Pane| -> Vec<(PaneIdentity, BlockId)> {
        pane.editors().flat_map(Editor::blocks).map(|block| (pane.identity, block.id)).collect()
    };
    EncodedWindow {
        body: Encoded::of(&WindowBody::of(window, &hashes)),
        blocks: window.panes.iter().flat_map(blocks).collect(),
        texts: texts.into_iter().flatten().collect(),
    }
}

/// The facts of a session and of the windows not `seen` before.
fn encode_facts(snapshot: &Snapshot, session: &Session, seen: &mut HashSet<usize>) -> Encoded {
    let mut body = SessionFactsBody::of(&session.facts);
    for link in &session.links {
        if seen.insert(link.window) {
            body.windows.push(WindowFactsBody::of(link.index, snapshot.window(*link)));
        }
    }
    Encoded::of(&body)
}

/// What a snapshot covers, as it stands in the database.
pub(super) fn coverage_text(coverage: &Coverage) -> String {
    let body = match coverage {
        Coverage::Whole => CoverageBody::Whole,
        Coverage::Part => CoverageBody::Part,
        Coverage::Without(names) => CoverageBody::Without(names.iter().map(body::Bytes::from).collect()),
    };
    serde_json::to_string(&body).expect("it has string keys and no failing parts")
}

/// The same back; none if it is something else.
pub(super) fn read_coverage(text: &str) -> Option<Coverage> {
    Some(match serde_json::from_str(text).ok()? {
        CoverageBody::Whole => Coverage::Whole,
        CoverageBody::Part => Coverage::Part,
        CoverageBody::Without(names) => Coverage::Without(names.into_iter().map(Into::into).collect()),
    })
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
enum CoverageBody {
    Whole,
    Part,
    Without(Vec<body::Bytes>),
}
