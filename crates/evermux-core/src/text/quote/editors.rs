//! Quoting for the languages of editors.

use bstr::BString;

/// Bytes as a string of Emacs Lisp.
pub fn elisp_string(bytes: &[u8]) -> BString {
    let mut quoted = BString::from("\"");
    for &byte in bytes {
        if matches!(byte, b'"' | b'\\') {
            quoted.push(b'\\');
        }
        quoted.push(byte);
    }
    quoted.push(b'"');
    quoted
}

/// Bytes as a word of Kakoune's commands, in which nothing is expanded.
pub fn kakoune_string(bytes: &[u8]) -> BString {
    let mut quoted = BString::from("'");
    for &byte in bytes {
        quoted.extend(std::iter::repeat_n(byte, if byte == b'\'' { 2 } else { 1 }));
    }
    quoted.push(b'\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_string_but_its_quote() {
        assert_eq!(elisp_string(b"a\"b\\"), r#""a\"b\\""#);
        assert_eq!(kakoune_string(b"it's %val{x}"), "'it''s %val{x}'");
    }
}
