//! How handlers are written: TOML in which nothing is unknown (docs/handlers.md).

mod source;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};
use thiserror::Error;

pub use self::source::{Source, SourceKind};
use super::arguments::Arguments;
use super::template::Template;
use super::words::{Field, Flag, IdPattern, Name, Pattern, Plain, Program, Query, Variable};

/// Longest file of handlers (bytes).
pub const LONGEST_FILE: u64 = 64 << 10;

/// Most entries of any list.
const MOST: usize = 64;

/// Longest time a program may take to be there.
const LONGEST_READY: Duration = Duration::from_secs(600);

/// Why a file holds no handlers.
#[derive(Debug, Error)]
#[error("it holds no handlers as they should be")]
pub struct FormatError(#[from] pub toml::de::Error);

/// The handlers of a file.
///
/// # Errors
/// What is wrong with it, and in which line.
pub fn parse(text: &str) -> Result<Vec<Handler>, FormatError> {
    let file: File = toml::from_str(text)?;
    Ok(file.handler.into_iter().map(|(name, handler)| Handler { name: name.0, ..handler }).collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    handler: BTreeMap<Name, Handler>,
}

/// What is known of one program.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Form")]
pub struct Handler {
    /// Its name.
    pub name: String,
    /// Whether it is the user's.
    pub is_users: bool,
    /// The names of the program's file.
    pub names: Vec<String>,
    /// Uses of the program that the handler is not for.
    pub unless: Exclusion,
    /// What is done when it is to come back.
    pub policy: Policy,
    /// How its arguments are written.
    pub arguments: Arguments,
    /// The only words that may be the first that is no flag, where it is run; none: any.
    pub only: Vec<Plain>,
    /// The command inside of its command line.
    pub inner: Option<Inner>,
    /// Whether it is a client of tmux or its like: run again where it only attaches to a session.
    pub attaches: bool,
    /// The command that starts it again, for programs without conversations.
    pub command: Option<Vec<Template>>,
    /// The command that goes on with a conversation.
    pub resume: Option<Vec<Template>>,
    /// The command that begins a conversation under an id that is chosen, for one in which nothing was said.
    pub fresh: Option<Vec<Template>>,
    /// Folders by name: places in paths.
    pub folders: BTreeMap<Name, Folder>,
    /// Files that must be there.
    pub needs: Vec<Template>,
    /// Variables that it is started with again, if it had them.
    pub environment: Vec<Variable>,
    /// What its conversations' ids look like.
    pub id: Option<IdPattern>,
    /// What tells which conversation it holds, in the order in which they are believed.
    pub sources: Vec<Source>,
    /// What tells the directory of a conversation.
    pub directory: Vec<Lookup>,
    /// What must be there of a conversation so that it can be gone on with; one of them is enough.
    pub resumable: Vec<Lookup>,
    /// The mode that was chosen inside of it.
    pub mode: Option<Mode>,
    /// Whether it asks the terminal about itself when it starts, so that somebody should look at it.
    pub needs_client: bool,
    /// How long it may take until it is there.
    pub ready: Duration,
}

/// Uses of a program that a handler is not for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Exclusion {
    /// Those with one of these words as the first that is no flag.
    pub subcommands: Vec<Plain>,
    /// Those with one of these flags.
    pub flags: Vec<Flag>,
}

/// A command inside of a command line: where it begins, and what it must be so that the program is run.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Inner {
    /// The first words that are no flags for which this holds; none: for all.
    #[serde(default)]
    pub subcommands: Vec<Plain>,
    /// After how many words that are no flags it begins, the subcommand not counted.
    pub after: usize,
    /// What it must be.
    pub opens: Opens,
}

/// What a command inside of a command line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Opens {
    /// It opens a shell that waits for commands, or attaches to a session of tmux or its like.
    Shell,
    /// It shows something.
    Viewer,
}

/// What is done when a program is to come back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// It is started.
    Run,
    /// Its command is put at the prompt.
    Prefill,
    /// Nothing; it is owed.
    #[default]
    Skip,
}

/// A folder: what a variable of the program names, else a path.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Folder {
    /// The variable.
    #[serde(default)]
    pub variable: Option<Variable>,
    /// The path without it; `~/` and `{folder}` may stand at its head.
    pub default: Template,
}

/// A file or a row in which something can be looked up.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Lookup {
    /// The file: a pattern.
    pub path: Template,
    /// The field of its first JSON line.
    #[serde(default)]
    pub field: Option<Field>,
    /// The query whose first column it is, if the file is a database; `:id` and `:cwd` are known.
    #[serde(default)]
    pub query: Option<Query>,
    /// What one of its lines must fit: something was said in it.
    #[serde(default)]
    pub said: Option<Pattern>,
}

/// A way of working that is chosen inside of a program and written down, and the flag for it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Mode {
    /// The file with JSON lines: a pattern.
    pub path: Template,
    /// The field; of the last line that has it.
    pub field: Field,
    /// The flag whose value it becomes.
    pub flag: Flag,
    /// The values that are taken.
    pub values: Vec<Plain>,
}

/// A handler as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Form {
    names: Vec<Program>,
    #[serde(default)]
    unless: Exclusion,
    #[serde(default)]
    policy: Policy,
    #[serde(default)]
    arguments: Arguments,
    #[serde(default)]
    only: Vec<Plain>,
    inner: Option<Inner>,
    #[serde(default)]
    attaches: bool,
    command: Option<Vec<Template>>,
    resume: Option<Vec<Template>>,
    fresh: Option<Vec<Template>>,
    #[serde(default)]
    folders: BTreeMap<Name, Folder>,
    #[serde(default)]
    needs: Vec<Template>,
    #[serde(default)]
    environment: Vec<Variable>,
    id: Option<IdPattern>,
    #[serde(default, rename = "source")]
    sources: Vec<Source>,
    #[serde(default)]
    directory: Vec<Lookup>,
    #[serde(default)]
    resumable: Vec<Lookup>,
    mode: Option<Mode>,
    #[serde(default)]
    needs_client: bool,
    #[serde(default = "ready", deserialize_with = "seconds")]
    ready: Duration,
}

fn ready() -> Duration {
    Duration::from_secs(30)
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let seconds = text.strip_suffix('s').and_then(|number| number.parse().ok()).map(Duration::from_secs);
    seconds
        .filter(|ready| (Duration::from_secs(1)..=LONGEST_READY).contains(ready))
        .ok_or_else(|| de::Error::custom(format!("'{}' is not a time from 1s to 600s", text.escape_debug())))
}

impl TryFrom<Form> for Handler {
    type Error = String;

    fn try_from(form: Form) -> Result<Self, String> {
        let handler = Self {
            name: String::new(),
            is_users: false,
            names: form.names.into_iter().map(|name| name.0).collect(),
            unless: form.unless,
            policy: form.policy,
            arguments: form.arguments,
            only: form.only,
            inner: form.inner,
            attaches: form.attaches,
            command: form.command,
            resume: form.resume,
            fresh: form.fresh,
            folders: form.folders,
            needs: form.needs,
            environment: form.environment,
            id: form.id,
            sources: form.sources,
            directory: form.directory,
            resumable: form.resumable,
            mode: form.mode,
            needs_client: form.needs_client,
            ready: form.ready,
        };
        handler.check_sizes()?;
        handler.check_commands()?;
        handler.check_paths()?;
        Ok(handler)
    }
}

impl Handler {
    /// Whether this is the id of one of its conversations.
    pub fn is_id(&self, id: &str) -> bool {
        self.id.as_ref().is_some_and(|ids| ids.fits(id.as_bytes()))
    }

    fn check_sizes(&self) -> Result<(), String> {
        let arguments = &self.arguments;
        let sets = [
            &arguments.drop,
            &arguments.drop_values,
            &arguments.values,
            &arguments.variadic,
            &arguments.flags,
        ];
        let lists = [
            self.names.len(),
            self.unless.subcommands.len(),
            self.unless.flags.len(),
            self.only.len(),
            self.inner.as_ref().map_or(0, |inner| inner.subcommands.len()),
            self.folders.len(),
            self.needs.len(),
            self.environment.len(),
            self.sources.len(),
            self.directory.len(),
            self.resumable.len(),
            arguments.subcommands.len(),
        ];
        let most = lists.into_iter().chain(sets.iter().map(|set| set.len())).max().unwrap_or(0);
        if most > MOST {
            return Err(format!("one of its lists has {most} entries; {MOST} are the most"));
        }
        if self.names.is_empty() {
            return Err("it has no names".to_owned());
        }
        let twice = sets.iter().enumerate().find_map(|(number, set)| {
            let others = &sets[number + 1..];
            set.iter().find(|flag| others.iter().any(|other| other.contains(flag)))
        });
        match twice {
            Some(flag) => Err(format!("the flag {} stands in two lists", flag.0)),
            None => Ok(()),
        }
    }

    /// Every place in a command is one that is filled, and what goes on with a conversation names it.
    fn check_commands(&self) -> Result<(), String> {
        for (key, command, with_id) in
            [("command", &self.command, false), ("resume", &self.resume, true), ("fresh", &self.fresh, true)]
        {
            let Some(words) = command else { continue };
            if words.first().is_none_or(|word| word.places().next().is_some()) || words.len() > MOST {
                return Err(format!("{key} begins with no plain name of a program, or is too long"));
            }
            for word in words {
                let known =
                    |place| place == "id" && with_id || place == "arguments" && word.is_place("arguments");
                if let Some(place) = word.places().find(|place| !known(*place)) {
                    return Err(format!("{key} has no place {{{place}}} there"));
                }
            }
            if with_id && !words.iter().any(|word| word.places().any(|place| place == "id")) {
                return Err(format!("{key} does not name the conversation: {{id}}"));
            }
        }
        if self.resume.is_some() && self.id.is_none() {
            return Err("resume needs id, the pattern of ids".to_owned());
        }
        if !self.sources.is_empty() && self.resume.is_none() {
            return Err("its sources tell conversations, but no resume goes on with one".to_owned());
        }
        Ok(())
    }

    /// Every place in a path is one that is filled.
    fn check_paths(&self) -> Result<(), String> {
        let folder = |place: &str| self.folders.keys().any(|name| name.0 == place);
        let known = |place: &str| {
            matches!(place, "id" | "pid" | "cwd" | "encoded-cwd" | "repository") || folder(place)
        };
        let sources = self.sources.iter().filter_map(|source| source.kind.path());
        let lookups = self.directory.iter().chain(&self.resumable).map(|lookup| &lookup.path);
        let mode = self.mode.iter().map(|mode| &mode.path);
        for path in sources.chain(lookups).chain(mode).chain(&self.needs) {
            if let Some(place) = path.places().find(|place| !known(place)) {
                return Err(format!("there is no folder {{{place}}}"));
            }
        }
        for (name, own) in &self.folders {
            let earlier = |place: &str| folder(place) && place < name.0.as_str();
            if let Some(place) = own.default.places().find(|place| !earlier(place)) {
                return Err(format!(
                    "the folder {} cannot lie in {{{place}}}: no folder of an earlier name",
                    name.0
                ));
            }
        }
        Ok(())
    }
}
