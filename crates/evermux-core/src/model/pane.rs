//! Panes, and the programs in them.

use bstr::BString;

use super::{Conversation, Debt, Editor, OptionEntry, Owed, PaneIdentity, Scrollback, ShellState};

/// A pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pane {
    /// Its lasting identity.
    pub identity: PaneIdentity,
    /// As tmux reports it.
    pub title: BString,
    /// The working directory of the pane's own process. Exact bytes.
    pub directory: BString,
    /// How many lines of history it may hold.
    pub history_limit: u32,
    /// Options set on the pane itself, without evermux's own.
    pub options: Vec<OptionEntry>,
    /// Whether keys are kept from it (`select-pane -d`).
    pub input_off: bool,
    /// Whether it is the marked pane (`select-pane -m`); at most one of a server.
    pub marked: bool,
    /// If its program has ended and the pane stays (`remain-on-exit`): how.
    pub dead: Option<Death>,
    /// The command the pane was made with, if not the default shell.
    pub start: Option<StartCommand>,
    /// The foreground program, if the pane's own shell is not waiting for input.
    pub program: Option<Program>,
    /// What its shell holds beside its directory, as it has told it; none if it never has.
    pub shell: Option<ShellState>,
    /// Its text; none when it was not captured (by policy, a password prompt, or a failure that was reported).
    pub text: Option<Scrollback>,
    /// What earlier restores still owe it (law 4).
    pub debts: Vec<Debt>,
    /// Facts, not restored.
    pub facts: PaneFacts,
}

impl Pane {
    /// What the editors held that run in it, or that it is owed.
    pub fn editors(&self) -> impl Iterator<Item = &Editor> {
        let owed = self.debts.iter().filter_map(|debt| match &debt.owed {
            Owed::Program(program) => Some(program),
            _ => None,
        });
        self.program.iter().chain(owed).filter_map(|program| program.editor.as_ref())
    }

    /// Forgets what editors held, in those that run and in those that are owed (`owed`).
    pub fn forget_editors(&mut self, owed: bool) {
        let debts = self.debts.iter_mut().filter_map(|debt| match &mut debt.owed {
            Owed::Program(program) if owed => Some(program),
            _ => None,
        });
        self.program.iter_mut().chain(debts).for_each(|program| program.editor = None);
    }
}

/// How the program of a dead pane ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Death {
    /// Its exit status (`#{pane_dead_status}`).
    pub status: Option<i32>,
    /// The signal that killed it (`#{pane_dead_signal}`, tmux 3.3+).
    pub signal: Option<i32>,
}

/// A command line of which secrets may have been masked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Command {
    /// The argument vector, the program first.
    pub argv: Vec<BString>,
    /// Whether something in it was masked; then it is never run and never prefilled, only shown and owed.
    pub masked: bool,
}

/// The command a pane was made with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StartCommand {
    /// `#{pane_start_command}` as tmux reports it.
    pub shown: BString,
    /// The exact arguments tmux was given, where they can be told: one argument is a line for the shell, several
    /// are executed as they are. Empty where they cannot be told (tmux before 3.2).
    pub argv: Vec<BString>,
    /// Whether something in it was masked.
    pub masked: bool,
}

/// A program in the foreground of a pane.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Program {
    /// What was run.
    pub command: Command,
    /// Where.
    pub directory: BString,
    /// When it began: milliseconds since the epoch.
    pub started: i64,
    /// The conversation it holds, if it is an assistant.
    pub conversation: Option<Conversation>,
    /// The line on which it was started, as the user typed it, if the pane's shell has told it. It may mean more than
    /// `command`. Never one with a secret in it.
    pub line: Option<BString>,
    /// Whether it read from something else than its terminal, wrote into a file, or was one of several of a pipeline: then its
    /// words are not all that was run.
    pub redirected: bool,
    /// What it held, if it is an editor that can be asked.
    pub editor: Option<Editor>,
}

impl Program {
    /// A program of which nothing else is known.
    pub fn of(command: Command, directory: BString) -> Self {
        Self {
            command,
            directory,
            started: 0,
            conversation: None,
            line: None,
            redirected: false,
            editor: None,
        }
    }

    /// Whether both are the same for whoever uses them: the same conversation whatever was said to go on with it, else the
    /// same command. When it was started does not matter.
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.conversation, &other.conversation) {
            (Some(one), Some(two)) if one.is_same(two) => true,
            _ => self.command.argv == other.command.argv,
        }
    }
}

/// One process below a pane.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its parent's id.
    pub parent: u32,
    /// What it runs.
    pub command: Command,
    /// When it began: milliseconds since the epoch.
    pub started: i64,
    /// Whether it belongs to the foreground process group of the pane's terminal.
    pub foreground: bool,
}

/// Facts of a pane: kept and shown, not restored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaneFacts {
    /// The pane's own process.
    pub pid: Option<u32>,
    /// The pane's process and everything below it, the pane's own first.
    pub processes: Vec<Process>,
    /// The conversations of assistants that live in the pane, but not in its foreground: suspended, or behind another program.
    pub aside: Vec<Conversation>,
    /// Whether the alternate screen was on.
    pub alternate_screen: bool,
    /// Cursor column and row on the screen shown.
    pub cursor: (u32, u32),
    /// Terminal modes that were on, in tmux's format names without `_flag`: `keypad`, `mouse_sgr`, …
    pub modes: Vec<String>,
    /// Whether a shell's line editor waited for input; then the cursor's line is a prompt and not part of the text.
    pub at_prompt: bool,
    /// How many screen rows the prompt of this pane takes, as far as its text ended with them when the last restore saw
    /// it; 0 if none did. A restore expects as many again.
    pub prompt_rows: u32,
    /// Its shell has not been started since it was restored: it starts when somebody looks at the pane. Its text is what it
    /// was before that restore.
    pub waiting: bool,
    /// The status of the command that ran last in its shell, as that has told it.
    pub last_status: Option<i32>,
    /// Why the text was not captured, where that was on purpose.
    pub text_left_out: Option<String>,
}
