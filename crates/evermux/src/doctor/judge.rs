//! From facts to findings. Pure.

use std::time::Duration;

use evermux_core::model::TmuxVersion;
use evermux_core::store::{StartOutcome, State};
use jiff::SignedDuration;

use super::facts::{
    ConfigFile, Disk, Facts, Kept, Programs, Restore, Server, Services, Stored, There, Tmux, Unit,
};
use super::{Finding, Level};
use crate::cli::describe::{bytes as size, count};
use crate::cli::keys::Owner;
use crate::retention::too_much;
use crate::setup::block::Place;
use crate::setup::services::Manager;
use crate::setup::units;
use Level::{Note, Problem, Warning};

/// The keeper says at least so often how things stand.
const SILENCE: SignedDuration = SignedDuration::from_secs(30);
/// A save that takes longer than this is worth a word.
const SLOW: Duration = Duration::from_secs(5);
/// With less room than this, saves will soon fail.
const ROOM: u64 = 1 << 30;
/// With less room than this, they fail.
const NO_ROOM: u64 = 50 << 20;

/// Every finding, in the order in which they are read.
pub fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    match &facts.tmux {
        Some(found) => tmux(found, &mut findings),
        None => findings.push(silent("tmux", "tmux does not answer", "See what it waits for: tmux -V")),
    }
    match &facts.config {
        Some(found) => config(found, &mut findings),
        None => findings.push(silent(
            "config",
            "the config file of tmux cannot be read in time",
            "Is its disk there?",
        )),
    }
    savers(facts, &mut findings);
    restore(&facts.restore, &mut findings);
    match &facts.services {
        Some(found) => services(found, &mut findings),
        None => {
            findings.push(silent(
                "service",
                "the service manager does not answer",
                "systemctl --user status",
            ));
        }
    }
    match &facts.store {
        Some(found) => stored(facts, found, &mut findings),
        None => findings.push(silent(
            "store",
            "the state folder does not answer; nothing is saved",
            "Is its disk or server there? EVERMUX_DIR names another folder.",
        )),
    }
    if let Some(found) = &facts.programs {
        programs(found, &mut findings);
    }
    if let Some(found) = facts.disk {
        findings.push(disk(found));
    }
    findings
}

/// What would not come back by itself: a line for each kind of reason, not for each pane.
fn programs(found: &Programs, findings: &mut Vec<Finding>) {
    for (option, value) in &found.read {
        findings.push(Finding::ok("resurrect", format!("{option} is read: {value}")));
    }
    for what in &found.not_understood {
        let todo = "It counts for nothing. The settings can say the same: [restore] run, or a handler (docs/handlers.md).";
        findings.push(Finding::of(Note, "resurrect", format!("not understood: {what}"), todo));
    }
    let in_panes = |name: &str, panes: usize| match panes {
        1 => name.to_owned(),
        panes => format!("{name} ({panes})"),
    };
    if !found.typed.is_empty() {
        let kinds: Vec<String> = found.typed.iter().map(|(name, panes)| in_panes(name, *panes)).collect();
        let names: Vec<String> = found.typed.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let what = format!("a restore types these and leaves them to you: {}", kinds.join(", "));
        let todo = format!(
            "Why: evermux show. To have them run: [restore] run = [\"safe\", {}] in the config file.",
            names.join(", ")
        );
        findings.push(Finding::of(Note, "programs", what, todo));
    }
    for (name, why, panes) in &found.owed {
        let what = format!("a restore only shows {}: {why}", in_panes(name, *panes));
        findings.push(Finding::of(Note, "programs", what, ""));
    }
}

fn silent(check: &'static str, what: &str, todo: &str) -> Finding {
    Finding::of(Problem, check, what, todo)
}

fn tmux(found: &Tmux, findings: &mut Vec<Finding>) {
    let installed = match &found.program {
        None => {
            findings.push(Finding::of(
                Problem,
                "tmux",
                "tmux is not found",
                "Install it, or put its folder into PATH.",
            ));
            None
        }
        Some((path, None)) => {
            let what = format!("{} does not tell its version", path.display());
            findings.push(Finding::of(Warning, "tmux", what, "See what it says: tmux -V"));
            None
        }
        Some((path, Some(version))) => {
            findings.push(
                quirk(*version)
                    .unwrap_or_else(|| Finding::ok("tmux", format!("{version}, {}", path.display()))),
            );
            Some(*version)
        }
    };
    match &found.server {
        Server::None => findings.push(Finding::of(Note, "server", "no tmux server runs here", "")),
        Server::Silent(why) => findings.push(Finding::of(
            Problem,
            "server",
            why.clone(),
            "If it hangs, end it by its process; what was saved comes back: evermux restore",
        )),
        Server::There(there) => server(there, installed, findings),
    }
}

/// What a version is known for.
fn quirk(version: TmuxVersion) -> Option<Finding> {
    let between =
        |from: (u16, u16), to: (u16, u16)| version.at_least(from.0, from.1) && !version.at_least(to.0, to.1);
    let (level, what, todo) = match version {
        _ if !version.at_least(3, 0) => {
            (Problem, "is older than 3.0: it cannot be saved or restored", "Install a newer tmux.")
        }
        _ if between((3, 3), (3, 4)) => (
            Note,
            "crashes on layouts that are damaged; evermux checks every one first, other tools do not",
            "Update tmux when you can.",
        ),
        _ if between((3, 4), (3, 8)) => {
            (Note, "waits a second for each new pane if the service manager hangs (builds with systemd)", "")
        }
        _ if !version.at_least(3, 2) => {
            (Note, "tells evermux less than newer ones: looking costs a little more", "")
        }
        _ => return None,
    };
    Some(Finding::of(level, "tmux", format!("{version} {what}"), todo))
}

fn server(there: &There, installed: Option<TmuxVersion>, findings: &mut Vec<Finding>) {
    match installed {
        Some(installed) if installed != there.version => findings.push(Finding::of(
            Warning,
            "server",
            format!(
                "the server runs {}, the tmux in PATH is {installed}: clients of one may fail at the other",
                there.version
            ),
            "evermux save && tmux kill-server && evermux restore",
        )),
        _ => findings.push(Finding::ok("server", format!("it answers, version {}", there.version))),
    }
    for option in &there.closing {
        findings.push(Finding::of(
            Warning,
            "options",
            format!("{option} closes sessions that nobody looks at; they then count as closed by you"),
            format!("set-option -g {option} off"),
        ));
    }
    for (deed, key, owner) in &there.keys {
        let word = format!("{deed:?}").to_lowercase();
        findings.push(match owner {
            Owner::Ours(_) => Finding::ok("keys", format!("prefix {key}: {word}")),
            Owner::Free => {
                Finding::of(Note, "keys", format!("prefix {key} is not bound ({word})"), "evermux install")
            }
            Owner::Taken => Finding::of(
                Note,
                "keys",
                format!("prefix {key} means something else already, so nothing is bound ({word})"),
                format!("Choose another key in the config file: [keys] {word} = \"…\""),
            ),
        });
    }
}

fn config(found: &ConfigFile, findings: &mut Vec<Finding>) {
    let name = found.path.display();
    let install = "evermux install";
    findings.push(match &found.place {
        Ok(Place::Last) => Finding::ok("config", format!("{name}: the line is there, last")),
        Ok(Place::ByHand) => Finding::ok("config", format!("{name}: the line is there, written by hand")),
        Ok(Place::Absent) => Finding::of(
            Warning,
            "config",
            format!("{name}: without our line nothing is restored at start"),
            install,
        ),
        Ok(Place::NotLast) => Finding::of(
            Warning,
            "config",
            format!("{name}: other lines follow ours; what they set comes too late for what is restored"),
            install,
        ),
        Ok(Place::Changed) => Finding::of(
            Warning,
            "config",
            format!("{name}: the line is not as this evermux would write it"),
            install,
        ),
        Err(error) => Finding::of(
            Problem,
            "config",
            format!("{name}: {error}"),
            "Remove the rest of our lines, then: evermux install",
        ),
    });
}

fn savers(facts: &Facts, findings: &mut Vec<Finding>) {
    let mut names: Vec<&String> = facts.config.iter().flat_map(|config| &config.savers).collect();
    if let Some(Tmux { server: Server::There(there), .. }) = &facts.tmux {
        names.extend(&there.savers);
    }
    names.sort();
    names.dedup();
    for name in names {
        findings.push(Finding::of(
            Warning,
            "savers",
            format!("{name} saves or restores, too: both would bring back the same sessions"),
            "Remove it from tmux.conf, then restart tmux; evermux does its work.",
        ));
    }
    if facts.services.as_ref().is_some_and(|services| services.continuum) {
        findings.push(Finding::of(
            Warning,
            "savers",
            "tmux.service was written by tmux-continuum",
            "systemctl --user disable tmux.service, remove the file, then: evermux install --tmux-service",
        ));
    }
}

fn restore(found: &Restore, findings: &mut Vec<Finding>) {
    if let Some(file) = &found.off_file {
        let what = format!("restoring at start is off: {}", file.display());
        findings.push(Finding::of(Warning, "restore", what, "Remove this file."));
    }
    if found.off {
        let todo = "Change it in the config file if you want that.";
        findings.push(Finding::of(Note, "restore", "restoring at start is off in the settings", todo));
    }
    if found.declined {
        let what = "EVERMUX_RESTORE=0 is set: servers started from here are not restored";
        findings.push(Finding::of(Note, "restore", what, "unset EVERMUX_RESTORE"));
    }
}

fn services(found: &Services, findings: &mut Vec<Finding>) {
    if found.manager == Manager::None {
        let what = "no service manager of this user answers: the line in tmux.conf starts the keeper";
        findings.push(Finding::of(Note, "service", what, ""));
        return;
    }
    if !found.units.iter().any(|unit| unit.name == units::KEEPER || unit.name == units::AGENT) {
        let what = "the keeper is no service: the line in tmux.conf starts it";
        findings.push(Finding::of(Note, "service", what, "evermux install"));
    }
    for unit in &found.units {
        findings.push(service(unit));
    }
    let server = found.units.iter().any(|unit| unit.name == units::TMUX);
    if server && !found.lingers {
        let what = "tmux.service starts when you log in, not at boot, and ends when you log out";
        findings.push(Finding::of(Note, "linger", what, "loginctl enable-linger"));
    }
    if found.ends_at_logout && !server {
        let what = "logging out ends everything (KillUserProcesses=yes), tmux too; it comes back, but does not go on";
        let todo = "evermux install --tmux-service, and: loginctl enable-linger";
        findings.push(Finding::of(Note, "linger", what, todo));
    }
}

fn service(unit: &Unit) -> Finding {
    let name = &unit.name;
    match &unit.state {
        _ if !unit.current => Finding::of(
            Warning,
            "service",
            format!("{name} is not as this evermux would write it"),
            "evermux install",
        ),
        Some((enabled, _)) if enabled != "enabled" => {
            Finding::of(Warning, "service", format!("{name} is not enabled ({enabled})"), "evermux install")
        }
        Some((_, active)) if active != "active" && name == units::KEEPER => {
            let todo = format!("systemctl --user status {name}");
            Finding::of(Warning, "service", format!("{name} does not run ({active})"), todo)
        }
        Some((_, active)) => Finding::ok("service", format!("{name}: enabled, {active}")),
        None => Finding::ok("service", format!("{name} is there")),
    }
}

fn stored(facts: &Facts, found: &Stored, findings: &mut Vec<Finding>) {
    let folder = found.folder.display();
    match &found.readable {
        Err(why) => {
            let todo = "evermux verify tells more; what is damaged as a whole is moved aside by the next evermux save";
            findings.push(Finding::of(Problem, "store", why.clone(), todo));
            return;
        }
        Ok(false) => {
            findings.push(Finding::of(
                Note,
                "store",
                format!("{folder}: nothing was saved yet"),
                "evermux save",
            ));
            return;
        }
        Ok(true) => {
            let what = format!("{} in {} ({folder})", count(found.snapshots, "snapshot"), size(found.bytes));
            findings.push(Finding::ok("store", what));
        }
    }
    if let Some(over) = &found.over {
        let todo = "evermux list: unpin or forget what you do not need; or raise limit of [keep] in the config file.";
        findings.push(Finding::of(Warning, "store", too_much(over), todo));
    }
    if found.network {
        let what = "the state folder is on a network file system: it is slower, and only as safe as that";
        findings.push(Finding::of(Warning, "store", what, "EVERMUX_DIR on a local disk is better."));
    }
    for file in &found.damaged {
        findings.push(Finding::of(Warning, "store", file.clone(), "The next evermux save writes it anew."));
    }
    if let Some(until) = found.paused.filter(|until| *until > facts.now) {
        findings.push(Finding::of(
            Warning,
            "keeper",
            format!("nothing is saved until {until}"),
            "evermux keeper resume",
        ));
    }
    match found.keeper {
        Some(pid) => findings.push(Finding::ok("keeper", format!("it runs (process {pid})"))),
        None if found.kept.is_empty() => {}
        None => findings.push(Finding::of(
            Problem,
            "keeper",
            "it does not run: nothing is saved",
            "evermux keeper start",
        )),
    }
    if found.kept.is_empty() {
        findings.push(nothing_kept(facts));
    }
    for server in &found.kept {
        kept(facts, server, found.keeper.is_some(), findings);
    }
}

/// Right after an `install`, before the first server, that is as it should be.
fn nothing_kept(facts: &Facts) -> Finding {
    let none = facts.tmux.as_ref().is_some_and(|tmux| matches!(tmux.server, Server::None));
    let place = facts.config.as_ref().and_then(|config| config.place.as_ref().ok());
    if none && matches!(place, Some(Place::Last | Place::NotLast | Place::ByHand)) {
        return Finding::ok("kept", "no server yet: the next one that starts is saved continuously");
    }
    let what = "no server is saved continuously";
    Finding::of(Warning, "kept", what, "In the server: evermux keeper watch")
}

fn kept(facts: &Facts, found: &Kept, keeper: bool, findings: &mut Vec<Finding>) {
    let socket = &found.socket;
    if let Some(wrong) = &found.wrong {
        let what = format!("{socket}: its newest snapshot is not whole: {wrong}");
        findings.push(Finding::of(Problem, "kept", what, "evermux verify, then: evermux save"));
    }
    let status = found.status.as_ref().filter(|status| facts.now.duration_since(status.at).abs() <= SILENCE);
    match status {
        _ if !keeper => {}
        None => {
            let what = format!("{socket}: the keeper has said nothing of it for 30 s");
            findings.push(Finding::of(
                Warning,
                "kept",
                what,
                "evermux log; evermux keeper stop; evermux keeper start",
            ));
        }
        Some(status) => {
            let took = status.took.unwrap_or_default();
            let panes = count(status.panes.unwrap_or_default(), "pane");
            findings.push(match (status.state, &status.trouble) {
                (State::Trouble, trouble) => {
                    let why = trouble.as_deref().unwrap_or("it does not say why");
                    Finding::of(Problem, "kept", format!("{socket} is not saved: {why}"), "evermux log")
                }
                (State::Away, _) => Finding::ok("kept", format!("{socket}: no server now")),
                (State::Paused, _) => Finding::of(Note, "kept", format!("{socket}: paused"), ""),
                _ if Duration::from_millis(took) > SLOW => {
                    let what = format!("{socket}: the last save of {panes} took {took} ms");
                    Finding::of(Warning, "kept", what, "What is slow, the disk or tmux? evermux -v save")
                }
                _ => Finding::ok("kept", format!("{socket}: {panes}, the last save took {took} ms")),
            });
            if found.hooks == Some(false) && status.state != State::Paused {
                let what = format!("{socket}: our hooks are gone; the keeper sets them again");
                findings.push(Finding::of(
                    Note,
                    "hooks",
                    what,
                    "If that stays so, something clears them: set-hook -g NAME …",
                ));
            }
        }
    }
    if found.restore_disabled {
        let what = format!("{socket}: nothing comes back when it starts: tmux died in the last two restores");
        findings.push(Finding::of(
            Problem,
            "restore",
            what,
            "evermux restore --dry-run, then: evermux restore",
        ));
    }
    match found.start {
        Some((StartOutcome::Restoring, at))
            if !found.restore_disabled && facts.now.duration_since(at) > SignedDuration::from_mins(10) =>
        {
            let what = format!("{socket}: the restore at the start of {at} has not ended");
            findings.push(Finding::of(Warning, "restore", what, "evermux restore completes it."));
        }
        _ => {}
    }
}

fn disk(found: Disk) -> Finding {
    let free = size(found.free);
    let todo = "Make room.";
    match found {
        Disk { files: Some(0..100), .. } => Finding::of(Problem, "disk", "no new files can be made", todo),
        Disk { free: 0..NO_ROOM, .. } => {
            Finding::of(Problem, "disk", format!("{free} are free: saves fail"), todo)
        }
        Disk { free: 0..ROOM, .. } => Finding::of(Warning, "disk", format!("only {free} are free"), todo),
        _ => Finding::ok("disk", format!("{free} are free")),
    }
}
