//! Giving panes their lasting identity.

use std::time::Duration;

use bstr::ByteSlice;

use super::client::RunError;
use super::{Nonce, Server, in_blocks, yield_line};
use crate::model::{PaneId, PaneIdentity, TmuxVersion};

/// So many identities are read back before tmux serves others.
const READ_AT_ONCE: usize = 100;

/// An identity for a pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Which pane.
    pub pane: PaneId,
    /// Its identity.
    pub identity: PaneIdentity,
    /// Also if the pane has one of its own by now; otherwise that one stays.
    pub replace: bool,
}

impl Server {
    /// Sets identities, all in one client and one queue run: clients are repainted once. `version` is the server's.
    /// Returns for each mark the
    /// identity that its pane carries afterwards, none for a pane that is gone.
    ///
    /// # Errors
    /// [`RunError`]; some identities may be set then.
    pub fn mark(
        &self,
        nonce: Nonce,
        version: TmuxVersion,
        marks: &[Mark],
        limit: Duration,
    ) -> Result<Vec<Option<PaneIdentity>>, RunError> {
        if marks.is_empty() {
            return Ok(Vec::new());
        }
        let output = self.run(&script(nonce, version, marks), limit)?;
        Ok(parse(nonce, marks, &output.stdout))
    }
}

fn script(nonce: Nonce, version: TmuxVersion, marks: &[Mark]) -> Vec<u8> {
    let option = PaneIdentity::OPTION;
    let set = |mark: &Mark| {
        let keep = if mark.replace { "" } else { "o" };
        format!("set-option -pq{keep} -t '{}' {option} {}", mark.pane, mark.identity)
    };
    // Read back at the end: a set that fails says so on standard error only, and not the same on every version.
    let read =
        |mark: &Mark| format!("display-message -p -t '{}' '{nonce}#{{pane_id}} #{{{option}}}'", mark.pane);
    let mut lines: Vec<String> = marks.iter().map(set).collect();
    for some in marks.chunks(READ_AT_ONCE) {
        if marks.len() > READ_AT_ONCE {
            lines.push(yield_line(version).to_owned());
        }
        lines.extend(some.iter().map(read));
    }
    in_blocks(lines)
}

fn parse(nonce: Nonce, marks: &[Mark], reply: &[u8]) -> Vec<Option<PaneIdentity>> {
    let mut found = vec![None; marks.len()];
    for line in nonce.split(reply).skip(1) {
        let Some((pane, identity)) = line.trim_end().split_once_str(" ") else { continue };
        let (Ok(pane), Ok(identity)) = (pane.to_str(), identity.to_str()) else { continue };
        let (Ok(pane), Ok(identity)) = (pane.parse::<PaneId>(), identity.parse()) else { continue };
        for (mark, found) in marks.iter().zip(&mut found) {
            if mark.pane == pane {
                *found = Some(identity);
            }
        }
    }
    found
}
