//! evermux keeps tmux work alive: the command line.

mod cli;
mod config;
mod context;
mod detached;
mod doctor;
mod error;
mod gate;
mod keeper;
mod logging;
mod output;
mod retention;
mod setup;
mod start;

use std::process::ExitCode;

fn main() -> ExitCode {
    if gate::become_shell().is_some() {
        return ExitCode::from(126);
    }
    cli::main()
}
