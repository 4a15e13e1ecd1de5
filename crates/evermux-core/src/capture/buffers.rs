//! Paste buffers, where the user asked for them.

use std::time::Duration;

use bstr::BString;

use crate::model::Buffer;
use crate::problem::{Problem, Subject};
use crate::text::quote::{printable, tmux_word};
use crate::tmux::{Listing, RunError, Server};

/// Captures the paste buffers, oldest first.
///
/// Each takes a client of its own: what `show-buffer` prints comes after everything else that a client prints, or not
/// at all if another command follows it (3.1c to 3.8).
///
/// # Errors
/// [`RunError`] if the server stops answering; a buffer that is gone is left out.
pub(super) fn capture(
    server: &Server,
    listing: &Listing,
    limit: Duration,
    problems: &mut Vec<Problem>,
) -> Result<Vec<Buffer>, RunError> {
    let mut buffers = Vec::new();
    for name in listing.buffers.iter().rev() {
        let Ok(word) = tmux_word(name) else { continue };
        let output = server.run(&[b"show-buffer -b ", &word[..], b"\n"].concat(), limit)?;
        if output.errors.is_empty() {
            buffers.push(Buffer { name: name.clone(), content: BString::from(output.stdout) });
        } else {
            let what = format!("paste buffer {} was deleted before it was captured", printable(name));
            problems.push(Problem::new(Subject::Server, what));
        }
    }
    Ok(buffers)
}
