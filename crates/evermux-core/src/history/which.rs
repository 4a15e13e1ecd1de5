//! SNAPSHOT on the command line: `latest`, a number, a name, a time, or a file.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use thiserror::Error;

use super::moment;
use crate::choose::Coverage;
use crate::model::{ServerName, SnapshotId};
use crate::store::Listed;
use crate::text::quote::printable;

/// A snapshot as somebody names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The newest one of the server.
    Latest,
    /// By its number, of whatever server.
    Number(SnapshotId),
    /// By its name, or by a time: the newest one that was taken until then.
    Words(String),
    /// An emergency file. What names one has a `/` in it.
    File(PathBuf),
}

impl FromStr for Which {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "latest" => Self::Latest,
            _ if text.contains('/') => Self::File(PathBuf::from(text)),
            // A number beyond all numbers names no snapshot.
            _ if is_number(text) => Self::Number(SnapshotId(text.parse().unwrap_or(i64::MAX))),
            _ => Self::Words(text.to_owned()),
        })
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// There is no such snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotFound {
    /// There is none of the server at all.
    #[error("there is no snapshot of the server at {}", printable(&.0.socket))]
    Server(ServerName),
    /// None has this number.
    #[error("there is no snapshot {0}")]
    Number(SnapshotId),
    /// None has this name, which is not a time either.
    #[error("there is no snapshot '{}'", printable(.0.as_bytes()))]
    Name(String),
    /// None of the server is as old as that.
    #[error("there is no snapshot of the server at {} from '{}' or before", printable(&server.socket), printable(words.as_bytes()))]
    Time {
        /// The server.
        server: ServerName,
        /// The time, as it was given.
        words: String,
    },
    /// It is a file, not in the store.
    #[error("{}: is a file, not a snapshot in the store", printable(.0.as_os_str().as_encoded_bytes()))]
    File(PathBuf),
}

impl Which {
    /// Finds it among snapshots of any servers. A name counts before a time, one of this server before others, the
    /// newest before older ones. [`Which::Latest`] and times mean the state of the whole server: snapshots of a part
    /// of it (`save --session`) are found so only if there are no others.
    ///
    /// # Errors
    /// [`NotFound`].
    pub fn find<'l>(
        &self,
        listed: &'l [Listed],
        server: &ServerName,
        now: Timestamp,
        zone: &TimeZone,
    ) -> Result<&'l Listed, NotFound> {
        let until = |moment: Timestamp| {
            let of_server = || listed.iter().filter(|it| it.server == *server && it.entry.taken_at <= moment);
            newest(of_server().filter(|it| it.entry.coverage != Coverage::Part))
                .or_else(|| newest(of_server()))
        };
        match self {
            Self::Latest => until(Timestamp::MAX).ok_or_else(|| NotFound::Server(server.clone())),
            Self::Number(id) => listed.iter().find(|it| it.entry.id == *id).ok_or(NotFound::Number(*id)),
            Self::File(path) => Err(NotFound::File(path.clone())),
            Self::Words(words) => {
                let named = || listed.iter().filter(|it| it.name.as_ref() == Some(words));
                let found = newest(named().filter(|it| it.server == *server)).or_else(|| newest(named()));
                match (found, moment(words, now, zone)) {
                    (Some(found), _) => Ok(found),
                    (None, None) => Err(NotFound::Name(words.clone())),
                    (None, Some(moment)) => until(moment)
                        .ok_or_else(|| NotFound::Time { server: server.clone(), words: words.clone() }),
                }
            }
        }
    }
}

fn newest<'l>(listed: impl Iterator<Item = &'l Listed>) -> Option<&'l Listed> {
    listed.max_by_key(|listed| listed.entry.id)
}

/// Why a snapshot cannot be called so: what means something else as SNAPSHOT could never be found again.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("'{}' cannot be a snapshot's name: it {why}", printable(.name.as_bytes()))]
pub struct BadName {
    name: String,
    why: &'static str,
}

/// Checks a name before a snapshot is called so.
///
/// # Errors
/// [`BadName`] with the reason.
pub fn check_name(name: &str, now: Timestamp, zone: &TimeZone) -> Result<(), BadName> {
    let Ok(which) = name.parse();
    let why = match which {
        _ if name.trim().is_empty() => "is empty",
        _ if name.chars().any(char::is_control) => "has control characters",
        Which::Latest => "means the newest snapshot",
        Which::Number(_) => "looks like a snapshot's number",
        Which::File(_) => "looks like a file",
        Which::Words(words) if moment(&words, now, zone).is_some() => "looks like a time",
        Which::Words(_) => return Ok(()),
    };
    Err(BadName { name: name.to_owned(), why })
}
