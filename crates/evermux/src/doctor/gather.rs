//! Gathers the facts: everything at once, each part in a thread of its own, none for longer than a limit. A part that
//! hangs (a state folder on a disk that is away) is left behind: the process ends without it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use bstr::ByteSlice;
use evermux_core::plan::{Plan, PlannedProgram};
use evermux_core::relaunch::names;
use evermux_core::store::{self, Access, Store, StoreError, Wanted};
use evermux_core::tmux::{ConnectError, Nonce};

use super::facts::{
    ConfigFile, Disk, Facts, Kept, Programs, Restore, Server, Services, Stored, There, Tmux, Unit,
};
use crate::cli::programs as running;
use crate::cli::{install, keys};
use crate::config::AtStart;
use crate::context::Context;
use crate::output::outside;
use crate::setup::block;
use crate::setup::file::Looked;
use crate::setup::services::{self, Manager};
use crate::setup::units;
use crate::start;

/// How long everything may take together.
const LIMIT: Duration = Duration::from_secs(5);
/// How long a server may take to answer.
const ANSWER: Duration = Duration::from_secs(2);

/// Words in options and config files, and who uses them.
const SAVERS: [(&str, &str); 5] = [
    ("tmux-assistant-resurrect", "tmux-assistant-resurrect"),
    ("@assistant-resurrect", "tmux-assistant-resurrect"),
    ("continuum", "tmux-continuum"),
    ("tmux-resurrect", "tmux-resurrect"),
    ("@resurrect", "tmux-resurrect"),
];

/// Everything there is to know, within [`LIMIT`].
pub fn gather(context: &Context) -> Facts {
    let end = Instant::now() + LIMIT;
    let wait = |part: Option<Duration>| part.unwrap_or_default();
    let left = || wait(end.checked_duration_since(Instant::now()));
    let tmux = begin(context, tmux);
    let config = begin(context, config);
    let services = begin(context, services);
    let store = begin(context, stored);
    let programs = begin(context, programs);
    let disk = begin(context, disk);
    let restore = begin(context, restore);
    Facts {
        now: context.now(),
        tmux: tmux.recv_timeout(left()).ok(),
        config: config.recv_timeout(left()).ok(),
        services: services.recv_timeout(left()).ok(),
        store: store.recv_timeout(left()).ok(),
        programs: programs.recv_timeout(left()).ok().flatten(),
        disk: disk.recv_timeout(left()).ok().flatten(),
        restore: restore.recv_timeout(left()).unwrap_or_default(),
    }
}

/// Has a part gathered in a thread.
fn begin<T: Send + 'static>(context: &Context, gather: fn(&Context) -> T) -> std::sync::mpsc::Receiver<T> {
    let (sender, receiver) = channel();
    let context = context.clone();
    thread::spawn(move || {
        // Nobody waits any more if it took too long.
        let _ = sender.send(gather(&context));
    });
    receiver
}

fn connect(context: &Context) -> Result<evermux_core::tmux::Server, ConnectError> {
    evermux_core::tmux::Server::connect(&context.socket, context.uid, &context.binaries)
}

fn tmux(context: &Context) -> Tmux {
    let program = context.binaries.tmux().map(|path| (path.clone(), install::version_of(&path)));
    let server = match connect(context) {
        Ok(server) => there(context, &server).map_or_else(Server::Silent, Server::There),
        Err(ConnectError::Missing(_) | ConnectError::Dead(_)) => Server::None,
        Err(error) => Server::Silent(error.to_string()),
    };
    Tmux { program, server }
}

fn there(context: &Context, server: &evermux_core::tmux::Server) -> Result<There, String> {
    let failed = |error: evermux_core::tmux::RunError| error.to_string();
    let identity = server.identify(ANSWER).map_err(failed)?;
    let version = identity.ok_or_else(|| "it does not tell its version".to_owned())?.version;
    let options = server.run(b"show-options -g\n", ANSWER).map_err(failed)?.stdout;
    let listed = server.run(b"list-keys -T prefix\n", ANSWER).map_err(failed)?.stdout;
    let set = |name: &str| {
        let line = options.lines().find_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b" "));
        line.is_some_and(|value| value != b"off")
    };
    let closing = ["destroy-unattached", "exit-unattached"].into_iter().filter(|name| set(name));
    let wanted = keys::wanted(&context.config.keys).into_iter();
    Ok(There {
        version,
        closing: closing.map(str::to_owned).collect(),
        savers: savers(&options),
        keys: wanted.map(|(deed, key)| (deed, key.clone(), keys::owner(&listed, &key))).collect(),
    })
}

/// Who else saves or restores, by lines of options or of a config file.
pub fn savers(text: &[u8]) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with(b"#"));
    let names = |line: &[u8]| {
        let found = SAVERS.iter().find(|(word, _)| line.contains_str(word));
        found.map(|(_, name)| (*name).to_owned())
    };
    let mut found: Vec<String> = lines.filter_map(names).collect();
    found.sort();
    found.dedup();
    found
}

fn config(context: &Context) -> ConfigFile {
    let server = connect(context).ok();
    let running = server.as_ref().and_then(install::facts);
    let (version, read) = match &running {
        Some((version, files)) => (Some(*version), files.as_slice()),
        None => (context.binaries.tmux().and_then(|tmux| install::version_of(&tmux)), &[][..]),
    };
    let path = install::config_path(context, version, read);
    let looked = Looked::at(&path, context.uid);
    let content = looked.content.unwrap_or_default();
    let program = crate::setup::program(context.binaries.path.as_deref());
    let lines = program.and_then(|program| install::lines(&program)).unwrap_or_default();
    ConfigFile { path, place: block::place(&content, &lines), savers: savers(&content) }
}

fn services(context: &Context) -> Services {
    let manager = Manager::find();
    let folder = install::unit_folder(context, manager);
    let program = crate::setup::program(context.binaries.path.as_deref()).unwrap_or_default();
    let parts = install::parts(context, &program);
    let texts = [
        (units::KEEPER, None),
        (units::PANES, Some(units::panes())),
        (units::AGENT, Some(units::agent(&parts))),
        // What it is made of (shell, target) was chosen when it was installed.
        (units::TMUX, None),
    ];
    let unit = |(name, text): (&str, Option<String>)| {
        let found = fs::read(folder.join(name)).ok().filter(|found| units::is_ours(found))?;
        let current = match text {
            None if name == units::KEEPER => install::is_current(context, &found, &program),
            text => text.is_none_or(|text| text.as_bytes() == found),
        };
        let asked = manager == Manager::Systemd && name != units::PANES;
        Some(Unit { name: name.to_owned(), current, state: asked.then(|| services::state(name)).flatten() })
    };
    let continuum = fs::read(folder.join(units::TMUX)).is_ok_and(|text| text.contains_str("resurrect"));
    let user = context.binaries.user.as_ref().and_then(|user| user.to_str()).unwrap_or_default();
    Services {
        manager,
        units: texts.into_iter().filter_map(unit).collect(),
        continuum,
        lingers: services::lingers(user),
        ends_at_logout: manager == Manager::Systemd && services::ends_at_logout(),
    }
}

fn stored(context: &Context) -> Stored {
    let folder = context.place().folder();
    let mut found = Stored {
        bytes: size(&folder),
        folder,
        readable: Ok(true),
        keeper: None,
        paused: None,
        network: false,
        snapshots: 0,
        over: store::over(&context.place()),
        damaged: Vec::new(),
        kept: Vec::new(),
    };
    let store = match Store::open(&context.place(), Access::Read) {
        Ok(store) => store,
        Err(error) => {
            found.readable = match error {
                StoreError::Absent(_) => Ok(false),
                error => Err(error.to_string()),
            };
            return found;
        }
    };
    found.network = store.on_network();
    // Asking for the keeper takes its lock for a moment, which needs a store that may be written.
    found.keeper =
        Store::open(&context.place(), Access::Write).ok().and_then(|store| store.keeper().ok().flatten());
    found.paused = store.paused_until().ok().flatten();
    match store.list(&Wanted::default()) {
        Ok(listed) => found.snapshots = listed.len(),
        Err(error) => found.readable = Err(error.to_string()),
    }
    match Store::emergencies(&context.place()) {
        Ok(report) => {
            // That a good one holds the last screens only is no damage.
            let damaged = report.problems.iter().filter(|problem| problem.what.starts_with("cannot be used"));
            found.damaged = damaged.map(ToString::to_string).collect();
        }
        Err(error) => found.damaged.push(error.to_string()),
    }
    let watched = store.watched().unwrap_or_default();
    let ours = watched.into_iter().filter(|server| server.machine == context.machine);
    found.kept = ours.map(|server| kept(context, &store, &server)).collect();
    found
}

fn kept(context: &Context, store: &Store, server: &evermux_core::model::ServerName) -> Kept {
    let newest = store.latest(server).and_then(|id| id.map(|id| store.snapshot(id)).transpose());
    let wrong = match newest {
        Err(error) => Some(error.to_string()),
        Ok(Some(report)) => report.problems.first().map(ToString::to_string),
        Ok(None) => None,
    };
    let starts = store.starts(server).unwrap_or_default();
    Kept {
        socket: outside(&server.socket),
        hooks: hooks(&context.for_socket(&server.socket)),
        status: store::status(&context.place(), server),
        wrong,
        start: starts.first().map(|note| (note.outcome, note.at)),
        restore_disabled: start::has_died(store, server, &starts).unwrap_or(false),
    }
}

/// Whether our hooks are in a server; none: it does not run, or does not say.
fn hooks(context: &Context) -> Option<bool> {
    let server = connect(context).ok()?;
    let (version, _) = install::facts(&server)?;
    let nonce = Nonce::from_random(context.random());
    Some(server.look(nonce, version, ANSWER).ok()?.armed)
}

/// The programs of the running server, and what a restore would do about them now.
fn programs(context: &Context) -> Option<Programs> {
    let snapshot = running::look(context)?;
    let resurrect = running::resurrect(&snapshot);
    let store = Store::open(&context.place(), Access::Read).ok();
    let plan = store.and_then(|store| running::again(context, &store, snapshot, true).ok());
    let mut found = Programs::default();
    if let Some(resurrect) = &resurrect {
        found.read = resurrect.read().to_vec();
        found.not_understood = resurrect.not_understood().to_vec();
    }
    for program in plan.iter().flat_map(Plan::programs) {
        let kind = kind(&program);
        match program.action {
            "type" => match found.typed.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, panes)) => *panes += 1,
                None => found.typed.push((kind, 1)),
            },
            "owe" => {
                match found.owed.iter_mut().find(|(known, why, _)| *known == kind && *why == program.why) {
                    Some((.., panes)) => *panes += 1,
                    None => found.owed.push((kind, program.why, 1)),
                }
            }
            _ => {}
        }
    }
    Some(found)
}

/// The name by which the settings would allow a program.
fn kind(program: &PlannedProgram<'_>) -> String {
    names(program.argv).first().map(ToString::to_string).unwrap_or_default()
}

fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.metadata().ok())
        .filter(fs::Metadata::is_file)
        .map(|file| file.len())
        .sum()
}

fn disk(context: &Context) -> Option<Disk> {
    let folder = context.place().folder();
    let there: &Path = folder.ancestors().find(|folder| folder.exists())?;
    let found = rustix::fs::statvfs(there).ok()?;
    // File systems without a fixed number of files say that they have none.
    let files = (found.f_files > 0).then_some(found.f_favail);
    Some(Disk { free: found.f_bavail.saturating_mul(found.f_frsize), files })
}

fn restore(context: &Context) -> Restore {
    let off: PathBuf = context.state.join("off");
    Restore {
        off_file: off.exists().then_some(off),
        declined: context.variable("EVERMUX_RESTORE").is_some_and(|value| value == "0"),
        off: context.config.restore.at_start == AtStart::Off,
    }
}
