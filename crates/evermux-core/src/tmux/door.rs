//! Who looks at what: the clients' terminals and the panes they show, and waiting until that changes.
//!
//! Three hooks at an index of our own ring a bell of their own: a client comes, goes to another session, or its session
//! shows another window. Measured on 3.1c to 3.8: the bell is heard when tmux has done it. Who moves or swaps windows
//! under a client rings nothing, and hooks can be deleted: a look after a while finds everything.

use std::ops::ControlFlow;
use std::time::Duration;

use bstr::{BString, ByteSlice};

use super::client::RunError;
use super::look::mark;
use super::{Nonce, Server};
use crate::model::PaneId;

/// The beginning of what `wait-for` waits for.
const CHANNEL: &str = "evermux-door-";

/// Our places in each array begin here, behind that of the hooks that make saving faster.
const INDEX: u32 = 83_721;

const HOOKS: [&str; 3] = ["client-attached", "client-session-changed", "session-window-changed"];

/// Where a process waits: each has bells of its own.
#[derive(Clone, Copy, Debug)]
pub struct Door {
    process: u32,
    lives: fn(u32) -> bool,
}

/// What clients show. Control clients are programs: they have no terminal, but what they show counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The terminals of the clients.
    pub terminals: Vec<BString>,
    /// The panes of the windows that clients show.
    pub panes: Vec<PaneId>,
}

impl Door {
    /// That of the process with this id. `lives` tells whether there is a process with an id: bells of those that are gone
    /// are removed on the way.
    pub fn of(process: u32, lives: fn(u32) -> bool) -> Self {
        Self { process, lives }
    }

    fn add(self) -> String {
        let Self { process, .. } = self;
        let add =
            |name| format!("set-hook -g '{name}[{}]' 'wait-for -S {CHANNEL}{process}'\n", index(process));
        HOOKS.iter().map(add).collect()
    }

    fn script(self, n: Nonce) -> Vec<u8> {
        format!(
            "list-clients -F '{n}C#{{client_control_mode}} #{{client_tty}}'\n\
             list-panes -a -F '{n}P#{{&&:#{{window_active}},#{{session_attached}}}} #{{pane_id}}'\n\
             {}\nshow-hooks -g\n{}\nwait-for {CHANNEL}{}\n",
            mark(n, 'H'),
            mark(n, 'Z'),
            self.process
        )
        .into_bytes()
    }

    /// What must be changed about the bells that are there; empty if nothing.
    fn mend(self, bells: &[Bell]) -> String {
        let mine = bells.iter().filter(|bell| bell.process == self.process).count();
        let stale = bells.iter().filter(|bell| bell.process != self.process && !(self.lives)(bell.process));
        let add = if mine == HOOKS.len() { String::new() } else { self.add() };
        stale.map(Bell::remove).chain([add]).collect()
    }
}

impl Server {
    /// Looks at what clients show, hands it out, and waits until that may have changed, or for so long; at once if `seen`
    /// breaks. The caller looks again.
    ///
    /// # Errors
    /// [`RunError`], if the server could not be asked.
    pub fn watch_door(
        &self,
        door: Door,
        nonce: Nonce,
        longest: Duration,
        seen: &mut dyn FnMut(Shown) -> ControlFlow<()>,
    ) -> Result<(), RunError> {
        let (mut reply, mut mend, mut enough) = (Vec::new(), None, false);
        let waited = self.stream(&door.script(nonce), longest, &mut |bytes| {
            reply.extend_from_slice(bytes);
            if mend.is_none()
                && let Some((shown, bells)) = read(nonce, &reply)
            {
                let script = door.mend(&bells);
                // Without bells the next look comes as soon as there are some.
                enough = seen(shown).is_break() || !script.is_empty();
                mend = Some(script);
            }
            if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        match (mend, waited) {
            (None, Err(error)) => Err(error),
            (Some(script), _) if !script.is_empty() => self.run(script.as_bytes(), longest).map(drop),
            (Some(_), Err(RunError::Deadline { .. })) => Ok(()),
            (Some(_), Err(error)) if !enough => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes the bells of a process.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn leave_door(&self, door: Door, limit: Duration) -> Result<(), RunError> {
        let mine = |hook| Bell { hook, process: door.process }.remove();
        self.run(HOOKS.map(mine).concat().as_bytes(), limit).map(drop)
    }

    /// Removes all bells, whose ever they are; the processes they were of, some of which may be gone.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn remove_bells(&self, limit: Duration) -> Result<Vec<u32>, RunError> {
        let there = bells(&self.run(b"show-hooks -g\n", limit)?.stdout);
        if !there.is_empty() {
            self.run(there.iter().map(Bell::remove).collect::<String>().as_bytes(), limit)?;
        }
        let mut processes: Vec<u32> = there.iter().map(|bell| bell.process).collect();
        processes.sort_unstable();
        processes.dedup();
        Ok(processes)
    }
}

/// A hook of ours that is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bell {
    hook: &'static str,
    process: u32,
}

impl Bell {
    fn remove(&self) -> String {
        format!("set-hook -gu '{}[{}]'\n", self.hook, index(self.process))
    }
}

/// The place of a process in each array.
fn index(process: u32) -> u32 {
    INDEX.saturating_add(process)
}

/// The bells in what `show-hooks` prints.
fn bells(shown: &[u8]) -> Vec<Bell> {
    let bell = |line: &[u8]| {
        let (name, command) = line.to_str().ok()?.split_once('[')?;
        let (place, process) = command.split_once(&format!("] wait-for -S {CHANNEL}"))?;
        let hook = HOOKS.into_iter().find(|hook| *hook == name)?;
        let process = process.parse().ok()?;
        (place == index(process).to_string()).then_some(Bell { hook, process })
    };
    shown.lines().filter_map(bell).collect()
}

/// Reads a reply: what is shown, and the bells that are there; none before it is complete.
fn read(nonce: Nonce, reply: &[u8]) -> Option<(Shown, Vec<Bell>)> {
    let (mut shown, mut there) = (Shown::default(), Vec::new());
    for piece in nonce.split(reply).skip(1) {
        let Some((&tag, rest)) = piece.split_first() else { continue };
        let rest = rest.strip_suffix(b"\n").unwrap_or(rest);
        match tag {
            b'C' => shown.terminals.extend(rest.strip_prefix(b"0 ").map(BString::from)),
            b'P' => {
                let pane = rest.strip_prefix(b"1 ").and_then(|pane| pane.to_str().ok()?.parse().ok());
                shown.panes.extend(pane.filter(|pane| !shown.panes.contains(pane)));
            }
            b'H' => there = bells(rest),
            b'Z' => return Some((shown, there)),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use evermux_testkit::{Server as Private, tmux_binaries};

    use super::*;
    use crate::tmux::Binaries;

    const LIMIT: Duration = Duration::from_secs(20);

    fn door(process: u32) -> Door {
        // Of all others only this one lives.
        Door::of(process, |process| process == 7)
    }

    #[test]
    fn a_reply_is_read_when_it_is_complete() {
        let nonce = Nonce::from_random([0xa1; 16]);
        let bell = "client-attached[83730] wait-for -S evermux-door-9\nclient-attached[0] wait-for -S evermux-door-9\n";
        let text = format!(
            "{nonce}C0 /dev/pts/1\n{nonce}C1 \n{nonce}P1 %3\n{nonce}P1 %3\n{nonce}P0 %4\n{nonce}H\n{bell}"
        );
        assert_eq!(read(nonce, text.as_bytes()), None);
        let shown = Shown { terminals: vec!["/dev/pts/1".into()], panes: vec!["%3".parse().unwrap()] };
        let bells = vec![Bell { hook: "client-attached", process: 9 }];
        assert_eq!(read(nonce, format!("{text}{nonce}Z\n").as_bytes()), Some((shown, bells)));
    }

    #[test]
    fn bells_of_the_living_stay() {
        let of = |process| HOOKS.map(|hook| Bell { hook, process });
        assert_eq!(door(9).mend(&[of(9), of(7)].concat()), "");
        assert_eq!(door(9).mend(&of(7)), door(9).add());
        let removed: String = of(8).iter().map(Bell::remove).collect();
        assert_eq!(door(9).mend(&[of(9), of(8)].concat()), removed);
    }

    #[test]
    fn who_comes_and_what_they_show_is_heard() {
        for tmux in tmux_binaries() {
            let private = Private::start(&tmux);
            private.run(&["new-window", "-d", "-t", "main:7"]);
            private.run(&["new-session", "-d", "-s", "other"]);
            let hooks = || private.run(&["show-hooks", "-g"]);
            let (before, mine) = (hooks(), door(std::process::id()));
            let uid = rustix::process::getuid().as_raw();
            let server = Server::connect(&private.socket(), uid, &Binaries::default()).unwrap();
            let (say, hear) = channel();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    for number in 0.. {
                        let nonce = Nonce::from_random([number; 16]);
                        let mut done = false;
                        let heard = server.watch_door(mine, nonce, LIMIT, &mut |shown| {
                            done = shown.terminals.len() > 1;
                            let names = |id: &PaneId| {
                                private.display(&id.to_string(), "#{session_name}:#{window_index}")
                            };
                            let _ = say.send(shown.panes.iter().map(names).collect::<Vec<_>>().join(" "));
                            if done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                        });
                        heard.unwrap();
                        if done {
                            return;
                        }
                    }
                });
                // Long before the time is up: these were heard.
                let next = |expected: &str| {
                    while hear
                        .recv_timeout(LIMIT / 2)
                        .unwrap_or_else(|_| panic!("tmux {}: {expected}", tmux.version))
                        != expected
                    {}
                };
                next("");
                private.wait_until("the bells are there", |_| hooks() != before);
                let client = private.attach("main", 80, 24);
                next("main:0");
                private.run(&["select-window", "-t", "=main:7"]);
                next("main:7");
                let terminal = private.run(&["list-clients", "-F", "#{client_tty}"]);
                private.run(&["switch-client", "-c", terminal.trim(), "-t", "=other:"]);
                next("other:0");
                let _second = private.attach("main", 80, 24);
                next("main:7 other:0");
                drop(client);
            });
            server.leave_door(mine, LIMIT).unwrap();
            assert_eq!(hooks(), before, "tmux {}", tmux.version);
            server.run(door(8).add().as_bytes(), LIMIT).unwrap();
            assert_ne!(hooks(), before, "tmux {}", tmux.version);
            assert_eq!(server.remove_bells(LIMIT).unwrap(), [8]);
            assert_eq!(hooks(), before, "tmux {}", tmux.version);
        }
    }
}
