//! The outcome of choosing, and its reasons in words.

use bstr::BString;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::{PaneIdentity, SnapshotId};

/// What a restore without arguments is about, and what became of every other session ever saved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestoreSet {
    /// What has to be there after a restore; sessions that already are included ([`Presence::Whole`]). The latest
    /// life of the server first, then older ones; within one, in the order of its snapshot. Two may have the same
    /// name: then they come from different lives of the server (or [`Because::OpenedLast`]), and the earlier in this list has the better
    /// claim.
    pub chosen: Vec<Chosen>,
    /// Sessions that were never brought back and are too old to come back unasked. Those seen last come first.
    pub listed: Vec<Left>,
    /// Sessions that stay away, and why. Those seen last come first: of a name the first is what somebody means who asks
    /// for it.
    pub left: Vec<Left>,
}

/// A session that has to be there after a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The snapshot that holds its last good state.
    pub snapshot: SnapshotId,
    /// Its position in that snapshot.
    pub session: usize,
    /// Its name there.
    pub name: BString,
    /// When it was last seen so.
    pub seen: Timestamp,
    /// Its panes that have to be there. Windows that hold none of them are left out: they came back in a later life of
    /// the server and had their own fate there.
    pub panes: Vec<PaneIdentity>,
    /// Whether these are all panes it had.
    pub whole: bool,
    /// Why.
    pub because: Because,
    /// How much of it the live server already has.
    pub presence: Presence,
}

/// How much of a chosen session is already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Presence {
    /// Nothing.
    None,
    /// Some of its panes.
    Part,
    /// All its panes: a restore has nothing to do.
    Whole,
}

/// Why a session is brought back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Because {
    /// It is from the latest life of the server, and was there to its end.
    Lived,
    /// As `Lived`, but what vanished from it at the very end is taken to be the collapse of the server.
    Collapsed,
    /// Panes opened in such a session while something else in it vanished.
    OpenedLast,
    /// It is from an earlier life of the server and was never brought back.
    NeverRestored,
    /// It is from an earlier life of the server, and only this many of its panes came back.
    RestoredInPart {
        /// How many of its panes came back.
        came_back: usize,
        /// How many it had.
        of: usize,
    },
    /// A restore that began then did not finish it.
    Interrupted {
        /// When that restore began.
        began: Timestamp,
    },
}

/// A session that is not brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The snapshot that holds its last good state.
    pub snapshot: SnapshotId,
    /// Its position in that snapshot.
    pub session: usize,
    /// Its name there.
    pub name: BString,
    /// When it was last seen so.
    pub seen: Timestamp,
    /// Its panes there.
    pub panes: Vec<PaneIdentity>,
    /// Why.
    pub why: WhyNot,
}

/// Why a session is not brought back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WhyNot {
    /// The user closed it while the server lived on.
    Closed {
        /// When it was first seen to be missing.
        noticed: Timestamp,
    },
    /// The user closed it, and the server ended with it.
    ClosedLast {
        /// When.
        at: Timestamp,
    },
    /// A restore with `--replace` replaced it.
    Replaced {
        /// When it was first seen to be missing, or when an interrupted restore began to replace it.
        noticed: Timestamp,
    },
    /// Closed as far as snapshots tell, but its panes are alive: nothing to do.
    Lives,
    /// It came back in a later life of the server; what became of it there counts.
    Continued,
    /// Nobody ever used it.
    Untouched,
    /// The user asked to forget it.
    Forgotten,
    /// A later restore went back to an earlier state of its session, without it.
    LeftOut,
    /// It is owed, but longer than `owed_max_age`.
    TooOld,
}

impl RestoreSet {
    /// What a restore would have to do: the chosen sessions that are not wholly there.
    pub fn missing(&self) -> impl Iterator<Item = &Chosen> {
        self.chosen.iter().filter(|chosen| chosen.presence != Presence::Whole)
    }

    /// Whether a restore without arguments uses this snapshot, now or if the live server died at this moment.
    pub fn uses(&self, snapshot: SnapshotId) -> bool {
        self.chosen.iter().any(|chosen| chosen.snapshot == snapshot)
    }
}

impl Chosen {
    /// Why it is brought back, as a clause that reads after the session's name: "was there when …".
    pub fn sentence(&self, zone: &TimeZone) -> String {
        let seen = moment(self.seen, zone);
        if self.presence == Presence::Whole {
            return format!("is there; it would come back as it was at {seen}");
        }
        let why = match self.because {
            Because::Lived => format!("was there when last seen, at {seen}"),
            Because::Collapsed => {
                format!("comes back as it was at {seen}; what it lost since may be the end of the server")
            }
            Because::OpenedLast => format!("also has what was opened in it last, at {seen}"),
            Because::NeverRestored => format!("was last seen at {seen} and was never brought back since"),
            Because::RestoredInPart { came_back, of } => {
                format!("was last seen at {seen}; only {came_back} of its {of} panes came back since")
            }
            Because::Interrupted { began } => {
                format!("was not finished by the restore of {}, which was interrupted", moment(began, zone))
            }
        };
        match self.presence {
            Presence::Part => format!("{why}; a part of it is there"),
            Presence::None | Presence::Whole => why,
        }
    }
}

impl Left {
    /// Why it is not brought back, as a clause that reads after the session's name: "was closed …".
    pub fn sentence(&self, zone: &TimeZone) -> String {
        let seen = moment(self.seen, zone);
        match self.why {
            WhyNot::Closed { noticed } => {
                format!("was closed between {seen} and {}, and the server lived on", moment(noticed, zone))
            }
            WhyNot::ClosedLast { at } => {
                format!("was closed at {}, and the server ended with its last session", moment(at, zone))
            }
            WhyNot::Replaced { noticed } => {
                format!("was replaced by the restore of {}", moment(noticed, zone))
            }
            WhyNot::Lives => "is there".to_owned(),
            WhyNot::Continued => format!("came back after {seen}; its later state counts"),
            WhyNot::Untouched => "was never used".to_owned(),
            WhyNot::Forgotten => "was forgotten on request".to_owned(),
            WhyNot::LeftOut => format!("is newer than the state that was brought back after {seen}"),
            WhyNot::TooOld => format!("was last seen at {seen}, too long ago to come back unasked"),
        }
    }
}

/// A time of day as people read it; to the second, because things vanish within seconds.
fn moment(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}
