//! What a command knows of the world: the only reader of environment, clock, terminal, randomness and user.
//!
//! It reads and decides; it masks nothing and prints nothing. The library gets all of this as parameters.

pub mod terminal;

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bstr::BString;
use etcetera::BaseStrategy;
use etcetera::base_strategy::Xdg;
use evermux_core::assistants::Assistants;
use evermux_core::editors::Editors;
use evermux_core::model::ServerName;
use evermux_core::procs;
use evermux_core::store::Place;
use evermux_core::tmux::{Binaries, Nonce, Reach, SocketChoice};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustix::time::{ClockId, clock_gettime};

use crate::config::{self, Config};
use crate::error::CliError;
use crate::keeper::Clocks;

/// The options that stand before or after every command.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Global {
    /// The tmux server with this socket name, as `tmux -L`
    #[arg(short = 'L', value_name = "NAME", global = true, help_heading = "Global options")]
    pub socket_name: Option<OsString>,

    /// The tmux server with this socket, as `tmux -S`
    #[arg(short = 'S', value_name = "PATH", global = true, help_heading = "Global options")]
    pub socket_path: Option<PathBuf>,

    /// Print JSON, on stdout the result and on stderr an error
    #[arg(long, global = true, help_heading = "Global options")]
    pub json: bool,

    /// Tell on stderr what is being done; twice tells more
    #[arg(short, long, action = clap::ArgAction::Count, global = true, help_heading = "Global options")]
    pub verbose: u8,
}

/// The variable that replaces the state folder.
pub const STATE: &str = "EVERMUX_DIR";

/// The variable by which whoever starts a server says whether something is restored at its start.
pub const RESTORE: &str = "EVERMUX_RESTORE";

/// Its value in a server that evermux itself has started, in order to restore into it.
const RESTORED_BY_ANOTHER: &str = "elsewhere";

/// Its value in a server that a service starts: nobody sits before it, and tmux may wait until everything is there.
pub const RESTORE_AND_WAIT: &str = "wait";

/// Whether whoever has started this server waits for its sessions, however long that takes.
pub fn waits_for_restore() -> bool {
    variable(RESTORE).is_some_and(|value| value == RESTORE_AND_WAIT)
}

/// What a command knows of the world.
#[derive(Clone, Debug)]
pub struct Context {
    /// The settings.
    pub config: Config,
    /// Keys of the config file that mean nothing; the user is told.
    pub unknown_settings: Vec<String>,
    /// The folder that holds everything evermux keeps.
    pub state: PathBuf,
    /// The socket of the tmux server this is about; absolute.
    pub socket: PathBuf,
    /// Where to look for tmux.
    pub binaries: Binaries,
    /// This machine, as the store's folder names it.
    pub machine: String,
    /// This boot of it.
    pub boot: String,
    /// Our user, the effective one: tmux names its socket folder by it.
    pub uid: u32,
    /// Whether results and errors are printed as JSON.
    pub json: bool,
    /// The config file; the user's handlers lie beside it.
    pub config_file: PathBuf,
    /// The user's home folder, `/` if there is none.
    pub home: PathBuf,
    /// What is known of assistants, once it was asked for.
    pub assistants: OnceLock<Arc<Assistants>>,
    /// The editors of this user, once they were asked for.
    pub editors: OnceLock<Arc<Editors>>,
    /// See [`Context::zone`].
    pub zone: OnceLock<TimeZone>,
}

impl Context {
    /// Reads the environment and the config file.
    ///
    /// # Errors
    /// If there is no home folder where one is needed, or the config file cannot be used.
    pub fn new(global: &Global) -> Result<Self, CliError> {
        let uid = rustix::process::geteuid().as_raw();
        let config_file = config_file()?;
        let loaded = config::load(&config_file, uid)?;
        Self::assemble(global, uid, loaded, &config_file, state_folder()?)
    }

    /// The same for a command that must work whatever the settings are: without the settings or folders that cannot be
    /// used, and with what is wrong with them.
    ///
    /// # Errors
    /// If the command line is wrong, or the defaults.
    pub fn or_defaults(global: &Global) -> Result<(Self, Vec<CliError>), CliError> {
        let uid = rustix::process::geteuid().as_raw();
        let mut wrong = Vec::new();
        let config_file = config_file().unwrap_or_else(|error| {
            wrong.push(error);
            PathBuf::from("/dev/null")
        });
        let loaded = match config::load(&config_file, uid) {
            Ok(loaded) => loaded,
            Err(error) => {
                wrong.push(error.into());
                config::load(Path::new("/dev/null"), uid)?
            }
        };
        // Whoever opens the state folder finds out by himself.
        let state = state_folder().unwrap_or_default();
        Ok((Self::assemble(global, uid, loaded, &config_file, state)?, wrong))
    }

    fn assemble(
        global: &Global,
        uid: u32,
        loaded: config::Loaded,
        config_file: &Path,
        state: PathBuf,
    ) -> Result<Self, CliError> {
        let unknown_settings = loaded
            .unknown
            .iter()
            .map(|key| format!("{}: unknown setting '{key}'", config_file.display()))
            .collect();
        Ok(Self {
            config: loaded.config,
            unknown_settings,
            state,
            socket: socket(global, uid)?,
            binaries: binaries(),
            machine: procs::machine(),
            boot: procs::boot(),
            uid,
            json: global.json,
            config_file: config_file.to_owned(),
            home: env::home_dir().filter(|home| home.is_absolute()).unwrap_or_else(|| "/".into()),
            assistants: OnceLock::new(),
            editors: OnceLock::new(),
            zone: OnceLock::new(),
        })
    }

    /// Whether this is about tmux's default server.
    pub fn is_default_server(&self) -> bool {
        let folder = variable("TMUX_TMPDIR");
        let default = SocketChoice { tmpdir: folder.as_deref(), uid: self.uid, ..SocketChoice::default() };
        default.resolve() == self.socket
    }

    /// Whether the user has said, for this server, that nothing is to be restored when it starts.
    pub fn declines_restore(&self) -> bool {
        variable(RESTORE).is_some_and(|value| value == "0")
    }

    /// Whether the evermux that has started this server restores into it.
    pub fn is_restored_by_another(&self) -> bool {
        variable(RESTORE).is_some_and(|value| value == RESTORED_BY_ANOTHER)
    }

    /// The same for another server of this user.
    pub fn for_socket(&self, socket: &BString) -> Self {
        let socket = PathBuf::from(OsStr::from_bytes(socket));
        Self { socket, ..self.clone() }
    }

    /// Where the store is.
    pub fn place(&self) -> Place {
        Place::new(&self.state, &self.machine, self.uid)
    }

    /// The lasting name of the server this is about.
    pub fn server(&self) -> ServerName {
        ServerName {
            machine: self.machine.clone(),
            socket: BString::from(self.socket.as_os_str().as_bytes()),
        }
    }

    /// Where times are shown and read. Found when it is first asked for: that reads all folders of zones.
    pub fn zone(&self) -> &TimeZone {
        self.zone.get_or_init(TimeZone::system)
    }

    /// A variable of the environment that is set to something: for what is written into other programs' files.
    pub fn variable(&self, name: &str) -> Option<OsString> {
        variable(name)
    }

    /// The environment of a server that is started in order to restore into it: the line in its tmux.conf leaves that
    /// to who has started it. `otherwise`: what it gets besides; none for our own.
    pub fn environment_of_restored(
        &self,
        otherwise: Option<Vec<(OsString, OsString)>>,
    ) -> Vec<(OsString, OsString)> {
        let mut environment = otherwise.unwrap_or_else(|| env::vars_os().collect());
        environment.retain(|(name, _)| name != RESTORE);
        environment.push((RESTORE.into(), RESTORED_BY_ANOTHER.into()));
        environment
    }

    /// Tells the service manager that the keeper keeps (`sd_notify(3)`), if one has started it.
    pub fn notify_ready(&self) {
        #[cfg(target_os = "linux")]
        notify(&[sd_notify::NotifyState::Ready, sd_notify::NotifyState::Status("keeping")]);
    }

    /// Tells the service manager's watchdog that the keeper is well.
    pub fn notify_alive(&self) {
        #[cfg(target_os = "linux")]
        notify(&[sd_notify::NotifyState::Watchdog]);
    }

    /// The clock.
    pub fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// All clocks, of which the keeper reads what it has missed.
    pub fn clocks(&self) -> Clocks {
        let read = |clock| {
            let time = clock_gettime(clock);
            Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
        };
        let awake = read(ClockId::Monotonic);
        #[cfg(target_os = "linux")]
        let passed = read(ClockId::Boottime);
        #[cfg(not(target_os = "linux"))]
        let passed = awake;
        Clocks { awake, passed, wall: self.now() }
    }

    /// Sixteen bytes nobody can guess.
    ///
    /// # Panics
    /// If the system has no source of randomness: an identity that repeats would be worse.
    pub fn random(&self) -> [u8; 16] {
        random()
    }
}

/// What a command knows of the world that is about a running server only: no store, no settings. Scripts run such commands
/// often, and what they do not need would cost more than what they do.
#[derive(Clone, Debug)]
pub struct ServerContext {
    /// The socket of the tmux server this is about; absolute.
    pub socket: PathBuf,
    /// Where to look for tmux.
    pub binaries: Binaries,
    /// Our user, the effective one.
    pub uid: u32,
    /// Whether results and errors are printed as JSON.
    pub json: bool,
}

impl ServerContext {
    /// Reads the environment.
    ///
    /// # Errors
    /// If the command line is wrong.
    pub fn new(global: &Global) -> Result<Self, CliError> {
        let uid = rustix::process::geteuid().as_raw();
        Ok(Self { socket: socket(global, uid)?, binaries: binaries(), uid, json: global.json })
    }

    /// A mark that nobody can guess.
    pub fn nonce(&self) -> Nonce {
        Nonce::from_random(random())
    }

    /// Where the server is, or will be.
    pub fn reach(&self) -> Reach<'_> {
        Reach { socket: &self.socket, binaries: &self.binaries, uid: self.uid }
    }

    /// The value that a variable has for us.
    pub fn variable(&self, name: &OsStr) -> Option<OsString> {
        env::var_os(name)
    }

    /// Our working directory.
    ///
    /// # Errors
    /// If it is gone.
    pub fn directory(&self) -> Result<PathBuf, CliError> {
        env::current_dir().map_err(|error| CliError::failed("there is no working directory").because(&error))
    }
}

fn binaries() -> Binaries {
    Binaries {
        path: variable("PATH"),
        home: env::home_dir(),
        user: variable("USER").or_else(|| variable("LOGNAME")),
    }
}

fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    match getrandom::fill(&mut bytes) {
        Ok(()) => bytes,
        Err(error) => panic!("the system gives no random bytes: {error}"),
    }
}

/// Says something to the service manager that `NOTIFY_SOCKET` names.
#[cfg(target_os = "linux")]
fn notify(states: &[sd_notify::NotifyState<'_>]) {
    // Who does not listen does not want to know.
    let _ = sd_notify::notify(states);
}

/// A variable that is set to something.
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// `EVERMUX_DIR`, else the user's state folder. `HOME` may be unset (cron, services): then the user database tells.
fn state_folder() -> Result<PathBuf, CliError> {
    match variable(STATE) {
        Some(folder) => absolute(Path::new(&folder)),
        None => {
            let xdg = folders()?;
            let state = xdg.state_dir().unwrap_or_else(|| xdg.home_dir().join(".local/state"));
            Ok(state.join("evermux"))
        }
    }
}

/// The config file: `EVERMUX_CONFIG`, else the one in the user's folder for such files.
///
/// # Errors
/// If there is no home folder.
pub fn config_file() -> Result<PathBuf, CliError> {
    match variable("EVERMUX_CONFIG") {
        Some(file) => absolute(Path::new(&file)),
        None => Ok(folders()?.config_dir().join("evermux/config.toml")),
    }
}

fn folders() -> Result<Xdg, CliError> {
    Xdg::new().map_err(|_| {
        CliError::failed("there is no home folder")
            .hint("Set HOME, or EVERMUX_DIR and EVERMUX_CONFIG to where evermux keeps its data and settings.")
    })
}

fn absolute(path: &Path) -> Result<PathBuf, CliError> {
    std::path::absolute(path)
        .map_err(|error| CliError::failed(format!("cannot tell what {} is", path.display())).because(&error))
}

/// The socket by tmux's own rules.
fn socket(global: &Global, uid: u32) -> Result<PathBuf, CliError> {
    if global.socket_path.is_some() && global.socket_name.is_some() {
        return Err(CliError::usage("-L and -S name two servers").hint("Give one of them."));
    }
    let (tmux, folder) = (variable("TMUX"), variable("TMUX_TMPDIR"));
    let choice = SocketChoice {
        path: global.socket_path.as_deref(),
        name: global.socket_name.as_deref(),
        tmux: tmux.as_deref(),
        tmpdir: folder.as_deref(),
        uid,
    };
    let socket = choice.resolve();
    // One server has one name in the store, by whatever links its folder is reached.
    Ok(match (socket.parent().map(Path::canonicalize), socket.file_name()) {
        (Some(Ok(folder)), Some(name)) => folder.join(name),
        _ => socket,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_path_is_absolute() {
        let global = Global { socket_path: Some("x/../y".into()), ..Global::default() };
        assert!(socket(&global, 1).unwrap().is_absolute());
    }

    #[test]
    fn two_servers_are_one_too_many() {
        let global =
            Global { socket_path: Some("y".into()), socket_name: Some("z".into()), ..Global::default() };
        assert_eq!(socket(&global, 1).unwrap_err().kind, crate::error::Kind::Usage);
    }
}
