//! The command that a pane was made with: it is judged as a program in a shell is, and becomes the pane's command again.

use bstr::BString;

use super::{Again, Conditions, Launch, Reason, Restriction, danger, decide, may_type, plain};
use crate::model::{Command, Program, StartCommand};
use crate::text::quote::shell_word;

/// The program that the command of a pane is. None if that is not one plain command, or its words are not known.
pub fn program_of(start: &StartCommand, directory: &BString) -> Option<Program> {
    let argv = match start.argv.as_slice() {
        [] => return None,
        [line] => plain::words(line)?,
        words => words.to_vec(),
    };
    let command = Command { argv, masked: start.masked };
    Some(Program::of(command, directory.clone()))
}

/// What to do about a command that is a line of shell, or is not known: it is at most typed.
pub fn decide_line(start: &StartCommand, conditions: &Conditions) -> Again {
    let [line] = start.argv.as_slice() else { return Again::Owe(Reason::Unknown) };
    let words = vec!["sh".into(), "-c".into(), line.clone()];
    if let Some(what) = danger(&words) {
        return Again::Owe(Reason::Dangerous(what));
    }
    let typed = conditions.restriction == Restriction::Prefill;
    let restriction = if typed { Restriction::None } else { conditions.restriction };
    let unrestricted = Conditions { restriction, ..conditions.clone() };
    let launch = Launch { line: Some(line.clone()), ..Launch::of(words) };
    match decide(start.masked, &unrestricted, || Ok(())) {
        Err(reason) => Again::Owe(reason),
        Ok(()) if typed => Again::Prefill(launch, Reason::Prefilled),
        Ok(()) if may_type(conditions) => Again::Prefill(launch, Reason::NotPlain.typed()),
        Ok(()) => Again::Owe(Reason::NotPlain),
    }
}

/// What tmux executes for a launch that takes the place of this command: the words, behind `env` if they get variables. One
/// argument is a line for a shell, several are executed as they are.
pub fn words_of_pane(launch: Launch, start: &StartCommand) -> Vec<BString> {
    let same = match start.argv.as_slice() {
        [line] => plain::words(line).as_ref() == Some(&launch.argv),
        words => words == launch.argv,
    };
    if same && launch.environment.is_empty() {
        return start.argv.clone();
    }
    let mut words = Vec::new();
    if !launch.environment.is_empty() {
        let variable = |(name, value): (BString, BString)| [name.as_slice(), b"=", &value].concat().into();
        words.push("env".into());
        words.extend(launch.environment.into_iter().map(variable));
    }
    words.extend(launch.argv);
    match words.as_slice() {
        [word] => vec![shell_word(word).map_or_else(|_| word.clone(), BString::from)],
        _ => words,
    }
}
