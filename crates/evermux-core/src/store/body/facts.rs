//! Facts in stored bodies: what changes while the state stays the same. They are replaced in place.

use serde::{Deserialize, Serialize};

use super::editor::EditorFactsBody;
use super::pane::{CommandBody, ConversationBody, FoundBody};
use super::session::{list, model_list};
use super::{Bytes, is_default};
use crate::model::{Client, Pane, PaneFacts, Process, Server, SessionFacts, TextMark, Window, WindowFacts};

/// Facts of a session, and of those of its windows that no session before it links.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct SessionFactsBody {
    created: i64,
    attached: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    updated_environment: Vec<Bytes>,
    #[serde(default, skip_serializing_if = "is_default")]
    untouched: bool,
    /// The windows.
    #[serde(default)]
    pub windows: Vec<WindowFactsBody>,
}

impl SessionFactsBody {
    /// Of a session, the windows to come.
    pub fn of(facts: &SessionFacts) -> Self {
        Self {
            created: facts.created,
            attached: facts.attached,
            updated_environment: list(&facts.updated_environment),
            untouched: facts.untouched,
            windows: Vec::new(),
        }
    }

    /// As facts of a session; the windows are left.
    pub fn take_facts(&mut self) -> SessionFacts {
        SessionFacts {
            created: self.created,
            attached: self.attached,
            updated_environment: model_list(std::mem::take(&mut self.updated_environment)),
            untouched: self.untouched,
        }
    }
}

/// Facts of a window.
#[derive(Debug, Serialize, Deserialize)]
pub struct WindowFactsBody {
    /// Its index in the session.
    pub index: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    automatic_rename: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    alerts: Bytes,
    /// Its panes, in order.
    panes: Vec<PaneFactsBody>,
}

impl WindowFactsBody {
    /// Of the window at `index`.
    pub fn of(index: u32, window: &Window) -> Self {
        Self {
            index,
            automatic_rename: window.facts.automatic_rename,
            alerts: (&window.facts.alerts).into(),
            panes: window.panes.iter().map(PaneFactsBody::of).collect(),
        }
    }

    /// Puts them into the window.
    pub fn fill(self, window: &mut Window) {
        window.facts = WindowFacts { automatic_rename: self.automatic_rename, alerts: self.alerts.into() };
        for (pane, facts) in window.panes.iter_mut().zip(self.panes) {
            facts.fill(pane);
        }
    }
}

/// Facts of a pane, and where its text was captured.
#[derive(Debug, Serialize, Deserialize)]
pub struct PaneFactsBody {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    processes: Vec<ProcessBody>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    aside: Vec<ConversationBody>,
    #[serde(default, skip_serializing_if = "is_default")]
    alternate_screen: bool,
    cursor: (u32, u32),
    #[serde(default, skip_serializing_if = "is_default")]
    modes: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    at_prompt: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    prompt_rows: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    waiting: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text_left_out: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_status: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    program_started: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    conversation: Option<FoundBody>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    editor: Option<EditorFactsBody>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mark: Option<MarkBody>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ProcessBody {
    pid: u32,
    parent: u32,
    command: CommandBody,
    started: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    foreground: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct MarkBody {
    history_size: u32,
    history_bytes: u64,
    activity: i64,
    captured: i64,
    cursor: (u32, u32),
    #[serde(default, skip_serializing_if = "is_default")]
    alternate_screen: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exact: Option<(u64, u64, u64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed_rows: Option<u32>,
    #[serde(default, skip_serializing_if = "is_default")]
    anchor: Vec<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    anchor_rows: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    top: Vec<u64>,
}

impl PaneFactsBody {
    fn of(pane: &Pane) -> Self {
        let facts = &pane.facts;
        let conversation = pane.program.as_ref().and_then(|program| program.conversation.as_ref());
        let editor = pane.program.as_ref().and_then(|program| program.editor.as_ref());
        let process = |process: &Process| ProcessBody {
            pid: process.pid,
            parent: process.parent,
            command: (&process.command).into(),
            started: process.started,
            foreground: process.foreground,
        };
        Self {
            pid: facts.pid,
            processes: facts.processes.iter().map(process).collect(),
            aside: facts.aside.iter().map(ConversationBody::whole).collect(),
            alternate_screen: facts.alternate_screen,
            cursor: facts.cursor,
            modes: facts.modes.clone(),
            at_prompt: facts.at_prompt,
            prompt_rows: facts.prompt_rows,
            waiting: facts.waiting,
            text_left_out: facts.text_left_out.clone(),
            last_status: facts.last_status,
            program_started: pane.program.as_ref().map(|program| program.started),
            conversation: conversation.map(|conversation| (&conversation.found).into()),
            editor: editor.map(|editor| (&editor.facts).into()),
            mark: pane.text.as_ref().map(|text| MarkBody::from(&text.mark)),
        }
    }

    fn fill(self, pane: &mut Pane) {
        let process = |body: ProcessBody| Process {
            pid: body.pid,
            parent: body.parent,
            command: body.command.into(),
            started: body.started,
            foreground: body.foreground,
        };
        pane.facts = PaneFacts {
            pid: self.pid,
            processes: self.processes.into_iter().map(process).collect(),
            aside: self.aside.into_iter().map(Into::into).collect(),
            alternate_screen: self.alternate_screen,
            cursor: self.cursor,
            modes: self.modes,
            at_prompt: self.at_prompt,
            prompt_rows: self.prompt_rows,
            waiting: self.waiting,
            text_left_out: self.text_left_out,
            last_status: self.last_status,
        };
        if let (Some(program), Some(started)) = (&mut pane.program, self.program_started) {
            program.started = started;
        }
        let conversation = pane.program.as_mut().and_then(|program| program.conversation.as_mut());
        if let (Some(conversation), Some(found)) = (conversation, self.conversation) {
            conversation.found = found.into();
        }
        let editor = pane.program.as_mut().and_then(|program| program.editor.as_mut());
        if let (Some(editor), Some(facts)) = (editor, self.editor) {
            editor.facts = facts.into();
        }
        if let (Some(text), Some(mark)) = (&mut pane.text, self.mark) {
            text.mark = mark.into();
        }
    }
}

impl From<&TextMark> for MarkBody {
    fn from(mark: &TextMark) -> Self {
        Self {
            history_size: mark.history_size,
            history_bytes: mark.history_bytes,
            activity: mark.activity,
            captured: mark.captured,
            cursor: mark.cursor,
            alternate_screen: mark.alternate_screen,
            exact: mark.exact,
            sealed_rows: mark.sealed_rows,
            anchor: mark.anchor.clone(),
            anchor_rows: mark.anchor_rows,
            top: mark.top.clone(),
        }
    }
}

impl From<MarkBody> for TextMark {
    fn from(body: MarkBody) -> Self {
        Self {
            history_size: body.history_size,
            history_bytes: body.history_bytes,
            activity: body.activity,
            captured: body.captured,
            cursor: body.cursor,
            alternate_screen: body.alternate_screen,
            exact: body.exact,
            sealed_rows: body.sealed_rows,
            anchor: body.anchor,
            anchor_rows: body.anchor_rows,
            top: body.top,
        }
    }
}

/// The attached terminals.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct ClientsBody {
    clients: Vec<ClientBody>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ClientBody {
    tty: Bytes,
    term: Bytes,
    session: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_session: Option<usize>,
}

impl ClientsBody {
    /// Of a server.
    pub fn of(server: &Server) -> Self {
        let client = |client: &Client| ClientBody {
            tty: (&client.tty).into(),
            term: (&client.term).into(),
            session: client.session,
            last_session: client.last_session,
        };
        Self { clients: server.clients.iter().map(client).collect() }
    }

    /// As clients.
    pub fn into_clients(self) -> Vec<Client> {
        let client = |body: ClientBody| Client {
            tty: body.tty.into(),
            term: body.term.into(),
            session: body.session,
            last_session: body.last_session,
        };
        self.clients.into_iter().map(client).collect()
    }
}
