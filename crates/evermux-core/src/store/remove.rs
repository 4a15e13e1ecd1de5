//! Removing a store as a whole.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::folder::Folder;
use super::{Lock, Place, RestoreId, Store, StoreError};

impl Store {
    /// Removes everything that is kept of the machine of `place`, but for the files of the restores `keep`: panes that
    /// live still use them. A folder that is empty then goes, too. The keeper must have ended.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if there is a keeper, [`StoreError::Refused`] if the folder is not ours alone; then nothing
    /// was removed. [`StoreError::Io`] if something could not be removed; the database goes first.
    pub fn remove(place: &Place, keep: &[RestoreId]) -> Result<(), StoreError> {
        let folder = Folder::open(place, false)?;
        let _nobody = Lock::acquire(&folder, "keeper", "the keeper", Duration::ZERO)?;
        let jobs = folder.path.join("jobs");
        let mut entries = entries(&folder.path)?;
        // Whatever happens after that, nothing reads what is left as if it were whole.
        entries.sort_by_key(|path| path != &folder.database());
        for path in entries.iter().filter(|path| **path != jobs) {
            remove(path)?;
        }
        if jobs.exists() {
            for job in self::entries(&jobs)? {
                if !keep.iter().any(|id| job.ends_with(id.to_string())) {
                    remove(&job)?;
                }
            }
        }
        for folder in [&jobs, &folder.path, &place.root] {
            // What is not empty stays: the files of living panes, the folders of other machines.
            let _ = fs::remove_dir(folder);
        }
        Ok(())
    }
}

fn entries(folder: &Path) -> Result<Vec<std::path::PathBuf>, StoreError> {
    let failed = || StoreError::io("reading", folder);
    fs::read_dir(folder).map_err(failed())?.map(|entry| Ok(entry.map_err(failed())?.path())).collect()
}

/// Removes a file, a link, or a folder with all that is in it; no link is followed.
fn remove(path: &Path) -> Result<(), StoreError> {
    let metadata = fs::symlink_metadata(path).map_err(StoreError::io("reading", path))?;
    let removed = if metadata.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::io("removing", path)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Access;

    #[test]
    fn everything_goes_but_the_files_of_living_panes() {
        let folder = tempfile::tempdir().unwrap();
        let uid = rustix::process::geteuid().as_raw();
        let place = Place { network: Some(false), ..Place::new(folder.path().join("state"), "m", uid) };
        let jobs = Store::open(&place, Access::Write).unwrap().jobs().unwrap();
        let keep: RestoreId = "0123456789abcdef0123456789abcdef".parse().unwrap();
        for job in [keep.to_string(), "ffffffffffffffffffffffffffffffff".to_owned()] {
            fs::create_dir(jobs.join(&job)).unwrap();
            fs::write(jobs.join(&job).join("text"), "x").unwrap();
        }
        fs::create_dir(place.folder().join("log")).unwrap();
        Store::remove(&place, &[keep]).unwrap();
        assert_eq!(entries(&place.folder()).unwrap(), std::slice::from_ref(&jobs));
        assert_eq!(entries(&jobs).unwrap(), [jobs.join(keep.to_string())]);
        Store::remove(&place, &[]).unwrap();
        assert!(!place.root.exists());
    }

    #[test]
    fn a_store_that_is_kept_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let uid = rustix::process::geteuid().as_raw();
        let place = Place { network: Some(false), ..Place::new(folder.path().join("state"), "m", uid) };
        let store = Store::open(&place, Access::Write).unwrap();
        let _keeper = store.keeping(Duration::ZERO).unwrap();
        assert!(matches!(Store::remove(&place, &[]), Err(StoreError::Busy { .. })));
        assert!(place.folder().join("evermux.db").exists());
    }
}
