//! The rows: the same work by tmux itself and by evermux, in turns.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use evermux_testkit::{Env, Tmux};

use super::cost::{self, Cost};
use super::limits::{Limit, capture, list};
use super::load::Load;
use super::probe::{Probe, Stall};
use super::report::Row;
use crate::machine::say;

/// How many lines are new in the rows about new lines.
const NEW_LINES: usize = 20;

/// Once a row has taken so long, it is not measured more than [`FEWEST`] times.
const LONG: Duration = Duration::from_secs(25);
const FEWEST: usize = 3;

/// How often what takes a moment is done in one run.
const MOMENTS: usize = 20;

/// What is measured, and how.
pub struct Bench {
    /// The binary of evermux.
    pub program: String,
    /// The tmux it is measured with.
    pub tmux: Tmux,
    /// How often each row is measured.
    pub runs: usize,
    /// Servers with more panes or lines are left out.
    pub most_lines: usize,
    /// Only rows whose name contains one of these; all if there are none.
    pub only: Vec<String>,
    /// Leave evermux out.
    pub limits_only: bool,
}

/// One kind of work.
struct Work {
    name: &'static str,
    /// Panes, and lines in each.
    sizes: &'static [(usize, usize)],
    /// The panes for which there is a budget, and that.
    budget: (&'static [usize], f64),
    measure: fn(&Bench, (usize, usize)) -> Result<Measured>,
}

/// Every kind of work. 20,000 lines only up to 20 panes: more do not fit into the memory of every machine.
const ALL: &[Work] = &[
    Work { name: "start-up", sizes: &[(1, 0)], budget: (&[], 0.0), measure: Bench::start_up },
    Work {
        name: "session has",
        sizes: &[(1, 0), (100, 0)],
        budget: (&[1, 100], 1.5),
        measure: Bench::session_has,
    },
    Work {
        name: "session ensure",
        sizes: &[(1, 0), (100, 0)],
        budget: (&[1, 100], 1.5),
        measure: Bench::session_ensure,
    },
    Work {
        name: "save, text unchanged",
        sizes: &[(1, 0), (10, 0), (100, 0), (500, 0), (1000, 0)],
        budget: (&[100, 500], 1.5),
        measure: Bench::save_unchanged,
    },
    Work {
        name: "save, one pane has 20 new lines",
        sizes: &[(10, 0), (100, 0), (500, 0), (1000, 0)],
        budget: (&[100, 500], 1.5),
        measure: Bench::save_one_changed,
    },
    Work {
        name: "save, every pane has 20 new lines",
        sizes: &[(1, 0), (10, 0), (100, 0), (500, 0), (1000, 0)],
        budget: (&[100, 500], 1.5),
        measure: Bench::save_all_changed,
    },
    Work {
        name: "first save",
        sizes: &[(1, 2000), (10, 2000), (100, 2000), (500, 2000), (1000, 2000), (20, 20_000)],
        budget: (&[500], 1.15),
        measure: Bench::first_save,
    },
    Work {
        name: "restore of shells without text",
        sizes: &[(1, 0), (10, 0), (100, 0), (500, 0), (1000, 0)],
        budget: (&[500], 1.3),
        measure: Bench::restore_shells,
    },
    Work {
        name: "restore with text",
        sizes: &[(1, 2000), (10, 2000), (100, 2000), (500, 2000), (20, 20_000)],
        budget: (&[500], 1.3),
        measure: Bench::restore_text,
    },
    Work {
        name: "save of assistants, all in one folder",
        sizes: &[(100, 0)],
        budget: (&[100], 1.3),
        measure: Bench::assistants_of_one_folder,
    },
    Work {
        name: "save of assistants, in ten folders",
        sizes: &[(100, 0)],
        budget: (&[100], 1.3),
        measure: Bench::assistants_of_ten_folders,
    },
    Work {
        name: "900 prompts of bash",
        sizes: &[(1, 0)],
        budget: (&[], 0.0),
        measure: Bench::prompts_of_bash,
    },
    Work { name: "900 prompts of zsh", sizes: &[(1, 0)], budget: (&[], 0.0), measure: Bench::prompts_of_zsh },
    Work {
        name: "900 prompts of fish",
        sizes: &[(1, 0)],
        budget: (&[], 0.0),
        measure: Bench::prompts_of_fish,
    },
];

/// The names of all kinds of work.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|work| work.name)
}

/// The runs of one row.
#[derive(Default)]
pub struct Measured {
    pub limits: Vec<Limit>,
    pub ours: Vec<Cost>,
    /// The longest times others waited for tmux while evermux worked, and as long on the idle server.
    pub stall: Option<(Stall, Stall)>,
}

impl Bench {
    /// Measures every row that was asked for; one that fails says so in its place.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for work in ALL {
            for &(panes, lines) in work.sizes {
                let mut row = Row::new(work.name, panes, lines);
                if !self.is_wanted(&row.title()) || panes * lines.max(200) > self.most_lines {
                    continue;
                }
                say(&row.title());
                let (budgeted, budget) = work.budget;
                row.budget = budgeted.contains(&panes).then_some(budget);
                match (work.measure)(self, (panes, lines)) {
                    Ok(measured) => row.take(measured),
                    // Hours of the other rows are not lost by it.
                    Err(error) => row.give_up(&error),
                }
                rows.push(row);
            }
        }
        rows
    }

    /// Whether a row was asked for.
    pub fn is_wanted(&self, title: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| title.contains(part.as_str()))
    }

    /// `status --line`, which a status line runs all the time, and tmux's own smallest question.
    fn start_up(&self, (panes, _): (usize, usize)) -> Result<Measured> {
        let load = Load::start(&self.tmux, panes)?;
        self.ours(&Env::new(&self.program, &load.server), &load, &["save"])?;
        self.beside_has_session(&load, &["status", "--line"])
    }

    /// Whether a session is there.
    fn session_has(&self, (panes, _): (usize, usize)) -> Result<Measured> {
        let load = Load::start(&self.tmux, panes)?;
        self.ours(&Env::new(&self.program, &load.server), &load, &["session", "ensure", "job"])?;
        self.beside_has_session(&load, &["session", "has", "job"])
    }

    /// A session that is there already.
    fn session_ensure(&self, (panes, _): (usize, usize)) -> Result<Measured> {
        let load = Load::start(&self.tmux, panes)?;
        self.beside_has_session(&load, &["session", "ensure", "job"])
    }

    /// What takes a moment, in turns with `tmux has-session`.
    fn beside_has_session(&self, load: &Load, command: &[&str]) -> Result<Measured> {
        let env = Env::new(&self.program, &load.server);
        let mut limit = |_| {
            let ask = || {
                let mut client = load.server.client();
                client.arg("has-session");
                cost::run(client, load.process())
            };
            let cost = middle(&ask)?;
            Ok(Limit { took: cost.took, tmux: cost.tmux })
        };
        let mut ours = |_| {
            let ask = || Ok(self.ours(&env, load, command)?.unwrap_or_default());
            Ok((!self.limits_only).then_some(middle(&ask)?))
        };
        self.turns(None, &mut limit, &mut ours)
    }

    fn save_unchanged(&self, (panes, _): (usize, usize)) -> Result<Measured> {
        let load = Load::start(&self.tmux, panes)?;
        let env = Env::new(&self.program, &load.server);
        self.settle(&load, &env)?;
        self.turns(Some(&load), &mut |_| list(&load), &mut |_| self.ours(&env, &load, &["save"]))
    }

    /// What is not the same any more is little: so must be what the save costs beside looking at everything.
    fn save_one_changed(&self, (panes, _): (usize, usize)) -> Result<Measured> {
        let load = Load::start(&self.tmux, panes)?;
        load.print(2 * NEW_LINES)?;
        let env = Env::new(&self.program, &load.server);
        self.settle(&load, &env)?;
        let one = load.ids().split_off(panes - 1);
        let mut limit = |_| new_lines(&load, &one);
        self.turns(Some(&load), &mut limit, &mut |_| self.ours(&env, &load, &["save"]))
    }

    fn save_all_changed(&self, (panes, _): (usize, usize)) -> Result<Measured> {
        let load = Load::start(&self.tmux, panes)?;
        load.print(2 * NEW_LINES)?;
        let env = Env::new(&self.program, &load.server);
        self.settle(&load, &env)?;
        let all = load.ids();
        let mut limit = |_| new_lines(&load, &all);
        self.turns(Some(&load), &mut limit, &mut |_| self.ours(&env, &load, &["save"]))
    }

    fn first_save(&self, (panes, lines): (usize, usize)) -> Result<Measured> {
        let load = Load::start(&self.tmux, panes)?;
        load.print(lines)?;
        let env = Env::new(&self.program, &load.server);
        let mut limit = |_| capture(&load, &load.ids(), |_| "-".to_owned());
        let mut ours = |run: usize| {
            let fresh = load.server.sandbox().path(format!("state-{run}"));
            let env = env.with("EVERMUX_DIR", &fresh.display().to_string());
            self.ours(&env, &load, &["save"])
        };
        self.turns(Some(&load), &mut limit, &mut ours)
    }

    fn restore_shells(&self, (panes, _): (usize, usize)) -> Result<Measured> {
        let load = Load::start(&self.tmux, panes)?;
        let env = Env::new(&self.program, &load.server);
        self.ours(&env, &load, &["save", "--no-scrollback"])?;
        let mut limit = |_| {
            load.server.kill_all();
            load.create()
        };
        self.turns(None, &mut limit, &mut |_| self.restore(&load, &env, &["restore", "--no-scrollback"]))
    }

    fn restore_text(&self, (panes, lines): (usize, usize)) -> Result<Measured> {
        let load = Load::start(&self.tmux, panes)?;
        load.print(lines)?;
        let env = Env::new(&self.program, &load.server);
        self.ours(&env, &load, &["save"])?;
        let mut limit = |_| {
            load.server.kill_all();
            // What it prints is no part of what is restored.
            Ok(load.create()? + load.print(lines)?)
        };
        self.turns(None, &mut limit, &mut |_| self.restore(&load, &env, &["restore"]))
    }

    /// Saves until nothing is new any more: what was printed within the last second cannot be told from what is
    /// printed next before tmux 3.8, whose clock for that has whole seconds.
    fn settle(&self, load: &Load, env: &Env) -> Result<()> {
        load.wait_for_prompts()?;
        self.ours(env, load, &["save"])?;
        std::thread::sleep(Duration::from_secs(2));
        self.ours(env, load, &["save"])?;
        Ok(())
    }

    /// Runs evermux; what it cost, or none if it is left out.
    pub fn ours(&self, env: &Env, load: &Load, command: &[&str]) -> Result<Option<Cost>> {
        if self.limits_only {
            return Ok(None);
        }
        cost::run(env.command(command), load.process()).map(Some)
    }

    /// Restores where nothing lives; what it cost until every shell is ready.
    fn restore(&self, load: &Load, env: &Env, command: &[&str]) -> Result<Option<Cost>> {
        load.server.kill_all();
        load.forget("ready");
        let begun = Instant::now();
        let Some(cost) = self.ours(env, load, command)? else { return Ok(None) };
        load.wait_for("ready", load.panes)?;
        let took = begun.elapsed();
        // All its life: it began with the restore.
        Ok(Some(Cost { took, tmux: load.process().map(cost::spent).unwrap_or_default(), ..cost }))
    }

    /// Measures in turns, so that a busy machine slows both; once more on `watched`, if that can be done, with a client
    /// beside it that asks tmux all the time.
    pub fn turns(
        &self,
        watched: Option<&Load>,
        limit: &mut dyn FnMut(usize) -> Result<Limit>,
        ours: &mut dyn FnMut(usize) -> Result<Option<Cost>>,
    ) -> Result<Measured> {
        let mut measured = Measured::default();
        let begun = Instant::now();
        for run in 0..self.runs {
            if run >= FEWEST && begun.elapsed() > LONG {
                break;
            }
            measured.limits.push(limit(run)?);
            measured.ours.extend(ours(run)?);
        }
        ensure!(!measured.limits.is_empty(), "no runs");
        if let Some(load) = watched.filter(|_| !self.limits_only) {
            limit(self.runs)?;
            let probe = Probe::start(&load.server)?;
            let took = ours(self.runs)?.unwrap_or_default().took;
            let stall = probe.stop()?;
            measured.stall = Some((stall, Probe::idle(&load.server, took)?));
        }
        Ok(measured)
    }
}

/// Prints new lines in some panes; what tmux needs to list everything and to capture those lines and the screens.
fn new_lines(load: &Load, panes: &[String]) -> Result<Limit> {
    let before = load.history_rows()?;
    load.print_in(panes, NEW_LINES)?;
    let after = load.history_rows()?;
    let new = |pane: &str| {
        after.get(pane).zip(before.get(pane)).map_or(0, |(after, before)| after.saturating_sub(*before))
    };
    Ok(list(load)? + capture(load, panes, |pane| format!("-{}", new(pane)))?)
}

/// The middle one of several costs, by the clock.
fn middle(run: &dyn Fn() -> Result<Cost>) -> Result<Cost> {
    let mut costs = (0..MOMENTS).map(|_| run()).collect::<Result<Vec<Cost>>>()?;
    costs.sort_by_key(|cost| cost.took);
    Ok(costs[MOMENTS / 2])
}
