//! The journal of restores: what a restore was going to do, what it has made, and how it ended, so that the next one
//! can complete it or take it back, and `undo` knows what to undo.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::save::server_row;
use super::timeline::{generation, identity};
use super::{Lock, Store, StoreError, micros, moment};
use crate::choose::{Outcome, RestoreRecord, Source};
use crate::model::{Generation, PaneIdentity, Server, ServerName, SnapshotId};

/// The name of a restore: 16 random bytes, as hexadecimal digits in tags on what it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RestoreId(pub [u8; 16]);

impl fmt::Display for RestoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for RestoreId {
    type Err = crate::model::BadId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let good = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match u128::from_str_radix(text, 16) {
            Ok(number) if good => Ok(Self(number.to_be_bytes())),
            _ => Err(crate::model::BadId::new(text, "id of a restore")),
        }
    }
}

/// How far a restore has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RestoreState {
    /// It runs, or its process has died.
    Running,
    /// It came to its end.
    Done,
    /// It stopped half-way and was found so.
    Interrupted,
    /// It stopped half-way, and a later one completed it.
    Completed,
    /// It stopped half-way, and what it had made was taken away.
    RolledBack,
    /// It came to its end, and the user took it back.
    Undone,
}

impl RestoreState {
    const ALL: [Self; 6] =
        [Self::Running, Self::Done, Self::Interrupted, Self::Completed, Self::RolledBack, Self::Undone];

    /// Its word, in the store and in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Interrupted => "interrupted",
            Self::Completed => "completed",
            Self::RolledBack => "rolled-back",
            Self::Undone => "undone",
        }
    }
}

/// What is known when a restore begins.
#[derive(Clone, Debug)]
pub struct Began {
    /// Its name, random.
    pub id: RestoreId,
    /// When.
    pub at: Timestamp,
    /// What it is going to bring back: per session of a snapshot the panes.
    pub sources: Vec<Source>,
    /// The panes it was asked to replace.
    pub replaced: Vec<PaneIdentity>,
    /// The snapshot of what it found.
    pub before: Option<SnapshotId>,
    /// What it is going to do, in a form of the restore's own (JSON).
    pub plan: String,
}

/// Something that a restore did or made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// What, in a word of the restore's own: "session".
    pub what: String,
    /// More, in a form of the restore's own (JSON).
    pub detail: String,
}

/// A restore as the journal tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRestore {
    /// Its name.
    pub id: RestoreId,
    /// The generation it restored into; none if it had not come so far.
    pub generation: Option<Generation>,
    /// When it began.
    pub began_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How far it has come.
    pub state: RestoreState,
    /// What it was going to do.
    pub plan: String,
    /// The snapshot of what it found, if it is still there.
    pub before: Option<SnapshotId>,
    /// The panes it has not finished, per session of a snapshot.
    pub unfinished: Vec<Source>,
    /// All panes it was to bring back, per session of a snapshot.
    pub sources: Vec<Source>,
    /// The panes it was asked to replace.
    pub replaced: Vec<PaneIdentity>,
    /// What it did, in order.
    pub steps: Vec<Step>,
}

impl StoredRestore {
    /// The sessions it has not finished, each with all the panes it was to bring back.
    pub fn unfinished_sessions(&self) -> Vec<Source> {
        let same = |one: &Source, two: &Source| (one.snapshot, one.session) == (two.snapshot, two.session);
        let unfinished = |source: &&Source| self.unfinished.iter().any(|other| same(source, other));
        self.sources.iter().filter(unfinished).cloned().collect()
    }
}

/// The restores of one server, locked for this process.
#[derive(Debug)]
pub struct Restoring<'s> {
    store: &'s Store,
    server: ServerName,
    lock: Lock,
}

/// A restore that runs. Every method is on the disk before it returns.
#[derive(Debug)]
pub struct Journal<'r> {
    restoring: &'r Restoring<'r>,
    id: RestoreId,
}

impl<'s> Restoring<'s> {
    pub(super) fn new(store: &'s Store, server: ServerName, lock: Lock) -> Self {
        Self { store, server, lock }
    }

    /// The store.
    pub fn store(&self) -> &'s Store {
        self.store
    }

    /// Begins a restore. One of this server that is still "running" was interrupted, since its lock was free.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn begin(&self, began: &Began) -> Result<Journal<'_>, StoreError> {
        self.change(|connection| {
            let server = server_row(connection, &self.server)?;
            connection.execute(
                "UPDATE restores SET state = 'interrupted', ended_at = ?2 WHERE server = ?1 AND state = 'running'",
                params![server, micros(began.at)],
            )?;
            insert(connection, server, began)
        })?;
        Ok(Journal { restoring: self, id: began.id })
    }

    /// Goes on with a restore that was interrupted.
    ///
    /// # Errors
    /// [`StoreError::NoRestore`].
    pub fn resume(&self, id: RestoreId) -> Result<Journal<'_>, StoreError> {
        let journal = Journal { restoring: self, id };
        journal.set_state(RestoreState::Running, None)?;
        Ok(journal)
    }

    /// Says how an earlier restore of this server has ended after all: completed, rolled back or undone.
    ///
    /// # Errors
    /// [`StoreError::NoRestore`].
    pub fn close(&self, id: RestoreId, state: RestoreState, at: Timestamp) -> Result<(), StoreError> {
        Journal { restoring: self, id }.set_state(state, Some(at))
    }

    /// Says that these panes are not a restore's any more: it is taken back, and they stay, because somebody uses them.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn release(&self, id: RestoreId, panes: &[PaneIdentity]) -> Result<(), StoreError> {
        self.change(|connection| {
            let mut statement =
                connection.prepare_cached("DELETE FROM restore_panes WHERE restore = ?1 AND pane = ?2")?;
            for pane in panes {
                statement.execute(params![id.to_string(), pane.as_bytes()])?;
            }
            Ok(())
        })
    }

    fn change(&self, change: impl FnOnce(&Connection) -> rusqlite::Result<()>) -> Result<(), StoreError> {
        self.store.change(&self.lock, change)
    }
}

fn insert(connection: &Connection, server: i64, began: &Began) -> rusqlite::Result<()> {
    let id = began.id.to_string();
    connection.execute(
        "INSERT INTO restores (id, number, server, began_at, state, plan, before) VALUES
         (?1, (SELECT coalesce(max(number), 0) + 1 FROM restores), ?2, ?3, 'running', ?4, ?5)",
        params![id, server, micros(began.at), began.plan, began.before.map(|before| before.0)],
    )?;
    let mut statement =
        connection.prepare("INSERT OR IGNORE INTO restore_panes VALUES (?1, ?2, ?3, ?4, 0)")?;
    for source in &began.sources {
        for pane in &source.panes {
            statement.execute(params![id, source.snapshot.0, source.session as i64, pane.as_bytes()])?;
        }
    }
    let mut statement = connection.prepare("INSERT OR IGNORE INTO restore_replaced VALUES (?1, ?2)")?;
    for pane in &began.replaced {
        statement.execute(params![id, pane.as_bytes()])?;
    }
    Ok(())
}

impl Journal<'_> {
    /// The restore's name.
    pub fn id(&self) -> RestoreId {
        self.id
    }

    /// Says which server it restores into, as soon as that is known.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn into_generation(&self, server: &Server) -> Result<(), StoreError> {
        self.restoring.change(|connection| {
            let row = super::save::generation_row(connection, server)?;
            connection
                .prepare_cached("UPDATE restores SET generation = ?2 WHERE id = ?1")?
                .execute(params![self.id.to_string(), row])
                .map(|_| ())
        })
    }

    /// Notes steps in their order. One call is one write to the disk: note a group of commands at once.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn note(&self, steps: &[Step]) -> Result<(), StoreError> {
        self.restoring.change(|connection| {
            let mut statement = connection.prepare_cached(
                "INSERT INTO restore_steps VALUES (?1,
                 (SELECT coalesce(max(position), 0) + 1 FROM restore_steps WHERE restore = ?1), ?2, ?3, ?4)",
            )?;
            for step in steps {
                statement.execute(params![self.id.to_string(), micros(step.at), step.what, step.detail])?;
            }
            Ok(())
        })
    }

    /// Notes that panes stand in their place with their text.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn finished(&self, panes: &[PaneIdentity]) -> Result<(), StoreError> {
        self.restoring.change(|connection| {
            let mut statement = connection
                .prepare_cached("UPDATE restore_panes SET finished = 1 WHERE restore = ?1 AND pane = ?2")?;
            for pane in panes {
                statement.execute(params![self.id.to_string(), pane.as_bytes()])?;
            }
            Ok(())
        })
    }

    /// Ends the restore.
    ///
    /// # Errors
    /// Nothing was written; it counts as interrupted.
    pub fn finish(self, state: RestoreState, at: Timestamp) -> Result<(), StoreError> {
        self.set_state(state, Some(at))
    }

    fn set_state(&self, state: RestoreState, at: Option<Timestamp>) -> Result<(), StoreError> {
        let mut found = 0;
        self.restoring.change(|connection| {
            let server = server_row(connection, &self.restoring.server)?;
            found = connection
                .prepare_cached(
                    "UPDATE restores SET state = ?3, ended_at = ?4 WHERE id = ?1 AND server = ?2",
                )?
                .execute(params![self.id.to_string(), server, state.as_str(), at.map(micros)])?;
            Ok(())
        })?;
        if found == 1 { Ok(()) } else { Err(StoreError::NoRestore(self.id)) }
    }
}

impl Store {
    /// The latest restore of a server that neither ended nor was completed or taken back. While another process
    /// holds [`Store::restoring`] it is at work.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn unfinished_restore(&self, server: &ServerName) -> Result<Option<StoredRestore>, StoreError> {
        self.restores(server, "r.state IN ('running', 'interrupted')", 1).map(|mut found| found.pop())
    }

    /// The restore that `undo` takes back: the latest that came to its end and was not taken back.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn last_restore(&self, server: &ServerName) -> Result<Option<StoredRestore>, StoreError> {
        self.restores(server, "r.state IN ('done', 'completed')", 1).map(|mut found| found.pop())
    }

    /// A restore by its name.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn restore(&self, server: &ServerName, id: RestoreId) -> Result<Option<StoredRestore>, StoreError> {
        // The id is of hexadecimal digits, nothing that SQL could mistake.
        self.restores(server, &format!("r.id = '{id}'"), 1).map(|mut found| found.pop())
    }

    /// All restores of a server, the latest first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn all_restores(&self, server: &ServerName) -> Result<Vec<StoredRestore>, StoreError> {
        self.restores(server, "1", u32::MAX)
    }

    /// What choosing must know: restores that did not end well, with a known generation.
    pub(super) fn open_restores(&self, server: &ServerName) -> rusqlite::Result<Vec<RestoreRecord>> {
        let condition = "r.state NOT IN ('done', 'completed')";
        let restores = self.restore_rows(server, condition, u32::MAX)?;
        let record = |restore: StoredRestore| {
            let outcome = match restore.state {
                RestoreState::Running | RestoreState::Interrupted => Outcome::Interrupted,
                _ => Outcome::TakenBack,
            };
            let panes = match outcome {
                // A session with one pane unfinished is unfinished: its layout and options come last.
                Outcome::Interrupted => restore.unfinished_sessions(),
                Outcome::TakenBack => restore.sources,
            };
            Some(RestoreRecord {
                generation: restore.generation?,
                began: restore.began_at,
                outcome,
                unfinished: panes,
                replaced: restore.replaced,
            })
        };
        Ok(restores.into_iter().filter_map(record).collect())
    }

    fn restores(
        &self,
        server: &ServerName,
        condition: &str,
        limit: u32,
    ) -> Result<Vec<StoredRestore>, StoreError> {
        self.restore_rows(server, condition, limit).map_err(|error| self.failed(error))
    }

    fn restore_rows(
        &self,
        server: &ServerName,
        condition: &str,
        limit: u32,
    ) -> rusqlite::Result<Vec<StoredRestore>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT r.id, r.began_at, r.ended_at, r.state, r.plan, r.before, g.boot, g.pid, g.started
             FROM restores r JOIN servers v ON v.id = r.server LEFT JOIN generations g ON g.id = r.generation
             WHERE v.machine = ?1 AND v.socket = ?2 AND ({condition}) ORDER BY r.number DESC LIMIT ?3"
        ))?;
        let rows = statement.query_map(params![server.machine, &server.socket[..], limit], stored)?;
        let mut restores: Vec<StoredRestore> =
            rows.filter_map(Result::transpose).collect::<Result<_, _>>()?;
        for restore in &mut restores {
            self.fill(restore)?;
        }
        Ok(restores)
    }

    fn fill(&self, restore: &mut StoredRestore) -> rusqlite::Result<()> {
        let id = restore.id.to_string();
        let mut statement = self.connection.prepare_cached(
            "SELECT snapshot, session, pane, finished FROM restore_panes WHERE restore = ?1
             ORDER BY snapshot, session",
        )?;
        let mut rows = statement.query([&id])?;
        while let Some(row) = rows.next()? {
            let (snapshot, session) = (SnapshotId(row.get(0)?), row.get::<_, u32>(1)? as usize);
            let Some(pane) = identity(&row.get::<_, Vec<u8>>(2)?) else { continue };
            add(&mut restore.sources, snapshot, session, pane);
            if !row.get::<_, bool>(3)? {
                add(&mut restore.unfinished, snapshot, session, pane);
            }
        }
        let mut statement =
            self.connection.prepare_cached("SELECT pane FROM restore_replaced WHERE restore = ?1")?;
        let panes = statement.query_map([&id], |row| row.get::<_, Vec<u8>>(0))?;
        restore.replaced = panes
            .filter_map(|pane| pane.map(|pane| identity(&pane)).transpose())
            .collect::<Result<_, _>>()?;
        let mut statement = self.connection.prepare_cached(
            "SELECT at, what, detail FROM restore_steps WHERE restore = ?1 ORDER BY position",
        )?;
        let step =
            |row: &Row<'_>| Ok(Step { at: moment(row.get(0)?), what: row.get(1)?, detail: row.get(2)? });
        restore.steps = statement.query_map([&id], step)?.collect::<Result<_, _>>()?;
        Ok(())
    }
}

/// Adds a pane to the source it belongs to; rows come ordered by source.
fn add(sources: &mut Vec<Source>, snapshot: SnapshotId, session: usize, pane: PaneIdentity) {
    match sources.last_mut() {
        Some(last) if (last.snapshot, last.session) == (snapshot, session) => last.panes.push(pane),
        _ => sources.push(Source { snapshot, session, panes: vec![pane] }),
    }
}

/// A row of the journal; none if its name or state is not understood.
fn stored(row: &Row<'_>) -> rusqlite::Result<Option<StoredRestore>> {
    let state: String = row.get(3)?;
    let (Ok(id), Some(state)) = (
        row.get::<_, String>(0)?.parse(),
        RestoreState::ALL.into_iter().find(|known| known.as_str() == state),
    ) else {
        return Ok(None);
    };
    let known = row.get::<_, Option<String>>(6)?.is_some();
    Ok(Some(StoredRestore {
        id,
        generation: if known { Some(generation(row, 6)?) } else { None },
        began_at: moment(row.get(1)?),
        ended_at: row.get::<_, Option<i64>>(2)?.map(moment),
        state,
        plan: row.get(4)?,
        before: row.get::<_, Option<i64>>(5)?.map(SnapshotId),
        unfinished: Vec::new(),
        sources: Vec::new(),
        replaced: Vec::new(),
        steps: Vec::new(),
    }))
}
