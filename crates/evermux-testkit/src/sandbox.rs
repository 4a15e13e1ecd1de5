//! A private folder with a clean environment; whatever was started in it ends with it.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::output::Output;
use crate::process::{Process, with_variable};
use crate::wait::LIMIT;
use crate::warden;

/// A folder of its own with a short name (a socket's path may have 108 bytes), in which `HOME`, tmux's sockets and
/// everything else of a test live.
///
/// Every process started with its environment carries `TMUX_TMPDIR=FOLDER`. By that mark they are found and killed
/// when the sandbox is dropped, also those that left their parents, and when the test process itself is killed.
#[derive(Debug)]
pub struct Sandbox {
    folder: TempDir,
}

impl Sandbox {
    /// A new one. `tmux` is what the name means in it, through the first folder of its `PATH`.
    pub fn new(tmux: &Path) -> Sandbox {
        let folder = tempfile::Builder::new().prefix("").rand_bytes(4).tempdir_in(warden::folder());
        let sandbox = Sandbox { folder: folder.expect("/tmp can be written") };
        for name in ["bin", "home"] {
            fs::create_dir(sandbox.path(name)).expect("a new folder can be written");
        }
        symlink(tmux, sandbox.path("bin/tmux")).expect("a new folder can be written");
        // Login shells read /etc/profile first, which sets PATH and a prompt of its own.
        let profile = format!("PATH={}\nPS1='$ '\n", sandbox.search_path());
        sandbox.write("home/.profile", &profile);
        sandbox.write("home/.bashrc", "PS1='$ '\n");
        sandbox.write("home/.zshrc", "PS1='$ '\n");
        sandbox
    }

    /// Its folder, absolute and without links.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A path in its folder.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder().join(name)
    }

    /// The folder that is `HOME`.
    pub fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// Writes a file in its folder, making the folders above it; returns its path.
    pub fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it is below the folder")).expect("can be written");
        fs::write(&path, content).expect("can be written");
        path
    }

    /// Writes a program, for instance a script, that can be run at once; returns its path.
    ///
    /// A process of its own writes it: a file that is open for writing in this process can be so still in what another
    /// test's thread has just forked, and then it is not run (`ETXTBSY`).
    pub fn program(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.write(name, "");
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "cat >\"$0\" && chmod 755 \"$0\""]).arg(&path).stdin(Stdio::piped());
        let mut shell = shell.spawn().expect("there is a shell");
        shell.stdin.take().expect("it is piped").write_all(content.as_ref()).expect("it reads");
        assert!(shell.wait().is_ok_and(|status| status.success()), "{}", path.display());
        path
    }

    /// Where the socket of a server named `name` (`-L`) is.
    pub fn socket(&self, name: &str) -> PathBuf {
        let uid = rustix::process::getuid().as_raw();
        self.path(format!("tmux-{uid}/{name}"))
    }

    /// A command in the clean environment, with its folder as the working directory and nothing to read.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.env_clear().envs(self.variables()).current_dir(self.home()).stdin(Stdio::null());
        command
    }

    /// The clean environment.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let text = |path: &Path| path.to_str().expect("the folder's name is ASCII").to_owned();
        vec![
            ("PATH", self.search_path()),
            ("HOME", text(&self.home())),
            ("TMUX_TMPDIR", text(self.folder())),
            ("TMPDIR", text(self.folder())),
            ("LANG", "C.UTF-8".to_owned()),
            ("TERM", "xterm-256color".to_owned()),
            ("SHELL", "/bin/sh".to_owned()),
            ("PS1", "$ ".to_owned()),
            ("HISTFILE", "/dev/null".to_owned()),
            ("TZ", "UTC".to_owned()),
        ]
    }

    fn search_path(&self) -> String {
        format!("{}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", self.path("bin").display())
    }

    /// The living processes that were started with its environment, in no order.
    pub fn processes(&self) -> Vec<Process> {
        with_variable("TMUX_TMPDIR", self.folder())
    }

    /// Kills them all, also those that are being born meanwhile.
    pub fn kill_all(&self) {
        // Twice empty, with a pause: in the middle of an exec a process shows no environment for a moment.
        let mut empty = 0;
        while empty < 2 {
            let processes = self.processes();
            if processes.is_empty() {
                empty += 1;
                thread::sleep(Duration::from_millis(2));
                continue;
            }
            empty = 0;
            for process in &processes {
                process.signal(rustix::process::Signal::KILL);
            }
            for process in &processes {
                process.ended_within(LIMIT);
            }
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.kill_all();
    }
}

/// Runs a command with `input`, at most `limit` long.
#[track_caller]
pub(crate) fn run(mut command: Command, input: &[u8], limit: Duration) -> Output {
    let shown = format!("{command:?}");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{shown}: {error}"));
    let process = Process::open(child.id());
    let mut stdin = child.stdin.take().expect("it is a pipe");
    let input = input.to_vec();
    let feeder = thread::spawn(move || {
        // A command that does not read its input is no error of the test.
        let _ = stdin.write_all(&input);
    });
    let reader = thread::spawn(move || child.wait_with_output());
    // Zombies count as ended; the reader reaps it.
    let ended = process.as_ref().is_none_or(|process| process.ended_within(limit));
    if !ended && let Some(process) = process {
        process.kill();
        panic!("{shown}: did not end within {limit:?}");
    }
    let output = reader.join().expect("no panic").unwrap_or_else(|error| panic!("{shown}: {error}"));
    feeder.join().expect("no panic");
    Output { status: output.status.code(), stdout: output.stdout, stderr: output.stderr }
}
