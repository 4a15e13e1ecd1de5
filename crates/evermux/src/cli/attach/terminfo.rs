//! Whether tmux can draw on a terminal of some kind: it refuses those it does not know.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Longer descriptions (bytes) are none; ncurses itself stops at 32 kB.
const LIMIT: u64 = 64 * 1024;

/// What stands for a kind of terminal that is not known here, the best first.
const INSTEAD: [&str; 6] = ["xterm-256color", "xterm", "screen-256color", "screen", "linux", "vt100"];

/// What tmux can make of a kind of terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is known, or nothing can be told.
    Fine,
    /// It is not known here; this one stands for it.
    Instead(OsString),
    /// It is known to lack what tmux needs (`dumb`).
    Unable,
}

/// Judges `$TERM` by the descriptions in these folders.
pub fn judge(kind: Option<&OsStr>, folders: &[PathBuf]) -> Known {
    match kind.and_then(|kind| find(kind, folders)) {
        Some(description) if is_able(&description) => Known::Fine,
        // What cannot be understood is left to tmux.
        Some(description) if strings(&description).is_none() => Known::Fine,
        Some(_) => Known::Unable,
        // "dumb" says what it says, also where nobody describes it.
        None if kind.is_some_and(|kind| kind == "dumb") => Known::Unable,
        None => {
            let known = |name: &&&str| find(OsStr::new(name), folders).is_some_and(|found| is_able(&found));
            // Where nothing is found at all, ncurses looks in folders that we do not know.
            INSTEAD.iter().find(known).map_or(Known::Fine, |name| Known::Instead(name.into()))
        }
    }
}

/// The compiled description of a kind of terminal: in a folder named by its first letter or, on macOS, by that one's
/// number.
fn find(kind: &OsStr, folders: &[PathBuf]) -> Option<Vec<u8>> {
    let name = kind.as_bytes();
    let first = *name.first()?;
    if name.contains(&b'/') || first == b'.' {
        return None;
    }
    let letters = [PathBuf::from(OsStr::from_bytes(&name[..1])), PathBuf::from(format!("{first:x}"))];
    let files =
        folders.iter().flat_map(|folder| letters.iter().map(move |letter| folder.join(letter).join(kind)));
    files.into_iter().find_map(|file| read(&file))
}

fn read(file: &Path) -> Option<Vec<u8>> {
    let metadata = fs::metadata(file).ok()?;
    (metadata.is_file() && metadata.len() <= LIMIT).then(|| fs::read(file).ok()).flatten()
}

/// Whether it can be cleared and its cursor moved, without which tmux does not work (`tty_term_create` in
/// `tty-term.c`). The numbers are those of `term(5)`: the 6th and the 11th string.
fn is_able(description: &[u8]) -> bool {
    const CLEAR_SCREEN: usize = 5;
    const CURSOR_ADDRESS: usize = 10;
    let Some(strings) = strings(description) else { return false };
    let is_there = |at: usize| strings.get(2 * at + 1).is_some_and(|&high| high & 0x80 == 0);
    is_there(CLEAR_SCREEN) && is_there(CURSOR_ADDRESS)
}

/// The table of strings of a compiled description (`term(5)`): two bytes each, negative for one that is not there.
fn strings(description: &[u8]) -> Option<&[u8]> {
    let number = |at: usize| Some(u16::from_le_bytes([*description.get(at)?, *description.get(at + 1)?]));
    let wide = match number(0)? {
        0o432 => 2,
        // With numbers of 32 bits.
        0o1036 => 4,
        _ => return None,
    };
    let count = |at: usize| number(at).map(usize::from);
    let (names, flags, numbers, strings) = (count(2)?, count(4)?, count(6)?, count(8)?);
    // Numbers begin at an even place.
    let begin = (12 + names + flags).next_multiple_of(2) + wide * numbers;
    description.get(begin..begin + 2 * strings)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A description with this many strings, all of them there but the left out.
    fn description(without: &[usize]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for number in [0o432u16, 3, 0, 1, 12, 4] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(b"it\0\0");
        bytes.extend(80u16.to_le_bytes());
        for at in 0..12 {
            bytes.extend(if without.contains(&at) { [0xff, 0xff] } else { [0, 0] });
        }
        bytes
    }

    fn folder(files: &[(&str, Vec<u8>)]) -> (tempfile::TempDir, Vec<PathBuf>) {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        let folders = vec![PathBuf::from("/nonexistent"), folder.path().to_owned()];
        (folder, folders)
    }

    #[test]
    fn what_tmux_cannot_use_is_told_before_it_refuses() {
        let (_folder, folders) = folder(&[
            ("g/good", description(&[])),
            ("67/good-too", description(&[0, 1])),
            ("n/no-clear", description(&[5])),
            ("n/no-move", description(&[10])),
            ("n/nonsense", b"not a description".to_vec()),
            ("x/xterm", description(&[])),
        ]);
        let judge = |kind: &str| judge(Some(OsStr::new(kind)), &folders);
        assert_eq!(judge("good"), Known::Fine);
        assert_eq!(judge("good-too"), Known::Fine);
        assert_eq!(judge("no-clear"), Known::Unable);
        assert_eq!(judge("no-move"), Known::Unable);
        assert_eq!(judge("nonsense"), Known::Fine);
        assert_eq!(judge("xterm-kitty"), Known::Instead("xterm".into()));
        assert_eq!(judge("../g/good"), Known::Instead("xterm".into()));
        assert_eq!(judge("dumb"), Known::Unable);
        assert_eq!(super::judge(None, &folders), Known::Instead("xterm".into()));
    }

    #[test]
    fn where_nothing_is_described_tmux_is_left_to_judge() {
        assert_eq!(judge(Some(OsStr::new("xterm-kitty")), &[]), Known::Fine);
    }

    #[test]
    fn the_descriptions_of_this_machine_are_understood() {
        let folders = crate::context::terminal::Terminal::read().descriptions;
        if let Some(found) = find(OsStr::new("xterm-256color"), &folders) {
            assert!(is_able(&found));
        }
        if let Some(found) = find(OsStr::new("dumb"), &folders) {
            assert!(!is_able(&found));
        }
    }
}
