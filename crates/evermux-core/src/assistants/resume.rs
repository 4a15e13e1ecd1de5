//! How an assistant that was saved is gone on with, and when it is not.

use std::collections::BTreeMap;
use std::time::Instant;

use bstr::{BStr, BString, ByteSlice};

use super::near::SLACK;
use super::places::Places;
use super::sources::is_resumable;
use super::{Assistants, PATIENCE};
use crate::foreign::Foreign;
use crate::handlers::{Either, Handler, ItemKind, Policy, SourceKind, Template};
use crate::model::{Conversation, Program};
use crate::procs::ProcessTable;
use crate::relaunch::Launch;

/// How a saved assistant is gone on with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumption {
    /// What is started.
    pub launch: Launch,
    /// Its handler says that its command is only put at the prompt.
    pub prefill: bool,
    /// Flags that are left out because nobody knows what they mean.
    pub unknown: Vec<BString>,
}

impl Assistants {
    /// How the conversation of a program is gone on with. `table`: what runs now; of that the processes in `except` do not
    /// count as somebody who holds the conversation already.
    ///
    /// # Errors
    /// Why it is not: then the pane gets a shell. A fragment that reads after "not started: ".
    pub fn resume(
        &self,
        program: &Program,
        conversation: &Conversation,
        table: &ProcessTable,
        except: &[u32],
    ) -> Result<Resumption, String> {
        let foreign = &Foreign::new(self.uid, Instant::now() + PATIENCE * 4, &self.cache);
        let tool = &conversation.tool;
        let handler = self.handlers.get(tool).ok_or_else(|| format!("no handler knows {tool}"))?;
        if program.command.masked {
            return Err("a secret in its command line was masked".to_owned());
        }
        if handler.policy == Policy::Skip {
            return Err(format!("the handler {tool} says skip"));
        }
        let known = self.handlers.recognise(&program.command.argv, &[tool.as_bytes()]);
        let known = known.filter(|known| known.handler.name == *tool);
        let known = known.ok_or_else(|| "its command line is not understood".to_owned())?;
        let mut arguments = handler.arguments.rewrite(known.arguments);
        let environment: BTreeMap<BString, BString> = conversation
            .environment
            .iter()
            .filter_map(|entry| Some((entry.name.clone(), entry.value.clone()?)))
            .collect();
        let directory = conversation.directory.as_bstr();
        let places = Places { handler, home: &self.home, directory, environment: &environment, foreign };
        if !directory.to_path().is_ok_and(|path| foreign.is_folder(path)) {
            return Err(format!("its directory {directory} is not there"));
        }
        let words = match &conversation.id {
            Some(id) => {
                let held = self.holder(&places, id, table, except);
                if let Some(pid) = held {
                    return Err(format!("conversation {id} is open in process {pid}"));
                }
                set_mode(&places, id, &mut arguments.kept);
                let began = conversation.found.begun || was_gone_on_with(handler, known.arguments, id);
                words_for(&places, began, id)?
            }
            None => words_without_id(&places, conversation)?,
        };
        let launch = Launch {
            directory: Some(conversation.directory.clone()),
            environment: environment.clone().into_iter().collect(),
            names: handler.names.iter().map(|name| name.as_str().into()).collect(),
            needs_client: handler.needs_client,
            patience: handler.ready,
            repeat: true,
            ..Launch::of(fill(words, &arguments.kept, conversation.id.as_deref()))
        };
        let prefill = handler.policy == Policy::Prefill;
        Ok(Resumption { launch, prefill, unknown: arguments.unknown })
    }

    /// The process that holds a conversation now: by the program's own files, or by its command line.
    fn holder(&self, places: &Places<'_>, id: &str, table: &ProcessTable, except: &[u32]) -> Option<u32> {
        let (handler, foreign) = (places.handler, places.foreign);
        let alive = |pid: u32| table.get(pid).filter(|process| !process.zombie && !except.contains(&pid));
        for source in &handler.sources {
            let (path, field) = match &source.kind {
                SourceKind::Registry { path, id, started, .. } => (path, Some((id, started))),
                SourceKind::Lock { path } => (path, None),
                _ => continue,
            };
            let known = if field.is_none() { Some(id) } else { None };
            let Some(glob) = places.glob(path, known, None) else { continue };
            for file in foreign.find(&glob, None) {
                let Some(process) = file.captures.pid.and_then(alive) else { continue };
                let holds = match field {
                    None => file.modified >= process.started - SLACK,
                    Some((field, started)) => {
                        let names: Vec<&str> = [Some(field), started.as_ref()]
                            .into_iter()
                            .flatten()
                            .map(|it| it.0.as_str())
                            .collect();
                        let fields = foreign.fields(&file.path, &names).unwrap_or_default();
                        let same = |at: usize, value: &str| {
                            fields.get(at).and_then(Option::as_deref).is_none_or(|own| own == value)
                        };
                        let birth = process.birth.to_string();
                        fields.first().and_then(Option::as_deref) == Some(id)
                            && (same(1, &birth) || !cfg!(target_os = "linux"))
                    }
                };
                if holds {
                    return Some(process.pid);
                }
            }
        }
        self.holder_by_words(handler, id, table, except)
    }

    /// The process whose command line names the conversation.
    fn holder_by_words(
        &self,
        handler: &Handler,
        id: &str,
        table: &ProcessTable,
        except: &[u32],
    ) -> Option<u32> {
        let after = afters(handler);
        let holds = |words: &[BString]| {
            let known =
                self.handlers.recognise(words, &[]).filter(|known| known.handler.name == handler.name);
            known.is_some_and(|known| {
                handler.arguments.value_after(known.arguments, &after) == Some(BStr::new(id))
            })
        };
        let mut others = table.processes().iter().filter(|process| !except.contains(&process.pid));
        others.find(|process| process.terminal.is_some() && holds(process.argv())).map(|process| process.pid)
    }
}

/// The words of its command line that an id follows.
fn afters(handler: &Handler) -> Vec<Either> {
    let lists = handler.sources.iter().filter_map(|source| match &source.kind {
        SourceKind::Arguments { after } => Some(after),
        _ => None,
    });
    lists.flatten().cloned().collect()
}

/// Whether a program was started to go on with this conversation, which had begun then: its words name it, and not by the flag
/// under which one is begun.
fn was_gone_on_with(handler: &Handler, words: &[BString], id: &str) -> bool {
    let begins = |after: &Either| {
        let mut fresh = handler.fresh.iter().flatten().filter_map(|word| word.fill(|_| Some(Vec::new())));
        fresh.any(|word| word.strip_suffix(b"=").unwrap_or(&word) == after.0.as_bytes())
    };
    let after: Vec<Either> = afters(handler).into_iter().filter(|after| !begins(after)).collect();
    handler.arguments.value_after(words, &after) == Some(BStr::new(id))
}

/// The command for a conversation that can be gone on with, or that never began.
fn words_for<'a>(places: &Places<'a>, began: bool, id: &str) -> Result<&'a [Template], String> {
    let handler = places.handler;
    if !handler.is_id(id) {
        return Err("the id of its conversation is none".to_owned());
    }
    if is_resumable(places, id) {
        return handler.resume.as_deref().ok_or_else(|| "its handler knows no way to go on".to_owned());
    }
    match &handler.fresh {
        Some(fresh) if !began => Ok(fresh),
        _ if began => Err(format!("nothing of conversation {id} is there any more")),
        _ => Err(format!("nothing was said yet in conversation {id}")),
    }
}

/// Puts the mode that was chosen inside into the arguments, in the place of the one that they name. One that the handler
/// does not list (and so may allow more) changes nothing.
fn set_mode(places: &Places<'_>, id: &str, arguments: &mut Vec<BString>) {
    let foreign = places.foreign;
    let Some(mode) = &places.handler.mode else { return };
    let files =
        places.glob(&mode.path, Some(id), None).map(|glob| foreign.find(&glob, None)).unwrap_or_default();
    let chosen = files.first().and_then(|file| foreign.last_field(&file.path, &mode.field.0));
    let Some(chosen) = chosen.filter(|chosen| mode.values.iter().any(|value| value.0 == *chosen)) else {
        return;
    };
    let flag = mode.flag.0.as_bytes();
    let items = places.handler.arguments.items(arguments);
    let is_mode = |kind: &ItemKind<'_>| matches!(kind, ItemKind::Flag { name, .. } if *name == flag);
    let others = items.iter().filter(|item| !is_mode(&item.kind)).flat_map(|item| item.words);
    let mut kept: Vec<BString> = others.cloned().collect();
    // Always said: what holds without the flag is up to the settings and the version, and may allow more. First, so that no
    // flag with many values takes it for one of its own.
    kept.splice(0..0, [flag.into(), chosen.into()]);
    *arguments = kept;
}

fn words_without_id<'a>(places: &Places<'a>, conversation: &Conversation) -> Result<&'a [Template], String> {
    let Some(command) = &places.handler.command else {
        return Err(format!("its conversation is not known: {}", conversation.found.evidence));
    };
    let is_there = |path: &&Template| {
        places.glob(path, None, None).is_some_and(|glob| !places.foreign.find(&glob, None).is_empty())
    };
    match places.handler.needs.iter().find(|path| !is_there(path)) {
        None => Ok(command),
        Some(path) => Err(format!("{} is not there", places.named(path))),
    }
}

fn fill(words: &[Template], arguments: &[BString], id: Option<&str>) -> Vec<BString> {
    let mut argv = Vec::new();
    for word in words {
        if word.is_place("arguments") {
            argv.extend_from_slice(arguments);
        } else {
            let filled = word.fill(|place| id.filter(|_| place == "id").map(|id| id.as_bytes().to_vec()));
            argv.extend(filled.map(BString::from));
        }
    }
    argv
}
