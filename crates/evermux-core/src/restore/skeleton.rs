//! The skeleton of a restore: sessions, windows and panes in their places and sizes, before any text.
//!
//! All of it is one command file, in groups of a few panes. A group runs in one turn of tmux's loop, so what it
//! changes for a moment (the default shell, the user's hooks) nobody ever sees; between groups tmux serves others.
//! Sessions are made under a name of our own, by which everything is targeted; their real names come last, so a
//! restore that was interrupted can be told from what is finished. All panes are made before any text comes: a fork
//! of a server that holds much text is ten times dearer.

use std::collections::HashMap;
use std::path::Path;

use bstr::{BString, ByteSlice};

use super::hooks::Hooks;
use super::quiet;
use super::script::{Command, Script, command};
use crate::model::{EnvironmentEntry, OptionEntry, PaneId, SessionId, TmuxVersion, WindowId};
use crate::plan::{
    Leader, LinkedWindow, Plan, PlannedPane, PlannedSession, PlannedWindow, Run, SessionPlace, WindowPlace,
};
use crate::text::names::{WindowNaming, session_name, window_name};

/// How many panes a group makes: a pane costs tmux 1 to 2 ms (the fork), and a group shall not take longer than 10.
const PANES_OF_A_GROUP: usize = 5;

/// Rows of history beyond those it held that a pane gets which held more than its limit: a tenth would be cut with the
/// first line that its prompt scrolls away.
const HISTORY_MARGIN: u32 = 100;

/// The options that mark what an unfinished restore has made; their value is the restore's id. Three names, because
/// a format looks an option up in the pane, its window and its session, in this order.
pub(super) const SESSION_TAG: &str = "@evermux-restore-session";
pub(super) const WINDOW_TAG: &str = "@evermux-restore-window";
pub(super) const PANE_TAG: &str = "@evermux-restore-pane";

/// What the skeleton must know of the server.
pub(super) struct Ground<'a> {
    pub(super) version: TmuxVersion,
    /// Sixteen hexadecimal digits: the restore's id.
    pub(super) id: &'a str,
    pub(super) hooks: &'a Hooks,
    /// The global `default-shell`.
    pub(super) shell: BString,
    /// The global `history-limit`.
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

/// Where a made pane lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MadePane {
    pub(super) id: PaneId,
    pub(super) tty: BString,
    pub(super) pid: u32,
}

/// What was made: live ids for the positions of a plan.
#[derive(Clone, Debug, Default)]
pub(super) struct Made {
    pub(super) sessions: HashMap<usize, SessionId>,
    pub(super) windows: HashMap<usize, WindowId>,
    pub(super) panes: HashMap<(usize, usize), MadePane>,
}

impl Made {
    /// Reads the lines that the skeleton's commands print.
    pub(super) fn read(output: &[u8], id: &str) -> Self {
        let mut made = Self::default();
        for record in output.lines().filter_map(|line| Record::read(line, id)) {
            if let Some(position) = record.slot[0] {
                made.sessions.insert(position, record.session);
            }
            if let Some(window) = record.slot[1] {
                made.windows.insert(window, record.window);
                if let Some(pane) = record.slot[2] {
                    made.panes.insert((window, pane), record.pane);
                }
            }
        }
        made
    }
}

/// One line of output: `ID SESSION WINDOW PANE $1 @2 %3 PID TTY`, positions in the plan or `-`, then live ids.
struct Record {
    slot: [Option<usize>; 3],
    session: SessionId,
    window: WindowId,
    pane: MadePane,
}

impl Record {
    const IDS: &'static str = "#{session_id} #{window_id} #{pane_id} #{pane_pid} #{pane_tty}";

    fn format(id: &str, slot: [Option<usize>; 3]) -> String {
        let [session, window, pane] = slot.map(|p| p.map_or("-".to_owned(), |p| p.to_string()));
        format!("{id} {session} {window} {pane} {}", Self::IDS)
    }

    fn read(line: &[u8], id: &str) -> Option<Self> {
        let mut words = line.strip_prefix(id.as_bytes())?.strip_prefix(b" ")?.splitn(8, |&byte| byte == b' ');
        let mut word = || std::str::from_utf8(words.next()?).ok();
        let slot = [word()?.parse().ok(), word()?.parse().ok(), word()?.parse().ok()];
        let (session, window, id) = (word()?.parse().ok()?, word()?.parse().ok()?, word()?.parse().ok()?);
        let (pid, tty) = (word()?.parse().ok()?, word()?.into());
        Some(Self { slot, session, window, pane: MadePane { id, tty, pid } })
    }
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

/// The name a planned session has until the restore is done.
pub(super) fn working_name(id: &str, position: usize) -> String {
    format!("evermux-{id}-{position}")
}

/// The name of the session with which a group is founded.
fn founder(id: &str, position: usize) -> String {
    format!("evermux-{id}-g{position}")
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

    fn session(&mut self, position: usize, planned: &PlannedSession) {
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

    /// From tmux 3.7 the option reaches living panes: it must be there before their text.
    fn history_limit(&mut self, target: &str, planned: &PlannedSession) {
        let ground = self.ground;
        let own = planned.session.options.iter().find(|option| option.name == "history-limit");
        let own = own.and_then(|option| option.value.clone()).filter(|_| ground.version.at_least(3, 7));
        let lasting = || lasting_history_limit(self.plan, planned, ground.version, ground.history_limit);
        if let Some(limit) = own.or_else(|| Some(lasting()?.to_string().into())) {
            self.push(command("set-option").value("-t", target).word("history-limit").word(limit));
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

    fn new_window(&mut self, position: usize, place: &str, session: &PlannedSession) {
        let planned = &self.plan.windows[position];
        self.homes.insert(position, place.to_owned());
        let order = making_order(planned, self.ground.version);
        let active = order.iter().position(|&at| planned.panes[at].position == planned.window.active);
        let active = active.unwrap_or(0);
        // The active pane first, so that none has to be visited that was not; then those behind it, each at the end,
        // then those before it, each at the beginning.
        let sequence = order[active..].iter().chain(order[..active].iter().rev());
        let base = self.ground.pane_base_index;
        for (made, &within) in sequence.enumerate() {
            let pane = &planned.panes[within];
            self.make_room(session, pane);
            let slot = [None, Some(position), Some(within)];
            let before = made >= order.len() - active;
            let index = base.saturating_add(if before { 0 } else { made as u32 });
            let mut new = if made == 0 {
                let mut new = command("new-window").word("-d").value("-t", place);
                if let Some(name) = name_at_creation(planned, self.ground.version) {
                    new = new.value("-n", name);
                }
                new
            } else if before {
                command("split-window").word("-d").word("-b").value("-t", format!("{place}.{base}"))
            } else {
                command("split-window").word("-d").value("-t", format!("{place}.{}", index - 1))
            };
            new = new
                .literal("-c", &pane.directory)
                .word("-P")
                .value("-F", Record::format(self.ground.id, slot));
            self.make(with_command(new, &pane.run), &format!("{place}.{index}"), pane, None);
            if made == 0 {
                self.new_window_set_up(place, planned);
            } else {
                // Room for the next split, whatever the layout will be.
                self.push(command("select-layout").value("-t", place).word("tiled"));
            }
        }
        self.lay_out(place, planned);
        self.focus(place, planned, &order);
    }

    /// Visits the panes in the order in which they were visited, marks the one that was marked, then fills the window if it was zoomed: before there
    /// are shells, which would draw their prompts anew.
    fn focus(&mut self, place: &str, planned: &PlannedWindow, order: &[usize]) {
        let target = |pane: usize| {
            let at = order.iter().position(|&within| planned.panes[within].position == pane)?;
            Some(format!("{place}.{}", self.ground.pane_base_index.saturating_add(at as u32)))
        };
        let window = &planned.window;
        // The active one was made first, and none was visited yet.
        let back = (!window.last.is_empty()).then_some(&window.active);
        let visits: Vec<String> =
            window.last.iter().rev().chain(back).filter_map(|&pane| target(pane)).collect();
        let zoomed = target(window.active).filter(|_| window.zoomed);
        for pane in visits {
            self.push(command("select-pane").value("-t", pane));
        }
        // One that the active pane hides cannot be marked.
        let marked = planned.panes.iter().find(|pane| pane.pane.marked && self.ground.mark);
        if let Some(pane) = marked.and_then(|pane| target(pane.position)) {
            self.push(command("select-pane").word("-m").value("-t", pane));
        }
        if let Some(pane) = zoomed {
            self.push(command("resize-pane").word("-Z").value("-t", pane));
        }
    }

    fn new_window_set_up(&mut self, place: &str, planned: &PlannedWindow) {
        self.push(command("set-option").word("-w").value("-t", place).word(WINDOW_TAG).word(self.ground.id));
        for shadow in self.ground.hooks.shadow_window(place, false) {
            self.group.push(shadow);
        }
        if planned.panes.len() > 1 {
            let (width, height) = room(planned);
            let resize = command("resize-window").value("-t", place);
            self.push(resize.value("-x", width.to_string()).value("-y", height.to_string()));
        }
    }

    /// Gives the window its size, and its panes their places.
    fn lay_out(&mut self, place: &str, planned: &PlannedWindow) {
        // Also before a layout: if `window-size manual` was set on the window, this is the size it goes back to.
        let size = planned.window.size;
        let resize = command("resize-window").value("-t", place);
        self.push(resize.value("-x", size.width.to_string()).value("-y", size.height.to_string()));
        // It makes the size manual, and a manual size would win over the layout's.
        self.push(command("set-option").word("-wu").value("-t", place).word("window-size"));
        if planned.panes.len() > 1 {
            self.push(command("select-layout").value("-t", place).word(layout(planned, self.ground.version)));
        }
    }

    /// Adds missing panes to a live window, beside those they stood beside, and leaves the focus where it was.
    fn complete_window(&mut self, position: usize, planned: &PlannedWindow) {
        let WindowPlace::Live { id, active, last, zoomed, fits, shell } = &planned.place else { return };
        let place = id.to_string();
        let order = completing_order(planned);
        for (made, &within) in order.iter().enumerate() {
            let pane = &planned.panes[within];
            let Some((beside, before)) = pane.beside else { continue };
            self.begin_group_for(pane, shell.clone());
            let mut new = command("split-window").value("-t", beside.to_string());
            if before {
                new = new.word("-b");
            }
            let slot = [None, Some(position), Some(within)];
            new = new
                .literal("-c", &pane.directory)
                .word("-P")
                .value("-F", Record::format(self.ground.id, slot));
            let tag =
                command("set-option").word("-p").value("-t", &place).word(PANE_TAG).word(self.ground.id);
            // Only for a window that is complete: 3.1c resizes it even if the layout is not for so many panes.
            let arrange = command("select-layout").value("-t", &place).word(match made + 1 == order.len() {
                true => layout(planned, self.ground.version),
                // Room for the next split.
                false => "tiled".to_owned(),
            });
            let rest = [tag].into_iter().chain(fits.then_some(arrange));
            self.make(with_command(new, &pane.run), &place, pane, rest);
            // It was visited when it was made: the way back leads through those that had been visited before.
            for pane in last.iter().rev().chain([active]) {
                self.push(command("select-pane").value("-t", pane.to_string()));
            }
        }
        if *zoomed {
            self.push(command("resize-pane").word("-Z").value("-t", active.to_string()));
        }
        self.end_group();
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
        // Up to 3.6 a pane takes its limit when it is made. From 3.7 the option reaches living panes, too, and
        // putting it back would trim them all: there it is set on the session (`finish`).
        let raise = self.history > ground.history_limit && !ground.version.at_least(3, 7);
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

/// Sets a variable in a session's environment, or marks it as removed.
pub(super) fn set_environment(target: &str, entry: &EnvironmentEntry) -> Command {
    let set = command("set-environment").value("-t", target);
    match &entry.value {
        Some(value) => set.end_of_flags().word(&entry.name).word(value),
        None => set.word("-r").end_of_flags().word(&entry.name),
    }
}

/// Options of a session that decide what runs in its panes. Its shell is not among them: while panes are made, the
/// global one stands for it.
pub(super) fn early_options(planned: &PlannedSession) -> impl Iterator<Item = &OptionEntry> {
    let own = planned.own;
    planned.session.options.iter().filter(move |option| own && option.name == "default-command")
}

/// The `history-limit` that a new session must keep from tmux 3.7 on, where the option reaches living panes: none if
/// it has one of its own, or its panes need no more than the global one.
pub(super) fn lasting_history_limit(
    plan: &Plan,
    planned: &PlannedSession,
    version: TmuxVersion,
    global: u32,
) -> Option<u32> {
    if !version.at_least(3, 7) || planned.session.options.iter().any(|o| o.name == "history-limit") {
        return None;
    }
    let holder = match planned.joins {
        Some(Leader::Planned(leader)) => &plan.sessions[leader],
        _ => planned,
    };
    let windows = holder.links.iter().filter_map(|link| match link.window {
        LinkedWindow::Planned(window) => Some(&plan.windows[window]),
        LinkedWindow::Live(_) => None,
    });
    let limits = windows.flat_map(|window| window.panes.iter().map(history_needed));
    limits.max().filter(|limit| *limit > global)
}

/// The history limit that a pane needs. It can hold more than its limit: what a narrower window wrapped anew is not
/// cut before the next line.
fn history_needed(pane: &PlannedPane) -> u32 {
    let limit = pane.pane.history_limit;
    let held = pane.pane.text.as_ref().map_or(0, |text| text.mark.history_size);
    if held >= limit { held.saturating_add(HISTORY_MARGIN) } else { limit }
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

/// A size in which `tiled` always finds room for all panes of a window.
fn room(planned: &PlannedWindow) -> (u32, u32) {
    let panes = u32::try_from(planned.panes.len()).unwrap_or(u32::MAX);
    let side = |size: u32| size.max(panes.saturating_mul(4)).clamp(200, 9000);
    (side(planned.window.size.width), side(planned.window.size.height))
}

/// The order in which the panes of a new window are made, as positions in [`PlannedWindow::panes`]. The old layout
/// language hands panes in their order to the leaves of the tree: where the two orders differ, places on the screen
/// are kept rather than indexes (see [`crate::layout`]).
fn making_order(planned: &PlannedWindow, version: TmuxVersion) -> Vec<usize> {
    let layout = &planned.window.layout;
    if version.at_least(3, 8) || layout.panes() != planned.panes.len() {
        return (0..planned.panes.len()).collect();
    }
    layout.tree_order()
}

/// The order in which missing panes of a live window are made, as positions in [`PlannedWindow::panes`]. A new pane
/// goes right beside a living one, so of several after the same one the last comes first.
fn completing_order(planned: &PlannedWindow) -> Vec<usize> {
    let before = |within: &usize| planned.panes[*within].beside.is_some_and(|(_, before)| before);
    let (mut order, after): (Vec<usize>, Vec<usize>) = (0..planned.panes.len()).partition(before);
    order.extend(after.into_iter().rev());
    order
}

fn layout(planned: &PlannedWindow, version: TmuxVersion) -> String {
    let window = &planned.window;
    if version.at_least(3, 8) && (window.layout.has_floating() || !window.layout.leaves_in_pane_order()) {
        window.layout.to_json(window.active, &window.last)
    } else {
        window.layout.to_old()
    }
}

fn with_command(command: Command, run: &Run) -> Command {
    match run {
        Run::Shell | Run::Dead => command,
        Run::Command(words) => words.iter().fold(command.end_of_flags(), |command, word| command.word(word)),
    }
}

/// The name a window must be born with because `rename-window` would change it.
fn name_at_creation(planned: &PlannedWindow, version: TmuxVersion) -> Option<BString> {
    let naming = window_name(planned.window.name.as_ref(), version);
    (naming.command == WindowNaming::Create).then_some(naming.recipe.argument)
}
