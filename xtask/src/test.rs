//! `cargo xtask test`: everything the tests need, and the tests.

use anyhow::Result;

use crate::machine::{self, cargo, install, say};
use crate::{editors, faults, fuzz, tmux_versions};

/// Without these there is nothing to test.
const NEEDED: &[(&str, &str)] = &[("tmux", "tmux")];

/// Shells whose prompts, quoting and redrawing are tested beside those of sh and bash, where they are installed, editors, and a bus
/// on which a machine is told to go off.
const WANTED: &[(&str, &str)] = &[
    ("dash", "dash"),
    ("zsh", "zsh"),
    ("fish", "fish"),
    ("tcsh", "tcsh"),
    ("mksh", "mksh"),
    ("ksh93", "ksh"),
    ("vim", "vim"),
    ("emacs", "emacs-nox"),
    ("kak", "kakoune"),
    ("nano", "nano"),
    ("dbus-daemon", "dbus-daemon"),
];

/// Installs what the tests need (tmux in several versions, shells, editors, a bus) and runs them all.
#[derive(clap::Args)]
pub struct Arguments {
    /// Passed on to `cargo test --workspace`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Does it.
pub fn run(arguments: &Arguments) -> Result<()> {
    install(NEEDED)?;
    if let Err(error) = install(WANTED) {
        say(&format!("testing without some shells or editors, or without a bus: {error:#}"));
    }
    // Without a network the tests run on the versions there are, and say so.
    if let Err(error) = tmux_versions::run(&tmux_versions::Arguments::default()) {
        say(&format!("testing only with the tmux there is: {error:#}"));
    }
    if let Err(error) = editors::run(&editors::Arguments::default()) {
        say(&format!("testing only with the editors there are: {error:#}"));
    }
    // All that fail, not only those of the first file: whoever reads the report may not have the machine.
    let tested = machine::run(cargo().args(["test", "--workspace", "--no-fail-fast"]).args(&arguments.rest));
    let tried = match arguments.rest.is_empty() {
        true => faults::quick().and(fuzz::check()),
        // Somebody wants certain tests.
        false => Ok(()),
    };
    tested.and(tried)
}
