//! Names, titles, words for tmux and for shells, and what may be a secret in them.

#![no_main]

use bstr::{BString, ByteSlice};
use evermux_core::model::TmuxVersion;
use evermux_core::secrets::{mask_argv, mask_line, mask_text};
use evermux_core::text::names::{group_name, pane_title, session_name, window_name};
use evermux_core::text::quote::{
    Language, environment, format_literal, option_line, printable, shell_line, shell_word, tmux_message,
    tmux_word, undo_output, undo_tmux_word,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for version in ["3.0a", "3.1c", "3.3a", "3.5a", "3.8"] {
        let version: TmuxVersion = version.parse().expect("a version");
        let _ = session_name(data.as_bstr(), version);
        let _ = group_name(data.as_bstr(), version);
        let _ = window_name(data.as_bstr(), version);
        let _ = pane_title(data.as_bstr(), version);
        let _ = undo_output(data, version);
    }
    assert!(!printable(data).contains(char::is_control));
    assert!(!tmux_message(data).contains(char::is_control));
    let _ = (format_literal(data), option_line(data), environment(data), undo_tmux_word(data));
    if let Ok(word) = tmux_word(data) {
        assert!(!word.contains(&b'\n') && !word.is_empty());
    }
    if let Ok(word) = shell_word(data) {
        assert!(!word.is_empty());
    }
    let words: Vec<BString> = data.split(|&byte| byte == 0).map(BString::from).collect();
    for language in [Language::Posix, Language::Csh, Language::Fish, Language::Nu] {
        if let Ok(line) = shell_line(language, &words) {
            assert!(!line.contains(&b'\n') && !line.contains(&0x1b));
        }
    }
    let (masked, _) = mask_argv(&words);
    assert_eq!(masked.len(), words.len());
    // What is masked once is not masked further.
    assert_eq!(mask_argv(&masked).0, masked);
    let _ = (mask_line(data.as_bstr()), mask_text(data.as_bstr()));
});
