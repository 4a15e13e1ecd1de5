//! What a restore would do: from what is live to what was saved, and what is skipped and why.
//!
//! [`build()`] is pure. What it decides is what [`crate::restore`] does: a dry run prints a plan, a restore applies
//! the same one. A plan only adds; what it closes (untouched sessions, or sessions to be replaced) is named in it.

mod build;
mod matching;
mod pane;
mod show;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use bstr::BString;
use jiff::Timestamp;

use crate::model::{
    Buffer, Debt, Link, OptionEntry, Owed, Pane, PaneId, PaneIdentity, Program, Session, SessionId, Snapshot,
    Window, WindowId,
};
use crate::problem::Problem;
use crate::relaunch::{Allow, Launch, Permission, Reason, Recipe};

pub use build::build;
pub use show::{Line, PlannedProgram, command_line, owed, start_command};

/// What is to come back from one snapshot.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// What of it.
    pub wanted: Vec<Wanted>,
    /// Whether it comes from this machine's own store. From elsewhere (a file, another machine) no option that
    /// makes tmux run something is set, and nothing is started unless [`Options::allow`] says so.
    pub own: bool,
}

/// A session that is to come back, whole or in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its position in [`Snapshot::sessions`].
    pub session: usize,
    /// What of it.
    pub part: Part,
}

/// A part of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// The window at this index.
    Window(u32),
    /// Of the window at this index the pane at this position.
    Pane(u32, usize),
    /// These panes, and the windows that hold one of them.
    Panes(HashSet<PaneIdentity>),
}

impl Wanted {
    /// The whole session at this position.
    pub fn session(position: usize) -> Self {
        Self { session: position, part: Part::Whole }
    }

    /// Whether the user named a place in it.
    fn is_a_place(&self) -> bool {
        matches!(self.part, Part::Window(_) | Part::Pane(..))
    }

    /// Whether something of the window behind this link comes back.
    fn window(&self, link: Link, window: &Window) -> bool {
        match &self.part {
            Part::Whole => true,
            Part::Window(index) | Part::Pane(index, _) => *index == link.index,
            Part::Panes(panes) => window.panes.iter().any(|pane| panes.contains(&pane.identity)),
        }
    }

    /// Whether this pane of a wanted window comes back.
    fn pane(&self, position: usize, pane: &Pane) -> bool {
        match &self.part {
            Part::Whole | Part::Window(_) => true,
            Part::Pane(_, wanted) => *wanted == position,
            Part::Panes(panes) => panes.contains(&pane.identity),
        }
    }
}

/// How to restore.
pub struct Options<'a> {
    /// Now: debts begin at this moment.
    pub now: Timestamp,
    /// The new name of the only session that is restored; its panes get new identities.
    pub rename: Option<BString>,
    /// Close live sessions that stand where a saved one would come back, instead of completing them.
    pub replace: bool,
    /// Leave live sessions alone that nobody has used.
    pub keep_untouched: bool,
    /// Live sessions that nobody has used yet, too, whatever their names: they give way to a saved one of the same name.
    pub fresh: Vec<SessionId>,
    /// Whether text comes back.
    pub text: bool,
    /// Whether shells start only when somebody looks at their panes.
    pub lazy: bool,
    /// Whether the server's global options come back.
    pub globals: bool,
    /// What may be started, if the user said so; needed for what comes from elsewhere.
    pub allow: Option<Allow>,
    /// The directory itself if it can be entered, else its nearest parent that can.
    pub enter: &'a dyn Fn(&BString) -> BString,
    /// How a program comes back that a handler knows, in its conversation if it holds one, or an option of tmux-resurrect; or
    /// why it does not. None if neither knows it.
    pub resume: &'a dyn Fn(&Program) -> Option<Resumption>,
    /// What starts the editor of a pane in the state it had; none if nothing is known of that.
    pub editor: &'a dyn Fn(&Program, PaneIdentity) -> Option<Launch>,
    /// Sixteen random bytes, for new identities.
    pub random: &'a mut dyn FnMut() -> [u8; 16],
}

/// How a program comes back, or why it does not.
pub type Resumption = Result<Recipe, Reason>;

/// What a restore would do, in the order it does it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Live sessions that are closed once the new ones stand.
    pub closing: Vec<Closing>,
    /// Sessions to make or to complete, in this order.
    pub sessions: Vec<PlannedSession>,
    /// Windows to make or to complete, each once.
    pub windows: Vec<PlannedWindow>,
    /// Global options to set, those that differ from the live ones.
    pub globals: Vec<(Scope, OptionEntry)>,
    /// Paste buffers to load, the oldest first.
    pub buffers: Vec<Buffer>,
    /// The session that a terminal showed last, by position. It is made last, because tmux's `attach-session` takes the
    /// newest of those that nobody has used.
    pub shown: Option<usize>,
    /// The `default-shell` of live sessions that have one of their own.
    pub shells: Vec<(SessionId, BString)>,
    /// Saved panes that are alive already.
    pub present: usize,
    /// What does not come back as it was, or not at all, and why.
    pub problems: Vec<Problem>,
}

/// A table of global options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `set-option -s`.
    Server,
    /// `set-option -g`.
    Session,
    /// `set-option -gw`.
    Window,
}

/// A live session that gives way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// Which.
    pub session: SessionId,
    /// Its name.
    pub name: BString,
    /// Why.
    pub why: Why,
    /// The terminals of the clients that show it.
    pub clients: Vec<BString>,
    /// Position in [`Plan::sessions`] of the session these clients are shown instead.
    pub successor: usize,
}

/// Why a live session gives way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A saved session was asked to replace it; it is saved before.
    Replaced,
    /// Nobody has used it (see [`crate::model::SessionFacts::untouched`]).
    Untouched,
}

/// A session that is made, or completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedSession {
    /// As it was saved, with the name it shall have.
    pub session: Session,
    /// Whether it comes from this machine's own store.
    pub own: bool,
    /// Where.
    pub place: SessionPlace,
    /// The windows it gets. Of a session that joins others in a group: none, it gets theirs.
    pub links: Vec<PlannedLink>,
    /// The session whose group it joins.
    pub joins: Option<Leader>,
}

/// Where a session comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionPlace {
    /// It is made.
    New,
    /// Its missing windows are added to this one.
    Live(SessionId),
}

/// A session whose group another one joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leader {
    /// A session of this plan, by position; it comes before.
    Planned(usize),
    /// A live session.
    Live(SessionId),
}

/// A window at an index of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedLink {
    /// The index it gets.
    pub index: u32,
    /// The index it had, if that was taken.
    pub was: Option<u32>,
    /// Which window.
    pub window: LinkedWindow,
}

/// The window behind a planned link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkedWindow {
    /// A window of this plan, by position. The first link to it, in the plan's order, makes it.
    Planned(usize),
    /// A live window.
    Live(WindowId),
}

/// A window that is made, or completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedWindow {
    /// As it was saved, its panes left out.
    pub window: Window,
    /// Whether it comes from this machine's own store.
    pub own: bool,
    /// Where.
    pub place: WindowPlace,
    /// The panes to make, in the window's order.
    pub panes: Vec<PlannedPane>,
    /// A name for messages: the first session that links it, and the index there.
    pub label: (BString, u32),
}

/// Where a window comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WindowPlace {
    /// It is made.
    New,
    /// Its missing panes are added to this one.
    Live {
        /// Which.
        id: WindowId,
        /// The pane that is active in it now, and stays so.
        active: PaneId,
        /// Those that were active before, the latest first; they stay so, too.
        last: Vec<PaneId>,
        /// Whether that pane fills it.
        zoomed: bool,
        /// Whether all of its panes are saved ones, so that the saved layout fits when it is complete.
        fits: bool,
        /// The own `default-shell` of its session.
        shell: Option<BString>,
    },
}

/// A pane that is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedPane {
    /// As it was saved, with the identity it shall have; its debts are those it has after the restore.
    pub pane: Pane,
    /// Its position in the window.
    pub position: usize,
    /// Of a live window: the live pane it goes beside, and whether before it.
    pub beside: Option<(PaneId, bool)>,
    /// The directory it starts in.
    pub directory: BString,
    /// What runs in it.
    pub run: Run,
    /// What says that its own command runs again; none if that is no program.
    pub permission: Option<Permission>,
    /// What is started in its shell.
    pub launch: Option<PlannedLaunch>,
    /// Whether its text comes back.
    pub text: bool,
    /// Whether its shell starts only when somebody looks at it.
    pub later: bool,
}

/// What runs in a restored pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Run {
    /// The default shell.
    Shell,
    /// The command it was made with: one argument is a line for the shell, several are executed as they are.
    Command(Vec<BString>),
    /// Nothing: it is shown dead as it was.
    Dead,
}

/// Why a program is owed that is going to be started: it is a debt until it runs, in case that does not come to its end.
pub const STILL_TO_START: &str = "it is still to be started";

/// The same of one whose shell starts only when somebody looks at it.
pub const TO_START_LATER: &str = "it starts when its pane is shown";

/// What is started in the shell of a restored pane, or typed at its prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedLaunch {
    /// The debt of the pane that it pays: its program, or the command it was made with.
    pub owed: Owed,
    /// The program.
    pub program: Program,
    /// How.
    pub launch: Launch,
    /// Whether it is only typed; then it stays a debt.
    pub prefill: bool,
    /// What says that it is started, or why it is only typed.
    pub why: String,
}

impl PlannedPane {
    /// Whether its process is held back until its text is there. A command of several words is executed without a
    /// shell, so nothing can hold it.
    pub fn is_held(&self) -> bool {
        match &self.run {
            Run::Shell => self.text || self.later || self.takes_back(),
            Run::Command(words) => self.text && words.len() == 1,
            Run::Dead => true,
        }
    }

    /// Whether its shell takes something back at its first prompt, which must lie there by then.
    fn takes_back(&self) -> bool {
        self.pane.shell.as_ref().is_some_and(|shell| *shell != crate::model::ShellState::default())
    }
}

impl PlannedSession {
    /// The own `default-shell` that a new session shall have.
    pub fn default_shell(&self) -> Option<&BString> {
        let option = self.session.options.iter().find(|option| option.name == "default-shell");
        option.filter(|_| self.own && self.place == SessionPlace::New)?.value.as_ref()
    }
}

impl Plan {
    /// The own `default-shell` of a session's panes; none: the global one.
    pub fn shell<'a>(&'a self, session: &'a PlannedSession) -> Option<&'a BString> {
        match session.place {
            SessionPlace::New => session.default_shell(),
            SessionPlace::Live(id) => {
                self.shells.iter().find(|(live, _)| *live == id).map(|(_, shell)| shell)
            }
        }
    }

    /// The new sessions that join the group of a new one, with their positions.
    pub(crate) fn members(&self, leader: usize) -> impl Iterator<Item = (usize, &PlannedSession)> {
        let sessions = self.sessions.iter().enumerate();
        sessions.filter(move |(_, session)| session.joins == Some(Leader::Planned(leader)))
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.closing.is_empty()
            && self.sessions.is_empty()
            && self.windows.is_empty()
            && self.globals.is_empty()
            && self.buffers.is_empty()
    }

    /// How many panes it makes.
    pub fn panes(&self) -> usize {
        self.windows.iter().map(|window| window.panes.len()).sum()
    }

    /// Debts of the panes it makes: pane and debt.
    pub fn debts(&self) -> impl Iterator<Item = (&PlannedWindow, &PlannedPane, &Debt)> {
        self.windows
            .iter()
            .flat_map(|window| window.panes.iter().map(move |pane| (window, pane)))
            .flat_map(|(window, pane)| pane.pane.debts.iter().map(move |debt| (window, pane, debt)))
    }
}
