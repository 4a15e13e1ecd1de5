//! Which programs are shells.

use bstr::BStr;

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
    /// A plain POSIX shell without a line editor: dash, ash, `sh`.
    Plain,
    /// Another one with a line editor: ksh, mksh, tcsh, elvish, xonsh, PowerShell.
    Other,
}

impl Shell {
    /// The shell of this name, which is a path, a file name, a kernel's `comm` or an `argv[0]` (`-bash`: a login
    /// shell).
    pub fn of(name: &[u8]) -> Option<Self> {
        let name = name.rsplit(|&byte| byte == b'/').next().unwrap_or(name);
        let name = name.strip_prefix(b"-").unwrap_or(name);
        let _ = BStr::new(name);
        match name {
            b"bash" | b"rbash" => Some(Self::Bash),
            b"zsh" | b"rzsh" => Some(Self::Zsh),
            b"fish" => Some(Self::Fish),
            b"nu" => Some(Self::Nu),
            b"sh" | b"dash" | b"ash" | b"busybox" => Some(Self::Plain),
            b"ksh" | b"ksh93" | b"mksh" | b"lksh" | b"oksh" | b"yash" | b"tcsh" | b"csh" | b"elvish"
            | b"xonsh" | b"pwsh" => Some(Self::Other),
            _ => None,
        }
    }
}
