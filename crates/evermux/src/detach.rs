//! Starting a process that outlives us and our terminal. The only `unsafe` of the binary.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Starts `command` in a session of its own, as a child of nobody we wait for.
///
/// # Errors
/// If it cannot be started.
pub fn spawn(command: &mut Command) -> io::Result<()> {
    // SAFETY: between fork and exec only `setsid` is called, which is async-signal-safe.
    unsafe {
        command.pre_exec(|| {
            // Fails only for a leader of a group, which a new child is not.
            let _ = rustix::process::setsid();
            Ok(())
        });
    }
    command.spawn().map(drop)
}
