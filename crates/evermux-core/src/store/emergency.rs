//! Emergency files: one file per server that is enough to restore it when the database is gone.
//!
//! A line of JSON ([`Head`]), a line with the BLAKE3 hash of everything else, then zstd of a JSON document with the
//! parts of one snapshot and its screens, not the scrollback above them. Beside the file of the present generation
//! stays that of the last one in which somebody had worked, so that a new server, empty after a crash, does not
//! overwrite what a restore will want.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::body::{self, Bytes, Hash, SessionBody, TextBody, WindowBody};
use super::decode::{Parts, Root, RootSession, decode};
use super::error::StoreError;
use super::folder::Folder;
use super::load;
use super::{Place, Saving, Store, Text};
use crate::model::{BlockId, Generation, Server, ServerName, Snapshot, SnapshotId, TmuxVersion};
use crate::problem::{Problem, Report, Subject};

/// The format written here, and the newest one understood.
const FORMAT: u32 = 1;
/// Not more often than this, unless forced.
const EVERY: SignedDuration = SignedDuration::from_secs(30);
/// The largest file that is believed, compressed or not.
const LARGEST: u64 = 512 << 20;

/// The first line: what is needed to tell whether the file is up to date.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Head {
    /// Always "emergency".
    evermux: String,
    v: u32,
    pub snapshot: i64,
    state: Hash,
    pub generation: GenerationBody,
    untouched: bool,
    pub written_at: Timestamp,
    /// Bytes of the document, uncompressed.
    size: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GenerationBody {
    boot: String,
    pid: u32,
    started: i64,
}

/// The document.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    taken_at: Timestamp,
    machine: String,
    socket: Bytes,
    version: String,
    uid: u32,
    server: Option<Hash>,
    clients: Option<Hash>,
    sessions: Vec<SessionParts>,
    /// Every part, and the blocks of the screens.
    parts: Vec<(Hash, Bytes)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SessionParts {
    name: Option<Bytes>,
    body: Option<Hash>,
    facts: Option<Hash>,
}

/// A snapshot from an emergency file, with its screens.
#[derive(Clone, Debug)]
pub struct EmergencyFile {
    /// Where it was read.
    pub path: PathBuf,
    /// The number the snapshot had in the database.
    pub id: SnapshotId,
    /// When the file was written.
    pub written_at: Timestamp,
    /// The snapshot; its texts are the last screens.
    pub snapshot: Snapshot,
    parts: HashMap<Hash, Vec<u8>>,
}

impl EmergencyFile {
    /// Reads an emergency file, wherever it lies. It is data of unknown origin: whether it is this user's own store's
    /// is for the caller to know ([`Store::emergencies`]).
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if its checksum is wrong or it is something else; [`StoreError::Newer`];
    /// [`StoreError::Lost`] when nothing of the snapshot is left.
    pub fn read(path: &Path) -> Result<Report<Self>, StoreError> {
        Self::of(path, Opened::read(path)?)
    }

    fn of(path: &Path, opened: Opened) -> Result<Report<Self>, StoreError> {
        let Opened { head, root, parts } = opened;
        let parts = Collected(parts);
        let Report { value, mut problems } = decode(&parts, root);
        let snapshot = value.ok_or_else(|| StoreError::Lost {
            what: path.display().to_string(),
            why: problems.last().map_or_else(|| "is empty".to_owned(), ToString::to_string),
        })?;
        problems.push(Problem::new(
            Subject::Path(path.to_owned()),
            "holds the last screens only, not the scrollback above them",
        ));
        let value = Self {
            path: path.to_owned(),
            id: SnapshotId(head.snapshot),
            written_at: head.written_at,
            snapshot,
            parts: parts.0,
        };
        Ok(Report { value, problems })
    }
}

/// An emergency file whose checksum is right.
pub(super) struct Opened {
    head: Head,
    pub root: Root,
    /// Parts by their hashes, which are still to be checked ([`Collected::part`]).
    pub parts: HashMap<Hash, Vec<u8>>,
}

impl Opened {
    /// Reads it.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let bytes = read_file(path)?;
        let damaged = |what: String| StoreError::Damaged { path: path.to_owned(), what };
        let (head, compressed) = split(&bytes, path)?;
        let document = decompress(compressed, head.size).map_err(damaged)?;
        Self::of_document(head, &document).map_err(damaged)
    }

    fn of_document(head: Head, document: &[u8]) -> Result<Self, String> {
        let document: Document = serde_json::from_slice(document).map_err(|error| error.to_string())?;
        let (root, parts) = document.take_apart(&head);
        Ok(Self { head, root, parts })
    }
}

/// The snapshot of an emergency file with this document, whatever its checksum would be.
#[cfg(feature = "fuzzing")]
pub fn fuzz_document(document: &[u8]) -> Option<Snapshot> {
    let head = serde_json::json!({
        "evermux": "emergency", "v": FORMAT, "snapshot": 1, "state": Hash::of(b""), "untouched": false,
        "generation": { "boot": "boot", "pid": 1, "started": 1 }, "written_at": Timestamp::UNIX_EPOCH,
        "size": document.len(),
    });
    let head: Head = serde_json::from_value(head).expect("a head");
    let opened = Opened::of_document(head, document).ok()?;
    EmergencyFile::of(Path::new("file"), opened).ok().map(|file| file.value.snapshot)
}

impl Text for EmergencyFile {
    fn block(&self, id: &BlockId) -> Result<Vec<u8>, StoreError> {
        let lost = |why: String| StoreError::Lost { what: format!("block {id}"), why };
        Collected::part(&self.parts, &Hash(id.0)).map_err(lost)
    }
}

impl Store {
    /// The emergency files of a store, also of one whose database cannot be opened, the newest first. Files that
    /// cannot be used are named in the report.
    ///
    /// # Errors
    /// Those of the folder.
    pub fn emergencies(place: &Place) -> Result<Report<Vec<EmergencyFile>>, StoreError> {
        let folder = Folder::open(place, false)?;
        let mut report = Report::clean(Vec::new());
        for path in emergency_paths(&folder)? {
            match folder.check(&path).and_then(|_| EmergencyFile::read(&path)) {
                Ok(mut file) => {
                    report.value.push(file.value);
                    report.problems.append(&mut file.problems);
                }
                Err(error) => {
                    report.problems.push(Problem::new(
                        Subject::Path(path),
                        format!("cannot be used: {}", error.in_full()),
                    ));
                }
            }
        }
        report.value.sort_by_key(|file| std::cmp::Reverse(file.written_at));
        Ok(report)
    }
}

/// All files of a folder that look like emergency files.
pub(super) fn emergency_paths(folder: &Folder) -> Result<Vec<PathBuf>, StoreError> {
    let entries = fs::read_dir(&folder.path).map_err(StoreError::io("reading", &folder.path))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "emergency"))
        .collect();
    paths.sort();
    Ok(paths)
}

impl Saving<'_> {
    /// Writes the emergency file of a snapshot of this server, if it is due: see [`super::Emergency`].
    pub(super) fn write_emergency(
        &self,
        id: SnapshotId,
        now: Timestamp,
        force: bool,
    ) -> Result<(), StoreError> {
        let path = self.store.folder.emergency(&self.server, false);
        let (state, generation, untouched) = self.head_of(id)?;
        // One that cannot be read is replaced.
        if let Some(old) = read_head(&self.store.folder, &path).ok().flatten() {
            let same_life = old.generation == generation;
            let age = now.duration_since(old.written_at);
            let fresh = age < EVERY && age >= SignedDuration::ZERO;
            // The number counts, too: what is forgotten is told by it, and a new database has begun to count anew.
            let same = old.state == state && old.snapshot == id.0;
            if same_life && (same || (fresh && !force)) {
                return Ok(());
            }
            if !same_life && !old.untouched {
                let previous = self.store.folder.emergency(&self.server, true);
                fs::rename(&path, &previous).map_err(StoreError::io("moving", &path))?;
            }
        }
        let document = self.store.document(id)?;
        let bytes = serde_json::to_vec(&document).expect("it has string keys and no failing parts");
        let head = Head {
            evermux: "emergency".to_owned(),
            v: FORMAT,
            snapshot: id.0,
            state,
            generation,
            untouched,
            written_at: now,
            size: bytes.len() as u64,
        };
        let mut line = serde_json::to_vec(&head).expect("it has string keys and no failing parts");
        line.push(b'\n');
        let compressed = zstd::bulk::compress(&bytes, 3).map_err(StoreError::io("compressing", &path))?;
        let hash = format!("{}\n", checksum(&line, &compressed));
        self.store.folder.replace_file(&path, &[&line, hash.as_bytes(), &compressed])
    }

    /// Takes forgotten snapshots out of this server's emergency files: what is left of the timeline takes their place.
    pub(super) fn clean_emergency(&self, forgotten: &[SnapshotId]) -> Result<(), StoreError> {
        for previous in [true, false] {
            let path = self.store.folder.emergency(&self.server, previous);
            let head = match read_head(&self.store.folder, &path) {
                Ok(None) => continue,
                // What cannot be read may hold what is to be forgotten.
                Err(_) => None,
                Ok(head) => head,
            };
            if head.as_ref().is_some_and(|head| !forgotten.contains(&SnapshotId(head.snapshot))) {
                continue;
            }
            fs::remove_file(&path).map_err(StoreError::io("removing", &path))?;
            super::folder::sync_folder(&self.store.folder.path)?;
            if let Some(latest) = self.store.latest(&self.server)?.filter(|_| !previous) {
                let written_at = head.map_or(Timestamp::UNIX_EPOCH, |head| head.written_at);
                self.write_emergency(latest, written_at, true)?;
            }
        }
        Ok(())
    }

    fn head_of(&self, id: SnapshotId) -> Result<(Hash, GenerationBody, bool), StoreError> {
        let query = "SELECT s.state, g.boot, g.pid, g.started,
             (SELECT min(untouched) FROM snapshot_sessions WHERE snapshot = s.id)
             FROM snapshots s JOIN generations g ON g.id = s.generation WHERE s.id = ?1";
        let read = || {
            self.store.connection.prepare_cached(query)?.query_row([id.0], |row| {
                let state: [u8; 32] = row.get(0)?;
                let generation = super::timeline::generation(row, 1)?;
                Ok((Hash(state), (&generation).into(), row.get::<_, Option<bool>>(4)?.unwrap_or(true)))
            })
        };
        read().map_err(|error| self.store.failed(error))
    }
}

impl From<&Generation> for GenerationBody {
    fn from(generation: &Generation) -> Self {
        Self { boot: generation.boot.clone(), pid: generation.pid, started: generation.started }
    }
}

impl Store {
    /// All parts of a snapshot that can be read, with its screens only.
    fn document(&self, id: SnapshotId) -> Result<Document, StoreError> {
        let root = load::root(self, id).map_err(|error| self.failed(error))?;
        let (_, root) = root.ok_or(StoreError::NoSnapshot(id))?;
        let mut collector = Collector { store: self, seen: HashSet::new(), parts: Vec::new() };
        for hash in [root.server_part, root.clients].into_iter().flatten() {
            collector.take(hash);
        }
        for session in &root.sessions {
            if let Some(facts) = session.facts {
                collector.take(facts);
            }
            if let Some(body) = session.body {
                collector.session(body);
            }
        }
        let session = |session: RootSession| SessionParts {
            name: session.name.as_ref().map(Bytes::from),
            body: session.body,
            facts: session.facts,
        };
        Ok(Document {
            taken_at: root.taken_at,
            machine: root.server.name.machine,
            socket: (&root.server.name.socket).into(),
            version: root.server.version.to_string(),
            uid: root.server.uid,
            server: root.server_part,
            clients: root.clients,
            sessions: root.sessions.into_iter().map(session).collect(),
            parts: collector.parts,
        })
    }
}

/// Walks the tree of a snapshot down to its screens. What is lost is passed over: reading the file will name it.
struct Collector<'a> {
    store: &'a Store,
    seen: HashSet<Hash>,
    parts: Vec<(Hash, Bytes)>,
}

impl Collector<'_> {
    /// Takes a part that was not taken yet.
    fn take(&mut self, hash: Hash) -> Option<&[u8]> {
        if !self.seen.insert(hash) {
            return None;
        }
        self.parts.push((hash, Bytes(self.store.part(&hash).ok()?)));
        self.parts.last().map(|(_, Bytes(bytes))| &bytes[..])
    }

    fn session(&mut self, hash: Hash) {
        let body = self.take(hash).and_then(|bytes| body::read::<SessionBody>(bytes).ok());
        for link in body.into_iter().flat_map(|body| body.links) {
            let window = self.take(link.window).and_then(|bytes| body::read::<WindowBody>(bytes).ok());
            let blocks = window.as_ref().map(WindowBody::blocks).unwrap_or_default();
            for block in blocks {
                self.take(block);
            }
            for text in window.into_iter().flat_map(|window| window.panes).filter_map(|pane| pane.text) {
                if let Some(text) = self.take(text).and_then(|bytes| body::read::<TextBody>(bytes).ok()) {
                    self.take(text.screen());
                }
            }
        }
    }
}

impl Document {
    fn take_apart(self, head: &Head) -> (Root, HashMap<Hash, Vec<u8>>) {
        let server = Server {
            name: ServerName { machine: self.machine, socket: self.socket.into() },
            generation: Generation {
                boot: head.generation.boot.clone(),
                pid: head.generation.pid,
                started: head.generation.started,
            },
            version: self.version.parse().unwrap_or(TmuxVersion::OLDEST),
            uid: self.uid,
            server_options: Vec::new(),
            session_options: Vec::new(),
            window_options: Vec::new(),
            environment_names: Vec::new(),
            clients: Vec::new(),
            buffers: Vec::new(),
        };
        let session = |session: SessionParts| RootSession {
            name: session.name.map(Into::into),
            body: session.body,
            facts: session.facts,
        };
        let root = Root {
            taken_at: self.taken_at,
            server,
            server_part: self.server,
            clients: self.clients,
            sessions: self.sessions.into_iter().map(session).collect(),
        };
        (root, self.parts.into_iter().map(|(hash, Bytes(bytes))| (hash, bytes)).collect())
    }
}

/// The parts of an emergency file.
pub(super) struct Collected(HashMap<Hash, Vec<u8>>);

impl Collected {
    pub fn part(parts: &HashMap<Hash, Vec<u8>>, hash: &Hash) -> Result<Vec<u8>, String> {
        if *hash == Hash::of(b"") {
            return Ok(Vec::new());
        }
        let bytes = parts.get(hash).ok_or_else(|| "is missing".to_owned())?;
        // The file as a whole is sound; this guards against one that was made up.
        if cfg!(feature = "fuzzing") || Hash::of(bytes) == *hash {
            Ok(bytes.clone())
        } else {
            Err("is damaged: its hash is wrong".to_owned())
        }
    }
}

impl Parts for Collected {
    fn part(&self, hash: &Hash) -> Result<Vec<u8>, String> {
        Self::part(&self.0, hash)
    }

    fn has_block(&self, id: &BlockId) -> bool {
        *id == BlockId::of(b"") || self.0.contains_key(&Hash(id.0))
    }

    fn keeps_history(&self) -> bool {
        false
    }
}

fn checksum(head: &[u8], compressed: &[u8]) -> blake3::Hash {
    blake3::Hasher::new().update(head).update(compressed).finalize()
}

fn read_file(path: &Path) -> Result<Vec<u8>, StoreError> {
    let failed = || StoreError::io("reading", path);
    let file = File::open(path).map_err(failed())?;
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes).map_err(failed())?;
    Ok(bytes)
}

/// The head and the compressed document of a file whose checksum is right.
fn split<'b>(bytes: &'b [u8], path: &Path) -> Result<(Head, &'b [u8]), StoreError> {
    let damaged = |what: &str| StoreError::Damaged { path: path.to_owned(), what: what.to_owned() };
    let line = |from: usize| bytes[from..].iter().position(|&byte| byte == b'\n').map(|at| from + at + 1);
    let first = line(0).ok_or_else(|| damaged("is not an emergency file"))?;
    let head = parse_head(&bytes[..first], path)?;
    let second = line(first).ok_or_else(|| damaged("is cut short"))?;
    let compressed = &bytes[second..];
    if checksum(&bytes[..first], compressed).to_hex().as_bytes() != bytes[first..second].trim_ascii_end() {
        return Err(damaged("its checksum is wrong"));
    }
    Ok((head, compressed))
}

fn parse_head(line: &[u8], path: &Path) -> Result<Head, StoreError> {
    #[derive(Deserialize)]
    struct Version {
        evermux: String,
        v: u32,
    }
    let damaged = |what: String| StoreError::Damaged { path: path.to_owned(), what };
    let version: Version =
        serde_json::from_slice(line).map_err(|_| damaged("is not an emergency file".to_owned()))?;
    if version.evermux != "emergency" {
        return Err(damaged("is not an emergency file".to_owned()));
    }
    if version.v > FORMAT {
        let path = path.to_owned();
        return Err(StoreError::Newer { path, found: version.v, known: FORMAT, readable: false });
    }
    serde_json::from_slice(line).map_err(|error| damaged(error.to_string()))
}

/// The head of a file of this folder; none if there is no file.
pub(super) fn read_head(folder: &Folder, path: &Path) -> Result<Option<Head>, StoreError> {
    if !folder.check(path)? {
        return Ok(None);
    }
    let failed = || StoreError::io("reading", path);
    let mut start = Vec::new();
    File::open(path).map_err(failed())?.take(4096).read_to_end(&mut start).map_err(failed())?;
    let line = start.split_inclusive(|&byte| byte == b'\n').next().unwrap_or_default();
    parse_head(line, path).map(Some)
}

fn decompress(compressed: &[u8], size: u64) -> Result<Vec<u8>, String> {
    if size > LARGEST {
        return Err("its size is wrong".to_owned());
    }
    zstd::bulk::decompress(compressed, size as usize).map_err(|error| error.to_string())
}
