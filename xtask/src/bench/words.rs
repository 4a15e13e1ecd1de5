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
        "session has" | "session ensure" => SESSION,
        "save, text unchanged" => UNCHANGED,
        "save, one pane has 20 new lines" => ONE_CHANGED,
        "save, every pane has 20 new lines" => ALL_CHANGED,
        "first save" => FIRST_SAVE,
        "restore of shells without text" => RESTORE_SHELLS,
        "restore with text" => RESTORE_TEXT,
        work if work.starts_with(super::assistants::WORKS) => ASSISTANTS,
        "900 prompts of bash" | "900 prompts of zsh" | "900 prompts of fish" => PROMPTS,
        _ => "",
    }
}

/// What is said about the works of assistants, which have a part of their own.
pub const ASSISTANTS: &str = "Limit: a save of as many panes with the same script under a name that means nothing. evermux: the script is \
    called `claude` and has written down its conversation as Claude Code does, so that a save finds each by its file.";

const PROMPTS: &str = "Limit: the shell alone, its start and 900 empty lines (of fish 900 times the event of a prompt). evermux: the \
    same with `evermux shell-init`; the difference, divided by 900, is what a prompt costs. Nothing is forked for it.";

const START_UP: &str = "Limit: `tmux has-session`, the least that a client can ask. evermux: `evermux status --line`, \
    which a status line runs again and again; it opens no database and asks tmux nothing.";

const SESSION: &str = "Limit: `tmux has-session`. evermux: `evermux session has NAME`, `evermux session ensure NAME` of a session that is \
    there: one client of tmux, and the start of evermux before it.\n\nWhere the time goes (`perf stat`, `strace -r`; 1 \
    pane): two processes start where the limit starts one, and on this machine the start of any program is most of what it \
    takes: 0.6 ms of a processor for `/bin/true`, 2.1 to 2.6 for evermux before it does anything (200 page faults, four \
    in ten of them in the dynamic loader; without relocations and with fewer shared libraries 2.0 to 2.1), 2.4 to \
    3.1 for the client of tmux, 5.8 to 6.0 for all of it: up to a millisecond is starting that client and reading \
    what it says. These were taken beside other work; the tables were not. Only tmux's own protocol would need no second process; it is not \
    spoken, since a server ends itself (`fatalx`) at a message whose size it does not expect, and then everything in it is \
    lost.";

const UNCHANGED: &str = "Limit: one client that lists the same fields and options, one scan of `/proc`, and one append \
    of 4 kB with fsync.\n\n\
    Where the time goes (`strace -r`, `perf record`; 100 panes): a quarter is spent before tmux is asked and after it has \
    answered whatever the size of the server: the program's start, opening the store with its checks, five waits for the disk \
    instead of the limit's one (the new log's head, its folder, the commit; at the end log and database, so that a copy of \
    the database alone is a whole one; only one where the keeper has the store open). With few panes that is most of it, so \
    the ratio falls as servers grow. While tmux lists, evermux reads the processes, what each pane's shell is doing, and the \
    previous snapshot; after it, it puts the parts together and compares hashes.";

const ONE_CHANGED: &str = "Limit: the same, and one client that captures those lines of that pane. What a save costs \
    beside looking at everything grows with what changed: compare *evermux* and *written* with the rows of the works before \
    and after this one. It writes the text, the window and the session of that pane, and the emergency file, which holds \
    the structure and the screens of all panes and is written anew by every save by hand (by the keeper at most every \
    30 s).";

const ALL_CHANGED: &str = "Limit: the same, and one client that captures those lines and the screens.\n\n\
    Where the time goes (processor time of tmux 3.3a by kind of command, 500 panes): half of what tmux does for the text is \
    printing it, which is the limit. A quarter is the head of each pane, which tells in the same instant how large it is \
    and where its rows stand: without it a pane that prints meanwhile would have lines twice or not at all. A quarter is a \
    look at the first rows of the history and the mark before it: before tmux 3.8 only that shows that a history was \
    cleared and filled again. 3.8 has exact counters, and there evermux asks for neither. Of each kind about a third \
    is tmux parsing our commands, whose length is mostly names of formats; shorter ways to give them (options or variables \
    of the server) would be seen by its user.\n\n\
    evermux itself works while tmux prints: two fifths of its processor time are the kernel's (`/proc`, pipes), an eighth goes \
    into escape sequences and lines, a seventh into hashing and compressing, a tenth into the store.";

const FIRST_SAVE: &str = "Limit: one client that captures all text.\n\n\
    Where the time goes (`perf record`): tmux prints on one core; of all other processor time a fifth is that of its \
    client, which carries the text over, three tenths evermux's for escape sequences and lines, a fifth for hashing and \
    compressing (in a thread of its own), a fifth the kernel's. On a machine of two cores these four share them, and that, \
    not tmux, is what is above the limit. The longest stall is the listing, or what tmux needs to parse a script for many panes before it \
    runs the first line (about 0.1 ms a pane on 3.3a, so a client captures 150 panes at most), or one pane of 2,000 \
    coloured rows (10 to 15 ms), after which tmux serves others.";

const RESTORE_SHELLS: &str = "Limit: one client that creates sessions, windows and panes from a file, until every shell is ready.\n\nWhere the time \
    goes (500 panes; `milliseconds` of `restore --json`, and `perf record` of tmux): five sixths are the making of \
    sessions, windows and panes, which is the limit; a twenty-fifth options, names and titles; an eighth the check: \
    prompts are waited for, the server is read again, compared with what was saved, and saved. Of the time that tmux spends in system calls more than a third is `poll` over the terminals of all panes, once in each turn of its loop (it does without epoll on \
    Linux), a quarter `fork`: evermux lets shells come to their prompts a few at a time, which makes more turns than \
    letting all go at once, and lets tmux answer others meanwhile.  These shares were taken beside other work.";

const RESTORE_TEXT: &str = "Limit: the same, and the time in which tmux reads that text from programs.";

/// What is said below the budgets.
pub const BUDGETS: &str = "Where a budget is missed, the section of that work says where the time goes.";

/// How the others were measured.
pub const BESIDE: &str = "Measured with `--resurrect FOLDER` and `--tmux-backup PROGRAM`, in the same run: panes of 200 \
    lines, 20 of them new at each save; tmux-resurrect with `@resurrect-capture-pane-contents on`. A restore is over when \
    its program has ended and every pane shows a prompt; the others restore into a server that was started for them before.";
