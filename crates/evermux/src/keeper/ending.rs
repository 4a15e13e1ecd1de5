//! How a server ended, as far as can be told (design, "Choosing what to restore").

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bstr::BString;
use evermux_core::choose::Ending;
use evermux_core::model::Look;
use evermux_core::tmux::Ring;
use jiff::{SignedDuration, Timestamp};

/// Who typed within this time closed the last session, rather than the session a dying system.
const PRESENCE: SignedDuration = SignedDuration::from_secs(5);

/// How long the service manager may take to say whether the system stops.
const PATIENCE: Duration = Duration::from_millis(700);

/// Judges an ending: how the last wait for the server ended, what the last look showed, and whether the system stops.
///
/// Only where nothing speaks against it was the last session closed by the user. Else what was there stays owed.
pub fn judge(ring: Ring, last: Option<&Look>, stopping: Option<Timestamp>, now: Timestamp) -> Ending {
    let present = last.is_some_and(|look| {
        let typed = Timestamp::from_second(look.activity).unwrap_or(Timestamp::UNIX_EPOCH);
        // What was typed in the future was typed before the clock was set back, nobody knows when.
        let just_now = now.duration_since(typed).abs() <= PRESENCE;
        look.clients > 0 && (just_now || typed_lately(&look.terminals, now))
    });
    match stopping {
        Some(since) => Ending::Collapse { since },
        None if ring == Ring::LastSessionClosed && present => Ending::LastSessionClosed { at: now },
        None => Ending::Collapse { since: now },
    }
}

/// Whether somebody typed in one of these terminals since the last look, in which the server told when: its end can
/// follow on a key at once. Reading from a terminal sets the device's access time, since Linux 6.x by steps of 8 s.
fn typed_lately(terminals: &[BString], now: Timestamp) -> bool {
    const STEP: i64 = 8;
    let recently = (now - PRESENCE).as_second() / STEP..=(now + PRESENCE).as_second() / STEP;
    terminals.iter().any(|terminal| {
        let read = std::fs::metadata(OsStr::from_bytes(terminal)).map(|metadata| metadata.atime());
        read.is_ok_and(|read| recently.contains(&(read / STEP)))
    })
}

/// Whether the system, or the user's part of it, is stopping, as far as it says so.
pub fn system_stops() -> bool {
    // Made by systemd-user-sessions when it stops, and by shutdown(8) shortly before.
    if Path::new("/run/nologin").exists() {
        return true;
    }
    if !Path::new("/run/systemd/system").exists() {
        return false;
    }
    // That of the user alone stops when the last login ends and nothing lingers.
    [&["is-system-running"][..], &["--user", "is-system-running"]]
        .iter()
        .any(|words| ask("systemctl", words).is_some_and(|said| said.trim() == "stopping"))
}

/// What a program says, if it says it soon.
fn ask(program: &str, arguments: &[&str]) -> Option<String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let end = Instant::now() + PATIENCE;
    while child.try_wait().ok()?.is_none() {
        if Instant::now() >= end {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    String::from_utf8(child.wait_with_output().ok()?.stdout).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_somebody_who_was_there_has_closed_the_last_session() {
        let now = Timestamp::from_second(1000).unwrap();
        let look = |clients, activity| Look { clients, activity, ..Look::default() };
        let closed = Ending::LastSessionClosed { at: now };
        let fell = Ending::Collapse { since: now };
        let table = [
            (Ring::LastSessionClosed, Some(look(1, 998)), None, closed),
            (Ring::LastSessionClosed, Some(look(1, 900)), None, fell),
            (Ring::LastSessionClosed, Some(look(1, 4000)), None, fell),
            (Ring::LastSessionClosed, Some(look(0, 998)), None, fell),
            (Ring::LastSessionClosed, None, None, fell),
            (Ring::Lost, Some(look(1, 998)), None, fell),
            (Ring::Rang, Some(look(1, 998)), None, fell),
        ];
        for (ring, last, stopping, expected) in table {
            assert_eq!(judge(ring, last.as_ref(), stopping, now), expected, "{ring:?} {last:?}");
        }
        let stopped = Timestamp::from_second(990).unwrap();
        let ending = judge(Ring::LastSessionClosed, Some(&look(1, 999)), Some(stopped), now);
        assert_eq!(ending, Ending::Collapse { since: stopped });
    }
}
