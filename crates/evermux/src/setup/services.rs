//! The service managers: systemd's for the user, launchd, or none.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::ask::{Said, ask};
use super::units;

/// How long a service manager may take to answer. One that hangs is as good as none.
const LIMIT: Duration = Duration::from_secs(3);

/// How long it may take to start or stop a service.
const WORK: Duration = Duration::from_secs(60);

/// Who starts the keeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// systemd, for this user.
    Systemd,
    /// launchd, for this user. Compiles, but was never tried.
    Launchd,
    /// Nobody: tmux's own line does.
    None,
}

impl Manager {
    /// Who is there and answers.
    pub fn find() -> Self {
        if cfg!(target_os = "macos") {
            return Self::Launchd;
        }
        // The words of systemctl(1) of a manager that runs; "offline" and "unknown" are none.
        const THERE: [&str; 5] = ["initializing", "starting", "running", "degraded", "maintenance"];
        let said = ask("systemctl", &["--user", "is-system-running"], LIMIT);
        match said {
            Some(said) if THERE.contains(&said.out.trim()) => Self::Systemd,
            _ => Self::None,
        }
    }

    /// The file of the keeper's unit below the folder of units.
    pub fn keeper_unit(self) -> Option<&'static str> {
        match self {
            Self::Systemd => Some(units::KEEPER),
            Self::Launchd => Some(units::AGENT),
            Self::None => None,
        }
    }
}

/// Where the user's units are. `config` is `${XDG_CONFIG_HOME:-~/.config}`.
pub fn unit_folder(manager: Manager, home: &Path, config: &Path) -> PathBuf {
    match manager {
        Manager::Launchd => home.join("Library/LaunchAgents"),
        Manager::Systemd | Manager::None => config.join("systemd/user"),
    }
}

/// The commands that make the manager know and start the keeper.
pub fn enable(manager: Manager, folder: &Path, uid: u32) -> Vec<Vec<String>> {
    match manager {
        Manager::Systemd => vec![
            words(&["systemctl", "--user", "daemon-reload"]),
            words(&["systemctl", "--user", "enable", "--now", units::KEEPER]),
        ],
        Manager::Launchd => vec![
            // One that is known already has to go first: what it is changes only so.
            words(&["launchctl", "bootout", &format!("gui/{uid}/evermux.keeper")]),
            words(&[
                "launchctl",
                "bootstrap",
                &format!("gui/{uid}"),
                &folder.join(units::AGENT).display().to_string(),
            ]),
        ],
        Manager::None => Vec::new(),
    }
}

/// The commands before the units are removed: the keeper ends, the tmux server stays.
pub fn disable(manager: Manager, unit: &str, uid: u32) -> Vec<Vec<String>> {
    match manager {
        Manager::Systemd if unit == units::TMUX => vec![words(&["systemctl", "--user", "disable", unit])],
        Manager::Systemd => vec![words(&["systemctl", "--user", "disable", "--now", unit])],
        Manager::Launchd => vec![words(&["launchctl", "bootout", &format!("gui/{uid}/evermux.keeper")])],
        Manager::None => Vec::new(),
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Runs such a command; what it said if it failed.
///
/// # Errors
/// One line.
pub fn call(command: &[String]) -> Result<(), String> {
    let Some((program, arguments)) = command.split_first() else { return Ok(()) };
    match ask(program, arguments, WORK) {
        Some(Said { well: true, .. }) => Ok(()),
        Some(said) => Err(said.error.lines().next().unwrap_or("it failed").to_owned()),
        None => Err("it did not end".to_owned()),
    }
}

/// Has systemd start the keeper: then it outlives the login, and ends in the right order when the system stops. Does not
/// wait for it: this may run while tmux starts, for which the keeper's unit waits.
pub fn start_keeper() -> bool {
    let start = ["--user", "--no-block", "start", units::KEEPER];
    ask("systemctl", &start, Duration::from_secs(1)).is_some_and(|said| said.well)
}

/// Whether a unit is enabled and whether it runs, in systemd's words.
pub fn state(unit: &str) -> Option<(String, String)> {
    let word = |what: &str| Some(ask("systemctl", &["--user", what, unit], LIMIT)?.out.trim().to_owned());
    Some((word("is-enabled")?, word("is-active")?))
}

/// Whether the user's manager, and with it the keeper and tmux, also runs while nobody is logged in.
pub fn lingers(user: &str) -> bool {
    Path::new("/var/lib/systemd/linger").join(user).exists()
}

/// Whether logind ends everything that is in the scope of a login when that ends, also for those who linger
/// (logind.conf(5), `KillUserProcesses`).
pub fn ends_at_logout() -> bool {
    const LOGIN: &str = "org.freedesktop.login1";
    let manager = format!("{LOGIN}.Manager");
    let words = ["get-property", LOGIN, "/org/freedesktop/login1", &manager, "KillUserProcesses"];
    ask("busctl", &words, LIMIT).is_some_and(|said| said.well && said.out.trim() == "b true")
}
