//! The plan of one pane: its directory, what runs in it, and what it is owed.

use std::collections::HashSet;

use bstr::{BString, ByteSlice};

use super::build::Builder;
use super::{PlannedLaunch, PlannedPane, Resumption, Run, STILL_TO_START, Source, TO_START_LATER};
use crate::model::{Command, Debt, OptionEntry, Owed, Pane, PaneIdentity, Program, StartCommand};
use crate::problem::{Problem, Subject};
use crate::relaunch::editors::{decide_editor, is_start_of};
use crate::relaunch::{
    Again, Conditions, Launch, Permission, Reason, Restriction, Shell, decide_line, decide_program,
    decide_recipe, is_shell, program_of, words_of_pane,
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
        let mut comes = match self.command_of_pane(&mut pane, &directory, &conditions) {
            Some((comes, own)) => {
                directory = own.unwrap_or(directory);
                comes
            }
            None => self.run(&mut pane, &directory, &conditions),
        };
        let is_shell = match &comes.run {
            Run::Shell => comes.launch.is_none(),
            Run::Command(_) => pane.start.as_ref().is_some_and(is_shell),
            Run::Dead => false,
        };
        if is_shell {
            comes.launch = self.launch(&mut pane, &directory, &conditions);
        }
        let Comes { run, permission, launch } = comes;
        // What a program started anew prints takes the place of what it had printed before.
        let text = self.options.text && pane.text.is_some() && !starts_anew(&run);
        if pane.text.is_some() && !self.options.text {
            self.owe(&mut pane, Owed::Text, "left out on request");
        }
        let later = self.options.lazy && run == Run::Shell;
        for debt in pane.debts.iter_mut().filter(|debt| later && debt.reason == STILL_TO_START) {
            debt.reason = TO_START_LATER.to_owned();
        }
        PlannedPane { pane, position, beside: None, directory, run, permission, launch, text, later }
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

    /// What runs in a pane; what does not becomes a debt, and may be typed into the shell that is there instead.
    fn run(&mut self, pane: &mut Pane, directory: &BString, conditions: &Conditions) -> Comes {
        let start = match &pane.start {
            Some(start) => start.clone(),
            None if pane.dead.is_some() => return Comes::of(Run::Dead),
            // The command that an earlier restore has left.
            None if pane.program.is_none() => match owed_start(pane) {
                Some(start) => start,
                None => return Comes::of(Run::Shell),
            },
            None => return Comes::of(Run::Shell),
        };
        if pane.dead.is_some() {
            self.owe(pane, Owed::Start(start), "it had ended");
            return Comes::of(Run::Dead);
        }
        let program = program_of(&start, directory);
        let again = match &program {
            Some(program) => self.again(program, pane.identity, conditions),
            None => decide_line(&start, conditions),
        };
        let (launch, reason) = match again {
            Again::Run(launch, permission) => {
                pane.debts.retain(|debt| debt.owed != Owed::Start(start.clone()));
                pane.start = Some(start.clone());
                let run = Run::Command(words_of_pane(launch, &start));
                return Comes { run, permission: Some(permission), launch: None };
            }
            Again::Prefill(launch, reason) => (Some(launch), reason),
            Again::Owe(reason) => (None, reason),
        };
        let owed = Owed::Start(start.clone());
        self.owe(pane, owed.clone(), "");
        for debt in pane.debts.iter_mut().filter(|debt| debt.owed == owed) {
            debt.reason = reason.to_string();
        }
        let command = Command { argv: start.argv, masked: start.masked };
        let program = program.unwrap_or_else(|| Program::of(command, directory.clone()));
        let why = reason.why().to_string();
        let launch = launch.map(|launch| PlannedLaunch { owed, program, launch, prefill: true, why });
        Comes { run: Run::Shell, permission: None, launch }
    }

    /// What is done about a program: by its handler, by what is known of the editor it is, by the program table.
    fn again(&mut self, program: &Program, pane: PaneIdentity, conditions: &Conditions) -> Again {
        let again = by_recipe(program, conditions, self.options.resume, &mut self.resumed);
        let again = again.or_else(|| self.by_editor(program, pane, conditions));
        again.unwrap_or_else(|| decide_program(program, conditions))
    }

    /// What is done about an editor whose state is known. What a session file does nobody has looked at: only this machine's
    /// own.
    fn by_editor(&self, program: &Program, pane: PaneIdentity, conditions: &Conditions) -> Option<Again> {
        let launch = (self.options.editor)(program, pane).filter(|_| !conditions.foreign)?;
        Some(decide_editor(program, conditions, launch))
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
        let is_program = |debt: &&Debt| matches!(debt.owed, Owed::Program(_));
        let Owed::Program(program) = pane.debts.iter().find(is_program)?.owed.clone() else { return None };
        let again = self.again(&program, pane.identity, conditions);
        let debt = pane.debts.iter_mut().find(|debt| matches!(debt.owed, Owed::Program(_)))?;
        let (launch, why) = match again {
            Again::Run(launch, permission) => {
                debt.reason = STILL_TO_START.to_owned();
                (Some((launch, false)), permission.to_string())
            }
            Again::Prefill(launch, reason) => {
                debt.reason = reason.to_string();
                (Some((launch, true)), reason.why().to_string())
            }
            Again::Owe(reason) => {
                debt.reason = reason.to_string();
                (None, String::new())
            }
        };
        let (launch, prefill) = launch?;
        let Some(launch) = self.in_its_directory(launch, &program, directory) else {
            debt.reason = Reason::NoDirectory.to_string();
            return None;
        };
        Some(PlannedLaunch { owed: Owed::Program(program.clone()), program, launch, prefill, why })
    }

    /// The same with the directory it needs, if that is not the one in which the pane starts; none if it is not there.
    fn in_its_directory(&self, mut launch: Launch, program: &Program, pane: &BString) -> Option<Launch> {
        if launch.directory.is_none() && !program.directory.is_empty() {
            launch.directory = Some(program.directory.clone());
        }
        launch.directory.take_if(|wanted| wanted == pane);
        launch
            .directory
            .as_ref()
            .is_none_or(|wanted| (self.options.enter)(wanted) == *wanted)
            .then_some(launch)
    }

    /// What runs in a pane that was made with an assistant or an editor as its command: the command that goes on with its
    /// conversation, or brings back what it held, and its directory. None if no such pane.
    fn command_of_pane(
        &mut self,
        pane: &mut Pane,
        directory: &BString,
        conditions: &Conditions,
    ) -> Option<(Comes, Option<BString>)> {
        let (start, program) = command_with_program(pane)?;
        let again = match &program.conversation {
            Some(_) => by_recipe(&program, conditions, self.options.resume, &mut self.resumed),
            None => self.by_editor(&program, pane.identity, conditions),
        };
        match again? {
            Again::Run(launch, permission) => {
                pane.debts.retain(|debt| !matches!(debt.owed, Owed::Program(_) | Owed::Start(_)));
                let directory = launch.directory.clone();
                let run = Run::Command(words_of_pane(launch, &start));
                (pane.start, pane.program) = (Some(start), Some(program));
                Some((Comes { run, permission: Some(permission), launch: None }, directory))
            }
            Again::Prefill(launch, reason) => {
                let (owed, why) = (Owed::Program(program.clone()), reason.to_string());
                self.owe(pane, Owed::Start(start), why.clone());
                self.owe(pane, owed.clone(), why.clone());
                // Asked once: a conversation is not given twice.
                let launch = self.in_its_directory(launch, &program, directory);
                let launch = launch.map(|launch| PlannedLaunch { owed, program, launch, prefill: true, why });
                Some((Comes { run: Run::Shell, permission: None, launch }, None))
            }
            Again::Owe(reason) => {
                self.owe(pane, Owed::Start(start), reason.to_string());
                self.owe(pane, Owed::Program(program), reason.to_string());
                Some((Comes::of(Run::Shell), None))
            }
        }
    }

    pub(super) fn owe(&mut self, pane: &mut Pane, owed: Owed, reason: impl Into<String>) {
        if !pane.debts.iter().any(|debt| debt.owed == owed) {
            pane.debts.push(Debt { owed, since: self.options.now, reason: reason.into() });
        }
    }
}

/// What comes back in a pane.
struct Comes {
    run: Run,
    /// What says that it runs, if it is a command.
    permission: Option<Permission>,
    /// What is typed into the shell that is there instead of a command.
    launch: Option<PlannedLaunch>,
}

impl Comes {
    fn of(run: Run) -> Self {
        Self { run, permission: None, launch: None }
    }
}

/// What is done about a program that a handler knows; none if none does. A conversation that another pane of the
/// plan goes on with is not started twice.
fn by_recipe(
    program: &Program,
    conditions: &Conditions,
    resume: &dyn Fn(&Program) -> Option<Resumption>,
    resumed: &mut HashSet<(String, String)>,
) -> Option<Again> {
    let again = decide_recipe(program, conditions, resume(program)?);
    let Some(conversation) = &program.conversation else { return Some(again) };
    match (&again, &conversation.id) {
        (Again::Run(..) | Again::Prefill(..), Some(id)) => {
            let is_new = resumed.insert((conversation.tool.clone(), id.clone()));
            let twice =
                || Again::Owe(Reason::Conversation(format!("conversation {id} comes back in another pane")));
            Some(if is_new { again } else { twice() })
        }
        _ => Some(again),
    }
}

/// The command that a pane was made with and is owed.
fn owed_start(pane: &Pane) -> Option<StartCommand> {
    pane.debts.iter().find_map(|debt| match &debt.owed {
        Owed::Start(start) => Some(start.clone()),
        _ => None,
    })
}

/// The command of a pane that is no shell, and the program that it is: what ran when it was saved, or an editor that it is owed.
fn command_with_program(pane: &Pane) -> Option<(StartCommand, Program)> {
    if pane.dead.is_some() {
        return None;
    }
    match (&pane.start, &pane.program) {
        (Some(start), Some(program)) if !is_shell(start) => Some((start.clone(), program.clone())),
        (None, None) => {
            let start = owed_start(pane)?;
            let mut owed = pane.debts.iter().filter_map(|debt| match &debt.owed {
                Owed::Program(program) if program.editor.is_some() => Some(program),
                _ => None,
            });
            let program = owed.find(|program| is_start_of(&start, program))?.clone();
            Some((start, program))
        }
        _ => None,
    }
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
