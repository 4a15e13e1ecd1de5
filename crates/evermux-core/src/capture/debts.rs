//! Debts carried from snapshot to snapshot (law 4).

use jiff::{SignedDuration, Timestamp};

use crate::model::{Debt, Owed, Pane};

/// A program that is still in the foreground so long after it began has replaced what was owed; shorter ones (what rc
/// files and prompts run, a quick `ls`) replace nothing.
const REPLACES_AFTER: SignedDuration = SignedDuration::from_secs(10);

/// What is still owed to a pane that was `before` and is `pane` now.
pub(super) fn carried(before: &Pane, pane: &Pane, now: Timestamp) -> Vec<Debt> {
    let mut debts: Vec<Debt> = before.debts.clone();
    debts.retain(|debt| match &debt.owed {
        Owed::Program(program) => {
            let runs = pane.program.as_ref().is_some_and(|running| running.is_same(program));
            !runs && !runs_lasting_program(pane, now)
        }
        Owed::Start(_) => !runs_lasting_program(pane, now),
        // The restore left the pane somewhere else, and `before` says where: any other place is the user's choice.
        Owed::Directory(directory) => pane.directory != *directory && pane.directory == before.directory,
        Owed::Text => true,
    });
    debts
}

/// Notes why the program that is owed was not started.
pub(super) fn not_started(debts: &mut [Debt], why: &str) {
    for debt in debts.iter_mut().filter(|debt| matches!(debt.owed, Owed::Program(_))) {
        why.clone_into(&mut debt.reason);
    }
}

fn runs_lasting_program(pane: &Pane, now: Timestamp) -> bool {
    pane.program.as_ref().is_some_and(|program| {
        Timestamp::from_millisecond(program.started)
            .is_ok_and(|started| now.duration_since(started) > REPLACES_AFTER)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Command, PaneFacts, PaneIdentity, Program};

    fn program(name: &str, started: i64) -> Program {
        let command = Command { argv: vec![name.into()], masked: false };
        Program {
            command,
            directory: "/".into(),
            started,
            conversation: None,
            editor: None,
            line: None,
            redirected: false,
        }
    }

    fn pane(directory: &str, program: Option<Program>) -> Pane {
        Pane {
            identity: PaneIdentity::from_random([1; 16]),
            title: "".into(),
            directory: directory.into(),
            history_limit: 2000,
            options: Vec::new(),
            input_off: false,
            marked: false,
            dead: None,
            start: None,
            program,
            shell: None,
            text: None,
            debts: Vec::new(),
            facts: PaneFacts::default(),
        }
    }

    fn owed(owed: Owed) -> Debt {
        Debt { owed, since: Timestamp::UNIX_EPOCH, reason: "a reason".into() }
    }

    #[test]
    fn programs_are_replaced_by_lasting_ones() {
        let now = Timestamp::from_second(100).unwrap();
        let mut before = pane("/", None);
        before.debts = vec![owed(Owed::Program(program("vim", 0))), owed(Owed::Text)];
        let left = |running| carried(&before, &pane("/", running), now).len();
        assert_eq!(left(None), 2);
        assert_eq!(left(Some(program("ls", 95_000))), 2);
        assert_eq!(left(Some(program("top", 80_000))), 1);
        // The program itself counts at once.
        assert_eq!(left(Some(program("vim", 99_000))), 1);
    }

    #[test]
    fn directories_are_paid_or_replaced() {
        let now = Timestamp::from_second(100).unwrap();
        let mut before = pane("/home", None);
        before.debts = vec![owed(Owed::Directory("/mnt/disk".into()))];
        let left = |directory| carried(&before, &pane(directory, None), now).len();
        assert_eq!(left("/home"), 1);
        assert_eq!(left("/mnt/disk"), 0);
        assert_eq!(left("/tmp"), 0);
    }
}
