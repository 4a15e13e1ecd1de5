//! `evermux attach` in real terminals: every way into a session, and what is in the way of it.

mod story;

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use evermux_testkit::{Client, Env, Obstacle, Process, Server, Tmux, describe, differences, wait_until};
use story::{Story, on_every_tmux};

/// What law 8 promises.
const USABLE: Duration = Duration::from_secs(5);

/// A user with terminals; nothing runs yet.
struct User {
    story: Story,
}

impl User {
    fn of(tmux: &Tmux, config: &str) -> Self {
        Self { story: Story::of(Server::builder(tmux).config(config).absent()) }
    }

    /// The same with these sessions saved.
    #[track_caller]
    fn with_saved(tmux: &Tmux, sessions: &[&str]) -> Self {
        let user = Self::of(tmux, "");
        for name in sessions {
            user.server().run(&["new-session", "-d", "-s", name]);
        }
        user.server().settle();
        user.save_and_end();
        user
    }

    fn server(&self) -> &Server {
        &self.story.server
    }

    fn env(&self) -> &Env {
        &self.story.env
    }

    /// Opens a terminal that runs `evermux WORDS`, with these variables set.
    #[track_caller]
    fn terminal_with(&self, variables: &[(&str, &str)], words: &[&str]) -> Client {
        let state = self.env().state().display().to_string();
        let config = self.server().sandbox().path("config.toml").display().to_string();
        let mut all =
            vec!["env".to_owned(), format!("EVERMUX_DIR={state}"), format!("EVERMUX_CONFIG={config}")];
        all.extend(variables.iter().map(|(name, value)| match *value {
            "" => format!("-u{name}"),
            value => format!("{name}={value}"),
        }));
        // "-u" comes before any assignment.
        all[1..].sort_by_key(|word| !word.starts_with("-u"));
        all.extend([env!("CARGO_BIN_EXE_evermux"), "-L", self.server().name()].map(str::to_owned));
        all.extend(words.iter().map(|&word| word.to_owned()));
        Client::run_program(self.server(), &all, 80, 24)
    }

    #[track_caller]
    fn terminal(&self, words: &[&str]) -> Client {
        self.terminal_with(&[], words)
    }

    #[track_caller]
    fn wait(&self, what: &str, condition: impl Fn(&Server) -> bool) {
        self.server().wait_until(what, condition);
    }

    /// What there is, as "NAME CLIENTS", sorted.
    fn sessions(&self) -> Vec<String> {
        let format = "#{session_name} #{session_attached}";
        let output = self.server().tmux(&["list-sessions", "-F", format]);
        let mut sessions: Vec<String> = output.text().lines().map(str::to_owned).collect();
        sessions.sort();
        sessions
    }

    #[track_caller]
    fn wait_for_sessions(&self, expected: &[&str]) {
        let found = || self.sessions();
        let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            self.wait("the sessions are there", |_| found() == expected);
        }));
        let log = self.env().run(&["log"]);
        assert!(
            waited.is_ok(),
            "tmux {}: {:?}, not {expected:?}\n{log}",
            self.server().binary().version,
            found()
        );
    }

    /// Waits until tmux has shown a message to its only client; it goes away too soon to be seen for sure.
    #[track_caller]
    fn wait_for_message(&self, text: &str) {
        self.wait(text, |server| {
            let clients = server.lines(&["list-clients", "-F", "#{client_name}"]);
            clients.iter().any(|client| server.tmux(&["show-messages", "-t", client]).text().contains(text))
        });
    }

    /// The folder of this machine's store.
    #[track_caller]
    fn machine(&self) -> PathBuf {
        let mut machines = std::fs::read_dir(self.env().state()).expect("something was saved");
        machines.next().expect("there is one").expect("it can be read").path()
    }

    /// The lock of this name that belongs to the only server.
    #[track_caller]
    fn lock(&self, name: &str) -> PathBuf {
        let files = std::fs::read_dir(self.machine()).expect("something was saved");
        let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
        let found = names.filter_map(|file| file.strip_suffix(".save.lock").map(str::to_owned)).next();
        self.machine().join(format!("{}.{name}.lock", found.expect("it was saved")))
    }

    /// Saves, and ends the machine.
    #[track_caller]
    fn save_and_end(&self) {
        self.story.run(&["save"]);
        self.server().kill_all();
    }
}

#[test]
fn a_session_that_lives_is_shown_and_one_that_begins_so_is_not() {
    on_every_tmux(|tmux| {
        let user = User::of(tmux, "");
        user.server().run(&["new-session", "-d", "-s", "work-2"]);
        user.server().run(&["new-session", "-d", "-s", "work"]);
        let _terminal = user.terminal(&["attach", "work"]);
        user.wait_for_sessions(&["work 1", "work-2 0"]);
        let _other = user.terminal(&["attach", "wor"]);
        user.wait_for_sessions(&["wor 1", "work 1", "work-2 0"]);
        // The terminal's process is tmux itself: no child of ours is left below it.
        user.wait("the server is kept", |_| user.env().run(&["status"]).status == Some(0));
    });
}

#[test]
fn a_new_session_runs_the_command_where_the_terminal_is() {
    on_every_tmux(|tmux| {
        let user = User::of(tmux, "");
        let terminal = user.terminal(&["attach", "a b", "--", "echo begun; exec cat"]);
        terminal.wait_for("begun");
        assert_eq!(user.sessions(), ["a b 1"]);
        assert_eq!(user.server().run(&["show-options", "-t", "=a b:"]), "", "nothing is left on it");
        let _second = user.terminal(&["attach", "words", "--", "sh", "-c", "echo '#{pid} 5%'; exec cat"]);
        user.wait_for_sessions(&["a b 1", "words 1"]);
        user.wait("the command runs", |server| server.screen("=words:").contains("#{pid} 5%"));
    });
}

#[test]
fn what_was_saved_comes_back_alone_and_exactly() {
    on_every_tmux(|tmux| {
        let user = User::of(tmux, "");
        let server = user.server();
        server.run(&["new-session", "-d", "-s", "kitty", "-x", "80", "-y", "23"]);
        server.run(&["split-window", "-h", "-t", "=kitty:"]);
        server.run(&["new-window", "-d", "-t", "=kitty:5", "-n", "five"]);
        server.settle();
        server.type_line("=kitty:0.0", "echo so-it-was");
        server.settle();
        let before = describe(server);
        server.run(&["new-session", "-d", "-s", "alacritty"]);
        server.settle();
        user.save_and_end();

        let terminal = user.terminal(&["attach", "kitty"]);
        terminal.wait_for("so-it-was");
        user.wait_for_sessions(&["kitty 1"]);
        server.settle();
        terminal.keys(&["C-b", "d"]);
        assert_eq!(terminal.wait_for_end(), 0);
        let found = differences(&before, &describe(server));
        let log = user.env().run(&["log", "--restore", "1"]);
        assert!(found.is_empty(), "tmux {}: {found}\n{log}", tmux.version);
        user.wait("the restore has ended", |_| user.env().run(&["log"]).text().contains("done"));

        // The other terminal gets its own, and takes nothing from the first.
        let _other = user.terminal(&["attach", "alacritty"]);
        let _first = user.terminal(&["attach", "kitty"]);
        user.wait_for_sessions(&["alacritty 1", "kitty 1"]);
    });
}

#[test]
fn nobody_elses_terminal_is_taken() {
    on_every_tmux(|tmux| {
        let user = User::with_saved(tmux, &["kitty"]);
        // Somebody opens a terminal with a plain tmux, which nobody has used yet.
        let _plain = Client::run(user.server(), &["new-session"], 80, 24);
        user.wait_for_sessions(&["0 1"]);
        user.server().settle();
        let _terminal = user.terminal(&["attach", "kitty"]);
        user.wait_for_sessions(&["0 1", "kitty 1"]);
    });
}

#[test]
fn everything_comes_back_by_config_and_a_closed_session_never() {
    on_every_tmux(|tmux| {
        let user = User::of(tmux, "");
        user.env().write_config("[attach]\nrestore = \"all\"\n");
        for name in ["a", "b", "closed"] {
            user.server().run(&["new-session", "-d", "-s", name]);
        }
        user.server().settle();
        user.story.run(&["save"]);
        user.server().run(&["kill-session", "-t", "=closed"]);
        user.save_and_end();
        let _terminal = user.terminal(&["attach", "b"]);
        user.wait_for_sessions(&["a 0", "b 1"]);
        let _closed = user.terminal(&["attach", "closed", "--", "echo anew; exec cat"]);
        user.wait_for_sessions(&["a 0", "b 1", "closed 1"]);
        user.wait("it is a new one", |server| server.screen("=closed:").contains("anew"));
    });
}

#[test]
fn without_a_name_it_is_the_session_used_last() {
    on_every_tmux(|tmux| {
        let user = User::of(tmux, "");
        for name in ["a", "b", "c"] {
            user.server().run(&["new-session", "-d", "-s", name]);
        }
        let client = user.server().attach("b", 80, 24);
        user.server().settle();
        // In another second than that in which the others were made.
        let activity = || user.server().display("=b:", "#{session_activity}");
        let made = user.server().display("=c:", "#{session_created}");
        user.wait("time passes", |_| {
            client.keys(&["Space"]);
            activity() > made
        });
        user.story.run(&["save"]);
        let _live = user.terminal(&["attach"]);
        user.wait_for_sessions(&["a 0", "b 2", "c 0"]);
        user.server().kill_all();
        drop(client);
        let _terminal = user.terminal(&["attach"]);
        user.wait_for_sessions(&["b 1"]);
    });
}

#[test]
fn ten_terminals_at_once_share_a_session_or_have_their_own() {
    on_every_tmux(|tmux| {
        for saved in [false, true] {
            let user = if saved { User::with_saved(tmux, &["main"]) } else { User::of(tmux, "") };
            let terminals: Vec<Client> = (0..10).map(|_| user.terminal(&["attach", "main"])).collect();
            user.wait_for_sessions(&["main 10"]);
            drop(terminals);
        }
        let names: Vec<String> = (0..10).map(|number| format!("t{number}")).collect();
        let user = User::with_saved(tmux, &names.iter().map(String::as_str).collect::<Vec<_>>());
        let _terminals: Vec<Client> = names.iter().map(|name| user.terminal(&["attach", name])).collect();
        let expected: Vec<String> = names.iter().map(|name| format!("{name} 1")).collect();
        user.wait_for_sessions(&expected.iter().map(String::as_str).collect::<Vec<_>>());
        let panes = user.server().lines(&["list-panes", "-a"]);
        assert_eq!(panes.len(), 10, "nothing came twice: {panes:?}");
    });
}

#[test]
fn inside_of_tmux_the_client_goes_there() {
    on_every_tmux(|tmux| {
        let user = User::with_saved(tmux, &["saved"]);
        user.server().run(&["new-session", "-d", "-s", "main"]);
        user.server().run(&["new-session", "-d", "-s", "live"]);
        let client = user.server().attach("main", 80, 24);
        user.server().settle();
        let state = user.env().state().display().to_string();
        let program = env!("CARGO_BIN_EXE_evermux");
        let attach =
            |words: &str| format!("EVERMUX_DIR={state} EVERMUX_CONFIG=/dev/null {program} {words}\r");
        client.type_text(&attach("attach live"));
        user.wait_for_sessions(&["live 1", "main 0"]);
        user.server().settle();
        client.type_text(&attach("attach saved"));
        user.wait_for_sessions(&["live 0", "main 0", "saved 1"]);
        user.server().settle();
        client.type_text(&attach("attach fresh"));
        user.wait_for_sessions(&["fresh 1", "live 0", "main 0", "saved 0"]);
        user.server().settle();
        // Another server is not nested into this one.
        client.type_text(&attach("-L another attach x; echo exit $?"));
        client.wait_for("exit 2");
        assert!(client.screen().contains("another tmux server"), "{}", client.screen());
    });
}

#[test]
fn a_terminal_opened_from_a_pane_is_none_of_that_pane() {
    on_every_tmux(|tmux| {
        let user = User::of(tmux, "");
        user.server().run(&["new-session", "-d", "-s", "main"]);
        let of_pane = user.server().display("=main:", "#{socket_path},#{pid},0");
        let pane = user.server().display("=main:", "#{pane_id}");
        let inherited = [("TMUX", of_pane.as_str()), ("TMUX_PANE", &pane), ("TERM", "xterm-256color")];
        let _terminal = user.terminal_with(&inherited, &["attach", "other"]);
        user.wait_for_sessions(&["main 0", "other 1"]);
        // One that has outlived its server.
        let gone = user.server().display("=main:", "#{socket_path},1,0");
        let _stale =
            user.terminal_with(&[("TMUX", gone.as_str()), ("TMUX_PANE", "%0")], &["attach", "third"]);
        user.wait_for_sessions(&["main 0", "other 1", "third 1"]);
    });
}

/// Opens a terminal and expects something usable in it in time.
#[track_caller]
fn in_time(user: &User, words: &[&str], usable: impl Fn(&Client) -> bool) -> Client {
    let begun = Instant::now();
    let terminal = user.terminal(words);
    wait_until("the terminal is usable", Duration::from_secs(20), || usable(&terminal));
    let took = begun.elapsed();
    assert!(took < USABLE, "tmux {}: it took {took:?}", user.server().binary().version);
    terminal
}

/// That a shell does what is typed.
#[track_caller]
fn obeys(terminal: &Client) {
    terminal.type_text("echo $((40+2))\r");
    terminal.wait_for("42");
}

#[test]
fn a_store_that_never_answers_is_in_nobodys_way() {
    on_every_tmux(|tmux| {
        let user = User::with_saved(tmux, &["work"]);
        // Somebody holds the locks for ever.
        let locks: Vec<File> = std::fs::read_dir(user.machine())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "lock"))
            .map(|path| File::open(path).unwrap())
            .collect();
        assert!(!locks.is_empty());
        for lock in &locks {
            lock.lock().unwrap();
        }
        let terminal = in_time(&user, &["attach", "main"], |_| user.sessions() == ["main 1"]);
        user.server().wait_for_prompts();
        obeys(&terminal);
        let _live = in_time(&user, &["attach", "main"], |_| user.sessions() == ["main 2"]);
    });
}

#[test]
fn a_disk_that_never_answers_is_in_nobodys_way() {
    on_every_tmux(|tmux| {
        let user = User::with_saved(tmux, &["work"]);
        let machine = user.machine();
        let Some(obstacle) = Obstacle::before(&machine.join("evermux.db")) else { return };
        let terminal = in_time(&user, &["attach", "work"], |_| user.sessions() == ["work 1"]);
        user.wait_for_message("what was saved does not come");
        drop(terminal);
        let hangs = || {
            let behind = |process: &Process| {
                let words = std::fs::read(format!("/proc/{}/cmdline", process.id())).unwrap_or_default();
                words.windows(8).any(|word| word == b"--behind")
            };
            user.server().sandbox().processes().iter().any(behind)
        };
        assert!(hangs(), "the one behind waits");
        drop(obstacle);
        user.wait("it goes on", |_| !hangs());
        assert_eq!(user.server().lines(&["list-panes", "-a"]).len(), 1, "what somebody uses stays as it is");
    });
}

#[test]
fn what_comes_too_late_keeps_its_name() {
    on_every_tmux(|tmux| {
        // Another restore takes long: its shells do not come to their prompts.
        for used in [false, true] {
            let user = User::with_saved(tmux, &["work"]);
            user.server().run(&["new-session", "-d", "-s", "other"]);
            let lock = user.server().sandbox().write(user.lock("restore"), "");
            std::fs::set_permissions(&lock, PermissionsExt::from_mode(0o600)).unwrap();
            let lock = File::open(lock).unwrap();
            lock.lock().unwrap();
            let terminal = in_time(&user, &["attach", "work"], |_| {
                user.sessions().len() == 2 && user.sessions()[0].ends_with(" 1")
            });
            assert_eq!(user.sessions()[1], "other 0");
            if used {
                user.wait("somebody types", |server| {
                    terminal.keys(&["Space"]);
                    let times =
                        server.lines(&["list-clients", "-F", "#{client_activity} #{session_created}"]);
                    let times: Vec<i64> =
                        times[0].split(' ').map(|time| time.parse().unwrap_or_default()).collect();
                    times[0] > times[1] + 1
                });
            }
            drop(lock);
            if used {
                user.wait("it is there", |_| user.sessions().contains(&"work 0".to_owned()));
                assert_eq!(user.sessions().len(), 3, "{:?}", user.sessions());
            } else {
                // Nobody has used what they have instead: they are led there.
                user.wait_for_sessions(&["other 0", "work 1"]);
            }
        }
    });
}

#[test]
fn the_terminals_process_is_tmux_and_has_no_children() {
    on_every_tmux(|tmux| {
        let user = User::of(tmux, "");
        let terminal = user.terminal(&["attach", "main"]);
        user.wait_for_sessions(&["main 1"]);
        let client = user.server().display("=main:", "#{client_pid}");
        user.wait("the server is kept", |_| user.env().run(&["status"]).status == Some(0));
        let program = std::fs::read_link(format!("/proc/{client}/exe"));
        let children = std::fs::read_to_string(format!("/proc/{client}/task/{client}/children"));
        if let (Ok(program), Ok(children)) = (program, children) {
            assert_eq!(program, tmux.path.canonicalize().unwrap());
            assert_eq!(children, "");
        }
        terminal.keys(&["C-b", "d"]);
        assert_eq!(terminal.wait_for_end(), 0);
    });
}

#[test]
fn names_with_punctuation_are_found_again() {
    on_every_tmux(|tmux| {
        let user = User::of(tmux, "");
        for _ in 0..2 {
            for name in ["a.b:c", "#{pid}", "semi;", "%1"] {
                let terminal = user.terminal(&["attach", name]);
                let count = user.sessions().len();
                user.wait("somebody is there", |_| user.sessions().iter().any(|line| line.ends_with(" 1")));
                terminal.keys(&["C-b", "d"]);
                user.wait("the client has ended", |_| terminal.ended());
                assert!(user.sessions().len() <= count.max(1) + 1);
            }
            assert_eq!(user.sessions().len(), 4, "{:?}", user.sessions());
        }
        assert!(user.sessions().contains(&"#{pid} 0".to_owned()), "{:?}", user.sessions());
    });
}

#[test]
fn a_state_folder_that_cannot_be_used_is_in_nobodys_way() {
    on_every_tmux(|tmux| {
        let user = User::of(tmux, "");
        // A file in the place of the folder.
        user.server().sandbox().write("state", "");
        let terminal = in_time(&user, &["attach", "main"], |_| user.sessions() == ["main 1"]);
        user.wait_for_message("nothing was restored");
        drop(terminal);
    });
}

#[test]
fn a_wrong_config_is_in_nobodys_way() {
    on_every_tmux(|tmux| {
        let user = User::of(tmux, "");
        user.env().write_config("this is no TOML");
        let _terminal = in_time(&user, &["attach", "main"], |_| user.sessions() == ["main 1"]);
    });
}

#[test]
fn a_server_that_hangs_leaves_a_shell() {
    on_every_tmux(|tmux| {
        let user = User::of(tmux, "");
        user.server().run(&["new-session", "-d", "-s", "main"]);
        let process = user.server().process().unwrap();
        process.signal(rustix::process::Signal::STOP);
        let terminal =
            in_time(&user, &["attach", "main"], |terminal| terminal.screen().contains("plain shell"));
        obeys(&terminal);
        assert!(terminal.screen().contains("did not answer"), "{}", terminal.screen());
        process.signal(rustix::process::Signal::CONT);
    });
}

#[test]
fn without_tmux_there_is_a_shell() {
    let tmux = evermux_testkit::tmux_binaries().pop().unwrap();
    let user = User::of(&tmux, "");
    // The folder of the sockets belongs to everybody.
    let folder = user.server().socket().parent().unwrap().to_owned();
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o777)).unwrap();
    let terminal = in_time(&user, &["attach", "main"], |terminal| terminal.screen().contains("plain shell"));
    obeys(&terminal);
}

#[test]
fn terminals_that_tmux_does_not_know_are_helped() {
    on_every_tmux(|tmux| {
        let user = User::of(tmux, "");
        let none = [("TERM", "xterm-of-the-future"), ("LANG", "")];
        let terminal = user.terminal_with(&none, &["attach", "main"]);
        user.wait_for_sessions(&["main 1"]);
        user.server().run(&["send-keys", "-t", "=main:", "printf 'gr\\303\\274n'", "Enter"]);
        terminal.wait_for("grün");
        let _without = user.terminal_with(&[("TERM", "")], &["attach", "second"]);
        user.wait_for_sessions(&["main 1", "second 1"]);
        let dumb = user.terminal_with(&[("TERM", "dumb")], &["attach", "third"]);
        dumb.wait_for("plain shell");
        assert_eq!(user.sessions(), ["main 1", "second 1"]);
    });
}

#[test]
fn without_a_terminal_it_says_so() {
    let tmux = evermux_testkit::tmux_binaries().pop().unwrap();
    let user = User::of(&tmux, "");
    let output = user.env().run(&["attach", "main"]);
    assert_eq!(output.status, Some(2), "{output}");
    assert!(output.errors().contains("ssh -t"), "{output}");
    assert!(!user.server().lives());
}

#[test]
fn a_command_over_ssh_needs_neither_path_nor_locale() {
    on_every_tmux(|tmux| {
        let user = User::of(tmux, "");
        let bare = [("PATH", "/nonexistent"), ("LANG", ""), ("HOME", "")];
        user.server().run(&["new-session", "-d", "-s", "work"]);
        let _terminal = user.terminal_with(&bare, &["attach", "work"]);
        user.wait_for_sessions(&["work 1"]);
        let saved = user.terminal_with(&bare, &["save"]);
        assert!(matches!(saved.wait_for_end(), 0 | 3), "{}", saved.screen());
    });
}

#[test]
fn sessions_that_tmux_closes_without_clients_are_made_by_a_client() {
    on_every_tmux(|tmux| {
        let user = User::of(tmux, "set -g destroy-unattached on\n");
        let _first = user.terminal(&["attach", "one"]);
        user.wait_for_sessions(&["one 1"]);
        let _second = user.terminal(&["attach", "two"]);
        user.wait_for_sessions(&["one 1", "two 1"]);
    });
}

#[test]
fn a_server_that_restores_at_its_start_is_waited_for() {
    on_every_tmux(|tmux| {
        let user = User::of(tmux, "");
        for name in ["kitty", "alacritty"] {
            user.server().run(&["new-session", "-d", "-s", name]);
            user.server().run(&["new-window", "-d", "-t", &format!("={name}:")]);
        }
        user.server().settle();
        user.save_and_end();
        let folders = format!(
            "set-environment -g EVERMUX_DIR {}\nset-environment -g EVERMUX_CONFIG /dev/null\n",
            user.env().state().display()
        );
        let line = user.env().ok(&["tmux-conf"]);
        user.server().sandbox().write("home/.tmux.conf", format!("{folders}{line}"));
        let _kitty = user.terminal(&["attach", "kitty"]);
        let _alacritty = user.terminal(&["attach", "alacritty"]);
        let _fresh = user.terminal(&["attach", "fresh"]);
        user.wait_for_sessions(&["alacritty 1", "fresh 1", "kitty 1"]);
        user.server().wait_for_prompts();
        let panes = user.server().lines(&["list-panes", "-a", "-F", "#{session_name}:#{window_index}"]);
        assert_eq!(panes.len(), 5, "tmux {}: {panes:?}", tmux.version);
    });
}

#[test]
fn a_decline_is_heard() {
    on_every_tmux(|tmux| {
        let user = User::of(tmux, "");
        user.server().run(&["new-session", "-d", "-s", "work"]);
        user.server().run(&["new-window", "-d", "-t", "=work:"]);
        user.server().settle();
        user.save_and_end();
        let _terminal = user.terminal_with(&[("EVERMUX_RESTORE", "0")], &["attach", "work"]);
        user.wait_for_sessions(&["work 1"]);
        assert_eq!(user.server().lines(&["list-windows", "-t", "=work"]).len(), 1);
    });
}
