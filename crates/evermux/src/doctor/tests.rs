//! Made-up situations, and what is said of them.

use evermux_core::store::{StartOutcome, State, Status};
use insta::assert_snapshot;
use jiff::{SignedDuration, Timestamp};

use super::facts::*;
use super::judge::judge;
use crate::cli::keys::{Deed, Owner};
use crate::doctor::gather::savers;
use crate::setup::block::{BadBlock, Place};
use crate::setup::services::Manager;

fn now() -> Timestamp {
    "2026-11-20T14:00:00Z".parse().unwrap()
}

fn status() -> Status {
    Status {
        waiting: 0,
        at: now(),
        keeper: 4711,
        state: State::Saved,
        saved_at: Some(now()),
        snapshot: Some(12),
        trouble: None,
        trouble_since: None,
        panes: Some(8),
        took: Some(21),
        missed: None,
        restore_disabled: false,
    }
}

/// Everything is as it should be.
fn well() -> Facts {
    let unit = |name: &str| Unit {
        name: name.to_owned(),
        current: true,
        state: Some(("enabled".to_owned(), "active".to_owned())),
    };
    Facts {
        now: now(),
        tmux: Some(Tmux {
            program: Some(("/usr/bin/tmux".into(), "3.8".parse().ok())),
            server: Server::There(There {
                version: "3.8".parse().unwrap(),
                closing: Vec::new(),
                savers: Vec::new(),
                keys: vec![(Deed::Save, "C-s".to_owned(), Owner::Ours(Deed::Save))],
            }),
        }),
        config: Some(ConfigFile { path: "/h/.tmux.conf".into(), place: Ok(Place::Last), savers: Vec::new() }),
        services: Some(Services {
            manager: Manager::Systemd,
            units: vec![unit("evermux.service"), unit("tmux.service")],
            continuum: false,
            lingers: true,
            ends_at_logout: false,
        }),
        store: Some(Stored {
            folder: "/h/.local/state/evermux/m".into(),
            readable: Ok(true),
            keeper: Some(4711),
            paused: None,
            network: false,
            snapshots: 12,
            bytes: 3_400_000,
            over: None,
            damaged: Vec::new(),
            kept: vec![Kept {
                socket: "/tmp/tmux-1/default".to_owned(),
                hooks: Some(true),
                status: Some(status()),
                wrong: None,
                start: Some((StartOutcome::Restored, now())),
                restore_disabled: false,
            }],
        }),
        programs: Some(Programs::default()),
        disk: Some(Disk { free: 9_000_000_000, files: Some(1_000_000) }),
        restore: Restore::default(),
    }
}

fn said(facts: &Facts) -> String {
    let line = |finding: crate::doctor::Finding| {
        let todo = finding.todo.map(|todo| format!("\n    -> {todo}")).unwrap_or_default();
        format!("{} {}: {}{todo}\n", finding.level.word(), finding.check, finding.what)
    };
    judge(facts).into_iter().map(line).collect()
}

/// What is said beyond what is said when everything is well.
fn news(facts: &Facts) -> String {
    let well = judge(&well());
    let line = |finding: crate::doctor::Finding| {
        let todo = finding.todo.map(|todo| format!("\n    -> {todo}")).unwrap_or_default();
        format!("{} {}: {}{todo}\n", finding.level.word(), finding.check, finding.what)
    };
    judge(facts).into_iter().filter(|finding| !well.contains(finding)).map(line).collect()
}

#[test]
fn all_is_well() {
    assert_snapshot!(said(&well()), @"
    ok tmux: 3.8, /usr/bin/tmux
    ok server: it answers, version 3.8
    ok keys: prefix C-s: save
    ok config: /h/.tmux.conf: the line is there, last
    ok service: evermux.service: enabled, active
    ok service: tmux.service: enabled, active
    ok store: 12 snapshots in 3.4 MB (/h/.local/state/evermux/m)
    ok keeper: it runs (process 4711)
    ok kept: /tmp/tmux-1/default: 8 panes, the last save took 21 ms
    ok disk: 9.0 GB are free
    ");
}

#[test]
fn a_first_look() {
    let mut facts = well();
    let Some(tmux) = &mut facts.tmux else { unreachable!() };
    (tmux.program, tmux.server) = (None, Server::None);
    facts.config =
        Some(ConfigFile { path: "/h/.tmux.conf".into(), place: Ok(Place::Absent), savers: Vec::new() });
    facts.services = Some(Services {
        manager: Manager::None,
        units: Vec::new(),
        continuum: false,
        lingers: false,
        ends_at_logout: false,
    });
    let Some(store) = &mut facts.store else { unreachable!() };
    (store.readable, store.keeper) = (Ok(false), None);
    assert_snapshot!(news(&facts), @"
    problem tmux: tmux is not found
        -> Install it, or put its folder into PATH.
    note server: no tmux server runs here
    warning config: /h/.tmux.conf: without our line nothing is restored at start
        -> evermux install
    note service: no service manager of this user answers: the line in tmux.conf starts the keeper
    note store: /h/.local/state/evermux/m: nothing was saved yet
        -> evermux save
    ");
}

#[test]
fn nothing_answers() {
    let facts = Facts { tmux: None, config: None, services: None, store: None, disk: None, ..well() };
    assert_snapshot!(said(&facts), @"
    problem tmux: tmux does not answer
        -> See what it waits for: tmux -V
    problem config: the config file of tmux cannot be read in time
        -> Is its disk there?
    problem service: the service manager does not answer
        -> systemctl --user status
    problem store: the state folder does not answer; nothing is saved
        -> Is its disk or server there? EVERMUX_DIR names another folder.
    ");
}

#[test]
fn what_is_wrong_around_tmux() {
    let mut facts = well();
    let Some(Tmux { program, server: Server::There(there) }) = &mut facts.tmux else { unreachable!() };
    *program = Some(("/usr/bin/tmux".into(), "3.5a".parse().ok()));
    there.version = "3.3a".parse().unwrap();
    there.closing = vec!["destroy-unattached".to_owned()];
    there.savers = vec!["tmux-continuum".to_owned(), "tmux-resurrect".to_owned()];
    there.keys =
        vec![(Deed::Save, "C-s".to_owned(), Owner::Taken), (Deed::Restore, "C-r".to_owned(), Owner::Free)];
    facts.config = Some(ConfigFile {
        path: "/h/.tmux.conf".into(),
        place: Ok(Place::NotLast),
        savers: vec!["tmux-resurrect".to_owned()],
    });
    if let Some(services) = &mut facts.services {
        services.continuum = true;
        services.lingers = false;
        services.units[0].current = false;
        services.units[1].state = Some(("disabled".to_owned(), "inactive".to_owned()));
    }
    facts.restore = Restore { off_file: Some("/h/off".into()), declined: true, off: true };
    assert_snapshot!(news(&facts), @r#"
    note tmux: 3.5a waits a second for each new pane if the service manager hangs (builds with systemd)
    warning server: the server runs 3.3a, the tmux in PATH is 3.5a: clients of one may fail at the other
        -> evermux save && tmux kill-server && evermux restore
    warning options: destroy-unattached closes sessions that nobody looks at; they then count as closed by you
        -> set-option -g destroy-unattached off
    note keys: prefix C-s means something else already, so nothing is bound (save)
        -> Choose another key in the config file: [keys] save = "…"
    note keys: prefix C-r is not bound (restore)
        -> evermux install
    warning config: /h/.tmux.conf: other lines follow ours; what they set comes too late for what is restored
        -> evermux install
    warning savers: tmux-continuum saves or restores, too: both would bring back the same sessions
        -> Remove it from tmux.conf, then restart tmux; evermux does its work.
    warning savers: tmux-resurrect saves or restores, too: both would bring back the same sessions
        -> Remove it from tmux.conf, then restart tmux; evermux does its work.
    warning savers: tmux.service was written by tmux-continuum
        -> systemctl --user disable tmux.service, remove the file, then: evermux install --tmux-service
    warning restore: restoring at start is off: /h/off
        -> Remove this file.
    note restore: restoring at start is off in the settings
        -> Change it in the config file if you want that.
    note restore: EVERMUX_RESTORE=0 is set: servers started from here are not restored
        -> unset EVERMUX_RESTORE
    warning service: evermux.service is not as this evermux would write it
        -> evermux install
    warning service: tmux.service is not enabled (disabled)
        -> evermux install
    note linger: tmux.service starts when you log in, not at boot, and ends when you log out
        -> loginctl enable-linger
    "#);
    facts.config.as_mut().unwrap().place = Err(BadBlock::Open);
    assert!(news(&facts).contains("problem config: /h/.tmux.conf: '# >>> evermux >>>' stands in it without"));
}

#[test]
fn what_is_wrong_with_what_was_saved() {
    let mut facts = well();
    let Some(store) = &mut facts.store else { unreachable!() };
    store.network = true;
    store.paused = Some(now() + SignedDuration::from_hours(1));
    store.damaged = vec!["default-1.emergency: cannot be used".to_owned()];
    let kept = store.kept[0].clone();
    let trouble = Status { state: State::Trouble, trouble: Some("the disk is full".to_owned()), ..status() };
    let slow = Status { took: Some(9000), ..status() };
    let old = Status { at: now() - SignedDuration::from_mins(2), ..status() };
    store.kept = vec![
        Kept { socket: "/a".to_owned(), status: Some(trouble), hooks: Some(false), ..kept.clone() },
        Kept { socket: "/b".to_owned(), status: Some(slow), ..kept.clone() },
        Kept {
            socket: "/c".to_owned(),
            status: Some(old),
            start: Some((StartOutcome::Unsafe, now())),
            restore_disabled: true,
            ..kept.clone()
        },
        Kept { socket: "/d".to_owned(), wrong: Some("a window is lost".to_owned()), ..kept },
    ];
    facts.disk = Some(Disk { free: 10_000_000, files: Some(1_000_000) });
    assert_snapshot!(news(&facts), @"
    warning store: the state folder is on a network file system: it is slower, and only as safe as that
        -> EVERMUX_DIR on a local disk is better.
    warning store: default-1.emergency: cannot be used
        -> The next evermux save writes it anew.
    warning keeper: nothing is saved until 2026-11-20T15:00:00Z
        -> evermux keeper resume
    problem kept: /a is not saved: the disk is full
        -> evermux log
    note hooks: /a: our hooks are gone; the keeper sets them again
        -> If that stays so, something clears them: set-hook -g NAME …
    warning kept: /b: the last save of 8 panes took 9000 ms
        -> What is slow, the disk or tmux? evermux -v save
    warning kept: /c: the keeper has said nothing of it for 30 s
        -> evermux log; evermux keeper stop; evermux keeper start
    problem restore: /c: nothing comes back when it starts: tmux died in the last two restores
        -> evermux restore --dry-run, then: evermux restore
    problem kept: /d: its newest snapshot is not whole: a window is lost
        -> evermux verify, then: evermux save
    ok kept: /d: 8 panes, the last save took 21 ms
    problem disk: 10.0 MB are free: saves fail
        -> Make room.
    ");
    facts.store.as_mut().unwrap().keeper = None;
    assert!(
        news(&facts)
            .contains("problem keeper: it does not run: nothing is saved\n    -> evermux keeper start")
    );
    facts.store.as_mut().unwrap().readable = Err("the folder can be written by others".to_owned());
    assert!(news(&facts).contains("problem store: the folder can be written by others"));
}

#[test]
fn other_savers_are_known_by_their_words() {
    let options = b"@continuum-restore on\n@plugin tmux-plugins/tmux-resurrect\nstatus-right \"#(/x/continuum_save.sh)\"\n";
    assert_eq!(savers(options), ["tmux-continuum", "tmux-resurrect"]);
    assert_eq!(savers(b"set -g @plugin 'timvw/tmux-assistant-resurrect'\n"), ["tmux-assistant-resurrect"]);
    assert!(savers(b"# set -g @plugin 'tmux-plugins/tmux-resurrect'\n").is_empty());
}

#[test]
fn programs_are_told_by_their_kind() {
    let mut facts = well();
    facts.programs = Some(Programs {
        typed: vec![("make".to_owned(), 2), ("node".to_owned(), 1)],
        owed: vec![("sudo".to_owned(), "sudo vim is never started again".to_owned(), 1)],
        read: vec![("@resurrect-processes".to_owned(), "ssh $(id)".to_owned())],
        not_understood: vec!["@resurrect-processes: $(id): commands in it are not run".to_owned()],
    });
    assert_snapshot!(news(&facts), @r#"
    ok resurrect: @resurrect-processes is read: ssh $(id)
    note resurrect: not understood: @resurrect-processes: $(id): commands in it are not run
        -> It counts for nothing. The settings can say the same: [restore] run, or a handler (docs/handlers.md).
    note programs: a restore types these and leaves them to you: make (2), node
        -> Why: evermux show. To have them run: [restore] run = ["safe", "make", "node"] in the config file.
    note programs: a restore only shows sudo: sudo vim is never started again
    "#);
}

#[test]
fn before_the_first_server_nothing_is_wrong() {
    let mut facts = well();
    facts.tmux.as_mut().unwrap().server = Server::None;
    facts.store.as_mut().unwrap().kept.clear();
    assert_snapshot!(news(&facts), @"
    note server: no tmux server runs here
    ok kept: no server yet: the next one that starts is saved continuously
    ");
    // Without the line nothing would begin to save it.
    facts.config.as_mut().unwrap().place = Ok(Place::Absent);
    assert!(news(&facts).contains("warning kept: no server is saved continuously"));
}

#[test]
fn where_a_logout_ends_everything_the_server_belongs_into_a_service() {
    let mut facts = well();
    let services = facts.services.as_mut().unwrap();
    services.ends_at_logout = true;
    assert_snapshot!(news(&facts), @"");
    let services = facts.services.as_mut().unwrap();
    services.units.pop();
    assert_snapshot!(news(&facts), @"
    note linger: logging out ends everything (KillUserProcesses=yes), tmux too; it comes back, but does not go on
        -> evermux install --tmux-service, and: loginctl enable-linger
    ");
}
