//! The command a pane was made with.

use bstr::{BString, ByteSlice};

use crate::model::{StartCommand, TmuxVersion};
use crate::secrets;
use crate::text::quote::undo_tmux_word;
use crate::tmux::ListedPane;

/// The command a pane was made with; none for the default shell, or for the `default-command` in its place, which
/// tmux keeps as if it had been given. `own_argv` is what its process shows.
pub(super) fn start_command(
    pane: &ListedPane,
    own_argv: &[BString],
    version: TmuxVersion,
    is_default: &dyn Fn(&BString) -> bool,
) -> Option<StartCommand> {
    let shown = &pane.start_command;
    if shown.is_empty() || is_default(shown) {
        return None;
    }
    let argv = match &pane.start_command_list {
        Some(list) if !list.is_empty() => shell_words(list),
        // From 3.2 each argument is quoted as tmux itself would read it (measured on 3.3a and 3.5a).
        _ if version.at_least(3, 2) => words(shown),
        _ => proven(shown, own_argv),
    };
    if argv.as_ref().is_some_and(|argv| matches!(argv.as_slice(), [line] if is_default(line))) {
        return None;
    }
    let (argv, argv_masked) = secrets::mask_argv(&argv.unwrap_or_default());
    // A single argument is a line for a shell.
    let (argv, line_masked) = match <[BString; 1]>::try_from(argv) {
        Ok([line]) => {
            let (line, masked) = secrets::mask_line(line.as_bstr());
            (vec![line], masked)
        }
        Err(argv) => (argv, false),
    };
    let (shown, shown_masked) = secrets::mask_line(shown.as_bstr());
    Some(StartCommand { shown, argv, masked: argv_masked || line_masked || shown_masked })
}

/// Up to 3.1 the arguments are joined with blanks and nothing tells them apart but the process itself, as long as it
/// is the one that was started.
fn proven(shown: &BString, own: &[BString]) -> Option<Vec<BString>> {
    match own {
        // A line: `default-shell -c LINE`.
        [_, flag, line] if flag == "-c" && line == shown => Some(vec![shown.clone()]),
        // No program has this name: only a shell understands it.
        _ if shown.starts_with(b"exec ") => Some(vec![shown.clone()]),
        // Executed as it is, or by a shell that replaced itself: the same program in either case.
        own if bstr::join(" ", own) == **shown => Some(own.to_vec()),
        _ => None,
    }
}

/// Reads `#{pane_start_command_list}`: each argument in single quotes, as a shell would read it.
fn shell_words(list: &[u8]) -> Option<Vec<BString>> {
    let mut words = shlex::bytes::Shlex::new(list);
    let read: Vec<BString> = words.by_ref().map(BString::from).collect();
    (!words.had_error).then_some(read)
}

/// Cuts what tmux printed into words and undoes its quoting; none if it is not in its language.
fn words(text: &[u8]) -> Option<Vec<BString>> {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let length = word_length(rest)?;
        words.push(undo_tmux_word(&rest[..length])?);
        rest = rest[length..].strip_prefix(b" ").unwrap_or(&rest[length..]);
    }
    Some(words)
}

/// How far the first word reaches, quotes and escapes included.
fn word_length(text: &[u8]) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, &byte) in text.iter().enumerate() {
        match (quote, byte) {
            _ if escaped => escaped = false,
            (Some(b'\''), b'\'') | (Some(b'"'), b'"') => quote = None,
            (Some(b'\''), _) => {}
            (_, b'\\') => escaped = true,
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b' ') => return Some(at),
            _ => {}
        }
    }
    (quote.is_none() && !escaped).then_some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(words: &[&str]) -> Vec<BString> {
        words.iter().map(|&word| word.into()).collect()
    }

    /// As 3.3a, 3.5a and 3.8 print them.
    #[test]
    fn words_as_tmux_quotes_them() {
        let cases: [(&str, &[&str]); 6] = [
            ("sleep 100", &["sleep", "100"]),
            ("\"sleep 100\"", &["sleep 100"]),
            (
                "sh -c \"sleep 99; echo 'a b' \\\"\\$HOME\\\" #{pid}\"",
                &["sh", "-c", "sleep 99; echo 'a b' \"$HOME\" #{pid}"],
            ),
            ("\"  sleep 77\"", &["  sleep 77"]),
            ("\\~/x", &["~/x"]),
            ("'' x", &["", "x"]),
        ];
        for (shown, expected) in cases {
            assert_eq!(words(shown.as_bytes()), Some(list(expected)), "{shown}");
        }
        assert_eq!(words(b"'open"), None);
        let listed = b"'sh' '-c' 'echo '\\''a b'\\'' \\ \"$HOME\"\n' ''";
        assert_eq!(shell_words(listed), Some(list(&["sh", "-c", "echo 'a b' \\ \"$HOME\"\n", ""])));
        assert_eq!(shell_words(b"'open"), None);
    }

    #[test]
    fn before_3_2_the_process_tells() {
        let proven = |shown: &str, own: &[&str]| proven(&shown.into(), &list(own));
        assert_eq!(proven("a; b", &["/bin/sh", "-c", "a; b"]), Some(list(&["a; b"])));
        assert_eq!(proven("vim a b", &["vim", "a b"]), Some(list(&["vim", "a b"])));
        assert_eq!(proven("exec vim", &["vim"]), Some(list(&["exec vim"])));
        assert_eq!(proven("make all", &["bash"]), None);
    }
}
