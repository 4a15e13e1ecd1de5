//! The text of panes, as tmux prints it and as it is saved: whatever it is, only harmless bytes reach a terminal.

#![no_main]

use evermux_core::model::TmuxVersion;
use evermux_core::text::ansi::{Reader, replay_line, rows, visible};
use libfuzzer_sys::fuzz_target;

const VERSIONS: [&str; 4] = ["3.1c", "3.3a", "3.5a", "3.8"];

fuzz_target!(|data: &[u8]| {
    for version in VERSIONS {
        let version: TmuxVersion = version.parse().expect("a version");
        let mut reader = Reader::new(version);
        for raw in data.split(|&byte| byte == b'\n') {
            let mut line = Vec::new();
            reader.line(raw, &mut line);
            check(&line);
            // What was read once is read again as the same.
            let mut again = Vec::new();
            replay_line(&line, &mut again);
            assert_eq!(again, line);
        }
    }
    for raw in data.split(|&byte| byte == b'\n') {
        let mut line = Vec::new();
        replay_line(raw, &mut line);
        check(&line);
        let _ = visible(raw);
        let _ = rows(raw, 80);
    }
});

/// No control characters but those of colours, attributes, line drawing, hyperlinks and tabs.
fn check(line: &[u8]) {
    let mut rest = line;
    while let Some(at) = rest.iter().position(|&byte| byte < 0x20 || byte == 0x7f) {
        let here = &rest[at..];
        let length = match here {
            [b'\t' | 0x0e | 0x0f, ..] => 1,
            [0x1b, b'[', parameters @ ..] => {
                let end = parameters.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b';' | b':'));
                let end = end.expect("it ends");
                assert_eq!(parameters[end], b'm', "{line:?}");
                end + 3
            }
            [0x1b, b']', b'8', b';', link @ ..] => {
                let end = link.windows(2).position(|pair| pair == b"\x1b\\").expect("it ends");
                assert!(link[..end].iter().all(|&byte| byte >= 0x20 && byte != 0x7f), "{line:?}");
                end + 6
            }
            _ => panic!("{line:?}"),
        };
        rest = &here[length..];
    }
}
