//! Signals to processes that are surely the ones that are meant.

use rustix::process::{Pid, Signal};

/// Sends a signal to the process that had this id and [`super::Process::birth`] in this boot; whether it was there and ours.
///
/// On Linux the process is held while it is looked at, so its id cannot come to mean another one in between; elsewhere that
/// remains possible for some microseconds.
pub fn signal(pid: u32, birth: u64, signal: Signal) -> bool {
    let Some(id) = i32::try_from(pid).ok().filter(|pid| *pid > 1).and_then(Pid::from_raw) else {
        return false;
    };
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};
        let Ok(held) = pidfd_open(id, PidfdFlags::empty()) else { return false };
        super::alive(pid, birth) && pidfd_send_signal(held, signal).is_ok()
    }
    #[cfg(not(target_os = "linux"))]
    {
        super::alive(pid, birth) && rustix::process::kill_process(id, signal).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procs::ProcessTable;

    #[test]
    fn another_process_of_the_same_id_gets_no_signal() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let birth = ProcessTable::read().unwrap().get(child.id()).unwrap().birth;
        assert!(!signal(child.id(), birth + 1, Signal::KILL));
        assert!(child.try_wait().unwrap().is_none());
        assert!(signal(child.id(), birth, Signal::KILL));
        child.wait().unwrap();
        assert!(!signal(child.id(), birth, Signal::KILL));
        assert!(!signal(0, 0, Signal::KILL) && !signal(1, 0, Signal::KILL));
    }
}
