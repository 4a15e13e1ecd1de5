//! What the keeper is told, and what is noted of the starts of servers.
//!
//! There is no connection between evermux's processes: who wants something of the keeper writes it here, and the
//! keeper sees that the database has changed ([`Store::changes`]).

use std::time::Duration;

use bstr::BString;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::error::StoreError;
use super::save::server_row;
use super::timeline::generation;
use super::{Lock, Store, micros, moment};
use crate::model::{Generation, ServerName};

/// How many starts of a server are remembered.
const STARTS: u32 = 32;

/// What was done at the start of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartOutcome {
    /// A restore was begun and has not ended.
    Restoring,
    /// A restore has ended.
    Restored,
    /// There was nothing to restore.
    Nothing,
    /// The user has declined (`EVERMUX_RESTORE=0`).
    Declined,
    /// Restoring at start is switched off.
    Off,
    /// The user is asked.
    Asked,
    /// The server had lived for a while.
    TooLate,
    /// The last starts died in their restores.
    Unsafe,
}

impl StartOutcome {
    const ALL: [Self; 8] = [
        Self::Restoring,
        Self::Restored,
        Self::Nothing,
        Self::Declined,
        Self::Off,
        Self::Asked,
        Self::TooLate,
        Self::Unsafe,
    ];

    /// Its word in the store.
    pub fn word(self) -> &'static str {
        match self {
            Self::Restoring => "restoring",
            Self::Restored => "restored",
            Self::Nothing => "nothing",
            Self::Declined => "declined",
            Self::Off => "off",
            Self::Asked => "asked",
            Self::TooLate => "too-late",
            Self::Unsafe => "unsafe",
        }
    }
}

/// What was done at the start of one life of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartNote {
    /// Which life.
    pub generation: Generation,
    /// When.
    pub at: Timestamp,
    /// What.
    pub outcome: StartOutcome,
}

impl Store {
    /// Takes the lock that says "the keeper of this machine lives", waiting up to `patience`: whoever asks whether there
    /// is a keeper holds it for a moment, too. Dropping it is the keeper's end.
    ///
    /// # Errors
    /// [`StoreError::Busy`] with the living keeper's process id.
    pub fn keeping(&self, patience: Duration) -> Result<Lock, StoreError> {
        self.require_write()?;
        Lock::acquire(&self.folder, "keeper", "the keeper", patience)
    }

    /// The process of the living keeper; none: there is none.
    ///
    /// # Errors
    /// Those of [`Store::keeping`], but for [`StoreError::Busy`].
    pub fn keeper(&self) -> Result<Option<u32>, StoreError> {
        match self.keeping(Duration::ZERO) {
            Ok(_) => Ok(None),
            Err(StoreError::Busy { holder, .. }) => Ok(holder),
            Err(error) => Err(error),
        }
    }

    /// A number that changes whenever another process has changed the database. Cheap: it reads shared memory.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn changes(&self) -> Result<i64, StoreError> {
        self.connection
            .pragma_query_value(None, "data_version", |row| row.get(0))
            .map_err(|error| self.failed(error))
    }

    /// Has the keeper look after a server from now on, because the user wants it; whether it did not already.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn watch(&self, server: &ServerName, now: Timestamp) -> Result<bool, StoreError> {
        self.set_watched(
            server,
            now,
            "INSERT INTO watched VALUES (?1, ?2, 1)
             ON CONFLICT DO UPDATE SET since = excluded.since, kept = 1 WHERE kept = 0",
        )
    }

    /// The same because nobody has said otherwise: where the user wants a server left alone, that holds.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn watch_by_default(&self, server: &ServerName, now: Timestamp) -> Result<bool, StoreError> {
        self.set_watched(server, now, "INSERT OR IGNORE INTO watched VALUES (?1, ?2, 1)")
    }

    /// Has the keeper leave a server alone from now on; whether it looked after it.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn unwatch(&self, server: &ServerName, now: Timestamp) -> Result<bool, StoreError> {
        let was = self.watched()?.contains(server);
        self.set_watched(
            server,
            now,
            "INSERT INTO watched VALUES (?1, ?2, 0)
             ON CONFLICT DO UPDATE SET since = excluded.since, kept = 0 WHERE kept = 1",
        )?;
        Ok(was)
    }

    fn set_watched(&self, server: &ServerName, now: Timestamp, sql: &str) -> Result<bool, StoreError> {
        self.require_write()?;
        self.write(|connection| {
            let server = server_row(connection, server)?;
            connection.prepare_cached(sql)?.execute(params![server, micros(now)])
        })
        .map(|rows| rows == 1)
    }

    /// The servers that the keeper looks after, in the order in which they came.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn watched(&self) -> Result<Vec<ServerName>, StoreError> {
        self.read(|connection| {
            // A store of the first format, only looked at, has no such table.
            let mut statement = connection.prepare_cached(
                "SELECT v.machine, v.socket FROM watched w JOIN servers v ON v.id = w.server WHERE w.kept = 1 ORDER BY w.since, v.id",
            )?;
            let name = |row: &rusqlite::Row<'_>| {
                Ok(ServerName { machine: row.get(0)?, socket: BString::from(row.get::<_, Vec<u8>>(1)?) })
            };
            statement.query_map([], name)?.collect()
        })
    }

    /// Until when the keeper is to save nothing; none: it saves.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn paused_until(&self) -> Result<Option<Timestamp>, StoreError> {
        self.told("paused_until")
    }

    /// A moment that the keeper was told.
    pub(super) fn told(&self, name: &str) -> Result<Option<Timestamp>, StoreError> {
        let text: Option<String> = self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT value FROM keeper WHERE name = ?1")?;
            statement.query_row([name], |row| row.get(0)).optional()
        })?;
        Ok(text.and_then(|text| text.parse().ok()).map(moment))
    }

    /// Has the keeper save nothing until a moment; none: go on.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn pause(&self, until: Option<Timestamp>) -> Result<(), StoreError> {
        self.require_write()?;
        self.write(|connection| match until {
            Some(until) => connection.execute(
                "INSERT OR REPLACE INTO keeper VALUES ('paused_until', ?1)",
                [micros(until).to_string()],
            ),
            None => connection.execute("DELETE FROM keeper WHERE name = 'paused_until'", []),
        })
        .map(|_| ())
    }

    /// Notes what is done at the start of a server. With an outcome other than the end of a restore that was noted
    /// before, only the first note of each life counts: whether this one was it.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn note_start(&self, server: &ServerName, note: &StartNote) -> Result<bool, StoreError> {
        self.require_write()?;
        let sql = if note.outcome == StartOutcome::Restored {
            "INSERT INTO starts (server, boot, pid, started, at, outcome) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET outcome = excluded.outcome"
        } else {
            "INSERT OR IGNORE INTO starts (server, boot, pid, started, at, outcome) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
        };
        self.write(|connection| {
            let server = server_row(connection, server)?;
            let Generation { boot, pid, started } = &note.generation;
            let rows = connection
                .execute(sql, params![server, boot, pid, started, micros(note.at), note.outcome.word()])?;
            connection.execute(
                "DELETE FROM starts WHERE server = ?1 AND id NOT IN
                 (SELECT id FROM starts WHERE server = ?1 ORDER BY id DESC LIMIT ?2)",
                params![server, STARTS],
            )?;
            Ok(rows)
        })
        .map(|rows| rows == 1)
    }

    /// The latest starts of a server, newest first.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn starts(&self, server: &ServerName) -> Result<Vec<StartNote>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT s.boot, s.pid, s.started, s.at, s.outcome FROM starts s JOIN servers v ON v.id = s.server
                 WHERE v.machine = ?1 AND v.socket = ?2 ORDER BY s.id DESC",
            )?;
            let note = |row: &rusqlite::Row<'_>| {
                let word: String = row.get(4)?;
                let outcome = StartOutcome::ALL.into_iter().find(|outcome| outcome.word() == word);
                Ok((generation(row, 0)?, moment(row.get(3)?), outcome))
            };
            let rows = statement.query_map(params![server.machine, &server.socket[..]], note)?;
            rows.filter_map(|row| match row {
                Ok((generation, at, outcome)) => Some(Ok(StartNote { generation, at, outcome: outcome? })),
                Err(error) => Some(Err(error)),
            })
            .collect()
        })
    }

    pub(super) fn require_write(&self) -> Result<(), StoreError> {
        match self.access {
            super::Access::Read => Err(StoreError::ReadOnly(self.folder.database())),
            super::Access::Write => Ok(()),
        }
    }

    /// Reads; a store of an earlier format, which is only looked at, has none of these tables and knows nothing.
    pub(super) fn read<T: Default>(
        &self,
        read: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        if self.format < 2 {
            return Ok(T::default());
        }
        read(&self.connection).map_err(|error| self.failed(error))
    }

    /// Writes in one transaction.
    pub(super) fn write<T>(
        &self,
        write: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.require_file()?;
        let transaction = self.transaction()?;
        let value = write(&transaction).map_err(|error| self.failed(error))?;
        transaction.commit().map_err(|error| self.failed(error))?;
        Ok(value)
    }
}
