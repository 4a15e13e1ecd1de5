//! Programs that run for the length of something of ours, and their exit status.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::error::{CliError, Exit};

/// How long a program may take to end after the signal that we passed on to it.
const GRACE: Duration = Duration::from_secs(5);

/// The signals that come to us from now on, instead of ending us.
pub struct Watched(Signals);

/// How a program ended.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// How.
    pub status: ExitStatus,
    /// Whether we were told to end meanwhile.
    pub told_to_end: bool,
}

impl Ending {
    /// What a shell would make of it: 128 and the number of the signal for a program that was ended by one.
    pub fn exit(self) -> Exit {
        let code = self.status.code().or_else(|| self.status.signal().map(|signal| 128 + signal));
        Exit::Status(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX))
    }
}

impl Watched {
    /// Begins to watch.
    ///
    /// # Errors
    /// If the system does not let us.
    pub fn new() -> Result<Self, CliError> {
        let signals = Signals::new([SIGCHLD, SIGHUP, SIGINT, SIGTERM]);
        signals.map(Self).map_err(|error| CliError::failed("cannot watch for signals").because(&error))
    }

    /// The status with which to end if we were told to already, as a shell has it.
    pub fn told_to_end(&mut self) -> Option<Exit> {
        let signal = self.0.pending().find(|signal| *signal != SIGCHLD)?;
        Some(Exit::Status(u8::try_from(128 + signal).unwrap_or(u8::MAX)))
    }

    /// Runs a program to its end. TERM and HUP are passed on to it; so is INT, where the terminal has not told it itself.
    ///
    /// # Errors
    /// The status of a shell, 126 or 127, and why, if it cannot be run.
    pub fn run(&mut self, command: &mut Command) -> Result<Ending, (Exit, CliError)> {
        let mut child = command.spawn().map_err(|error| {
            let code = if error.kind() == ErrorKind::NotFound { 127 } else { 126 };
            let program = command.get_program().to_string_lossy().into_owned();
            (Exit::Status(code), CliError::failed(format!("cannot run {program}")).because(&error))
        })?;
        let mut told_to_end = false;
        loop {
            if let Ok(Some(status)) = child.try_wait() {
                return Ok(Ending { status, told_to_end });
            }
            let arrived: Vec<i32> = self.0.wait().collect();
            for signal in arrived.into_iter().filter(|signal| *signal != SIGCHLD) {
                told_to_end = true;
                if signal != SIGINT || !shares_terminal() {
                    pass_on(&child, signal);
                }
                if signal != SIGINT
                    && let Some(status) = wait_or_kill(&mut child)
                {
                    return Ok(Ending { status, told_to_end });
                }
            }
        }
    }
}

fn pass_on(child: &Child, signal: i32) {
    let signal = match signal {
        SIGHUP => Signal::HUP,
        SIGINT => Signal::INT,
        _ => Signal::TERM,
    };
    // It has not been waited for, so its id is its own.
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

fn wait_or_kill(child: &mut Child) -> Option<ExitStatus> {
    let begun = Instant::now();
    while begun.elapsed() < GRACE {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    child.wait().ok()
}

/// Whether what the terminal sends to the foreground (Ctrl-C) comes to our child, too: it is in our group.
fn shares_terminal() -> bool {
    let terminal = std::fs::File::open("/dev/tty");
    let foreground = terminal.ok().and_then(|terminal| rustix::termios::tcgetpgrp(&terminal).ok());
    foreground.is_some_and(|group| Some(group) == Some(rustix::process::getpgrp()))
}

/// The command of these words.
pub fn command(words: &[OsString]) -> Command {
    let (program, arguments) = words.split_first().map_or((OsString::new(), words), |(p, a)| (p.clone(), a));
    let mut command = Command::new(program);
    command.args(arguments);
    command
}
