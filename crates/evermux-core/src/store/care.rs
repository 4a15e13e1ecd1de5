//! Care of the store: names, pins, forgetting, checking.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::body::Hash;
use super::emergency::emergency_paths;
use super::prune::remove_rows;
use super::{EmergencyFile, Saving, Store, StoreError, Wanted, pack, part};
use crate::model::SnapshotId;
use crate::problem::{Problem, Report, Subject};

/// What [`Saving::forget`] removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// Snapshots.
    pub snapshots: usize,
    /// Parts that no other snapshot needs.
    pub parts: usize,
}

/// What [`Store::verify`] looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Snapshots, put together completely.
    pub snapshots: usize,
    /// Parts, decompressed and hashed.
    pub parts: usize,
    /// Bytes of those parts, uncompressed.
    pub bytes: u64,
    /// Emergency files.
    pub emergency_files: usize,
}

impl Saving<'_> {
    /// Pins a snapshot, or not any more.
    ///
    /// # Errors
    /// [`StoreError::NoSnapshot`], [`StoreError::OtherServer`]; nothing was written.
    pub fn pin(&self, id: SnapshotId, pinned: bool) -> Result<(), StoreError> {
        self.update(id, "UPDATE snapshots SET pinned = ?2 WHERE id = ?1", pinned)
    }

    /// Names a snapshot, or takes its name away.
    ///
    /// # Errors
    /// As [`Saving::pin`].
    pub fn rename(&self, id: SnapshotId, name: Option<&str>) -> Result<(), StoreError> {
        self.update(id, "UPDATE snapshots SET name = ?2 WHERE id = ?1", name)
    }

    /// Notes something about a snapshot, or nothing any more.
    ///
    /// # Errors
    /// As [`Saving::pin`].
    pub fn note(&self, id: SnapshotId, note: Option<&str>) -> Result<(), StoreError> {
        self.update(id, "UPDATE snapshots SET note = ?2 WHERE id = ?1", note)
    }

    /// Removes snapshots of this server for good: their parts are overwritten in the database, gone from its log and
    /// from the emergency files. Parts that other snapshots share stay with those. Numbers that are not there (any
    /// more) are passed over.
    ///
    /// The report says where a trace may be left: while another process reads the store, SQLite cannot cut the log.
    ///
    /// # Errors
    /// [`StoreError::OtherServer`]; nothing was removed.
    pub fn forget(&self, ids: &[SnapshotId]) -> Result<Report<Forgotten>, StoreError> {
        for id in ids {
            match self.require_own(*id) {
                Ok(()) | Err(StoreError::NoSnapshot(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let mut forgotten = Forgotten { snapshots: 0, parts: 0 };
        self.change(|connection| {
            pack::unpack(connection, ids)?;
            pack::empty_unreadable(connection, ids)?;
            let removed = remove_rows(connection, ids)?;
            forgotten = Forgotten { snapshots: removed.snapshots, parts: removed.parts };
            Ok(())
        })?;
        self.store.whole.borrow_mut().retain(|_, id| !ids.contains(id));
        let mut report = Report::clean(forgotten);
        if let Err(error) = self.clean_emergency(ids) {
            let path = self.store.folder.emergency(&self.server, false);
            report.problems.push(Problem::new(
                Subject::Path(path),
                format!("may still hold what was forgotten: {}", error.in_full()),
            ));
        }
        self.store.forget_commands()?;
        if let Some(problem) = self.store.cut_log() {
            report.problems.push(problem);
        }
        Ok(report)
    }

    fn update<T: rusqlite::ToSql>(&self, id: SnapshotId, sql: &str, value: T) -> Result<(), StoreError> {
        self.require_own(id)?;
        self.change(|connection| {
            // What somebody cares about is to lose nothing by damage to others.
            pack::unpack(connection, &[id])?;
            connection.prepare_cached(sql)?.execute(params![id.0, value]).map(|_| ())
        })
    }

    pub(super) fn require_own(&self, id: SnapshotId) -> Result<(), StoreError> {
        let server: Option<(String, Vec<u8>)> = self
            .store
            .connection
            .prepare_cached(
                "SELECT v.machine, v.socket FROM snapshots s JOIN generations g ON g.id = s.generation
                 JOIN servers v ON v.id = g.server WHERE s.id = ?1",
            )
            .and_then(|mut statement| {
                statement.query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?))).optional()
            })
            .map_err(|error| self.store.failed(error))?;
        let (machine, socket) = server.ok_or(StoreError::NoSnapshot(id))?;
        let own = machine == self.server.machine && socket == self.server.socket;
        if own { Ok(()) } else { Err(StoreError::OtherServer(id)) }
    }

    /// One transaction under the lock of this server.
    pub(super) fn change(
        &self,
        change: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        self.store.change(&self.lock, change)
    }
}

impl Store {
    /// One transaction under a lock.
    pub(super) fn change(
        &self,
        lock: &super::Lock,
        change: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        let transaction = self.transaction()?;
        change(&transaction).map_err(|error| self.failed(error))?;
        lock.require()?;
        transaction.commit().map_err(|error| self.failed(error))?;
        self.require_file()
    }

    /// Brings the log into the database and cuts it to nothing, and gives free pages back.
    pub(super) fn cut_log(&self) -> Option<Problem> {
        let path = self.folder.database();
        let cut = || -> rusqlite::Result<i64> {
            self.connection.execute_batch("PRAGMA incremental_vacuum")?;
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        };
        let what = match cut() {
            Ok(0) => return None,
            Ok(_) => {
                "its log may still hold what was forgotten, until others have stopped reading".to_owned()
            }
            Err(error) => {
                format!("its log may still hold what was forgotten: {}", self.failed(error).in_full())
            }
        };
        Some(Problem::new(Subject::Path(path), what))
    }

    /// Checks everything: the database's own structure, every part against its hash, every reference, every
    /// snapshot, every emergency file. Changes nothing.
    ///
    /// # Errors
    /// Only if checking itself is impossible; what is wrong is in the report.
    pub fn verify(&self) -> Result<Report<Verified>, StoreError> {
        let mut report = Report::clean(Verified::default());
        let database = Subject::Path(self.folder.database());
        let failed = |error| self.failed(error);
        for problem in self.structure().map_err(failed)? {
            report.problems.push(Problem::new(database.clone(), problem));
        }
        let parts = self.all_parts().map_err(failed)?;
        let mut lost = HashSet::new();
        for (hash, kind) in parts {
            report.value.parts += 1;
            match part::read(&self.connection, &hash) {
                Ok(bytes) => report.value.bytes += bytes.len() as u64,
                Err(why) => {
                    lost.insert(hash);
                    report.problems.push(Problem::new(database.clone(), format!("{kind} {hash} {why}")));
                }
            }
        }
        self.verify_packs(&mut report)?;
        for listed in self.list(&Wanted::default())? {
            let id = listed.entry.id;
            report.value.snapshots += 1;
            let problems = match self.snapshot(id) {
                Ok(snapshot) => snapshot.problems.iter().map(ToString::to_string).collect(),
                Err(error) => vec![error.to_string()],
            };
            for problem in problems {
                report.problems.push(Problem::new(database.clone(), format!("snapshot {id}: {problem}")));
            }
        }
        self.verify_emergencies(&mut report)?;
        Ok(report)
    }

    fn verify_packs(&self, report: &mut Report<Verified>) -> Result<(), StoreError> {
        for (pack, found) in self.packs().map_err(|error| self.failed(error))? {
            match found {
                Ok((parts, bytes)) => {
                    report.value.parts += parts;
                    report.value.bytes += bytes;
                }
                Err(why) => report
                    .problems
                    .push(Problem::new(Subject::Path(self.folder.database()), format!("pack {pack} {why}"))),
            }
        }
        Ok(())
    }

    fn verify_emergencies(&self, report: &mut Report<Verified>) -> Result<(), StoreError> {
        for path in emergency_paths(&self.folder)? {
            report.value.emergency_files += 1;
            if let Err(error) = self.folder.check(&path).and_then(|_| EmergencyFile::read(&path)) {
                report
                    .problems
                    .push(Problem::new(Subject::Path(path), format!("cannot be used: {}", error.in_full())));
            }
        }
        Ok(())
    }

    /// What SQLite finds wrong, a sentence each.
    fn structure(&self) -> rusqlite::Result<Vec<String>> {
        let mut problems: Vec<String> = Vec::new();
        let mut statement = self.connection.prepare("PRAGMA integrity_check(100)")?;
        for line in statement.query_map([], |row| row.get::<_, String>(0))? {
            // A database damaged enough ends the check itself.
            problems.push(line.unwrap_or_else(|error| error.to_string()));
        }
        problems.retain(|line| line != "ok");
        let mut statement = self.connection.prepare("PRAGMA foreign_key_check")?;
        for row in statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(2)?)))? {
            match row {
                Ok((table, parent)) => {
                    problems.push(format!("a row of {table} mentions a missing row of {parent}"));
                }
                Err(error) => problems.push(error.to_string()),
            }
        }
        Ok(problems)
    }

    fn all_parts(&self) -> rusqlite::Result<Vec<(Hash, String)>> {
        let mut statement = self.connection.prepare("SELECT hash, kind FROM parts ORDER BY id")?;
        let rows = statement.query_map([], |row| Ok((Hash(row.get(0)?), row.get(1)?)))?;
        // Where the table itself cannot be read on, the structure's problems say so.
        Ok(rows.map_while(Result::ok).collect())
    }
}
