//! Long scripts.

use std::borrow::Cow;

use bstr::ByteSlice;

use crate::model::TmuxVersion;
use crate::text::quote::tmux_word;

/// How many lines are parsed together.
const LINES: usize = 16;

/// Lines of a script, each a complete command, as blocks of some lines each.
///
/// Before 3.8 tmux takes time in the square of what it parses at once (`cmd_list_print` in `cmd.c` appends with
/// `strlcat`): 2000 lines of 340 bytes in one file cost 3.3a 460 ms and 3.1c 860 ms before the first one runs, in blocks
/// 115 and 98 ms. In a block an error still skips only its own line (3.1c to 3.8), but from 3.3 on the exit status is 0
/// then; standard error tells. `%if` cannot stand in a line, and braces outside of quotes must match; words made by
/// [`crate::text::quote::tmux_word`] are safe, whatever is in them.
pub fn in_blocks<Line: AsRef<[u8]>>(lines: impl IntoIterator<Item = Line>) -> Vec<u8> {
    let mut script = Vec::new();
    let mut count = 0;
    for line in lines {
        if count == 0 {
            script.extend_from_slice(b"if-shell -F 1 {\n");
        }
        script.extend_from_slice(line.as_ref());
        if !line.as_ref().ends_with(b"\n") {
            script.push(b'\n');
        }
        count = (count + 1) % LINES;
        if count == 0 {
            script.extend_from_slice(b"}\n");
        }
    }
    if count > 0 {
        script.extend_from_slice(b"}\n");
    }
    script
}

/// A script with blocks as that version needs it.
///
/// 3.2 and 3.2a (no other version) parse a block, print it, and parse what they printed, so that words with quotation
/// marks and backslashes change or are syntax errors; and an error skips the rest of the block. There a block becomes a
/// quoted word, which is parsed once, when it runs, and each of its lines another one.
pub fn for_version(version: TmuxVersion, script: &[u8]) -> Cow<'_, [u8]> {
    if !version.at_least(3, 2) || version.at_least(3, 3) {
        return script.into();
    }
    let mut words = Vec::with_capacity(script.len() * 2);
    let mut block: Option<Vec<u8>> = None;
    for line in script.lines() {
        match block.as_mut() {
            None if line == b"if-shell -F 1 {" => block = Some(Vec::new()),
            Some(body) if line == b"}" => {
                push_word(body, &mut words);
                block = None;
            }
            Some(body) => push_word(line, body),
            None => words.extend_from_slice(&[line, b"\n"].concat()),
        }
    }
    words.into()
}

/// Adds a line that runs a script.
fn push_word(script: &[u8], out: &mut Vec<u8>) {
    // There is no NUL, as it is made of words without one.
    let word = tmux_word(script).unwrap_or_default();
    out.extend_from_slice(&[b"if-shell -F 1 ", &word[..], b"\n"].concat());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_words_for_3_2() {
        let script = b"a\nif-shell -F 1 {\nb \"x\"\nc\n}\nd\n";
        let for_version = |version: &str| for_version(version.parse().unwrap(), script).into_owned();
        for other in ["3.0a", "3.1c", "3.3a", "3.8"] {
            assert_eq!(for_version(other), script);
        }
        let inner = r#"if-shell -F 1 \"b \\\"x\\\"\"\nif-shell -F 1 c\n"#;
        let expected = format!("a\nif-shell -F 1 \"{inner}\"\nd\n");
        assert_eq!(for_version("3.2a").as_bstr(), expected);
    }

    #[test]
    fn blocks_are_closed() {
        assert_eq!(in_blocks([""; 0]), b"");
        assert_eq!(in_blocks(["a", "b\n"]), b"if-shell -F 1 {\na\nb\n}\n");
        let lines = in_blocks(["x"; 33]);
        assert_eq!(lines.iter().filter(|&&byte| byte == b'}').count(), 3);
    }
}
