//! Whether something is to be done at all, and whether it is asked for before.

/// The options of commands that say first what they will do.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Consent {
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,

    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}
