//! What a restore does with what it has made: names and focus as soon as everything stands, so that whoever comes now
//! finds their sessions ([`stand`]); options, titles and the way back of what was only for the building when the text is
//! there, too ([`write()`]).
//!
//! Everything is targeted by live id, so nothing depends on names any more.

use std::collections::HashSet;

use bstr::BString;

use super::hooks::Hooks;
use super::quiet;
use super::skeleton::{
    HISTORY_LIMIT, HistoryLimit, Made, PANE_TAG, SESSION_TAG, WINDOW_TAG, early_options, live_history_limit,
};
use crate::model::{OptionEntry, PaneId, SessionId, TmuxVersion};
use crate::plan::{Leader, Plan, PlannedSession, PlannedWindow, Run, Scope, SessionPlace, WindowPlace};
use crate::problem::{Problem, Subject};
use crate::text::names::{Inexact, WindowNaming, pane_title, session_name, window_name};
use crate::tmux::{Command, Script, command};

/// How many commands run between two pauses: one costs tmux 5 to 20 us, and every option a redraw of each client.
const COMMANDS_OF_A_GROUP: usize = 100;

/// What finishing must know of the server.
pub(super) struct Ground<'a> {
    pub(super) version: TmuxVersion,
    pub(super) hooks: &'a Hooks,
    /// What `history-limit` a new session has got.
    pub(super) history_limit: &'a dyn Fn(&PlannedSession) -> Option<HistoryLimit>,
    /// The panes that tmux knows to be dead. One of which it does not know yet would be closed without
    /// `remain-on-exit`.
    pub(super) dead: &'a HashSet<PaneId>,
    /// The global `destroy-unattached`.
    pub(super) destroy_unattached: BString,
    /// Sessions of no use that kept the server alive.
    pub(super) beginnings: &'a [SessionId],
}

/// The commands that give what `made` holds of `plan` its names and its focus, move clients to it and end what gives way,
/// and what they leave out. From then on everything can be found and used; it stays tagged until [`write()`].
pub(super) fn stand(plan: &Plan, made: &Made, ground: &Ground<'_>) -> (Script, Vec<Problem>) {
    let mut finish = Finish::new(plan, made, ground);
    for (position, window) in plan.windows.iter().enumerate() {
        finish.window_name(position, window);
    }
    for (position, session) in plan.sessions.iter().enumerate() {
        if session.place == SessionPlace::New {
            finish.focus(position, session);
        }
    }
    // Clients move, and old sessions go, before the new ones take their names.
    finish.end_group();
    finish.hand_over();
    finish.name_sessions();
    finish.end_group();
    (finish.script, finish.problems)
}

/// The commands that finish what [`stand`] left, and what they leave out. Options come after the text, which no
/// `monitor-activity` is to notice.
pub(super) fn write(plan: &Plan, made: &Made, ground: &Ground<'_>) -> (Script, Vec<Problem>) {
    let mut finish = Finish::new(plan, made, ground);
    finish.server();
    for (position, window) in plan.windows.iter().enumerate() {
        finish.window(position, window);
    }
    for (position, session) in plan.sessions.iter().enumerate() {
        if session.place == SessionPlace::New {
            finish.session(position, session);
        }
    }
    finish.clean();
    finish.end_group();
    (finish.script, finish.problems)
}

struct Finish<'a> {
    plan: &'a Plan,
    made: &'a Made,
    ground: &'a Ground<'a>,
    script: Script,
    group: Script,
    commands: usize,
    problems: Vec<Problem>,
}

impl<'a> Finish<'a> {
    fn new(plan: &'a Plan, made: &'a Made, ground: &'a Ground<'a>) -> Self {
        Self {
            plan,
            made,
            ground,
            script: Script::default(),
            group: Script::default(),
            commands: 0,
            problems: Vec::new(),
        }
    }

    fn push(&mut self, command: Command) {
        self.group.push(command);
        self.commands += 1;
    }

    fn pause_if_long(&mut self) {
        if self.commands >= COMMANDS_OF_A_GROUP {
            self.end_group();
        }
    }

    fn end_group(&mut self) {
        if self.group.is_empty() {
            return;
        }
        self.script.append(&self.ground.hooks.without(&self.group));
        self.script.pause(self.ground.version);
        self.group.clear();
        self.commands = 0;
    }

    fn problem(&mut self, subject: Subject, what: String) {
        self.problems.push(Problem::new(subject, what));
    }

    /// What belongs to no session.
    fn server(&mut self) {
        let version = self.ground.version;
        let late = |option: &OptionEntry| option.name != HISTORY_LIMIT || !live_history_limit(version);
        for (scope, option) in self.plan.globals.iter().filter(|(_, option)| late(option)) {
            let scope = match scope {
                Scope::Server => "-s",
                Scope::Session => "-g",
                Scope::Window => "-gw",
            };
            let value = option.value.as_deref().map_or(&b""[..], |value| value.as_ref());
            self.push(command("set-option").word(scope).end_of_flags().word(&option.name).word(value));
        }
        for buffer in &self.plan.buffers {
            self.push(command("set-buffer").value("-b", &buffer.name).end_of_flags().word(&buffer.content));
        }
    }

    fn window(&mut self, position: usize, planned: &PlannedWindow) {
        let Some(id) = self.made.windows.get(&position).map(ToString::to_string) else { return };
        if planned.place == WindowPlace::New {
            self.options(Some("-w"), &id, &planned.window.options, planned.own, &planned.label.0);
        }
        for (within, pane) in planned.panes.iter().enumerate() {
            let Some(live) = self.made.panes.get(&(position, within)) else { continue };
            let target = live.id.to_string();
            let title = pane_title(pane.pane.title.as_ref(), self.ground.version);
            self.push(command("select-pane").value("-t", &target).value("-T", &title.argument));
            let (remains, others): (Vec<_>, Vec<_>) =
                pane.pane.options.iter().cloned().partition(|option| option.name == "remain-on-exit");
            self.options(Some("-p"), &target, &others, planned.own, &planned.label.0);
            if pane.run == Run::Dead && !self.ground.dead.contains(&live.id) {
                let subject = Subject::Pane(planned.label.0.to_string(), planned.label.1, pane.position);
                let what = "its end was not seen yet: the option remain-on-exit is left switched on for it";
                self.problem(subject, what.to_owned());
            } else if pane.run == Run::Dead && remains.is_empty() {
                self.push(command("set-option").word("-pu").value("-t", &target).word("remain-on-exit"));
            } else {
                self.options(Some("-p"), &target, &remains, planned.own, &planned.label.0);
            }
            if pane.pane.input_off {
                self.push(command("select-pane").word("-d").value("-t", &target));
            }
            self.pause_if_long();
        }
    }

    fn window_name(&mut self, position: usize, planned: &PlannedWindow) {
        let (WindowPlace::New, Some(id)) = (&planned.place, self.made.windows.get(&position)) else { return };
        let id = id.to_string();
        let naming = window_name(planned.window.name.as_ref(), self.ground.version);
        let subject = Subject::Window(planned.label.0.to_string(), planned.label.1);
        self.inexact(subject, naming.recipe.inexact);
        if naming.command == WindowNaming::Rename {
            let rename = command("rename-window").value("-t", &id).end_of_flags();
            self.push(rename.word(&naming.recipe.argument));
        }
        // Giving a name switches automatic-rename off for the window; what was set on it comes with its options, which is
        // too late if that is off.
        let own = planned.window.options.iter().find(|option| option.name == "automatic-rename");
        if own.is_none_or(|own| own.value.as_ref().is_none_or(|value| value != "off")) {
            self.push(command("set-option").word("-wu").value("-t", &id).word("automatic-rename"));
        }
        self.pause_if_long();
    }

    /// The windows of a session that were visited, in their order.
    fn focus(&mut self, position: usize, planned: &PlannedSession) {
        let Some(id) = self.made.sessions.get(&position).map(ToString::to_string) else { return };
        let index = |saved: u32| match planned.joins {
            // A session that joined a group has the indexes of the group.
            Some(_) => Some(saved),
            None => {
                let link = planned.links.iter().find(|link| link.was.unwrap_or(link.index) == saved)?;
                Some(link.index)
            }
        };
        // From the current window, which is current already, through those visited before, back to it.
        let last = &planned.session.last;
        let back = (!last.is_empty() || matches!(planned.joins, Some(Leader::Live(_))))
            .then_some(&planned.session.active);
        let order = last.iter().rev().chain(back);
        for window in order.filter_map(|&saved| index(saved)) {
            self.push(command("select-window").value("-t", format!("{id}:{window}")));
        }
        self.pause_if_long();
    }

    fn session(&mut self, position: usize, planned: &PlannedSession) {
        let Some(id) = self.made.sessions.get(&position).map(ToString::to_string) else { return };
        let early: Vec<&OptionEntry> = match planned.joins {
            None => early_options(planned).collect(),
            Some(_) => Vec::new(),
        };
        self.push(command("set-option").word("-u").value("-t", &id).word("renumber-windows"));
        let stays = self.destroy_unattached(planned, &id);
        let limited = live_history_limit(self.ground.version);
        let done = |option: &&OptionEntry| {
            early.contains(option)
                || stays && option.name == "destroy-unattached"
                || limited && option.name == HISTORY_LIMIT
        };
        let late = |option: &&OptionEntry| !done(option);
        let options: Vec<OptionEntry> = planned.session.options.iter().filter(late).cloned().collect();
        self.options(None, &id, &options, planned.own, &planned.session.name);
        self.history_limit(planned);
        if planned.joins.is_some() {
            for entry in &planned.session.environment {
                self.push(super::skeleton::set_environment(&id, entry));
            }
        }
        self.pause_if_long();
    }

    /// tmux closes a session at once that has this option and no client. Whether it stays switched off.
    fn destroy_unattached(&mut self, planned: &PlannedSession, id: &str) -> bool {
        let own = planned.session.options.iter().find(|option| option.name == "destroy-unattached");
        let own = own.and_then(|option| option.value.as_ref());
        if own.unwrap_or(&self.ground.destroy_unattached) == "off" {
            self.push(command("set-option").word("-u").value("-t", id).word("destroy-unattached"));
            return false;
        }
        let subject = Subject::Session(planned.session.name.to_string());
        let what = "the option destroy-unattached is left switched off on it: nobody is attached yet";
        self.problem(subject, what.to_owned());
        true
    }

    fn history_limit(&mut self, planned: &PlannedSession) {
        let own = planned.session.options.iter().any(|option| option.name == HISTORY_LIMIT);
        let what = match (self.ground.history_limit)(planned) {
            Some(HistoryLimit { value, own: false }) => {
                format!("the option history-limit {value} is left set on it")
            }
            None if own && live_history_limit(self.ground.version) => {
                "the option history-limit is not set on it: tmux would cut the text of living panes"
                    .to_owned()
            }
            _ => return,
        };
        self.problem(Subject::Session(planned.session.name.to_string()), what);
    }

    fn options(
        &mut self,
        scope: Option<&str>,
        target: &str,
        options: &[OptionEntry],
        own: bool,
        session: &BString,
    ) {
        for option in options {
            if !own && (runs_something(option) || option.name.starts_with(b"@evermux-")) {
                let subject = Subject::Session(session.to_string());
                self.problem(
                    subject,
                    format!("the option {} comes from elsewhere and is not set", option.name),
                );
                continue;
            }
            let mut set = command("set-option");
            if let Some(scope) = scope {
                set = set.word(scope);
            }
            set = set.value("-t", target).end_of_flags().word(&option.name);
            // No value: an array that is set but empty.
            self.push(set.word(option.value.as_deref().map_or(&b""[..], |value| value.as_ref())));
        }
    }

    /// Moves clients to what they are shown instead, and closes what gives way.
    fn hand_over(&mut self) {
        let made = self.made;
        for beginning in self.ground.beginnings {
            quiet::end_session(&beginning.to_string(), []).for_each(|command| self.push(command));
        }
        for closing in &self.plan.closing {
            let Some(successor) = made.sessions.get(&closing.successor) else { continue };
            for client in &closing.clients {
                self.push(command("switch-client").value("-c", client).value("-t", successor.to_string()));
            }
            // A client that came to it only just now moves on, too.
            let stay = command("set-option").value("-t", closing.session.to_string());
            self.push(stay.word("detach-on-destroy").word("off"));
            quiet::end_session(&closing.session.to_string(), []).for_each(|command| self.push(command));
        }
    }

    fn name_sessions(&mut self) {
        for (position, planned) in self.plan.sessions.iter().enumerate() {
            let (SessionPlace::New, Some(id)) = (planned.place, self.made.sessions.get(&position)) else {
                continue;
            };
            let recipe = session_name(planned.session.name.as_ref(), self.ground.version);
            self.inexact(Subject::Session(planned.session.name.to_string()), recipe.inexact);
            let rename = command("rename-session").value("-t", id.to_string()).end_of_flags();
            self.push(rename.word(&recipe.argument));
        }
    }

    fn inexact(&mut self, subject: Subject, why: Option<Inexact>) {
        if let Some(why) = why {
            self.problem(subject, format!("its name cannot be given exactly: {why}"));
        }
    }

    /// Removes shadows and tags: from here on everything is the user's.
    fn clean(&mut self) {
        self.end_group();
        let unset = |scope: &str, target: &str, tag: &str| {
            command("set-option").word(scope).value("-t", target).word(tag)
        };
        for (position, window) in self.plan.windows.iter().enumerate() {
            let Some(id) = self.made.windows.get(&position).map(ToString::to_string) else { continue };
            if window.place == WindowPlace::New {
                self.ground.hooks.shadow_window(&id, true).for_each(|command| self.group.push(command));
                self.push(unset("-wu", &id, WINDOW_TAG));
                self.pause_if_long();
                continue;
            }
            for within in 0..window.panes.len() {
                if let Some(pane) = self.made.panes.get(&(position, within)) {
                    self.push(unset("-pu", &pane.id.to_string(), PANE_TAG));
                }
            }
        }
        for (position, session) in self.plan.sessions.iter().enumerate() {
            if let (SessionPlace::New, Some(id)) = (session.place, self.made.sessions.get(&position)) {
                let id = id.to_string();
                self.ground.hooks.shadow_session(&id, true).for_each(|command| self.group.push(command));
                self.push(unset("-u", &id, SESSION_TAG));
            }
        }
    }
}

/// Whether tmux would run this option's value: these come back only from this machine's own store.
fn runs_something(option: &OptionEntry) -> bool {
    const COMMANDS: [&str; 5] =
        ["default-shell", "default-command", "lock-command", "copy-command", "editor"];
    let value = option.value.as_deref().map_or(&b""[..], |value| value.as_ref());
    COMMANDS.iter().any(|name| option.name == *name) || value.windows(2).any(|pair| pair == b"#(")
}
