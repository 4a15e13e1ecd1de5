//! `evermux tmux-conf`: the line for tmux.conf that makes evermux look after a server.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use evermux_core::text::quote::{NulByte, shell_word, tmux_word};
use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::output::{Outcome, json_text};
use crate::setup;

/// Print the line for tmux.conf with which evermux looks after every server
///
/// It brings back what was saved before the first shell starts, and has the server saved from then on. It belongs at the
/// end of tmux.conf.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Prints the line for this very program.
pub fn run(context: &Context, _: &Args) -> Result<Outcome, CliError> {
    let program = setup::program(context.binaries.path.as_deref())?;
    let text = lines(&program)
        .map_err(|error| CliError::failed("the path of evermux cannot stand in tmux.conf").because(&error))?;
    let json = json!({ "program": json_text(program.as_os_str().as_bytes()), "lines": json_text(&text) });
    let mut outcome = Outcome::new("", &json);
    outcome.text = String::from_utf8(text)
        .map_err(|error| CliError::failed("the path of evermux is not UTF-8").because(&error))?;
    Ok(outcome)
}

/// The lines for tmux.conf, with `program` as evermux's absolute path, the comment included.
///
/// `run-shell` waits, so that the first client comes when its sessions are there; tmux tells the command in `$TMUX` whose
/// server it is. Whatever happens nothing is printed: tmux would show it in the first pane.
///
/// # Errors
/// A path with a NUL byte, which there is none.
pub fn lines(program: &Path) -> Result<Vec<u8>, NulByte> {
    let mut text = COMMENT.as_bytes().to_vec();
    text.extend(b"run-shell ");
    text.extend(tmux_word(&command(program, "at-start")?)?);
    text.push(b'\n');
    Ok(text)
}

/// What `run-shell` is to be given to run `program` with `arguments` (words of ours), silent whatever happens.
///
/// # Errors
/// As [`lines`].
pub fn command(program: &Path, arguments: &str) -> Result<Vec<u8>, NulByte> {
    let program = shell_word(program.as_os_str().as_bytes())?;
    let quiet = [b"(", &program[..], b" ", arguments.as_bytes(), b") >/dev/null 2>&1 || :"].concat();
    // tmux runs it in the user's shell, whichever that is (3.3+): the words of a simple command are the same in all.
    Ok(as_format(&[b"/bin/sh -c ".as_slice(), &shell_word(&quiet)?].concat()))
}

const COMMENT: &str = "\
# evermux: brings back what was saved, before the first shell starts, and saves this server from then on.
# Keep this the last line: what is set below it does not hold yet while sessions are made.
";

/// `run-shell` expands formats, but no times (3.1c to 3.8).
fn as_format(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    for &byte in line {
        out.push(byte);
        if byte == b'#' {
            out.push(byte);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_for_a_usual_place() {
        let text = String::from_utf8(lines(Path::new("/usr/bin/evermux")).unwrap()).unwrap();
        insta::assert_snapshot!(text, @r#"
        # evermux: brings back what was saved, before the first shell starts, and saves this server from then on.
        # Keep this the last line: what is set below it does not hold yet while sessions are made.
        run-shell "/bin/sh -c '(/usr/bin/evermux at-start) >/dev/null 2>&1 || :'"
        "#);
    }
}
