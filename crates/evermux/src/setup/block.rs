//! Our lines in a config file of tmux, or in an rc file of a shell, between two comments by which they are found again. Pure: bytes to bytes.
//!
//! They stand at the end of the file, since everything that the user's own lines set must hold before anything is
//! restored. Adding and removing gives the same bytes again: the first comment says whether the file's last line had no
//! newline before, or whether there was no file.

use bstr::ByteSlice;
use thiserror::Error;

const BEGIN: &str = "# >>> evermux >>> written by `evermux install`, removed by `evermux uninstall`";
const END: &str = "# <<< evermux <<<";
/// Behind [`BEGIN`]: the line before had no newline.
const NO_NEWLINE: &str = " (the line above had no newline)";
/// Behind [`BEGIN`]: there was no file.
const NO_FILE: &str = " (with this file)";
/// What every first comment begins with, also of other versions.
const BEGINS_WITH: &[u8] = b"# >>> evermux >>>";

/// Why a file is not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadBlock {
    /// The first comment is there, the last is not.
    #[error("'# >>> evermux >>>' stands in it without '# <<< evermux <<<'")]
    Open,
}

/// How the lines stand in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// They are not in it.
    Absent,
    /// They are in it, the same, and nothing but comments follows.
    Last,
    /// They are in it, the same, but something follows.
    NotLast,
    /// Others are in it.
    Changed,
    /// They stand in it without our comments.
    ByHand,
}

/// Where the lines stand in a file. `lines` is what should be between the comments.
///
/// # Errors
/// [`BadBlock`].
pub fn place(content: &[u8], lines: &str) -> Result<Place, BadBlock> {
    let Some(found) = find(content)? else {
        return Ok(if runs_at_start(content) { Place::ByHand } else { Place::Absent });
    };
    let inside = content[found.begin..found.end].lines();
    let inside: Vec<&[u8]> = inside.skip(1).filter(|line| *line != END.as_bytes()).collect();
    if inside != lines.as_bytes().lines().collect::<Vec<_>>() {
        return Ok(Place::Changed);
    }
    let does_something = |line: &[u8]| !line.trim().is_empty() && !line.trim_start().starts_with(b"#");
    Ok(if content[found.end..].lines().any(does_something) { Place::NotLast } else { Place::Last })
}

/// Whether a line does by itself what ours do.
fn runs_at_start(content: &[u8]) -> bool {
    content.lines().any(|line| {
        let line = line.trim_start();
        let ours = line.contains_str("at-start") || line.contains_str("shell-init");
        !line.starts_with(b"#") && line.contains_str("evermux") && ours
    })
}

/// The file with the lines at its end, once; none: there is no file.
///
/// # Errors
/// [`BadBlock`].
pub fn add(content: Option<&[u8]>, lines: &str) -> Result<Vec<u8>, BadBlock> {
    let made_by_us = content.is_some_and(|content| content.starts_with_str(format!("{BEGIN}{NO_FILE}")));
    let mut new = remove(content.unwrap_or_default())?.unwrap_or_default();
    let suffix = match new.last() {
        None if content.is_none() || made_by_us => NO_FILE,
        None => "",
        Some(b'\n') => "",
        Some(_) => NO_NEWLINE,
    };
    if suffix == NO_NEWLINE {
        new.push(b'\n');
    }
    if !new.is_empty() {
        // An empty line also ends a last line that goes on with a backslash.
        new.push(b'\n');
    }
    new.extend_from_slice(format!("{BEGIN}{suffix}\n{}\n{END}\n", lines.trim_end()).as_bytes());
    Ok(new)
}

/// The file without our lines; none: then there should be no file.
///
/// # Errors
/// [`BadBlock`].
pub fn remove(content: &[u8]) -> Result<Option<Vec<u8>>, BadBlock> {
    let mut rest = content.to_vec();
    let mut no_file = false;
    while let Some(found) = find(&rest)? {
        let begin = rest[found.begin..].lines().next().unwrap_or_default();
        no_file |= begin.ends_with_str(NO_FILE);
        let no_newline = begin.ends_with_str(NO_NEWLINE);
        let mut before = rest[..found.begin].to_vec();
        let after = rest[found.end..].to_vec();
        // The empty line before ours is ours.
        if before.ends_with(b"\n\n") {
            before.pop();
        }
        if no_newline && after.is_empty() {
            before.pop();
        }
        before.extend_from_slice(&after);
        rest = before;
    }
    Ok((!rest.is_empty() || !no_file).then_some(rest))
}

/// Where the first block of ours is, with the newline at its end.
struct Found {
    begin: usize,
    end: usize,
}

fn find(content: &[u8]) -> Result<Option<Found>, BadBlock> {
    let mut at = 0;
    let mut begin = None;
    for line in content.lines_with_terminator() {
        let next = at + line.len();
        match begin {
            None if line.starts_with(BEGINS_WITH) => begin = Some(at),
            Some(begin) if line.trim_end() == END.as_bytes() => return Ok(Some(Found { begin, end: next })),
            _ => {}
        }
        at = next;
    }
    if begin.is_some() { Err(BadBlock::Open) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINES: &str = "run-shell 'x at-start'\n";

    #[test]
    fn the_lines_stand_last_and_once() {
        let once = add(Some(b"set -g mouse on\n"), LINES).unwrap();
        assert!(once.starts_with(b"set -g mouse on\n\n# >>> evermux >>> "), "{}", once.as_bstr());
        assert_eq!(place(&once, LINES), Ok(Place::Last));
        assert_eq!(add(Some(&once), LINES).unwrap(), once);
        let followed = [&once[..], b"# a comment\n"].concat();
        assert_eq!(place(&followed, LINES), Ok(Place::Last));
        let followed = [&once[..], b"set -g status off\n"].concat();
        assert_eq!(place(&followed, LINES), Ok(Place::NotLast));
        let moved = add(Some(&followed), LINES).unwrap();
        assert_eq!(place(&moved, LINES), Ok(Place::Last));
        assert_eq!(place(&once, "other\n"), Ok(Place::Changed));
        assert_eq!(place(b"run-shell '/x/evermux at-start'\n", LINES), Ok(Place::ByHand));
        assert_eq!(place(b"# run-shell '/x/evermux at-start'\n", LINES), Ok(Place::Absent));
    }

    #[test]
    fn a_file_that_was_not_there_is_not_there_again() {
        let made = add(None, LINES).unwrap();
        assert_eq!(remove(&made), Ok(None));
        assert_eq!(add(Some(&made), LINES).unwrap(), made);
        assert_eq!(remove(&add(Some(b""), LINES).unwrap()), Ok(Some(Vec::new())));
    }

    #[test]
    fn a_line_that_goes_on_is_ended() {
        let text = add(Some(b"set -g @a \\\n"), LINES).unwrap();
        assert!(text.starts_with(b"set -g @a \\\n\n#"), "{}", text.as_bstr());
    }

    #[test]
    fn half_a_block_is_left_alone() {
        assert_eq!(remove(b"# >>> evermux >>>\nx\n"), Err(BadBlock::Open));
    }

    proptest! {
        #[test]
        fn removing_gives_the_same_bytes(parts in proptest::collection::vec("[a\\\\ #\n\r\t]{0,4}", 0..6)) {
            let before = parts.concat();
            let added = add(Some(before.as_bytes()), LINES).unwrap();
            prop_assert_eq!(remove(&added), Ok(Some(before.into_bytes())));
        }
    }
}
