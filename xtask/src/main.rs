//! The project's own chores: `cargo xtask COMMAND`, one file per command.

mod demo;
mod machine;
mod test;
mod tmux_versions;

use clap::{Parser, Subcommand};

/// The project's own chores.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Test(test::Arguments),
    TmuxVersions(tmux_versions::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::TmuxVersions(arguments) => tmux_versions::run(&arguments),
    }
}
