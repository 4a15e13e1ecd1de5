//! Panes, programs, debts and texts in stored bodies.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::session::{EntryBody, list, model_list, model_options, options};
use super::{Bytes, Hash, is_default};
use crate::model::{
    BlockId, BlockRef, Command, Death, Debt, Owed, Pane, PaneFacts, PaneIdentity, Program, Scrollback, Size,
    StartCommand, TextMark,
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
}

#[derive(Debug, Serialize, Deserialize)]
struct DebtBody {
    owed: OwedBody,
    since: Timestamp,
    reason: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
    fn of(program: &Program, started: Option<i64>) -> Self {
        Self { command: (&program.command).into(), directory: (&program.directory).into(), started }
    }
}

impl From<ProgramBody> for Program {
    fn from(body: ProgramBody) -> Self {
        Self {
            command: body.command.into(),
            directory: body.directory.into(),
            started: body.started.unwrap_or_default(),
        }
    }
}

impl From<&Debt> for DebtBody {
    fn from(debt: &Debt) -> Self {
        let owed = match &debt.owed {
            Owed::Program(program) => OwedBody::Program(ProgramBody::of(program, Some(program.started))),
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
            program: pane.program.as_ref().map(|program| ProgramBody::of(program, None)),
            text,
            debts: pane.debts.iter().map(DebtBody::from).collect(),
        }
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
struct BlockBody {
    id: Hash,
    lines: u32,
    bytes: u32,
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
