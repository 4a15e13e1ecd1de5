//! The restorer's side of the gate.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::FileType;
use rustix::io::FdFlags;
use thiserror::Error;

use super::{Ending, Job, LATER};
use crate::model::PaneId;

/// What starts the process that takes panes over from this one.
pub type Heir = std::process::Command;

/// Why panes cannot be held.
#[derive(Debug, Error)]
pub enum GateError {
    /// A file of the job could not be made or changed.
    #[error("cannot prepare {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The helper did not come: another program runs in the pane, or evermux cannot be executed from there.
    #[error("pane {pane} does not wait for its text")]
    NoShow {
        /// Which.
        pane: PaneId,
    },
}

/// Holds the panes that are made while its [`Gate::link`] is tmux's `default-shell`.
#[derive(Debug)]
pub struct Gate {
    job: Job,
    link: PathBuf,
    shell: PathBuf,
    arrivals: Arc<Arrivals>,
}

#[derive(Debug, Default)]
struct Arrivals {
    waiting: Mutex<HashMap<(PaneId, u32), UnixStream>>,
    changed: Condvar,
}

/// A pane whose process waits.
#[derive(Debug)]
pub struct Held {
    stream: UnixStream,
}

impl Gate {
    /// Makes the job's folder (0700; its parents must exist), puts a link named like `shell` to `helper` (evermux)
    /// into it, and listens.
    ///
    /// # Errors
    /// [`GateError::File`] if a file cannot be made.
    pub fn open(folder: &Path, helper: &Path, shell: &Path) -> Result<Self, GateError> {
        let job = Job { folder: folder.to_owned() };
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| GateError::File { path, source }
        };
        fs::DirBuilder::new().mode(0o700).recursive(true).create(job.bin()).map_err(failed(folder))?;
        fs::write(job.shell_file(), shell.as_os_str().as_bytes()).map_err(failed(&job.shell_file()))?;
        let link = job.bin().join(shell.file_name().unwrap_or(shell.as_os_str()));
        symlink(helper, &link).map_err(failed(&link))?;
        let open = File::open(folder).map_err(failed(folder))?;
        let socket = UnixListener::bind(job.socket(&open)).map_err(failed(&folder.join(Job::SOCKET)))?;
        let arrivals = Arc::new(Arrivals::default());
        let thread_arrivals = Arc::clone(&arrivals);
        // Ends with the process; a restore is one process's last work.
        std::thread::spawn(move || receive(&socket, &thread_arrivals));
        Ok(Self { job, link, shell: shell.to_owned(), arrivals })
    }

    /// What `default-shell` must be while panes are made.
    pub fn link(&self) -> &Path {
        &self.link
    }

    /// Waits until the process `pid` of `pane` holds it.
    ///
    /// # Errors
    /// [`GateError::NoShow`] at `deadline`.
    pub fn wait(&self, pane: PaneId, pid: u32, deadline: Instant) -> Result<Held, GateError> {
        let mut waiting = self.arrivals.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(stream) = waiting.remove(&(pane, pid)) {
                return Ok(Held { stream });
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(GateError::NoShow { pane });
            }
            let woken = self.arrivals.changed.wait_timeout(waiting, left);
            waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Lets every pane go that still waits, and lets the link lead to the real shell from now on.
    ///
    /// # Errors
    /// [`GateError::File`] if the link cannot be changed.
    pub fn close(self) -> Result<(), GateError> {
        let failed = |source| GateError::File { path: self.link.clone(), source };
        let _ = fs::remove_file(self.job.folder.join(Job::SOCKET));
        self.arrivals.waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let new = self.job.folder.join("new");
        let _ = fs::remove_file(&new);
        symlink(&self.shell, &new).map_err(failed)?;
        fs::rename(&new, &self.link).map_err(failed)
    }
}

impl Held {
    /// Whether the process still waits. Its terminal may be written only while it does: afterwards another program
    /// may own it.
    pub fn waits(&self) -> bool {
        let mut byte = [0];
        if self.stream.set_nonblocking(true).is_err() {
            return false;
        }
        matches!((&self.stream).read(&mut byte), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Tells it that its text is there, and that its shell may start later: when it is let go, or when a key comes.
    pub fn put_off(&self) {
        // An error means that it has gone already.
        let _ = self.stream.set_nonblocking(false);
        let _ = (&self.stream).write_all(LATER.as_bytes());
    }

    /// Has the process that `heir` starts hold these instead of this one; by which numbers it finds them
    /// ([`Held::inherit`]). If it is not started, they are let go with `heir`.
    pub fn bequeath(held: Vec<Self>, heir: &mut Heir) -> Vec<RawFd> {
        let numbers = held.iter().map(|held| held.stream.as_raw_fd()).collect();
        let keep = move || {
            for held in &held {
                rustix::io::fcntl_setfd(&held.stream, FdFlags::empty())?;
            }
            Ok(())
        };
        // SAFETY: between fork and exec it makes system calls alone. Only there the descriptors become ones that are
        // inherited, so that nothing else that this process starts can hold panes unknowingly.
        unsafe { heir.pre_exec(keep) };
        numbers
    }

    /// Takes over what was bequeathed to this process under this number, once; none if that is no socket.
    pub fn inherit(number: RawFd) -> Option<Self> {
        if number <= 2 {
            return None;
        }
        // SAFETY: borrowed only to be looked at; what is not open is an error.
        let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
        let kind = FileType::from_raw_mode(rustix::fs::fstat(borrowed).ok()?.st_mode);
        if kind != FileType::Socket {
            return None;
        }
        rustix::io::fcntl_setfd(borrowed, FdFlags::CLOEXEC).ok()?;
        // SAFETY: it is open and was made for this process, which has no other owner of it: it is told of it once.
        Some(Self { stream: unsafe { UnixStream::from_raw_fd(number) } })
    }

    /// Lets it go.
    pub fn release(mut self, ending: Ending) {
        // An error means that it has gone already.
        let _ = self.stream.set_nonblocking(false);
        let _ = self.stream.write_all(ending.write().as_bytes());
    }
}

/// Takes in helpers until the listener fails.
fn receive(listener: &UnixListener, arrivals: &Arrivals) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else { return };
        if let Some((pane, pid)) = hello(&stream) {
            arrivals.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert((pane, pid), stream);
            arrivals.changed.notify_all();
        }
    }
}

/// Reads `%PANE PID`, said by a process that is really `pid`.
fn hello(stream: &UnixStream) -> Option<(PaneId, u32)> {
    stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    let mut line = Vec::new();
    BufReader::new(stream).take(64).read_until(b'\n', &mut line).ok()?;
    stream.set_read_timeout(None).ok()?;
    let line = String::from_utf8(line).ok()?;
    let (pane, pid) = line.trim_end().split_once(' ')?;
    let (pane, pid) = (pane.parse().ok()?, pid.parse().ok()?);
    is_process(stream, pid).then_some((pane, pid))
}

#[cfg(target_os = "linux")]
fn is_process(stream: &UnixStream, pid: u32) -> bool {
    rustix::net::sockopt::socket_peercred(stream)
        .is_ok_and(|peer| u32::try_from(peer.pid.as_raw_nonzero().get()) == Ok(pid))
}

/// The folder is ours alone (0700), so only our own processes can connect at all.
#[cfg(not(target_os = "linux"))]
fn is_process(_stream: &UnixStream, _pid: u32) -> bool {
    true
}
