//! Windows of the skeleton: their panes, layout and focus; new ones, and living ones that are completed.

use bstr::BString;

use super::made::Record;
use super::{PANE_TAG, Skeleton, WINDOW_TAG};
use crate::model::TmuxVersion;
use crate::plan::{PlannedSession, PlannedWindow, Run, WindowPlace};
use crate::text::names::{WindowNaming, window_name};
use crate::tmux::{Command, command};

impl Skeleton<'_> {
    pub(super) fn new_window(&mut self, position: usize, place: &str, session: &PlannedSession) {
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
    pub(super) fn complete_window(&mut self, position: usize, planned: &PlannedWindow) {
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
