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

/// What `wait-for` waits for: nobody else does.
const CHANNEL: &str = "evermux-door";

/// Our place in each array, beside that of the hooks that make saving faster.
const INDEX: u32 = 83_721;

const HOOKS: [&str; 3] = ["client-attached", "client-session-changed", "session-window-changed"];

/// What clients show. Control clients are programs: they have no terminal, but what they show counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The terminals of the clients.
    pub terminals: Vec<BString>,
    /// The panes of the windows that clients show.
    pub panes: Vec<PaneId>,
}

impl Server {
    /// Looks at what clients show, hands it out, and waits until that may have changed, or for so long; at once if `seen`
    /// breaks. The caller looks again.
    ///
    /// # Errors
    /// [`RunError`], if the server could not be asked.
    pub fn watch_door(
        &self,
        nonce: Nonce,
        longest: Duration,
        seen: &mut dyn FnMut(Shown) -> ControlFlow<()>,
    ) -> Result<(), RunError> {
        let script = script(nonce);
        let (mut reply, mut read) = (Vec::new(), None);
        let mut enough = false;
        let waited = self.stream(&script, longest, &mut |bytes| {
            reply.extend_from_slice(bytes);
            if read.is_none()
                && let Some((shown, armed)) = self::read(nonce, &reply)
            {
                read = Some(armed);
                // Without bells the next look comes as soon as there are some.
                enough = seen(shown).is_break() || !armed;
            }
            if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        match (read, waited) {
            (Some(false), _) => self.run(arm().as_bytes(), longest).map(drop),
            (Some(true), Err(RunError::Deadline { .. })) => Ok(()),
            (Some(true), Err(_)) if enough => Ok(()),
            (_, Err(error)) => Err(error),
            (_, Ok(_)) => Ok(()),
        }
    }

    /// Removes the bells.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn leave_door(&self, limit: Duration) -> Result<(), RunError> {
        self.run(without_bells().as_bytes(), limit).map(drop)
    }
}

/// The script that removes the bells.
pub fn without_bells() -> String {
    HOOKS.iter().map(|name| format!("set-hook -gu '{name}[{INDEX}]'\n")).collect()
}

fn bell(name: &str) -> String {
    format!("{name}[{INDEX}] wait-for -S {CHANNEL}")
}

fn arm() -> String {
    HOOKS.iter().map(|name| format!("set-hook -g '{name}[{INDEX}]' 'wait-for -S {CHANNEL}'\n")).collect()
}

fn script(n: Nonce) -> Vec<u8> {
    format!(
        "list-clients -F '{n}C#{{client_control_mode}} #{{client_tty}}'\n\
         list-panes -a -F '{n}P#{{&&:#{{window_active}},#{{session_attached}}}} #{{pane_id}}'\n\
         {}\nshow-hooks -g\n{}\nwait-for {CHANNEL}\n",
        mark(n, 'H'),
        mark(n, 'Z')
    )
    .into_bytes()
}

/// Reads a reply: what is shown, and whether the bells are there; none before it is complete.
fn read(nonce: Nonce, reply: &[u8]) -> Option<(Shown, bool)> {
    let (mut shown, mut armed) = (Shown::default(), false);
    for piece in nonce.split(reply).skip(1) {
        let Some((&tag, rest)) = piece.split_first() else { continue };
        let rest = rest.strip_suffix(b"\n").unwrap_or(rest);
        match tag {
            b'C' => shown.terminals.extend(rest.strip_prefix(b"0 ").map(BString::from)),
            b'P' => {
                let pane = rest.strip_prefix(b"1 ").and_then(|pane| pane.to_str().ok()?.parse().ok());
                shown.panes.extend(pane.filter(|pane| !shown.panes.contains(pane)));
            }
            b'H' => armed = HOOKS.iter().all(|name| rest.lines().any(|line| line == bell(name).as_bytes())),
            b'Z' => return Some((shown, armed)),
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

    #[test]
    fn a_reply_is_read_when_it_is_complete() {
        let nonce = Nonce::from_random([0xa1; 16]);
        let bells: String = HOOKS.iter().map(|name| bell(name) + "\n").collect();
        let text = format!(
            "{nonce}C0 /dev/pts/1\n{nonce}C1 \n{nonce}P1 %3\n{nonce}P1 %3\n{nonce}P0 %4\n{nonce}H\n{bells}"
        );
        assert_eq!(read(nonce, text.as_bytes()), None);
        let shown = Shown { terminals: vec!["/dev/pts/1".into()], panes: vec!["%3".parse().unwrap()] };
        assert_eq!(read(nonce, format!("{text}{nonce}Z\n").as_bytes()), Some((shown, true)));
        assert_eq!(read(nonce, format!("{nonce}H\n{nonce}Z\n").as_bytes()), Some((Shown::default(), false)));
    }

    #[test]
    fn who_comes_and_what_they_show_is_heard() {
        for tmux in tmux_binaries() {
            let private = Private::start(&tmux);
            private.run(&["new-window", "-d", "-t", "main:7"]);
            private.run(&["new-session", "-d", "-s", "other"]);
            let hooks = || private.run(&["show-hooks", "-g"]);
            let before = hooks();
            let uid = rustix::process::getuid().as_raw();
            let server = Server::connect(&private.socket(), uid, &Binaries::default()).unwrap();
            let (say, hear) = channel();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    for number in 0.. {
                        let nonce = Nonce::from_random([number; 16]);
                        let mut done = false;
                        let heard = server.watch_door(nonce, LIMIT, &mut |shown| {
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
            server.leave_door(LIMIT).unwrap();
            assert_eq!(hooks(), before, "tmux {}", tmux.version);
        }
    }
}
