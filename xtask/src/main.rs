//! The project's own chores: `cargo xtask COMMAND`, one file per command.

mod assistants;
mod bench;
mod check_macos;
mod debian;
mod demo;
mod editors;
mod faults;
mod fuzz;
mod generate;
mod machine;
mod month;
mod page;
mod soak;
mod subject;
mod test;
mod tmux_versions;
mod vm;

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
    Assistants(assistants::Arguments),
    Bench(bench::Arguments),
    CheckMacos(check_macos::Arguments),
    Demo(demo::Arguments),
    Editors(editors::Arguments),
    Faults(faults::Arguments),
    Fuzz(fuzz::Arguments),
    Generate(generate::Arguments),
    Month(month::Arguments),
    Soak(soak::Arguments),
    Test(test::Arguments),
    TmuxVersions(tmux_versions::Arguments),
    Vm(vm::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Assistants(arguments) => assistants::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::CheckMacos(arguments) => check_macos::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Editors(arguments) => editors::run(&arguments),
        Command::Faults(arguments) => faults::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Generate(arguments) => generate::run(&arguments),
        Command::Month(arguments) => month::run(&arguments),
        Command::Soak(arguments) => soak::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::TmuxVersions(arguments) => tmux_versions::run(&arguments),
        Command::Vm(arguments) => vm::run(&arguments),
    }
}
