//! A cheap look at a server: has anything changed? And waiting until tmux says so.
//!
//! A look asks for few fields, which are hashed and not kept: it costs tmux a third of a listing (2 ms for 100 panes).
//! What is drawn on a screen (text, cursor, titles) is told apart from everything else, since it changes all the time
//! and may be saved later.
//!
//! Looking and waiting are one queue run of one client ([`Server::listen`]): between the two nothing can happen that
//! neither of them sees. That matters because `wait-for -S` is a toggle while nobody waits: two signals cancel each
//! other (3.1c to 3.8). The waiting client belongs to no session: it is in no list of clients and no session counts as
//! attached through it.

use std::ops::ControlFlow;
use std::time::Duration;

use bstr::{BString, ByteSlice};

use super::client::RunError;
use super::hooks::{self, Hooks};
use super::{Nonce, Server};
use crate::model::{Fingerprint, Look, TmuxVersion};

/// How long a client waits before it is exchanged for a fresh one.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Why waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ring {
    /// Something may have changed.
    Rang,
    /// The server has no session left and is about to end by itself. Measured on 3.1c to 3.8: a client that waits is
    /// served until its script ends then, but not under `kill-server` and SIGTERM.
    LastSessionClosed,
    /// The client ended before its script did: the server is gone or going, or somebody killed the client.
    Lost,
}

impl Server {
    /// Looks at the server, in one client.
    ///
    /// # Errors
    /// [`RunError`]; also if the server went away before it had told everything.
    pub fn look(&self, nonce: Nonce, version: TmuxVersion, limit: Duration) -> Result<Look, RunError> {
        let output = self.run(&look_script(nonce, version), limit)?;
        Reply { nonce, version, bytes: output.stdout }.look().ok_or_else(|| self.gone())
    }

    /// Looks at the server, hands out what it sees, and waits until our hooks ring ([`Server::ring`] does, too).
    ///
    /// # Errors
    /// [`RunError`].
    pub fn listen(
        &self,
        nonce: Nonce,
        version: TmuxVersion,
        seen: &mut dyn FnMut(Look),
    ) -> Result<Ring, RunError> {
        let script = listen_script(nonce, version);
        let mut reply = Reply { nonce, version, bytes: Vec::new() };
        let mut told = false;
        self.stream(&script, LONGEST_WAIT, &mut |bytes| {
            reply.bytes.extend_from_slice(bytes);
            if !told && let Some(look) = reply.look() {
                told = true;
                seen(look);
            }
            ControlFlow::Continue(())
        })?;
        Ok(reply.ring())
    }

    /// Ends a wait of [`Server::listen`]; without one the next one ends at once.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn ring(&self, limit: Duration) -> Result<(), RunError> {
        self.run(format!("wait-for -S {}\n", hooks::CHANNEL).as_bytes(), limit).map(|_| ())
    }

    fn gone(&self) -> RunError {
        RunError::Gone { socket: self.socket().to_owned(), message: "it stopped in the middle".to_owned() }
    }
}

/// The script of a look. Records are as in [`super::list_script`]: a capital letter begins one, a small letter a field.
fn look_script(n: Nonce, version: TmuxVersion) -> Vec<u8> {
    let output = if version.at_least(3, 8) { "#{pane_output_generation}" } else { "" };
    let mut script = format!(
        "list-sessions -F '{n}S#{{pid}}\t#{{start_time}}\t#{{session_id}}\t#{{session_group}}\t#{{session_stack}}\t\
         #{{session_name}}'\n\
         list-clients -F '{n}C#{{client_control_mode}}\t#{{client_activity}}\t#{{client_tty}}\
         {n}c#{{client_tty}}\t#{{client_session}}'\n\
         list-windows -a -F '{n}W#{{session_id}}\t#{{window_index}}\t#{{window_id}}\t#{{window_zoomed_flag}}\t\
         #{{window_layout}}\t#{{window_name}}{n}t#{{window_activity}}'\n\
         list-panes -a -F '{n}P#{{window_id}}\t#{{pane_id}}\t#{{pane_pid}}\t#{{pane_active}}\t#{{pane_last}}\t\
         #{{pane_dead}}\t#{{pane_input_off}}\t#{{pane_marked}}\t#{{pane_current_command}}\t\
         #{{pane_current_path}}{n}t#{{history_size}}\t#{{history_bytes}}\t#{{cursor_x}}\t#{{cursor_y}}\t\
         #{{alternate_on}}\t{output}\t#{{pane_title}}'\n\
         {}\nshow-hooks -g\n",
        mark(n, 'H'),
    );
    if version.at_least(3, 2) {
        script.push_str("show-hooks -gw\n");
    }
    script.push_str(&mark(n, 'Z'));
    script.push('\n');
    script.into_bytes()
}

/// A look, then a wait, then the proof of how it ended: the server has to serve the client a little longer.
fn listen_script(n: Nonce, version: TmuxVersion) -> Vec<u8> {
    let pause = if version.at_least(3, 2) { "run-shell -d 0.02" } else { "run-shell true" };
    let mut script = look_script(n, version);
    let wait = format!(
        "wait-for {}\n{}\n{pause}\nlist-sessions -F '{n}L'\n{}\n",
        hooks::CHANNEL,
        mark(n, 'R'),
        mark(n, 'E'),
    );
    script.extend_from_slice(wait.as_bytes());
    script
}

/// A command that prints a mark. It needs no target, unlike `display-message`: up to 3.2 that one fails where there is
/// no session.
pub(super) fn mark(n: Nonce, tag: char) -> String {
    format!("list-commands -F '{n}{tag}' wait-for")
}

/// What a look or a wait has printed so far.
struct Reply {
    nonce: Nonce,
    version: TmuxVersion,
    bytes: Vec<u8>,
}

impl Reply {
    /// The look; none before it is complete.
    fn look(&self) -> Option<Look> {
        let mut look = Look::default();
        let (mut structure, mut text) = (blake3::Hasher::new(), blake3::Hasher::new());
        for piece in self.nonce.split(&self.bytes).skip(1) {
            let Some((&tag, rest)) = piece.split_first() else { continue };
            let rest = rest.strip_suffix(b"\n").unwrap_or(rest);
            match tag {
                b'Z' => {
                    look.structure = fingerprint(&structure);
                    look.text = fingerprint(&text);
                    return Some(look);
                }
                b'H' => look.armed = Hooks::of(self.version).are_in(rest),
                b't' => add(&mut text, tag, rest),
                b'C' => client(&mut look, rest),
                _ => {
                    match tag {
                        b'S' => session(&mut look, rest),
                        b'P' => look.panes += 1,
                        _ => {}
                    }
                    add(&mut structure, tag, rest);
                }
            }
        }
        None
    }

    /// How the wait ended.
    fn ring(&self) -> Ring {
        let count =
            |tag: u8| self.nonce.split(&self.bytes).filter(|piece| piece.first() == Some(&tag)).count();
        match (count(b'R'), count(b'L'), count(b'E')) {
            (1, 0, 1) => Ring::LastSessionClosed,
            (1, _, 1) => Ring::Rang,
            _ => Ring::Lost,
        }
    }
}

/// Notes what the record of a session tells.
fn session(look: &mut Look, record: &[u8]) {
    look.sessions += 1;
    let mut fields = record.split_str("\t").map(|field| field.to_str().unwrap_or_default());
    let pid = fields.next().and_then(|pid| pid.parse().ok());
    let started = fields.next().and_then(|started| started.parse().ok());
    if let (Some(pid), Some(started)) = (pid, started) {
        look.server = Some((pid, started));
    }
}

/// Notes what the record of a client tells. Control clients are programs.
fn client(look: &mut Look, record: &[u8]) {
    let mut fields = record.split_str("\t").map(|field| field.to_str().unwrap_or_default());
    if fields.next() == Some("1") {
        return;
    }
    look.clients += 1;
    let activity = fields.next().and_then(|activity| activity.parse().ok());
    look.activity = look.activity.max(activity.unwrap_or(0));
    look.terminals.extend(fields.next().map(BString::from));
}

/// Adds a piece so that its ends cannot be shifted.
fn add(hasher: &mut blake3::Hasher, tag: u8, piece: &[u8]) {
    hasher.update(&[tag]).update(&piece.len().to_le_bytes()).update(piece);
}

fn fingerprint(hasher: &blake3::Hasher) -> Fingerprint {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    Fingerprint(bytes)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
    use std::time::Duration;

    use evermux_testkit::{Server as Private, Tmux, tmux_binaries};

    use super::*;
    use crate::tmux::Binaries;

    const LIMIT: Duration = Duration::from_secs(20);

    fn connect(private: &Private) -> Server {
        let uid = rustix::process::getuid().as_raw();
        Server::connect(&private.socket(), uid, &Binaries::default()).unwrap()
    }

    fn version(tmux: &Tmux) -> TmuxVersion {
        tmux.version.to_string().parse().unwrap()
    }

    fn nonce() -> Nonce {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Nonce::from_random(std::array::from_fn(|i| (number >> (i % 8 * 8)) as u8 ^ 0x5a ^ i as u8))
    }

    fn look(private: &Private) -> Look {
        connect(private).look(nonce(), version(private.binary()), LIMIT).unwrap()
    }

    #[test]
    fn structure_and_text_are_told_apart() {
        for tmux in tmux_binaries() {
            let private = Private::start(&tmux);
            private.settle();
            let before = look(&private);
            assert_eq!((before.sessions, before.panes, before.clients), (1, 1, 0), "tmux {}", tmux.version);
            assert_eq!(before, look(&private), "tmux {}", tmux.version);
            private.type_text("=main:", "x");
            private.wait_until("the text has changed", |private| look(private).text != before.text);
            assert_eq!(look(&private).structure, before.structure, "tmux {}", tmux.version);
            private.run(&["split-window", "-d", "-t", "=main:"]);
            assert_ne!(look(&private).structure, before.structure, "tmux {}", tmux.version);
        }
    }

    /// A thread that listens once.
    fn listener(private: &Private) -> (Receiver<Look>, Receiver<Ring>) {
        let (looks, seen) = channel();
        let (rings, rung) = channel();
        let (server, version) = (connect(private), version(private.binary()));
        std::thread::spawn(move || {
            let ring = server.listen(nonce(), version, &mut |look| {
                let _ = looks.send(look);
            });
            let _ = rings.send(ring.unwrap_or(Ring::Lost));
        });
        (seen, rung)
    }

    /// The same once no ring of what was done before is left: one that nobody waited for ends the next wait at once.
    fn listener_at_rest(private: &Private) -> Receiver<Ring> {
        loop {
            let (seen, rung) = listener(private);
            seen.recv_timeout(LIMIT).unwrap();
            match rung.recv_timeout(Duration::from_millis(300)) {
                Ok(Ring::Rang) => {}
                Err(RecvTimeoutError::Timeout) => return rung,
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn hooks_ring_and_tell_how_a_server_ends() {
        for tmux in tmux_binaries() {
            let private = Private::start(&tmux);
            let server = connect(&private);
            let hooks = Hooks::of(version(&tmux));
            assert!(!look(&private).armed);
            server.run(hooks.arm().as_bytes(), LIMIT).unwrap();
            assert!(look(&private).armed, "tmux {}: {}", tmux.version, private.run(&["show-hooks", "-g"]));

            let (seen, rung) = listener(&private);
            seen.recv_timeout(LIMIT).unwrap();
            private.run(&["new-window", "-d"]);
            assert_eq!(rung.recv_timeout(LIMIT), Ok(Ring::Rang), "tmux {}", tmux.version);

            let rung = listener_at_rest(&private);
            private.tmux(&["kill-session", "-t", "=main"]);
            assert_eq!(rung.recv_timeout(LIMIT), Ok(Ring::LastSessionClosed), "tmux {}", tmux.version);

            for signal in ["kill-server", "TERM", "KILL"] {
                let private = Private::start(&tmux);
                let (seen, rung) = listener(&private);
                seen.recv_timeout(LIMIT).unwrap();
                match signal {
                    "kill-server" => drop(private.tmux(&["kill-server"])),
                    signal => {
                        let pid = private.run(&["display-message", "-p", "#{pid}"]);
                        let killed =
                            std::process::Command::new("kill").args(["-s", signal, pid.trim()]).status();
                        assert!(killed.unwrap().success());
                    }
                }
                assert_eq!(rung.recv_timeout(LIMIT), Ok(Ring::Lost), "tmux {}: {signal}", tmux.version);
            }
        }
    }

    #[test]
    fn a_name_rings_when_somebody_gives_it_and_not_when_a_program_begins() {
        for tmux in tmux_binaries() {
            let private = Private::start(&tmux);
            private.settle();
            connect(&private).run(Hooks::of(version(&tmux)).arm().as_bytes(), LIMIT).unwrap();
            let window = private.run(&["new-window", "-dPF", "#{window_id}"]);
            private.wait_for_prompts();
            let before = look(&private);
            let rung = listener_at_rest(&private);
            private.type_line(&window, "sleep 1000");
            private.wait_until("the window is named so", |private| {
                private.lines(&["list-windows", "-a", "-F", "#{window_name}"]).contains(&"sleep".to_owned())
            });
            assert_ne!(look(&private).structure, before.structure, "tmux {}", tmux.version);
            let quiet = rung.recv_timeout(Duration::from_millis(300));
            assert_eq!(quiet, Err(RecvTimeoutError::Timeout), "tmux {}", tmux.version);
            private.run(&["rename-window", "-t", &window, "mine"]);
            assert_eq!(rung.recv_timeout(LIMIT), Ok(Ring::Rang), "tmux {}", tmux.version);
        }
    }

    #[test]
    fn our_hooks_leave_those_of_the_user_alone() {
        for tmux in tmux_binaries() {
            let private = Private::start(&tmux);
            let server = connect(&private);
            private.run(&["set-hook", "-g", "session-created", "display-message hello"]);
            let hooks = || private.run(&["show-hooks", "-g"]) + &private.tmux(&["show-hooks", "-gw"]).text();
            let (before, ours) = (hooks(), Hooks::of(version(&tmux)));
            server.run(ours.arm().as_bytes(), LIMIT).unwrap();
            assert!(hooks().contains("session-created[0] display-message hello"), "{}", hooks());
            server.run(ours.disarm().as_bytes(), LIMIT).unwrap();
            assert_eq!(hooks(), before, "tmux {}", tmux.version);
        }
    }
}
