//! `cargo xtask month`: what a month of work takes: size and growth of the store, cost of saves, time to look back.
//!
//! The server is made up (`work`), the store and its pruning are the real ones, with a clock of the simulation's: a month
//! in minutes. Who works is saved whenever something has changed, as by the keeper: every five seconds on the first and
//! the last day, every minute on the others, which ends in the same states (one a minute is kept of a day).

mod work;

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use evermux_core::choose::{Options, choose};
use evermux_core::diff::compare_text;
use evermux_core::history::{self, Policy};
use evermux_core::restore::Chosen;
use evermux_core::store::{Access, Emergency, Place, Save, Store, Wanted};
use jiff::Timestamp;

use crate::machine::{self, cargo, say, target};
use crate::page::{self, Part};
use work::{Work, name};

/// Simulates a month of work and writes what it takes into docs/benchmarks.md
#[derive(clap::Args)]
pub struct Arguments {
    /// How many working days; with another number than the default docs/benchmarks.md stays as it is
    #[arg(long, default_value_t = DAYS)]
    days: i64,
    /// Keep the store in this folder, which must not be there yet
    #[arg(long)]
    keep: Option<PathBuf>,
}

const DAYS: i64 = 30;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// The first morning, in seconds since the epoch.
const START: i64 = 1_800_000_000;
/// How long somebody works each day.
const WORK: i64 = 8 * HOUR;
/// How often the keeper prunes.
const PRUNE: i64 = 600;
/// What the design allows the store of a day of work, as a multiple of its output, compressed.
const BUDGET: f64 = 1.3;
/// Why it is more.
const WHY: &str = "What is above the budget is the price of the history that is kept of a day, all states of the last hour and one a minute before. Of 7.7 MB (before small packs were put together) sealed text takes 1.5; packs 2.8, in which the screens, windows, facts, lists of blocks and young text of 1127 states lie (54 MB as they are); young text that several packs need 1.2; the newest states, which are in no pack, 0.4; rows, indexes and what is empty in pages 1.8.";

/// How things stand at the end of a day.
struct Evening {
    day: i64,
    saves: usize,
    /// A save takes, mostly, in milliseconds.
    save: f64,
    /// What was printed that day, as it was and compressed, in bytes.
    output: (u64, u64),
    /// What the store takes, and how much of that is text, in bytes.
    store: (u64, u64),
    snapshots: usize,
    prune: f64,
}

/// Does it.
pub fn run(arguments: &Arguments) -> Result<()> {
    if cfg!(debug_assertions) {
        let days = arguments.days.to_string();
        let again = ["run", "--quiet", "--release", "--package", "xtask", "--", "month", "--days", &days];
        let keep = arguments.keep.iter().flat_map(|folder| [OsStr::new("--keep"), folder.as_os_str()]);
        return machine::run(cargo().args(again).args(keep));
    }
    std::fs::create_dir_all(target())?;
    let folder = tempfile::tempdir_in(target())?;
    let uid = folder.path().metadata()?.uid();
    let root = arguments.keep.clone().unwrap_or_else(|| folder.path().join("state"));
    let place = Place { network: Some(false), ..Place::new(root, "month", uid) };
    let store = Store::open(&place, Access::Write)?;
    let mut work = Work::new();
    let mut evenings = Vec::new();
    for day in 0..arguments.days {
        if day % 7 == 5 {
            work.reboot();
        }
        let step = if day == 0 || day + 1 == arguments.days { 5 } else { 60 };
        let evening = spend(&mut work, &store, day, step)?;
        say(&evening.line());
        evenings.push(evening);
    }
    let page = report(&evenings, &look_back(&store, &place, START + arguments.days * DAY)?);
    if arguments.days == DAYS {
        page::write(Part::Month, &page)?;
    }
    say(&page);
    Ok(())
}

/// A day of work.
fn spend(work: &mut Work, store: &Store, day: i64, step: i64) -> Result<Evening> {
    let morning = START + day * DAY;
    let mut output = zstd::Encoder::new(Vec::new(), 3)?;
    let mut printed = 0;
    let (mut saves, mut prunes) = (Vec::new(), Vec::new());
    for at in (morning..morning + WORK).step_by(step as usize) {
        work.go_on(step, at);
        let bytes = work.take_output();
        printed += bytes.len() as u64;
        std::io::Write::write_all(&mut output, &bytes)?;
        let now = Timestamp::from_second(at)?;
        let (snapshot, blocks) = work.snapshot(store, now);
        let begun = Instant::now();
        let save = Save { emergency: Emergency::WhenDue, ..Save::automatic(&snapshot, &blocks) };
        store.saving(&name(), Duration::ZERO)?.save(&save)?;
        saves.push(begun.elapsed());
        if at % PRUNE < step {
            let begun = Instant::now();
            history::prune(store, &policy(), now, &mut || true)?;
            prunes.push(begun.elapsed());
        }
    }
    // Who works no more is pruned once more.
    let begun = Instant::now();
    history::prune(store, &policy(), Timestamp::from_second(morning + WORK)?, &mut || true)?;
    prunes.push(begun.elapsed());
    let holdings = store.holdings()?;
    Ok(Evening {
        day: day + 1,
        saves: saves.len(),
        save: median(saves),
        output: (printed, output.finish()?.len() as u64),
        store: (
            store.size()?.used,
            holdings.parts.iter().filter(|part| part.text).map(|part| part.bytes).sum(),
        ),
        snapshots: holdings.snapshots.len(),
        prune: median(prunes),
    })
}

fn policy() -> Policy {
    Policy { limit: Some(1 << 30), options: Options::default(), patience: Duration::ZERO, thorough: false }
}

/// What looking back takes: what, and how many milliseconds.
fn look_back(store: &Store, place: &Place, now: i64) -> Result<Vec<(&'static str, f64)>> {
    let now = Timestamp::from_second(now)?;
    let list = || store.list(&Wanted { server: Some(name()), ..Wanted::default() });
    let all: Vec<_> = list()?.into_iter().map(|listed| listed.entry.id).collect();
    let (newest, oldest) = all.first().zip(all.last()).context("nothing was saved")?;
    // It is in a pack, which is read anew.
    let show = || -> Result<usize> {
        let store = Store::open(place, Access::Read)?;
        let snapshot = store.snapshot(all[all.len() / 2])?.value;
        let texts = snapshot.panes().filter_map(|pane| pane.text.as_ref());
        let blocks = texts.flat_map(|text| text.history.iter().chain([&text.screen]));
        blocks.map(|block| Ok(store.block(&block.id)?.len())).sum()
    };
    let diff = || -> Result<usize> {
        let (one, two) = (store.snapshot(*oldest)?.value, store.snapshot(*newest)?.value);
        Ok(compare_text(&one, &two, &mut |id| store.block(&id).ok()).len())
    };
    let restore = || -> Result<usize> {
        let set = choose(&store.timeline(&name())?, None, now, &Options::default());
        let mut bytes = 0;
        for chosen in Chosen::set(store, &name(), &set, &[])?.value {
            let texts = chosen.snapshot.panes().filter_map(|pane| pane.text.as_ref());
            for block in texts.flat_map(|text| text.history.iter().chain([&text.screen])) {
                bytes += store.block(&block.id)?.len();
            }
        }
        Ok(bytes)
    };
    Ok(vec![
        ("`list`: headers of all snapshots", time(|| Ok(list()?.len()))?),
        ("`diff` of the oldest and the newest, text included", time(diff)?),
        ("an old snapshot, opened and read with all its text", time(show)?),
        ("`restore`: choosing, and reading everything that comes back", time(restore)?),
        (
            "`prune --dry-run`: what would go, and what that frees",
            time(|| Ok(history::plan_prune(store, &policy(), true, now)?.servers.len()))?,
        ),
    ])
}

/// The median of three times, in milliseconds.
fn time(mut work: impl FnMut() -> Result<usize>) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..3 {
        let begun = Instant::now();
        work()?;
        times.push(begun.elapsed());
    }
    Ok(median(times))
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

impl Evening {
    fn ratio(&self, output: u64) -> f64 {
        self.store.0 as f64 / output as f64
    }

    fn line(&self) -> String {
        format!(
            "| {} | {} | {:.1} ms | {} | {} | {} | {} | {} | {:.0} ms |",
            self.day,
            self.saves,
            self.save,
            megabytes(self.output.0),
            megabytes(self.output.1),
            megabytes(self.store.0),
            megabytes(self.store.1),
            self.snapshots,
            self.prune
        )
    }
}

fn report(evenings: &[Evening], looks: &[(&str, f64)]) -> String {
    let mut page = "## A month of work\n\nWritten by `cargo xtask month`: 10 sessions, 60 panes of 10,000 lines of history; four print a log, somebody works in three at a time (builds, tests, searches; other directories and panes now and then), eight hours on each of 30 days; a reboot a week. The server is made up, the store and its retention are real, the clock is simulated. Every state is saved, every five seconds on the first and the last day, every minute else; pruned every ten minutes.\n\n".to_owned();
    page.push_str("| evening of day | saves that day | one takes | output that day | the same, compressed | store | of it text and packs | snapshots | a prune takes |\n| --: | --: | --: | --: | --: | --: | --: | --: | --: |\n");
    for evening in
        evenings.iter().filter(|it| [1, 2, 7, 14, 21].contains(&it.day) || it.day as usize == evenings.len())
    {
        page.push_str(&evening.line());
        page.push('\n');
    }
    if let Some(first) = evenings.first() {
        let ratio = first.ratio(first.output.1);
        write!(
            page,
            "\nAfter the first day the store is {ratio:.1} times its output, compressed (budget {BUDGET}). {WHY}\n"
        )
        .unwrap_or_default();
    }
    page.push_str("\n| looking back, at the end | takes |\n| --- | --: |\n");
    for (what, time) in looks {
        writeln!(page, "| {what} | {time:.1} ms |").unwrap_or_default();
    }
    page
}
