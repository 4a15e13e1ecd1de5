//! The rows: the same work by tmux itself and by evermux, in turns.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use evermux_testkit::{Env, Tmux};

use super::load::Load;
use super::probe::{Probe, Stall};
use super::report::Row;
use crate::machine::say;

/// How many lines are new in the row about new lines.
const NEW_LINES: usize = 20;

/// What is measured, and how.
pub struct Bench {
    /// The binary of evermux.
    pub program: String,
    /// The tmux it is measured with.
    pub tmux: Tmux,
    /// How often each row is measured.
    pub runs: usize,
    /// The sizes of a small and of a large server.
    pub panes: [usize; 2],
    /// How many lines each pane has in the rows with text.
    pub lines: usize,
    /// Only rows whose name contains this.
    pub only: String,
    /// Leave evermux out.
    pub limits_only: bool,
}

/// One kind of row, on a server of so many panes.
type Measure = fn(&Bench, usize) -> Result<Row>;

impl Bench {
    /// Measures every row that was asked for.
    pub fn rows(&self) -> Result<Vec<Row>> {
        let [small, large] = self.panes;
        let lines = self.lines;
        let rows: [(String, Measure, usize); 7] = [
            (format!("save of {small} panes, text unchanged"), Bench::save_unchanged, small),
            (format!("save of {large} panes, text unchanged"), Bench::save_unchanged, large),
            (format!("save of {small} panes, {NEW_LINES} new lines each"), Bench::save_new_lines, small),
            (format!("save of {large} panes, {NEW_LINES} new lines each"), Bench::save_new_lines, large),
            (
                format!("first save of {large} panes with {lines} coloured lines each"),
                Bench::first_save,
                large,
            ),
            (format!("restore of {large} shells without text"), Bench::restore_shells, large),
            (format!("restore of {large} shells with {lines} lines each"), Bench::restore_text, large),
        ];
        let mut measured = Vec::new();
        for (name, measure, panes) in rows {
            if name.contains(&self.only) {
                say(&name);
                measured.push(Row { name, ..measure(self, panes)? });
            }
        }
        Ok(measured)
    }

    fn save_unchanged(&self, panes: usize) -> Result<Row> {
        let load = Load::start(&self.tmux, panes)?;
        let env = Env::new(&self.program, &load.server);
        self.settle(&load, &env)?;
        let round = |_| {
            let limit = list(&load)?;
            Ok((limit, self.ours(&env, &["save"])?, None))
        };
        self.row(1.5, round)
    }

    fn save_new_lines(&self, panes: usize) -> Result<Row> {
        let load = Load::start(&self.tmux, panes)?;
        load.print(2 * NEW_LINES)?;
        let env = Env::new(&self.program, &load.server);
        self.settle(&load, &env)?;
        let round = |_| {
            load.print(NEW_LINES)?;
            let limit = list(&load)? + capture(&load, &format!("-{NEW_LINES}"))?;
            Ok((limit, self.ours(&env, &["save"])?, None))
        };
        self.row(1.5, round)
    }

    fn first_save(&self, panes: usize) -> Result<Row> {
        let load = Load::start(&self.tmux, panes)?;
        load.print(self.lines)?;
        let env = Env::new(&self.program, &load.server);
        let round = |run: usize| {
            let limit = capture(&load, "-")?;
            let fresh = load.server.sandbox().path(format!("state-{run}"));
            let env = env.with("EVERMUX_DIR", &fresh.display().to_string());
            let probe = Probe::start(&load.server)?;
            let ours = self.ours(&env, &["save"])?;
            let stall = probe.stop()?;
            let idle = Probe::idle(&load.server, ours.unwrap_or_default())?;
            Ok((limit, ours, ours.map(|_| (stall, idle))))
        };
        self.row(1.15, round)
    }

    fn restore_shells(&self, panes: usize) -> Result<Row> {
        let load = Load::start(&self.tmux, panes)?;
        let env = Env::new(&self.program, &load.server);
        self.ours(&env, &["save", "--no-scrollback"])?;
        let round = |_| {
            load.server.kill_all();
            let limit = load.create()?;
            load.server.kill_all();
            Ok((limit, self.restore(&load, &env, &["restore", "--no-scrollback"])?, None))
        };
        self.row(1.3, round)
    }

    fn restore_text(&self, panes: usize) -> Result<Row> {
        let load = Load::start(&self.tmux, panes)?;
        load.print(self.lines)?;
        let env = Env::new(&self.program, &load.server);
        self.ours(&env, &["save"])?;
        let round = |_| {
            load.server.kill_all();
            let limit = load.create()? + load.print(self.lines)?;
            load.server.kill_all();
            // What the limit printed is no part of what is restored.
            Ok((limit, self.restore(&load, &env, &["restore"])?, None))
        };
        self.row(1.3, round)
    }

    /// Saves until nothing is new any more: what was printed within the last second cannot be told from what is
    /// printed next before tmux 3.8, whose clock for that has whole seconds.
    fn settle(&self, load: &Load, env: &Env) -> Result<()> {
        load.server.wait_for_prompts();
        self.ours(env, &["save"])?;
        std::thread::sleep(Duration::from_secs(2));
        self.ours(env, &["save"])?;
        Ok(())
    }

    /// Runs evermux; how long it took, or none if it is left out.
    fn ours(&self, env: &Env, command: &[&str]) -> Result<Option<Duration>> {
        if self.limits_only {
            return Ok(None);
        }
        let start = Instant::now();
        let output = env.run(command);
        let took = start.elapsed();
        ensure!(matches!(output.status, Some(0 | 3)), "evermux {command:?}:\n{output}");
        Ok(Some(took))
    }

    /// Restores; how long until it is done and every shell is ready.
    fn restore(&self, load: &Load, env: &Env, command: &[&str]) -> Result<Option<Duration>> {
        load.forget("ready");
        let start = Instant::now();
        if self.ours(env, command)?.is_none() {
            return Ok(None);
        }
        load.wait_for("ready", load.panes)?;
        Ok(Some(start.elapsed()))
    }

    fn row(&self, budget: f64, mut round: impl FnMut(usize) -> Result<Round>) -> Result<Row> {
        let (mut limits, mut ours, mut stalls) = (Vec::new(), Vec::new(), Vec::<(Stall, Stall)>::new());
        for run in 0..self.runs {
            let (limit, our, stall) = round(run)?;
            limits.push(limit);
            ours.extend(our);
            stalls.extend(stall);
        }
        let best = ours.iter().min().zip(limits.iter().min());
        let best = best.map(|(ours, limit)| ours.as_secs_f64() / limit.as_secs_f64());
        let limit = median(&mut limits).unwrap_or_default();
        let stall = stalls.into_iter().reduce(|one, other| (one.0.max(other.0), one.1.max(other.1)));
        let name = String::new();
        Ok(Row { name, limit, ours: median(&mut ours), best, budget, stall })
    }
}

/// What tmux needs, what evermux needs, and the longest stalls: while evermux worked, and of an idle server.
type Round = (Duration, Option<Duration>, Option<(Stall, Stall)>);

fn median(times: &mut [Duration]) -> Option<Duration> {
    times.sort();
    times.get(times.len() / 2).copied()
}

/// One client that lists what a snapshot holds, one scan of the process table, one append of 4 kB with fsync.
fn list(load: &Load) -> Result<Duration> {
    let script = listing_script(load);
    let file = load.server.sandbox().write("list.tmux", script);
    let page = load.server.sandbox().path("page");
    let start = Instant::now();
    let output = load.server.tmux(&["source-file", file.to_str().unwrap_or_default()]);
    scan_processes();
    let mut page = File::options().create(true).append(true).open(page)?;
    page.write_all(&[7; 4096])?;
    page.sync_all()?;
    let took = start.elapsed();
    ensure!(output.ok(), "{output}");
    Ok(took)
}

fn listing_script(load: &Load) -> String {
    let fields = |names: &str| {
        names.split_whitespace().map(|name| format!("#{{{name}}}")).collect::<Vec<_>>().join("\t")
    };
    let session = fields(
        "session_id session_name session_group session_path session_created session_activity session_last_attached \
         session_attached session_stack",
    );
    let window = fields(
        "session_id window_index window_id window_name window_width window_height window_zoomed_flag window_layout \
         window_activity window_flags automatic-rename",
    );
    let pane = fields(
        "window_id pane_id pane_pid pane_tty pane_title pane_start_command pane_start_path pane_width pane_height \
         pane_active pane_last pane_input_off pane_marked pane_in_mode pane_dead pane_dead_status cursor_x cursor_y \
         alternate_on history_size history_limit history_bytes keypad_cursor_flag keypad_flag mouse_standard_flag \
         mouse_button_flag mouse_all_flag mouse_sgr_flag @id",
    );
    let mut script = format!(
        "list-sessions -F '{session}'\nlist-windows -a -F '{window}'\nlist-panes -a -F '{pane}'\nlist-clients\n\
         show-options -s\nshow-options -g\nshow-options -gw\nshow-environment -g\n",
    );
    let server = &load.server;
    for id in server.lines(&["list-sessions", "-F", "#{session_id}"]) {
        let _ = writeln!(script, "show-options -t '{id}'\nshow-environment -t '{id}'");
    }
    for id in server.lines(&["list-windows", "-a", "-F", "#{window_id}"]) {
        let _ = writeln!(script, "show-options -w -t {id}");
    }
    for id in load.ids() {
        let _ = writeln!(script, "show-options -p -t {id}");
    }
    script
}

/// Reads state, arguments and directory of every process.
fn scan_processes() {
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let folder = entry.path();
        if entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit) {
            let _gone = fs::read(folder.join("stat"));
            let _gone = fs::read(folder.join("cmdline"));
            let _gone = fs::read_link(folder.join("cwd"));
        }
    }
}

/// One client that captures every pane, from a line on.
fn capture(load: &Load, from: &str) -> Result<Duration> {
    let script: String =
        load.ids().iter().map(|id| format!("capture-pane -p -e -J -S {from} -t {id}\n")).collect();
    let file = load.server.sandbox().write("capture.tmux", script);
    let start = Instant::now();
    let output = load.server.tmux(&["source-file", file.to_str().unwrap_or_default()]);
    let took = start.elapsed();
    ensure!(output.ok(), "{output}");
    Ok(took)
}
