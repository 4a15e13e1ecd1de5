//! A session that is there afterwards, made once however many ask for it.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};

use super::find::{fields, find_in, id_in, parsed};
use super::{SessionError, SessionName};
use crate::model::{SessionId, Size};
use crate::text::quote::printable;
use crate::tmux::{Command, Nonce, Output, Reach, RunError, Script, Server, StartError, command};

/// The session option in which we keep what a session was made with: a JSON array, the directory first, then the words of
/// the command.
const MADE_WITH: &str = "@evermux-made-with";

/// The session option that tells for whom a session was made, as a word that nobody can guess.
const OWNER: &str = "@evermux-owner";

/// How long a session may lack [`MADE_WITH`] because it is just being made.
const BEING_MADE: Duration = Duration::from_millis(500);

/// A session as it is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Make<'a> {
    /// Its name.
    pub name: &'a SessionName,
    /// Its directory, which is absolute and there.
    pub directory: &'a Path,
    /// Variables of its environment, beside those of the server.
    pub environment: &'a [(BString, BString)],
    /// Its size until a client attaches; none: tmux's `default-size`.
    pub size: Option<Size>,
    /// What runs in its first pane, run as it is, without a shell; none: the user's shell.
    pub command: &'a [BString],
    /// A word by which [`owned_by`] finds it again; it is the session's own from its first moment on.
    pub owner: Option<&'a str>,
}

/// How it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ensured {
    /// The session.
    pub id: SessionId,
    /// Whether it was made now.
    pub made: bool,
}

/// What a session was made with, and what was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `command` or `directory`.
    pub what: &'static str,
    /// As it was made; none if that is not known, since evermux has not made it.
    pub there: Option<String>,
    /// As it was wanted.
    pub wanted: String,
}

/// Makes the session if it is not there: one client in every case, and a server if there is none. `new-session` makes a
/// session or says that there is one of that name, so of all who ask at once one makes it.
///
/// # Errors
/// [`SessionError`].
pub fn ensure(
    reach: &Reach<'_>,
    make: &Make<'_>,
    nonce: Nonce,
    limit: Duration,
) -> Result<Ensured, SessionError> {
    if !make.directory.is_dir() {
        return Err(SessionError::NoDirectory(make.directory.to_owned()));
    }
    let script = script(make, nonce);
    let output = match reach.run(&script, limit) {
        // No `-e` before 3.2: nothing has run.
        Err(StartError::Run(RunError::Syntax { .. })) if !make.environment.is_empty() => {
            return ensure_in_steps(reach, make, nonce, limit);
        }
        other => other?,
    };
    let ensured = read(&output, make.name, nonce)?;
    if ensured.made && !can_be_named(make.name) {
        let mut script = Script::default();
        script.push_chain(marks(ensured.id.to_string(), make));
        reach.server()?.run(script.bytes(), limit)?;
    }
    Ok(ensured)
}

/// The same where `new-session` takes no variables: something that does nothing runs first.
fn ensure_in_steps(
    reach: &Reach<'_>,
    make: &Make<'_>,
    nonce: Nonce,
    limit: Duration,
) -> Result<Ensured, SessionError> {
    let placeholder = Make { environment: &[], command: &placeholder(), ..*make };
    let ensured = read(&reach.run(&script(&placeholder, nonce), limit)?, make.name, nonce)?;
    if ensured.made {
        let output = reach.server()?.run(fill(ensured.id, make).bytes(), limit)?;
        refused(&output)?;
    }
    Ok(ensured)
}

/// What runs where nothing is to run yet.
pub(super) fn placeholder() -> [BString; 3] {
    ["/bin/sh".into(), "-c".into(), "exec sleep 2147483647".into()]
}

/// The commands that put into a session, in the place of the first window, what it is for.
pub(super) fn fill(id: SessionId, make: &Make<'_>) -> Script {
    let mut script = Script::default();
    for (name, value) in make.environment {
        let set = command("set-environment").value("-t", id.to_string()).end_of_flags();
        script.push(set.word(name).word(value));
    }
    let window = command("new-window").word("-k").value("-t", format!("{id}:^"));
    script.push(with_words(window.literal("-c", make.directory.as_os_str().as_bytes()), make.command));
    script.push_chain(marks(id.to_string(), make));
    script
}

/// An error that a command of ours met.
pub(super) fn refused(output: &Output) -> Result<(), SessionError> {
    output.errors.first().map_or(Ok(()), |error| Err(SessionError::Refused(printable(error))))
}

/// The command that makes the session.
pub(super) fn new_session(make: &Make<'_>, nonce: Nonce) -> Command {
    let mut new =
        command("new-session").word("-d").word("-P").value("-F", format!("{nonce}M#{{session_id}}"));
    new = new.literal("-s", make.name.as_bytes()).literal("-c", make.directory.as_os_str().as_bytes());
    if let Some(Size { width, height }) = make.size {
        new = new.value("-x", width.to_string()).value("-y", height.to_string());
    }
    for (name, value) in make.environment {
        new = new.value("-e", [name.as_slice(), b"=", value.as_slice()].concat());
    }
    with_words(new, make.command)
}

/// Adds what a pane runs. tmux runs several words as they are and gives one word to a shell: that one is put behind a shell
/// that becomes it.
fn with_words(command: Command, words: &[BString]) -> Command {
    let command = match words {
        [] => return command,
        [_] => command.end_of_flags().word("/bin/sh").word("-c").word("exec \"$0\""),
        _ => command.end_of_flags(),
    };
    words.iter().fold(command, |command, word| command.word(word))
}

fn script(make: &Make<'_>, nonce: Nonce) -> Vec<u8> {
    let mut script = Script::default();
    let new = new_session(make, nonce);
    // A chain stops at its first error: nothing is written into a session that was there.
    if can_be_named(make.name) {
        let target = [b"=", make.name.as_bytes().as_bytes(), b":"].concat();
        script.push_chain(std::iter::once(new).chain(marks(target, make)));
    } else {
        script.push(new);
    }
    let list = format!("{nonce}S#{{session_id}}\t#{{version}}\t#{{session_name}}");
    script.push(command("list-sessions").value("-F", list));
    script.bytes().to_vec()
}

/// Whether tmux takes `=NAME:` for that name: one that begins with `$` is an id to it.
fn can_be_named(name: &SessionName) -> bool {
    !name.as_bytes().starts_with(b"$")
}

/// The commands that note what a session was made with, and for whom.
fn marks(target: impl AsRef<[u8]>, make: &Make<'_>) -> impl Iterator<Item = Command> {
    let set = |name: &str, value: &str| command("set-option").value("-t", &target).word(name).word(value);
    let owner = make.owner.map(|owner| set(OWNER, owner));
    owner.into_iter().chain([set(MADE_WITH, &made_with(make))])
}

/// The session that was made for this owner, if it is there.
///
/// # Errors
/// [`SessionError`], also if there is no server.
pub fn owned_by(
    server: &Server,
    owner: &str,
    nonce: Nonce,
    limit: Duration,
) -> Result<Option<SessionId>, SessionError> {
    let script = format!("list-sessions -F '{nonce}O#{{session_id}}\t#{{{OWNER}}}'\n");
    let reply = server.run(script.as_bytes(), limit)?.stdout;
    let owned = |piece: &[u8]| {
        let [id, found] = fields::<2>(piece.strip_prefix(b"O")?)?;
        (found == owner.as_bytes()).then(|| parsed(id)).flatten()
    };
    Ok(nonce.split(&reply).skip(1).find_map(owned))
}

fn made_with(make: &Make<'_>) -> String {
    let directory = make.directory.as_os_str().as_bytes();
    let words = std::iter::once(directory).chain(make.command.iter().map(|word| word.as_slice()));
    let words: Vec<String> = words.map(|word| word.escape_bytes().to_string()).collect();
    serde_json::to_string(&words).unwrap_or_default()
}

fn read(output: &Output, name: &SessionName, nonce: Nonce) -> Result<Ensured, SessionError> {
    if let Some(id) = id_in(&output.stdout, b'M', nonce) {
        return Ok(Ensured { id, made: true });
    }
    match find_in(&output.stdout, name, nonce) {
        Some(found) => Ok(Ensured { id: found.id, made: false }),
        // Neither made nor there: tmux says why.
        None => refused(output).and(Err(SessionError::Truncated)),
    }
}

/// What of a session is not as it is wanted: another command or directory than it was made with. Only where a command is
/// wanted is one compared.
///
/// # Errors
/// [`SessionError`].
pub fn differences(
    reach: &Reach<'_>,
    id: SessionId,
    make: &Make<'_>,
    limit: Duration,
) -> Result<Vec<Difference>, SessionError> {
    let server = reach.server()?;
    let begun = Instant::now();
    let there = loop {
        let script = command("show-options").word("-v").value("-t", id.to_string()).word(MADE_WITH);
        // That it is not set is an error to some versions, and an empty line or nothing to others.
        let reply = server.run(&script.text(), limit)?.stdout;
        let words: Option<Vec<String>> = serde_json::from_slice(reply.trim()).ok();
        if words.is_some() || begun.elapsed() > BEING_MADE {
            break words;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let wanted: Vec<String> = serde_json::from_str(&made_with(make)).unwrap_or_default();
    let shown = |words: &[String]| words.join(" ");
    let compare = |what, part: &dyn Fn(&[String]) -> Vec<String>| {
        let (there, wanted) = (there.as_deref().map(part), part(&wanted));
        (there.as_ref() != Some(&wanted)).then(|| Difference {
            what,
            there: there.map(|words| shown(&words)),
            wanted: shown(&wanted),
        })
    };
    let command = compare("command", &|words| words.iter().skip(1).cloned().collect());
    let directory = compare("directory", &|words| words.iter().take(1).cloned().collect());
    Ok([command.filter(|_| !make.command.is_empty()), directory].into_iter().flatten().collect())
}
