use proptest::prelude::*;

use super::*;

fn read(version: &str, raw: &[u8]) -> String {
    let mut reader = Reader::new(version.parse().unwrap());
    let mut out = Vec::new();
    for line in raw.split(|byte| *byte == b'\n') {
        reader.line(line, &mut out);
        out.push(b'\n');
    }
    out.pop();
    String::from_utf8(out).unwrap()
}

fn again(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    replay_line(line, &mut out);
    out
}

#[test]
fn lines_stand_alone() {
    assert_eq!(read("3.3a", b"a\x1b[31mb\nc\n\x1b[39md"), "a\x1b[31mb\x1b[0m\n\x1b[31mc\x1b[0m\nd");
    assert_eq!(read("3.5a", b"x\x0eqq\n\x0fnext"), "x\x0eqq\x0f\nnext");
    assert_eq!(read("3.5a", b"\x1b[31m\n\nx"), "\n\n\x1b[31mx\x1b[0m");
}

#[test]
fn resets_of_all_versions_are_the_same() {
    let old = read("3.3a", b"\x1b[1m\x1b[31mA\x1b[0m\x1b[31m\x1b[49mB\x1b[0m\x1b[39m\x1b[49mC");
    let new = read("3.8", b"\x1b[1m\x1b[31mA\x1b[0m\x1b[31mB\x1b[0mC");
    assert_eq!(old, new);
    assert_eq!(new, "\x1b[1;31mA\x1b[0;31mB\x1b[0mC");
}

#[test]
fn overline_is_repaired() {
    assert_eq!(read("3.8", b"\x1b[1;5:3m\x1b[31mA"), "\x1b[1;53;31mA\x1b[0m");
    assert_eq!(read("3.8", b"\x1b[5:3mI"), "\x1b[53mI\x1b[0m");
}

#[test]
fn underlines_and_their_colours() {
    assert_eq!(
        read("3.3a", b"\x1b[4:3mA\x1b[58;5;9mB\x1b[0;4:2m\x1b[39m\x1b[49m\x1b[58;2;1;2;3mC"),
        "\x1b[4:3mA\x1b[58;5;9mB\x1b[0;4:2;58;2;1;2;3mC\x1b[0m"
    );
}

#[test]
fn padding_is_cut_before_3_3() {
    let raw = b"x\x1b[41m   \x1b[49m                \nabc                 \n   ";
    assert_eq!(read("3.1c", raw), "x\x1b[41m   \x1b[0m\nabc\n");
    assert_eq!(read("3.3a", b"abc   "), "abc   ");
}

#[test]
fn bright_backgrounds_that_3_1_does_not_name_are_lost_alone() {
    assert_eq!(read("3.1c", b"\x1b[91m\x1b[mB\x1b[39mC"), "\x1b[91mB\x1b[0mC");
}

#[test]
fn links_are_closed_and_backslashes_undoubled() {
    assert_eq!(read("3.5a", br"\"), r"\");
    assert_eq!(
        read("3.5a", b"\x1b]8;id=x;http://a\\\\b\x1b\\two\x1b]8;;\x1b\\ x"),
        "\x1b]8;id=x;http://a\\b\x1b\\two\x1b]8;;\x1b\\ x"
    );
    assert_eq!(again(b"\x1b]8;;a\\\\b\x07two"), b"\x1b]8;;a\\\\b\x1b\\two\x1b]8;;\x1b\\");
}

/// Things that must not reach a terminal.
const HOSTILE: &[&[u8]] = &[
    b"\x1b]52;c;ZXZpbA==\x07",
    b"\x1b]0;title\x1b\\",
    b"\x1b]8;;http://a\nb\x1b\\",
    b"\x1b]8;;http://a\x1b[6n\x1b\\",
    b"\x1b]8;x\x07",
    b"\x1bPtmux;\x1b\x1b]52;c;ZXZpbA==\x07\x1b\\",
    b"\x1bP+q544e\x1b\\",
    b"\x1b[6n",
    b"\x1b[c",
    b"\x1b[>q",
    b"\x1b[21t",
    b"\x1b[?1049h",
    b"\x1b[>4;2m",
    b"\x1b[?4m",
    b"\x1b[201~",
    b"\x1b[2J",
    b"\x1b[1;1H",
    b"\x1b[ q",
    b"\x1bc",
    b"\x1b(0",
    b"\x1b#8",
    b"\x1bkname\x1b\\",
    b"\x1b_apc\x1b\\",
    b"\x1b",
    b"\x1b[",
    b"\x1b[31",
    b"\x1b]",
    b"\x1bP",
    b"\x07",
    b"\x08",
    b"\r",
    b"\x0b",
    b"\x0c",
    b"\x00",
    b"\x7f",
    b"\x05",
    b"\xc2\x9b6n",
    b"\xc2\x9d52;c;x\xc2\x9c",
    b"\xc2\x90",
    b"\x9b6n",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\xc2",
    b"\x1b\xff[6n",
    b"\x1b]8;;u\x1b\\link",
    b"\x1b[31;1mred",
    b"\x0eqq",
    b"\x0f",
    b"plain\ttext",
    "é日本👩‍👩‍👧".as_bytes(),
];

/// What a canonical line may consist of, said in another way than the code under test says it.
fn assert_harmless(line: &[u8]) {
    let text = std::str::from_utf8(line).expect("valid UTF-8");
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_control() && c != '\t') {
        rest = &rest[at..];
        let length = match rest.as_bytes() {
            [0x0e | 0x0f, ..] => 1,
            [0x1b, b'[', ..] => {
                let end = rest.find('m').unwrap_or_else(|| panic!("{line:?}"));
                assert!(rest[2..end].bytes().all(|b| b.is_ascii_digit() || b";:".contains(&b)), "{line:?}");
                end + 1
            }
            [0x1b, b']', b'8', b';', ..] => {
                let end = rest.find("\x1b\\").unwrap_or_else(|| panic!("{line:?}"));
                assert!(!rest[2..end].contains(char::is_control), "{line:?}");
                end + 2
            }
            _ => panic!("{line:?}"),
        };
        rest = &rest[length..];
    }
}

#[test]
fn nothing_hostile_passes() {
    for first in HOSTILE {
        assert_harmless(&again(first));
        for second in HOSTILE {
            assert_harmless(&again(&[*first, *second].concat()));
        }
    }
    assert_eq!(again(b"a\x1b]52;c;x\x07b\x1b[6nc\x1bPq\x1b\\d\xc2\x9be\xfff\x1bcg"), b"abcdefg");
}

#[test]
fn the_screen_is_put_in_place() {
    let mut out = Vec::new();
    replay_end(24, 5, &mut out);
    assert_eq!(out, [b"\r\n".repeat(18), b"\x1b[18A".to_vec()].concat());
    let mut out = Vec::new();
    replay_end(24, 24, &mut out);
    assert_eq!(out, b"");
    let mut out = Vec::new();
    replay_end(0, 0, &mut out);
    assert_eq!(out, b"");
    let mut out = Vec::new();
    replay_end_at(24, 22, &mut out);
    assert_eq!(out, b"\r\n\x1b[1A\x1b[23;1H");
}

fn hostile_line() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        3 => proptest::sample::select(HOSTILE).prop_map(<[u8]>::to_vec),
        2 => "\\PC{0,8}".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>().prop_filter("newline", |b| *b != b'\n'), 0..8),
        3 => "\x1b\\[[0-9;:]{0,12}m".prop_map(String::into_bytes),
        1 => "\x1b\\]8;[a-z=]{0,3};[a-z\\\\]{0,8}\x1b\\\\".prop_map(String::into_bytes),
    ];
    proptest::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn whatever_comes_only_harmless_bytes_go(line in hostile_line()) {
        assert_harmless(&again(&line));
    }

    #[test]
    fn canonical_lines_are_canonical(lines in proptest::collection::vec(hostile_line(), 1..4)) {
        for version in ["3.1c", "3.3a", "3.8"] {
            let mut reader = Reader::new(version.parse().unwrap());
            for line in &lines {
                let mut canonical = Vec::new();
                reader.line(line, &mut canonical);
                assert_harmless(&canonical);
                prop_assert_eq!(again(&canonical), canonical);
            }
        }
    }
}

#[test]
fn what_is_seen_of_a_line() {
    assert_eq!(visible(b"a\x1b]8;;http://x\x1b\\b\x1b]8;;\x1b\\\x1b[1mc\x1b[0m\x0eq\x0f"), b"abcq");
}
