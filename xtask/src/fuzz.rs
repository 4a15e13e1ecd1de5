//! Fuzzing: random bytes for everything that reads bytes from outside, guided by which code they reach (libFuzzer).

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::machine::{cargo, install, read, run as run_command, say, target, workspace};

/// The targets, and what of the test data they begin with: a folder, or a file of which each line is one.
const TARGETS: &[(&str, &str)] = &[
    ("layout", "testdata/layouts"),
    ("replies", "testdata/replies"),
    ("text", "fuzz/seeds/text"),
    ("names", "fuzz/seeds/text"),
    ("stored", "fuzz/seeds/stored"),
    ("pack", "fuzz/seeds/pack"),
    ("config", "crates/evermux/src/config"),
];

/// What `cargo fuzz` tells rustc to do, but for the address sanitizer, which needs a nightly one: our code that is not
/// `unsafe` cannot do what that finds.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=1";

/// Feeds random bytes to what reads bytes from outside; what it finds is left in target/fuzz/TARGET.
#[derive(clap::Args)]
pub struct Arguments {
    /// Only this target: layout, replies, text, names, stored, pack or config
    #[arg(long)]
    only: Option<String>,
    /// How long each target is tried
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// Does it.
pub fn run(arguments: &Arguments) -> Result<()> {
    install(&[("g++", "g++")])?;
    let folder = target().join("fuzz");
    let host = host()?;
    let mut build = cargo();
    build.args(["build", "--quiet", "--release", "--manifest-path", "fuzz/Cargo.toml"]);
    // The host is named so that build scripts and macros do without the flags.
    build.args(["--target", &host]).arg("--target-dir").arg(folder.join("build"));
    run_command(build.env("RUSTFLAGS", FLAGS))?;
    let wanted = |name: &str| arguments.only.as_deref().is_none_or(|only| only == name);
    let mut failed = Vec::new();
    for (name, seeds) in TARGETS.iter().filter(|(name, _)| wanted(name)) {
        let corpus = folder.join(name).join("corpus");
        fs::create_dir_all(&corpus)?;
        sow(&workspace().join(seeds), &corpus)?;
        say(&format!("{name}: {} s", arguments.seconds));
        let program = folder.join("build").join(&host).join("release").join(name);
        let mut fuzz = Command::new(program);
        fuzz.arg(&corpus).arg(format!("-max_total_time={}", arguments.seconds));
        fuzz.args(["-max_len=4096", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]);
        fuzz.arg(format!("-artifact_prefix={}/", folder.join(name).display()));
        if run_command(&mut fuzz).is_err() {
            failed.push(*name);
        }
    }
    match failed.as_slice() {
        [] => Ok(()),
        failed => bail!("found something: {}; see {}", failed.join(", "), folder.display()),
    }
}

/// Whether the targets compile still: nothing else builds them.
pub fn check() -> Result<()> {
    install(&[("g++", "g++")])?;
    let mut check = cargo();
    check.args(["check", "--quiet", "--manifest-path", "fuzz/Cargo.toml"]);
    run_command(check.arg("--target-dir").arg(target().join("fuzz/check")))
}

/// The machine's own target.
fn host() -> Result<String> {
    let told = read(Command::new("rustc").arg("-vV"))?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not tell its host")
}

/// Copies the seeds: every file below a folder, and each of its lines alone.
fn sow(from: &Path, corpus: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        if path.is_dir() {
            sow(&path, corpus)?;
            continue;
        }
        let bytes = fs::read(&path)?;
        let name = path.display().to_string().replace('/', "_");
        for (number, line) in bytes.split(|&byte| byte == b'\n').take(200).enumerate() {
            fs::write(corpus.join(format!("{name}.{number}")), line)?;
        }
        fs::write(corpus.join(name), bytes)?;
    }
    Ok(())
}
