//! Tickets: what `evermux resume ID` is to execute in one pane, once.
//!
//! Each is a file of its own in `tickets/` (0700; files 0600): the shell of a pane waits for whoever reads it, so no
//! database is opened. It says in which pane of which life of a server it may be used. Whoever uses it takes it away
//! first, by renaming it; what could not be executed then comes back.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::str::FromStr;

use bstr::BString;
use serde::{Deserialize, Serialize};

use super::body::Bytes;
use super::folder::{Folder, files, make_checked_folder};
use super::pane_place::{PanePlace, PanePlaceBody};
use super::{Place, StoreError};
use crate::model::{BadId, Generation, ServerName};

/// The layout of the file; another one is not understood.
const FORMAT: u32 = 1;

/// The largest ticket that is believed: the system executes no more than a few megabytes of arguments.
const LARGEST: u64 = 32 << 20;

/// What the name of a ticket that is in use ends with.
const USED: &str = "used";

/// The name of a ticket: eight random bytes, never used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TicketId(pub [u8; 8]);

impl TicketId {
    /// One from random bytes, of which half are used.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        let [first, ..] = bytes.as_chunks().0 else { return Self([0; 8]) };
        Self(*first)
    }
}

impl fmt::Display for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for TicketId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let good = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match u64::from_str_radix(text, 16) {
            Ok(number) if good => Ok(Self(number.to_be_bytes())),
            _ => Err(BadId::new(text, "id of a program to resume")),
        }
    }
}

/// What is executed, and where it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// In which pane.
    pub place: PanePlace,
    /// The exact words, the program first.
    pub argv: Vec<BString>,
    /// Where; none: where whoever uses it is.
    pub directory: Option<BString>,
    /// Variables to set.
    pub environment: Vec<(BString, BString)>,
}

/// The tickets of a store. Works without a database.
#[derive(Debug)]
pub struct Tickets {
    folder: Folder,
}

#[derive(Serialize, Deserialize)]
struct TicketFile {
    evermux_ticket: u32,
    #[serde(flatten)]
    place: PanePlaceBody,
    argv: Vec<Bytes>,
    directory: Option<Bytes>,
    environment: Vec<(Bytes, Bytes)>,
}

impl Tickets {
    /// Opens the tickets of a store and makes their folder.
    ///
    /// # Errors
    /// Those of the folder.
    pub fn open(place: &Place) -> Result<Self, StoreError> {
        Self::of(Folder::open(place, true)?)
    }

    /// Those of a store that is open.
    pub(super) fn of(folder: Folder) -> Result<Self, StoreError> {
        make_checked_folder(&folder.tickets(), folder.uid())?;
        Ok(Self { folder })
    }

    /// The same, to use one: makes nothing.
    ///
    /// # Errors
    /// [`StoreError::Absent`], and those of the folder.
    pub fn existing(place: &Place) -> Result<Self, StoreError> {
        Ok(Self { folder: Folder::open(place, false)? })
    }

    /// Writes a ticket.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::Full`].
    pub fn write(&self, id: TicketId, ticket: &Ticket) -> Result<(), StoreError> {
        let file = TicketFile::from(ticket);
        let bytes = serde_json::to_vec(&file).map_err(|error| StoreError::Io {
            doing: "writing",
            path: self.path(id),
            source: error.into(),
        })?;
        self.folder.replace_file(&self.path(id), &[&bytes])
    }

    /// Reads a ticket that nobody has used yet; none if there is none.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if it is not ours alone; [`StoreError::Damaged`].
    pub fn read(&self, id: TicketId) -> Result<Option<Ticket>, StoreError> {
        let path = self.path(id);
        if !self.folder.check(&path)? {
            return Ok(None);
        }
        let failed = StoreError::io("reading", &path);
        let damaged = |what: String| StoreError::Damaged { path: path.clone(), what };
        let length = match fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) => return Err(failed(error)),
        };
        if length > LARGEST {
            return Err(damaged(format!("{length} bytes are no ticket")));
        }
        let bytes = fs::read(&path).map_err(StoreError::io("reading", &path))?;
        let file: TicketFile = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if file.evermux_ticket != FORMAT {
            return Err(damaged(format!("format {} is not known", file.evermux_ticket)));
        }
        Ok(Some(file.into()))
    }

    /// Takes a ticket, so that nobody else uses it; whether it was there.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn take(&self, id: TicketId) -> Result<bool, StoreError> {
        match fs::rename(self.path(id), self.path(id).with_extension(USED)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            renamed => renamed.map(|()| true).map_err(StoreError::io("taking", &self.path(id))),
        }
    }

    /// Gives a ticket back that could not be used after all.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn give_back(&self, id: TicketId) -> Result<(), StoreError> {
        let path = self.path(id);
        fs::rename(path.with_extension(USED), &path).map_err(StoreError::io("giving back", &path))
    }

    /// Whether a ticket is there that nobody has used yet.
    pub fn is_unused(&self, id: TicketId) -> bool {
        self.path(id).exists()
    }

    /// Removes a ticket, used or not.
    pub fn remove(&self, id: TicketId) {
        for path in [self.path(id), self.path(id).with_extension(USED)] {
            // What is not there need not go; a used one is worth nothing.
            let _ = fs::remove_file(path);
        }
    }

    /// Removes what cannot be used any more: tickets of other lives of this server, and what is no ticket.
    pub fn sweep(&self, server: &ServerName, generation: &Generation) {
        for path in files(&self.folder.tickets()) {
            let name = path.file_stem().and_then(|name| name.to_str());
            let id = name.and_then(|name| name.parse().ok());
            let ticket = id.map(|id| self.read(id));
            let stays = match ticket {
                Some(Ok(Some(ticket))) => {
                    ticket.place.server != *server || ticket.place.generation == *generation
                }
                // In use at this moment, or left behind by that.
                Some(Ok(None)) => false,
                Some(Err(_)) | None => false,
            };
            if !stays {
                let _ = fs::remove_file(path);
            }
        }
    }

    fn path(&self, id: TicketId) -> PathBuf {
        self.folder.tickets().join(id.to_string())
    }
}

impl From<&Ticket> for TicketFile {
    fn from(ticket: &Ticket) -> Self {
        Self {
            evermux_ticket: FORMAT,
            place: (&ticket.place).into(),
            argv: ticket.argv.iter().map(Into::into).collect(),
            directory: ticket.directory.as_ref().map(Into::into),
            environment: ticket.environment.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        }
    }
}

impl From<TicketFile> for Ticket {
    fn from(file: TicketFile) -> Self {
        Self {
            place: file.place.into(),
            argv: file.argv.into_iter().map(Into::into).collect(),
            directory: file.directory.map(Into::into),
            environment: file
                .environment
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn ticket(started: i64) -> Ticket {
        Ticket {
            place: PanePlace::made_up(started),
            argv: vec!["less".into(), b"a\nb\xff".into(), "".into()],
            directory: Some(b"/x\xfe".into()),
            environment: vec![("A".into(), "b c".into())],
        }
    }

    fn place(folder: &std::path::Path) -> Place {
        Place { network: Some(false), ..Place::new(folder, "machine", rustix::process::geteuid().as_raw()) }
    }

    #[test]
    fn a_ticket_is_used_once_and_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(&folder.path().join("state"));
        let tickets = Tickets::open(&place).unwrap();
        let id: TicketId = "00112233445566ff".parse().unwrap();
        assert_eq!(tickets.read(id).unwrap(), None);
        tickets.write(id, &ticket(1)).unwrap();
        let mode = fs::metadata(tickets.path(id)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let tickets = Tickets::existing(&place).unwrap();
        assert_eq!(tickets.read(id).unwrap(), Some(ticket(1)));
        assert!(tickets.take(id).unwrap());
        assert!(!tickets.take(id).unwrap() && !tickets.is_unused(id));
        assert_eq!(tickets.read(id).unwrap(), None);
        tickets.give_back(id).unwrap();
        assert_eq!(tickets.read(id).unwrap(), Some(ticket(1)));
        tickets.remove(id);
        assert!(!tickets.is_unused(id));
    }

    #[test]
    fn tickets_of_other_lives_go_those_of_other_servers_stay() {
        let folder = tempfile::tempdir().unwrap();
        let tickets = Tickets::open(&place(&folder.path().join("state"))).unwrap();
        let id = |number| TicketId([number; 8]);
        let elsewhere = ServerName { machine: "machine".to_owned(), socket: "/tmp/other".into() };
        tickets.write(id(1), &ticket(1)).unwrap();
        tickets.write(id(2), &ticket(2)).unwrap();
        let place = PanePlace { server: elsewhere, ..PanePlace::made_up(1) };
        tickets.write(id(3), &Ticket { place, ..ticket(1) }).unwrap();
        tickets.write(id(4), &ticket(2)).unwrap();
        assert!(tickets.take(id(4)).unwrap());
        fs::write(tickets.path(id(5)), "nonsense").unwrap();
        let here = PanePlace::made_up(2);
        tickets.sweep(&here.server, &here.generation);
        let left = [1, 2, 3, 4, 5].map(|number| tickets.is_unused(id(number)));
        assert_eq!(left, [false, true, true, false, false]);
        assert_eq!(fs::read_dir(tickets.folder.tickets()).unwrap().count(), 2);
    }

    #[test]
    fn what_is_no_ticket_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let tickets = Tickets::open(&place(&folder.path().join("state"))).unwrap();
        let id = TicketId([1; 8]);
        for text in ["", "{}", "[]", r#"{"evermux_ticket":2}"#] {
            tickets.folder.replace_file(&tickets.path(id), &[text.as_bytes()]).unwrap();
            assert!(matches!(tickets.read(id), Err(StoreError::Damaged { .. })), "{text}");
        }
        fs::remove_file(tickets.path(id)).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", tickets.path(id)).unwrap();
        assert!(matches!(tickets.read(id), Err(StoreError::Refused { .. })));
        for text in ["", "0011", "00112233445566FF", "00112233445566fg", "../../../../etc/passwd"] {
            assert!(text.parse::<TicketId>().is_err(), "{text}");
        }
    }
}
