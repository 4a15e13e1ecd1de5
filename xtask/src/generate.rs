//! `cargo xtask generate`: what is in the repository but written by programs.

use anyhow::Result;

use crate::machine::{cargo, run as run_command};

/// Writes the generated files of the repository anew: the reference of the command line
#[derive(clap::Args)]
pub struct Arguments {}

/// Does it.
pub fn run(_arguments: &Arguments) -> Result<()> {
    // Tests compare these files with what they should be; with this variable they write them first.
    run_command(
        cargo()
            .args(["test", "--quiet", "--package", "evermux", "reference"])
            .env("EVERMUX_UPDATE_DOCS", "1"),
    )
}
