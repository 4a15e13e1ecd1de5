//! Quoting on real servers and in real shells.

use std::io::Write;
use std::process::{Command, Stdio};

use bstr::{BStr, BString, ByteSlice};
use evermux_core::model::{EnvironmentEntry, TmuxVersion};
use evermux_core::text::quote::{
    Language, environment, format_literal, option_line, printable, shell_line, shell_word, tmux_message,
    tmux_word, undo_output,
};
use evermux_testkit::{Server, Tmux, tmux_binaries};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// Values that a parser of tmux, a shell or a terminal could take for more than text.
fn nasty() -> Vec<BString> {
    let texts = [
        "",
        " ",
        "a b",
        "a\nb\n",
        "a\n  b",
        "a\n#c",
        "\t",
        "\r",
        "\r\n",
        "a\rb",
        "\u{1b}[31m",
        "\u{7f}",
        "'",
        "\"",
        "a'b",
        "a\"b",
        "a\"b\\c",
        "a\"b\tc",
        "a\"b'c",
        "\\",
        "end\\",
        "\\\\",
        "\\n",
        "\\033",
        "\\$HOME",
        "\\\\$HOME",
        "$",
        "$HOME",
        "${HOME}",
        "$ 5",
        "$_",
        "~",
        "~root",
        "~/x",
        "a~",
        "\"~",
        "#",
        "#{pid}",
        "#(id)",
        "##",
        "#[fg=red]",
        "##[fg=red]",
        "#,",
        "#}",
        "# comment",
        "%",
        "%if",
        "%1",
        "%hidden x=y",
        "%H:%M",
        "100%",
        ";",
        "a;",
        "a;b",
        "a ; b",
        "{",
        "}",
        "{ a }",
        "-",
        "-g",
        "--",
        "=",
        "a=b",
        "A=b",
        "@1",
        "*",
        "`id`",
        "!",
        "!!",
        "&",
        "|",
        "é",
        "😀",
        "\u{202e}",
        "\u{9b}",
        "on",
        "0",
        "''",
        "\"\"",
        "\\'",
        "x # y",
        "\u{1}\u{2}\u{7}\u{8}\u{b}\u{c}\u{1f}",
    ];
    let mut values: Vec<BString> = texts.map(Into::into).into();
    values.extend([&b"\xff"[..], b"\xff\xfe", b"a\xffb", b"\x80", b"bad \xc3", b"\xe2\x82A"].map(Into::into));
    values.push((1..=255).collect::<Vec<u8>>().into());
    values.push("long $x \\ ' \" ~ # ".repeat(240).into());
    values
}

/// The nasty ones and random ones.
fn values() -> Vec<BString> {
    let piece = prop_oneof![
        Just(b"\\".to_vec()),
        "[\\\\$\"'~#;{} %]{1,3}".prop_map(Vec::from),
        "[ -~]{1,4}".prop_map(Vec::from),
        "[é😀\u{80}-\u{9f}]".prop_map(Vec::from),
        prop::collection::vec(1..=255_u8, 1..3),
    ];
    let random = prop::collection::vec(prop::collection::vec(piece, 1..8), 150);
    let random = random.new_tree(&mut TestRunner::default()).expect("a value").current();
    nasty().into_iter().chain(random.into_iter().map(|pieces| pieces.concat().into())).collect()
}

fn version(tmux: &Tmux) -> TmuxVersion {
    tmux.version.to_string().parse().expect("a version that we know")
}

/// What 3.0 cannot be told: it has no octal escapes.
fn fits(value: &BStr, version: TmuxVersion) -> bool {
    version.at_least(3, 1) || !value.contains(&0xff)
}

fn word(value: &[u8]) -> Vec<u8> {
    tmux_word(value).expect("no NUL")
}

#[test]
fn option_values_come_back() {
    for tmux in tmux_binaries() {
        let version = version(&tmux);
        let values: Vec<BString> =
            values().into_iter().filter(|value| fits(value.as_ref(), version)).collect();
        let server = Server::start(&tmux);
        let mut script = Vec::new();
        for (number, value) in values.iter().enumerate() {
            script.extend([format!("set -g @o{number} ").as_bytes(), &word(value), b"\n"].concat());
        }
        for number in 0..values.len() {
            script.extend(format!("show -g @o{number}\n").bytes());
        }
        let output = server.script(script);
        let output = undo_output(&output.stdout, version);
        let lines: Vec<&[u8]> = output.strip_suffix(b"\n").unwrap_or_default().split_str("\n").collect();
        assert_eq!(lines.len(), values.len(), "{tmux:?}: a value has no line or several");
        for (number, (line, value)) in lines.into_iter().zip(&values).enumerate() {
            let entry = option_line(line).expect("not empty");
            assert_eq!(entry.name, format!("@o{number}"));
            assert_eq!(entry.value.as_ref(), Some(value), "{version}: {}", line.as_bstr());
        }
    }
}

/// The same without tmux's quoting, where it prints values raw.
#[test]
fn words_are_read_as_they_are() {
    for tmux in tmux_binaries() {
        let version = version(&tmux);
        if version.at_least(3, 4) && !version.at_least(3, 6) {
            continue; // prints control characters as text
        }
        let values: Vec<BString> =
            values().into_iter().filter(|value| fits(value.as_ref(), version)).collect();
        let server = Server::start(&tmux);
        let script: Vec<u8> = values
            .iter()
            .flat_map(|value| {
                [b"set -g @o ", &word(value)[..], b"\nshow -gv @o\ndisplay -p '<<end>>'\n"].concat()
            })
            .collect();
        let output = server.script(script);
        for (value, told) in values.iter().zip(output.stdout.split_str("\n<<end>>\n")) {
            // Before 3.1, or without a value, nothing is printed; then the newline is missing, too.
            let told = if value.is_empty() { b"" } else { told };
            assert_eq!(told.as_bstr(), value, "{version}");
        }
    }
}

#[test]
fn options_that_are_not_strings_come_back() {
    let commands = [
        "set -g prefix '\"'",
        "set -g prefix \"'\"",
        "set -g prefix \\;",
        "set -g prefix '#'",
        "set -g prefix '~'",
        "set -g prefix '$'",
        "set -g prefix '\\'",
        "set -g prefix 'C-\\'",
        "set -g prefix2 M-{",
        "set -g history-limit 50",
        "set -g mouse on",
        "set -g status-style 'bg=colour7,fg=#ff0000'",
        "set -g update-environment ''",
        "set -g update-environment[7] 'a b'",
        "set -g status-left ''",
        "set -g '@with space' 'x y'",
        "set -g '@with space' xy",
        "set -g '@with space' ''",
    ];
    const NAMES: [&str; 8] = [
        "prefix",
        "prefix2",
        "history-limit",
        "mouse",
        "status-style",
        "update-environment",
        "status-left ",
        "@",
    ];
    for tmux in tmux_binaries() {
        let server = Server::start(&tmux);
        let show = |server: &Server| -> BString {
            let output = server.tmux(&["show-options", "-g"]).stdout;
            let ours = |line: &&[u8]| NAMES.iter().any(|name| line.starts_with(name.as_bytes()));
            output.lines_with_terminator().filter(ours).collect::<Vec<_>>().concat().into()
        };
        for command in commands {
            server.script(command);
            let before = show(&server);
            let mut again = Vec::new();
            for line in before.lines() {
                let entry = option_line(line).expect("not empty");
                // tmux 3.1 prints a key that is none as `Invalid#…`.
                let Some(value) = entry.value.filter(|value| !value.starts_with(b"Invalid#")) else {
                    continue;
                };
                again.extend([b"set -g -- ", &word(&entry.name)[..], b" ", &word(&value), b"\n"].concat());
            }
            let output = server.script(again);
            assert_eq!(output.errors(), "", "{tmux:?}: {command}");
            assert_eq!(show(&server), before, "{tmux:?}: {command}");
        }
        let empty = "set -g update-environment ''";
        server.script(empty);
        let options = show(&server);
        let line = options.lines().find(|line| line.starts_with(b"update-environment"));
        let entry = option_line(line.expect("still listed")).expect("not empty");
        assert!(entry.value.is_none_or(|value| value.is_empty()), "{tmux:?}: {}", entry.name);
    }
}

#[test]
fn environments_come_back() {
    for tmux in tmux_binaries() {
        let version = version(&tmux);
        let values: Vec<BString> =
            values().into_iter().filter(|value| fits(value.as_ref(), version)).collect();
        let server = Server::start(&tmux);
        let mut script =
            b"set-environment -t main -r REMOVED\nset-environment -t main 'odd name' x\n".to_vec();
        for (number, value) in values.iter().enumerate() {
            script.extend(
                [format!("set-environment -t main V{number} ").as_bytes(), &word(value), b"\n"].concat(),
            );
        }
        if version.at_least(3, 2) {
            script.extend(b"set-environment -h -t main HIDDEN 'h\n'\n");
        }
        server.script(script);
        let read = |flags: &str| {
            let output = server.tmux(&["show-environment", "-t", "main", flags]);
            let undone = undo_output(&output.stdout, version).into_owned();
            environment(&undone).unwrap_or_else(|error| panic!("{version}: {error}"))
        };
        let entries = read("-s");
        let value =
            |name: &str| entries.iter().find(|entry| entry.name == name).expect("it is set").value.clone();
        for (number, wanted) in values.iter().enumerate() {
            assert_eq!(value(&format!("V{number}")).as_ref(), Some(wanted), "{version}");
        }
        assert_eq!(value("REMOVED"), None);
        assert_eq!(value("odd name"), Some("x".into()));
        if version.at_least(3, 2) {
            let hidden = EnvironmentEntry { name: "HIDDEN".into(), value: Some("h\n".into()) };
            assert_eq!(read("-hs"), [hidden], "{version}");
        }
    }
}

#[test]
fn literal_formats_expand_to_themselves() {
    for tmux in tmux_binaries() {
        let version = version(&tmux);
        let prints_octal = version.at_least(3, 4) && !version.at_least(3, 6);
        let values: Vec<BString> = values()
            .into_iter()
            // display-message expands times besides.
            .filter(|value| fits(value.as_ref(), version) && !value.contains(&b'%'))
            .filter(|value| {
                !prints_octal || value.to_str().is_ok_and(|text| !text.contains(char::is_control))
            })
            .collect();
        let server = Server::start(&tmux);
        let script: Vec<u8> = values
            .iter()
            .flat_map(|value| {
                [b"display -p -- ", &word(&format_literal(value))[..], b"\ndisplay -p '<<end>>'\n"].concat()
            })
            .collect();
        let output = server.script(script);
        for (value, told) in values.iter().zip(output.stdout.split_str("<<end>>\n")) {
            let told = undo_output(told, version);
            let told = told.strip_suffix(b"\n").unwrap_or_default();
            assert_eq!(told.as_bstr(), value, "{version}");
        }
    }
}

#[test]
fn messages_are_shown_as_they_are() {
    let message = "a #[fg=red]b ##[c] # #{pid} #(id) %H:%M 100% $x \\ \u{1b}[31m \u{202e}";
    for tmux in tmux_binaries() {
        let server = Server::start(&tmux);
        let client = server.attach("main", 160, 10);
        server.run(&["set", "-g", "display-time", "60000"]);
        let text = tmux_message(message.as_bytes());
        // tmux 3.2 does not understand -c.
        server.run(&["display-message", "-t", "main:", "--", &text]);
        client.wait_for(&printable(message.as_bytes()));
    }
}

/// What a shell's `printf` gives its arguments, each followed by a mark.
fn shell_output(shell: &str, flags: &[&str], script: &[u8], through_stdin: bool) -> Option<Vec<u8>> {
    let mut command = Command::new(shell);
    command.args(flags).env("PS1", "").env("HISTFILE", "/dev/null").stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    if !through_stdin {
        use std::os::unix::ffi::OsStrExt;
        command.arg("-c").arg(std::ffi::OsStr::from_bytes(script));
    }
    let mut child = command.spawn().ok()?;
    let mut stdin = child.stdin.take().expect("piped");
    if through_stdin {
        stdin.write_all(script).expect("the shell reads");
    }
    drop(stdin);
    Some(child.wait_with_output().expect("the shell ends").stdout)
}

#[test]
fn shell_words_are_words() {
    for value in values() {
        let script = [b"printf '%s|' ", &shell_word(&value).expect("no NUL")[..]].concat();
        for shell in ["sh", "bash", "zsh"] {
            let Some(output) = shell_output(shell, &[], &script, false) else { continue };
            assert_eq!(
                output.as_bstr(),
                [&value[..], b"|"].concat().as_bstr(),
                "{shell}: {}",
                script.as_bstr()
            );
        }
    }
}

/// A shell, how it is run interactively without its rc files, and its language.
const SHELLS: [(&str, &[&str], Language); 7] = [
    ("dash", &["-i"], Language::Posix),
    ("bash", &["--norc", "-i"], Language::Posix),
    ("zsh", &["-f", "-i"], Language::Posix),
    ("ksh93", &["-i"], Language::Posix),
    ("mksh", &["-i"], Language::Posix),
    ("tcsh", &["-f", "-i"], Language::Csh),
    ("fish", &["--no-config", "-i"], Language::Fish),
];

#[test]
fn typed_lines_run_exactly_their_arguments() {
    let all = || values().into_iter().chain(["!$", "!echo", "^a^b", "a!b'c", "=ls", "if"].map(BString::from));
    for (shell, flags, language) in SHELLS {
        let typed: Vec<BString> =
            all().filter(|value| shell_line(language, &["x".into(), value.clone()]).is_ok()).collect();
        assert!(typed.len() > 60, "{shell}");
        // Interactive, since only then `!` means history; without a line editor, which would print the line.
        for values in typed.chunks(20) {
            let argv: Vec<BString> =
                ["printf".into(), "%s|".into()].into_iter().chain(values.iter().cloned()).collect();
            let line = shell_line(language, &argv).expect("all of them can be typed");
            let script = [b"echo earlier\n", &line[..], b"\n"].concat();
            let Some(output) = shell_output(shell, flags, &script, true) else { continue };
            let wanted: Vec<u8> = values.iter().flat_map(|value| [&value[..], b"|"].concat()).collect();
            assert!(output.find(&wanted).is_some(), "{shell}: {line} gave {}", output.as_bstr());
        }
    }
}

#[test]
fn no_alias_takes_the_place_of_a_program() {
    for (shell, flags, language) in SHELLS {
        let line =
            shell_line(language, &["printf".into(), "%s|".into(), "it".into()]).expect("it can be typed");
        let alias = match language {
            Language::Csh => "alias printf 'echo wrong'",
            _ => "alias printf='echo wrong'",
        };
        let script = [alias.as_bytes(), b"\n", &line[..], b"\n"].concat();
        let Some(output) = shell_output(shell, flags, &script, true) else { continue };
        assert!(
            output.find("it|").is_some() && output.find("wrong").is_none(),
            "{shell}: {}",
            output.as_bstr()
        );
    }
}
