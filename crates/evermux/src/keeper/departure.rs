//! What systemd-logind tells of the machine: that it goes off, or to sleep. It is asked to wait until everything is saved.
//!
//! systemd ends a login, and the tmux that was started in it, before the services of its user: the session's scope is
//! started after `user@UID.service`. When the keeper is told to end, there is nothing left to save, and what was printed
//! since the last save would be missing. Hence an inhibitor lock of the kind `delay` (org.freedesktop.login1(5), "Inhibit"):
//! logind waits for it before it begins, `InhibitDelayMaxSec` at most, which is 5 s.
//!
//! Nothing depends on it: where there is no logind, or it declines, everything is saved as often as ever.

use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use dbus::arg::OwnedFd;
use dbus::blocking::{Connection, Proxy};
use dbus::message::MatchRule;

/// Its name on the system's bus.
const LOGIND: &str = "org.freedesktop.login1";
/// The object that speaks for the machine.
const PATH: &str = "/org/freedesktop/login1";
/// What it understands.
const MANAGER: &str = "org.freedesktop.login1.Manager";

/// How long it may take to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How long to wait for signals at once; any length will do.
const ROUND: Duration = Duration::from_secs(3600);
/// When to try again where it cannot be reached: it may be starting, or have been restarted.
const AGAIN: Duration = Duration::from_secs(60);

/// Has `save` called, in a thread of its own, whenever the machine is about to go off or to sleep. It should return when
/// everything is saved; the machine waits for that, but not for long.
pub fn begin(save: impl Fn() + Send + 'static) {
    thread::spawn(move || {
        loop {
            if let Err(error) = attend(&save) {
                tracing::debug!(%error, "nobody tells when the machine goes off");
            }
            thread::sleep(AGAIN);
        }
    });
}

/// Waits for departures until the bus, whose address is the system's own or in `DBUS_SYSTEM_BUS_ADDRESS`, is gone.
fn attend(save: &impl Fn()) -> Result<(), dbus::Error> {
    let bus = Connection::new_system()?;
    let departures = departures(&bus)?;
    let logind = bus.with_proxy(LOGIND, PATH, ANSWER);
    let mut lock = Some(delay(&logind)?);
    loop {
        bus.process(ROUND)?;
        while let Ok(begins) = departures.try_recv() {
            if begins {
                save();
                // Closing it lets the machine go.
                lock = None;
            } else if lock.is_none() {
                // It has woken up, or somebody has thought better of it.
                lock = Some(delay(&logind)?);
            }
        }
    }
}

/// What the signals tell: that it begins, or is over.
fn departures(bus: &Connection) -> Result<Receiver<bool>, dbus::Error> {
    let (sender, receiver) = channel();
    for signal in ["PrepareForShutdown", "PrepareForSleep"] {
        let rule = MatchRule::new_signal(MANAGER, signal).with_sender(LOGIND).with_path(PATH);
        let sender = sender.clone();
        bus.add_match(rule, move |(begins,): (bool,), _, _| sender.send(begins).is_ok())?;
    }
    Ok(receiver)
}

/// Has the machine wait until what is returned is closed. Like all descriptors that libdbus receives it does not go to
/// other programs, nor to a new version of this one.
fn delay(logind: &Proxy<'_, &Connection>) -> Result<OwnedFd, dbus::Error> {
    let what = ("shutdown:sleep", "evermux", "tmux is being saved", "delay");
    let (lock,) = logind.method_call(MANAGER, "Inhibit", what)?;
    Ok(lock)
}
