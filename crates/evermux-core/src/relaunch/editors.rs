//! Editors: which of their arguments are harmless, and which are given again to one that gets back what it held.

use std::path::Path;

use bstr::{BStr, BString, ByteSlice};

use super::syntax::{Operands, Rule};
use super::{Again, Conditions, Launch, Permission, Reason, Restriction, decide};
use crate::model::Program;

/// Names, and what is allowed. Not: commands (`-c`, `--cmd`, `+cmd`, `-e`, `--eval`, `-f`), scripts of keys (`-s`), files that
/// are written (`-w`, `-W`). A session file (`-S`) only as the arguments named it.
#[rustfmt::skip]
pub(super) const EDITORS: &[(&[&str], Rule)] = &[
    (&["vi", "vim", "view", "nvim", "vimdiff", "vim.basic", "vim.tiny", "vim.nox", "vim.gtk3"], Rule {
        letters: "RnmMAHZbopOdvyDNC0123456789", valued: "uirStqT",
        words: &["--clean", "--noplugin", "--not-a-term", "-nb"], operands: Operands::Viewed, ..Rule::NONE }),
    (&["emacs", "emacs-nox"], Rule { letters: "qQ", words: &["-nw", "--no-window-system", "--quick", "--no-init-file", "--no-splash"],
        operands: Operands::Viewed, ..Rule::NONE }),
    (&["emacsclient"], Rule { letters: "tq", valued: "s", words: &["-nw", "--tty", "--quiet"], valued_words: &["--socket-name"],
        operands: Operands::Viewed }),
    (&["hx", "helix"], Rule { letters: "v", valued: "w", words: &["--vsplit", "--hsplit"], valued_words: &["--working-dir"],
        operands: Operands::Viewed }),
    (&["kak"], Rule { letters: "n", words: &["-ro"], operands: Operands::Viewed, ..Rule::NONE }),
    (&["nano"], Rule { letters: "ABcdDeEFGHiIjkKlLmMnNPqRStuUvVwxyzZ$", valued: "CfoQrTXYJ",
        words: &["--linenumbers", "--mouse", "--autoindent", "--softwrap", "--view"], operands: Operands::Viewed, ..Rule::NONE }),
    (&["micro"], Rule { valued_words: &["-config-dir"], operands: Operands::Viewed, ..Rule::NONE }),
];

/// The rule for the editor of this name.
pub(super) fn find(name: &BStr) -> Option<&'static Rule> {
    EDITORS.iter().find(|(names, _)| names.iter().any(|known| name == *known)).map(|(_, rule)| rule)
}

/// Whether these arguments of an editor have it read what another program has written: that is gone.
pub(super) fn reads_input(name: &BStr, arguments: &[BString]) -> bool {
    find(name).is_some() && arguments.iter().take_while(|word| *word != "--").any(|word| word == "-")
}

/// The words that open the same as these: a client of an Emacs that is not there any more starts one.
pub(super) fn opened_again(mut argv: Vec<BString>) -> Vec<BString> {
    let is_client =
        argv.first().is_some_and(|program| program.rsplit_str("/").next() == Some(b"emacsclient"));
    if is_client {
        argv.splice(1..1, ["-a".into(), "".into()]);
    }
    argv
}

/// Whether a program of this name is a Neovim.
pub fn is_nvim(name: &[u8]) -> bool {
    name.rsplit_str("/").next() == Some(b"nvim")
}

/// Keeps auto-session from bringing back its own: 0 is not enough for it.
const WITHOUT_AUTO_SESSION: &str = "let g:auto_session_enabled=v:false";

/// The words that bring back what a Neovim of these words held: from the file `restore`. `is_free`: whether nothing is at the
/// path of a socket.
pub fn with_state(argv: &[BString], restore: &Path, is_free: &dyn Fn(&BString) -> bool) -> Vec<BString> {
    let mut words = vec![argv.first().cloned().unwrap_or_else(|| "nvim".into())];
    words.extend(kept_flags(&argv[1.min(argv.len())..], is_free));
    let restore = restore.as_os_str().as_encoded_bytes();
    words.extend(["--cmd".into(), WITHOUT_AUTO_SESSION.into(), "-S".into(), restore.into()]);
    words
}

/// The words that show what a Neovim holds that has outlived its pane.
pub fn attached_again(argv: &[BString], socket: &Path) -> Vec<BString> {
    let program = argv.first().cloned().unwrap_or_else(|| "nvim".into());
    vec![program, "--server".into(), socket.as_os_str().as_encoded_bytes().into(), "--remote-ui".into()]
}

/// The socket of the Neovim that these words show.
pub fn attached(argv: &[BString]) -> Option<&BString> {
    let server = argv.windows(2).find(|pair| pair[0] == "--server")?;
    argv.iter().any(|word| word == "--remote-ui").then(|| &server[1])
}

/// Flags that say how Neovim works; what it opens is in its state.
fn kept_flags(arguments: &[BString], is_free: &dyn Fn(&BString) -> bool) -> Vec<BString> {
    let mut kept: Vec<BString> = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_slice() {
            b"--" => break,
            b"-u" | b"-i" => kept.extend([Some(word.clone()), words.next().cloned()].into_iter().flatten()),
            b"--listen" => {
                if let Some(path) = words.next().filter(|path| is_free(path)) {
                    kept.extend([word.clone(), path.clone()]);
                }
            }
            b"--cmd" | b"-c" | b"-S" | b"-t" | b"-q" | b"-s" | b"-w" | b"-W" | b"-r" | b"--server" => {
                words.next();
            }
            b"--clean" | b"--noplugin" => kept.push(word.clone()),
            [b'-', letters @ ..]
                if !letters.is_empty() && letters.iter().all(|it| b"nRmMbAHZ".contains(it)) =>
            {
                kept.push(word.clone());
            }
            _ => {}
        }
    }
    kept
}

/// The name of the state that these words of a Neovim bring back, if a restore of ours has started it.
pub fn restored(argv: &[BString]) -> Option<String> {
    let path =
        argv.windows(2).find(|pair| pair[0] == "-S" && pair[1].ends_with_str("/restore.lua"))?[1].as_slice();
    let mut parts = path.rsplit_str("/").skip(1);
    let (name, folder) = (parts.next()?, parts.next()?);
    let is_name = name.len() == 16 && name.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    (is_name && folder == b"editors").then(|| name.to_str_lossy().into_owned())
}

/// The same words without those that a restore of ours has added.
pub fn without_restore(argv: &[BString]) -> Vec<BString> {
    let is_ours = |pair: &[BString]| match pair {
        [flag, value] => {
            (flag == "--cmd" && value == WITHOUT_AUTO_SESSION) || (flag == "-S" && restored(pair).is_some())
        }
        _ => false,
    };
    let mut kept = Vec::new();
    let mut rest = argv;
    while let Some(word) = rest.first() {
        if rest.get(..2).is_some_and(is_ours) {
            rest = &rest[2..];
        } else {
            kept.push(word.clone());
            rest = &rest[1..];
        }
    }
    kept
}

/// What to do about an editor whose state this machine's store has; `launch` brings it back.
pub fn decide_editor(program: &Program, conditions: &Conditions, launch: Launch) -> Again {
    let typed = conditions.restriction == Restriction::Prefill;
    let restriction = if typed { Restriction::None } else { conditions.restriction };
    let unrestricted = Conditions { restriction, ..conditions.clone() };
    let allowed = || match &conditions.allow {
        Some(allow) if !allow.table && !allow.names.iter().any(|name| is_nvim(name)) => {
            Err(Reason::NotInTable("nvim".into()))
        }
        _ => Ok(()),
    };
    match decide(program.command.masked, &unrestricted, allowed) {
        Ok(()) if typed => Again::Prefill(launch, Reason::Prefilled),
        Ok(()) => Again::Run(launch, Permission::Editor),
        Err(reason) => Again::Owe(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<BString> {
        line.split(' ').map(BString::from).collect()
    }

    #[test]
    fn flags_of_neovim_are_kept_what_it_opened_is_not() {
        let of = |line: &str| {
            let again =
                with_state(&words(line), Path::new("/s/editors/0123456789abcdef/restore.lua"), &|path| {
                    path == "/free"
                });
            assert_eq!(restored(&again).as_deref(), Some("0123456789abcdef"), "{line}");
            let shown = without_restore(&again);
            assert_eq!(restored(&shown), None);
            bstr::join(" ", shown).into_iter().map(char::from).collect::<String>()
        };
        assert_eq!(of("nvim"), "nvim");
        assert_eq!(of("/usr/bin/nvim -nR a.txt +12 -u rc -c x --cmd y -S s b"), "/usr/bin/nvim -nR -u rc");
        assert_eq!(of("nvim --clean -i NONE --listen /free -- -R"), "nvim --clean -i NONE --listen /free");
        assert_eq!(of("nvim --listen /taken -d a b - --embed"), "nvim");
        assert_eq!(restored(&words("nvim -S /s/editors/x/restore.lua")), None);
        assert_eq!(restored(&words("nvim -S Session.vim")), None);
    }

    #[test]
    fn a_client_of_emacs_starts_one() {
        let mut expected = words("emacsclient -a  -t x");
        assert_eq!(opened_again(words("emacsclient -t x")), expected);
        expected[0] = "/usr/bin/emacsclient".into();
        assert_eq!(opened_again(words("/usr/bin/emacsclient -t x")), expected);
        assert_eq!(opened_again(words("emacs -nw x")), words("emacs -nw x"));
    }

    #[test]
    fn what_shows_another_neovim_is_known() {
        let argv = attached_again(&words("nvim x"), Path::new("/run/nvim.1.0"));
        assert_eq!(argv, words("nvim --server /run/nvim.1.0 --remote-ui"));
        assert_eq!(attached(&argv).map(|path| path.to_string()).as_deref(), Some("/run/nvim.1.0"));
        assert_eq!(attached(&words("nvim --server x --remote-expr y")), None);
    }
}
