//! `cargo xtask check-macos`: the whole program type-checked for macOS, on Linux and without a Mac.
//!
//! Nothing is linked, so no SDK of Apple is needed: `-Zbuild-std` checks Rust's own library for the target, too, from
//! its sources, and the compilers of C parts are replaced by `true`. The sources must be those of the very compiler,
//! and Debian has both: rustc, cargo and rust-src of sid, in a root of their own below the target folder, with a
//! private mount namespace around it. It proves that the code compiles, not that it works.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::debian::{Suite, mirror};
use crate::machine::{cargo, is_debian, is_root, run as run_command, say, target, workspace};

const TARGET: &str = "aarch64-apple-darwin";

/// What is checked; the chores and the helpers of tests run on Linux only.
const PACKAGES: [&str; 2] = ["evermux-core", "evermux"];

/// The compiler and its sources; a linker and a C library for build scripts, which run here; base-files for the links
/// of a merged /usr, coreutils for `true`.
const DEBIAN: &[&str] =
    &["rustc", "cargo", "rust-src", "gcc", "libc6-dev", "base-files", "coreutils", "dash", "ca-certificates"];

/// Type-checks evermux for macOS with rustc of Debian sid, fetched into target/macos (root or user namespaces needed).
#[derive(clap::Args)]
pub struct Arguments {
    /// Fetch the compiler again
    #[arg(long)]
    again: bool,
}

/// Does it.
pub fn run(arguments: &Arguments) -> Result<()> {
    if !is_debian() {
        bail!(
            "only Debian's rustc and rust-src are known here: run `cargo check --target {TARGET}` on a Mac"
        );
    }
    let unshare = unshare()?;
    let folder = target().join("macos");
    if arguments.again {
        fs::remove_dir_all(&folder).or_else(|error| if folder.exists() { Err(error) } else { Ok(()) })?;
    }
    let root = folder.join("root");
    if !folder.join("ready").exists() {
        make_root(&folder, &root)?;
    }
    fetch_crates(&root)?;
    check(&unshare, &root)?;
    say("evermux compiles for macOS (not tried there)");
    Ok(())
}

/// The words that start a command where it may mount and change its root: as root, or in a namespace of users.
fn unshare() -> Result<Vec<&'static str>> {
    let mut words = vec!["unshare", "--mount"];
    if !is_root()? {
        words.extend(["--user", "--map-root-user"]);
    }
    let allowed =
        Command::new(words[0]).args(&words[1..]).arg("true").output().is_ok_and(|o| o.status.success());
    if !allowed {
        bail!(
            "a root of its own cannot be mounted here: run this as root, or where user namespaces are allowed"
        );
    }
    Ok(words)
}

/// Unpacks Debian's packages. Their scripts do not run; what those would have made and is needed is made here.
fn make_root(folder: &Path, root: &Path) -> Result<()> {
    say("fetching rustc, cargo and rust-src of Debian sid");
    let mirror = mirror()?;
    let suite = Suite { name: "sid", folder: folder.join("debian"), mirror: &mirror };
    let archives = suite.fetch(DEBIAN)?;
    let mut files: Vec<PathBuf> = fs::read_dir(&archives)?.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "deb"));
    // base-files first: it holds the links /bin, /lib and so on into /usr.
    let is_base = |file: &PathBuf| {
        file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("base-files_"))
    };
    files.sort_by_key(|file| !is_base(file));
    let _old = fs::remove_dir_all(root);
    fs::create_dir_all(root)?;
    for file in &files {
        run_command(Command::new("dpkg").arg("-x").arg(file).arg(root))?;
    }
    for mount in ["proc", "dev", "workspace", "cargo", "target", "tmp"] {
        fs::create_dir_all(root.join(mount))?;
    }
    let cc = root.join("usr/bin/cc");
    if cc.symlink_metadata().is_err() {
        symlink("gcc", &cc)?;
    }
    fs::remove_dir_all(folder.join("debian"))?;
    fs::write(folder.join("ready"), "")?;
    Ok(())
}

/// Fetches the crates of the workspace and of Rust's own library with this machine's cargo, so that the root needs no
/// network.
fn fetch_crates(root: &Path) -> Result<()> {
    run_command(cargo().args(["fetch", "--quiet", "--locked", "--target", TARGET]))?;
    // From this folder, not from that of the library: there a setting of Debian's leads to copies in its package, which
    // `-Zbuild-std` does not look at.
    let library = sources(root)?.join("library/Cargo.toml");
    let mut fetch = cargo();
    // Its manifest uses what only the compiler's own people may.
    fetch.env("RUSTC_BOOTSTRAP", "1").args(["fetch", "--quiet", "--locked", "--manifest-path"]).arg(library);
    run_command(&mut fetch)
}

/// The folder of the compiler's sources: `/usr/src/rustc-VERSION`.
fn sources(root: &Path) -> Result<PathBuf> {
    let entries = fs::read_dir(root.join("usr/src")).context("rust-src is not unpacked")?;
    let mut folders = entries.flatten().map(|entry| entry.path());
    folders.find(|folder| folder.join("library/Cargo.toml").is_file()).context("no library in rust-src")
}

/// Mounts what is needed and checks, in a namespace whose mounts end with it.
fn check(unshare: &[&str], root: &Path) -> Result<()> {
    const MOUNT_AND_CHECK: &str = r#"
        root=$1 workspace=$2 cargo=$3; shift 3
        mount --rbind /proc "$root/proc" && mount --rbind /dev "$root/dev" &&
        mount --bind "$workspace" "$root/workspace" && mount --bind "$cargo" "$root/cargo" &&
        exec chroot "$root" /usr/bin/env -i "$@"
    "#;
    let home = cargo_home()?;
    let mut command = Command::new(unshare[0]);
    command.args(&unshare[1..]).args(["sh", "-c", MOUNT_AND_CHECK, "sh"]);
    command.arg(root).arg(workspace()).arg(home);
    let underscores = TARGET.replace('-', "_");
    command.args([
        "PATH=/usr/bin",
        "HOME=/tmp",
        "CARGO_HOME=/cargo",
        "CARGO_TARGET_DIR=/target",
        "RUSTC_BOOTSTRAP=1",
    ]);
    for tool in ["CC", "CXX", "AR"] {
        command.arg(format!("{tool}_{underscores}=true"));
    }
    command.args([
        "cargo",
        "check",
        "--quiet",
        "--manifest-path=/workspace/Cargo.toml",
        "--offline",
        "--locked",
    ]);
    command.args(["-Zbuild-std=std,panic_abort", "--target", TARGET]);
    command.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    let status = command.status().context("unshare")?;
    if !status.success() {
        bail!("evermux does not compile for macOS ({status})");
    }
    Ok(())
}

/// Cargo's own folder, with the crates.
fn cargo_home() -> Result<PathBuf> {
    let set = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = || std::env::home_dir().map(|home| home.join(".cargo"));
    let folder = set.or_else(home).context("neither CARGO_HOME nor a home folder is known")?;
    if !folder.join("registry").is_dir() {
        bail!("{} holds no crates", folder.display());
    }
    Ok(folder)
}
