//! Where the user looks: marks and last panes.

mod common;

use common::bench::{Bench, on_every_tmux};
use evermux_testkit::differences;

#[test]
fn a_mark_comes_back_where_it_can() {
    on_every_tmux(|tmux| {
        let bench = Bench::new(tmux);
        // Behind a zoomed pane.
        bench.server.run(&["select-pane", "-m", "-t", "=work:0.1"]);
        bench.server.run(&["resize-pane", "-Z", "-t", "=work:0.0"]);
        bench.save();
        let before = bench.describe();
        bench.server.kill_all();
        let report = bench.run(&["restore"], 0);
        bench.expect(&before, &report);

        // Up to 3.2 a server whose marked pane has gone does not survive another mark.
        bench.server.run(&["kill-session", "-t", "=work"]);
        let report = bench.run(&["restore", "1"], if tmux.at_least(3, 3) { 0 } else { 3 });
        let without = |text: &str| text.replace("pane_marked 1", "pane_marked 0");
        let found = differences(&without(&before), &without(&bench.describe()));
        assert!(found.is_empty(), "tmux {}:\n{found}\n{report}", tmux.version);
        let told = report.to_string().contains("it is not marked again");
        assert_eq!(told, !tmux.at_least(3, 3), "tmux {}: {report}", tmux.version);
        bench.expect_clean(&report);
    });
}

#[test]
fn a_window_that_is_completed_keeps_its_last_panes() {
    on_every_tmux(|tmux| {
        let bench = Bench::new(tmux);
        let script = "split-window -t =other:0\nsplit-window -t =other:0\nselect-layout -t =other:0 tiled\n";
        assert!(bench.server.script(script).ok());
        bench.write_texts();
        bench.save();
        assert!(
            bench
                .server
                .script("kill-pane -t =other:0.0\nselect-pane -t =other:0.0\nselect-pane -t =other:0.1")
                .ok()
        );
        let focus = || {
            let format = "#{pane_id} #{pane_active} #{pane_last}";
            let lines = bench.server.lines(&["list-panes", "-t", "=other:0", "-F", format]);
            lines
                .into_iter()
                .filter(|line| !line.ends_with(" 0 0") && !line.ends_with(" 0 "))
                .collect::<Vec<_>>()
        };
        let before = focus();
        let report = bench.run(&["restore", "1"], 0);
        assert_eq!(focus(), before, "tmux {}: {report}", tmux.version);
    });
}
