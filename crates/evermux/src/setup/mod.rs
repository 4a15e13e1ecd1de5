//! What `evermux install` puts outside of its own folder, and `evermux uninstall` takes away again: lines in the config
//! file of tmux, and units of the service manager. `doctor` looks whether they are as they should be.

pub mod ask;
pub mod block;
pub mod config_file;
pub mod file;
pub mod services;
pub mod units;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::error::CliError;

/// Where evermux itself is, as it is to be written into files that outlive this version: through the folder in `path`
/// (`$PATH`) by which it is found, since package managers (Homebrew, Nix) replace what stands behind that.
///
/// # Errors
/// If the system does not tell.
pub fn program(path: Option<&OsStr>) -> Result<PathBuf, CliError> {
    let own = std::env::current_exe()
        .map_err(|error| CliError::failed("cannot tell where evermux itself is").because(&error))?;
    Ok(in_path(&own, std::env::split_paths(path.unwrap_or_default())).unwrap_or(own))
}

fn in_path(own: &Path, folders: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    let real = own.canonicalize().ok()?;
    let name = own.file_name()?;
    folders
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.canonicalize().is_ok_and(|candidate| candidate == real))
}
