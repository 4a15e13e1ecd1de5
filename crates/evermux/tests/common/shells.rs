//! Servers whose panes run the real shells of the machine.

use std::fs;
use std::path::{Path, PathBuf};

use evermux_testkit::{Server, Tmux, tmux_binaries};

/// Shells that are tested where they are installed, each with an rc file that makes its prompt `$ `.
pub const SHELLS: [(&str, &str, &str); 6] = [
    ("bash", ".bashrc", "PS1='$ '\n"),
    ("zsh", ".zshrc", "PS1='$ '\n"),
    ("fish", ".config/fish/config.fish", "set fish_greeting\nfunction fish_prompt; echo -n '$ '; end\n"),
    ("dash", ".profile", "PS1='$ '\n"),
    ("tcsh", ".tcshrc", "set prompt='$ '\n"),
    ("mksh", ".mkshrc", "PS1='$ '\n"),
];

/// The row of a shell: its rc file, and what makes its prompt.
pub fn row(name: &str) -> (&'static str, &'static str) {
    let (_, rc, prompt) = SHELLS.iter().find(|(shell, ..)| *shell == name).expect("it is in the table");
    (rc, prompt)
}

pub fn newest() -> Tmux {
    tmux_binaries().pop().expect("there is one")
}

#[allow(clippy::print_stderr, reason = "a test that does not test says so")]
pub fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
    if found.is_none() {
        eprintln!("{program} is not installed: not tested");
    }
    found
}

/// A server, not living yet, whose panes run this shell.
pub fn absent(tmux: &Tmux, shell: &Path) -> Server {
    Server::builder(tmux)
        .config("set -g default-command ''\n")
        .variable("SHELL", shell.to_str().expect("it is text"))
        .absent()
}

/// Writes the rc file `name` of a shell.
pub fn write_rc(server: &Server, name: &str, text: &str) {
    let home = Path::new("home");
    server.sandbox().write(home.join(name), text);
    // tmux starts login shells, which read other files.
    server.sandbox().write(home.join(".bash_profile"), if name == ".bashrc" { ". ~/.bashrc\n" } else { "" });
    server.sandbox().write(home.join(".zprofile"), "");
}

/// A session `work` with so many windows, every shell at its prompt.
pub fn start(server: &Server, windows: usize) {
    server.run(&["new-session", "-d", "-s", "work", "-x", "100", "-y", "24"]);
    for _ in 1..windows {
        server.run(&["new-window", "-d", "-t", "work:"]);
    }
    server.wait_for_prompts();
}

/// The words of what is in the foreground of a window of `work`; none if that is its shell.
pub fn argv(server: &Server, window: usize) -> Option<Vec<Vec<u8>>> {
    let pid = server.display(&format!("work:{window}"), "#{pane_pid}");
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let foreground = stat.rsplit_once(") ")?.1.split(' ').nth(5)?.to_owned();
    if foreground == pid {
        return None;
    }
    let words = fs::read(format!("/proc/{foreground}/cmdline")).ok()?;
    let words = words.strip_suffix(b"\0")?;
    Some(words.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect())
}
