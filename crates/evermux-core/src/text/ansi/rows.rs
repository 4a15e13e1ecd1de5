//! How many rows lines take.

use bstr::ByteSlice;

use super::visible;

/// How many rows a canonical line takes at this width: at least and at most. The two are equal for ASCII; how wide other
/// characters are depends on the version and the build of tmux.
///
/// A line that was wrapped and then erased behind the edge takes more than that: who relies on it must compare text,
/// too.
pub fn rows(line: &[u8], width: u32) -> (u32, u32) {
    let width = width.max(2) as usize;
    let plain: &[u8] = if line.contains(&0x1b) || line.contains(&0x0e) { &visible(line) } else { line };
    if plain.iter().all(|byte| (b' '..0x7f).contains(byte)) {
        let rows = plain.len().div_ceil(width).max(1) as u32;
        return (rows, rows);
    }
    let (mut least, mut most) = (0_usize, 0_usize);
    for character in plain.chars() {
        let (narrow, wide) = match character {
            '\t' => (1, 8),
            character if character.is_ascii() => (1, 1),
            _ => (0, 2),
        };
        least += narrow;
        most += wide;
    }
    // A wide character that does not fit leaves the last column of a row empty.
    (least.div_ceil(width).max(1) as u32, most.div_ceil(width - 1).max(1) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_lines() {
        assert_eq!(rows(b"", 80), (1, 1));
        assert_eq!(rows(&[b'x'; 80], 80), (1, 1));
        assert_eq!(rows(&[b'x'; 81], 80), (2, 2));
        assert_eq!(rows(b"\x1b[31mred\x1b[0m\x0eqq\x0f", 5), (1, 1));
        assert_eq!(rows("日本語".as_bytes(), 4), (1, 2));
    }
}
