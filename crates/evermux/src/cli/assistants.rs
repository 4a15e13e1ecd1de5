//! `evermux assistants`: which assistants run now, which conversation each holds, and how it would be gone on with.

use std::fmt::Write;
use std::time::Duration;

use evermux_core::assistants::Assistants;
use evermux_core::capture::{self, Captured, capture};
use evermux_core::model::{BlockId, BlockRef, Conversation, Pane, Program, Snapshot};
use evermux_core::plan::command_line;
use evermux_core::procs::ProcessTable;
use evermux_core::store::{Access, Store};
use evermux_core::tmux::Server;
use serde::Serialize;

use super::describe::count;
use super::json::ConversationJson;
use crate::context::Context;
use crate::error::CliError;
use crate::output::{FAINT, HEADING, NOTICE, Outcome, json_text, outside};

/// How long what they have written down may take to be read: somebody waits for it.
const PATIENCE: Duration = Duration::from_secs(3);

/// Show which conversation each AI assistant holds, how that is known, and how it would come back
///
/// What a save would note is shown; nothing is saved. docs/handlers.md tells what is recognised, and how to add to it.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// An assistant in a pane.
#[derive(Debug, Serialize)]
struct AssistantJson {
    /// `session:window.pane`.
    pane: String,
    identity: String,
    argv: Vec<String>,
    #[serde(flatten)]
    conversation: ConversationJson,
    /// What would be run; none if the pane would get a shell.
    resume: Option<ResumeJson>,
    /// Why nothing would be run.
    not: Option<String>,
}

#[derive(Debug, Serialize)]
struct ResumeJson {
    argv: Vec<String>,
    directory: String,
    environment: Vec<String>,
    /// Only typed at the prompt.
    prefill: bool,
    /// Flags that are left out.
    unknown: Vec<String>,
}

/// Looks at the running server, in the light of what was saved last.
pub fn run(context: &Context, _args: &Args) -> Result<Outcome, CliError> {
    let server = Server::connect(&context.socket, context.uid, &context.binaries)?;
    let store = Store::open(&context.place(), Access::Read).ok();
    let mut reading = Reading { store: store.as_ref() };
    let latest = store.as_ref().and_then(|store| store.latest(&context.server()).ok()?);
    let previous = latest.and_then(|id| Some(store.as_ref()?.snapshot(id).ok()?.value));
    let mut options = super::capture_options(context);
    (options.text, options.mark, options.buffers) = (false, false, false);
    options.assistants_patience = PATIENCE;
    let Captured { live, problems, .. } =
        capture(&server, previous.as_ref(), &options, context.now(), &mut || context.random(), &mut reading)?;
    let assistants = super::assistants(context);
    let table = ProcessTable::read().map_err(capture::Error::from)?;
    let found: Vec<AssistantJson> = panes(&live.snapshot)
        .filter_map(|(place, pane)| {
            let program = pane.program.as_ref()?;
            let conversation = program.conversation.as_ref()?;
            Some(assistant(&assistants, &table, place, pane, program, conversation))
        })
        .collect();
    Ok(Outcome::new(text(&found), &found).with_problems(problems))
}

/// Blocks of earlier saves; new ones go nowhere.
struct Reading<'a> {
    store: Option<&'a Store>,
}

impl capture::Blocks for Reading<'_> {
    fn read(&mut self, id: BlockId) -> Option<Vec<u8>> {
        self.store?.block(&id).ok()
    }

    fn write(&mut self, _block: BlockRef, _bytes: Vec<u8>) {}
}

/// Every pane once, with the first place where it stands.
fn panes(snapshot: &Snapshot) -> impl Iterator<Item = (String, &Pane)> {
    let mut seen = vec![false; snapshot.windows().len()];
    let links =
        snapshot.sessions().iter().flat_map(|session| session.links.iter().map(move |link| (session, link)));
    let first = links.filter(move |(_, link)| !std::mem::replace(&mut seen[link.window], true));
    first.flat_map(|(session, link)| {
        let panes = snapshot.window(*link).panes.iter().enumerate();
        panes.map(move |(position, pane)| {
            (format!("{}:{}.{position}", json_text(&session.name), link.index), pane)
        })
    })
}

fn assistant(
    assistants: &Assistants,
    table: &ProcessTable,
    place: String,
    pane: &Pane,
    program: &Program,
    conversation: &Conversation,
) -> AssistantJson {
    // The processes of the pane itself hold the conversation, and are to end before it is gone on with.
    let own: Vec<u32> = pane.facts.processes.iter().map(|process| process.pid).collect();
    let resumption = assistants.resume(program, conversation, table, &own);
    let texts = |words: &[evermux_core::model::BString]| words.iter().map(json_text).collect();
    let (resume, not) = match resumption {
        Ok(resumption) => {
            let launch = resumption.launch;
            let resume = ResumeJson {
                argv: texts(&launch.argv),
                directory: launch.directory.as_ref().map(json_text).unwrap_or_default(),
                environment: launch.environment.iter().map(|(name, _)| json_text(name)).collect(),
                prefill: resumption.prefill,
                unknown: texts(&resumption.unknown),
            };
            (Some(resume), None)
        }
        Err(why) => (None, Some(why)),
    };
    AssistantJson {
        pane: place,
        identity: pane.identity.to_string(),
        argv: texts(&program.command.argv),
        conversation: conversation.into(),
        resume,
        not,
    }
}

fn text(found: &[AssistantJson]) -> String {
    if found.is_empty() {
        return "No assistant runs in the foreground of a pane.\n".to_owned();
    }
    let mut text = String::new();
    for one in found {
        let conversation = &one.conversation;
        let id = match &conversation.id {
            Some(id) => format!("{} ({})", outside(id), conversation.confidence),
            None if one.resume.is_some() => "that of its directory".to_owned(),
            None => format!("{NOTICE}conversation unknown{NOTICE:#}"),
        };
        let head = format!("{HEADING}{}{HEADING:#}  {}", outside(&one.pane), outside(&conversation.tool));
        writeln!(text, "{head}  {id}").unwrap_or_default();
        writeln!(text, "  {FAINT}by{FAINT:#}    {}", outside(&conversation.evidence)).unwrap_or_default();
        match (&one.resume, &one.not) {
            (Some(resume), _) => {
                let words: Vec<_> = resume.argv.iter().map(|word| word.as_str().into()).collect();
                let verb = if resume.prefill { "type" } else { "run " };
                writeln!(text, "  {FAINT}{verb}{FAINT:#}  {}", command_line(&words)).unwrap_or_default();
                writeln!(text, "  {FAINT}in{FAINT:#}    {}", outside(&resume.directory)).unwrap_or_default();
                if !resume.unknown.is_empty() {
                    let flags = outside(resume.unknown.join(" "));
                    writeln!(text, "  {NOTICE}without{NOTICE:#} {flags} (not known)").unwrap_or_default();
                }
            }
            (None, why) => {
                let why = outside(why.as_deref().unwrap_or_default());
                writeln!(text, "  {NOTICE}a shell{NOTICE:#}: {why}").unwrap_or_default();
            }
        }
    }
    let known = found.iter().filter(|one| one.conversation.id.is_some() || one.resume.is_some()).count();
    writeln!(text, "{}, {known} of them with a conversation that is known", count(found.len(), "assistant"))
        .unwrap_or_default();
    text
}
