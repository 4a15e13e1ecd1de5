//! Sessions, and how windows stand in them.

use std::collections::HashMap;

use super::{Class, Comparison, Field, values, window_subject};
use crate::model::{Link, Session};
use crate::problem::Subject;
use crate::text::quote::printable;

impl Comparison<'_> {
    pub(super) fn sessions(&mut self) {
        let (before, after) = (self.before, self.after);
        let twins = self.matching.sessions.clone();
        for (session, twin) in before.sessions().iter().zip(&twins) {
            match twin {
                Some(twin) => self.session(session, &after.sessions()[*twin]),
                None => self.note_presence(&subject(session), true, false),
            }
        }
        for (position, session) in after.sessions().iter().enumerate() {
            if !twins.contains(&Some(position)) {
                self.note_presence(&subject(session), false, true);
            }
        }
    }

    fn session(&mut self, before: &Session, after: &Session) {
        let subject = subject(before);
        let restored = Class::Restored;
        self.note_bytes(&subject, Field::Name, restored, before.name.as_ref(), after.name.as_ref());
        // tmux before 3.2 does not tell it; then the snapshot holds a guess.
        let class = if self.both_at_least(3, 2) { restored } else { Class::Fact };
        self.note_bytes(
            &subject,
            Field::Directory,
            class,
            before.directory.as_ref(),
            after.directory.as_ref(),
        );
        let group = |session: &Session| session.group.as_ref().map(|group| values::quoted(group.as_ref()));
        self.note(&subject, Field::Group, restored, group(before), group(after));
        self.note_options(&subject, &before.options, &after.options);
        let (one, two) = (values::environment(&before.environment), values::environment(&after.environment));
        self.note_named(&subject, Field::Environment, restored, one, two);
        let origins = self.links(before, after);
        self.visits(&subject, before, after, &origins);
        let attached = |session: &Session| Some(session.facts.attached.to_string());
        self.note(&subject, Field::Attached, Class::Fact, attached(before), attached(after));
    }

    /// The windows of a session: indexes, and links that came or went. Windows that are gone or new altogether are
    /// told once, by [`Comparison::windows`]. Returns the old index of each.
    fn links(&mut self, before: &Session, after: &Session) -> HashMap<u32, u32> {
        let mut origins = HashMap::new();
        let mut free: Vec<Link> = after.links.clone();
        let mut moved = Vec::new();
        for link in &before.links {
            let twin = self.matching.windows[link.window];
            let same = free.iter().position(|other| other.index == link.index && Some(other.window) == twin);
            match same {
                Some(position) => drop(origins.insert(free.remove(position).index, link.index)),
                None => moved.push((*link, twin)),
            }
        }
        for (link, twin) in moved {
            let subject = Subject::Window(printable(&before.name), link.index);
            let Some(twin) = twin else { continue };
            match free.iter().position(|other| other.window == twin) {
                Some(position) => {
                    let index = free.remove(position).index;
                    origins.insert(index, link.index);
                    let (one, two) = (Some(link.index.to_string()), Some(index.to_string()));
                    self.push(&subject, Field::Index, Class::Restored, one, two);
                }
                None => {
                    let linked = window_subject(self.after, twin).to_string();
                    self.push(&subject, Field::Link, Class::Restored, Some(linked), None);
                }
            }
        }
        for link in free {
            if let Some(origin) = self.matching.windows.iter().position(|twin| *twin == Some(link.window)) {
                let subject = Subject::Window(printable(&after.name), link.index);
                let linked = window_subject(self.before, origin).to_string();
                self.push(&subject, Field::Link, Class::Restored, None, Some(linked));
            }
        }
        origins
    }

    /// The current window and those visited before. Windows are numbered as they were before.
    fn visits(&mut self, subject: &Subject, before: &Session, after: &Session, origins: &HashMap<u32, u32>) {
        let number = |index: &u32| origins.get(index).map_or("new".to_owned(), u32::to_string);
        let (one, two) = (Some(before.active.to_string()), Some(number(&after.active)));
        self.note(subject, Field::CurrentWindow, Class::Restored, one, two);
        let there = before.last.iter().filter(|index| origins.values().any(|origin| origin == *index));
        let (one, two) = (values::list(there), values::list(after.last.iter().map(number)));
        self.note(subject, Field::LastWindows, Class::Restored, one, two);
    }
}

fn subject(session: &Session) -> Subject {
    Subject::Session(printable(&session.name))
}
