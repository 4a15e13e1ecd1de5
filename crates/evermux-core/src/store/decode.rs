//! Bodies as a snapshot again. What is lost costs only itself, and is named.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::body::{self, ClientsBody, Hash, ServerBody, SessionBody, SessionFactsBody, TextBody, WindowBody};
use crate::model::{
    BString, BlockId, BlockRef, Client, Editor, Link, PaneIdentity, Scrollback, Server, Session, Snapshot,
    Window,
};
use crate::problem::{Problem, Report, Subject};

/// Where parts come from: the database, or an emergency file.
pub(super) trait Parts {
    /// The bytes with this hash, checked.
    fn part(&self, hash: &Hash) -> Result<Vec<u8>, String>;
    /// Whether a block is there; its content is not checked.
    fn has_block(&self, id: &BlockId) -> bool;
    /// Whether it holds history at all; an emergency file has only screens, which is no loss of its own.
    fn keeps_history(&self) -> bool;
}

/// The parts of a snapshot, by name.
#[derive(Debug)]
pub(super) struct Root {
    pub taken_at: Timestamp,
    /// Without what is in the bodies.
    pub server: Server,
    pub server_part: Option<Hash>,
    pub clients: Option<Hash>,
    pub sessions: Vec<RootSession>,
}

/// A session's parts; none where not even the name of the part is left.
#[derive(Debug)]
pub(super) struct RootSession {
    /// What lists call it.
    pub name: Option<BString>,
    pub body: Option<Hash>,
    pub facts: Option<Hash>,
}

/// Puts a snapshot together; none if nothing of it is left.
pub(super) fn decode<P: Parts>(parts: &P, root: Root) -> Report<Option<Snapshot>> {
    let mut decoder = Decoder { parts, problems: Vec::new(), windows: Vec::new(), positions: HashMap::new() };
    let mut server = root.server;
    if let Some(body) = decoder.body::<ServerBody>(&Subject::Server, "its options", root.server_part) {
        body.fill(&mut server);
    }
    let mut sessions = Vec::new();
    // Where each session of the snapshot stands now, for the clients.
    let mut places = Vec::new();
    for session in root.sessions {
        let session = decoder.session(session);
        places.push(session.as_ref().map(|_| sessions.len()));
        sessions.extend(session);
    }
    if let Some(body) = decoder.body::<ClientsBody>(&Subject::Server, "its clients", root.clients) {
        server.clients =
            body.into_clients().into_iter().filter_map(|client| place(client, &places)).collect();
    }
    let Decoder { mut problems, windows, .. } = decoder;
    if sessions.is_empty() {
        return Report { value: None, problems };
    }
    let snapshot = Snapshot::new(root.taken_at, server, sessions, windows);
    let value = snapshot
        .map_err(|invalid| {
            problems.push(Problem::new(Subject::Server, format!("does not fit together: {invalid}")));
        })
        .ok();
    Report { value, problems }
}

/// A client whose session is still there.
fn place(mut client: Client, places: &[Option<usize>]) -> Option<Client> {
    client.session = (*places.get(client.session)?)?;
    client.last_session = client.last_session.and_then(|last| *places.get(last)?);
    Some(client)
}

struct Decoder<'a, P> {
    parts: &'a P,
    problems: Vec<Problem>,
    windows: Vec<Window>,
    /// Where the window with this hash stands; none if it is lost.
    positions: HashMap<Hash, Option<usize>>,
}

impl<P: Parts> Decoder<'_, P> {
    fn problem(&mut self, subject: &Subject, what: impl Into<String>) {
        self.problems.push(Problem::new(subject.clone(), what));
    }

    /// A body; where it is lost, a problem of `subject`.
    fn body<B: DeserializeOwned>(&mut self, subject: &Subject, what: &str, hash: Option<Hash>) -> Option<B> {
        let bytes = hash.ok_or_else(|| "is missing".to_owned()).and_then(|hash| self.parts.part(&hash));
        let body = bytes.and_then(|bytes| body::read(&bytes));
        body.map_err(|why| self.problem(subject, format!("lost: {what} {why}"))).ok()
    }

    fn session(&mut self, root: RootSession) -> Option<Session> {
        let known = root.name.map_or_else(|| "?".to_owned(), |name| name.to_string());
        let mut body: SessionBody = self.body(&Subject::Session(known), "its body", root.body)?;
        let name = BString::from(body.name.0.clone());
        let subject = Subject::Session(name.to_string());
        let mut links = Vec::new();
        for link in std::mem::take(&mut body.links) {
            if let Some(window) = self.window(&name, link.index, link.window) {
                links.push(Link { index: link.index, window });
            }
        }
        if links.is_empty() {
            self.problem(&subject, "lost: none of its windows is left");
            return None;
        }
        let (options, environment) = body.take_entries();
        let there = |index: &u32| links.iter().any(|link| link.index == *index);
        let mut last: Vec<u32> = body.last.into_iter().filter(there).collect();
        let mut active = body.active;
        if !there(&active) {
            active = last.first().copied().unwrap_or(links[0].index);
            last.retain(|&index| index != active);
        }
        let mut session = Session {
            name,
            directory: body.directory.into(),
            group: body.group.map(Into::into),
            options,
            environment,
            last,
            links,
            active,
            facts: crate::model::SessionFacts::default(),
        };
        if let Some(facts) = self.body::<SessionFactsBody>(&subject, "its facts", root.facts) {
            self.fill(&mut session, facts);
        }
        Some(session)
    }

    fn fill(&mut self, session: &mut Session, mut facts: SessionFactsBody) {
        session.facts = facts.take_facts();
        for window in facts.windows {
            if let Some(link) = session.link(window.index) {
                window.fill(&mut self.windows[link.window]);
            }
        }
    }

    /// The position of a window, which is read when it is met first.
    fn window(&mut self, session: &BString, index: u32, hash: Hash) -> Option<usize> {
        if let Some(&position) = self.positions.get(&hash) {
            return position;
        }
        let position = self.new_window(session, index, hash);
        self.positions.insert(hash, position);
        position
    }

    fn new_window(&mut self, session: &BString, index: u32, hash: Hash) -> Option<usize> {
        let subject = Subject::Window(session.to_string(), index);
        let body: WindowBody = self.body(&subject, "its body", Some(hash))?;
        let Some((mut window, texts)) = body.into_window() else {
            self.problem(&subject, "lost: its layout is none");
            return None;
        };
        for (pane, text) in window.panes.iter_mut().zip(texts) {
            pane.text = text.and_then(|hash| self.text(pane.identity, hash));
            if pane.editors().flat_map(Editor::blocks).any(|block| !self.parts.has_block(&block.id)) {
                self.problem(&Subject::Identity(pane.identity), "lost: what its editor held");
                pane.forget_editors(true);
            }
        }
        self.windows.push(window);
        Some(self.windows.len() - 1)
    }

    /// The text of a pane; blocks that are not there are left out of it.
    fn text(&mut self, pane: PaneIdentity, hash: Hash) -> Option<Scrollback> {
        let subject = Subject::Identity(pane);
        let body: TextBody = self.body(&subject, "its text", Some(hash))?;
        let mut text = Scrollback::from(body);
        let there = |block: &BlockRef| self.parts.has_block(&block.id);
        let lost: u64 =
            text.history.iter().filter(|block| !there(block)).map(|block| u64::from(block.lines)).sum();
        if text.history.first().is_some_and(|first| !there(first)) {
            text.skip = 0;
            text.head = None;
        }
        text.history.retain(there);
        let screen = there(&text.screen);
        if lost > 0 && self.parts.keeps_history() {
            self.problem(&subject, format!("lost: {lost} lines of its history"));
        }
        if !screen {
            self.problem(&subject, "lost: its screen");
            text.screen = BlockRef { id: BlockId::of(b""), lines: 0, bytes: 0 };
            text.end_row = 0;
        }
        Some(text)
    }
}
