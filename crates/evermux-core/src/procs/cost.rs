//! What a piece of work costs in processor time, ours and another process's.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// What the clients of a save cost about: they are processes of their own and gone when one could ask.
const CLIENTS: Duration = Duration::from_millis(3);

/// Measures one piece of work.
#[derive(Debug)]
pub struct Cost {
    begun: Instant,
    own: Duration,
    /// The other process, and its time so far.
    other: Option<(u32, Duration)>,
}

impl Cost {
    /// Begins to measure. `other`: a process that works for us, as tmux's server does.
    pub fn begin(other: Option<u32>) -> Self {
        let other = other.and_then(|pid| Some((pid, time_of(pid)?)));
        Self { begun: Instant::now(), own: own_time(), other }
    }

    /// What it has cost until now. Where the system does not tell, the time that has passed, which is never less.
    pub fn so_far(&self) -> Duration {
        let passed = self.begun.elapsed();
        let Some((pid, before)) = self.other else { return passed };
        let Some(now) = time_of(pid) else { return passed };
        let own = own_time().saturating_sub(self.own);
        (own + now.saturating_sub(before) + CLIENTS).min(passed)
    }
}

/// The processor time of this process, all threads together.
fn own_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0));
    seconds + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// The processor time of another process's first thread (`/proc/PID/schedstat`, in nanoseconds): tmux has no other.
#[cfg(target_os = "linux")]
fn time_of(pid: u32) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

#[cfg(not(target_os = "linux"))]
fn time_of(_pid: u32) -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_costs_nothing_and_working_does() {
        // Other tests work in this process: that counts, too.
        let wait = || {
            let cost = Cost::begin(Some(std::process::id()));
            std::thread::sleep(Duration::from_millis(50));
            let waited = cost.so_far();
            (cost, waited)
        };
        let cheap = |(_, waited): &(Cost, Duration)| *waited < Duration::from_millis(30);
        let (cost, waited) = if cfg!(target_os = "linux") {
            std::iter::repeat_with(wait).take(400).find(cheap).expect("waiting costs nothing")
        } else {
            wait()
        };
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(20) {
            std::hint::spin_loop();
        }
        assert!(cost.so_far() > waited);
        assert!(Cost::begin(None).so_far() < Duration::from_millis(150));
    }
}
