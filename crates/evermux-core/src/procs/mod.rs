//! The process table: what runs below each pane, and whether a shell's line editor waits for input.
//!
//! The only room that reads `/proc` (Linux), the kernel's process list (macOS) or `ps` (elsewhere, inexact). Nothing
//! here fails because a process went away while it was read, or because `/proc` hides those of other users
//! (`hidepid=2`): what cannot be read is absent.
//!
//! The crate `procfs` was tried first: its `cmdline` loses empty arguments and fails on bytes that are not UTF-8, and
//! its `stat` replaces such bytes in names, so the two files read here are read by us.

mod ahead;
#[cfg(any(target_os = "macos", test))]
mod arguments;
mod cost;
mod identity;
mod input;
#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod os;
#[cfg(target_os = "macos")]
#[path = "macos.rs"]
mod os;
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
#[path = "ps.rs"]
mod os;
mod prompt;
mod signal;
#[cfg(all(test, any(target_os = "linux", target_os = "macos")))]
#[path = "ps.rs"]
#[allow(dead_code)]
mod ps;
#[cfg(target_os = "linux")]
mod sockets;
#[cfg(not(target_os = "linux"))]
#[path = "sockets_none.rs"]
mod sockets;
mod terminal;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use bstr::BString;
use thiserror::Error;

pub use ahead::MOST_OF_PANE;
pub use cost::Cost;
pub use identity::{boot, machine};
pub use prompt::{Evidence, Reading, is_password_prompt, line_editor_waits, shell_at_terminal};
pub use signal::signal;
pub use sockets::{Listening, connected, listening};
pub use terminal::{TerminalError, TerminalState, has_unread_input};

/// The process table could not be read at all.
#[derive(Debug, Error)]
#[error("cannot read the process table ({source_name})")]
pub struct NoProcessTable {
    /// Where it was looked for.
    source_name: &'static str,
    /// Why not.
    #[source]
    source: std::io::Error,
}

/// One process, as it was when the table was read. Arguments, directory, executable and what a shell
/// is doing are read when first asked for.
#[derive(Debug)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its parent's id; 0 for the first process and for kernel threads' ancestor.
    pub parent: u32,
    /// Its process group: a job of a shell.
    pub group: u32,
    /// Its session; a session has at most one controlling terminal.
    pub session: u32,
    /// The device number of its controlling terminal.
    pub terminal: Option<u64>,
    /// The process group in the foreground of that terminal.
    pub foreground: Option<u32>,
    /// The name the kernel has for it (`comm`): cut at 15 bytes on Linux, and programs may change it.
    pub name: BString,
    /// It has ended and its parent has not noticed yet; it has no arguments, directory or executable.
    pub zombie: bool,
    /// When it began: milliseconds since the epoch, by the clock as it is set now.
    pub started: i64,
    /// What tells it from a later process with the same id in the same boot, unaffected by clock changes; see
    /// [`alive`]. On Linux clock ticks since boot, elsewhere microseconds or seconds since the epoch.
    pub birth: u64,
    asked: Asked,
}

/// What of a process is read when it is first asked for.
#[derive(Debug, Default)]
struct Asked {
    argv: OnceLock<Vec<BString>>,
    directory: OnceLock<Option<BString>>,
    executable: OnceLock<Option<BString>>,
    reading: OnceLock<Reading>,
    reads_rc: OnceLock<bool>,
}

impl Process {
    /// The exact bytes of its argument vector; empty for zombies, kernel threads and processes that may not be read.
    ///
    /// It is what the process shows: a program that rewrote its title (`nginx: worker`) shows that, often as one
    /// argument with blanks in it.
    pub fn argv(&self) -> &[BString] {
        self.asked.argv.get_or_init(|| if self.zombie { Vec::new() } else { os::argv(self.pid) })
    }

    /// The exact bytes of its working directory, if it may be read. Of a directory that was removed, its last path.
    pub fn directory(&self) -> Option<&BString> {
        self.asked.directory.get_or_init(|| os::directory(self.pid)).as_ref()
    }

    /// The file it executes, if it may be read. Of a file that was removed or replaced, its last path.
    pub fn executable(&self) -> Option<&BString> {
        self.asked.executable.get_or_init(|| os::executable(self.pid)).as_ref()
    }

    /// Whether it is a shell (or something like one) that was given one line to run.
    fn runs_line(&self) -> bool {
        matches!(self.argv(), [_, flag, _] if flag == "-c")
    }

    /// A process that is not read from the system, for tests.
    #[cfg(test)]
    pub(crate) fn made_up(pid: u32, parent: u32, argv: &[&str], directory: &str) -> Self {
        let argv: Vec<BString> = argv.iter().map(|&word| BString::from(word)).collect();
        let name = argv.first().map(|word| file_name(word).into()).unwrap_or_default();
        Self {
            pid,
            parent,
            group: pid,
            session: pid,
            terminal: None,
            foreground: None,
            name,
            zombie: false,
            started: 0,
            birth: u64::from(pid),
            asked: Asked {
                executable: OnceLock::from(argv.first().cloned()),
                argv: OnceLock::from(argv),
                directory: OnceLock::from(Some(BString::from(directory))),
                ..Asked::default()
            },
        }
    }
}

/// The part of a path after the last `/`.
fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or(path)
}

/// All processes of the machine that may be seen, at one moment.
#[derive(Debug)]
pub struct ProcessTable {
    /// Ordered by id.
    processes: Vec<Process>,
    /// Positions in `processes`, ordered by parent, then by birth.
    by_parent: Vec<usize>,
    /// The same, ordered by process group.
    by_group: Vec<usize>,
    /// The terminals that were [read ahead](Self::read_ahead).
    terminals: HashMap<PathBuf, TerminalState>,
}

/// The processes in the foreground of a pane: those that get its keys.
#[derive(Debug)]
pub struct Job<'a> {
    /// Their process group.
    pub group: u32,
    /// The pane's own process is one of them: nothing it started was put into the foreground. (A shell that has no
    /// job control yet, such as bash in its rc files, runs its commands in its own group.)
    pub own: bool,
    /// The process the group is named after; the first of a pipeline. None if it has ended.
    pub leader: Option<&'a Process>,
    /// The processes that the shell started, oldest first: those whose parent is not in the group. More than one is a
    /// pipeline; deeper ones are consequences.
    pub members: Vec<&'a Process>,
    /// All processes of the group that have not ended, oldest first.
    pub all: Vec<&'a Process>,
}

impl Process {
    /// Whether it reads from something else than a terminal, or writes into a file. A pipe as its output may be its own pager's.
    pub fn is_redirected(&self) -> bool {
        let [input, output] = os::standard_files(self.pid);
        let is_terminal = |path: &BString| path.starts_with(b"/dev/") && *path != "/dev/null";
        let is_file = |path: &BString| path.starts_with(b"/") && !path.starts_with(b"/dev/");
        input.is_some_and(|path| !is_terminal(&path)) || output.is_some_and(|path| is_file(&path))
    }
}

impl<'a> Job<'a> {
    /// The process that stands for the job: its leader, or the oldest that is left.
    pub fn first(&self) -> Option<&'a Process> {
        self.leader.or_else(|| self.members.first().copied())
    }
}

impl ProcessTable {
    /// Reads the table: one pass over all processes (measured on Linux: 3.4 ms for 700, nearly all of it the kernel's).
    ///
    /// # Errors
    /// [`NoProcessTable`] if there is none: `/proc` not mounted, no `ps`.
    pub fn read() -> Result<Self, NoProcessTable> {
        match os::processes() {
            Ok(processes) => Ok(Self::from_processes(processes)),
            Err(source) => Err(NoProcessTable { source_name: os::SOURCE, source }),
        }
    }

    /// A table of one process alone, and of the one in the foreground that it may only wait for ([`ProcessTable::standing`]): of a
    /// job it tells only whether one of these is in the foreground. On Linux it costs a hundredth of [`ProcessTable::read`].
    /// Times of birth in it mean nothing.
    pub fn of(pid: u32) -> Self {
        let own = os::one(pid);
        let waits_for = own.as_ref().filter(|own| own.runs_line()).and_then(|own| own.foreground);
        let other = waits_for.filter(|&other| other != pid).and_then(os::one);
        Self::from_processes(own.into_iter().chain(other).collect())
    }

    /// A table of these processes.
    pub fn from_processes(mut processes: Vec<Process>) -> Self {
        processes.sort_by_key(|process| process.pid);
        processes.dedup_by_key(|process| process.pid);
        let mut by_parent: Vec<usize> = (0..processes.len()).collect();
        by_parent.sort_by_key(|&at| (processes[at].parent, processes[at].birth, processes[at].pid));
        let mut by_group: Vec<usize> = (0..processes.len()).collect();
        by_group.sort_by_key(|&at| processes[at].group);
        Self { processes, by_parent, by_group, terminals: HashMap::new() }
    }

    /// All processes, ordered by id.
    pub fn processes(&self) -> &[Process] {
        &self.processes
    }

    /// The process with this id.
    pub fn get(&self, pid: u32) -> Option<&Process> {
        self.processes.binary_search_by_key(&pid, |process| process.pid).ok().map(|at| &self.processes[at])
    }

    /// The processes whose parent this is, oldest first.
    pub fn children(&self, pid: u32) -> impl DoubleEndedIterator<Item = &Process> {
        self.run(&self.by_parent, pid, |process| process.parent)
    }

    /// The processes of which `order`, which is sorted by `key`, has this value.
    fn run<'t>(
        &'t self,
        order: &'t [usize],
        value: u32,
        key: fn(&Process) -> u32,
    ) -> impl DoubleEndedIterator<Item = &'t Process> {
        let start = order.partition_point(|&at| key(&self.processes[at]) < value);
        let end = order.partition_point(|&at| key(&self.processes[at]) <= value);
        order[start..end].iter().map(|&at| &self.processes[at])
    }

    /// The process itself, then everything below it, depth first, children by age; empty if there is no such process.
    ///
    /// It includes what runs in other sessions and terminals (the shell inside `script`); see [`Process::session`].
    pub fn below(&self, pid: u32) -> Vec<&Process> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        let mut stack: Vec<&Process> = self.get(pid).into_iter().collect();
        while let Some(process) = stack.pop() {
            // An id that was used again while the table was read can close a circle.
            if seen.insert(process.pid) {
                found.push(process);
                stack.extend(self.children(process.pid).rev());
            }
        }
        found
    }

    /// The process that a pane's user takes for the pane's own: that of this id, or the shell at the terminal that it only waits
    /// for. tmux runs `default-command` by the user's shell (`fish -c LINE`), and not every shell becomes what its line starts:
    /// bash and zsh do, fish 4.0 and dash 0.5.12 do not.
    pub fn standing(&self, pid: u32) -> Option<&Process> {
        let own = self.get(pid)?;
        if !own.runs_line() {
            return Some(own);
        }
        let mut children = self.children(pid).filter(|process| !process.zombie);
        let only = children.next().filter(|_| children.next().is_none());
        let is_shell =
            |child: &&Process| child.terminal == own.terminal && shell_at_terminal(child).is_some();
        Some(only.filter(is_shell).unwrap_or(own))
    }

    /// The foreground job of the pane whose own process is `pid`; none if that has no terminal or is not there.
    ///
    /// Only processes on the pane's own terminal count: a program that opens a terminal of its own (`script`, `ssh`
    /// control masters, a tmux inside) is the job, and what runs in there is not.
    pub fn job(&self, pid: u32) -> Option<Job<'_>> {
        let pane = self.standing(pid)?;
        let (terminal, group) = (pane.terminal?, pane.foreground?);
        let in_group = |process: &Process| {
            process.group == group && process.terminal == Some(terminal) && !process.zombie
        };
        let mut all: Vec<&Process> = self
            .run(&self.by_group, group, |process| process.group)
            .filter(|process| in_group(process))
            .collect();
        // Those born in the same tick of the clock: ids may have started again from below, but the leader was first.
        all.sort_by_key(|process| (process.birth, process.pid != group, process.pid));
        let leader = all.iter().copied().find(|process| process.pid == group);
        let begins = |process: &&Process| !self.get(process.parent).is_some_and(in_group);
        let members = all.iter().copied().filter(begins).collect();
        Some(Job { group, own: pane.group == group, leader, members, all })
    }
}

/// Whether the process that had this id and [`Process::birth`] in this boot still runs.
pub fn alive(pid: u32, birth: u64) -> bool {
    os::birth(pid) == Some(birth)
}

/// How long after the process `first` the process `second` began, whatever the clock was set to between; none if one of
/// them is not there.
pub fn born_after(first: u32, second: u32) -> Option<Duration> {
    let later = os::birth(second)?.saturating_sub(os::birth(first)?);
    let later = later.saturating_mul(1000).checked_div(os::births_per_second())?;
    Some(Duration::from_millis(later))
}

/// Whether there is a process with this id; one that has ended is still there until its parent has noticed.
pub fn exists(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// The variables that a process was started with, as far as they may be read. They hold secrets: take what you know.
pub fn environment(pid: u32) -> Vec<(BString, BString)> {
    os::environment(pid)
}

/// The paths of the files that a process has open, as far as they may be read.
pub fn open_paths(pid: u32) -> Vec<BString> {
    let files = os::open_files(pid, 0).into_iter().map(|file| file.path);
    files.filter(|path| path.starts_with(b"/")).collect()
}

/// What a process has open, files and everything else, as far as it may be read.
#[cfg(target_os = "linux")]
pub fn open_files(pid: u32) -> Vec<BString> {
    os::open_files(pid, 0).into_iter().map(|file| file.path).collect()
}

/// The file that a process executes, if it may be read.
pub fn executable(pid: u32) -> Option<BString> {
    os::executable(pid)
}
