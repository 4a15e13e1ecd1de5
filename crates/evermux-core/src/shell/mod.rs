//! The shell integration: what the scripts tell, and what they are told. Pure.
//!
//! `evermux shell-init SHELL` prints a script (the files `integration.*` beside this one) that the user's rc file runs. In
//! the shell that tmux has started itself it appends to a file of the pane's own, by builtins, without a fork: when a prompt
//! comes and with which status, the line of each command as it was typed, and its directories and a few variables when they
//! have changed (`report.rs`). At its first prompt after a restore the shell is told what to take back (`first.rs`).
//!
//! Anybody who runs as the user can write such a file: it is read with limits, and nothing of it is interpreted. A line from
//! it is never run unless it is, word by word, the program that the process table told, too (`relaunch`).

mod first;
mod history;
mod report;

use bstr::BString;

pub use first::{FirstPrompt, code};
pub use history::{Entry, HISTORY_BYTES, as_file, parse as parse_history, write as write_history};
pub use report::{Report, Typed};

use crate::text::quote::{fish_word, shell_word};

/// Variables that come back: where one of them names an environment (venv, conda, nvm), that is activated again.
///
/// direnv, mise and asdf do their part by themselves, by the directory.
pub const VARIABLES: [&str; 6] =
    ["VIRTUAL_ENV", "CONDA_PREFIX", "NVM_BIN", "AWS_PROFILE", "KUBECONFIG", "ATUIN_SESSION"];

/// A shell that can be integrated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Integrated {
    /// GNU bash 4.4 and newer.
    Bash,
    /// zsh.
    Zsh,
    /// fish 3.4 and newer.
    Fish,
    /// Nushell: reports only, and nobody has tried it.
    Nu,
}

/// Where the scripts find things. All of them absolute.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The folder of the panes' files.
    pub folder: BString,
    /// evermux itself.
    pub program: BString,
    /// The state folder, for `evermux shell-first`.
    pub state: BString,
}

/// The script for a shell; none if one of the paths holds a NUL.
pub fn script(shell: Integrated, paths: &Paths) -> Option<BString> {
    let text = match shell {
        Integrated::Bash => include_str!("integration.bash"),
        Integrated::Zsh => include_str!("integration.zsh"),
        Integrated::Fish => include_str!("integration.fish"),
        Integrated::Nu => include_str!("integration.nu"),
    };
    let Paths { folder, program, state } = paths;
    let mut script = Vec::new();
    for (name, value) in
        [("__evermux_folder", folder), ("__evermux_program", program), ("__evermux_state", state)]
    {
        let line: Vec<u8> = match shell {
            Integrated::Bash => [name.as_bytes(), b"=", &shell_word(value).ok()?].concat(),
            Integrated::Zsh => {
                [&b"typeset -g "[..], name.as_bytes(), b"=", &shell_word(value).ok()?].concat()
            }
            Integrated::Fish => [&b"set -g "[..], name.as_bytes(), b" ", &fish_word(value).ok()?].concat(),
            // Raw strings of Nushell end with a quote and as many signs as they began with.
            Integrated::Nu => {
                [&b"$env."[..], name.as_bytes(), b" = r####'", value.as_slice(), b"'####"].concat()
            }
        };
        script.extend(line);
        script.push(b'\n');
    }
    script.extend(text.as_bytes());
    Some(script.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_words_of_the_shell() {
        let paths = Paths { folder: "/it's/a $b".into(), program: "/e".into(), state: "/s".into() };
        let first = |shell| {
            let script = script(shell, &paths).unwrap();
            String::from_utf8(script.to_vec()).unwrap().lines().next().unwrap_or_default().to_owned()
        };
        assert_eq!(first(Integrated::Bash), r#"__evermux_folder="/it's/a "'$b'"#);
        assert_eq!(first(Integrated::Fish), r"set -g __evermux_folder '/it\'s/a $b'");
        assert_eq!(first(Integrated::Nu), "$env.__evermux_folder = r####'/it's/a $b'####");
        assert!(script(Integrated::Bash, &Paths { state: "a\0".into(), ..paths }).is_none());
    }

    #[test]
    fn every_script_tells_every_variable() {
        for shell in [Integrated::Bash, Integrated::Zsh, Integrated::Fish] {
            let paths = Paths { folder: "/f".into(), program: "/e".into(), state: "/s".into() };
            let script = script(shell, &paths).unwrap().to_string();
            for name in VARIABLES {
                assert!(script.contains(name), "{shell:?}: {name}");
            }
        }
    }
}
