//! The sessions of a live server, and making one.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::time::Duration;

use bstr::{BStr, BString, ByteSlice};
use evermux_core::model::{SessionId, TmuxVersion};
use evermux_core::restore::SESSION_TAG;
use evermux_core::text::names::session_name;
use evermux_core::text::quote::{format_literal, tmux_word};
use evermux_core::tmux::{Nonce, RunError, Server};

/// A session that stands: none that a restore is still building, none that only keeps a server alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id; a name could be a prefix or a pattern of another one.
    pub id: SessionId,
    /// Its name.
    pub name: BString,
    /// When it was last used: `#{session_activity}`, seconds since the epoch.
    used: i64,
}

/// What is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// The server's version, if it tells one that is understood.
    pub version: Option<TmuxVersion>,
    /// Whether tmux closes sessions that no client shows.
    pub destroys_unattached: bool,
    list: Vec<Session>,
}

impl Sessions {
    /// Asks a server.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn list(server: &Server, nonce: Nonce, limit: Duration) -> Result<Self, RunError> {
        let format =
            format!("{nonce}#{{session_id}} #{{session_activity}} #{{{SESSION_TAG}}} #{{session_name}}");
        let script = format!(
            "display-message -p '#{{version}} #{{destroy-unattached}}'\nlist-sessions -F '{format}'\n"
        );
        let output = server.run(script.as_bytes(), limit)?;
        let mut records = nonce.split(&output.stdout);
        let head = records.next().unwrap_or_default().trim();
        let (version, destroys) = head.split_once_str(" ").unwrap_or((head, b"off"));
        Ok(Self {
            version: version.to_str().ok().and_then(|version| version.parse().ok()),
            destroys_unattached: !matches!(destroys, b"off" | b"0" | b""),
            list: records.filter_map(parse).collect(),
        })
    }

    /// The session of this name, as tmux reports it or as somebody would type it; or the one of this id (`$1`).
    pub fn named(&self, name: &BStr) -> Option<&Session> {
        let exact = |wanted: &BStr| self.list.iter().find(|session| session.name == wanted);
        let reported = || self.version.map(|version| session_name(name, version).reported);
        exact(name)
            .or_else(|| exact(reported()?.as_ref()))
            .or_else(|| self.list.iter().find(|session| session.id.to_string().as_bytes() == name))
    }

    /// The session used last; of several used in the same second the newest.
    pub fn used_last(&self) -> Option<&Session> {
        self.list.iter().max_by_key(|session| (session.used, session.id))
    }

    /// The session of this name, without a name the one used last.
    pub fn find(&self, name: Option<&BStr>) -> Option<&Session> {
        match name {
            Some(name) => self.named(name),
            None => self.used_last(),
        }
    }
}

fn parse(record: &[u8]) -> Option<Session> {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    let mut fields = record.splitn_str(4, " ");
    let id = fields.next()?.to_str().ok()?.parse().ok()?;
    let used = fields.next()?.to_str().ok()?.parse().ok()?;
    let tag = fields.next()?;
    let name = BString::from(fields.next()?);
    // Until it stands, what a restore makes has a working name; what only keeps a server alive has no restore's tag.
    let is_half_made = || !tag.iter().all(u8::is_ascii_hexdigit) || name.contains_str(tag);
    (tag.is_empty() || !is_half_made()).then_some(Session { id, name, used })
}

/// A session to be made.
#[derive(Clone, Copy, Debug)]
pub struct New<'a> {
    /// Its name; none for one of tmux's own.
    pub name: Option<&'a BStr>,
    /// Its directory.
    pub directory: &'a Path,
    /// The size of the terminal it is for.
    pub size: Option<(u16, u16)>,
    /// What runs in it instead of a shell, as for `new-session`: one word is a line for a shell.
    pub command: &'a [OsString],
}

impl New<'_> {
    /// The words after `new-session -d`. It is made without a client, so that whatever goes wrong can be told before the
    /// terminal is tmux's, and in the terminal's size, so that nothing is drawn twice (the option that `-x` and `-y` set for it goes when the
    /// client comes).
    fn words(&self, version: Option<TmuxVersion>) -> Vec<Vec<u8>> {
        let mut words: Vec<Vec<u8>> =
            vec![b"-c".into(), format_literal(self.directory.as_os_str().as_bytes())];
        if let Some(name) = self.name {
            let name = match version {
                Some(version) => session_name(name, version).argument.into(),
                None => format_literal(name),
            };
            words.extend([b"-s".to_vec(), name]);
        }
        if let Some((width, height)) = self.size {
            let number = |number: u16| number.to_string().into_bytes();
            words.extend([b"-x".to_vec(), number(width), b"-y".to_vec(), number(height)]);
        }
        if !self.command.is_empty() {
            words.push(b"--".to_vec());
            words.extend(self.command.iter().map(|word| word.as_bytes().to_vec()));
        }
        words
    }

    /// Makes it on a server that runs; its id.
    ///
    /// # Errors
    /// [`Refused`]: also if there is a session of this name by now.
    pub fn make(
        &self,
        server: &Server,
        version: Option<TmuxVersion>,
        limit: Duration,
    ) -> Result<SessionId, Refused> {
        let mut line = b"new-session -d -P -F '#{session_id}'".to_vec();
        for word in self.words(version) {
            line.push(b' ');
            line.extend(tmux_word(&word).map_err(|_| Refused::Said("a word holds a NUL byte".into()))?);
        }
        line.push(b'\n');
        let output = server.run(&line, limit)?;
        let id = output.stdout.trim().to_str().ok().and_then(|id| id.parse().ok());
        id.ok_or_else(|| Refused::Said(output.errors.into_iter().next().unwrap_or_else(|| "nothing".into())))
    }

    /// The arguments of `new-session -d` for starting a server with it: until the client comes, its only session must stay
    /// also where the user's config has tmux close sessions that no client shows.
    pub fn starting(&self, version: Option<TmuxVersion>) -> Vec<OsString> {
        let mut words = self.arguments(version);
        words.extend([";", "set-option"].map(OsString::from));
        let plain =
            |name: &&BStr| name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
        // Without a target it is the newest session, and most servers begin with one.
        if let Some(name) = self.name.filter(plain).filter(|name| !name.is_empty()) {
            words.extend(["-t".into(), format!("={name}:").into()]);
        }
        words.extend(["destroy-unattached", "off"].map(OsString::from));
        words
    }

    /// The arguments of `new-session` on a command line.
    pub fn arguments(&self, version: Option<TmuxVersion>) -> Vec<OsString> {
        let words = self.words(version).into_iter().map(|mut word| {
            // A word that ends so would end the command.
            if word.last() == Some(&b';') {
                word.insert(word.len() - 1, b'\\');
            }
            OsString::from_vec(word)
        });
        words.collect()
    }
}

/// Why there is no new session.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The client gave no answer.
    #[error(transparent)]
    Run(#[from] RunError),
    /// What tmux said.
    #[error("{}", evermux_core::text::quote::printable(.0))]
    Said(BString),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(id: u32, name: &str, used: i64) -> Session {
        Session { id: format!("${id}").parse().unwrap(), name: name.into(), used }
    }

    #[test]
    fn records_with_strange_names_are_read_and_unfinished_ones_left_out() {
        assert_eq!(parse(b"$3 12  a b\nc\n"), Some(session(3, "a b\nc", 12)));
        assert_eq!(parse(b"$3 12 0123abc evermux-0123abc-1\n"), None);
        assert_eq!(parse(b"$3 12 0123abc work\n"), Some(session(3, "work", 12)));
        assert_eq!(parse(b"$3 12 beginning x\n"), None);
        assert_eq!(parse(b""), None);
    }

    #[test]
    fn a_name_means_itself_and_nothing_that_begins_so() {
        let list =
            vec![session(0, "work-2", 5), session(1, "work", 3), session(2, "a_b", 5), session(7, "$0", 1)];
        let sessions = Sessions { version: "3.5a".parse().ok(), destroys_unattached: false, list };
        let named = |name: &str| sessions.named(name.into()).map(|session| session.name.to_string());
        assert_eq!(named("work"), Some("work".into()));
        assert_eq!(named("wor"), None);
        assert_eq!(named("a.b"), Some("a_b".into()));
        assert_eq!(named("$1"), Some("work".into()));
        assert_eq!(named("$0"), Some("$0".into()));
        assert_eq!(sessions.used_last().unwrap().name, "a_b");
    }

    #[test]
    fn words_for_a_new_server_end_no_command() {
        let command = ["echo;".into(), ";".into()];
        let new = New {
            name: Some("a;".into()),
            directory: Path::new("/#x"),
            size: Some((80, 24)),
            command: &command,
        };
        let words: Vec<_> = new.arguments(None).into_iter().map(|word| word.into_string().unwrap()).collect();
        assert_eq!(words.join(" "), "-c /##x -s a\\; -x 80 -y 24 -- echo\\; \\;");
    }
}
