//! docs/benchmarks.md, whose parts are measured by different chores.

use std::fs;

use anyhow::Result;

use crate::machine::{say, workspace};

/// A part of the page, in its order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Saving and restoring: everything up to the assistants.
    Bench,
    /// What assistants cost a save.
    Assistants,
    /// What the keeper loses and costs.
    Keeper,
    /// What a month of work takes.
    Month,
}

/// How the parts after the first begin, in their order.
const PARTS: [(Part, &str); 3] = [
    (Part::Assistants, "## Assistants\n"),
    (Part::Keeper, "## The keeper\n"),
    (Part::Month, "## A month of work\n"),
];

/// Replaces a part of the page.
///
/// # Errors
/// If it cannot be written.
pub fn write(part: Part, text: &str) -> Result<()> {
    let file = workspace().join("docs/benchmarks.md");
    let page = fs::read_to_string(&file).unwrap_or_default();
    let page = replace(&page, part, text);
    fs::write(&file, format!("{}\n", page.trim_end()))?;
    say(&format!("written: {}", file.display()));
    Ok(())
}

/// The page with another text for a part.
fn replace(page: &str, part: Part, text: &str) -> String {
    let begins = |of: Part| match PARTS.iter().position(|(part, _)| *part == of) {
        Some(position) => PARTS[position..].iter().find_map(|(_, heading)| page.find(heading)),
        None => Some(0),
    };
    let next = match part {
        Part::Bench => Part::Assistants,
        Part::Assistants => Part::Keeper,
        Part::Keeper | Part::Month => Part::Month,
    };
    let begin = begins(part).unwrap_or(page.len());
    let end = if part == Part::Month { page.len() } else { begins(next).unwrap_or(page.len()) };
    format!("{}\n\n{}\n\n{}", page[..begin].trim_end(), text.trim(), page[end..].trim_start())
        .trim_start()
        .to_owned()
}
