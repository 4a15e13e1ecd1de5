//! What a command answered.

use std::fmt;

/// Output and exit status of a command. Its `Display` shows all of it, for inline snapshots and for panics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The exit status; none if a signal ended it.
    pub status: Option<i32>,
    /// Standard output, exact bytes.
    pub stdout: Vec<u8>,
    /// Standard error, exact bytes.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Whether the exit status is 0.
    pub fn ok(&self) -> bool {
        self.status == Some(0)
    }

    /// Standard output as text (invalid UTF-8 replaced).
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text (invalid UTF-8 replaced).
    pub fn errors(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// The same with every occurrence of `unstable` in the output replaced: folders, times, process ids.
    pub fn redact(&self, unstable: &str, by: &str) -> Output {
        let replaced = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(unstable, by).into_bytes();
        Output { status: self.status, stdout: replaced(&self.stdout), stderr: replaced(&self.stderr) }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (bytes, heading) in [(&self.stdout, ""), (&self.stderr, "--- stderr ---\n")] {
            if !bytes.is_empty() {
                let text = String::from_utf8_lossy(bytes);
                write!(f, "{heading}{text}{}", if text.ends_with('\n') { "" } else { "⏎missing\n" })?;
            }
        }
        match self.status {
            Some(status) => write!(f, "[exit {status}]"),
            None => write!(f, "[killed by a signal]"),
        }
    }
}
