//! Ending everything that runs below some panes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::procs::{NoProcessTable, Process, ProcessTable, alive, shell_at_terminal, signal};

/// How long shells may take to write their history once they are hung up on, and everybody to go once killed.
const LAST: Duration = Duration::from_secs(1);

/// How it went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trees {
    /// How many processes ended when they were asked to.
    pub ended: usize,
    /// How many had to be killed.
    pub killed: usize,
    /// The ids of those that are still there: the kernel holds them, or they are not ours.
    pub left: Vec<u32>,
}

/// A process that is to end.
#[derive(Debug)]
struct Victim {
    /// An interactive shell: it ignores TERM, and ends at a HUP.
    shell: bool,
    asked: bool,
    killed: bool,
}

/// What is to end.
struct Ending {
    /// The processes of panes.
    roots: Vec<u32>,
    /// Who asked for it, who lives on.
    asker: u32,
    victims: HashMap<(u32, u64), Victim>,
}

/// Ends the processes of panes and everything below them, also what has left their process groups; and what has lost its
/// parent but not its terminal session. Programs get TERM; once they are gone, the shells that waited for them get HUP; what
/// is there after `grace` is killed. What a dying program starts is found, too.
///
/// `asker`: a process that is left alone, ours, which may run in one of the panes.
///
/// # Errors
/// [`NoProcessTable`].
pub(super) fn end(roots: &[u32], grace: Duration, asker: u32) -> Result<Trees, NoProcessTable> {
    let roots = roots.iter().copied().filter(|pid| *pid > 1).collect();
    let mut ending = Ending { roots, asker, victims: HashMap::new() };
    let begun = Instant::now();
    let mut pause = Duration::from_millis(5);
    let mut killing = None;
    loop {
        ending.look(&ProcessTable::read()?);
        let (programs, shells) = ending.living();
        if programs == 0 && shells == 0 {
            break;
        }
        let elapsed = begun.elapsed();
        match killing {
            None if elapsed >= grace => {
                ending.kill(false);
                ending.hang_up();
                killing = Some(Instant::now());
            }
            None => {
                ending.ask();
                if programs == 0 {
                    ending.hang_up();
                }
            }
            Some(since) if since.elapsed() >= LAST * 2 => break,
            Some(since) => ending.kill(since.elapsed() >= LAST),
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
    Ok(ending.told())
}

impl Ending {
    /// Finds who belongs to it now.
    fn look(&mut self, table: &ProcessTable) {
        let known: Vec<u32> =
            self.victims.keys().filter(|(pid, birth)| alive(*pid, *birth)).map(|(pid, _)| *pid).collect();
        let below = self.roots.iter().chain(&known).flat_map(|pid| table.below(*pid));
        let orphans = table.processes().iter().filter(|process| self.roots.contains(&process.session));
        let found: Vec<&Process> = below.chain(orphans).filter(|process| !process.zombie).collect();
        for process in found.into_iter().filter(|process| process.pid != self.asker) {
            let new = || Victim { shell: is_shell(process), asked: false, killed: false };
            self.victims.entry((process.pid, process.birth)).or_insert_with(new);
        }
        // A root that has ended: its id may come to mean another process.
        self.roots.retain(|root| table.get(*root).is_some_and(|process| !process.zombie));
    }

    /// How many programs and how many shells live.
    fn living(&self) -> (usize, usize) {
        let living = self.victims.iter().filter(|((pid, birth), _)| alive(*pid, *birth));
        living.fold((0, 0), |(programs, shells), (_, victim)| match victim.shell {
            true => (programs, shells + 1),
            false => (programs + 1, shells),
        })
    }

    /// TERM to the programs that have not got it yet.
    fn ask(&mut self) {
        self.send(Signal::TERM, |victim| !victim.shell);
    }

    /// HUP to the shells that have not got it yet.
    fn hang_up(&mut self) {
        self.send(Signal::HUP, |victim| victim.shell);
    }

    fn send(&mut self, which: Signal, wanted: fn(&Victim) -> bool) {
        for ((pid, birth), victim) in &mut self.victims {
            if wanted(victim) && !victim.asked {
                victim.asked = true;
                signal(*pid, *birth, which);
                // A stopped process would hear of it never.
                signal(*pid, *birth, Signal::CONT);
            }
        }
    }

    /// Kills the programs, and the shells if `all`.
    fn kill(&mut self, all: bool) {
        for ((pid, birth), victim) in &mut self.victims {
            if (all || !victim.shell) && signal(*pid, *birth, Signal::KILL) {
                victim.killed = true;
            }
        }
    }

    fn told(&self) -> Trees {
        let mut trees = Trees::default();
        for ((pid, birth), victim) in &self.victims {
            match (alive(*pid, *birth), victim.killed) {
                (true, _) => trees.left.push(*pid),
                (false, true) => trees.killed += 1,
                (false, false) => trees.ended += 1,
            }
        }
        trees.left.sort_unstable();
        trees
    }
}

/// Whether it is a shell that takes its commands from a terminal it has.
fn is_shell(process: &Process) -> bool {
    process.terminal.is_some() && shell_at_terminal(process).is_some()
}
