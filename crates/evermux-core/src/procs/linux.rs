//! Linux: `/proc` (proc_pid_stat(5), proc_pid_cmdline(5)).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use bstr::{BString, ByteSlice};
use rustix::fs::{Mode, OFlags};

use super::prompt::OpenFile;
use super::{Asked, Process, Reading};

pub(super) const SOURCE: &str = "/proc";

/// Longer than any line of `/proc/PID/stat`: 52 numbers of at most 20 digits, and a name of at most 64 bytes.
const STAT_BYTES: usize = 2048;

/// All processes that can be seen. Those that go away meanwhile are left out.
pub(super) fn processes() -> io::Result<Vec<Process>> {
    let proc = open_folder("/proc")?;
    let clock = Clock::read()?;
    let mut found = Vec::with_capacity(1024);
    for entry in rustix::fs::Dir::read_from(&proc)? {
        // The folder's own listing breaks off only if /proc itself is gone.
        let entry = entry?;
        let Some(pid) = number::<u32>(entry.file_name().to_bytes()) else { continue };
        found.extend(read_stat(proc.as_fd(), pid, clock));
    }
    Ok(found)
}

/// One process.
pub(super) fn one(pid: u32) -> Option<Process> {
    read_stat(open_folder("/proc").ok()?.as_fd(), pid, Clock { boot: 0, ticks_per_second: 1 })
}

/// [`Process::birth`] of a process that has not ended.
pub(super) fn birth(pid: u32) -> Option<u64> {
    let process = one(pid)?;
    (!process.zombie).then_some(process.birth)
}

/// The unit of [`Process::birth`].
pub(super) fn births_per_second() -> u64 {
    rustix::param::clock_ticks_per_second().max(1)
}

/// The argument vector. Each argument ends with a NUL; only a rewritten title may lack the last one.
pub(super) fn argv(pid: u32) -> Vec<BString> {
    let Ok(bytes) = std::fs::read(format!("/proc/{pid}/cmdline")) else { return Vec::new() };
    if bytes.is_empty() {
        return Vec::new();
    }
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    bytes.split(|&byte| byte == 0).map(BString::from).collect()
}

/// The environment it was started with.
pub(super) fn environment(pid: u32) -> Vec<(BString, BString)> {
    let bytes = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let variables = bytes.split(|&byte| byte == 0).filter_map(|entry| entry.split_once_str("="));
    variables.map(|(name, value)| (name.into(), value.into())).collect()
}

/// The working directory.
pub(super) fn directory(pid: u32) -> Option<BString> {
    read_link(&format!("/proc/{pid}/cwd"))
}

/// The file it executes.
pub(super) fn executable(pid: u32) -> Option<BString> {
    read_link(&format!("/proc/{pid}/exe"))
}

/// The path of a terminal by its device number, where that tells it.
pub(super) fn terminal_path(device: u64) -> Option<PathBuf> {
    // Pseudo terminals have the major numbers 136 to 143 (devices.txt); since Linux 2.6 only the first is used.
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    (major == 136).then(|| format!("/dev/pts/{minor}").into())
}

/// Whether the process is blocked reading its terminal. `wchan` says `0` where it may not be known.
pub(super) fn reading(pid: u32) -> Reading {
    match std::fs::read(format!("/proc/{pid}/wchan")).as_deref() {
        // n_tty_read sleeps in wait_woken (kernels of 4.x and later; sigsuspend and poll have other names).
        Ok(b"wait_woken" | b"n_tty_read") => Reading::Yes,
        Ok(b"" | b"0") | Err(_) => Reading::Unknown,
        Ok(_) => Reading::No,
    }
}

/// Whether the process is blocked until something happens: in poll, select or epoll, or as a thread of others that are.
pub(super) fn awaiting_events(pid: u32) -> Reading {
    match std::fs::read(format!("/proc/{pid}/wchan")).as_deref() {
        Ok(b"" | b"0") | Err(_) => Reading::Unknown,
        Ok(name) if [&b"poll"[..], b"select", b"futex"].iter().any(|part| name.contains_str(part)) => {
            Reading::Yes
        }
        Ok(_) => Reading::No,
    }
}

/// The files that a process has open at this number or above, as far as they may be read.
pub(super) fn open_files(pid: u32, lowest: u32) -> Vec<OpenFile> {
    // Relative to the folder: each path from /proc on is checked anew, which would cost as much again.
    let Ok(folder) = open_folder(&format!("/proc/{pid}/fd")) else { return Vec::new() };
    let Ok(entries) = rustix::fs::Dir::read_from(&folder) else { return Vec::new() };
    let file = |entry: rustix::fs::DirEntry| {
        let descriptor =
            number(entry.file_name().to_bytes()).filter(|&descriptor: &u32| descriptor >= lowest)?;
        let path = rustix::fs::readlinkat(&folder, entry.file_name(), Vec::new()).ok()?;
        Some(OpenFile { descriptor, path: path.into_bytes().into() })
    };
    entries.map_while(Result::ok).filter_map(file).collect()
}

/// What a process has as its standard input and output, as far as that may be read.
pub(super) fn standard_files(pid: u32) -> [Option<BString>; 2] {
    [0, 1].map(|number| {
        let path = rustix::fs::readlink(format!("/proc/{pid}/fd/{number}"), Vec::new()).ok()?;
        Some(path.into_bytes().into())
    })
}

/// The id of machine-id(5); absent, empty or `uninitialized` in images and some containers.
pub(super) fn machine_id() -> Option<String> {
    let files = ["/etc/machine-id", "/var/lib/dbus/machine-id"];
    files.iter().filter_map(|file| std::fs::read_to_string(file).ok()).find_map(|text| {
        let id = text.trim();
        (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| id.to_ascii_lowercase())
    })
}

/// The kernel's random id of this boot; where it is hidden, the time of the boot.
pub(super) fn boot_id() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|id| id.trim().to_owned());
    id.filter(|id| !id.is_empty()).or_else(|| Some(format!("since-{}", Clock::read().ok()?.boot)))
}

/// When this boot began, in seconds since the epoch, and the unit of start times.
#[derive(Clone, Copy)]
struct Clock {
    boot: i64,
    ticks_per_second: u64,
}

impl Clock {
    fn read() -> io::Result<Self> {
        // Not "now minus uptime": that moves by a millisecond between two reads, btime only when the clock is set.
        let stat = std::fs::read("/proc/stat")?;
        let boot = stat.lines().find_map(|line| number(line.strip_prefix(b"btime ")?)).unwrap_or(0);
        Ok(Self { boot, ticks_per_second: births_per_second() })
    }

    fn milliseconds(self, ticks: u64) -> i64 {
        let since_boot = u128::from(ticks) * 1000 / u128::from(self.ticks_per_second);
        self.boot.saturating_mul(1000).saturating_add(i64::try_from(since_boot).unwrap_or(i64::MAX))
    }
}

fn open_folder(path: &str) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

fn read_stat(proc: BorrowedFd<'_>, pid: u32, clock: Clock) -> Option<Process> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(proc, format!("{pid}/stat"), flags, Mode::empty()).ok()?;
    let mut buffer = [0; STAT_BYTES];
    let length = rustix::io::read(file, &mut buffer).ok()?;
    parse_stat(&buffer[..length], clock)
}

/// Reads `PID (NAME) STATE PPID PGRP SESSION TTY TPGID …`; NAME may hold blanks, newlines and parentheses.
fn parse_stat(line: &[u8], clock: Clock) -> Option<Process> {
    let (open, close) = (line.find_byte(b'(')?, line.rfind_byte(b')')?);
    let pid = number(line[..open].trim())?;
    let name = line.get(open + 1..close)?;
    // Single blanks, and only up to the last field that is read: `fields` would look for blanks of Unicode.
    let numbers = line.get(close + 2..)?.trim_ascii_end().split(|&byte| byte == b' ');
    let fields: Vec<&[u8]> = numbers.take(22 - 2).collect();
    // proc_pid_stat(5) counts from 1; the state is its field 3.
    let field = |at: usize| fields.get(at - 3).copied();
    let signed = |at: usize| field(at).and_then(number::<i32>);
    let birth = field(22).and_then(number)?;
    Some(Process {
        pid,
        parent: field(4).and_then(number)?,
        group: field(5).and_then(number)?,
        session: field(6).and_then(number)?,
        // An int holding the device number; 0 and -1 (of tpgid) say "none".
        terminal: signed(7).filter(|&device| device != 0).map(|device| u64::from(device.cast_unsigned())),
        foreground: signed(8).and_then(|group| u32::try_from(group).ok()).filter(|&group| group != 0),
        name: name.into(),
        zombie: matches!(field(3), Some(b"Z" | b"X" | b"x")),
        started: clock.milliseconds(birth),
        birth,
        asked: Asked::default(),
    })
}

fn number<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    bytes.to_str().ok()?.parse().ok()
}

/// Where one of the magic links of `/proc` leads, without the mark that the kernel appends if that was removed.
fn read_link(link: &str) -> Option<BString> {
    let mut path = std::fs::read_link(link).ok()?.into_os_string().into_encoded_bytes();
    // A name may really end so: then the file still has a link.
    if path.ends_with(b" (deleted)") && rustix::fs::stat(link).is_ok_and(|stat| stat.st_nlink == 0) {
        path.truncate(path.len() - b" (deleted)".len());
    }
    Some(path.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCK: Clock = Clock { boot: 1_700_000_000, ticks_per_second: 100 };

    fn parse(line: &[u8]) -> Option<Process> {
        parse_stat(line, CLOCK)
    }

    fn line(name: &str, state: &str) -> Vec<u8> {
        format!("4242 ({name}) {state} 17 42 7 34816 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 12345 1000 200 18446744073709551615\n")
            .into_bytes()
    }

    #[test]
    fn reads_the_fields_of_a_stat_line() {
        let process = parse(&line("bash", "S")).unwrap();
        assert_eq!((process.pid, process.parent, process.group, process.session), (4242, 17, 42, 7));
        assert_eq!((process.terminal, process.foreground), (Some(34816), None));
        assert_eq!((process.birth, process.started), (12345, 1_700_000_123_450));
        assert!(!process.zombie);
    }

    #[test]
    fn names_may_hold_anything() {
        for name in ["a b", "x) Z 1 2 3", "(((", ")", "tab\tnew\nline", "", "((sd-pam))"] {
            let process = parse(&line(name, "S")).unwrap();
            assert_eq!((process.name.as_bstr(), process.parent), (name.into(), 17), "{name}");
        }
    }

    #[test]
    fn zombies_are_told() {
        assert!(parse(&line("sh", "Z")).unwrap().zombie);
    }

    #[test]
    fn broken_lines_are_no_process() {
        for broken in
            ["", "1", "1 (", "1 (a", "1 (a)", "1 )a( S 1 2 3", "x (a) S 1 2 3 4 5", "1 (a) S 1 2 3 4 5 6"]
        {
            assert!(parse(broken.as_bytes()).is_none(), "{broken}");
        }
    }

    #[test]
    fn every_prefix_of_a_line_is_harmless() {
        let whole = line("sh", "S");
        for end in 0..whole.len() {
            let _ = parse(&whole[..end]);
        }
    }
}
