//! The log is bounded, whole lines stay whole, reports are kept and counted.

use std::io::Write;

use super::*;

#[test]
fn logs_are_bounded_and_read_back() {
    let ground = Ground::new();
    let logs = Logs::open(&ground.place).unwrap();
    assert_eq!(logs.lines(10).unwrap(), Vec::<bstr::BString>::new());
    let (mut one, mut two) = (logs.writer(), logs.writer());
    // Two processes' writers in turn, each line 1 kB: more than twice what is kept.
    for number in 0..12_000 {
        let writer = if number % 2 == 0 { &mut one } else { &mut two };
        writer.write_all(format!("{number:01023}\n").as_bytes()).unwrap();
    }
    let size = |name: &str| fs::metadata(logs_folder(&ground).join(name)).unwrap().len();
    let files = fs::read_dir(logs_folder(&ground)).unwrap().count();
    assert_eq!(files, 5);
    for name in ["evermux.log.1", "evermux.log.4"] {
        assert!(((1 << 20)..(1 << 20) + 2_048).contains(&size(name)));
    }
    let lines = logs.lines(3_000).unwrap();
    let numbers: Vec<u32> =
        lines.iter().map(|line| std::str::from_utf8(line).unwrap().parse().unwrap()).collect();
    assert!(numbers.iter().copied().eq(9_000..12_000));
    // What somebody removes is made again.
    fs::remove_file(logs_folder(&ground).join("evermux.log")).unwrap();
    one.write_all(b"again\n").unwrap();
    assert_eq!(logs.lines(1).unwrap(), ["again"]);
}

fn logs_folder(ground: &Ground) -> PathBuf {
    ground.place.folder().join("log")
}

#[test]
fn reports_are_kept_and_counted() {
    let ground = Ground::new();
    let logs = Logs::open(&ground.place).unwrap();
    for number in 0..60_u8 {
        logs.write_report(RestoreId([number; 16]), second(1_000 + i64::from(number)), "was well\n").unwrap();
    }
    fs::write(logs_folder(&ground).join("restore-other.txt"), "not ours to remove").unwrap();
    let reports = logs.reports().unwrap();
    assert_eq!(reports.len(), 50);
    assert_eq!((reports[0].id, reports[0].at), (RestoreId([59; 16]), second(1_059)));
    assert_eq!(logs.read_report(&reports[49]).unwrap(), "was well\n");
    assert!(logs_folder(&ground).join("restore-other.txt").exists());
    // The same restore goes on: its report is replaced.
    logs.write_report(RestoreId([59; 16]), second(1_059), "was resumed\n").unwrap();
    assert_eq!(logs.read_report(&logs.reports().unwrap()[0]).unwrap(), "was resumed\n");
}
