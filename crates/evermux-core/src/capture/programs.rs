//! What runs in a pane: its processes, the program in the foreground, the prompt.

use std::path::Path;

use bstr::{BString, ByteSlice};

use super::editors::EditorInstance;
use super::options::Options;
use super::policy::Pattern;
use crate::assistants::Instance;
use crate::gate::stands_at_gate;
use crate::model::{Command, Process as ModelProcess, Program};
use crate::procs::{
    Evidence, Job, MOST_OF_PANE, Process, ProcessTable, TerminalState, is_password_prompt, line_editor_waits,
    shell_at_terminal,
};
use crate::relaunch::editors::is_line_of;
use crate::secrets;
use crate::tmux::ListedPane;

/// What runs in a pane.
#[derive(Debug, Default)]
pub(super) struct Running {
    /// The directory of the pane's own process, or of the shell that stands for it.
    pub directory: Option<BString>,
    /// The program in the foreground.
    pub program: Option<Program>,
    /// The pane's own process and everything below it.
    pub processes: Vec<ModelProcess>,
    /// A shell's line editor waits for input.
    pub at_prompt: bool,
    /// It is a shell that starts later.
    pub waiting: bool,
    /// The assistant in the foreground.
    pub assistant: Option<Instance>,
    /// Assistants that are not.
    pub behind: Vec<Instance>,
    /// The editor in the foreground.
    pub editor: Option<EditorInstance>,
    /// A program waits for a password.
    pub at_password: bool,
    /// The argument vector of the pane's own process.
    pub own_argv: Vec<BString>,
    /// Names of what runs in the foreground and of the pane's own process: `argv[0]`'s file name and the kernel's name.
    names: Vec<BString>,
}

impl Running {
    /// Looks at the processes of a pane that is alive; `terminal` tells the state of its terminal.
    pub fn read(
        pane: &ListedPane,
        table: &ProcessTable,
        terminal: &dyn Fn(&Path) -> Option<TerminalState>,
        options: &Options,
    ) -> Self {
        let (asker, helper) = (options.asker, options.helper.as_deref());
        let Some(own) = pane.pid.and_then(|pid| table.get(pid)).filter(|_| !pane.dead) else {
            return Self::default();
        };
        let standing = table.standing(own.pid).unwrap_or(own);
        let job = table.job(own.pid);
        let state = pane.tty.as_ref().and_then(|tty| terminal(Path::new(tty.to_os_str().ok()?)));
        let own_shell = shell_at_terminal(standing).is_some();
        let mut running = Self {
            directory: standing.directory().cloned(),
            processes: processes(own, table, job.as_ref()),
            own_argv: own.argv().to_vec(),
            ..Self::default()
        };
        running.add_names(own);
        if helper.is_some_and(|helper| is_waiting(own, helper)) {
            // What it will be: a shell below its text.
            running.waiting = true;
            running.at_prompt = true;
            return running;
        }
        let Some(job) = job else { return running };
        // All of them: `sh -c 'psql …'` is a shell that waits for what the pattern means.
        job.all.iter().for_each(|process| running.add_names(process));
        if let Some(state) = state {
            running.at_password = is_password_prompt(state, job.own && own_shell);
            running.at_prompt = Evidence::read(&job, state).is_some_and(line_editor_waits);
        }
        let foreground = if job.own { Some(standing).filter(|_| !own_shell) } else { job.first() };
        let assistants = options.assistants.as_ref();
        if let Some(process) = foreground.filter(|process| asker != Some(process.pid)) {
            let started_with_pane = job.own && !pane.start_command.is_empty();
            running.assistant = assistants.and_then(|own| Instance::find(&own.handlers, table, &job));
            // What it was wrapped in (`npx`, `sh -c`) is not what is gone on with.
            let named = running.assistant.as_ref().and_then(|instance| table.get(instance.outermost().pid));
            let askable = options.editors.is_some() && named.is_none();
            let behind = if started_with_pane { behind_line(process, table) } else { None };
            let process = behind.unwrap_or(process);
            running.editor = EditorInstance::of(process, started_with_pane).filter(|_| askable);
            if named.is_some() || running.editor.is_some() || !started_with_pane {
                let mut found = program(named.unwrap_or(process), running.directory.as_ref());
                found.redirected = job.members.len() > 1 || process.is_redirected();
                running.program = Some(found);
            }
        }
        // Shells that wait, which most panes are, have started nothing: their handlers need not be read.
        if let Some(assistants) = assistants.filter(|_| running.processes.len() > job.all.len()) {
            let front = running.assistant.as_ref();
            running.behind = Instance::behind(&assistants.handlers, table, own, &job, front);
        }
        running
    }

    fn add_names(&mut self, process: &Process) {
        let argument = process.argv().first().map(|word| file_name(word).into());
        self.names.extend(argument.into_iter().chain([process.name.clone()]));
    }

    /// Whether one of the patterns fits what runs here.
    pub fn matches(&self, patterns: &[Pattern]) -> bool {
        patterns.iter().any(|pattern| self.names.iter().any(|name| pattern.matches(name)))
    }
}

fn is_waiting(process: &Process, helper: &Path) -> bool {
    let (Some(executable), Some(name)) = (process.executable(), process.argv().first()) else { return false };
    let (Ok(executable), Ok(name)) = (executable.to_path(), name.to_os_str()) else { return false };
    stands_at_gate(executable, name, helper)
}

/// The only child of a shell that runs a line which is nothing but that program: not every shell becomes it.
fn behind_line<'t>(shell: &Process, table: &'t ProcessTable) -> Option<&'t Process> {
    let [_, flag, line] = shell.argv() else { return None };
    let below = table.below(shell.pid);
    let mut children = below.iter().filter(|process| process.parent == shell.pid);
    let (child, others) = (children.next()?, children.next());
    (flag == "-c" && others.is_none() && is_line_of(line, child.argv())).then_some(*child)
}

fn file_name(path: &[u8]) -> &[u8] {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    name.strip_prefix(b"-").unwrap_or(name)
}

fn program(process: &Process, directory: Option<&BString>) -> Program {
    let directory = process.directory().or(directory).cloned().unwrap_or_default();
    Program { started: process.started, ..Program::of(command(process), directory) }
}

/// What a process runs, without its secrets. One without arguments (it may not be read) is told by its name.
fn command(process: &Process) -> Command {
    let (argv, masked) = match process.argv() {
        [] => (vec![process.name.clone()], false),
        argv => secrets::mask_argv(argv),
    };
    Command { argv, masked }
}

fn processes(own: &Process, table: &ProcessTable, job: Option<&Job<'_>>) -> Vec<ModelProcess> {
    let in_foreground = |process: &Process| {
        job.is_some_and(|job| process.group == job.group && process.terminal == own.terminal)
    };
    let below = table.below(own.pid);
    let alive = below.iter().filter(|process| !process.zombie).take(MOST_OF_PANE);
    alive
        .map(|process| ModelProcess {
            pid: process.pid,
            parent: process.parent,
            command: command(process),
            started: process.started,
            foreground: in_foreground(process),
        })
        .collect()
}
