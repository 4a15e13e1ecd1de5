//! `evermux completions`: what a shell needs to complete evermux's command line.

use clap::Command;
use clap_complete::Shell;

use crate::error::Exit;
use crate::output;

/// Print a completion script for a shell
///
/// bash: `evermux completions bash > ~/.local/share/bash-completion/completions/evermux`; zsh: into a file `_evermux`
/// in a folder of `$fpath`; fish: `~/.config/fish/completions/evermux.fish`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which shell
    shell: Shell,
}

/// Prints the script.
pub fn run(args: &Args, command: &mut Command) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "evermux", &mut script);
    output::raw(&script)
}
