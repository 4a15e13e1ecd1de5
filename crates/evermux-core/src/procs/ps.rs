//! Elsewhere: `ps`, the inexact last resort. Arguments are cut at blanks, sessions, directories and executables are
//! unknown, and start times are local times taken for UTC: good enough to tell one process from the next.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use bstr::{BString, ByteSlice};

use super::prompt::OpenFile;
use super::{Asked, Process, Reading};

pub(super) const SOURCE: &str = "ps";

/// Keywords of the BSDs' and of Linux' ps; the last one may hold anything.
const COLUMNS: [&str; 8] = ["pid", "ppid", "pgid", "tpgid", "tty", "stat", "lstart", "args"];

/// All processes that `ps` shows.
pub(super) fn processes() -> io::Result<Vec<Process>> {
    run(&["-A", "-ww"])
}

/// One process.
pub(super) fn one(pid: u32) -> Option<Process> {
    let processes = run(&["-p", &pid.to_string()]).ok()?;
    processes.into_iter().find(|process| process.pid == pid)
}

/// The unit of [`Process::birth`].
pub(super) fn births_per_second() -> u64 {
    1
}

/// [`Process::birth`] of a process that has not ended.
pub(super) fn birth(pid: u32) -> Option<u64> {
    one(pid).filter(|process| !process.zombie).map(|process| process.birth)
}

fn run(arguments: &[&str]) -> io::Result<Vec<Process>> {
    let mut command = Command::new("/bin/ps");
    command.args(arguments).env("LC_ALL", "C").stdin(Stdio::null()).stderr(Stdio::null());
    for column in COLUMNS {
        // A heading that is empty is left out.
        command.arg("-o").arg(format!("{column}="));
    }
    Ok(command.output()?.stdout.lines().filter_map(parse).collect())
}

/// Known only together with the table.
pub(super) fn argv(_pid: u32) -> Vec<BString> {
    Vec::new()
}

/// Not known.
/// Not read here.
pub(super) fn environment(_pid: u32) -> Vec<(BString, BString)> {
    Vec::new()
}

pub(super) fn directory(_pid: u32) -> Option<BString> {
    None
}

/// The path of a terminal by its device number: not told here.
pub(super) fn terminal_path(_device: u64) -> Option<std::path::PathBuf> {
    None
}

/// Not known.
pub(super) fn executable(_pid: u32) -> Option<BString> {
    None
}

/// Not known.
pub(super) fn reading(_pid: u32) -> Reading {
    Reading::Unknown
}

/// Whether the process is blocked until something happens; that is not told here.
pub(super) fn awaiting_events(_pid: u32) -> Reading {
    Reading::Unknown
}

/// Not known.
pub(super) fn open_files(_pid: u32, _lowest: u32) -> Vec<OpenFile> {
    Vec::new()
}

/// Not known.
pub(super) fn standard_files(_pid: u32) -> [Option<BString>; 2] {
    [None, None]
}

/// Not known.
pub(super) fn machine_id() -> Option<String> {
    None
}

/// The birth of the first process.
pub(super) fn boot_id() -> Option<String> {
    birth(1).map(|birth| format!("since-{birth}"))
}

/// One line: seven words, of which the start time is five more, and the arguments.
fn parse(line: &[u8]) -> Option<Process> {
    let mut rest = line;
    let mut word = || {
        rest = rest.trim_start();
        let (word, after) = rest.split_at(rest.find_byteset(" \t").unwrap_or(rest.len()));
        rest = after;
        word
    };
    let [pid, parent, group, foreground, terminal, state] = std::array::from_fn(|_| word());
    // Fri Nov 20 19:10:09 2026
    let [_weekday, month, day, time, year] = std::array::from_fn(|_| word());
    let birth = seconds(month, day, time, year)?;
    let argv: Vec<BString> = rest.fields().map(BString::from).collect();
    let name = argv.first().map(|word| super::file_name(word).into()).unwrap_or_default();
    Some(Process {
        pid: number(pid)?,
        parent: number(parent)?,
        group: number(group)?,
        session: 0,
        terminal: (!matches!(terminal, b"-" | b"?" | b"??")).then(|| hash(terminal)),
        foreground: number(foreground).filter(|&group| group != 0),
        name,
        zombie: state.starts_with(b"Z"),
        started: birth.saturating_mul(1000),
        birth: u64::try_from(birth).ok()?,
        asked: Asked { argv: OnceLock::from(argv), ..Asked::default() },
    })
}

fn seconds(month: &[u8], day: &[u8], time: &[u8], year: &[u8]) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = MONTHS.iter().zip(1..).find(|(name, _)| name.as_bytes() == month)?.1;
    let mut clock = time.split_str(":").map(number::<i8>);
    let mut part = || clock.next().flatten();
    let civil =
        jiff::civil::DateTime::new(number(year)?, month, number(day)?, part()?, part()?, part()?, 0).ok()?;
    Some(jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()?.as_second())
}

fn number<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    bytes.to_str().ok()?.parse().ok()
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_line() {
        let process =
            parse(b"   42     1    42    57 pts/3    Ss   Fri Nov 20 19:10:09 2026 -bash  --login x")
                .unwrap();
        assert_eq!((process.pid, process.parent, process.group, process.foreground), (42, 1, 42, Some(57)));
        assert_eq!(process.argv(), ["-bash", "--login", "x"]);
        assert_eq!((process.started, process.zombie), (1_795_201_809_000, false));
        assert!(process.terminal.is_some());
        let daemon = parse(b"7 1 7 -1 ? Z Fri Nov  6 09:00:00 2026 [x] <defunct>").unwrap();
        assert_eq!((daemon.terminal, daemon.foreground, daemon.zombie), (None, None, true));
    }

    #[test]
    fn broken_lines_are_no_process() {
        for line in [
            "",
            "1",
            "1 2 3 4 5 6",
            "1 1 1 1 ? S Fri Foo 20 19:10:09 2026 x",
            "1 1 1 1 ? S Fri Nov 40 19:10 2026",
        ] {
            assert!(parse(line.as_bytes()).is_none(), "{line}");
        }
    }

    #[test]
    fn the_ps_of_this_machine_is_understood() {
        // Not on every machine for tests; then there is nothing to compare.
        let Ok(processes) = processes() else { return };
        let own = processes.iter().find(|process| process.pid == std::process::id()).unwrap();
        assert_eq!(own.parent, std::os::unix::process::parent_id());
        assert_eq!(birth(own.pid), Some(own.birth));
    }
}
