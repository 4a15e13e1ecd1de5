//! What is typed to start a program: a line in the language of the shell, or the use of a ticket.

use bstr::BString;

use crate::relaunch::{Launch, Shell};
use crate::store::{PanePlace, Ticket, TicketId};
use crate::text::quote::{Language, shell_line};

/// The longest line that is typed, in bytes: somebody may read it.
const SHORT: usize = 1000;

/// What is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// The program's own line.
    Plain(BString),
    /// A line that uses a ticket, which must be written first.
    Resume(BString, TicketId),
}

impl Line {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Plain(line) | Self::Resume(line, _) => line,
        }
    }

    /// The ticket it uses.
    pub(super) fn ticket(&self) -> Option<TicketId> {
        match self {
            Self::Plain(_) => None,
            Self::Resume(_, id) => Some(*id),
        }
    }
}

/// What starts this in that shell: the first of these that is possible. (b) what the user had typed, or a short line built
/// from the words; (c) `evermux resume ID`. `resume`: the words of that command, without the id. `id`: for a new ticket.
///
/// None if not even those words can be told to that shell.
pub(super) fn line(launch: &Launch, shell: Shell, resume: &[BString], id: TicketId) -> Option<Line> {
    if let Some(line) = plain(launch, shell) {
        return Some(Line::Plain(line));
    }
    let words: Vec<BString> = resume.iter().cloned().chain([id.to_string().into()]).collect();
    let line = match shell.language() {
        Some(language) => shell_line(language, &words).ok()?,
        // No shell takes such words for anything else.
        None if words.iter().all(is_plain) => bstr::join(" ", &words).into(),
        None => return None,
    };
    // The blank keeps it out of histories that ignore such lines.
    Some(Line::Resume([b" ", line.as_slice()].concat().into(), id))
}

fn plain(launch: &Launch, shell: Shell) -> Option<BString> {
    // What has to be set first is not written into a line: each shell would need words of its own for it, and a line of the
    // history would do it again wherever it is used.
    if launch.once || launch.directory.is_some() || !launch.environment.is_empty() {
        return None;
    }
    let line = match &launch.line {
        Some(line) if is_typeable(line, shell.language()?) => line.clone(),
        _ => shell_line(shell.language()?, &launch.argv).ok()?,
    };
    (line.len() <= SHORT).then_some(line)
}

/// Whether a line as somebody typed it can be typed again: nothing in it is a key or a history expansion.
fn is_typeable(line: &BString, language: Language) -> bool {
    let Ok(text) = std::str::from_utf8(line) else { return false };
    let history = matches!(language, Language::Posix | Language::Csh) && text.contains(['!', '^']);
    !text.is_empty() && !text.chars().any(char::is_control) && !history
}

fn is_plain(word: &BString) -> bool {
    word.iter().all(|&byte| byte.is_ascii_alphanumeric() || b"_./+-".contains(&byte))
}

/// The ticket for what is started: in that pane of that life of the server only.
pub(super) fn ticket(launch: &Launch, place: PanePlace) -> Ticket {
    let Launch { argv, directory, environment, .. } = launch.clone();
    Ticket { place, argv, directory, environment }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: TicketId = TicketId([0xab; 8]);

    fn typed(launch: &Launch, shell: Shell, evermux: &str) -> String {
        let resume = [evermux.into(), "resume".into()];
        line(launch, shell, &resume, ID).map_or("nothing".to_owned(), |line| {
            let ticket = if line.ticket().is_some() { "ticket" } else { "plain" };
            format!("{ticket} {}", BString::from(line.bytes()))
        })
    }

    #[test]
    fn short_and_plain_first_then_a_ticket() {
        let of = |argv: &[&[u8]]| Launch::of(argv.iter().map(|&word| word.into()).collect());
        let less = of(&[b"less", b"a b!"]);
        let typed_line = |line: &str| Launch { line: Some(line.into()), ..less.clone() };
        let long = "x".repeat(2000);
        let lines = [
            typed(&less, Shell::Bash, "/bin/evermux"),
            typed(&less, Shell::Fish, "/bin/evermux"),
            typed(&less, Shell::Nu, "/bin/evermux"),
            typed(&less, Shell::Csh, "/bin/evermux"),
            typed(&less, Shell::Other, "/bin/evermux"),
            typed(&less, Shell::Other, "/a b/evermux"),
            typed(&less, Shell::Csh, "/a b/evermux"),
            typed(&of(&[b"less", b"a\nb"]), Shell::Zsh, "/a b/evermux"),
            typed(&of(&[b"less", b"\xff"]), Shell::Plain, "/bin/evermux"),
            typed(&of(&[b"less", long.as_bytes()]), Shell::Plain, "/bin/evermux"),
            typed(&Launch { directory: Some("/x".into()), ..less.clone() }, Shell::Bash, "/bin/evermux"),
            typed(
                &Launch { environment: vec![("A".into(), "b".into())], ..less.clone() },
                Shell::Bash,
                "/bin/evermux",
            ),
            typed(&typed_line("l a*"), Shell::Bash, "/bin/evermux"),
            typed(&typed_line("l !$"), Shell::Bash, "/bin/evermux"),
            typed(&typed_line("l !$"), Shell::Fish, "/bin/evermux"),
            typed(&typed_line("l\nx"), Shell::Fish, "/bin/evermux"),
            typed(&Launch { directory: Some("/x".into()), ..typed_line("l") }, Shell::Fish, "/bin/evermux"),
        ];
        insta::assert_snapshot!(lines.join("\n"), @"
        plain command less 'a b!'
        plain command less 'a b!'
        plain ^less 'a b!'
        ticket  /bin/evermux resume abababababababab
        ticket  /bin/evermux resume abababababababab
        nothing
        ticket  '/a b/evermux' resume abababababababab
        ticket  '/a b/evermux' resume abababababababab
        ticket  /bin/evermux resume abababababababab
        ticket  /bin/evermux resume abababababababab
        ticket  /bin/evermux resume abababababababab
        ticket  /bin/evermux resume abababababababab
        plain l a*
        plain command less 'a b!'
        plain l !$
        plain command less 'a b!'
        ticket  /bin/evermux resume abababababababab
        ");
    }
}
