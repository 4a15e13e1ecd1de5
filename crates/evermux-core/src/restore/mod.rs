//! Restoring: what comes back, made on a running server, checked and saved.
//!
//! [`restore`] is the whole of it; [`plan`] only says what it would do. The steps: what interrupted restores have left
//! goes (`leftovers`), the live server is read, a [`crate::plan::Plan`] is built and written into the store's journal,
//! `carry_out` has it made (`apply`: `skeleton`, `finish`, `text`), the shells come to their prompts (`settle`, `prompts`) or wait for
//! somebody to look at them (`later`), their programs start (`launch`, `programs`), and the result is compared with what was
//! there and saved (`after`).

mod after;
mod apply;
mod arrivals;
mod carry_out;
mod editors;
mod finish;
mod first;
mod hooks;
mod interrupted;
mod later;
mod launch;
mod leftovers;
mod pace;
mod programs;
mod prompts;
mod quiet;
mod settle;
mod skeleton;
mod sources;
mod stage;
mod text;
mod told;
mod undo;
mod used;
mod work;

pub use apply::ApplyError;
pub use arrivals::{Arrivals, fresh, lead, receive};
pub use later::{Later, Starter};
pub use launch::{Here, ResumeError, claim, claim_first};
pub use leftovers::beginning;
pub use programs::Started;
pub use skeleton::SESSION_TAG;
pub use sources::{Chosen, NoSuchPlace, Place};
pub use stage::Stage;
pub use undo::{Moved, Reopening, TakingBack, Undo, UndoError, Undone, plan_undo, short, undo};
pub use work::{Manner, RestoreError, Restored, World, plan, restore};
