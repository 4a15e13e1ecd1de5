//! Sessions of the skeleton: how they begin, their groups, and what must be set before their first pane starts.

use bstr::{BString, ByteSlice};

use super::super::quiet;
use super::made::Record;
use super::{Ground, HISTORY_LIMIT, SESSION_TAG, Skeleton, history_needed};
use crate::model::{EnvironmentEntry, OptionEntry, TmuxVersion};
use crate::plan::{Leader, LinkedWindow, Plan, PlannedSession, SessionPlace};
use crate::text::names::session_name;
use crate::tmux::{Command, command};

impl Skeleton<'_> {
    pub(super) fn session(&mut self, position: usize, planned: &PlannedSession) {
        let target = match (planned.place, planned.joins) {
            (SessionPlace::Live(id), _) => format!("{id}:"),
            // It came with its leader.
            (SessionPlace::New, Some(Leader::Planned(_))) => return,
            (SessionPlace::New, _) => self.new_session(position, planned),
        };
        // Members come before the windows do: the one that is current when they join would count as visited.
        let plan = self.plan;
        let members = plan.members(position).map(|(at, member)| (member, self.new_session(at, member)));
        let members: Vec<(&PlannedSession, String)> = members.collect();
        for link in &planned.links {
            let place = format!("{target}{}", link.index);
            match link.window {
                LinkedWindow::Live(window) => {
                    self.push(
                        command("link-window").word("-d").value("-s", window.to_string()).value("-t", place),
                    );
                }
                LinkedWindow::Planned(window) => match self.homes.get(&window).cloned() {
                    Some(home) => {
                        self.push(command("link-window").word("-d").value("-s", home).value("-t", place));
                    }
                    None => self.new_window(window, &place, planned),
                },
            }
        }
        if planned.place == SessionPlace::New && planned.joins.is_none() {
            // The window every new session begins with has done its work. The current one is chosen first: a window
            // that is visited only on the way to it would count as visited.
            for (session, target) in [(planned, target.clone())].iter().chain(&members) {
                self.push(command("select-window").value("-t", format!("{target}{}", current(session))));
            }
            self.push(command("kill-window").value("-t", format!("{target}{}", placeholder_index(planned))));
            if planned.session.group.is_some() {
                let second = format!("={}:", founder(self.ground.id, position));
                let number = format!("{}-g{position}", self.ground.id);
                quiet::end(&second, &number, []).for_each(|command| self.push(command));
            }
        }
        self.end_group();
    }

    /// Makes a session and returns its target. It begins with a window of no use: the session's environment, shell
    /// and command must be set before its first real pane starts, and that window may be a link.
    fn new_session(&mut self, position: usize, planned: &PlannedSession) -> String {
        let name = working_name(self.ground.id, position);
        let target = format!("={name}:");
        let size = self.first_size(planned);
        let mut new = command("new-session").word("-d").value("-s", &name);
        match planned.joins {
            Some(Leader::Live(id)) => new = new.value("-t", id.to_string()),
            Some(Leader::Planned(leader)) => {
                new = new.value("-t", format!("={}", working_name(self.ground.id, leader)));
            }
            None => {
                new = new.value("-x", size.0.to_string()).value("-y", size.1.to_string());
            }
        }
        new = new.literal("-c", &planned.session.directory);
        let slot = [Some(position), None, None];
        new = new.word("-P").value("-F", Record::format(self.ground.id, slot));
        if planned.joins.is_none() {
            new = new.word("cat").word("-");
        }
        self.push(new);
        self.push(command("set-option").value("-t", &target).word(SESSION_TAG).word(self.ground.id));
        // What would close the session, or move its windows, while it is built.
        for name in ["destroy-unattached", "renumber-windows"] {
            self.push(command("set-option").value("-t", &target).word(name).word("off"));
        }
        self.history_limit(&target, planned);
        self.shield(&target);
        if planned.joins.is_none() {
            self.push(command("set-option").word("-u").value("-t", &target).word("default-size"));
            if placeholder_index(planned) != self.ground.base_index {
                let far = format!("{target}{}", placeholder_index(planned));
                self.push(command("move-window").word("-d").value("-s", &target).value("-t", far));
            }
            self.environment(&target, planned);
            self.early_options(&target, planned);
            if let Some(group) = &planned.session.group {
                self.found_group(&name, position, group);
            }
        }
        target
    }

    /// Lets no hook of the user's run in a session that is being made.
    fn shield(&mut self, target: &str) {
        for shadow in self.ground.hooks.shadow_session(target, false) {
            self.group.push(shadow);
        }
    }

    /// A group is named after its first member as that is called when a second one joins. (`new-session -t NAME`
    /// would join any session whose name merely begins so, and no target means a session with a `:` in its name.)
    /// What a hook does is done to the session whose hook it is, however that is called by then.
    fn found_group(&mut self, name: &str, position: usize, group: &BString) {
        const HOOK: &str = "alert-bell";
        let target = format!("={name}:");
        let second = founder(self.ground.id, position);
        let recipe = session_name(group.as_ref(), self.ground.version);
        let rename = |name: &[u8]| command("rename-session").end_of_flags().word(name);
        let founding = [
            rename(&recipe.argument),
            command("new-session").word("-d").value("-s", &second).value("-t", ":"),
            rename(name.as_bytes()),
        ];
        for (position, step) in founding.into_iter().enumerate() {
            let hook = command("set-hook").value("-t", &target);
            self.push(hook.word(format!("{HOOK}[{position}]")).word(step.text()));
        }
        self.push(command("set-hook").word("-R").value("-t", &target).word(HOOK));
        self.push(command("set-hook").word("-u").value("-t", &target).word(HOOK));
        self.shield(&target);
        let second = format!("={second}:");
        self.push(command("set-option").value("-t", &second).word(SESSION_TAG).word(self.ground.id));
        self.shield(&second);
    }

    fn history_limit(&mut self, target: &str, planned: &PlannedSession) {
        if let Some(limit) = early_history_limit(self.plan, planned, self.ground) {
            self.push(command("set-option").value("-t", target).word("history-limit").word(limit.value));
        }
    }

    /// Variables must be there before the panes that inherit them.
    fn environment(&mut self, target: &str, planned: &PlannedSession) {
        for entry in &planned.session.environment {
            self.push(set_environment(target, entry));
        }
    }

    /// Options that decide what runs in a new pane.
    fn early_options(&mut self, target: &str, planned: &PlannedSession) {
        for option in early_options(planned) {
            if let Some(value) = &option.value {
                self.push(
                    command("set-option").value("-t", target).end_of_flags().word(&option.name).word(value),
                );
            }
        }
    }

    fn first_size(&self, planned: &PlannedSession) -> (u32, u32) {
        let first = planned.links.iter().find_map(|link| match link.window {
            LinkedWindow::Planned(window) => Some(self.plan.windows[window].window.size),
            LinkedWindow::Live(_) => None,
        });
        first.map_or((80, 24), |size| (size.width, size.height))
    }
}

/// The name a planned session has until the restore is done.
fn working_name(id: &str, position: usize) -> String {
    format!("evermux-{id}-{position}")
}

/// Whether this may be the name of a session that some restore was making.
pub(in crate::restore) fn is_working_name(name: &BString) -> bool {
    let parts = name.strip_prefix(b"evermux-").and_then(|rest| rest.split_once_str("-"));
    parts.is_some_and(|(id, position)| {
        id.len() >= 16 && id.iter().all(u8::is_ascii_hexdigit) && position.iter().all(u8::is_ascii_digit)
    })
}

/// The name of the session with which a group is founded.
fn founder(id: &str, position: usize) -> String {
    format!("evermux-{id}-g{position}")
}

/// Sets a variable in a session's environment, or marks it as removed.
pub(in crate::restore) fn set_environment(target: &str, entry: &EnvironmentEntry) -> Command {
    let set = command("set-environment").value("-t", target);
    match &entry.value {
        Some(value) => set.end_of_flags().word(&entry.name).word(value),
        None => set.word("-r").end_of_flags().word(&entry.name),
    }
}

/// Options of a session that decide what runs in its panes. Its shell is not among them: while panes are made, the
/// global one stands for it.
pub(in crate::restore) fn early_options(planned: &PlannedSession) -> impl Iterator<Item = &OptionEntry> {
    let own = planned.own;
    planned.session.options.iter().filter(move |option| own && option.name == "default-command")
}

/// The `history-limit` that a new session gets before its panes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::restore) struct HistoryLimit {
    /// What the option is set to.
    pub(in crate::restore) value: BString,
    /// Whether that is the session's own, as it was saved.
    pub(in crate::restore) own: bool,
}

/// The `history-limit` of a new session from tmux 3.7 on: its own, or more if one of its panes needs that.
///
/// There the option reaches living panes: whenever it is set anywhere, each pane of the server gets the limit of a
/// session that it is in, and is cut to that at once; one that holds just as much loses a row (`session_update_history`,
/// `grid_collect_history`). So it is set before there is text and not touched afterwards, and each session of a linked
/// window has enough. Older versions give a pane its limit when it is made.
pub(in crate::restore) fn early_history_limit(
    plan: &Plan,
    planned: &PlannedSession,
    ground: &Ground<'_>,
) -> Option<HistoryLimit> {
    // What joins living sessions has their windows from the beginning: these would be cut.
    if !live_history_limit(ground.version) || matches!(planned.joins, Some(Leader::Live(_))) {
        return None;
    }
    let own = planned.session.options.iter().find(|option| option.name == HISTORY_LIMIT);
    let own = own.and_then(|option| option.value.as_ref());
    let holder = match planned.joins {
        Some(Leader::Planned(leader)) => &plan.sessions[leader],
        _ => planned,
    };
    let windows = holder.links.iter().filter_map(|link| match link.window {
        LinkedWindow::Planned(window) => Some(&plan.windows[window]),
        LinkedWindow::Live(_) => None,
    });
    let needed = windows.flat_map(|window| window.panes.iter().map(history_needed)).max().unwrap_or(0);
    let have = own.map_or(Some(ground.history_limit), |own| own.to_str().ok()?.parse().ok());
    if have.is_none_or(|have| needed <= have) {
        return own.map(|own| HistoryLimit { value: own.clone(), own: true });
    }
    Some(HistoryLimit { value: needed.to_string().into(), own: false })
}

/// Whether setting the option `history-limit` changes living panes.
pub(in crate::restore) fn live_history_limit(version: TmuxVersion) -> bool {
    version.at_least(3, 7)
}

/// The index that the current window has now.
fn current(planned: &PlannedSession) -> u32 {
    let active = planned.session.active;
    let link = planned.links.iter().find(|link| link.was.unwrap_or(link.index) == active);
    link.or(planned.links.first()).map_or(active, |link| link.index)
}

/// An index beyond all of a session's windows.
fn placeholder_index(planned: &PlannedSession) -> u32 {
    planned.links.iter().map(|link| link.index).max().unwrap_or(0).saturating_add(1).min(i32::MAX as u32)
}
