//! Panes, programs, debts and texts in stored bodies.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::editor::EditorBody;
use super::session::{EntryBody, environment, list, model_environment, model_list, model_options, options};
use super::{Bytes, Hash, is_default};
use crate::model::{
    BlockId, BlockRef, Command, Conversation, Death, Debt, Found, Owed, Pane, PaneFacts, PaneIdentity,
    Program, Scrollback, ShellState, Size, StartCommand, TextMark,
};

/// A pane without its facts; its text is a part of its own.
#[derive(Debug, Serialize, Deserialize)]
pub struct PaneBody {
    identity: PaneIdentity,
    title: Bytes,
    directory: Bytes,
    history_limit: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    options: Vec<EntryBody>,
    #[serde(default, skip_serializing_if = "is_default")]
    input_off: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    marked: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dead: Option<DeathBody>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start: Option<StartBody>,
    /// The foreground program; when it began is a fact, because that is known only to a tick of the clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    program: Option<ProgramBody>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shell: Option<ShellBody>,
    /// The hash of its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Hash>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    debts: Vec<DebtBody>,
}

#[derive(Debug, Serialize, Deserialize)]
struct DeathBody {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
}

/// A command line.
#[derive(Debug, Serialize, Deserialize)]
pub struct CommandBody {
    argv: Vec<Bytes>,
    #[serde(default, skip_serializing_if = "is_default")]
    masked: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct StartBody {
    shown: Bytes,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    argv: Vec<Bytes>,
    #[serde(default, skip_serializing_if = "is_default")]
    masked: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct ProgramBody {
    command: CommandBody,
    directory: Bytes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    started: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    conversation: Option<ConversationBody>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    editor: Option<EditorBody>,
    line: Option<Bytes>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    redirected: bool,
}

/// What the shell of a pane has told of itself.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShellBody {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Bytes>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    directories: Vec<Bytes>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    variables: Vec<EntryBody>,
}

/// A conversation; of a running program how it is known is a fact.
#[derive(Debug, Serialize, Deserialize)]
pub struct ConversationBody {
    tool: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    directory: Bytes,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    environment: Vec<EntryBody>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    found: Option<FoundBody>,
}

/// How a conversation is known.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct FoundBody {
    confidence: String,
    evidence: String,
    #[serde(default, skip_serializing_if = "is_default")]
    begun: bool,
    pid: u32,
    started: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct DebtBody {
    owed: OwedBody,
    since: Timestamp,
    reason: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(clippy::large_enum_variant, reason = "there are few, and most are programs")]
enum OwedBody {
    Program(ProgramBody),
    Start(StartBody),
    Directory(Bytes),
    Text,
}

impl From<&Command> for CommandBody {
    fn from(command: &Command) -> Self {
        Self { argv: list(&command.argv), masked: command.masked }
    }
}

impl From<CommandBody> for Command {
    fn from(body: CommandBody) -> Self {
        Self { argv: model_list(body.argv), masked: body.masked }
    }
}

impl From<&StartCommand> for StartBody {
    fn from(start: &StartCommand) -> Self {
        Self { shown: (&start.shown).into(), argv: list(&start.argv), masked: start.masked }
    }
}

impl From<StartBody> for StartCommand {
    fn from(body: StartBody) -> Self {
        Self { shown: body.shown.into(), argv: model_list(body.argv), masked: body.masked }
    }
}

impl ProgramBody {
    /// Of a program in the foreground: what changes while it is the same is a fact.
    fn of(program: &Program) -> Self {
        Self {
            command: (&program.command).into(),
            directory: (&program.directory).into(),
            started: None,
            conversation: program.conversation.as_ref().map(ConversationBody::of),
            line: program.line.as_ref().map(Into::into),
            redirected: program.redirected,
            editor: program.editor.as_ref().map(EditorBody::of),
        }
    }

    /// The same with all that is known: nothing of a debt changes.
    fn whole(program: &Program) -> Self {
        Self {
            started: Some(program.started),
            conversation: program.conversation.as_ref().map(ConversationBody::whole),
            editor: program.editor.as_ref().map(EditorBody::whole),
            ..Self::of(program)
        }
    }
}

impl ConversationBody {
    fn of(conversation: &Conversation) -> Self {
        Self {
            tool: conversation.tool.clone(),
            id: conversation.id.clone(),
            directory: (&conversation.directory).into(),
            environment: environment(&conversation.environment),
            found: None,
        }
    }

    /// With how it is known.
    pub fn whole(conversation: &Conversation) -> Self {
        Self { found: Some((&conversation.found).into()), ..Self::of(conversation) }
    }
}

impl From<ConversationBody> for Conversation {
    fn from(body: ConversationBody) -> Self {
        Self {
            tool: body.tool,
            id: body.id,
            directory: body.directory.into(),
            environment: model_environment(body.environment),
            found: body.found.unwrap_or_default().into(),
        }
    }
}

impl From<&Found> for FoundBody {
    fn from(found: &Found) -> Self {
        Self {
            confidence: found.confidence.as_str().to_owned(),
            evidence: found.evidence.clone(),
            begun: found.begun,
            pid: found.pid,
            started: found.started,
        }
    }
}

impl From<FoundBody> for Found {
    fn from(body: FoundBody) -> Self {
        // A word that a later evermux knows says at least that there is an id.
        let confidence = body.confidence.parse().unwrap_or_default();
        let FoundBody { evidence, begun, pid, started, .. } = body;
        Self { confidence, evidence, begun, pid, started }
    }
}

impl From<ProgramBody> for Program {
    fn from(body: ProgramBody) -> Self {
        Self {
            command: body.command.into(),
            directory: body.directory.into(),
            started: body.started.unwrap_or_default(),
            conversation: body.conversation.map(Into::into),
            editor: body.editor.map(Into::into),
            line: body.line.map(Into::into),
            redirected: body.redirected,
        }
    }
}

impl From<&ShellState> for ShellBody {
    fn from(shell: &ShellState) -> Self {
        Self {
            previous: shell.previous.as_ref().map(Into::into),
            directories: list(&shell.directories),
            variables: environment(&shell.variables),
        }
    }
}

impl From<ShellBody> for ShellState {
    fn from(body: ShellBody) -> Self {
        Self {
            previous: body.previous.map(Into::into),
            directories: model_list(body.directories),
            variables: model_environment(body.variables),
        }
    }
}

impl From<&Debt> for DebtBody {
    fn from(debt: &Debt) -> Self {
        let owed = match &debt.owed {
            Owed::Program(program) => OwedBody::Program(ProgramBody::whole(program)),
            Owed::Start(start) => OwedBody::Start(start.into()),
            Owed::Directory(directory) => OwedBody::Directory(directory.into()),
            Owed::Text => OwedBody::Text,
        };
        Self { owed, since: debt.since, reason: debt.reason.clone() }
    }
}

impl From<DebtBody> for Debt {
    fn from(body: DebtBody) -> Self {
        let owed = match body.owed {
            OwedBody::Program(program) => Owed::Program(program.into()),
            OwedBody::Start(start) => Owed::Start(start.into()),
            OwedBody::Directory(directory) => Owed::Directory(directory.into()),
            OwedBody::Text => Owed::Text,
        };
        Self { owed, since: body.since, reason: body.reason }
    }
}

impl PaneBody {
    /// Of a pane whose text has this hash.
    pub fn of(pane: &Pane, text: Option<Hash>) -> Self {
        Self {
            identity: pane.identity,
            title: (&pane.title).into(),
            directory: (&pane.directory).into(),
            history_limit: pane.history_limit,
            options: options(&pane.options),
            input_off: pane.input_off,
            marked: pane.marked,
            dead: pane.dead.map(|death| DeathBody { status: death.status, signal: death.signal }),
            start: pane.start.as_ref().map(StartBody::from),
            program: pane.program.as_ref().map(ProgramBody::of),
            shell: pane.shell.as_ref().map(ShellBody::from),
            text,
            debts: pane.debts.iter().map(DebtBody::from).collect(),
        }
    }

    /// The blocks that it mentions itself: what editors held.
    pub fn blocks(&self) -> Vec<Hash> {
        let owed = self.debts.iter().filter_map(|debt| match &debt.owed {
            OwedBody::Program(program) => Some(program),
            _ => None,
        });
        let editors = self.program.iter().chain(owed).filter_map(|program| program.editor.as_ref());
        editors.flat_map(EditorBody::blocks).collect()
    }

    /// As a pane without facts and text.
    pub fn into_pane(self) -> Pane {
        Pane {
            identity: self.identity,
            title: self.title.into(),
            directory: self.directory.into(),
            history_limit: self.history_limit,
            options: model_options(self.options),
            input_off: self.input_off,
            marked: self.marked,
            dead: self.dead.map(|body| Death { status: body.status, signal: body.signal }),
            start: self.start.map(Into::into),
            program: self.program.map(Into::into),
            shell: self.shell.map(Into::into),
            text: None,
            debts: self.debts.into_iter().map(Into::into).collect(),
            facts: PaneFacts::default(),
        }
    }
}

/// The text of a pane without its mark.
#[derive(Debug, Serialize, Deserialize)]
pub struct TextBody {
    size: (u32, u32),
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head: Option<Bytes>,
    #[serde(default, skip_serializing_if = "is_default")]
    skip: u32,
    history: Vec<BlockBody>,
    screen: BlockBody,
    end_row: u32,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct BlockBody {
    id: Hash,
    lines: u32,
    bytes: u32,
}

impl BlockBody {
    /// Its name.
    pub fn id(&self) -> Hash {
        self.id
    }
}

impl From<&BlockRef> for BlockBody {
    fn from(block: &BlockRef) -> Self {
        Self { id: Hash(block.id.0), lines: block.lines, bytes: block.bytes }
    }
}

impl From<BlockBody> for BlockRef {
    fn from(body: BlockBody) -> Self {
        Self { id: BlockId(body.id.0), lines: body.lines, bytes: body.bytes }
    }
}

impl From<&Scrollback> for TextBody {
    fn from(text: &Scrollback) -> Self {
        Self {
            size: (text.size.width, text.size.height),
            head: text.head.clone().map(Bytes),
            skip: text.skip,
            history: text.history.iter().map(BlockBody::from).collect(),
            screen: (&text.screen).into(),
            end_row: text.end_row,
        }
    }
}

impl TextBody {
    /// The block of its screen.
    pub fn screen(&self) -> Hash {
        self.screen.id
    }
}

impl From<TextBody> for Scrollback {
    fn from(body: TextBody) -> Self {
        Self {
            size: Size { width: body.size.0, height: body.size.1 },
            head: body.head.map(|head| head.0),
            skip: body.skip,
            history: body.history.into_iter().map(BlockRef::from).collect(),
            screen: body.screen.into(),
            end_row: body.end_row,
            mark: TextMark::default(),
        }
    }
}
