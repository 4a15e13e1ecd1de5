//! What a measurement measures: which evermux, with which tmux.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use evermux_testkit::{Tmux, tmux_binaries};

use crate::machine::{self, cargo, target};

/// The programs to measure.
#[derive(clap::Args)]
pub struct Subject {
    /// The tmux to measure with; default: the one in PATH
    #[arg(long)]
    tmux: Option<PathBuf>,
    /// The evermux to measure; default: the one of this workspace, built with optimisations
    #[arg(long)]
    evermux: Option<PathBuf>,
}

impl Subject {
    /// The path of evermux, built where it is that of this workspace.
    pub fn program(&self) -> Result<String> {
        if let Some(path) = &self.evermux {
            return Ok(path.display().to_string());
        }
        machine::run(cargo().args(["build", "--quiet", "--release", "--package", "evermux"]))?;
        Ok(target().join("release/evermux").display().to_string())
    }

    /// Whether evermux is that of this workspace: only its numbers belong into docs/benchmarks.md.
    pub fn is_ours(&self) -> bool {
        self.evermux.is_none()
    }

    /// The tmux.
    pub fn tmux(&self) -> Result<Tmux> {
        match &self.tmux {
            Some(path) => Tmux::at(path).with_context(|| format!("no tmux at {}", path.display())),
            None => {
                machine::find("tmux").and_then(Tmux::at).or_else(|| tmux_binaries().pop()).context("no tmux")
            }
        }
    }
}
