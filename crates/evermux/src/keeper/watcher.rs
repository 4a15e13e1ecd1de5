//! One server, kept: carries out what [`evermux_core::watch`] decides.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};
use evermux_core::capture::Flood;
use evermux_core::choose::GenerationEnd;
use evermux_core::model::{Generation, Kind, Live, Look, PaneIdentity, SnapshotId, TmuxVersion};
use evermux_core::procs::Cost;
use evermux_core::save::{self, Outcome, Request, SaveError};
use evermux_core::store::{Emergency, State, Status, Store, StoreError, write_status};
use evermux_core::text::quote;
use evermux_core::tmux::{Hooks, Identity, Nonce, Ring, RunError, Server};
use evermux_core::watch::{Effect, Event, Pace, Save, Saved, Trouble, Watch};
use jiff::Timestamp;

use super::{ending, listener};
use crate::context::Context;
use crate::error::CliError;

/// How often to look for a server that is not there.
const AWAY: Duration = Duration::from_secs(1);

/// How long the server may take to answer a look.
const LOOK: Duration = Duration::from_secs(5);

/// How long a save waits for another one of the same server.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a save may take at most, whatever the settings say: while it hangs nothing else is done for the server.
const LONGEST_SAVE: Duration = Duration::from_secs(20);

/// How long the last save may take.
const LAST_SAVE: Duration = Duration::from_secs(10);

/// How long the wait for a ring may take to tell how a server went, where something else has noticed first.
const VERDICT: Duration = Duration::from_secs(1);

/// A status is written again when what it says is older than this.
const FRESH: Duration = Duration::from_secs(2);

/// What a watcher is told.
pub enum Message {
    /// The look that a wait began with.
    Looked(u64, Look, Duration),
    /// How a wait ended.
    Ended(u64, Ring),
    /// Save everything now.
    Flush,
    /// Do nothing until then.
    Pause(Option<Timestamp>),
    /// The machine slept.
    Wake,
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
    /// The server, while it is there.
    kept: Option<Kept>,
    /// Tells the messages of the present wait from those of earlier ones.
    listening: u64,
    /// The present wait has not ended.
    hears: bool,
    /// Messages that came while one of them was waited for.
    waiting: VecDeque<Message>,
    /// The panes of the last snapshot.
    panes: HashSet<PaneIdentity>,
    /// How many of them wait for their shells.
    unstarted: usize,
    sessions: usize,
    /// When the system was first seen to stop.
    stopping: Option<Timestamp>,
    /// What was last written for others to read.
    status: Option<(Status, Instant)>,
    saved_at: Option<Timestamp>,
    snapshot: Option<SnapshotId>,
    took: Option<Duration>,
    pause: Option<Timestamp>,
    /// What the user is to be told as soon as a terminal shows the server.
    news: Option<String>,
}

/// A server that is there.
struct Kept {
    server: Arc<Server>,
    version: TmuxVersion,
    generation: Generation,
}

impl Watcher {
    /// Starts one for the server of `context`.
    pub fn start(context: Context) -> (Sender<Message>, JoinHandle<()>) {
        let (sender, receiver) = channel();
        let watcher = Self {
            context,
            sender: sender.clone(),
            receiver,
            watch: Watch::new(Pace::default(), Instant::now()),
            kept: None,
            listening: 0,
            hears: false,
            waiting: VecDeque::new(),
            panes: HashSet::new(),
            unstarted: 0,
            sessions: 0,
            stopping: None,
            status: None,
            saved_at: None,
            snapshot: None,
            took: None,
            pause: None,
            news: None,
        };
        (sender, thread::spawn(move || watcher.run()))
    }

    fn run(mut self) {
        loop {
            if self.kept.is_none() {
                self.find();
            }
            self.write_status();
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
            Message::Pause(until) => {
                self.pause = until;
                let now = self.context.now();
                let left = until.and_then(|until| Duration::try_from(until.duration_since(now)).ok());
                self.tell(Event::Pause(left.map(|left| Instant::now() + left)));
            }
            Message::Wake => self.look(),
            Message::End | Message::Leave => {}
        }
    }

    /// Tells the brain what happened, and does what it says.
    fn tell(&mut self, event: Event) {
        tracing::trace!(?event, "told");
        let before = self.watch.trouble().map(|trouble| trouble.since);
        let mut effects: VecDeque<Effect> = self.watch.handle(event, Instant::now()).into();
        self.note_trouble(before);
        while let Some(effect) = effects.pop_front() {
            let Some(event) = self.carry_out(effect) else { continue };
            effects.extend(self.watch.handle(event, Instant::now()));
        }
    }

    /// Says in the log when something begins to go wrong, and how long it did.
    fn note_trouble(&self, before: Option<Instant>) {
        let socket = self.context.socket.display();
        match (before, self.watch.trouble()) {
            (None, Some(trouble)) => tracing::warn!(%socket, "{}", trouble.what),
            (Some(since), None) => {
                tracing::info!(%socket, seconds = since.elapsed().as_secs(), "it goes on; this long nothing was saved");
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
            Effect::Show(trouble) => self.show(&trouble),
            Effect::Clear => self.clear(),
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
        // Whoever took its socket away for a while has not ended it.
        let alive = self.store().and_then(|store| {
            store.saving(&self.context.server(), PATIENCE)?.retract_ending(&generation)?;
            Ok(())
        });
        if let Err(error) = alive {
            tracing::debug!("that the server lives could not be noted: {}", error.in_one_line());
        }
        self.kept = Some(Kept { server: Arc::new(server), version, generation });
        (self.panes, self.sessions) = Default::default();
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
                if !self.watch.is_behind() && self.watch.trouble().is_none() && self.saved_at.is_some() {
                    self.saved_at = Some(self.context.now());
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
        self.news = None;
        self.notice_stopping();
        let end = GenerationEnd {
            generation: kept.generation,
            ending: ending::judge(ring, self.watch.seen(), self.stopping, self.context.now()),
        };
        tracing::info!(socket = %self.context.socket.display(), ending = ?end.ending, "the server is gone");
        let noted = self.store().and_then(|store| {
            store.saving(&self.context.server(), PATIENCE)?.note_ending(&end)?;
            Ok(())
        });
        if let Err(error) = noted {
            tracing::warn!("how the server ended could not be noted: {}", error.in_one_line());
        }
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

    fn store(&self) -> Result<Store, CliError> {
        Ok(crate::cli::open_to_work(&self.context)?.0)
    }

    fn save(&mut self, what: Save, emergency: Emergency) -> Option<Event> {
        let kept = self.kept.as_ref()?;
        let begun = Instant::now();
        let cost = Cost::begin(Some(kept.generation.pid));
        let failed = |error: String| Some(Event::SaveFailed(error));
        let store = match self.store() {
            Ok(store) => store,
            Err(error) => return failed(error.in_one_line()),
        };
        let mut options = crate::cli::capture_options(&self.context);
        options.text = what == Save::All;
        // What is saved last is saved whole.
        options.flood = (emergency != Emergency::Now).then(Flood::default);
        options.limit = options.limit.min(if emergency == Emergency::Now { LAST_SAVE } else { LONGEST_SAVE });
        let request = Request {
            server: &self.context.server(),
            capture: &options,
            kind: Kind::Automatic,
            name: None,
            note: None,
            emergency,
            patience: PATIENCE,
        };
        let context = &self.context;
        match save::save(&store, &kept.server, &request, &|| context.now(), &mut || context.random()) {
            Ok(outcome) => Some(self.saved(what, &outcome, begun.elapsed(), cost.so_far())),
            Err(SaveError::Store(StoreError::Damaged { path, what })) => {
                // The next attempt finds what is left in its place.
                let mended = crate::cli::mend(&self.context, path, &what);
                failed(
                    mended.map_or_else(
                        |error| error.in_one_line(),
                        |_| format!("the database is damaged: {what}"),
                    ),
                )
            }
            Err(error) => match gone(&error) {
                true => {
                    self.lost();
                    None
                }
                false => failed(CliError::from(error).in_one_line()),
            },
        }
    }

    fn saved(&mut self, what: Save, outcome: &Outcome, took: Duration, cost: Duration) -> Event {
        let (panes, sessions) = outcome.live.as_ref().map(contents).unwrap_or_default();
        // Nobody knows what was there before the first save.
        let lost = self.panes.is_empty()
            || sessions < self.sessions
            || self.panes.iter().any(|pane| !panes.contains(pane));
        if lost {
            self.notice_stopping();
        }
        // Identities that were set just now: the server rings, because an option was set.
        let marked = panes.iter().any(|pane| !self.panes.contains(pane));
        let put_off = outcome.put_off > 0;
        let saved = Saved { cost, panes: panes.len(), lost, put_off, marked };
        (self.panes, self.sessions) = (panes, sessions);
        let waiting = |live: &Live| live.snapshot.panes().filter(|pane| pane.facts.waiting).count();
        self.unstarted = outcome.live.as_ref().map(waiting).unwrap_or_default();
        self.saved_at = Some(self.context.now());
        self.snapshot = Some(outcome.saved.id);
        self.took = Some(took);
        if outcome.saved.new {
            tracing::debug!(id = %outcome.saved.id, ?what, milliseconds = took.as_millis() as u64, "saved");
        }
        Event::Saved(what, saved)
    }

    /// Shows the users of the server what goes wrong: an option for status lines, and once a message.
    fn show(&mut self, trouble: &Trouble) {
        if let Ok(option) = quote::tmux_word(quote::tmux_message(trouble.what.as_bytes()).as_bytes()) {
            self.run_script(&format!("set-option -g @evermux-trouble {}\n", option.to_str_lossy()));
        }
        self.news = Some(format!("evermux cannot save: {}", trouble.what));
        self.tell_news();
    }

    /// Takes back what was shown.
    fn clear(&mut self) {
        self.run_script("set-option -gu @evermux-trouble\n");
        // Who has not heard of it need not hear that it is over.
        self.news = self.news.is_none().then(|| "evermux saves again".to_owned());
        self.tell_news();
    }

    /// Shows a message in every terminal; as long as there is none, it waits.
    fn tell_news(&mut self) {
        let terminals = self.watch.seen().map(|look| look.terminals.as_slice()).unwrap_or_default();
        let Some(news) = &self.news else { return };
        let Ok(text) = quote::tmux_word(quote::tmux_message(news.as_bytes()).as_bytes()) else { return };
        let line = |terminal: &BString| {
            let terminal = quote::tmux_word(terminal).ok()?;
            Some(format!("display-message -c {} {}\n", terminal.to_str_lossy(), text.to_str_lossy()))
        };
        let script: String = terminals.iter().filter_map(line).collect();
        if !script.is_empty() {
            self.run_script(&script);
            self.news = None;
        }
    }

    /// Saves everything before the end.
    fn flush(&mut self) {
        let paused = self.pause.is_some_and(|until| until > self.context.now());
        if self.kept.is_some() && !paused {
            self.notice_stopping();
            if let Some(Event::SaveFailed(why)) = self.save(Save::All, Emergency::Now) {
                tracing::warn!("the last save failed: {why}");
            }
        }
        self.stop_listening();
        self.status = None;
        self.write_status();
    }

    /// Leaves the server as if nobody had kept it.
    fn leave(&mut self) {
        if let Some(kept) = &self.kept {
            self.run_script(&Hooks::of(kept.version).disarm());
            self.run_script("set-option -gu @evermux-trouble\n");
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

    /// Writes how things stand, if that is news.
    fn write_status(&mut self) {
        let trouble = self.watch.trouble();
        let state = match (&self.kept, trouble) {
            _ if self.pause.is_some_and(|until| until > self.context.now()) => State::Paused,
            (None, _) => State::Away,
            (Some(_), Some(_)) => State::Trouble,
            (Some(_), None) if self.watch.is_behind() => State::Behind,
            (Some(_), None) => State::Saved,
        };
        let now = self.context.now();
        let status = Status {
            at: now,
            keeper: std::process::id(),
            state,
            saved_at: self.saved_at,
            snapshot: self.snapshot.map(|id| id.0),
            trouble: trouble.map(|trouble| trouble.what.clone()),
            trouble_since: trouble.map(|trouble| now - trouble.since.elapsed()),
            panes: self.kept.as_ref().map(|_| self.panes.len()),
            waiting: self.unstarted,
            took: self.took.map(|took| took.as_millis() as u64),
        };
        let news = |(old, written): &(Status, Instant)| {
            (old.state, &old.trouble, old.snapshot) != (status.state, &status.trouble, status.snapshot)
                || written.elapsed() >= FRESH
        };
        if self.status.as_ref().is_some_and(|old| !news(old)) {
            return;
        }
        let written = write_status(&self.context.place(), &self.context.server(), &status);
        if let Err(error) = written {
            tracing::debug!(%error, "the status could not be written");
        }
        self.status = Some((status, Instant::now()));
    }
}

/// The panes and the number of sessions of what was saved.
fn contents(live: &Live) -> (HashSet<PaneIdentity>, usize) {
    let windows = live.snapshot.windows().iter();
    let panes = windows.flat_map(|window| window.panes.iter().map(|pane| pane.identity)).collect();
    (panes, live.snapshot.sessions().len())
}

/// Whether a save failed because the server went away.
fn gone(error: &SaveError) -> bool {
    use evermux_core::capture;
    use evermux_core::tmux::{ListError, ListingError};

    match error {
        SaveError::Capture(
            capture::Error::List(ListError::Run(RunError::Gone { .. }))
            | capture::Error::List(ListError::Listing(ListingError::Truncated | ListingError::NoSession))
            | capture::Error::Run(RunError::Gone { .. }),
        ) => true,
        SaveError::Capture(_) | SaveError::Store(_) => false,
    }
}
