//! The lines of `show-options`, put together; how one line is read is [`crate::text::quote`]'s business.

use bstr::{BString, ByteSlice, ByteVec};

use crate::model::OptionEntry;
use crate::text::quote;

/// How many lines the name of a user option may take.
const LINES_OF_A_NAME: usize = 8;

/// Reads the output of `show-options` (without `-v`). Every version escapes control characters in values, so an option
/// is one line, except that the name of a user option may hold newlines.
pub(super) fn parse_options(text: &[u8]) -> Vec<OptionEntry> {
    let mut entries: Vec<OptionEntry> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(mut entry) = quote::option_line(line) else { continue };
        // Every user option has a value: if there is none, the name goes on in the next line.
        let mut whole = BString::from(line);
        for _ in 1..LINES_OF_A_NAME {
            if entry.value.is_some() || !line.starts_with(b"@") {
                break;
            }
            let Some(next) = lines.next() else { break };
            whole.push_byte(b'\n');
            whole.push_str(next);
            entry = quote::option_line(&whole).unwrap_or(entry);
        }
        entries.push(entry);
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_hold_blanks_and_newlines() {
        let text = b"@a \"x y\"\n@n\nl 1\n@sp ace \"v w\"\nuser-keys\nescape-time 10\n";
        let entry = |name: &str, value: Option<&str>| OptionEntry {
            name: name.into(),
            value: value.map(BString::from),
        };
        let expected = [
            entry("@a", Some("x y")),
            entry("@n\nl", Some("1")),
            entry("@sp ace", Some("v w")),
            entry("user-keys", None),
            entry("escape-time", Some("10")),
        ];
        assert_eq!(parse_options(text), expected);
        assert_eq!(parse_options(&b"@\n".repeat(100)).len(), 13);
    }
}
