//! Lines of shell that every shell reads as the same single plain command.

use bstr::BString;

/// The words of a line, if it is one command of plain words: nothing in it is a variable, a substitution, a pattern, a
/// redirection, an operator, a tilde other than a leading `~/`, or an escape to any shell, inside quotes or outside.
/// A leading `exec` is left out: it changes how, not what.
pub(super) fn words(line: &[u8]) -> Option<Vec<BString>> {
    let mut words: Vec<BString> = Vec::new();
    let mut rest = line;
    loop {
        let blanks = rest.iter().take_while(|&&byte| byte == b' ').count();
        rest = &rest[blanks..];
        if rest.is_empty() {
            break;
        }
        let (word, length) = word(rest)?;
        // zsh puts the path of a program for `=name`, and other shells jobs for `%1`.
        let first = rest[0];
        if first == b'=' || first == b'%' || (first == b'~' && words.is_empty()) {
            return None;
        }
        words.push(word);
        rest = &rest[length..];
    }
    if words.first().is_some_and(|word| word == "exec") {
        words.remove(0);
    }
    (!words.is_empty()).then_some(words)
}

/// Whether a line has, outside of quotes, a sign that makes more of it than one command with its words: `|`, `<`, `;` and the
/// like. Every shell has these.
pub(super) fn has_operators(line: &[u8]) -> bool {
    let mut quote = None;
    let mut escaped = false;
    for &byte in line {
        match (quote, byte) {
            _ if escaped => escaped = false,
            (None | Some(b'"'), b'\\') => escaped = true,
            (Some(open), close) if open == close => quote = None,
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b'|' | b'<' | b'>' | b';' | b'&' | b'\n') => return true,
            _ => {}
        }
    }
    false
}

/// The first word and how far it reaches.
fn word(text: &[u8]) -> Option<(BString, usize)> {
    let mut word = BString::default();
    let mut quote = None;
    for (at, &byte) in text.iter().enumerate() {
        match (quote, byte) {
            (Some(open), close) if open == close => quote = None,
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b' ') => return Some((word, at)),
            // Outside quotes bytes that are not ASCII can be blanks of the locale.
            (Some(_), b' ' | 0x80..) => word.push(byte),
            (_, byte) if byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&byte) => word.push(byte),
            (None, b'~') if at == 0 && text.get(1) == Some(&b'/') => word.push(byte),
            _ => return None,
        }
    }
    quote.is_none().then_some((word, text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_commands_come_apart() {
        let cases: [(&str, &[&str]); 7] = [
            ("htop", &["htop"]),
            ("  less   +F  /var/log/x.log ", &["less", "+F", "/var/log/x.log"]),
            ("less 'a b' \"c d\" e'f'\"g\"", &["less", "a b", "c d", "efg"]),
            ("exec htop -d 5", &["htop", "-d", "5"]),
            ("less ~/x", &["less", "~/x"]),
            ("less ''", &["less", ""]),
            ("less 'ü'", &["less", "ü"]),
        ];
        for (line, expected) in cases {
            assert_eq!(words(line.as_bytes()).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn operators_count_outside_of_quotes() {
        for line in ["a | b", "a<b", "a; b", "a & b", "a >'b'", "'a' || b", "a\nb", "a \\\\; b"] {
            assert!(has_operators(line.as_bytes()), "{line}");
        }
        for line in ["a b", "a ';'", "a \"|\"", "a \\; b", "", "a '\\' b", "a \"\\\"|\""] {
            assert!(!has_operators(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let lines = [
            "",
            " ",
            "exec",
            "a;b",
            "a|b",
            "a&",
            "a\nb",
            "a\tb",
            "a $x",
            "a \"$x\"",
            "a `b`",
            "a '`'",
            "a >b",
            "a <b",
            "(a)",
            "{a,b}",
            "a *",
            "a ?",
            "a [b]",
            "a #b",
            "a !b",
            "a \\b",
            "a 'b",
            "a \"b",
            "a ^b",
            "=a",
            "a =b",
            "%1",
            "~/a",
            "a ~b",
            "a b~",
            "a 'it'\\''s'",
            "ü",
            "a \u{a0}b",
            "a\0",
        ];
        for line in lines {
            assert_eq!(words(line.as_bytes()), None, "{line:?}");
        }
    }
}
