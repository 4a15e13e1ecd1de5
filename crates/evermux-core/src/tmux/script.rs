//! Long scripts.

/// How many lines are parsed together.
const LINES: usize = 16;

/// Lines of a script, each a complete command, as blocks of some lines each.
///
/// Before 3.8 tmux takes time in the square of what it parses at once (`cmd_list_print` in `cmd.c` appends with
/// `strlcat`): 2000 lines of 340 bytes in one file cost 3.3a 460 ms and 3.1c 860 ms before the first one runs, in blocks
/// 115 and 98 ms. In a block an error still skips only its own line (3.1c to 3.8), but from 3.3 on the exit status is 0
/// then; standard error tells. `%if` cannot stand in a line, and braces outside of quotes must match; words made by
/// [`crate::text::quote::tmux_word`] are safe, whatever is in them.
pub fn in_blocks<Line: AsRef<[u8]>>(lines: impl IntoIterator<Item = Line>) -> Vec<u8> {
    let mut script = Vec::new();
    let mut count = 0;
    for line in lines {
        if count == 0 {
            script.extend_from_slice(b"if-shell -F 1 {\n");
        }
        script.extend_from_slice(line.as_ref());
        if !line.as_ref().ends_with(b"\n") {
            script.push(b'\n');
        }
        count = (count + 1) % LINES;
        if count == 0 {
            script.extend_from_slice(b"}\n");
        }
    }
    if count > 0 {
        script.extend_from_slice(b"}\n");
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_closed() {
        assert_eq!(in_blocks([""; 0]), b"");
        assert_eq!(in_blocks(["a", "b\n"]), b"if-shell -F 1 {\na\nb\n}\n");
        let lines = in_blocks(["x"; 33]);
        assert_eq!(lines.iter().filter(|&&byte| byte == b'}').count(), 3);
    }
}
