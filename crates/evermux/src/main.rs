//! evermux keeps tmux work alive: the command line.

#![allow(dead_code)] // while the commands are wired

mod cli;
mod config;
mod context;
mod error;
mod output;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
