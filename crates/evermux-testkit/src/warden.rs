//! What cleans up after a test process that cannot: one that was killed drops nothing, and tmux servers, which have
//! left their parents, would live on.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// Waits until nobody holds its standard input any more; then ends whatever was started in the folder `$1`, which it
/// knows by its environment (Linux; see [`crate::Sandbox`]), and removes the folder.
const SCRIPT: &str = r#"
    read line
    # Twice: in the middle of an exec a process shows no environment for a moment.
    for look in 1 2; do
        while found=$(grep -lsF "TMUX_TMPDIR=$1/" /proc/[0-9]*/environ); [ -n "$found" ]; do
            for file in $found; do
                pid=${file#/proc/}
                kill -s KILL "${pid%/environ}"
            done
        done
    done
    rm -rf "$1"
"#;

/// The folder of this process, in which all its sandboxes lie: `/tmp/em` and six letters. Its name is short, since a
/// socket's path may have 108 bytes (104 on macOS).
pub(crate) fn folder() -> &'static Path {
    static WARDEN: OnceLock<(PathBuf, Child)> = OnceLock::new();
    &WARDEN.get_or_init(start).0
}

/// Makes the folder, and starts the shell that removes it as soon as this process has ended, in whatever way: then the
/// system closes the pipe. Nothing else holds its end, since no child inherits it.
fn start() -> (PathBuf, Child) {
    // `/tmp` and not `$TMPDIR`: that one is too long on macOS. Without links, as tmux will report it.
    let tmp = fs::canonicalize("/tmp").expect("/tmp is there");
    let folder = tempfile::Builder::new().prefix("em").tempdir_in(tmp).expect("/tmp can be written").keep();
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", SCRIPT, "warden"]).arg(&folder).current_dir("/");
    // In a group of its own: what ends the tests' group, such as Ctrl-C, does not end it.
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    // The child is kept, and with it the pipe.
    (folder, shell.spawn().expect("/bin/sh can be run"))
}
