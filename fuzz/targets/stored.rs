//! What a file says that was saved: any document makes a snapshot that can be shown, compared and planned, or none.

#![no_main]

use bstr::BString;
use evermux_core::diff;
use evermux_core::plan::{self, Options, Source, Wanted};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(snapshot) = evermux_core::store::fuzz_document(data) else { return };
    assert!(diff::compare(&snapshot, &snapshot).is_empty());
    let wanted = || (0..snapshot.sessions().len()).map(Wanted::session).collect();
    for own in [false, true] {
        let source = Source { snapshot: &snapshot, wanted: wanted(), own };
        let mut options = Options {
            now: snapshot.taken_at(),
            rename: None,
            replace: false,
            keep_untouched: false,
            fresh: Vec::new(),
            text: true,
            lazy: false,
            globals: true,
            allow: None,
            enter: &BString::clone,
            resume: &|_| None,
            editor: &|_, _| None,
            random: &mut || [7; 16],
        };
        let plan = plan::build(&[source], None, &mut options);
        for line in plan.lines() {
            assert!(!line.to_string().contains(char::is_control));
        }
    }
});
