//! `cargo xtask tmux-versions`: tmux of several Debian suites side by side, for the live tests.
//!
//! How they are fetched: [`crate::debian`].

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::debian::{Suite, mirror};
use crate::machine::{find, is_debian, say, target};

/// The suites, and the version of tmux in them; sid's changes.
const SUITES: &[(&str, Option<&str>)] =
    &[("bullseye", Some("3.1c")), ("bookworm", Some("3.3a")), ("trixie", Some("3.5a")), ("sid", None)];

/// Fetches tmux 3.1c, 3.3a, 3.5a and the newest one of Debian into target/tmux/VERSION/tmux.
#[derive(clap::Args, Default)]
pub struct Arguments {
    /// Fetch again what is there already
    #[arg(long)]
    again: bool,
}

/// Does it; what is there already stays.
pub fn run(arguments: &Arguments) -> Result<()> {
    if !is_debian() {
        bail!(
            "only Debian's packages are known here: name tmux binaries in EVERMUX_TEST_TMUX, separated by colons"
        );
    }
    let mirror = mirror()?;
    let mut failed = Vec::new();
    for (name, expected) in SUITES {
        let suite = Suite { name, folder: target().join("tmux/.debian").join(name), mirror: &mirror };
        if arguments.again {
            fs::remove_dir_all(&suite.folder)
                .or_else(|error| if suite.folder.exists() { Err(error) } else { Ok(()) })?;
        }
        let in_path = find("tmux").and_then(|tmux| version(&tmux));
        if expected.is_some() && in_path.as_deref() == *expected {
            say(&format!("tmux {} is in PATH", expected.unwrap_or_default()));
        } else if let Some(version) = installed(&suite) {
            say(&format!("tmux {version} is there"));
        } else {
            // One suite that cannot be had (they move to an archive one day) must not cost the others.
            failed.extend(install(&suite).err().map(|error| format!("tmux of Debian {name}: {error:#}")));
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!(failed.join("\n")) }
}

/// The version that was made of a suite and still runs.
fn installed(suite: &Suite<'_>) -> Option<String> {
    let made = fs::read_to_string(suite.folder.join("version")).ok()?;
    (version(&binary(&made))? == made).then_some(made)
}

fn install(suite: &Suite<'_>) -> Result<()> {
    let program = suite.install("tmux", "usr/bin/tmux", |program| version(program).is_some())?;
    let Some(version) = version(&program) else { bail!("{} does not run", program.display()) };
    let link = binary(&version);
    fs::create_dir_all(link.parent().context("it is below the target folder")?)?;
    // A link: the rpath is absolute, so the root must stay where it is.
    let _replaced = fs::remove_file(&link);
    std::os::unix::fs::symlink(&program, &link)?;
    fs::write(suite.folder.join("version"), &version)?;
    say(&format!("tmux {version}: {}", link.display()));
    Ok(())
}

/// Where the binary of a version is put.
fn binary(version: &str) -> PathBuf {
    target().join("tmux").join(version).join("tmux")
}

/// What a binary says its version is; none if it does not run.
fn version(tmux: &Path) -> Option<String> {
    let answer = Command::new(tmux).arg("-V").stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(answer.stdout).ok()?;
    text.strip_prefix("tmux ").map(|version| version.trim().to_owned())
}
