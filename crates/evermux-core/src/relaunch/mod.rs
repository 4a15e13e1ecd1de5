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
mod inner;
mod plain;
mod reason;
pub mod resurrect;
mod rows;
mod shells;
mod start;
mod syntax;
pub mod table;
#[cfg(test)]
mod tests;

use bstr::{BStr, BString, ByteSlice};

pub use danger::danger;
pub use launch::{Again, Launch, PATIENCE, is_shell, names};
pub use reason::{Permission, Reason};
pub use rows::by_row;
pub use shells::Shell;
pub use start::{decide_line, program_of, words_of_pane};
pub use table::begins_empty;

use crate::model::Program;

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
    /// `prefill`: a program is typed at the prompt, not run.
    Prefill,
    /// `skip`: nothing is started.
    Skip,
}

/// What to do about a program that ran in a pane, by the program table.
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
            Ok(()) => Again::Prefill(as_it_was(program), Reason::Prefilled),
            Err(reason) => Again::Owe(reason),
        };
    }
    let judged = || whole(program).and_then(|()| judge(argv, conditions));
    match decide(program.command.masked, conditions, judged) {
        Ok(permission) => {
            let again = editors::opened_again(argv.clone());
            let line = same_line(program).filter(|_| again == *argv);
            Again::Run(Launch { line, ..Launch::of(again) }, permission)
        }
        Err(reason) if reason.is_of_the_program() && may_type(conditions) => {
            Again::Prefill(as_it_was(program), reason.typed())
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

/// Whether the words of a program are all that was run.
///
/// # Errors
/// [`Reason::Redirected`]: a part of a pipeline, or of a line with more commands, does not run by itself.
fn whole(program: &Program) -> Result<(), Reason> {
    let more = program.line.as_ref().is_some_and(|line| plain::has_operators(line));
    if more || program.redirected { Err(Reason::Redirected) } else { Ok(()) }
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

/// How a program comes back that a handler knows, or an option of tmux-resurrect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// What is started, or typed.
    pub launch: Launch,
    /// Why it is only typed; none: it is started.
    pub typed: Option<Reason>,
    /// What says so.
    pub permission: Permission,
}

/// What to do about a program for which there is a recipe, or a reason why it does not come back. Its handler is what allows
/// it; the table stands for all handlers.
pub fn decide_recipe(program: &Program, conditions: &Conditions, recipe: Result<Recipe, Reason>) -> Again {
    let Recipe { launch, typed, permission } = match recipe {
        Ok(recipe) => recipe,
        Err(reason) => return Again::Owe(refused(program).unwrap_or(reason)),
    };
    if let Some(reason) = refused(program).or_else(|| danger(&launch.argv).map(Reason::Dangerous)) {
        return Again::Owe(reason);
    }
    // Who says `all`, or names it, wants more than its handler does.
    let allow = conditions.allow.as_ref();
    let named = allow.and_then(|allow| launch.names.iter().find(|name| allow.names.contains(name)).cloned());
    let more = match &named {
        Some(name) => Some(Permission::Named(name.clone())),
        None => allow.filter(|allow| allow.all).map(|_| Permission::All),
    };
    let restricted = conditions.restriction == Restriction::Prefill;
    let restriction = if restricted { Restriction::None } else { conditions.restriction };
    let unrestricted = Conditions { restriction, ..conditions.clone() };
    let allowed = || match allow {
        Some(allow) if !allow.table && !allow.all && named.is_none() => {
            Err(Reason::NotInTable(launch.names.first().cloned().unwrap_or_default()))
        }
        _ => Ok(()),
    };
    // Words that were not all of it do not become so by a permission.
    let part = whole(program).err().filter(|_| program.conversation.is_none());
    let whole = part.is_none();
    let typed = part.or(typed.filter(|_| more.is_none()));
    let decided = decide(program.command.masked, &unrestricted, allowed);
    let launch = if whole { launch } else { as_it_was(program) };
    match (decided, typed) {
        (Ok(()), _) if restricted => Again::Prefill(launch, Reason::Prefilled),
        (Ok(()), Some(reason)) => Again::Prefill(launch, reason.typed()),
        (Ok(()), None) => Again::Run(launch, more.unwrap_or(permission)),
        (Err(reason), _) => Again::Owe(reason),
    }
}

/// The line as the user typed it, or the words as they were.
fn as_it_was(program: &Program) -> Launch {
    Launch { line: program.line.clone(), ..Launch::of(program.command.argv.clone()) }
}

/// What holds for every command, before its words are looked at.
fn decide<T>(
    masked: bool,
    conditions: &Conditions,
    judge: impl FnOnce() -> Result<T, Reason>,
) -> Result<T, Reason> {
    match &conditions.allow {
        _ if masked => Err(Reason::Masked),
        _ if conditions.restriction != Restriction::None => Err(Reason::Restricted),
        None if conditions.foreign => Err(Reason::Foreign),
        Some(allow) if allow.is_nothing() => Err(Reason::NothingAllowed),
        _ => judge(),
    }
}

/// Whether these words, a program and its arguments, may be executed, and what says so.
fn judge(words: &[BString], conditions: &Conditions) -> Result<Permission, Reason> {
    let [program, arguments @ ..] = words else { return Err(Reason::Unknown) };
    if let Some(what) = danger(words) {
        return Err(Reason::Dangerous(what));
    }
    if conditions.allow.as_ref().is_some_and(|allow| allow.all) {
        return Ok(Permission::All);
    }
    let name = installed_name(program.as_bstr())?;
    let (table, names) = match &conditions.allow {
        Some(allow) => (allow.table, allow.names.as_slice()),
        None => (true, &[][..]),
    };
    if names.iter().any(|allowed| allowed == name) {
        return Ok(Permission::Named(name.into()));
    }
    let rule = table::find(name).filter(|_| table).ok_or_else(|| Reason::NotInTable(name.into()))?;
    if editors::reads_input(name, arguments) {
        return Err(Reason::Argument("-".into()));
    }
    rule.check(arguments).map_err(|word| Reason::Argument(word.clone()))?;
    Ok(Permission::Table(name.into()))
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
