//! `evermux doctor`: whether everything is as it should be, and what to do where it is not.

use serde_json::json;

use crate::context::{Context, Global};
use crate::doctor::{Finding, Level, gather, judge};
use crate::error::{CliError, Exit};
use crate::output::{self, FAINT, GOOD, NOTICE, Outcome, PROBLEM, outside};

/// Look whether everything is as it should be
///
/// tmux, its config file, other programs that save, the keeper, services, what was saved, the disk; each with what to do.
/// Takes a few seconds at most, whatever hangs. Exit status: 0 all is well, 3 there are warnings or problems.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only what is not as it should be
    #[arg(short, long)]
    quiet: bool,
}

/// Looks, and tells. Settings that cannot be used are a finding, too.
pub fn run(global: &Global, args: &Args) -> Exit {
    let findings = match Context::new(global) {
        Ok(context) => {
            let unknown = context.unknown_settings.iter().map(|setting| {
                Finding::of(
                    Level::Warning,
                    "settings",
                    setting.clone(),
                    "Is it spelled rightly? See docs/cli.md.",
                )
            });
            unknown.chain(judge::judge(&gather::gather(&context))).collect()
        }
        Err(error) => vec![settings(&error)],
    };
    output::show(Ok(outcome(&findings, args.quiet)), global.json)
}

fn settings(error: &CliError) -> Finding {
    let todo = error.hints.first().cloned().unwrap_or_default();
    Finding::of(Level::Problem, "settings", error.in_one_line().replace('\n', " "), todo)
}

fn outcome(findings: &[Finding], quiet: bool) -> Outcome {
    let worst = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok);
    let shown = findings.iter().filter(|finding| !quiet || finding.level > Level::Ok);
    let text: String = shown.map(lines).collect();
    let number = |level: Level| findings.iter().filter(|finding| finding.level == level).count();
    let summary = match (number(Level::Problem), number(Level::Warning)) {
        (0, 0) => "All is well\n".to_owned(),
        (problems, warnings) => {
            let count = |number: usize, noun: &str| super::describe::count(number, noun);
            format!("{}, {}\n", count(problems, "problem"), count(warnings, "warning"))
        }
    };
    let json = json!({ "worst": worst, "findings": findings });
    let exit = if worst >= Level::Warning { Exit::Problems } else { Exit::Done };
    Outcome { exit, ..Outcome::new(text + &summary, &json) }
}

fn lines(finding: &Finding) -> String {
    let style = match finding.level {
        Level::Ok => GOOD,
        Level::Note => FAINT,
        Level::Warning => NOTICE,
        Level::Problem => PROBLEM,
    };
    let (level, check, what) = (finding.level.word(), finding.check, outside(&finding.what));
    let todo = finding.todo.as_ref().map(|todo| format!("{:18}{FAINT}→ {}{FAINT:#}\n", "", outside(todo)));
    format!("{style}{level:<7}{style:#}  {check:<8} {what}\n{}", todo.unwrap_or_default())
}
