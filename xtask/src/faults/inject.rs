//! Calls to the system that fail on purpose, through strace.
//!
//! strace counts the calls of each thread by their name, and lets one of them fail, or kills the process in it. Threads
//! and children are not followed: what is tried are the calls of evermux itself (of one thread), not those of the tmux
//! clients it runs.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use evermux_testkit::{Env, LIMIT, Process};
use rustix::process::Signal;

/// Everything that changes files, in all its names.
pub const CHANGES: [&str; 27] = [
    "open",
    "openat",
    "write",
    "writev",
    "pwrite64",
    "pwritev",
    "fsync",
    "fdatasync",
    "ftruncate",
    "fallocate",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "rmdir",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "mkdir",
    "mkdirat",
    "chmod",
    "fchmod",
    "fchmodat",
    "fchown",
    "flock",
];

/// What a process does between its changes: clients are started and heard.
pub const BETWEEN: [&str; 4] = ["clone3", "clone", "vfork", "ppoll"];

/// What happens in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process is killed.
    Kill,
    /// No space left.
    Full,
    /// The disk answers with an error.
    Broken,
    /// The user's quota is used up.
    Quota,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Kill, Self::Full, Self::Broken, Self::Quota];

    fn words(self) -> &'static str {
        match self {
            Self::Kill => "signal=KILL",
            Self::Full => "error=ENOSPC",
            Self::Broken => "error=EIO",
            Self::Quota => "error=EDQUOT",
        }
    }

    /// Words of which one must be in what a command says that failed of it, in small letters.
    pub fn told(self) -> &'static [&'static str] {
        match self {
            Self::Kill => &[],
            Self::Full => &["no space left"],
            Self::Quota => &["no space left", "quota exceeded"],
            Self::Broken => &["input/output error"],
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "SIGKILL",
            Self::Full => "ENOSPC",
            Self::Broken => "EIO",
            Self::Quota => "EDQUOT",
        })
    }
}

/// A call of a clean run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// The how-manieth of that name it is, from 1.
    pub number: u32,
    /// The file it is about, if it is one of the state folder; a random end and the server's name are left out.
    pub file: Option<String>,
    /// The how-manieth of its name on that kind of file.
    pub of_file: u32,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.number)?;
        self.file.iter().try_for_each(|file| write!(f, " ({file})"))
    }
}

/// A call and what happens in it.
#[derive(Clone, Debug)]
pub struct Case {
    /// Where.
    pub call: Call,
    /// What.
    pub fault: Fault,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.fault, self.call)
    }
}

/// How a run went.
pub struct Attempt {
    /// The exit status; none: it was killed.
    pub status: Option<i32>,
    /// All it printed.
    pub told: String,
    /// What strace wrote.
    log: String,
}

impl Attempt {
    /// Whether the fault took place where it was to: how many other files are opened before depends on how many processes
    /// there are.
    pub fn took_place(&self, case: &Case, state: &Path) -> bool {
        let mut lines = self.log.lines();
        let line = match case.fault {
            Fault::Kill => lines.rfind(|line| line.ends_with("= ?")),
            _ => lines.find(|line| line.contains("(INJECTED)")),
        };
        let state = state.display().to_string();
        line.is_some_and(|line| case.call.file.is_none() || file(line, &state) == case.call.file)
    }
}

/// strace, ready for a case or, without one, to count.
fn strace(case: Option<&Case>, log: &Path) -> Command {
    let mut command = Command::new("strace");
    command.args(["-qq", "-y", "-s", "0", "-o"]).arg(log);
    match case {
        None => command.args(["-e", &format!("trace={}", [&CHANGES[..], &BETWEEN].concat().join(","))]),
        Some(Case { call, fault }) => command.args([
            "-e",
            &format!("trace={}", call.name),
            "-e",
            &format!("inject={}:{}:when={}", call.name, fault.words(), call.number),
        ]),
    };
    command
}

/// Runs evermux under strace.
pub fn run(env: &Env, words: &[&str], case: Option<&Case>) -> Result<Attempt> {
    let log = env.sandbox().path("strace.log");
    let inner = env.command(words);
    let mut command = strace(case, &log);
    command.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(env.sandbox().home()).stdin(Stdio::null());
    command.arg("--").arg(inner.get_program()).args(inner.get_args());
    let output = command.output().context("strace")?;
    let told =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    let log = fs::read_to_string(&log).unwrap_or_default();
    Ok(Attempt { status: output.status.code(), told, log })
}

/// strace on a process that runs already.
pub struct Tracer {
    child: Child,
    log: PathBuf,
}

impl Tracer {
    /// Takes hold of some threads of a process; `case` says what happens in them.
    pub fn attach(env: &Env, threads: &[u32], calls: &[&str], case: Option<&Case>) -> Result<Self> {
        let log = env.sandbox().path("strace.log");
        let _ = fs::remove_file(&log);
        let mut command = match case {
            Some(_) => strace(case, &log),
            None => {
                let mut command = Command::new("strace");
                command.args(["-qq", "-y", "-s", "0", "-o"]).arg(&log);
                command.args(["-e", &format!("trace={}", calls.join(","))]);
                command
            }
        };
        for thread in threads {
            command.args(["-p", &thread.to_string()]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut tracer = Self { child: command.spawn().context("strace")?, log };
        let end = Instant::now() + LIMIT;
        while !threads.iter().all(|thread| is_traced(*thread)) {
            if Instant::now() > end || tracer.child.try_wait()?.is_some() {
                bail!("strace cannot take hold of {threads:?}");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(tracer)
    }

    /// Whether the fault has taken place by now.
    pub fn has_struck(&self) -> bool {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.contains("(INJECTED)") || log.contains("killed by SIGKILL")
    }

    /// Lets go; what was seen.
    pub fn detach(mut self) -> Result<String> {
        if let Some(process) = Process::open(self.child.id()) {
            process.signal(Signal::INT);
        }
        self.child.wait()?;
        Ok(fs::read_to_string(&self.log).unwrap_or_default())
    }
}

fn is_traced(thread: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{thread}/status")).unwrap_or_default();
    status.lines().any(|line| line.strip_prefix("TracerPid:").is_some_and(|pid| pid.trim() != "0"))
}

/// The calls in a log, each numbered among those of its name and thread.
pub fn calls(log: &str, state: &Path) -> Vec<Call> {
    let state = state.display().to_string();
    let mut seen: HashMap<(&str, &str), u32> = HashMap::new();
    let mut files: HashMap<(&str, &str, Option<String>), u32> = HashMap::new();
    let mut calls = Vec::new();
    for line in log.lines() {
        let (thread, line) = match line.split_once(' ') {
            Some((pid, rest)) if pid.bytes().all(|byte| byte.is_ascii_digit()) => (pid, rest.trim_start()),
            _ => ("", line),
        };
        let Some((name, rest)) = line.split_once('(') else { continue };
        // The end of a call that another thread's has cut in two.
        if name.contains(' ') || name.starts_with('<') {
            continue;
        }
        let number = seen.entry((thread, name)).and_modify(|count| *count += 1).or_insert(1);
        let file = file(rest, &state);
        let of_file = files.entry((thread, name, file.clone())).and_modify(|count| *count += 1).or_insert(1);
        calls.push(Call { name: name.to_owned(), number: *number, file, of_file: *of_file });
    }
    calls
}

impl Attempt {
    /// The calls of a run that was only counted.
    pub fn calls(&self, state: &Path) -> Vec<Call> {
        calls(&self.log, state)
    }
}

/// The kind of file that a call is about: a name below the state folder without what differs from run to run.
fn file(arguments: &str, state: &str) -> Option<String> {
    let (_, rest) = arguments.split_once(state)?;
    let path = rest.split(['"', '>', ' ']).next()?.trim_start_matches('/');
    let plain = |word: &str| {
        let word = word.split_once(".tmp").map_or(word.to_owned(), |(name, _)| format!("{name}.tmp"));
        // Ids: of the machine, the server, a restore.
        let parts = word.split_inclusive(['-', '.']).map(|part| {
            let id = part.trim_end_matches(['-', '.']);
            let is_id = id.len() >= 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
            if is_id { part.replace(id, "*") } else { part.to_owned() }
        });
        parts.collect::<String>()
    };
    let words: Vec<String> = path.split('/').map(plain).collect();
    let name = words.into_iter().filter(|word| !word.is_empty() && word != "*").collect::<Vec<_>>().join("/");
    Some(if name.is_empty() { "the folder".to_owned() } else { name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_numbered_by_name_and_thread() {
        let log = "openat(AT_FDCWD, \"/etc/x\", O_RDONLY) = 3</etc/x>\n\
                   pwrite64(4</s/state/abc/evermux.db-wal>, \"\"..., 4096, 0) = 4096\n\
                   12 openat(AT_FDCWD, \"/s/state/f-059e17050495cfd0.emergency.tmpSdKIxX\", O_RDWR) = 3\n\
                   12 <... openat resumed>) = 4\n\
                   openat(AT_FDCWD, \"/s/state/aebdb36619912948\", O_RDONLY) = 3</s/state/aebdb36619912948>\n";
        let found: Vec<String> = calls(log, Path::new("/s/state")).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "openat 1",
                "pwrite64 1 (abc/evermux.db-wal)",
                "openat 1 (f-*.emergency.tmp)",
                "openat 2 (the folder)",
            ]
        );
    }
}
