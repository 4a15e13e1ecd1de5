//! What tmux, or a file, says about the layout of a window.

#![no_main]

use bstr::ByteSlice;
use evermux_core::layout::Layout;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // As the test data: the ids of the panes, a TAB, the layout.
    let Some((ids, text)) = data.split_once_str("\t") else { return };
    let ids = ids.to_str_lossy();
    let panes: Vec<u32> = ids.split(' ').filter_map(|id| id.strip_prefix('%')?.parse().ok()).collect();
    let Ok(layout) = Layout::parse(text, &panes) else { return };
    assert_eq!(layout.panes(), panes.len());
    // A layout names panes by their position.
    let positions: Vec<u32> = (0..).take(panes.len()).collect();
    assert!(layout.is_shaped_like(&layout));
    let _ = layout.tiled();
    let printed = layout.to_json(0, &[]);
    let again = Layout::parse(printed.as_bytes(), &positions).expect("what is printed can be read");
    assert_eq!(again.to_json(0, &[]), printed);
    if !layout.has_floating() {
        // The old language carries everything else.
        let printed = layout.to_old();
        let again = Layout::parse(printed.as_bytes(), &positions).expect("what is printed can be read");
        assert_eq!(again.to_old(), printed);
    }
});
