//! What tmux prints quoted: `show-options` without `-v`, `show-environment -s`.

use std::borrow::Cow;

use bstr::{BStr, BString, ByteSlice};

use crate::model::{EnvironmentEntry, OptionEntry, TmuxVersion};

/// What a client printed (`-F`, `-p`, options, environment) without what tmux 3.4 alone adds: a backslash before every
/// `$` that begins a variable. On 3.4 every field of a listing needs this; on others it does nothing.
pub fn undo_output(output: &[u8], version: TmuxVersion) -> Cow<'_, [u8]> {
    if !version.at_least(3, 4) || version.at_least(3, 5) {
        return Cow::Borrowed(output);
    }
    let mut rest = output;
    let mut undone = Vec::with_capacity(output.len());
    while let Some((&byte, after)) = rest.split_first() {
        let added = byte == b'\\'
            && matches!(after, [b'$', next, ..] if next.is_ascii_alphabetic() || b"_{".contains(next));
        if !added {
            undone.push(byte);
        }
        rest = after;
    }
    Cow::Owned(undone)
}

/// The value of a string option as `show-options` (without `-v`) prints it, in every version from 3.0 on
/// (`args_escape` in `arguments.c`); none if it is not such a word.
///
/// It stands bare, in double quotes, or (from 3.3) in single quotes if it has double quotes but nothing worse; in all
/// three backslashes are doubled and control and invalid bytes escaped as by vis(3). In single quotes tmux itself
/// does not read that back; this does. Nothing at all, and `''` from 3.2 on, is the empty value.
pub fn undo_tmux_word(word: &[u8]) -> Option<BString> {
    let mut value = BString::default();
    let (mut rest, quote) = match word {
        [quote @ (b'"' | b'\''), inner @ .., last] if last == quote => (inner, Some(*quote)),
        _ => (word, None),
    };
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'\\' => value.push(undo_escape(&mut rest)?),
            b' ' | b'"' | b'\'' | b';' | b'#' | b'{' | b'}' | b'\t' | b'\n' if quote.is_none() => {
                return None;
            }
            _ if Some(byte) == quote => return None,
            _ => value.push(byte),
        }
    }
    Some(value)
}

/// The byte that an escape stands for, its backslash already read.
fn undo_escape(rest: &mut &[u8]) -> Option<u8> {
    let digit = |byte: u8| (b'0'..=b'7').contains(&byte).then(|| u32::from(byte - b'0'));
    if let [a, b, c, after @ ..] = *rest
        && let (Some(a), Some(b), Some(c)) = (digit(*a), digit(*b), digit(*c))
    {
        *rest = after;
        return u8::try_from(a * 64 + b * 8 + c).ok();
    }
    let (&byte, after) = rest.split_first()?;
    *rest = after;
    Some(match byte {
        b'a' => 7,
        b'b' => 8,
        b't' => b'\t',
        b'n' => b'\n',
        b'v' => 11,
        b'f' => 12,
        b'r' => b'\r',
        b'e' => 0x1b,
        b's' => b' ',
        _ => byte,
    })
}

/// One line of `show-options` (without `-v`, `-A`, `-H`; its newline removed); none if it is empty.
///
/// Options that are not strings (keys, numbers, commands) are printed as they are; what is not a word of
/// [`undo_tmux_word`] is such a value. The name of a user option may hold spaces.
pub fn option_line(line: &[u8]) -> Option<OptionEntry> {
    if line.is_empty() {
        return None;
    }
    let entry = |name: &[u8], value| Some(OptionEntry { name: name.into(), value });
    let spaces: Vec<usize> = line.find_iter(b" ").filter(|&at| at > 0).collect();
    let Some(&first) = spaces.first() else { return entry(line, None) };
    // Only user options have spaces in their names, and they are always strings.
    let tried = if line.starts_with(b"@") { &spaces[..] } else { &spaces[..1] };
    for &at in tried {
        if let Some(value) = undo_tmux_word(&line[at + 1..]) {
            return entry(&line[..at], Some(value));
        }
    }
    entry(&line[..first], Some(line[first + 1..].into()))
}

/// The output of `show-environment -s` is not what tmux prints.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment is not understood from byte {at}: {shown:?}")]
pub struct BadEnvironment {
    /// Where, in bytes from the start.
    pub at: usize,
    /// The name there, without any value, since values may be secret.
    pub shown: BString,
}

/// The output of `show-environment -s` (with `-g`, `-h` or a session): variables with their values, exact bytes, and
/// the ones that are removed. Every tmux from 3.0 on has `-s`; the plain form is ambiguous when values have newlines.
///
/// tmux 3.4 and 3.5 print control and invalid bytes as `\ooo` or `\r`; since `-s` doubles backslashes that is undone
/// here.
///
/// # Errors
/// [`BadEnvironment`] if anything is left that is not such an entry.
pub fn environment(output: &[u8]) -> Result<Vec<EnvironmentEntry>, BadEnvironment> {
    let mut entries = Vec::new();
    let mut rest = output;
    while !rest.is_empty() {
        let (entry, after) = assignment(rest).or_else(|| removal(rest)).ok_or_else(|| BadEnvironment {
            at: output.len() - rest.len(),
            shown: rest.split(|byte| b"=\n".contains(byte)).next().unwrap_or_default().into(),
        })?;
        entries.push(entry);
        rest = after;
    }
    Ok(entries)
}

/// `NAME="VALUE"; export NAME;` and a newline, in front of the rest.
fn assignment(text: &[u8]) -> Option<(EnvironmentEntry, &[u8])> {
    let (name, quoted) = text.split_once_str(b"=\"")?;
    let mut value = BString::default();
    let mut rest = quoted;
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        match byte {
            b'"' => break,
            b'\\' => value.push(undo_environment_escape(&mut rest)?),
            _ => value.push(byte),
        }
    }
    let rest = rest.strip_prefix(b"; export ")?.strip_prefix(name)?.strip_prefix(b";")?;
    Some((EnvironmentEntry { name: name.into(), value: Some(value) }, line_end(rest)?))
}

fn undo_environment_escape(rest: &mut &[u8]) -> Option<u8> {
    match rest.first()? {
        b'0'..=b'7' | b'a' | b'b' | b'v' | b'f' | b'r' => undo_escape(rest),
        byte @ (b'$' | b'`' | b'"' | b'\\') => {
            *rest = &rest[1..];
            Some(*byte)
        }
        _ => None,
    }
}

/// `unset NAME;` and a newline, in front of the rest.
fn removal(text: &[u8]) -> Option<(EnvironmentEntry, &[u8])> {
    let (name, rest) = text.strip_prefix(b"unset ")?.split_once_str(b";\n").or_else(|| {
        let name = text.strip_prefix(b"unset ")?.strip_suffix(b";")?;
        Some((name, &b""[..]))
    })?;
    Some((EnvironmentEntry { name: BStr::new(name).to_owned(), value: None }, rest))
}

/// What follows a newline; the last line may lack it.
fn line_end(text: &[u8]) -> Option<&[u8]> {
    if text.is_empty() { Some(text) } else { text.strip_prefix(b"\n") }
}
