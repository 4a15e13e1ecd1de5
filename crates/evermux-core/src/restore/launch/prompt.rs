//! Which prompts of a pane are known, so that nothing is typed into something else that reads a line.
//!
//! A prompt is known from the line on which the program was started the last time: `PROMPT less x`, in the text that was
//! saved. Numbers in it count for nothing (times, exit statuses, jobs).
//!
//! How far that goes: a prompt that says something else than it did then (a branch, a changed mark) is not known again, nor
//! is one of which the text is gone, or whose line was an alias. Of zsh, fish and dash the system itself tells that no rc
//! file is read any more (`procs::Evidence`); there a line that looks like a prompt will do. Of bash and the others only the shell
//! integration tells it apart from an rc file that reads with a line editor (`read -e`); without that the program is owed.

use bstr::{BStr, ByteSlice};
use serde::{Deserialize, Serialize};

use crate::relaunch::Shell;
use crate::text::ansi::visible;
use crate::text::quote::printable;

/// How many lines of a text are searched.
pub(in crate::restore) const SEARCHED: usize = 2000;

/// How many prompts are believed of one pane.
const MOST: usize = 8;

/// What a shell tells of itself by its integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing: it has none, or has not come to it yet.
    Nothing,
    /// It has begun, or runs something.
    Busy,
    /// It stands at a prompt.
    Prompt,
}

/// The prompts of a pane that are known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::restore) struct Known {
    /// As they are compared.
    prompts: Vec<String>,
    /// The line on which the program was started, whatever was typed: it begins with the prompt.
    started_on: Option<String>,
}

impl Known {
    /// What the lines of a pane's text tell, the last ones last. `names`: of the program; `alternate`: it drew on the
    /// alternate screen, so that the text ends with the line on which it was started.
    pub(in crate::restore) fn of(lines: &[Vec<u8>], names: &[&BStr], alternate: bool) -> Self {
        let mut known = Self::default();
        let shown = |line: &[u8]| String::from_utf8_lossy(&visible(line)).into_owned();
        for line in lines.iter().rev().take(SEARCHED) {
            let line = shown(line);
            for prompt in prompts_on(&line, names) {
                let prompt = compared(&prompt);
                if !known.prompts.contains(&prompt) && known.prompts.len() < MOST {
                    known.prompts.push(prompt);
                }
            }
        }
        let last = lines.iter().rev().map(|line| shown(line)).find(|line| !line.trim().is_empty());
        known.started_on = last.filter(|_| alternate).map(|line| compared(&line));
        known
    }

    /// Whether a shell that waits stands at its prompt: `told` is what it says itself, `before` is what the cursor's row shows before the cursor, `width`
    /// how many columns the pane has.
    pub(super) fn is_prompt(&self, shell: Shell, told: Told, before: &str, width: u32) -> bool {
        let before = compared(before);
        // One that has told of itself and of no prompt yet still reads its rc file, whatever stands there.
        if before.trim().is_empty() || told == Told::Busy {
            return false;
        }
        let last_row = |prompt: &String| last_row(prompt, width as usize) == before;
        let began = |line: &String| line.starts_with(&before) && before.ends_with(' ');
        self.prompts.iter().any(last_row)
            || self.started_on.as_ref().is_some_and(began)
            || ((told == Told::Prompt || tells_rc_files(shell)) && looks_like_a_prompt(&before))
    }
}

/// Whether the system tells of such a shell that it reads no rc file any more.
fn tells_rc_files(shell: Shell) -> bool {
    matches!(shell, Shell::Zsh | Shell::Fish | Shell::Plain)
}

/// A sign and a blank, or a sign: nothing that somebody has typed already.
fn looks_like_a_prompt(before: &str) -> bool {
    let sign = before.trim_end().chars().next_back();
    sign.is_some_and(|sign| !sign.is_alphanumeric()) && before.ends_with(' ')
}

/// The part of a prompt that stands on its last row, where it wraps.
fn last_row(prompt: &str, width: usize) -> String {
    let length = prompt.chars().count();
    if width == 0 || length < width {
        return prompt.to_owned();
    }
    prompt.chars().skip(length - length % width).collect()
}

/// With all numbers alike, and nothing that acts.
fn compared(text: &str) -> String {
    let text = printable(text.as_bytes());
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if !c.is_ascii_digit() {
            out.push(c);
        } else if !out.ends_with('0') {
            out.push('0');
        }
    }
    out
}

/// Whether a line shows that one of these programs was started on it, behind a prompt.
pub(in crate::restore) fn starts_program(line: &[u8], names: &[&BStr]) -> bool {
    !prompts_on(&String::from_utf8_lossy(&visible(line)), names).is_empty()
}

/// What stands on a line before the words that started one of these programs.
fn prompts_on(line: &str, names: &[&BStr]) -> Vec<String> {
    let mut found = Vec::new();
    let mut at = 0;
    for word in line.split(' ') {
        let bare = word.trim_start_matches(['^', '\\', '\'', '"']).trim_end_matches(['\'', '"']);
        let file = bare.rsplit('/').next().unwrap_or(bare);
        let ours = file == "evermux" && line[at + word.len()..].starts_with(" resume ");
        let is_name = |name: &&BStr| name.as_bytes() == bare.as_bytes() || name.as_bytes() == file.as_bytes();
        if ours || names.iter().any(is_name) {
            found.extend(prompt_before(&line[..at]));
        }
        at += word.len() + 1;
    }
    found
}

/// The prompt in front of a command: without what stands in front of the command itself, and without blanks that keep a line
/// out of the history.
fn prompt_before(text: &str) -> Vec<String> {
    let mut text = text;
    while let Some((rest, word)) = text.trim_end().rsplit_once(' ') {
        let of_command =
            word == "command" || word == "exec" || (word.contains('=') && !word.starts_with('='));
        if !of_command {
            break;
        }
        text = &text[..rest.len() + 1];
    }
    if text.trim().is_empty() {
        return Vec::new();
    }
    let shorter = text.strip_suffix(' ').filter(|rest| rest.ends_with(' '));
    [Some(text), shorter].into_iter().flatten().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(text: &str, alternate: bool) -> Known {
        let lines: Vec<Vec<u8>> = text.lines().map(|line| line.as_bytes().to_vec()).collect();
        Known::of(&lines, &["less".into(), "/usr/bin/less".into()], alternate)
    }

    #[test]
    fn the_line_on_which_a_program_was_started_tells_the_prompt() {
        let is =
            |text: &str, before: &str| known(text, false).is_prompt(Shell::Bash, Told::Nothing, before, 80);
        for line in [
            "$ less x",
            "$ /usr/bin/less x",
            "$  less x",
            "$ command less -R x",
            "$ LESS=R less x",
            "$  /opt/bin/evermux resume 0123456789abcdef",
            "$ 'less' x",
            "$ less",
        ] {
            assert!(is(line, "$ "), "{line}");
            assert!(is(&format!("a\n\u{1b}[1m{line}\u{1b}[0m\n\nhelp\n"), "$ "), "{line}");
            for other in ["", " ", "$", "$ l", "$ less ", "Name: ", "# ", "a$ "] {
                assert!(!is(line, other), "{line}: {other:?}");
            }
        }
        assert!(is("[12:59:03] me@host:~/x (130)$ less x", "[7:01:44] me@host:~/x (1)$ "));
        assert!(!is("me@host:~/x$ less x", "me@host:~/y$ "));
        assert!(!is("$ lesser x", "$ "));
        assert!(!is("", "$ "));
        assert!(!is("less is more", ""));
    }

    #[test]
    fn under_the_alternate_screen_the_last_line_begins_with_the_prompt() {
        let is = |before: &str, alternate| {
            known("$ l\nx\n$ l x\n\n", alternate).is_prompt(Shell::Bash, Told::Nothing, before, 80)
        };
        assert!(is("$ ", true));
        assert!(!is("$ ", false));
        assert!(!is("$", true), "it ends with a blank");
        assert!(!is("Name: ", true));
    }

    #[test]
    fn where_no_rc_file_can_be_read_any_more_a_sign_will_do() {
        let nothing = Known::default();
        for shell in [Shell::Zsh, Shell::Fish, Shell::Plain] {
            for prompt in ["$ ", "% ", "> ", "❯ ", "➜  x git:(main) ✗ "] {
                assert!(nothing.is_prompt(shell, Told::Nothing, prompt, 80), "{prompt}");
            }
            for other in ["$ ls ", "$ l", "$", "", "  ", "--- Type one of the keys in parentheses ---"] {
                assert!(!nothing.is_prompt(shell, Told::Nothing, other, 80), "{other}");
            }
        }
        for shell in [Shell::Bash, Shell::Korn, Shell::Csh, Shell::Nu, Shell::Other] {
            assert!(!nothing.is_prompt(shell, Told::Nothing, "$ ", 80), "{shell:?}");
        }
    }

    #[test]
    fn what_the_shell_tells_decides() {
        let nothing = Known::default();
        let is = |told, before| nothing.is_prompt(Shell::Bash, told, before, 80);
        assert!(is(Told::Prompt, "$ ") && is(Told::Prompt, "❯ ") && !is(Told::Nothing, "$ "));
        assert!(!is(Told::Prompt, "$ ls "), "somebody has typed something");
        let known = known("$ less x", false);
        assert!(known.is_prompt(Shell::Bash, Told::Nothing, "$ ", 80));
        assert!(!known.is_prompt(Shell::Bash, Told::Busy, "$ ", 80));
        assert!(!known.is_prompt(Shell::Zsh, Told::Busy, "$ ", 80));
    }

    #[test]
    fn of_a_long_prompt_the_last_row_counts() {
        let known = known("me@host:~/a/long/way$ less x", false);
        assert!(known.is_prompt(Shell::Bash, Told::Nothing, "me@host:~/a/long/way$ ", 80));
        assert!(known.is_prompt(Shell::Bash, Told::Nothing, "y$ ", 19));
        assert!(!known.is_prompt(Shell::Bash, Told::Nothing, "y$ ", 80));
    }
}
