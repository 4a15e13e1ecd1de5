//! The commands that are tried, and what must hold after each case.

use std::fs;

use anyhow::{Context as _, Result};
use evermux_core::diff::compare;
use evermux_testkit::differences;
use jiff::SignedDuration;

use super::Tools;
use super::ground::Ground;
use super::inject::{self, Attempt, BETWEEN, Call, Case, Fault};

/// A command of evermux at work on a certain ground.
pub trait Scene: Sync {
    /// In one or two words.
    fn name(&self) -> &'static str;

    /// What every case begins with.
    fn ground(&self, tools: &Tools) -> Result<Ground>;

    /// The calls of a clean run in which something can happen.
    fn calls(&self, ground: &Ground) -> Result<Vec<Call>>;

    /// What is worth trying at a call.
    fn faults(&self, call: &Call) -> &'static [Fault] {
        match BETWEEN.contains(&call.name.as_str()) || call.name == "flock" {
            true => &[Fault::Kill],
            false => &Fault::ALL,
        }
    }

    /// Whether a case takes so long that a quick run tries only some kinds of calls.
    fn is_slow(&self) -> bool {
        false
    }

    /// Runs it; what is wrong then. None: the fault did not take place.
    fn attempt(&self, ground: &Ground, case: &Case) -> Result<Option<Vec<String>>>;
}

/// All of them.
pub fn all() -> Vec<Box<dyn Scene>> {
    let command = |name, words: &'static [&'static str], begin| -> Box<dyn Scene> {
        Box::new(Command { name, words, begin, restores: false, may_go: &[] })
    };
    vec![
        command("save", &["save"], Begin::Changed),
        command("first save", &["save"], Begin::Nothing),
        command("save after a crash", &["save"], Begin::Crashed),
        command("migrate", &["save"], Begin::Old),
        Box::new(Command {
            name: "forget",
            words: &["forget", "2"],
            begin: Begin::Saved,
            restores: false,
            may_go: &[2],
        }),
        Box::new(Command {
            name: "prune",
            words: &["prune"],
            begin: Begin::Aged,
            restores: false,
            may_go: &AGED,
        }),
        command("pack", &["prune"], Begin::Recent),
        Box::new(Command {
            name: "forget of a pack",
            words: &["forget", "7"],
            begin: Begin::Packed,
            restores: false,
            may_go: &[7],
        }),
        Box::new(Command {
            name: "restore",
            words: &["restore"],
            begin: Begin::Ended,
            restores: true,
            may_go: &[],
        }),
        Box::new(super::servers::Saving),
        Box::new(super::servers::Restoring),
        Box::new(super::servers::Keeping),
    ]
}

/// In what state a command finds things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begin {
    /// There is a snapshot, and something has changed since.
    Changed,
    /// There is no state folder.
    Nothing,
    /// As `Changed`, and another save was killed just before its end.
    Crashed,
    /// There is a store of the first format.
    Old,
    /// There are two snapshots, and nothing has changed since.
    Saved,
    /// There is a snapshot, and the server is gone.
    Ended,
    /// There are snapshots of three days ago, a second apart, and one of now.
    Aged,
    /// There are snapshots of the last minutes, a second apart, and one of now; all stay.
    Recent,
    /// The same, but for the newest in packs.
    Packed,
}

/// Of the snapshots of three days ago those that a prune may remove: all but one.
const AGED: [i64; 5] = [1, 2, 3, 4, 5];

/// How many snapshots of the last minutes there are: enough for a pack.
const RECENT: usize = 24;

/// A command that is run under strace.
struct Command {
    name: &'static str,
    words: &'static [&'static str],
    begin: Begin,
    /// Whether it brings the server back.
    restores: bool,
    /// The snapshots that it is told to remove.
    may_go: &'static [i64],
}

impl Scene for Command {
    fn name(&self) -> &'static str {
        self.name
    }

    fn ground(&self, tools: &Tools) -> Result<Ground> {
        let mut ground = Ground::new(&tools.program, &tools.tmux)?;
        let rename =
            |ground: &Ground, name: &str| ground.server.run(&["rename-window", "-t", "=work:3", name]);
        match self.begin {
            Begin::Ended => {}
            Begin::Changed => {
                rename(&ground, "changed");
            }
            Begin::Nothing => ground.keep_nothing()?,
            Begin::Saved => {
                rename(&ground, "changed");
                ground.env.ok(&["save"]);
                ground.keep()?;
            }
            Begin::Aged => {
                ground.age(AGED.len() + 1, SignedDuration::from_hours(72))?;
                ground.env.ok(&["save"]);
                ground.keep()?;
            }
            Begin::Recent | Begin::Packed => {
                ground.age(RECENT, SignedDuration::from_mins(5))?;
                ground.env.ok(&["save"]);
                if self.begin == Begin::Packed {
                    ground.env.ok(&["prune"]);
                }
                ground.keep()?;
            }
            Begin::Crashed => {
                rename(&ground, "changed");
                let call = Call { name: "unlink".to_owned(), number: 1, file: None, of_file: 1 };
                let crash = Case { call, fault: Fault::Kill };
                let killed = inject::run(&ground.env, &["save"], Some(&crash))?;
                anyhow::ensure!(
                    killed.took_place(&crash, &ground.env.state()),
                    "the save before was not killed"
                );
                ground.keep()?;
                rename(&ground, "changed-again");
            }
            Begin::Old => {
                let folder = ground.folder().context("it has saved")?;
                for entry in fs::read_dir(&folder)?.flatten() {
                    if entry.file_type()?.is_file() {
                        fs::remove_file(entry.path())?;
                    }
                }
                let old = crate::machine::workspace().join("testdata/stores/v1/evermux.db");
                fs::write(folder.join("evermux.db"), fs::read(old)?)?;
                let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
                fs::set_permissions(folder.join("evermux.db"), mode)?;
                ground.keep()?;
            }
        }
        Ok(ground)
    }

    fn is_slow(&self) -> bool {
        self.restores
    }

    fn calls(&self, ground: &Ground) -> Result<Vec<Call>> {
        self.begin(ground)?;
        let attempt = inject::run(&ground.env, &self.words(), None)?;
        anyhow::ensure!(attempt.status == Some(0), "a clean run fails: {}", attempt.told);
        let wanted =
            |call: &Call| call.file.is_some() || self.restores && BETWEEN.contains(&call.name.as_str());
        Ok(attempt.calls(&ground.env.state()).into_iter().filter(wanted).collect())
    }

    fn attempt(&self, ground: &Ground, case: &Case) -> Result<Option<Vec<String>>> {
        self.begin(ground)?;
        let attempt = inject::run(&ground.env, &self.words(), Some(case))?;
        if !attempt.took_place(case, &ground.env.state()) {
            return Ok(None);
        }
        let mut wrong = Vec::new();
        store_is_sound(ground, self.may_go, &mut wrong);
        what_was_said(case, &attempt, &mut wrong);
        if self.restores {
            self.judge_restore(ground, &attempt, &mut wrong);
        } else if self.begin == Begin::Recent {
            let next = ground.env.run(self.words);
            if next.status != Some(0) {
                wrong.push(format!("the next prune fails: {next}"));
            }
            store_is_sound(ground, &[], &mut wrong);
        } else if self.may_go.is_empty() {
            judge_save(ground, &attempt, &mut wrong);
        } else {
            self.judge_removal(ground, &attempt, &mut wrong);
        }
        Ok(Some(wrong))
    }
}

impl Command {
    fn words(&self) -> Vec<&'static str> {
        [&["--json"], self.words].concat()
    }

    fn begin(&self, ground: &Ground) -> Result<()> {
        if self.begin == Begin::Ended {
            ground.server.kill_all();
        }
        ground.reset()
    }

    fn judge_removal(&self, ground: &Ground, attempt: &Attempt, wrong: &mut Vec<String>) {
        let are_there = || {
            let all = ground.snapshots().unwrap_or_default();
            self.may_go.iter().filter(|id| all.contains_key(id)).count()
        };
        // Of a prune one may stay for the hour it is of.
        let stay = usize::from(self.begin == Begin::Aged);
        if matches!(attempt.status, Some(0 | 3)) && are_there() > stay {
            wrong.push(format!("it said that it removed what is still there: {}", attempt.told.trim_end()));
        }
        let next = ground.env.run(self.words);
        if are_there() > stay {
            wrong.push(format!("the next one does not remove it: {next}"));
        }
        store_is_sound(ground, self.may_go, wrong);
    }

    fn judge_restore(&self, ground: &Ground, attempt: &Attempt, wrong: &mut Vec<String>) {
        if attempt.status == Some(0) {
            as_before(ground, "it said that all is as it was", wrong);
        }
        let again = ground.env.run(self.words);
        if again.status != Some(0) {
            wrong.push(format!("the next restore does not do it all: {again}"));
        }
        as_before(ground, &format!("the next restore said: {again}"), wrong);
        let names = ground.server.tmux(&["list-sessions", "-F", "#{session_name}"]).text();
        if names != "other\nwork\n" {
            wrong.push(format!("after the next restore there is {names:?}"));
        }
        store_is_sound(ground, &[], wrong);
    }
}

/// That the server is as it was saved.
pub fn as_before(ground: &Ground, when: &str, wrong: &mut Vec<String>) {
    if !ground.server.lives() {
        wrong.push(format!("{when}, but there is no server"));
        return;
    }
    ground.server.wait_for_prompts();
    let found = differences(&ground.before, &evermux_testkit::describe(&ground.server));
    if !found.is_empty() {
        wrong.push(format!("{when}, but: {found}"));
    }
}

/// That everything acknowledged is there to the byte, and that nothing is broken.
pub fn store_is_sound(ground: &Ground, may_go: &[i64], wrong: &mut Vec<String>) {
    let verified = ground.env.run(&["verify"]);
    // Without a store there is nothing to verify (4).
    if !(verified.ok() || verified.status == Some(4) && ground.kept.is_empty()) {
        wrong.push(format!("verify: {verified}"));
    }
    match ground.snapshots() {
        Ok(all) => {
            for (id, kept) in &ground.kept {
                let lost = match all.get(id) {
                    Some(found) if found == kept => continue,
                    // An equal save replaces facts.
                    Some(found) if compare(kept, found).iter().all(|change| !change.breaks_law()) => continue,
                    None if may_go.contains(id) => continue,
                    Some(_) => "is another one",
                    None => "is gone",
                };
                wrong.push(format!("LOST: snapshot {id} {lost}"));
            }
        }
        Err(error) if ground.kept.is_empty() && is_absent(&error) => {}
        Err(error) => wrong.push(format!("LOST: {error:#}")),
    }
    let names = ground.folder().and_then(|folder| fs::read_dir(folder).ok());
    let names: Vec<String> = names
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    if let Some(name) = names.iter().find(|name| name.contains("damaged")) {
        wrong.push(format!("a sound database was moved aside: {name}"));
    }
    if names.iter().filter(|name| name.starts_with('.')).count() > 2 {
        wrong.push(format!("leftovers pile up: {names:?}"));
    }
}

fn is_absent(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(evermux_core::store::StoreError::Absent(_)))
}

/// That a failure says what the system said, and nothing else.
fn what_was_said(case: &Case, attempt: &Attempt, wrong: &mut Vec<String>) {
    let words = case.fault.told();
    let all = attempt.told.to_lowercase();
    let mut told = words.is_empty() || words.iter().any(|words| all.contains(words));
    // SQLite says that it cannot open a file, or only for reading, and not why.
    if case.call.name.starts_with("open")
        && case.call.file.as_ref().is_some_and(|it| it.contains("evermux.db"))
    {
        told |= attempt.told.contains("unable to open database file")
            || attempt.told.contains("readonly database");
    }
    match attempt.status {
        // A command that was killed says nothing, one that has done it all need not say more.
        None | Some(0) => {}
        Some(1 | 3) => {
            if !told {
                wrong.push(format!("it does not say what the disk said: {}", attempt.told.trim_end()));
            }
        }
        Some(status) => wrong.push(format!("it ended with {status}: {}", attempt.told.trim_end())),
    }
}

/// That an acknowledged save is there, and that the next one completes everything.
pub fn judge_save(ground: &Ground, attempt: &Attempt, wrong: &mut Vec<String>) {
    let acknowledged = serde_json::from_str::<serde_json::Value>(attempt.told.trim_start());
    let id = acknowledged.ok().and_then(|json| json["id"].as_i64());
    if matches!(attempt.status, Some(0 | 3)) {
        let there = ground.snapshots().is_ok_and(|all| id.is_some_and(|id| all.contains_key(&id)));
        if !there {
            wrong.push(format!("LOST: it said that it saved: {}", attempt.told.trim_end()));
        }
    }
    let emergency = emergency_of(ground);
    if attempt.status == Some(0) && emergency != id {
        wrong.push(format!("all is well, it said, but the emergency file is of snapshot {emergency:?}"));
    }
    let next = ground.json(&["save"]);
    match (attempt.status, id) {
        (Some(0 | 3), Some(id)) if next["id"] == id && next["new"] == false => {}
        (Some(0 | 3), _) => {
            let changes = ground.env.run(&["diff", &id.unwrap_or_default().to_string(), "latest"]);
            wrong.push(format!("what it saved is not what is there: {next}\n{changes}"));
        }
        _ if next["id"].is_i64() => {}
        _ => wrong.push(format!("the next save fails: {next}")),
    }
    if next["id"] != emergency_of(ground).unwrap_or_default() {
        wrong.push("the next save leaves an old emergency file".to_owned());
    }
    store_is_sound(ground, &[], wrong);
}

/// The snapshot in the emergency file.
fn emergency_of(ground: &Ground) -> Option<i64> {
    let files = fs::read_dir(ground.folder()?).ok()?.flatten().map(|entry| entry.path());
    let is_it = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("f-") && name.ends_with(".emergency") && !name.contains("previous")
    };
    let head = fs::read(files.into_iter().find(is_it)?).ok()?;
    let line = head.split(|byte| *byte == b'\n').next()?;
    serde_json::from_slice::<serde_json::Value>(line).ok()?["snapshot"].as_i64()
}
