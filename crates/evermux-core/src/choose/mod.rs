//! What a restore without arguments brings back, and why (design, "Choosing what to restore").
//!
//! Pure: a [`Timeline`] that the store delivers, the live server if there is one, and the time go in; a
//! [`RestoreSet`] with a reason for every session ever saved comes out.
//!
//! The rule, per session: its last good state, unless the user closed it in a server that was otherwise alive.
//!
//! - Within one life of a server (`lives`) a session is followed through renames by its panes. What vanished counts as
//!   closed only if the server is known to have lived on (10 s, or a save that somebody asked for); otherwise it may
//!   have been the collapse of a dying server, and the state before it counts.
//! - Across lives (`select`) panes decide: a session is owed until its panes were seen in a later life, which only a
//!   restore can bring about. From then on that later life tells their fate, closed or not. What came back only in
//!   part stays owed in part.
//! - Sessions that nobody used never hide anything, nor do restores that did not come to their end.

mod closing;
mod lives;
mod needed;
mod removal;
mod select;
#[cfg(test)]
mod tests;
mod timeline;
mod verdict;

pub use closing::{Closing, Excused, last_closing, last_closing_before};
pub use needed::{needed, tells_the_same};
pub use removal::settle_removal;
pub use select::{LiveServer, Options, choose};
pub use timeline::{
    Coverage, Ending, Entry, GenerationEnd, Outcome, RestoreRecord, SessionEntry, Settled, Source, Timeline,
    WhySettled,
};
pub use verdict::{Because, Chosen, Left, Presence, RestoreSet, WhyNot};
