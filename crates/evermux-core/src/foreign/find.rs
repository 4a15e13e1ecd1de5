//! Files whose paths fit a pattern.

use std::ffi::OsStr;
use std::fs::DirEntry;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::Foreign;
use crate::handlers::{Captures, Component, Glob, IdPattern};

/// Most names that are looked at for one pattern, and how deep `**` reaches.
const MOST_NAMES: usize = 20_000;
const DEEPEST: usize = 6;

/// A file that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFile {
    /// Its path.
    pub path: PathBuf,
    /// What stands in the places of the pattern.
    pub captures: Captures,
    /// When it was last written: milliseconds since the epoch.
    pub modified: i64,
}

impl Foreign<'_> {
    /// The user's files that fit, the newest first. Links are followed only before the first place of the pattern: what is
    /// found lies in the folder that it names.
    pub fn find(&self, glob: &Glob, ids: Option<&IdPattern>) -> Vec<FoundFile> {
        let components = glob.components();
        let fixed = components.iter().take_while(|component| matches!(component, Component::Name(_))).count();
        let mut base = PathBuf::from("/");
        for component in &components[..fixed] {
            if let Component::Name(name) = component {
                base.push(OsStr::from_bytes(name));
            }
        }
        let mut walk = Walk { foreign: self, ids, found: Vec::new(), left: MOST_NAMES };
        walk.step(&base, &components[fixed..], &Captures::default(), 0);
        walk.found.sort_by(|one, two| (two.modified, &two.path).cmp(&(one.modified, &one.path)));
        walk.found
    }

    /// When a file of the user's was last written: milliseconds since the epoch.
    pub fn modified(&self, path: &Path) -> Option<i64> {
        let metadata = if self.is_late() { return None } else { std::fs::metadata(path).ok()? };
        (metadata.is_file() && metadata.uid() == self.uid).then(|| modified(&metadata))
    }

    /// Whether there is something.
    pub fn exists(&self, path: &Path) -> bool {
        !self.is_late() && std::fs::symlink_metadata(path).is_ok()
    }

    /// Whether this is a folder.
    pub fn is_folder(&self, path: &Path) -> bool {
        !self.is_late() && std::fs::metadata(path).is_ok_and(|metadata| metadata.is_dir())
    }
}

fn read(folder: &Path) -> Vec<(Vec<u8>, bool)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let entries = entries.take(MOST_NAMES).filter_map(Result::ok);
    let is_folder = |entry: &DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    let mut names: Vec<_> = entries.map(|entry| (entry.file_name().into_vec(), is_folder(&entry))).collect();
    names.sort_by(|one, two| two.cmp(one));
    names
}

/// When a file was last written: milliseconds since the epoch.
fn modified(metadata: &std::fs::Metadata) -> i64 {
    metadata.mtime().saturating_mul(1000).saturating_add(metadata.mtime_nsec() / 1_000_000)
}

struct Walk<'a> {
    foreign: &'a Foreign<'a>,
    ids: Option<&'a IdPattern>,
    found: Vec<FoundFile>,
    /// How many names may still be looked at.
    left: usize,
}

impl Walk<'_> {
    /// Looks for the rest of the pattern at a path.
    fn step(&mut self, path: &Path, rest: &[Component], captures: &Captures, depth: usize) {
        let Some((component, after)) = rest.split_first() else {
            self.add(path, captures);
            return;
        };
        match component {
            Component::Name(name) => {
                let path = path.join(OsStr::from_bytes(name));
                let leads_on = after.is_empty()
                    || std::fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir());
                if leads_on {
                    self.step(&path, after, captures, depth);
                }
            }
            Component::Pieces(_) => {
                for (name, _) in
                    self.names(path).into_iter().filter(|(_, folder)| after.is_empty() || *folder)
                {
                    let mut own = captures.clone();
                    if component.takes(&name, self.ids, &mut own) {
                        self.step(&path.join(OsStr::from_bytes(&name)), after, &own, depth);
                    }
                }
            }
            Component::Folders => {
                self.step(path, after, captures, depth);
                let folders = if depth < DEEPEST { self.names(path) } else { Vec::new() };
                for (name, _) in folders.into_iter().filter(|(_, folder)| *folder) {
                    self.step(&path.join(OsStr::from_bytes(&name)), rest, captures, depth + 1);
                }
            }
        }
    }

    /// The names in a folder, and whether they are folders themselves (links are not). The latest first: names often begin
    /// with a date.
    fn names(&mut self, folder: &Path) -> Vec<(Vec<u8>, bool)> {
        if self.foreign.is_late() {
            return Vec::new();
        }
        let known = self.foreign.folders.borrow().get(folder).cloned();
        let names = known.unwrap_or_else(|| {
            let names = Rc::new(read(folder));
            self.foreign.folders.borrow_mut().insert(folder.to_owned(), Rc::clone(&names));
            names
        });
        let looked_at = &names[..names.len().min(self.left)];
        self.left -= looked_at.len();
        looked_at.to_vec()
    }

    fn add(&mut self, path: &Path, captures: &Captures) {
        if self.foreign.is_late() {
            return;
        }
        let Ok(metadata) = std::fs::symlink_metadata(path) else { return };
        if metadata.is_file() && metadata.uid() == self.foreign.uid {
            let (path, modified) = (path.to_owned(), modified(&metadata));
            self.found.push(FoundFile { path, captures: captures.clone(), modified });
        }
    }
}
