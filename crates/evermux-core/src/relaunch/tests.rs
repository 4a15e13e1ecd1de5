//! What runs and what is owed, as a table; and laws.

use proptest::prelude::*;

use super::*;
use crate::handlers::Handlers;
use crate::model::{Command, StartCommand};

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
    Program {
        command,
        directory: "/".into(),
        started: 0,
        conversation: None,
        editor: None,
        line: None,
        redirected: false,
    }
}

/// What is done about the command of a pane: by the program table alone.
fn decide_start(start: &StartCommand, conditions: &Conditions) -> Again {
    match program_of(start, &"/".into()) {
        Some(program) => decide_program(&program, conditions),
        None => decide_line(start, conditions),
    }
}

/// The words of a pane that is made with this command again; none if it is not.
fn made_again(start: &StartCommand) -> Option<Vec<BString>> {
    match decide_start(start, &OWN) {
        Again::Run(launch, _) => Some(words_of_pane(launch, start)),
        Again::Prefill(..) | Again::Owe(_) => None,
    }
}

fn reason(again: Again) -> String {
    match again {
        Again::Run(launch, permission) => format!("run {:?}: {permission}", launch.argv),
        Again::Prefill(_, reason) | Again::Owe(reason) => reason.to_string(),
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
    "vim", "vi x", "vim -nR +12 a b", "vim -S Session.vim", "vim -d a b", "nvim -p a b", "nvim -u NONE x", "/usr/bin/view x", "emacs -nw +3 x", "hx -w src a.rs",
    "kak -ro x", "nano -lm +3 x", "micro x",
];

#[rustfmt::skip]
const OWED: &[&str] = &[
    "bash -c ls", "bash script", "bash -s", "bash --rcfile x", "bash -lc x", "zsh -ic x", "fish -c x", "fish -C x", "sh x", "nu -e x", "nu x.nu", "bash -", "-bash",
    "less +!ls x", "less ++!ls x", "less +F!ls", "less +/x", "less -olog x", "less -o log", "less -kkeys x", "less --lesskey-src=x", "less -P x", "less -b +!ls x", "less -Tx", "less /dev/watchdog",
    "less -t tag", "less --tag=x", "less -nolog", "man -P x ls", "man -Px ls", "man --pager=x ls", "man -Hx ls", "man -T ls", "bat --pager=x y", "bat --pager x y", "bat --lessopen x", "bat cache --build",
    "more +/x y", "tail -f /dev/watchdog", "tail -f //dev/x", "tail -f /./dev/x", "tail -f ../../dev/x", "journalctl --vacuum-size=1K", "journalctl --rotate", "journalctl -b --vacuum-time=1s",
    "journalctl -n --rotate", "journalctl --cursor-file=x", "journalctl --flush", "dmesg -C", "dmesg -c", "dmesg -wC", "dmesg -n 1", "dmesg -D", "dmesg -F x", "top -x", "htop x", "btop -c x", "btop --config x",
    "atop -w x", "atop -r x", "glances -w", "glances -s", "glances --export csv", "iftop -c x", "dstat --output x", "nvidia-smi -r", "nvidia-smi -pm 1", "nvidia-smi -f x", "pidstat -e x", "watch ls",
    "ed x", "ssh host", "python3 x", "env htop", "sudo htop", "nice htop", "xargs", "busybox sh", "tmux", "rm -rf /", "", "A=b", "PATH=/tmp/htop", "./htop", "/tmp/htop", "/home/me/bin/htop",
    "vim -c q x", "vim +q x", "vim --cmd q", "vim +/x y", "vim -s keys", "vim -w log", "vim -W log", "vim -", "nvim -es x", "nvim -l x.lua", "nvim --server x --remote-send q", "nvim --headless",
    "vim /dev/watchdog", "emacs --eval (x)", "emacs -l x", "emacs -f x", "emacs --daemon", "emacsclient -e (x)", "emacsclient -a x y", "hx -c x", "kak -e x", "kak -E x", "kak -p x", "nano -s sh x",
    "/usr/bin/../../tmp/htop", "/usr/bin/./htop", "bin/htop", "//usr/bin/htop", "/usr/bin/", "htop/", "/nix/store/../../tmp/bin/htop", "HTOP", "htop2",
];

#[test]
fn what_runs() {
    for line in RUN {
        let words: Vec<&str> = line.split(' ').collect();
        let permission = Permission::Table(BString::from(words[0].rsplit('/').next().unwrap()));
        assert_eq!(
            decide_program(&program(line), &OWN),
            Again::Run(Launch::of(argv(&words)), permission),
            "{line}"
        );
        // As the command of a pane: as a line, and as words (a single word is a line, too).
        assert_eq!(made_again(&start(&[line])), Some(argv(&[line])), "{line}");
        assert_eq!(made_again(&start(&words)), Some(argv(&words)), "{line}");
    }
}

#[test]
fn what_is_owed() {
    for line in OWED {
        let words: Vec<&str> = line.split(' ').collect();
        assert!(!matches!(decide_program(&program(line), &OWN), Again::Run(..)), "{line}");
        for decision in [decide_start(&start(&[line]), &OWN), decide_start(&start(&words), &OWN)] {
            assert!(!matches!(decision, Again::Run(..)), "{line}");
        }
    }
}

#[test]
fn what_allows_and_what_forbids() {
    let table = Some(Allow::TABLE);
    let names = |table| Some(Allow { table, names: vec!["ed".into()], ..Allow::NOTHING });
    #[rustfmt::skip]
    let cases = [
        ("htop", OWN, true),
        ("htop", Conditions { restriction: Restriction::Skip, ..OWN }, false),
        ("htop", Conditions { foreign: true, ..OWN }, false),
        ("htop", Conditions { foreign: true, allow: table.clone(), ..OWN }, true),
        ("htop", Conditions { allow: Some(Allow::NOTHING), ..OWN }, false),
        ("ed -S x", Conditions { allow: table, ..OWN }, false),
        ("ed -S x", Conditions { allow: names(true), ..OWN }, true),
        ("/usr/bin/ed", Conditions { allow: names(true), ..OWN }, true),
        ("/tmp/ed", Conditions { allow: names(true), ..OWN }, false),
        ("htop", Conditions { allow: names(true), ..OWN }, true),
        ("htop", Conditions { allow: names(false), ..OWN }, false),
        ("ed", Conditions { allow: names(false), restriction: Restriction::Skip, ..OWN }, false),
    ];
    for (line, conditions, runs) in cases {
        let decision = decide_program(&program(line), &conditions);
        assert_eq!(matches!(decision, Again::Run(..)), runs, "{line} {conditions:?}");
    }
}

#[test]
fn what_is_only_typed_may_be_any_program() {
    let prefill = Conditions { restriction: Restriction::Prefill, ..OWN };
    let typed = |line: &str, conditions: &Conditions| {
        matches!(decide_program(&program(line), conditions), Again::Prefill(_, Reason::Prefilled))
    };
    assert!(typed("ed x", &prefill));
    assert!(typed("top", &prefill));
    assert!(!typed("ed x", &Conditions { foreign: true, ..prefill.clone() }));
    assert!(!typed("ed x", &Conditions { allow: Some(Allow::NOTHING), ..prefill.clone() }));
    assert!(matches!(decide_start(&start(&["top"]), &prefill), Again::Prefill(_, Reason::Prefilled)));
    assert!(matches!(decide_start(&start(&["top; ls"]), &prefill), Again::Prefill(_, Reason::Prefilled)));
    assert!(matches!(decide_start(&start(&["top; rm x"]), &prefill), Again::Owe(Reason::Dangerous(_))));
}

#[test]
fn masked_commands_never_run() {
    let everything = Conditions { allow: Some(Allow { names: vec!["htop".into()], ..Allow::TABLE }), ..OWN };
    let mut masked = program("htop");
    masked.command.masked = true;
    assert_eq!(decide_program(&masked, &everything), Again::Owe(Reason::Masked));
    let typed = Conditions { restriction: Restriction::Prefill, ..everything.clone() };
    assert_eq!(decide_program(&masked, &typed), Again::Owe(Reason::Masked));
    let masked = StartCommand { masked: true, ..start(&["htop"]) };
    assert_eq!(decide_start(&masked, &everything), Again::Owe(Reason::Masked));
}

#[test]
fn reasons_read_well() {
    let reason = |words: &[&str]| reason(decide_start(&start(words), &OWN));
    insta::assert_snapshot!(
        [
            reason(&[]),
            reason(&["ed x"]),
            reason(&["htop; ls"]),
            reason(&["less", "+!ls", "x"]),
            reason(&["/tmp/htop"]),
            reason(&["\u{1b}]0;x\u{7}", "y"]),
        ]
        .join("\n"),
        @r"
    its exact arguments are not known
    typed at its prompt: ed is not in the program table
    typed at its prompt: it is a line of shell, not one plain command
    typed at its prompt: its argument +!ls is not known to be harmless
    typed at its prompt: /tmp/htop is not where programs are installed
    typed at its prompt: \u{1b}]0;x\u{7} is not in the program table
    "
    );
}

#[test]
fn the_table_names_no_program_twice_and_no_folder_of_users() {
    let names: Vec<&str> = table::PROGRAMS.iter().flat_map(|(names, _)| names.iter().copied()).collect();
    let different: std::collections::HashSet<&str> = names.iter().copied().collect();
    assert_eq!(names.len(), different.len());
    // What runs other commands is never in it.
    for name in ["watch", "env", "sudo", "xargs", "sh -c", "nohup", "script", "tmux", "ssh", "ed", "busybox"]
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
            allow: Some(Allow { names: vec!["htop".into(), "less".into(), "a".into()], ..Allow::TABLE }),
            ..OWN
        };
        let decision = decide_start(&start(&[&line]), &everything);
        prop_assert!(!matches!(decision, Again::Run(..)), "{line:?}");
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

/// What comes of a command line: `run` and the words, `type` and the words, or why neither.
fn comes_of(line: &str, conditions: &Conditions) -> String {
    let words = shlex::split(line).unwrap();
    let argv: Vec<BString> = words.iter().map(|word| BString::from(word.as_str())).collect();
    let mut program = program("x");
    program.command.argv = argv;
    let again = match by_row(&Handlers::shipped(), &program) {
        Some(row) => decide_recipe(&program, conditions, row),
        None => decide_program(&program, conditions),
    };
    let line = |launch: &Launch| {
        shlex::try_join(launch.argv.iter().map(|word| std::str::from_utf8(word).unwrap())).unwrap()
    };
    match again {
        Again::Run(launch, _) => format!("run {}", line(&launch)),
        Again::Prefill(launch, _) => format!("type {}", line(&launch)),
        Again::Owe(reason) => format!("owe {reason}"),
    }
}

/// Every shipped row: argv in, argv out, and what is done.
#[test]
fn rows_of_programs() {
    #[rustfmt::skip]
    let rows: &[(&str, &str)] = &[
        // Editors.
        ("vim", "run vim"), ("vim a 'b c'", "run vim a 'b c'"), ("vi +12 a", "run vi +12 a"), ("/usr/bin/vim -R a", "run /usr/bin/vim -R a"), ("view a", "run view a"),
        ("vimdiff a b", "run vimdiff a b"), ("vim -p a b -- -c", "run vim -p a b -- -c"),
        ("vim -c ':!x' a", "type vim -c ':!x' a"), ("vim '+!x' a", "type vim '+!x' a"), ("vim -S Session.vim", "run vim -S Session.vim"), ("vim -es a", "type vim -es a"),
        ("/tmp/vim a", "type /tmp/vim a"), ("./vim a", "type ./vim a"),
        ("nvim a", "run nvim a"), ("nvim --headless a", "type nvim --headless a"), ("nvim -u x a", "run nvim -u x a"), ("nvim --cmd x", "type nvim --cmd x"),
        ("emacs -nw a", "run emacs -nw a"), ("emacs --batch -l x", "type emacs --batch -l x"), ("emacs --eval '(x)'", "type emacs --eval '(x)'"),
        ("emacsclient -t a", "run emacsclient -a '' -t a"), ("emacsclient -e '(x)'", "type emacsclient -e '(x)'"),
        ("hx a:12", "run hx a:12"), ("kak a", "run kak a"), ("kak -e x", "type kak -e x"), ("nano -l a", "run nano -l a"), ("nano +3 a", "run nano +3 a"), ("micro a", "run micro a"),
        // Viewers and monitors.
        ("man ls", "run man ls"), ("less +F a", "run less +F a"), ("more a", "run more a"), ("most a", "run most a"), ("tail -f a", "run tail -f a"),
        ("journalctl -fu ssh", "run journalctl -fu ssh"), ("bat a", "run bat a"), ("top -d 5", "run top -d 5"), ("htop", "run htop"), ("btop", "run btop"), ("atop 5", "run atop 5"),
        ("glances", "run glances"), ("iotop -o", "run iotop -o"), ("nvtop", "run nvtop"), ("btm -b", "run btm -b"), ("btm --config_location x", "type btm --config_location x"),
        ("watch df", "run watch df"), ("watch -n 1 'git status'", "run watch -n 1 'git status'"), ("watch -d -n2 kubectl get pods", "run watch -d -n2 kubectl get pods"),
        ("watch make", "type watch make"), ("watch 'ls; make'", "type watch 'ls; make'"), ("watch git diff --output=x", "type watch git diff '--output=x'"), ("watch vim x", "type watch vim x"),
        ("watch bash", "type watch bash"), ("watch -x df", "type watch -x df"), ("sudo top", "type sudo top"),
        // Git, files.
        ("lazygit -p x", "run lazygit -p x"), ("tig --all", "run tig --all"), ("gitui", "run gitui"), ("k9s -n x", "run k9s -n x"),
        ("/usr/bin/python3 -O /usr/bin/ranger /x", "run ranger /x"), ("ranger --cmd=x", "type ranger '--cmd=x'"), ("nnn -d /x", "run nnn -d /x"), ("nnn -p f", "type nnn -p f"),
        ("yazi /x", "run yazi /x"), ("lf -command x", "type lf -command x"), ("lf", "run lf"), ("mc a b", "run mc a b"),
        // Talk and mail.
        ("weechat -d x", "run weechat -d x"), ("weechat -r /x", "type weechat -r /x"), ("irssi -c h", "run irssi -c h"), ("mutt -R", "run mutt -R"), ("neomutt -f x", "run neomutt -f x"),
        ("mutt -s subject a@b", "type mutt -s subject a@b"), ("aerc", "run aerc"),
        // Languages.
        ("python3", "run python3"), ("python3 -q", "run python3 -q"), ("python3 x.py", "type python3 x.py"), ("python3 -c x", "type python3 -c x"),
        ("python3 -m http.server", "type python3 -m http.server"), ("node", "run node"), ("node x.js", "type node x.js"), ("irb", "run irb"), ("iex", "run iex"), ("iex -S mix", "type iex -S mix"),
        ("ghci", "run ghci"), ("R --no-save", "run R --no-save"), ("R -f x", "type R -f x"), ("julia", "run julia"), ("julia -e x", "type julia -e x"),
        ("/usr/bin/python3 /usr/bin/ipython", "run ipython"), ("ipython x.py", "type ipython x.py"),
        // Elsewhere.
        ("ssh host", "run ssh host"), ("ssh -p 2222 -i k -L 1:h:2 me@host", "run ssh -p 2222 -i k -L 1:h:2 me@host"), ("/usr/bin/ssh -p22 host", "run ssh -p22 host"),
        ("ssh -t host tmux attach", "run ssh -t host tmux attach"), ("ssh -t host 'tmux new -A -s x'", "run ssh -t host 'tmux new -A -s x'"), ("ssh -t host evermux attach work", "run ssh -t host evermux attach work"),
        ("ssh host bash -l", "run ssh host bash -l"), ("ssh host make", "type ssh host make"), ("ssh host 'bash; make'", "type ssh host 'bash; make'"), ("ssh host 'tmux new -s x'", "type ssh host 'tmux new -s x'"),
        ("ssh host bash -c x", "type ssh host bash -c x"), ("ssh -o ProxyCommand=x host", "type ssh -o 'ProxyCommand=x' host"), ("ssh -N -L 1:h:2 host", "type ssh -N -L 1:h:2 host"), ("ssh -M host make", "type ssh -M host make"),
        ("mosh host", "run mosh host"), ("mosh -p 60001 host -- tmux a", "run mosh -p 60001 host -- tmux a"), ("mosh host make", "type mosh host make"), ("mosh --ssh='x y' host", "type mosh '--ssh=x y' host"),
        ("mosh-client '-# me@host -- tmux a |' 10.0.0.1 60001", "run mosh me@host -- tmux a"), ("mosh-client '-# host make |' 10.0.0.1 60001", "type mosh host make"),
        ("autossh -M 0 h", "run autossh -M 0 h"), ("autossh -M 0 h make", "type autossh -M 0 h make"), ("et h", "run et h"), ("et h:2022 -c make", "type et h:2022 -c make"),
        ("psql -h h db", "run psql -h h db"), ("psql -c 'select 1' db", "type psql -c 'select 1' db"), ("psql -f x db", "type psql -f x db"), ("psql db me more", "type psql db me more"),
        ("mysql -u me -p db", "run mysql -u me -p db"), ("mysql -e 'select 1' db", "type mysql -e 'select 1' db"), ("sqlite3 x.db", "run sqlite3 x.db"), ("sqlite3 x.db 'select 1'", "type sqlite3 x.db 'select 1'"),
        ("redis-cli -h h", "run redis-cli -h h"), ("redis-cli get x", "type redis-cli get x"), ("mongosh", "run mongosh"), ("mongosh --eval x", "type mongosh --eval x"),
        ("docker exec -it x bash", "run docker exec -it x bash"), ("docker exec -it -u me x sh -l", "run docker exec -it -u me x sh -l"), ("podman exec -it x tmux attach", "run podman exec -it x tmux attach"),
        ("docker exec x", "type docker exec x"), ("docker exec -it x make", "type docker exec -it x make"), ("docker exec -it x sh -c 'exec bash'", "type docker exec -it x sh -c 'exec bash'"),
        ("docker run -it x bash", "type docker run -it x bash"), ("podman logs -f x", "run podman logs -f x"), ("docker compose up", "type docker compose up"),
        ("kubectl logs -f x", "run kubectl logs -f x"), ("kubectl -n a exec -it x -- bash", "run kubectl -n a exec -it x -- bash"), ("kubectl exec x -it -- sh", "run kubectl exec x -it -- sh"),
        ("kubectl exec -it x -- make", "type kubectl exec -it x -- make"), ("kubectl get pods -w", "type kubectl get pods -w"),
        ("make test", "type make test"), ("npm run dev", "type npm run dev"), ("cargo watch -x test", "type cargo watch -x test"), ("pytest-watch", "type pytest-watch"),
        ("tmux attach -t x", "run tmux attach -t x"), ("tmux -L in new -s x", "run tmux -L in new -A -s x"), ("tmux -L in", "run tmux -L in attach-session"),
        ("tmux attach ';' kill-server", "type tmux attach ';' kill-server"), ("tmux new -s x htop", "type tmux new -s x htop"), ("screen -x", "run screen -x"), ("evermux attach x", "run evermux attach x"),
        ("sh -c 'vim x'", "type sh -c 'vim x'"), ("unknown -x y", "type unknown -x y"),
        // Never.
        ("rm -rf x", "owe rm is never started again"), ("docker rm x", "owe docker rm is never started again"), ("watch 'git push'", "owe git push is never started again"),
        ("ssh host reboot", "owe reboot is never started again"), ("psql -c 'DROP TABLE x'", "owe psql DROP is never started again"),
        ("sudo vim x", "owe sudo vim is never started again"), ("sh -c 'cd x; terraform apply'", "owe terraform apply is never started again"),
    ];
    let wrong = rows.iter().map(|(line, expected)| (comes_of(line, &OWN), expected));
    let wrong: Vec<_> = wrong.filter(|(comes, expected)| comes != *expected).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Words that are not all that was run are typed, with the line where it is known.
#[test]
fn what_was_redirected_or_piped_is_typed() {
    let of = |line: &str, typed: Option<&str>, redirected: bool, conditions: &Conditions| {
        let mut program = program(line);
        (program.line, program.redirected) = (typed.map(Into::into), redirected);
        let again = match by_row(&Handlers::shipped(), &program) {
            Some(row) => decide_recipe(&program, conditions, row),
            None => decide_program(&program, conditions),
        };
        match again {
            Again::Run(..) => "run".to_owned(),
            Again::Prefill(launch, reason) => format!("type {}: {reason}", launch.line.unwrap_or_default()),
            Again::Owe(reason) => reason.to_string(),
        }
    };
    let piped = "typed at its prompt: it was redirected, or part of a pipeline";
    for line in ["psql db", "tail -f x", "less x", "ssh host"] {
        assert_eq!(of(line, None, false, &OWN), "run", "{line}");
        assert_eq!(of(line, None, true, &OWN), format!("type : {piped}"), "{line}");
        let typed = format!("{line} | tee y");
        assert_eq!(of(line, Some(&typed), false, &OWN), format!("type {typed}: {piped}"), "{line}");
    }
    let named = Conditions { allow: Some(Allow { names: vec!["psql".into()], ..Allow::TABLE }), ..OWN };
    assert!(of("psql db", Some("psql db < x.sql"), true, &named).starts_with("type "));
    assert_eq!(of("less x", Some("l x"), false, &OWN), "run", "an alias");
    assert!(of("less x", Some("less x | sh -c 'rm y'"), false, &OWN).contains("rm is never"));
}

#[test]
fn what_all_and_names_and_none_mean() {
    let allow = |allow| Conditions { allow: Some(allow), ..OWN };
    let all = allow(Allow { all: true, ..Allow::TABLE });
    for line in ["make test", "ssh host make", "vim -c x a", "/tmp/x y", "sh -c 'vim x'"] {
        assert!(comes_of(line, &all).starts_with("run "), "{line}: {}", comes_of(line, &all));
        assert!(comes_of(line, &allow(Allow::TABLE)).starts_with("type "), "{line}");
        assert!(comes_of(line, &allow(Allow::NOTHING)).starts_with("owe "), "{line}");
        let skipped = allow(Allow { prefill: false, ..Allow::TABLE });
        assert!(!comes_of(line, &skipped).starts_with("run "), "{line}");
        assert!(comes_of(line, &Conditions { foreign: true, ..OWN }).starts_with("owe "), "{line}");
    }
    for line in ["rm x", "env rm x", "sudo make", "sh -c 'git push'", "xargs rm"] {
        assert!(comes_of(line, &all).starts_with("owe "), "{line}");
        let named = allow(Allow {
            names: vec!["rm".into(), "env".into(), "sudo".into(), "sh".into()],
            ..Allow::TABLE
        });
        assert!(comes_of(line, &named).starts_with("owe "), "{line}");
        let typed = Conditions { restriction: Restriction::Prefill, ..OWN };
        assert!(comes_of(line, &typed).starts_with("owe "), "{line}");
    }
    let named = allow(Allow { names: vec!["ssh".into()], ..Allow::TABLE });
    assert_eq!(comes_of("ssh host make", &named), "run ssh host make");
}
