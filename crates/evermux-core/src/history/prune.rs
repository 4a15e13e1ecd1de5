//! Pruning: the plan of [`retention`], carried out on a store.

use std::borrow::Cow;
use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::choose::{Options, Timeline, settle_removal};
use crate::model::{ServerName, SnapshotId};
use crate::retention::{self, Plan, Room, make_room};
use crate::store::{Over, PruneStep, Size, Store, StoreError};

/// So many snapshots go in one transaction.
const AT_ONCE: usize = 16;
/// So much free space is kept for the next saves, in bytes; the rest goes back to the disk.
const RESERVE: u64 = 1 << 20;
/// So much goes back to the disk in one transaction, in bytes.
const PORTION: u64 = 4 << 20;
/// So many snapshots go into one pack: what its damage costs.
const PACK: usize = 64;
/// Fewer are not worth one.
const LEAST: usize = 16;
/// So often a plan is made anew at most because others changed the store before anything of it was done.
const PATIENT: u32 = 20;

/// How to prune.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What the database may take, in bytes; none: as much as it likes.
    pub limit: Option<u64>,
    /// How a restore would choose.
    pub options: Options,
    /// How long to wait for a save of a server.
    pub patience: Duration,
    /// Also take what is due out of packs that are mostly kept, bring the log into the database and give everything back that
    /// is free. Waits for nobody, but takes as long as the disk does.
    pub thorough: bool,
}

/// What would be done.
#[derive(Clone, Debug)]
pub struct PrunePlan {
    /// Per server, in the order in which they were first saved.
    pub servers: Vec<ServerPlan>,
    /// What goes because of the limit, and what everything frees; none if that was not asked for and is within it.
    pub room: Option<Room>,
    /// How large the database is.
    pub size: Size,
    /// What the database looked like, for [`crate::store::Saving::prune`].
    seen: i64,
}

/// What would be done to the snapshots of a server.
#[derive(Clone, Debug)]
pub struct ServerPlan {
    /// The server.
    pub server: ServerName,
    /// What time says.
    pub plan: Plan,
    /// What goes, the oldest first.
    pub steps: Vec<PruneStep>,
    timeline: Timeline,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Snapshots that are gone, in the order of their numbers.
    pub removed: Vec<SnapshotId>,
    /// Snapshots whose text is gone.
    pub thinned: Vec<SnapshotId>,
    /// Bytes that were given back to the disk or can be used again.
    pub freed: u64,
    /// Whether nothing is left to do; otherwise there was no time, or others were at work.
    pub complete: bool,
    /// What is kept for ever takes more than the limit.
    pub over: Option<Over>,
}

/// Says what pruning would do. With `weigh` also what it would free, which takes longer.
///
/// # Errors
/// [`StoreError`] if the store cannot be read.
pub fn plan_prune(
    store: &Store,
    policy: &Policy,
    weigh: bool,
    now: Timestamp,
) -> Result<PrunePlan, StoreError> {
    // First: what changes while the rest is read is noticed.
    let seen = store.changes()?;
    let size = store.size()?;
    let mut servers = Vec::new();
    for server in store.servers()? {
        let past = store.past(&server)?;
        let plan = retention::plan(&past.timeline, &past.marked, now, &policy.options);
        let steps = plan.expired.iter().copied().map(PruneStep::Remove).collect();
        servers.push(ServerPlan { server, plan, steps, timeline: past.timeline });
    }
    let excess = policy.limit.map_or(0, |limit| size.used.saturating_sub(limit));
    let mut room = None;
    if weigh || excess > 0 {
        let expired: Vec<SnapshotId> = servers.iter().flat_map(|it| it.plan.expired.clone()).collect();
        let mut by_time: Vec<SnapshotId> = servers.iter().flat_map(|it| it.plan.by_time.clone()).collect();
        by_time.sort_unstable();
        let mut found = make_room(&store.holdings()?, &expired, &by_time, excess);
        for planned in &mut servers {
            let own = |id: &&SnapshotId| planned.plan.by_time.contains(id);
            let thinned: Vec<SnapshotId> = found.thinned.iter().filter(own).copied().collect();
            let removed = planned.plan.expired.iter().chain(found.removed.iter().filter(own)).copied();
            let removed = retention::harmless(&planned.timeline, removed.collect(), now, &policy.options);
            planned.steps = removed.into_iter().map(PruneStep::Remove).collect();
            planned.steps.extend(thinned.into_iter().map(PruneStep::Thin));
        }
        let goes = |id: &SnapshotId| servers.iter().any(|it| it.steps.contains(&PruneStep::Remove(*id)));
        found.removed.retain(goes);
        room = Some(found);
    }
    Ok(PrunePlan { servers, room, size, seen })
}

impl PrunePlan {
    /// Whether nothing goes.
    pub fn is_empty(&self) -> bool {
        self.servers.iter().all(|server| server.steps.is_empty())
    }
}

/// Prunes in small steps, as long as `go_on` says so before each; between them saves of others have their turn. What is
/// not done the next prune does.
///
/// # Errors
/// [`StoreError::Busy`] if somebody else prunes; others: what was done before stays done.
pub fn prune(
    store: &Store,
    policy: &Policy,
    now: Timestamp,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Pruned, StoreError> {
    let _alone = store.pruning()?;
    let before = store.size()?;
    let mut pruned = Pruned::default();
    let mut patience = PATIENT;
    loop {
        let mut plan = plan_prune(store, policy, false, now)?;
        if !policy.thorough && plan.room.is_none() {
            put_off(&mut plan, &store.packed()?);
        }
        match carry_out(store, policy, &plan, now, &mut pruned, go_on)? {
            // What the plan could not foresee (how parts share pages) the next one sees.
            Progress::Done if !plan.is_empty() => {}
            Progress::Done => {
                pruned.complete = true;
                let over = plan.room.as_ref().filter(|room| room.over > 0);
                let limit = policy.limit.unwrap_or(u64::MAX);
                pruned.over = over.map(|_| Over { at: now, used: plan.size.used, limit });
                pack(store, policy, &plan, go_on)?;
                break;
            }
            Progress::Changed => {}
            Progress::Nothing if patience > 0 => patience -= 1,
            Progress::Nothing | Progress::Stopped => break,
        }
    }
    let reserve = if policy.thorough { 0 } else { RESERVE };
    while go_on() && store.give_back(PORTION, reserve)? {}
    if policy.thorough {
        store.settle_log();
    }
    if pruned.complete {
        store.note_pruned(now)?;
    }
    pruned.freed = before.used.saturating_sub(store.size()?.used);
    pruned.removed.sort_unstable();
    pruned.thinned.sort_unstable();
    Ok(pruned)
}

/// Leaves for later what is due in packs that are mostly kept. To take one snapshot out of a pack means to write all others of it
/// anew, and every minute another one of them is due (a prune every ten minutes took 1 to 4 s of a processor in a store of
/// some weeks, nearly all of it for that).
fn put_off(plan: &mut PrunePlan, packs: &[Vec<SnapshotId>]) {
    let removed = |step: &PruneStep| step.removed();
    let due: HashSet<SnapshotId> = plan.servers.iter().flat_map(|it| &it.steps).filter_map(removed).collect();
    let is_kept =
        |pack: &&Vec<SnapshotId>| pack.iter().filter(|id| due.contains(id)).count() * 2 < pack.len();
    let later: HashSet<SnapshotId> = packs.iter().filter(is_kept).flatten().copied().collect();
    for server in &mut plan.servers {
        server.steps.retain(|step| step.removed().is_none_or(|id| !later.contains(&id)));
    }
}

/// Puts what stays, but may go one day, into packs; what must stay comes out of them, so that no damage to others costs it.
fn pack(
    store: &Store,
    policy: &Policy,
    plan: &PrunePlan,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<(), StoreError> {
    for server in &plan.servers {
        if !go_on() {
            return Ok(());
        }
        let packable = || store.packable(&server.server, &server.plan.by_time);
        // Small packs are put together with what is new.
        let small = if packable()?.len() < LEAST { 0 } else { PACK - LEAST };
        let for_ever: Vec<SnapshotId> = server.plan.for_ever.iter().copied().collect();
        match store.saving(&server.server, policy.patience) {
            Err(StoreError::Busy { .. }) => return Ok(()),
            saving => saving?.unpack(&for_ever, small)?,
        };
        let packable = packable()?;
        let mut groups: Vec<&[SnapshotId]> = packable.chunks(PACK).rev().collect();
        while let Some(group) = groups.pop() {
            if group.len() < LEAST {
                continue;
            }
            if !go_on() {
                return Ok(());
            }
            let saving = match store.saving(&server.server, policy.patience) {
                Err(StoreError::Busy { .. }) => return Ok(()),
                saving => saving?,
            };
            // What is too large, or damaged somewhere, goes in smaller packs.
            if !saving.pack(group)? {
                let (first, second) = group.split_at(group.len() / 2);
                groups.extend([second, first]);
            }
        }
    }
    Ok(())
}

/// How far a plan was carried out.
enum Progress {
    /// Wholly.
    Done,
    /// In part, until somebody changed the store.
    Changed,
    /// Not at all: somebody had changed the store, or nothing could be done.
    Nothing,
    /// As far as there was time, or others let it.
    Stopped,
}

fn carry_out(
    store: &Store,
    policy: &Policy,
    plan: &PrunePlan,
    now: Timestamp,
    pruned: &mut Pruned,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Progress, StoreError> {
    let mut anything = plan.is_empty();
    let mut busy = false;
    for server in &plan.servers {
        let mut timeline = Cow::Borrowed(&server.timeline);
        for steps in server.steps.chunks(AT_ONCE) {
            if !go_on() {
                return Ok(Progress::Stopped);
            }
            let saving = match store.saving(&server.server, policy.patience) {
                Err(StoreError::Busy { .. }) => {
                    busy = true;
                    break;
                }
                saving => saving?,
            };
            let going: HashSet<SnapshotId> = steps.iter().filter_map(PruneStep::removed).collect();
            let settled = settle_removal(&timeline, &going, None, now, &policy.options);
            let Some(done) = saving.prune(steps, &settled, plan.seen, now)? else {
                return Ok(if anything { Progress::Changed } else { Progress::Nothing });
            };
            let mut rest = timeline.without(&going);
            rest.settled.extend(settled);
            timeline = Cow::Owned(rest);
            anything |= !done.removed.is_empty() || !done.thinned.is_empty();
            tracing::debug!(removed = ?done.removed, thinned = ?done.thinned, "pruned");
            pruned.removed.extend(done.removed);
            pruned.thinned.extend(done.thinned);
        }
    }
    Ok(match (busy, anything) {
        (true, _) => Progress::Stopped,
        (false, true) => Progress::Done,
        (false, false) => Progress::Stopped,
    })
}
