//! `evermux uninstall`: takes back what `install` did, and what the keeper has put into living servers.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bstr::{BString, ByteSlice};
use evermux_core::model::{Generation, ServerName};
use evermux_core::store::{Access, RestoreId, Store, StoreError, Wanted};
use evermux_core::tmux::{ConnectError, Hooks, Server};

use super::consent::Consent;
use super::describe::count;
use super::steps::{Action, Step, carry_out};
use super::{hold, hooks, install, keys};
use crate::context::Context;
use crate::error::CliError;
use crate::output::Outcome;
use crate::setup::services::{self, Manager};
use crate::setup::{block, config_file, file::Looked, rc_file, units};

/// How long a server may take to be told that we leave.
const LIMIT: Duration = Duration::from_secs(3);

/// Take back what `evermux install` did; what was saved stays
///
/// Our lines in tmux.conf and in rc files of shells, the services, our hooks in the settings of assistants, and what the
/// keeper has put into living servers: hooks, keys, the option `@evermux-trouble`. The program itself and its config file stay.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    consent: Consent,

    /// Remove everything that was saved on this machine, too
    #[arg(long)]
    purge: bool,

    /// A config file of tmux with our lines, besides those that tmux reads
    #[arg(long, value_name = "FILE")]
    tmux_conf: Option<PathBuf>,
}

/// Finds what is there of ours, says it, asks, and removes it.
pub fn run(context: &Context, args: &Args) -> Result<Outcome, CliError> {
    let mut steps = config_steps(context, args);
    steps.extend(unit_steps(context));
    steps.extend(hooks::remove(context));
    let store = match Store::open(&context.place(), Access::Write) {
        Ok(store) => Some(store),
        Err(StoreError::Absent(_)) => None,
        // What is damaged keeps nobody from leaving.
        Err(_) if !args.purge => None,
        Err(error) => {
            let folder = context.place().folder();
            let hint = format!("Without --purge it works; then remove {} by hand.", folder.display());
            return Err(CliError::from(error).hint(hint));
        }
    };
    if let Some(pid) = store.as_ref().map(Store::keeper).transpose()?.flatten() {
        steps.push(Step::new(format!("the keeper (process {pid})"), Action::StopKeeper));
    }
    for socket in sockets(context, store.as_ref()) {
        let what = format!("the server at {}: our hooks and keys in it", socket.display());
        steps.push(Step::new(what, Action::Leave(socket, args.purge)));
    }
    if let Some(store) = store.filter(|_| args.purge) {
        let snapshots = count(store.list(&Wanted::default())?.len(), "snapshot");
        let what = format!("{}: everything that was saved ({snapshots})", context.place().folder().display());
        steps.push(Step::new(what, Action::Purge));
    }
    carry_out(context, "evermux uninstall", &steps, args.consent)
}

fn config_steps(context: &Context, args: &Args) -> Vec<Step> {
    let server = Server::connect(&context.socket, context.uid, &context.binaries).ok();
    let read = server.as_ref().and_then(install::facts).map(|(_, files)| files).unwrap_or_default();
    let mut files = config_file::candidates(&install::folders(context), None);
    let named = args.tmux_conf.iter().filter_map(|path| std::path::absolute(path).ok());
    files.extend(read.into_iter().filter(|file| file.is_absolute()).chain(named));
    files.extend(rc_file::all(&install::rc_folders(context)));
    let mut seen = Vec::new();
    let mut steps = Vec::new();
    for path in files {
        let looked = Looked::at(&path, context.uid);
        if !seen.contains(&looked.target) {
            seen.push(looked.target.clone());
            steps.extend(config_change(looked));
        }
    }
    steps
}

/// What is to be done with a config file; none: nothing of ours is in it.
fn config_change(looked: Looked) -> Option<Step> {
    let old = looked.content.clone()?;
    let name = looked.path.display().to_string();
    let cannot = |why: String| {
        let hint = "Remove by hand the lines from '# >>> evermux >>>' to '# <<< evermux <<<'.".to_owned();
        Some(Step::new(&name, Action::Cannot { why, hint }))
    };
    let new = match block::remove(&old) {
        Ok(Some(new)) if new == old => return None,
        Ok(new) => new,
        Err(error) => return cannot(error.to_string()),
    };
    if let Some(fixed) = &looked.fixed {
        return cannot(fixed.to_string());
    }
    let remarks = install::remarks(&looked);
    let path = looked.target;
    Some(match new {
        Some(new) => Step::new(
            format!("{name}: without our lines{remarks}"),
            Action::Write { path, old: Some(old), new },
        ),
        None => Step::new(format!("{name}: nothing else is in it{remarks}"), Action::Remove { path, old }),
    })
}

fn unit_steps(context: &Context) -> Vec<Step> {
    let manager = Manager::find();
    let folder = install::unit_folder(context, manager);
    let mut steps = Vec::new();
    for unit in [units::KEEPER, units::PANES, units::TMUX, units::AGENT] {
        let looked = Looked::at(&folder.join(unit), context.uid);
        let Some(old) = looked.content.clone().filter(|content| units::is_ours(content)) else { continue };
        let name = looked.path.display().to_string();
        if let Some(fixed) = &looked.fixed {
            let hint = "Remove it by hand.".to_owned();
            steps.push(Step::new(name, Action::Cannot { why: fixed.to_string(), hint }));
            continue;
        }
        if unit != units::PANES {
            for command in services::disable(manager, unit, context.uid) {
                steps.push(Step::new(command.join(" "), Action::Run(command, false)));
            }
            let links = wants(&folder, unit).into_iter();
            steps.extend(links.map(|link| Step::new(link.display().to_string(), Action::Unlink(link))));
        }
        steps.push(Step::new(name, Action::Remove { path: looked.target, old }));
    }
    if manager == Manager::Systemd && !steps.is_empty() {
        let command = ["systemctl", "--user", "daemon-reload"].map(str::to_owned).to_vec();
        steps.push(Step::new(command.join(" "), Action::Run(command, false)));
    }
    steps
}

/// The links by which targets start a unit: where no manager answers, nobody else removes them.
fn wants(folder: &Path, unit: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "wants"))
        .map(|path| path.join(unit))
        .filter(|link| link.is_symlink())
        .collect()
}

/// The sockets of our servers that are there: those that are known, and those in tmux's folder.
fn sockets(context: &Context, store: Option<&Store>) -> Vec<PathBuf> {
    let known = store.map(|store| {
        let servers = store.servers().unwrap_or_default();
        servers.into_iter().chain(store.watched().unwrap_or_default())
    });
    let known = known.into_iter().flatten().filter(|server| server.machine == context.machine);
    let mut sockets: Vec<PathBuf> = known.map(|server| path(&server.socket)).collect();
    let folder = context.socket.parent().map(fs::read_dir);
    sockets.extend(folder.into_iter().flatten().flatten().flatten().map(|entry| entry.path()));
    sockets.push(context.socket.clone());
    sockets.sort();
    sockets.dedup();
    sockets.retain(|socket| Server::connect(socket, context.uid, &context.binaries).is_ok());
    sockets
}

fn path(socket: &BString) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(socket))
}

/// Leaves a server as if nobody had kept it; `whole`: its panes lose their identities, too, as nothing is left that they
/// could belong to.
///
/// # Errors
/// If the server does not answer, or the store cannot be changed.
pub fn leave(context: &Context, socket: &Path, whole: bool) -> Result<(), CliError> {
    let server = Server::connect(socket, context.uid, &context.binaries)?;
    let Some((version, _)) = install::facts(&server) else { return Ok(()) };
    keys::unbind(&server)?;
    let mut script = Hooks::of(version).disarm();
    script.push_str("set-option -gqu @evermux-trouble\n");
    if whole {
        let listed = server.run(b"list-panes -a -F '#{pane_id}'\n", LIMIT)?;
        for pane in listed.stdout.to_str_lossy().lines() {
            script.push_str(&format!("set-option -pqu -t '{pane}' @evermux-pane\n"));
        }
    }
    server.run(script.as_bytes(), LIMIT)?;
    hold::end(&server)?;
    let name = context.for_socket(&BString::from(socket.as_os_str().as_bytes())).server();
    match Store::open(&context.place(), Access::Write) {
        Err(StoreError::Absent(_)) => Ok(()),
        store => Ok(store?.unwatch(&name, context.now()).map(drop)?),
    }
}

/// Removes everything that was saved, but for the files of restores whose panes still live.
///
/// # Errors
/// What the store says.
pub fn purge(context: &Context) -> Result<(), CliError> {
    let store = Store::open(&context.place(), Access::Write)?;
    let mut keep = Vec::new();
    for server in store.servers()? {
        keep.extend(living_restores(context, &store, &server)?);
    }
    drop(store);
    Ok(Store::remove(&context.place(), &keep)?)
}

/// The restores into the present life of a server.
fn living_restores(context: &Context, store: &Store, name: &ServerName) -> Result<Vec<RestoreId>, CliError> {
    let living = match Server::connect(&path(&name.socket), context.uid, &context.binaries) {
        Err(ConnectError::Missing(_) | ConnectError::Dead(_)) => return Ok(Vec::new()),
        // One that hangs may be any of its lives.
        Err(_) => None,
        Ok(server) => generation(context, &server),
    };
    let restores = store.all_restores(name)?.into_iter();
    let lives = |found: &Option<Generation>| living.is_none() || found.is_none() || *found == living;
    Ok(restores.filter(|restore| lives(&restore.generation)).map(|restore| restore.id).collect())
}

fn generation(context: &Context, server: &Server) -> Option<Generation> {
    let said = server.run(b"display-message -p '#{pid} #{start_time}'\n", LIMIT).ok()?;
    let text = said.stdout.to_str().ok()?.trim();
    let (pid, started) = text.split_once(' ')?;
    Some(Generation { boot: context.boot.clone(), pid: pid.parse().ok()?, started: started.parse().ok()? })
}
