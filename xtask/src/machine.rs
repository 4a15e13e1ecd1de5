//! The machine the chores run on: its folders, programs and packages.

use std::env;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// The folder of the workspace.
pub fn workspace() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().map_or_else(|| xtask.to_path_buf(), Path::to_path_buf)
}

/// Cargo's target folder.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace().join("target"), |folder| workspace().join(folder))
}

/// Cargo itself, in the workspace.
pub fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace());
    cargo
}

/// Says what is done, on standard error: standard output belongs to the command that is run.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "xtask: {text}");
}

/// Runs a command; an error if it fails.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}");
    let status = command.status().with_context(|| shown.clone())?;
    if !status.success() {
        bail!("{shown}: {status}");
    }
    Ok(())
}

/// Runs a command and returns its output; an error if it fails.
pub fn read(command: &mut Command) -> Result<String> {
    let shown = format!("{command:?}");
    let output = command.stderr(Stdio::inherit()).output().with_context(|| shown.clone())?;
    if !output.status.success() {
        bail!("{shown}: {}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| shown)
}

/// Where a program is in `PATH`.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Whether this machine has Debian's package tools.
pub fn is_debian() -> bool {
    find("apt-get").is_some() && find("dpkg").is_some()
}

/// Installs the packages of those programs that are missing: `(program, package)`. As root, or through sudo.
pub fn install(programs: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<&str> =
        programs.iter().filter(|(program, _)| find(program).is_none()).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !is_debian() {
        bail!("please install: {list} (only Debian's apt-get is known here)");
    }
    say(&format!("installing {list}"));
    let mut words: Vec<&str> = Vec::new();
    if !is_root()? {
        if find("sudo").is_none() {
            bail!("please install: {list} (neither root nor sudo here)");
        }
        words.push("sudo");
    }
    words.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y", "-o", "Dpkg::Use-Pty=0"]);
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(arguments).stdin(Stdio::null());
        // Standard output is for the command that the packages are for.
        command.stdout(std::io::stderr());
        run(&mut command)
    };
    let mut install = vec!["install", "--no-install-recommends"];
    install.extend(&missing);
    // The lists of a fresh machine are empty or old: fetch them only if they do not do.
    apt(&install).or_else(|_| apt(&["update"]).and_then(|()| apt(&install)))
}

/// Whether this is root.
pub fn is_root() -> Result<bool> {
    Ok(read(Command::new("id").arg("-u"))?.trim() == "0")
}
