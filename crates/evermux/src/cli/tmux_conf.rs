//! The line for tmux.conf.

use std::path::Path;

use evermux_core::text::quote::{NulByte, format_literal, shell_word, tmux_word};

/// The line that restores at start, for the end of tmux.conf; ends with a newline.
///
/// # Errors
/// A path with a NUL byte, which there is none.
pub fn lines(program: &Path) -> Result<Vec<u8>, NulByte> {
    let program = shell_word(program.as_os_str().as_encoded_bytes())?;
    let command = [&format_literal(&program)[..], b" at-start"].concat();
    Ok([&b"run-shell "[..], &tmux_word(&command)?[..], b"\n"].concat())
}
