//! Processes that tests started: found by their environment, ended by their own id only.

use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal};

use crate::wait::{LIMIT, wait_until};

/// A process, held so that its id cannot come to mean another one (a pidfd on Linux).
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    #[cfg(target_os = "linux")]
    handle: rustix::fd::OwnedFd,
}

impl Process {
    /// Takes hold of a living process; none if there is none with that id.
    pub fn open(pid: u32) -> Option<Process> {
        let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
        #[cfg(target_os = "linux")]
        let process = Process {
            pid,
            handle: rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()?,
        };
        #[cfg(not(target_os = "linux"))]
        let process = Process { pid };
        process.lives().then_some(process)
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Whether it has not ended. A zombie has.
    #[cfg(target_os = "linux")]
    pub fn lives(&self) -> bool {
        !self.ended_within(Duration::ZERO)
    }

    /// Whether it has not ended.
    #[cfg(not(target_os = "linux"))]
    pub fn lives(&self) -> bool {
        rustix::process::test_kill_process(self.pid).is_ok()
    }

    /// Sends it a signal; nothing happens if it has ended.
    pub fn signal(&self, signal: Signal) {
        #[cfg(target_os = "linux")]
        let sent = rustix::process::pidfd_send_signal(&self.handle, signal);
        #[cfg(not(target_os = "linux"))]
        let sent = rustix::process::kill_process(self.pid, signal);
        let _ended_already = sent;
    }

    /// Kills it with SIGKILL and waits until it is gone.
    #[track_caller]
    pub fn kill(&self) {
        self.signal(Signal::KILL);
        wait_until("a killed process is gone", LIMIT, || !self.lives());
    }

    /// Waits for its end at most `limit`; whether it has ended.
    pub fn ended_within(&self, limit: Duration) -> bool {
        #[cfg(target_os = "linux")]
        {
            use rustix::event::{PollFd, PollFlags, Timespec, poll};
            let limit = Timespec {
                tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(limit.subsec_nanos()),
            };
            let mut ends = [PollFd::new(&self.handle, PollFlags::IN)];
            loop {
                match poll(&mut ends, Some(&limit)) {
                    Err(rustix::io::Errno::INTR) => continue,
                    Err(error) => panic!("poll of a pidfd: {error}"),
                    Ok(ready) => return ready > 0,
                }
            }
        }
        #[cfg(not(target_os = "linux"))]
        {
            let end = std::time::Instant::now() + limit;
            while self.lives() && std::time::Instant::now() < end {
                std::thread::sleep(Duration::from_millis(2));
            }
            !self.lives()
        }
    }
}

/// Every living process whose environment says `NAME=VALUE` (Linux; elsewhere none, there a sandbox ends only the
/// servers it knows).
pub(crate) fn with_variable(name: &str, value: &Path) -> Vec<Process> {
    use std::os::unix::ffi::OsStrExt;

    let mut wanted = name.as_bytes().to_vec();
    wanted.push(b'=');
    wanted.extend_from_slice(value.as_os_str().as_bytes());
    let says_so = |pid: u32| {
        std::fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|environment| environment.split(|byte| *byte == 0).any(|entry| entry == wanted))
    };
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| *pid != std::process::id() && says_so(*pid))
        .filter_map(Process::open)
        // Read again with the process in hand: the id may have been reused before it was opened.
        .filter(|process| says_so(process.id()))
        .collect()
}
