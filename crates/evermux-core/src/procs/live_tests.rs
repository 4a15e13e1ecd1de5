//! Against real processes.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use bstr::BString;

use super::super::*;

/// A process that waits until it is dropped, started with these arguments after its name.
struct Waiting(Child);

impl Waiting {
    /// `cat` reads its input, which stays open, and takes any arguments after `-` for files it never comes to.
    fn with_arguments(name: &str, arguments: &[BString]) -> Self {
        let mut command = Command::new("cat");
        command.arg0(name).arg("-").args(arguments.iter().map(|word| std::ffi::OsStr::from_bytes(word)));
        Self(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn arguments_are_exact_bytes() {
    let odd: Vec<BString> = [
        b"".as_slice(),
        b"two words",
        b"line\nbreak\r",
        b"'single' \"double\" `back` $HOME \\",
        b"\xff\xfe\x80 not UTF-8",
        "emoji 🦀 ünï".as_bytes(),
        b"\x1b[31m\x07",
        b"",
        &[b'x'; 100_000],
        b"",
    ]
    .map(BString::from)
    .to_vec();
    let waiting = Waiting::with_arguments("a name", &odd);
    let table = ProcessTable::read().unwrap();
    let process = table.get(waiting.pid()).unwrap();
    let mut expected: Vec<BString> = vec!["a name".into(), "-".into()];
    expected.extend(odd);
    assert_eq!(process.argv(), expected);
}

#[test]
fn a_process_knows_its_place_and_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join(std::ffi::OsStr::from_bytes(b"a\xffb (deleted)"));
    std::fs::create_dir(&odd).unwrap();
    let before = jiff::Timestamp::now().as_millisecond();
    let mut child = Command::new("sleep").arg("1000").current_dir(&odd).process_group(0).spawn().unwrap();
    let after = jiff::Timestamp::now().as_millisecond();
    let table = ProcessTable::read().unwrap();
    let process = table.get(child.id()).unwrap();
    let seen = (process.parent, process.group, process.zombie, process.name.clone());
    let directory = process.directory().cloned();
    let birth = process.birth;
    assert!(alive(child.id(), birth));
    assert!(!alive(child.id(), birth + 1));
    // The boot time is known to the second only.
    assert!((before - 1100..=after + 1100).contains(&process.started), "{before} {}", process.started);
    assert!(executable(child.id()).unwrap().ends_with(b"sleep"));

    std::fs::remove_dir(&odd).unwrap();
    let table = ProcessTable::read().unwrap();
    let removed = table.get(child.id()).unwrap().directory().cloned();

    child.kill().unwrap();
    wait_until(|| ProcessTable::read().unwrap().get(child.id()).is_some_and(|process| process.zombie));
    let table = ProcessTable::read().unwrap();
    let zombie = table.get(child.id()).unwrap();
    assert!(zombie.argv().is_empty() && zombie.directory().is_none() && zombie.executable().is_none());
    assert!(!alive(child.id(), birth));
    child.wait().unwrap();
    assert!(!alive(child.id(), birth));
    assert!(ProcessTable::read().unwrap().get(child.id()).is_none());

    let path = Some(BString::from(odd.into_os_string().into_encoded_bytes()));
    assert_eq!(seen, (std::process::id(), child.id(), false, "sleep".into()));
    assert_eq!(directory, path);
    assert_eq!(removed, path);
}

#[test]
fn what_was_read_ahead_is_there_when_the_process_is_gone() {
    let waiting = Waiting::with_arguments("read ahead", &[]);
    let pid = waiting.pid();
    let unread = ProcessTable::read().unwrap();
    let mut table = ProcessTable::read().unwrap();
    table.read_ahead(std::process::id());
    drop(waiting);
    let process = table.get(pid).unwrap();
    assert_eq!(process.argv(), ["read ahead", "-"]);
    assert!(process.directory().is_some() && process.executable().is_some());
    assert!(unread.get(pid).unwrap().argv().is_empty());
}

#[test]
fn details_of_a_process_that_is_gone_are_absent() {
    let pid = {
        let waiting = Waiting::with_arguments("cat", &[]);
        waiting.pid()
    };
    let process = Process::made_up(pid, 1, &[], "");
    let unread = Process { asked: Asked::default(), ..process };
    assert!(unread.argv().is_empty() && unread.directory().is_none() && unread.executable().is_none());
}

#[test]
fn the_table_holds_this_process_and_a_path_to_the_first() {
    let table = ProcessTable::read().unwrap();
    let mut process = table.get(std::process::id()).unwrap();
    let own: Vec<BString> =
        std::env::args_os().map(|word| BString::from(word.into_encoded_bytes())).collect();
    assert_eq!(process.argv(), own);
    for _ in 0..1000 {
        match table.get(process.parent) {
            Some(parent) => process = parent,
            None => break,
        }
    }
    assert!(table.get(process.parent).is_none());
}

/// A shell on a terminal of its own, as a pane has it.
struct Pane {
    shell: Child,
    keys: std::os::fd::OwnedFd,
    terminal: std::path::PathBuf,
}

impl Pane {
    fn start(shell: &[&str], environment: &[(&str, &Path)]) -> Self {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&keys).unwrap();
        unlockpt(&keys).unwrap();
        let name = ptsname(&keys, Vec::new()).unwrap();
        let terminal = std::path::PathBuf::from(name.to_str().unwrap());
        let open = || std::fs::File::options().read(true).write(true).open(&terminal).unwrap();
        // It becomes the leader of a session with this terminal, and then the shell.
        let mut command = Command::new("setsid");
        command.arg("--ctty").args(shell).stdin(open()).stdout(open()).stderr(open());
        command.env("PS1", "$ ").env("TERM", "xterm").env_remove("ENV").env_remove("BASH_ENV");
        command.envs(environment.iter().copied());
        let shell = command.spawn().unwrap();
        Self { shell, keys, terminal }
    }

    fn type_line(&self, line: &str) {
        rustix::io::write(&self.keys, format!("{line}\n").as_bytes()).unwrap();
    }

    fn evidence(&self) -> Option<Evidence> {
        let table = ProcessTable::read().unwrap();
        Evidence::read(&table.job(self.shell.id())?, TerminalState::read(&self.terminal).unwrap())
    }

    #[track_caller]
    fn wait_for_prompt(&self) {
        wait_until(|| self.evidence().is_some_and(line_editor_waits));
    }

    /// Names of the members of the foreground job.
    fn members(&self) -> Vec<String> {
        let table = ProcessTable::read().unwrap();
        let job = table.job(self.shell.id());
        job.iter().flat_map(|job| &job.members).map(|process| process.name.to_string()).collect()
    }
}

impl Drop for Pane {
    fn drop(&mut self) {
        // All of its session, also what has a group of its own.
        for process in ProcessTable::read().unwrap().below(self.shell.id()) {
            kill(process);
        }
        let _ = self.shell.wait();
    }
}

/// Whether this machine has the program; not every shell is everywhere.
fn is_installed(program: &str) -> bool {
    Command::new(program).args(["-c", "true"]).status().is_ok_and(|status| status.success())
}

#[test]
fn shells_at_their_prompt_and_their_jobs() {
    let folder = tempfile::tempdir().unwrap();
    // Without one zsh asks a new user what should be in it.
    std::fs::write(folder.path().join(".zshrc"), "").unwrap();
    let environment = [("ZDOTDIR", folder.path()), ("XDG_CONFIG_HOME", folder.path())];
    for shell in [
        &["bash", "--norc", "-i"][..],
        &["bash", "--norc", "--noediting", "-i"],
        &["dash", "-i"],
        &["zsh", "-i"],
        &["fish", "-i"],
    ] {
        if !is_installed(shell[0]) {
            continue;
        }
        let pane = Pane::start(shell, &environment);
        pane.wait_for_prompt();
        assert!(ProcessTable::read().unwrap().job(pane.shell.id()).unwrap().own);

        pane.type_line("sleep 1000 | cat");
        wait_until(|| pane.members() == ["sleep", "cat"]);
        assert!(pane.evidence().is_none());
        let table = ProcessTable::read().unwrap();
        table.job(pane.shell.id()).unwrap().all.iter().for_each(|process| kill(process));
        pane.wait_for_prompt();

        // A shell inside another terminal is not the pane's.
        pane.type_line("script -q -c 'sleep 1000' /dev/null");
        wait_until(|| pane.members() == ["script"]);
        wait_until(|| {
            let table = ProcessTable::read().unwrap();
            table.below(pane.shell.id()).iter().any(|process| process.name == "sleep")
        });
        assert_eq!(pane.members(), ["script"]);
    }
}

#[test]
fn a_shell_that_reads_a_line_in_its_rc_file_does_not_wait_for_commands() {
    let folder = tempfile::tempdir().unwrap();
    let rc = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        file
    };
    let env = rc("env", "read answer; unset ENV\n");
    rc(".zshrc", "vared -c answer\n");
    rc("fish/config.fish", "read answer\n");
    let folder = folder.path();
    for (shell, variable, path) in
        [("dash", "ENV", env.as_path()), ("zsh", "ZDOTDIR", folder), ("fish", "XDG_CONFIG_HOME", folder)]
    {
        if !is_installed(shell) {
            continue;
        }
        let pane = Pane::start(&[shell, "-i"], &[(variable, path)]);
        wait_until(|| {
            let Some(evidence) = pane.evidence() else { return false };
            assert!(!line_editor_waits(evidence), "{shell}: {evidence:?}");
            // dash reads without an editor, the others with theirs.
            evidence.reads_rc
                && (!evidence.terminal.canonical || (shell == "dash" && evidence.reading == Reading::Yes))
        });
        pane.type_line("answer");
        pane.wait_for_prompt();
    }
}

#[test]
fn a_program_that_asks_for_a_password() {
    let pane = Pane::start(&["dash", "-i"], &[]);
    pane.wait_for_prompt();
    assert!(!is_password_prompt(TerminalState::read(&pane.terminal).unwrap(), true));
    pane.type_line("sh -c 'stty -echo; read secret; stty echo'");
    wait_until(|| {
        let own = ProcessTable::read().unwrap().job(pane.shell.id()).is_some_and(|job| job.own);
        is_password_prompt(TerminalState::read(&pane.terminal).unwrap(), own)
    });
    pane.type_line("hidden");
    pane.wait_for_prompt();
}

#[test]
fn files_and_strangers_are_not_our_terminals() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(matches!(TerminalState::read(file.path()), Err(TerminalError::NotTerminal { .. })));
    assert!(TerminalState::read("/dev/null".as_ref()).is_err());
    assert!(matches!(TerminalState::read("/dev/pts/none".as_ref()), Err(TerminalError::Read { .. })));
}

fn kill(process: &Process) {
    if let Some(pid) = rustix::process::Pid::from_raw(process.pid.cast_signed()) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

#[track_caller]
fn wait_until(mut condition: impl FnMut() -> bool) {
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !condition() {
        assert!(std::time::Instant::now() < limit, "waited in vain");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
