//! Words of the command line that several of these commands take.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bstr::BString;
use evermux_core::model::Size;
use evermux_core::session::{SessionName, Target};
use jiff::{Span, SpanRelativeTo};

use crate::context::ServerContext;
use crate::error::CliError;

/// The name of a session.
///
/// # Errors
/// Wrong use, if tmux would change it.
pub fn name(text: &OsStr) -> Result<SessionName, CliError> {
    Ok(SessionName::new(text.as_bytes())?)
}

/// The help of a [`target()`].
pub const TARGET: &str = "A session's name, and with it the index of a window and of a pane in it, as tmux shows them; without them \
    the active ones. Or the id of a pane (%3)";

/// `NAME[:WINDOW[.PANE]]`, or the id of a pane. Names hold neither colon nor dot.
///
/// # Errors
/// Wrong use, if it is something else.
pub fn target(text: &OsStr) -> Result<Target, CliError> {
    let bytes = text.as_bytes();
    if let Some(id) = text.to_str().and_then(|text| text.parse().ok()) {
        return Ok(Target::Id(id));
    }
    let (name, place) = match bytes.iter().position(|&byte| byte == b':') {
        Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
        None => (bytes, None),
    };
    let session = self::name(OsStr::from_bytes(name))?;
    let wrong = || {
        CliError::usage(format!("'{}' is not NAME:WINDOW or NAME:WINDOW.PANE", text.to_string_lossy()))
            .hint("Windows and panes are named by their indexes, such as work:0.1")
    };
    let index = |text: &str| text.parse::<u32>().map_err(|_| wrong());
    let Some(place) = place else { return Ok(Target::Named { session, window: None, pane: None }) };
    let place = std::str::from_utf8(place).map_err(|_| wrong())?;
    let (window, pane) = match place.split_once('.') {
        Some((window, pane)) => (window, Some(index(pane)?)),
        None => (place, None),
    };
    Ok(Target::Named { session, window: Some(index(window)?), pane })
}

/// A time: `5s`, `2m 30s`, `200ms`; a bare number is seconds.
///
/// # Errors
/// If it is something else, in words.
pub fn time(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string());
    }
    let span = || {
        let span: Span = text.parse().ok()?;
        Duration::try_from(span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?).ok()
    };
    span().ok_or_else(|| format!("'{text}' is not a time such as 5s, 200ms or 2m 30s"))
}

/// A size: `80x24`.
///
/// # Errors
/// If it is something else, in words.
pub fn size(text: &str) -> Result<Size, String> {
    let part = |text: &str| text.parse().ok().filter(|number| (1..=10_000).contains(number));
    let size = text.split_once('x').and_then(|(width, height)| Some((part(width)?, part(height)?)));
    let (width, height) = size.ok_or_else(|| format!("'{text}' is not a size such as 80x24"))?;
    Ok(Size { width, height })
}

/// What a session is made with.
#[derive(Debug, clap::Args)]
pub struct New {
    /// Its directory; without it ours
    #[arg(long, value_name = "DIRECTORY")]
    cwd: Option<PathBuf>,

    /// A variable of its environment, beside those of the server; NAME alone takes our value
    #[arg(long = "env", value_name = "NAME=VALUE")]
    environment: Vec<OsString>,

    /// Its size until somebody attaches
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = size)]
    size: Option<Size>,

    /// What runs in it, run as it is, without a shell between; without it the user's shell
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// The same, read.
#[derive(Debug)]
pub struct NewSession {
    /// Its directory, absolute.
    pub directory: PathBuf,
    /// Its variables.
    pub environment: Vec<(BString, BString)>,
    /// Its size.
    pub size: Option<Size>,
    /// What runs in it.
    pub command: Vec<BString>,
}

impl New {
    /// Reads them.
    ///
    /// # Errors
    /// Wrong use.
    pub fn read(&self, context: &ServerContext) -> Result<NewSession, CliError> {
        let here = || context.directory();
        let directory = match &self.cwd {
            Some(directory) if directory.is_absolute() => directory.clone(),
            Some(directory) => here()?.join(directory),
            None => here()?,
        };
        let environment: Result<Vec<_>, _> =
            self.environment.iter().map(|entry| variable(context, entry)).collect();
        let command = words(&self.command);
        if command.first().is_some_and(|program| program.is_empty()) {
            return Err(CliError::usage("the name of a program is empty"));
        }
        Ok(NewSession { directory, environment: environment?, size: self.size, command })
    }
}

impl NewSession {
    /// What the library takes.
    pub fn make<'a>(&'a self, name: &'a SessionName) -> evermux_core::session::Make<'a> {
        evermux_core::session::Make {
            name,
            directory: Path::new(&self.directory),
            environment: &self.environment,
            size: self.size,
            command: &self.command,
            owner: None,
        }
    }
}

/// Words as bytes.
pub fn words(words: &[OsString]) -> Vec<BString> {
    words.iter().map(|word| word.clone().into_vec().into()).collect()
}

fn variable(context: &ServerContext, entry: &OsStr) -> Result<(BString, BString), CliError> {
    let bytes = entry.as_bytes();
    let (name, value) = match bytes.iter().position(|&byte| byte == b'=') {
        Some(at) => (&bytes[..at], Some(OsStr::from_bytes(&bytes[at + 1..]).to_owned())),
        None => (bytes, context.variable(entry)),
    };
    let shown = entry.to_string_lossy();
    if name.is_empty() {
        return Err(CliError::usage(format!("'{shown}' is not NAME=VALUE")));
    }
    let value = value.ok_or_else(|| {
        CliError::usage(format!("the variable {shown} is not set here")).hint("NAME=VALUE gives it a value.")
    })?;
    Ok((name.into(), value.into_vec().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        let target = |text: &str| {
            target(OsStr::new(text)).map(|target| target.to_string()).map_err(|error| error.kind)
        };
        for right in ["work", "work:0", "work:3.1", "%3", "a b:1.2"] {
            assert_eq!(target(right), Ok(right.to_owned()));
        }
        for wrong in ["", "work:", "work:x", "work:1.", "work.1", "work:1.2.3", "work:-1", ":0"] {
            assert_eq!(target(wrong), Err(crate::error::Kind::Usage), "{wrong}");
        }
    }

    #[test]
    fn times_and_sizes() {
        assert_eq!(time("5"), Ok(Duration::from_secs(5)));
        assert_eq!(time("0.2"), Ok(Duration::from_millis(200)));
        assert_eq!(time("1m 5s"), Ok(Duration::from_secs(65)));
        for wrong in ["", "x", "-5", "-5s", "inf", "nan"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        assert_eq!(size("80x24"), Ok(Size { width: 80, height: 24 }));
        for wrong in ["80", "0x1", "x", "80x24x1", "-1x5", "99999x5"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
