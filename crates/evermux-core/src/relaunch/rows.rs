//! Programs without conversations that a handler knows: editors, pagers, clients.

use bstr::{BString, ByteSlice};

use super::shells::file_name;
use super::{Launch, installed_name};
use crate::handlers::{Handlers, Invocation, ItemKind, Known, Policy};
use crate::model::Program;

/// What starts a program again by its handler, and whether that is only typed; or why nothing does. None if no handler of a
/// program without conversations knows it, or it does not lie where programs are installed.
///
/// Where its command line has anything that the handler does not know, it is typed as it was, and not run.
pub fn by_row(handlers: &Handlers, program: &Program) -> Option<Result<(Launch, bool), String>> {
    let argv = &program.command.argv;
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
    let mut launch = Launch::of(argv.clone());
    match handler.policy {
        Policy::Skip => return Some(Err(format!("the handler {} says skip", handler.name))),
        Policy::Prefill => return Some(Ok((launch, true))),
        Policy::Run if !is_all_known(&known) => return Some(Ok((launch, true))),
        Policy::Run => {}
    }
    let kept = handler.arguments.rewrite(known.arguments).kept;
    launch.argv.clear();
    match &handler.command {
        // Under the name it had.
        None => {
            launch.argv.extend(own.last().map(|own| BString::from(file_name(own))).into_iter().chain(kept));
        }
        Some(command) => {
            for word in command {
                if word.is_place("arguments") {
                    launch.argv.extend_from_slice(&kept);
                } else {
                    launch.argv.push(word.fill(|_| None)?.into());
                }
            }
        }
    }
    launch.names.extend(handler.names.iter().map(|name| name.as_str().into()));
    launch.needs_client = handler.needs_client;
    launch.patience = handler.ready;
    Some(Ok((launch, false)))
}

fn is_all_known(known: &Invocation<'_>) -> bool {
    let arguments = &known.handler.arguments;
    arguments.items(known.arguments).iter().all(|item| match &item.kind {
        ItemKind::Flag { known, .. } => *known != Known::Unknown,
        // `vim +cmd` runs it; `+12` and `+` only go to a line.
        ItemKind::Operand => {
            arguments.keep_operands
                && item.words[0].strip_prefix(b"+").is_none_or(|at| at.iter().all(u8::is_ascii_digit))
        }
        ItemKind::End => true,
    })
}
