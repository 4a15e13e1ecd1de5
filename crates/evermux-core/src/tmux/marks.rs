//! Giving panes their lasting identity.

use std::time::Duration;

use bstr::ByteSlice;

use super::client::RunError;
use super::{Nonce, Server, in_blocks};
use crate::model::{PaneId, PaneIdentity};

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
    /// Sets identities, all in one client and one queue run: clients are repainted once. Returns for each mark the
    /// identity that its pane carries afterwards, none for a pane that is gone.
    ///
    /// # Errors
    /// [`RunError`]; some identities may be set then.
    pub fn mark(
        &self,
        nonce: Nonce,
        marks: &[Mark],
        limit: Duration,
    ) -> Result<Vec<Option<PaneIdentity>>, RunError> {
        if marks.is_empty() {
            return Ok(Vec::new());
        }
        let output = self.run(&script(nonce, marks), limit)?;
        Ok(parse(nonce, marks, &output.stdout))
    }
}

fn script(nonce: Nonce, marks: &[Mark]) -> Vec<u8> {
    let option = PaneIdentity::OPTION;
    let set = |mark: &Mark| {
        let keep = if mark.replace { "" } else { "o" };
        format!("set-option -pq{keep} -t '{}' {option} {}", mark.pane, mark.identity)
    };
    // Read back at the end: a set that fails says so on standard error only, and not the same on every version.
    let read =
        |mark: &Mark| format!("display-message -p -t '{}' '{nonce}#{{pane_id}} #{{{option}}}'", mark.pane);
    in_blocks(marks.iter().map(set).chain(marks.iter().map(read)))
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
