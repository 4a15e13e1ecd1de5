//! Waiting for what happens in a pane. Each look is one short client, ever rarer while nothing changes.

use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};

use super::capture::{How, Wanted, capture};
use super::restart::clear_away;
use super::{Mark, SessionError, Talk, Watched};

/// The pauses between looks.
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_millis(200);

/// A regular expression for lines.
#[derive(Clone, Debug)]
pub struct TextPattern(regex_lite::Regex);

impl std::str::FromStr for TextPattern {
    type Err = SessionError;

    fn from_str(text: &str) -> Result<Self, SessionError> {
        let wrong = |error: regex_lite::Error| SessionError::Pattern(text.to_owned(), error.to_string());
        regex_lite::Regex::new(text).map(Self).map_err(wrong)
    }
}

impl TextPattern {
    /// The first of these lines that it fits. Blanks at the end of a line are the same as none to a terminal, but a prompt is known
    /// by its blank (`>>> `): both are tried.
    fn find<'a>(&self, lines: impl IntoIterator<Item = &'a [u8]>) -> Option<BString> {
        let fits = |line: &&[u8]| {
            let line = line.to_str_lossy();
            self.0.is_match(&line) || self.0.is_match(&format!("{line} "))
        };
        lines.into_iter().map(|line| line.trim_end()).find(fits).map(BString::from)
    }
}

/// Pauses that grow while nothing changes.
struct Pace(Duration);

impl Pace {
    fn pause(&mut self, changed: bool) {
        self.0 = if changed { SHORTEST } else { (self.0 * 3 / 2).min(LONGEST) };
        std::thread::sleep(self.0);
    }
}

/// Waits for a line that fits: one on the screen, or one that comes; with a mark only one that came after it. The line.
///
/// # Errors
/// [`SessionError::Timeout`]; [`SessionError::Ended`] if the program ends without such a line.
pub fn wait_for_text(
    talk: &Talk<'_>,
    pattern: &TextPattern,
    since: Option<&Mark>,
    patience: Duration,
) -> Result<BString, SessionError> {
    let begun = Instant::now();
    let mut watched = Watched::new(talk);
    let mut pace = Pace(SHORTEST);
    let mut seen = since.cloned();
    if since.is_none() {
        // Whatever comes from now on comes after this mark.
        let now = capture(talk, &Wanted::Screen, How::default())?;
        if let Some(line) = pattern.find(now.lines.iter().map(|line| line.as_slice())) {
            return Ok(line);
        }
        seen = Some(now.mark);
    }
    let mut first = true;
    loop {
        let changed = match watched.look() {
            Err(SessionError::Ended { what, status, last }) => {
                let found = pattern.find(last.iter().map(String::as_bytes)).filter(|_| since.is_none());
                return found.ok_or(SessionError::Ended { what, status, last });
            }
            other => other? || std::mem::take(&mut first),
        };
        if changed {
            let on_screen = match since {
                Some(_) => None,
                None => pattern.find(watched.screen.lines()),
            };
            let wanted = seen.clone().map_or(Wanted::Screen, Wanted::Since);
            let new = capture(talk, &wanted, How::default())?;
            if let Some(line) =
                on_screen.or_else(|| pattern.find(new.lines.iter().map(|line| line.as_slice())))
            {
                return Ok(line);
            }
            if since.is_none() {
                seen = Some(new.mark);
            }
        }
        if begun.elapsed() > patience {
            return Err(watched.timeout("shows no such line", patience));
        }
        pace.pause(changed);
    }
}

/// Waits until nothing has changed in a pane for so long.
///
/// # Errors
/// [`SessionError::Timeout`], [`SessionError::Ended`].
pub fn wait_until_idle(talk: &Talk<'_>, idle: Duration, patience: Duration) -> Result<(), SessionError> {
    let begun = Instant::now();
    let mut watched = Watched::new(talk);
    watched.look()?;
    let mut since = Instant::now();
    let pause = (idle / 4).clamp(SHORTEST, LONGEST);
    while since.elapsed() < idle {
        if begun.elapsed() > patience {
            return Err(watched.timeout("does not come to rest", patience));
        }
        std::thread::sleep(pause);
        let before = Instant::now();
        if watched.look()? {
            since = before;
        }
    }
    Ok(())
}

/// Waits until the pane's own program has ended; its exit status, none if a signal ended it. Until then the pane is one that stays
/// when its program ends (`remain-on-exit`), since tmux tells the status of no other.
///
/// # Errors
/// [`SessionError::Timeout`]; [`SessionError::Ended`] if the pane was closed.
pub fn wait_for_exit(talk: &Talk<'_>, patience: Duration) -> Result<Option<i32>, SessionError> {
    let id = talk.pane.id;
    // Options of single panes came with 3.0, but this one was of windows until 3.2.
    let flag = if talk.pane.version.at_least(3, 2) { "-p" } else { "-w" };
    let ask = format!("display-message -p -t {id} '#{{remain-on-exit}}'\n");
    let stays = matches!(talk.server.run(ask.as_bytes(), talk.limit)?.stdout.trim(), b"on" | b"1");
    let set = |command: String| {
        if stays { Ok(()) } else { talk.server.run(command.as_bytes(), talk.limit).map(drop) }
    };
    set(format!("set-option {flag} -t {id} remain-on-exit on\n"))?;
    let reset = || set(format!("set-option {flag}u -t {id} remain-on-exit\n"));
    let begun = Instant::now();
    let mut watched = Watched::new(talk);
    let mut pace = Pace(SHORTEST);
    loop {
        match watched.look() {
            Ok(changed) => {
                if begun.elapsed() > patience {
                    reset()?;
                    return Err(watched.timeout("has not ended", patience));
                }
                pace.pause(changed);
            }
            Err(SessionError::Ended { status, what, last }) => {
                let still = super::panes(talk.server, talk.nonce(), talk.limit).unwrap_or_default();
                let Some(dead) = still.into_iter().find(|pane| pane.id == id) else {
                    return Err(SessionError::Ended { what, status, last });
                };
                if !stays {
                    clear_away(talk.server, id, flag, talk.limit)?;
                }
                return Ok(dead.status.or(status));
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_found_with_and_without_its_blank() {
        let found = |pattern: &str, text: &str| {
            let pattern: TextPattern = pattern.parse().unwrap();
            pattern.find(text.as_bytes().lines()).map(|line| line.to_string())
        };
        assert_eq!(found(">>> ", "a\n>>>").as_deref(), Some(">>>"));
        assert_eq!(found("^>>> $", "a\n>>>   ").as_deref(), Some(">>>"));
        assert_eq!(found(">>>$", "a\n>>>  ").as_deref(), Some(">>>"));
        assert_eq!(found(">>> x", "a\n>>>"), None);
        assert!("(".parse::<TextPattern>().is_err());
    }
}
