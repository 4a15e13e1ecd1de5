//! The program under test, run as a user runs it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crate::output::Output;
use crate::sandbox::{Sandbox, run};
use crate::server::Server;

/// How long a command may take; only a hanging one reaches it.
const COMMAND_LIMIT: Duration = Duration::from_secs(120);

/// Runs the built `evermux` binary in a clean environment: a fresh `HOME`, a state folder, no configuration unless
/// one is written, and the tmux under test as `tmux` in `PATH`.
#[derive(Clone, Debug)]
pub struct Env {
    program: PathBuf,
    sandbox: Arc<Sandbox>,
    variables: Vec<(String, String)>,
    /// Words between the program and its command: `-L NAME` of the server it is for.
    global: Vec<String>,
}

impl Env {
    /// For the commands of a server: the same sandbox, and `-L NAME` before every command. `program` is
    /// `env!("CARGO_BIN_EXE_evermux")`, which only the tests of that package know.
    pub fn new(program: &str, server: &Server) -> Env {
        let mut global = vec!["-L".to_owned(), server.name().to_owned()];
        if server.name() == "default" {
            global.clear();
        }
        let variables = server.variables().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Env { program: program.into(), sandbox: server.sandbox().clone(), variables, global }
    }

    /// Without a server: for commands that need none.
    pub fn alone(program: &str) -> Env {
        let sandbox = Arc::new(Sandbox::new(Path::new("tmux")));
        Env { program: program.into(), sandbox, variables: Vec::new(), global: Vec::new() }
    }

    /// The same user, for the commands of a server with another socket name.
    pub fn for_server(&self, name: &str) -> Env {
        let mut other = self.clone();
        for word in &mut other.global {
            if !word.starts_with('-') {
                name.clone_into(word);
                break;
            }
        }
        other
    }

    /// The same with one more variable set. Later ones win.
    pub fn with(&self, name: &str, value: &str) -> Env {
        let mut other = self.clone();
        other.variables.push((name.to_owned(), value.to_owned()));
        other
    }

    /// The folder it lives in, and its processes.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// The state folder (`EVERMUX_DIR`).
    pub fn state(&self) -> PathBuf {
        self.sandbox.path("state")
    }

    /// Writes the configuration file (`EVERMUX_CONFIG`).
    pub fn write_config(&self, text: &str) {
        self.sandbox.write("config.toml", text);
    }

    /// The command, ready to run, its working directory `HOME`.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.sandbox.command(&self.program);
        command
            .env("EVERMUX_DIR", self.state())
            .env("EVERMUX_CONFIG", self.sandbox.path("config.toml"))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .args(&self.global)
            .args(arguments);
        command
    }

    /// Runs it; whatever it answers. The sandbox's folder is shown as `$SANDBOX` in the output.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_with_input(arguments, b"")
    }

    /// The same with something to read.
    #[track_caller]
    pub fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Output {
        let output = run(self.command(arguments), input, COMMAND_LIMIT);
        output.redact(self.sandbox.folder().to_str().expect("the folder's name is ASCII"), "$SANDBOX")
    }

    /// Runs it and expects exit 0; its standard output.
    #[track_caller]
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.ok(), "evermux {arguments:?}:\n{output}");
        output.text()
    }
}
