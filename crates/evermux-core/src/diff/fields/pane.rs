//! Panes, their text and their programs.

use bstr::{BString, ByteSlice};

use super::{Class, Comparison, Field, pane_subject, values, window_subject};
use crate::diff::text::{Sameness, same};
use crate::model::{BlockId, Debt, Editor, EnvironmentEntry, Owed, Pane, Program, Scrollback, ShellState};
use crate::problem::Subject;

impl Comparison<'_> {
    pub(super) fn panes(&mut self) {
        let twins = self.matching.panes.clone();
        for (window, twins) in twins.iter().enumerate() {
            for (position, twin) in twins.iter().enumerate() {
                let subject = pane_subject(self.before, window, position);
                match *twin {
                    Some((to, at)) => {
                        self.pane_window(&subject, window, to);
                        let (before, after) = (self.before, self.after);
                        let (one, two) =
                            (&before.windows()[window].panes[position], &after.windows()[to].panes[at]);
                        self.pane(&subject, one, two);
                    }
                    // A window that is gone says it for its panes.
                    None if self.matching.windows[window].is_some() => {
                        self.note_presence(&subject, true, false);
                    }
                    None => {}
                }
            }
        }
        self.new_panes(&twins);
    }

    fn new_panes(&mut self, twins: &[Vec<Option<(usize, usize)>>]) {
        let known: std::collections::HashSet<(usize, usize)> =
            twins.iter().flatten().flatten().copied().collect();
        for (window, panes) in self.after.windows().iter().enumerate() {
            if !self.matching.windows.contains(&Some(window)) {
                continue;
            }
            for position in (0..panes.panes.len()).filter(|&position| !known.contains(&(window, position))) {
                self.note_presence(&pane_subject(self.after, window, position), false, true);
            }
        }
    }

    fn pane_window(&mut self, subject: &Subject, window: usize, to: usize) {
        if self.matching.windows[window] != Some(to) {
            let one = window_subject(self.before, window).to_string();
            let two = window_subject(self.after, to).to_string();
            self.push(subject, Field::Window, Class::Restored, Some(one), Some(two));
        }
    }

    fn pane(&mut self, subject: &Subject, before: &Pane, after: &Pane) {
        let restored = Class::Restored;
        self.note_bytes(subject, Field::Title, restored, before.title.as_bstr(), after.title.as_bstr());
        let (one, two) = (before.directory.as_bstr(), after.directory.as_bstr());
        self.note_bytes(subject, Field::Directory, restored, one, two);
        self.owed_if(before.directory != after.directory, || {
            owes(after, &Owed::Directory(before.directory.clone()))
        });
        if after.history_limit < before.history_limit {
            let (one, two) = (Some(before.history_limit.to_string()), Some(after.history_limit.to_string()));
            self.push(subject, Field::HistoryLimit, restored, one, two);
        }
        self.note_options(subject, &before.options, &after.options);
        self.note_flag(subject, Field::InputOff, restored, before.input_off, after.input_off);
        self.note_flag(subject, Field::Marked, restored, before.marked, after.marked);
        // The signal is told since 3.3.
        let signals = self.both_at_least(3, 3);
        let death = |pane: &Pane| pane.dead.map(|death| values::death(death, signals));
        self.note(subject, Field::Dead, restored, death(before), death(after));
        self.text(subject, before, after);
        self.programs(subject, before, after);
        self.shell(subject, before, after);
        let fact = Class::Fact;
        let (one, two) = (before.facts.alternate_screen, after.facts.alternate_screen);
        self.note_flag(subject, Field::AlternateScreen, fact, one, two);
        let left_out =
            |pane: &Pane| pane.facts.text_left_out.as_ref().map(|why| values::quoted(why.as_str().into()));
        self.note(subject, Field::TextLeftOut, fact, left_out(before), left_out(after));
    }

    /// Marks the change just noted, if there is one, as owed.
    fn owed_if(&mut self, changed: bool, owed: impl FnOnce() -> bool) {
        if let Some(change) = self.changes.last_mut().filter(|_| changed) {
            change.owed = owed();
        }
    }

    fn text(&mut self, subject: &Subject, before: &Pane, after: &Pane) {
        let count = |text: &Scrollback| format!("{} lines", text.lines());
        let (one, two) = match (&before.text, &after.text) {
            (Some(one), Some(two)) => (one, two),
            // Text that was not captured cannot come back: then any text will do.
            (None, None) => return,
            (None, Some(two)) => return self.push(subject, Field::Text, Class::Fact, None, Some(count(two))),
            (Some(one), None) => {
                self.push(subject, Field::Text, Class::Restored, Some(count(one)), None);
                return self.owed_if(true, || owes(after, &Owed::Text));
            }
        };
        let words = match same(one, two, self.read.as_mut()) {
            Sameness::Same => None,
            Sameness::From(line) if line as u64 > one.lines() => {
                Some(format!("{} ({} more)", count(two), two.lines().saturating_sub(one.lines())))
            }
            Sameness::From(line) => Some(format!("{}, different from line {line} on", count(two))),
            Sameness::Unknown => Some(format!("{} in other blocks", count(two))),
        };
        if let Some(words) = words {
            self.push(subject, Field::Text, Class::Restored, Some(count(one)), Some(words));
            self.owed_if(true, || owes(after, &Owed::Text));
        } else if one.size == two.size && one.end_row != two.end_row {
            let (one, two) = (Some(one.end_row.to_string()), Some(two.end_row.to_string()));
            self.push(subject, Field::PromptRow, Class::Restored, one, two);
        }
    }

    fn programs(&mut self, subject: &Subject, before: &Pane, after: &Pane) {
        let class = Class::Program;
        let start = |pane: &Pane| pane.start.as_ref().map(values::start);
        // A pane made with an assistant comes back with what goes on with its conversation.
        let conversation = |pane: &Pane| pane.program.as_ref()?.conversation.clone();
        let goes_on =
            conversation(before).zip(conversation(after)).is_some_and(|(one, two)| one.is_same(&two));
        if before.start != after.start && !goes_on {
            self.push(subject, Field::StartCommand, class, start(before), start(after));
            self.owed_if(true, || {
                before.start.as_ref().is_some_and(|it| owes(after, &Owed::Start(it.clone())))
            });
        }
        // When it was started does not matter: another start is what comes back. A conversation is the same also where
        // other words have led to it.
        let same = |one: &Program, two: &Program| match (&one.conversation, &two.conversation) {
            (Some(one), Some(two)) if one.id.is_some() || two.id.is_some() => one.is_same(two),
            _ => one.command == two.command && one.directory == two.directory,
        };
        let unchanged = match (&before.program, &after.program) {
            (Some(one), Some(two)) => same(one, two),
            (one, two) => one.is_none() && two.is_none(),
        };
        if !unchanged {
            let program = |pane: &Pane| pane.program.as_ref().map(values::program);
            self.push(subject, Field::Program, class, program(before), program(after));
            self.owed_if(true, || {
                before.program.as_ref().is_some_and(|it| owes(after, &Owed::Program(it.clone())))
            });
        }
        self.unsaved(subject, before, after);
        self.debts(subject, before, after);
    }

    /// What a shell holds. One that has told nothing before had nothing to bring back, and what it holds beside that is its
    /// own.
    fn shell(&mut self, subject: &Subject, before: &Pane, after: &Pane) {
        let Some(one) = &before.shell else { return };
        let nothing = ShellState::default();
        let two = after.shell.as_ref().unwrap_or(&nothing);
        let path = |path: &BString| values::quoted(path.as_bstr());
        if let Some(previous) = &one.previous {
            let (one, two) = (Some(path(previous)), two.previous.as_ref().map(path));
            self.note(subject, Field::PreviousDirectory, Class::Restored, one, two);
        }
        let stack = |shell: &ShellState| values::list(shell.directories.iter().map(path));
        self.note(subject, Field::DirectoryStack, Class::Restored, stack(one), stack(two));
        let before = values::environment(&one.variables);
        let kept = |variable: &&EnvironmentEntry| one.variables.iter().any(|it| it.name == variable.name);
        let after: Vec<EnvironmentEntry> = two.variables.iter().filter(kept).cloned().collect();
        self.note_named(subject, Field::ShellVariable, Class::Restored, before, values::environment(&after));
    }

    /// What editors hold that is in no file. What is gone was written, or thrown away by whoever edits.
    fn unsaved(&mut self, subject: &Subject, before: &Pane, after: &Pane) {
        let editor = |pane: &Pane| Some(pane.program.as_ref()?.editor.as_ref()?.clone());
        let (one, two) = (editor(before), editor(after));
        let texts = |editor: &Option<Editor>| -> Vec<(BString, BlockId)> {
            let unsaved = editor.iter().flat_map(|editor| &editor.unsaved);
            unsaved.map(|unsaved| (unsaved.name.clone(), unsaved.text.id)).collect()
        };
        let (first, second) = (texts(&one), texts(&two));
        if first != second {
            let words = |editor: &Option<Editor>| editor.as_ref().and_then(values::unsaved);
            let (one, two) = (words(&one), words(&two));
            let same = one == two;
            let two = if same { two.map(|two| format!("{two}, changed")) } else { two };
            self.push(subject, Field::Unsaved, Class::Program, one, two);
        }
    }

    /// Debts that came or went. One that was paid is gone with good reason.
    fn debts(&mut self, subject: &Subject, before: &Pane, after: &Pane) {
        for debt in before.debts.iter().filter(|debt| !owes(after, &debt.owed) && !paid(after, debt)) {
            self.push(subject, Field::Debt, Class::Program, Some(values::debt(debt)), None);
        }
        for debt in after.debts.iter().filter(|debt| !owes(before, &debt.owed)) {
            self.push(subject, Field::Debt, Class::Program, None, Some(values::debt(debt)));
        }
    }
}

/// Whether a pane carries this debt; since when and why do not matter.
fn owes(pane: &Pane, owed: &Owed) -> bool {
    pane.debts.iter().any(|debt| match (&debt.owed, owed) {
        (Owed::Program(one), Owed::Program(two)) => {
            one.command == two.command && one.directory == two.directory
        }
        (one, two) => one == two,
    })
}

/// Whether a pane has what it was owed.
fn paid(pane: &Pane, debt: &Debt) -> bool {
    match &debt.owed {
        Owed::Program(owed) => pane.program.as_ref().is_some_and(|program| program.is_same(owed)),
        Owed::Start(owed) => pane.start.as_ref() == Some(owed),
        Owed::Directory(owed) => pane.directory == *owed,
        // Its coming back is a change of the text itself.
        Owed::Text => false,
    }
}
