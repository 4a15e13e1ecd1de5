//! What tells which conversation a program holds, as handlers write it.

use serde::{Deserialize, Deserializer, de};

use super::MOST;
use crate::handlers::template::Template;
use crate::handlers::words::{Either, Field, Pattern, Plain, Query, Variable};
use crate::model::Confidence;

/// What tells which conversation a program holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "SourceForm")]
pub struct Source {
    /// What it is.
    pub kind: SourceKind,
    /// How sure it is.
    pub confidence: Confidence,
}

/// What tells which conversation a program holds.
#[derive(Clone, Debug)]
pub enum SourceKind {
    /// A JSON file with the process in its name.
    Registry {
        /// The file.
        path: Template,
        /// Its field with the id.
        id: Field,
        /// Its field with the start time of the process, in the kernel's unit.
        started: Option<Field>,
        /// Its field with the directory.
        directory: Option<Field>,
    },
    /// A file of JSON lines, of which the last with the process counts.
    Journal {
        /// The file.
        path: Template,
        /// The field with the process.
        process: Field,
        /// The field with the id.
        id: Field,
        /// The field with the time when that was written, or when the process began.
        started: Option<Field>,
    },
    /// A file with process and id in its path; of several the newest.
    Lock {
        /// The file.
        path: Template,
    },
    /// A file that the process has open.
    OpenFile {
        /// The file, with the id in its path.
        path: Template,
    },
    /// The files of tmux-assistant-resurrect.
    Tracker,
    /// The pane's option `@evermux-resume`.
    Option,
    /// The command line.
    Arguments {
        /// The flags or words that an id follows.
        after: Vec<Either>,
    },
    /// A variable of the process.
    Environment {
        /// Its name.
        variable: Variable,
    },
    /// Rows of a database.
    Database {
        /// The file; of several that fit the newest.
        path: Template,
        /// Columns `id`, and if there are `created`, `updated` (milliseconds), `directory` and `said`, what was said
        /// first. Knows `:cwd`.
        query: Query,
    },
    /// JSON lines, a file for each conversation, of which the first line tells.
    Transcripts {
        /// The files.
        path: Template,
        /// The field with the id; without it the id is in the path.
        id: Option<Field>,
        /// The field with the time when it began.
        created: Field,
        /// The field with its directory; it must be the program's.
        directory: Option<Field>,
        /// A file in the folder above, whose text is that directory.
        directory_file: Option<Plain>,
    },
    /// The pane's title.
    Title {
        /// With a group `id`, or one `title` for the query.
        pattern: Pattern,
        /// The database in which the title is looked up, and how; knows `:title` and `:cwd`.
        database: Option<(Template, Query)>,
        /// The conversations that have no title yet; knows `:cwd`.
        untitled: Option<Query>,
    },
    /// The text of the pane when it was last saved.
    Screen {
        /// With a group `id`.
        pattern: Pattern,
    },
}

impl SourceKind {
    /// The path in which it looks.
    pub fn path(&self) -> Option<&Template> {
        match self {
            Self::Registry { path, .. }
            | Self::Journal { path, .. }
            | Self::Lock { path }
            | Self::OpenFile { path }
            | Self::Database { path, .. }
            | Self::Transcripts { path, .. }
            | Self::Title { database: Some((path, _)), .. } => Some(path),
            _ => None,
        }
    }
}

/// A source as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct SourceForm {
    from: From,
    #[serde(default, deserialize_with = "confidence")]
    confidence: Option<Confidence>,
    path: Option<Template>,
    id: Option<Field>,
    process: Option<Field>,
    started: Option<Field>,
    created: Option<Field>,
    directory: Option<Field>,
    directory_file: Option<Plain>,
    after: Option<Vec<Either>>,
    variable: Option<Variable>,
    query: Option<Query>,
    untitled: Option<Query>,
    pattern: Option<Pattern>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum From {
    Registry,
    Journal,
    Lock,
    OpenFile,
    Tracker,
    Option,
    Arguments,
    Environment,
    Database,
    Transcripts,
    Title,
    Screen,
}

impl From {
    /// The keys that a source of this kind may have.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Registry => &["path", "id", "started", "directory"],
            Self::Journal => &["path", "process", "id", "started"],
            Self::Lock | Self::OpenFile => &["path"],
            Self::Tracker | Self::Option => &[],
            Self::Arguments => &["after"],
            Self::Environment => &["variable"],
            Self::Database => &["path", "query"],
            Self::Transcripts => &["path", "id", "created", "directory", "directory-file"],
            Self::Title => &["pattern", "path", "query", "untitled"],
            Self::Screen => &["pattern"],
        }
    }

    fn confidence(self) -> Confidence {
        match self {
            Self::Registry | Self::Journal | Self::Lock | Self::OpenFile | Self::Tracker | Self::Option => {
                Confidence::Exact
            }
            Self::Arguments | Self::Environment | Self::Database | Self::Title => Confidence::Strong,
            Self::Transcripts | Self::Screen => Confidence::Guess,
        }
    }
}

impl TryFrom<SourceForm> for Source {
    type Error = String;

    fn try_from(form: SourceForm) -> Result<Self, String> {
        let given = [
            ("path", form.path.is_some()),
            ("id", form.id.is_some()),
            ("process", form.process.is_some()),
            ("started", form.started.is_some()),
            ("created", form.created.is_some()),
            ("directory", form.directory.is_some()),
            ("directory-file", form.directory_file.is_some()),
            ("after", form.after.is_some()),
            ("variable", form.variable.is_some()),
            ("query", form.query.is_some()),
            ("untitled", form.untitled.is_some()),
            ("pattern", form.pattern.is_some()),
        ];
        let from = form.from;
        if let Some((key, _)) = given.iter().find(|(key, given)| *given && !from.keys().contains(key)) {
            return Err(format!("a source from {from:?} has no '{key}'"));
        }
        let path = || form.path.clone().ok_or("the source needs a 'path'");
        let kind = match from {
            From::Registry => SourceKind::Registry {
                path: path()?,
                id: form.id.ok_or("the source needs an 'id'")?,
                started: form.started,
                directory: form.directory,
            },
            From::Journal => SourceKind::Journal {
                path: path()?,
                process: form.process.ok_or("the source needs a 'process'")?,
                id: form.id.ok_or("the source needs an 'id'")?,
                started: form.started,
            },
            From::Lock => SourceKind::Lock { path: path()? },
            From::OpenFile => SourceKind::OpenFile { path: path()? },
            From::Tracker => SourceKind::Tracker,
            From::Option => SourceKind::Option,
            From::Arguments => {
                let after = form.after.filter(|after| !after.is_empty() && after.len() <= MOST);
                SourceKind::Arguments { after: after.ok_or("the source needs 'after'")? }
            }
            From::Environment => {
                SourceKind::Environment { variable: form.variable.ok_or("the source needs a 'variable'")? }
            }
            From::Database => {
                SourceKind::Database { path: path()?, query: form.query.ok_or("the source needs a 'query'")? }
            }
            From::Transcripts => SourceKind::Transcripts {
                path: path()?,
                id: form.id,
                created: form.created.ok_or("the source needs 'created'")?,
                directory: form.directory,
                directory_file: form.directory_file.filter(|name| !name.0.contains('/') && name.0 != ".."),
            },
            From::Title => SourceKind::Title {
                database: form.path.clone().zip(form.query),
                untitled: form.untitled,
                pattern: form.pattern.ok_or("the source needs a 'pattern'")?,
            },
            From::Screen => {
                SourceKind::Screen { pattern: form.pattern.ok_or("the source needs a 'pattern'")? }
            }
        };
        kind.check()?;
        Ok(Self { kind, confidence: form.confidence.unwrap_or(from.confidence()) })
    }
}

impl SourceKind {
    fn check(&self) -> Result<(), String> {
        let has = |path: &Template, place: &str| path.places().any(|own| own == place);
        match self {
            Self::Registry { path, .. } if !has(path, "pid") => Err("its path names no {pid}".to_owned()),
            Self::Lock { path } if !has(path, "pid") || !has(path, "id") => {
                Err("its path names no {pid} or no {id}".to_owned())
            }
            Self::OpenFile { path } | Self::Transcripts { path, id: None, .. } if !has(path, "id") => {
                Err("its path names no {id}".to_owned())
            }
            Self::Title { database: None, untitled: Some(_), .. } => {
                Err("'untitled' needs a 'path' and a 'query'".to_owned())
            }
            Self::Title { pattern, database, .. } => {
                let group = if database.is_some() { "title" } else { "id" };
                if pattern.has(group) {
                    Ok(())
                } else {
                    Err(format!("its pattern has no group (?<{group}>…)"))
                }
            }
            Self::Screen { pattern } if !pattern.has("id") => {
                Err("its pattern has no group (?<id>…)".to_owned())
            }
            _ => Ok(()),
        }
    }
}

fn confidence<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Confidence>, D::Error> {
    String::deserialize(deserializer)?.parse().map(Some).map_err(de::Error::custom)
}
