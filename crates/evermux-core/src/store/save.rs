//! Saving a snapshot: one transaction, one new row or only a new "still so".

use std::borrow::Cow;
use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::body::{self, Hash};
use super::encode::{EncodedSession, EncodedSnapshot, EncodedText, EncodedWindow, coverage_text};
use super::lock::Lock;
use super::part::{self, PartId, Prepared, Present};
use super::{PreparedBlock, Store, StoreError, micros};
use crate::choose::Coverage;
use crate::model::{BlockId, Generation, Kind, PaneIdentity, Server, ServerName, Snapshot, SnapshotId};
use crate::problem::{Problem, Report, Subject};

/// The timeline of one server, locked for this process: the only way to change it.
#[derive(Debug)]
pub struct Saving<'s> {
    pub(super) store: &'s Store,
    pub(super) server: ServerName,
    pub(super) lock: Lock,
}

/// What is to be saved.
#[derive(Clone, Debug)]
pub struct Save<'a> {
    /// The snapshot. Its texts mention blocks that are in `blocks` or in the store.
    pub snapshot: &'a Snapshot,
    /// On what occasion.
    pub kind: Kind,
    /// What it says about sessions that are not in it.
    pub coverage: Coverage,
    /// A name to find it by; among equal names the newest one counts.
    pub name: Option<String>,
    /// A note.
    pub note: Option<String>,
    /// Blocks that may be new. Those the snapshot does not mention are not written.
    pub blocks: &'a [PreparedBlock],
    /// Whether to write the emergency file.
    pub emergency: Emergency,
}

/// When a save also writes the server's emergency file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emergency {
    /// If the state is another one than in the file, and the file is at least 30 s old.
    WhenDue,
    /// If the state is another one than in the file: on SIGTERM, and for saves by hand.
    Now,
    /// Not at all.
    Never,
}

impl<'a> Save<'a> {
    /// The keeper's kind of save: automatic, of the whole server, without name.
    pub fn automatic(snapshot: &'a Snapshot, blocks: &'a [PreparedBlock]) -> Self {
        Self {
            snapshot,
            kind: Kind::Automatic,
            coverage: Coverage::Whole,
            name: None,
            note: None,
            blocks,
            emergency: Emergency::WhenDue,
        }
    }
}

/// What became of a save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    /// The snapshot that holds the state.
    pub id: SnapshotId,
    /// Whether it is a new one; otherwise the state was the same as in the latest, which is "still so" now.
    pub new: bool,
}

/// The newest snapshot a new one could be equal to.
struct Candidate {
    id: SnapshotId,
    state: Vec<u8>,
    kind: Kind,
    name: Option<String>,
}

/// Why a transaction was given up.
enum Abandoned {
    Sqlite(rusqlite::Error),
    Store(StoreError),
    /// This pane's text mentions a block that is nowhere.
    MissingBlock(PaneIdentity),
}

impl From<rusqlite::Error> for Abandoned {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl<'s> Saving<'s> {
    pub(super) fn new(store: &'s Store, server: ServerName, lock: Lock) -> Self {
        Self { store, server, lock }
    }

    /// The store.
    pub fn store(&self) -> &'s Store {
        self.store
    }

    /// Saves a snapshot of this server. Once this returns it survives a kill and a power cut.
    ///
    /// Equal means: the same sessions, windows, panes, texts, programs, debts, options of the server and coverage in
    /// the same generation. What changes while that stays the same (cursors, processes, clients, alerts, where a
    /// capture stood …) is replaced in the latest snapshot, together with the time it was last seen so. A name and a
    /// note are added to an equal snapshot; another name than it has makes a new one.
    ///
    /// The problems are those of single panes and of the emergency file.
    ///
    /// # Errors
    /// Nothing was written: [`StoreError::Full`], [`StoreError::Busy`], [`StoreError::Replaced`],
    /// [`StoreError::Damaged`], [`StoreError::Empty`], [`StoreError::OtherServer`].
    pub fn save(&self, save: &Save<'_>) -> Result<Report<Saved>, StoreError> {
        if save.snapshot.server().name != self.server {
            return Err(StoreError::WrongServer(save.snapshot.server().name.socket.to_string()));
        }
        if save.snapshot.sessions().is_empty() {
            return Err(StoreError::Empty);
        }
        let mut problems = Vec::new();
        let mut snapshot = Cow::Borrowed(save.snapshot);
        let saved = loop {
            let encoded = EncodedSnapshot::of(&snapshot, &save.coverage);
            match self.write(save, &snapshot, &encoded) {
                Ok(saved) => break saved,
                Err(Abandoned::Sqlite(error)) => return Err(self.store.failed(error)),
                Err(Abandoned::Store(error)) => return Err(error),
                Err(Abandoned::MissingBlock(pane)) => {
                    problems.push(Problem::new(
                        Subject::Identity(pane),
                        "its text was not saved: a part of it is missing in the store",
                    ));
                    let lost = |other: PaneIdentity| other == pane;
                    snapshot = Cow::Owned(without_texts(snapshot.into_owned(), lost, true));
                }
            }
        };
        if save.emergency != Emergency::Never && save.coverage != Coverage::Part {
            let now = save.snapshot.taken_at();
            if let Err(error) = self.write_emergency(saved.id, now, save.emergency == Emergency::Now) {
                let path = self.store.folder.emergency(&self.server, false);
                problems.push(Problem::new(Subject::Path(path), format!("not written: {}", error.in_full())));
            }
        }
        Ok(Report { value: saved, problems })
    }

    /// The transaction of a save.
    fn write(
        &self,
        save: &Save<'_>,
        snapshot: &Snapshot,
        encoded: &EncodedSnapshot,
    ) -> Result<Saved, Abandoned> {
        let transaction = self.store.transaction().map_err(Abandoned::Store)?;
        let generation = generation_row(&transaction, snapshot.server())?;
        let candidate = candidate(&transaction, generation, &save.coverage)?;
        let whole = candidate.as_ref().is_none_or(|candidate| self.is_whole(generation, candidate.id));
        let equal = candidate.filter(|candidate| whole && candidate.is_equal(save, encoded));
        let saved = match equal {
            Some(candidate) => {
                refresh(&transaction, &candidate, save, snapshot, encoded)?;
                Saved { id: candidate.id, new: false }
            }
            None => {
                let present = if whole { Present::Trust } else { Present::Check };
                let blocks = save.blocks.iter().map(|block| (block.0.hash, &block.0)).collect();
                let writer = Writer { connection: &transaction, present, blocks };
                Saved { id: writer.insert(generation, save, snapshot, encoded)?, new: true }
            }
        };
        self.lock.require().map_err(Abandoned::Store)?;
        transaction.commit()?;
        self.store.require_file().map_err(Abandoned::Store)?;
        self.store.whole.borrow_mut().insert(generation, saved.id);
        Ok(saved)
    }

    /// Whether a snapshot can be read completely; what this process has found or made whole is not read again.
    fn is_whole(&self, generation: i64, id: SnapshotId) -> bool {
        if self.store.whole.borrow().get(&generation) == Some(&id) {
            return true;
        }
        self.store.snapshot(id).is_ok_and(|report| report.problems.is_empty())
    }
}

impl Candidate {
    fn is_equal(&self, save: &Save<'_>, encoded: &EncodedSnapshot) -> bool {
        let same_name = save.name.is_none() || self.name.is_none() || save.name == self.name;
        self.state == encoded.state.0 && same_name
    }

    /// A state that was saved on two occasions keeps the one that says more.
    fn joined_kind(&self, kind: Kind) -> Kind {
        let rank = |kind: Kind| match kind {
            Kind::Automatic => 0,
            Kind::BeforeReplace => 1,
            Kind::AfterRestore => 2,
            Kind::Manual => 3,
        };
        if rank(kind) > rank(self.kind) { kind } else { self.kind }
    }
}

/// The newest snapshot of this generation that covers as much, unless a later one (`save --session`) saw one of its
/// sessions in another state: then it must not count as the present state again, since the order of states is that of
/// their numbers.
fn candidate(
    connection: &Connection,
    generation: i64,
    coverage: &Coverage,
) -> rusqlite::Result<Option<Candidate>> {
    let part = *coverage == Coverage::Part;
    connection
        .prepare_cached(
            "SELECT id, state, kind, name FROM snapshots s
             WHERE generation = ?1 AND (coverage = '\"part\"') = ?2 AND NOT EXISTS (
                 SELECT 1 FROM snapshots later JOIN snapshot_sessions seen ON seen.snapshot = later.id
                 WHERE later.generation = s.generation AND later.id > s.id
                   AND seen.session NOT IN (SELECT session FROM snapshot_sessions WHERE snapshot = s.id))
             -- What a later one in a pack saw is not in these rows.
             AND NOT EXISTS (
                 SELECT 1 FROM snapshots later JOIN packed ON packed.snapshot = later.id
                 WHERE later.generation = s.generation AND later.id > s.id)
             ORDER BY id DESC LIMIT 1",
        )?
        .query_row(params![generation, part], |row| {
            Ok(Candidate {
                id: SnapshotId(row.get(0)?),
                state: row.get(1)?,
                kind: row.get::<_, String>(2)?.parse().unwrap_or(Kind::Automatic),
                name: row.get(3)?,
            })
        })
        .optional()
}

/// The same snapshot, the text of some panes not captured, nor what editors in them held; what is owed of that goes, too,
/// if `owed` says so.
pub(super) fn without_texts(
    snapshot: Snapshot,
    without: impl Fn(PaneIdentity) -> bool,
    owed: bool,
) -> Snapshot {
    let (taken_at, server, sessions, mut windows) = snapshot.into_parts();
    for pane in windows.iter_mut().flat_map(|window| &mut window.panes).filter(|it| without(it.identity)) {
        pane.text = None;
        pane.forget_editors(owed);
    }
    Snapshot::new(taken_at, server, sessions, windows).expect("only texts were taken out")
}

/// Replaces the sessions of a snapshot that is there; what they mention must be in the store. Their old parts stay.
pub(super) fn replace_sessions(
    connection: &Connection,
    id: SnapshotId,
    encoded: &EncodedSnapshot,
) -> rusqlite::Result<()> {
    let writer = Writer { connection, present: Present::Trust, blocks: HashMap::new() };
    for (position, session) in encoded.sessions.iter().enumerate() {
        let part = match writer.session(session, &encoded.windows) {
            Ok(part) => part,
            Err(Abandoned::Sqlite(error)) => return Err(error),
            Err(_) => return Err(rusqlite::Error::QueryReturnedNoRows),
        };
        let facts = put_body(connection, "facts", &session.facts, Present::Trust)?;
        connection
            .prepare_cached(
                "UPDATE snapshot_sessions SET session = ?3, facts = ?4 WHERE snapshot = ?1 AND position = ?2",
            )?
            .execute(params![id.0, position as i64, part, facts])?;
    }
    connection
        .prepare_cached("UPDATE snapshots SET state = ?2 WHERE id = ?1")?
        .execute(params![id.0, &encoded.state.0[..]])?;
    Ok(())
}

/// The row of a server, made if it is not there.
pub(super) fn server_row(connection: &Connection, name: &ServerName) -> rusqlite::Result<i64> {
    let key = params![name.machine, &name.socket[..]];
    let found = connection
        .prepare_cached("SELECT id FROM servers WHERE machine = ?1 AND socket = ?2")?
        .query_row(key, |row| row.get(0))
        .optional()?;
    match found {
        Some(id) => Ok(id),
        None => {
            connection.prepare_cached("INSERT INTO servers (machine, socket) VALUES (?1, ?2)")?.insert(key)
        }
    }
}

/// The row of a generation that is there.
pub(super) fn find_generation(
    connection: &Connection,
    server: i64,
    generation: &Generation,
) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "SELECT id FROM generations WHERE server = ?1 AND boot = ?2 AND pid = ?3 AND started = ?4",
        )?
        .query_row(params![server, generation.boot, generation.pid, generation.started], |row| row.get(0))
        .optional()
}

/// The row of a server's present generation, made if it is not there.
pub(super) fn generation_row(connection: &Connection, server: &Server) -> rusqlite::Result<i64> {
    let row = server_row(connection, &server.name)?;
    if let Some(id) = find_generation(connection, row, &server.generation)? {
        return Ok(id);
    }
    let Generation { boot, pid, started } = &server.generation;
    connection
        .prepare_cached(
            "INSERT INTO generations (server, boot, pid, started, version, uid) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .insert(params![row, boot, pid, started, server.version.to_string(), server.uid])
}

/// Says that a state is still so, and replaces the facts that have changed.
fn refresh(
    connection: &Connection,
    candidate: &Candidate,
    save: &Save<'_>,
    snapshot: &Snapshot,
    encoded: &EncodedSnapshot,
) -> rusqlite::Result<()> {
    let id = candidate.id.0;
    connection
        .prepare_cached(
            "UPDATE snapshots SET still_at = max(still_at, ?2), kind = ?3, name = coalesce(name, ?4),
             note = coalesce(?5, note) WHERE id = ?1",
        )?
        .execute(params![
            id,
            micros(snapshot.taken_at()),
            candidate.joined_kind(save.kind).as_str(),
            save.name,
            save.note
        ])?;
    let (old, hash): (PartId, Vec<u8>) = connection
        .prepare_cached(
            "SELECT p.id, p.hash FROM snapshots s JOIN parts p ON p.id = s.clients WHERE s.id = ?1",
        )?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if hash != encoded.clients.hash.0 {
        let new = put_body(connection, "clients", &encoded.clients, Present::Trust)?;
        connection
            .prepare_cached("UPDATE snapshots SET clients = ?2 WHERE id = ?1")?
            .execute(params![id, new])?;
        part::drop_unused(connection, old)?;
    }
    let mut statement = connection.prepare_cached(
        "SELECT ss.position, p.id, p.hash FROM snapshot_sessions ss JOIN parts p ON p.id = ss.facts
         WHERE ss.snapshot = ?1",
    )?;
    let rows: Vec<(u32, PartId, Vec<u8>)> = statement
        .query_map([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (position, old, hash) in rows {
        let Some(session) =
            encoded.sessions.get(position as usize).filter(|session| hash != session.facts.hash.0)
        else {
            continue;
        };
        let new = put_body(connection, "facts", &session.facts, Present::Trust)?;
        connection
            .prepare_cached(
                "UPDATE snapshot_sessions SET facts = ?3, untouched = ?4 WHERE snapshot = ?1 AND position = ?2",
            )?
            .execute(params![id, position, new, session.entry.untouched])?;
        part::drop_unused(connection, old)?;
    }
    Ok(())
}

fn put_body(
    connection: &Connection,
    kind: &str,
    body: &super::encode::Encoded,
    present: Present,
) -> rusqlite::Result<PartId> {
    // Compressed only where it is not there yet.
    match part::find(connection, &body.hash)? {
        Some(id) if present == Present::Trust => Ok(id),
        _ => part::put(connection, kind, &Prepared::new(&body.bytes), present),
    }
}

/// Writes the parts of a new snapshot.
struct Writer<'a> {
    connection: &'a Connection,
    /// What to think of parts that are there.
    present: Present,
    /// The blocks that may be new.
    blocks: HashMap<Hash, &'a Prepared>,
}

impl Writer<'_> {
    fn insert(
        &self,
        generation: i64,
        save: &Save<'_>,
        snapshot: &Snapshot,
        encoded: &EncodedSnapshot,
    ) -> Result<SnapshotId, Abandoned> {
        let server = put_body(self.connection, "server", &encoded.server, self.present)?;
        let clients = put_body(self.connection, "clients", &encoded.clients, self.present)?;
        let taken_at = micros(snapshot.taken_at());
        let id = self
            .connection
            .prepare_cached(
                "INSERT INTO snapshots (generation, taken_at, still_at, kind, coverage, name, note, format, state,
                 windows, panes, server, clients) VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?
            .insert(params![
                generation,
                taken_at,
                save.kind.as_str(),
                coverage_text(&save.coverage),
                save.name,
                save.note,
                body::FORMAT,
                &encoded.state.0[..],
                snapshot.windows().len() as i64,
                snapshot.panes().count() as i64,
                server,
                clients
            ])?;
        for (position, session) in encoded.sessions.iter().enumerate() {
            let part = self.session(session, &encoded.windows)?;
            let facts = put_body(self.connection, "facts", &session.facts, self.present)?;
            self.connection
                .prepare_cached("INSERT INTO snapshot_sessions VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![id, position as i64, part, facts, session.entry.untouched])?;
        }
        Ok(SnapshotId(id))
    }

    /// A part whose row is trusted has its whole tree: what it mentions cannot be deleted before it.
    fn known(&self, hash: &Hash) -> Result<Option<PartId>, Abandoned> {
        match self.present {
            Present::Trust => Ok(part::find(self.connection, hash)?),
            Present::Check => Ok(None),
        }
    }

    fn session(&self, session: &EncodedSession, windows: &[EncodedWindow]) -> Result<PartId, Abandoned> {
        if let Some(id) = self.known(&session.body.hash)? {
            return Ok(id);
        }
        let id = put_body(self.connection, "session", &session.body, self.present)?;
        for &window in &session.windows {
            let window = self.window(&windows[window])?;
            self.refer(id, window)?;
        }
        let identities: Vec<u8> = session.entry.panes.iter().flat_map(|pane| *pane.as_bytes()).collect();
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO sessions VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![id, &session.entry.name[..], session.windows.len() as i64, identities])?;
        Ok(id)
    }

    fn window(&self, window: &EncodedWindow) -> Result<PartId, Abandoned> {
        if let Some(id) = self.known(&window.body.hash)? {
            return Ok(id);
        }
        let id = put_body(self.connection, "window", &window.body, self.present)?;
        for text in &window.texts {
            let text = self.text(text)?;
            self.refer(id, text)?;
        }
        for (pane, block) in &window.blocks {
            let block = self.block(block)?;
            self.refer(id, block.ok_or(Abandoned::MissingBlock(*pane))?)?;
        }
        Ok(id)
    }

    /// The row of a block; none if it is nowhere.
    fn block(&self, id: &BlockId) -> Result<Option<PartId>, Abandoned> {
        let hash = Hash(id.0);
        Ok(match self.blocks.get(&hash) {
            Some(block) => Some(part::put(self.connection, "block", block, Present::Check)?),
            // A screen without lines needs no bytes from anybody.
            None if hash == Hash::of(b"") => {
                Some(part::put(self.connection, "block", &Prepared::new(b""), Present::Trust)?)
            }
            None => part::find(self.connection, &hash)?,
        })
    }

    fn text(&self, text: &EncodedText) -> Result<PartId, Abandoned> {
        if let Some(id) = self.known(&text.body.hash)? {
            return Ok(id);
        }
        let id = put_body(self.connection, "text", &text.body, self.present)?;
        for block in &text.blocks {
            let block = self.block(block)?;
            self.refer(id, block.ok_or(Abandoned::MissingBlock(text.pane))?)?;
        }
        Ok(id)
    }

    fn refer(&self, parent: PartId, child: PartId) -> Result<(), Abandoned> {
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO refs VALUES (?1, ?2)")?
            .execute([parent, child])?;
        Ok(())
    }
}
