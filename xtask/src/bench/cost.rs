//! What a command costs, besides time: processor time, memory, bytes written.

use std::fs;
use std::io::{Read as _, Seek as _};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use wait4::Wait4 as _;

/// Between two looks at the memory of a command.
const PAUSE: Duration = Duration::from_millis(1);

/// With fewer looks than these it has only begun.
const LOOKS: u32 = 10;

/// What one run of a command cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// By the clock, from its start to its end.
    pub took: Duration,
    /// Its processor time, that of the clients it ran included.
    pub own: Duration,
    /// The processor time of tmux's server meanwhile.
    pub tmux: Duration,
    /// The most memory it had at once, in bytes, as seen every millisecond; 0 if it ended before that says anything.
    pub memory: u64,
    /// The bytes it gave to the disk (`write_bytes` of `/proc/PID/io`); where files are in memory, to anything at all
    /// (`wchar`).
    pub written: u64,
}

/// Runs a command, which must end with 0 or 3. `server`: the process of tmux's server, if one lives.
///
/// # Errors
/// What it said, if it ends otherwise.
pub fn run(mut command: Command, server: Option<u32>) -> Result<Cost> {
    let mut said = tempfile::tempfile()?;
    command.stdout(Stdio::null()).stderr(said.try_clone()?);
    let before = server.map(spent).unwrap_or_default();
    let begun = Instant::now();
    let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
    let id = child.id();
    let (took, memory) = thread::scope(|scope| {
        let memory = scope.spawn(move || most_memory(id));
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw).context("a process id")?;
        // It stays a zombie, of which the system still tells what it wrote.
        waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
        let took = begun.elapsed();
        anyhow::Ok((took, memory.join().unwrap_or_default()))
    })?;
    let tmux = server.map(spent).unwrap_or_default().saturating_sub(before);
    let written = bytes_written(id, in_memory());
    let used = child.wait4()?;
    if !matches!(used.status.code(), Some(0 | 3)) {
        let mut text = String::new();
        said.rewind()?;
        said.read_to_string(&mut text)?;
        ensure!(false, "{command:?}: {}\n{text}", used.status);
    }
    Ok(Cost { took, own: used.rusage.utime + used.rusage.stime, tmux, memory, written })
}

/// The processor time that a process has used until now: the first number of its `schedstat`, in nanoseconds. Of the
/// main thread only: tmux has no other.
pub fn spent(pid: u32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    let number = text.split_whitespace().next().and_then(|number| number.parse().ok());
    Duration::from_nanos(number.unwrap_or_default())
}

/// Looks at the memory of a process until it has ended. Not by what `wait4` tells: that begins with the memory of the
/// process that started it.
fn most_memory(pid: u32) -> u64 {
    let (mut most, mut looks) = (0, 0);
    while let Some(kilobytes) = field(&format!("/proc/{pid}/status"), "VmHWM:") {
        (most, looks) = (kilobytes * 1024, looks + 1);
        thread::sleep(PAUSE);
    }
    if looks < LOOKS { 0 } else { most }
}

fn bytes_written(pid: u32, in_memory: bool) -> u64 {
    field(&format!("/proc/{pid}/io"), if in_memory { "wchar:" } else { "write_bytes:" }).unwrap_or_default()
}

/// Whether the folder of the sandboxes is in memory, where no write is one to a disk.
pub fn in_memory() -> bool {
    const TMPFS: u64 = 0x0102_1994;
    rustix::fs::statfs("/tmp").is_ok_and(|system| system.f_type.cast_unsigned() == TMPFS)
}

/// The number after a word at the beginning of a line.
fn field(file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.split_whitespace().next()?.parse().ok()
}
