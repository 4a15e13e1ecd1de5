//! Which assistant runs in a pane, told by the words of its processes.

use std::collections::BTreeMap;

use bstr::{BString, ByteSlice};

use crate::handlers::Handlers;
use crate::procs::{Job, Process, ProcessTable};

/// Most processes of a job that are looked at, the oldest first: what an assistant starts itself comes later.
const MOST: usize = 32;

/// An assistant in a pane: one program, however many processes it takes (an interpreter that starts a native part, one
/// that starts itself again).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its handler.
    pub tool: String,
    /// Its processes, the innermost first: that is the program itself.
    pub members: Vec<Member>,
    /// The words of the outermost one after the program's name: what the user has typed.
    pub arguments: Vec<BString>,
    /// Its working directory.
    pub directory: BString,
}

/// A process of an assistant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub pid: u32,
    /// What tells it from a later one with this id.
    pub birth: u64,
    /// When it began: milliseconds since the epoch.
    pub started: i64,
}

impl Member {
    fn of(process: &Process) -> Self {
        Self { pid: process.pid, birth: process.birth, started: process.started }
    }
}

impl Instance {
    /// The assistant among the processes in the foreground of a pane, if there is one. Only what is on the pane's own
    /// terminal counts: daemons have none or another.
    pub fn find(handlers: &Handlers, table: &ProcessTable, job: &Job<'_>) -> Option<Self> {
        Self::among(handlers, table, &job.all)
    }

    /// The assistants that live on a pane's terminal, but not in its foreground: suspended, or behind another program. Not what
    /// `front`, the assistant in the foreground, has started.
    pub fn behind(
        handlers: &Handlers,
        table: &ProcessTable,
        own: &Process,
        job: &Job<'_>,
        front: Option<&Self>,
    ) -> Vec<Self> {
        let is_of_front =
            |process: &Process| front.is_some_and(|front| is_below(table, process, front.outermost().pid));
        let mut groups: BTreeMap<u32, Vec<&Process>> = BTreeMap::new();
        for process in table.below(own.pid) {
            let behind = process.group != job.group && process.group != own.group;
            if behind && process.terminal == own.terminal && !process.zombie && !is_of_front(process) {
                groups.entry(process.group).or_default().push(process);
            }
        }
        groups.values().filter_map(|group| Self::among(handlers, table, group)).collect()
    }

    /// The assistant among the processes of a job, the oldest first.
    fn among(handlers: &Handlers, table: &ProcessTable, job: &[&Process]) -> Option<Self> {
        let recognised = |process: &'_ Process| -> Option<(String, Vec<BString>)> {
            let known = handlers.recognise(process.argv(), &names(process))?;
            if !known.handler.holds_conversations() {
                return None;
            }
            Some((known.handler.name.clone(), known.arguments.to_vec()))
        };
        let processes = &job[..job.len().min(MOST)];
        let (outer, (tool, arguments)) =
            processes.iter().find_map(|process| Some((*process, recognised(process)?)))?;
        let mut members = vec![outer];
        for process in processes {
            let inside = members.last().is_some_and(|inner| is_below(table, process, inner.pid));
            if inside && recognised(process).is_some_and(|(own, _)| own == tool) {
                members.push(process);
            }
        }
        let directory = members.iter().rev().find_map(|process| process.directory());
        Some(Self {
            tool,
            arguments,
            directory: directory.cloned().unwrap_or_default(),
            members: members.into_iter().rev().map(Member::of).collect(),
        })
    }

    /// The process that the user has started.
    pub fn outermost(&self) -> Member {
        self.members[self.members.len() - 1]
    }

    /// When it was started: milliseconds since the epoch.
    pub fn started(&self) -> i64 {
        self.outermost().started
    }

    /// The program itself.
    pub fn main(&self) -> Member {
        self.members[0]
    }
}

/// How a process is called beside its own words: by the kernel, and the file it executes.
fn names(process: &Process) -> [&[u8]; 2] {
    [process.name.as_slice(), process.executable().map(|path| path.as_bytes()).unwrap_or_default()]
}

/// Whether the process `asker` was started by the assistant of this name in the foreground of the pane with the process
/// `pane`, and not by another one that it has started: a `claude -p` inside of Claude Code has conversations of its own, and
/// a daemon has the variables of whatever pane it began in.
pub(super) fn is_asked_by(
    handlers: &Handlers,
    tool: &str,
    asker: u32,
    pane: u32,
    table: &ProcessTable,
) -> bool {
    let found = table.job(pane).and_then(|job| Instance::find(handlers, table, &job));
    let Some(instance) = found.filter(|instance| instance.tool == tool) else { return false };
    let mut process = table.get(asker);
    for _ in 0..MOST {
        process = process.and_then(|process| table.get(process.parent));
        let Some(above) = process else { return false };
        if instance.members.iter().any(|member| member.pid == above.pid) {
            return true;
        }
        let known = handlers.invocation(above.argv(), &names(above));
        if known.is_some_and(|known| known.handler.name == tool) {
            return false;
        }
    }
    false
}

/// Whether a process is one of those below another, a few steps down.
fn is_below(table: &ProcessTable, process: &Process, pid: u32) -> bool {
    let mut parent = process.parent;
    for _ in 0..8 {
        if parent == pid {
            return process.pid != pid;
        }
        let Some(next) = table.get(parent) else { return false };
        parent = next.parent;
    }
    false
}
