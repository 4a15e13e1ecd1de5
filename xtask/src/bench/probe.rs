//! How long tmux makes others wait: a control client that asks all the time.
//!
//! The clock tells what a person would feel; on a busy machine that is mostly the machine. So the processor time that
//! tmux spent within one wait is told, too (where the system has `/proc/PID/schedstat`): that is tmux's own part.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use evermux_testkit::Server;

use super::cost::spent;

/// Between an answer and the next question.
const PAUSE: Duration = Duration::from_millis(2);

/// The longest waits; of each kind, not of one moment.
#[derive(Clone, Copy, Default)]
pub struct Stall {
    /// By the clock.
    pub waited: Duration,
    /// What tmux was busy for within one wait.
    pub busy: Duration,
}

impl Stall {
    /// The longer ones of both.
    pub fn max(self, other: Stall) -> Stall {
        Stall { waited: self.waited.max(other.waited), busy: self.busy.max(other.busy) }
    }
}

/// A client that asks a server for nothing in particular, again and again, and remembers the longest waits.
pub struct Probe {
    stop: Arc<AtomicBool>,
    longest: JoinHandle<Result<Stall>>,
}

impl Probe {
    /// Starts to ask.
    pub fn start(server: &Server) -> Result<Probe> {
        let mut client = server.client();
        client.args(["-C", "attach-session", "-f", "no-output,ignore-size"]);
        let mut client =
            client.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("a control client")?;
        let mut input = client.stdin.take().context("it is a pipe")?;
        let output = BufReader::new(client.stdout.take().context("it is a pipe")?);
        let (answers, answered) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok).filter(|line| line.starts_with("%end")) {
                if answers.send(line).is_err() {
                    break;
                }
            }
        });
        // The attachment itself is answered, too.
        answered.recv_timeout(Duration::from_secs(10)).context("the control client does not attach")?;
        let process = server.process().context("the server lives")?.id();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let longest = thread::spawn(move || {
            let mut longest = Stall::default();
            while !stopped.load(Ordering::Relaxed) {
                let before = spent(process);
                let waited = ask(&mut input, &answered)?;
                let busy = spent(process).saturating_sub(before);
                longest = longest.max(Stall { waited, busy });
                thread::sleep(PAUSE);
            }
            drop(input);
            client.wait()?;
            Ok(longest)
        });
        Ok(Probe { stop, longest })
    }

    /// The same for as long on a server that does nothing else: what the machine itself makes one wait.
    pub fn idle(server: &Server, time: Duration) -> Result<Stall> {
        let probe = Probe::start(server)?;
        thread::sleep(time);
        probe.stop()
    }

    /// Stops; the longest waits for an answer.
    pub fn stop(self) -> Result<Stall> {
        self.stop.store(true, Ordering::Relaxed);
        self.longest.join().map_err(|_| anyhow::anyhow!("the probe panicked"))?
    }
}

fn ask(input: &mut ChildStdin, answered: &mpsc::Receiver<String>) -> Result<Duration> {
    let start = Instant::now();
    input.write_all(b"display-message -p x\n")?;
    answered.recv_timeout(Duration::from_secs(60)).context("the server does not answer the probe")?;
    Ok(start.elapsed())
}
