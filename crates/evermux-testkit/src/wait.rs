//! Waiting for a condition: never for a time.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// The usual limit: generous, since machines that run tests are busy; it is only reached when a test fails.
pub const LIMIT: Duration = Duration::from_secs(20);

/// Waits until `condition` holds; panics with `what` when `limit` has passed. The pause between two looks grows
/// from 1 to 50 ms.
#[track_caller]
pub fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    while !condition() {
        assert!(Instant::now() < end, "waited {limit:?} in vain: {what}");
        sleep(pause);
        pause = (pause * 3 / 2).min(Duration::from_millis(50));
    }
}
