//! `docs/cli.md`, the reference of the command line, is written from the definitions themselves; this test keeps it so.

use std::fmt::Write;
use std::path::Path;

use clap::CommandFactory;

use super::Cli;
use crate::config;
use crate::error::Exit;

const UPDATE: &str = "EVERMUX_UPDATE_DOCS";

#[test]
fn the_reference_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let wanted = reference();
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "docs/cli.md is out of date; to write it anew: cargo xtask generate");
}

fn reference() -> String {
    let mut text = String::from(
        "<!-- Written by `cargo xtask generate`; do not edit. -->\n\n\
         # The command line of evermux\n\n\
         `evermux [-L NAME | -S PATH] [--json] [-v] COMMAND`. These options may stand before or after the command.\n\
         What `--json` prints is told in [json.md](json.md).\n",
    );
    let mut command = Cli::command().term_width(100);
    command.build();
    section(&mut text, &command);
    for subcommand in command.get_subcommands().filter(|subcommand| is_shown(subcommand)) {
        section(&mut text, subcommand);
        for inner in subcommand.get_subcommands().filter(|inner| is_shown(inner)) {
            section(&mut text, inner);
        }
    }
    text.push_str("\n## Exit status\n\n| status | means |\n| --- | --- |\n");
    for exit in Exit::ALL {
        writeln!(text, "| {} | {} |", exit.code(), exit.meaning()).unwrap();
    }
    write!(text, "\n## Settings\n\n```toml\n{}```\n", config::DEFAULTS).unwrap();
    text
}

fn is_shown(command: &clap::Command) -> bool {
    command.get_name() != "help" && !command.is_hide_set()
}

fn section(text: &mut String, command: &clap::Command) {
    let name = command.get_bin_name().unwrap_or(command.get_name());
    // The options that stand everywhere are told once, above.
    let mut command = match command.has_subcommands() {
        true => command.clone(),
        false => command.clone().mut_args(|argument| {
            let everywhere = argument.is_global_set() || argument.get_id() == "help";
            argument.hide(everywhere)
        }),
    };
    write!(text, "\n## {name}\n\n```text\n{}\n```\n", command.render_long_help().to_string().trim_end())
        .unwrap();
}
