//! The user's handlers: `handlers.d/*.toml` beside the config file, over the shipped ones (docs/handlers.md).
//!
//! They say what may be run, so what holds for the config file holds for them. One that is wrong takes no other with it.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use evermux_core::handlers::{self, Handlers, LONGEST_FILE};
use thiserror::Error;

use super::{ConfigError, read};

/// Most files in the folder.
const MOST_FILES: usize = 100;

/// Why a file of handlers, or the folder, is not used.
#[derive(Debug, Error)]
pub enum HandlersError {
    /// It cannot be trusted or read.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// It is not what it should be.
    #[error("the handlers in {path} are wrong")]
    Wrong {
        /// The file.
        path: String,
        /// Where and how.
        source: toml::de::Error,
    },
    /// There are too many.
    #[error("{path} holds more than {MOST_FILES} files of handlers")]
    TooMany {
        /// The folder.
        path: String,
    },
    /// The folder cannot be read.
    #[error("cannot read the handlers in {path}")]
    Unreadable {
        /// The folder.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// The folder of the user's handlers that belongs to a config file.
pub fn handlers_folder(config_file: &Path) -> PathBuf {
    config_file.with_file_name("handlers.d")
}

/// The handlers that hold, and what is wrong with those of the user's that do not. `folder`: his; `uid`: ours.
pub fn load_handlers(folder: &Path, uid: u32) -> (Handlers, Vec<HandlersError>) {
    let mut all = Handlers::shipped();
    let (files, mut wrong) = match files(folder, uid) {
        Ok(files) => (files, Vec::new()),
        Err(error) => (Vec::new(), vec![error]),
    };
    for path in files {
        match load(&path, uid) {
            Ok(own) => all.add(own),
            Err(error) => wrong.push(error),
        }
    }
    (all, wrong)
}

fn load(path: &Path, uid: u32) -> Result<Vec<handlers::Handler>, HandlersError> {
    let shown = path.display().to_string();
    let text = read(path, uid, &shown, LONGEST_FILE)?.unwrap_or_default();
    handlers::parse(&text).map_err(|error| HandlersError::Wrong { path: shown, source: error.0 })
}

/// The files of the folder, by name. No folder is an empty one.
fn files(folder: &Path, uid: u32) -> Result<Vec<PathBuf>, HandlersError> {
    let path = folder.display().to_string();
    let unreadable = |source| HandlersError::Unreadable { path: path.clone(), source };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(unreadable(error)),
    };
    // Who may write the folder could put files of ours from elsewhere into it.
    let metadata = std::fs::metadata(folder).map_err(unreadable)?;
    if metadata.uid() != uid && metadata.uid() != 0 {
        return Err(ConfigError::Foreign { path, owner: metadata.uid() }.into());
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(ConfigError::Writable(path).into());
    }
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .take(MOST_FILES + 1)
        .collect();
    if files.len() > MOST_FILES {
        return Err(HandlersError::TooMany { path });
    }
    files.sort();
    Ok(files)
}
