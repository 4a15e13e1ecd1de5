//! The timeline: what lists and the choice of a restore need of every snapshot, read without opening one.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::encode::read_coverage;
use super::save::{find_generation, server_row};
use super::{Saving, Store, StoreError, micros, moment};
use crate::choose::{Coverage, Ending, Entry, GenerationEnd, SessionEntry, Settled, Timeline, WhySettled};
use crate::model::{Generation, Kind, PaneIdentity, ServerName, SnapshotId};

/// Which snapshots are wanted; those that fulfil all of it.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// With this number.
    pub id: Option<SnapshotId>,
    /// Of this server.
    pub server: Option<ServerName>,
    /// With this name.
    pub name: Option<String>,
    /// First seen at or before this moment.
    pub until: Option<Timestamp>,
    /// Not only a part of a server (`save --session`).
    pub whole: bool,
    /// At most so many, the newest ones.
    pub limit: Option<u32>,
}

/// A snapshot in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Number, times, generation, kind, coverage, sessions.
    pub entry: Entry,
    /// Whose it is.
    pub server: ServerName,
    /// The user's name for it.
    pub name: Option<String>,
    /// The user's note.
    pub note: Option<String>,
    /// Whether retention must keep it.
    pub pinned: bool,
    /// How many windows, linked ones once.
    pub windows: u32,
    /// How many panes.
    pub panes: u32,
    /// Whether its text had to go, so that everything fits into the limit.
    pub thinned: bool,
}

impl Store {
    /// The snapshots that are wanted, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the lists themselves are.
    pub fn list(&self, wanted: &Wanted) -> Result<Vec<Listed>, StoreError> {
        let mut listed = self.list_rows(wanted).map_err(|error| self.failed(error))?;
        let thinned = self.thinned()?;
        for listed in &mut listed {
            listed.thinned = thinned.contains(&listed.entry.id);
        }
        Ok(listed)
    }

    fn thinned(&self) -> Result<HashSet<SnapshotId>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT snapshot FROM thinned")?;
            statement.query_map([], |row| Ok(SnapshotId(row.get(0)?)))?.collect()
        })
    }

    /// The newest snapshot of a whole server: what a capture continues.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub fn latest(&self, server: &ServerName) -> Result<Option<SnapshotId>, StoreError> {
        let wanted =
            Wanted { server: Some(server.clone()), whole: true, limit: Some(1), ..Wanted::default() };
        Ok(self.list(&wanted)?.first().map(|listed| listed.entry.id))
    }

    /// The servers that have snapshots, in the order in which they were first saved.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub fn servers(&self) -> Result<Vec<ServerName>, StoreError> {
        let read = || -> rusqlite::Result<Vec<ServerName>> {
            self.connection
                .prepare_cached(
                    "SELECT machine, socket FROM servers WHERE id IN
                     (SELECT g.server FROM generations g JOIN snapshots s ON s.generation = g.id) ORDER BY id",
                )?
                .query_map([], |row| {
                    Ok(ServerName { machine: row.get(0)?, socket: row.get::<_, Vec<u8>>(1)?.into() })
                })?
                .collect()
        };
        read().map_err(|error| self.failed(error))
    }

    /// All that choosing a restore must know of a server's past. A snapshot that only an emergency file has is in it, too.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub fn timeline(&self, server: &ServerName) -> Result<Timeline, StoreError> {
        let wanted = Wanted { server: Some(server.clone()), ..Wanted::default() };
        let mut entries = self.list(&wanted)?.into_iter().map(|listed| listed.entry).collect();
        self.add_lost(server, &mut entries);
        self.timeline_of(server, entries)
    }

    /// The same with entries that were read already.
    pub(super) fn timeline_of(
        &self,
        server: &ServerName,
        entries: Vec<Entry>,
    ) -> Result<Timeline, StoreError> {
        Ok(Timeline {
            entries,
            endings: self.endings(server).map_err(|error| self.failed(error))?,
            restores: self.open_restores(server).map_err(|error| self.failed(error))?,
            settled: self.settled(server).map_err(|error| self.failed(error))?,
        })
    }

    fn list_rows(&self, wanted: &Wanted) -> rusqlite::Result<Vec<Listed>> {
        let mut conditions = vec!["1"];
        let mut values: Vec<Value> = Vec::new();
        if let Some(id) = wanted.id {
            conditions.push("s.id = ?");
            values.push(Value::Integer(id.0));
        }
        if let Some(server) = &wanted.server {
            conditions.push("v.machine = ? AND v.socket = ?");
            values.extend([Value::Text(server.machine.clone()), Value::Blob(server.socket.to_vec())]);
        }
        if let Some(name) = &wanted.name {
            conditions.push("s.name = ?");
            values.push(Value::Text(name.clone()));
        }
        if let Some(until) = wanted.until {
            conditions.push("s.taken_at <= ?");
            values.push(Value::Integer(micros(until)));
        }
        if wanted.whole {
            conditions.push("s.coverage <> '\"part\"'");
        }
        values.push(Value::Integer(wanted.limit.map_or(-1, i64::from)));
        let query = format!(
            "SELECT s.id, s.taken_at, s.still_at, s.kind, s.coverage, s.name, s.note, s.pinned, s.windows, s.panes,
             g.boot, g.pid, g.started, v.machine, v.socket
             FROM snapshots s JOIN generations g ON g.id = s.generation JOIN servers v ON v.id = g.server
             WHERE {} ORDER BY s.id DESC LIMIT ?",
            conditions.join(" AND ")
        );
        let mut statement = self.connection.prepare_cached(&query)?;
        let mut listed: Vec<Listed> =
            statement.query_map(params_from_iter(values), listed)?.collect::<Result<_, _>>()?;
        // Few session parts are behind many snapshots: each is read once.
        let mut known = HashMap::new();
        for listed in &mut listed {
            let (sessions, complete) = self.session_entries(listed.entry.id, &mut known)?;
            listed.entry.sessions = sessions;
            if !complete {
                // What is lost was not closed.
                listed.entry.coverage = Coverage::Part;
            }
        }
        Ok(listed)
    }

    /// The sessions of a snapshot, and whether these are all of them.
    fn session_entries(
        &self,
        id: SnapshotId,
        known: &mut HashMap<i64, SessionEntry>,
    ) -> rusqlite::Result<(Vec<SessionEntry>, bool)> {
        let mut statement = self.connection.prepare_cached(
            "SELECT session, untouched FROM snapshot_sessions WHERE snapshot = ?1 ORDER BY position",
        )?;
        let mut rows = statement.query([id.0])?;
        let (mut entries, mut complete) = (Vec::new(), true);
        while let Some(row) = rows.next()? {
            let (part, untouched) = (row.get(0)?, row.get(1)?);
            if let std::collections::hash_map::Entry::Vacant(vacant) = known.entry(part) {
                // One that is lost is not listed; reading the snapshot will say so.
                let Some(entry) = self.session_entry(part)? else {
                    complete = false;
                    continue;
                };
                vacant.insert(entry);
            }
            entries.push(SessionEntry { untouched, ..known[&part].clone() });
        }
        if entries.is_empty() {
            entries = self.packed_entries(id)?.unwrap_or_default();
        }
        // Nothing is saved without a session.
        complete &= !entries.is_empty();
        Ok((entries, complete))
    }

    fn session_entry(&self, part: i64) -> rusqlite::Result<Option<SessionEntry>> {
        let fields = |row: &Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?));
        let row = self
            .connection
            .prepare_cached("SELECT name, identities FROM sessions WHERE part = ?1")?
            .query_row([part], fields)
            .optional()?;
        // Every session has panes.
        let row = row.filter(|(_, identities)| !identities.is_empty() && identities.len() % 16 == 0);
        Ok(row.map(|(name, identities)| SessionEntry {
            name: name.into(),
            untouched: false,
            panes: identities.chunks_exact(16).filter_map(identity).collect(),
        }))
    }

    fn endings(&self, server: &ServerName) -> rusqlite::Result<Vec<GenerationEnd>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT g.boot, g.pid, g.started, g.ending, g.ended_at FROM generations g
             JOIN servers v ON v.id = g.server WHERE v.machine = ?1 AND v.socket = ?2 AND g.ending IS NOT NULL",
        )?;
        let rows = statement.query_map(params![server.machine, &server.socket[..]], |row| {
            let ending = row.get::<_, Option<i64>>(4)?.map(moment).and_then(|at| {
                match row.get_ref(3).ok()?.as_str().ok()? {
                    "collapse" => Some(Ending::Collapse { since: at }),
                    "last-session-closed" => Some(Ending::LastSessionClosed { at }),
                    _ => None,
                }
            });
            Ok((generation(row, 0)?, ending))
        })?;
        rows.filter_map(|row| match row {
            Ok((generation, ending)) => Some(Ok(GenerationEnd { generation, ending: ending? })),
            Err(error) => Some(Err(error)),
        })
        .collect()
    }

    fn settled(&self, server: &ServerName) -> rusqlite::Result<Vec<Settled>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT t.pane, t.until, t.why FROM settled t JOIN servers v ON v.id = t.server
             WHERE v.machine = ?1 AND v.socket = ?2",
        )?;
        let rows = statement.query_map(params![server.machine, &server.socket[..]], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, moment(row.get(1)?), row.get::<_, String>(2)?))
        })?;
        let rows: Vec<_> = rows.collect::<Result<_, _>>()?;
        let settled = |(pane, until, why): (Vec<u8>, Timestamp, String)| {
            Some(Settled { pane: identity(&pane)?, until, why: read_why(&why)? })
        };
        Ok(rows.into_iter().filter_map(settled).collect())
    }
}

impl Saving<'_> {
    /// Notes how a generation of this server ended. One that has no snapshot is not known and needs no ending.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn note_ending(&self, end: &GenerationEnd) -> Result<(), StoreError> {
        let (ending, at) = match end.ending {
            Ending::Collapse { since } => ("collapse", since),
            Ending::LastSessionClosed { at } => ("last-session-closed", at),
        };
        self.change(|connection| {
            let server = server_row(connection, &self.server)?;
            if let Some(row) = find_generation(connection, server, &end.generation)? {
                connection
                    .prepare_cached("UPDATE generations SET ending = ?2, ended_at = ?3 WHERE id = ?1")?
                    .execute(params![row, ending, micros(at)])?;
            }
            Ok(())
        })
    }

    /// Takes back what was noted of the end of a life of the server: it lives after all.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn retract_ending(&self, generation: &Generation) -> Result<(), StoreError> {
        self.change(|connection| {
            let server = server_row(connection, &self.server)?;
            if let Some(row) = find_generation(connection, server, generation)? {
                connection
                    .prepare_cached("UPDATE generations SET ending = NULL, ended_at = NULL WHERE id = ?1")?
                    .execute([row])?;
            }
            Ok(())
        })
    }

    /// Notes that the past of panes of this server is settled.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn settle(&self, settled: &[Settled]) -> Result<(), StoreError> {
        self.change(|connection| settle_rows(connection, &self.server, settled))
    }
}

/// Notes what is settled of panes of a server.
pub(super) fn settle_rows(
    connection: &Connection,
    server: &ServerName,
    settled: &[Settled],
) -> rusqlite::Result<()> {
    let server = server_row(connection, server)?;
    let mut statement =
        connection.prepare_cached("INSERT OR REPLACE INTO settled VALUES (?1, ?2, ?3, ?4)")?;
    for Settled { pane, until, why } in settled {
        statement.execute(params![server, pane.as_bytes(), micros(*until), why_word(*why)])?;
    }
    Ok(())
}

fn why_word(why: WhySettled) -> &'static str {
    match why {
        WhySettled::Closed => "closed",
        WhySettled::Forgotten => "forgotten",
        WhySettled::LeftOut => "left-out",
    }
}

fn read_why(word: &str) -> Option<WhySettled> {
    [WhySettled::Closed, WhySettled::Forgotten, WhySettled::LeftOut]
        .into_iter()
        .find(|why| why_word(*why) == word)
}

/// Boot, process and start from three columns.
pub(super) fn generation(row: &Row<'_>, first: usize) -> rusqlite::Result<Generation> {
    Ok(Generation { boot: row.get(first)?, pid: row.get(first + 1)?, started: row.get(first + 2)? })
}

/// An identity from 16 bytes.
pub(super) fn identity(bytes: &[u8]) -> Option<PaneIdentity> {
    bytes.try_into().ok().map(PaneIdentity::from_bytes)
}

fn listed(row: &Row<'_>) -> rusqlite::Result<Listed> {
    Ok(Listed {
        entry: Entry {
            id: SnapshotId(row.get(0)?),
            taken_at: moment(row.get(1)?),
            still_at: moment(row.get(2)?),
            generation: generation(row, 10)?,
            kind: row.get::<_, String>(3)?.parse().unwrap_or(Kind::Automatic),
            // What is not understood says nothing about sessions that are not there.
            coverage: read_coverage(&row.get::<_, String>(4)?).unwrap_or(Coverage::Part),
            sessions: Vec::new(),
        },
        server: ServerName { machine: row.get(13)?, socket: row.get::<_, Vec<u8>>(14)?.into() },
        name: row.get(5)?,
        note: row.get(6)?,
        pinned: row.get(7)?,
        windows: row.get(8)?,
        panes: row.get(9)?,
        thinned: false,
    })
}
