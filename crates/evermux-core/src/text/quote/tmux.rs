//! Words for tmux: its command files and its formats.

use super::NulByte;

/// `bytes` as one word of a tmux command file (`source-file`, `tmux -f`, a control client's line), the same in every
/// tmux from 3.0 on: nothing in it is expanded as variable, home directory, comment or condition, and the word stays
/// on one line. An argument that begins with `-` still needs `--` or the option it belongs to in front.
///
/// Bytes go as they are where tmux 3.0 allows it, since octal escapes came with 3.1. Two need an escape: a newline
/// would end the line, and 0xff reads as the end of the file when tmux parses from memory (3.1+, a signed `char`);
/// only tmux 3.0 itself misreads that one.
///
/// # Errors
/// [`NulByte`]: tmux has no way to write one.
pub fn tmux_word(bytes: &[u8]) -> Result<Vec<u8>, NulByte> {
    let bare = |&byte: &u8| byte.is_ascii_alphanumeric() || b"_./:@+,-".contains(&byte);
    if !bytes.is_empty() && bytes.iter().all(bare) {
        return Ok(bytes.to_vec());
    }
    let mut word = Vec::with_capacity(bytes.len() + 2);
    word.push(b'"');
    for &byte in bytes {
        match byte {
            0 => return Err(NulByte),
            b'\n' => word.extend(b"\\n"),
            b'\r' => word.extend(b"\\r"),
            b'\t' => word.extend(b"\\t"),
            0x1b => word.extend(b"\\e"),
            0xff => word.extend(b"\\377"),
            b'"' | b'\\' | b'$' | b'~' => word.extend([b'\\', byte]),
            _ => word.push(byte),
        }
    }
    word.push(b'"');
    Ok(word)
}

/// `bytes` for an argument that tmux expands as a format (`-n`, `-s`, `-c`, `-T`, `rename-session`, `rename-window`),
/// so that they come out as they are. tmux expands no times (`%H`) in these.
///
/// `#` is written twice, but `##[` begins a style from 3.2 on and is left alone by the expansion: one `#` before `[`
/// is literal in every version, and after several the bracket is written as a literal format.
pub fn format_literal(bytes: &[u8]) -> Vec<u8> {
    let mut literal = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'#' {
            literal.push(byte);
            rest = after;
            continue;
        }
        let run = rest.iter().take_while(|&&byte| byte == b'#').count();
        rest = &rest[run..];
        match (run, rest.strip_prefix(b"[")) {
            (1, Some(after)) => {
                literal.extend(b"#[");
                rest = after;
            }
            (_, Some(after)) => {
                literal.extend(b"##".repeat(run));
                literal.extend(b"#{l:[}");
                rest = after;
            }
            _ => literal.extend(b"##".repeat(run)),
        }
    }
    literal
}
