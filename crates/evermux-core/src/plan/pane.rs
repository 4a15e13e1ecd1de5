//! The plan of one pane: its directory, what runs in it, and what it is owed.

use std::collections::HashSet;

use bstr::{BString, ByteSlice};

use super::build::Builder;
use super::{PlannedLaunch, PlannedPane, Resumption, Run, STILL_TO_START, Source, TO_START_LATER};
use crate::model::{Debt, OptionEntry, Owed, Pane, PaneIdentity, Program};
use crate::problem::{Problem, Subject};
use crate::relaunch::editors::{decide_editor, is_start_of};
use crate::relaunch::{
    Again, Conditions, Decision, Launch, Reason, Restriction, Shell, decide_conversation, decide_program,
    decide_start, is_shell,
};

impl Builder<'_, '_> {
    /// Plans a pane: its directory, what runs in it, and what it is owed.
    pub(super) fn pane(
        &mut self,
        source: &Source<'_>,
        saved: &Pane,
        position: usize,
        restriction: Restriction,
        label: &(BString, u32),
    ) -> PlannedPane {
        let mut pane = saved.clone();
        let subject = Subject::Pane(label.0.to_string(), label.1, position);
        if self.options.rename.is_some() {
            pane.identity = PaneIdentity::from_random((self.options.random)());
        }
        let mut directory = self.directory(&mut pane, &subject);
        let restriction = restriction.max(restriction_by(&saved.options));
        let conditions = Conditions { allow: self.options.allow.clone(), foreign: !source.own, restriction };
        if let Some(shell) = &mut pane.shell
            && (!source.own || restriction == Restriction::Skip)
        {
            // To activate what a variable names is to run it.
            shell.variables.clear();
        }
        if pane.start.is_none() && pane.dead.is_none() && pane.program.is_none() {
            take_back_start(&mut pane, &conditions);
        }
        let run = match self.command_of_pane(&mut pane, &conditions) {
            Some((run, own)) => {
                directory = own.unwrap_or(directory);
                run
            }
            None => self.run(&mut pane, &conditions),
        };
        let launch = match &run {
            Run::Shell => self.launch(&mut pane, &directory, &conditions),
            Run::Command(_) if pane.start.as_ref().is_some_and(is_shell) => {
                self.launch(&mut pane, &directory, &conditions)
            }
            Run::Command(_) | Run::Dead => None,
        };
        // What a program started anew prints takes the place of what it had printed before.
        let text = self.options.text && pane.text.is_some() && !starts_anew(&run);
        if pane.text.is_some() && !self.options.text {
            self.owe(&mut pane, Owed::Text, "left out on request");
        }
        let later = self.options.lazy && run == Run::Shell;
        for debt in pane.debts.iter_mut().filter(|debt| later && debt.reason == STILL_TO_START) {
            debt.reason = TO_START_LATER.to_owned();
        }
        PlannedPane { pane, position, beside: None, directory, run, launch, text, later }
    }

    /// The directory a pane starts in; one that is gone, or comes back, changes its debts.
    fn directory(&mut self, pane: &mut Pane, subject: &Subject) -> BString {
        let owed = pane.debts.iter().find_map(|debt| match &debt.owed {
            Owed::Directory(directory) => Some(directory.clone()),
            _ => None,
        });
        if let Some(owed) = owed {
            if (self.options.enter)(&owed) == owed {
                pane.debts.retain(|debt| !matches!(debt.owed, Owed::Directory(_)));
                return owed;
            }
            return (self.options.enter)(&pane.directory);
        }
        let directory = (self.options.enter)(&pane.directory);
        if directory != pane.directory {
            let missing = pane.directory.clone();
            let reason = format!("it is not there; the pane starts in {}", directory.as_bstr());
            self.plan.problems.push(Problem::new(subject.clone(), format!("directory {missing}: {reason}")));
            self.owe(pane, Owed::Directory(missing), reason);
        }
        directory
    }

    /// What runs in a pane; what does not becomes a debt.
    fn run(&mut self, pane: &mut Pane, conditions: &Conditions) -> Run {
        let Some(start) = pane.start.clone() else {
            return if pane.dead.is_some() { Run::Dead } else { Run::Shell };
        };
        if pane.dead.is_some() {
            self.owe(pane, Owed::Start(start), "it had ended");
            return Run::Dead;
        }
        match decide_start(&start, conditions) {
            Decision::Run(words) => Run::Command(words),
            Decision::Owe(reason) => {
                self.owe(pane, Owed::Start(start), reason.to_string());
                Run::Shell
            }
        }
    }

    /// What is started in the shell of a pane, or typed at its prompt: the program that ran there, or what it is owed since
    /// an earlier restore. It stays a debt until it runs. `directory`: where the pane starts.
    fn launch(
        &mut self,
        pane: &mut Pane,
        directory: &BString,
        conditions: &Conditions,
    ) -> Option<PlannedLaunch> {
        // The program of a pane that was made with a command is that command, unless it is a shell.
        let in_shell = pane.start.as_ref().is_none_or(is_shell);
        if let Some(program) = pane.program.clone().filter(|_| in_shell) {
            // It has replaced what was owed before it.
            let others = |debt: &Debt| match &debt.owed {
                Owed::Program(owed) => *owed == program,
                Owed::Start(owed) => pane.start.as_ref() == Some(owed),
                _ => true,
            };
            pane.debts.retain(others);
            self.owe(pane, Owed::Program(program), String::new());
        }
        let identity = pane.identity;
        let debt = pane.debts.iter_mut().find(|debt| matches!(debt.owed, Owed::Program(_)))?;
        let Owed::Program(program) = &debt.owed else { return None };
        let again = again(program, conditions, self.options.resume, &mut self.resumed);
        let again = again.or_else(|| editor_again(program, identity, conditions, self.options.editor));
        let again = again.unwrap_or_else(|| decide_program(program, conditions));
        let (again, reason) = match again {
            Again::Run(launch) => (Some((launch, false)), STILL_TO_START.to_owned()),
            Again::Prefill(launch, reason) => (Some((launch, true)), reason.to_string()),
            Again::Owe(reason) => (None, reason.to_string()),
        };
        debt.reason = reason;
        let (mut launch, prefill) = again?;
        if launch.directory.is_none() && !program.directory.is_empty() {
            launch.directory = Some(program.directory.clone());
        }
        launch.directory.take_if(|wanted| wanted == directory);
        if launch.directory.as_ref().is_some_and(|wanted| (self.options.enter)(wanted) != *wanted) {
            debt.reason = Reason::NoDirectory.to_string();
            return None;
        }
        Some(PlannedLaunch { program: program.clone(), launch, prefill })
    }

    /// What runs in a pane that was made with an assistant or an editor as its command: the command that goes on with its
    /// conversation, or brings back what it held, and its directory. None if no such pane.
    fn command_of_pane(
        &mut self,
        pane: &mut Pane,
        conditions: &Conditions,
    ) -> Option<(Run, Option<BString>)> {
        let start = pane.start.clone().filter(|start| pane.dead.is_none() && !is_shell(start))?;
        let program = pane.program.clone()?;
        let again = match &program.conversation {
            Some(_) => again(&program, conditions, self.options.resume, &mut self.resumed),
            None => editor_again(&program, pane.identity, conditions, self.options.editor),
        };
        match again? {
            Again::Run(launch) => {
                pane.debts.retain(|debt| !matches!(debt.owed, Owed::Program(_) | Owed::Start(_)));
                let directory = launch.directory.clone();
                Some((Run::Command(as_command(launch)), directory))
            }
            Again::Prefill(_, reason) | Again::Owe(reason) => {
                self.owe(pane, Owed::Start(start), reason.to_string());
                self.owe(pane, Owed::Program(program), reason.to_string());
                Some((Run::Shell, None))
            }
        }
    }

    pub(super) fn owe(&mut self, pane: &mut Pane, owed: Owed, reason: impl Into<String>) {
        if !pane.debts.iter().any(|debt| debt.owed == owed) {
            pane.debts.push(Debt { owed, since: self.options.now, reason: reason.into() });
        }
    }
}

/// What is done about a program that a handler knows; none if none does. A conversation that another pane of the
/// plan goes on with is not started twice.
fn again(
    program: &Program,
    conditions: &Conditions,
    resume: &dyn Fn(&Program) -> Option<Resumption>,
    resumed: &mut HashSet<(String, String)>,
) -> Option<Again> {
    let again = decide_conversation(program, conditions, resume(program)?);
    let Some(conversation) = &program.conversation else { return Some(again) };
    match (&again, &conversation.id) {
        (Again::Run(_) | Again::Prefill(..), Some(id)) => {
            let is_new = resumed.insert((conversation.tool.clone(), id.clone()));
            let twice =
                || Again::Owe(Reason::Conversation(format!("conversation {id} comes back in another pane")));
            Some(if is_new { again } else { twice() })
        }
        _ => Some(again),
    }
}

/// What is done about an editor whose state is known. What a session file does nobody has looked at: only this machine's own.
fn editor_again(
    program: &Program,
    pane: PaneIdentity,
    conditions: &Conditions,
    editor: &dyn Fn(&Program, PaneIdentity) -> Option<Launch>,
) -> Option<Again> {
    let launch = editor(program, pane).filter(|_| !conditions.foreign)?;
    Some(decide_editor(program, conditions, launch))
}

/// What tmux executes for a launch: the words, behind `env` if they get variables.
fn as_command(launch: Launch) -> Vec<BString> {
    let mut words = Vec::new();
    if !launch.environment.is_empty() {
        let variable = |(name, value): (BString, BString)| [name.as_slice(), b"=", &value].concat().into();
        words.push("env".into());
        words.extend(launch.environment.into_iter().map(variable));
    }
    words.extend(launch.argv);
    words
}

/// Makes the command that a pane was made with, and that an earlier restore has left, its command again, if it may run now;
/// an editor with what it held.
fn take_back_start(pane: &mut Pane, conditions: &Conditions) {
    let may_run = |debt: &Debt| match &debt.owed {
        Owed::Start(start) => matches!(decide_start(start, conditions), Decision::Run(_)),
        _ => false,
    };
    let Some(position) = pane.debts.iter().position(may_run) else { return };
    let Owed::Start(start) = pane.debts.remove(position).owed else { return };
    let editor = pane.debts.iter().find_map(|debt| match &debt.owed {
        Owed::Program(program) if program.editor.is_some() && is_start_of(&start, program) => Some(program),
        _ => None,
    });
    pane.program = editor.cloned();
    pane.start = Some(start);
}

/// Whether a command other than a shell is started again.
fn starts_anew(run: &Run) -> bool {
    match run {
        Run::Shell | Run::Dead => false,
        Run::Command(words) => {
            let program = words.first().and_then(|line| line.fields().next());
            program.is_none_or(|program| Shell::of(program).is_none())
        }
    }
}

/// How `@evermux-policy` of a window, or of a session that links it, restricts what is started.
pub(super) fn restriction(source: &Source<'_>, window: usize) -> Restriction {
    let sessions = source.snapshot.sessions().iter();
    sessions
        .filter(|session| session.links.iter().any(|link| link.window == window))
        .map(|session| restriction_by(&session.options))
        .chain([restriction_by(&source.snapshot.windows()[window].options)])
        .max()
        .unwrap_or_default()
}

/// How the `@evermux-policy` among these options restricts what is started.
fn restriction_by(options: &[OptionEntry]) -> Restriction {
    let option = options.iter().find(|option| option.name == "@evermux-policy");
    let words = option.and_then(|option| option.value.as_ref()).into_iter().flat_map(|value| value.fields());
    words
        .map(|word| match word {
            b"skip" => Restriction::Skip,
            b"prefill" => Restriction::Prefill,
            _ => Restriction::None,
        })
        .max()
        .unwrap_or_default()
}
