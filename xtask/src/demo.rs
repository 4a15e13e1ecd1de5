//! `cargo xtask demo`: the main job on this machine, in one command.

use std::process::Command;

use anyhow::Result;

use crate::machine::{self, cargo, install, target};

/// Installs tmux if it is missing, builds evermux and runs `evermux demo`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Passed on to `evermux demo`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Does it.
pub fn run(arguments: &Arguments) -> Result<()> {
    install(&[("tmux", "tmux")])?;
    machine::run(cargo().args(["build", "--release", "--package", "evermux"]))?;
    machine::run(Command::new(target().join("release/evermux")).arg("demo").args(&arguments.rest))
}
