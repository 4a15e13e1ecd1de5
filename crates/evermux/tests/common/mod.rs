//! What the tests of the command line share: outputs that are the same every time and everywhere.

#![allow(dead_code, unused_macros, unused_imports, reason = "every test file uses another part of it")]

pub mod bench;
pub mod editing;
pub mod shape;
pub mod shells;

/// What differs from run to run, and what stands for it, at the same width where tables are.
pub const UNSTABLE: [(&str, &str); 15] = [
    (r"state/[0-9a-f]{16}", "state/MACHINE"),
    (r"-[0-9a-f]{16}\.", "-SERVER."),
    (r"/tmux-\d+/", "/tmux-UID/"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "2026-11-20 14:00:00"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "2026-11-20T14:00:00Z"),
    (r"(just now|\d+ seconds? ago)", "just now"),
    (r"\d{8}T\d{6}\.\d{6}Z", "20261120T140000.000000Z"),
    (r"waited \d+ ms", "waited 300 ms"),
    (r"in \d+ ms", "in 40 ms"),
    (r"process \d+", "process 4711"),
    (r"sessions/\d+\.json", "sessions/4711.json"),
    (r"tmux \d+\.\d+[a-z]?", "tmux 3.x"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
    (r"\b[0-9a-f]{8}\b", "01234567"),
    (r"\(\d+ bytes\)", "(1000 bytes)"),
];

/// Compares an [`evermux_testkit::Output`] with an inline snapshot, what is unstable in it replaced.
macro_rules! assert_output {
    ($output:expr, @$expected:literal) => {
        insta::with_settings!({ filters => common::UNSTABLE.to_vec() }, {
            insta::assert_snapshot!($output, @$expected);
        });
    };
}
pub(crate) use assert_output;

/// What a command has printed with `--json`.
pub fn json(output: &evermux_testkit::Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"))
}
