//! A file that nobody else can open: a disk that does not answer.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

/// Makes whoever else opens a file wait in the kernel, until this is dropped or the system has had enough
/// (`/proc/sys/fs/lease-break-time`, 45 s). None where the system, or this file system, cannot do that. Nobody may have
/// the file open.
#[derive(Debug)]
pub struct Obstacle(#[expect(dead_code, reason = "the lease goes with it")] File);

impl Obstacle {
    /// Puts it in the way.
    pub fn before(path: &Path) -> Option<Self> {
        let file = File::options().read(true).write(true).open(path).ok()?;
        lease(&file).then_some(Self(file))
    }
}

/// Takes a lease (`fcntl(2)`).
#[cfg(target_os = "linux")]
fn lease(file: &File) -> bool {
    /// Of `linux/fcntl.h`; the crate has no name for it.
    const F_SETSIG: libc::c_int = 10;
    let fd = file.as_raw_fd();
    // SAFETY: both calls take a descriptor, which `file` keeps open, and a number; they touch no memory of ours. The
    // signal for a lease that is to be given back is one that is ignored: the usual one ends the process.
    unsafe {
        libc::fcntl(fd, F_SETSIG, libc::SIGURG) == 0 && libc::fcntl(fd, libc::F_SETLEASE, libc::F_WRLCK) == 0
    }
}

#[cfg(not(target_os = "linux"))]
fn lease(file: &File) -> bool {
    let _ = file.as_raw_fd();
    false
}
