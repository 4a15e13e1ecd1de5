//! Options and environments as `show-options` and `show-environment -s` print them.

use bstr::{BString, ByteSlice, ByteVec};

use crate::model::{EnvironmentEntry, OptionEntry};

/// Reads the lines of `show-options` (without `-v`): a name, a blank, and the value as one word in tmux's quoting.
/// Every version from 3.1c to 3.8 escapes control characters in it, so an option is one line.
///
/// Lines that are not understood are returned apart.
pub fn parse_options(text: &[u8]) -> (Vec<OptionEntry>, Vec<BString>) {
    let mut entries: Vec<OptionEntry> = Vec::new();
    let mut strange = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut line = BString::from(line);
        // Every user option has a value: if there is none, the name goes on in the next line.
        let mut parsed = parse_option(&line);
        while line.starts_with(b"@") && parsed.as_ref().is_none_or(|entry| entry.value.is_none()) {
            let Some(next) = lines.next() else { break };
            line.push_byte(b'\n');
            line.push_str(next);
            parsed = parse_option(&line);
        }
        match parsed {
            Some(entry) => entries.push(entry),
            None => strange.push(line),
        }
    }
    (entries, strange)
}

/// A name may hold blanks (`set-option '@my name' …`), a value that does is quoted: the value is the longest end of
/// the line that is one word.
fn parse_option(line: &[u8]) -> Option<OptionEntry> {
    if line.is_empty() {
        return None;
    }
    for (at, _) in line.find_iter(b" ").map(|at| (at, ())) {
        if at > 0
            && let Some(value) = parse_word(&line[at + 1..])
        {
            return Some(OptionEntry { name: line[..at].into(), value: Some(value) });
        }
    }
    (!line.contains(&b' ')).then(|| OptionEntry { name: line.into(), value: None })
}

/// The bytes that a word in the quoting of tmux's `args_escape` stands for; none if it is not exactly one word. An
/// empty one stands for nothing (3.1c prints an empty value so, later versions as `''`).
fn parse_word(word: &[u8]) -> Option<BString> {
    let mut value = BString::from("");
    let mut quote = None;
    let mut rest = word;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match (byte, quote) {
            (b'\'' | b'"', Some(open)) if byte == open => quote = None,
            (b'\'' | b'"', None) => quote = Some(byte),
            (b'\\', None | Some(b'"')) => rest = undo_escape(rest, &mut value)?,
            (b' ' | b'\t' | b'\n', None) => return None,
            _ => value.push_byte(byte),
        }
    }
    quote.is_none().then_some(value)
}

/// One escape of `vis(3)` with `VIS_OCTAL | VIS_CSTYLE`, the backslash left out; returns what follows it.
fn undo_escape<'a>(rest: &'a [u8], value: &mut BString) -> Option<&'a [u8]> {
    if let Some((byte, tail)) = octal(rest) {
        value.push_byte(byte);
        return Some(tail);
    }
    let (&byte, tail) = rest.split_first()?;
    value.push_byte(match byte {
        b'a' => 7,
        b'b' => 8,
        b't' => b'\t',
        b'n' => b'\n',
        b'v' => 11,
        b'f' => 12,
        b'r' => b'\r',
        b's' => b' ',
        b'e' => 27,
        byte => byte,
    });
    Some(tail)
}

/// Three octal digits at the beginning, and what follows them.
pub(super) fn octal(rest: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, tail) = rest.split_at_checked(3)?;
    let value = digits.iter().try_fold(0u32, |value, &digit| {
        matches!(digit, b'0'..=b'7').then(|| value * 8 + u32::from(digit - b'0'))
    })?;
    Some((u8::try_from(value).ok()?, tail))
}

/// Reads `show-environment -s`: `NAME="value"; export NAME;` or `unset NAME;`, the value with `"`, `\`, `$` and the
/// backquote escaped, newlines as they are. Stops at what is not understood and returns it apart.
///
/// 3.4 to 3.5a print other control characters and invalid UTF-8 as `\ooo`, which no escape of the shell form is, so
/// they are told apart.
pub fn parse_environment(text: &[u8]) -> (Vec<EnvironmentEntry>, BString) {
    let mut entries = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        match parse_variable(rest) {
            Some((entry, tail)) => {
                entries.push(entry);
                rest = tail;
            }
            None => break,
        }
    }
    (entries, rest.into())
}

fn parse_variable(text: &[u8]) -> Option<(EnvironmentEntry, &[u8])> {
    if let Some(rest) = text.strip_prefix(b"unset ")
        && let Some((name, rest)) = rest.split_once_str(";\n")
        && !name.contains(&b'=')
    {
        return Some((EnvironmentEntry { name: name.into(), value: None }, rest));
    }
    let (name, mut rest) = text.split_once_str("=\"")?;
    let mut value = BString::from("");
    loop {
        let (&byte, tail) = rest.split_first()?;
        rest = tail;
        match byte {
            b'"' => break,
            b'\\' => match octal(rest) {
                Some((byte, tail)) => {
                    value.push_byte(byte);
                    rest = tail;
                }
                None => {
                    let (&byte, tail) = rest.split_first()?;
                    value.push_byte(byte);
                    rest = tail;
                }
            },
            byte => value.push_byte(byte),
        }
    }
    let rest = rest.strip_prefix(b"; export ")?.strip_prefix(name)?.strip_prefix(b";\n")?;
    Some((EnvironmentEntry { name: name.into(), value: Some(value) }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(name: &str, value: &str) -> OptionEntry {
        OptionEntry { name: name.into(), value: Some(value.into()) }
    }

    #[test]
    fn options_of_every_form() {
        let text = b"@brace \"{ a }\"\n@empty ''\n@old \n@n\nl 1\n@nl \\n\n@sp ace \"x \"v w\"\n@sq \"it's\"\n@tilde \\~/x\n\
            @x \"a\\tb\\nc\\001\\033\\377 \\\\ \\\"q\\\" \\$HOME #{pid}\"\nuser-keys\nupdate-environment[1] DISPLAY\n";
        let (entries, strange) = parse_options(text);
        assert!(strange.is_empty(), "{strange:?}");
        let mut x = BString::from("a\tb\nc\x01\x1b");
        x.push_str(b"\xff \\ \"q\" $HOME #{pid}");
        let expected = [
            option("@brace", "{ a }"),
            option("@empty", ""),
            option("@old", ""),
            option("@n\nl", "1"),
            option("@nl", "\n"),
            option("@sp ace \"x", "v w"),
            option("@sq", "it's"),
            option("@tilde", "~/x"),
            OptionEntry { name: "@x".into(), value: Some(x) },
            OptionEntry { name: "user-keys".into(), value: None },
            option("update-environment[1]", "DISPLAY"),
        ];
        assert_eq!(entries, expected);
    }

    #[test]
    fn environments_of_every_form() {
        let text = b"EX=\"a\tb\nc\\001 \\\\001 \\\"q\\\" \\$HOME \\`x\\`\"; export EX;\nunset RM;\nA B;=\"x\"; export A B;;\n";
        let (entries, rest) = parse_environment(text);
        assert_eq!(rest, "");
        let variable = |name: &str, value: Option<&str>| EnvironmentEntry {
            name: name.into(),
            value: value.map(BString::from),
        };
        let expected = [
            variable("EX", Some("a\tb\nc\x01 \\001 \"q\" $HOME `x`")),
            variable("RM", None),
            variable("A B;", Some("x")),
        ];
        assert_eq!(entries, expected);
        assert_eq!(parse_environment(b"EX=\"cut").1, "EX=\"cut");
    }
}
