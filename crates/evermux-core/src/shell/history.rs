//! The commands of one pane, kept beside its shell's own history, so that a restored pane remembers its own first.

use bstr::{BString, ByteSlice};

use super::{Integrated, Report};

/// How much is kept of a pane, in bytes. Twice as much is read.
pub const HISTORY_BYTES: usize = 32 << 10;

/// The longest line that is kept.
const LONGEST: usize = 4096;

/// A command that was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When: milliseconds since the epoch.
    pub at: i64,
    /// Its line.
    pub line: BString,
}

/// Reads what [`write()`] wrote; what is no entry is passed over.
pub fn parse(bytes: &[u8]) -> Vec<Entry> {
    let entry = |item: &[u8]| {
        let (at, line) = item.split_once_str(" ")?;
        let at = at.to_str().ok()?.parse().ok()?;
        (!line.is_empty()).then(|| Entry { at, line: line.into() })
    };
    bytes.split_str("\0").filter_map(entry).collect()
}

/// The entries with what a shell has told since, the newest last, no more than is kept; none if there is nothing new.
pub fn write(mut entries: Vec<Entry>, report: &Report) -> Option<Vec<u8>> {
    let newest = entries.last().map_or(0, |entry| entry.at);
    let before = entries.len();
    entries.extend(report.commands.iter().filter(|typed| typed.began > newest).filter_map(|typed| {
        let line = typed.line.clone().filter(|line| line.len() <= LONGEST)?;
        Some(Entry { at: typed.began, line })
    }));
    if entries.len() == before {
        return None;
    }
    let mut room = HISTORY_BYTES;
    let fits = |entry: &&Entry| {
        let taken = room.checked_sub(entry.line.len() + 16);
        room = taken.unwrap_or(0);
        taken.is_some()
    };
    let mut kept: Vec<&Entry> = entries.iter().rev().take_while(fits).collect();
    kept.reverse();
    Some(
        kept.iter()
            .flat_map(|entry| [format!("{} ", entry.at).as_bytes(), &entry.line, b"\0"].concat())
            .collect(),
    )
}

/// As a history file of a shell; none if it has none that can be read beside the other.
pub fn as_file(shell: Integrated, entries: &[Entry]) -> Option<Vec<u8>> {
    let line: fn(&Entry) -> Vec<u8> = match shell {
        Integrated::Bash => bash,
        Integrated::Zsh => zsh,
        Integrated::Fish | Integrated::Nu => return None,
    };
    Some(entries.iter().flat_map(line).collect())
}

/// `#SECONDS`, and the lines of the command.
fn bash(entry: &Entry) -> Vec<u8> {
    let is_time = |line: &[u8]| line.starts_with(b"#") && line.get(1).is_some_and(u8::is_ascii_digit);
    if entry.line.lines().any(is_time) {
        return Vec::new();
    }
    [format!("#{}\n", entry.at / 1000).as_bytes(), &entry.line, b"\n"].concat()
}

/// `: SECONDS:0;LINE`, newlines behind a backslash, and the bytes of zsh's own that it writes in two.
fn zsh(entry: &Entry) -> Vec<u8> {
    if entry.line.ends_with(b"\\") {
        return Vec::new();
    }
    let mut line = format!(": {}:0;", entry.at / 1000).into_bytes();
    for &byte in entry.line.iter() {
        match byte {
            b'\n' => line.extend(b"\\\n"),
            // `imeta` of zsh 5.9: Meta to Marker.
            0x83..=0xa2 => line.extend([0x83, byte ^ 0x20]),
            _ => line.push(byte),
        }
    }
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::Typed;

    fn report(lines: &[(i64, &str)]) -> Report {
        let typed = |&(began, line): &(i64, &str)| Typed { began, ended: None, line: Some(line.into()) };
        Report { commands: lines.iter().map(typed).collect(), ..Report::default() }
    }

    #[test]
    fn what_is_new_is_added_once() {
        let told = report(&[(1000, "a"), (2000, "b\nc")]);
        let kept = write(Vec::new(), &told).unwrap();
        assert_eq!(kept, b"1000 a\x002000 b\nc\0");
        assert_eq!(write(parse(&kept), &told), None);
        let more = write(parse(&kept), &report(&[(2000, "b\nc"), (3000, "d")])).unwrap();
        assert_eq!(parse(&more).len(), 3);
        assert_eq!(parse(b"x\0\0 \x005 y\0z").len(), 1);
    }

    #[test]
    fn only_the_newest_are_kept() {
        let long = "x".repeat(LONGEST);
        let lines: Vec<(i64, &str)> = (1..100).map(|at| (at, long.as_str())).collect();
        let kept = write(Vec::new(), &report(&lines)).unwrap();
        assert!(kept.len() <= HISTORY_BYTES && kept.len() > HISTORY_BYTES / 2);
        assert_eq!(parse(&kept).last().map(|entry| entry.at), Some(99));
    }

    #[test]
    fn shells_read_their_own_form() {
        let entries = parse("1000 for x\ndo y\x002000 ü\x003000 #5\x004000 a\\\0".as_bytes());
        let bash = as_file(Integrated::Bash, &entries).unwrap();
        assert_eq!(bash.as_bstr(), "#1\nfor x\ndo y\n#2\nü\n#4\na\\\n");
        let zsh = as_file(Integrated::Zsh, &entries).unwrap();
        assert_eq!(zsh.as_bstr(), b": 1:0;for x\\\ndo y\n: 2:0;\xc3\xbc\n: 3:0;#5\n".as_bstr());
        let special = as_file(Integrated::Zsh, &[Entry { at: 0, line: "à".into() }]).unwrap();
        assert_eq!(special.as_bstr(), b": 0:0;\xc3\x83\x80\n".as_bstr());
        assert_eq!(as_file(Integrated::Fish, &entries), None);
    }
}
