//! What a restore without arguments brings back, and why (design, "Choosing what to restore").
//!
//! Pure: a [`Timeline`] that the store delivers, the live server if there is one, and the time go in; a
//! [`RestoreSet`] with a reason for every session ever saved comes out.

mod timeline;

pub use timeline::{
    Coverage, Ending, Entry, GenerationEnd, Outcome, RestoreRecord, SessionEntry, Settled, Source, Timeline,
    WhySettled,
};
