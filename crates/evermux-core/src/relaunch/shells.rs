//! Which programs are shells, and which invocations of them wait for commands on the terminal.

use bstr::BString;

use crate::text::quote::Language;

/// A shell that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shell {
    /// GNU bash.
    Bash,
    /// zsh.
    Zsh,
    /// fish.
    Fish,
    /// Nushell.
    Nu,
    /// A plain POSIX shell without a line editor: dash, or what is called `sh`.
    Plain,
    /// Another POSIX shell, with a line editor that may be switched off: ksh, mksh, yash, busybox' ash.
    Korn,
    /// tcsh, also as csh.
    Csh,
    /// Another one with a line editor: elvish, xonsh, PowerShell.
    Other,
}

/// The name of the file of a path; without the dash of a login shell.
pub(super) fn file_name(path: &[u8]) -> &[u8] {
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
    name.strip_prefix(b"-").unwrap_or(name)
}

impl Shell {
    /// The shell of this name, which is a path, a file name, a kernel's `comm` or an `argv[0]` (`-bash`: a login
    /// shell).
    pub fn of(name: &[u8]) -> Option<Self> {
        match file_name(name) {
            b"bash" | b"rbash" => Some(Self::Bash),
            b"zsh" | b"rzsh" => Some(Self::Zsh),
            b"fish" => Some(Self::Fish),
            b"nu" => Some(Self::Nu),
            b"sh" | b"dash" => Some(Self::Plain),
            b"ash" | b"ksh" | b"ksh93" | b"mksh" | b"lksh" | b"oksh" | b"yash" => Some(Self::Korn),
            b"tcsh" | b"csh" => Some(Self::Csh),
            b"elvish" | b"xonsh" | b"pwsh" => Some(Self::Other),
            _ => None,
        }
    }

    /// How it reads a line; none: it is not known how it quotes.
    pub fn language(self) -> Option<Language> {
        match self {
            Self::Bash | Self::Zsh | Self::Plain | Self::Korn => Some(Language::Posix),
            Self::Csh => Some(Language::Csh),
            Self::Fish => Some(Language::Fish),
            Self::Nu => Some(Language::Nu),
            Self::Other => None,
        }
    }

    /// Whether an invocation of a shell with these words, its own name first, takes its commands from the terminal:
    /// it has no script, no `-c` and nothing unknown. A file named instead of the rc file is allowed here, because
    /// the shell waits for commands after it.
    pub fn takes_commands_from_terminal(argv: &[BString]) -> bool {
        let Some((_, mut words)) = argv.split_first() else { return false };
        while let Some((word, rest)) = words.split_first() {
            words = match word.as_slice() {
                b"--rcfile" | b"--init-file" | b"-o" | b"+o" | b"-O" | b"+O" => rest.get(1..).unwrap_or(&[]),
                b"--login" | b"--interactive" | b"--noediting" | b"--norc" | b"--noprofile" | b"--posix"
                | b"--private" | b"--no-config" | b"--no-rcs" => rest,
                [b'-' | b'+', flags @ ..]
                    if !flags.is_empty() && flags.iter().all(|&flag| is_plain_flag(flag)) =>
                {
                    rest
                }
                _ => return false,
            };
        }
        true
    }
}

/// Single letters that bash, zsh, dash, ksh and fish know and that execute nothing; `c` and `C` do.
fn is_plain_flag(flag: u8) -> bool {
    b"abefhiklmnprstuvxBEHPNVX".contains(&flag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<BString> {
        line.split(' ').map(BString::from).collect()
    }

    #[test]
    fn shells_are_known_by_any_of_their_names() {
        assert_eq!(Shell::of(b"bash"), Some(Shell::Bash));
        assert_eq!(Shell::of(b"-zsh"), Some(Shell::Zsh));
        assert_eq!(Shell::of(b"/nix/store/x-fish-4.0/bin/fish"), Some(Shell::Fish));
        assert_eq!(Shell::of(b"/bin/sh"), Some(Shell::Plain));
        for other in ["", "-", "bash2", "vim", "/bin/", "ssh"] {
            assert_eq!(Shell::of(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn scripts_and_commands_are_not_taken_for_shells_at_a_terminal() {
        for line in [
            "bash",
            "-bash",
            "bash -l",
            "zsh -il",
            "bash --rcfile f -i",
            "zsh -o vi",
            "fish --private",
            "sh -i",
        ] {
            assert!(Shell::takes_commands_from_terminal(&words(line)), "{line}");
        }
        for line in [
            "bash -c x",
            "bash -lc x",
            "bash script",
            "sh ./x -i",
            "fish -C x",
            "bash -",
            "nu -e x",
            "bash --rpm",
        ] {
            assert!(!Shell::takes_commands_from_terminal(&words(line)), "{line}");
        }
        assert!(!Shell::takes_commands_from_terminal(&[]));
    }
}
