//! Windows, each once, however many sessions link it.

use bstr::ByteSlice;

use super::{Class, Comparison, Field, values, window_subject};
use crate::model::Window;
use crate::problem::Subject;

impl Comparison<'_> {
    pub(super) fn windows(&mut self) {
        let (before, after) = (self.before, self.after);
        let twins = self.matching.windows.clone();
        for (position, twin) in twins.iter().enumerate() {
            let subject = window_subject(before, position);
            match twin {
                Some(twin) => self.window(&subject, position, *twin),
                None => self.note_presence(&subject, true, false),
            }
        }
        for position in 0..after.windows().len() {
            if !twins.contains(&Some(position)) {
                self.note_presence(&window_subject(after, position), false, true);
            }
        }
    }

    fn window(&mut self, subject: &Subject, position: usize, twin: usize) {
        let (before, after) = (&self.before.windows()[position], &self.after.windows()[twin]);
        let restored = Class::Restored;
        // A name that follows the program comes back with it.
        let automatic = before.facts.automatic_rename && after.facts.automatic_rename;
        let class = if automatic { Class::Program } else { restored };
        self.note_bytes(subject, Field::Name, class, before.name.as_bstr(), after.name.as_bstr());
        if before.layout != after.layout {
            let layout = |window: &Window| Some(window.layout.to_old());
            self.push(subject, Field::Layout, restored, layout(before), layout(after));
        }
        self.note(
            subject,
            Field::Size,
            restored,
            Some(values::size(before.size)),
            Some(values::size(after.size)),
        );
        self.note_flag(subject, Field::Zoom, restored, before.zoomed, after.zoomed);
        self.pane_places(subject, position, twin);
        self.note_options(subject, &before.options, &after.options);
        let fact = Class::Fact;
        let (one, two) = (before.facts.automatic_rename, after.facts.automatic_rename);
        self.note_flag(subject, Field::AutomaticRename, fact, one, two);
        self.note_bytes(
            subject,
            Field::Alerts,
            fact,
            before.facts.alerts.as_bstr(),
            after.facts.alerts.as_bstr(),
        );
    }

    /// The active pane, those visited before, and the order: by pane, wherever it stands now. Panes are numbered as they
    /// were before.
    fn pane_places(&mut self, subject: &Subject, position: usize, twin: usize) {
        let (before, after) = (&self.before.windows()[position], &self.after.windows()[twin]);
        let mut origins: Vec<Option<usize>> = vec![None; after.panes.len()];
        for (origin, place) in self.matching.panes[position].iter().enumerate() {
            if let Some((_, pane)) = place.filter(|(window, _)| *window == twin) {
                origins[pane] = Some(origin);
            }
        }
        let number = |pane: usize| origins[pane].map_or("new".to_owned(), |origin| origin.to_string());
        self.note(
            subject,
            Field::ActivePane,
            Class::Restored,
            Some(before.active.to_string()),
            Some(number(after.active)),
        );
        // tmux 3.1 tells none, and before 3.8 only one.
        let known = match (self.both_at_least(3, 2), self.both_at_least(3, 8)) {
            (_, true) => usize::MAX,
            (true, false) => 1,
            (false, false) => 0,
        };
        let there = before.last.iter().filter(|pane| origins.contains(&Some(**pane)));
        self.note(
            subject,
            Field::LastPanes,
            Class::Restored,
            values::list(there.take(known)),
            values::list(after.last.iter().take(known).map(|&pane| number(pane))),
        );
        let order: Vec<usize> = origins.into_iter().flatten().collect();
        let mut sorted = order.clone();
        sorted.sort_unstable();
        let (one, two) = (values::list(sorted.iter()), values::list(order.iter()));
        self.note(subject, Field::PaneOrder, Class::Restored, one, two);
    }
}
