//! What happens to people and their machines, told once each.

use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};

use super::guest::{Guest, Login};
use super::image::USERS;
use super::table::{Table, Told};
use super::work::Work;
use crate::machine::say;

/// A story: it finds a machine that is on, and leaves one that is on. How often it is repeated, if it is.
type Story = fn(&mut Guest, &mut Table, usize) -> Result<()>;

/// All of them, in their order: later ones find what earlier ones have set up.
pub const STORIES: [(&str, Story); 7] = [
    ("install", install),
    ("power", power),
    ("reboot", reboot),
    ("users", users),
    ("logout", logout),
    ("service", service),
    ("uninstall", uninstall),
];

/// The work of the first user.
const ADA: Work = Work { user: USERS[0], server: "" };
/// Another server of hers.
const SECOND: Work = Work { user: USERS[0], server: "second" };
/// The work of the second user.
const BOB: Work = Work { user: USERS[1], server: "" };

/// A fresh user sets evermux up.
fn install(guest: &mut Guest, table: &mut Table, _: usize) -> Result<()> {
    for user in USERS {
        guest.ok(user, "evermux install --yes")?;
        let again = guest.ok(user, "evermux install --yes")?;
        let active = guest.run(user, "systemctl --user is-active evermux")?.text;
        ensure!(active.trim() == "active", "the keeper is {active}");
        let doctor = guest.run(user, "evermux doctor")?;
        table.row(match (doctor.status, again.contains("write")) {
            (Some(0), false) => {
                Told::new(&format!("{user} installs twice"), true, "the doctor finds nothing")
            }
            _ => Told::new(&format!("{user} installs twice"), false, format!("{again}\n{}", doctor.text)),
        });
    }
    ADA.begin(guest)?;
    BOB.begin(guest)?;
    // From here on the sessions keep the systemd of these users.
    let pid = |guest: &Guest| guest.ok(ADA.user, "systemctl --user show evermux --property MainPID --value");
    let before = pid(guest)?;
    guest.ok("root", "cd /usr/local/bin && cp evermux new && mv new evermux")?;
    sleep(Duration::from_secs(20));
    let taken = guest.ok(
        ADA.user,
        "test -e \"$(readlink /proc/$(systemctl --user show evermux -P MainPID)/exe)\" && echo new",
    )?;
    table.row(match pid(guest)? == before && taken.trim() == "new" {
        true => Told::new("a new binary", true, "taken over, systemd saw no end"),
        false => Told::new("a new binary", false, "not taken over in place"),
    });
    Ok(())
}

/// Power cuts while somebody works, also in the middle of booting and of restoring.
fn power(guest: &mut Guest, table: &mut Table, cuts: usize) -> Result<()> {
    for cut in 0..cuts {
        ADA.go_on(guest, cut)?;
        let took = ADA.wait_until_saved(guest)?;
        let before = ADA.facts(guest)?;
        let churn = guest.login(ADA.user, CHURN)?;
        ADA.wait_for(guest, "tmux has-session -t =churn")?;
        let moment = below(8000);
        sleep(Duration::from_millis(2000 + moment));
        guest.cut_power();
        drop(churn);
        let between = interrupted(guest, cut)?;
        guest.boot()?;
        let (way, _login) = come_in(guest, cut)?;
        let what = format!(
            "power cut {}, {:.1} s into other work{between}; {way}",
            cut + 1,
            (2000 + moment) as f64 / 1000.0
        );
        say(&format!("all was saved within {} s", took.as_secs()));
        table.row(Told::by(&what, ADA.differs(guest, &before)?));
        guest.run(ADA.user, "tmux kill-session -t =churn")?;
    }
    Ok(())
}

/// Something that goes on all the time.
const CHURN: &str = "tmux new-session -d -s churn; while :; do tmux new-window -t =churn:; tmux send-keys -t =churn: 'seq 100' Enter; \
                     sleep 0.3; tmux kill-window -t =churn:; done";

/// Cuts the power once more, in the middle of something.
fn interrupted(guest: &mut Guest, cut: usize) -> Result<String> {
    match cut % 3 {
        0 => Ok(String::new()),
        1 => {
            let moment = 8 + below(25);
            guest.switch_on()?;
            sleep(Duration::from_secs(moment));
            guest.cut_power();
            Ok(format!(", again {moment} s into the boot"))
        }
        _ => {
            let moment = 1000 + below(6000);
            guest.boot()?;
            let login = guest.login(ADA.user, "tmux")?;
            sleep(Duration::from_millis(moment));
            guest.cut_power();
            drop(login);
            Ok(format!(", again {:.1} s into the restore", moment as f64 / 1000.0))
        }
    }
}

/// The terminal of who comes in: as large as the windows are.
const SIZE: &str = "stty cols 100 rows 31";

/// Somebody comes back, in one way or another.
fn come_in(guest: &mut Guest, way: usize) -> Result<(&'static str, Option<Login>)> {
    match way % 3 {
        0 => Ok(("ssh -t host tmux", Some(guest.login(ADA.user, &format!("{SIZE}; tmux"))?))),
        1 => {
            let login = guest.login(ADA.user, &format!("{SIZE}; evermux attach work"))?;
            ADA.wait_for(guest, "tmux has-session -t =work")?;
            // Only that session came; the rest is for the asking.
            guest.run(ADA.user, "evermux restore")?;
            Ok(("evermux attach work, evermux restore", Some(login)))
        }
        _ => {
            guest.type_at_console("")?;
            guest.wait_for_console("login:")?;
            guest.type_at_console(ADA.user)?;
            guest.wait_for_console("Password:")?;
            guest.type_at_console(ADA.user)?;
            guest.wait_for_console("$")?;
            guest.type_at_console(&format!("{SIZE}; tmux"))?;
            Ok(("console login, tmux", None))
        }
    }
}

/// Orderly ends: the text of the last second is there, and nobody has closed anything.
fn reboot(guest: &mut Guest, table: &mut Table, _: usize) -> Result<()> {
    for (number, verb) in [(101, "reboot"), (102, "poweroff")] {
        let (before, took) = ADA.go_on_until_off(guest, number, verb)?;
        table.row(not_closed(guest, verb)?);
        let _login = come_in(guest, 0)?;
        let what = format!("{verb} ({} s) a second after the last key", took.as_secs());
        table.row(Told::by(&what, ADA.differs(guest, &before)?));
    }
    Ok(())
}

/// Whether evermux takes the end of the machine for what it was.
fn not_closed(guest: &Guest, verb: &str) -> Result<Told> {
    let why = guest.ok(ADA.user, "evermux list --why")?;
    let back = why.split("It leaves out:").next().unwrap_or_default();
    let what = format!("what {verb} means for the sessions");
    Ok(match ["  work (", "  other ("].iter().all(|name| back.contains(name)) {
        true => Told::new(&what, true, "both are to come back"),
        false => Told::new(&what, false, format!("\n{why}")),
    })
}

/// Two users and two servers, and four terminals at once.
fn users(guest: &mut Guest, table: &mut Table, _: usize) -> Result<()> {
    // He has not been there since the power went away first.
    let login = guest.login(BOB.user, &format!("{SIZE}; tmux"))?;
    BOB.wait_for(guest, "tmux has-session -t =work")?;
    BOB.wait_for(guest, "evermux status --line | grep -q ^saved")?;
    drop(login);
    SECOND.begin(guest)?;
    guest.ok(ADA.user, "evermux -L second keeper watch")?;
    let all = [ADA, SECOND, BOB];
    let mut before = Vec::new();
    for work in &all {
        work.go_on(guest, 201)?;
        work.wait_until_saved(guest)?;
        before.push(work.facts(guest)?);
    }
    let save = guest.run(ADA.user, "evermux save")?;
    guest.cut_power();
    guest.boot()?;
    let begun = Instant::now();
    let mut logins = Vec::new();
    for _ in 0..4 {
        logins.push(guest.login(ADA.user, &format!("{SIZE}; tmux"))?);
    }
    logins.push(guest.login(ADA.user, &format!("{SIZE}; tmux -L second"))?);
    logins.push(guest.login(BOB.user, &format!("{SIZE}; tmux"))?);
    table.row(match save.status {
        Some(0) => Told::new("ssh host evermux save", true, save.text.trim()),
        status => Told::new("ssh host evermux save", false, format!("{status:?} {}", save.text)),
    });
    let names =
        ["four terminals at once", "another server at the same time", "another user at the same time"];
    for ((work, name), before) in all.iter().zip(names).zip(&before) {
        let lacks = work.lacks(guest, before)?;
        table.row(Told::by(&format!("{name}: within {} s", begun.elapsed().as_secs()), lacks));
    }
    let clients = guest.ok(ADA.user, "tmux list-clients -F '#{session_name}' | sort | tr '\\n' ' '")?;
    let both = ["work", "other"].iter().all(|name| clients.split(' ').any(|client| client == *name));
    let what = "where the four terminals are";
    table.row(Told::new(what, both && clients.split_whitespace().count() == 4, clients.trim()));
    drop(logins);
    guest.run(ADA.user, "tmux -L second kill-server; evermux -L second keeper leave")?;
    Ok(())
}

/// The last login ends where that ends everything (`KillUserProcesses=yes`).
fn logout(guest: &mut Guest, table: &mut Table, _: usize) -> Result<()> {
    // The terminals of before have left sessions of their own.
    guest.run(ADA.user, "for name in $(tmux list-sessions -F '#{session_name}' | grep '^[0-9]'); do tmux kill-session -t =$name; done")?;
    guest.ok("root", "mkdir -p /etc/systemd/logind.conf.d; printf '[Login]\\nKillUserProcesses=yes\\n' > /etc/systemd/logind.conf.d/vm.conf; systemctl restart systemd-logind")?;
    // Only sessions that begin from now on end so: begin anew.
    guest.shut_down("", "reboot")?;
    guest.boot()?;
    let login = guest.login(ADA.user, &format!("{SIZE}; tmux"))?;
    ADA.wait_for(guest, "tmux has-session -t =work && tmux has-session -t =other")?;
    ADA.wait_for(guest, "evermux status --line | grep -q ^saved")?;
    ADA.go_on(guest, 301)?;
    let before = ADA.facts(guest)?;
    drop(login);
    let end = Instant::now() + Duration::from_secs(120);
    while !guest.run("root", "ps -u ada -o args=")?.text.trim().is_empty() {
        ensure!(Instant::now() < end, "something of the user's goes on");
        sleep(Duration::from_secs(2));
    }
    table.row(not_closed(guest, "the last logout")?);
    let (_, login) = come_in(guest, 0)?;
    table.row(Told::by("the last login ends everything", ADA.differs(guest, &before)?));
    drop(login);
    guest.ok("root", "rm /etc/systemd/logind.conf.d/vm.conf")?;
    Ok(())
}

/// The server as a service: there at boot, saved in the right order at shutdown.
fn service(guest: &mut Guest, table: &mut Table, _: usize) -> Result<()> {
    guest.ok(
        "root",
        "loginctl enable-linger ada; printf 'export FROM_PROFILE=yes\\n' >> /home/ada/.profile",
    )?;
    guest.ok(ADA.user, "evermux install --yes --tmux-service")?;
    guest.shut_down("", "reboot")?;
    guest.boot()?;
    for number in [401, 402] {
        let end = Instant::now() + Duration::from_secs(90);
        let ask = "runuser -u ada -- tmux has-session -t =work";
        while guest.run("root", ask)?.status != Some(0) && Instant::now() < end {
            sleep(Duration::from_secs(1));
        }
        let verb = if number == 401 { "poweroff" } else { "reboot" };
        let (before, _) = ADA.go_on_until_off(guest, number, verb)?;
        table.row(Told::by(
            "tmux.service: off a second after the last key, there at boot",
            ADA.differs(guest, &before)?,
        ));
    }
    let environment =
        guest.ok(ADA.user, "tmux show-environment -g FROM_PROFILE; tmux show-environment -g PATH")?;
    table.row(Told::new(
        "its environment",
        environment.contains("FROM_PROFILE=yes"),
        environment.trim().replace('\n', ", "),
    ));
    let order = guest.ok("root", ORDER)?;
    let first = |what: &str| order.lines().position(|line| line.contains(what));
    table.row(Told::new(
        "the order at shutdown",
        first("Stopped evermux.service").is_some()
            && first("Stopped evermux.service") < first("Stopping tmux.service"),
        order.trim().replace('\n', "; "),
    ));
    let doctor = guest.run(ADA.user, "evermux doctor")?;
    table.row(Told::new("doctor", doctor.status == Some(0), doctor.text.lines().last().unwrap_or_default()));
    Ok(())
}

/// What the user's systemd said of both services when the machine stopped last.
const ORDER: &str = "journalctl --boot=-1 --no-pager --output=cat \
                     | grep -E '^Stopp(ing|ed) (evermux|tmux).service' | sed 's/ - .*//' | tail -n 4";

/// Everything is taken back; the server lives on.
fn uninstall(guest: &mut Guest, table: &mut Table, _: usize) -> Result<()> {
    let before = ADA.facts(guest)?;
    guest.ok(ADA.user, "evermux uninstall --yes")?;
    table.row(Told::by("uninstall: the sessions", ADA.differs(guest, &before)?));
    let left = guest.run(ADA.user, LEFT)?.text;
    table.row(Told::new("uninstall: what is left", left.trim().is_empty(), left.trim()));
    Ok(())
}

/// Everything of evermux that is left, but for what was saved.
const LEFT: &str = "find ~ -iname '*evermux*' -not -path '*/.local/state/*'; grep -l evermux ~/.tmux.conf ~/.config -r 2>/dev/null; \
                    systemctl --user list-unit-files --no-legend | grep evermux; pgrep -u ada -a evermux; tmux show-hooks -g | grep evermux; \
                    tmux list-keys | grep evermux";

/// A number that nobody can foresee.
fn below(limit: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::from(now.subsec_micros()) % limit
}
