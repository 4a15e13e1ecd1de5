//! How a program is started again in the shell of a pane: the answer of the pure decision, carried out by
//! `restore::launch`.

use std::time::Duration;

use bstr::BString;
use serde::{Deserialize, Serialize};

use super::shells::file_name;
use super::{Permission, Reason, Shell, plain};
use crate::model::StartCommand;

/// How long a program may take to appear in the foreground of its pane, where nothing else is known of it.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Words of an interpreter that run a script: `python3 -O /usr/bin/ranger` is called ranger.
const INTERPRETERS: &[&str] = &["python", "node", "perl", "ruby", "bash", "sh", "dash", "deno", "bun", "lua"];

/// Something that is started in a pane's shell, or typed at its prompt.
///
/// It is a child of that shell, so that job control works and leaving it gives the shell back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// The exact words, the program first; it is found in the `PATH` of the pane's shell. Any bytes but NUL, any length.
    pub argv: Vec<BString>,
    /// Where it runs; none: where the pane's shell starts. Another directory than the shell's is set by `evermux resume`.
    pub directory: Option<BString>,
    /// Variables it gets beside those of the shell: names and values, no secrets. With any, `evermux resume` starts it.
    pub environment: Vec<(BString, BString)>,
    /// Names by which its process is recognised when it has appeared: of its executable, of the kernel, of `argv[0]`, or
    /// of the script that an interpreter runs. One of them is enough.
    pub names: Vec<BString>,
    /// Whether it asks its terminal about colours when it starts, which only an attached client answers.
    pub needs_client: bool,
    /// How long it may take until one of `names` is in the foreground of the pane.
    pub patience: Duration,
    /// What is typed instead of a line built from `argv`, where that is known (the line as the user typed it). It must
    /// mean the same; it is not used where there are directories or variables to set.
    pub line: Option<BString>,
    /// Whether it is started once only: by `evermux resume`, never by a line that a history keeps.
    #[serde(default)]
    pub once: bool,
    /// Whether it may be begun a second time if it ended at once: what goes on with a conversation does nothing by itself.
    #[serde(default)]
    pub repeat: bool,
}

impl Launch {
    /// These words, as they are, in the directory of the pane's shell, recognised by their own names.
    pub fn of(argv: Vec<BString>) -> Self {
        Self {
            names: names(&argv),
            argv,
            directory: None,
            environment: Vec::new(),
            needs_client: false,
            patience: PATIENCE,
            line: None,
            once: false,
            repeat: false,
        }
    }
}

/// The names of what these words run: of the program, and of the script if it is an interpreter.
pub fn names(argv: &[BString]) -> Vec<BString> {
    let Some((program, arguments)) = argv.split_first() else { return Vec::new() };
    let program = file_name(program);
    let mut names = vec![BString::from(program)];
    let interprets = |known: &&str| {
        program
            .strip_prefix(known.as_bytes())
            .is_some_and(|rest| rest.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.'))
    };
    if INTERPRETERS.iter().any(interprets) {
        let script = arguments.iter().find(|word| !word.starts_with(b"-"));
        names.extend(script.map(|script| file_name(script).into()));
    }
    names
}

/// What is done about the program that ran in a pane's shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Again {
    /// Start it, because of this.
    Run(Launch, Permission),
    /// Type it at the prompt, and leave it to the user; it stays owed for this reason.
    Prefill(Launch, Reason),
    /// Leave it, and carry it as a debt for this reason.
    Owe(Reason),
}

/// Whether the command a pane was made with is a shell that waits for commands: then other programs ran in it.
pub fn is_shell(start: &StartCommand) -> bool {
    let words = match start.argv.as_slice() {
        [line] => plain::words(line),
        words => Some(words.to_vec()),
    };
    words.is_some_and(|words| {
        words.first().is_some_and(|program| Shell::of(program).is_some())
            && Shell::takes_commands_from_terminal(&words)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_have_the_names_of_their_files_and_scripts() {
        let of = |line: &str| {
            let argv: Vec<BString> = line.split(' ').map(BString::from).collect();
            names(&argv).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of("less -R x"), "less");
        assert_eq!(of("/usr/bin/top"), "top");
        assert_eq!(of("/usr/bin/python3.11 -O /usr/bin/ranger x"), "python3.11 ranger");
        assert_eq!(of("python3"), "python3");
        assert_eq!(of("node /opt/claude --resume x"), "node claude");
        assert_eq!(of("pythonista x"), "pythonista");
        assert!(names(&[]).is_empty());
    }
}
