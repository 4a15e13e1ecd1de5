//! The editors that live tests run.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::binaries::{Version, target_folders};

/// A Neovim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nvim {
    /// What it says it is.
    pub version: Version,
    /// Its absolute path.
    pub path: PathBuf,
    /// Its runtime files (`VIMRUNTIME`), if they are not where it looks for them.
    pub runtime: Option<PathBuf>,
}

impl Nvim {
    fn at(path: &Path, runtime: Option<PathBuf>) -> Option<Nvim> {
        let path = fs::canonicalize(path).ok()?;
        let answer = Command::new(&path).args(["--clean", "--version"]).output().ok()?;
        let text = String::from_utf8(answer.stdout).ok()?;
        let version = Version::parse(text.lines().next()?.strip_prefix("NVIM v")?)?;
        Some(Nvim { version, path, runtime })
    }
}

/// One Neovim of each version there is, oldest first: those that `cargo xtask editors` made, and the one in `PATH`. None, where
/// there is none.
pub fn nvim_binaries() -> Vec<Nvim> {
    let mut found = BTreeMap::new();
    for folder in target_folders() {
        for entry in fs::read_dir(folder.join("editors/nvim")).into_iter().flatten().flatten() {
            let runtime = fs::canonicalize(entry.path().join("runtime")).ok();
            let nvim = Nvim::at(&entry.path().join("nvim"), runtime);
            found.extend(nvim.map(|nvim| (nvim.version.clone(), nvim)));
        }
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let own = env::split_paths(&path).find_map(|folder| Nvim::at(&folder.join("nvim"), None));
    if let Some(own) = own {
        found.entry(own.version.clone()).or_insert(own);
    }
    found.into_values().collect()
}
