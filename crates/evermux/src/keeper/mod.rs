//! The keeper: the background process that saves, one per user and machine.
//!
//! A thread per registered server ([`watcher`]) carries out what [`evermux_core::watch`] decides. This one holds the
//! lock that says "the keeper lives", looks once a second whether somebody wants something (the mailbox is the store),
//! and ends on SIGTERM, after everything is saved.

mod clocks;
#[cfg(target_os = "linux")]
mod departure;
mod ending;
mod listener;
mod notices;
mod opened;
mod saver;
mod watcher;

pub use clocks::Clocks;
pub use opened::Database;

use std::collections::HashMap;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use bstr::BString;
use evermux_core::store::{Lock, Store};
use jiff::SignedDuration;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGXFSZ};
use signal_hook::iterator::Signals;

use crate::context::Context;
use crate::error::CliError;
use crate::logging;
use crate::retention;
use clocks::Gap;
use watcher::{Message, Watcher};

/// How long to wait for another keeper that is ending.
const ANOTHER: Duration = Duration::from_secs(3);

/// How often the mailbox is looked into.
const MAILBOX: Duration = Duration::from_secs(1);

/// How often to look whether the program was replaced by another version.
const UPGRADE: Duration = Duration::from_secs(5);

/// How long the last saves may take together once the end was asked for (systemd waits 90 s).
const LAST_SAVES: Duration = Duration::from_secs(20);

/// How long a machine that goes off or to sleep is kept waiting; logind itself waits for 5 s.
#[cfg(target_os = "linux")]
const DEPARTURE: Duration = Duration::from_secs(4);

/// What wakes the keeper.
enum Woken {
    /// A signal.
    Signal(i32),
    /// The machine goes off, or to sleep: everything is to be saved, and this to be dropped after that.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    Departure(Sender<()>),
}

/// Runs the keeper until it is asked to end.
///
/// # Errors
/// [`crate::error::Kind::Busy`] if there is one; what the store says.
pub fn run(context: &Context) -> Result<(), CliError> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1])
        .map_err(|error| CliError::failed("cannot wait for signals").because(&error))?;
    let (store, _) = crate::cli::open_to_work(context)?;
    let lock = store.keeping(ANOTHER)?;
    logging::to_file(&context.place());
    tracing::info!(pid = std::process::id(), version = env!("CARGO_PKG_VERSION"), "the keeper begins");
    let (wake, woken) = channel();
    #[cfg(target_os = "linux")]
    departure::begin(when_it_departs(wake.clone()));
    std::thread::spawn(move || {
        for signal in signals.forever() {
            if matches!(signal, SIGTERM | SIGINT) {
                std::thread::spawn(end_at_last);
            }
            if wake.send(Woken::Signal(signal)).is_err() {
                return;
            }
        }
    });
    // A limit of the user's on the size of files is as good as a full disk, not a reason to die.
    let ignored = signal_hook::flag::register(SIGXFSZ, Arc::default());
    ignored.map_err(|error| CliError::failed("cannot take signals").because(&error))?;
    context.notify_ready();
    let mut keeper = Keeper::new(context.clone(), store);
    loop {
        let pruning = retention::begin(context, keeper.database.clone());
        let why = keep(&mut keeper, &lock, &woken);
        drop(pruning);
        let kept = keeper.end();
        match why {
            Why::Asked | Why::Displaced => return Ok(()),
            Why::Upgrade => {}
            Why::Moved => match keeper.with_another_store(&kept, &woken) {
                Some(changed) => keeper = changed,
                None => return Ok(()),
            },
        }
        // The lock goes with the old program: its file is closed by the new one's beginning.
        let error = become_new(&keeper.program);
        tracing::warn!("{}; the old version goes on", error.in_one_line());
        keeper.go_on();
    }
}

/// Keeps until there is a reason to end.
fn keep(keeper: &mut Keeper, lock: &Lock, woken: &Receiver<Woken>) -> Why {
    let why = loop {
        if !keeper.store.is_in_place() || keeper.database.is_damaged() {
            break Why::Moved;
        }
        keeper.look_into_mailbox();
        match woken.recv_timeout(MAILBOX) {
            // A terminal that closes is no reason to stop saving.
            Ok(Woken::Signal(SIGHUP)) | Err(RecvTimeoutError::Timeout) => {}
            // Somebody wants everything saved at once.
            Ok(Woken::Signal(SIGUSR1)) => keeper.tell_all(&|| Message::Flush),
            Ok(Woken::Departure(saved)) => keeper.tell_all(&|| Message::Depart(saved.clone())),
            Ok(Woken::Signal(_)) | Err(RecvTimeoutError::Disconnected) => break Why::Asked,
        }
        keeper.notice_sleep();
        if !lock.counts() {
            break Why::Displaced;
        }
        if keeper.is_replaced() {
            break Why::Upgrade;
        }
        keeper.context.notify_alive();
    };
    tracing::info!(?why, "the keeper ends");
    why
}

/// What to do when the machine goes off or to sleep: have everything saved, and wait for that.
#[cfg(target_os = "linux")]
fn when_it_departs(wake: Sender<Woken>) -> impl Fn() + Send + 'static {
    move || {
        let (saving, saved) = channel();
        tracing::info!("the machine goes off, or to sleep");
        // The wait ends when the last watcher has dropped what it was given.
        if wake.send(Woken::Departure(saving)).is_ok()
            && saved.recv_timeout(DEPARTURE) == Err(RecvTimeoutError::Timeout)
        {
            tracing::warn!("not everything could be saved before the machine goes");
        }
    }
}

/// Ends the process if its end hangs: on a disk or a server that does not answer.
fn end_at_last() {
    std::thread::sleep(LAST_SAVES + Duration::from_secs(3));
    tracing::error!("not everything could be saved in time");
    std::process::exit(1);
}

/// Why the keeper ends.
#[derive(Clone, Copy, Debug)]
enum Why {
    /// It was asked to.
    Asked,
    /// Its lock was removed: another one may be at work.
    Displaced,
    /// Its program was replaced.
    Upgrade,
    /// The database was moved, removed or replaced, or is damaged. It begins anew, since two databases of one path must not
    /// be open in one process ([`Store::open_again`]).
    Moved,
}

struct Keeper {
    context: Context,
    store: Store,
    /// Which one it is: for the threads.
    database: Database,
    /// What [`Store::changes`] last said.
    changes: Option<i64>,
    watchers: HashMap<BString, (Sender<Message>, JoinHandle<()>)>,
    /// The program, and when its file was last changed.
    program: PathBuf,
    version: Option<Version>,
    /// When its file was looked at, and what was there.
    looked: (Instant, Option<Version>),
    /// The clocks at the last round.
    clocks: Clocks,
}

impl Keeper {
    fn new(context: Context, store: Store) -> Self {
        // Of a program that was replaced later, Linux would say "(deleted)": the path is kept as it was.
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("evermux"));
        let version = version(&program);
        let clocks = context.clocks();
        Self {
            context,
            database: Database::of(&store),
            store,
            changes: None,
            watchers: HashMap::new(),
            program,
            version,
            looked: (Instant::now(), version),
            clocks,
        }
    }

    /// Follows what is registered, and pauses.
    fn look_into_mailbox(&mut self) {
        let changes = self.store.changes().ok();
        if changes.is_some() && changes == self.changes {
            return;
        }
        self.changes = changes;
        let (watched, paused) = match self.store.watched().and_then(|w| Ok((w, self.store.paused_until()?))) {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(error = error.in_full(), "cannot read what is to be kept");
                self.database.note(&error);
                return;
            }
        };
        let sockets: Vec<BString> = watched
            .into_iter()
            .filter(|server| server.machine == self.context.machine)
            .map(|server| server.socket)
            .collect();
        self.watchers.retain(|socket, (sender, _)| {
            // Left alone: dropping the sender ends the thread.
            sockets.contains(socket) || sender.send(Message::Leave).is_err()
        });
        for socket in sockets {
            let context = self.context.for_socket(&socket);
            self.watchers.entry(socket).or_insert_with(|| Watcher::start(context, self.database.clone()));
        }
        self.tell_all(&|| Message::Pause(paused));
    }

    /// Goes on with the database that is there now, which shall know what was kept; its threads have ended. Tries until that
    /// can be opened; none if it is asked to end meanwhile.
    fn with_another_store(self, kept: &[BString], woken: &Receiver<Woken>) -> Option<Self> {
        let Self { context, store, program, version, looked, clocks, .. } = self;
        drop(store);
        let open = || -> Result<Store, CliError> {
            let (store, problems) = crate::cli::open_to_work(&context)?;
            for problem in problems {
                tracing::warn!("{problem}");
            }
            for socket in kept {
                store.watch(&context.for_socket(socket).server(), context.now())?;
            }
            Ok(store)
        };
        loop {
            match open() {
                Ok(store) => {
                    return Some(Self { program, version, looked, clocks, ..Self::new(context, store) });
                }
                Err(error) => tracing::warn!("cannot open the store: {}", error.in_one_line()),
            }
            context.notify_alive();
            match woken.recv_timeout(MAILBOX) {
                Ok(Woken::Signal(SIGTERM | SIGINT)) | Err(RecvTimeoutError::Disconnected) => return None,
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn tell_all(&self, message: &dyn Fn() -> Message) {
        for (sender, _) in self.watchers.values() {
            // A thread that has ended was told to.
            let _ = sender.send(message());
        }
    }

    /// Says how long nothing could be saved, and has everything looked at.
    fn notice_sleep(&mut self) {
        let now = self.context.clocks();
        let gap = Gap::since(&self.clocks, &now, MAILBOX);
        self.clocks = now;
        match gap {
            None => {}
            Some(Gap::Missed(missed)) => {
                let seconds = missed.until.duration_since(missed.since).as_secs();
                tracing::info!(seconds, "{}; it goes on, this long nothing was saved", missed.why);
                self.tell_all(&|| Message::Wake(Some(missed.clone())));
                // A pause ends by the clock.
                self.changes = None;
            }
            Some(Gap::SetBack(by)) => {
                tracing::info!(seconds = by.as_secs(), "the clock was set back");
                self.bring_pause_forward(by);
                self.tell_all(&|| Message::Wake(None));
            }
        }
    }

    /// Has a pause end when it was to, though the clock was set back.
    fn bring_pause_forward(&mut self, by: SignedDuration) {
        let brought = self.store.paused_until().and_then(|until| match until {
            Some(until) => self.store.pause(Some(until - by)),
            None => Ok(()),
        });
        if let Err(error) = brought {
            tracing::warn!(error = error.in_full(), "the pause lasts longer than was asked for");
        }
        self.changes = None;
    }

    /// Whether the program's file is another one than at the beginning, and whole: it did not change since the last look.
    fn is_replaced(&mut self) -> bool {
        if self.looked.0.elapsed() < UPGRADE {
            return false;
        }
        let found = version(&self.program);
        let (_, before) = std::mem::replace(&mut self.looked, (Instant::now(), found));
        found.is_some() && found == before && found != self.version
    }

    /// Begins anew where it has ended.
    fn go_on(&mut self) {
        self.version = version(&self.program);
        self.changes = None;
    }

    /// Has everything saved, and waits for it; which servers were kept.
    fn end(&mut self) -> Vec<BString> {
        self.tell_all(&|| Message::End);
        let end = Instant::now() + LAST_SAVES;
        let ended = self.watchers.drain().map(|(socket, (_, thread))| {
            while !thread.is_finished() && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(5));
            }
            socket
        });
        ended.collect()
    }
}

/// Which file it is, when it was changed, and how long it is.
type Version = (u64, SystemTime, u64);

/// The file that a path leads to.
fn version(program: &std::path::Path) -> Option<Version> {
    use std::os::unix::fs::MetadataExt;

    let metadata = program.metadata().ok()?;
    Some((metadata.ino(), metadata.modified().ok()?, metadata.len()))
}

/// Becomes the new version of itself, in the same process: a service manager sees no end.
fn become_new(program: &std::path::Path) -> CliError {
    let error = Command::new(program).args(std::env::args_os().skip(1)).exec();
    CliError::failed(format!("cannot become the new {}", program.display())).because(&error)
}
