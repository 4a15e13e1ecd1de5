//! One server, kept: carries out what [`evermux_core::watch`] decides.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use evermux_core::choose::GenerationEnd;
use evermux_core::model::{Generation, Look, TmuxVersion};
use evermux_core::store::{Emergency, Missed, State, Status};
use evermux_core::tmux::{Hooks, Identity, Nonce, Ring, RunError, Server};
use evermux_core::watch::{Effect, Event, Pace, Save, Trouble, Watch};
use jiff::{SignedDuration, Timestamp};

use super::notices::Notices;
use super::opened::Database;
use super::saver::{NotSaved, Saver};
use super::{ending, listener};
use crate::context::Context;

/// How often to look for a server that is not there.
const AWAY: Duration = Duration::from_secs(1);

/// How long the server may take to answer a look.
const LOOK: Duration = Duration::from_secs(5);

/// How long the wait for a ring may take to tell how a server went, where something else has noticed first.
const VERDICT: Duration = Duration::from_secs(1);

/// Trouble that lasted so long is told afterwards.
const WORTH: SignedDuration = SignedDuration::from_secs(5);

/// What a watcher is told.
pub enum Message {
    /// The look that a wait began with.
    Looked(u64, Look, Duration),
    /// How a wait ended.
    Ended(u64, Ring),
    /// Save everything now.
    Flush,
    /// The machine goes off, or to sleep: save everything, the emergency file as well, and drop this.
    Depart(Sender<()>),
    /// Do nothing until then. What is new in the store may concern this server, too.
    Pause(Option<Timestamp>),
    /// Nothing was done for a while, or the clock was set.
    Wake(Option<Missed>),
    /// Save everything and end.
    End,
    /// The server is not to be kept any more.
    Leave,
}

/// A thread that keeps one server.
pub struct Watcher {
    context: Context,
    sender: Sender<Message>,
    receiver: Receiver<Message>,
    watch: Watch,
    saver: Saver,
    notices: Notices,
    /// The server, while it is there.
    kept: Option<Kept>,
    /// Tells the messages of the present wait from those of earlier ones.
    listening: u64,
    /// The present wait has not ended.
    hears: bool,
    /// Messages that came while one of them was waited for.
    waiting: VecDeque<Message>,
    /// When the system was first seen to stop.
    stopping: Option<Timestamp>,
    /// The last time in which nothing was saved.
    missed: Option<Missed>,
    /// Nothing is restored when the server starts.
    restore_disabled: bool,
}

/// A server that is there.
pub struct Kept {
    /// How to talk to it.
    pub server: Arc<Server>,
    /// Its version.
    pub version: TmuxVersion,
    /// Which life of it.
    pub generation: Generation,
}

impl Watcher {
    /// Starts one for the server of `context`.
    pub fn start(context: Context, database: Database) -> (Sender<Message>, JoinHandle<()>) {
        let (sender, receiver) = channel();
        let watcher = Self {
            sender: sender.clone(),
            receiver,
            watch: Watch::new(Pace::default(), Instant::now()),
            saver: Saver::new(context.clone(), database),
            notices: Notices::new(context.clone()),
            context,
            kept: None,
            listening: 0,
            hears: false,
            waiting: VecDeque::new(),
            stopping: None,
            missed: None,
            restore_disabled: false,
        };
        (sender, thread::spawn(move || watcher.run()))
    }

    fn run(mut self) {
        loop {
            if self.kept.is_none() {
                self.find();
            }
            let status = self.status();
            self.notices.write(status);
            let now = Instant::now();
            let next = match (&self.kept, self.watch.next(now)) {
                (None, _) => now + AWAY,
                (Some(_), Some(next)) => next,
                (Some(_), None) => now + AWAY,
            };
            let message = match self.waiting.pop_front() {
                Some(message) => Ok(message),
                None => self.receiver.recv_timeout(next.saturating_duration_since(now)),
            };
            match message {
                Ok(Message::End) => {
                    self.flush();
                    return;
                }
                Ok(Message::Leave) | Err(RecvTimeoutError::Disconnected) => {
                    self.leave();
                    return;
                }
                Ok(message) => self.hear(message),
                Err(RecvTimeoutError::Timeout) => self.tell(Event::Tick),
            }
        }
    }

    fn hear(&mut self, message: Message) {
        match message {
            Message::Looked(number, look, took) if number == self.listening => self.looked(look, took),
            Message::Ended(number, ring) if number == self.listening => {
                self.hears = false;
                self.rung(ring);
            }
            Message::Looked(..) | Message::Ended(..) => {}
            Message::Flush => self.tell(Event::Flush),
            Message::Depart(saved) => {
                if let Some(event) = self.save_at_last() {
                    self.tell(event);
                }
                drop(saved);
            }
            Message::Pause(until) => {
                let left =
                    until.and_then(|until| Duration::try_from(until.duration_since(self.context.now())).ok());
                self.restore_disabled = self.saver.restore_is_disabled();
                self.tell(Event::Pause(left.map(|left| Instant::now() + left)));
            }
            Message::Wake(missed) => {
                // Who was to be left alone was not missed.
                if missed.is_some() && !self.is_paused() && self.kept.is_some() {
                    self.missed = missed;
                }
                self.look();
            }
            Message::End | Message::Leave => {}
        }
    }

    /// Tells the brain what happened, and does what it says.
    fn tell(&mut self, event: Event) {
        tracing::trace!(?event, "told");
        let before = self.watch.trouble().cloned();
        let mut effects: VecDeque<Effect> = self.watch.handle(event, Instant::now()).into();
        self.note_trouble(before);
        while let Some(effect) = effects.pop_front() {
            let Some(event) = self.carry_out(effect) else { continue };
            let before = self.watch.trouble().cloned();
            effects.extend(self.watch.handle(event, Instant::now()));
            self.note_trouble(before);
        }
    }

    /// Says in the log when something begins to go wrong, and how long it did.
    fn note_trouble(&mut self, before: Option<Trouble>) {
        let socket = self.context.socket.display();
        match (before, self.watch.trouble()) {
            (None, Some(trouble)) => {
                tracing::warn!(%socket, "{}", trouble.what);
                // What is tried next may hang as well.
                let status = self.status();
                self.notices.write(status);
            }
            (Some(trouble), None) => {
                let long = SignedDuration::try_from(trouble.since.elapsed()).unwrap_or_default();
                tracing::info!(%socket, seconds = long.as_secs(), "it goes on; this long nothing was saved");
                if long >= WORTH && self.kept.is_some() {
                    let until = self.context.now();
                    self.missed = Some(Missed { since: until - long, until, why: trouble.what });
                }
            }
            _ => {}
        }
    }

    fn carry_out(&mut self, effect: Effect) -> Option<Event> {
        tracing::trace!(?effect, "to do");
        match effect {
            Effect::Listen => self.listen(),
            Effect::Look => self.look(),
            Effect::Arm => self.arm(),
            Effect::Save(what) => return self.save(what, Emergency::WhenDue),
            Effect::Show(trouble) => {
                let script = self.notices.show(&trouble);
                self.run_script(&script);
                self.tell_news();
            }
            Effect::Clear => {
                let script = self.notices.clear();
                self.run_script(script);
                self.tell_news();
            }
        }
        None
    }

    /// Looks whether the server is there, with a session: one that is still reading its config has none.
    fn find(&mut self) {
        let Ok(server) = Server::connect(&self.context.socket, self.context.uid, &self.context.binaries)
        else {
            return;
        };
        let Ok(Some(Identity { version, pid, started, empty: false })) = server.identify(LOOK) else {
            return;
        };
        let generation = Generation { boot: self.context.boot.clone(), pid, started };
        tracing::info!(socket = %self.context.socket.display(), pid, "a server is there");
        self.saver.came(&generation);
        self.restore_disabled = self.saver.restore_is_disabled();
        self.kept = Some(Kept { server: Arc::new(server), version, generation });
        self.stopping = None;
        self.tell(Event::Came);
    }

    fn listen(&mut self) {
        let Some(kept) = &self.kept else { return };
        self.listening += 1;
        self.hears = true;
        let nonce = Nonce::from_random(self.context.random());
        listener::listen(kept.server.clone(), kept.version, nonce, self.listening, self.sender.clone());
    }

    fn look(&mut self) {
        let Some(kept) = &self.kept else { return };
        let begun = Instant::now();
        let nonce = Nonce::from_random(self.context.random());
        match kept.server.look(nonce, kept.version, LOOK) {
            Ok(look) => self.looked(look, begun.elapsed()),
            Err(RunError::Gone { .. }) => self.lost(),
            Err(error) => self.tell(Event::LookFailed(error.to_string())),
        }
    }

    fn looked(&mut self, look: Look, took: Duration) {
        let Some(kept) = &self.kept else { return };
        match look.server {
            Some((pid, started)) if (pid, started) == (kept.generation.pid, kept.generation.started) => {
                self.tell(Event::Looked(look, took));
                if !self.watch.is_behind() && self.watch.trouble().is_none() && self.saver.saved_at.is_some()
                {
                    self.saver.saved_at = Some(self.context.now());
                }
                self.tell_news();
            }
            // Another one in its place.
            Some(_) => self.gone(Ring::Lost),
            // It has no session: it is about to end, and the wait will tell how.
            None => self.tell(Event::LookFailed("the server has no session".to_owned())),
        }
    }

    /// The server did not answer any more. The wait for a ring knows how it went, and is heard first.
    fn lost(&mut self) {
        let end = Instant::now() + VERDICT;
        while self.hears {
            match self.receiver.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(Message::Ended(number, ring)) if number == self.listening => {
                    self.hears = false;
                    return self.rung(if ring == Ring::Rang { Ring::Lost } else { ring });
                }
                Ok(message) => self.waiting.push_back(message),
                Err(_) => break,
            }
        }
        self.rung(Ring::Lost);
    }

    fn rung(&mut self, ring: Ring) {
        let there =
            || Server::connect(&self.context.socket, self.context.uid, &self.context.binaries).is_ok();
        match ring {
            Ring::Rang => self.tell(Event::Rang),
            Ring::LastSessionClosed => self.gone(ring),
            Ring::Lost if there() => self.tell(Event::Deaf),
            Ring::Lost => self.gone(ring),
        }
    }

    /// Notes how the server ended.
    fn gone(&mut self, ring: Ring) {
        let Some(kept) = self.kept.take() else { return };
        self.listening += 1;
        self.hears = false;
        self.notices.gone();
        self.notice_stopping();
        let end = GenerationEnd {
            generation: kept.generation,
            ending: ending::judge(ring, self.watch.seen(), self.stopping, self.context.now()),
        };
        tracing::info!(socket = %self.context.socket.display(), ending = ?end.ending, "the server is gone");
        self.saver.gone(&end);
        self.tell(Event::Gone);
    }

    fn notice_stopping(&mut self) {
        if self.stopping.is_none() && ending::system_stops() {
            self.stopping = Some(self.context.now());
        }
    }

    fn arm(&mut self) {
        let Some(kept) = &self.kept else { return };
        tracing::debug!(socket = %self.context.socket.display(), "the hooks are set");
        self.run_script(&Hooks::of(kept.version).arm());
    }

    /// Tells the server something; that it cannot is found out by the next look.
    fn run_script(&self, script: &str) {
        if let Some(kept) = &self.kept
            && let Err(error) = kept.server.run(script.as_bytes(), LOOK)
        {
            tracing::debug!(%error, "the server did not listen");
        }
    }

    fn save(&mut self, what: Save, emergency: Emergency) -> Option<Event> {
        match self.saver.save(self.kept.as_ref()?, what, emergency) {
            Ok(saved) => {
                if saved.lost {
                    self.notice_stopping();
                }
                Some(Event::Saved(what, saved))
            }
            Err(NotSaved::Gone) => {
                self.lost();
                None
            }
            Err(NotSaved::Failed(why)) => Some(Event::SaveFailed(why)),
        }
    }

    /// Shows what is new in the terminals that the last look has seen.
    fn tell_news(&mut self) {
        let terminals = self.watch.seen().map(|look| look.terminals.as_slice()).unwrap_or_default();
        if let Some(script) = self.notices.message(terminals) {
            self.run_script(&script);
        }
    }

    fn is_paused(&self) -> bool {
        self.watch.paused_until().is_some_and(|until| until > Instant::now())
    }

    /// Saves everything, since there may be no other time to do it.
    fn save_at_last(&mut self) -> Option<Event> {
        if self.kept.is_none() || self.is_paused() {
            return None;
        }
        let event = self.save(Save::All, Emergency::Now);
        if let Some(Event::SaveFailed(why)) = &event {
            tracing::warn!("the last save failed: {why}");
        }
        event
    }

    /// Saves everything before the end.
    fn flush(&mut self) {
        if self.kept.is_some() && !self.is_paused() {
            self.notice_stopping();
        }
        self.save_at_last();
        self.stop_listening();
        let status = self.status();
        self.notices.write_anyway(status);
    }

    /// Leaves the server as if nobody had kept it.
    fn leave(&mut self) {
        if let Some(kept) = &self.kept {
            self.run_script(&Hooks::of(kept.version).disarm());
            self.run_script(Notices::HIDE);
        }
        self.stop_listening();
    }

    /// Ends the client that waits, which would outlive this process.
    fn stop_listening(&mut self) {
        let Some(kept) = self.kept.as_ref().filter(|_| self.hears && self.watch.trouble().is_none()) else {
            return;
        };
        if kept.server.ring(VERDICT).is_ok() {
            let end = Instant::now() + VERDICT;
            while let Ok(message) = self.receiver.recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                if matches!(message, Message::Ended(number, _) if number == self.listening) {
                    return;
                }
            }
        }
    }

    /// How things stand.
    fn status(&self) -> Status {
        let trouble = self.watch.trouble();
        let state = match (&self.kept, trouble) {
            _ if self.is_paused() => State::Paused,
            (None, _) => State::Away,
            (Some(_), Some(_)) => State::Trouble,
            (Some(_), None) if self.watch.is_behind() => State::Behind,
            (Some(_), None) => State::Saved,
        };
        let now = self.context.now();
        Status {
            at: now,
            keeper: std::process::id(),
            state,
            saved_at: self.saver.saved_at,
            snapshot: self.saver.snapshot.map(|id| id.0),
            trouble: trouble.map(|trouble| trouble.what.clone()),
            trouble_since: trouble.map(|trouble| now - trouble.since.elapsed()),
            panes: self.kept.as_ref().map(|_| self.saver.panes()),
            waiting: self.saver.unstarted,
            took: self.saver.took.map(|took| took.as_millis() as u64),
            missed: self.missed.clone(),
            restore_disabled: self.restore_disabled,
        }
    }
}
