//! Lines into blocks.
//!
//! A block is sealed at a line whose content says so, once it is large enough: a capture of the whole pane after a
//! reflow or a trim finds the same ends again, so the same blocks are not stored twice.

use super::lines::hash;
use crate::capture::Blocks;
use crate::model::{BlockId, BlockRef};

/// A block is not sealed before it has so many bytes.
const LEAST: usize = 64 * 1024;
/// A block is sealed at so many bytes at the latest, but for the end of its last line.
const MOST: usize = 512 * 1024;
/// On average one line out of so many ends a block that is large enough. With fewer lines between two ends, captures
/// that begin at different lines would meet at the same end later.
const ENDS: u64 = 512;

/// Lines on their way into blocks.
#[derive(Debug, Default)]
pub(super) struct Sealer {
    done: Vec<BlockRef>,
    bytes: Vec<u8>,
    lines: u32,
}

impl Sealer {
    /// Takes a line without its newline.
    pub fn push(&mut self, line: &[u8], blocks: &mut dyn Blocks) {
        self.bytes.extend_from_slice(line);
        self.bytes.push(b'\n');
        self.lines += 1;
        if self.bytes.len() >= LEAST && (self.bytes.len() >= MOST || hash(line).is_multiple_of(ENDS)) {
            self.seal(blocks);
        }
    }

    fn seal(&mut self, blocks: &mut dyn Blocks) {
        if self.lines > 0 {
            self.done.push(write(std::mem::take(&mut self.bytes), blocks));
            self.lines = 0;
        }
    }

    /// All blocks; the last one may be small.
    pub fn finish(mut self, blocks: &mut dyn Blocks) -> Vec<BlockRef> {
        self.seal(blocks);
        self.done
    }
}

/// Writes one block, empty or not.
pub(super) fn write(bytes: Vec<u8>, blocks: &mut dyn Blocks) -> BlockRef {
    let block = BlockRef {
        id: BlockId::of(&bytes),
        lines: u32::try_from(bytes.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(u32::MAX),
        bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
    };
    blocks.write(block, bytes);
    block
}

/// Adds lines to a history whose first block lacks its first `skip` lines, and returns both anew; none if blocks that
/// have to be put together cannot be read.
///
/// New lines are a block of their own. Small blocks at the end are put together as a binary counter carries: only with
/// those that are about as large. So they stay few, and what two states have in common is mostly in the same blocks,
/// however many states lie between them.
pub fn extend<'a>(
    history: &[BlockRef],
    skip: u32,
    lines: impl Iterator<Item = &'a [u8]>,
    blocks: &mut dyn Blocks,
) -> Option<(Vec<BlockRef>, u32)> {
    let mut fresh: Vec<u8> = Vec::new();
    for line in lines {
        fresh.extend_from_slice(line);
        fresh.push(b'\n');
    }
    let mut history = history.to_vec();
    if fresh.is_empty() {
        return Some((history, skip));
    }
    let size = |block: &BlockRef| block.bytes as usize;
    let sealed = history.iter().rposition(|block| size(block) >= LEAST).map_or(0, |last| last + 1);
    let open: usize = history[sealed..].iter().map(size).sum();
    let whole = open + fresh.len() >= LEAST;
    let mut begin = history.len();
    let mut carried = fresh.len();
    while begin > sealed && (whole || size(&history[begin - 1]) < 2 * carried) {
        begin -= 1;
        carried += size(&history[begin]);
    }
    // The lines that tmux no longer held are left out where their block is written anew.
    let first = begin == 0 && !history.is_empty();
    let mut left_out = if first { skip as usize } else { 0 };
    let skip = if first { 0 } else { skip };
    let mut sealer = Sealer::default();
    for block in history.split_off(begin) {
        let bytes = blocks.read(block.id)?;
        for line in bstr::ByteSlice::lines(&bytes[..]).skip(left_out) {
            sealer.push(line, blocks);
        }
        left_out = 0;
    }
    for line in bstr::ByteSlice::lines(&fresh[..]) {
        sealer.push(line, blocks);
    }
    history.extend(sealer.finish(blocks));
    Some((history, skip))
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Blocks kept in memory.
    #[derive(Default)]
    pub(in crate::capture) struct Memory(pub HashMap<BlockId, Vec<u8>>);

    impl Blocks for Memory {
        fn read(&mut self, id: BlockId) -> Option<Vec<u8>> {
            self.0.get(&id).cloned()
        }

        fn write(&mut self, block: BlockRef, bytes: Vec<u8>) {
            self.0.insert(block.id, bytes);
        }
    }

    fn text(history: &[BlockRef], skip: u32, memory: &mut Memory) -> Vec<String> {
        let all: Vec<u8> = history.iter().flat_map(|block| memory.0[&block.id].clone()).collect();
        String::from_utf8(all).unwrap().lines().skip(skip as usize).map(str::to_owned).collect()
    }

    #[test]
    fn lines_added_bit_by_bit_are_all_there() {
        let mut memory = Memory::default();
        let all: Vec<String> = (0..20_000).map(|number| format!("line {number} of the log")).collect();
        let (mut history, mut skip) = (Vec::new(), 3);
        for lines in all.chunks(37) {
            let lines = lines.iter().map(String::as_bytes);
            (history, skip) = extend(&history, skip, lines, &mut memory).unwrap();
        }
        assert_eq!(text(&history, skip, &mut memory), all[3..]);
        let small = history.iter().filter(|block| (block.bytes as usize) < LEAST).count();
        assert!(small <= 8 && history.len() - small >= 4, "{history:?}");
    }

    #[test]
    fn the_same_lines_are_found_in_the_same_blocks() {
        let mut memory = Memory::default();
        let mut sealed = |lines: std::ops::Range<u32>| {
            let mut sealer = Sealer::default();
            for number in lines {
                sealer.push(format!("line {number} {}", number * 7919 % 1000).as_bytes(), &mut memory);
            }
            sealer.finish(&mut memory)
        };
        let (whole, trimmed) = (sealed(0..200_000), sealed(5_000..200_000));
        let same = trimmed.iter().filter(|block| whole.contains(block)).count();
        assert!(same * 2 > trimmed.len(), "{same} of {}", trimmed.len());
    }

    #[test]
    fn a_lost_block_is_noticed() {
        let mut memory = Memory::default();
        let lost = BlockRef { id: BlockId([1; 32]), lines: 1, bytes: 1 };
        assert_eq!(extend(&[lost], 0, [&b"x"[..]].into_iter(), &mut memory), None);
    }

    #[test]
    fn states_that_lie_apart_share_most_blocks() {
        let mut memory = Memory::default();
        let (mut history, mut skip) = (Vec::new(), 0);
        let mut kept = std::collections::HashMap::new();
        let mut printed = 0;
        for state in 0..2000_u32 {
            let lines: Vec<String> =
                (0..2).map(|n| format!("line {n} of state {state}, and more of it")).collect();
            printed += lines.iter().map(|line| line.len() + 1).sum::<usize>();
            let lines = lines.iter().map(String::as_bytes);
            (history, skip) = extend(&history, skip, lines, &mut memory).unwrap();
            // As retention does: one in twelve stays.
            if state % 12 == 0 {
                kept.extend(history.iter().map(|block| (block.id, block.bytes as usize)));
            }
        }
        let bytes: usize = kept.values().sum();
        assert!(bytes < 6 * printed, "{bytes} for {printed}");
    }
}
