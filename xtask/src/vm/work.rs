//! The work of a user in the machine, and how it is told whether all of it is there.

use std::fmt::Write as _;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::guest::Guest;

/// Two sessions with splits, a zoom and directories.
const BEGIN: &str = "\
tmux new-session -d -s work -n logs -x 100 -y 30 -c /usr/share
tmux split-window -h -t work:logs -c /usr/lib
tmux split-window -v -t work:logs -c /etc
tmux resize-pane -Z -t work:logs.1
tmux new-window -t work -n edit -c /var/log
tmux new-session -d -s other -n two -x 100 -y 30 -c /tmp
";

/// What of a server must be the same again. The text of a pane: the lines that work has left there.
const FACTS: &str = "\
set -e
tmux list-panes -a -f '#{!=:#{session_name},churn}' -F '#{session_name}:#{window_index}.#{pane_index} #{window_name} #{window_active}#{pane_active}#{window_zoomed_flag} #{pane_left},#{pane_top} #{pane_width}x#{pane_height} #{pane_current_path}'
for pane in $(tmux list-panes -a -f '#{!=:#{session_name},churn}' -F '#{session_name}:#{window_index}.#{pane_index}'); do
  echo \"$pane: $(tmux capture-pane -p -J -S - -t $pane | grep ^did- | tr '\\n' ' ')\"
done
";

/// How long the keeper may take until everything is saved, in a machine that is emulated.
const SAVED: Duration = Duration::from_secs(90);

/// How long several logins at once may take until everything is back: the machine has one processor, emulated.
const CROWDED: Duration = Duration::from_secs(300);

/// The work of one user on one server.
#[derive(Clone)]
pub struct Work {
    /// The user.
    pub user: &'static str,
    /// The server's name (`-L`); empty: the default one.
    pub server: &'static str,
}

impl Work {
    /// Makes the sessions.
    ///
    /// # Errors
    /// If tmux does not do it.
    pub fn begin(&self, guest: &Guest) -> Result<()> {
        guest.ok(self.user, &self.script(BEGIN))?;
        Ok(())
    }

    /// Does some work, and has the machine go off at once (`systemctl` VERB); what was there a second after the keys, and how
    /// long it took to go off.
    ///
    /// # Errors
    /// If it does not go off.
    pub fn go_on_until_off(
        &self,
        guest: &mut Guest,
        number: usize,
        verb: &str,
    ) -> Result<(String, Duration)> {
        let script = format!("{}\nsleep 1\n{FACTS}", line(number));
        let quoted = self.script(&script).replace('\'', "'\\''");
        let command = format!("runuser -u {} -- sh -c '{quoted}' > /root/before; sync", self.user);
        let took = guest.shut_down(&command, verb)?;
        guest.boot()?;
        Ok((guest.ok("root", "cat /root/before")?, took))
    }

    /// Does some work: a line in every pane.
    ///
    /// # Errors
    /// If tmux does not do it.
    pub fn go_on(&self, guest: &Guest, number: usize) -> Result<()> {
        let script = line(number);
        guest.ok(self.user, &self.script(&script))?;
        let end = Instant::now() + SAVED;
        let done = format!("did-{number} ");
        while Instant::now() < end {
            let facts = self.facts(guest)?;
            if facts.lines().filter(|text| text.contains(": ")).all(|text| text.contains(&done)) {
                return Ok(());
            }
            sleep(Duration::from_millis(500));
        }
        bail!("{}: the shells do not work", self.user)
    }

    /// Waits until the keeper has saved everything, without asking it to.
    ///
    /// # Errors
    /// If that takes too long.
    pub fn wait_until_saved(&self, guest: &Guest) -> Result<Duration> {
        let (begun, diff) = (Instant::now(), format!("{} diff", self.evermux()));
        let mut said = String::new();
        while begun.elapsed() < SAVED {
            said = guest.run(self.user, &diff)?.text;
            if said.starts_with("Nothing differs") {
                return Ok(begun.elapsed());
            }
            sleep(Duration::from_secs(1));
        }
        bail!("{}: not everything is saved: {said}", self.user)
    }

    /// Waits until a command goes well.
    ///
    /// # Errors
    /// If it never does.
    pub fn wait_for(&self, guest: &Guest, command: &str) -> Result<()> {
        let end = Instant::now() + SAVED;
        while Instant::now() < end {
            if guest.run(self.user, command)?.status == Some(0) {
                return Ok(());
            }
            sleep(Duration::from_millis(500));
        }
        bail!("{}: in vain: {command}", self.user)
    }

    /// What is there.
    ///
    /// # Errors
    /// If no server answers.
    pub fn facts(&self, guest: &Guest) -> Result<String> {
        guest.ok(self.user, &self.script(FACTS))
    }

    /// Waits until what is there is what was there; what differs at the end.
    ///
    /// # Errors
    /// If nobody can log in.
    pub fn differs(&self, guest: &Guest, before: &str) -> Result<Option<String>> {
        self.compare(guest, before, SAVED, |now| now == before)
    }

    /// Waits until what was there is there, whatever else is; what differs at the end.
    ///
    /// # Errors
    /// If nobody can log in.
    pub fn lacks(&self, guest: &Guest, before: &str) -> Result<Option<String>> {
        self.compare(guest, before, CROWDED, |now| {
            before.lines().all(|line| now.lines().any(|other| other == line))
        })
    }

    fn compare(
        &self,
        guest: &Guest,
        before: &str,
        limit: Duration,
        is_well: impl Fn(&str) -> bool,
    ) -> Result<Option<String>> {
        let end = Instant::now() + limit;
        loop {
            let now = guest.run(self.user, &self.script(FACTS))?.text;
            if is_well(&now) {
                return Ok(None);
            }
            if Instant::now() > end {
                return Ok(Some(difference(before, &now)));
            }
            sleep(Duration::from_secs(1));
        }
    }

    /// The words that run evermux for this server.
    pub fn evermux(&self) -> String {
        if self.server.is_empty() { "evermux".to_owned() } else { format!("evermux -L {}", self.server) }
    }

    fn script(&self, script: &str) -> String {
        if self.server.is_empty() {
            script.to_owned()
        } else {
            script.replace("tmux ", &format!("tmux -L {} ", self.server))
        }
    }
}

/// What types a line into every pane.
fn line(number: usize) -> String {
    format!(
        "for pane in $(tmux list-panes -a -F '#{{pane_id}}'); do tmux send-keys -t $pane \" printf 'did-%s\\n' {number}\" Enter; done"
    )
}

/// The lines that are only in one of two texts.
fn difference(before: &str, now: &str) -> String {
    let mut text = String::new();
    for (mark, one, other) in [('-', before, now), ('+', now, before)] {
        for line in one.lines().filter(|line| !other.lines().any(|known| known == *line)) {
            let _ = writeln!(text, "    {mark} {line}");
        }
    }
    text
}
