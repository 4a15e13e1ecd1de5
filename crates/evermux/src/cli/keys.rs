//! Our keys: after the prefix `C-s` saves and `C-r` restores, or what the settings say. A key that means something
//! already is never replaced.
//!
//! A key runs the hidden command `evermux key`, which answers in the status line of the client that pressed it.

use std::path::Path;
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};
use evermux_core::model::TmuxVersion;
use evermux_core::text::quote::{format_literal, shell_word, tmux_message, tmux_word};
use evermux_core::tmux::{RunError, Server};
use serde_json::json;

use super::{restore, save};
use crate::config;
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Outcome, outside};

/// How long tmux may take to answer.
const LIMIT: Duration = Duration::from_secs(2);

/// The same while keys are bound: this runs while a server starts, which on a slow machine is long busy making panes (2 s
/// were too few on an emulated one).
const BUSY: Duration = Duration::from_secs(10);

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// `evermux save`
    Save,
    /// `evermux restore`
    Restore,
}

impl Deed {
    const ALL: [Self; 2] = [Self::Save, Self::Restore];

    fn word(self) -> &'static str {
        match self {
            Self::Save => "save",
            Self::Restore => "restore",
        }
    }

    /// What `list-keys -N` says of it.
    fn note(self) -> &'static str {
        match self {
            Self::Save => "Save this server (evermux)",
            Self::Restore => "Restore what is missing (evermux)",
        }
    }

    fn key(self, keys: &config::Keys) -> &str {
        match self {
            Self::Save => &keys.save,
            Self::Restore => &keys.restore,
        }
    }

    /// Stands in the command of every key of ours, whatever the program's path.
    fn mark(self) -> String {
        format!(" key {} --client=", self.word())
    }
}

/// Whose a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Nobody's.
    Free,
    /// It does this for evermux.
    Ours(Deed),
    /// Somebody else's.
    Taken,
}

/// Binds the keys of the settings on a server where they are free, and removes those of ours that are not wanted any
/// more. Two short clients.
///
/// # Errors
/// [`RunError`] if the server does not answer.
pub fn bind(context: &Context, server: &Server, program: &Path) -> Result<(), RunError> {
    // Up to 3.2 `display-message` needs a session, and while a config is read there is none.
    let ask = b"list-commands -F '#{version}' wait-for\nlist-keys -T prefix\n";
    let said = server.run(ask, BUSY)?.stdout;
    let (version, listed) = said.split_once_str("\n").unwrap_or_default();
    let Some(version) = version.to_str().ok().and_then(|version| version.parse().ok()) else { return Ok(()) };
    let script = script(listed, &context.config.keys, program, version);
    if !script.is_empty() {
        server.run(&script, BUSY)?;
    }
    Ok(())
}

/// Removes our keys from a server.
///
/// # Errors
/// [`RunError`] if the server does not answer.
pub fn unbind(server: &Server) -> Result<(), RunError> {
    let listed = server.run(b"list-keys -T prefix\n", LIMIT)?.stdout;
    let script: Vec<u8> = ours(&listed).flat_map(|(key, _)| unbinding(&key)).collect();
    if !script.is_empty() {
        server.run(&script, LIMIT)?;
    }
    Ok(())
}

/// The keys of the settings that are wanted.
pub fn wanted(keys: &config::Keys) -> Vec<(Deed, String)> {
    let named = Deed::ALL.into_iter().map(|deed| (deed, deed.key(keys).to_owned()));
    named.filter(|(_, key)| !key.is_empty()).collect()
}

/// Whose a key of the settings is, by what `list-keys -T prefix` prints.
pub fn owner(listed: &[u8], key: &str) -> Owner {
    let Some(key) = canonical(key) else { return Owner::Taken };
    let found = bindings(listed).find(|(bound, _)| *bound == key.as_bytes());
    match found {
        None => Owner::Free,
        Some((_, line)) => deed_of(line).map_or(Owner::Taken, Owner::Ours),
    }
}

/// What changes: our keys that are not wanted go, free ones that are wanted come, ours that are wanted are bound anew,
/// since the program may lie elsewhere now.
fn script(listed: &[u8], keys: &config::Keys, program: &Path, version: TmuxVersion) -> Vec<u8> {
    let wanted = |deed: Deed| canonical(deed.key(keys));
    let mut script = Vec::new();
    for (key, deed) in ours(listed) {
        if wanted(deed).is_none_or(|wanted| wanted.as_bytes() != key) {
            script.extend(unbinding(&key));
        }
    }
    for deed in Deed::ALL {
        let Some(key) = wanted(deed) else { continue };
        if owner(listed, &key) != Owner::Taken {
            script.extend(binding(&key, deed, program, version).unwrap_or_default());
        }
    }
    script
}

fn binding(key: &str, deed: Deed, program: &Path, version: TmuxVersion) -> Option<Vec<u8>> {
    let program = format_literal(&shell_word(program.as_os_str().as_encoded_bytes()).ok()?);
    // What tmux puts in for the formats is quoted for the shell by it.
    let mut command = program;
    command.extend_from_slice(b" -S #{q:socket_path}");
    command.extend_from_slice(deed.mark().as_bytes());
    command.extend_from_slice(b"#{q:client_name}");
    let mut line = b"bind-key ".to_vec();
    if version.at_least(3, 1) {
        line.extend_from_slice(format!("-N '{}' ", deed.note()).as_bytes());
    }
    line.extend_from_slice(b"-T prefix ");
    line.extend(tmux_word(key.as_bytes()).ok()?);
    line.extend_from_slice(b" run-shell -b ");
    line.extend(tmux_word(&command).ok()?);
    line.push(b'\n');
    Some(line)
}

fn unbinding(key: &[u8]) -> Vec<u8> {
    let word = tmux_word(key).unwrap_or_default();
    [b"unbind-key -T prefix ", &word[..], b"\n"].concat()
}

/// Our keys in what `list-keys` printed.
fn ours(listed: &[u8]) -> impl Iterator<Item = (BString, Deed)> + '_ {
    bindings(listed).filter_map(|(key, line)| Some((key, deed_of(line)?)))
}

fn deed_of(line: &[u8]) -> Option<Deed> {
    Deed::ALL.into_iter().find(|deed| line.contains_str(deed.mark()))
}

/// Each key of the prefix table with its line: `bind-key [-r] [-N NOTE] -T prefix KEY COMMAND`.
fn bindings(listed: &[u8]) -> impl Iterator<Item = (BString, &[u8])> {
    listed.lines().filter_map(|line| {
        let (_, rest) = line.split_once_str(b" -T ")?;
        let mut words = rest.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        let (b"prefix", key) = (words.next()?, words.next()?) else { return None };
        // `\;`, `\"`, `\#`: one character that is quoted for a config file.
        let key = key.strip_prefix(b"\\").filter(|rest| !rest.is_empty()).unwrap_or(key);
        Some((BString::from(key), line))
    })
}

/// A key as tmux prints it; none if it is no key, or no key is wanted. `^S`, `c-s` and `C-S` are what tmux calls `C-s`.
fn canonical(key: &str) -> Option<String> {
    let mut prefix = String::new();
    let mut rest = key;
    while let Some((modifier, after)) = modifier(rest) {
        if !prefix.contains(modifier) {
            prefix.push_str(modifier);
        }
        rest = after;
    }
    let mut characters = rest.chars();
    let (first, second) = (characters.next()?, characters.next());
    let is_name = rest.chars().all(|character| character.is_ascii_alphanumeric());
    match second {
        None if first.is_ascii_graphic() && prefix.contains("C-") => {
            Some(format!("{prefix}{}", first.to_ascii_lowercase()))
        }
        None if first.is_ascii_graphic() => Some(format!("{prefix}{first}")),
        Some(_) if is_name => Some(format!("{prefix}{rest}")),
        _ => None,
    }
}

fn modifier(key: &str) -> Option<(&'static str, &str)> {
    if let Some(rest) = key.strip_prefix('^').filter(|rest| !rest.is_empty()) {
        return Some(("C-", rest));
    }
    let (letter, rest) = key.split_once('-').filter(|(_, rest)| !rest.is_empty())?;
    let modifier = match letter {
        "C" | "c" => "C-",
        "M" | "m" => "M-",
        "S" | "s" => "S-",
        _ => return None,
    };
    Some((modifier, rest))
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Order {
    /// A key was pressed: save.
    Save,
    /// A key was pressed: restore.
    Restore,
    /// Bind our keys.
    Bind,
    /// Remove our keys.
    Unbind,
}

/// What is to be done, and for whom.
#[derive(Debug, clap::Args)]
pub struct Args {
    order: Order,

    /// The client that pressed it
    #[arg(long, value_name = "CLIENT", default_value = "")]
    client: String,
}

/// Does it. What tmux runs for a key must print nothing and end with 0: anything else covers the user's pane.
///
/// # Errors
/// If keys cannot be bound or removed.
pub fn run(context: &Context, args: &Args) -> Result<Outcome, CliError> {
    match args.order {
        Order::Save => pressed(context, Deed::Save, &args.client),
        Order::Restore => pressed(context, Deed::Restore, &args.client),
        Order::Bind => {
            let server = Server::connect(&context.socket, context.uid, &context.binaries)?;
            bind(context, &server, &crate::setup::program(context.binaries.path.as_deref())?)?;
        }
        Order::Unbind => {
            let server = Server::connect(&context.socket, context.uid, &context.binaries)?;
            unbind(&server)?;
        }
    }
    Ok(Outcome::new("", &json!({})))
}

/// A key was pressed: the answer stands in the status line of the client.
fn pressed(context: &Context, deed: Deed, client: &str) {
    let begun = Instant::now();
    if deed == Deed::Restore {
        tell(context, client, "restoring…");
    }
    let result = match deed {
        Deed::Save => save::run(context, &save::Args::default()),
        Deed::Restore => restore::run(context, &restore::Args::default()),
    };
    tell(context, client, &answer(&result, begun.elapsed()));
}

/// What happened and how long it took, in one line.
fn answer(result: &Result<Outcome, CliError>, took: Duration) -> String {
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(error) => {
            let hint = error.hints.first().map(|hint| format!(" ({hint})")).unwrap_or_default();
            return format!("error: {}{hint}", error.in_one_line());
        }
    };
    let plain = anstream::adapter::strip_str(&outcome.text).to_string();
    let mut line = plain.lines().next().unwrap_or("Done").to_owned();
    if !line.ends_with(" ms") {
        line.push_str(&format!(" ({} ms)", took.as_millis()));
    }
    let owed = plain.lines().filter(|line| line.starts_with("  owed")).count();
    if owed > 0 {
        line.push_str(&format!("; {owed} owed"));
    }
    match outcome.problems.as_slice() {
        [] => {}
        [problem] => line.push_str(&format!("; {problem}")),
        [problem, more @ ..] => line.push_str(&format!("; {problem}, and {} more (evermux log)", more.len())),
    }
    line
}

fn tell(context: &Context, client: &str, message: &str) {
    let Ok(server) = Server::connect(&context.socket, context.uid, &context.binaries) else { return };
    let text = tmux_message(outside(format!("evermux: {message}")).as_bytes());
    let Ok(text) = tmux_word(text.as_bytes()) else { return };
    let Ok(name) = tmux_word(client.as_bytes()) else { return };
    let target = if client.is_empty() { Vec::new() } else { [b"-c ", &name[..], b" "].concat() };
    // A client that has gone needs no answer.
    let _ = server.run(&[b"display-message ", &target[..], &text[..], b"\n"].concat(), LIMIT);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &[u8] = b"bind-key    -T prefix       C-b                  send-prefix\n\
        bind-key -r -T prefix       C-Up                 resize-pane -U\n\
        bind-key    -T prefix       \\;                   last-pane\n\
        bind-key    -T prefix       r                    run-shell -b \"/old/evermux -S #{q:socket_path} key restore --client=#{q:client_name}\"\n";

    fn keys(save: &str, restore: &str) -> config::Keys {
        config::Keys { save: save.to_owned(), restore: restore.to_owned() }
    }

    fn made(save: &str, restore: &str) -> String {
        let version = "3.5a".parse().unwrap();
        String::from_utf8(script(LISTED, &keys(save, restore), Path::new("/a b/evermux"), version)).unwrap()
    }

    #[test]
    fn keys_are_found_in_the_list() {
        let table = [
            ("C-b", Owner::Taken),
            ("^b", Owner::Taken),
            ("c-B", Owner::Taken),
            ("C-Up", Owner::Taken),
            (";", Owner::Taken),
            ("r", Owner::Ours(Deed::Restore)),
            ("R", Owner::Free),
            ("C-s", Owner::Free),
            ("x; kill-server", Owner::Taken),
        ];
        for (key, expected) in table {
            assert_eq!(owner(LISTED, key), expected, "{key}");
        }
    }

    #[test]
    fn a_key_of_somebody_else_is_never_replaced() {
        assert_eq!(made("C-b", "r").matches("bind-key").count(), 1);
        assert!(!made("C-b", "r").contains("key save"));
    }

    #[test]
    fn keys_that_are_not_wanted_any_more_go() {
        let script = made("", "C-r");
        assert!(script.starts_with("unbind-key -T prefix r\nbind-key -N 'Restore what"), "{script}");
        assert_eq!(made("", ""), "unbind-key -T prefix r\n");
    }

    #[test]
    fn the_answer_tells_how_long_it_took() {
        let took = Duration::from_millis(12);
        let said = |text: &str| answer(&Ok(Outcome::new(text, &json!({}))), took);
        assert_eq!(said("Saved 3: 2 panes in 40 ms\n"), "Saved 3: 2 panes in 40 ms");
        assert_eq!(said("Nothing has changed since 3\n"), "Nothing has changed since 3 (12 ms)");
        assert_eq!(said("Restored 1 pane in 9 ms\n  owed  a\n"), "Restored 1 pane in 9 ms; 1 owed");
        let error = CliError::failed("the disk is full").hint("Make room.");
        assert_eq!(answer(&Err(error), took), "error: the disk is full (Make room.)");
    }
}
