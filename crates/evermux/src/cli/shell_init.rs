//! `evermux shell-init`: the shell integration, for the user's rc file.

use std::os::unix::ffi::OsStrExt;

use bstr::BString;
use evermux_core::procs::exists;
use evermux_core::shell::{Integrated, Paths, script};
use evermux_core::store::Shells;

use crate::context::{Context, Global};
use crate::error::{CliError, Exit};
use crate::output;
use crate::setup;

/// Print the shell integration, for the end of a shell's rc file
///
/// bash: `eval "$(evermux shell-init bash)"` in ~/.bashrc; zsh: the same with zsh in ~/.zshrc; fish:
/// `evermux shell-init fish | source` in config.fish. In a pane of tmux the shell then tells the line of each command as it
/// was typed, when a prompt comes, and its directories and a few variables when they change; after a restore it has its
/// directory stack, its virtual environments and the pane's own commands in its history again. Nothing is forked for a
/// prompt. Elsewhere it does nothing. `evermux install --shell NAME` adds the line.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which shell
    shell: Shell,
}

/// A shell with an integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Shell {
    /// GNU bash 4.4 and newer
    Bash,
    /// zsh
    Zsh,
    /// fish 3.4 and newer
    Fish,
    /// Nushell (tried with 0.108)
    Nu,
}

impl Shell {
    /// As the library knows it.
    pub fn integrated(self) -> Integrated {
        match self {
            Self::Bash => Integrated::Bash,
            Self::Zsh => Integrated::Zsh,
            Self::Fish => Integrated::Fish,
            Self::Nu => Integrated::Nu,
        }
    }
}

/// Prints the script; what is wrong with the settings matters nothing here.
pub fn run(global: &Global, args: &Args) -> Exit {
    match text(global, args.shell) {
        Ok(script) => output::raw(&script),
        Err(error) => output::show(Err(error), global.json),
    }
}

fn text(global: &Global, shell: Shell) -> Result<BString, CliError> {
    let (context, _) = Context::or_defaults(global)?;
    let program = setup::program(context.binaries.path.as_deref())?;
    let shells = Shells::open(&context.place())?;
    // Of servers that nobody saves any more.
    shells.sweep(0, &[], exists);
    let bytes = |path: &std::path::Path| BString::from(path.as_os_str().as_bytes());
    let paths =
        Paths { folder: bytes(&shells.path()), program: bytes(&program), state: bytes(&context.state) };
    script(shell.integrated(), &paths).ok_or_else(|| CliError::failed("a path holds a NUL byte"))
}
