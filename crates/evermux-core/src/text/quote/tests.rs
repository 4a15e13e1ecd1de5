//! Tests of quoting without a tmux; `tests/quoting.rs` has those with one and with shells.

use bstr::{BString, ByteSlice};
use proptest::prelude::*;

use super::*;
use crate::model::{EnvironmentEntry, OptionEntry};

/// Bytes in which everything special is frequent.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        "[\\\\$\"'~#;{}=% \n]{1,4}".prop_map(Vec::from),
        "[ -~]{1,4}".prop_map(Vec::from),
        "\\PC{1,3}".prop_map(Vec::from),
        prop::collection::vec(any::<u8>(), 1..4),
    ];
    prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn words_stay_on_one_line(value in hostile()) {
        match tmux_word(&value) {
            Err(NulByte) => prop_assert!(value.contains(&0)),
            Ok(word) => prop_assert!(!word.contains(&b'\n') && !word.is_empty()),
        }
    }

    #[test]
    fn replies_are_read_without_a_panic(reply in hostile()) {
        let _ = undo_tmux_word(&reply);
        let _ = option_line(&reply);
        let _ = environment(&reply);
        let _ = environment(&[b"A=\"", &reply[..]].concat());
        let _ = undo_output(&reply, "3.4".parse().unwrap());
    }

    #[test]
    fn printable_text_acts_on_nothing(value in hostile()) {
        let text = printable(&value);
        prop_assert!(!text.contains(char::is_control));
        prop_assert_eq!(printable(text.as_bytes()), text);
    }

    #[test]
    fn typed_lines_are_split_into_their_arguments(argv in prop::collection::vec(hostile(), 0..4)) {
        let argv: Vec<BString> = argv.into_iter().map(BString::from).collect();
        if let Ok(line) = shell_line(Language::Posix, &argv) {
            let line = line.strip_prefix(b"command ").unwrap_or(&line);
            let words = shlex::bytes::split(line).expect("complete");
            prop_assert_eq!(words.iter().map(|word| word.as_bstr()).collect::<Vec<_>>(), argv);
        }
    }
}

#[test]
fn words_for_tmux() {
    let words: [&[u8]; 7] =
        [b"plain-1.2:3", b"", b"%1", b"~/$HOME", b"a\n\tb\"\\", b"\x1b\x01", b"\xc3\xa9\x80\xff"];
    let quoted = words.map(|word| printable(&tmux_word(word).unwrap())).join("\n");
    insta::assert_snapshot!(quoted, @r#"
    plain-1.2:3
    ""
    "%1"
    "\~/\$HOME"
    "a\n\tb\"\\"
    "\e\u{1}"
    "é\x80\377"
    "#);
    assert_eq!(tmux_word(b"a\0b"), Err(NulByte));
}

#[test]
fn literal_formats() {
    let literals = ["a", "#", "##", "#{x}", "#[x]", "##[x]", "#(#[#", "[#"]
        .map(|text| format_literal(text.as_bytes()).to_str_lossy().into_owned());
    insta::assert_snapshot!(literals.join("\n"), @r"
    a
    ##
    ####
    ##{x}
    #[x]
    #####{l:[}x]
    ##(#[##
    [##
    ");
}

#[test]
fn values_as_every_version_prints_them() {
    let values: [(&[u8], &[u8]); 12] = [
        (b"", b""),   // up to 3.1
        (b"''", b""), // from 3.2
        (b"plain", b"plain"),
        (b"\\~", b"~"),
        (b"\\\"", b"\""),
        (br"a\\b\t\033\377", b"a\\b\t\x1b\xff"),
        (br#""a b\\\"c""#, b"a b\\\"c"),
        (br#""a\012b""#, b"a\nb"), // 3.0
        (br#""\$HOME $ 5""#, b"$HOME $ 5"),
        (br#""\~ x""#, b"~ x"),
        (br#"'a"b\\c'"#, b"a\"b\\c"),
        ("\"é '\"".as_bytes(), "é '".as_bytes()),
    ];
    for (printed, value) in values {
        assert_eq!(undo_tmux_word(printed), Some(value.into()), "{}", printed.as_bstr());
    }
    for other in ["a b", "\"a", "a\"", "\"", "'", "\\", "a\\", ";", "\"a\"b\"", "\"a\\\"", "\\777"] {
        assert_eq!(undo_tmux_word(other.as_bytes()), None, "{other}");
    }
}

#[test]
fn lines_of_options() {
    let lines = [
        ("update-environment", "update-environment", None),
        ("status-left ", "status-left", Some("")),
        ("status-left ''", "status-left", Some("")),
        ("update-environment[3] SSH_AUTH_SOCK", "update-environment[3]", Some("SSH_AUTH_SOCK")),
        ("prefix \"", "prefix", Some("\"")),
        ("prefix C-\\", "prefix", Some("C-\\")),
        ("default-client-command new-session -A", "default-client-command", Some("new-session -A")),
        ("@a \"b c\"", "@a", Some("b c")),
        ("@a b c", "@a b", Some("c")),
        ("@a b ''", "@a b", Some("")),
        ("@a b \"c d\"", "@a b", Some("c d")),
    ];
    for (line, name, value) in lines {
        let entry = OptionEntry { name: name.into(), value: value.map(Into::into) };
        assert_eq!(option_line(line.as_bytes()), Some(entry), "{line}");
    }
    assert_eq!(option_line(b""), None);
}

#[test]
fn environments() {
    let entry = |name: &str, value: Option<&[u8]>| EnvironmentEntry {
        name: name.into(),
        value: value.map(Into::into),
    };
    let output = b"A=\"\"; export A;\nB=\"x\n\\\"y\\\"\\$z\\`\\\\\"; export B;\nunset C;\nunset odd=\"1\"; export unset odd;\n\
        D=\"; export D;\nE=\\\"\"; export D;\nF=\"\\033\\\\033\\r\xff\"; export F;\n";
    let entries = [
        entry("A", Some(b"")),
        entry("B", Some(b"x\n\"y\"$z`\\")),
        entry("C", None),
        entry("unset odd", Some(b"1")),
        entry("D", Some(b"; export D;\nE=\"")),
        entry("F", Some(b"\x1b\\033\r\xff")),
    ];
    assert_eq!(environment(output), Ok(entries.into()));
    assert_eq!(environment(b""), Ok(vec![]));
    let broken = environment(b"A=\"\"; export A;\nKEY=secret\n").unwrap_err();
    assert_eq!(broken.to_string(), "the environment is not understood from byte 16: \"KEY\"");
}

#[test]
fn what_tmux_3_4_adds_is_taken_away() {
    let printed = br"\$x \$5 \\$x \${ \$";
    assert_eq!(undo_output(printed, "3.4".parse().unwrap()).as_bstr(), br"$x \$5 \$x ${ \$".as_bstr());
    assert_eq!(undo_output(printed, "3.5a".parse().unwrap()).as_bstr(), printed.as_bstr());
}

#[test]
fn text_for_people() {
    let text = "tab\t\n\u{1b}[31m \u{9b}31m \u{7f} \u{202e}rtl \u{200b} \u{2028} \u{feff} é 👩\u{200d}👩 ✌\u{fe0f} a\\b".as_bytes();
    let shown = printable(&[text, b" \xff\xe2\x82"].concat());
    insta::assert_snapshot!(shown, @r"tab\t\n\u{1b}[31m \u{9b}31m \u{7f} \u{202e}rtl \u{200b} \u{2028} \u{feff} é 👩‍👩 ✌️ a\b \xff\xe2\x82");
    insta::assert_snapshot!(tmux_message(b"#[fg=red] #(id) 100% %H\x07"), @r"##[fg=red] ##(id) 100%% %%H\u{7}");
}

#[test]
fn lines_for_shells() {
    let line = |language, argv: &[&[u8]]| {
        let argv: Vec<BString> = argv.iter().map(|&word| word.into()).collect();
        shell_line(language, &argv).map_or_else(|error| format!("error: {error}"), |line| line.to_string())
    };
    let words: &[&[u8]] =
        &[b"vim", b"a b", b"it's", b"", b"$HOME", b"x!y", b"a=b", b"a\\b", b"-n5", b"5", "--x=é".as_bytes()];
    let few: &[&[u8]] = &[b"vim", b"a b", b"", b"$HOME", b"-n5", b"5", b"it s"];
    let lines = [
        line(Language::Posix, words),
        line(Language::Fish, words),
        line(Language::Csh, words),
        line(Language::Csh, few),
        line(Language::Csh, &[b"vim", b"it's"]),
        line(Language::Csh, &[b"/bin/vim", b"x\\"]),
        line(Language::Nu, words),
        line(Language::Nu, few),
        line(Language::Posix, &[b"/usr/bin/time", b"time"]),
        line(Language::Posix, &[b"=ls"]),
        line(Language::Posix, &[b"-bash"]),
        line(Language::Posix, &[]),
        line(Language::Posix, &[b"", b"x"]),
        line(Language::Posix, &[b"a", b"b\nc"]),
        line(Language::Posix, &[b"a", "\u{9b}".as_bytes()]),
        line(Language::Posix, &[b"a", "x".repeat(5000).as_bytes()]),
        line(Language::Posix, &[b"a", b"\xff"]),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    command vim 'a b' 'it'\''s' '' '$HOME' 'x!y' 'a=b' 'a\b' -n5 5 '--x=é'
    command vim 'a b' 'it\'s' '' '$HOME' 'x!y' 'a=b' 'a\\b' -n5 5 '--x=é'
    error: argument 5 holds a character that this shell cannot be told
    'vim' 'a b' '' '$HOME' -n5 5 'it s'
    'vim' 'it'\''s'
    error: argument 1 holds a character that this shell cannot be told
    error: argument 2 holds a character that this shell cannot be told
    ^vim 'a b' '' '$HOME' '-n5' '5' 'it s'
    /usr/bin/time time
    command '=ls'
    error: argument 0 holds a character that this shell cannot be told
    error: there is no program to run
    error: there is no program to run
    error: argument 1 holds a control character
    error: argument 1 holds a control character
    error: the line would be 5010 bytes long
    error: argument 1 is not valid UTF-8
    ");
    assert_eq!(shell_word(b"a'b c").unwrap(), b"\"a'b c\"");
    assert_eq!(shell_word(b"a\0"), Err(NulByte));
}
