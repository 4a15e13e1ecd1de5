//! What is set on single sessions, windows and panes: which reply tells it, and of whom.

use std::collections::HashMap;
use std::fmt::Display;

use bstr::{BString, ByteSlice};

use super::list_parse::Record;
use super::listing::{ListedPane, Listing};
use super::options;
use crate::model::{EnvironmentEntry, OptionEntry, PaneId, PaneIdentity, SessionId, WindowId};
use crate::text::quote::{self, BadEnvironment};

/// Options and environments of single objects, by their ids as tmux prints them.
#[derive(Debug, Default)]
pub(super) struct OwnOptions {
    options: HashMap<BString, Vec<OptionEntry>>,
    environments: HashMap<BString, Vec<EnvironmentEntry>>,
    /// By window, the options of its panes, one pane after the other.
    of_panes: HashMap<BString, Vec<OptionEntry>>,
    /// The loop over all objects came to its end.
    complete: bool,
    /// Objects without options were left out, so that a missing one is no sign of trouble.
    only_those_that_have: bool,
    /// Environments that were not understood.
    pub strange: Vec<BadEnvironment>,
}

/// Objects of which nothing is known yet.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Unknown {
    pub sessions: Vec<SessionId>,
    pub windows: Vec<WindowId>,
    pub panes: Vec<PaneId>,
}

impl Unknown {
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty() && self.windows.is_empty() && self.panes.is_empty()
    }

    /// Their ids, as tmux prints them.
    pub fn ids(&self) -> impl Iterator<Item = String> + '_ {
        let sessions = self.sessions.iter().map(SessionId::to_string);
        let windows = self.windows.iter().map(WindowId::to_string);
        sessions.chain(windows).chain(self.panes.iter().map(PaneId::to_string))
    }
}

impl OwnOptions {
    /// Takes in a record, if it is about single objects.
    pub fn read(&mut self, record: &Record<'_>) {
        let id = || BString::from(record.head);
        // A linked window comes several times, always the same.
        match record.tag {
            b'O' => drop(self.options.insert(id(), options::parse_options(record.body))),
            b'Q' => drop(self.of_panes.insert(id(), options::parse_options(record.body))),
            b'E' => {
                let entries = environment(record, &mut self.strange);
                self.environments.insert(id(), entries);
            }
            b'Y' => {
                let probe = record.head.strip_prefix(b"!");
                self.complete = !probe.unwrap_or(record.head).is_empty();
                self.only_those_that_have = probe.is_some();
            }
            _ => {}
        }
    }

    /// Finds out whose the options of panes are, and forgets what a loop told that did not come to its end.
    pub fn settle(&mut self, listing: &Listing) {
        if !self.complete {
            *self = Self { strange: std::mem::take(&mut self.strange), ..Self::default() };
        }
        for window in &listing.windows {
            let Some(entries) = self.of_panes.remove(key(&window.id).as_bstr()) else { continue };
            if let Some(split) = split(entries, &window.panes) {
                self.options.extend(window.panes.iter().map(|pane| key(&pane.id)).zip(split));
            }
        }
    }

    /// The objects that no reply has told of.
    pub fn unknown(&self, listing: &Listing) -> Unknown {
        if self.only_those_that_have {
            return Unknown::default();
        }
        let is_unknown = |id: &dyn Display| !self.options.contains_key(key(id).as_bstr());
        Unknown {
            sessions: listing.sessions.iter().map(|s| s.id).filter(|id| is_unknown(id)).collect(),
            windows: listing.windows.iter().map(|w| w.id).filter(|id| is_unknown(id)).collect(),
            panes: listing.panes().map(|p| p.id).filter(|id| is_unknown(id)).collect(),
        }
    }

    /// Puts everything where it belongs.
    pub fn put_into(mut self, listing: &mut Listing) {
        let mut take = |id: &dyn Display| self.options.remove(key(id).as_bstr()).unwrap_or_default();
        for session in &mut listing.sessions {
            session.options = take(&session.id);
            let environment = self.environments.remove(key(&session.id).as_bstr());
            session.environment = environment.unwrap_or_default();
        }
        for window in &mut listing.windows {
            window.options = take(&window.id);
            for pane in &mut window.panes {
                pane.options = take(&pane.id);
                pane.options.retain(|entry| entry.name != PaneIdentity::OPTION);
            }
        }
    }
}

fn key(id: &dyn Display) -> BString {
    id.to_string().into()
}

/// The variables of a `show-environment -s`; none if they are not understood, which is noted.
pub(super) fn environment(record: &Record<'_>, strange: &mut Vec<BadEnvironment>) -> Vec<EnvironmentEntry> {
    quote::environment(record.body).unwrap_or_else(|error| {
        strange.push(error);
        Vec::new()
    })
}

/// Options of panes, one pane after the other without a mark between them, to their panes; none if that is unclear.
///
/// A mark for each pane would cost as much as its options. Panes that carry an identity need none: tmux prints user
/// options first, sorted by name (`strcmp`), then its own. So after the identity of one pane and before that of the
/// next, the user options that sort before the identity are the next pane's, and all else the first one's.
fn split(entries: Vec<OptionEntry>, panes: &[ListedPane]) -> Option<Vec<Vec<OptionEntry>>> {
    let identities =
        || entries.iter().filter(|entry| entry.name == PaneIdentity::OPTION).map(|e| e.value.as_ref());
    if identities().count() == entries.len() {
        let expected = panes.iter().filter_map(|pane| pane.identity_option.as_ref()).map(Some);
        return (entries.is_empty() || identities().eq(expected)).then(|| vec![Vec::new(); panes.len()]);
    }
    if !identities().eq(panes.iter().map(|pane| pane.identity_option.as_ref())) {
        return None;
    }
    let mut split = vec![Vec::new(); panes.len()];
    let mut seen = 0;
    for entry in entries {
        let name = entry.name.as_slice();
        let pane = if name == PaneIdentity::OPTION.as_bytes() {
            seen += 1;
            seen - 1
        } else if name.starts_with(b"@") && name < PaneIdentity::OPTION.as_bytes() {
            seen
        } else {
            // Before the first identity only smaller user options can stand.
            usize::checked_sub(seen, 1)?
        };
        split.get_mut(pane)?.push(entry);
    }
    Some(split)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pane(identity: Option<&str>) -> ListedPane {
        let listing = super::super::recorded::any_listing();
        let mut pane = listing.windows[0].panes[0].clone();
        pane.identity_option = identity.map(BString::from);
        pane
    }

    fn entry(name: &str, value: &str) -> OptionEntry {
        OptionEntry { name: name.into(), value: Some(value.into()) }
    }

    #[test]
    fn nothing_set_is_clear() {
        let panes = [pane(None), pane(Some("inherited"))];
        assert_eq!(split(vec![], &panes), Some(vec![vec![], vec![]]));
    }

    #[test]
    fn identities_alone_are_clear_also_if_some_are_missing() {
        let panes = [pane(Some("a")), pane(None), pane(Some("b"))];
        let own = |value| entry(PaneIdentity::OPTION, value);
        assert_eq!(split(vec![own("a"), own("b")], &panes), Some(vec![vec![]; 3]));
        assert_eq!(split(vec![own("a")], &panes), None);
        assert_eq!(split(vec![own("a"), own("b"), entry("@x", "1")], &panes), None);
    }

    proptest! {
        /// If every pane has its identity, what tmux prints one pane after the other is always told apart.
        #[test]
        fn panes_with_identities_are_always_clear(
            options in prop::collection::vec(
                (prop::collection::btree_map("@[a-z]{0,2}|@evermux-[a-z]|@evermux-pan[e-f]?.?", "[a-z]", 0..4),
                 prop::sample::subsequence(vec!["allow-rename", "remain-on-exit", "window-style"], 0..=3)), 1..6)
        ) {
            let own: Vec<Vec<OptionEntry>> = options.iter().enumerate().map(|(index, (user, table))| {
                let mut user = user.clone();
                user.insert(PaneIdentity::OPTION.to_owned(), index.to_string());
                let user = user.iter().map(|(name, value)| entry(name, value));
                user.chain(table.iter().map(|name| entry(name, "on"))).collect()
            }).collect();
            let panes: Vec<_> = (0..own.len()).map(|index| pane(Some(&index.to_string()))).collect();
            let read = split(own.concat(), &panes).unwrap();
            let without_identity = |own: &[OptionEntry]| -> Vec<OptionEntry> {
                own.iter().filter(|entry| entry.name != PaneIdentity::OPTION).cloned().collect()
            };
            for (own, read) in own.iter().zip(&read) {
                prop_assert_eq!(without_identity(own), without_identity(read));
            }
        }
    }
}
