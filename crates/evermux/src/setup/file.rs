//! Changing a file of the user's: found out before whether that can be done, and done so that at no moment less than the
//! old or the new content is there, also on a full disk.

use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A config file longer than this (bytes) is none.
const LIMIT: u64 = 4 << 20;

/// A file as it is, and whether it may be changed.
#[derive(Clone, Debug)]
pub struct Looked {
    /// Where the user sees it.
    pub path: PathBuf,
    /// The file itself, at the end of all links.
    pub target: PathBuf,
    /// Its content; none: there is no file.
    pub content: Option<Vec<u8>>,
    /// Why it is not to be changed.
    pub fixed: Option<Fixed>,
    /// The git repository it is in.
    pub repository: Option<PathBuf>,
}

/// Why a file is not to be changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fixed {
    /// Somebody else made it.
    #[error("it belongs to user {0}")]
    Foreign(u32),
    /// Its mode says so, as in the store of Nix and Home Manager.
    #[error("it is read-only")]
    ReadOnly,
    /// A folder, a device.
    #[error("it is no regular file")]
    NotAFile,
    /// A new file would leave the other names with the old content.
    #[error("it has {0} names (hard links)")]
    Linked(u64),
    /// A link to nowhere.
    #[error("it is a link to {}, where nothing is", .0.display())]
    Dangling(PathBuf),
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

impl Looked {
    /// Looks at a file. `uid` is ours.
    pub fn at(path: &Path, uid: u32) -> Self {
        let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let (content, fixed) = match fs::metadata(&target) {
            Err(error) if error.kind() == ErrorKind::NotFound => match fs::read_link(path) {
                Ok(link) => (None, Some(Fixed::Dangling(link))),
                Err(_) => (None, None),
            },
            Err(error) => (None, Some(Fixed::Unreadable(error.to_string()))),
            Ok(metadata) if !metadata.is_file() || metadata.len() > LIMIT => (None, Some(Fixed::NotAFile)),
            Ok(metadata) => match fs::read(&target) {
                Ok(content) => (Some(content), fixed(&metadata, uid)),
                Err(error) => (None, Some(Fixed::Unreadable(error.to_string()))),
            },
        };
        let repository = repository(&target);
        Self { path: path.to_owned(), target, content, fixed, repository }
    }
}

fn fixed(metadata: &Metadata, uid: u32) -> Option<Fixed> {
    match metadata {
        _ if metadata.uid() != uid => Some(Fixed::Foreign(metadata.uid())),
        // Also for root, whom the mode does not stop: somebody meant it.
        _ if metadata.mode() & 0o200 == 0 => Some(Fixed::ReadOnly),
        _ if metadata.nlink() > 1 => Some(Fixed::Linked(metadata.nlink())),
        _ => None,
    }
}

/// The git repository a file is in.
fn repository(file: &Path) -> Option<PathBuf> {
    file.ancestors().skip(1).find(|folder| folder.join(".git").exists()).map(Path::to_owned)
}

/// Puts `new` in the place of a file's content, if that is still `old`; its mode stays. The folders above are made.
///
/// # Errors
/// The file is as it was.
pub fn replace(target: &Path, old: Option<&[u8]>, new: &[u8]) -> io::Result<()> {
    let folder = target.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let metadata = fs::metadata(target).ok();
    let mode = metadata.as_ref().map_or(0o644, |metadata| metadata.mode() & 0o7777);
    let mut file = tempfile::Builder::new()
        .prefix(".evermux-")
        .permissions(Permissions::from_mode(mode & 0o777))
        .tempfile_in(folder)?;
    file.write_all(new)?;
    if let Some(metadata) = metadata {
        // The group, where it is another of ours; the mode, whatever the umask.
        let _ = std::os::unix::fs::fchown(file.as_file(), None, Some(metadata.gid()));
        file.as_file().set_permissions(Permissions::from_mode(mode))?;
    }
    file.as_file().sync_all()?;
    check_unchanged(target, old)?;
    file.persist(target).map_err(|error| error.error)?;
    sync(folder)
}

/// Removes a file, if its content is still `old`.
///
/// # Errors
/// The file is there still.
pub fn remove(target: &Path, old: &[u8]) -> io::Result<()> {
    check_unchanged(target, Some(old))?;
    fs::remove_file(target)?;
    sync(target.parent().unwrap_or(Path::new("/")))
}

fn check_unchanged(target: &Path, old: Option<&[u8]>) -> io::Result<()> {
    let found = match fs::read(target) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        found => Some(found?),
    };
    if found.as_deref() == old { Ok(()) } else { Err(io::Error::other("it was changed in the meantime")) }
}

fn sync(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        // Some file systems cannot do that for folders; then they do not need it either.
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::InvalidInput) => Ok(()),
        synced => synced,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn uid() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    #[test]
    fn the_content_changes_and_the_mode_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a/b");
        replace(&file, None, b"1").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o606)).unwrap();
        replace(&file, Some(b"1"), b"2").unwrap();
        assert_eq!(
            (fs::read(&file).unwrap(), fs::metadata(&file).unwrap().mode() & 0o7777),
            (b"2".into(), 0o606)
        );
        assert!(replace(&file, Some(b"1"), b"3").is_err());
        assert_eq!(fs::read(&file).unwrap(), b"2");
        assert_eq!(fs::read_dir(folder.path().join("a")).unwrap().count(), 1);
        assert!(remove(&file, b"1").is_err());
        remove(&file, b"2").unwrap();
        assert!(!file.exists());
    }

    #[test]
    fn what_may_not_be_changed_is_seen_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "x").unwrap();
        symlink("file", path("link")).unwrap();
        symlink("nothing", path("dangling")).unwrap();
        let looked = Looked::at(&path("link"), uid());
        assert_eq!(looked.target, path("file").canonicalize().unwrap());
        assert_eq!((looked.content, looked.fixed), (Some(b"x".to_vec()), None));
        assert_eq!(Looked::at(&path("dangling"), uid()).fixed, Some(Fixed::Dangling("nothing".into())));
        assert_eq!(Looked::at(&path("file"), uid() + 1).fixed, Some(Fixed::Foreign(uid())));
        assert_eq!(Looked::at(folder.path(), uid()).fixed, Some(Fixed::NotAFile));
        assert_eq!(Looked::at(&path("none"), uid()).fixed, None);
        fs::hard_link(path("file"), path("second")).unwrap();
        assert_eq!(Looked::at(&path("file"), uid()).fixed, Some(Fixed::Linked(2)));
        fs::set_permissions(path("file"), Permissions::from_mode(0o444)).unwrap();
        assert_eq!(Looked::at(&path("file"), uid()).fixed, Some(Fixed::ReadOnly));
    }
}
