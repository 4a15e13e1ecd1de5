//! What stands in the places of a handler's paths.

use std::collections::BTreeMap;
use std::path::Path;

use bstr::{BStr, BString, ByteSlice};

use crate::foreign::Foreign;
use crate::handlers::{Folder, Glob, Handler, Name, Template};

/// How far above a directory a repository is looked for.
const MOST_ABOVE: usize = 32;

/// What is known for the places of one program's paths.
#[derive(Debug)]
pub(super) struct Places<'a> {
    pub handler: &'a Handler,
    pub home: &'a Path,
    /// The directory of the program or its conversation.
    pub directory: &'a BStr,
    /// The variables that it was started with.
    pub environment: &'a BTreeMap<BString, BString>,
    /// Reads files.
    pub foreign: &'a Foreign<'a>,
}

impl Places<'_> {
    /// The pattern of a path, in which the id and the process are looked for where they are not known.
    pub fn glob(&self, path: &Template, id: Option<&str>, pid: Option<u32>) -> Option<Glob> {
        Glob::new(path, |place| match place {
            "id" => id.map(|id| id.as_bytes().to_vec()),
            "pid" => pid.map(|pid| pid.to_string().into_bytes()),
            place => self.known(place),
        })
    }

    /// A path for people, with `*` for what is not known.
    pub fn named(&self, path: &Template) -> String {
        let path = path.fill(|place| Some(self.known(place).unwrap_or(b"*".to_vec()))).unwrap_or_default();
        self.shown(&path.to_path_lossy())
    }

    /// What stands in a place whatever the conversation and the process are.
    fn known(&self, place: &str) -> Option<Vec<u8>> {
        match place {
            "cwd" => Some(self.directory.to_vec()),
            "encoded-cwd" => Some(encoded(self.directory)),
            "repository" => Some(self.repository()),
            place => self.folder(place),
        }
    }

    /// The folder at or above the directory in which a Git repository is; without one the directory.
    fn repository(&self) -> Vec<u8> {
        let directory = self.directory.to_path().ok();
        let above = directory.into_iter().flat_map(Path::ancestors);
        let top = above.take(MOST_ABOVE).find(|folder| self.foreign.exists(&folder.join(".git")));
        top.map_or_else(|| self.directory.to_vec(), |top| top.as_os_str().as_encoded_bytes().to_vec())
    }

    fn folder(&self, name: &str) -> Option<Vec<u8>> {
        let folder = self.handler.folders.get(&Name(name.to_owned()))?;
        self.named_by_variable(folder).or_else(|| {
            // Only folders of an earlier name stand in it, so this ends.
            let path = folder.default.fill(|place| if place < name { self.folder(place) } else { None })?;
            Some(match path.strip_prefix(b"~/") {
                Some(rest) => [self.home.as_os_str().as_encoded_bytes(), b"/", rest].concat(),
                None => path,
            })
        })
    }

    /// A relative path means nothing to us.
    fn named_by_variable(&self, folder: &Folder) -> Option<Vec<u8>> {
        let variable = folder.variable.as_ref()?;
        let value = self.environment.get(BStr::new(variable.0.as_str()))?;
        value.starts_with(b"/").then(|| value.to_vec())
    }

    /// A path for people: with `~` for the home folder.
    pub fn shown(&self, path: &Path) -> String {
        match path.strip_prefix(self.home) {
            Ok(rest) => format!("~/{}", rest.display()),
            Err(_) => path.display().to_string(),
        }
    }
}

/// A directory as Claude Code names its folder for it: a dash for each UTF-16 unit that is no ASCII letter or digit.
fn encoded(directory: &BStr) -> Vec<u8> {
    let mut name = String::new();
    for c in directory.to_str_lossy().chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c);
        } else {
            name.push_str(&"-".repeat(c.len_utf16()));
        }
    }
    name.into_bytes()
}
