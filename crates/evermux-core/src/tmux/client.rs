//! Running a tmux client: one place that makes the command, one that talks to it, never without a deadline.

use std::ffi::{OsStr, OsString};
use std::io::{ErrorKind, Read, Write};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use thiserror::Error;

use crate::text::quote::printable;

/// How much is read or written at once.
const CHUNK: usize = 64 * 1024;

/// Why a client gave no answer that can be used.
#[derive(Debug, Error)]
pub enum RunError {
    /// The client could not be started.
    #[error("cannot run {}", binary.display())]
    Spawn {
        /// The program.
        binary: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Reading from or writing to the client failed.
    #[error("cannot talk to {}", binary.display())]
    Pipe {
        /// The program.
        binary: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It took too long; the client was killed, the server left alone. The server hangs or is stopped, has very much
    /// to do, or is of a version that this client cannot talk to.
    #[error("the tmux server at {} did not answer within {}", socket.display(), seconds(*limit))]
    Deadline {
        /// The server's socket.
        socket: PathBuf,
        /// How long it had.
        limit: Duration,
    },
    /// There is no server, or it went away before it had answered.
    #[error("the tmux server at {} is gone: {message}", socket.display())]
    Gone {
        /// The server's socket.
        socket: PathBuf,
        /// What the client said, made printable.
        message: String,
    },
    /// tmux could not parse the script; nothing of it ran. A mistake of ours, or of a version we do not know.
    #[error("tmux refused our commands: {message}")]
    Syntax {
        /// What tmux said, made printable.
        message: String,
    },
}

fn seconds(limit: Duration) -> String {
    format!("{} s", limit.as_secs_f32())
}

/// What a client printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// The lines on standard error: each is the error of one command, of which only that line did not run.
    pub errors: Vec<BString>,
}

/// How a client ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub status: ExitStatus,
    pub errors: Vec<BString>,
    /// The first bytes of its output.
    pub start: Vec<u8>,
}

/// The command of a client: the same everywhere. `-u`, since without it a locale that is not UTF-8 (cron, systemd)
/// turns every other byte into `_`. No `-N`, which clients before 3.2 do not know: what we run is `source-file`,
/// which never starts a server, and `new-session`, which is to. `launcher`: words in front of it.
pub(super) fn command(binary: &Path, socket: &Path, launcher: &[OsString]) -> Command {
    let mut command = match launcher.split_first() {
        None => Command::new(binary),
        Some((program, words)) => {
            let mut command = Command::new(program);
            command.args(words).arg(binary);
            command
        }
    };
    command.arg("-u").arg("-S").arg(socket);
    command.env_remove("TMUX").env_remove("TMUX_PANE");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A directory that cannot vanish or hang, and no share in the signals of our terminal.
    command.current_dir("/").process_group(0);
    command
}

/// Kills the client if it is left before its end.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// Runs a client: gives it `input`, hands its output to `sink` as it comes, and returns how it ended. If `sink`
/// breaks, the client is killed and the end is that of a killed process.
pub(super) fn talk(
    command: &mut Command,
    socket: &Path,
    input: &[u8],
    limit: Duration,
    sink: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<Ended, RunError> {
    let binary = PathBuf::from(command.get_program());
    let end = Instant::now() + limit;
    let child = command.spawn().map_err(|source| RunError::Spawn { binary: binary.clone(), source })?;
    let mut talk = Talk { child: Guard(child), input, start: Vec::new(), stderr: Vec::new() };
    let done =
        talk.exchange(end, sink).map_err(|source| RunError::Pipe { binary: binary.clone(), source })?;
    let status = match done {
        Exchange::Complete => {
            talk.wait(end).map_err(|source| RunError::Pipe { binary: binary.clone(), source })?
        }
        Exchange::Broken => {
            let _ = talk.child.0.kill();
            Some(talk.child.0.wait().map_err(|source| RunError::Pipe { binary, source })?)
        }
        Exchange::Deadline => None,
    };
    match status {
        Some(status) => Ok(Ended { status, errors: lines(&talk.stderr), start: talk.start }),
        None => Err(RunError::Deadline { socket: socket.to_owned(), limit }),
    }
}

enum Exchange {
    Complete,
    Broken,
    Deadline,
}

struct Talk<'a> {
    child: Guard,
    input: &'a [u8],
    start: Vec<u8>,
    stderr: Vec<u8>,
}

impl Talk<'_> {
    /// Moves bytes until both outputs are closed. All three pipes are served at once: tmux may answer while it still
    /// reads, and a full pipe in one direction would stop the other.
    fn exchange(
        &mut self,
        end: Instant,
        sink: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> std::io::Result<Exchange> {
        let mut stdin = self.child.0.stdin.take();
        let mut stdout = self.child.0.stdout.take();
        let mut stderr = self.child.0.stderr.take();
        for fd in
            [stdin.as_ref().map(|f| f.as_fd()), stdout.as_ref().map(|f| f.as_fd())].into_iter().flatten()
        {
            rustix::io::ioctl_fionbio(fd, true)?;
        }
        if let Some(stderr) = &stderr {
            rustix::io::ioctl_fionbio(stderr, true)?;
        }
        let mut chunk = vec![0; CHUNK];
        while stdout.is_some() || stderr.is_some() {
            if self.input.is_empty() {
                stdin = None;
            }
            let Some(left) = end.checked_duration_since(Instant::now()) else {
                return Ok(Exchange::Deadline);
            };
            wait_ready(
                stdin.as_ref().map(|f| f.as_fd()),
                stdout.as_ref().map(|f| f.as_fd()),
                stderr.as_ref().map(|f| f.as_fd()),
                left,
            )?;
            if let Some(pipe) = &mut stdin {
                match pipe.write(&self.input[..self.input.len().min(CHUNK)]) {
                    Ok(written) => self.input = &self.input[written..],
                    Err(error) if retry(&error) => {}
                    // It has ended or does not read: what it printed says why.
                    Err(_) => stdin = None,
                }
            }
            if let Some(bytes) = read_some(&mut stdout, &mut chunk)? {
                if self.start.len() < 1024 {
                    self.start.extend_from_slice(&bytes[..bytes.len().min(1024)]);
                }
                if sink(bytes).is_break() {
                    return Ok(Exchange::Broken);
                }
            }
            if let Some(bytes) = read_some(&mut stderr, &mut chunk)? {
                self.stderr.extend_from_slice(bytes);
            }
        }
        Ok(Exchange::Complete)
    }

    /// Waits for the end of a client that has closed its outputs, which it does by ending.
    fn wait(&mut self, end: Instant) -> std::io::Result<Option<ExitStatus>> {
        wait_for_process(self.child.0.id(), end);
        let mut pause = Duration::from_micros(50);
        loop {
            if let Some(status) = self.child.0.try_wait()? {
                return Ok(Some(status));
            }
            if Instant::now() >= end {
                return Ok(None);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(5));
        }
    }
}

/// Sleeps until a process ends, where the system tells (Linux 5.3); elsewhere not at all.
fn wait_for_process(id: u32, end: Instant) {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Pid, PidfdFlags, pidfd_open};
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
        let Some(Ok(process)) = pid.map(|pid| pidfd_open(pid, PidfdFlags::empty())) else { return };
        let mut fds = [PollFd::new(&process, PollFlags::IN)];
        // Whatever it says, the process itself is asked afterwards.
        let _ = poll(&mut fds, Some(&timeout(end.saturating_duration_since(Instant::now()))));
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (id, end);
}

fn timeout(left: Duration) -> Timespec {
    Timespec { tv_sec: left.as_secs().min(3600) as i64, tv_nsec: left.subsec_nanos().into() }
}

fn retry(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

type Pipe<'a> = Option<rustix::fd::BorrowedFd<'a>>;

/// Waits until one of the pipes can be used, at most `left`.
fn wait_ready(stdin: Pipe<'_>, stdout: Pipe<'_>, stderr: Pipe<'_>, left: Duration) -> std::io::Result<()> {
    let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(3);
    fds.extend(stdin.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::OUT)));
    fds.extend(stdout.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
    fds.extend(stderr.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
    match poll(&mut fds, Some(&timeout(left))) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Reads what there is; at its end the pipe is closed.
fn read_some<'a, R: Read>(pipe: &mut Option<R>, chunk: &'a mut [u8]) -> std::io::Result<Option<&'a [u8]>> {
    let Some(open) = pipe else { return Ok(None) };
    match open.read(chunk) {
        Ok(0) => {
            *pipe = None;
            Ok(None)
        }
        Ok(count) => Ok(Some(&chunk[..count])),
        Err(error) if retry(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn lines(text: &[u8]) -> Vec<BString> {
    text.lines().map(BString::from).collect()
}

impl Ended {
    /// Whether this tmux does not know `source-file -` (3.0: it looks for a file of that name).
    pub fn is_unknown_stdin(&self) -> bool {
        self.start.is_empty() && self.errors.iter().any(|line| line.starts_with(b"-: No such file"))
    }

    /// Sorts the end of a client that ran `source-file`: errors of single commands are data, a server that went away
    /// or a script that did not parse is not.
    ///
    /// tmux prints the error of a command to standard error and goes on with the next line (exit status 1 at the
    /// end); an error of syntax to standard *output*, as `-:LINE: MESSAGE`, and runs nothing (3.1c to 3.8).
    pub fn sourced(self, socket: &Path, file: &OsStr) -> Result<Vec<BString>, RunError> {
        if self.status.success() {
            return Ok(self.errors);
        }
        if let Some(message) = self.errors.iter().find(|line| means_gone(line)) {
            return Err(RunError::Gone { socket: socket.to_owned(), message: printable(message) });
        }
        if let Some(message) = syntax_error(&self.start, file) {
            return Err(RunError::Syntax { message: printable(message) });
        }
        if self.status.code() == Some(1) && !self.errors.is_empty() {
            return Ok(self.errors);
        }
        let said = self.errors.first().map_or_else(|| self.status.to_string(), |line| printable(line));
        Err(RunError::Gone { socket: socket.to_owned(), message: said })
    }
}

/// What a client says whose server is not there or not there any more (`client.c`).
fn means_gone(line: &[u8]) -> bool {
    ["no server running on ", "error connecting to ", "lost server", "server exited", "connect failed"]
        .iter()
        .any(|text| line.starts_with(text.as_bytes()))
}

fn syntax_error<'a>(start: &'a [u8], file: &OsStr) -> Option<&'a [u8]> {
    let line = start.lines().next()?;
    let rest = line.strip_prefix(file.as_encoded_bytes())?.strip_prefix(b":")?;
    let (number, message) = rest.split_once_str(": ")?;
    (!number.is_empty() && number.iter().all(u8::is_ascii_digit)).then_some(message)
}
