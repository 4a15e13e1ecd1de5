//! Editors come back with what they held: from files in a private folder, or as they are where they have outlived their pane.

use bstr::BString;

use super::programs::ReadBlock;
use crate::editors::{Editors, files, restore_file};
use crate::model::{PaneIdentity, Program};
use crate::plan::Plan;
use crate::problem::{Problem, Subject};
use crate::relaunch::Launch;
use crate::relaunch::editors::{attached_again, restored, with_state, without_restore};
use crate::store::EditorStates;

/// What starts an editor in the state it had; none if nothing is known of that.
pub(super) fn launch(
    program: &Program,
    pane: PaneIdentity,
    editors: Option<&Editors>,
    states: &EditorStates,
) -> Option<Launch> {
    let (argv, editor) = (&program.command.argv, program.editor.as_ref()?);
    let words = match editors.and_then(|editors| editors.survivor(&editor.facts)) {
        Some(socket) => attached_again(argv, &socket),
        None => {
            let is_free =
                |path: &BString| bstr::ByteSlice::to_path(path.as_slice()).is_ok_and(|path| !path.exists());
            with_state(argv, &restore_file(&states.folder(), &editor.name(pane)), &is_free)
        }
    };
    Some(Launch { once: true, ..Launch::of(words) })
}

/// Writes the files that the editors of a plan are started with. One whose state cannot be read any more starts without.
pub(super) fn materialise(plan: &mut Plan, states: &EditorStates, block: ReadBlock<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for window in &mut plan.windows {
        for pane in &mut window.panes {
            let Some(planned) = &mut pane.launch else { continue };
            let (Some(name), Some(editor)) = (restored(&planned.launch.argv), &planned.program.editor) else {
                continue;
            };
            let written = match files(editor, block) {
                Some(files) => states.write(&name, &files).map_err(|error| error.to_string()),
                None => Err("a part of it is lost".to_owned()),
            };
            if let Err(why) = written {
                planned.launch.argv = without_restore(&planned.launch.argv);
                let subject = Subject::Pane(window.label.0.to_string(), window.label.1, pane.position);
                problems
                    .push(Problem::new(subject, format!("what its editor held does not come back: {why}")));
            }
        }
    }
    problems
}
