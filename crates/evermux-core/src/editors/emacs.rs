//! What an Emacs tells of itself, through the server that it runs (`emacs --daemon`, `server-start`): its own protocol, one line
//! to a socket (server.el, 27 and later). One without a server cannot be asked.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};

use super::wire::{WireError, peer};
use super::{Answer, Held, HeldText, Question, read};
use crate::model::LeftOut;
use crate::procs::{Listening, connected, listening};
use crate::text::quote::elisp_string;

/// How long it may take. It answers in a few milliseconds, 30 the first time.
const LIMIT: Duration = Duration::from_millis(300);

/// Most bytes of an answer: a few words.
const LARGEST_ANSWER: u64 = 64 << 10;

/// What is asked.
const CAPTURE: &str = include_str!("capture.el");

/// Files that hold secrets, as Emacs Lisp writes patterns; see [`super::secret`].
const SECRET: &str = r"\`/dev/shm/\|\`/run/user/\|[.]gpg\'\|[.]pgp\'\|[.]asc\'\|[.]age\'\|/[.]password-store/\|/pass[.][^/]*/\|/gopass\|/crontab[.]\|\`/var/spool/cron/\|/sops\|[.]sops[.]\|/sudoers";

/// Asks. What it writes goes to `folder`, a private one.
pub fn ask(question: &Question, folder: &Path, uid: u32) -> Result<Answer, WireError> {
    let Some(path) = find(question) else { return Ok(Answer::Unknown) };
    let stream = UnixStream::connect(&path)?;
    // A client does not tell whose it is.
    let (pid, owner) = peer(&stream)?;
    if owner != uid {
        return Err(WireError::Stranger);
    }
    let server = Listening { pid, path };
    let answer = evaluate(stream, &expression(question, folder))?;
    match answer.as_slice() {
        b"\"same\"" => Ok(Answer::Same),
        b"\"held\"" => {
            held(folder, server).map(|held| Answer::Held(Box::new(held))).ok_or(WireError::Nonsense)
        }
        late if late.starts_with(b"\"late ") => {
            Ok(Answer::Late(late[6..].trim_end_with(|end| end == '"').to_str_lossy().into_owned()))
        }
        _ => Err(WireError::Nonsense),
    }
}

/// The socket of the server that this client is connected to, or at which this Emacs listens itself.
fn find(question: &Question) -> Option<PathBuf> {
    // It may listen at sockets of other kinds, and be connected to others: a server's lies in a folder of this name.
    let is_server = |path: &PathBuf| {
        let folder = path.parent().and_then(Path::file_name).unwrap_or_default().as_encoded_bytes();
        folder == b"server"
            || folder.strip_prefix(b"emacs").is_some_and(|uid| uid.iter().all(u8::is_ascii_digit))
    };
    let own = listening(&[question.pid]).into_iter().map(|own| own.path);
    own.chain(connected(question.pid)).find(is_server)
}

fn expression(question: &Question, folder: &Path) -> Vec<u8> {
    let string = |text: &Option<String>| match text {
        Some(text) => elisp_string(text.as_bytes()),
        None => "nil".into(),
    };
    let terminal = fs::read_link(format!("/proc/{}/fd/0", question.pid)).unwrap_or_default();
    [
        b"(let ((folder ",
        elisp_string(folder.as_os_str().as_encoded_bytes()).as_slice(),
        b") (known ",
        &string(&question.known),
        b") (restored ",
        &string(&question.restored),
        b") (tty ",
        &elisp_string(terminal.as_os_str().as_encoded_bytes()),
        b") (secret ",
        &elisp_string(SECRET.as_bytes()),
        b"))\n",
        CAPTURE.as_bytes(),
        b")",
    ]
    .concat()
}

/// Has the server evaluate an expression; what it prints of the value.
fn evaluate(mut stream: UnixStream, expression: &[u8]) -> Result<BString, WireError> {
    let until = Instant::now() + LIMIT;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.write_all(&[b"-eval ", argument(expression).as_slice(), b" \n"].concat())?;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || answer.len() as u64 > LARGEST_ANSWER {
            return Err(WireError::Io(ErrorKind::TimedOut.into()));
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => answer.extend(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    let told = |head: &str| answer.lines().find_map(|line| line.strip_prefix(head.as_bytes()).map(unquoted));
    match (told("-print "), told("-error ")) {
        (_, Some(error)) => Err(WireError::Refused(error.to_string())),
        (Some(value), None) => Ok(value),
        (None, None) => Err(WireError::Nonsense),
    }
}

/// `server-quote-arg`.
fn argument(text: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(text.len() + text.len() / 4);
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'&' => quoted.extend(b"&&"),
            b'-' if at == 0 => quoted.extend(b"&-"),
            b'\n' => quoted.extend(b"&n"),
            b' ' => quoted.extend(b"&_"),
            byte => quoted.push(byte),
        }
    }
    quoted
}

/// `server-unquote-arg`.
fn unquoted(text: &[u8]) -> BString {
    let mut plain = BString::default();
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        plain.push(match (byte, byte == b'&') {
            (_, true) => match bytes.next() {
                Some(b'n') => b'\n',
                Some(b'_') => b' ',
                Some(&other) => other,
                None => break,
            },
            (byte, false) => byte,
        });
    }
    plain
}

/// What it has written: a fingerprint, then `unsaved NAME` and `left NAME REASON`, each item ended by a NUL.
fn held(folder: &Path, server: Listening) -> Option<Held> {
    let told = read(&folder.join("told"))?;
    let mut items = told.split(|byte| *byte == 0);
    let fingerprint = items.next()?.to_str_lossy().into_owned();
    let (mut unsaved, mut left_out) = (Vec::new(), Vec::new());
    loop {
        match items.next()? {
            b"unsaved" => {
                let name = items.next()?.into();
                let text = read(&folder.join(format!("text{}", unsaved.len() + 1)))?;
                unsaved.push(HeldText { name, text, undo: None });
            }
            b"left" => {
                let (name, reason) = (items.next()?.into(), items.next()?.to_str_lossy().into_owned());
                left_out.push(LeftOut { name, reason });
            }
            b"" => break,
            _ => return None,
        }
    }
    let state = read(&folder.join("state"))?;
    Some(Held {
        told: None,
        fingerprint,
        server: Some(server),
        session: Vec::new(),
        state,
        unsaved,
        left_out,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_quoted_as_the_server_reads_them() {
        assert_eq!(argument(b"-a b&\n"), b"&-a&_b&&&n");
        assert_eq!(unquoted(b"&-a&_b&&&n"), "-a b&\n");
        assert_eq!(unquoted(b"a&"), "a");
    }

    #[test]
    fn what_it_has_written_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let write =
            |name: &str, text: &[u8]| fs::write(folder.path().join(name), text).expect("it is written");
        write("told", b"abc\0unsaved\0/h/a\0unsaved\0\0left\0/h/b\0too large\0");
        write("text1", b"one");
        write("text2", b"two");
        write("state", b"()");
        let server = || Listening { pid: 1, path: "/s".into() };
        let held = held(folder.path(), server()).expect("it is understood");
        assert_eq!((held.fingerprint.as_str(), held.unsaved.len(), held.left_out.len()), ("abc", 2, 1));
        for wrong in [&b"abc\0evil\0"[..], b"abc\0unsaved\0", b"abc\0left\0x\0", b""] {
            write("told", wrong);
            assert_eq!(super::held(folder.path(), server()).map(|_| ()), None);
        }
    }
}
