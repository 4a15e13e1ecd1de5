//! The tmux binaries that live tests run on.

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A tmux binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tmux {
    /// What it says it is.
    pub version: Version,
    /// Its absolute path, links resolved: `/proc/PID/exe` of its servers.
    pub path: PathBuf,
}

/// A version of tmux: `3.3a`, `3.8`, `next-3.9`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    numbers: (u32, u32),
    text: String,
}

impl Version {
    /// What `tmux -V` prints after `tmux `; none if there is no number in it.
    pub fn parse(text: &str) -> Option<Version> {
        let text = text.trim();
        let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
        let (major, rest) = digits.split_once('.')?;
        let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Some(Version { numbers: (major.parse().ok()?, minor.parse().ok()?), text: text.to_owned() })
    }

    /// Whether it is `major.minor` or newer; letters do not count.
    pub fn at_least(&self, major: u32, minor: u32) -> bool {
        self.numbers >= (major, minor)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Tmux {
    /// The binary at `path`, asked for its version; none if it is not there or does not answer as tmux does.
    pub fn at(path: impl AsRef<Path>) -> Option<Tmux> {
        let path = fs::canonicalize(path).ok()?;
        let answer = Command::new(&path).arg("-V").output().ok()?;
        let version = Version::parse(std::str::from_utf8(&answer.stdout).ok()?.strip_prefix("tmux ")?)?;
        Some(Tmux { version, path })
    }

    /// Whether its version is `major.minor` or newer.
    pub fn at_least(&self, major: u32, minor: u32) -> bool {
        self.version.at_least(major, minor)
    }
}

/// One binary of each version there is, oldest first: those named in `EVERMUX_TEST_TMUX` (separated by colons),
/// those that `cargo xtask tmux-versions` made, and the one in `PATH`. `EVERMUX_TEST_TMUX_ONLY=3.3a,3.8` keeps only
/// these versions.
///
/// # Panics
///
/// If there is none, with the way to get them: a live test that tests nothing must not pass. If one named in
/// `EVERMUX_TEST_TMUX` is not a tmux.
pub fn tmux_binaries() -> Vec<Tmux> {
    let mut found = BTreeMap::new();
    let mut add = |tmux: Tmux| {
        found.entry(tmux.version.clone()).or_insert(tmux);
    };
    for path in split_paths("EVERMUX_TEST_TMUX") {
        add(Tmux::at(&path).unwrap_or_else(|| panic!("EVERMUX_TEST_TMUX: no tmux at {}", path.display())));
    }
    for folder in installed_folders() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            Tmux::at(entry.path().join("tmux")).into_iter().for_each(&mut add);
        }
    }
    for folder in split_paths("PATH") {
        Tmux::at(folder.join("tmux")).into_iter().for_each(&mut add);
    }
    let only = env::var("EVERMUX_TEST_TMUX_ONLY").unwrap_or_default();
    let wanted = |tmux: &Tmux| only.is_empty() || only.split(',').any(|text| text == tmux.version.text);
    let binaries: Vec<Tmux> = found.into_values().filter(wanted).collect();
    assert!(
        !binaries.is_empty(),
        "no tmux to test with{}: run `cargo xtask tmux-versions` (Debian), or install tmux, or name binaries in \
         EVERMUX_TEST_TMUX, separated by colons",
        if only.is_empty() { String::new() } else { format!(" (EVERMUX_TEST_TMUX_ONLY={only})") },
    );
    binaries
}

fn split_paths(variable: &str) -> Vec<PathBuf> {
    let value = env::var_os(variable).unwrap_or_default();
    env::split_paths(&value).filter(|path| !path.as_os_str().is_empty()).collect()
}

/// Where `cargo xtask tmux-versions` puts them: `TARGET/tmux/VERSION/tmux`.
fn installed_folders() -> Vec<PathBuf> {
    target_folders().into_iter().map(|target| target.join("tmux")).collect()
}

/// Where the target folder of this workspace may be.
pub(crate) fn target_folders() -> Vec<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let mut folders = vec![workspace.join("target")];
    folders.extend(target.map(|target| workspace.join(target)));
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared() {
        let versions: Vec<Version> = ["3.1c", "3.3a", "3.10", "next-3.11", "4.0-rc"]
            .iter()
            .map(|text| Version::parse(text).expect("it has a number"))
            .collect();
        assert!(versions.is_sorted());
        assert!(versions[1].at_least(3, 3) && !versions[1].at_least(3, 4));
        assert_eq!(versions[3].to_string(), "next-3.11");
        assert_eq!(Version::parse("master"), None);
    }

    #[test]
    fn there_is_a_tmux_to_test_with() {
        let binaries = tmux_binaries();
        assert!(binaries.is_sorted_by(|a, b| a.version < b.version), "{binaries:?}");
    }
}
