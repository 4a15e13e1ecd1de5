//! Which config file of the user's tmux reads last.

use std::path::{Path, PathBuf};

use evermux_core::model::TmuxVersion;

/// What decides it.
#[derive(Clone, Debug, Default)]
pub struct Folders {
    /// The home folder.
    pub home: PathBuf,
    /// `$XDG_CONFIG_HOME`, if it is set.
    pub config: Option<PathBuf>,
}

/// The files that a version reads, in this order: all that are there, measured on 3.1c, 3.3a, 3.5a and 3.8. 3.1 does not
/// know `$XDG_CONFIG_HOME`, 3.0 only the first.
pub fn candidates(folders: &Folders, version: Option<TmuxVersion>) -> Vec<PathBuf> {
    let mut files = vec![folders.home.join(".tmux.conf")];
    let at_least = |major, minor| version.is_none_or(|version| version.at_least(major, minor));
    if at_least(3, 2)
        && let Some(config) = &folders.config
    {
        files.push(config.join("tmux/tmux.conf"));
    }
    if at_least(3, 1) {
        files.push(folders.home.join(".config/tmux/tmux.conf"));
    }
    files.dedup();
    files
}

/// The file for our lines: the last that a running server has read (`read`, from its `#{config_files}`), else the last one
/// there is, else the one that the user would make.
pub fn choose(
    folders: &Folders,
    version: Option<TmuxVersion>,
    read: &[PathBuf],
    exists: impl Fn(&Path) -> bool,
) -> PathBuf {
    let candidates = candidates(folders, version);
    // What stands in /etc is for everybody.
    let of_user =
        |file: &&PathBuf| file.is_absolute() && !file.starts_with("/etc") && !file.starts_with("/usr");
    // A server that was started with `-f` reads something else than usual, and so will the next one.
    let elsewhere = read.iter().filter(of_user).rfind(|file| !candidates.contains(file) && exists(file));
    let there = || candidates.iter().rfind(|file| exists(file));
    let new = || {
        let folder_is_there = |file: &&PathBuf| file.parent().is_some_and(&exists);
        candidates.iter().skip(1).find(folder_is_there).unwrap_or(&candidates[0])
    };
    elsewhere.or_else(there).unwrap_or_else(new).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(version: &str, read: &[&str], there: &[&str]) -> String {
        let folders = Folders { home: "/h".into(), config: Some("/h/xdg".into()) };
        let read: Vec<PathBuf> = read.iter().map(PathBuf::from).collect();
        let exists = |path: &Path| there.iter().any(|file| Path::new(file) == path);
        choose(&folders, version.parse().ok(), &read, exists).display().to_string()
    }

    #[test]
    fn the_last_file_that_tmux_reads_is_chosen() {
        let table = [
            ("3.8", &[][..], &[][..], "/h/.tmux.conf"),
            ("3.8", &[], &["/h/.tmux.conf"], "/h/.tmux.conf"),
            ("3.8", &[], &["/h/xdg/tmux/tmux.conf"], "/h/xdg/tmux/tmux.conf"),
            ("3.8", &[], &["/h/xdg/tmux"], "/h/xdg/tmux/tmux.conf"),
            ("3.0a", &[], &["/h/xdg/tmux/tmux.conf", "/h/.config/tmux/tmux.conf"], "/h/.tmux.conf"),
            ("3.1c", &[], &["/h/xdg/tmux/tmux.conf"], "/h/.tmux.conf"),
            ("3.8", &["/etc/tmux.conf", "/h/x.conf"], &["/h/x.conf", "/h/.tmux.conf"], "/h/x.conf"),
            ("3.8", &["/h/.tmux.conf", "/gone"], &["/h/.tmux.conf"], "/h/.tmux.conf"),
        ];
        for (version, read, there, expected) in table {
            assert_eq!(chosen(version, read, there), expected, "{version} {read:?} {there:?}");
        }
    }
}
