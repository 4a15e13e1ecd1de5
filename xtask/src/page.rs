//! docs/benchmarks.md, whose parts are measured by different chores.

use std::fs;

use anyhow::Result;

use crate::machine::{say, workspace};

/// A part of the page, in its order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Saving and restoring: everything up to the keeper.
    Bench,
    /// What the keeper loses and costs.
    Keeper,
}

/// How the keeper's part begins.
const KEEPER: &str = "## The keeper\n";

/// Replaces a part of the page.
///
/// # Errors
/// If it cannot be written.
pub fn write(part: Part, text: &str) -> Result<()> {
    let file = workspace().join("docs/benchmarks.md");
    let page = fs::read_to_string(&file).unwrap_or_default();
    let at = page.find(KEEPER).unwrap_or(page.len());
    let (bench, keeper) = page.split_at(at);
    let page = match part {
        Part::Bench => format!("{}\n\n{keeper}", text.trim_end()),
        Part::Keeper => format!("{}\n\n{text}", bench.trim_end()),
    };
    fs::write(&file, format!("{}\n", page.trim_end()))?;
    say(&format!("written: {}", file.display()));
    Ok(())
}
