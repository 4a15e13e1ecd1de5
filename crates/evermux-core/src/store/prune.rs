//! What retention needs of the store: the past with its marks, what everything weighs, and removal in small steps.
//!
//! A step is one transaction: after a kill at any instruction it has happened or not, and the next prune goes on. A plan
//! is only carried out while nobody else has changed the database since it was made ([`Store::changes`]): who saves,
//! pins or begins a restore meanwhile is seen before anything goes.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{ErrorKind, Read};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::encode::EncodedSnapshot;
use super::folder::Folder;
use super::pack;
use super::part::{self, PartId};
use super::timeline::settle_rows;
use super::{Lock, Place, Saving, Store, StoreError, Wanted, micros, save, status};
use crate::choose::{Settled, Timeline};
use crate::model::{ServerName, SnapshotId};
use crate::retention::{Holdings, Part};

/// A row costs about so much besides its data, in bytes: its hash twice, its numbers, who mentions it. Data that is longer
/// than a page fills whole pages and leaves the rest in the row, so nothing else is lost by it.
const ROW: u64 = 150;
/// A page of the database, in bytes.
const PAGE: u64 = 4096;

/// The past of a server as retention sees it.
#[derive(Clone, Debug)]
pub struct Past {
    /// All snapshots.
    pub timeline: Timeline,
    /// Those that must stay: pinned, named, and what `undo` of a restore or a restore at work needs.
    pub marked: HashSet<SnapshotId>,
}

/// How large the database is, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// What is in use.
    pub used: u64,
    /// What is free, and will be used again or given back to the disk.
    pub free: u64,
}

/// Something that retention does to a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It goes.
    Remove(SnapshotId),
    /// Its text goes.
    Thin(SnapshotId),
}

impl Step {
    /// The snapshot that goes, if one goes.
    pub fn removed(&self) -> Option<SnapshotId> {
        match self {
            Self::Remove(id) => Some(*id),
            Self::Thin(_) => None,
        }
    }
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepDone {
    /// Snapshots that are gone.
    pub removed: Vec<SnapshotId>,
    /// Snapshots that have no text any more.
    pub thinned: Vec<SnapshotId>,
    /// Parts that no other snapshot needed.
    pub parts: usize,
    /// Their bytes, as they were kept.
    pub bytes: u64,
}

/// What is kept for ever takes more than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Over {
    /// When that was found.
    pub at: Timestamp,
    /// What is in use, in bytes.
    pub used: u64,
    /// The limit, in bytes.
    pub limit: u64,
}

/// The lock of whoever prunes: one at a time.
#[derive(Debug)]
pub struct Pruning(#[expect(dead_code, reason = "held until it is dropped")] Lock);

impl Store {
    /// Takes the lock for pruning, without waiting.
    ///
    /// # Errors
    /// [`StoreError::Busy`]; [`StoreError::ReadOnly`].
    pub fn pruning(&self) -> Result<Pruning, StoreError> {
        self.require_write()?;
        Lock::acquire(&self.folder, "prune", "pruning", std::time::Duration::ZERO).map(Pruning)
    }

    /// The past of a server with its marks.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub fn past(&self, server: &ServerName) -> Result<Past, StoreError> {
        let wanted = Wanted { server: Some(server.clone()), ..Wanted::default() };
        let listed = self.list(&wanted)?;
        let kept = listed.iter().filter(|it| it.pinned || it.name.is_some());
        let mut marked: HashSet<SnapshotId> = kept.map(|it| it.entry.id).collect();
        marked.extend(self.restores_need(server).map_err(|error| self.failed(error))?);
        let entries = listed.into_iter().map(|listed| listed.entry).collect();
        Ok(Past { timeline: self.timeline_of(server, entries)?, marked })
    }

    /// Snapshots that taking back a restore into the newest life of the server would need, and those that any restore is
    /// still reading.
    fn restores_need(&self, server: &ServerName) -> rusqlite::Result<Vec<SnapshotId>> {
        let mut statement = self.connection.prepare_cached(
            "WITH newest AS (
                 SELECT s.generation FROM snapshots s JOIN generations g ON g.id = s.generation
                 JOIN servers v ON v.id = g.server WHERE v.machine = ?1 AND v.socket = ?2 ORDER BY s.id DESC LIMIT 1)
             SELECT before FROM restores WHERE before IS NOT NULL AND (state IN ('running', 'interrupted') OR
                 state IN ('done', 'completed') AND (generation IS NULL OR generation IN (SELECT generation FROM newest)))
             UNION SELECT p.snapshot FROM restore_panes p JOIN restores r ON r.id = p.restore
             WHERE r.state IN ('running', 'interrupted')",
        )?;
        statement
            .query_map(params![server.machine, &server.socket[..]], |row| Ok(SnapshotId(row.get(0)?)))?
            .collect()
    }

    /// How large the database is.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub fn size(&self) -> Result<Size, StoreError> {
        let number = |name: &str| -> Result<u64, StoreError> {
            let read = self.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            read.map(i64::unsigned_abs).map_err(|error| self.failed(error))
        };
        let (page, free) = (number("page_size")?, number("freelist_count")?);
        Ok(Size { used: number("page_count")?.saturating_sub(free) * page, free: free * page })
    }

    /// What everything weighs.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub fn holdings(&self) -> Result<Holdings, StoreError> {
        self.read_holdings().map_err(|error| self.failed(error))
    }

    fn read_holdings(&self) -> rusqlite::Result<Holdings> {
        let mut holdings = Holdings::default();
        let mut positions: HashMap<PartId, usize> = HashMap::new();
        let mut statement = self.connection.prepare("SELECT id, kind, length(data) FROM parts")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            positions.insert(row.get(0)?, holdings.parts.len());
            let kind: String = row.get(1)?;
            let text = matches!(kind.as_str(), "text" | "block");
            holdings.parts.push(Part {
                bytes: ROW + row.get::<_, i64>(2)?.unsigned_abs(),
                text,
                mentions: Vec::new(),
            });
        }
        let packs = self.has_packs();
        // Packs are parts like others, with numbers below zero.
        if packs {
            let mut statement = self.connection.prepare("SELECT -id, length(data) FROM packs")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                positions.insert(row.get(0)?, holdings.parts.len());
                let bytes = ROW + row.get::<_, i64>(1)?.unsigned_abs();
                holdings.parts.push(Part { bytes, text: true, mentions: Vec::new() });
            }
        }
        let of_packs = if packs { " UNION ALL SELECT -pack, part FROM pack_refs" } else { "" };
        let mut statement = self.connection.prepare(&format!("SELECT parent, child FROM refs{of_packs}"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if let (Some(parent), Some(child)) = (positions.get(&row.get(0)?), positions.get(&row.get(1)?)) {
                holdings.parts[*parent].mentions.push(*child);
            }
        }
        let in_packs = if packs { " UNION ALL SELECT snapshot, -pack, entries FROM packed" } else { "" };
        let mut statement = self.connection.prepare(&format!(
            "SELECT id, server, clients FROM snapshots
             UNION ALL SELECT snapshot, session, facts FROM snapshot_sessions{in_packs}"
        ))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let mentions = holdings.snapshots.entry(SnapshotId(row.get(0)?)).or_default();
            let parts: [PartId; 2] = [row.get(1)?, row.get(2)?];
            mentions.extend(parts.iter().filter_map(|part| positions.get(part)));
        }
        Ok(holdings)
    }

    /// Gives free space back to the disk, at most so many bytes, but for `reserve` bytes that the next saves will need;
    /// whether there is more.
    ///
    /// # Errors
    /// [`StoreError::Busy`] and others of SQLite.
    pub fn give_back(&self, most: u64, reserve: u64) -> Result<bool, StoreError> {
        let free = self.size()?.free;
        let wanted = free.saturating_sub(reserve).min(most) / PAGE;
        if wanted == 0 {
            return Ok(false);
        }
        let vacuum = || -> rusqlite::Result<()> {
            let mut statement = self.connection.prepare(&format!("PRAGMA incremental_vacuum({wanted})"))?;
            let mut rows = statement.query([])?;
            // Each step gives back a page.
            while rows.next()?.is_some() {}
            Ok(())
        };
        vacuum().map_err(|error| self.failed(error))?;
        let left = self.size()?.free;
        Ok(left < free && left > reserve + PAGE)
    }

    /// Brings the log into the database, so that the disk has what was given back. Where others are reading, they do it.
    pub fn settle_log(&self) {
        if let Some(problem) = self.cut_log() {
            tracing::debug!(%problem, "the log stays for now");
        }
    }

    /// When the last prune ended.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub fn pruned_at(&self) -> Result<Option<Timestamp>, StoreError> {
        self.told("pruned_at")
    }

    /// Notes that a prune has ended.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn note_pruned(&self, now: Timestamp) -> Result<(), StoreError> {
        self.require_write()?;
        let sql = "INSERT OR REPLACE INTO keeper VALUES ('pruned_at', ?1)";
        self.write(|connection| connection.execute(sql, [micros(now).to_string()])).map(|_| ())
    }
}

impl Saving<'_> {
    /// Does these steps in one transaction, together with what must be noted then, if nobody has changed the database since
    /// [`Store::changes`] said `seen`; none: somebody has, and nothing was done. What is not there any more is passed over.
    ///
    /// # Errors
    /// [`StoreError::OtherServer`] and others; nothing was done.
    pub fn prune(
        &self,
        steps: &[Step],
        settled: &[Settled],
        seen: i64,
        now: Timestamp,
    ) -> Result<Option<StepDone>, StoreError> {
        let mut done = StepDone::default();
        let mut thinner = Vec::new();
        for step in steps {
            let (Step::Remove(id) | Step::Thin(id)) = *step;
            match self.require_own(id) {
                Err(StoreError::NoSnapshot(_)) => continue,
                own => own?,
            }
            match step {
                Step::Remove(_) => done.removed.push(id),
                Step::Thin(_) => thinner.extend(self.without_text(id)?.map(|encoded| (id, encoded))),
            }
        }
        let mut unseen = true;
        self.change(|connection| {
            unseen = connection.pragma_query_value(None, "data_version", |row| row.get::<_, i64>(0))? == seen;
            if !unseen {
                return Ok(());
            }
            settle_rows(connection, &self.server, settled)?;
            let removed = remove_rows(connection, &done.removed)?;
            (done.parts, done.bytes) = (removed.parts, removed.bytes);
            for (id, encoded) in &thinner {
                let (parts, bytes) = thin(connection, *id, encoded, now)?;
                (done.parts, done.bytes) = (done.parts + parts, done.bytes + bytes);
                done.thinned.push(*id);
            }
            Ok(())
        })?;
        self.store.whole.borrow_mut().retain(|_, id| !done.removed.contains(id));
        // What only an emergency file has counts as lost by the database, and would be back.
        if unseen && let Err(error) = self.clean_emergency(&done.removed) {
            tracing::warn!(error = error.in_full(), "an emergency file still has what was removed");
        }
        Ok(unseen.then_some(done))
    }

    /// A snapshot as it is without text; none if a part of it is lost, which must not become the truth.
    fn without_text(&self, id: SnapshotId) -> Result<Option<EncodedSnapshot>, StoreError> {
        let report = match self.store.snapshot(id) {
            Ok(report) if report.problems.is_empty() => report,
            Ok(_) | Err(StoreError::Lost { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let wanted = Wanted { id: Some(id), ..Wanted::default() };
        let Some(listed) = self.store.list(&wanted)?.pop() else { return Ok(None) };
        let snapshot = save::without_texts(report.value, |_| true, true);
        Ok(Some(EncodedSnapshot::of(&snapshot, &listed.entry.coverage)))
    }
}

/// What was removed.
pub(super) struct RemovedRows {
    pub snapshots: usize,
    pub parts: usize,
    pub bytes: u64,
}

/// Removes snapshots, and the parts that nothing else mentions.
pub(super) fn remove_rows(connection: &Connection, ids: &[SnapshotId]) -> rusqlite::Result<RemovedRows> {
    pack::unpack(connection, ids)?;
    let mut removed = RemovedRows { snapshots: 0, parts: 0, bytes: 0 };
    let mut mentioned: Vec<PartId> = Vec::new();
    for id in ids {
        // It is still in a pack if that cannot be read.
        let mut statement = connection.prepare_cached("SELECT entries FROM packed WHERE snapshot = ?1")?;
        mentioned.extend(statement.query_row([id.0], |row| row.get::<_, PartId>(0)).optional()?);
        let mut statement =
            connection.prepare_cached("SELECT server, clients FROM snapshots WHERE id = ?1")?;
        let mut rows = statement.query([id.0])?;
        while let Some(row) = rows.next()? {
            mentioned.extend([row.get::<_, PartId>(0)?, row.get(1)?]);
        }
        mentioned.extend(session_parts(connection, *id)?);
        removed.snapshots +=
            connection.prepare_cached("DELETE FROM snapshots WHERE id = ?1")?.execute([id.0])?;
    }
    mentioned.sort_unstable();
    mentioned.dedup();
    (removed.parts, removed.bytes) = part::release(connection, mentioned)?;
    pack::tidy(connection)?;
    Ok(removed)
}

fn session_parts(connection: &Connection, id: SnapshotId) -> rusqlite::Result<Vec<PartId>> {
    let mut statement =
        connection.prepare_cached("SELECT session, facts FROM snapshot_sessions WHERE snapshot = ?1")?;
    let mut rows = statement.query([id.0])?;
    let mut parts = Vec::new();
    while let Some(row) = rows.next()? {
        parts.extend([row.get::<_, PartId>(0)?, row.get(1)?]);
    }
    Ok(parts)
}

/// Gives a snapshot other bodies.
fn thin(
    connection: &Connection,
    id: SnapshotId,
    encoded: &EncodedSnapshot,
    now: Timestamp,
) -> rusqlite::Result<(usize, u64)> {
    pack::unpack(connection, &[id])?;
    let old = session_parts(connection, id)?;
    save::replace_sessions(connection, id, encoded)?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO thinned VALUES (?1, ?2)")?
        .execute([id.0, micros(now)])?;
    part::release(connection, old)
}

/// Says for everybody to see that what is kept for ever takes more than the limit, or no more.
///
/// # Errors
/// [`StoreError::Io`], [`StoreError::Refused`], [`StoreError::Absent`].
pub fn write_over(place: &Place, found: Option<&Over>) -> Result<(), StoreError> {
    let folder = Folder::open(place, false)?;
    let path = folder.over();
    match found {
        Some(found) => {
            let text = serde_json::to_string(found).expect("it has string keys and no failing parts");
            status::replace(&folder, &path, &text).map_err(StoreError::io("writing", &path))
        }
        None => match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(StoreError::io("removing", &path)(error))
            }
            _ => Ok(()),
        },
    }
}

/// Whether what is kept for ever was found to take more than the limit.
pub fn over(place: &Place) -> Option<Over> {
    let folder = Folder::open(place, false).ok()?;
    let path = folder.over();
    if !folder.check(&path).ok()? {
        return None;
    }
    let mut text = String::new();
    fs::File::open(&path).ok()?.take(4096).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}
