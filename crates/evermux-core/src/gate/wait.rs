//! The helper's side of the gate: the process that tmux started as a pane's shell.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Signal, getpid, kill_process};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::{Ending, Job, LATER};

/// A process that tmux started as a shell and that has to wait before it becomes one.
#[derive(Debug)]
pub struct Waiter {
    job: Job,
    /// `argv[0]` as tmux set it: `-bash` for a login shell.
    name: OsString,
    pane: Option<OsString>,
}

impl Waiter {
    /// Recognises a process that was started through a gate's link, from its `argv[0]`, `$SHELL` and `$TMUX_PANE`.
    ///
    /// tmux sets `$SHELL` to the shell it starts, and `argv[0]` to that file's name. Any other process, evermux
    /// itself above all, is told by the first comparison already.
    pub fn recognise(name: &OsStr, shell: Option<&OsStr>, pane: Option<OsString>) -> Option<Self> {
        let shell = Path::new(shell?);
        let file = Path::new(name).file_name()?.as_bytes();
        let file = file.strip_prefix(b"-").unwrap_or(file);
        if shell.file_name()?.as_bytes() != file {
            return None;
        }
        let job = Job { folder: shell.parent()?.parent()?.to_owned() };
        (job.bin() == shell.parent()? && job.shell_file().is_file()).then(|| Self {
            job,
            name: name.to_owned(),
            pane,
        })
    }

    /// Waits to be let go, then becomes the shell with these arguments (without `argv[0]`), or ends.
    ///
    /// Returns only if neither the real shell nor `/bin/sh` can be executed: the reason.
    pub fn run(self, arguments: &[OsString]) -> io::Error {
        let ending = self.wait().unwrap_or(Ending::Shell);
        match ending {
            Ending::Exit(status) => std::process::exit(status),
            Ending::Signal(signal) => die_of(signal),
            Ending::Shell => {}
        }
        let shell = self.shell();
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for path in [shell.as_path(), Path::new("/bin/sh")] {
            failure = Command::new(path).arg0(&self.name).args(arguments).env("SHELL", path).exec();
        }
        failure
    }

    /// The real shell.
    fn shell(&self) -> PathBuf {
        fs::read(self.job.shell_file())
            .map_or_else(|_| PathBuf::from("/bin/sh"), |bytes| PathBuf::from(OsString::from_vec(bytes)))
    }

    /// Says which pane this is and waits for an answer. Keys typed meanwhile are not echoed, raise no signal and
    /// stay in the terminal's queue for the shell.
    fn wait(&self) -> Option<Ending> {
        let pane = self.pane.as_ref()?.to_str()?;
        let folder = File::open(&self.job.folder).ok()?;
        let mut stream = UnixStream::connect(self.job.socket(&folder)).ok()?;
        drop(folder);
        let quiet = Quiet::begin();
        stream.write_all(format!("{pane} {}\n", std::process::id()).as_bytes()).ok()?;
        let (mut stream, mut answer) = (BufReader::new(stream), String::new());
        stream.read_line(&mut answer).ok()?;
        if answer == LATER {
            answer.clear();
            // An answer that has come together with the first one is not seen by a poll any more.
            if !stream.buffer().is_empty() || !wait_for_key(stream.get_ref()) {
                stream.read_line(&mut answer).ok()?;
            }
        }
        let ending = Ending::read(&answer);
        if ending != Ending::Shell {
            wait_until_read();
        }
        drop(quiet);
        Some(ending)
    }
}

/// Waits until a key comes, which is left in the terminal for the shell, or until `answer` can be read: whether it was a
/// key.
fn wait_for_key(answer: &UnixStream) -> bool {
    let terminal = io::stdin();
    loop {
        let mut both = [PollFd::new(answer, PollFlags::IN), PollFd::new(&terminal, PollFlags::IN)];
        match poll(&mut both, None) {
            Err(Errno::INTR) => {}
            Err(_) => return true,
            Ok(_) => return both[0].revents().is_empty(),
        }
    }
}

/// How long tmux may take to read all that was written to the pane of a process that is about to end.
const READING: Duration = Duration::from_secs(10);

/// Waits until tmux has read everything written to this terminal: with the end of a pane's process it throws away what
/// it has not read yet (`server_child_exited`, all versions). Nothing else tells: it answers a question that is written
/// behind the text.
fn wait_until_read() {
    const QUESTION: &[u8] = b"\x1b[5n";
    const ANSWER: &[u8] = b"\x1b[0n";
    let terminal = io::stdin();
    let deadline = Instant::now() + READING;
    if rustix::io::write(&terminal, QUESTION).is_err() {
        return;
    }
    let (mut seen, mut bytes) = (Vec::new(), [0; 256]);
    while seen.windows(ANSWER.len()).all(|window| window != ANSWER) {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(left) = Timespec::try_from(left) else { return };
        match poll(&mut [PollFd::new(&terminal, PollFlags::IN)], Some(&left)) {
            Err(Errno::INTR) => continue,
            Ok(1..) => {}
            _ => return,
        }
        match rustix::io::read(&terminal, &mut bytes) {
            Err(Errno::INTR | Errno::AGAIN) => {}
            Ok(count @ 1..) => seen.extend_from_slice(&bytes[..count]),
            _ => return,
        }
    }
}

/// The terminal without echo, line editing and signals, until dropped.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> Option<Self> {
        let terminal = io::stdin();
        let saved = tcgetattr(&terminal).ok()?;
        let mut quiet = saved.clone();
        quiet.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        tcsetattr(&terminal, OptionalActions::Now, &quiet).ok()?;
        Some(Self(saved))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// Ends this process by a signal, so that tmux reports it as it did.
fn die_of(signal: i32) -> ! {
    if let Some(signal) = Signal::from_named_raw(signal) {
        let _ = kill_process(getpid(), signal);
    }
    std::process::exit(128_i32.saturating_add(signal));
}
