//! The conversations of the assistants in panes: asked for while the text is captured, divided among them at the end.

use std::sync::Arc;

use bstr::{BString, ByteSlice};

use super::Blocks;
use super::assemble::{Draft, Sources};
use crate::assistants::{
    Answer, Asking, Assistants, CAPTURE_ENVIRONMENT_OPTION, Instance, Question, RESUME_OPTION,
};
use crate::handlers::{Candidate, Claimant, SourceKind, Verdict, settle};
use crate::model::{Conversation, Found, Pane};

/// Most variables that the user may name beside those of handlers.
const MOST_VARIABLES: usize = 32;

/// Most assistants of a pane that are remembered while they are not in its foreground.
const MOST_ASIDE: usize = 8;

/// An assistant in a pane.
#[derive(Debug)]
pub(super) struct InPane {
    pub instance: Instance,
    /// It is in the foreground.
    pub in_front: bool,
}

/// An assistant in a pane of the draft.
#[derive(Clone, Debug)]
pub(super) struct AssistantFound {
    /// Its place in the draft.
    pub window: usize,
    pub pane: usize,
    /// Its place in the listing.
    pub listed: (usize, usize),
    pub instance: Instance,
    /// It is in the foreground.
    pub in_front: bool,
}

impl AssistantFound {
    /// Whether this is another one of its kind, in the same pane.
    fn is_beside(&self, other: &Self) -> bool {
        (self.window, self.pane) == (other.window, other.pane)
            && self.instance != other.instance
            && self.instance.tool == other.instance.tool
    }
}

/// Begins to ask about the assistants of a draft. Without any nothing is done.
pub(super) fn begin(draft: &Draft, sources: &Sources<'_>, blocks: &mut dyn Blocks) -> Option<Asking> {
    let assistants = sources.options.assistants.as_ref().filter(|_| !draft.assistants.is_empty())?;
    let variables = variables(sources);
    let question = |found: &AssistantFound| {
        let listed = &sources.listing.windows[found.listed.0].panes[found.listed.1];
        // What the pane says is said by the one in front of those of a kind.
        let speaks = found.in_front || !draft.assistants.iter().any(|other| found.is_beside(other));
        let option = listed.options.iter().find(|option| option.name == RESUME_OPTION && speaks);
        let kin = draft.assistants.iter().filter(|other| {
            other.instance.tool == found.instance.tool && other.instance.directory == found.instance.directory
        });
        Question {
            instance: found.instance.clone(),
            option: option.and_then(|option| option.value.clone()),
            title: if found.in_front { listed.title.clone() } else { BString::default() },
            screen: screen(found, draft, sources, assistants, blocks),
            variables: variables.clone(),
            alone: kin.count() == 1,
        }
    };
    let questions: Vec<Question> = draft.assistants.iter().map(question).collect();
    Some(Arc::clone(assistants).ask(questions, sources.options.assistants_patience))
}

/// The text on the screen of a pane at the last save, where its handler asks for it.
fn screen(
    found: &AssistantFound,
    draft: &Draft,
    sources: &Sources<'_>,
    assistants: &Assistants,
    blocks: &mut dyn Blocks,
) -> Vec<u8> {
    let handler = assistants.handlers.get(&found.instance.tool);
    let asks = |source: &crate::handlers::Source| matches!(source.kind, SourceKind::Screen { .. });
    if !found.in_front || !handler.is_some_and(|handler| handler.sources.iter().any(asks)) {
        return Vec::new();
    }
    let identity = draft.windows[found.window].panes[found.pane].identity;
    let before = sources.before(identity);
    // What stood there before the program began, or while another one was in front of it, is not its.
    let lasts = before.and_then(|before| before.program.as_ref()?.conversation.as_ref());
    if !lasts.is_some_and(|conversation| is_of(&found.instance, conversation)) {
        return Vec::new();
    }
    let text = before.and_then(|before| before.text.as_ref());
    text.and_then(|text| blocks.read(text.screen.id)).unwrap_or_default()
}

/// The variables that the user names for tmux-assistant-resurrect, or for us.
fn variables(sources: &Sources<'_>) -> Vec<String> {
    let options = sources.listing.server.session_options.iter();
    let values =
        options.filter(|option| option.name == CAPTURE_ENVIRONMENT_OPTION).filter_map(|it| it.value.as_ref());
    let words = values.flat_map(|value| value.fields()).filter_map(|word| word.to_str().ok());
    words.take(MOST_VARIABLES).map(str::to_owned).collect()
}

/// Puts what is known into the panes of the draft. Each conversation belongs to one pane.
pub(super) fn finish(asking: Option<Asking>, draft: &mut Draft, sources: &Sources<'_>) {
    let Some(asking) = asking else { return };
    let assistants = std::mem::take(&mut draft.assistants);
    let mut answers = asking.finish();
    let mut claimants = Vec::new();
    for (found, answer) in assistants.iter().zip(&mut answers) {
        let identity = draft.windows[found.window].panes[found.pane].identity;
        let before = sources.before(identity).and_then(|before| known(before, &found.instance));
        if let Some(before) = before {
            keep(answer, before);
        }
        claimants.push(Claimant {
            tool: found.instance.tool.clone(),
            since: (found.instance.started(), found.instance.main().pid),
            candidates: answer.candidates.clone(),
        });
    }
    let verdicts = settle(&claimants);
    for ((found, answer), verdict) in assistants.into_iter().zip(answers).zip(verdicts) {
        let pane = &mut draft.windows[found.window].panes[found.pane];
        let tool = sources.options.assistants.as_ref().and_then(|all| all.handlers.get(&found.instance.tool));
        let by_directory = tool.is_some_and(|handler| handler.resume.is_none());
        let mut conversation = conversation(found.instance, answer, &verdict);
        if by_directory {
            "it has no ids: what was said is kept by directory".clone_into(&mut conversation.found.evidence);
        }
        match &mut pane.program {
            Some(program) if found.in_front => program.conversation = Some(conversation),
            // Of these only what they hold matters: nobody else may.
            _ if conversation.id.is_some() && pane.facts.aside.len() < MOST_ASIDE => {
                pane.facts.aside.push(conversation);
            }
            _ => {}
        }
    }
}

/// What was known of an assistant when its pane was saved the last time.
fn known<'a>(before: &'a Pane, instance: &Instance) -> Option<&'a Conversation> {
    conversations(before).find(|conversation| is_of(instance, conversation))
}

/// The conversations that were known in a pane, that of its foreground first.
fn conversations(pane: &Pane) -> impl Iterator<Item = &Conversation> {
    let program = pane.program.as_ref().and_then(|program| program.conversation.as_ref());
    program.into_iter().chain(&pane.facts.aside)
}

/// Whether a conversation was found for this very program.
fn is_of(instance: &Instance, conversation: &Conversation) -> bool {
    let found = &conversation.found;
    let mut members = instance.members.iter();
    conversation.tool == instance.tool
        && members.any(|member| (member.pid, member.started) == (found.pid, found.started))
}

/// What was known before holds as long as the program runs and nothing as sure says something else.
fn keep(answer: &mut Answer, before: &Conversation) {
    let Some(id) = before.id.as_ref().filter(|id| answer.may_be(id)) else { return };
    let found = &before.found;
    let evidence = found.evidence.strip_prefix(KEPT).unwrap_or(&found.evidence);
    answer.candidates.push(Candidate {
        id: id.clone(),
        confidence: found.confidence,
        evidence: format!("{KEPT}{evidence}"),
        distance: u64::MAX,
        directory: Some(before.directory.clone()),
    });
    if found.begun && !answer.begun.contains(id) {
        answer.begun.push(id.clone());
    }
    if answer.environment.is_empty() {
        answer.environment.clone_from(&before.environment);
    }
}

const KEPT: &str = "known since an earlier save: ";

fn conversation(instance: Instance, answer: Answer, verdict: &Verdict) -> Conversation {
    let main = instance.main();
    let found = |confidence, evidence, begun| Found {
        confidence,
        evidence,
        begun,
        pid: main.pid,
        started: main.started,
    };
    let given = |candidate: &Candidate| {
        let begun = answer.begun.contains(&candidate.id);
        found(candidate.confidence, candidate.evidence.clone(), begun)
    };
    let mut directory: Option<BString> = None;
    let (id, found) = match verdict {
        Verdict::Given(position) => {
            let candidate = &answer.candidates[*position];
            directory.clone_from(&candidate.directory);
            (Some(candidate.id.clone()), given(candidate))
        }
        Verdict::Taken { candidate, .. } => {
            let candidate = &answer.candidates[*candidate];
            let why = format!("{} ({}) is held in another pane", candidate.id, candidate.evidence);
            (None, found(candidate.confidence, why, false))
        }
        Verdict::Nothing => {
            let why = if answer.possible.is_some() { "it has none open" } else { "nothing tells which one" };
            (None, found(Default::default(), why.to_owned(), false))
        }
    };
    Conversation {
        tool: instance.tool,
        id,
        directory: directory.unwrap_or(instance.directory),
        environment: answer.environment,
        found,
    }
}
