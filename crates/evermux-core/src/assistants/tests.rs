//! Which processes are an assistant, and which conversations fit by their times.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::near::{Times, judge, milliseconds};
use super::*;
use crate::model::Confidence;
use crate::procs::{Process, ProcessTable};

/// Processes on one terminal, in the foreground: id, parent, words.
fn table(processes: &[(u32, u32, &[&str])]) -> ProcessTable {
    let process = |&(pid, parent, argv): &(u32, u32, &[&str])| {
        let mut process = Process::made_up(pid, parent, argv, "/src");
        (process.terminal, process.group, process.foreground) = (Some(7), 10, Some(10));
        process
    };
    ProcessTable::from_processes(processes.iter().map(process).collect())
}

fn find(processes: &[(u32, u32, &[&str])]) -> Option<Instance> {
    let table = table(processes);
    Instance::find(&Handlers::shipped(), &table, &table.job(10)?)
}

fn pids(instance: &Instance) -> Vec<u32> {
    instance.members.iter().map(|member| member.pid).collect()
}

#[test]
fn a_launcher_and_its_native_part_are_one() {
    let native = "/p/vendor/bin/codex";
    let found =
        find(&[(10, 1, &["node", "/p/bin/codex", "-m", "x"]), (11, 10, &[native, "-m", "x"])]).unwrap();
    assert_eq!((found.tool.as_str(), pids(&found)), ("codex", vec![11, 10]));
    assert_eq!(found.arguments, ["-m", "x"]);
    // One that starts itself again, below a wrapper.
    let found = find(&[
        (10, 1, &["npm", "exec", "gemini"]),
        (11, 10, &["sh", "-c", "gemini"]),
        (12, 11, &["node", "/p/gemini"]),
        (13, 12, &["/usr/bin/node", "--max-old-space-size=12052", "/p/gemini"]),
    ])
    .unwrap();
    assert_eq!((found.tool.as_str(), pids(&found)), ("gemini", vec![13, 12]));
}

#[test]
fn what_an_assistant_starts_is_not_the_assistant() {
    let found = find(&[
        (10, 1, &["claude"]),
        (11, 10, &["node", "/p/bin/codex", "exec", "x"]),
        (12, 10, &["claude", "mcp", "serve"]),
        (13, 10, &["codex"]),
    ])
    .unwrap();
    assert_eq!((found.tool.as_str(), pids(&found)), ("claude", vec![10]));
    assert_eq!(find(&[(10, 1, &["codex", "app-server", "--listen", "x"])]), None);
    assert_eq!(find(&[(10, 1, &["vim", "/src/codex"])]), None);
}

#[test]
fn whom_the_order_of_ids_deceives_not() {
    // Ids began again from below: the child has the lower one.
    let mut processes = vec![(10, 1, &["node", "/p/copilot"][..]), (3, 10, &["/p/x64/copilot"][..])];
    let found = find(&processes).unwrap();
    processes.reverse();
    assert_eq!(find(&processes), Some(found.clone()));
    assert_eq!(found.tool, "copilot");
}

#[test]
fn only_what_was_written_since_counts() {
    let judge =
        |created, updated, alone| judge(&Times { created, updated }, 1_000_000, alone, Confidence::Strong);
    assert_eq!(judge(Some(500_000), Some(900_000), true), None);
    assert_eq!(judge(None, None, true), None);
    assert_eq!(judge(Some(1_001_500), None, false), Some((Confidence::Strong, 1500)));
    assert_eq!(judge(Some(999_000), None, false), Some((Confidence::Strong, 1000)), "clocks differ a little");
    let (sure, _) = judge(Some(500_000), Some(1_500_000), true).unwrap();
    assert_eq!(sure, Confidence::Guess, "it existed before");
    // Alone, the one written last; together, each the one that began with it.
    let distance = |created, alone| judge(Some(created), None, alone).unwrap().1;
    assert!(distance(1_900_000, true) < distance(1_001_500, true));
    assert!(distance(1_900_000, false) > distance(1_001_500, false));
}

#[test]
fn times_as_programs_write_them() {
    assert_eq!(milliseconds("2026-11-30T02:16:32.5Z"), Some(1_796_004_992_500));
    assert_eq!(milliseconds("1796004992"), Some(1_796_004_992_000));
    assert_eq!(milliseconds("1796004992500"), Some(1_796_004_992_500));
    assert_eq!(milliseconds("soon"), None);
}

#[test]
fn a_slow_disk_holds_nobody_up() {
    let assistants = Arc::new(Assistants::new(Box::new(Handlers::shipped), PathBuf::from("/nonexistent"), 1));
    assert!(assistants.ask(Vec::new(), Duration::from_secs(60)).finish().is_empty());
    // One that hangs is not waited for, and nothing else is asked meanwhile.
    assistants.busy.store(true, Ordering::Release);
    let question = Question {
        instance: find(&[(10, 1, &["claude"])]).unwrap(),
        option: None,
        title: "".into(),
        screen: Vec::new(),
        variables: Vec::new(),
        alone: true,
    };
    let begun = Instant::now();
    let answers = assistants.ask(vec![question], Duration::from_secs(60)).finish();
    assert_eq!(answers.len(), 1);
    assert!(answers[0].candidates.is_empty());
    assert!(begun.elapsed() < Duration::from_secs(1));
}
