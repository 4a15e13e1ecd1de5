//! Room: what snapshots weigh, shared parts counted once, and which go if all are too much.

use std::collections::{HashMap, HashSet};

use crate::model::SnapshotId;

/// A part of snapshots: something that is kept once, however many mention it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// What it takes on the disk, in bytes.
    pub bytes: u64,
    /// Whether it is text of a pane.
    pub text: bool,
    /// The parts that it mentions, as positions in [`Holdings::parts`].
    pub mentions: Vec<usize>,
}

/// What a store holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// All parts. What they mention never leads back to them.
    pub parts: Vec<Part>,
    /// Of each snapshot the parts that it mentions itself, as positions, with repetitions.
    pub snapshots: HashMap<SnapshotId, Vec<usize>>,
}

/// What becomes free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freed {
    /// Bytes of text.
    pub text: u64,
    /// Bytes of everything else.
    pub rest: u64,
}

impl Freed {
    /// All bytes.
    pub fn all(self) -> u64 {
        self.text + self.rest
    }
}

/// How there will be room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Snapshots that lose their text and stay.
    pub thinned: Vec<SnapshotId>,
    /// Snapshots that go.
    pub removed: Vec<SnapshotId>,
    /// What all that frees, what expired included.
    pub freed: u64,
    /// How many bytes are still too many: what is kept for ever is larger than the limit.
    pub over: u64,
}

/// Makes room where `excess` bytes are too many: `expired` go in any case; of `by_time`, the oldest first, text goes as
/// far as needed, and if all of it is not enough, whole snapshots. If even these are not, they stay: what they show costs
/// little, and what is kept for ever is the reason.
pub fn make_room(holdings: &Holdings, expired: &[SnapshotId], by_time: &[SnapshotId], excess: u64) -> Room {
    let mut ledger = Ledger::new(holdings);
    let mut room =
        Room { freed: expired.iter().map(|id| ledger.release(*id).all()).sum(), ..Room::default() };
    let mut structure: HashMap<SnapshotId, u64> = HashMap::new();
    for id in by_time {
        if room.freed >= excess {
            break;
        }
        let freed = ledger.release(*id);
        structure.insert(*id, freed.rest);
        if freed.text > 0 {
            room.thinned.push(*id);
            room.freed += freed.text;
        }
    }
    let enough = room.freed + structure.values().sum::<u64>() >= excess;
    for id in by_time.iter().filter(|_| enough) {
        if room.freed >= excess {
            break;
        }
        room.freed += structure.get(id).copied().unwrap_or_default();
        room.removed.push(*id);
    }
    let removed: HashSet<SnapshotId> = room.removed.iter().copied().collect();
    room.thinned.retain(|id| !removed.contains(id));
    room.over = excess.saturating_sub(room.freed);
    room
}

/// Who still mentions what.
struct Ledger<'a> {
    holdings: &'a Holdings,
    mentioned: Vec<u32>,
}

impl<'a> Ledger<'a> {
    fn new(holdings: &'a Holdings) -> Self {
        let mut mentioned = vec![0; holdings.parts.len()];
        let by_parts = holdings.parts.iter().flat_map(|part| &part.mentions);
        for part in holdings.snapshots.values().flatten().chain(by_parts) {
            if let Some(count) = mentioned.get_mut(*part) {
                *count += 1;
            }
        }
        Self { holdings, mentioned }
    }

    /// A snapshot goes; what becomes free by that.
    fn release(&mut self, id: SnapshotId) -> Freed {
        let mut freed = Freed::default();
        let mut gone: Vec<usize> = self.holdings.snapshots.get(&id).cloned().unwrap_or_default();
        while let Some(position) = gone.pop() {
            let Some(count) = self.mentioned.get_mut(position).filter(|count| **count > 0) else { continue };
            *count -= 1;
            if *count == 0 {
                let part = &self.holdings.parts[position];
                *(if part.text { &mut freed.text } else { &mut freed.rest }) += part.bytes;
                gone.extend(&part.mentions);
            }
        }
        freed
    }
}
