//! What the shell integration costs a prompt: a shell without it, and the same with it.

use std::io::{Seek as _, Write as _};
use std::process::Command;

use anyhow::Result;
use evermux_testkit::Env;

use super::cost;
use super::limits::Limit;
use super::rows::{Bench, Measured};
use crate::machine::install;

/// How many prompts a shell draws in one run; the scripts begin their file anew every thousand.
const PROMPTS: usize = 900;

impl Bench {
    pub fn prompts_of_bash(&self, _: (usize, usize)) -> Result<Measured> {
        self.prompts("bash", &["--norc", "--noprofile", "-i"])
    }

    pub fn prompts_of_zsh(&self, _: (usize, usize)) -> Result<Measured> {
        self.prompts("zsh", &["-f", "-i"])
    }

    pub fn prompts_of_fish(&self, _: (usize, usize)) -> Result<Measured> {
        self.prompts("fish", &["--no-config", "-i"])
    }

    fn prompts(&self, shell: &str, arguments: &[&str]) -> Result<Measured> {
        install(&[(shell, shell)])?;
        let env = Env::alone(&self.program);
        // As in an rc file: what is typed at a prompt may be read by other rules.
        let script = env.sandbox().path("integration");
        std::fs::write(&script, env.ok(&["shell-init", shell]))?;
        let with = format!(". '{}'\n", script.display());
        let run = |begin: &str| {
            let mut command = Command::new(shell);
            command
                .args(arguments)
                .env("HOME", env.sandbox().home())
                .env("XDG_CONFIG_HOME", env.sandbox().home());
            // As in a pane: the parent of the shell is the server.
            command.env("TMUX", format!("socket,{},0", std::process::id())).env("TMUX_PANE", "%1");
            // fish draws no prompt where it reads no terminal; what the integration does is on this event.
            if shell == "fish" {
                let prompts = format!("for i in (seq {PROMPTS})\nemit fish_prompt\nend\n");
                command.args(["-c", &format!("{begin}{prompts}")]);
            } else {
                let mut input = tempfile::tempfile()?;
                input.write_all(begin.as_bytes())?;
                input.write_all("\n".repeat(PROMPTS).as_bytes())?;
                input.rewind()?;
                command.stdin(input);
            }
            cost::run(command, None)
        };
        let mut limit = |_| Ok(Limit { took: run("")?.took, ..Limit::default() });
        let mut ours = |_| if self.limits_only { Ok(None) } else { run(&with).map(Some) };
        self.turns(None, &mut limit, &mut ours)
    }
}
