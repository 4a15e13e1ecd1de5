//! What the page says beside the numbers: what the limit of each work is, and why a budget is missed.

/// The beginning of the page.
pub fn head(tmux: &str, runs: usize, in_memory: bool) -> String {
    let written = if in_memory {
        "what it wrote to anything (`wchar` of `/proc/PID/io`; files are in memory here)"
    } else {
        "what it gave to the disk (`write_bytes` of `/proc/PID/io`)"
    };
    format!(
        "# What saving and restoring cost\n\n\
         Written by `cargo xtask bench` (tmux {tmux}, medians of {runs} runs, of 3 where a row takes long; `--quick` for a \
         first look). Times depend on the machine, so what counts is the ratio: evermux against what tmux itself needs \
         for the same work, measured in turns in the same run. Servers have ten panes a window, each with `/bin/sh`.\n\n\
         - *longest stall*: how long another client that asks all the time waited for an answer of tmux at most while \
         evermux worked (in a run of its own); *tmux busy in it*: the most processor time of tmux within one such wait, \
         which leaves out what the machine was busy with; *stall of the idle server*: the longest wait where nothing \
         else went on. The budget is 20 ms, or one listing of the server where that is longer;\n\
         - *CPU of evermux* includes its tmux clients; *CPU of tmux* is the server's, *of it for the limit* what the \
         limit alone took of it;\n\
         - *memory*: the most that evermux had at once; *written*: {written}."
    )
}

/// What the limit of a kind of work is, and what is to be said about its numbers.
pub fn about(work: &str) -> &'static str {
    match work {
        "start-up" => START_UP,
        "save, text unchanged" => UNCHANGED,
        "save, one pane has 20 new lines" => ONE_CHANGED,
        "save, every pane has 20 new lines" => ALL_CHANGED,
        "first save" => FIRST_SAVE,
        "restore of shells without text" => RESTORE_SHELLS,
        "restore with text" => RESTORE_TEXT,
        _ => "",
    }
}

const START_UP: &str = "Limit: `tmux has-session`, the least that a client can ask. evermux: `evermux status --line`, \
    which a status line runs again and again; it opens no database and asks tmux nothing.";

const UNCHANGED: &str = "Limit: one client that lists the same fields and options, one scan of `/proc`, and one append \
    of 4 kB with fsync.";

const ONE_CHANGED: &str = "Limit: the same, and one client that captures those lines of that pane. What a save costs \
    beside looking at everything grows with what changed: compare *evermux* and *written* with the rows above and below.";

const ALL_CHANGED: &str = "Limit: the same, and one client that captures those lines and the screens.";

const FIRST_SAVE: &str = "Limit: one client that captures all text.";

const RESTORE_SHELLS: &str = "Limit: one client that creates sessions, windows and panes from a file, until every shell \
    is ready.";

const RESTORE_TEXT: &str = "Limit: the same, and the time in which tmux reads that text from programs.";

/// Why budgets are missed.
pub const BUDGETS: &str = "";

/// How the others were measured.
pub const BESIDE: &str = "Measured with `--resurrect FOLDER` and `--tmux-backup PROGRAM`, in the same run: panes of 200 \
    lines, 20 of them new at each save; tmux-resurrect with `@resurrect-capture-pane-contents on`. A restore is over when \
    its program has ended and every pane shows a prompt; the others restore into a server that was started for them before.";
