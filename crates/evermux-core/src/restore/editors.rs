//! Editors come back with what they held: from files in a private folder, or as they are where they have outlived their pane.

use bstr::BString;

use super::programs::ReadBlock;
use crate::editors::{Editors, files, restore_file};
use crate::model::{PaneIdentity, Program};
use crate::plan::{Plan, Run};
use crate::problem::{Problem, Subject};
use crate::relaunch::Launch;
use crate::relaunch::editors::Tool;
use crate::relaunch::editors::words::{attached_again, restored, with_state, without_restore};
use crate::store::EditorStates;

/// What starts an editor in the state it had; none if nothing is known of that.
pub(super) fn launch(
    program: &Program,
    pane: PaneIdentity,
    editors: Option<&Editors>,
    states: &EditorStates,
) -> Option<Launch> {
    let (argv, editor) = (&program.command.argv, program.editor.as_ref()?);
    // One that a newer evermux has made is left to its command line.
    let tool = Tool::named(&editor.tool)?;
    let survivor = editors.and_then(|editors| editors.survivor(tool, &editor.facts));
    let words = survivor.and_then(|socket| attached_again(tool, argv, &socket)).unwrap_or_else(|| {
        let is_free =
            |path: &BString| bstr::ByteSlice::to_path(path.as_slice()).is_ok_and(|path| !path.exists());
        with_state(tool, argv, &restore_file(tool, &states.folder(), &editor.name(pane)), &is_free)
    });
    Some(Launch { once: true, ..Launch::of(words) })
}

/// Writes the files that the editors of a plan are started with. One whose state cannot be read any more starts without.
pub(super) fn materialise(plan: &mut Plan, states: &EditorStates, block: ReadBlock<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for window in &mut plan.windows {
        for pane in &mut window.panes {
            let (program, words) = match (&mut pane.launch, &mut pane.run) {
                (Some(planned), _) => (Some(&planned.program), &mut planned.launch.argv),
                (None, Run::Command(words)) => (pane.pane.program.as_ref(), words),
                (None, _) => continue,
            };
            let editor = program.and_then(|program| program.editor.as_ref());
            let (Some(name), Some(editor)) = (restored(words), editor) else { continue };
            let written = match files(editor, &states.folder().join(&name), block) {
                Some(files) => states.write(&name, &files).map_err(|error| error.to_string()),
                None => Err("a part of it is lost".to_owned()),
            };
            if let Err(why) = written {
                *words = without_restore(words);
                let subject = Subject::Pane(window.label.0.to_string(), window.label.1, pane.position);
                problems
                    .push(Problem::new(subject, format!("what its editor held does not come back: {why}")));
            }
        }
    }
    problems
}
