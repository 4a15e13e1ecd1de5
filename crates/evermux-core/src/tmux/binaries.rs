//! Finding tmux, also without `PATH`.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Where package managers put tmux, for processes whose `PATH` does not say so (cron, launchd, `ssh host command`).
const FOLDERS: [&str; 8] = [
    "/usr/bin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
    "/opt/local/bin",
    "/home/linuxbrew/.linuxbrew/bin",
    "/run/current-system/sw/bin",
    "/nix/var/nix/profiles/default/bin",
    "/bin",
];

/// Where to look for tmux.
#[derive(Clone, Debug, Default)]
pub struct Binaries {
    /// The value of `$PATH`.
    pub path: Option<OsString>,
    /// The user's home folder, for `~/.nix-profile/bin`.
    pub home: Option<PathBuf>,
    /// The user's name, for `/etc/profiles/per-user/NAME/bin`.
    pub user: Option<OsString>,
}

impl Binaries {
    /// The first executable `tmux`: in `PATH`, else in the places of package managers. Relative folders in `PATH`
    /// are left out: what they mean depends on where we stand.
    pub fn tmux(&self) -> Option<PathBuf> {
        let path = self.path.as_deref().unwrap_or(OsStr::new(""));
        let known = FOLDERS.iter().map(PathBuf::from);
        let home = self.home.iter().map(|home| home.join(".nix-profile/bin"));
        let user = self.user.iter().map(|user| Path::new("/etc/profiles/per-user").join(user).join("bin"));
        std::env::split_paths(path)
            .filter(|folder| folder.is_absolute())
            .chain(known)
            .chain(home)
            .chain(user)
            .map(|folder| folder.join("tmux"))
            .find(|file| is_executable(file))
    }

    /// The binary to talk to the server with process `pid`: the one it runs itself, since a client of another version
    /// may hang or misunderstand (3.1c with 3.3a, 3.8 with everything older); otherwise [`Binaries::tmux`].
    ///
    /// If the server's file was replaced by an upgrade, the process still holds it and it is run from there.
    pub fn for_server(&self, pid: Option<u32>) -> Option<PathBuf> {
        pid.and_then(own_binary).or_else(|| self.tmux())
    }
}

/// The binary of a running server, if that can be told and is a tmux: with socket activation the process behind the
/// socket is systemd.
#[cfg(target_os = "linux")]
fn own_binary(pid: u32) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt;

    let link = PathBuf::from(format!("/proc/{pid}/exe"));
    let target = std::fs::read_link(&link).ok()?;
    let name = target.file_name()?.as_bytes();
    if !name.starts_with(b"tmux") {
        return None;
    }
    if is_executable(&target) {
        return Some(target);
    }
    name.ends_with(b" (deleted)").then_some(link)
}

#[cfg(not(target_os = "linux"))]
fn own_binary(_pid: u32) -> Option<PathBuf> {
    None
}

fn is_executable(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_comes_first_and_relative_folders_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tmux");
        std::fs::write(&file, "").unwrap();
        let path = OsString::from(format!("relative:{}", folder.path().display()));
        let binaries = Binaries { path: Some(path), ..Binaries::default() };
        assert_ne!(binaries.tmux(), Some(file.clone()), "not executable");
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
        assert_eq!(binaries.tmux(), Some(file));
    }
}
