//! `cargo xtask generate`: what is in the repository but written by programs.

use anyhow::Result;

use crate::machine::{cargo, run as run_command};
use crate::tmux_versions;

/// Writes the generated files of the repository anew: docs/cli.md
#[derive(clap::Args)]
pub struct Arguments {
    /// Also what every tmux there is answers to our listing: testdata/replies (ids, times and paths change each time)
    #[arg(long)]
    replies: bool,
}

/// Does it.
pub fn run(arguments: &Arguments) -> Result<()> {
    let test = |words: &[&str]| {
        let mut cargo = cargo();
        cargo.args(["test", "--quiet", "--package"]).args(words);
        cargo
    };
    // The test compares the file with what it should be; with this variable it writes it first.
    run_command(test(&["evermux", "reference"]).env("EVERMUX_UPDATE_DOCS", "1"))?;
    if arguments.replies {
        tmux_versions::run(&tmux_versions::Arguments::default())?;
        run_command(&mut test(&["evermux-core", "--lib", "record_replies", "--", "--ignored"]))?;
    }
    Ok(())
}
