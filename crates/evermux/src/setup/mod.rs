//! What `evermux install` puts outside of its own folder, and `evermux uninstall` takes away again: lines in the config
//! file of tmux, units of the service manager, and hooks of assistants. `doctor` looks whether the lines and units are as they
//! should be.

pub mod ask;
pub mod block;
pub mod config_file;
pub mod file;
pub mod rc_file;
pub mod hooks;
pub mod services;
pub mod units;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::error::CliError;

/// Where evermux itself is, as it is to be written into files that outlive this version: through the folder in `path`
/// (`$PATH`) by which it is found, since package managers (Homebrew, Nix) replace what stands behind that; else by the
/// absolute path by which it was called, as tmux.conf does.
///
/// # Errors
/// If the system does not tell.
pub fn program(path: Option<&OsStr>) -> Result<PathBuf, CliError> {
    let own = std::env::current_exe()
        .map_err(|error| CliError::failed("cannot tell where evermux itself is").because(&error))?;
    let called = || {
        let called = std::env::args_os().next().map(PathBuf::from)?;
        (called.is_absolute() && same(&called, &own)).then_some(called)
    };
    let found = in_path(&own, std::env::split_paths(path.unwrap_or_default()));
    Ok(found.or_else(called).unwrap_or(own))
}

/// Whether two paths lead to the same file.
pub fn same(a: &Path, b: &Path) -> bool {
    a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}

fn in_path(own: &Path, folders: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    let name = own.file_name()?;
    folders
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|candidate| same(candidate, own))
}
