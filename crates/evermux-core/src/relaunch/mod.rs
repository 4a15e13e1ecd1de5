//! What to start again, and why not: pure decisions.
//!
//! Only what is in the program table ([`table`]) or has a handler ([`by_row`]) runs without being asked for: shells, viewers
//! and monitors, with arguments that can neither run something else nor write a file; editors and the like. Everything else is
//! typed at its prompt and left to the user, but for what is dangerous ([`danger()`]): that is only shown. The table is
//! about what a program is told to do by its arguments; what it does by its own configuration files and environment
//! stays the user's.

mod danger;
pub mod editors;
mod launch;
mod plain;
mod rows;
mod shells;
mod syntax;
pub mod table;
#[cfg(test)]
mod tests;

use std::fmt;

use bstr::{BStr, BString, ByteSlice};

pub use danger::danger;
pub use launch::{Again, Launch, PATIENCE, is_shell, names};
pub use rows::by_row;
pub use shells::Shell;

use crate::model::{Program, StartCommand};
use crate::text::quote::printable;

/// What is done about a recorded command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Start it with these words. Of the command a pane was made with they are tmux's arguments: one is a line for
    /// the shell (proven to be a single plain command), several are executed as they are.
    Run(Vec<BString>),
    /// Leave it, say why, and carry it as a debt.
    Owe(Reason),
}

/// Which programs the user allows to start: `--run`, or the config file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow {
    /// Those of the program table, and those whose handlers say so.
    pub table: bool,
    /// All that are not dangerous.
    pub all: bool,
    /// Programs by the name of their file, whatever their arguments are.
    pub names: Vec<BString>,
    /// Whether what is not allowed to run, and not dangerous, is typed at its prompt.
    pub prefill: bool,
}

impl Allow {
    /// No program at all: `--run none`.
    pub const NOTHING: Self = Self { table: false, all: false, names: Vec::new(), prefill: false };
    /// Those of the program table, others typed: `--run safe`.
    pub const TABLE: Self = Self { table: true, all: false, names: Vec::new(), prefill: true };

    /// Whether nothing may run.
    fn is_nothing(&self) -> bool {
        !self.table && !self.all && self.names.is_empty()
    }
}

impl Default for Allow {
    fn default() -> Self {
        Self::TABLE
    }
}

/// Under which conditions a command would start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// What the user allows. If nothing was said: the table for this machine's own snapshots, nothing for others.
    pub allow: Option<Allow>,
    /// Whether the snapshot comes from a file or another machine. Then `allow` must be what was said on the command
    /// line, not in the config file.
    pub foreign: bool,
    /// What `@evermux-policy` of the pane, its window or its sessions says.
    pub restriction: Restriction,
}

/// What `@evermux-policy` takes away from what the user allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Restriction {
    /// Nothing.
    #[default]
    None,
    /// `prefill`: a program is typed at the prompt, not run; the command a pane was made with is not run.
    Prefill,
    /// `skip`: nothing is started.
    Skip,
}

/// Why a command is not started. Displayed as a fragment that reads after "not started: ".
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A secret in it was masked.
    Masked,
    /// `@evermux-policy` says so.
    Restricted,
    /// `@evermux-policy` says that it is only typed.
    Prefilled,
    /// It comes from a file or another machine.
    Foreign,
    /// The user allows nothing.
    NothingAllowed,
    /// The directory it ran in is not there.
    NoDirectory,
    /// What exactly was run is not known.
    Unknown,
    /// A line of shell that is more than one plain command.
    NotPlain,
    /// This program is not known to be harmless.
    NotInTable(BString),
    /// It does not lie where programs are installed.
    Place(BString),
    /// The program is known, but not that this argument is harmless.
    Argument(BString),
    /// Its conversation cannot be gone on with, for this reason.
    Conversation(String),
    /// Its handler says that it is only typed.
    HandlerPrefills,
    /// It is only typed, for this reason.
    Typed(Box<Reason>),
    /// This of it is dangerous.
    Dangerous(BString),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Masked => f.write_str("a secret in it was masked"),
            Self::Restricted => f.write_str("the pane's @evermux-policy says so"),
            Self::Prefilled => f.write_str("typed at its prompt, as the pane's @evermux-policy says"),
            Self::Foreign => f.write_str("it comes from a file or another machine"),
            Self::NothingAllowed => f.write_str("no program is allowed to run"),
            Self::NoDirectory => f.write_str("the directory it ran in is not there"),
            Self::Unknown => f.write_str("its exact arguments are not known"),
            Self::NotPlain => f.write_str("it is a line of shell, not one plain command"),
            Self::NotInTable(name) => write!(f, "{} is not in the program table", printable(name)),
            Self::Place(path) => write!(f, "{} is not where programs are installed", printable(path)),
            Self::Conversation(why) => f.write_str(why),
            Self::Typed(why) => write!(f, "typed at its prompt: {why}"),
            Self::Dangerous(what) => write!(f, "{} is never started again", printable(what)),
            Self::HandlerPrefills => f.write_str("typed at its prompt, as its handler says"),
            Self::Argument(word) => write!(f, "its argument {} is not known to be harmless", printable(word)),
        }
    }
}

/// What to do about the command a pane was made with.
pub fn decide_start(start: &StartCommand, conditions: &Conditions) -> Decision {
    decide(start.masked, conditions, || match start.argv.as_slice() {
        [] => Err(Reason::Unknown),
        [line] => judge(&plain::words(line).ok_or(Reason::NotPlain)?, conditions),
        words => judge(words, conditions),
    })
    .map_or_else(Decision::Owe, |()| Decision::Run(start.argv.clone()))
}

/// What to do about a program that ran in a pane's shell.
pub fn decide_program(program: &Program, conditions: &Conditions) -> Again {
    let argv = &program.command.argv;
    if let Some(reason) = refused(program) {
        return Again::Owe(reason);
    }
    if conditions.restriction == Restriction::Prefill {
        // Who runs it is the user, so any program may be typed.
        let named = || if argv.is_empty() { Err(Reason::Unknown) } else { Ok(()) };
        let unrestricted = Conditions { restriction: Restriction::None, ..conditions.clone() };
        return match decide(program.command.masked, &unrestricted, named) {
            Ok(()) => {
                let launch = Launch { line: program.line.clone(), ..Launch::of(argv.clone()) };
                Again::Prefill(launch, Reason::Prefilled)
            }
            Err(reason) => Again::Owe(reason),
        };
    }
    match decide(program.command.masked, conditions, || judge(argv, conditions)) {
        Ok(()) => {
            let again = editors::opened_again(argv.clone());
            let line = same_line(program).filter(|_| again == *argv);
            Again::Run(Launch { line, ..Launch::of(again) })
        }
        Err(reason) if reason.is_of_the_program() && may_type(conditions) => {
            let launch = Launch { line: program.line.clone(), ..Launch::of(argv.clone()) };
            Again::Prefill(launch, Reason::Typed(Box::new(reason)))
        }
        Err(reason) => Again::Owe(reason),
    }
}

/// The line as the user typed it, if it means these words and nothing else: whatever it says more is not what was judged.
fn same_line(program: &Program) -> Option<BString> {
    let line = program.line.as_ref()?;
    let same = !line.starts_with(b"exec ") && plain::words(line)? == program.command.argv;
    same.then(|| line.clone())
}

/// Why a program is never started again and never typed.
fn refused(program: &Program) -> Option<Reason> {
    if program.command.masked {
        return Some(Reason::Masked);
    }
    // The line may say more than what ran of it at that moment.
    let line = program.line.iter().map(|line| ["sh".into(), "-c".into(), line.clone()]);
    let dangerous =
        danger(&program.command.argv).or_else(|| line.into_iter().find_map(|words| danger(&words)));
    dangerous.map(Reason::Dangerous)
}

/// Whether what may not run may be typed. What comes from elsewhere is not: a line at a prompt is a key from running.
fn may_type(conditions: &Conditions) -> bool {
    !conditions.foreign && conditions.allow.as_ref().is_none_or(|allow| allow.prefill)
}

impl Reason {
    /// Whether it is about what the program is, and not about where it comes from or what holds for its pane.
    fn is_of_the_program(&self) -> bool {
        matches!(self, Self::NotInTable(_) | Self::Place(_) | Self::Argument(_))
    }
}

/// What to do about a program that a handler knows, one that holds a conversation among them. `resumption`: what goes on with
/// it, and whether that is only typed; or why nothing does. Its handler is what allows it; the table stands for all handlers.
pub fn decide_conversation(
    program: &Program,
    conditions: &Conditions,
    resumption: Result<(Launch, bool), String>,
) -> Again {
    let (launch, prefill) = match resumption {
        Ok(found) => found,
        Err(why) => return Again::Owe(Reason::Conversation(why)),
    };
    if let Some(reason) = refused(program) {
        return Again::Owe(reason);
    }
    // Who says `all`, or names it, wants more than its handler does.
    let named = conditions.allow.as_ref();
    let named =
        named.is_some_and(|allow| allow.all || launch.names.iter().any(|name| allow.names.contains(name)));
    let typed = conditions.restriction == Restriction::Prefill;
    let restriction = if typed { Restriction::None } else { conditions.restriction };
    let unrestricted = Conditions { restriction, ..conditions.clone() };
    let allowed = || match &conditions.allow {
        Some(allow) if !allow.table && !allow.all => {
            let named = launch.names.iter().find(|name| allow.names.contains(name));
            let name = launch.names.first().cloned().unwrap_or_default();
            named.map(|_| ()).ok_or(Reason::NotInTable(name))
        }
        _ => Ok(()),
    };
    match decide(program.command.masked, &unrestricted, allowed) {
        Ok(()) if typed => Again::Prefill(launch, Reason::Prefilled),
        Ok(()) if prefill && !named => Again::Prefill(launch, Reason::HandlerPrefills),
        Ok(()) => Again::Run(launch),
        Err(reason) => Again::Owe(reason),
    }
}

/// What holds for every command, before its words are looked at.
fn decide(
    masked: bool,
    conditions: &Conditions,
    judge: impl FnOnce() -> Result<(), Reason>,
) -> Result<(), Reason> {
    match &conditions.allow {
        _ if masked => Err(Reason::Masked),
        _ if conditions.restriction != Restriction::None => Err(Reason::Restricted),
        None if conditions.foreign => Err(Reason::Foreign),
        Some(allow) if allow.is_nothing() => Err(Reason::NothingAllowed),
        _ => judge(),
    }
}

/// Whether these words, a program and its arguments, may be executed.
fn judge(words: &[BString], conditions: &Conditions) -> Result<(), Reason> {
    let [program, arguments @ ..] = words else { return Err(Reason::Unknown) };
    if let Some(what) = danger(words) {
        return Err(Reason::Dangerous(what));
    }
    if conditions.allow.as_ref().is_some_and(|allow| allow.all) {
        return Ok(());
    }
    let name = installed_name(program.as_bstr())?;
    let (table, names) = match &conditions.allow {
        Some(allow) => (allow.table, allow.names.as_slice()),
        None => (true, &[][..]),
    };
    if names.iter().any(|allowed| allowed == name) {
        return Ok(());
    }
    let rule = table::find(name).filter(|_| table).ok_or_else(|| Reason::NotInTable(name.into()))?;
    if editors::reads_input(name, arguments) {
        return Err(Reason::Argument("-".into()));
    }
    rule.check(arguments).map_err(|word| Reason::Argument(word.clone()))
}

/// The name of a program that is called by its name or by the path of a place where programs are installed.
fn installed_name(program: &BStr) -> Result<&BStr, Reason> {
    let Some(slash) = program.rfind_byte(b'/') else {
        // `NAME=value` in front of a command is no program.
        let is_name = !program.is_empty() && !program.contains(&b'=');
        return if is_name { Ok(program) } else { Err(Reason::NotInTable(program.into())) };
    };
    let (folder, name) = (&program[..slash], &program[slash + 1..]);
    let outside = || Reason::Place(program.into());
    if folder.split_str("/").any(|part| part == b".." || part == b".") {
        return Err(outside());
    }
    let installed = table::FOLDERS.iter().any(|known| known.as_bytes() == folder)
        // Nix: /nix/store/HASH-NAME/bin.
        || (folder.starts_with(b"/nix/store/") && folder.ends_with(b"/bin"))
        || (folder.starts_with(b"/etc/profiles/per-user/") && folder.ends_with(b"/bin"));
    if installed { Ok(name.as_bstr()) } else { Err(outside()) }
}
