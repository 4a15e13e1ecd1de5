//! Looking back, and the care of what was saved, where it takes more than a call of one room: which snapshot somebody
//! means, and how to remove one without bringing something else back.
//!
//! Lists come from [`Store::list`](crate::store::Store::list), the restore set from [`choose`](crate::choose::choose),
//! differences from [`compare_text`](crate::diff::compare_text).

mod prune;
mod removal;
#[cfg(test)]
mod tests;
mod when;
mod which;

pub use prune::{Policy, PrunePlan, Pruned, ServerPlan, plan_prune, prune};
pub use removal::{RemovalError, Removed, dismiss, forget};
pub use when::moment;
pub use which::{BadName, NotFound, Which, check_name};
