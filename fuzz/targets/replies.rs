//! What a tmux server answers: listings, and the frames that hold the text of panes.

#![no_main]

use evermux_core::model::PaneId;
use evermux_core::tmux::{CaptureRequest, CaptureScript, CaptureStyle, Frame, Nonce, Part, Row};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    evermux_core::tmux::fuzz_listing(data);
    let nonce = Nonce::from_random([0xab; 16]);
    let style = CaptureStyle { escapes: true, joined: true, trailing: false };
    let part = (Part::Rows(Row::Edge, Row::Edge), style);
    let request = |pane| CaptureRequest { pane: PaneId(pane), parts: vec![part, part], rows: 1 };
    let script = CaptureScript::new(nonce, "3.5a".parse().expect("a version"), &[request(0), request(1)]);
    let frames = |size: usize| -> (Vec<(usize, Frame)>, bool) {
        let mut reader = script.reader();
        let mut frames = Vec::new();
        let mut emit = |number: usize, frame: Frame| frames.push((number, frame));
        let read = data.chunks(size).try_for_each(|piece| reader.push(piece, &mut emit));
        let whole = read.is_ok() && reader.finish(&mut emit).is_ok();
        (frames, whole)
    };
    // However it arrives, it is the same.
    let (at_once, whole) = frames(usize::MAX);
    let (in_pieces, again) = frames(3);
    assert_eq!(whole, again);
    if whole {
        assert_eq!(at_once, in_pieces);
    }
});
