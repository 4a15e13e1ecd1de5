//! The fields of the design's table, one by one.

mod pane;
mod server;
mod session;
mod values;
mod window;

use bstr::BStr;

use super::matching::Matching;
use super::{Change, Class, Field, ReadBlock};
use crate::model::{OptionEntry, Snapshot, TmuxVersion};
use crate::problem::Subject;
use crate::text::quote::printable;

/// Two snapshots under comparison.
pub(super) struct Comparison<'a> {
    before: &'a Snapshot,
    after: &'a Snapshot,
    matching: Matching,
    read: Option<ReadBlock<'a>>,
    changes: Vec<Change>,
}

impl<'a> Comparison<'a> {
    pub fn new(before: &'a Snapshot, after: &'a Snapshot, read: Option<ReadBlock<'a>>) -> Self {
        Self { before, after, matching: Matching::new(before, after), read, changes: Vec::new() }
    }

    pub fn run(mut self) -> Vec<Change> {
        self.server();
        self.sessions();
        self.windows();
        self.panes();
        self.changes
    }

    /// Notes a change if the values differ. `None` means that the value is not there or not set.
    fn note(
        &mut self,
        subject: &Subject,
        field: Field,
        class: Class,
        before: Option<String>,
        after: Option<String>,
    ) {
        if before != after {
            self.push(subject, field, class, before, after);
        }
    }

    /// Notes a change of values that are told apart elsewhere.
    fn push(
        &mut self,
        subject: &Subject,
        field: Field,
        class: Class,
        before: Option<String>,
        after: Option<String>,
    ) {
        self.changes.push(Change { subject: subject.clone(), field, class, before, after, owed: false });
    }

    fn note_bytes(&mut self, subject: &Subject, field: Field, class: Class, before: &BStr, after: &BStr) {
        if before != after {
            self.push(subject, field, class, Some(values::quoted(before)), Some(values::quoted(after)));
        }
    }

    fn note_flag(&mut self, subject: &Subject, field: Field, class: Class, before: bool, after: bool) {
        let word = |flag: bool| Some(if flag { "yes" } else { "no" }.to_owned());
        self.note(subject, field, class, word(before), word(after));
    }

    /// Notes what changed in a list of named values: options, variables, buffers. Their order says nothing; a name
    /// that stands there twice has two values.
    fn note_named<'n>(
        &mut self,
        subject: &Subject,
        field: fn(bstr::BString) -> Field,
        class: Class,
        before: impl Iterator<Item = (&'n BStr, String)>,
        after: impl Iterator<Item = (&'n BStr, String)>,
    ) {
        for (name, before, after) in values::by_name(before, after) {
            self.note(subject, field(name.to_owned()), class, before, after);
        }
    }

    /// Notes what changed in the options set on a session, window or pane.
    fn note_options(&mut self, subject: &Subject, before: &[OptionEntry], after: &[OptionEntry]) {
        let (before, after) = (values::options(before), values::options(after));
        self.note_named(subject, Field::Option, Class::Restored, before, after);
    }

    /// Notes that something came or went.
    fn note_presence(&mut self, subject: &Subject, there_before: bool, there_after: bool) {
        let word = |there: bool| there.then(|| "there".to_owned());
        self.note(subject, Field::Presence, Class::Restored, word(there_before), word(there_after));
    }

    /// Whether both servers are at least of this version: what an older one cannot tell is no difference.
    fn both_at_least(&self, major: u16, minor: u16) -> bool {
        let is_new = |version: TmuxVersion| version.at_least(major, minor);
        is_new(self.before.server().version) && is_new(self.after.server().version)
    }
}

/// The window at a position, named by the first session that links it.
fn window_subject(snapshot: &Snapshot, window: usize) -> Subject {
    match first_link(snapshot, window) {
        Some((session, index)) => Subject::Window(session, index),
        None => Subject::Server,
    }
}

fn pane_subject(snapshot: &Snapshot, window: usize, pane: usize) -> Subject {
    match first_link(snapshot, window) {
        Some((session, index)) => Subject::Pane(session, index, pane),
        None => Subject::Server,
    }
}

fn first_link(snapshot: &Snapshot, window: usize) -> Option<(String, u32)> {
    snapshot.sessions().iter().find_map(|session| {
        let link = session.links.iter().find(|link| link.window == window)?;
        Some((printable(&session.name), link.index))
    })
}
