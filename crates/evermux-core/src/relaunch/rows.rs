//! Programs without conversations that a handler knows: pagers, clients, remote shells.

use bstr::{BString, ByteSlice};

use super::inner::{self, attached_again};
use super::shells::file_name;
use super::{Launch, Permission, Reason, Recipe, installed_name};
use crate::handlers::{Handlers, Invocation, ItemKind, Known, Policy};
use crate::model::Program;

/// How a program comes back by its handler, or why it does not. None if no handler of a program without conversations knows it,
/// or it does not lie where programs are installed.
///
/// Where its command line has anything that the handler does not know, it is typed as it was, and not run.
pub fn by_row(handlers: &Handlers, program: &Program) -> Option<Result<Recipe, Reason>> {
    // The client that runs is none that could be started.
    let argv = &inner::mosh(&program.command.argv).unwrap_or_else(|| program.command.argv.clone());
    let known = handlers.recognise(argv, &[])?;
    let handler = known.handler;
    if handler.holds_conversations() {
        return None;
    }
    // The program, and the script if that is an interpreter.
    let own = &argv[..argv.len() - known.arguments.len()];
    let installed =
        own.iter().filter(|word| word.contains(&b'/')).all(|word| installed_name(word.as_bstr()).is_ok());
    if !installed {
        return None;
    }
    let as_it_was = |reason| {
        let launch = Launch { line: program.line.clone(), ..Launch::of(argv.clone()) };
        Some(Ok(Recipe {
            launch,
            typed: Some(reason),
            permission: Permission::Handler(handler.name.clone()),
        }))
    };
    match handler.policy {
        Policy::Skip => {
            return Some(Err(Reason::Conversation(format!("the handler {} says skip", handler.name))));
        }
        Policy::Prefill => return as_it_was(Reason::HandlerPrefills(handler.name.clone())),
        Policy::Run => {}
    }
    if handler.attaches {
        return match attached_again(argv) {
            Some(again) => Some(Ok(recipe(&known, Launch::of(again)))),
            None => as_it_was(Reason::Inner(bstr::join(" ", known.arguments).into())),
        };
    }
    if let Err(reason) = check(&known) {
        return as_it_was(reason);
    }
    Some(Ok(recipe(&known, Launch::of(again(&known, own)?))))
}

/// The words of a program that is run.
fn again(known: &Invocation<'_>, own: &[BString]) -> Option<Vec<BString>> {
    let arguments = match &known.handler.inner {
        // What is inside was looked at as a whole.
        Some(inner) => {
            let before = inner::own_arguments(known, inner);
            let kept = known.handler.arguments.rewrite(before).kept;
            kept.into_iter().chain(known.arguments[before.len()..].iter().cloned()).collect()
        }
        None => known.handler.arguments.rewrite(known.arguments).kept,
    };
    // Under the name it had.
    let name = own.last().map(|own| BString::from(file_name(own)));
    let Some(command) = &known.handler.command else {
        return Some(name.into_iter().chain(arguments).collect());
    };
    let mut argv = Vec::new();
    for word in command {
        if word.is_place("arguments") {
            argv.extend_from_slice(&arguments);
        } else {
            argv.push(word.fill(|_| None)?.into());
        }
    }
    Some(argv)
}

fn recipe(known: &Invocation<'_>, mut launch: Launch) -> Recipe {
    let handler = known.handler;
    launch.names.extend(handler.names.iter().map(|name| name.as_str().into()));
    launch.needs_client = handler.needs_client;
    launch.patience = handler.ready;
    Recipe { launch, typed: None, permission: Permission::Handler(handler.name.clone()) }
}

/// Whether everything of a command line is known to be harmless.
fn check(known: &Invocation<'_>) -> Result<(), Reason> {
    let (handler, arguments) = (known.handler, &known.handler.arguments);
    let words = match &handler.inner {
        Some(inner) => inner::own_arguments(known, inner),
        None => known.arguments,
    };
    let mut operands: Vec<&BString> = Vec::new();
    for item in arguments.items(words) {
        match &item.kind {
            ItemKind::Flag { known: Known::Unknown, .. } => {
                return Err(Reason::Argument(item.words[0].clone()));
            }
            ItemKind::Operand => operands.push(&item.words[0]),
            ItemKind::Flag { .. } | ItemKind::End => {}
        }
    }
    let most = if arguments.keep_operands { arguments.most_operands.unwrap_or(usize::MAX) } else { 0 };
    // `vim +cmd` runs it; `+12` and `+` only go to a line.
    let goes_to_line = |at: &[u8]| at.iter().all(u8::is_ascii_digit);
    let acts = |word: &&&BString| !word.strip_prefix(b"+").is_none_or(goes_to_line);
    if let Some(word) = operands.iter().find(acts).or_else(|| operands.get(most)) {
        return Err(Reason::Argument((*word).clone()));
    }
    let is_one = |first: &BString| handler.only.iter().any(|word| word.0.as_bytes() == first.as_slice());
    if !handler.only.is_empty() && !operands.first().is_some_and(|first| is_one(first)) {
        let first = operands.first().map(|first| (*first).clone());
        return Err(Reason::Inner(first.unwrap_or_else(|| "nothing that is known".into())));
    }
    match &handler.inner {
        Some(inner) => inner::check(known, inner).map_err(Reason::Inner),
        None => Ok(()),
    }
}
