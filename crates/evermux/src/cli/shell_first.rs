//! What the shell integration runs at the first prompt of a restored pane: prints what the shell is to take back, once.

use std::fs::Metadata;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bstr::{BString, ByteSlice};
use evermux_core::model::EnvironmentEntry;
use evermux_core::restore::{Here, claim_first};
use evermux_core::shell::{FirstPrompt, Integrated, as_file, code, parse_history};
use evermux_core::store::Shells;
use evermux_core::tmux::Server;

use super::shell_init::Shell;
use crate::context::{Context, Global};
use crate::error::{CliError, Exit};
use crate::output;

/// How long the server may take to say which pane this is.
const LIMIT: Duration = Duration::from_secs(5);

/// Print what a restored shell takes back
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which shell
    shell: Shell,

    /// The state folder
    #[arg(long, value_name = "FOLDER")]
    state: PathBuf,
}

/// Prints it; what is wrong with the settings matters nothing here.
pub fn run(global: &Global, args: &Args) -> Exit {
    match text(global, args) {
        Ok(code) => output::raw(&code),
        Err(error) => output::show(Err(error), global.json),
    }
}

fn text(global: &Global, args: &Args) -> Result<BString, CliError> {
    let (mut context, _) = Context::or_defaults(global)?;
    context.state.clone_from(&args.state);
    let pane = context.variable("TMUX_PANE").and_then(|pane| pane.to_str()?.parse().ok());
    let pane = pane.ok_or_else(|| CliError::usage("this is not a pane of tmux"))?;
    let shells = Shells::existing(&context.place())?;
    let server = Server::connect(&context.socket, context.uid, &context.binaries)?;
    let name = context.server();
    let here =
        Here { server: &server, name: &name, boot: context.boot.as_str(), pane, terminal: 0, limit: LIMIT };
    let Some(waiting) = claim_first(&shells, &here)? else { return Ok(BString::default()) };
    let shell = args.shell.integrated();
    let mut state = waiting.state;
    state.variables.retain(|variable| may_come_back(variable, shell, context.uid));
    let entries = parse_history(&shells.history(waiting.place.pane));
    let file = as_file(shell, &entries).filter(|bytes| !bytes.is_empty());
    let file = file
        .map(|bytes| shells.write_history_file(waiting.place.generation.pid, pane, &bytes))
        .transpose()?;
    let history = file.map(|path| BString::from(path.into_os_string().into_vec()));
    code(shell, &FirstPrompt { state, history }).map_err(|error| CliError::failed(error.to_string()))
}

/// Whether what is run for a variable is there and the user's own.
fn may_come_back(variable: &EnvironmentEntry, shell: Integrated, uid: u32) -> bool {
    let Some(value) = &variable.value else { return false };
    let looked = |below: &str| -> Option<Metadata> {
        let path = Path::new(std::ffi::OsStr::from_bytes(value)).join(below);
        std::fs::metadata(path).ok()
    };
    let is_own = |it: &Metadata| it.uid() == uid && it.mode() & 0o002 == 0;
    match variable.name.to_str() {
        Ok("VIRTUAL_ENV") => {
            let script = if shell == Integrated::Fish { "bin/activate.fish" } else { "bin/activate" };
            looked(script).is_some_and(|it| it.is_file() && is_own(&it))
        }
        // One for everybody belongs to root.
        Ok("CONDA_PREFIX") => {
            looked("conda-meta").is_some_and(|it| it.is_dir() && (is_own(&it) || it.uid() == 0))
        }
        Ok("NVM_BIN") => looked("node").is_some_and(|it| it.is_file() && is_own(&it)),
        Ok(_) => true,
        Err(_) => false,
    }
}
