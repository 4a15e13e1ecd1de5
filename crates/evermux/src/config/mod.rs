//! Settings from the config file over the defaults in `default.toml`.
//!
//! Permissions live here (what may be excluded, what may run), so a file that others can write is refused, and so is
//! one that cannot be read or understood: silently saving what the user wanted to exclude would be worse than an
//! error.

mod handlers;

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use jiff::{Span, SpanRelativeTo};
use rustix::fs::OFlags;
use serde::{Deserialize, Deserializer, de};
use thiserror::Error;

pub use handlers::{HandlersError, handlers_folder, load_handlers};

/// The defaults; also the documentation of every setting.
pub const DEFAULTS: &str = include_str!("default.toml");

/// A config file longer than this (bytes) is none.
const LIMIT: u64 = 1 << 20;

/// All settings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Config {
    /// How to save.
    pub save: Save,
    /// What not to save.
    pub exclude: Exclude,
    /// How long to keep.
    pub keep: Keep,
    /// How to restore.
    pub restore: Restore,
    /// How to attach.
    pub attach: Attach,
    /// Our keys in tmux.
    pub keys: Keys,
}

/// `[keys]`: keys after the prefix, as tmux names them; empty for none.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Keys {
    /// Saves.
    pub save: String,
    /// Restores what is missing.
    pub restore: String,
}

/// `[save]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Save {
    /// How long a save may take.
    #[serde(deserialize_with = "duration")]
    pub deadline: Duration,
    /// The newest lines of each pane that are saved; 0: all.
    pub lines: u32,
    /// Whether paste buffers are saved.
    pub buffers: bool,
}

/// `[keep]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Keep {
    /// What the database may take, in bytes; none: as much as it likes.
    #[serde(deserialize_with = "size")]
    pub limit: Option<u64>,
    /// Whether old snapshots go by themselves.
    pub automatic: bool,
}

/// `[exclude]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Exclude {
    /// Patterns of session names.
    pub sessions: Vec<String>,
    /// Patterns of program names.
    pub programs: Vec<String>,
}

/// `[restore]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Restore {
    /// How long an unrestored session is brought back without being asked for.
    #[serde(deserialize_with = "duration")]
    pub owed_max_age: Duration,
    /// What may be started again, in the words of `--run`.
    pub run: Vec<String>,
    /// What is done with other programs.
    pub unknown: Unknown,
    /// What comes back when a server starts.
    pub at_start: AtStart,
    /// Whether shells start only when somebody looks at their panes.
    pub lazy: bool,
}

/// What is done with programs that may not be started, and are not dangerous.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unknown {
    /// They are typed at the prompt of their pane.
    Prefill,
    /// They are only shown.
    Skip,
}

/// What comes back when a server starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AtStart {
    /// Everything.
    All,
    /// The sessions that terminals showed.
    Visible,
    /// What the user says when asked.
    Ask,
    /// Nothing.
    Off,
}

/// `[attach]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Attach {
    /// What comes back if the session is not there.
    pub restore: Comes,
}

/// What comes back for somebody who attaches to a session that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comes {
    /// That session alone.
    Session,
    /// Everything that a restore without arguments brings back.
    All,
}

/// Why a config file cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// It could not be read.
    #[error("cannot read the config file {path}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is not a file, or too long for one.
    #[error("{0} is not a config file")]
    NotAFile(String),
    /// It belongs to someone else.
    #[error("the config file {path} belongs to user {owner}")]
    Foreign {
        /// The file.
        path: String,
        /// Whose it is.
        owner: u32,
    },
    /// Someone else may write it.
    #[error("the config file {0} can be written by others")]
    Writable(String),
    /// It is not what it should be.
    #[error("the config file {path} is wrong")]
    Wrong {
        /// The file.
        path: String,
        /// Where and how.
        source: toml::de::Error,
    },
}

/// The settings, and the keys of the file that mean nothing.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// Unknown keys, with dots: `save.dedline`.
    pub unknown: Vec<String>,
}

/// Reads the settings. No file at `path` means the defaults.
///
/// # Errors
/// [`ConfigError`] if the file is there but cannot be trusted, read or understood. `uid` is ours.
pub fn load(path: &Path, uid: u32) -> Result<Loaded, ConfigError> {
    let shown = path.display().to_string();
    match read(path, uid, &shown, LIMIT)? {
        Some(text) => parse(&text).map_err(|source| ConfigError::Wrong { path: shown, source }),
        // Our own defaults are checked by a test.
        None => parse("").map_err(|source| ConfigError::Wrong { path: "of defaults".to_owned(), source }),
    }
}

/// The text of a file that only we or root can have written; none if there is none. At most `limit` bytes.
fn read(path: &Path, uid: u32, shown: &str, limit: u64) -> Result<Option<String>, ConfigError> {
    if path == Path::new("/dev/null") {
        return Ok(None);
    }
    let unreadable = |source| ConfigError::Unreadable { path: shown.to_owned(), source };
    // Not blocking: a pipe without a writer would hold us for ever.
    let file = match File::options().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(error)),
    };
    // Of the opened file, not of the path: nobody can exchange it in between. Links are followed, because home
    // managers link config files to a store that belongs to root.
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() || metadata.len() > limit {
        return Err(ConfigError::NotAFile(shown.to_owned()));
    }
    if metadata.uid() != uid && metadata.uid() != 0 {
        return Err(ConfigError::Foreign { path: shown.to_owned(), owner: metadata.uid() });
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(ConfigError::Writable(shown.to_owned()));
    }
    let mut text = String::new();
    file.take(limit).read_to_string(&mut text).map_err(unreadable)?;
    Ok(Some(text))
}

/// The settings of a config file with this text, over the defaults.
///
/// # Errors
/// What is wrong with it, and where.
pub fn parse(text: &str) -> Result<Loaded, toml::de::Error> {
    // The file is read alone first, so that an error names its line and column and not a place in a merged table.
    let file: toml::Table = toml::from_str(text)?;
    let mut merged: toml::Table = toml::from_str(DEFAULTS)?;
    lay_over(&mut merged, file);
    let mut unknown = Vec::new();
    let config = serde_ignored::deserialize(merged, |path| unknown.push(path.to_string()))?;
    Ok(Loaded { config, unknown })
}

/// Tables are merged, everything else is replaced.
fn lay_over(below: &mut toml::Table, above: toml::Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => lay_over(below, above),
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

/// A time in words: `90s`, `2h 30m`, `30d`. A day has 24 hours.
fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let duration = || {
        let span: Span = text.parse().ok()?;
        Duration::try_from(span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?).ok()
    };
    duration().ok_or_else(|| de::Error::custom(format!("'{text}' is not a time such as 90s, 2h 30m or 30d")))
}

/// A size in words: `1 GiB`, `500 MB`; `none` for no limit.
fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text == "none" {
        return Ok(None);
    }
    let size = || {
        let digits = text.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = text.split_at(digits);
        let unit: u64 = match unit.trim_start() {
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "TB" => 1_000_000_000_000,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "TiB" => 1 << 40,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(unit)
    };
    let wrong = || de::Error::custom(format!("'{text}' is not a size such as 500 MB, 1 GiB or none"));
    size().map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn me() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    fn file(text: &str, mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn without_a_file_the_defaults_hold() {
        let loaded = load(Path::new("/nonexistent/config.toml"), me()).unwrap();
        assert!(!loaded.config.save.buffers);
        assert_eq!(loaded.config.save.deadline, Duration::from_secs(60));
        assert_eq!(loaded.config.restore.owed_max_age, Duration::from_secs(30 * 86_400));
        assert_eq!(loaded.config.restore.run, ["safe"]);
        assert_eq!(loaded.config.attach.restore, Comes::Session);
        assert_eq!(loaded.config.keep, Keep { limit: Some(1 << 30), automatic: true });
        assert!(loaded.unknown.is_empty());
    }

    #[test]
    fn a_file_changes_what_it_names_and_nothing_else() {
        let (_folder, path) =
            file("[save]\nbuffers = true\ndedline = '1s'\n[exlude]\nsessions = []\n", 0o644);
        let loaded = load(&path, me()).unwrap();
        assert!(loaded.config.save.buffers);
        assert_eq!(loaded.config.save.deadline, Duration::from_secs(60));
        assert_eq!(loaded.unknown, ["exlude", "save.dedline"]);
    }

    #[test]
    fn sizes() {
        let limit = |text: &str| {
            let (_folder, path) = file(&format!("[keep]\nlimit = '{text}'\n"), 0o600);
            load(&path, me()).map(|loaded| loaded.config.keep.limit).map_err(|error| match error {
                ConfigError::Wrong { source, .. } => source.message().to_owned(),
                other => other.to_string(),
            })
        };
        assert_eq!(limit("500MB"), Ok(Some(500_000_000)));
        assert_eq!(limit("2 GiB"), Ok(Some(2 << 30)));
        assert_eq!(limit("none"), Ok(None));
        for text in ["", "1", "GiB", "1 gib", "-1 GiB", "1.5 GiB", "99999999999999 TiB"] {
            assert_eq!(limit(text), Err(format!("'{text}' is not a size such as 500 MB, 1 GiB or none")));
        }
    }

    #[test]
    fn errors_name_the_place() {
        let (_folder, path) = file("[save]\ndeadline = 'soon'\n", 0o600);
        let error = load(&path, me()).unwrap_err();
        let ConfigError::Wrong { source, .. } = error else { panic!("{error}") };
        assert!(source.to_string().contains("'soon' is not a time such as"), "{source}");
    }

    #[test]
    fn a_file_that_others_can_write_is_refused() {
        for mode in [0o620, 0o602] {
            let (_folder, path) = file("", mode);
            assert!(matches!(load(&path, me()), Err(ConfigError::Writable(_))), "{mode:o}");
        }
    }

    #[test]
    fn a_file_of_somebody_else_is_refused() {
        // Root may own it for everybody, so this can only be shown from another uid's point of view.
        let (_folder, path) = file("", 0o600);
        let owner = me();
        match load(&path, owner + 1) {
            Ok(_) => assert_eq!(owner, 0),
            Err(error) => assert!(matches!(error, ConfigError::Foreign { .. }), "{error}"),
        }
    }

    #[test]
    fn a_pipe_that_nobody_writes_to_is_no_config_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(matches!(load(&path, me()), Err(ConfigError::NotAFile(_))));
    }

    #[test]
    fn a_folder_is_no_config_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(load(folder.path(), me()), Err(ConfigError::NotAFile(_))));
    }
}
