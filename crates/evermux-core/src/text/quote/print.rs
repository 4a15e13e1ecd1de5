//! Foreign bytes in front of people: no byte of them may act on a terminal or deceive its reader.

/// `bytes` for a terminal: control and invisible format characters as `\t`, `\n`, `\r`, `\u{1b}`, invalid UTF-8 as
/// `\xff`. For reading, not for parsing back: backslashes stay single.
pub fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\t' => text.push_str("\\t"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                c if c.is_control() || is_deceptive(c) => text.extend(c.escape_unicode()),
                c => text.push(c),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// Characters that are not seen but change what is: direction of text, line ends, invisible tags. Joiners and
/// variation selectors stay, since emoji and several scripts need them.
fn is_deceptive(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e007f}')
}

/// `bytes` as the argument of tmux's `display-message`: [`printable`], and neither format nor style nor time (`%H`,
/// which this command expands). From 3.2 on several `#` in a row show as half as many, unless `[` follows.
pub fn tmux_message(bytes: &[u8]) -> String {
    printable(bytes).replace('#', "##").replace('%', "%%")
}
