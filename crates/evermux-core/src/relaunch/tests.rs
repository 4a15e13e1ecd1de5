//! What runs and what is owed, as a table; and laws.

use proptest::prelude::*;

use super::*;
use crate::model::Command;

const OWN: Conditions = Conditions { allow: None, foreign: false, restriction: Restriction::None };

fn argv(words: &[&str]) -> Vec<BString> {
    words.iter().map(|&word| BString::from(word)).collect()
}

fn start(words: &[&str]) -> StartCommand {
    StartCommand { shown: words.join(" ").into(), argv: argv(words), masked: false }
}

fn program(line: &str) -> Program {
    let words: Vec<&str> = line.split(' ').collect();
    let command = Command { argv: argv(&words), masked: false };
    Program { command, directory: "/".into(), started: 0, conversation: None, line: None }
}

fn reason(decision: Decision) -> String {
    match decision {
        Decision::Run(words) => format!("run {words:?}"),
        Decision::Owe(reason) => reason.to_string(),
    }
}

#[rustfmt::skip]
const RUN: &[&str] = &[
    "bash", "bash -l", "/bin/bash -il", "/usr/bin/zsh", "zsh -f", "fish --private", "sh -i", "dash", "nu", "/nix/store/abc-bash-5.2/bin/bash --norc",
    "less x", "less -R +F /var/log/syslog", "less -SN -x4 -- -x", "less +100g x", "less +G x", "more -d x", "man 3 printf", "man -k tmux", "bat -pn --paging=never x.rs",
    "most x", "top", "top -d 5 -u me", "top -b -n1", "htop", "htop -p 1,2 -d10", "/usr/local/bin/btop", "btop -lc", "atop 5", "glances -t 2", "iotop -oPa", "iftop -i eth0 -nNP",
    "vmstat 1", "vmstat -w 1 10", "iostat -xz 1", "mpstat -P ALL 2", "dstat -tcd 5", "free -h -s 2", "free --seconds=2", "tail -f x", "tail -n 50 -F a b", "tail -100f x",
    "tail -fn50 --pid=42 x", "tail --follow=name --retry x", "tail -n +5 x", "journalctl -f", "journalctl -fu ssh -n 50", "journalctl -b -1 -p err", "journalctl --unit=ssh --since today",
    "journalctl _PID=1 --lines=5", "dmesg -w", "dmesg -HT --level err", "nvidia-smi -l 2", "nvidia-smi --query-gpu=name --format=csv -lms 500", "less /home/me/dev/x.log", "tail -f dev/x.log",
];

#[rustfmt::skip]
const OWED: &[&str] = &[
    "bash -c ls", "bash script", "bash -s", "bash --rcfile x", "bash -lc x", "zsh -ic x", "fish -c x", "fish -C x", "sh x", "nu -e x", "nu x.nu", "bash -", "-bash",
    "less +!ls x", "less ++!ls x", "less +F!ls", "less +/x", "less -olog x", "less -o log", "less -kkeys x", "less --lesskey-src=x", "less -P x", "less -b +!ls x", "less -Tx", "less /dev/watchdog",
    "less -t tag", "less --tag=x", "less -nolog", "man -P x ls", "man -Px ls", "man --pager=x ls", "man -Hx ls", "man -T ls", "bat --pager=x y", "bat --pager x y", "bat --lessopen x", "bat cache --build",
    "more +/x y", "tail -f /dev/watchdog", "tail -f //dev/x", "tail -f /./dev/x", "tail -f ../../dev/x", "journalctl --vacuum-size=1K", "journalctl --rotate", "journalctl -b --vacuum-time=1s",
    "journalctl -n --rotate", "journalctl --cursor-file=x", "journalctl --flush", "dmesg -C", "dmesg -c", "dmesg -wC", "dmesg -n 1", "dmesg -D", "dmesg -F x", "top -x", "htop x", "btop -c x", "btop --config x",
    "atop -w x", "atop -r x", "glances -w", "glances -s", "glances --export csv", "iftop -c x", "dstat --output x", "nvidia-smi -r", "nvidia-smi -pm 1", "nvidia-smi -f x", "pidstat -e x", "watch ls",
    "vim x", "ssh host", "python3", "env htop", "sudo htop", "nice htop", "xargs", "busybox sh", "tmux", "rm -rf /", "", "A=b", "PATH=/tmp/htop", "./htop", "/tmp/htop", "/home/me/bin/htop",
    "/usr/bin/../../tmp/htop", "/usr/bin/./htop", "bin/htop", "//usr/bin/htop", "/usr/bin/", "htop/", "/nix/store/../../tmp/bin/htop", "HTOP", "htop2",
];

#[test]
fn what_runs() {
    for line in RUN {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(decide_program(&program(line), &OWN), Again::Run(Launch::of(argv(&words))), "{line}");
        // As the command of a pane: as a line, and as words (a single word is a line, too).
        assert_eq!(decide_start(&start(&[line]), &OWN), Decision::Run(argv(&[line])), "{line}");
        assert_eq!(decide_start(&start(&words), &OWN), Decision::Run(argv(&words)), "{line}");
    }
}

#[test]
fn what_is_owed() {
    for line in OWED {
        let words: Vec<&str> = line.split(' ').collect();
        assert!(matches!(decide_program(&program(line), &OWN), Again::Owe(_)), "{line}");
        for decision in [decide_start(&start(&[line]), &OWN), decide_start(&start(&words), &OWN)] {
            assert!(matches!(decision, Decision::Owe(_)), "{line}");
        }
    }
}

#[test]
fn what_allows_and_what_forbids() {
    let table = Some(Allow::TABLE);
    let names = |table| Some(Allow { table, names: vec!["vim".into()] });
    #[rustfmt::skip]
    let cases = [
        ("htop", OWN, true),
        ("htop", Conditions { restriction: Restriction::Skip, ..OWN }, false),
        ("htop", Conditions { foreign: true, ..OWN }, false),
        ("htop", Conditions { foreign: true, allow: table.clone(), ..OWN }, true),
        ("htop", Conditions { allow: Some(Allow::NOTHING), ..OWN }, false),
        ("vim -S x", Conditions { allow: table, ..OWN }, false),
        ("vim -S x", Conditions { allow: names(true), ..OWN }, true),
        ("/usr/bin/vim", Conditions { allow: names(true), ..OWN }, true),
        ("/tmp/vim", Conditions { allow: names(true), ..OWN }, false),
        ("htop", Conditions { allow: names(true), ..OWN }, true),
        ("htop", Conditions { allow: names(false), ..OWN }, false),
        ("vim", Conditions { allow: names(false), restriction: Restriction::Skip, ..OWN }, false),
    ];
    for (line, conditions, runs) in cases {
        let decision = decide_program(&program(line), &conditions);
        assert_eq!(matches!(decision, Again::Run(_)), runs, "{line} {conditions:?}");
    }
}

#[test]
fn what_is_only_typed_may_be_any_program() {
    let prefill = Conditions { restriction: Restriction::Prefill, ..OWN };
    let typed = |line: &str, conditions: &Conditions| {
        matches!(decide_program(&program(line), conditions), Again::Prefill(_, Reason::Prefilled))
    };
    assert!(typed("vim x", &prefill));
    assert!(typed("top", &prefill));
    assert!(!typed("vim x", &Conditions { foreign: true, ..prefill.clone() }));
    assert!(!typed("vim x", &Conditions { allow: Some(Allow::NOTHING), ..prefill.clone() }));
    assert_eq!(decide_start(&start(&["top"]), &prefill), Decision::Owe(Reason::Restricted));
}

#[test]
fn masked_commands_never_run() {
    let everything = Conditions { allow: Some(Allow { table: true, names: vec!["htop".into()] }), ..OWN };
    let mut masked = program("htop");
    masked.command.masked = true;
    assert_eq!(decide_program(&masked, &everything), Again::Owe(Reason::Masked));
    let typed = Conditions { restriction: Restriction::Prefill, ..everything.clone() };
    assert_eq!(decide_program(&masked, &typed), Again::Owe(Reason::Masked));
    let masked = StartCommand { masked: true, ..start(&["htop"]) };
    assert_eq!(decide_start(&masked, &everything), Decision::Owe(Reason::Masked));
}

#[test]
fn reasons_read_well() {
    let reason = |words: &[&str]| reason(decide_start(&start(words), &OWN));
    insta::assert_snapshot!(
        [
            reason(&[]),
            reason(&["vim x"]),
            reason(&["htop; ls"]),
            reason(&["less", "+!ls", "x"]),
            reason(&["/tmp/htop"]),
            reason(&["\u{1b}]0;x\u{7}", "y"]),
        ]
        .join("\n"),
        @r"
    its exact arguments are not known
    vim is not in the program table
    it is a line of shell, not one plain command
    its argument +!ls is not known to be harmless
    /tmp/htop is not where programs are installed
    \u{1b}]0;x\u{7} is not in the program table
    "
    );
}

#[test]
fn the_table_names_no_program_twice_and_no_folder_of_users() {
    let names: Vec<&str> = table::PROGRAMS.iter().flat_map(|(names, _)| names.iter().copied()).collect();
    let different: std::collections::HashSet<&str> = names.iter().copied().collect();
    assert_eq!(names.len(), different.len());
    // What runs other commands is never in it.
    for name in ["watch", "env", "sudo", "xargs", "sh -c", "nohup", "script", "tmux", "ssh", "vim", "busybox"]
    {
        assert!(!different.contains(name), "{name}");
    }
}

proptest! {
    #[test]
    fn a_line_with_anything_for_a_shell_never_runs(
        before in "[a-z /+-]{0,12}", sign in "[;|&$()<>{}*?\\[\\]#!\\\\`^\n\t\r\u{0}]", after in "[a-z /'\"-]{0,12}",
        head in proptest::sample::select(vec!["", "htop ", "less ", "exec bash ", "less '", "tail -f \""]),
    ) {
        let line = format!("{head}{before}{sign}{after}");
        let everything = Conditions {
            allow: Some(Allow { table: true, names: vec!["htop".into(), "less".into(), "a".into()] }),
            ..OWN
        };
        let decision = decide_start(&start(&[&line]), &everything);
        prop_assert!(matches!(decision, Decision::Owe(_)), "{line:?}");
    }

    #[test]
    fn a_plain_line_means_the_same_to_a_shell(line in "[a-z0-9 '\"_@%+=:,./~-]{1,20}") {
        if let Some(words) = plain::words(line.as_bytes()) {
            let mut by_shell: Vec<BString> =
                shlex::split(&line).unwrap().into_iter().map(BString::from).collect();
            if by_shell[0] == "exec" {
                by_shell.remove(0);
            }
            prop_assert_eq!(words, by_shell);
        }
    }

    #[test]
    fn any_bytes_are_judged_without_panic(words in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..12), 0..5)) {
        let argv: Vec<BString> = words.into_iter().map(BString::from).collect();
        let start = StartCommand { shown: BString::default(), argv, masked: false };
        let _ = reason(decide_start(&start, &OWN));
    }
}
