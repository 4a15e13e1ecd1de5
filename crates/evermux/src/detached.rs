//! Processes of our own that go on without whoever started them, and what they tell as long as somebody listens.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{ChildStdout, Command, Stdio};
use std::time::Instant;

use bstr::ByteSlice;
use evermux_core::procs::executable;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::error::CliError;

/// The file that this process executes; where it was replaced or removed since, its last path. So other processes of ours
/// are known by their files also after an upgrade.
pub fn program() -> Option<PathBuf> {
    executable(std::process::id()).map(|path| PathBuf::from(path.to_os_str_lossy().into_owned()))
}

/// This program, to be started away from the terminal: in a directory that cannot vanish, and not as what a service
/// manager watches. It still has to [`leave`].
///
/// # Errors
/// If it is not known where this program is.
pub fn itself() -> Result<Command, CliError> {
    let program = std::env::current_exe()
        .map_err(|error| CliError::failed("cannot tell where evermux itself is").because(&error))?;
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
    for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC"] {
        command.env_remove(name);
    }
    Ok(command)
}

/// The same, which is told what it is about and must not take it from the tmux it was started in.
///
/// # Errors
/// Those of [`itself`].
pub fn stranger() -> Result<Command, CliError> {
    let mut command = itself()?;
    command.env_remove("TMUX").env_remove("TMUX_PANE");
    Ok(command)
}

/// Starts such a process.
///
/// # Errors
/// If it cannot be run.
pub fn start(command: &mut Command) -> Result<std::process::Child, CliError> {
    command.spawn().map_err(|error| CliError::failed("cannot run evermux itself").because(&error))
}

/// What such a process does first: it takes no share in the terminal and the signals of who started it.
pub fn leave() {
    // Fails only for the leader of a group, which a new child is not.
    let _ = rustix::process::setsid();
}

/// Reads what such a process says, into `bytes`, at most until `end`: how much; none if the time is up.
pub fn hear(said: &mut ChildStdout, bytes: &mut [u8], end: Instant) -> Option<io::Result<usize>> {
    loop {
        let left = end.checked_duration_since(Instant::now())?;
        let time =
            Timespec { tv_sec: left.as_secs().min(3600).cast_signed(), tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::from_borrowed_fd(said.as_fd(), PollFlags::IN)], Some(&time)) {
            Ok(0) | Err(Errno::INTR) => continue,
            Ok(_) => {}
            Err(error) => return Some(Err(error.into())),
        }
        match said.read(bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return Some(read),
        }
    }
}
