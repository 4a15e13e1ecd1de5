//! The printed twins of snapshots: what `--json` promises (`docs/json.md`). Fields may be added; none is renamed,
//! removed or given another meaning within a major version.

use bstr::BString;
use evermux_core::choose::Coverage;
use evermux_core::model::{
    Client, Command, Conversation, Death, Debt, Editor, EnvironmentEntry, Generation, LeftOut, OptionEntry,
    Owed, Pane, Program, Server, ServerName, Session, ShellState, Size, Snapshot, StartCommand, Unsaved,
    Window,
};
use evermux_core::store::Listed;
use jiff::Timestamp;
use serde::Serialize;

use crate::output::json_text;

fn text(bytes: &BString) -> String {
    json_text(bytes)
}

fn texts(list: &[BString]) -> Vec<String> {
    list.iter().map(text).collect()
}

/// What lists tell of a snapshot.
#[derive(Debug, Serialize)]
pub struct EntryJson {
    id: i64,
    taken_at: Timestamp,
    still_at: Timestamp,
    server: ServerNameJson,
    generation: GenerationJson,
    kind: &'static str,
    coverage: &'static str,
    left_out: Vec<String>,
    name: Option<String>,
    note: Option<String>,
    pinned: bool,
    sessions: usize,
    windows: u32,
    panes: u32,
    restore_point: bool,
    text_removed: bool,
}

impl EntryJson {
    /// `restore_point`: a restore without arguments uses it.
    pub fn new(listed: &Listed, restore_point: bool) -> Self {
        let entry = &listed.entry;
        let (coverage, left_out) = match &entry.coverage {
            Coverage::Whole => ("whole", Vec::new()),
            Coverage::Without(names) => ("whole", texts(names)),
            Coverage::Part => ("part", Vec::new()),
        };
        Self {
            id: entry.id.0,
            taken_at: entry.taken_at,
            still_at: entry.still_at,
            server: (&listed.server).into(),
            generation: (&entry.generation).into(),
            kind: entry.kind.as_str(),
            coverage,
            left_out,
            name: listed.name.clone(),
            note: listed.note.clone(),
            pinned: listed.pinned,
            sessions: entry.sessions.len(),
            windows: listed.windows,
            panes: listed.panes,
            restore_point,
            text_removed: listed.thinned,
        }
    }
}

/// The lasting name of a server.
#[derive(Debug, Serialize)]
pub struct ServerNameJson {
    machine: String,
    socket: String,
}

impl From<&ServerName> for ServerNameJson {
    fn from(server: &ServerName) -> Self {
        Self { machine: server.machine.clone(), socket: text(&server.socket) }
    }
}

/// One life of a server.
#[derive(Debug, Serialize)]
pub struct GenerationJson {
    boot: String,
    pid: u32,
    started: i64,
}

impl From<&Generation> for GenerationJson {
    fn from(generation: &Generation) -> Self {
        Self { boot: generation.boot.clone(), pid: generation.pid, started: generation.started }
    }
}

/// What a snapshot holds.
#[derive(Debug, Serialize)]
pub struct SnapshotJson {
    taken_at: Timestamp,
    server: ServerJson,
    sessions: Vec<SessionJson>,
    windows: Vec<WindowJson>,
}

#[derive(Debug, Serialize)]
struct ServerJson {
    machine: String,
    socket: String,
    generation: GenerationJson,
    version: String,
    uid: u32,
    server_options: Vec<OptionJson>,
    session_options: Vec<OptionJson>,
    window_options: Vec<OptionJson>,
    environment_names: Vec<String>,
    clients: Vec<ClientJson>,
    /// Names and sizes only: contents belong on no terminal by accident.
    buffers: Vec<BufferJson>,
}

#[derive(Debug, Serialize)]
struct OptionJson {
    name: String,
    value: Option<String>,
}

#[derive(Debug, Serialize)]
struct ClientJson {
    tty: String,
    term: String,
    session: usize,
    last_session: Option<usize>,
}

#[derive(Debug, Serialize)]
struct BufferJson {
    name: String,
    bytes: usize,
}

#[derive(Debug, Serialize)]
struct SizeJson {
    width: u32,
    height: u32,
}

#[derive(Debug, Serialize)]
struct SessionJson {
    name: String,
    directory: String,
    group: Option<String>,
    options: Vec<OptionJson>,
    environment: Vec<OptionJson>,
    links: Vec<LinkJson>,
    active: u32,
    last: Vec<u32>,
    created: i64,
    attached: u32,
    untouched: bool,
}

#[derive(Debug, Serialize)]
struct LinkJson {
    index: u32,
    window: usize,
}

#[derive(Debug, Serialize)]
struct WindowJson {
    name: String,
    layout: String,
    size: SizeJson,
    zoomed: bool,
    active: usize,
    last: Vec<usize>,
    options: Vec<OptionJson>,
    automatic_rename: bool,
    alerts: String,
    panes: Vec<PaneJson>,
}

#[derive(Debug, Serialize)]
struct PaneJson {
    identity: String,
    title: String,
    directory: String,
    history_limit: u32,
    options: Vec<OptionJson>,
    input_off: bool,
    marked: bool,
    dead: Option<DeathJson>,
    start: Option<StartJson>,
    program: Option<ProgramJson>,
    shell: Option<ShellJson>,
    text: Option<TextJson>,
    text_left_out: Option<String>,
    debts: Vec<DebtJson>,
    pid: Option<u32>,
    alternate_screen: bool,
    waiting: bool,
    last_status: Option<i32>,
}

/// What the shell of a pane has told of itself.
#[derive(Debug, Serialize)]
struct ShellJson {
    previous: Option<String>,
    directories: Vec<String>,
    variables: Vec<OptionJson>,
}

#[derive(Debug, Serialize)]
struct DeathJson {
    status: Option<i32>,
    signal: Option<i32>,
}

#[derive(Debug, Serialize)]
struct StartJson {
    shown: String,
    argv: Vec<String>,
    masked: bool,
}

#[derive(Debug, Serialize)]
struct ProgramJson {
    argv: Vec<String>,
    masked: bool,
    directory: String,
    started: i64,
    conversation: Option<ConversationJson>,
    line: Option<String>,
    redirected: bool,
    editor: Option<EditorJson>,
}

/// What an editor holds.
#[derive(Debug, Serialize)]
struct EditorJson {
    tool: String,
    unsaved: Vec<UnsavedJson>,
    left_out: Vec<LeftOutJson>,
    told: Timestamp,
    late: Option<String>,
}

/// Text that is in no file.
#[derive(Debug, Serialize)]
struct UnsavedJson {
    name: String,
    bytes: u32,
    undo: bool,
}

/// Changed text that is not kept.
#[derive(Debug, Serialize)]
struct LeftOutJson {
    name: String,
    reason: String,
}

/// A conversation that a program holds, and how that is known.
#[derive(Debug, Serialize)]
pub struct ConversationJson {
    /// The name of its handler.
    pub tool: String,
    /// Its id; none if that is not known.
    pub id: Option<String>,
    /// `exact`, `strong` or `guess`.
    pub confidence: &'static str,
    /// What tells the id, or why none is known.
    pub evidence: String,
    directory: String,
    environment: Vec<OptionJson>,
    begun: bool,
}

#[derive(Debug, Serialize)]
struct TextJson {
    lines: u64,
}

/// Something that a pane is owed.
#[derive(Debug, Serialize)]
pub struct DebtJson {
    owed: &'static str,
    argv: Vec<String>,
    directory: Option<String>,
    since: Timestamp,
    reason: String,
}

impl From<&Snapshot> for SnapshotJson {
    fn from(snapshot: &Snapshot) -> Self {
        Self {
            taken_at: snapshot.taken_at(),
            server: snapshot.server().into(),
            sessions: snapshot.sessions().iter().map(Into::into).collect(),
            windows: snapshot.windows().iter().map(Into::into).collect(),
        }
    }
}

impl From<&Server> for ServerJson {
    fn from(server: &Server) -> Self {
        Self {
            machine: server.name.machine.clone(),
            socket: text(&server.name.socket),
            generation: (&server.generation).into(),
            version: server.version.to_string(),
            uid: server.uid,
            server_options: options(&server.server_options),
            session_options: options(&server.session_options),
            window_options: options(&server.window_options),
            environment_names: texts(&server.environment_names),
            clients: server.clients.iter().map(Into::into).collect(),
            buffers: server
                .buffers
                .iter()
                .map(|buffer| BufferJson { name: text(&buffer.name), bytes: buffer.content.len() })
                .collect(),
        }
    }
}

impl From<&Client> for ClientJson {
    fn from(client: &Client) -> Self {
        Self {
            tty: text(&client.tty),
            term: text(&client.term),
            session: client.session,
            last_session: client.last_session,
        }
    }
}

fn options(options: &[OptionEntry]) -> Vec<OptionJson> {
    let json = |option: &OptionEntry| OptionJson {
        name: text(&option.name),
        value: option.value.as_ref().map(text),
    };
    options.iter().map(json).collect()
}

fn environment(entries: &[EnvironmentEntry]) -> Vec<OptionJson> {
    let json = |entry: &EnvironmentEntry| OptionJson {
        name: text(&entry.name),
        value: entry.value.as_ref().map(text),
    };
    entries.iter().map(json).collect()
}

impl From<Size> for SizeJson {
    fn from(size: Size) -> Self {
        Self { width: size.width, height: size.height }
    }
}

impl From<&Session> for SessionJson {
    fn from(session: &Session) -> Self {
        Self {
            name: text(&session.name),
            directory: text(&session.directory),
            group: session.group.as_ref().map(text),
            options: options(&session.options),
            environment: environment(&session.environment),
            links: session
                .links
                .iter()
                .map(|link| LinkJson { index: link.index, window: link.window })
                .collect(),
            active: session.active,
            last: session.last.clone(),
            created: session.facts.created,
            attached: session.facts.attached,
            untouched: session.facts.untouched,
        }
    }
}

impl From<&Window> for WindowJson {
    fn from(window: &Window) -> Self {
        Self {
            name: text(&window.name),
            layout: window.layout.to_old(),
            size: window.size.into(),
            zoomed: window.zoomed,
            active: window.active,
            last: window.last.clone(),
            options: options(&window.options),
            automatic_rename: window.facts.automatic_rename,
            alerts: text(&window.facts.alerts),
            panes: window.panes.iter().map(Into::into).collect(),
        }
    }
}

impl From<&Pane> for PaneJson {
    fn from(pane: &Pane) -> Self {
        Self {
            identity: pane.identity.to_string(),
            title: text(&pane.title),
            directory: text(&pane.directory),
            history_limit: pane.history_limit,
            options: options(&pane.options),
            input_off: pane.input_off,
            marked: pane.marked,
            dead: pane.dead.map(Into::into),
            start: pane.start.as_ref().map(Into::into),
            program: pane.program.as_ref().map(Into::into),
            shell: pane.shell.as_ref().map(Into::into),
            text: pane.text.as_ref().map(|text| TextJson { lines: text.lines() }),
            text_left_out: pane.facts.text_left_out.clone(),
            debts: pane.debts.iter().map(Into::into).collect(),
            pid: pane.facts.pid,
            alternate_screen: pane.facts.alternate_screen,
            waiting: pane.facts.waiting,
            last_status: pane.facts.last_status,
        }
    }
}

impl From<Death> for DeathJson {
    fn from(death: Death) -> Self {
        Self { status: death.status, signal: death.signal }
    }
}

impl From<&StartCommand> for StartJson {
    fn from(start: &StartCommand) -> Self {
        Self { shown: text(&start.shown), argv: texts(&start.argv), masked: start.masked }
    }
}

impl From<&Program> for ProgramJson {
    fn from(program: &Program) -> Self {
        let Program {
            command: Command { argv, masked },
            directory,
            started,
            conversation,
            editor,
            line,
            redirected,
        } = program;
        Self {
            argv: texts(argv),
            masked: *masked,
            directory: text(directory),
            started: *started,
            conversation: conversation.as_ref().map(Into::into),
            line: line.as_ref().map(text),
            redirected: *redirected,
            editor: editor.as_ref().map(Into::into),
        }
    }
}

impl From<&Editor> for EditorJson {
    fn from(editor: &Editor) -> Self {
        let unsaved = |unsaved: &Unsaved| UnsavedJson {
            name: text(&unsaved.name),
            bytes: unsaved.text.bytes,
            undo: unsaved.undo.is_some(),
        };
        let left = |left: &LeftOut| LeftOutJson { name: text(&left.name), reason: left.reason.clone() };
        Self {
            tool: editor.tool.clone(),
            unsaved: editor.unsaved.iter().map(unsaved).collect(),
            left_out: editor.left_out.iter().map(left).collect(),
            told: editor.facts.told,
            late: editor.facts.late.clone(),
        }
    }
}

impl From<&ShellState> for ShellJson {
    fn from(shell: &ShellState) -> Self {
        Self {
            previous: shell.previous.as_ref().map(text),
            directories: texts(&shell.directories),
            variables: shell.variables.iter().map(variable).collect(),
        }
    }
}

fn variable(entry: &EnvironmentEntry) -> OptionJson {
    OptionJson { name: text(&entry.name), value: entry.value.as_ref().map(text) }
}

impl From<&Conversation> for ConversationJson {
    fn from(conversation: &Conversation) -> Self {
        let found = &conversation.found;
        Self {
            tool: conversation.tool.clone(),
            id: conversation.id.clone(),
            confidence: found.confidence.as_str(),
            evidence: found.evidence.clone(),
            directory: text(&conversation.directory),
            environment: conversation.environment.iter().map(variable).collect(),
            begun: found.begun,
        }
    }
}

impl From<&Debt> for DebtJson {
    fn from(debt: &Debt) -> Self {
        let (owed, argv, directory) = match &debt.owed {
            Owed::Program(program) => {
                ("program", texts(&program.command.argv), Some(text(&program.directory)))
            }
            Owed::Start(start) => ("start", texts(&start.argv), None),
            Owed::Directory(directory) => ("directory", Vec::new(), Some(text(directory))),
            Owed::Text => ("text", Vec::new(), None),
        };
        Self { owed, argv, directory, since: debt.since, reason: debt.reason.clone() }
    }
}
