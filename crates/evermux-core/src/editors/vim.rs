//! What a Vim edits: it listens nowhere, but has a swap file open for each file, which tells what that is and, after a crash,
//! what was typed. Nothing is asked of it.

use std::path::Path;

use bstr::{BString, ByteSlice};

use super::wire::WireError;
use super::{Answer, Held, Question};
use crate::model::BlockId;
use crate::procs::open_files;

/// Most files that are opened again.
const MOST: usize = 200;

/// Looks at the swap files that it has open. `folder`: one in the folder of kept states.
pub fn ask(question: &Question, folder: &Path, _uid: u32) -> Result<Answer, WireError> {
    let program = std::fs::read_link(format!("/proc/{}/exe", question.pid)).unwrap_or_default();
    let program = program.file_name().unwrap_or_default().as_encoded_bytes();
    // A small one runs no scripts, and `vi` is the name of others, too.
    if !program.starts_with(b"vim") || program == b"vim.tiny" {
        return Ok(Answer::Unknown);
    }
    let coming = |name: &String| folder.parent().is_some_and(|states| states.join(name).exists());
    if question.restored.as_ref().is_some_and(coming) {
        return Ok(Answer::Late("it is still coming back".to_owned()));
    }
    let swaps = open_files(question.pid).into_iter().filter(|path| is_swap(path)).take(MOST);
    let mut session = Vec::new();
    for swap in swaps {
        let Some(file) = file_of(&swap) else { continue };
        // The list's items end with a NUL, and Vim reads a newline as one.
        if !file.contains(&b'\n') && !swap.contains(&b'\n') {
            session.extend([file.as_slice(), b"\0", &swap, b"\0"].concat());
        }
    }
    if session.is_empty() {
        return Ok(Answer::Unknown);
    }
    let fingerprint = BlockId::of(&session).to_string();
    if question.known.as_ref() == Some(&fingerprint) {
        return Ok(Answer::Same);
    }
    let (unsaved, left_out) = (Vec::new(), Vec::new());
    Ok(Answer::Held(Box::new(Held {
        told: None,
        fingerprint,
        server: None,
        session,
        state: Vec::new(),
        unsaved,
        left_out,
    })))
}

/// `NAME.swp`, `NAME.swo` … down to `NAME.saa`.
fn is_swap(path: &[u8]) -> bool {
    let end = path.rsplit_str(".").next().unwrap_or_default();
    matches!(end, [b's', b'a'..=b'w', b'a'..=b'z']) && path.starts_with(b"/")
}

/// The file that a swap file is of: its first block says so (`b0_fname` of Vim's memline.c, 900 bytes at 108), but for a user's
/// own files only as `~USER/…`, which need not be where `HOME` is. So a swap file beside a file of that name is of that.
fn file_of(swap: &BString) -> Option<BString> {
    let mut block = read_start(swap.to_path().ok()?)?;
    if !block.starts_with(b"b0VIM") || block.len() < 1008 {
        return None;
    }
    let name = block.split_off(108);
    let name = &name[..name.iter().take(890).position(|byte| *byte == 0)?];
    let (own_folder, own_name) = swap.rsplit_once_str("/")?;
    let file = name.rsplit_str("/").next()?;
    let beside =
        own_name.strip_prefix(b".").and_then(|rest| rest.get(..rest.len().checked_sub(4)?)) == Some(file);
    match () {
        () if beside => Some([own_folder, b"/", file].concat().into()),
        () if name.starts_with(b"/") => Some(name.into()),
        () => None,
    }
}

/// The first block of a swap file.
fn read_start(path: &Path) -> Option<Vec<u8>> {
    use std::io::Read;
    let mut block = Vec::new();
    let file = std::fs::File::open(path).ok().filter(|file| file.metadata().is_ok_and(|it| it.is_file()))?;
    file.take(4096).read_to_end(&mut block).ok()?;
    Some(block)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Vim 9.0 writes them.
    #[test]
    fn a_swap_file_tells_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let of = |swap: &str, name: &str| {
            let mut block = vec![0; 4096];
            block[..8].copy_from_slice(b"b0VIM 9.");
            block[108..108 + name.len()].copy_from_slice(name.as_bytes());
            let path = folder.path().join(swap);
            std::fs::write(&path, block).expect("it is written");
            let path: BString = path.to_str().expect("it is text").into();
            assert!(is_swap(&path));
            let file = file_of(&path)?;
            Some(file.to_string().replace(folder.path().to_str().expect("it is text"), "HERE"))
        };
        assert_eq!(of(".a b.txt.swp", "~root/x/a b.txt").as_deref(), Some("HERE/a b.txt"));
        assert_eq!(of("%home%u%a.txt.swo", "/home/u/a.txt").as_deref(), Some("/home/u/a.txt"));
        assert_eq!(of("%home%u%a.txt.swp", "~u/a.txt"), None);
        assert!(!is_swap(b"/h/a.swift") && !is_swap(b"socket:[1].swp") && is_swap(b"/h/.a.saa"));
        std::fs::write(folder.path().join(".b.swp"), b"no swap file").expect("it is written");
        assert_eq!(file_of(&folder.path().join(".b.swp").to_str().expect("it is text").into()), None);
    }
}
