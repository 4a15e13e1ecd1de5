//! Editors: which of their arguments are harmless, which of them can be asked what they hold, and whether one gets that back.

pub mod words;

use bstr::{BStr, BString, ByteSlice};

use super::syntax::{Operands, Rule};
use super::{Again, Conditions, Launch, Permission, Reason, Restriction, decide, plain};
use crate::model::{Program, StartCommand};

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
    if is_emacs_client(&argv) {
        argv.splice(1..1, ["-a".into(), "".into()]);
    }
    argv
}

/// An editor that can be asked what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tool {
    /// Neovim.
    Nvim,
    /// Emacs with a server, or a client of one.
    Emacs,
    /// Kakoune.
    Kakoune,
    /// Vim.
    Vim,
}

impl Tool {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Nvim, Self::Emacs, Self::Kakoune, Self::Vim];

    /// The one that a program of this name is.
    pub fn of(program: &[u8]) -> Option<Self> {
        match program.rsplit_str("/").next()? {
            b"nvim" => Some(Self::Nvim),
            b"emacs" | b"emacs-nox" | b"emacs-gtk" | b"emacs-lucid" | b"emacsclient" => Some(Self::Emacs),
            b"kak" => Some(Self::Kakoune),
            b"vi" | b"vim" | b"view" | b"vim.basic" | b"vim.nox" | b"vim.gtk3" => Some(Self::Vim),
            _ => None,
        }
    }

    /// The one that these words start, if what it holds says more than they do: a Vim that is told to bring back a session
    /// has that, and one that compares files shows more than files.
    pub fn of_words(argv: &[BString]) -> Option<Self> {
        let tool = Self::of(argv.first()?)?;
        let said = |word: &BString| matches!(word.as_slice(), b"-S" | b"-d" | b"-t" | b"-q");
        let is_said = tool == Self::Vim && words::restored(argv).is_none() && argv.iter().any(said);
        (!is_said).then_some(tool)
    }

    /// Its name in a snapshot.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nvim => "nvim",
            Self::Emacs => "emacs",
            Self::Kakoune => "kak",
            Self::Vim => "vim",
        }
    }

    /// The one of this name in a snapshot; none if a newer evermux has made it.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.as_str() == name)
    }

    /// The file that brings a state back, in the folder of that state.
    pub fn restore_file(self) -> &'static str {
        match self {
            Self::Nvim => "restore.lua",
            Self::Emacs => "restore.el",
            Self::Kakoune => "restore.kak",
            Self::Vim => "restore.vim",
        }
    }
}

/// Whether these words are a client of an Emacs that runs elsewhere.
pub fn is_emacs_client(argv: &[BString]) -> bool {
    argv.first().is_some_and(|program| program.rsplit_str("/").next() == Some(b"emacsclient"))
}

/// Whether a pane was made with this very program as its command.
pub fn is_start_of(start: &StartCommand, program: &Program) -> bool {
    match start.argv.as_slice() {
        [line] => is_line_of(line, &program.command.argv),
        words => words == program.command.argv,
    }
}

/// Whether a line of shell is these words and nothing else.
pub fn is_line_of(line: &BString, argv: &[BString]) -> bool {
    plain::words(line).is_some_and(|words| words == argv)
}

/// What to do about an editor whose state this machine's store has; `launch` brings it back.
pub fn decide_editor(program: &Program, conditions: &Conditions, launch: Launch) -> Again {
    let tool = program.editor.as_ref().and_then(|editor| Tool::named(&editor.tool));
    let typed = conditions.restriction == Restriction::Prefill;
    let restriction = if typed { Restriction::None } else { conditions.restriction };
    let unrestricted = Conditions { restriction, ..conditions.clone() };
    let allowed = || match &conditions.allow {
        Some(allow) if !allow.table && !allow.names.iter().any(|name| Tool::of(name) == tool) => {
            Err(Reason::NotInTable(tool.map_or("an editor", Tool::as_str).into()))
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
    fn a_client_of_emacs_starts_one() {
        let mut expected = words("emacsclient -a  -t x");
        assert_eq!(opened_again(words("emacsclient -t x")), expected);
        expected[0] = "/usr/bin/emacsclient".into();
        assert_eq!(opened_again(words("/usr/bin/emacsclient -t x")), expected);
        assert_eq!(opened_again(words("emacs -nw x")), words("emacs -nw x"));
    }
}
