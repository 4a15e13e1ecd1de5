//! A private tmux server.

use std::ffi::OsStr;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::binaries::Tmux;
use crate::client::Client;
use crate::output::Output;
use crate::process::Process;
use crate::sandbox::{Sandbox, run};
use crate::wait::{LIMIT, wait_until};

/// tmux follows names of programs with at most this delay (`NAME_INTERVAL`, 500 ms in all versions).
const NAME_INTERVAL: Duration = Duration::from_millis(600);

/// A tmux server of its own: its socket, `HOME` and configuration lie in a [`Sandbox`], which ends everything that
/// was started with it when the last `Server`, [`crate::Env`] or clone of it is dropped.
#[derive(Clone, Debug)]
pub struct Server {
    tmux: Tmux,
    name: String,
    environment: Vec<(String, String)>,
    sandbox: Arc<Sandbox>,
}

/// What a [`Server`] is started with.
#[derive(Clone, Debug)]
pub struct ServerBuilder {
    tmux: Tmux,
    name: String,
    config: String,
    first: Option<Vec<String>>,
    environment: Vec<(String, String)>,
}

impl ServerBuilder {
    /// The text of `~/.tmux.conf`; empty by default.
    pub fn config(mut self, text: &str) -> Self {
        text.clone_into(&mut self.config);
        self
    }

    /// The socket's name (`-L`); `t` by default. `default` is the one that commands without `-L` talk to.
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Sets a variable of the environment of the server and of every client, for instance `LANG` or `SHELL`.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The command that starts the server, by default `new-session -d -s main -x 80 -y 24`.
    pub fn first(mut self, command: &[&str]) -> Self {
        self.first = Some(command.iter().map(|&word| word.to_owned()).collect());
        self
    }

    /// Starts it.
    #[track_caller]
    pub fn start(self) -> Server {
        let first = self.first.clone();
        let first = first.unwrap_or_else(|| {
            ["new-session", "-d", "-s", "main", "-x", "80", "-y", "24"].map(Into::into).into()
        });
        let server = self.absent();
        server.run(&first.iter().map(String::as_str).collect::<Vec<_>>());
        server
    }

    /// Everything but the server itself: for tests that begin without one.
    pub fn absent(self) -> Server {
        let sandbox = Sandbox::new(&self.tmux.path);
        sandbox.write("home/.tmux.conf", &self.config);
        Server { tmux: self.tmux, name: self.name, environment: self.environment, sandbox: Arc::new(sandbox) }
    }
}

impl Server {
    /// What to start a server of this binary with.
    pub fn builder(tmux: &Tmux) -> ServerBuilder {
        let (name, config) = ("t".to_owned(), String::new());
        ServerBuilder { tmux: tmux.clone(), name, config, first: None, environment: Vec::new() }
    }

    /// A server with one session `main` of 80 x 24 whose shell is `/bin/sh`.
    #[track_caller]
    pub fn start(tmux: &Tmux) -> Server {
        Server::builder(tmux).start()
    }

    /// The binary it runs.
    pub fn binary(&self) -> &Tmux {
        &self.tmux
    }

    /// Its folder and environment.
    pub fn sandbox(&self) -> &Arc<Sandbox> {
        &self.sandbox
    }

    /// The name for `-L`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path of its socket, the same in all its lives.
    pub fn socket(&self) -> PathBuf {
        self.sandbox.socket(&self.name)
    }

    /// Its configuration file, `~/.tmux.conf` in the sandbox: what any client reads that starts the server.
    pub fn config_file(&self) -> PathBuf {
        self.sandbox.path("home/.tmux.conf")
    }

    /// A client of it, to which a command can be given.
    pub fn client(&self) -> Command {
        let mut command = self.sandbox.command(&self.tmux.path);
        command.envs(self.variables()).arg("-u").arg("-L").arg(&self.name).arg("-f").arg(self.config_file());
        command
    }

    /// The variables it was asked to have beside the sandbox's own.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Runs a tmux command (several with `;` between them); whatever it answers.
    #[track_caller]
    pub fn tmux<Word: AsRef<OsStr>>(&self, command: &[Word]) -> Output {
        let mut client = self.client();
        client.args(command);
        run(client, b"", LIMIT)
    }

    /// Runs a tmux command that must succeed; its output without the last newline.
    #[track_caller]
    pub fn run<Word: AsRef<OsStr> + Debug>(&self, command: &[Word]) -> String {
        let output = self.tmux(command);
        assert!(output.ok(), "tmux {} {command:?}:\n{output}", self.tmux.version);
        let text = output.text();
        text.strip_suffix('\n').unwrap_or(&text).to_owned()
    }

    /// Runs a file of tmux commands through one client, as a configuration file is run; its output. A command that
    /// fails skips only its own line and makes the status 1 (from tmux 3.2).
    #[track_caller]
    pub fn script(&self, text: impl AsRef<[u8]>) -> Output {
        // A file and not standard input: tmux 3.0 cannot read that one.
        let file = self.sandbox.write("script.tmux", text);
        self.tmux(&["source-file", file.to_str().expect("the folder's name is ASCII")])
    }

    /// Expands a format for a target; panics if there is no such target.
    #[track_caller]
    pub fn display(&self, target: &str, format: &str) -> String {
        self.run(&["display-message", "-p", "-t", target, format])
    }

    /// The lines of a list, none if the output is empty: `server.lines(&["list-panes", "-a", "-F", "#{pane_id}"])`.
    #[track_caller]
    pub fn lines<Word: AsRef<OsStr> + Debug>(&self, command: &[Word]) -> Vec<String> {
        self.run(command).lines().map(str::to_owned).collect()
    }

    /// The visible text of a pane, without colours and without trailing blanks.
    #[track_caller]
    pub fn screen(&self, pane: &str) -> String {
        let text = self.run(&["capture-pane", "-p", "-t", pane]);
        text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned()
    }

    /// Types text into a pane as it is, without a newline.
    #[track_caller]
    pub fn type_text(&self, pane: &str, text: &str) {
        self.run(&["send-keys", "-t", pane, "-l", text]);
    }

    /// Types a line into a pane, and Enter.
    #[track_caller]
    pub fn type_line(&self, pane: &str, line: &str) {
        self.type_text(pane, line);
        self.run(&["send-keys", "-t", pane, "Enter"]);
    }

    /// Waits until a condition holds, at most [`LIMIT`]; panics with `what`.
    #[track_caller]
    pub fn wait_until(&self, what: &str, condition: impl Fn(&Server) -> bool) {
        wait_until(&format!("tmux {}: {what}", self.tmux.version), LIMIT, || condition(self));
    }

    /// Waits until the shell of a pane waits behind its prompt: the cursor stands right after `$ ` at the end of its
    /// line, and the shell is the terminal's foreground group.
    #[track_caller]
    pub fn wait_for_prompt(&self, pane: &str) {
        let what = format!("the shell of pane {pane} waits behind its prompt");
        self.wait_until(&what, |server| server.at_prompt(pane));
    }

    /// Waits for the prompt of every living pane whose program is a shell: one without a command of its own.
    #[track_caller]
    pub fn wait_for_prompts(&self) {
        // tmux keeps `default-command` as the command of a pane that was made without one.
        let default = self.run(&["show-options", "-gv", "default-command"]);
        let format = "#{pane_dead}#{?pane_pid,,1} #{pane_id} #{pane_start_command}";
        for line in self.lines(&["list-panes", "-a", "-F", format]) {
            let living = line.strip_prefix("0 ").and_then(|line| line.split_once(' '));
            if let Some((pane, command)) = living
                && (command.is_empty() || command.trim_matches('"') == default)
            {
                self.wait_for_prompt(pane);
            }
        }
    }

    /// Waits until every shell is behind its prompt and every window has its name.
    #[track_caller]
    pub fn settle(&self) {
        self.wait_for_prompts();
        self.wait_for_names();
    }

    /// Waits until tmux has given the windows that are named automatically the names of their programs.
    ///
    /// A window whose program prints nothing keeps an older name on some versions (measured on 3.3a), so names that
    /// stay as they are for longer than tmux takes are waited for no longer.
    #[track_caller]
    pub fn wait_for_names(&self) {
        let name = "#{==:#{window_name},#{E:automatic-rename-format}}";
        let names = || {
            let format = format!("#{{?automatic-rename,{name},1}} #{{window_id}} #{{window_name}}");
            self.run(&["list-windows", "-a", "-F", &format])
        };
        let (mut last, mut since) = (names(), Instant::now());
        let end = Instant::now() + LIMIT;
        while last.lines().any(|line| line.starts_with("0 ")) && since.elapsed() < NAME_INTERVAL {
            assert!(Instant::now() < end, "the names of the windows change for ever:\n{last}");
            std::thread::sleep(Duration::from_millis(20));
            let now = names();
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
    }

    fn at_prompt(&self, pane: &str) -> bool {
        let state = self.display(pane, "#{cursor_x} #{cursor_y} #{pane_pid} #{pane_width}");
        let numbers: Vec<u32> = state.split(' ').map(|number| number.parse().unwrap_or(0)).collect();
        let &[column, row, pid, width] = numbers.as_slice() else { panic!("pane {pane}: {state:?}") };
        let line =
            self.run(&["capture-pane", "-p", "-t", pane, "-S", &row.to_string(), "-E", &row.to_string()]);
        // Only what stands before the cursor: what a resize leaves behind it is no matter. In a pane of less than
        // four columns the prompt itself is wrapped.
        let before: String = line.chars().take(column as usize).collect();
        (before.ends_with("$ ") || before == "$" || width < 4) && is_foreground(pid)
    }

    /// The server's process; none if it is not there.
    pub fn process(&self) -> Option<Process> {
        let output = self.tmux(&["display-message", "-p", "#{pid}"]);
        Process::open(output.text().trim().parse().ok()?)
    }

    /// Whether a server answers at its socket.
    pub fn lives(&self) -> bool {
        // Neither starts a server nor needs a session.
        self.tmux(&["show-options", "-s"]).ok()
    }

    /// Kills the server with SIGKILL and waits until it is gone. What ran in its panes gets a SIGHUP, as in a crash.
    #[track_caller]
    pub fn kill(&self) {
        self.process().expect("there is a server to kill").kill();
    }

    /// Kills the server and all that it started, as the end of the machine would, and waits until they are gone.
    pub fn kill_all(&self) {
        self.sandbox.kill_all();
    }

    /// Starts it again at the same socket, with a command such as `["new-session", "-d"]`.
    #[track_caller]
    pub fn restart(&self, first: &[&str]) {
        assert!(!self.lives(), "the server still lives");
        self.run(first);
    }

    /// Attaches a client of `width` x `height` to a session.
    #[track_caller]
    pub fn attach(&self, session: &str, width: u32, height: u32) -> Client {
        Client::attach(self, session, width, height)
    }

    /// Waits until a pane is dead and tmux has said so in it: that is when it knows that the process has ended, not only
    /// that its terminal is closed.
    #[track_caller]
    pub fn wait_until_dead(&self, pane: &str) {
        self.wait_until("the pane is dead", |server| {
            let told = server.display(pane, "#{pane_dead} #{pane_pid}");
            // 3.8 tells no process then. Elsewhere than on Linux the first must do.
            let gone = |pid: &str| pid.is_empty() || !Path::new("/proc").join(pid).exists();
            let dead = told.strip_prefix("1").is_some_and(|pid| gone(pid.trim()));
            if !dead {
                // Debian's 3.1c and 3.3a hear nothing of a child that ends while utempter, of a terminal that has just
                // closed, runs its helper (it undoes the handler of SIGCHLD); they do with the next child that ends.
                server.tmux(&["run-shell", "-b", "true"]);
            }
            dead
        });
    }

    /// Makes a folder below `HOME`; its absolute path.
    pub fn folder(&self, name: impl AsRef<Path>) -> PathBuf {
        let path = self.sandbox.home().join(name);
        std::fs::create_dir_all(&path).expect("the sandbox can be written");
        path
    }
}

/// Whether a process leads the foreground group of its terminal; elsewhere than on Linux the prompt must do.
fn is_foreground(pid: u32) -> bool {
    let Some(foreground) = stat_field(pid, 5) else { return !cfg!(target_os = "linux") };
    let leader: u32 = foreground.parse().unwrap_or(0);
    // A shell that runs one line (`default-command`) may wait for the shell that it is.
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let runs_line = words.split(|byte| *byte == 0).nth(1) == Some(b"-c");
    leader == pid || (runs_line && stat_field(leader, 1) == Some(pid.to_string()))
}

/// A field of `/proc/PID/stat` behind the name: `PID (COMM) STATE PPID PGRP SESSION TTY TPGID …`, and COMM may hold anything.
fn stat_field(pid: u32, number: usize) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(number).map(str::to_owned)
}
