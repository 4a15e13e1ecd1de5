//! Sessions and the server in stored bodies.

use serde::{Deserialize, Serialize};

use super::{Bytes, Hash, is_default};
use crate::model::{Buffer, EnvironmentEntry, OptionEntry, Server, Session};

/// An option or a variable.
#[derive(Debug, Serialize, Deserialize)]
pub struct EntryBody {
    name: Bytes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<Bytes>,
}

/// Options as a list, in tmux's order.
pub fn options(entries: &[OptionEntry]) -> Vec<EntryBody> {
    let entry = |entry: &OptionEntry| EntryBody {
        name: (&entry.name).into(),
        value: entry.value.as_ref().map(Bytes::from),
    };
    entries.iter().map(entry).collect()
}

/// The same back.
pub fn model_options(entries: Vec<EntryBody>) -> Vec<OptionEntry> {
    let entry =
        |entry: EntryBody| OptionEntry { name: entry.name.into(), value: entry.value.map(Into::into) };
    entries.into_iter().map(entry).collect()
}

/// Variables as a list, in their order.
pub fn environment(entries: &[EnvironmentEntry]) -> Vec<EntryBody> {
    let entry = |entry: &EnvironmentEntry| EntryBody {
        name: (&entry.name).into(),
        value: entry.value.as_ref().map(Bytes::from),
    };
    entries.iter().map(entry).collect()
}

/// The same back.
pub fn model_environment(entries: Vec<EntryBody>) -> Vec<EnvironmentEntry> {
    let entry =
        |entry: EntryBody| EnvironmentEntry { name: entry.name.into(), value: entry.value.map(Into::into) };
    entries.into_iter().map(entry).collect()
}

/// Byte strings.
pub fn list(values: &[bstr::BString]) -> Vec<Bytes> {
    values.iter().map(Bytes::from).collect()
}

/// The same back.
pub fn model_list(values: Vec<Bytes>) -> Vec<bstr::BString> {
    values.into_iter().map(Into::into).collect()
}

/// A session without its facts.
#[derive(Debug, Serialize, Deserialize)]
pub struct SessionBody {
    /// Its name.
    pub name: Bytes,
    pub directory: Bytes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Bytes>,
    #[serde(default, skip_serializing_if = "is_default_list")]
    options: Vec<EntryBody>,
    #[serde(default, skip_serializing_if = "is_default_list")]
    environment: Vec<EntryBody>,
    /// Its windows.
    pub links: Vec<LinkBody>,
    pub active: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub last: Vec<u32>,
}

/// Where a window stands in a session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LinkBody {
    /// Its index.
    pub index: u32,
    /// The hash of its body. Two windows of a snapshot never have equal bodies: they hold different panes.
    pub window: Hash,
}

fn is_default_list<T>(list: &[T]) -> bool {
    list.is_empty()
}

impl SessionBody {
    /// Of a session whose windows have these bodies.
    pub fn of(session: &Session, windows: &[Hash]) -> Self {
        Self {
            name: (&session.name).into(),
            directory: (&session.directory).into(),
            group: session.group.as_ref().map(Bytes::from),
            options: options(&session.options),
            environment: environment(&session.environment),
            links: session
                .links
                .iter()
                .map(|link| LinkBody { index: link.index, window: windows[link.window] })
                .collect(),
            active: session.active,
            last: session.last.clone(),
        }
    }

    /// Its options and its environment.
    pub fn take_entries(&mut self) -> (Vec<OptionEntry>, Vec<EnvironmentEntry>) {
        let environment = model_environment(std::mem::take(&mut self.environment));
        (model_options(std::mem::take(&mut self.options)), environment)
    }
}

/// What is known of a server beside its sessions, without what the database says in columns and without clients.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct ServerBody {
    #[serde(default)]
    server_options: Vec<EntryBody>,
    #[serde(default)]
    session_options: Vec<EntryBody>,
    #[serde(default)]
    window_options: Vec<EntryBody>,
    #[serde(default)]
    environment_names: Vec<Bytes>,
    #[serde(default, skip_serializing_if = "is_default_list")]
    buffers: Vec<BufferBody>,
}

#[derive(Debug, Serialize, Deserialize)]
struct BufferBody {
    name: Bytes,
    content: Bytes,
}

impl ServerBody {
    /// Of a server.
    pub fn of(server: &Server) -> Self {
        let buffer =
            |buffer: &Buffer| BufferBody { name: (&buffer.name).into(), content: (&buffer.content).into() };
        Self {
            server_options: options(&server.server_options),
            session_options: options(&server.session_options),
            window_options: options(&server.window_options),
            environment_names: list(&server.environment_names),
            buffers: server.buffers.iter().map(buffer).collect(),
        }
    }

    /// Puts it into a server.
    pub fn fill(self, server: &mut Server) {
        server.server_options = model_options(self.server_options);
        server.session_options = model_options(self.session_options);
        server.window_options = model_options(self.window_options);
        server.environment_names = model_list(self.environment_names);
        server.buffers = self
            .buffers
            .into_iter()
            .map(|buffer| Buffer { name: buffer.name.into(), content: buffer.content.into() })
            .collect();
    }
}
