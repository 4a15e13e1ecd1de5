//! The skeleton of a restore: sessions, windows and panes in their places and sizes, before any text.
//!
//! All of it is one command file, in groups of a few panes. A group runs in one turn of tmux's loop, so what it
//! changes for a moment (the default shell, the user's hooks) nobody ever sees; between groups tmux serves others.
//! Sessions are made under a name of our own, by which everything is targeted; their real names come when everything
//! stands. All panes are made before any text comes: a fork
//! of a server that holds much text is ten times dearer.

mod made;
mod sessions;
mod windows;

use std::collections::HashMap;
use std::path::Path;

use bstr::BString;

pub(super) use self::made::{Made, MadePane};
pub(super) use self::sessions::{
    HistoryLimit, early_history_limit, early_options, is_working_name, live_history_limit, set_environment,
};
use super::hooks::Hooks;
use crate::model::TmuxVersion;
use crate::plan::{Plan, PlannedPane, PlannedSession, Run, WindowPlace};
use crate::tmux::{Command, Script, command};

/// How many panes a group makes: a pane costs tmux 1 to 2 ms (the fork), and a group shall not take longer than 10.
const PANES_OF_A_GROUP: usize = 5;

/// Rows of history beyond those it held that a pane gets which held more than its limit: a tenth would be cut with the
/// first line that its prompt scrolls away.
const HISTORY_MARGIN: u32 = 100;

pub(super) const HISTORY_LIMIT: &str = "history-limit";

/// The options that mark what an unfinished restore has made; their value is the restore's id. Three names, because
/// a format looks an option up in the pane, its window and its session, in this order.
pub const SESSION_TAG: &str = "@evermux-restore-session";
pub(super) const WINDOW_TAG: &str = "@evermux-restore-window";
pub(super) const PANE_TAG: &str = "@evermux-restore-pane";

/// What the skeleton must know of the server.
pub(super) struct Ground<'a> {
    pub(super) version: TmuxVersion,
    /// Hexadecimal digits: the restore's id.
    pub(super) id: &'a str,
    pub(super) hooks: &'a Hooks,
    /// The global `default-shell`.
    pub(super) shell: BString,
    /// The global `history-limit`, as it is going to be.
    pub(super) history_limit: u32,
    /// The global `base-index`.
    pub(super) base_index: u32,
    /// The global `pane-base-index`.
    pub(super) pane_base_index: u32,
    /// Whether a pane that was marked is marked again.
    pub(super) mark: bool,
    /// The link to put in place of a shell while panes are made; none: panes are not held.
    pub(super) gate: &'a dyn Fn(&BString) -> Option<&'a Path>,
}

/// Writes the skeleton of a plan.
pub(super) struct Skeleton<'a> {
    plan: &'a Plan,
    ground: &'a Ground<'a>,
    script: Script,
    group: Script,
    panes: usize,
    /// Whether some pane of the group is to be held.
    held: bool,
    /// `default-shell` of the panes of the group, and the history they need.
    shell: BString,
    history: u32,
    /// How the windows made so far are targeted, by position.
    homes: HashMap<usize, String>,
}

impl<'a> Skeleton<'a> {
    /// The commands that make what `plan` makes; their output is read by [`Made::read`].
    pub(super) fn write(plan: &'a Plan, ground: &'a Ground<'a>) -> Script {
        let mut skeleton = Self {
            plan,
            ground,
            script: Script::default(),
            group: Script::default(),
            panes: 0,
            held: false,
            shell: ground.shell.clone(),
            history: ground.history_limit,
            homes: HashMap::new(),
        };
        skeleton.global_history_limit();
        for (position, session) in plan.sessions.iter().enumerate() {
            skeleton.session(position, session);
        }
        for (position, window) in plan.windows.iter().enumerate() {
            if let WindowPlace::Live { .. } = &window.place {
                skeleton.complete_window(position, window);
            }
        }
        skeleton.end_group();
        skeleton.script
    }

    fn push(&mut self, command: Command) {
        self.group.push(command);
    }

    /// Sets the global limit first where it reaches living panes, if it is to come back.
    fn global_history_limit(&mut self) {
        let limits = self.plan.globals.iter().filter(|(_, option)| option.name == HISTORY_LIMIT);
        for (_, option) in limits.filter(|_| live_history_limit(self.ground.version)) {
            let set = command("set-option").word("-g").word(HISTORY_LIMIT);
            self.push(set.word(option.value.as_deref().map_or(&b""[..], |value| value.as_ref())));
        }
    }

    /// Makes a pane, which `target` then means, and gives it in the same turn its identity, by which the next restore
    /// knows that it is there. If tmux cannot make it, that pane is another one, and nothing of this may reach it: a
    /// chain ends with the first command that fails.
    fn make(
        &mut self,
        new: Command,
        target: &str,
        pane: &PlannedPane,
        rest: impl IntoIterator<Item = Command>,
    ) {
        let set = |name: &str| command("set-option").word("-p").value("-t", target).word(name);
        let identity = set(crate::model::PaneIdentity::OPTION).word(pane.pane.identity.to_string());
        let remain = (pane.run == Run::Dead).then(|| set("remain-on-exit").word("on"));
        self.group.push_chain([new, identity].into_iter().chain(remain).chain(rest));
        self.panes += 1;
    }

    fn make_room(&mut self, session: &PlannedSession, pane: &PlannedPane) {
        self.begin_group_for(pane, self.plan.shell(session).cloned());
    }

    /// Ends the group if this pane does not fit into it, and notes what it needs.
    fn begin_group_for(&mut self, pane: &PlannedPane, shell: Option<BString>) {
        let shell = shell.unwrap_or_else(|| self.ground.shell.clone());
        if self.panes >= PANES_OF_A_GROUP || (self.panes > 0 && shell != self.shell) {
            self.end_group();
        }
        self.shell = shell;
        self.held |= pane.is_held();
        self.history = self.history.max(history_needed(pane));
    }

    /// Writes the group with what surrounds it, and a pause in which tmux serves others.
    fn end_group(&mut self) {
        if self.group.is_empty() {
            return;
        }
        let ground = self.ground;
        self.script.begin_block();
        for command in ground.hooks.take_away() {
            self.script.push(command);
        }
        let gate = (ground.gate)(&self.shell)
            .filter(|_| self.held)
            .map(|path| path.as_os_str().as_encoded_bytes().to_owned());
        let global =
            |name: &str, value: &[u8]| command("set-option").word("-g").end_of_flags().word(name).word(value);
        let shell = gate.as_deref().unwrap_or(&self.shell);
        let other_shell = *shell != **ground.shell;
        if other_shell {
            // A session's own shell would be taken instead of the global one. New ones get theirs in the end.
            for (session, _) in &self.plan.shells {
                let unset = command("set-option").word("-u").value("-t", session.to_string());
                self.script.push(unset.word("default-shell"));
            }
            self.script.push(global("default-shell", shell));
        }
        // Up to 3.6 a pane takes its limit when it is made (see `early_history_limit`).
        let raise = self.history > ground.history_limit && !live_history_limit(ground.version);
        if raise {
            self.script.push(global("history-limit", self.history.to_string().as_bytes()));
        }
        self.script.append(&self.group);
        if raise {
            self.script.push(global("history-limit", ground.history_limit.to_string().as_bytes()));
        }
        if other_shell {
            self.script.push(global("default-shell", &ground.shell));
            for (session, shell) in &self.plan.shells {
                let set = command("set-option").value("-t", session.to_string());
                self.script.push(set.word("default-shell").word(shell));
            }
        }
        for command in ground.hooks.put_back() {
            self.script.push(command);
        }
        self.script.end_block();
        self.script.pause(ground.version);
        self.group.clear();
        self.panes = 0;
        self.held = false;
        self.history = ground.history_limit;
    }
}

/// The history limit that a pane needs. It can hold more than its limit: what a narrower window wrapped anew is not
/// cut before the next line.
fn history_needed(pane: &PlannedPane) -> u32 {
    let limit = pane.pane.history_limit;
    let held = pane.pane.text.as_ref().map_or(0, |text| text.mark.history_size);
    if held >= limit { held.saturating_add(HISTORY_MARGIN) } else { limit }
}
