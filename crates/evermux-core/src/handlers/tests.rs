//! Every shipped handler: the command lines it is for, and what of them comes back; the format; claims.

mod claiming;
mod format;
mod paths;
mod shipped;

use bstr::BString;

use super::{Handlers, Invocation};

fn words(line: &str) -> Vec<BString> {
    shlex::split(line).unwrap().into_iter().map(BString::from).collect()
}

/// The handler of the assistant of a command line.
fn tool(line: &str) -> Option<String> {
    let handlers = Handlers::shipped();
    let argv = words(line);
    let known = handlers.recognise(&argv, &[]).filter(|known| known.handler.holds_conversations());
    known.map(|known| known.handler.name.clone())
}

/// What is done with a command line that a handler knows.
fn with<T>(line: &str, work: impl FnOnce(Invocation<'_>) -> T) -> T {
    let handlers = Handlers::shipped();
    let argv = words(line);
    work(handlers.recognise(&argv, &[]).unwrap_or_else(|| panic!("{line} is not recognised")))
}

/// The arguments that a command line is given again, and after a `?` the flags that are left out as unknown.
fn kept(line: &str) -> String {
    with(line, |known| {
        let rewritten = known.handler.arguments.rewrite(known.arguments);
        let join = |words: &[BString]| {
            shlex::try_join(words.iter().map(|word| std::str::from_utf8(word).unwrap())).unwrap()
        };
        let unknown = if rewritten.unknown.is_empty() {
            String::new()
        } else {
            format!(" ? {}", join(&rewritten.unknown))
        };
        format!("{}{unknown}", join(&rewritten.kept))
    })
}
