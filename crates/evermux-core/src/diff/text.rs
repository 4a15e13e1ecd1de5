//! Whether two panes hold the same lines.

use super::ReadBlock;
use crate::model::Scrollback;

/// What is known of two texts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sameness {
    /// The same lines.
    Same,
    /// Different from this line on, counted from 1.
    From(usize),
    /// They are in different blocks, and those were not or could not be read.
    Unknown,
}

/// Compares by the names of blocks, and where those differ by lines.
pub(super) fn same(before: &Scrollback, after: &Scrollback, read: Option<&mut ReadBlock>) -> Sameness {
    let blocks = |text: &Scrollback| (text.head.clone(), text.skip, text.history.clone(), text.screen);
    if blocks(before) == blocks(after) {
        return Sameness::Same;
    }
    let Some(read) = read else { return Sameness::Unknown };
    let (Some(one), Some(two)) = (whole(before, read), whole(after, read)) else {
        return Sameness::Unknown;
    };
    if one == two {
        return Sameness::Same;
    }
    let same = one.split(|&b| b == b'\n').zip(two.split(|&b| b == b'\n')).take_while(|(a, b)| a == b).count();
    Sameness::From(same + 1)
}

/// Whether two panes hold the same lines, as far as their blocks can be read.
pub fn same_text(before: &Scrollback, after: &Scrollback, mut read: ReadBlock) -> bool {
    same(before, after, Some(&mut read)) == Sameness::Same
}

/// All lines, each ended by a newline.
fn whole(text: &Scrollback, read: &mut ReadBlock) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    if let Some(head) = &text.head {
        all.extend_from_slice(head);
        all.push(b'\n');
    }
    let start = all.len();
    for block in text.history.iter().chain([&text.screen]) {
        all.extend_from_slice(&read(block.id)?);
    }
    if text.skip > 0 && !text.history.is_empty() {
        let skipped =
            all[start..].split_inclusive(|&b| b == b'\n').take(text.skip as usize).map(<[u8]>::len).sum();
        drop(all.drain(start..start + usize::min(skipped, all.len() - start)));
    }
    Some(all)
}
