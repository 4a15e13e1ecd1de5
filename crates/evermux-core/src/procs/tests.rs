//! Trees and jobs of made-up tables.

#[cfg(target_os = "linux")]
#[path = "live_tests.rs"]
mod live;

use super::*;

const TERMINAL: Option<u64> = Some(34817);

/// A process of a pane: its id, parent, group, and the group in the foreground.
fn process(pid: u32, parent: u32, group: u32, foreground: u32, name: &str) -> Process {
    let made_up = Process::made_up(pid, parent, &[name], "/");
    Process { group, terminal: TERMINAL, foreground: Some(foreground), ..made_up }
}

fn pids(processes: &[&Process]) -> Vec<u32> {
    processes.iter().map(|process| process.pid).collect()
}

#[test]
fn the_tree_is_depth_first_and_children_come_by_age() {
    let mut processes: Vec<Process> =
        [(10, 1), (20, 10), (30, 10), (21, 20), (31, 30), (22, 20), (40, 1), (5, 10)]
            .map(|(pid, parent)| Process::made_up(pid, parent, &["x"], "/"))
            .into();
    // 5 is the youngest: ids start again from below when they run out.
    processes[7].birth = 99;
    let table = ProcessTable::from_processes(processes);
    assert_eq!(pids(&table.below(10)), [10, 20, 21, 22, 30, 31, 5]);
    assert_eq!(pids(&table.below(31)), [31]);
    assert!(table.below(99).is_empty());
    assert_eq!(table.children(10).map(|process| process.pid).collect::<Vec<_>>(), [20, 30, 5]);
}

#[test]
fn a_circle_of_parents_ends() {
    let table = ProcessTable::from_processes(vec![
        Process::made_up(2, 3, &["x"], "/"),
        Process::made_up(3, 2, &["x"], "/"),
        Process::made_up(4, 4, &["x"], "/"),
    ]);
    assert_eq!(pids(&table.below(2)), [2, 3]);
    assert_eq!(pids(&table.below(4)), [4]);
}

#[test]
fn at_the_prompt_the_shell_is_its_own_job() {
    let table =
        ProcessTable::from_processes(vec![process(10, 1, 10, 10, "bash"), process(20, 10, 20, 10, "sleep")]);
    let job = table.job(10).unwrap();
    assert!(job.own);
    assert_eq!((pids(&job.all), pids(&job.members)), (vec![10], vec![10]));
    assert_eq!(job.first().unwrap().pid, 10);
}

#[test]
fn a_shell_that_only_waits_for_another_one_is_not_what_the_user_sees() {
    let line = |child: &'static str| {
        let own = Process::made_up(10, 1, &["sh", "-c", "bash"], "/");
        let own = Process { group: 10, terminal: TERMINAL, foreground: Some(20), ..own };
        vec![own, process(20, 10, 20, 20, child)]
    };
    let table = ProcessTable::from_processes(line("bash"));
    let job = table.job(10).unwrap();
    assert!(job.own && table.standing(10).unwrap().pid == 20);
    // A program that runs in it is not the pane's own.
    let mut busy = line("bash");
    busy.iter_mut().for_each(|process| process.foreground = Some(30));
    busy.push(process(30, 20, 30, 30, "vim"));
    let table = ProcessTable::from_processes(busy);
    assert!(!table.job(10).unwrap().own && table.job(10).unwrap().first().unwrap().pid == 30);
    // Only a shell stands for it, and only if it is alone.
    assert_eq!(ProcessTable::from_processes(line("vim")).standing(10).unwrap().pid, 10);
    let mut two = line("bash");
    two.push(process(21, 10, 10, 20, "cat"));
    assert_eq!(ProcessTable::from_processes(two).standing(10).unwrap().pid, 10);
}

#[test]
fn a_pipeline_has_several_members_and_what_they_start_is_not_among_them() {
    let table = ProcessTable::from_processes(vec![
        process(10, 1, 10, 20, "bash"),
        process(15, 10, 15, 20, "background"),
        process(20, 10, 20, 20, "git"),
        process(21, 10, 20, 20, "less"),
        process(22, 20, 20, 20, "ssh"),
    ]);
    let job = table.job(10).unwrap();
    assert!(!job.own);
    assert_eq!((pids(&job.all), pids(&job.members)), (vec![20, 21, 22], vec![20, 21]));
    assert_eq!(job.leader.unwrap().pid, 20);
}

#[test]
fn a_leader_that_ended_leaves_the_oldest_member() {
    let mut git = process(20, 10, 20, 20, "git");
    git.zombie = true;
    let table = ProcessTable::from_processes(vec![
        process(10, 1, 10, 20, "bash"),
        git,
        process(21, 10, 20, 20, "less"),
    ]);
    let job = table.job(10).unwrap();
    assert!(job.leader.is_none());
    assert_eq!(job.first().unwrap().pid, 21);
}

#[test]
fn a_shell_on_another_terminal_is_not_the_job() {
    // `script` has the pane's terminal; the shell inside it has one of its own, with a foreground group of its own.
    let inner = Process { terminal: Some(34818), session: 30, ..process(30, 20, 30, 30, "bash") };
    // The same group number on another terminal, as across pid namespaces.
    let stranger = Process { terminal: Some(34818), ..process(31, 30, 20, 30, "x") };
    let table = ProcessTable::from_processes(vec![
        process(10, 1, 10, 20, "bash"),
        process(20, 10, 20, 20, "script"),
        inner,
        stranger,
    ]);
    assert_eq!(pids(&table.job(10).unwrap().all), [20]);
    assert_eq!(pids(&table.below(10)), [10, 20, 30, 31]);
}

#[test]
fn without_a_terminal_there_is_no_job() {
    let table = ProcessTable::from_processes(vec![Process::made_up(10, 1, &["daemon"], "/")]);
    assert!(table.job(10).is_none());
    assert!(table.job(11).is_none());
}
