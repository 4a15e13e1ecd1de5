//! What the editors in panes hold: asked for while the text is captured.

use std::sync::Arc;

use bstr::BString;

use super::Blocks;
use super::assemble::{Draft, Sources};
use super::programs::Running;
use crate::editors::{Answer, Asking, Held, HeldText, Question};
use crate::model::{
    BlockId, BlockRef, Editor, EditorFacts, Owed, Pane, PaneIdentity, Program, StartCommand, Unsaved,
};
use crate::procs::ProcessTable;
use crate::relaunch::editors::Tool;
use crate::relaunch::editors::words::{attached, restored, without_restore};

/// Most processes of an editor that are looked at.
const MOST: usize = 64;

/// An editor in the foreground of a pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EditorInstance {
    /// Which one it is.
    pub tool: Tool,
    /// Its process.
    pub pid: u32,
    /// What tells it from a later one with this id.
    pub birth: u64,
    /// When it began: milliseconds since the epoch.
    pub started: i64,
    /// The name of the state that a restore has started it with.
    pub restored: Option<String>,
    /// The socket of the editor that it only shows, because that has outlived its pane.
    pub shows: Option<BString>,
    /// Whether it is the command its pane was made with.
    pub own: bool,
}

/// An editor in a pane of the draft.
#[derive(Clone, Debug)]
pub(super) struct EditorFound {
    /// Its place in the draft.
    pub window: usize,
    pub pane: usize,
    pub instance: EditorInstance,
}

impl EditorInstance {
    /// The editor that this program is, if it can be asked: started by the user, not by another program for text of its own
    /// (a password store, a commit).
    pub fn of(process: &crate::procs::Process, own: bool) -> Option<Self> {
        let tool = Tool::of_words(process.argv())?;
        Some(Self {
            tool,
            own,
            pid: process.pid,
            birth: process.birth,
            started: process.started,
            restored: restored(process.argv()),
            shows: attached(process.argv()).cloned(),
        })
    }

    /// Whether these facts are of this very process.
    fn is(&self, facts: &EditorFacts) -> bool {
        (facts.pid, facts.started) == (self.pid, self.started)
    }

    /// Whether what is known of an editor in this pane is of this one, or of the one that it takes the place of.
    fn is_kin(&self, editor: &Editor, pane: PaneIdentity) -> bool {
        let server = editor.facts.server.as_ref().map(|(path, ..)| path);
        self.is(&editor.facts)
            || self.restored == Some(editor.name(pane))
            || self.shows.is_some() && self.shows.as_ref() == server
    }
}

/// A program that a restore has started with other words than it had: it is known by the words it had.
pub(super) fn as_it_was(running: &mut Running, identity: PaneIdentity, before: Option<&Pane>) {
    let (Some(instance), Some(program)) = (&running.editor, &mut running.program) else { return };
    if instance.restored.is_none() && instance.shows.is_none() {
        return;
    }
    let kin = |program: &&Program| program.editor.as_ref().is_some_and(|it| instance.is_kin(it, identity));
    let earlier = before.and_then(|before| programs(before).find(kin));
    match earlier {
        Some(earlier) => program.command.clone_from(&earlier.command),
        None => program.command.argv = without_restore(&program.command.argv),
    }
}

/// The command a pane was made with: where a restore has made it with words that bring an editor back, the one it had before.
pub(super) fn start_as_it_was(
    start: Option<StartCommand>,
    instance: Option<&EditorInstance>,
    identity: PaneIdentity,
    before: Option<&Pane>,
) -> Option<StartCommand> {
    let start = start?;
    let kin = |program: &Program| {
        let editor = program.editor.as_ref();
        instance.zip(editor).is_some_and(|(instance, editor)| instance.is_kin(editor, identity))
    };
    let shows = || instance.is_some_and(|it| it.own && it.shows.is_some());
    let is_ours =
        restored(&start.argv).is_some() || shows() && before.is_some_and(|pane| programs(pane).any(kin));
    if !is_ours {
        return Some(start);
    }
    let owed = |pane: &Pane| {
        pane.debts.iter().find_map(|debt| match &debt.owed {
            Owed::Start(start) => Some(start.clone()),
            _ => None,
        })
    };
    let earlier = before.and_then(|pane| pane.start.clone().or_else(|| owed(pane)));
    Some(earlier.unwrap_or_else(|| StartCommand { argv: without_restore(&start.argv), ..start }))
}

/// The program of a pane, and those it is owed.
fn programs(pane: &Pane) -> impl Iterator<Item = &Program> {
    let owed = pane.debts.iter().filter_map(|debt| match &debt.owed {
        Owed::Program(program) => Some(program),
        _ => None,
    });
    pane.program.iter().chain(owed)
}

/// What was known of this editor.
fn before<'a>(found: &EditorFound, identity: PaneIdentity, sources: &Sources<'a>) -> Option<&'a Editor> {
    let pane = sources.before(identity)?;
    let editors = programs(pane).filter_map(|program| program.editor.as_ref());
    editors.into_iter().find(|editor| found.instance.is_kin(editor, identity))
}

/// Begins to ask the editors of a draft. Without any nothing is done.
pub(super) fn begin(draft: &Draft, sources: &Sources<'_>) -> Option<Asking> {
    let editors =
        sources.options.editors.as_ref().filter(|_| !draft.editors.is_empty() && sources.options.text)?;
    let table = sources.processes;
    let others: Vec<u32> = table
        .processes()
        .iter()
        .filter(|it| Tool::of(&it.name).is_some())
        .map(|it| it.pid)
        .take(MOST)
        .collect();
    let question = |found: &EditorFound| {
        let identity = draft.windows[found.window].panes[found.pane].identity;
        let same = before(found, identity, sources).filter(|editor| found.instance.is(&editor.facts));
        Question {
            tool: found.instance.tool,
            pid: found.instance.pid,
            birth: found.instance.birth,
            below: below(table, found.instance.pid),
            others: others.clone(),
            known: same.map(|editor| editor.facts.fingerprint.clone()),
            // Once it has told something itself its state is back.
            restored: found.instance.restored.clone().filter(|_| same.is_none()),
            soon: same.is_some() && sources.options.flood.is_some(),
        }
    };
    Some(Arc::clone(editors).ask(draft.editors.iter().map(question).collect()))
}

fn below(table: &ProcessTable, pid: u32) -> Vec<u32> {
    table.below(pid).iter().skip(1).map(|process| process.pid).take(MOST).collect()
}

/// Puts what they hold into the panes of the draft; of one that is busy, what it held before.
pub(super) fn finish(
    asking: Option<Asking>,
    draft: &mut Draft,
    sources: &Sources<'_>,
    blocks: &mut dyn Blocks,
) {
    let found = std::mem::take(&mut draft.editors);
    let answers = asking.map(Asking::finish).unwrap_or_default();
    let answers = answers.into_iter().map(Some).chain(std::iter::repeat(None));
    for (found, answer) in found.into_iter().zip(answers) {
        let pane = &mut draft.windows[found.window].panes[found.pane];
        let before = before(&found, pane.identity, sources).cloned();
        let (pid, started, told) = (found.instance.pid, found.instance.started, sources.now);
        let editor = match (answer, before) {
            (Some(Answer::Held(held)), _) => {
                let facts = EditorFacts { told, pid, started, ..EditorFacts::default() };
                Some(kept(found.instance.tool, *held, facts, blocks))
            }
            (Some(Answer::Same), Some(before)) => {
                let facts = EditorFacts { told, late: None, ..before.facts.clone() };
                Some(Editor { facts, ..before })
            }
            (Some(Answer::Late(why)), Some(before)) => {
                let facts = EditorFacts { late: Some(why), ..before.facts.clone() };
                Some(Editor { facts, ..before })
            }
            (_, before) => before,
        };
        if found.instance.own && editor.is_none() {
            // The command of the pane tells all that is known of it.
            pane.program = None;
        } else if let Some(program) = &mut pane.program {
            program.editor = editor;
        }
    }
}

/// What an editor told, in blocks.
fn kept(tool: Tool, held: Held, facts: EditorFacts, blocks: &mut dyn Blocks) -> Editor {
    let mut block = |bytes: Vec<u8>| {
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        let block = BlockRef { id: BlockId::of(&bytes), lines: lines as u32, bytes: bytes.len() as u32 };
        blocks.write(block, bytes);
        block
    };
    let Held { told, fingerprint, server, session, state, unsaved, left_out } = held;
    // Its server may be another process than the one that is seen.
    let server = server.and_then(|server| {
        let birth = ProcessTable::of(server.pid).get(server.pid)?.birth;
        Some((server.path.into_os_string().into_encoded_bytes().into(), server.pid, birth))
    });
    Editor {
        tool: tool.as_str().to_owned(),
        session: block(session),
        state: block(state),
        unsaved: unsaved
            .into_iter()
            .map(|HeldText { name, text, undo }| Unsaved {
                name,
                text: block(text),
                undo: undo.map(&mut block),
            })
            .collect(),
        left_out,
        facts: EditorFacts { server, fingerprint, told: told.unwrap_or(facts.told), ..facts },
    }
}
