//! Running a command in the shell of a session, as if somebody had typed it there, and knowing what it printed and how it ended.
//!
//! What is typed is short and the same for every command: the shell reads a file (`. FILE`), in which the words stand in its own
//! quoting. So `cd` and `export` stay, and any byte can be in a word. Output goes to another file, so it is exact and alone, and is
//! shown in the pane when the command has ended. A command sees no terminal on its output, as in `$(…)`.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use bstr::BString;

use super::look::Watched;
use super::ready::{wait_for_prompt, waiting_shell};
use super::{SessionError, Talk};
use crate::procs::{ProcessTable, TerminalState};
use crate::store::Errand;
use crate::text::quote::{Language, fish_word, shell_word};
use crate::tmux::Typing;

/// The pauses between looks at the output.
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_millis(100);

/// How often it is looked whether the shell is back at its prompt without having told a status.
const PROMPT: Duration = Duration::from_millis(250);

/// What is run.
#[derive(Clone, Copy, Debug)]
pub enum Line<'a> {
    /// A command and its arguments, each as it is.
    Words(&'a [BString]),
    /// A line in the language of the shell.
    Code(&'a [u8]),
}

/// What is to be done, and within which limits.
#[derive(Clone, Copy, Debug)]
pub struct Work<'a> {
    /// The command.
    pub line: Line<'a>,
    /// The user.
    pub uid: u32,
    /// How long to wait for the prompt and the command.
    pub patience: Duration,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Its exit status, as its shell has it.
    pub status: i32,
}

/// Waits for the prompt, runs, and hands what is printed to `output` as it comes.
///
/// # Errors
/// [`SessionError::Unknown`] if the shell comes back without a status (interrupted); [`SessionError::Ended`] if it ends;
/// [`SessionError::Timeout`], and then the command goes on.
pub fn run(talk: &Talk<'_>, work: &Work<'_>, output: &mut dyn FnMut(&[u8])) -> Result<Ran, SessionError> {
    let Work { line, uid, patience } = *work;
    let begun = Instant::now();
    let shell = wait_for_prompt(talk, patience)?;
    let language = shell.language().ok_or(SessionError::Shell("its language is not known"))?;
    let mut errand = Errand::new(uid)?;
    errand.write("script", &script(&errand, language, line)?)?;
    let mut watched = Watched::new(talk);
    begin(talk, &errand, language, &mut watched)?;
    let mut pause = SHORTEST;
    let (mut looked, mut at_prompt) = (Instant::now(), false);
    loop {
        // In this order: what was written before the status is there when that is.
        let status = errand.status();
        let new = errand.new_output()?;
        if !new.is_empty() {
            output(&new);
            pause = SHORTEST;
        }
        if let Some(status) = status {
            return Ok(Ran { status });
        }
        if looked.elapsed() > PROMPT {
            looked = Instant::now();
            watched.look()?;
            let now = is_at_prompt(talk)?;
            if now && at_prompt && errand.status().is_none() {
                return Err(SessionError::Unknown);
            }
            at_prompt = now;
        }
        if begun.elapsed() > patience {
            errand.leave();
            return Err(watched.timeout("has not ended its command, which goes on,", patience));
        }
        std::thread::sleep(pause);
        pause = (pause * 3 / 2).min(LONGEST);
    }
}

/// Types the line at the prompt.
fn begin(
    talk: &Talk<'_>,
    errand: &Errand,
    language: Language,
    watched: &mut Watched<'_>,
) -> Result<(), SessionError> {
    let path = errand.path("script");
    let source: &[u8] = if language == Language::Fish { b" source " } else { b" . " };
    let line = [source, &word(language, path.as_os_str().as_bytes())?].concat();
    // A prompt may still be drawn: where the cursor stands in the moment of the look.
    for _ in 0..50 {
        watched.look()?;
        let typing = Typing { pane: talk.pane.id, spot: watched.spot, line: &line, enter: true };
        if talk.server.type_line(&typing, talk.pane.version, talk.nonce(), talk.limit)? {
            return Ok(());
        }
        std::thread::sleep(SHORTEST);
    }
    Err(SessionError::Refused("the prompt does not come to rest".to_owned()))
}

fn word(language: Language, bytes: &[u8]) -> Result<Vec<u8>, SessionError> {
    let quoted = if language == Language::Fish { fish_word(bytes) } else { shell_word(bytes) };
    quoted.map_err(|_| SessionError::Shell("no word can hold a NUL"))
}

/// What the shell reads.
fn script(errand: &Errand, language: Language, line: Line<'_>) -> Result<Vec<u8>, SessionError> {
    let code = match line {
        Line::Code(code) => code.to_vec(),
        Line::Words(words) => {
            let words: Result<Vec<Vec<u8>>, _> = words.iter().map(|bytes| word(language, bytes)).collect();
            words?.join(&b' ')
        }
    };
    let file = |name: &str| word(language, errand.path(name).as_os_str().as_bytes());
    let (output, status) = (file("output")?, file("status")?);
    Ok(match language {
        // `>|` also where `noclobber` is set; in a condition, so that `set -e` does not end the shell. The status counts once its
        // line has an end, when the output is shown and nobody needs the files any more.
        Language::Posix => [
            b"if {\n",
            &code[..],
            b"\n} >| ",
            &output,
            b" 2>&1; then printf 0 >| ",
            &status,
            b"; else printf %s \"$?\" >| ",
            &status,
            b"; fi\ncommand cat ",
            &output,
            b"\nprintf '\\n' >> ",
            &status,
            b"\n",
        ]
        .concat(),
        Language::Fish => [
            b"begin\n",
            &code[..],
            b"\nend > ",
            &output,
            b" 2>&1\necho -n $status > ",
            &status,
            b"\ncommand cat ",
            &output,
            b"\necho >> ",
            &status,
            b"\n",
        ]
        .concat(),
        Language::Csh | Language::Nu => {
            return Err(SessionError::Shell("only bash, zsh, fish, dash and ksh are known"));
        }
    })
}

fn is_at_prompt(talk: &Talk<'_>) -> Result<bool, SessionError> {
    let path = Path::new(std::ffi::OsStr::from_bytes(&talk.pane.terminal));
    let Ok(terminal) = TerminalState::read(path) else { return Ok(false) };
    Ok(waiting_shell(&ProcessTable::read()?, talk.pane.pid, terminal).is_some())
}
