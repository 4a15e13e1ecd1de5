//! What the library says about its work: to stderr with `-v`, and to the log file beside the store.
//!
//! Secrets are masked in both: a log outlives what it tells about, and gets attached to bug reports.

use std::io::{self, Write};
use std::sync::OnceLock;

use bstr::ByteSlice;
use evermux_core::secrets::mask_text;
use evermux_core::store::{LogWriter, Logs, Place};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::prelude::*;

/// Set once a command writes to the store; until then there may be no folder for a log.
static LOG: OnceLock<LogWriter> = OnceLock::new();

/// Begins to listen. `verbose`: how often `-v` was given.
pub fn begin(verbose: u8) {
    let only_ours = |level| Targets::new().with_target("evermux", level).with_target("evermux_core", level);
    let shown = match verbose {
        0 => LevelFilter::OFF,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let on_stderr = fmt::layer()
        .with_writer(|| Masked(io::stderr()))
        .with_ansi(false)
        .with_target(false)
        .without_time()
        .compact()
        .with_filter(only_ours(shown));
    let in_file = fmt::layer()
        .with_writer(LogFile)
        .with_ansi(false)
        .with_target(false)
        .compact()
        .with_filter(only_ours(LevelFilter::INFO));
    tracing_subscriber::registry().with(on_stderr).with(in_file).init();
}

/// From now on what is said is also written to the log of this store. That there is none stops nothing.
pub fn to_file(place: &Place) {
    match Logs::open(place) {
        Ok(logs) => drop(LOG.set(logs.writer())),
        Err(error) => tracing::warn!(%error, "there is no log"),
    }
}

struct LogFile;

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = Box<dyn Write>;

    fn make_writer(&'a self) -> Self::Writer {
        match LOG.get() {
            Some(log) => Box::new(Masked(log.clone())),
            None => Box::new(io::sink()),
        }
    }
}

/// Masks what passes through. An event is written at once, so no secret is cut in two.
struct Masked<W>(W);

impl<W: Write> Write for Masked<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(&mask_text(bytes.as_bstr()).0)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_pass() {
        let mut written = Vec::new();
        Masked(&mut written)
            .write_all(b"env GITHUB_TOKEN=ghp_0123456789abcdefghijklmnopqrstuvwxyz\n")
            .unwrap();
        let written = String::from_utf8(written).unwrap();
        assert!(!written.contains("ghp_0123"), "{written}");
        assert!(written.ends_with('\n'));
    }
}
