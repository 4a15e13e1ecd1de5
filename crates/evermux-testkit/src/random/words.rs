//! Names, values, folders and texts that have broken tools of this kind.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use proptest::prelude::*;

/// Names and values: each is here because some version of tmux, a shell or a parser of lists reads it as more than
/// its letters.
const NASTY: &[&str] = &[
    "plain",
    "two words",
    "  blanks around  ",
    "tab\there",
    "line\nbreak",
    "quo'te \"s\" `t`",
    "back\\slash \\n \\\\",
    "trailing\\",
    "semi;",
    ";",
    "#{pid} #{session_name}",
    "##x #x #",
    "#[fg=red]x#,y",
    "#(exit 1)",
    "$HOME ${PATH} $(id)",
    "%1",
    "@1",
    "=equal",
    "-dash",
    "~tilde",
    "{brace} [bracket]",
    "co:lon.dot:1.2",
    "* ? ! % & | < >",
    "100% %%",
    "emoji 🎉 é 日本語",
    "family 👩‍👩‍👧 e\u{301}",
    "שלום rtl",
    "zero\u{200b}width\u{2028}line",
    "c1 \u{9b}31m",
    "esc \u{1b}[31m red \u{1}",
    "@@ || ,, \u{1f} \t",
    "",
    "0",
    "a-very-long-name-a-very-long-name-a-very-long-name-a-very-long-name-a-very-long-name-a-very-long-name",
];

/// A name or a value: mostly from the list of those known to be nasty.
pub(super) fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(NASTY).prop_map(str::to_owned),
        2 => "[a-z]{1,8}",
        1 => "[ -~]{0,20}",
        1 => "\\PC{0,12}",
    ]
}

/// Folder names below `HOME`; `new-window -c` would expand the formats among them, and one is no UTF-8.
const FOLDERS: &[&[u8]] = &[
    b"work",
    b"two words",
    b"tab\tand\nline",
    b"quote'\"`",
    b"#{pid}",
    b"##(id) #[x]",
    b"$HOME",
    b"-dash",
    b"back\\slash",
    b"semi;",
    b"trailing ",
    b"invalid \xff\xfe",
    "emoji 🎉/deeper".as_bytes(),
];

/// The name of a folder below `HOME`.
pub(super) fn folder() -> impl Strategy<Value = OsString> {
    prop::sample::select(FOLDERS).prop_map(|name| OsString::from_vec(name.to_vec()))
}

/// One line of coloured text: what programs print that is hard to read back.
const LINES: &[&str] = &[
    "",
    "plain text",
    "\x1b[31mred\x1b[0m and \x1b[1;4;38;5;200mbold underlined 200\x1b[0m",
    "\x1b[48;2;10;20;30m24 bit background \x1b[0m after",
    "\x1b[7mreverse\x1b[27m \x1b[9mstrike\x1b[29m \x1b[53moverline\x1b[55m \x1b[3mitalic\x1b[0m",
    "colour goes on \x1b[32mover the end of the line",
    "\x1b[0mand stops",
    "wide 日本語 한국어 🎉 e\u{301} mixed",
    "tab\tstops\there",
    "\x1b(0lqqqk line drawing x x\x1b(B done",
    "\x1b]8;;https://example.org/?a=1;b\x1b\\a link\x1b]8;;\x1b\\ and text",
    "trailing blanks      ",
    "\x1b[44mblue to the end of the line\x1b[K\x1b[0m",
    "a long line that wraps 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789",
];

/// What a program prints: some lines, each by its number in the list, and how often they are repeated.
pub(super) fn output() -> impl Strategy<Value = String> {
    let lines = prop::collection::vec(prop::sample::select(LINES), 1..12);
    (lines, 1_usize..12).prop_map(|(lines, times)| {
        let mut text = String::new();
        for round in 0..times {
            for line in &lines {
                text.push_str(line);
                text.push_str(&format!(" {round}\n"));
            }
        }
        text + "\x1b[0m"
    })
}
