//! `cargo xtask editors`: Neovim of several Debian suites side by side, for the live tests.
//!
//! How they are fetched: [`crate::debian`]. Their runtime files stay in the unpacked packages: the tests name them in
//! `VIMRUNTIME`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::debian::{Suite, mirror};
use crate::machine::{is_debian, say, target};

/// The suites: Neovim 0.7, 0.10 and the newest one.
const SUITES: &[&str] = &["bookworm", "trixie", "sid"];

/// Fetches Neovim 0.7, 0.10 and the newest one of Debian into target/editors/nvim/VERSION
#[derive(clap::Args, Default)]
pub struct Arguments {
    /// Fetch again what is there already
    #[arg(long)]
    again: bool,
}

/// Does it; what is there already stays.
pub fn run(arguments: &Arguments) -> Result<()> {
    if !is_debian() {
        bail!("only Debian's packages are known here: the tests use the nvim in PATH");
    }
    let mirror = mirror()?;
    let mut failed = Vec::new();
    for name in SUITES {
        let suite = Suite { name, folder: target().join("editors/.debian").join(name), mirror: &mirror };
        match installed(&suite) {
            Some(version) if !arguments.again => say(&format!("nvim {version} is there")),
            _ => failed
                .extend(install(&suite).err().map(|error| format!("neovim of Debian {name}: {error:#}"))),
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!(failed.join("\n")) }
}

/// The version that was made of a suite and still runs.
fn installed(suite: &Suite<'_>) -> Option<String> {
    let made = fs::read_to_string(suite.folder.join("version")).ok()?;
    (version(&folder(&made).join("nvim"))? == made).then_some(made)
}

fn install(suite: &Suite<'_>) -> Result<()> {
    let program = suite.install("neovim", "usr/bin/nvim", |program| version(program).is_some())?;
    let Some(version) = version(&program) else { bail!("{} does not run", program.display()) };
    let runtime = suite.folder.join("neovim/libraries/usr/share/nvim/runtime");
    let folder = folder(&version);
    fs::create_dir_all(&folder)?;
    // Links: the rpath is absolute, so the root must stay where it is.
    for (name, to) in [("nvim", &program), ("runtime", &runtime)] {
        let link = folder.join(name);
        let _replaced = fs::remove_file(&link);
        std::os::unix::fs::symlink(fs::canonicalize(to).context("it was unpacked")?, &link)?;
    }
    fs::write(suite.folder.join("version"), &version)?;
    say(&format!("nvim {version}: {}", folder.display()));
    Ok(())
}

/// Where a version is put.
fn folder(version: &str) -> PathBuf {
    target().join("editors/nvim").join(version)
}

/// What a binary says its version is; none if it does not run.
fn version(nvim: &Path) -> Option<String> {
    let answer = Command::new(nvim).args(["--clean", "--version"]).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(answer.stdout).ok()?;
    let first = text.lines().next()?;
    Some(first.strip_prefix("NVIM v")?.trim().to_owned())
}
