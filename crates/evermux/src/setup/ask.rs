//! Asking other programs, never for longer than a limit.

use std::ffi::OsStr;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a program said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Whether it ended with 0.
    pub well: bool,
    /// Standard output, without the last newline.
    pub out: String,
    /// Standard error, likewise.
    pub error: String,
}

/// Runs a program with nothing to read; none if it is not there, or does not end within `limit`: then it is killed. It
/// may print less than a pipe holds (64 kB).
pub fn ask<S: AsRef<OsStr>>(program: &str, arguments: &[S], limit: Duration) -> Option<Said> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .current_dir("/")
        .spawn()
        .ok()?;
    let end = Instant::now() + limit;
    let status = loop {
        match child.try_wait().ok()? {
            Some(status) => break status,
            None if Instant::now() >= end => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let out = text(child.stdout.take());
    Some(Said { well: status.success(), out, error: text(child.stderr.take()) })
}

/// What is in the pipe. Whoever else may hold it open is not waited for: it is read once.
fn text(pipe: Option<impl Read + std::os::fd::AsFd>) -> String {
    let Some(mut pipe) = pipe else { return String::new() };
    let mut bytes = vec![0; 64 * 1024];
    let read = rustix::io::ioctl_fionbio(&pipe, true).map_or(0, |()| pipe.read(&mut bytes).unwrap_or(0));
    String::from_utf8_lossy(&bytes[..read]).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_left() {
        let begun = Instant::now();
        assert_eq!(ask("sleep", &["100"], Duration::from_millis(50)), None);
        assert!(begun.elapsed() < Duration::from_secs(20));
        assert_eq!(ask("/no/such/program", &[""; 0], Duration::from_secs(1)), None);
        let said = ask("sh", &["-c", "echo a; echo b >&2; exit 3"], Duration::from_secs(20)).unwrap();
        assert_eq!(said, Said { well: false, out: "a".to_owned(), error: "b".to_owned() });
    }
}
