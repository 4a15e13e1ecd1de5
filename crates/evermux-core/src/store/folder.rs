//! Where the store lives, and whether what is there may be trusted.
//!
//! One folder per user and machine, `ROOT/MACHINE`, mode 0700, its files 0600 from their first byte whatever the
//! umask (SQLite gives its `-wal` and `-shm` files the mode of the database). Everything in it must be a real file or
//! folder of the user's that nobody else can write to; otherwise nothing is read or written.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use tempfile::NamedTempFile;

use super::error::{Refusal, StoreError};
use crate::model::ServerName;

/// Where a store is to be. All of it from outside: this library reads no environment.
#[derive(Clone, Debug)]
pub struct Place {
    /// The state folder of all machines: `${XDG_STATE_HOME:-~/.local/state}/evermux`.
    pub root: PathBuf,
    /// The machine, as a single folder name.
    pub machine: String,
    /// The user that everything must belong to: the effective one.
    pub uid: u32,
    /// A folder of the user's on a local file system, for locks where the store itself is on a network file system:
    /// `/run/user/UID`, made from the uid and not from the environment, so that all processes mean the same one.
    pub runtime: PathBuf,
    /// The same where the first is not there: `/tmp/evermux-UID`.
    pub fallback: PathBuf,
    /// Whether the store is on a network file system; none: ask the system.
    pub network: Option<bool>,
}

impl Place {
    /// The usual place.
    pub fn new(root: impl Into<PathBuf>, machine: impl Into<String>, uid: u32) -> Self {
        Self {
            root: root.into(),
            machine: machine.into(),
            uid,
            runtime: format!("/run/user/{uid}").into(),
            fallback: format!("/tmp/evermux-{uid}").into(),
            network: None,
        }
    }

    /// The machine's folder.
    pub fn folder(&self) -> PathBuf {
        self.root.join(&self.machine)
    }

    /// The machines that have a folder here, this one included, sorted.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the state folder cannot be read; a missing one is no error.
    pub fn machines(&self) -> Result<Vec<String>, StoreError> {
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(StoreError::io("reading", &self.root))?,
        };
        let mut machines: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| check_machine(name).is_ok() && self.root.join(name).join(DATABASE).exists())
            .collect();
        machines.sort();
        Ok(machines)
    }
}

/// The database's file name.
pub(super) const DATABASE: &str = "evermux.db";
/// SQLite's files beside it.
const BESIDE: [&str; 3] = ["evermux.db-wal", "evermux.db-shm", "evermux.db-journal"];

/// A store's folder that has been checked.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    /// Its real path, without symbolic links.
    pub path: PathBuf,
    /// Where locks are.
    pub locks: PathBuf,
    /// Whether it is on a network file system.
    pub network: bool,
    /// Distinguishes the locks of several state folders in one lock folder.
    prefix: String,
    uid: u32,
}

impl Folder {
    /// Checks the folder of `place`, and makes it (`create`) where it is not there.
    ///
    /// # Errors
    /// [`StoreError::Absent`] without `create`; [`StoreError::Refused`] names what may not be trusted.
    pub fn open(place: &Place, create: bool) -> Result<Self, StoreError> {
        check_machine(&place.machine)?;
        let path = place.folder();
        if create {
            fs::create_dir_all(place.root.parent().unwrap_or(Path::new("/")))
                .map_err(StoreError::io("making", &place.root))?;
            make_folder(&place.root)?;
        } else if !path.exists() {
            return Err(StoreError::Absent(path));
        }
        check_root(&place.root, place.uid)?;
        if create {
            make_folder(&path)?;
        }
        check_folder(&path, place.uid, create)?;
        let real = fs::canonicalize(&path).map_err(StoreError::io("reading", &path))?;
        let network = match place.network {
            Some(network) => network,
            None => is_network(&real).map_err(StoreError::io("reading", &real))?,
        };
        let mut folder =
            Self { locks: real.clone(), prefix: String::new(), path: real, network, uid: place.uid };
        if network {
            folder.locks = lock_folder(place)?;
            folder.prefix = format!("{}-", short_hash(folder.path.as_os_str().as_encoded_bytes()));
        }
        folder.check_files(create)?;
        Ok(folder)
    }

    /// The folder of locks that belong to no store: always on a local file system, the same for all processes of a user.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if it may not be trusted.
    pub fn of_locks(uid: u32) -> Result<Self, StoreError> {
        let locks = lock_folder(&Place::new("/", "none", uid))?;
        Ok(Self { path: locks.clone(), locks, network: false, prefix: String::new(), uid })
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// The folder of the logs, which need not exist yet.
    pub fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// The folder of tickets, which need not exist yet.
    pub fn tickets(&self) -> PathBuf {
        self.path.join("tickets")
    }

    /// The folder of what shells tell, which need not exist yet.
    pub fn shells(&self) -> PathBuf {
        self.path.join("shell")
    }

    /// The folder of restores' files, made if it is not there.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if it is not ours alone.
    pub fn jobs(&self) -> Result<PathBuf, StoreError> {
        let path = self.path.join("jobs");
        make_folder(&path)?;
        check_folder(&path, self.uid, true)?;
        Ok(path)
    }

    /// The lock called `name`.
    pub fn lock(&self, name: &str) -> PathBuf {
        self.locks.join(format!("{}{name}.lock", self.prefix))
    }

    /// The emergency file of a server: that of its present life, or of the one before.
    pub fn emergency(&self, server: &ServerName, previous: bool) -> PathBuf {
        let which = if previous { "previous.emergency" } else { "emergency" };
        self.path.join(format!("{}.{which}", server_key(server)))
    }

    /// The file in which the keeper says how a server is kept.
    pub fn status(&self, server: &ServerName) -> PathBuf {
        self.path.join(format!("{}.status", server_key(server)))
    }

    /// The file that says what the last restore of a server has brought.
    pub fn restored(&self, server: &ServerName) -> PathBuf {
        self.path.join(format!("{}.restored", server_key(server)))
    }

    /// The file that says that too much is kept for ever.
    pub fn over(&self) -> PathBuf {
        self.path.join("over-limit")
    }

    /// Opens a file of this folder, or of the lock folder, for reading and writing, and makes it where it is not
    /// there. Not for the database: closing any descriptor of a file drops SQLite's POSIX locks on it.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for a symbolic link or a file of somebody else.
    pub fn open_file(&self, path: &Path, append: bool) -> Result<File, StoreError> {
        let file = OpenOptions::new()
            .read(true)
            .write(!append)
            .append(append)
            .create(true)
            .mode(0o600)
            .custom_flags((OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK).bits() as i32)
            .open(path)
            .map_err(|error| match rustix::io::Errno::from_io_error(&error) {
                Some(rustix::io::Errno::LOOP) => refused(path, Refusal::NotAFile),
                _ => StoreError::io("opening", path)(error),
            })?;
        let metadata = file.metadata().map_err(StoreError::io("reading", path))?;
        check_file(path, &metadata, self.uid)?;
        if metadata.mode() & 0o777 != 0o600 {
            file.set_permissions(Permissions::from_mode(0o600))
                .map_err(StoreError::io("closing to others", path))?;
        }
        Ok(file)
    }

    /// Writes a file of this folder (or one below it) at once: it is there whole or not at all.
    ///
    /// Once this returns, a power cut leaves the new content: the bytes and the folder's entry are on disk. A crash
    /// before leaves the old content, and perhaps a temporary file beside it that the next call removes; so two
    /// processes must not write the same file at once (the caller holds a lock).
    ///
    /// # Errors
    /// The file is unchanged after any error.
    pub fn replace_file(&self, path: &Path, content: &[&[u8]]) -> Result<(), StoreError> {
        let folder = path.parent().unwrap_or(&self.path);
        let failed = || StoreError::io("writing", path);
        remove_leftovers(path);
        let mut file = temporary(path).map_err(failed())?;
        for bytes in content {
            file.write_all(bytes).map_err(failed())?;
        }
        file.as_file().sync_all().map_err(failed())?;
        file.persist(path).map_err(|error| failed()(error.error))?;
        sync_folder(folder)
    }

    /// Makes an empty database file, 0600, if none is there. The caller holds the lock for that.
    pub fn create_database(&self) -> Result<(), StoreError> {
        let path = self.database();
        let failed = || StoreError::io("making", &path);
        // What a database that was removed has left beside it. Its connections may still live, in this process, too, and
        // share that file: SQLite would make it shorter under them, which ends a process by SIGBUS.
        let mut shared = path.as_os_str().to_owned();
        shared.push("-shm");
        if !self.check(&path)? && self.check(Path::new(&shared))? {
            fs::remove_file(&shared).map_err(StoreError::io("removing", Path::new(&shared)))?;
        }
        // Made under another name and linked into place: a descriptor of the database itself is never opened and
        // closed here, which would drop the POSIX locks of a connection in another thread.
        let file = temporary(&path).map_err(failed())?;
        match file.persist_noclobber(&path) {
            Ok(_) => sync_folder(&self.path),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(failed()(error.error)),
        }
    }

    /// Checks a file that is there before it is read; whether it is there.
    ///
    /// # Errors
    /// [`StoreError::Refused`].
    pub fn check(&self, path: &Path) -> Result<bool, StoreError> {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            metadata => {
                let metadata = metadata.map_err(StoreError::io("reading", path))?;
                check_file(path, &metadata, self.uid).map(|()| true)
            }
        }
    }

    /// Checks the database and what SQLite keeps beside it; with `write`, closes them to others.
    fn check_files(&self, write: bool) -> Result<(), StoreError> {
        for name in [DATABASE].iter().chain(&BESIDE) {
            let path = self.path.join(name);
            if self.check(&path)? && write {
                fs::set_permissions(&path, Permissions::from_mode(0o600))
                    .map_err(StoreError::io("closing to others", &path))?;
            }
        }
        Ok(())
    }
}

/// A new file beside `path`, 0600 from its first byte and whatever the umask, removed when dropped.
pub(super) fn temporary(path: &Path) -> io::Result<NamedTempFile> {
    let file = tempfile::Builder::new()
        .prefix(&temporary_prefix(path))
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(path.parent().unwrap_or(Path::new("/")))?;
    // The umask can have taken bits away from the owner, too.
    file.as_file().set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

fn temporary_prefix(path: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".tmp");
    prefix
}

/// Removes what crashed processes left of [`temporary`] files for `path`; a failure to do so harms nothing.
fn remove_leftovers(path: &Path) {
    let prefix = temporary_prefix(path);
    let Some(Ok(entries)) = path.parent().map(fs::read_dir) else { return };
    for entry in entries.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A short name of a server for file names: readable, and different for every socket.
pub(super) fn server_key(server: &ServerName) -> String {
    let socket: &[u8] = &server.socket;
    let name = socket.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    let mut readable: String = name.iter().copied().filter(plain).take(24).map(char::from).collect();
    if readable.is_empty() {
        readable.push_str("server");
    }
    // The machine belongs to the name: snapshots of another machine may be kept here.
    let whole = [server.machine.as_bytes(), b"\0", socket].concat();
    format!("{readable}-{}", short_hash(&whole))
}

fn short_hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..16].to_owned()
}

/// Brings a folder's entries to the disk.
pub(super) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let folder = File::open(path).map_err(StoreError::io("opening", path))?;
    match folder.sync_all() {
        // Some file systems cannot do that for folders; then they do not need it either.
        Err(error) if matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput) => {
            Ok(())
        }
        synced => synced.map_err(StoreError::io("writing", path)),
    }
}

fn refused(path: &Path, why: Refusal) -> StoreError {
    StoreError::Refused { path: path.to_owned(), why }
}

/// One folder name of plain characters: it comes from outside.
fn check_machine(machine: &str) -> Result<(), StoreError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let good = (1..=128).contains(&machine.len()) && machine.bytes().all(plain);
    if good { Ok(()) } else { Err(StoreError::BadMachine(machine.to_owned())) }
}

/// Makes a folder for its owner alone, if it is not there.
fn make_folder(path: &Path) -> Result<(), StoreError> {
    match DirBuilder::new().mode(0o700).create(path) {
        // The umask can only have taken bits away.
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(0o700)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
    .map_err(StoreError::io("making", path))
}

/// The state folder may be a link to elsewhere and may belong to root, but others must not be able to move the
/// machine's folder away.
fn check_root(path: &Path, uid: u32) -> Result<(), StoreError> {
    let metadata = fs::metadata(path).map_err(StoreError::io("reading", path))?;
    match metadata.mode() & 0o022 {
        _ if !metadata.is_dir() => Err(refused(path, Refusal::NotAFolder)),
        _ if metadata.uid() != uid && metadata.uid() != 0 => Err(refused(path, Refusal::NotOurs)),
        0 => Ok(()),
        _ => Err(refused(path, Refusal::WritableByOthers)),
    }
}

/// A folder of ours that others cannot write to; `close` also keeps them from looking into it.
fn check_folder(path: &Path, uid: u32, close: bool) -> Result<(), StoreError> {
    let metadata = fs::symlink_metadata(path).map_err(StoreError::io("reading", path))?;
    let mode = metadata.mode() & 0o777;
    if !metadata.is_dir() {
        return Err(refused(path, Refusal::NotAFolder));
    }
    if metadata.uid() != uid {
        return Err(refused(path, Refusal::NotOurs));
    }
    if mode & 0o022 != 0 {
        return Err(refused(path, Refusal::WritableByOthers));
    }
    if close && mode != 0o700 {
        fs::set_permissions(path, Permissions::from_mode(0o700))
            .map_err(StoreError::io("closing to others", path))?;
    }
    Ok(())
}

pub(super) fn check_file(path: &Path, metadata: &Metadata, uid: u32) -> Result<(), StoreError> {
    if !metadata.is_file() {
        return Err(refused(path, Refusal::NotAFile));
    }
    if metadata.uid() != uid {
        return Err(refused(path, Refusal::NotOurs));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(refused(path, Refusal::WritableByOthers));
    }
    Ok(())
}

/// A folder below `log/`.
pub(super) fn make_checked_folder(path: &Path, uid: u32) -> Result<(), StoreError> {
    make_folder(path)?;
    check_folder(path, uid, true)
}

impl Folder {
    /// The owner of everything.
    pub fn uid(&self) -> u32 {
        self.uid
    }
}

/// Where locks are when the store itself is on a network file system, on which locks may not work.
fn lock_folder(place: &Place) -> Result<PathBuf, StoreError> {
    let runtime = place.runtime.join("evermux");
    if check_folder(&place.runtime, place.uid, false).is_ok() {
        make_checked_folder(&runtime, place.uid)?;
        return Ok(runtime);
    }
    let path = &place.fallback;
    make_folder(path)?;
    check_folder(path, place.uid, false)?;
    // Anybody could have made it first: only a closed one is certainly ours.
    let mode = fs::symlink_metadata(path).map_err(StoreError::io("reading", path))?.mode();
    if mode & 0o077 != 0 {
        return Err(refused(path, Refusal::OpenToOthers));
    }
    Ok(path.clone())
}

/// Whether `path` is on a file system of another machine, or behind a program (FUSE), where locks and shared memory
/// cannot be relied on. Numbers from statfs(2).
#[cfg(target_os = "linux")]
fn is_network(path: &Path) -> io::Result<bool> {
    const NETWORK: [u32; 12] = [
        0x6969,      // NFS
        0x517b,      // SMB
        0xff53_4d42, // CIFS
        0xfe53_4d42, // SMB2
        0x6573_5546, // FUSE
        0x0102_1997, // 9P
        0x5346_414f, // AFS (OpenAFS)
        0x6b41_4653, // AFS
        0x7375_7245, // Coda
        0x00c3_6400, // Ceph
        0x0bd0_0bd0, // Lustre
        0x4750_4653, // GPFS
    ];
    let kind = rustix::fs::statfs(path)?.f_type;
    Ok(NETWORK.contains(&(kind as u32)))
}

/// Whether `path` is on a file system of another machine.
#[cfg(target_os = "macos")]
fn is_network(path: &Path) -> io::Result<bool> {
    // MNT_LOCAL of sys/mount.h.
    const LOCAL: u32 = 0x1000;
    Ok(rustix::fs::statfs(path)?.f_flags & LOCAL == 0)
}

/// What lies in a folder, but for folders in it; nothing where there is none.
pub(super) fn files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| !path.is_dir())
}
