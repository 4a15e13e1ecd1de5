//! What the options of tmux-resurrect say of programs, for those who come from there: `@resurrect-processes`,
//! `@resurrect-default-processes` and the strategies `@resurrect-strategy-vim` and `-nvim` (docs/handlers.md). Pure.
//!
//! They are permissions to run, like the names of the settings: what is dangerous runs by none of them, nothing in them is
//! expanded or executed, and conversations have their own handlers.

mod list;
#[cfg(test)]
mod tests;

use bstr::{BString, ByteSlice};

use self::list::{Element, elements};
use super::shells::file_name;
use super::{Allow, Conditions};
use super::{Launch, Permission, Reason, Recipe, Restriction, editors, installed_name, judge, names, plain};
use crate::model::{OptionEntry, Program};
use crate::text::quote::{printable, shell_word};

/// Programs to bring back, beside the default ones.
const PROCESSES: &str = "@resurrect-processes";
/// Replaces the default ones.
const DEFAULTS: &str = "@resurrect-default-processes";
/// Before the name of a program: how that is brought back.
const STRATEGY: &str = "@resurrect-strategy-";

/// Those that tmux-resurrect brings back by itself (v4.0.0).
const ITS_DEFAULTS: &[&str] = &[
    "vi", "vim", "view", "nvim", "emacs", "man", "less", "more", "tail", "top", "htop", "irssi", "weechat",
    "mutt",
];

/// What the options say.
#[derive(Clone, Debug, Default)]
pub struct Resurrect {
    /// No program at all comes back.
    off: bool,
    /// All do.
    all: bool,
    /// Those that the user lists.
    elements: Vec<Element>,
    /// Default ones that the user has taken out of their list.
    left_out: Vec<&'static str>,
    /// Editors that are to come back by the session file in their directory.
    sessions: Vec<&'static str>,
    /// What was read, for people: the option and its value.
    read: Vec<(String, String)>,
    /// What of it was not understood, for people.
    not_understood: Vec<String>,
}

impl Resurrect {
    /// What these global options of a server say; none if they say nothing.
    pub fn of(options: &[OptionEntry]) -> Option<Self> {
        let mut found = Self::default();
        for option in options {
            let value = option.value.as_ref().map(|value| value.to_str_lossy().into_owned());
            let name = option.name.to_str_lossy();
            let Some(value) = value.filter(|value| !value.trim().is_empty()) else { continue };
            if name == PROCESSES {
                found.processes(&value);
            } else if name == DEFAULTS {
                let own = found.list(DEFAULTS, &value);
                let is_in = |name: &&&str| own.iter().any(|element| element.fits_name(name));
                found.left_out = ITS_DEFAULTS.iter().filter(|name| !is_in(name)).copied().collect();
                found.elements.splice(0..0, own);
            } else if let Some(program) = name.strip_prefix(STRATEGY) {
                found.strategy(program, &value);
            } else {
                continue;
            }
            found.read.push((printable(name.as_bytes()), printable(value.as_bytes())));
        }
        (!found.read.is_empty()).then_some(found)
    }

    fn processes(&mut self, value: &str) {
        match value.trim() {
            "false" => self.off = true,
            ":all:" => self.all = true,
            _ => {
                let own = self.list(PROCESSES, value);
                self.elements.extend(own);
            }
        }
    }

    fn list(&mut self, option: &str, value: &str) -> Vec<Element> {
        let (own, wrong) = elements(value);
        let wrong = wrong.into_iter().map(|what| format!("{option}: {}", printable(what.as_bytes())));
        self.not_understood.extend(wrong);
        own
    }

    fn strategy(&mut self, program: &str, value: &str) {
        match (program, value) {
            ("vim", "session") => self.sessions.push("vim"),
            ("nvim", "session") => self.sessions.push("nvim"),
            // It sets these itself; handlers of ours know these programs.
            ("irb" | "mosh-client", "default_strategy") => {}
            _ => {
                let what = format!("{STRATEGY}{program} {value}: the scripts of strategies are not run");
                self.not_understood.push(printable(what.as_bytes()));
            }
        }
    }

    /// What was read: options and their values. Contains no control bytes.
    pub fn read(&self) -> &[(String, String)] {
        &self.read
    }

    /// What of it was not understood, and counts for nothing. Contains no control bytes.
    pub fn not_understood(&self) -> &[String] {
        &self.not_understood
    }

    /// How a program comes back where the options say something of it; none where they do not, and where what evermux knows
    /// of it is as good or better. `row`: what its handler says; `allow`: what the settings allow; `is_there`: whether a file
    /// is.
    pub fn recipe(
        &self,
        program: &Program,
        row: Option<&Result<Recipe, Reason>>,
        allow: Option<&Allow>,
        is_there: &dyn Fn(&BString) -> bool,
    ) -> Option<Result<Recipe, Reason>> {
        let argv = &program.command.argv;
        // Conversations have their own way, and a state that was saved is newer than any session file.
        if program.conversation.is_some() || program.editor.is_some() || argv.is_empty() {
            return None;
        }
        let called = names(argv);
        if allow.is_some_and(|allow| allow.all || called.iter().any(|name| allow.names.contains(name))) {
            return None;
        }
        if self.off {
            return Some(Err(Reason::ResurrectOff));
        }
        if let Some(recipe) = self.replaced(program) {
            return Some(Ok(recipe));
        }
        if let Some(recipe) = self.session(program, is_there) {
            return Some(Ok(recipe));
        }
        let element = self.elements.iter().find(|element| element.fit(argv).is_some());
        let what = match element {
            Some(element) => format!("{PROCESSES} {}", element.text),
            None if self.all => format!("{PROCESSES} :all:"),
            None => return self.taken_out(program),
        };
        // Where evermux starts it anyhow, its own way is the better one.
        let known = match row {
            Some(row) => row.as_ref().is_ok_and(|recipe| recipe.typed.is_none()),
            None => {
                let usual = Conditions { allow: None, foreign: false, restriction: Restriction::None };
                judge(argv, &usual).is_ok()
            }
        };
        let launch = match row {
            Some(Ok(recipe)) => recipe.launch.clone(),
            _ => Launch::of(argv.clone()),
        };
        (!known).then_some(Ok(Recipe { launch, typed: None, permission: Permission::Resurrect(what) }))
    }

    /// A default program that the user has taken out of the list.
    fn taken_out(&self, program: &Program) -> Option<Result<Recipe, Reason>> {
        let argv = &program.command.argv;
        let name = file_name(&argv[0]);
        self.left_out.iter().find(|left| left.as_bytes() == name)?;
        let launch = Launch { line: program.line.clone(), ..Launch::of(argv.clone()) };
        let what = format!("{DEFAULTS} without {}", printable(name));
        let permission = Permission::Resurrect(what.clone());
        Some(Ok(Recipe { launch, typed: Some(Reason::Resurrect(what)), permission }))
    }

    /// What is started instead: of `MATCH->RESTORE`, the first that fits.
    fn replaced(&self, program: &Program) -> Option<Recipe> {
        let argv = &program.command.argv;
        let found = self.elements.iter().filter_map(|element| {
            let restore = element.restore.as_ref()?;
            Some((element, restore, element.fit(argv)?))
        });
        let (element, restore, arguments) = found.into_iter().next()?;
        let launch = instead(restore, &argv[arguments..]);
        let permission = Permission::Resurrect(format!("{PROCESSES} {}", element.text));
        Some(Recipe { launch, typed: None, permission })
    }

    /// The session file in the directory of an editor is typed, not run: it may be anybody's, and does what it likes.
    fn session(&self, program: &Program, is_there: &dyn Fn(&BString) -> bool) -> Option<Recipe> {
        let argv = &program.command.argv;
        let name = installed_name(argv[0].as_bstr()).ok()?;
        let known = self.sessions.iter().find(|known| known.as_bytes() == name)?;
        let named = argv.iter().any(|word| word.starts_with(b"-S"));
        let file: BString = [program.directory.as_slice(), b"/Session.vim"].concat().into();
        if named || editors::reads_input(name, &argv[1..]) || !is_there(&file) {
            return None;
        }
        let launch = Launch::of(vec![argv[0].clone(), "-S".into(), "Session.vim".into()]);
        let option = format!("{STRATEGY}{known}");
        let permission = Permission::Resurrect(option.clone());
        Some(Recipe { launch, typed: Some(Reason::Session(option)), permission })
    }
}

/// What a RESTORE starts: words where it is one plain command, else a line of shell. ` *` stands for the arguments.
fn instead(restore: &str, arguments: &[BString]) -> Launch {
    let (before, after) = match restore.split_once(" *") {
        Some((before, after)) => (before, Some(after)),
        None => (restore, None),
    };
    let tail = match after.map(str::trim) {
        None | Some("") => Some(Vec::new()),
        Some(after) => plain::words(after.as_bytes()),
    };
    if let (Some(mut argv), Some(tail)) = (plain::words(before.as_bytes()), tail) {
        if after.is_some() {
            argv.extend_from_slice(arguments);
        }
        argv.extend(tail);
        return Launch::of(argv);
    }
    let mut line: BString = before.into();
    if let Some(after) = after {
        for word in arguments {
            line.push(b' ');
            line.extend_from_slice(&shell_word(word).unwrap_or_default());
        }
        line.extend_from_slice(after.as_bytes());
    }
    let names =
        restore.split(|c: char| c.is_whitespace() || ";|&()".contains(c)).filter(|word| !word.is_empty());
    let names = names.map(|word| BString::from(file_name(word.as_bytes()))).chain(["sh".into()]).collect();
    // Its arguments are quoted for sh.
    let typed = (after.is_none() || arguments.is_empty()).then(|| line.clone());
    Launch { line: typed, names, ..Launch::of(vec!["sh".into(), "-c".into(), line]) }
}
