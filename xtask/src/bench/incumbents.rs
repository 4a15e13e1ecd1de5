//! The same work by those who did it before: tmux-resurrect and tmux-backup, each as its documentation says, on private
//! servers with a `HOME` of their own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result};
use evermux_testkit::{Client, Env};
use serde_json::{Value, json};

use super::cost::{self, Cost};
use super::load::Load;
use super::report::{last_line, time};
use super::rows::Bench;
use crate::machine::say;

/// Panes, and lines in each.
const SIZES: [(usize, usize); 3] = [(1, 200), (10, 200), (100, 200)];

/// How often each is measured: some take very long.
const RUNS: usize = 3;

/// What somebody did beside evermux.
pub struct Beside {
    who: &'static str,
    work: &'static str,
    panes: usize,
    /// How many panes there were in the end, and what it cost; or what was said instead.
    outcome: Result<(usize, Cost), String>,
}

/// Who is measured.
enum Tool<'a> {
    Evermux,
    /// Its folder. Text is saved, too, which it does not do by itself.
    Resurrect(&'a Path),
    /// The program.
    Backup(&'a Path),
}

impl Bench {
    /// Measures evermux and those that are given.
    pub fn beside(&self, resurrect: Option<&PathBuf>, backup: Option<&PathBuf>) -> Result<Vec<Beside>> {
        let mut all = Vec::new();
        for (panes, lines) in SIZES {
            if panes * lines > self.most_lines {
                continue;
            }
            let given = resurrect.map(|folder| Tool::Resurrect(folder)).into_iter();
            for tool in given.chain(backup.map(|program| Tool::Backup(program))).chain([Tool::Evermux]) {
                say(&format!("{}: {panes} panes of {lines} lines", tool.name()));
                let who = tool.name();
                let works = match self.one(&tool, panes, lines) {
                    Ok([save, restore]) => [("save", Ok(save)), ("restore", Ok(restore))],
                    // That one of them gives up is a result, too.
                    Err(error) => ["save", "restore"].map(|work| (work, Err(last_line(&error)))),
                };
                all.extend(works.map(|(work, outcome)| Beside { who, work, panes, outcome }));
            }
        }
        Ok(all)
    }

    /// How many panes there are after a save and after a restore, and what each cost.
    fn one(&self, tool: &Tool<'_>, panes: usize, lines: usize) -> Result<[(usize, Cost); 2]> {
        let load = Load::start(&self.tmux, panes)?;
        load.print(lines)?;
        let (mut saves, mut restores, mut found) = (Vec::new(), Vec::new(), panes);
        let client = tool.client(&load, "s0");
        for _ in 0..RUNS.min(self.runs) {
            load.print(20)?;
            tool.prepare(&load)?;
            saves.push(cost::run(tool.save(self, &load)?, load.process())?);
        }
        drop(client);
        for _ in 0..RUNS.min(self.runs) {
            load.server.kill_all();
            tool.begin(&load)?;
            let _client = tool.client(&load, "0");
            let (begun, before) = (Instant::now(), load.process().map(cost::spent).unwrap_or_default());
            let cost = cost::run(tool.restore(self, &load)?, load.process())?;
            load.wait_for_prompts()?;
            let tmux = load.process().map(cost::spent).unwrap_or_default().saturating_sub(before);
            restores.push(Cost { took: begun.elapsed(), tmux, ..cost });
            found = load.ids().len();
        }
        Ok([(panes, Cost::median(&saves)), (found, Cost::median(&restores))])
    }
}

impl Tool<'_> {
    fn name(&self) -> &'static str {
        match self {
            Tool::Evermux => "evermux",
            Tool::Resurrect(_) => "tmux-resurrect",
            Tool::Backup(_) => "tmux-backup",
        }
    }

    /// Gives the server the options it needs.
    fn prepare(&self, load: &Load) -> Result<()> {
        if let Tool::Resurrect(_) = self {
            let folder = load.server.folder("resurrect");
            load.server.run(&["set-option", "-g", "@resurrect-capture-pane-contents", "on"]);
            load.server.run(&[
                "set-option",
                "-g",
                "@resurrect-dir",
                folder.to_str().context("a path in ASCII")?,
            ]);
        }
        Ok(())
    }

    /// One of them does nothing where nobody is attached.
    fn client(&self, load: &Load, session: &str) -> Option<Client> {
        matches!(self, Tool::Backup(_)).then(|| load.server.attach(session, 200, 50))
    }

    /// Both others need a server to restore into; evermux starts it.
    fn begin(&self, load: &Load) -> Result<()> {
        if !matches!(self, Tool::Evermux) {
            load.server.run(&["new-session", "-d", "-s", "0", "-x", "200", "-y", "50"]);
            self.prepare(load)?;
            load.wait_for_prompts()?;
        }
        Ok(())
    }

    fn save(&self, bench: &Bench, load: &Load) -> Result<Command> {
        match self {
            Tool::Evermux => Ok(Env::new(&bench.program, &load.server).command(&["save"])),
            Tool::Resurrect(folder) => {
                inside(load, Path::new("bash"), &[folder.join("scripts/save.sh"), "quiet".into()])
            }
            Tool::Backup(program) => inside(load, program, &["save".into()]),
        }
    }

    fn restore(&self, bench: &Bench, load: &Load) -> Result<Command> {
        match self {
            Tool::Evermux => Ok(Env::new(&bench.program, &load.server).command(&["restore"])),
            Tool::Resurrect(folder) => inside(load, Path::new("bash"), &[folder.join("scripts/restore.sh")]),
            Tool::Backup(program) => inside(load, program, &["restore".into()]),
        }
    }
}

/// A command that believes to run in the server, as those of key bindings do.
fn inside(load: &Load, program: &Path, arguments: &[PathBuf]) -> Result<Command> {
    let process = load.process().context("the server lives")?;
    let mut command = load.server.sandbox().command(program);
    command.args(arguments).env("TMUX", format!("{},{process},0", load.server.socket().display()));
    Ok(command)
}

impl Beside {
    /// For programs.
    pub fn json(&self) -> Value {
        let told = json!({ "who": self.who, "work": self.work, "panes": self.panes });
        let more = match &self.outcome {
            Ok((found, cost)) => json!({
                "panes_found": found,
                "ms": cost.took.as_secs_f64() * 1e3,
                "cpu_ms": cost.own.as_secs_f64() * 1e3,
                "tmux_cpu_ms": cost.tmux.as_secs_f64() * 1e3,
                "written_bytes": cost.written,
            }),
            Err(why) => json!({ "failed": why }),
        };
        json!({ "of": told, "outcome": more })
    }

    /// All of them in Markdown.
    pub fn table(all: &[Beside]) -> String {
        if all.is_empty() {
            return "Not measured in this run.\n".to_owned();
        }
        let mut table = String::from(
            "| work | panes | who | time | CPU of it | CPU of tmux | panes in the end |\n\
             | --- | --: | --- | --: | --: | --: | --: |\n",
        );
        let mut sorted: Vec<&Beside> = all.iter().collect();
        sorted.sort_by_key(|beside| (beside.work != "save", beside.panes));
        for Beside { who, work, panes, outcome } in sorted {
            let cells = match outcome {
                Ok((found, cost)) => {
                    let [took, own, tmux] = [cost.took, cost.own, cost.tmux].map(|spent| time(Some(spent)));
                    format!("{took} | {own} | {tmux} | {found}")
                }
                Err(why) => format!("fails: {} | – | – | –", why.replace('|', "/")),
            };
            table.push_str(&format!("| {work} | {panes} | {who} | {cells} |\n"));
        }
        table
    }
}
