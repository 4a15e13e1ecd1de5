//! `cargo xtask test`: everything the tests need, and the tests.

use anyhow::Result;

use crate::machine::{self, cargo, install, say};
use crate::tmux_versions;

/// Programs that live tests run, and the packages they are in.
const PROGRAMS: &[(&str, &str)] = &[("tmux", "tmux")];

/// Installs what the tests need (tmux, several versions of it) and runs them all.
#[derive(clap::Args)]
pub struct Arguments {
    /// Passed on to `cargo test --workspace`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Does it.
pub fn run(arguments: &Arguments) -> Result<()> {
    install(PROGRAMS)?;
    // Without a network the tests run on the versions there are, and say so.
    if let Err(error) = tmux_versions::run(&tmux_versions::Arguments::default()) {
        say(&format!("testing only with the tmux there is: {error:#}"));
    }
    machine::run(cargo().args(["test", "--workspace"]).args(&arguments.rest))
}
