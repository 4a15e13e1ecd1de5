//! Commands inside of commands: what is run on another machine, in a container, again and again by `watch`, or by a tmux in a
//! pane. Which of these do nothing but open a shell, attach to a session, or show something.

use bstr::{BString, ByteSlice};

use super::shells::{Shell, file_name};
use super::{editors, plain, table};
use crate::handlers::{Inner, Invocation, ItemKind, Opens};

/// Why an invocation is none that is run: this word of it.
pub(super) fn check(known: &Invocation<'_>, inner: &Inner) -> Result<(), BString> {
    let Some((subcommand, rest)) = split(known, inner) else { return Ok(()) };
    let applies = inner.subcommands.is_empty()
        || subcommand.is_some_and(|word| inner.subcommands.iter().any(|known| known.0.as_bytes() == *word));
    if !applies {
        return Ok(());
    }
    let fits = match (inner.opens, rest) {
        (Opens::Shell, []) => inner.subcommands.is_empty(),
        (Opens::Shell, words) => opens_shell(words),
        (Opens::Viewer, words) => shows(words),
    };
    if fits { Ok(()) } else { Err(bstr::join(" ", rest).into()) }
}

/// The words before the command inside, as far as these are arguments of the program itself.
pub(super) fn own_arguments<'a>(known: &Invocation<'a>, inner: &Inner) -> &'a [BString] {
    let rest = split(known, inner).map_or(0, |(_, rest)| rest.len());
    &known.arguments[..known.arguments.len() - rest]
}

/// The first operand, and the words of the command inside.
fn split<'a>(known: &Invocation<'a>, inner: &Inner) -> Option<(Option<&'a BString>, &'a [BString])> {
    let words = known.arguments;
    let (mut operands, mut at, mut first) = (0, 0, None);
    let wanted = inner.after + usize::from(!inner.subcommands.is_empty());
    for item in known.handler.arguments.items(words) {
        match item.kind {
            ItemKind::Operand if operands == wanted => break,
            ItemKind::Operand => {
                first = first.or(item.words.first());
                operands += 1;
            }
            // `kubectl exec POD -it -- bash`.
            ItemKind::End => {
                at += 1;
                break;
            }
            ItemKind::Flag { .. } => {}
        }
        at += item.words.len();
    }
    (operands >= wanted).then(|| (first, &words[at..]))
}

/// Whether these words, as a remote shell would read them, only open a shell that waits for commands, or attach to a session.
fn opens_shell(words: &[BString]) -> bool {
    let Some(words) = as_line(words) else { return false };
    let shell = Shell::of(&words[0]).is_some() && Shell::takes_commands_from_terminal(&words);
    shell || attached_again(&words).is_some_and(|again| again == words)
}

/// Whether these words, as a shell reads them, only show something: programs of the table, and those that print and end.
fn shows(words: &[BString]) -> bool {
    let Some(words) = as_line(words) else { return false };
    let (name, arguments) = (file_name(&words[0]).as_bstr(), &words[1..]);
    let of_table = table::find(name).filter(|_| Shell::of(name).is_none() && editors::find(name).is_none());
    of_table.is_some_and(|rule| rule.check(arguments).is_ok()) || prints(name, arguments)
}

/// Programs that print and end, and the words of which the first must be one; none: any.
#[rustfmt::skip]
const PRINTS: &[(&[&str], &[&str])] = &[
    (&["ls", "df", "du", "uptime", "w", "who", "ps", "wc", "stat", "lsblk", "lscpu", "lsusb", "lspci", "sensors", "squeue", "sinfo", "qstat", "cat", "head", "netstat"], &[]),
    (&["git"], &["status", "log", "diff", "show", "shortlog"]),
    (&["kubectl", "oc"], &["get", "top", "describe"]),
    (&["docker", "podman", "nerdctl"], &["ps", "stats", "images", "top"]),
    (&["systemctl"], &["status", "list-units", "list-timers", "is-active", "--failed"]),
];

fn prints(name: &[u8], arguments: &[BString]) -> bool {
    let is = |known: &&str| known.as_bytes() == name;
    let Some((_, words)) = PRINTS.iter().find(|(names, _)| names.iter().any(is)) else {
        return false;
    };
    let writes = |word: &BString| {
        [&b"--output"[..], b"--ext-diff", b"-o/"].iter().any(|flag| word.starts_with(flag))
            || word.starts_with(b"/dev/")
    };
    let first = arguments.first().is_some_and(|first| words.iter().any(|word| word.as_bytes() == *first));
    (words.is_empty() || first) && !arguments.iter().any(writes)
}

/// The words of what a shell is given as one line, if that is one plain command.
fn as_line(words: &[BString]) -> Option<Vec<BString>> {
    let line: BString = bstr::join(" ", words).into();
    plain::words(&line).filter(|words| !words.is_empty())
}

/// The words that attach to the session again that these show: of `tmux new -s x` those that attach to it if it is still
/// there. None if they do anything else.
pub(super) fn attached_again(words: &[BString]) -> Option<Vec<BString>> {
    let (program, arguments) = words.split_first()?;
    match file_name(program) {
        b"tmux" => tmux(program, arguments),
        // `-r`, `-x` and their like attach; others make something.
        b"screen" => {
            let attaches = arguments.first().is_some_and(|flag| {
                matches!(
                    flag.as_slice(),
                    b"-r" | b"-x" | b"-d" | b"-D" | b"-dr" | b"-dR" | b"-DR" | b"-DRR" | b"-R" | b"-RR"
                )
            });
            let plain = |word: &BString| !word.starts_with(b"-") || word.len() <= 4;
            (attaches && arguments.len() <= 3 && arguments.iter().all(plain)).then(|| words.to_vec())
        }
        b"evermux" => {
            let at = arguments.iter().position(|word| word == "attach")?;
            let before = &arguments[..at];
            let server = matches!(before, [flag, _] if flag == "-L" || flag == "-S");
            let name = matches!(&arguments[at + 1..], [] | [_])
                && !arguments[at..].iter().any(|word| word.starts_with(b"-"));
            ((before.is_empty() || server) && name).then(|| words.to_vec())
        }
        _ => None,
    }
}

fn tmux(program: &BString, arguments: &[BString]) -> Option<Vec<BString>> {
    // A `;` begins a command of its own.
    if arguments.iter().any(|word| word.ends_with(b";")) {
        return None;
    }
    let mut again = vec![program.clone()];
    let mut rest = arguments;
    loop {
        match rest {
            [flag, value, after @ ..] if flag == "-L" || flag == "-S" => {
                again.extend([flag.clone(), value.clone()]);
                rest = after;
            }
            [flag, after @ ..] if matches!(flag.as_slice(), b"-2" | b"-u" | b"-l") => {
                again.push(flag.clone());
                rest = after;
            }
            _ => break,
        }
    }
    let Some((command, rest)) = rest.split_first() else {
        // The client of a new session: which one is not known any more.
        again.push("attach-session".into());
        return Some(again);
    };
    let (switches, valued): (&[u8], &[u8]) = match command.as_slice() {
        b"attach" | b"attach-session" | b"at" | b"a" => (b"dErx", b"ctf"),
        b"new" | b"new-session" => (b"AdDEPX", b"cnstxyef"),
        _ => return None,
    };
    let mut kept = Vec::new();
    let mut name = None;
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        match word.as_slice() {
            [b'-', letters @ ..] if !letters.is_empty() && letters.iter().all(|it| switches.contains(it)) => {
                kept.push(word.clone());
            }
            [b'-', letter] if valued.contains(letter) => {
                let value = words.next()?.clone();
                if matches!(letter, b's' | b't') {
                    name = Some((*letter, value.clone()));
                }
                kept.extend([word.clone(), value]);
            }
            // A command for the first window, or something unknown.
            _ => return None,
        }
    }
    if !command.starts_with(b"n") {
        again.push(command.clone());
        again.extend(kept);
        return Some(again);
    }
    // A session of its own in the group of another one would be one more each time; one without a name is not known.
    let Some((b's', _)) = name else {
        again.push("attach-session".into());
        return name.is_none().then_some(again);
    };
    again.push(command.clone());
    if !kept.iter().any(|word| word.starts_with(b"-") && word.contains(&b'A')) {
        again.push("-A".into());
    }
    again.extend(kept);
    Some(again)
}

/// The line of mosh of which a `mosh-client` is a part: it tells it in its arguments (`-# HOST … | IP PORT`).
pub(super) fn mosh(argv: &[BString]) -> Option<Vec<BString>> {
    if !file_name(argv.first()?.split_str(" ").next()?).eq(b"mosh-client") {
        return None;
    }
    let told: BString = bstr::join(" ", argv).into();
    let begins = told.find("-# ")? + 3;
    let ends = told.rfind(" |").filter(|end| *end > begins)?;
    let words = told[begins..ends].split_str(" ").filter(|word| !word.is_empty()).map(BString::from);
    let words: Vec<BString> = ["mosh".into()].into_iter().chain(words).collect();
    (words.len() > 1).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<BString> {
        shlex::split(line).unwrap().into_iter().map(BString::from).collect()
    }

    #[test]
    fn a_session_is_attached_again() {
        let again = |line: &str| {
            attached_again(&words(line))
                .map(|words| bstr::join(" ", words).into_iter().map(char::from).collect::<String>())
        };
        for (line, expected) in [
            ("tmux attach -t x", "tmux attach -t x"),
            ("tmux a", "tmux a"),
            ("tmux -L in -u attach-session -d -t x", "tmux -L in -u attach-session -d -t x"),
            ("tmux -L in", "tmux -L in attach-session"),
            ("tmux -L in new", "tmux -L in attach-session"),
            ("tmux -L in new -s x -n y", "tmux -L in new -A -s x -n y"),
            ("tmux new-session -A -s x", "tmux new-session -A -s x"),
            ("tmux new -As x", "nothing"),
            ("tmux new -s x htop", "nothing"),
            ("tmux new -t x", "nothing"),
            ("tmux attach ; kill-server", "nothing"),
            ("tmux kill-server", "nothing"),
            ("tmux -f x attach", "nothing"),
            ("screen -x", "screen -x"),
            ("screen -dr x", "screen -dr x"),
            ("screen -S x", "nothing"),
            ("evermux attach work", "evermux attach work"),
            ("evermux -L in attach", "evermux -L in attach"),
            ("evermux attach work -- rm x", "nothing"),
            ("evermux restore", "nothing"),
        ] {
            assert_eq!(again(line).unwrap_or_else(|| "nothing".to_owned()), expected, "{line}");
        }
    }

    #[test]
    fn the_line_of_mosh_is_told_by_its_client() {
        let of = |argv: &[&str]| mosh(&argv.iter().map(|&word| word.into()).collect::<Vec<_>>());
        let expected = Some(words("mosh me@host -- tmux a"));
        assert_eq!(of(&["mosh-client", "-# me@host -- tmux a |", "10.0.0.1", "60001"]), expected);
        assert_eq!(
            of(&["/usr/bin/mosh-client", "-#", "me@host", "--", "tmux", "a", "|", "1.2.3.4", "60001"]),
            expected
        );
        assert_eq!(of(&["mosh-client", "10.0.0.1", "60001"]), None);
        assert_eq!(of(&["mosh-client", "-#  |", "1", "2"]), None);
        assert_eq!(of(&["vim", "-# x |"]), None);
    }
}
