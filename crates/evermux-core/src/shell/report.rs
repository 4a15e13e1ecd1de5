//! What the script in a pane has written: items that end with a NUL, each with a letter in front.
//!
//! | item | tells |
//! | --- | --- |
//! | `sPID SHELL TIME` | the shell began; always the first |
//! | `cTIME LINE` | a command begins, as it was typed; no line: not to be known. bash: `cTIME NEWEST  NUMBER  LINE` |
//! | `eTIME STATUS` | a prompt comes; the status of what ran last |
//! | `pPATH` | the directory, and the directory stack and what is before it anew: |
//! | `oPATH`, `dPATH` | `OLDPWD`; one more directory of the stack |
//! | `vNAME=VALUE` | a variable; empty: not set |
//!
//! TIME: seconds since the epoch with a fraction, 0 where the shell cannot tell without a fork. What is not understood is
//! passed over: a torn item costs itself and the next one.

use bstr::{BString, ByteSlice};

use super::VARIABLES;
use crate::model::{EnvironmentEntry, ShellState};
use crate::secrets;

/// The longest path or value that is believed, in bytes.
const LONGEST: usize = 4096;

/// The longest line that is believed, in bytes.
const LONGEST_LINE: usize = 65_536;

/// The deepest stack of directories.
const DEEPEST: usize = 64;

/// How far the clock by which processes start may be behind the time of day, in milliseconds: the kernel tells the second in
/// which the machine started.
const CLOCK: i64 = 1_100;

/// A command that was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// When it began: milliseconds since the epoch; 0 if that is not told.
    pub began: i64,
    /// When the next prompt came; none if it has not, 0 if it is not told when.
    pub ended: Option<i64>,
    /// Its line; none if it is not to be known.
    pub line: Option<BString>,
}

/// What the shell of a pane has told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Its process.
    pub pid: u32,
    /// Which shell it is: `bash`, `zsh`, `fish`, `nu`. Another one may have taken its place since, by `exec`.
    pub shell: BString,
    /// What it holds; none if it has not told all of it.
    pub state: Option<ShellState>,
    /// The status of what ran last.
    pub status: Option<i32>,
    /// Whether it has come to a prompt and nothing was run since.
    pub at_prompt: bool,
    /// The commands, the newest last.
    pub commands: Vec<Typed>,
}

impl Report {
    /// Reads what was written; none if it does not begin as it should, or not with a shell that is the process `pid`, which
    /// began at `started` (milliseconds since the epoch).
    pub fn parse(bytes: &[u8], pid: u32, started: i64) -> Option<Self> {
        // What follows the last NUL is still being written.
        let (whole, _) = bytes.rsplit_once_str("\0")?;
        let mut items = whole.split_str("\0");
        let mut first = items.next()?.strip_prefix(b"s")?.split_str(" ");
        let told: u32 = first.next()?.to_str().ok()?.parse().ok()?;
        let shell = BString::from(first.next()?);
        let began = first.next().map_or(0, time);
        // One of an earlier process of that number.
        if told != pid || (began > 0 && began + CLOCK < started) {
            return None;
        }
        let bash = shell == "bash";
        let mut reading =
            Reading { report: Self { pid, shell, ..Self::default() }, bash, ..Reading::default() };
        items.for_each(|item| reading.item(item));
        Some(reading.finish())
    }

    /// The line on which a program was started that began then (milliseconds since the epoch); none if that is not sure, or
    /// not to be known.
    pub fn line_of(&self, started: i64) -> Option<&BString> {
        let began_in = |typed: &&Typed| {
            let after = typed.began == 0 || typed.began - CLOCK <= started;
            let before = typed.ended.is_none_or(|ended| ended > 0 && started <= ended);
            // A job that goes on was started on an earlier line.
            let goes_on = typed.line.as_ref().is_some_and(goes_on);
            after && before && !goes_on
        };
        let typed = self.commands.iter().rev().find(began_in)?;
        typed.line.as_ref()
    }
}

/// Whether a line lets a job go on that was started before.
fn goes_on(line: &BString) -> bool {
    let word = line.fields().next().unwrap_or_default();
    matches!(word, b"fg" | b"bg" | b"%") || word.starts_with(b"%")
}

#[derive(Default)]
struct Reading {
    report: Report,
    bash: bool,
    places: Option<ShellState>,
    variables: Option<[Option<BString>; VARIABLES.len()]>,
}

impl Reading {
    fn item(&mut self, item: &[u8]) {
        let Some((&letter, rest)) = item.split_first() else { return };
        match letter {
            b'c' => self.command(rest),
            b'e' => self.prompt(rest),
            b'p' => self.places = Some(ShellState::default()),
            b'o' => {
                if let (Some(places), Some(path)) = (&mut self.places, path(rest)) {
                    places.previous = Some(path);
                }
            }
            b'd' => {
                if let (Some(places), Some(path)) = (&mut self.places, path(rest))
                    && places.directories.len() < DEEPEST
                {
                    places.directories.push(path);
                }
            }
            b'v' => self.variable(rest),
            _ => {}
        }
    }

    fn command(&mut self, rest: &[u8]) {
        let (began, line) = rest.split_once_str(" ").unwrap_or((rest, b""));
        let is_first = self.report.commands.is_empty();
        let line = if self.bash { in_history(line, is_first) } else { Some(line) };
        self.report.at_prompt = false;
        self.report.commands.push(Typed { began: time(began), ended: None, line: line.and_then(kept) });
    }

    fn prompt(&mut self, rest: &[u8]) {
        let (at, status) = rest.split_once_str(" ").unwrap_or((rest, b""));
        self.report.at_prompt = true;
        self.report.status = status.to_str().ok().and_then(|status| status.parse().ok());
        if let Some(last) = self.report.commands.last_mut() {
            last.ended.get_or_insert(time(at));
        }
    }

    fn variable(&mut self, rest: &[u8]) {
        let Some((name, value)) = rest.split_once_str("=") else { return };
        let Some(at) = VARIABLES.iter().position(|known| known.as_bytes() == name) else { return };
        let good = !value.is_empty()
            && value.len() <= LONGEST
            && !value.iter().any(u8::is_ascii_control)
            && !secrets::mask_value(name.as_bstr(), value.as_bstr()).1;
        self.variables.get_or_insert_default()[at] = good.then(|| value.into());
    }

    fn finish(self) -> Report {
        let Self { mut report, places, variables, .. } = self;
        report.state = places.zip(variables).map(|(places, variables)| {
            let entry = |(name, value): (&str, Option<BString>)| {
                value.map(|value| EnvironmentEntry { name: name.into(), value: Some(value) })
            };
            let variables = VARIABLES.into_iter().zip(variables).filter_map(entry).collect();
            ShellState { variables, ..places }
        });
        report
    }
}

/// The line of what bash's `history 1` says, if that is a newer one than `NEWEST`: `NEWEST  NUMBER  LINE`.
fn in_history(told: &[u8], is_first: bool) -> Option<&[u8]> {
    let (newest, listed) = told.split_once_str(" ")?;
    let number = |digits: &[u8]| digits.to_str().ok()?.parse::<u64>().ok();
    let listed = listed.trim_start();
    let digits = listed.iter().take_while(|byte| byte.is_ascii_digit()).count();
    // Kept out, the line before it is the last one.
    let (this, newest) = (number(&listed[..digits])?, number(newest)?);
    // An empty history gives its first line the number that it tells for the newest one.
    let is_new = this == newest.checked_add(1)? || (is_first && this == 1 && newest == 1);
    // Behind the number a mark or a blank, and a blank.
    let line = listed.get(digits + 2..).filter(|_| is_new)?;
    Some(line.strip_suffix(b"\n").unwrap_or(line))
}

/// A line that may be kept: not hidden by a blank in front, without secrets.
fn kept(line: &[u8]) -> Option<BString> {
    let hidden = line.first().is_none_or(u8::is_ascii_whitespace);
    let good = !hidden && line.len() <= LONGEST_LINE && !secrets::mask_line(line.as_bstr()).1;
    good.then(|| line.into())
}

fn path(bytes: &[u8]) -> Option<BString> {
    (bytes.starts_with(b"/") && bytes.len() <= LONGEST).then(|| bytes.into())
}

/// Milliseconds of `SECONDS.FRACTION`; a locale may have a comma there. 0 if it is none.
fn time(bytes: &[u8]) -> i64 {
    let read = || {
        let mut parts = bytes.to_str().ok()?.splitn(2, ['.', ',']);
        let seconds: i64 = parts.next()?.parse().ok()?;
        let fraction = parts.next().unwrap_or_default();
        let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
        seconds.checked_mul(1000)?.checked_add(digits.parse().ok()?)
    };
    read().filter(|time| *time >= 0).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn report(items: &[&str]) -> Option<Report> {
        let text: String = items.iter().map(|item| format!("{item}\0")).collect();
        Report::parse(text.as_bytes(), 7, 10_000)
    }

    fn lines(report: &Report) -> Vec<Option<String>> {
        report.commands.iter().map(|typed| typed.line.as_ref().map(ToString::to_string)).collect()
    }

    #[test]
    fn what_a_shell_tells() {
        let items = [
            "s7 zsh 10.5",
            "e10.6 0",
            "p/home/u",
            "o/old",
            "vVIRTUAL_ENV=/v",
            "vAWS_PROFILE=",
            "c11.25 less a\nb",
            "e12,5 130",
            "p/usr",
            "d/home/u",
            "d/tmp",
            "c13 top",
        ];
        let report = report(&items).unwrap();
        let state = report.state.clone().unwrap();
        assert_eq!(state.previous, None, "the new places tell all");
        assert_eq!(state.directories, ["/home/u", "/tmp"]);
        let variable = EnvironmentEntry { name: "VIRTUAL_ENV".into(), value: Some("/v".into()) };
        assert_eq!(state.variables, [variable]);
        assert_eq!((report.status, report.at_prompt), (Some(130), false));
        assert_eq!(
            report.commands[0],
            Typed { began: 11_250, ended: Some(12_500), line: Some("less a\nb".into()) }
        );
        assert_eq!(report.line_of(13_010), Some(&"top".into()));
        assert_eq!(report.line_of(12_900), Some(&"top".into()), "that clock can be behind");
        assert_eq!(report.line_of(11_300), Some(&"less a\nb".into()));
    }

    #[test]
    fn a_job_that_goes_on_has_its_own_line() {
        let report = report(&["s7 zsh 10", "c20 vim x", "e30 148", "c40 fg", "e50 148", "c60 %1"]).unwrap();
        assert_eq!(report.line_of(20_010), Some(&"vim x".into()));
        assert_eq!(report.line_of(55_000), None);
    }

    #[test]
    fn bash_tells_lines_with_their_numbers() {
        let items =
            ["s7 bash 10", "c1 4     5  less x\n", "c2 5     5  less x\n", "c3 5     6*  a\nb\n", "c4 6 "];
        let report = report(&items).unwrap();
        let line = |text: &str| Some(text.to_owned());
        // Kept out of the history; hidden by the blank; none at all.
        assert_eq!(lines(&report), [line("less x"), None, None, None]);
        let empty = self::report(&["s7 bash 10", "c1 1     1  less x\n", "c2 1     1  less x\n"]).unwrap();
        assert_eq!(lines(&empty), [line("less x"), None]);
        let changed = self::report(&["s7 bash 10", "c3 5     6* a\nb\n"]).unwrap();
        assert_eq!(lines(&changed), [line("a\nb")]);
    }

    #[test]
    fn secrets_and_strange_things_are_left_out() {
        let items = [
            "s7 zsh 10",
            "c1 curl --password hunter2",
            "c2  hidden",
            "c3 ",
            "p/x",
            "orelative",
            "d",
            "drelative",
            "vPATH=/evil",
            "vKUBECONFIG=a\nb",
            "vLD_PRELOAD=/x",
            "vAWS_PROFILE=prod",
            "x",
            "",
        ];
        let report = report(&items).unwrap();
        assert_eq!(lines(&report), [None, None, None]);
        let state = report.state.unwrap();
        assert_eq!((state.previous, state.directories.len()), (None, 0));
        assert_eq!(state.variables.len(), 1);
    }

    #[test]
    fn what_another_process_has_written_is_none() {
        assert!(report(&["s8 zsh 10"]).is_none());
        assert!(report(&["s7 zsh 1"]).is_none(), "before this process began");
        assert!(report(&["e1 0", "s7 zsh 10"]).is_none());
        assert!(report(&["s7 fish 0", "e0 0"]).unwrap().at_prompt);
        assert!(Report::parse(b"", 7, 0).is_none() && Report::parse(b"s7 zsh 10", 7, 0).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let whole = [&b"s7 bash 0\0"[..], &bytes, b"\0"].concat();
            prop_assert!(Report::parse(&whole, 7, 0).is_some());
        }
    }
}
