//! A control group of its own for a tmux server, so that it does not end with the terminal that started it.
//!
//! A server stays in the control group of whoever started it. Where that one ends with the terminal (a desktop that runs
//! each terminal as a unit, or kills the unit for its use of memory), the server goes with it: there it is started in
//! a scope of the user's systemd. But everything below that systemd ends with the user's last login, unless he
//! lingers, while what stays in the session of a console or ssh login lives on where logind is told so (the default of
//! most distributions). So the scope is used where the terminal is below the user's systemd already, or the user lingers;
//! elsewhere it would make things worse.

use std::ffi::OsString;

use crate::context::Context;

/// The words in front of tmux's own that start a server in a scope of its own; none where that is not possible at once, or
/// no gain.
#[cfg(target_os = "linux")]
pub fn launcher(context: &Context) -> Vec<OsString> {
    use std::path::Path;

    let uid = context.uid;
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let user = context.binaries.user.clone().unwrap_or_default();
    let lingers = || !user.is_empty() && Path::new("/var/lib/systemd/linger").join(&user).exists();
    let manager = Path::new("/run/user").join(uid.to_string()).join("systemd/private");
    if !manager.exists() || !(is_below_manager(&groups, uid) || lingers()) {
        return Vec::new();
    }
    let Some(program) =
        ["/usr/bin/systemd-run", "/bin/systemd-run", "/run/current-system/sw/bin/systemd-run"]
            .into_iter()
            .find(|program| Path::new(program).exists())
    else {
        return Vec::new();
    };
    let words = [program, "--user", "--scope", "--quiet", "--collect", "--description=tmux server", "--"];
    if answers(&words) { words.map(OsString::from).to_vec() } else { Vec::new() }
}

/// The words in front of tmux's own: elsewhere than on Linux there are no control groups.
#[cfg(not(target_os = "linux"))]
pub fn launcher(_context: &Context) -> Vec<OsString> {
    Vec::new()
}

/// Whether this process is in a unit of the user's own systemd, by its `/proc/self/cgroup`.
#[cfg(target_os = "linux")]
fn is_below_manager(groups: &str, uid: u32) -> bool {
    let manager = format!("/user@{uid}.service/");
    groups.lines().any(|line| line.splitn(3, ':').nth(2).is_some_and(|path| path.contains(&manager)))
}

/// Whether a scope can be had at once. A manager that hangs would hold us, and the terminal, for 25 s.
#[cfg(target_os = "linux")]
fn answers(words: &[&str]) -> bool {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    const LIMIT: Duration = Duration::from_millis(500);
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).arg("true").current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else { return false };
    let end = Instant::now() + LIMIT;
    while Instant::now() < end {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => std::thread::sleep(Duration::from_millis(2)),
            Err(_) => return false,
        }
    }
    let _ = child.kill().and_then(|()| child.wait());
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn units_of_the_users_systemd_are_told_from_sessions() {
        let below = |groups| is_below_manager(groups, 1000);
        assert!(below("0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-kitty-12.scope\n"));
        assert!(below(
            "4:memory:/\n1:name=systemd:/user.slice/user-1000.slice/user@1000.service/x.scope\n0::/\n"
        ));
        assert!(!below("0::/user.slice/user-1000.slice/session-3.scope\n"));
        assert!(!below("0::/user.slice/user-1001.slice/user@1001.service/app.slice/x.scope\n"));
        assert!(!below("0::/system.slice/cron.service\n"));
        assert!(!below(""));
    }

    #[test]
    fn a_manager_that_hangs_is_not_waited_for() {
        let begun = std::time::Instant::now();
        assert!(!answers(&["/bin/sh", "-c", "sleep 100"]));
        assert!(begun.elapsed() < std::time::Duration::from_secs(5));
        assert!(answers(&["/usr/bin/env"]));
        assert!(!answers(&["/nonexistent"]));
    }
}
