//! The program table: what may be started again without being asked for.
//!
//! To add a program, read its manual for every flag that is let in: it must neither run anything (a pager, a script,
//! a command file), nor write or change anything, nor open a way in from outside (a web server). What is left out is
//! refused. Keys that the user presses later are the user's own.

use bstr::{BStr, BString};

use super::shells::file_name;
use super::syntax::{Operands, Rule};

/// Where programs are installed by the system and the usual package managers.
pub const FOLDERS: &[&str] = &[
    "/bin",
    "/sbin",
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/snap/bin",
    "/opt/homebrew/bin",
    "/home/linuxbrew/.linuxbrew/bin",
    "/opt/local/bin",
    "/run/current-system/sw/bin",
    "/nix/var/nix/profiles/default/bin",
];

/// Programs that are started again without what was in them: languages and calculators that wait for lines.
const BEGIN_EMPTY: &[&str] = &[
    "python", "python2", "python3", "pypy3", "ipython", "ipython3", "node", "nodejs", "irb", "iex", "ghci",
    "bc", "dc", "R", "julia",
];

/// Whether these words begin with nothing of what was in the program before.
pub fn begins_empty(argv: &[BString]) -> bool {
    let name = argv.first().map(|program| file_name(program)).unwrap_or_default();
    BEGIN_EMPTY.iter().any(|known| known.as_bytes() == name)
}

/// The rule for the program of this name.
pub fn find(name: &BStr) -> Option<&'static Rule> {
    let known = |(names, _): &&(&[&str], Rule)| names.iter().any(|known| name == *known);
    PROGRAMS.iter().find(known).map(|(_, rule)| rule).or_else(|| super::editors::find(name))
}

/// Names, and what is allowed.
#[rustfmt::skip]
pub const PROGRAMS: &[(&[&str], Rule)] = &[
    // Shells, waiting for commands. Not: scripts, -c, -s, and files that are read instead of the usual ones.
    (&["bash", "rbash"], Rule { letters: "il", words: &["--login", "--norc", "--noprofile", "--noediting", "--posix"], ..Rule::NONE }),
    (&["zsh", "rzsh"], Rule { letters: "ilf", words: &["--login", "--interactive", "--no-rcs"], ..Rule::NONE }),
    (&["fish"], Rule { letters: "ilPN", words: &["--login", "--interactive", "--private", "--no-config"], ..Rule::NONE }),
    (&["sh", "dash", "ash", "ksh", "ksh93", "mksh", "lksh", "oksh", "yash", "tcsh", "csh"], Rule { letters: "il", ..Rule::NONE }),
    (&["nu"], Rule { letters: "iln", words: &["--login", "--interactive", "--no-config-file"], ..Rule::NONE }),
    (&["elvish", "xonsh"], Rule::NONE),

    // Languages, waiting for lines; what was in them is gone. Not: scripts, -c, -e, -m and files that are read first.
    (&["python", "python3", "python2", "pypy3"], Rule { letters: "qiBsIE", ..Rule::NONE }),
    (&["node", "nodejs"], Rule { letters: "i", words: &["--interactive"], ..Rule::NONE }),
    (&["irb", "iex", "ghci", "bc", "dc"], Rule { letters: "ql", ..Rule::NONE }),
    (&["R"], Rule { letters: "q", words: &["--no-save", "--no-restore", "--vanilla", "--quiet"], ..Rule::NONE }),
    (&["julia"], Rule { letters: "q", words: &["--quiet"], ..Rule::NONE }),

    // Viewers. Not: less -o (writes a log), -k and --lesskey-* (key files), -t and -T, any +command but movement
    // (`+!x` runs x); man -P, -H, -X, -T; bat --pager and --lessopen.
    (&["less"], Rule { letters: "aABcCdeEfFgGiIJKLmMnNqQrRsSuUVwWX~", valued: "bhjxyz",
        words: &["--chop-long-lines", "--RAW-CONTROL-CHARS", "--raw-control-chars", "--ignore-case", "--IGNORE-CASE", "--LINE-NUMBERS",
            "--line-numbers", "--no-init", "--quit-if-one-screen", "--follow-name", "--mouse", "--wordwrap", "--squeeze-blank-lines"],
        operands: Operands::Viewed, ..Rule::NONE }),
    (&["more"], Rule { letters: "dlefpcsu0123456789", valued: "n", operands: Operands::Viewed, ..Rule::NONE }),
    (&["most"], Rule { letters: "14abCcdkMrstuvwz", operands: Operands::Viewed, ..Rule::NONE }),
    (&["man"], Rule { letters: "afkwiI0123456789", valued: "sSeL", words: &["--all", "--whatis", "--apropos"],
        valued_words: &["--sections", "--locale"], operands: Operands::Any }),
    (&["bat", "batcat"], Rule { letters: "nppAPuSf", valued: "lHr",
        words: &["--plain", "--number", "--show-all", "--force-colorization", "--no-pager", "--chop-long-lines"],
        valued_words: &["--language", "--style", "--color", "--theme", "--line-range", "--highlight-line", "--wrap", "--tabs",
            "--paging", "--decorations"], operands: Operands::Any }),

    // Files and logs as they grow. Not: journalctl --vacuum-*, --rotate, --flush, --sync, --cursor-file, --root and
    // more; dmesg -C, -c, -D, -E, -n.
    (&["tail"], Rule { letters: "fFqvz0123456789", valued: "ncs", words: &["--follow", "--retry", "--quiet", "--silent", "--verbose", "--follow=name",
        "--follow=descriptor"], valued_words: &["--lines", "--bytes", "--pid", "--sleep-interval", "--max-unchanged-stats"], operands: Operands::Any }),
    (&["journalctl"], Rule { letters: "abefklmnqrx0123456789", valued: "optuSUgT",
        words: &["--follow", "--all", "--pager-end", "--dmesg", "--catalog", "--no-pager", "--no-hostname", "--no-full", "--full", "--no-tail", "--quiet",
            "--reverse", "--merge", "--utc", "--user", "--system", "--list-boots"],
        valued_words: &["--unit", "--user-unit", "--since", "--until", "--priority", "--output", "--identifier", "--grep", "--facility",
            "--output-fields", "--case-sensitive", "--boot", "--lines"], operands: Operands::Any }),
    (&["dmesg"], Rule { letters: "deHkLPrSTtuwWx", valued: "fl",
        words: &["--follow", "--follow-new", "--human", "--color", "--ctime", "--decode", "--kernel", "--userspace", "--nopager", "--show-delta", "--reltime",
            "--notime", "--raw"], valued_words: &["--facility", "--level", "--time-format", "--since", "--until"], operands: Operands::None }),

    // Monitors. Not: watch, which runs any command; btop -c; atop -w; glances --export, -s, -w; iftop -c;
    // nvidia-smi with anything that sets; pidstat -e.
    (&["top"], Rule { letters: "bcHiSs1", valued: "deEnopuUw", operands: Operands::Numbers, ..Rule::NONE }),
    (&["htop"], Rule { letters: "CHMt", valued: "dFpsuU", words: &["--no-color", "--no-colour", "--no-mouse", "--no-unicode", "--tree", "--readonly"],
        valued_words: &["--delay", "--filter", "--highlight-changes", "--pid", "--sort-key", "--user"], operands: Operands::None }),
    (&["btop"], Rule { letters: "lt", valued: "pu", words: &["-lc", "+t", "--low-color", "--tty_on", "--tty_off", "--tty", "--no-tty", "--utf-force", "--force-utf"],
        valued_words: &["--preset", "--update"], ..Rule::NONE }),
    (&["bpytop", "bashtop", "nvtop", "s-tui", "gotop", "zenith"], Rule::NONE),
    (&["btm"], Rule { letters: "abgmnT", valued: "rt", words: &["--basic", "--tree", "--battery"], valued_words: &["--rate"], ..Rule::NONE }),
    (&["atop"], Rule { letters: "1aAcCdDEfFgGlmMnNpRsuvxy", operands: Operands::Numbers, ..Rule::NONE }),
    (&["glances"], Rule { letters: "0123456789bq", valued: "t", words: &["--byte", "--percpu", "--per-cpu", "--tree", "--process-short-name", "--theme-white"],
        valued_words: &["--time"], operands: Operands::None }),
    (&["iotop", "iotop-c"], Rule { letters: "oabkPqt", valued: "dnpu", words: &["--only", "--batch", "--accumulated", "--kilobytes", "--processes", "--time"],
        valued_words: &["--delay", "--iter", "--pid", "--user"], operands: Operands::None }),
    (&["iftop"], Rule { letters: "nNpbBPSDlt46", valued: "ifFGmosL", ..Rule::NONE }),
    (&["nethogs"], Rule { letters: "abslCt", valued: "dcvP", operands: Operands::Any, ..Rule::NONE }),
    (&["nload"], Rule { letters: "m", valued: "aiotuU", words: &["devices"], operands: Operands::Any, ..Rule::NONE }),
    (&["vmstat"], Rule { letters: "afmnsdDtwy", valued: "pS", words: &["--active", "--wide", "--timestamp", "--one-header", "--no-first"], operands: Operands::Numbers, ..Rule::NONE }),
    (&["iostat"], Rule { letters: "cdhkmNstxyzpH", words: &["--human", "--dec=0", "--dec=1", "--dec=2"], operands: Operands::Any, ..Rule::NONE }),
    (&["mpstat"], Rule { letters: "AnTu", valued: "INPo", operands: Operands::Numbers, ..Rule::NONE }),
    (&["dstat"], Rule { letters: "acdgilmnprstTvVy", valued: "CDINS", words: &["--nocolor", "--noheaders", "--noupdate", "--bits", "--full"],
        operands: Operands::Numbers, ..Rule::NONE }),
    (&["free"], Rule { letters: "bkmghltwvL", valued: "sc", words: &["--human", "--mega", "--giga", "--si", "--wide", "--total", "--bytes", "--kibi", "--mebi", "--gibi"],
        valued_words: &["--seconds", "--count"], operands: Operands::None }),
    (&["nvidia-smi"], Rule { letters: "", valued: "", words: &["-L", "-q", "-x"], valued_words: &["-l", "-lms", "-i", "-d", "--loop", "--loop-ms",
        "--id", "--display", "--query-gpu", "--query-compute-apps", "--format"], operands: Operands::None }),
];
