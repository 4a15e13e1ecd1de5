//! Reading the reply of the listing client: pure, on bytes.

use std::collections::HashMap;
use std::str::FromStr;

use bstr::{BString, ByteSlice, ByteVec};
use thiserror::Error;

use super::list_script::MODES;
use super::listing::*;
use super::own_options::{self, OwnOptions};
use super::{Nonce, options};
use crate::model::{Size, TmuxVersion, WindowId};
use crate::text::quote::{self, BadEnvironment};

/// Why a reply is no listing. Then nothing may be saved: a part of a server looks like a server that lost the rest.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ListingError {
    /// The reply ended before its end mark: the server died, or went away.
    #[error("tmux's reply stops in the middle")]
    Truncated,
    /// tmux had no time for a format: the machine stood still for a moment. The next try will do.
    #[error("tmux was interrupted while it listed its panes")]
    GaveUp,
    /// The server has no session: it just started, or is about to end.
    #[error("the tmux server has no session")]
    NoSession,
    /// A version that is too old or not understood.
    #[error("tmux {0} is not supported")]
    Version(String),
    /// A record is not as tmux prints it, or contradicts another.
    #[error("tmux's reply is not understood: {what}: {record}")]
    Malformed {
        /// Which kind of record, and what is wrong with it.
        what: &'static str,
        /// The record, made printable and shortened.
        record: String,
    },
}

/// One record: its head, its fields by tag, and the lines after it.
pub(super) struct Record<'a> {
    pub tag: u8,
    pub head: &'a [u8],
    fields: Vec<(u8, &'a [u8])>,
    pub body: &'a [u8],
    /// `\ooo` stands for a byte in free text (3.4 to 3.5a).
    escaped: bool,
}

impl<'a> Record<'a> {
    fn malformed(&self, what: &'static str) -> ListingError {
        let text = &self.head[..self.head.len().min(120)];
        ListingError::Malformed { what, record: format!("{:?}", text.as_bstr()) }
    }

    fn raw(&self, tag: u8) -> Option<&'a [u8]> {
        self.fields.iter().find(|(t, _)| *t == tag).map(|(_, text)| *text)
    }

    fn text(&self, tag: u8) -> Option<BString> {
        self.raw(tag).map(|text| text.into())
    }

    /// A field that [`super::list_script`] escapes where tmux would escape ambiguously.
    fn name(&self, tag: u8) -> Option<BString> {
        let text = self.raw(tag)?;
        Some(if self.escaped { unescape(text) } else { text.into() })
    }
}

/// `\ooo` to the byte, and the letters that vis(3) has for some control characters. A backslash of the text itself
/// comes as `\134`, so nothing here is ambiguous.
fn unescape(text: &[u8]) -> BString {
    let mut value = BString::from("");
    let mut rest = text;
    while let Some(at) = rest.find_byte(b'\\') {
        value.push_str(&rest[..at]);
        match escape(&rest[at + 1..]) {
            Some((byte, tail)) => {
                value.push_byte(byte);
                rest = tail;
            }
            None => {
                value.push_byte(b'\\');
                rest = &rest[at + 1..];
            }
        }
    }
    value.push_str(rest);
    value
}

/// Three octal digits or a letter at the beginning, and what follows.
fn escape(rest: &[u8]) -> Option<(u8, &[u8])> {
    const LETTERS: [(u8, u8); 5] = [(b'a', 7), (b'b', 8), (b'v', 11), (b'f', 12), (b'r', b'\r')];
    let (first, tail) = rest.split_first()?;
    if let Some((_, byte)) = LETTERS.iter().find(|(letter, _)| letter == first) {
        return Some((*byte, tail));
    }
    let (digits, tail) = rest.split_at_checked(3)?;
    let text = digits.iter().all(|digit| (b'0'..=b'7').contains(digit)).then(|| digits.to_str().ok())??;
    Some((u8::from_str_radix(text, 8).ok()?, tail))
}

/// Cuts a reply into its complete records.
fn records<'a>(nonce: &'a Nonce, reply: &'a [u8]) -> Result<Vec<Record<'a>>, ListingError> {
    let mut records = Vec::new();
    let mut open: Option<Record<'_>> = None;
    let mut escaped = false;
    for piece in nonce.split(reply).skip(1) {
        let Some((&tag, text)) = piece.split_first() else { continue };
        match (tag, &mut open) {
            (b'A'..=b'Z', _) => {
                escaped |= tag == b'X';
                open = Some(Record { tag, head: text, fields: Vec::new(), body: b"", escaped });
            }
            (b'.', _) => {
                if let Some(mut record) = open.take() {
                    let Some((probe, body)) = text.split_once_str("\n") else { break };
                    if probe.is_empty() {
                        return Err(ListingError::GaveUp);
                    }
                    record.body = body;
                    records.push(record);
                }
            }
            (_, Some(record)) => record.fields.push((tag, text)),
            (_, None) => {}
        }
    }
    Ok(records)
}

/// The fields of a head, in order.
struct Fields<'a, 'r> {
    record: &'r Record<'a>,
    rest: bstr::Split<'a, 'static>,
    what: &'static str,
}

impl<'a, 'r> Fields<'a, 'r> {
    fn new(record: &'r Record<'a>, what: &'static str) -> Self {
        Self::of(record, record.head, what)
    }

    fn of(record: &'r Record<'a>, text: &'a [u8], what: &'static str) -> Self {
        Self { record, rest: text.split_str("\t"), what }
    }

    fn next(&mut self) -> Result<&'a [u8], ListingError> {
        self.rest.next().ok_or_else(|| self.record.malformed(self.what))
    }

    fn optional<T: FromStr>(&mut self) -> Result<Option<T>, ListingError> {
        let field = self.next()?;
        if field.is_empty() {
            return Ok(None);
        }
        let parsed = field.to_str().ok().and_then(|text| text.parse().ok());
        parsed.map(Some).ok_or_else(|| self.record.malformed(self.what))
    }

    fn parse<T: FromStr>(&mut self) -> Result<T, ListingError> {
        self.optional()?.ok_or_else(|| self.record.malformed(self.what))
    }

    /// A number that is empty or unknown counts as 0: counters of things that do not exist.
    fn count<T: FromStr + Default>(&mut self) -> Result<T, ListingError> {
        Ok(self.optional()?.unwrap_or_default())
    }

    /// Flags are `1`, `0` or empty, options `on` or `off` or a number.
    fn flag(&mut self) -> Result<bool, ListingError> {
        Ok(!matches!(self.next()?, b"" | b"0" | b"off"))
    }

    fn size(&mut self) -> Result<Size, ListingError> {
        Ok(Size { width: self.count()?, height: self.count()? })
    }
}

/// Reads a whole reply to [`super::list_script::list_script`]: the listing without the options of single objects, and
/// those, as far as the reply tells them.
pub(super) fn parse_listing(nonce: &Nonce, reply: &[u8]) -> Result<(Listing, OwnOptions), ListingError> {
    let version = version_of(nonce, reply)?;
    let reply = quote::undo_output(reply, version);
    let mut server = None;
    let mut builder = Builder::default();
    let mut own = OwnOptions::default();
    let mut ended = false;
    for record in &records(nonce, &reply)? {
        match (record.tag, &mut server) {
            (b'V', None) => server = Some(parse_server(record, version)?),
            (b'S', _) => builder.session(record)?,
            (b'W', _) => builder.window(record)?,
            (b'P', _) => builder.pane(record)?,
            (b'C', _) => builder.clients.push(parse_client(record)?),
            (b'B', _) => builder.buffers.extend(record.text(b'n')),
            (b'Z', _) => ended = true,
            (b'G', Some(server)) => global(record, server, &mut own.strange),
            _ => own.read(record),
        }
    }
    let server = server.filter(|_| ended).ok_or(ListingError::Truncated)?;
    let listing = builder.finish(server)?;
    own.settle(&listing);
    Ok((listing, own))
}

/// Reads the reply to [`super::list_script::options_script`].
///
/// # Errors
/// [`ListingError::Truncated`].
pub(super) fn parse_options_reply(
    nonce: &Nonce,
    reply: &[u8],
    version: TmuxVersion,
    own: &mut OwnOptions,
) -> Result<(), ListingError> {
    let reply = quote::undo_output(reply, version);
    let records = records(nonce, &reply)?;
    records.iter().for_each(|record| own.read(record));
    if records.iter().any(|record| record.tag == b'Y') { Ok(()) } else { Err(ListingError::Truncated) }
}

fn global(record: &Record<'_>, server: &mut ListedServer, strange: &mut Vec<BadEnvironment>) {
    match record.head {
        b"s" => server.server_options = options::parse_options(record.body),
        b"g" => server.session_options = options::parse_options(record.body),
        b"w" => server.window_options = options::parse_options(record.body),
        b"e" => server.environment = own_options::environment(record, strange),
        _ => {}
    }
}

/// The version in the first record: how the rest is to be read.
fn version_of(nonce: &Nonce, reply: &[u8]) -> Result<TmuxVersion, ListingError> {
    let first = nonce.split(reply).nth(1).and_then(|piece| piece.strip_prefix(b"V"));
    let (version, _) = first.and_then(|head| head.split_once_str("\t")).ok_or(ListingError::Truncated)?;
    let unsupported = || ListingError::Version(quote::printable(version));
    let parsed: TmuxVersion = version.to_str_lossy().parse().map_err(|_| unsupported())?;
    if parsed < TmuxVersion::OLDEST { Err(unsupported()) } else { Ok(parsed) }
}

fn parse_server(record: &Record<'_>, version: TmuxVersion) -> Result<ListedServer, ListingError> {
    let mut fields = Fields::new(record, "server");
    fields.next()?;
    Ok(ListedServer {
        version,
        pid: fields.parse()?,
        started: fields.parse()?,
        socket: record.text(b'k').unwrap_or_default(),
        config_files: record.text(b'c').filter(|_| version.at_least(3, 2)),
        server_options: Vec::new(),
        session_options: Vec::new(),
        window_options: Vec::new(),
        environment: Vec::new(),
    })
}

fn parse_client(record: &Record<'_>) -> Result<ListedClient, ListingError> {
    let mut fields = Fields::new(record, "client");
    Ok(ListedClient {
        pid: fields.count()?,
        control: fields.flag()?,
        activity: fields.count()?,
        created: fields.count()?,
        size: fields.size()?,
        name: record.text(b'n').unwrap_or_default(),
        tty: record.text(b'y').unwrap_or_default(),
        term: record.text(b'e').unwrap_or_default(),
        session: record.text(b's').unwrap_or_default(),
        last_session: record.text(b'l').filter(|name| !name.is_empty()),
    })
}

/// Objects as they come in.
#[derive(Default)]
struct Builder {
    sessions: Vec<ListedSession>,
    windows: Vec<ListedWindow>,
    positions: HashMap<WindowId, usize>,
    clients: Vec<ListedClient>,
    buffers: Vec<BString>,
}

impl Builder {
    fn session(&mut self, record: &Record<'_>) -> Result<(), ListingError> {
        let mut fields = Fields::new(record, "session");
        let id = fields.parse()?;
        let (created, activity, last_attached, attached) =
            (fields.count()?, fields.count()?, fields.optional()?, fields.count()?);
        let stack = fields.next()?.split_str(",").filter_map(|index| index.to_str().ok()?.parse().ok());
        self.sessions.push(ListedSession {
            id,
            name: record.name(b'n').unwrap_or_default(),
            // Known since 3.2, and never empty then.
            path: record.name(b'p').filter(|path| !path.is_empty()),
            group: record.name(b'g').filter(|group| !group.is_empty()),
            created,
            activity,
            last_attached: last_attached.filter(|&time| time != 0),
            attached,
            stack: stack.collect(),
            links: Vec::new(),
            options: Vec::new(),
            environment: Vec::new(),
        });
        Ok(())
    }

    fn window(&mut self, record: &Record<'_>) -> Result<(), ListingError> {
        let mut fields = Fields::new(record, "window");
        let session = fields.parse()?;
        let index = fields.parse()?;
        let id = fields.parse()?;
        let (size, zoomed, activity, automatic_rename) =
            (fields.size()?, fields.flag()?, fields.count()?, fields.flag()?);
        let link = ListedLink { index, window: id, flags: fields.next()?.into() };
        let session = self.sessions.iter_mut().rev().find(|other| other.id == session);
        session.ok_or_else(|| record.malformed("window of an unknown session"))?.links.push(link);
        if self.positions.contains_key(&id) {
            return Ok(());
        }
        self.positions.insert(id, self.windows.len());
        self.windows.push(ListedWindow {
            id,
            name: record.name(b'n').unwrap_or_default(),
            layout: record.text(b'l').unwrap_or_default(),
            size,
            zoomed,
            activity,
            automatic_rename,
            options: Vec::new(),
            panes: Vec::new(),
        });
        Ok(())
    }

    fn pane(&mut self, record: &Record<'_>) -> Result<(), ListingError> {
        let mut fields = Fields::new(record, "pane");
        let window: WindowId = fields.parse()?;
        let pane = parse_pane(record, &mut fields)?;
        let position = self.positions.get(&window);
        let position = *position.ok_or_else(|| record.malformed("pane of an unknown window"))?;
        let panes = &mut self.windows[position].panes;
        if !panes.iter().any(|other| other.id == pane.id) {
            panes.push(pane);
        }
        Ok(())
    }

    /// Checks the invariants of [`Listing`]; the lists were made in one queue run, so they cannot contradict.
    fn finish(mut self, server: ListedServer) -> Result<Listing, ListingError> {
        let wrong = |what, id: String| Err(ListingError::Malformed { what, record: id });
        if self.sessions.is_empty() {
            return Err(ListingError::NoSession);
        }
        for session in &mut self.sessions {
            if session.links.is_empty() {
                return wrong("session without windows", session.id.to_string());
            }
            session.links.sort_by_key(|link| link.index);
        }
        if let Some(window) = self.windows.iter().find(|window| window.panes.is_empty()) {
            return wrong("window without panes", window.id.to_string());
        }
        Ok(Listing {
            server,
            sessions: self.sessions,
            windows: self.windows,
            clients: self.clients,
            buffers: self.buffers,
        })
    }
}

fn parse_pane(record: &Record<'_>, fields: &mut Fields<'_, '_>) -> Result<ListedPane, ListingError> {
    let id = fields.parse()?;
    let pid: Option<u32> = fields.optional()?;
    let size = fields.size()?;
    let (active, last, input_off, marked) = (fields.flag()?, fields.flag()?, fields.flag()?, fields.flag()?);
    let modes_open = fields.count()?;
    let cursor = (fields.count()?, fields.count()?);
    let (history_size, limit, bytes) = (fields.count()?, fields.count()?, fields.count()?);
    let part = |tag, what| record.raw(tag).map(|text| Fields::of(record, text, what));
    let mut dead = (None, None);
    if let Some(mut fields) = part(b'd', "dead pane") {
        dead = (fields.optional()?, fields.optional().unwrap_or_default());
    }
    let mut alternate = None;
    let mut modes = Vec::new();
    if let Some(mut fields) = part(b'a', "pane with the alternate screen") {
        alternate = Some((fields.count()?, fields.count()?));
        for mode in MODES {
            if fields.flag()? {
                modes.push(mode);
            }
        }
    }
    let mut exact = None;
    let mut last_output = None;
    if let Some(mut fields) = part(b'x', "counters of a pane") {
        let (collected, generation, output) = (fields.count()?, fields.count()?, fields.count()?);
        exact = Some(ExactHistory { collected, generation, output });
        last_output = fields.optional()?.filter(|&time: &i64| time != 0);
    }
    Ok(ListedPane {
        id,
        pid: pid.filter(|&pid| pid != 0),
        tty: record.text(b'y').filter(|tty| !tty.is_empty()),
        title: record.text(b't').unwrap_or_default(),
        size,
        active,
        last,
        dead: record.raw(b'd').is_some(),
        dead_status: dead.0,
        dead_signal: dead.1,
        input_off,
        marked,
        modes_open,
        cursor,
        alternate,
        modes,
        history: History { size: history_size, limit, bytes, exact },
        last_output,
        start_command: record.text(b'c').unwrap_or_default(),
        start_command_list: record.text(b'v'),
        start_path: record.name(b'p'),
        current_path: record.name(b'w'),
        current_command: record.name(b'o'),
        floating: record.raw(b'f') == Some(b"1"),
        identity_option: record.text(b'i').filter(|value| !value.is_empty()),
        options: Vec::new(),
    })
}
