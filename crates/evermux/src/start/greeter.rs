//! Whoever comes to a server that was just restored: is led to their session, and told what came back.
//!
//! For the few seconds in which the client comes that tmux was started for it is looked for, ever more rarely. Where none
//! has come by then (a server that starts at boot), what is to be told waits at tmux's door for the first one.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};
use evermux_core::model::{SessionId, TmuxVersion};
use evermux_core::procs::exists;
use evermux_core::restore::receive;
use evermux_core::text::quote::{tmux_message, tmux_word};
use evermux_core::tmux::{Door, Nonce, RunError, Server};

/// How long to look for clients.
const ARRIVAL: Duration = Duration::from_secs(10);

/// How long to pause between two looks, at first and at last.
const PAUSES: [Duration; 2] = [Duration::from_millis(15), Duration::from_millis(250)];

/// When to look again for a client where nothing rings.
const AGAIN: Duration = Duration::from_secs(60);

/// How long to leave a server alone that does not answer.
const PAUSE_OF_TROUBLE: Duration = Duration::from_secs(1);

/// How long the server may take to answer.
const LIMIT: Duration = Duration::from_secs(5);

/// How long a message is shown, in milliseconds (from 3.2 on; before that as long as `display-time` says).
const SHOWN: u32 = 5000;

/// What whoever comes is told.
#[derive(Clone, Debug)]
pub enum Greeting {
    /// A message.
    Say(String),
    /// A question, and the shell command that "yes" means.
    Ask {
        /// The question.
        question: String,
        /// The command, as `run-shell` takes it.
        command: Vec<u8>,
    },
}

/// Looks for clients.
#[derive(Debug)]
pub struct Greeter<'a> {
    /// The server.
    pub server: &'a Server,
    /// Its version.
    pub version: TmuxVersion,
    /// The sessions that clients are led to, in this order.
    pub sessions: Vec<SessionId>,
}

impl Greeter<'_> {
    /// Leads clients to their sessions and tells them what is heard, as long as clients are looked for; at least until
    /// nothing more will be heard. What nobody has heard is left.
    pub fn run(&self, hear: &Receiver<Greeting>) -> Option<Greeting> {
        let end = Instant::now() + ARRIVAL;
        let mut greeting = None;
        let mut heard = false;
        let mut pause = PAUSES[0];
        loop {
            let Ok(arrivals) = receive(self.server, self.version, &self.sessions, LIMIT) else {
                return None;
            };
            if !arrivals.terminals.is_empty()
                && !arrivals.pending
                && let Some(greeting) = greeting.take()
            {
                self.show(&greeting, &arrivals.terminals);
            }
            if heard && Instant::now() >= end {
                return greeting;
            }
            pause = if arrivals.pending { PAUSES[0] } else { (pause * 5 / 4).min(PAUSES[1]) };
            if heard {
                std::thread::sleep(pause);
                continue;
            }
            match hear.recv_timeout(pause) {
                Ok(said) => greeting = Some(said),
                Err(RecvTimeoutError::Disconnected) => heard = true,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Waits for the first client, whenever it comes, and tells it.
    pub fn wait(&self, greeting: &Greeting, random: &mut dyn FnMut() -> [u8; 16]) {
        let door = Door::of(std::process::id(), exists);
        let mut come = Vec::new();
        while come.is_empty() {
            let watched = self.server.watch_door(door, Nonce::from_random(random()), AGAIN, &mut |shown| {
                come = shown.terminals;
                if come.is_empty() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            match watched {
                Err(RunError::Gone { .. }) if self.is_gone() => return,
                Err(_) => std::thread::sleep(PAUSE_OF_TROUBLE),
                Ok(()) => {}
            }
        }
        self.show(greeting, &come);
        let _ = self.server.leave_door(door, LIMIT);
    }

    /// Whether the server is not there any more. A client that waits may only have been killed.
    fn is_gone(&self) -> bool {
        matches!(self.server.run(b"list-sessions\n", LIMIT), Err(RunError::Gone { .. }))
    }

    /// Shows a message everywhere; asks one of them.
    fn show(&self, greeting: &Greeting, terminals: &[BString]) {
        let script: Vec<u8> = match greeting {
            Greeting::Say(text) => {
                terminals.iter().flat_map(|terminal| self.message(terminal, text)).collect()
            }
            Greeting::Ask { question, command } => terminals
                .first()
                .and_then(|terminal| self.question(terminal, question, command))
                .unwrap_or_default(),
        };
        if let Err(error) = self.server.run(&script, LIMIT) {
            tracing::debug!(%error, "the message was not shown");
        }
    }

    fn message(&self, terminal: &BString, text: &str) -> Vec<u8> {
        let text = tmux_message(format!("evermux: {text}").as_bytes());
        let (Ok(terminal), Ok(text)) = (tmux_word(terminal), tmux_word(text.as_bytes())) else {
            return Vec::new();
        };
        let time = if self.version.at_least(3, 2) { format!("-d {SHOWN} ") } else { String::new() };
        format!("display-message -c {} {time}{}\n", terminal.as_bstr(), text.as_bstr()).into_bytes()
    }

    fn question(&self, terminal: &BString, question: &str, command: &[u8]) -> Option<Vec<u8>> {
        let question = tmux_message(format!("evermux: {question}").as_bytes());
        let run = [b"run-shell -b ".as_slice(), &tmux_word(command).ok()?].concat();
        let words = [tmux_word(terminal), tmux_word(question.as_bytes()), tmux_word(&run)];
        let [terminal, question, run] = words.map(|word| word.unwrap_or_default());
        // From 3.3 on it would wait for the answer.
        let at_once = if self.version.at_least(3, 3) { "-b " } else { "" };
        let mut script = format!("confirm-before {at_once}-t ").into_bytes();
        for word in [&terminal[..], b" -p ", &question, b" ", &run, b"\n"] {
            script.extend_from_slice(word);
        }
        Some(script)
    }
}
