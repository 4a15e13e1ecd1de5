//! Shells that start later: when somebody looks at their pane, or a key comes to it.
//!
//! The pane has its text; its process stands at the gate and costs nothing. A key it notices itself. That a client shows it
//! is noticed by whoever holds the panes, at tmux's door ([`Server::watch_door`]): a process of its own
//! ([`Later::attend`]), to which the restore bequeaths them. If that process dies, every shell starts.
//!
//! Until then a capture keeps what was saved of such a pane, because nothing has happened in it.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use bstr::BString;
use serde::{Deserialize, Serialize};

use super::launch::{Ground, Job, Outcome, Pending, launch};
use super::pace::Pace;
use super::prompts::{self, AtPrompt, Tail};
use super::settle;
use super::skeleton::MadePane;
use crate::gate::{Ending, Heir, Held};
use crate::model::{Generation, PaneId, PaneIdentity, ServerName, TmuxVersion};
use crate::procs::exists;
use crate::store::{Shells, Tickets};
use crate::tmux::{Door, Nonce, Server, Shown};

/// When to look again where nothing rings.
const AGAIN: Duration = Duration::from_secs(15);

/// How long to leave a server alone that does not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a shell may take to its first prompt before its upper lines are left as they are.
const SETTLING: Duration = Duration::from_secs(3);

/// How long tmux may take for what is asked of it.
const LIMIT: Duration = Duration::from_secs(10);

/// A pane whose shell starts later.
#[derive(Debug)]
pub(super) struct LaterPane {
    pub(super) identity: PaneIdentity,
    pub(super) pane: MadePane,
    /// How its text ends, if there was a prompt below.
    pub(super) tail: Option<Tail>,
    /// What is started in its shell.
    pub(super) pending: Option<Pending>,
    pub(super) held: Held,
}

impl LaterPane {
    fn starts(&self) -> Option<Job> {
        let (identity, pane) = (self.identity, self.pane.clone());
        self.pending.clone().map(|pending| Job { identity, pane, pending })
    }
}

/// What starting programs in panes needs of the world.
#[derive(Clone, Copy)]
pub struct Starter<'a> {
    /// The server's lasting name.
    pub name: &'a ServerName,
    /// Which life of it this is.
    pub generation: &'a Generation,
    /// Where tickets are; none if there can be none.
    pub tickets: Option<&'a Tickets>,
    /// Where shells tell of themselves; none if they are not heard.
    pub shells: Option<&'a Shells>,
    /// The words of `evermux resume`, without the id.
    pub resume: &'a [BString],
    /// Hears which programs were not started, and why: their debts shall say so.
    pub not_started: &'a (dyn Fn(HashMap<PaneIdentity, String>) + Sync),
    /// Sixteen random bytes.
    pub random: &'a (dyn Fn() -> [u8; 16] + Sync),
}

/// The panes of one restore whose shells start later. Dropped, all of them start.
#[derive(Debug, Default)]
pub struct Later {
    version: Option<TmuxVersion>,
    panes: Vec<LaterPane>,
}

/// What the process is told that these are bequeathed to.
#[derive(Serialize, Deserialize)]
struct Will {
    version: String,
    panes: Vec<WillPane>,
}

#[derive(Serialize, Deserialize)]
struct WillPane {
    number: i32,
    identity: PaneIdentity,
    id: String,
    tty: Vec<u8>,
    pid: u32,
    tail: Option<Tail>,
    pending: Option<Pending>,
}

impl Later {
    pub(super) fn of(version: TmuxVersion, panes: Vec<LaterPane>) -> Self {
        Self { version: Some(version), panes }
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.panes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.panes.is_empty()
    }

    /// Has the process that `heir` starts take them over; what that process must be told ([`Later::inherit`]). They
    /// belong to `heir` until it is dropped.
    pub fn bequeath(self, heir: &mut Heir) -> Vec<u8> {
        let version = self.version.map(|version| version.to_string()).unwrap_or_default();
        let (mut held, mut panes) = (Vec::new(), Vec::new());
        for pane in self.panes {
            let MadePane { id, tty, pid } = pane.pane;
            let (id, tty, tail, pending) = (id.to_string(), tty.into(), pane.tail, pane.pending);
            panes.push(WillPane { number: 0, identity: pane.identity, id, tty, pid, tail, pending });
            held.push(pane.held);
        }
        for (pane, number) in panes.iter_mut().zip(Held::bequeath(held, heir)) {
            pane.number = number;
        }
        serde_json::to_vec(&Will { version, panes }).unwrap_or_default()
    }

    /// Takes over what was bequeathed to this process, once; none if it is told nothing that makes sense.
    pub fn inherit(will: &[u8]) -> Option<Self> {
        let will: Will = serde_json::from_slice(will).ok()?;
        let version = Some(will.version.parse().ok()?);
        let take = |pane: WillPane| {
            let held = Held::inherit(pane.number)?;
            let made = MadePane { id: pane.id.parse().ok()?, tty: pane.tty.into(), pid: pane.pid };
            let WillPane { identity, tail, pending, .. } = pane;
            Some(LaterPane { identity, pane: made, tail, pending, held })
        };
        Some(Self { version, panes: will.panes.into_iter().filter_map(take).collect() })
    }

    /// Starts the shell of each pane when a client shows it, and what ran in it, until all have started or are gone;
    /// `helper` is the program that holds them.
    pub fn attend(mut self, server: &Server, helper: &Path, starter: Starter<'_>) {
        let Some(version) = self.version else { return };
        let door = Door::of(std::process::id(), exists);
        let started = |begun: Vec<LaterPane>| {
            let jobs = begun.iter().filter_map(LaterPane::starts).collect();
            let panes: Vec<(PaneIdentity, MadePane, Option<Tail>)> = begin(begun, helper);
            tidy(server, version, &panes, (starter.random)());
            start(jobs, server, version, starter);
        };
        std::thread::scope(|scope| {
            while !self.panes.is_empty() {
                let nonce = Nonce::from_random((starter.random)());
                let heard = server.watch_door(door, nonce, AGAIN, &mut |shown| {
                    let begun = self.take_shown(&shown);
                    if !begun.is_empty() {
                        // Not waited for: the next window may be shown in a moment.
                        scope.spawn(move || started(begun));
                    }
                    if self.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                });
                if let Err(error) = heard {
                    tracing::debug!(%error, "the server does not say what is shown");
                    self.panes.retain(|pane| pane.held.waits());
                    std::thread::sleep(if self.is_empty() { Duration::ZERO } else { PAUSE });
                }
            }
        });
        // It may be gone with them.
        let _ = server.leave_door(door, LIMIT);
    }

    /// Takes out the panes that are shown, those that are seen first first, and those whose shells have started
    /// themselves.
    fn take_shown(&mut self, shown: &Shown) -> Vec<LaterPane> {
        let shown: HashSet<PaneId> = shown.panes.iter().copied().collect();
        let wanted = |pane: &mut LaterPane| shown.contains(&pane.pane.id) || !pane.held.waits();
        self.panes.extract_if(.., wanted).collect()
    }
}

/// Lets them go at their pace.
fn begin(panes: Vec<LaterPane>, helper: &Path) -> Vec<(PaneIdentity, MadePane, Option<Tail>)> {
    let pace = Pace::new(helper.to_owned());
    let go = |pane: LaterPane| {
        pace.release(pane.held, &pane.pane, Ending::Shell);
        (pane.identity, pane.pane, pane.tail)
    };
    let begun = panes.into_iter().map(go).collect();
    pace.wait();
    begun
}

/// Starts what ran in them. That it runs pays what is owed; what does not stays owed.
fn start(jobs: Vec<Job>, server: &Server, version: TmuxVersion, starter: Starter<'_>) {
    let Starter { name, generation, tickets, shells, resume, not_started, random } = starter;
    let limit = LIMIT;
    let mut ground = Ground {
        server,
        version,
        name,
        generation,
        tickets,
        shells,
        resume,
        random: &mut || random(),
        limit,
    };
    let mut owed = HashMap::new();
    for (identity, outcome) in launch(jobs, &mut ground) {
        if let Outcome::Owed(reason) = outcome {
            tracing::warn!(%identity, "its program was not started: {reason}");
            owed.insert(identity, reason);
        }
    }
    if !owed.is_empty() {
        not_started(owed);
    }
}

/// Makes the upper lines of their prompts stand there once.
fn tidy(
    server: &Server,
    version: TmuxVersion,
    panes: &[(PaneIdentity, MadePane, Option<Tail>)],
    nonce: [u8; 16],
) {
    let at_prompt = settle::prompts(panes.iter().map(|(_, pane, _)| pane), Instant::now() + SETTLING);
    let Ok(stands) = settle::stands(server, LIMIT) else { return };
    let drawn = |(identity, pane, tail): &'_ (PaneIdentity, MadePane, Option<Tail>)| {
        let stand = stands.get(&pane.id).copied().filter(|_| at_prompt.contains(&pane.id))?;
        Some((*identity, pane.clone(), tail.clone()?, stand))
    };
    let drawn: Vec<_> = panes.iter().filter_map(drawn).collect();
    let prompts: Vec<AtPrompt<'_>> = drawn
        .iter()
        .map(|(identity, pane, tail, stand)| AtPrompt { identity: *identity, pane, tail, stand: *stand })
        .collect();
    let cleaned = prompts::clean(server, version, &prompts, &mut || nonce, LIMIT);
    for identity in cleaned.missing {
        tracing::warn!(%identity, "the last lines above its prompt are missing on its screen");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_will_that_makes_no_sense_is_none() {
        for will in ["", "{}", r#"{"version":"x","panes":[]}"#] {
            assert!(Later::inherit(will.as_bytes()).is_none(), "{will}");
        }
        let of_nobody =
            br#"{"version":"3.5a","panes":[{"number":2,"identity":"0189f3c0-0000-4000-8000-000000000000",
            "id":"%1","tty":[47],"pid":1,"tail":null,"pending":null}]}"#;
        assert!(Later::inherit(of_nobody).is_some_and(|later| later.is_empty()));
    }
}
